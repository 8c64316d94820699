// The app's pages. A feature adds its line here, and, when the first segment of its address is new,
// a word to the list in src/serve/asset.c.
import type { Component } from 'svelte';
import { ahead } from './api/client';
import type { Role } from './api/people';

export type { Role };
export type Icon = 'home' | 'explore' | 'reports' | 'data' | 'sources' | 'people' | 'system' | 'account';

export interface Route {
  /** '/report/{id}': what stands in {id} is the page's property `id`. */
  path: string;
  title: string;
  load: () => Promise<{ default: Component<never> }>;
  /** Asks for what the page needs first, when the app begins with it: beside its files and the question who this is. */
  ahead?: (params: Record<string, string>, search: URLSearchParams) => void;
  /** In the navigation, in this order; none: found by links and the palette only. */
  icon?: Icon;
  /** A shortcut that goes there, such as 'g h'. */
  keys?: string;
  /** Who may open it; none: everybody. */
  roles?: readonly Role[];
  /** Opens without anybody being signed in, and without the frame around it. */
  bare?: boolean;
  /** work: the page fills the window, tight; read (default): it scrolls, generous. */
  density?: 'work' | 'read';
}

export const routes: readonly Route[] = [
  { path: '/', title: 'Home', icon: 'home', keys: 'g h', load: () => import('./features/home/Home.svelte') },
  { path: '/explore', title: 'Explore', icon: 'explore', keys: 'g e', roles: ['admin', 'editor'], density: 'work', load: () => import('./features/explore/Explore.svelte') },
  { path: '/explore/{report}/{query}', title: 'Explore', roles: ['admin', 'editor'], density: 'work', load: () => import('./features/explore/Explore.svelte') },
  { path: '/reports', title: 'Reports', icon: 'reports', keys: 'g r', load: () => import('./features/report/Reports.svelte') },
  { path: '/report/{id}', title: 'Report', load: () => import('./features/report/Report.svelte'), ahead: ({ id = '' }) => ahead('/api/reports/{id}', { path: { id } }) },
  { path: '/dashboard/{id}', title: 'Dashboard', load: () => import('./features/dashboard/Dashboard.svelte'), ahead: ({ id = '' }, search) => ahead('/api/reports/{id}', { path: { id }, query: { version: search.has('draft') ? 'draft' : 'published' } }) },
  { path: '/print/{id}', title: 'On paper', bare: true, load: () => import('./features/dashboard/Print.svelte') },
  { path: '/data', title: 'Data', icon: 'data', keys: 'g d', roles: ['admin', 'editor'], load: () => import('./features/data/Data.svelte') },
  { path: '/sources', title: 'Sources', icon: 'sources', keys: 'g o', roles: ['admin', 'editor'], load: () => import('./features/sources/Sources.svelte') },
  { path: '/sources/add/source', title: 'Add a source', roles: ['admin'], load: () => import('./features/sources/AddSource.svelte') },
  { path: '/sources/edit/{name}', title: 'Change a source', roles: ['admin'], load: () => import('./features/sources/AddSource.svelte') },
  { path: '/sources/{name}', title: 'Source', roles: ['admin', 'editor'], load: () => import('./features/sources/Source.svelte') },
  { path: '/snapshot/{id}', title: 'Kept run', load: () => import('./features/report/Snapshot.svelte') },
  { path: '/people', title: 'People', icon: 'people', keys: 'g p', roles: ['admin'], load: () => import('./features/people/People.svelte') },
  { path: '/people/groups/{id}', title: 'Group', roles: ['admin'], load: () => import('./features/people/GroupPage.svelte') },
  { path: '/system', title: 'System', icon: 'system', keys: 'g s', roles: ['admin'], load: () => import('./features/system/System.svelte') },
  { path: '/account', title: 'Your account', icon: 'account', keys: 'g a', load: () => import('./features/account/Account.svelte') },
  { path: '/login', title: 'Sign in', bare: true, load: () => import('./features/login/Login.svelte') },
  { path: '/setup', title: 'Set up', bare: true, load: () => import('./features/login/Setup.svelte') },
  { path: '/join', title: 'Welcome', bare: true, load: () => import('./features/login/Join.svelte') },
];

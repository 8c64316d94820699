// What mod+K finds. Features add sources of their own: provide(() => items).
import { call, send } from '../api/client';
import { people } from '../api/people';
import type { IconName } from '../components/Icon.svelte';
import { columnsOf } from '../core/catalog';
import { readRuns, recent } from '../core/runs';
import { ago, plural } from '../core/words';
import { routes } from '../routes';
import { go } from './router.svelte';
import { may, seeAs, signOut, who } from './session.svelte';
import { setTheme } from './theme.svelte';

export interface Item {
  kind: 'Page' | 'Action' | 'Table' | 'Column' | 'Report' | 'Dashboard' | 'View' | 'Query' | 'Person' | 'Source';
  label: string;
  note?: string;
  icon: IconName;
  run: () => void;
}
export type Source = (signal: AbortSignal) => Item[] | Promise<Item[]>;

const sources = new Set<Source>();

/** Adds a source; gives the function that takes it away. A source that fails finds nothing. */
export function provide(source: Source): () => void {
  sources.add(source);
  return () => sources.delete(source);
}

/** All items, source by source, as they come. */
export async function gather(signal: AbortSignal, found: (items: Item[]) => void): Promise<void> {
  await Promise.all(
    [...sources].map(async (source) => {
      try {
        const items = await source(signal);
        if (!signal.aborted) found(items);
      } catch {
        // The rest is still of use.
      }
    }),
  );
}

let open = $state(false);
export const palette = {
  get open(): boolean {
    return open;
  },
  show(): void {
    open = true;
  },
  hide(): void {
    open = false;
  },
};

const page = (path: string) => () => go(path);

provide(() =>
  routes
    .filter((route) => !route.bare && !route.path.includes('{') && may(route.roles))
    .map((route): Item => ({ kind: 'Page', label: route.title, icon: route.icon ?? 'right', run: page(route.path) })),
);

provide(() => {
  const items: Item[] = [
    { kind: 'Action', label: 'Use light colours', icon: 'sun', run: () => setTheme('light') },
    { kind: 'Action', label: 'Use dark colours', icon: 'sun', run: () => setTheme('dark') },
    { kind: 'Action', label: 'Use the system’s colours', icon: 'sun', run: () => setTheme('system') },
  ];
  if (who.person) items.push({ kind: 'Action', label: 'Sign out', icon: 'out', run: () => void signOut() });
  if (who.seeAs) items.push({ kind: 'Action', label: `Stop looking as ${who.seeAs}`, icon: 'eye', run: () => seeAs('') });
  return items;
});

provide(async (signal) => {
  if (!who.signedIn) return [];
  const { tables } = await call('get', '/api/schema', { signal });
  const editor = may(['admin', 'editor']);
  const open = (name: string) => (editor ? page(`/explore?table=${encodeURIComponent(name)}`) : page('/'));
  const items = tables.map((table): Item => {
    const name = `${table.schema}.${table.name}`;
    return { kind: 'Table', label: name, note: table.rows === null ? (table.view ? 'view' : 'a part of it') : plural(table.rows, 'row'), icon: 'table', run: open(name) };
  });
  // A column that many tables have is one line, which leads to the largest of them.
  for (const { name, tables: holders } of columnsOf(tables)) {
    const [largest, ...others] = holders;
    if (!largest) continue;
    items.push({ kind: 'Column', label: name, note: others.length ? `${largest} and ${plural(others.length, 'other table')}` : largest, icon: 'column', run: open(largest) });
  }
  return items;
});

provide(async (signal) => {
  if (!who.signedIn) return [];
  const { reports, views } = await call('get', '/api/documents', { signal });
  const items = reports.map((report): Item => {
    const { id, title, archived, collection, published_at: published } = report;
    return { kind: published ? 'Dashboard' : 'Report', label: title, note: archived ? 'archived' : collection, icon: 'reports', run: page(`/${published ? 'dashboard' : 'report'}/${encodeURIComponent(id)}`) };
  });
  if (may(['admin', 'editor'])) items.push(...views.map((view): Item => ({ kind: 'View', label: view.name, note: view.description || 'view', icon: 'table', run: page(`/explore?view=${encodeURIComponent(view.name)}`) })));
  return items;
});

provide(async (signal) => {
  if (!who.signedIn || !may(['admin', 'editor'])) return [];
  const { runs } = readRuns(await (await send('get', '/api/history?limit=100', { signal })).json());
  return recent(runs, 50).map(({ sql, line, at }): Item => ({ kind: 'Query', label: line, note: ago(at), icon: 'explore', run: page(`/explore?sql=${encodeURIComponent(sql)}`) }));
});

provide(async (signal) => {
  if (!who.signedIn || !may(['admin', 'editor'])) return [];
  const { sources } = await call('get', '/api/sources', { signal });
  return sources.map(({ name, kind, paused }): Item => ({ kind: 'Source', label: name, note: kind === 'tracking' ? 'events' : paused ? `${kind ?? ''}, paused` : (kind ?? 'its file has a mistake'), icon: 'sources', run: page(`/sources/${name}`) }));
});

provide(async (signal) => {
  if (who.role !== 'admin') return [];
  return (await people.list(signal)).map((person): Item => ({ kind: 'Person', label: person.name || person.email, note: person.email, icon: 'account', run: page(`/people?person=${encodeURIComponent(person.id)}`) }));
});

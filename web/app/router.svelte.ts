// Where the person is. Links are ordinary <a href>; this turns those within the app into moves.
import { match } from '../core/route';
import { type Route, routes } from '../routes';

let path = $state(location.pathname);
let search = $state(location.search);
interface Guard {
  unsaved: () => boolean;
  question: string;
}
const guards = new Set<Guard>();

export const here = {
  get path(): string {
    return path;
  },
  get search(): URLSearchParams {
    return new URLSearchParams(search);
  },
  get match(): { route: Route; params: Record<string, string> } | undefined {
    return match(routes, path);
  },
};

function read(): void {
  path = location.pathname;
  search = location.search;
}

/** Asks before the page is left with something unsaved; gives the function that takes the question back. */
export function guard(isUnsaved: () => boolean, question: string): () => void {
  const one = { unsaved: isUnsaved, question };
  guards.add(one);
  return () => guards.delete(one);
}

/** Would something be lost if the page went? */
export const unsaved = (): boolean => [...guards].some((one) => one.unsaved());
const mayGo = (): boolean => [...guards].every((one) => !one.unsaved() || confirm(one.question));

/** Back and forward have gone already when they are told. */
function popped(): void {
  if (location.pathname !== path && !mayGo()) history.pushState(null, '', path + search);
  else read();
}

export interface Move {
  /** In place of the current entry of the history. */
  replace?: boolean;
}

export function go(to: string, options: Move = {}): void {
  const url = new URL(to, location.href);
  if (url.pathname !== path && !mayGo()) return;
  history[options.replace ? 'replaceState' : 'pushState'](null, '', url);
  const moved = url.pathname !== path;
  read();
  if (moved) window.scrollTo(0, 0);
}

function clicked(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!(anchor instanceof HTMLAnchorElement) || anchor.target || anchor.hasAttribute('download')) return;
  const url = new URL(anchor.href);
  if (url.origin !== location.origin || !match(routes, url.pathname)) return;
  if (url.pathname === path && url.hash) return;
  event.preventDefault();
  go(anchor.href);
}

/** A page that a link is pointed at is fetched before the link is pressed. */
function pointed(event: Event): void {
  const anchor = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!(anchor instanceof HTMLAnchorElement) || anchor.origin !== location.origin) return;
  match(routes, anchor.pathname)?.route.load().catch(() => undefined);
}

export function startRouter(): void {
  for (const kind of ['pointerover', 'pointerdown', 'focusin']) document.addEventListener(kind, pointed, { passive: true });
  document.addEventListener('click', clicked);
  window.addEventListener('popstate', popped);
}

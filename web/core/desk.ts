// The open queries of one person: kept in the browser and as a draft at the server, so two browsers may
// hold different states of them. Data of unknown origin: what cannot be used is left out.
import { isData, textOf } from './data';
import type { ParameterValue, Values } from './report';
import { statements } from './sql';

/** Where a query was read from, and will be saved to. */
export type Origin =
  | { kind: 'query'; report: string; query: string; title: string; version: string; saved: string }
  | { kind: 'view' | 'snippet' | 'definition'; name: string; version: string; saved: string };

export interface Tab {
  id: string;
  /** Given by the person; '' is named by what it holds. */
  name: string;
  sql: string;
  values: Values;
  origin?: Origin | undefined;
  /** When it was last changed, in milliseconds. */
  edited: number;
}

export interface Desk {
  tabs: Tab[];
  /** The id of the one in front. */
  at: string;
  /** Closed ones, the latest last: another browser must not bring them back. */
  closed: string[];
}

const MOST_CLOSED = 200;

export function freshTab(more: Partial<Tab> = {}): Tab {
  return { id: crypto.getRandomValues(new Uint32Array(2)).join('-'), name: '', sql: '', values: {}, edited: 0, ...more };
}


function readOrigin(value: unknown): Origin | undefined {
  if (!isData(value)) return undefined;
  const rest = { version: textOf(value['version']), saved: textOf(value['saved']) };
  const { kind } = value;
  if (kind === 'query') return { kind, report: textOf(value['report']), query: textOf(value['query']), title: textOf(value['title']), ...rest };
  return kind === 'view' || kind === 'snippet' || kind === 'definition' ? { kind, name: textOf(value['name']), ...rest } : undefined;
}

function readValues(value: unknown): Values {
  if (!isData(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, ParameterValue] => {
      const [, one] = pair;
      if (Array.isArray(one)) return one.every((item) => typeof item === 'string');
      return isData(one) ? typeof one['start'] === 'string' && typeof one['end'] === 'string' : one !== null && ['string', 'number', 'boolean'].includes(typeof one);
    }),
  );
}

export function readDesk(value: unknown): Desk {
  if (!isData(value) || !Array.isArray(value['tabs'])) return { tabs: [], at: '', closed: [] };
  const seen = new Set<string>();
  const tabs = value['tabs'].flatMap((one: unknown): Tab[] => {
    if (!isData(one) || typeof one['sql'] !== 'string') return [];
    const id = textOf(one['id']) || freshTab().id;
    if (seen.has(id)) return [];
    seen.add(id);
    return [{ id, name: textOf(one['name']), sql: one['sql'], values: readValues(one['values']), origin: readOrigin(one['origin']), edited: typeof one['edited'] === 'number' ? one['edited'] : 0 }];
  });
  const closed = Array.isArray(value['closed']) ? value['closed'].filter((id): id is string => typeof id === 'string').slice(-MOST_CLOSED) : [];
  return { tabs, at: textOf(value['at']), closed };
}

/** One's own tabs in their order, each in its newer state, then what only the other has; what either
 * closed stays closed, unless it was written to here. */
export function mergeDesks(mine: Desk, theirs: Desk): Desk {
  const closed = [...new Set([...theirs.closed, ...mine.closed])].slice(-MOST_CLOSED);
  const others = new Map(theirs.tabs.map((tab) => [tab.id, tab]));
  const tabs = mine.tabs
    .filter((tab) => !theirs.closed.includes(tab.id))
    .map((tab) => {
      const other = others.get(tab.id);
      return other && other.edited > tab.edited ? other : tab;
    });
  const here = new Set(mine.tabs.map((tab) => tab.id));
  for (const tab of theirs.tabs) if (!here.has(tab.id) && !closed.includes(tab.id)) tabs.push(tab);
  // A tab that was never written to is not worth keeping beside others.
  const kept = tabs.filter((tab) => tab.sql.trim() || tab.name || tab.id === mine.at);
  return { tabs: kept, at: kept.some((tab) => tab.id === mine.at) ? mine.at : (kept[0]?.id ?? ''), closed };
}

/** Moves a tab by so many places; false when it stands at the end already. */
export function moveTab(tabs: Tab[], id: string, by: number): boolean {
  const from = tabs.findIndex((tab) => tab.id === id);
  const to = Math.max(0, Math.min(tabs.length - 1, from + by));
  if (from < 0 || from === to) return false;
  tabs.splice(to, 0, ...tabs.splice(from, 1));
  return true;
}

/** A name for a tab: its own, what it is saved as, its first comment, or what it reads. */
export function titleOf(tab: Pick<Tab, 'name' | 'sql' | 'origin'>, at: number): string {
  if (tab.name) return tab.name;
  if (tab.origin) return tab.origin.kind === 'query' ? tab.origin.title : tab.origin.name;
  const comment = /^\s*--\s*(.+)/.exec(tab.sql)?.[1]?.trim();
  if (comment) return comment.slice(0, 32);
  const table = /\b(?:from|join)\s+([\w."]+)/i.exec(statements(tab.sql)[0]?.sql ?? '')?.[1];
  return table ? table.replaceAll('"', '').replace(/^.*\./, '') : `Query ${at + 1}`;
}

/** It has words that are saved nowhere else. */
export function isChanged(tab: Tab): boolean {
  return tab.origin !== undefined && tab.sql !== tab.origin.saved;
}

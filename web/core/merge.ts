// Two people changed one report: what each changed goes together, and where both changed the same
// place, somebody chooses. The server merges in the same way (docs/design/workspace.md); this is for
// the choosing.
import { type Data, isData } from './data';
import { type Content, idOf, items } from './edit';

export interface Clash {
  /** "tiles/t1/title", "sql/subs" */
  path: string;
  mine: unknown;
  theirs: unknown;
}
export type Pick = 'mine' | 'theirs';

const nameOf = (value: unknown): string | undefined => {
  if (!isData(value)) return undefined;
  const name = value['id'] ?? value['name'];
  return typeof name === 'string' ? name : undefined;
};
const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isData(value)) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

/** The lines that both left, with each one's changes; undefined when the changes touch. */
export function mergeLines(base: string, mine: string, theirs: string): string | undefined {
  const [b, m, t] = [base.split('\n'), mine.split('\n'), theirs.split('\n')];
  const range = (to: string[]): { from: number; end: number; lines: string[] } => {
    let from = 0;
    while (from < b.length && from < to.length && b[from] === to[from]) from++;
    let tail = 0;
    while (tail < b.length - from && tail < to.length - from && b[b.length - 1 - tail] === to[to.length - 1 - tail]) tail++;
    return { from, end: b.length - tail, lines: to.slice(from, to.length - tail) };
  };
  const parts = [range(m), range(t)].sort((x, y) => x.from - y.from || x.end - y.end);
  const [first, second] = parts;
  if (!first || !second || first.end >= second.from) return undefined;
  return [...b.slice(0, first.from), ...first.lines, ...b.slice(first.end, second.from), ...second.lines, ...b.slice(second.end)].join('\n');
}

class Merger {
  readonly clashes: Clash[] = [];

  constructor(private readonly picks: ReadonlyMap<string, Pick>) {}

  any(path: string, base: unknown, mine: unknown, theirs: unknown): unknown {
    if (same(mine, theirs) || same(base, theirs)) return mine;
    if (same(base, mine)) return theirs;
    if (isData(mine) && isData(theirs)) return this.object(path, isData(base) ? base : {}, mine, theirs);
    if (Array.isArray(mine) && Array.isArray(theirs) && [...mine, ...theirs].every((one) => nameOf(one) !== undefined)) {
      return this.list(path, Array.isArray(base) ? base : [], mine, theirs);
    }
    if (typeof base === 'string' && typeof mine === 'string' && typeof theirs === 'string') {
      const lines = mergeLines(base, mine, theirs);
      if (lines !== undefined) return lines;
    }
    this.clashes.push({ path, mine, theirs });
    return this.picks.get(path) === 'theirs' ? theirs : mine;
  }

  object(path: string, base: Data, mine: Data, theirs: Data): Data {
    const keys = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
    const under = (key: string): string => (path ? `${path}/${key}` : key);
    return Object.fromEntries(keys.map((key) => [key, this.any(under(key), base[key], mine[key], theirs[key])]).filter(([, value]) => value !== undefined));
  }

  private list(path: string, base: unknown[], mine: unknown[], theirs: unknown[]): unknown[] {
    const by = (list: unknown[]): Map<string, unknown> => new Map(list.map((one) => [nameOf(one) ?? '', one]));
    const [b, m, t] = [by(base), by(mine), by(theirs)];
    return [...new Set([...m.keys(), ...t.keys()])].flatMap((name) => {
      const value = this.any(`${path}/${name}`, b.get(name), m.get(name), t.get(name));
      return value === undefined ? [] : [value];
    });
  }
}

/** All of both, and what clashes. A clash without a pick is as it is in mine. */
export function merge(base: Content, mine: Content, theirs: Content, picks: ReadonlyMap<string, Pick> = new Map()): { content: Content; clashes: Clash[] } {
  const merger = new Merger(picks);
  const report = merger.object('', base.report, mine.report, theirs.report);
  const queries = merger.object('sql', base.queries, mine.queries, theirs.queries) as Record<string, string>;
  return { content: { report, queries }, clashes: merger.clashes };
}

const words: Record<string, string> = { x: 'its place', y: 'its place', w: 'its size', h: 'its size', markdown: 'the text', chart: 'how it is drawn', query: 'its query', sql: 'the SQL', time_zone: 'the time zone', options: 'the choices', default: 'the default' };

/** A path for people: "Tile “Subscribers”: title". */
export function placeName(path: string, contents: readonly Content[]): string {
  const [kind = '', name = '', ...rest] = path.split('/');
  const titleOf = (key: 'tiles' | 'queries' | 'parameters'): string => {
    for (const content of contents) {
      const item = items(content, key).find((one) => (idOf(one) || one['name']) === name);
      const title = item?.['title'] ?? item?.['label'];
      if (typeof title === 'string') return title;
    }
    return name;
  };
  const last = rest.find((word) => words[word]) ?? rest[0];
  const part = last ? `: ${words[last] ?? last.replaceAll('_', ' ')}` : '';
  switch (kind) {
    case 'tiles':
      return `Tile “${titleOf('tiles')}”${part}`;
    case 'queries':
      return `Query “${titleOf('queries')}”${part}`;
    case 'parameters':
      return `Parameter “${titleOf('parameters')}”${part}`;
    case 'sql':
      return `Query “${titleOf('queries')}”: the SQL`;
    default:
      return `The report: ${words[kind] ?? kind}`;
  }
}

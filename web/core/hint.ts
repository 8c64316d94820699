// What to do about the engine's error: the word that it means, and what else could be meant.
import { type CatalogTable, quote } from './catalog';
import { pieces, tablesOf, wordAt } from './sql';

export interface Hint {
  /** What to underline. */
  from: number;
  to: number;
  /** What to do, in a sentence; '' when the message says it all. */
  words: string;
  /** What to put in its place, the best first. */
  instead: string[];
}

/** Letters to change, add, take out or swap to make one of the other. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : Infinity;
      next[j] = Math.min((last[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1), swap);
    }
    before = last;
    last = next;
  }
  return last[b.length] ?? 0;
}

/** The names nearest to a misspelt one, at most three. */
export function nearest(wrong: string, names: Iterable<string>): string[] {
  const word = wrong.toLowerCase();
  const most = Math.max(1, Math.floor(word.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, far: name.toLowerCase() === word ? Infinity : distance(word, name.toLowerCase()) }))
    .filter(({ far }) => far <= most)
    .sort((a, b) => a.far - b.far || a.name.localeCompare(b.name))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** The word with this name, at the place or behind it; else the first. */
function find(sql: string, name: string, place: number): { from: number; to: number } | undefined {
  const wanted = name.toLowerCase();
  const all = [...pieces(sql)].filter(({ kind, from, to }) => (kind === 'word' || kind === 'quoted') && sql.slice(from, to).replace(/^"|"$/g, '').toLowerCase() === wanted);
  return all.find(({ from }) => from >= place) ?? all[0];
}

const patterns: readonly [RegExp, 'table' | 'column' | 'function' | 'schema'][] = [
  [/\b(?:Table|View) with name ([^\s"]+|"[^"]+") does not exist/, 'table'],
  [/\btable ([^\s"]+|"[^"]+") does not exist/, 'table'],
  [/\bReferenced column "([^"]+)" not found/, 'column'],
  [/^column "([^"]+)" does not exist/, 'column'],
  [/\b[Tt]able "[^"]+" does not have a column named "([^"]+)"/, 'column'],
  [/\bReferenced table "([^"]+)" not found/, 'schema'],
  [/\bfunction "([^"]+)" is not allowed/, 'function'],
  [/\bFunction with name "?([\w]+)"? (?:does not exist|is not)/, 'function'],
];

const advice: readonly [RegExp, string][] = [
  [/must appear in the GROUP BY clause/, 'Add it to GROUP BY, write GROUP BY ALL, or take an aggregate of it, such as max(…).'],
  [/aggregates? .*WHERE clause|WHERE clause cannot contain aggregates/i, 'Conditions on aggregates stand in HAVING.'],
  [/window functions? .*WHERE|WHERE clause cannot contain window/i, 'Conditions on window functions stand in QUALIFY.'],
  [/Could not convert string|Conversion Error/i, 'TRY_CAST(… AS type) gives NULL where a value does not fit.'],
  [/No function matches the given name and argument types/, 'Cast the argument: x::double, x::varchar, x::timestamp.'],
  [/SELECT clause without selection list/i, 'Name columns between SELECT and FROM, or write SELECT *.'],
  [/Ambiguous reference to column/i, 'Put the table or its alias in front: alias.column.'],
];

export function hintFor(message: string, sql: string, place: number | undefined, tables: readonly CatalogTable[], functions: Iterable<string>): Hint | undefined {
  for (const [pattern, kind] of patterns) {
    const wrong = pattern.exec(message)?.[1]?.replaceAll('"', '').split('.').at(-1);
    if (!wrong) continue;
    const at = find(sql, wrong, place ?? 0) ?? (place === undefined ? undefined : wordAt(sql, place));
    if (!at) continue;
    const said = [...(/(?:Did you mean|Candidate bindings:|[Cc]andidates:)(.*)/s.exec(message)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1]?.split('.').at(-1) ?? '');
    const named = tablesOf(sql);
    const columns = tables.filter((t) => named.includes(`${t.schema}.${t.name}`.toLowerCase()) || named.includes(t.name.toLowerCase())).flatMap((t) => t.columns.map((c) => c.name));
    const known = { table: tables.map((t) => t.name), schema: tables.map((t) => t.schema), column: columns, function: [...functions] }[kind];
    const instead = nearest(wrong, [...said, ...known]);
    if (!instead.length && kind !== 'function') instead.push(...said.slice(0, 1));
    const schemas = kind === 'table' ? tables.filter((t) => t.name.toLowerCase() === wrong.toLowerCase()).map((t) => `${quote(t.schema)}.${quote(t.name)}`) : [];
    const names = schemas.length ? schemas.slice(0, 3) : instead.map((name) => (kind === 'function' ? name : quote(name)));
    return { from: at.from, to: at.to, instead: names, words: names.length ? `Did you mean ${names.join(', or ')}?` : '' };
  }
  const words = advice.find(([pattern]) => pattern.test(message))?.[1] ?? '';
  if (place === undefined) return undefined;
  return { ...wordAt(sql, place), words, instead: [] };
}

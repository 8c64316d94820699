// Templates as the editor sees them: which text goes to the server for one statement, and where a
// place in it stands in the editor. What a template means is the server's business (src/param).
import { type Parameter, type ParameterValue, type Values, readParameters } from './report';
import { type Statement, pieces, placeOfByte } from './sql';

/** A statement as it is sent: itself, then the forms of the text that stand outside of it. */
export interface Sent {
  sql: string;
  /** Pieces of `sql` and where each begins in the editor. */
  parts: { at: number; from: number; length: number }[];
}

export function sentOf(text: string, statement: Pick<Statement, 'from' | 'to'>): Sent {
  let sql = text.slice(statement.from, statement.to);
  const parts = [{ at: 0, from: statement.from, length: sql.length }];
  for (const { kind, from, to } of pieces(text)) {
    if (kind !== 'block' || (from >= statement.from && to <= statement.to) || !/^\{%\s*form\b/.test(text.slice(from, to))) continue;
    parts.push({ at: sql.length + 1, from, length: to - from });
    sql += `\n${text.slice(from, to)}`;
  }
  return { sql, parts };
}

/** The place in the editor of a byte of what was sent. */
export function placeOf({ sql, parts }: Sent, byte: number): number {
  const at = placeOfByte(sql, byte);
  const part = parts.find((one) => at >= one.at && at <= one.at + one.length) ?? parts[0];
  return part ? part.from + at - part.at : 0;
}

/** Has it anything that only the compiler can read? DuckDB's own brackets count: it knows which are which. */
export function isTemplate(sql: string): boolean {
  return /\{[{%]|\[/.test(sql);
}

const declared = (sql: string): string[] =>
  [...pieces(sql)].filter(({ kind }) => kind === 'block').flatMap(({ from, to }) => [...sql.slice(from, to).matchAll(/^([\p{L}_][\p{L}\p{N}_]*)\s*:/gmu)].map((match) => match[1]?.toLowerCase() ?? ''));

/** Always there, without a declaration. */
const builtIn = /^(?:daterange|aggregation)(?:_start|_end|_no_tz)?$/i;

/** Names in {{ … }}, {% if … %} and [column=…] that no form declares: the compiler knows them only when
 * it is given a value. */
export function namesOf(sql: string): string[] {
  const found = new Map<string, string>();
  const word = /'[^']*'|"[^"]*"|[\p{L}_][\p{L}\p{N}_]*(?:\.size)?/gu;
  const plain = [...pieces(sql)].reduceRight((text, { kind, from, to }) => (kind === 'block' || kind === 'comment' ? text.slice(0, from) + text.slice(to) : text), sql);
  const add = (name = ''): void => void found.set(name.toLowerCase(), found.get(name.toLowerCase()) ?? name);
  for (const match of plain.matchAll(/\{\{\s*([\p{L}_][\p{L}\p{N}_]*)/gu)) add(match[1]);
  for (const match of plain.matchAll(/\[[^[\]=]*[^[\]=!<>]=\s*([\p{L}_][\p{L}\p{N}_]*)\s*\]/gu)) add(match[1]);
  for (const match of plain.matchAll(/\{%\s*(?:if|elsif|unless)\s+([^%]*)%\}/gu)) {
    for (const [one] of (match[1] ?? '').matchAll(word)) if (!/^(?:['"]|(?:and|or|contains|true|false|nil|blank|empty)$)/.test(one)) add(one.replace(/\.size$/, ''));
  }
  const known = declared(sql);
  return [...found].filter(([key]) => !known.includes(key) && !builtIn.test(key)).map(([, name]) => name);
}

/** Nothing chosen, for each name that no form declares. */
export function unset(sql: string): Record<string, null> {
  return Object.fromEntries(namesOf(sql).map((name) => [name, null]));
}

/** The form that POST /api/compile tells. */
export function parametersOf(fields: readonly unknown[]): Parameter[] {
  return readParameters(fields).map((one) => {
    const { fallback } = one;
    const number = one.type === 'number' && typeof fallback === 'string' && fallback.trim() ? Number(fallback) : NaN;
    if (!Number.isNaN(number)) return { ...one, fallback: number };
    return one.type === 'boolean' && typeof fallback === 'string' ? { ...one, fallback: fallback === 'true' } : one;
  });
}

/** What a run sends: the choices for the fields that there are, else the report's defaults; a form's
 * own defaults are the compiler's business. */
export function valuesFor(parameters: readonly Parameter[], chosen: Values, sql: string): Record<string, ParameterValue | null> {
  const values: Record<string, ParameterValue | null> = unset(sql);
  for (const { name, fallback } of parameters) {
    const value = chosen[name] ?? (name in values ? fallback : undefined);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

/** Where a field's options come from, when its form names a query: SQL, a view, or a query of the report. */
export function optionSql(options: { query: string; value: string; label: string }, queries: Record<string, string>, documents: { views: readonly string[]; definitions: readonly string[] }): string | undefined {
  const { query } = options;
  if (!query) return undefined;
  if (/^\s*(?:select|with|from|values)\b/i.test(query)) return query;
  if (queries[query] !== undefined) return queries[query];
  if (documents.views.includes(query)) return `select * from [${query}]`;
  if (documents.definitions.includes(query)) return `select * from {{ @${query} }}`;
  return undefined;
}

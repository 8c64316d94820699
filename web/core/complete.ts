// What may stand at a place of a query: which kind of name, and which tables go together. The editor
// turns it into its list.
import { type CatalogTable, quote } from './catalog';
import { pieces, statementAt, tablesOf } from './sql';

/** tag: {% … %}. bracket: a view, a snippet or a filter of Periscope's. grain: behind "[column:". */
export type Wanted = 'parameter' | 'definition' | 'tag' | 'bracket' | 'filter' | 'grain' | 'table' | 'join' | 'member' | 'word';

export interface Context {
  wanted: Wanted;
  /** Where the name begins that is being typed. */
  from: number;
  /** member: the name before the dot. */
  of?: string;
}

/** undefined: nothing is completed here (in a text or a comment). */
export function contextAt(sql: string, place: number): Context | undefined {
  const word = /[\p{L}\p{N}_]*$/u.exec(sql.slice(0, place))?.[0] ?? '';
  const from = place - word.length;
  const before = sql.slice(Math.max(0, from - 400), from);
  if (/\{\{\s*@$/.test(before)) return { wanted: 'definition', from };
  if (/\{\{\s*$/.test(before)) return { wanted: 'parameter', from };
  if (/\{%\s*$/.test(before)) return { wanted: 'tag', from };
  const around = [...pieces(sql)].find((piece) => piece.from < place && piece.to >= place);
  if (around?.kind === 'comment' && (around.to > place || sql[place - 1] !== '\n')) return undefined;
  if (around && around.from < place && (around.to > place || around.to === sql.length) && (around.kind === 'text' || around.kind === 'block')) return undefined;
  if (/\[[^[\]\n]*[^[\]=!<>]=\s*$/.test(before)) return { wanted: 'filter', from };
  if (/\[[^[\]\n:]*[^[\]:]:$/.test(before)) return { wanted: 'grain', from };
  if (/\[$/.test(before) && !/[\p{L}\p{N}_)\]"']\[$/u.test(before)) return { wanted: 'bracket', from };
  const member = /([\p{L}_][\p{L}\p{N}_]*|"(?:[^"]|"")+")\.$/u.exec(before);
  if (member?.[1]) return { wanted: 'member', from, of: member[1].startsWith('"') ? member[1].slice(1, -1).replaceAll('""', '"') : member[1].toLowerCase() };
  if (/\bjoin\s+$/i.test(before)) return { wanted: 'join', from };
  if (/\bfrom\s+$/i.test(before) || /\bfrom\s+[\w."]+(?:\s+(?:as\s+)?\w+)?\s*,\s*$/i.test(before)) return { wanted: 'table', from };
  return { wanted: 'word', from };
}

export interface NamedTable<T extends CatalogTable> {
  table: T;
  /** What its columns are called by: the alias, else its name. */
  alias: string;
}

const notAlias = /^(?:where|on|using|join|left|right|full|inner|cross|asof|positional|anti|semi|natural|lateral|group|order|having|qualify|limit|offset|union|except|intersect|window|select|from|and|or|set|tablesample|as|pivot|unpivot)$/i;

/** The tables that the statement at a place reads, with their aliases. */
export function tablesAt<T extends CatalogTable>(sql: string, place: number, tables: readonly T[]): NamedTable<T>[] {
  const statement = statementAt(sql, place)?.sql ?? '';
  const named = new Set(tablesOf(statement));
  const found: NamedTable<T>[] = [];
  for (const table of tables) {
    const whole = `${table.schema}.${table.name}`;
    if (![whole, whole.toLowerCase(), table.name, table.name.toLowerCase()].some((name) => named.has(name))) continue;
    const escaped = (name: string): string => `"?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"?`;
    const use = new RegExp(`(?:from|join|,)\\s+(?:${escaped(table.schema)}\\s*\\.\\s*)?${escaped(table.name)}(?:\\s+(?:as\\s+)?([\\p{L}_][\\p{L}\\p{N}_]*))?`, 'giu');
    for (const [, alias] of statement.matchAll(use)) found.push({ table, alias: alias && !notAlias.test(alias) ? alias : table.name });
  }
  return found;
}

/** Ways to join another table to those that are read already, by ids that both have. */
export function joinsFor(read: readonly NamedTable<CatalogTable>[], tables: readonly CatalogTable[]): { table: string; on: string }[] {
  const joins: { table: string; on: string }[] = [];
  for (const table of tables) {
    const name = `${quote(table.schema)}.${quote(table.name)}`;
    const own = new Set(table.columns.map((column) => column.name));
    for (const { table: other, alias } of read) {
      if (other === table) continue;
      const shared = other.columns.map((column) => column.name).find((column) => /._id$/.test(column) && own.has(column) && !/^(?:message|context|anonymous)_/.test(column));
      const single = table.name.replace(/s$/, '');
      const key = own.has('id') && other.columns.some((column) => column.name === `${single}_id`) ? `${single}_id` : undefined;
      if (key) joins.push({ table: name, on: `on ${quote(table.name)}.id = ${quote(alias)}.${quote(key)}` });
      else if (shared) joins.push({ table: name, on: `using (${quote(shared)})` });
      if (key ?? shared) break;
    }
  }
  return joins;
}

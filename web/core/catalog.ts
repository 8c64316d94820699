// The tables of the warehouse, arranged for reading.
import { RESERVED } from './reserved';

export interface CatalogTable {
  schema: string;
  name: string;
  view: boolean;
  rows: number | null;
  columns: readonly { name: string }[];
}

export interface CatalogGroup<T extends CatalogTable> {
  schema: string;
  /** weir's own notes (what was set aside, how loading goes), not the company's data. */
  own: boolean;
  rows: number;
  tables: T[];
}

/** By schema, the largest table first; weir's own schema last. */
export function bySchema<T extends CatalogTable>(tables: readonly T[]): CatalogGroup<T>[] {
  const groups = new Map<string, CatalogGroup<T>>();
  for (const table of tables) {
    const group = groups.get(table.schema) ?? { schema: table.schema, own: table.schema === 'weir', rows: 0, tables: [] };
    group.tables.push(table);
    group.rows += table.rows ?? 0;
    groups.set(table.schema, group);
  }
  for (const group of groups.values()) group.tables.sort((a, b) => (b.rows ?? -1) - (a.rows ?? -1) || a.name.localeCompare(b.name));
  return [...groups.values()].sort((a, b) => Number(a.own) - Number(b.own) || a.schema.localeCompare(b.schema));
}

/** A name as SQL writes it: quoted only when it must be. */
export function quote(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Every column's name, with the tables that have it (schema.name), the largest first. */
export function columnsOf(tables: readonly CatalogTable[]): { name: string; tables: string[] }[] {
  const found = new Map<string, string[]>();
  for (const table of [...tables].sort((a, b) => (b.rows ?? -1) - (a.rows ?? -1))) {
    for (const column of table.columns) {
      const holders = found.get(column.name) ?? [];
      holders.push(`${table.schema}.${table.name}`);
      found.set(column.name, holders);
    }
  }
  return [...found].map(([name, holders]) => ({ name, tables: holders }));
}

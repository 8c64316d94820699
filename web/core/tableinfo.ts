// What GET /api/tables/{name} tells of a table, read with care: columns, their values, some rows.
import { dataOf, listOf } from './data';
import { type Column, type ColumnType, type Table, tableOf } from './table';

export interface ColumnInfo {
  name: string;
  type: string;
  nulls: number;
  distinct: number | null;
  min: string | null;
  max: string | null;
  top: { value: string | null; count: number }[];
}

export interface TableInfo {
  rows: number | null;
  /** Of so many rows the figures are. */
  seen: number | null;
  fresh: Date | undefined;
  columns: ColumnInfo[];
  sample: Table;
}

const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);
const text = (value: unknown): string | null => (value === null || value === undefined ? null : typeof value === 'object' ? JSON.stringify(value) : String(value));
const kinds: readonly ColumnType[] = ['bool', 'int', 'double', 'timestamp', 'date', 'text', 'json', 'other'];

export function readTableInfo(answer: unknown): TableInfo {
  const found = dataOf(answer);
  const fresh = new Date(text(found['fresh_at']) ?? NaN);
  const sample = dataOf(found['sample']);
  const columns = listOf(sample['columns']).map((one): Column => {
    const column = dataOf(one);
    const kind = kinds.find((each) => each === column['type']) ?? 'text';
    return { name: text(column['name']) ?? '', type: kind, engineType: text(column['engine_type'] ?? column['type']) ?? '' };
  });
  return {
    rows: number(found['rows']),
    seen: number(found['sampled']) ?? number(found['rows']),
    fresh: Number.isNaN(fresh.getTime()) ? undefined : fresh,
    columns: listOf(found['columns']).map((one) => {
      const column = dataOf(one);
      return {
        name: text(column['name']) ?? '', type: text(column['engine_type'] ?? column['type']) ?? '', nulls: number(column['nulls']) ?? 0, distinct: number(column['distinct']),
        min: text(column['min']), max: text(column['max']),
        top: listOf(column['top']).map((each) => ({ value: text(dataOf(each)['value']), count: number(dataOf(each)['count']) ?? 0 })),
      };
    }),
    sample: tableOf(columns, listOf(sample['rows']).map((row) => listOf(row).map((value) => (typeof value === 'number' || typeof value === 'boolean' ? value : text(value))))),
  };
}

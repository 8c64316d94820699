// A query's result: columns with types, and values by row and column. What the grid, the charts and
// the summaries read; where the values live (JSON rows, binary columns) is the implementation's.

export type ColumnType = 'bool' | 'int' | 'double' | 'timestamp' | 'date' | 'text' | 'json' | 'other';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** The engine's own word, such as DECIMAL(18,3). */
  readonly engineType: string;
}

/** Times are RFC 3339 text; numbers that a double would round are text, too. */
export type Value = string | number | boolean | null;

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: number;
  value(row: number, column: number): Value;
}

export function tableOf(columns: readonly Column[], rows: readonly (readonly Value[])[]): Table {
  return { columns, rows: rows.length, value: (row, column) => rows[row]?.[column] ?? null };
}

/** The column's place, by name without regard to case as in SQL; -1 when there is none. */
export function columnIndex(table: Table, name: string): number {
  const exact = table.columns.findIndex((c) => c.name === name);
  if (exact >= 0) return exact;
  const wanted = name.toLowerCase();
  return table.columns.findIndex((c) => c.name.toLowerCase() === wanted);
}

const numericEngineType = /^(DECIMAL|HUGEINT|UHUGEINT|UBIGINT)/;

/** Counts and measures: ints, doubles, and the engine's wide numbers, which come as text. */
export function isNumeric(column: Column): boolean {
  return column.type === 'int' || column.type === 'double' || numericEngineType.test(column.engineType);
}

export function isTime(column: Column): boolean {
  return column.type === 'timestamp' || column.type === 'date';
}

/** A number to draw; null for NULL, NaN, infinities and what is no number. */
export function numberOf(value: Value): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' && value.trim() !== '') {
    const number = Number(value);
    return Number.isFinite(number) ? number : null;
  }
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}

/** Milliseconds since the epoch; null for what is no time. A date is midnight, UTC. */
export function timeOf(value: Value): number | null {
  if (typeof value !== 'string') return null;
  const text = /^\d{4,}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** What a person reads for a value that is not formatted further. */
export function textOf(value: Value): string {
  return value === null ? '' : String(value);
}

// A pivot of a result by any number of columns: several become one column of joined texts, which the
// chart's pivot takes.
import { type Pivot, pivot } from './chart/pivot';
import { ShapeError } from './chart/shape';
import type { Aggregate, ChartSpec } from './chart/spec';
import { type Column, type Table, columnIndex, isNumeric, isTime, textOf } from './table';

export interface Wanted {
  rows: string[];
  columns: string[];
  measure: string;
  aggregate: Aggregate;
}

const JOINT = ' · ';
const text = (name: string): Column => ({ name, type: 'text', engineType: 'VARCHAR' });

/** A first guess: a name down, a name or time across, a number in the cells. */
export function firstPivot(table: Table): Wanted {
  const names = table.columns.filter((column) => !isNumeric(column));
  const time = names.find(isTime);
  const words = names.filter((column) => column !== time);
  const number = table.columns.findLast(isNumeric);
  const across = words.length > 1 ? words[1] : words.length ? time : undefined;
  const down = words[0] ?? time ?? table.columns[0];
  return { rows: down ? [down.name] : [], columns: across ? [across.name] : [], measure: number?.name ?? table.columns[0]?.name ?? '', aggregate: number ? 'sum' : 'count' };
}

/** The table with one column for these: itself for one, joined texts for several, the title for none. */
function joined(table: Table, names: readonly string[], none: string): { column: Column; value: Table['value'] } {
  const places = names.map((name) => columnIndex(table, name)).filter((at) => at >= 0);
  const [only] = places;
  const column = table.columns[only ?? -1];
  if (places.length === 1 && only !== undefined && column) return { column, value: (row) => table.value(row, only) };
  if (!places.length) return { column: text(none), value: () => none };
  return { column: text(names.join(JOINT)), value: (row) => places.map((at) => textOf(table.value(row, at)) || '–').join(JOINT) };
}

export interface Pivoted {
  table: Table;
  spec: ChartSpec;
}

/** What the chart draws. */
export function pivotOf(table: Table, wanted: Wanted): Pivoted {
  if (!wanted.rows.length) throw new ShapeError('Choose at least one column for the rows.');
  const at = columnIndex(table, wanted.measure);
  const measure = table.columns[at];
  if (!measure) throw new ShapeError('Choose a column to measure.');
  const rows = joined(table, wanted.rows, '');
  const columns = joined(table, wanted.columns, `${wanted.aggregate} of ${measure.name}`);
  // Names of their own: one column may stand in two places.
  const made: Column[] = [{ ...rows.column, name: `${rows.column.name} ` }, { ...columns.column, name: `${columns.column.name}  ` }, measure];
  const values = [rows.value, columns.value, (row: number) => table.value(row, at)];
  return {
    table: { columns: made, rows: table.rows, value: (row, column) => values[column]?.(row, column) ?? null },
    spec: { type: 'pivot', rows: [made[0]?.name ?? ''], columns: [made[1]?.name ?? ''], y: [{ column: measure.name, aggregate: wanted.aggregate }] },
  };
}

/** For spreadsheets, with its totals. */
export function pivotText({ table, spec }: Pivoted): string {
  const grid: Pivot = pivot(table, spec);
  const field = (one: string): string => (/[\t\n\r"]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one);
  const lines = grid.cells.map((cells, r) => [grid.rows[r] ?? '', ...cells.map((cell) => (cell === null ? '' : String(cell))), String(grid.rowTotals[r] ?? '')]);
  return [[grid.rowTitle.trim(), ...grid.columns, 'Total'], ...lines].map((line) => line.map(field).join('\t')).join('\n');
}

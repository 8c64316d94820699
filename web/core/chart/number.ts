// The big number: a value, what it was before, and the way there.
import type { Table } from '../table';
import { columnIndex, isTime, numberOf, timeOf } from '../table';
import { need, ShapeError } from './shape';
import type { ChartSpec } from './spec';

export interface BigNumber {
  value: number | null;
  previous: number | null;
  /** (value − previous) / |previous| */
  change: number | null;
  /** Is the change good, bad, or neither? */
  mood: 'good' | 'bad' | 'none';
  spark: (number | null)[];
}

/** Rows in time's order when there is a time, else as they come; the last row is the number. */
function ordered(table: Table, spec: ChartSpec): number[] {
  const rows = Array.from({ length: table.rows }, (_, i) => i);
  const x = spec.x ? columnIndex(table, spec.x.column) : table.columns.findIndex(isTime);
  if (x < 0) return rows;
  return rows.sort((a, b) => (timeOf(table.value(a, x)) ?? 0) - (timeOf(table.value(b, x)) ?? 0));
}

export function bigNumber(table: Table, spec: ChartSpec): BigNumber {
  const measure = spec.y[0];
  if (!measure) throw new ShapeError('Choose the column that holds the number.');
  const y = need(table, measure.column, 'the number');
  const rows = ordered(table, spec);
  const at = (row: number | undefined, column: number): number | null => (row === undefined ? null : numberOf(table.value(row, column)));
  const last = rows[rows.length - 1];
  const value = at(last, y);
  const previous = !spec.compare
    ? null
    : spec.compare.with === 'column'
      ? at(last, need(table, spec.compare.column, 'the comparison'))
      : at(rows[rows.length - 2], y);
  const change = value === null || previous === null || previous === 0 ? null : (value - previous) / Math.abs(previous);
  const up = (spec.compare?.good ?? 'up') === 'up';
  const mood = change === null || change === 0 ? 'none' : change > 0 === up ? 'good' : 'bad';
  return { value, previous, change, mood, spark: rows.map((row) => at(row, y)) };
}

// Two ways across: pivot tables, heatmaps, cohort grids.
import { grainOf, zoneOf } from '../calendar';
import type { NumberFormat } from '../format';
import { formatTime } from '../format';
import type { Table } from '../table';
import { isTime, numberOf, textOf, timeOf } from '../table';
import { NONE, need, ShapeError } from './shape';
import type { Aggregate, ChartSpec } from './spec';

export interface Pivot {
  rowTitle: string;
  columnTitle: string;
  rows: string[];
  columns: string[];
  /** The same for people: times as their grain asks. */
  rowLabels: string[];
  columnLabels: string[];
  /** By row, by column. */
  cells: (number | null)[][];
  rowTotals: number[];
  columnTotals: number[];
  total: number;
  format: NumberFormat;
}

const MOST_COLUMNS = 500;

/** Distinct values in order: times and numbers by size, all else as they come. */
function distinct(table: Table, column: number): { of: string[]; places: Map<string, number>; sorted: string[] } {
  const of: string[] = [];
  const seen = new Set<string>();
  for (let row = 0; row < table.rows; row++) {
    const text = textOf(table.value(row, column)) || NONE;
    of.push(text);
    seen.add(text);
  }
  const meta = table.columns[column];
  const sorted = [...seen];
  const size = (text: string): number => (meta && isTime(meta) ? timeOf(text) : numberOf(text)) ?? NaN;
  if (meta && meta.type !== 'text' && sorted.every((text) => text === NONE || !Number.isNaN(size(text)))) {
    sorted.sort((a, b) => (a === NONE ? 1 : b === NONE ? -1 : size(a) - size(b)));
  }
  return { of, places: new Map(sorted.map((text, i) => [text, i])), sorted };
}

/** Times as people read them, when all values of the column are on days or coarser. */
function labelsOf(table: Table, column: number, sorted: readonly string[]): string[] {
  const meta = table.columns[column];
  const times = meta && isTime(meta) ? sorted.map(timeOf) : [];
  const known = times.filter((time): time is number => time !== null);
  if (known.length === 0) return [...sorted];
  const zone = zoneOf(known, 'UTC');
  const grain = grainOf(known, zone) ?? 'day';
  const year = new Set(known.map((time) => new Date(time).getUTCFullYear())).size === 1;
  return sorted.map((text, i) => {
    const time = times[i] ?? null;
    return time === null ? text : formatTime(time, grain, zone, year && (grain === 'day' || grain === 'week'));
  });
}

function combine(into: number | null, value: number, how: Aggregate): number {
  if (how === 'count') return (into ?? 0) + 1;
  if (into === null) return value;
  if (how === 'min') return Math.min(into, value);
  if (how === 'max') return Math.max(into, value);
  return how === 'last' ? value : into + value;
}

/** rows × columns → the first measure. */
export function pivot(table: Table, spec: ChartSpec): Pivot {
  const rowColumn = need(table, spec.rows?.[0] ?? spec.x?.column, 'the rows');
  const columnColumn = need(table, spec.columns?.[0] ?? spec.series?.column, 'the columns');
  const measure = spec.y[0];
  if (!measure) throw new ShapeError('Choose a column to measure.');
  const value = need(table, measure.column, 'the cells');
  const rows = distinct(table, rowColumn);
  const columns = distinct(table, columnColumn);
  if (columns.sorted.length > MOST_COLUMNS) {
    throw new ShapeError(`"${table.columns[columnColumn]?.name}" has ${columns.sorted.length} values; at most ${MOST_COLUMNS} can be columns. Swap rows and columns, or group the values.`);
  }
  const how = measure.aggregate ?? 'sum';
  const cells = rows.sorted.map(() => new Array<number | null>(columns.sorted.length).fill(null));
  const counts = rows.sorted.map(() => new Array<number>(columns.sorted.length).fill(0));
  for (let row = 0; row < table.rows; row++) {
    const number = numberOf(table.value(row, value));
    const r = rows.places.get(rows.of[row] ?? '') ?? 0;
    const c = columns.places.get(columns.of[row] ?? '') ?? 0;
    const line = cells[r];
    const count = counts[r];
    if (number === null || !line || !count) continue;
    line[c] = combine(line[c] ?? null, number, how);
    count[c] = (count[c] ?? 0) + 1;
  }
  // Totals are the same aggregate over all rows: the sum of averages would mean nothing.
  const across = (lines: number, of: (r: number, c: number) => number): number[] => {
    const totals = new Array<number | null>(lines).fill(null);
    const many = new Array<number>(lines).fill(0);
    cells.forEach((line, r) => line.forEach((cell, c) => {
      const i = of(r, c);
      if (cell !== null) totals[i] = how === 'count' ? (totals[i] ?? 0) + cell : combine(totals[i] ?? null, cell, how);
      many[i] = (many[i] ?? 0) + (counts[r]?.[c] ?? 0);
    }));
    return totals.map((total, i) => (total ?? 0) / (how === 'avg' ? many[i] || 1 : 1));
  };
  const rowTotals = across(rows.sorted.length, (r) => r);
  const columnTotals = across(columns.sorted.length, (_, c) => c);
  const [total = 0] = across(1, () => 0);
  if (how === 'avg') {
    cells.forEach((line, r) => line.forEach((cell, c) => { if (cell !== null) line[c] = cell / (counts[r]?.[c] || 1); }));
  }
  return {
    rowTitle: table.columns[rowColumn]?.name ?? '', columnTitle: table.columns[columnColumn]?.name ?? '',
    rows: rows.sorted, columns: columns.sorted, rowLabels: labelsOf(table, rowColumn, rows.sorted), columnLabels: labelsOf(table, columnColumn, columns.sorted), cells, rowTotals,
    columnTotals, total, format: measure.format ?? { style: 'number' },
  };
}

/** A cohort grid: each cell as a share of its row's first period. */
export function cohortShares(grid: Pivot): (number | null)[][] {
  return grid.cells.map((line) => {
    const base = line.find((cell) => cell !== null && cell !== 0) ?? null;
    return line.map((cell) => (cell === null || base === null ? null : cell / base));
  });
}

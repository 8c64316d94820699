// Distributions: histogram and box plot.
import type { Table } from '../table';
import { isNumeric, numberOf, textOf } from '../table';
import { NONE, need, ShapeError } from './shape';
import type { ChartSpec } from './spec';

/** Linear interpolation between closest ranks (as the engine's quantile_cont). `sorted` ascending. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** A step of 1, 2 or 5 times a power of ten that makes about `wanted` bins. */
function niceStep(range: number, wanted: number): number {
  const raw = range / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((s) => s * power >= raw * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** Equal bins on round numbers. With `bins` undefined their number follows Freedman and Diaconis. */
export function histogram(values: readonly number[], bins?: number): Bin[] {
  if (values.length === 0) return [];
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[0] ?? 0;
  const high = sorted[sorted.length - 1] ?? 0;
  if (low === high) return [{ from: low, to: high, count: values.length }];
  const spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  const free = spread > 0 ? (high - low) / ((2 * spread) / Math.cbrt(values.length)) : Math.log2(values.length) + 1;
  const step = niceStep(high - low, bins ?? Math.max(5, Math.min(60, Math.ceil(free))));
  const first = Math.floor(low / step);
  const count = Math.max(1, Math.floor(high / step) - first + 1);
  const out: Bin[] = Array.from({ length: count }, (_, i) => ({
    from: Number(((first + i) * step).toPrecision(12)), to: Number(((first + i + 1) * step).toPrecision(12)), count: 0,
  }));
  for (const value of values) {
    const bin = out[Math.min(count - 1, Math.max(0, Math.floor(value / step) - first))];
    if (bin) bin.count++;
  }
  return out;
}

export interface Box {
  label: string;
  low: number;
  q1: number;
  median: number;
  q3: number;
  high: number;
  outliers: number[];
  count: number;
}

/** Tukey's box: whiskers to the last value within 1.5 times the quartile range. */
export function boxOf(label: string, values: readonly number[]): Box {
  const sorted = [...values].sort((a, b) => a - b);
  const q1 = quantile(sorted, 0.25);
  const q3 = quantile(sorted, 0.75);
  const reach = 1.5 * (q3 - q1);
  const inside = sorted.filter((v) => v >= q1 - reach && v <= q3 + reach);
  return {
    label, q1, q3, median: quantile(sorted, 0.5), low: inside[0] ?? q1, high: inside[inside.length - 1] ?? q3,
    outliers: sorted.filter((v) => v < q1 - reach || v > q3 + reach), count: sorted.length,
  };
}

function measured(table: Table, spec: ChartSpec, what: string): number {
  const index = need(table, spec.y[0]?.column ?? spec.x?.column, what);
  const column = table.columns[index];
  if (column && !isNumeric(column)) throw new ShapeError(`"${column.name}" is ${column.type}; ${what} needs a column of numbers.`);
  return index;
}

export function shapeHistogram(table: Table, spec: ChartSpec): Bin[] {
  const index = measured(table, spec, 'the histogram');
  const values: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    const value = numberOf(table.value(row, index));
    if (value !== null) values.push(value);
  }
  return histogram(values, spec.bins);
}

export function shapeBoxes(table: Table, spec: ChartSpec): Box[] {
  const index = measured(table, { ...spec, x: undefined } as ChartSpec, 'the box plot');
  const x = spec.x ? need(table, spec.x.column, 'the x axis') : -1;
  const groups = new Map<string, number[]>();
  for (let row = 0; row < table.rows; row++) {
    const value = numberOf(table.value(row, index));
    if (value === null) continue;
    const key = x < 0 ? (table.columns[index]?.name ?? '') : textOf(table.value(row, x)) || NONE;
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return [...groups].map(([label, values]) => boxOf(label, values));
}

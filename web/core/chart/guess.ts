// A good first chart for a result, so that most people need no second.
import { grainOf } from '../calendar';
import type { NumberFormat } from '../format';
import type { Column, Table } from '../table';
import { columnIndex, isNumeric, isTime, numberOf, textOf, timeOf } from '../table';
import type { ChartSpec, ChartType, Measure } from './spec';

/** Rows that are looked at. */
const LOOK = 2000;

const words = (name: string): string[] => name.toLowerCase().split(/[^a-z0-9%]+/).filter(Boolean);
const has = (name: string, ...of: string[]): boolean => words(name).some((word) => of.includes(word));

/** What a column's name says about its numbers. */
export function guessFormat(column: Column, table: Table): NumberFormat | undefined {
  const { name } = column;
  if (has(name, 'rate', 'share', 'ratio', 'pct', 'percent', '%', 'conversion')) {
    const at = table.columns.indexOf(column);
    let most = 0;
    for (let row = 0; row < Math.min(table.rows, LOOK); row++) most = Math.max(most, Math.abs(numberOf(table.value(row, at)) ?? 0));
    return { style: 'percent', of: most > 1.5 || has(name, 'pct', 'percent', '%') ? 100 : 1 };
  }
  if (has(name, 'usd')) return { style: 'currency', currency: 'USD' };
  if (has(name, 'eur')) return { style: 'currency', currency: 'EUR' };
  if (has(name, 'seconds', 'secs', 'duration')) return { style: 'duration' };
  if (has(name, 'bytes')) return { style: 'bytes' };
  return undefined;
}

/** Numbers that name something rather than count it. */
function isName(column: Column): boolean {
  return has(column.name, 'id', 'year', 'zip', 'postcode', 'phone') || /_id$/i.test(column.name);
}

/** Distinct texts among the first rows; stops counting beyond `most`. */
function distinct(table: Table, column: number, most: number): number {
  const seen = new Set<string>();
  for (let row = 0; row < Math.min(table.rows, LOOK) && seen.size <= most; row++) seen.add(textOf(table.value(row, column)));
  return seen.size;
}

function measureOf(table: Table, column: Column): Measure {
  const format = guessFormat(column, table);
  return format ? { column: column.name, format } : { column: column.name };
}

/** Percentages beside counts belong on an axis of their own. */
function measuresOf(table: Table, columns: Column[]): Measure[] {
  const measures = columns.slice(0, 4).map((column) => measureOf(table, column));
  const percent = (m: Measure): boolean => m.format?.style === 'percent';
  if (measures.some(percent) && !measures.every(percent)) {
    return measures.map((m) => (percent(m) ? { ...m, axis: 'right', type: 'line' } : m));
  }
  return measures;
}

function overTime(table: Table, time: Column, numbers: Column[], texts: Column[]): ChartSpec {
  const at = table.columns.indexOf(time);
  const times = [...new Set(Array.from({ length: Math.min(table.rows, LOOK) }, (_, row) => timeOf(table.value(row, at))))].filter((t): t is number => t !== null);
  const split = texts.find((c) => distinct(table, table.columns.indexOf(c), 50) <= 50);
  const grain = grainOf(times);
  const type: ChartType = !split && times.length <= 12 && grain !== undefined && grain !== 'hour' && grain !== 'minute' && grain !== 'second' ? 'bar' : 'line';
  const spec: ChartSpec = { type, x: { column: time.name }, y: split ? measuresOf(table, numbers.slice(0, 1)) : measuresOf(table, numbers) };
  if (split) spec.series = { column: split.name, top: 8, other: true };
  return spec;
}

function byCategory(table: Table, texts: Column[], numbers: Column[]): ChartSpec {
  const [first, second] = texts;
  const categories = first ? distinct(table, table.columns.indexOf(first), 40) : 0;
  const spec: ChartSpec = { type: 'bar', x: { column: first?.name ?? '' }, y: measuresOf(table, second ? numbers.slice(0, 1) : numbers) };
  if (second) {
    spec.series = { column: second.name, top: 8, other: true };
    spec.stack = 'stacked';
  }
  if (has(first?.name ?? '', 'step', 'stage')) return { ...spec, type: 'funnel', y: spec.y.slice(0, 1) };
  spec.orientation = categories > 6 ? 'horizontal' : 'vertical';
  spec.sort = { by: 'y', descending: true };
  if (categories > 30) {
    spec.top = 20;
    spec.other = true;
  }
  return spec;
}

/** The chart that a person most likely wants of this result. */
export function guess(table: Table): ChartSpec {
  const times = table.columns.filter(isTime);
  const numbers = table.columns.filter((c) => isNumeric(c) && !isName(c));
  const texts = table.columns.filter((c) => (c.type === 'text' || c.type === 'bool' || (isNumeric(c) && isName(c)) || c.engineType.startsWith('ENUM')));
  const [number] = numbers;
  if (table.rows === 0 || !number) return { type: 'table', y: [] };
  if (table.rows === 1 && texts.length === 0) return { type: 'number', y: [measureOf(table, number)] };
  if (times.length === 1 && times[0] && table.rows > 1) return overTime(table, times[0], numbers, texts);
  if (times.length === 0 && texts.length > 0 && texts.length <= 2 && table.rows <= LOOK) return byCategory(table, texts, numbers);
  if (times.length === 0 && texts.length === 0 && numbers.length === 1 && table.rows > 20) return { type: 'histogram', y: [measureOf(table, number)] };
  const [x, y] = numbers;
  if (times.length === 0 && texts.length === 0 && x && y && table.rows > 2) {
    return { type: 'scatter', x: { column: x.name }, y: [measureOf(table, y)] };
  }
  return { type: 'table', y: [] };
}

/** The same as one big number; over time with what it was before, and the way there. */
export function guessNumber(table: Table): ChartSpec {
  const number = table.columns.find((c) => isNumeric(c) && !isName(c));
  const time = table.columns.find(isTime);
  if (!number) return { type: 'number', y: [] };
  const spec: ChartSpec = { type: 'number', y: [measureOf(table, number)] };
  return time && table.rows > 1 ? { ...spec, x: { column: time.name }, compare: { with: 'previous' }, sparkline: true } : spec;
}

/** Does the result have all columns that a chart names? */
export function fitsTable(spec: ChartSpec, table: Table): boolean {
  const named = [spec.x?.column, spec.series?.column, ...spec.y.map((one) => one.column), ...(spec.rows ?? []), ...(spec.columns ?? [])];
  return named.every((name) => name === undefined || columnIndex(table, name) >= 0);
}

// From a result and a chart to what is drawn: categories or times along x, a series for each measure
// and each value of the splitting column, nothing of which knows a renderer.
import { addPeriods, fillPeriods, grainOf, zoneOf } from '../calendar';
import type { Grain, NumberFormat } from '../format';
import { formatTime } from '../format';
import type { Table, Value } from '../table';
import { columnIndex, isNumeric, isTime, numberOf, textOf, timeOf } from '../table';
import type { Aggregate, ChartSpec, Measure } from './spec';

export const OTHER = 'Other';
export const NONE = '(none)';
/** Points that missing dates may add. */
const MOST_FILLED = 20_000;

export interface Series {
  key: string;
  label: string;
  measure: Measure;
  format: NumberFormat;
  axis: 'left' | 'right';
  type: 'line' | 'bar' | 'area' | 'scatter';
  values: (number | null)[];
  /** The rest behind the top N. */
  other: boolean;
}

export interface Shaped {
  axis: 'time' | 'value' | 'category';
  xLabel: string;
  /** For people, one a place along x. */
  labels: string[];
  /** The values behind the labels, as the result has them (a click filters by them). */
  keys: Value[];
  /** Milliseconds (time), numbers (value); empty for categories. */
  positions: number[];
  grain?: Grain;
  zone: string;
  /** The last period has not ended yet. */
  incomplete: boolean;
  series: Series[];
  /** What a reader must know: "shows 10 of 34 sports". */
  notes: string[];
}

/** Why nothing can be drawn, in words for the person who made the chart. */
export class ShapeError extends Error {}

export function need(table: Table, name: string | undefined, what: string): number {
  if (name === undefined) throw new ShapeError(`Choose a column for ${what}.`);
  const index = columnIndex(table, name);
  if (index < 0) {
    const have = table.columns.map((c) => c.name).join(', ');
    throw new ShapeError(`The result has no column "${name}" (for ${what}). It has: ${have}.`);
  }
  return index;
}

class Sum {
  private sum = 0;
  private count = 0;
  private low = Infinity;
  private high = -Infinity;
  private latest = 0;

  add(value: number): void {
    this.sum += value;
    this.count++;
    this.low = Math.min(this.low, value);
    this.high = Math.max(this.high, value);
    this.latest = value;
  }

  result(how: Aggregate): number | null {
    if (this.count === 0) return null;
    switch (how) {
      case 'sum': return this.sum;
      case 'avg': return this.sum / this.count;
      case 'min': return this.low;
      case 'max': return this.high;
      case 'count': return this.count;
      case 'last': return this.latest;
    }
  }
}

/** Places along x: each distinct value once. */
interface Places {
  axis: Shaped['axis'];
  of: Int32Array; // place by row; -1: not drawn
  keys: Value[];
  positions: number[];
}

function placesOf(table: Table, x: number): Places {
  const column = table.columns[x];
  const axis = column && isTime(column) ? 'time' : column && isNumeric(column) ? 'value' : 'category';
  const seen = new Map<string | number, number>();
  const places: Places = { axis, of: new Int32Array(table.rows).fill(-1), keys: [], positions: [] };
  for (let row = 0; row < table.rows; row++) {
    const value = table.value(row, x);
    const position = axis === 'time' ? timeOf(value) : axis === 'value' ? numberOf(value) : null;
    if (axis !== 'category' && position === null) continue;
    const key = position ?? textOf(value);
    let place = seen.get(key);
    if (place === undefined) {
      place = places.keys.length;
      seen.set(key, place);
      places.keys.push(value);
      if (position !== null) places.positions.push(position);
    }
    places.of[row] = place;
  }
  return places;
}

interface Group {
  key: string;
  sums: Sum[][]; // by measure, by place
  size: number;
}

function collect(table: Table, places: Places, spec: ChartSpec, measures: number[]): Group[] {
  const split = spec.series ? need(table, spec.series.column, 'the series') : -1;
  const groups = new Map<string, Group>();
  for (let row = 0; row < table.rows; row++) {
    const place = places.of[row] ?? -1;
    if (place < 0) continue;
    const key = split < 0 ? '' : textOf(table.value(row, split)) || NONE;
    let group = groups.get(key);
    if (!group) {
      group = { key, sums: measures.map(() => []), size: 0 };
      groups.set(key, group);
    }
    for (const [m, column] of measures.entries()) {
      const value = numberOf(table.value(row, column));
      if (value === null) continue;
      const sums = group.sums[m] as Sum[];
      (sums[place] ??= new Sum()).add(value);
      group.size += Math.abs(value);
    }
  }
  return [...groups.values()];
}

/** Adds the sums of many groups: what a group "Other" of them would have had. */
function together(groups: Group[], measures: Measure[], places: number): (number | null)[][] {
  return measures.map((measure, m) =>
    Array.from({ length: places }, (_, place) => {
      const values = groups.flatMap((g) => g.sums[m]?.[place]?.result(measure.aggregate ?? 'sum') ?? []);
      if (values.length === 0) return null;
      const sum = new Sum();
      values.forEach((value) => sum.add(value));
      return sum.result(measure.aggregate === 'count' ? 'sum' : (measure.aggregate ?? 'sum'));
    }),
  );
}

const additive = (measure: Measure): boolean => !measure.aggregate || measure.aggregate === 'sum' || measure.aggregate === 'count';

function drawnAs(spec: ChartSpec, measure: Measure): Series['type'] {
  if (measure.type) return measure.type;
  return spec.type === 'line' || spec.type === 'area' || spec.type === 'scatter' ? spec.type : 'bar';
}

function makeSeries(spec: ChartSpec, groups: Group[], places: number, notes: string[]): Series[] {
  const top = spec.series?.top;
  let shown = groups;
  let rest: Group[] = [];
  if (top !== undefined && groups.length > top) {
    const bySize = [...groups].sort((a, b) => b.size - a.size);
    shown = bySize.slice(0, top);
    rest = bySize.slice(top);
    notes.push(`Shows the ${top} largest of ${groups.length} values of ${spec.series?.column ?? ''}.`);
  }
  const series: Series[] = [];
  const add = (key: string, other: boolean, values: (number | null)[][]): void => {
    for (const [m, measure] of spec.y.entries()) {
      const name = measure.label ?? measure.column;
      const label = key === '' ? name : spec.y.length > 1 ? `${key}, ${name}` : key;
      series.push({
        key, label, measure, other, axis: measure.axis ?? 'left', type: drawnAs(spec, measure),
        format: measure.format ?? { style: 'number' }, values: values[m] ?? [],
      });
    }
  };
  for (const group of shown) {
    add(group.key, false, spec.y.map((measure, m) => Array.from({ length: places }, (_, p) => group.sums[m]?.[p]?.result(measure.aggregate ?? 'sum') ?? null)));
  }
  if (rest.length && spec.series?.other !== false && spec.y.every(additive)) add(OTHER, true, together(rest, spec.y, places));
  return series;
}

/** Puts the places into the order `order`, and their values with them. */
function reorder(shaped: Shaped, order: number[]): void {
  shaped.keys = order.map((i) => shaped.keys[i] ?? null);
  shaped.labels = order.map((i) => shaped.labels[i] ?? '');
  if (shaped.positions.length) shaped.positions = order.map((i) => shaped.positions[i] ?? NaN);
  for (const series of shaped.series) series.values = order.map((i) => series.values[i] ?? null);
}

const totalAt = (shaped: Shaped, place: number): number => shaped.series.reduce((sum, s) => sum + (s.values[place] ?? 0), 0);

function sortPlaces(shaped: Shaped, spec: ChartSpec): void {
  const order = shaped.keys.map((_, i) => i);
  if (shaped.axis !== 'category') {
    order.sort((a, b) => (shaped.positions[a] ?? 0) - (shaped.positions[b] ?? 0));
  } else if (spec.sort?.by === 'y') {
    order.sort((a, b) => totalAt(shaped, a) - totalAt(shaped, b));
  } else if (spec.sort?.by === 'x') {
    const collator = new Intl.Collator('en', { numeric: true });
    order.sort((a, b) => collator.compare(shaped.labels[a] ?? '', shaped.labels[b] ?? ''));
  } else {
    return;
  }
  if (spec.sort?.descending && (shaped.axis === 'category' || spec.sort.by === 'x')) order.reverse();
  reorder(shaped, order);
}

function cutPlaces(shaped: Shaped, spec: ChartSpec): void {
  const count = shaped.keys.length;
  if (shaped.axis !== 'category' || spec.top === undefined || count <= spec.top) return;
  const bySize = shaped.keys.map((_, i) => i).sort((a, b) => totalAt(shaped, b) - totalAt(shaped, a));
  const kept = new Set(bySize.slice(0, spec.top));
  const rest = bySize.slice(spec.top);
  const sums = shaped.series.map((s) => rest.reduce((sum, i) => sum + (s.values[i] ?? 0), 0));
  reorder(shaped, shaped.keys.map((_, i) => i).filter((i) => kept.has(i)));
  shaped.notes.push(`Shows the ${spec.top} largest of ${count}.`);
  if (spec.other === false || !spec.y.every(additive)) return;
  shaped.labels.push(OTHER);
  shaped.keys.push(null);
  shaped.series.forEach((s, i) => s.values.push(sums[i] ?? null));
}

function fillTime(shaped: Shaped, spec: ChartSpec, now: number): void {
  const grain = spec.x?.grain ?? grainOf(shaped.positions, shaped.zone);
  const last = shaped.positions[shaped.positions.length - 1];
  if (!grain || last === undefined) return;
  shaped.grain = grain;
  const step = grain !== 'second' && grain !== 'minute';
  shaped.incomplete = step && last <= now && addPeriods(last, grain, 1, shaped.zone) > now;
  const full = spec.type === 'scatter' ? undefined : fillPeriods(shaped.positions, grain, shaped.zone, MOST_FILLED);
  if (full && full.length > shaped.positions.length) {
    const place = new Map(shaped.positions.map((time, i) => [time, i]));
    const empty = spec.missing === 'zero' ? 0 : null;
    for (const series of shaped.series) {
      series.values = full.map((time) => {
        const i = place.get(time);
        return i === undefined ? empty : (series.values[i] ?? empty);
      });
    }
    shaped.keys = full.map((time) => shaped.keys[place.get(time) ?? -1] ?? new Date(time).toISOString());
    shaped.positions = full;
  } else if (spec.missing === 'zero') {
    for (const series of shaped.series) series.values = series.values.map((value) => value ?? 0);
  }
  shaped.labels = shaped.positions.map((time) => formatTime(time, grain, shaped.zone));
}

export interface ShapeOptions {
  /** Milliseconds; decides which period is still incomplete. */
  now: number;
  /** The reader's zone, when the chart names none. */
  zone?: string;
}

/** Shapes a line, area, bar, scatter, pie or heatmap-like chart. Throws ShapeError. */
export function shape(table: Table, spec: ChartSpec, options: ShapeOptions): Shaped {
  if (spec.y.length === 0) throw new ShapeError('Choose at least one column to measure.');
  const x = need(table, spec.x?.column, 'the x axis');
  const measures = spec.y.map((measure) => need(table, measure.column, `the measure ${measure.label ?? measure.column}`));
  const places = placesOf(table, x);
  const notes: string[] = [];
  const series = makeSeries(spec, collect(table, places, spec, measures), places.keys.length, notes);
  const shaped: Shaped = {
    axis: places.axis, xLabel: spec.xTitle ?? table.columns[x]?.name ?? '', labels: places.keys.map((key) => textOf(key) || NONE),
    keys: places.keys, positions: places.positions,
    zone: zoneOf(places.positions, spec.zone ?? options.zone ?? 'UTC'), incomplete: false, series, notes,
  };
  sortPlaces(shaped, spec);
  if (shaped.axis === 'value' && spec.type !== 'line' && spec.type !== 'area' && spec.type !== 'scatter') {
    shaped.axis = 'category'; // a bar for each number, side by side
    shaped.positions = [];
  }
  if (shaped.axis === 'time') fillTime(shaped, spec, options.now);
  cutPlaces(shaped, spec);
  return shaped;
}

/** Each value as a share of its place's total, 0..1, for percent stacks. */
export function shares(series: readonly Series[]): (number | null)[][] {
  const totals = (series[0]?.values ?? []).map((_, i) => series.reduce((sum, s) => sum + Math.abs(s.values[i] ?? 0), 0));
  return series.map((s) => s.values.map((value, i) => (value === null || !totals[i] ? null : value / (totals[i] ?? 1))));
}

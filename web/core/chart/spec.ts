// What a chart is, as it stands in report.yml and in the API: plain data, checked when it is read.
// The renderers know nothing of queries, and this knows nothing of renderers.
import type { Grain, NumberFormat, NumberStyle } from '../format';
import { grains } from '../format';

export const chartTypes = [
  'line', 'area', 'bar', 'scatter', 'pie', 'number', 'table', 'pivot', 'funnel', 'cohort', 'heatmap', 'histogram', 'box',
] as const;
export type ChartType = (typeof chartTypes)[number];
export const aggregates = ['sum', 'avg', 'min', 'max', 'count', 'last'] as const;
export type Aggregate = (typeof aggregates)[number];

export interface Measure {
  column: string;
  label?: string;
  axis?: 'left' | 'right';
  /** Mixed charts: how this measure is drawn, when not as the chart. */
  type?: 'line' | 'bar' | 'area';
  aggregate?: Aggregate;
  format?: NumberFormat;
}

export interface Reference {
  label?: string;
  /** A line at this value, or at this measure of the shown values. */
  value?: number;
  of?: 'avg' | 'median' | 'max' | 'min';
}

export interface Annotation {
  /** RFC 3339 time, or a category. */
  at: string;
  label: string;
}

export interface ChartSpec {
  type: ChartType;
  x?: { column: string; grain?: Grain };
  y: Measure[];
  /** Splits each measure by the values of a column. */
  series?: { column: string; top?: number; other?: boolean };
  stack?: 'none' | 'stacked' | 'percent' | 'grouped';
  orientation?: 'vertical' | 'horizontal';
  /** pie: with a hole. */
  donut?: boolean;
  sort?: { by: 'x' | 'y'; descending?: boolean };
  /** Categories beyond this many become "Other". */
  top?: number;
  other?: boolean;
  missing?: 'gap' | 'zero' | 'connect';
  /** number: compared with the row before (previous), or with another column's value. */
  compare?: { with: 'previous' | 'column'; column?: string; good?: 'up' | 'down' };
  sparkline?: boolean;
  reference?: Reference[];
  annotations?: Annotation[];
  bins?: number;
  rows?: string[];
  columns?: string[];
  title?: string;
  subtitle?: string;
  xTitle?: string;
  yTitle?: string;
  zone?: string;
  labels?: boolean;
  legend?: boolean;
  min?: number;
  max?: number;
  log?: boolean;
}

export interface Problem {
  path: string;
  message: string;
}

type Data = Record<string, unknown>;

class Reader {
  readonly problems: Problem[] = [];

  fail(path: string, message: string): undefined {
    this.problems.push({ path, message });
    return undefined;
  }

  object(value: unknown, path: string, known: readonly string[]): Data | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.fail(path, 'must be an object');
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) this.fail(path ? `${path}.${key}` : key, `is not known here; known are ${known.join(', ')}`);
    }
    return value as Data;
  }

  text(data: Data, key: string, path: string): string | undefined {
    const value = data[key];
    if (value === undefined) return undefined;
    return typeof value === 'string' ? value : this.fail(`${path}${key}`, 'must be text');
  }

  flag(data: Data, key: string, path = ''): boolean | undefined {
    const value = data[key];
    if (value === undefined) return undefined;
    return typeof value === 'boolean' ? value : this.fail(`${path}${key}`, 'must be true or false');
  }

  number(data: Data, key: string, path: string, min = -Infinity, max = Infinity): number | undefined {
    const value = data[key];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.fail(`${path}${key}`, 'must be a number');
    return value >= min && value <= max ? value : this.fail(`${path}${key}`, `must be from ${min} to ${max}`);
  }

  choice<T extends string>(data: Data, key: string, path: string, of: readonly T[]): T | undefined {
    const value = data[key];
    if (value === undefined) return undefined;
    return of.find((one) => one === value) ?? this.fail(`${path}${key}`, `must be one of ${of.join(', ')}`);
  }

  list<T>(data: Data, key: string, one: (value: unknown, path: string) => T | undefined, most = 100): T[] | undefined {
    const value = data[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.fail(key, 'must be a list');
    if (value.length > most) return this.fail(key, `has ${value.length} entries; at most ${most} are possible`);
    return value.flatMap((item, i) => one(item, `${key}[${i}]`) ?? []);
  }
}

const numberStyles: readonly NumberStyle[] = ['number', 'short', 'percent', 'currency', 'duration', 'bytes'];

function readFormat(r: Reader, value: unknown, path: string): NumberFormat | undefined {
  const data = r.object(value, path, ['style', 'digits', 'currency', 'of', 'prefix', 'suffix']);
  if (!data) return undefined;
  const style = r.choice(data, 'style', `${path}.`, numberStyles) ?? 'number';
  const of = data['of'];
  if (of !== undefined && of !== 1 && of !== 100) r.fail(`${path}.of`, 'must be 1 or 100');
  return defined<NumberFormat>({
    style,
    digits: r.number(data, 'digits', `${path}.`, 0, 12),
    currency: r.text(data, 'currency', `${path}.`),
    of: of === 1 || of === 100 ? of : undefined,
    prefix: r.text(data, 'prefix', `${path}.`),
    suffix: r.text(data, 'suffix', `${path}.`),
  });
}

/** Without the keys that are undefined, so that what is written back is what was read. */
function defined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

function readMeasure(r: Reader, value: unknown, path: string): Measure | undefined {
  const data = r.object(value, path, ['column', 'label', 'axis', 'type', 'aggregate', 'format']);
  if (!data) return undefined;
  const column = r.text(data, 'column', `${path}.`);
  if (column === undefined) return r.fail(`${path}.column`, 'is missing');
  return defined<Measure>({
    column,
    label: r.text(data, 'label', `${path}.`),
    axis: r.choice(data, 'axis', `${path}.`, ['left', 'right']),
    type: r.choice(data, 'type', `${path}.`, ['line', 'bar', 'area']),
    aggregate: r.choice(data, 'aggregate', `${path}.`, aggregates),
    format: data['format'] === undefined ? undefined : readFormat(r, data['format'], `${path}.format`),
  });
}

function readX(r: Reader, value: unknown): ChartSpec['x'] {
  const data = r.object(value, 'x', ['column', 'grain']);
  const column = data && r.text(data, 'column', 'x.');
  if (!data || column === undefined) return r.fail('x.column', 'is missing');
  return defined<NonNullable<ChartSpec['x']>>({ column, grain: r.choice(data, 'grain', 'x.', grains) });
}

function readSeries(r: Reader, value: unknown): ChartSpec['series'] {
  const data = r.object(value, 'series', ['column', 'top', 'other']);
  const column = data && r.text(data, 'column', 'series.');
  if (!data || column === undefined) return r.fail('series.column', 'is missing');
  return defined<NonNullable<ChartSpec['series']>>({
    column,
    top: r.number(data, 'top', 'series.', 1, 1000),
    other: r.flag(data, 'other', 'series.'),
  });
}

function readCompare(r: Reader, value: unknown): ChartSpec['compare'] {
  const data = r.object(value, 'compare', ['with', 'column', 'good']);
  if (!data) return undefined;
  return defined<NonNullable<ChartSpec['compare']>>({
    with: r.choice(data, 'with', 'compare.', ['previous', 'column']) ?? 'previous',
    column: r.text(data, 'column', 'compare.'),
    good: r.choice(data, 'good', 'compare.', ['up', 'down']),
  });
}

function readSort(r: Reader, value: unknown): ChartSpec['sort'] {
  const data = r.object(value, 'sort', ['by', 'descending']);
  if (!data) return undefined;
  return defined<NonNullable<ChartSpec['sort']>>({
    by: r.choice(data, 'by', 'sort.', ['x', 'y']) ?? 'y',
    descending: r.flag(data, 'descending', 'sort.'),
  });
}

function readReference(r: Reader, value: unknown, path: string): Reference | undefined {
  const data = r.object(value, path, ['label', 'value', 'of']);
  if (!data) return undefined;
  return defined<Reference>({
    label: r.text(data, 'label', `${path}.`),
    value: r.number(data, 'value', `${path}.`),
    of: r.choice(data, 'of', `${path}.`, ['avg', 'median', 'max', 'min']),
  });
}

function readAnnotation(r: Reader, value: unknown, path: string): Annotation | undefined {
  const data = r.object(value, path, ['at', 'label']);
  const at = data && r.text(data, 'at', `${path}.`);
  if (!data || at === undefined) return r.fail(`${path}.at`, 'is missing');
  return { at, label: r.text(data, 'label', `${path}.`) ?? '' };
}

const known = [
  'type', 'x', 'y', 'series', 'stack', 'orientation', 'donut', 'sort', 'top', 'other', 'missing', 'compare', 'sparkline', 'reference',
  'annotations', 'bins', 'rows', 'columns', 'title', 'subtitle', 'xTitle', 'yTitle', 'zone', 'labels', 'legend', 'min', 'max', 'log',
];

function name(r: Reader): (value: unknown, path: string) => string | undefined {
  return (value, path) => (typeof value === 'string' ? value : r.fail(path, 'must be the name of a column'));
}

/** Reads a chart from data of unknown origin. What cannot be used is left out and reported. */
export function readSpec(value: unknown): { spec: ChartSpec; problems: Problem[] } {
  const r = new Reader();
  const data = r.object(value, '', known) ?? {};
  const optional = <T>(key: string, read: (r: Reader, value: unknown) => T | undefined): T | undefined =>
    data[key] === undefined ? undefined : read(r, data[key]);
  const type = r.choice(data, 'type', '', chartTypes);
  if (data['type'] === undefined) r.fail('type', `is missing; it is one of ${chartTypes.join(', ')}`);
  const spec = defined<ChartSpec>({
    type: type ?? 'table',
    x: optional('x', readX),
    y: r.list(data, 'y', (item, path) => readMeasure(r, item, path)) ?? [],
    series: optional('series', readSeries),
    stack: r.choice(data, 'stack', '', ['none', 'stacked', 'percent', 'grouped']),
    orientation: r.choice(data, 'orientation', '', ['vertical', 'horizontal']),
    donut: r.flag(data, 'donut'),
    sort: optional('sort', readSort),
    top: r.number(data, 'top', '', 1, 10_000),
    other: r.flag(data, 'other'),
    missing: r.choice(data, 'missing', '', ['gap', 'zero', 'connect']),
    compare: optional('compare', readCompare),
    sparkline: r.flag(data, 'sparkline'),
    reference: r.list(data, 'reference', (item, path) => readReference(r, item, path)),
    annotations: r.list(data, 'annotations', (item, path) => readAnnotation(r, item, path)),
    bins: r.number(data, 'bins', '', 1, 500),
    rows: r.list(data, 'rows', name(r)),
    columns: r.list(data, 'columns', name(r)),
    title: r.text(data, 'title', ''),
    subtitle: r.text(data, 'subtitle', ''),
    xTitle: r.text(data, 'xTitle', ''),
    yTitle: r.text(data, 'yTitle', ''),
    zone: r.text(data, 'zone', ''),
    labels: r.flag(data, 'labels'),
    legend: r.flag(data, 'legend'),
    min: r.number(data, 'min', ''),
    max: r.number(data, 'max', ''),
    log: r.flag(data, 'log'),
  });
  return { spec, problems: r.problems };
}

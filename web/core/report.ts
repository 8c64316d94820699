// A report as the app shows it: its tiles on a grid of 24 columns, its parameters, and how their
// values stand in the address. Data of unknown origin: what cannot be used is left out.
import type { ChartSpec } from './chart/spec';
import { readSpec } from './chart/spec';
import { type Data, dataOf, listOf, textOf } from './data';

export const GRID_COLUMNS = 24;

export type ParameterType = 'text' | 'number' | 'date' | 'select' | 'multiselect' | 'daterange' | 'aggregation' | 'boolean' | 'number_range';
/** What dates are compared with: the period just before, or the same days a year ago. */
export type Compare = 'previous' | 'year';
/** Days from … to, or words ("last 28 days") that are compared with something. */
export interface Dates {
  start?: string;
  end?: string;
  range?: string;
  compare?: Compare | null;
}
/** null: no limit on this side. */
export interface NumberRange {
  from: number | null;
  to: number | null;
}
export type ParameterValue = string | number | boolean | string[] | Dates | NumberRange;

export interface Parameter {
  name: string;
  label: string;
  type: ParameterType;
  description: string;
  /** What can be chosen; from a query: its id, and the columns of value and label. */
  options: readonly { value: string; label: string }[] | { query: string; value: string; label: string };
  fallback: ParameterValue | undefined;
  /** Not shown to readers. */
  hidden: boolean;
  /** Its dates may be compared with those before. */
  compare: boolean;
  /** SQL with [column] and [value], used in place of IN. */
  match: string;
  min: number | undefined;
  max: number | undefined;
}

export type TileKind = 'chart' | 'table' | 'text' | 'section' | 'image';

export interface Tile {
  id: string;
  kind: TileKind;
  /** The id of its tab; empty: the first. */
  tab: string;
  owner: string;
  /** section: closed until somebody opens it. */
  collapsed: boolean;
  /** image: a file beside report.yml. */
  image: string;
  alt: string;
  fit: 'contain' | 'cover';
  /** What a press on a mark does, as it stands in the file (core/click.ts reads it). */
  click: unknown;
  title: string;
  description: string;
  query: string;
  markdown: string;
  spec: ChartSpec;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface ReportQuery {
  id: string;
  title: string;
}

export interface Tab {
  id: string;
  title: string;
}

export interface Report {
  title: string;
  description: string;
  collection: string;
  owner: string;
  zone: string | undefined;
  /** It has a fiscal year of its own. */
  fiscal: boolean;
  tabs: Tab[];
  parameters: Parameter[];
  queries: ReportQuery[];
  tiles: Tile[];
}

const cell = (value: unknown, low: number, high: number): number => (typeof value === 'number' && Number.isFinite(value) ? Math.max(low, Math.min(high, Math.floor(value))) : low);
const types: readonly ParameterType[] = ['text', 'number', 'date', 'select', 'multiselect', 'daterange', 'aggregation', 'boolean', 'number_range'];
const kinds: readonly TileKind[] = ['chart', 'table', 'text', 'section', 'image'];

function readOptions(value: unknown): Parameter['options'] {
  if (Array.isArray(value)) {
    return value.flatMap((one) => {
      if (typeof one === 'object' && one !== null) {
        const pair = dataOf(one);
        return 'value' in pair ? [{ value: String(pair['value']), label: textOf(pair['label'], String(pair['value'])) }] : [];
      }
      return [{ value: String(one), label: String(one) }];
    });
  }
  const from = dataOf(value);
  const query = textOf(from['query']);
  if (!query) return [];
  const column = textOf(from['value']);
  return { query, value: column, label: textOf(from['label'], column) };
}

const isCompare = (value: unknown): value is Compare => value === 'previous' || value === 'year';
const side = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

/** A value as it stands in a report or comes from the server. */
export function readValue(value: unknown): ParameterValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(String);
  const range = dataOf(value);
  const { start, end, range: words, compare } = range;
  const beside = isCompare(compare) ? { compare } : {};
  if (typeof start === 'string' && typeof end === 'string') return { start, end, ...beside };
  if (typeof words === 'string') return 'compare' in beside ? { range: words, ...beside } : words;
  return 'from' in range || 'to' in range ? { from: side(range['from']), to: side(range['to']) } : undefined;
}

function readParameter(value: unknown): Parameter[] {
  const data = dataOf(value);
  const name = textOf(data['name']);
  const type = types.find((one) => one === data['type']);
  if (!name || !type) return [];
  return [{
    name, type, label: textOf(data['label'], name), description: textOf(data['description']), options: readOptions(data['options']), fallback: readValue(data['default']),
    hidden: data['hidden'] === true, compare: data['compare'] === true, match: textOf(data['match']), min: side(data['min']) ?? undefined, max: side(data['max']) ?? undefined,
  }];
}

export function readParameters(value: readonly unknown[]): Parameter[] {
  return value.flatMap(readParameter);
}

function readTile(value: unknown): Tile[] {
  const data = dataOf(value);
  const kind = kinds.find((one) => one === data['kind']);
  if (!kind) return [];
  const x = cell(data['x'], 0, GRID_COLUMNS - 1);
  return [{
    id: textOf(data['id']), kind, title: textOf(data['title']), description: textOf(data['description']), query: textOf(data['query']), markdown: textOf(data['markdown']),
    spec: kind === 'chart' ? readSpec(data['chart'] ?? { type: 'table' }).spec : { type: 'table', y: readSpec({ type: 'table', ...dataOf(data['table']) }).spec.y },
    tab: textOf(data['tab']), owner: textOf(data['owner']), collapsed: data['collapsed'] === true,
    image: textOf(data['image']), alt: textOf(data['alt']), fit: data['fit'] === 'cover' ? 'cover' : 'contain', click: data['click'],
    x, y: cell(data['y'], 0, 10_000), w: Math.min(cell(data['w'], 1, GRID_COLUMNS), GRID_COLUMNS - x), h: cell(data['h'], 1, 200),
  }];
}

export function readReport(file: unknown): Report {
  const data = dataOf(file);
  return {
    title: textOf(data['title'], 'Report'), description: textOf(data['description']), collection: textOf(data['collection'], 'company'), owner: textOf(data['owner']), fiscal: data['fiscal_year_start'] !== undefined,
    tabs: listOf(data['tabs']).flatMap((one) => {
      const tab = dataOf(one);
      const id = textOf(tab['id']);
      return id ? [{ id, title: textOf(tab['title'], id) }] : [];
    }),
    zone: textOf(data['time_zone']) || undefined,
    parameters: listOf(data['parameters']).flatMap(readParameter),
    queries: listOf(data['queries']).flatMap((one) => {
      const query = dataOf(one);
      const id = textOf(query['id']);
      return id ? [{ id, title: textOf(query['title'], id) }] : [];
    }),
    // In reading order, which is the order of the page for keyboards and screen readers, too.
    tiles: listOf(data['tiles']).flatMap(readTile).sort((a, b) => a.y - b.y || a.x - b.x),
  };
}

// --- values and the address ---

export type Values = Record<string, ParameterValue>;

export const isDates = (value: ParameterValue | undefined): value is Dates => typeof value === 'object' && !Array.isArray(value) && !('from' in value);
export const isRange = (value: ParameterValue | undefined): value is NumberRange => typeof value === 'object' && !Array.isArray(value) && 'from' in value;

/** The dates without what they are compared with: words, days, or nothing. */
export function datesOf(value: ParameterValue | undefined): string | { start: string; end: string } | undefined {
  if (typeof value === 'string') return value;
  if (!isDates(value)) return undefined;
  return value.range ?? (value.start !== undefined && value.end !== undefined ? { start: value.start, end: value.end } : undefined);
}
export const compareOf = (value: ParameterValue | undefined): Compare | undefined => (isDates(value) ? (value.compare ?? undefined) : undefined);
export function compared(dates: string | { start: string; end: string }, compare: Compare | undefined): ParameterValue {
  if (!compare) return dates;
  return typeof dates === 'string' ? { range: dates, compare } : { ...dates, compare };
}

/** The value as one or more texts in the address. A range is "start..end", or a preset's words. */
function toTexts(value: ParameterValue): string[] {
  if (Array.isArray(value)) return value.length ? value : [''];
  if (isRange(value)) return [`${value.from ?? ''}..${value.to ?? ''}`];
  const dates = typeof value === 'object' ? (datesOf(value) ?? '') : String(value);
  return [typeof dates === 'object' ? `${dates.start}..${dates.end}` : dates];
}

function readRange(text: string): NumberRange | undefined {
  const [low, high, ...more] = text.split('..').map((one) => one.trim());
  if (low === undefined || high === undefined || more.length) return undefined;
  const [from, to] = [low, high].map((one) => (one === '' ? null : Number(one)));
  return Number.isNaN(from) || Number.isNaN(to) || from === undefined || to === undefined ? undefined : { from, to };
}

function fromTexts(parameter: Parameter, texts: string[], compare: string | null): ParameterValue | undefined {
  const [first = ''] = texts;
  switch (parameter.type) {
    case 'multiselect':
      return texts.filter((one) => one !== '');
    case 'number': {
      const number = Number(first);
      return first.trim() !== '' && Number.isFinite(number) ? number : undefined;
    }
    case 'number_range':
      return readRange(first);
    case 'boolean':
      return first === 'true';
    case 'daterange': {
      const parts = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(first);
      const dates = parts ? { start: parts[1] ?? '', end: parts[2] ?? '' } : first;
      return dates ? compared(dates, parameter.compare && isCompare(compare) ? compare : undefined) : undefined;
    }
    default:
      return first;
  }
}

/** What the address says, and where it says nothing, the report's defaults. */
export function readValues(parameters: readonly Parameter[], search: URLSearchParams): Values {
  const values: Values = {};
  for (const parameter of parameters) {
    const said = search.has(parameter.name) ? fromTexts(parameter, search.getAll(parameter.name), search.get(`${parameter.name}.compare`)) : undefined;
    const value = said ?? parameter.fallback;
    if (value !== undefined) values[parameter.name] = value;
  }
  return values;
}

/** The address's part behind "?": only what differs from the defaults. */
export function writeValues(parameters: readonly Parameter[], values: Values): string {
  const search = new URLSearchParams();
  for (const parameter of parameters) {
    const value = values[parameter.name];
    if (value === undefined || JSON.stringify(value) === JSON.stringify(parameter.fallback)) continue;
    for (const one of toTexts(value)) search.append(parameter.name, one);
    const compare = compareOf(value);
    if (compare) search.append(`${parameter.name}.compare`, compare);
  }
  return search.toString();
}

/** A value in words, for people. */
export function valueInWords(parameter: Parameter, value: ParameterValue | undefined): string {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return '';
  const { options } = parameter;
  const labelOf = (one: string): string => ('query' in options ? one : (options.find((each) => each.value === one)?.label ?? one));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (isRange(value)) return value.from === null ? (value.to === null ? '' : `up to ${value.to}`) : value.to === null ? `from ${value.from}` : `${value.from} to ${value.to}`;
  if (isDates(value)) {
    const dates = datesOf(value);
    const words = typeof dates === 'object' ? `${dates.start} to ${dates.end}` : (dates ?? '');
    const compare = compareOf(value);
    return compare ? `${words}, compared with ${compare === 'year' ? 'the year before' : 'the period before'}` : words;
  }
  return [value].flat().map((one) => labelOf(String(one))).join(', ');
}

/** What is chosen, in words: "Sport: rugby, golf; Dates: last 28 days". */
export function valuesInWords(parameters: readonly Parameter[], values: Values): string {
  return parameters.flatMap((parameter) => {
    const words = valueInWords(parameter, values[parameter.name]);
    return words ? [`${parameter.label}: ${words}`] : [];
  }).join('; ');
}

/** Ranges that people ask for; the server knows these words (docs/format/parameters.md). */
export const ranges: readonly string[] = [
  'today', 'yesterday', 'last 7 days', 'last 28 days', 'last 90 days', 'last 12 months', 'this month', 'last month', 'this quarter', 'last quarter', 'this year', 'last year', 'year to date',
];
/** The same by the company's own year. */
export const fiscalRanges: readonly string[] = ['this fiscal quarter', 'last fiscal quarter', 'this fiscal year', 'last fiscal year'];

// A report as the app shows it: its tiles on a grid of 24 columns, its parameters, and how their
// values stand in the address. Data of unknown origin: what cannot be used is left out.
import type { ChartSpec } from './chart/spec';
import { readSpec } from './chart/spec';
import { type Data, dataOf, listOf, textOf } from './data';

export const GRID_COLUMNS = 24;

export type ParameterType = 'text' | 'number' | 'date' | 'select' | 'multiselect' | 'daterange' | 'aggregation' | 'boolean';
export type ParameterValue = string | number | boolean | string[] | { start: string; end: string };

export interface Parameter {
  name: string;
  label: string;
  type: ParameterType;
  description: string;
  /** What can be chosen; from a query: its id, and the columns of value and label. */
  options: readonly { value: string; label: string }[] | { query: string; value: string; label: string };
  fallback: ParameterValue | undefined;
}

export interface Tile {
  id: string;
  kind: 'chart' | 'table' | 'text';
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

export interface Report {
  title: string;
  description: string;
  collection: string;
  zone: string | undefined;
  parameters: Parameter[];
  queries: ReportQuery[];
  tiles: Tile[];
}

const cell = (value: unknown, low: number, high: number): number => (typeof value === 'number' && Number.isFinite(value) ? Math.max(low, Math.min(high, Math.floor(value))) : low);
const types: readonly ParameterType[] = ['text', 'number', 'date', 'select', 'multiselect', 'daterange', 'aggregation', 'boolean'];

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

function readFallback(value: unknown): ParameterValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(String);
  const range = dataOf(value);
  return typeof range['start'] === 'string' && typeof range['end'] === 'string' ? { start: range['start'], end: range['end'] } : undefined;
}

function readParameter(value: unknown): Parameter[] {
  const data = dataOf(value);
  const name = textOf(data['name']);
  const type = types.find((one) => one === data['type']);
  if (!name || !type) return [];
  return [{ name, type, label: textOf(data['label'], name), description: textOf(data['description']), options: readOptions(data['options']), fallback: readFallback(data['default']) }];
}

export function readParameters(value: readonly unknown[]): Parameter[] {
  return value.flatMap(readParameter);
}

function readTile(value: unknown): Tile[] {
  const data = dataOf(value);
  const kind = (['chart', 'table', 'text'] as const).find((one) => one === data['kind']);
  if (!kind) return [];
  const x = cell(data['x'], 0, GRID_COLUMNS - 1);
  return [{
    id: textOf(data['id']), kind, title: textOf(data['title']), description: textOf(data['description']), query: textOf(data['query']), markdown: textOf(data['markdown']),
    spec: kind === 'chart' ? readSpec(data['chart'] ?? { type: 'table' }).spec : { type: 'table', y: readSpec({ type: 'table', ...dataOf(data['table']) }).spec.y },
    x, y: cell(data['y'], 0, 10_000), w: Math.min(cell(data['w'], 1, GRID_COLUMNS), GRID_COLUMNS - x), h: cell(data['h'], 1, 200),
  }];
}

export function readReport(file: unknown): Report {
  const data = dataOf(file);
  return {
    title: textOf(data['title'], 'Report'), description: textOf(data['description']), collection: textOf(data['collection'], 'company'),
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

/** The value as one or more texts in the address. A range is "start..end", or a preset's words. */
function toTexts(value: ParameterValue): string[] {
  if (Array.isArray(value)) return value.length ? value : [''];
  if (typeof value === 'object') return [`${value.start}..${value.end}`];
  return [String(value)];
}

function fromTexts(parameter: Parameter, texts: string[]): ParameterValue | undefined {
  const [first = ''] = texts;
  switch (parameter.type) {
    case 'multiselect':
      return texts.filter((one) => one !== '');
    case 'number': {
      const number = Number(first);
      return first.trim() !== '' && Number.isFinite(number) ? number : undefined;
    }
    case 'boolean':
      return first === 'true';
    case 'daterange': {
      const parts = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(first);
      return parts ? { start: parts[1] ?? '', end: parts[2] ?? '' } : first || undefined;
    }
    default:
      return first;
  }
}

/** What the address says, and where it says nothing, the report's defaults. */
export function readValues(parameters: readonly Parameter[], search: URLSearchParams): Values {
  const values: Values = {};
  for (const parameter of parameters) {
    const said = search.has(parameter.name) ? fromTexts(parameter, search.getAll(parameter.name)) : undefined;
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
  }
  return search.toString();
}

/** What is chosen, in words: "Sport: rugby, golf; Dates: last 28 days". */
export function valuesInWords(parameters: readonly Parameter[], values: Values): string {
  return parameters.flatMap((parameter) => {
    const value = values[parameter.name];
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return [];
    const { options } = parameter;
    const labelOf = (one: string): string => ('query' in options ? one : (options.find((each) => each.value === one)?.label ?? one));
    const words = typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'object' && !Array.isArray(value) ? `${value.start} to ${value.end}` : [value].flat().map((one) => labelOf(String(one))).join(', ');
    return [`${parameter.label}: ${words}`];
  }).join('; ');
}

/** Ranges that people ask for; the server knows these words (docs/format/parameters.md). */
export const ranges: readonly string[] = [
  'today', 'yesterday', 'last 7 days', 'last 28 days', 'last 90 days', 'last 12 months', 'this month', 'last month', 'this quarter', 'last quarter', 'this year', 'last year', 'year to date',
];

// What a press on a mark of a chart does, by the tile's settings or, without them, by the names of
// its columns; and what was picked by presses, as it stands in the address.
import { dataOf, listOf, textOf } from './data';
import type { Parameter, ParameterValue, Tile, Values } from './report';
import type { Value } from './table';

export type Click =
  | { kind: 'filter'; parameter: string; column: string }
  | { kind: 'drill'; parameter: string; levels: readonly string[]; filters: Readonly<Record<string, string>> }
  | { kind: 'report'; report: string; values: Readonly<Record<string, string>> }
  | { kind: 'rows'; query: string; values: Readonly<Record<string, string>> };

/** The columns of the mark that was pressed, with their values. */
export type Point = Readonly<Record<string, Value>>;

const texts = (value: unknown): Record<string, string> => Object.fromEntries(Object.entries(dataOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The columns that a mark of this tile stands for. */
export function columnsOfMark(tile: Tile): string[] {
  const { x, series, rows, columns } = tile.spec;
  return [x?.column, series?.column, ...(rows ?? []), ...(columns ?? [])].filter((one): one is string => one !== undefined);
}

/** What a press does; undefined: nothing. */
export function clickOf(tile: Tile, parameters: readonly Parameter[]): Click | undefined {
  const named = (name: unknown): Parameter | undefined => parameters.find((one) => typeof name === 'string' && same(one.name, name));
  if (tile.click !== undefined && tile.click !== null) {
    const data = dataOf(tile.click);
    const filter = named(data['filter']);
    if (filter) return { kind: 'filter', parameter: filter.name, column: textOf(data['column'], filter.name) };
    const drill = named(data['drill']);
    const levels = listOf(data['levels']).filter((one): one is string => typeof one === 'string');
    if (drill && levels.length) return { kind: 'drill', parameter: drill.name, levels, filters: texts(data['filters']) };
    if (textOf(data['report'])) return { kind: 'report', report: textOf(data['report']), values: texts(data['values']) };
    if (textOf(data['rows'])) return { kind: 'rows', query: textOf(data['rows']), values: texts(data['values']) };
    return undefined;
  }
  for (const column of columnsOfMark(tile)) {
    const parameter = parameters.find((one) => (one.type === 'select' || one.type === 'multiselect') && same(one.name, column));
    if (parameter) return { kind: 'filter', parameter: parameter.name, column };
  }
  return undefined;
}

export function valueAt(point: Point, column: string): string | undefined {
  const key = Object.keys(point).find((one) => same(one, column));
  const value = key === undefined ? null : (point[key] ?? null);
  return value === null || value === '' ? undefined : String(value);
}

const asValue = (parameter: Parameter | undefined, text: string): ParameterValue => (parameter?.type === 'multiselect' ? [text] : parameter?.type === 'number' && Number.isFinite(Number(text)) ? Number(text) : text);

/** Parameters from the columns of a point: {sport: "sport_name"} -> {sport: ["rugby"]}. */
export function valuesAt(point: Point, values: Readonly<Record<string, string>>, parameters: readonly Parameter[]): Values {
  const made: Values = {};
  for (const [name, column] of Object.entries(values)) {
    const text = valueAt(point, column);
    if (text !== undefined) made[name] = asValue(parameters.find((one) => one.name === name), text);
  }
  return made;
}

// --- cross-filters ---

/** What a press on a tile picked. The tile itself is not filtered by it: it shows what was picked among the rest. */
export interface Pick {
  tile: string;
  parameter: string;
  values: readonly string[];
}

/** `click.bysport.sport=rugby`: names have no dots. */
export function readPicks(search: URLSearchParams, parameters: readonly Parameter[]): Pick[] {
  const picks = new Map<string, Pick & { values: string[] }>();
  for (const [key, value] of search) {
    const [, tile, name] = /^click\.([^.]+)\.([^.]+)$/.exec(key) ?? [];
    const parameter = parameters.find((one) => one.name === name);
    if (tile === undefined || !parameter || value === '') continue;
    const pick = picks.get(key) ?? { tile, parameter: parameter.name, values: [] };
    if (!pick.values.includes(value)) pick.values.push(value);
    picks.set(key, pick);
  }
  return [...picks.values()];
}

export function writePicks(picks: readonly Pick[]): [string, string][] {
  return picks.flatMap(({ tile, parameter, values }) => values.map((value): [string, string] => [`click.${tile}.${parameter}`, value]));
}

/** Picks one value of a tile, or lets go of it; `more` keeps those picked before it. */
export function toggle(picks: readonly Pick[], tile: string, parameter: Parameter, value: string, more: boolean): Pick[] {
  const before = picks.find((one) => one.tile === tile && one.parameter === parameter.name)?.values ?? [];
  const many = more && parameter.type === 'multiselect';
  const values = before.includes(value) ? (many ? before.filter((one) => one !== value) : []) : many ? [...before, value] : [value];
  // One tile speaks for a parameter at a time.
  const rest = picks.filter((one) => one.parameter !== parameter.name);
  return values.length ? [...rest, { tile, parameter: parameter.name, values }] : rest;
}

/** The values with what was picked, as the tile `of` is asked with them. */
export function withPicks(values: Values, picks: readonly Pick[], parameters: readonly Parameter[], of: string): Values {
  const made = { ...values };
  for (const pick of picks) {
    const parameter = parameters.find((one) => one.name === pick.parameter);
    if (!parameter || pick.tile === of) continue;
    made[pick.parameter] = parameter.type === 'multiselect' ? [...pick.values] : (pick.values[0] ?? '');
  }
  return made;
}

// --- drilling ---

export interface Crumb {
  label: string;
  /** What the parameters become when one goes back here; null: without a value. */
  values: Readonly<Record<string, ParameterValue | null>>;
}

const first = (value: ParameterValue | undefined): string => (Array.isArray(value) ? (value.length === 1 ? (value[0] ?? '') : '') : typeof value === 'string' ? value : '');

/** The way down so far. Each crumb but the last leads back. */
export function crumbs(click: Click & { kind: 'drill' }, values: Values, parameters: readonly Parameter[]): Crumb[] {
  const { levels, filters, parameter } = click;
  const depth = Math.max(0, levels.indexOf(first(values[parameter])));
  const made: Crumb[] = [];
  for (let level = 0; level <= depth; level++) {
    const above = level === 0 ? '' : first(values[filters[levels[level - 1] ?? ''] ?? '']);
    const back: Record<string, ParameterValue | null> = { [parameter]: levels[level] ?? '' };
    for (const below of levels.slice(level)) {
      const name = filters[below];
      if (name !== undefined) back[name] = parameters.find((one) => one.name === name)?.type === 'multiselect' ? [] : null;
    }
    made.push({ label: level === 0 ? 'All' : above || (levels[level - 1] ?? ''), values: back });
  }
  return made;
}

/** One level down at this point; undefined: there is none below, or the mark has no value. */
export function drillDown(click: Click & { kind: 'drill' }, point: Point, values: Values, parameters: readonly Parameter[]): Values | undefined {
  const { levels, filters, parameter } = click;
  const depth = Math.max(0, levels.indexOf(first(values[parameter])));
  const level = levels[depth];
  const next = levels[depth + 1];
  if (level === undefined || next === undefined) return undefined;
  // The column of the level may be called by its own name, or by what the chart shows along x.
  const text = valueAt(point, level) ?? Object.values(point).map(String)[0];
  const name = filters[level];
  if (text === undefined || name === undefined) return undefined;
  return { ...values, [parameter]: next, [name]: asValue(parameters.find((one) => one.name === name), text) };
}

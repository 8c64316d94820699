// Changes to a report, as it stands in its files: report.yml's keys and values and the SQL of its
// queries. Nothing is changed in place, and keys that this does not know stay as they are.
import type { ChartSpec } from './chart/spec';
import { type Data, isData, textOf } from './data';
import { type Place, type Placed, compact, put, room } from './layout';
import type { Parameter, ParameterType, TileKind } from './report';

export interface Content {
  readonly report: Data;
  readonly queries: Readonly<Record<string, string>>;
}

type Lists = 'tiles' | 'queries' | 'parameters' | 'tabs';

export const items = (content: Content, key: Lists): Data[] => {
  const value = content.report[key];
  return Array.isArray(value) ? value.filter(isData) : [];
};
const whole = (value: unknown, fallback: number): number => (typeof value === 'number' && Number.isInteger(value) ? value : fallback);
export const idOf = (item: Data): string => textOf(item['id']);

/** Without the keys whose value is undefined or an empty text: the file says nothing for them. */
export function tidy(data: Data): Data {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined && value !== ''));
}

function withItems(content: Content, key: Lists, list: readonly Data[]): Content {
  return { ...content, report: { ...content.report, [key]: list } };
}

/** A name that is not taken: of the words, or of the words with a number behind. */
export function freeName(wanted: string, taken: readonly string[], fallback: string): string {
  const plain = wanted.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, 40) || fallback;
  const used = new Set(taken.map((one) => one.toLowerCase()));
  if (!used.has(plain)) return plain;
  for (let nr = 2; ; nr++) if (!used.has(`${plain}_${nr}`)) return `${plain}_${nr}`;
}

export const isName = (name: string): boolean => /^[A-Za-z0-9_-]{1,63}$/.test(name);

// --- the report itself ---

export function setHead(content: Content, parts: { title?: string; description?: string; collection?: string; time_zone?: string; owner?: string }): Content {
  return { ...content, report: tidy({ ...content.report, ...parts }) };
}

// --- tabs ---

/** The tab of a tile; empty when the report has none. */
export function tabOfTile(content: Content, tile: Data): string {
  const tabs = items(content, 'tabs').map(idOf);
  const own = textOf(tile['tab']);
  return tabs.includes(own) ? own : (tabs[0] ?? '');
}

/** Another tab behind the others. The first one takes the tiles that there are into a tab of their own. */
export function addTab(content: Content, title: string): { content: Content; id: string } {
  const tabs = items(content, 'tabs');
  const before = tabs.length ? tabs : [{ id: 'overview', title: 'Overview' }];
  const id = freeName(title, before.map(idOf), 'tab');
  return { content: withItems(content, 'tabs', [...before, { id, title }]), id };
}

export function setTab(content: Content, id: string, title: string): Content {
  return withItems(content, 'tabs', items(content, 'tabs').map((tab) => (idOf(tab) === id ? { ...tab, title } : tab)));
}

/** Its tiles go below those of the first of the other tabs; one tab alone is none. */
export function removeTab(content: Content, id: string): Content {
  const left = items(content, 'tabs').filter((tab) => idOf(tab) !== id);
  const home = idOf(left[0] ?? {});
  const bottom = Math.max(0, ...boxes(content, home).map((box) => box.y + box.h));
  const moved = items(content, 'tiles').map((tile) => (tabOfTile(content, tile) === id ? tidy({ ...tile, tab: home, y: whole(tile['y'], 0) + bottom }) : tile));
  const next = withItems(content, 'tiles', left.length > 1 ? moved : moved.map((tile) => tidy({ ...tile, tab: undefined })));
  const { tabs: _tabs, ...report } = next.report;
  return closeUp(left.length > 1 ? withItems(next, 'tabs', left) : { ...next, report });
}

export function moveTab(content: Content, id: string, by: -1 | 1): Content {
  const tabs = items(content, 'tabs');
  const at = tabs.findIndex((tab) => idOf(tab) === id);
  const [one, other] = [tabs[at], tabs[at + by]];
  if (!one || !other) return content;
  // Tiles without a tab stand in the first one, so each says now where it stands.
  const said = withItems(content, 'tiles', items(content, 'tiles').map((tile) => (tile['tab'] === tabOfTile(content, tile) ? tile : { ...tile, tab: tabOfTile(content, tile) })));
  return withItems(said, 'tabs', tabs.map((tab, i) => (i === at ? other : i === at + by ? one : tab)));
}

// --- tiles ---

/** The places of the tiles of a tab; of all tiles when none is named. */
export function boxes(content: Content, tab?: string): Placed[] {
  return items(content, 'tiles').filter((tile) => tab === undefined || tabOfTile(content, tile) === tab).map((tile) => ({ id: idOf(tile), x: whole(tile['x'], 0), y: whole(tile['y'], 0), w: whole(tile['w'], 8), h: whole(tile['h'], 6) }));
}

/** Tiles at these places; those that did not move stay the same objects. */
export function setBoxes(content: Content, placed: readonly Placed[]): Content {
  const by = new Map(placed.map((box) => [box.id, box]));
  let moved = false;
  const tiles = items(content, 'tiles').map((tile) => {
    const box = by.get(idOf(tile));
    if (!box || (box.x === tile['x'] && box.y === tile['y'] && box.w === tile['w'] && box.h === tile['h'])) return tile;
    moved = true;
    return { ...tile, x: box.x, y: box.y, w: box.w, h: box.h };
  });
  return moved ? withItems(content, 'tiles', tiles) : content;
}

export interface NewTile {
  kind: TileKind;
  query?: string;
  title?: string;
  markdown?: string;
  chart?: ChartSpec;
  tab?: string;
  image?: string;
  alt?: string;
}

const sizes = { number: { w: 6, h: 5 }, chart: { w: 12, h: 9 }, table: { w: 12, h: 9 }, text: { w: 12, h: 4 }, section: { w: 24, h: 2 }, image: { w: 6, h: 6 } };

export function addTile(content: Content, tile: NewTile): { content: Content; id: string } {
  const tiles = items(content, 'tiles');
  const id = freeName(tile.title ?? '', tiles.map(idOf), tile.kind === 'chart' || tile.kind === 'table' ? 'tile' : tile.kind);
  const size = tile.chart?.type === 'number' ? sizes.number : sizes[tile.kind];
  const place: Place = room(boxes(content, tile.tab || undefined), size);
  const made = tidy({
    id, kind: tile.kind, title: tile.title, query: tile.query, tab: tile.tab, ...place, image: tile.image, alt: tile.alt,
    markdown: tile.kind === 'text' ? (tile.markdown ?? '## A heading') : undefined,
    chart: tile.kind === 'chart' ? (tile.chart ?? { type: 'table', y: [] }) : undefined,
  });
  return { content: withItems(content, 'tiles', [...tiles, made]), id };
}

export function setTile(content: Content, id: string, parts: Data): Content {
  return withItems(content, 'tiles', items(content, 'tiles').map((tile) => (idOf(tile) === id ? tidy({ ...tile, ...parts }) : tile)));
}

export function removeTile(content: Content, id: string): Content {
  const left = withItems(content, 'tiles', items(content, 'tiles').filter((tile) => idOf(tile) !== id));
  return closeUp(left);
}

/** Closes the gap that a tile leaves. */
function closeUp(content: Content): Content {
  const tabs = items(content, 'tabs').map(idOf);
  return tabs.length ? tabs.reduce((next, tab) => setBoxes(next, compact(boxes(next, tab))), content) : setBoxes(content, compact(boxes(content)));
}

export function duplicateTile(content: Content, id: string): { content: Content; id: string } {
  const tiles = items(content, 'tiles');
  const tile = tiles.find((one) => idOf(one) === id);
  const around = boxes(content, tile && tabOfTile(content, tile));
  const box = around.find((one) => one.id === id);
  if (!tile || !box) return { content, id };
  const copy = freeName(id.replace(/_\d+$/, ''), tiles.map(idOf), 'tile');
  const made = withItems(content, 'tiles', [...tiles, { ...tile, id: copy }]);
  const right = { ...box, x: box.x + box.w };
  const fits = right.x + right.w <= 24 && !around.some((one) => one.x < right.x + right.w && right.x < one.x + one.w && one.y < right.y + right.h && right.y < one.y + one.h);
  return { content: setBoxes(made, put([...around, { ...box, id: copy, y: -1 }], copy, fits ? right : { ...box, y: box.y + box.h })), id: copy };
}

// --- queries ---

export function addQuery(content: Content, query: { title?: string; sql: string }): { content: Content; id: string } {
  const queries = items(content, 'queries');
  const id = freeName(query.title ?? '', queries.map(idOf), 'query');
  const made = withItems(content, 'queries', [...queries, tidy({ id, title: query.title, file: `${id}.sql` })]);
  return { content: { ...made, queries: { ...content.queries, [id]: query.sql } }, id };
}

export function setQuery(content: Content, id: string, parts: Data): Content {
  return withItems(content, 'queries', items(content, 'queries').map((query) => (idOf(query) === id ? tidy({ ...query, ...parts }) : query)));
}

export function setSql(content: Content, id: string, sql: string): Content {
  return content.queries[id] === sql ? content : { ...content, queries: { ...content.queries, [id]: sql } };
}

/** Titles of the tiles, and labels of the parameters, that need this query. */
export function usersOf(content: Content, id: string): string[] {
  const tiles = items(content, 'tiles').filter((tile) => tile['query'] === id).map((tile) => textOf(tile['title']) || idOf(tile));
  const parameters = items(content, 'parameters').filter((one) => isData(one['options']) && one['options']['query'] === id).map((one) => `the choices of ${textOf(one['label']) || textOf(one['name'])}`);
  return [...tiles, ...parameters];
}

/** With the tiles that show it; parameters lose the choices that came from it. */
export function removeQuery(content: Content, id: string): Content {
  const { [id]: _gone, ...queries } = content.queries;
  const tiles = items(content, 'tiles').filter((tile) => tile['query'] !== id);
  const parameters = items(content, 'parameters').map((one) => (isData(one['options']) && one['options']['query'] === id ? tidy({ ...one, options: undefined }) : one));
  let left = withItems({ ...content, queries }, 'queries', items(content, 'queries').filter((query) => idOf(query) !== id));
  if (tiles.length < items(content, 'tiles').length) left = closeUp(withItems(left, 'tiles', tiles));
  return parameters.length ? withItems(left, 'parameters', parameters) : left;
}

// --- parameters ---

export function addParameter(content: Content, type: ParameterType): { content: Content; name: string } {
  const all = items(content, 'parameters');
  const wanted = type === 'daterange' ? 'dates' : type === 'aggregation' ? 'grain' : type === 'number_range' ? 'range' : 'choice';
  const name = freeName(wanted, all.map((one) => textOf(one['name'])), 'choice');
  const fallback = type === 'daterange' ? 'last 28 days' : type === 'aggregation' ? 'day' : undefined;
  return { content: withItems(content, 'parameters', [...all, tidy({ name, type, default: fallback })]), name };
}

export function setParameter(content: Content, at: number, parts: Data): Content {
  return withItems(content, 'parameters', items(content, 'parameters').map((one, i) => (i === at ? tidy({ ...one, ...parts }) : one)));
}

/** Another type: choices and a default of the old one mean nothing to it. */
export function retype(content: Content, at: number, type: ParameterType): Content {
  const lists = (kind: unknown): boolean => kind === 'select' || kind === 'multiselect';
  const one = items(content, 'parameters')[at];
  const keep = one && lists(type) ? one['options'] : undefined;
  return setParameter(content, at, { type, options: keep, default: undefined });
}

export function removeParameter(content: Content, at: number): Content {
  const left = items(content, 'parameters').filter((_, i) => i !== at);
  const { parameters: _all, ...report } = content.report;
  return left.length ? withItems(content, 'parameters', left) : { ...content, report };
}

export function moveParameter(content: Content, at: number, by: -1 | 1): Content {
  const all = items(content, 'parameters');
  const to = at + by;
  const [one, other] = [all[at], all[to]];
  if (!one || !other) return content;
  return withItems(content, 'parameters', all.map((each, i) => (i === at ? other : i === to ? one : each)));
}

/** Choices as lines of text, "value" or "value = label", and back. */
export function choicesText(options: Parameter['options']): string {
  return 'query' in options ? '' : options.map(({ value, label }) => (label === value ? value : `${value} = ${label}`)).join('\n');
}
export function readChoices(lines: string): unknown[] {
  return lines.split('\n').map((line) => line.trim()).filter(Boolean).map((line) => {
    const [, value, label] = /^(.*?)\s+=\s+(.*)$/.exec(line) ?? [];
    return value !== undefined && label ? { value, label } : line;
  });
}

/**
 * SQL of a report's query as the server runs it by name: the report's parameters as a form behind
 * it, so that places in it stay what they are. "%" is escaped: no text in a label ends the form.
 */
export function withForm(sql: string, content: Content): string {
  const parameters = items(content, 'parameters');
  if (parameters.length === 0) return sql;
  const fields = Object.fromEntries(parameters.map(({ name, ...field }) => [textOf(name), field]));
  return `${sql}\n{% form %}\n${JSON.stringify(fields).replaceAll('%', '\\u0025')}\n{% endform %}\n`;
}

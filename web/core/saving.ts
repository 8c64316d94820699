// A query on its way into the workspace: its id in a report, the tile that shows it, the name of a view.
import type { ChartSpec } from './chart/spec';

type Data = Record<string, unknown>;
export interface Content {
  report: Data;
  queries: Record<string, string>;
}

const items = (report: Data, key: string): Data[] => {
  const list = report[key];
  return Array.isArray(list) ? list.filter((one): one is Data => typeof one === 'object' && one !== null) : [];
};

/** "Orders by day" -> "orders_by_day"; '' when no letter is left. */
export function slugOf(title: string): string {
  const plain = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, 50);
  return /^\d/.test(plain) ? `q_${plain}` : plain;
}

function free(wanted: string, taken: readonly string[]): string {
  for (let i = 1; ; i++) {
    const id = i === 1 ? wanted : `${wanted}_${i}`;
    if (!taken.includes(id)) return id;
  }
}

/** The report with one more query, and a tile of it below the others when there is a `spec`. */
export function withQuery({ report, queries }: Content, query: { title: string; sql: string; spec?: ChartSpec | undefined }): { content: Content; id: string } {
  const list = items(report, 'queries');
  const tiles = items(report, 'tiles');
  const id = free(slugOf(query.title) || 'query', [...list.map((one) => String(one['id'])), ...Object.keys(queries)]);
  const next: Data = { ...report, queries: [...list, { id, title: query.title }] };
  if (query.spec) {
    const bottom = Math.max(0, ...tiles.map((tile) => Number(tile['y'] ?? 0) + Number(tile['h'] ?? 0)));
    const tile = free(id, tiles.map((one) => String(one['id'])));
    const table = query.spec.type === 'table';
    next['tiles'] = [...tiles, { id: tile, kind: table ? 'table' : 'chart', query: id, title: query.title, x: 0, y: bottom, w: table ? 24 : 12, h: 9, ...(table ? {} : { chart: plain(query.spec) }) }];
  }
  return { content: { report: next, queries: { ...queries, [id]: query.sql } }, id };
}

/** Without what is not said, as a file has it. */
function plain(spec: ChartSpec): Data {
  return JSON.parse(JSON.stringify(spec)) as Data;
}

/** What is wrong with a name for a view, snippet or definition; '' when nothing is. */
export function faultOf(name: string): string {
  if (!name) return 'It needs a name.';
  return /^[a-z_][a-z0-9_]{0,62}$/.test(name) ? '' : 'Use a to z, 0 to 9 and _; at most 63, not a digit first.';
}

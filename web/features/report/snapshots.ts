// Runs of a report that were kept.
import { ApiError, send } from '../../api/client';
import { ColumnsReader } from '../../core/columns';
import type { Values } from '../../core/report';
import type { Table } from '../../core/table';

type Data = Record<string, unknown>;
const object = (value: unknown): Data => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export interface SnapshotHead {
  id: string;
  title: string;
  at: Date;
  by: string;
  values: Values;
  /** The reader may delete it. */
  mine: boolean;
}
export interface Snapshot extends SnapshotHead {
  /** The report that was run, by its id. */
  report: string;
  /** The events in its rows: all records of the event log before this one. */
  logBefore: number | undefined;
  /** The report's file as it was. */
  file: Data;
  queries: { id: string; error: string; truncated: boolean }[];
}

async function get(url: string, signal?: AbortSignal): Promise<Data> {
  return object(await (await send('get', url, { signal })).json());
}

function headOf(data: Data): SnapshotHead {
  const by = object(data['by']);
  return { id: text(data['id']), title: text(data['title']), at: new Date(text(data['at'])), by: text(by['name']) || text(by['email']), values: object(data['values']) as Values, mine: data['mine'] === true };
}

export async function snapshots(report: string, signal?: AbortSignal): Promise<SnapshotHead[]> {
  const answer = await get(`/api/reports/${encodeURIComponent(report)}/snapshots`, signal);
  return list(answer['snapshots']).map((one) => headOf(object(one)));
}

export async function keep(report: string, values: Values, title: string): Promise<string> {
  const response = await send('post', `/api/reports/${encodeURIComponent(report)}/snapshots`, { body: { values, ...(title ? { title } : {}) } });
  return text(object(await response.json())['id']);
}

export async function removeSnapshot(id: string): Promise<void> {
  await send('delete', `/api/snapshots/${encodeURIComponent(id)}`);
}

export async function snapshot(id: string, signal: AbortSignal): Promise<Snapshot> {
  const data = await get(`/api/snapshots/${encodeURIComponent(id)}`, signal);
  const before = object(data['data_version'])['log_before'];
  return {
    ...headOf(data), report: text(data['report']), logBefore: typeof before === 'number' ? before : undefined, file: object(data['document']),
    queries: Object.entries(object(data['queries'])).map(([query, about]) => ({ id: query, error: text(object(about)['error']), truncated: object(about)['truncated'] === true })),
  };
}

export async function snapshotRows(id: string, query: string, signal: AbortSignal): Promise<Table> {
  const response = await send('get', `/api/snapshots/${encodeURIComponent(id)}/${encodeURIComponent(query)}`, { signal });
  const reader = new ColumnsReader();
  reader.push(new Uint8Array(await response.arrayBuffer()));
  reader.close();
  if (reader.fault) throw new ApiError('refused', reader.fault.message);
  if (!reader.table) throw new ApiError('offline', 'the server sent nothing');
  return reader.table;
}

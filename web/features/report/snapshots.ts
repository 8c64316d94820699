// Runs of a report that were kept.
import { type AnswerOf, ApiError, call, send } from '../../api/client';
import { ColumnsReader } from '../../core/columns';
import type { Data } from '../../core/data';
import type { Values } from '../../core/report';
import type { Table } from '../../core/table';

export interface SnapshotHead {
  id: string;
  title: string;
  at: Date;
  by: string;
  values: Values;
}
export interface Listed extends SnapshotHead {
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

type Head = AnswerOf<'/api/reports/{id}/snapshots', 'get'>['snapshots'][number];

function headOf({ id, title, at, by, values }: Omit<Head, 'mine'>): SnapshotHead {
  return { id, title, at: new Date(at), by: by.name || by.email, values: values as Values };
}

export async function snapshots(report: string, signal?: AbortSignal): Promise<Listed[]> {
  const answer = await call('get', '/api/reports/{id}/snapshots', { path: { id: report }, signal });
  return answer.snapshots.map((one) => ({ ...headOf(one), mine: one.mine }));
}

export async function keep(report: string, values: Values, title: string): Promise<string> {
  const { id } = await call('post', '/api/reports/{id}/snapshots', { path: { id: report }, body: { values, ...(title ? { title } : {}) } });
  return id;
}

export async function removeSnapshot(id: string): Promise<void> {
  await call('delete', '/api/snapshots/{id}', { path: { id } });
}

export async function snapshot(id: string, signal: AbortSignal): Promise<Snapshot> {
  const data = await call('get', '/api/snapshots/{id}', { path: { id }, signal });
  return {
    ...headOf(data), report: data.report, logBefore: data.data_version.log_before ?? undefined, file: data.document,
    queries: Object.entries(data.queries).map(([query, about]) => ({ id: query, error: about.error ?? '', truncated: about.truncated })),
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

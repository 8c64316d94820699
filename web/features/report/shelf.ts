// What the server knows of a report beside its content: with whom it is shared, and that it was opened.
import { send } from '../../api/client';

type Data = Record<string, unknown>;
const object = (value: unknown): Data => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

async function get(url: string, signal?: AbortSignal): Promise<Data> {
  return object(await (await send('get', url, { signal })).json());
}

export interface Shared {
  people: string[];
  groups: string[];
  company: boolean;
}

export async function shareOf(report: string, signal: AbortSignal): Promise<Shared> {
  const share = object((await get(`/api/reports/${encodeURIComponent(report)}`, signal))['share']);
  return { people: list(share['people']).map(text), groups: list(share['groups']).map(text), company: share['company'] === true };
}

export async function putShare(report: string, share: Shared): Promise<void> {
  await send('put', `/api/reports/${encodeURIComponent(report)}/share`, { body: share });
}

/** For the list's order, and so that it is not archived. It may fail without harm. */
export function noteOpened(report: string): void {
  void send('post', `/api/reports/${encodeURIComponent(report)}/open`).catch(() => undefined);
}

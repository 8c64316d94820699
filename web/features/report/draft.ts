// What somebody typed into a report and did not save, kept on the server against a crash.
import { asApiError, call } from '../../api/client';
import type { Data } from '../../core/data';
import type { Content } from '../../core/edit';

export interface Draft extends Content {
  base: string;
  savedAt: Date;
}

const draftKey = (id: string): string => `report:${id}`;

/** What was typed and not saved; undefined when there is nothing. */
export async function readDraft(id: string, signal: AbortSignal): Promise<Draft | undefined> {
  try {
    const { draft, saved_at } = await call('get', '/api/drafts/{key}', { path: { key: draftKey(id) }, signal });
    const { report, queries, base } = draft as Partial<Record<'report' | 'queries' | 'base', unknown>>;
    if (typeof report !== 'object' || report === null || typeof queries !== 'object' || queries === null || typeof base !== 'string') return undefined;
    return { report: report as Data, queries: queries as Record<string, string>, base, savedAt: new Date(saved_at) };
  } catch (cause) {
    if (asApiError(cause).status === 404 || signal.aborted) return undefined;
    throw cause;
  }
}

export function dropDraft(id: string): Promise<unknown> {
  return call('delete', '/api/drafts/{key}', { path: { key: draftKey(id) } });
}

export function keepDraft(id: string, { report, queries }: Content, base: string): Promise<unknown> {
  return call('put', '/api/drafts/{key}', { path: { key: draftKey(id) }, body: { report, queries, base } });
}

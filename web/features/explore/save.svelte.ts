// Saving what is in front to where it came from, or to a new place; and the way out when somebody else
// saved meanwhile.
import { ApiError, asApiError, call } from '../../api/client';
import type { ChartSpec } from '../../core/chart/spec';
import type { Origin } from '../../core/desk';
import { type Content, withQuery } from '../../core/saving';
import type { Desk } from './desk.svelte';

export type DocumentKind = 'view' | 'snippet' | 'definition';
const paths = { view: '/api/views/{name}', snippet: '/api/snippets/{name}', definition: '/api/definitions/{name}' } as const;

/** Somebody else saved the same text. */
export interface Clash {
  origin: Origin;
  mine: string;
  theirs: string;
  /** The version of theirs. */
  version: string;
}

export function readDocument(kind: DocumentKind, name: string) {
  return call('get', paths[kind], { path: { name } });
}

/** A comment on top is the document's description, which the file has there anyway. */
export async function saveDocument(kind: DocumentKind, name: string, sql: string, more: { description?: string; base?: string } = {}): Promise<Origin> {
  const { version } = await call('put', paths[kind], { path: { name }, body: { sql, ...more } });
  return { kind, name, version, saved: sql };
}

/** As the contract's type has it: a report of any keys. */
const fileOf = ({ report }: Content) => report as Record<string, never>;
const contentOf = (answer: { report: unknown; queries: Record<string, string> }): Content => ({ report: answer.report as Content['report'], queries: answer.queries });

export async function addToReport(id: string, query: { title: string; sql: string; spec?: ChartSpec | undefined }): Promise<Origin> {
  const found = await call('get', '/api/reports/{id}', { path: { id } });
  const { content, id: made } = withQuery(contentOf(found), query);
  const { version } = await call('put', '/api/reports/{id}', { path: { id }, body: { report: fileOf(content), queries: content.queries, base: found.version, message: `Add ${query.title}` } });
  return { kind: 'query', report: id, query: made, title: query.title, version, saved: query.sql };
}

export async function makeReport(title: string, collection: string, query: { title: string; sql: string; spec?: ChartSpec | undefined }): Promise<Origin> {
  const { content, id: made } = withQuery({ report: { title, ...(collection ? { collection } : {}) }, queries: {} }, query);
  const { id, version } = await call('post', '/api/reports', { body: { report: fileOf(content), queries: content.queries } });
  return { kind: 'query', report: id, query: made, title: query.title, version, saved: query.sql };
}

/** Over what is there, whoever wrote it: with the newest version as its base. */
async function putQuery(origin: Origin & { kind: 'query' }, sql: string, base: { content: Content; version: string }): Promise<Origin> {
  const queries = { ...base.content.queries, [origin.query]: sql };
  const { version } = await call('put', '/api/reports/{id}', { path: { id: origin.report }, body: { report: fileOf(base.content), queries, base: base.version, message: `Change ${origin.title}` } });
  return { ...origin, version, saved: sql };
}

/** Saves to where it came from. A clash: nothing is saved, and somebody must choose. */
export async function saveBack(origin: Origin, sql: string): Promise<Origin | Clash> {
  if (origin.kind !== 'query') {
    try {
      return await saveDocument(origin.kind, origin.name, sql, { base: origin.version });
    } catch (cause) {
      const error = asApiError(cause);
      if (error.status !== 409) throw error;
      const { sql: theirs, version } = await readDocument(origin.kind, origin.name);
      return { origin, mine: sql, theirs, version };
    }
  }
  const found = await call('get', '/api/reports/{id}', { path: { id: origin.report } });
  const theirs = found.queries[origin.query];
  if (theirs === undefined) throw new ApiError('refused', `The report has no query “${origin.title}” any more; save it as a new one.`);
  // Its other parts are theirs in any case; only this query's text is ours.
  if (theirs !== origin.saved && theirs !== sql) return { origin, mine: sql, theirs, version: found.version };
  return putQuery(origin, sql, { content: contentOf(found), version: found.version });
}

/** Mine over theirs, after the choice; theirs stay in the history. */
export async function saveOver({ origin, mine, version }: Clash): Promise<Origin> {
  if (origin.kind !== 'query') return saveDocument(origin.kind, origin.name, mine, { base: version });
  const found = await call('get', '/api/reports/{id}', { path: { id: origin.report } });
  return putQuery(origin, mine, { content: contentOf(found), version: found.version });
}

/** Opens a report's query, where it is open already or in a tab of its own. */
export async function openQuery(desk: Desk, report: string, query: string): Promise<void> {
  const found = await desk.readReport(report, true);
  const sql = found?.queries[query];
  if (!found || sql === undefined) throw new ApiError('refused', `This report has no query “${query}”.`);
  const titles = (found.report as { queries?: { id?: string; title?: string }[] }).queries ?? [];
  const title = titles.find((one) => one.id === query)?.title ?? query;
  desk.tabs.reopen({ kind: 'query', report, query, title, version: found.version, saved: sql });
}

export async function openDocument(desk: Desk, kind: DocumentKind, name: string): Promise<void> {
  const { sql, version } = await readDocument(kind, name);
  desk.tabs.reopen({ kind, name, version, saved: sql });
}

// What the server knows of a report beside its content: with whom it is shared, and that it was opened.
import { type BodyOf, call } from '../../api/client';

export type Shared = Required<NonNullable<BodyOf<'/api/reports/{id}/share', 'put'>>>;

export async function shareOf(report: string, signal: AbortSignal): Promise<Shared> {
  const { share } = await call('get', '/api/reports/{id}', { path: { id: report }, signal });
  return share ?? { people: [], groups: [], company: false };
}

export async function putShare(report: string, share: Shared): Promise<void> {
  await call('put', '/api/reports/{id}/share', { path: { id: report }, body: share });
}

/** For the list's order, and so that it is not archived. It may fail without harm. */
export function noteOpened(report: string): void {
  void call('post', '/api/reports/{id}/open', { path: { id: report } }).catch(() => undefined);
}

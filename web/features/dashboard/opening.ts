// A report as readers see it, for the page and for paper.
import { asApiError, call } from '../../api/client';

/** The version asked for; without one what is published, or the draft of what is not. */
export async function openReport(id: string, version: string | undefined, signal: AbortSignal): Promise<Awaited<ReturnType<typeof call<'get', '/api/reports/{id}'>>>> {
  const read = (one: string): ReturnType<typeof call<'get', '/api/reports/{id}'>> => call('get', '/api/reports/{id}', { path: { id }, query: { version: one }, signal });
  if (version !== undefined) return read(version);
  try {
    return await read('published');
  } catch (cause) {
    if (asApiError(cause).status !== 404) throw cause;
    return read('');
  }
}

/** The address of a tile's image; '' when it has none. */
export function imageAddress(id: string, image: string, version: string | undefined): string {
  return image ? `/api/reports/${encodeURIComponent(id)}/files/${encodeURIComponent(image)}?v=${encodeURIComponent(version ?? '')}` : '';
}

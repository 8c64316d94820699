// The results of a report's queries in one answer (POST /api/page): each is told as soon as it is whole.
import { ColumnsError } from '../core/columns';
import { type PagePart, PageReader } from '../core/page';
import { ApiError, type BodyOf, asApiError, send } from './client';

export type PageBody = NonNullable<BodyOf<'/api/page', 'post'>>;

/** Ends when the page has; what it has not told until then has failed, and the error says why. */
export async function readPage(body: PageBody, signal: AbortSignal, tell: (part: PagePart) => void): Promise<void> {
  const response = await send('post', '/api/page', { body, signal });
  const reader = new PageReader(tell);
  const stream = response.body?.getReader();
  try {
    for (;;) {
      const piece = await stream?.read();
      if (!piece || piece.done) break;
      reader.push(piece.value);
    }
    reader.close();
  } catch (cause) {
    if (!signal.aborted) await stream?.cancel().catch(() => undefined);
    throw cause instanceof ColumnsError ? new ApiError('offline', cause.message) : asApiError(cause);
  }
}

// What others change while we look (GET /api/changes), told to whoever listens. One stream for the
// app, open while somebody listens; the browser opens it again when it ends.
import { link, send } from '../api/client';
import { listOf } from '../core/data';
import { EventText } from '../core/events';

export interface Change {
  /** document, tables, schema, source; "again": the stream was broken, and anything may have changed. */
  kind: string;
  /** report, view, snippet, definition, collection; with kind "document" */
  document: string;
  id: string;
  /** null: it is gone. */
  version: string | null;
  /** Who; empty: a text editor, or git. */
  by: string;
  /** "schema.table", with kind "tables"; "*" stands for every one. */
  tables: readonly string[];
  /** The run of a source, with kind "source"; null when something else is other than it was. */
  run: unknown;
}

const listeners = new Set<(change: Change) => void>();
let stream: { close: () => void } | undefined;
let open = $state(false);

/** Is it told at once what changes? */
export const live = {
  get on(): boolean {
    return open;
  },
};

function read(text: string): Change | undefined {
  try {
    const data = JSON.parse(text) as Record<string, unknown>;
    const word = (key: string): string => (typeof data[key] === 'string' ? data[key] : '');
    return { kind: word('kind'), document: word('document'), id: word('id'), version: typeof data['version'] === 'string' ? data['version'] : null, by: word('by'), tables: listOf(data['tables']).filter((one): one is string => typeof one === 'string'), run: data['run'] ?? null };
  } catch {
    return undefined;
  }
}

let broken = false;

function opened(): void {
  open = true;
  if (broken) for (const one of listeners) one({ kind: 'again', document: '', id: '', version: null, by: '', tables: [], run: null });
  broken = false;
}
function closed(): void {
  open = false;
  broken = true;
}
function tell(text: string): void {
  const change = read(text);
  if (change) for (const one of listeners) one(change);
}

function byCookie(): { close: () => void } {
  const source = new EventSource('/api/changes');
  source.onopen = opened;
  source.onerror = closed;
  source.onmessage = (event: MessageEvent<string>) => tell(event.data);
  return source;
}

const AGAIN_MS = 2000;
const LATEST_MS = 60_000;

/** The same for an embedded page, whose requests carry its token. */
function byPass(): { close: () => void } {
  const abort = new AbortController();
  let wait = AGAIN_MS;
  async function listen(): Promise<void> {
    try {
      const response = await send('get', '/api/changes', { signal: abort.signal });
      const pieces = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const events = new EventText();
      opened();
      wait = AGAIN_MS;
      for (;;) {
        const piece = await pieces?.read();
        if (!piece || piece.done) break;
        events.push(piece.value).forEach(tell);
      }
    } catch {
      wait = Math.min(2 * wait, LATEST_MS);
    }
    if (abort.signal.aborted) return;
    closed();
    setTimeout(() => !abort.signal.aborted && void listen(), wait * (1 + Math.random() / 2));
  }
  void listen();
  return { close: () => abort.abort() };
}

/** Listens; gives the function that ends it, so an `$effect` can return it. */
export function onChange(listener: (change: Change) => void): () => void {
  listeners.add(listener);
  if (!stream && !link.seeAs) {
    broken = false;
    stream = link.pass ? byPass() : byCookie();
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size) return;
    stream?.close();
    stream = undefined;
    open = false;
  };
}

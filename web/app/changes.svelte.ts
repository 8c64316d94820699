// What others change while we look (GET /api/changes), told to whoever listens. One stream for the
// app, open while somebody listens; the browser opens it again when it ends.
import { link } from '../api/client';
import { listOf } from '../core/data';

export interface Change {
  /** document, tables, schema; "again": the stream was broken, and anything may have changed. */
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
}

const listeners = new Set<(change: Change) => void>();
let stream: EventSource | undefined;
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
    return { kind: word('kind'), document: word('document'), id: word('id'), version: typeof data['version'] === 'string' ? data['version'] : null, by: word('by'), tables: listOf(data['tables']).filter((one): one is string => typeof one === 'string') };
  } catch {
    return undefined;
  }
}

/** Listens; gives the function that ends it, so an `$effect` can return it. */
export function onChange(listener: (change: Change) => void): () => void {
  listeners.add(listener);
  if (!stream && !link.seeAs) {
    stream = new EventSource('/api/changes');
    let broken = false;
    stream.onopen = () => {
      open = true;
      if (broken) for (const one of listeners) one({ kind: 'again', document: '', id: '', version: null, by: '', tables: [] });
      broken = false;
    };
    stream.onerror = () => {
      open = false;
      broken = true;
    };
    stream.onmessage = (event: MessageEvent<string>) => {
      const change = read(event.data);
      if (change) for (const one of listeners) one(change);
    };
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size) return;
    stream?.close();
    stream = undefined;
    open = false;
  };
}

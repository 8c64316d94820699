// Reads the answer of POST /api/page (docs/format/page.md): frames of many queries, mixed as they
// become ready. What comes is checked before it is believed; a query whose part is broken fails alone.
import { ColumnsError, ColumnsReader, type ColumnTable, type StreamFault } from './columns';
import { type Data, dataOf, isData, listOf, textOf } from './data';

/** How long an answer holds: until its tables change, until a time, or not at all. */
export type Life = 'tables' | 'seconds' | 'none';

export interface PageHead {
  query: string;
  etag: string;
  cached: boolean;
  /** RFC 3339; when the answer was computed. */
  computedAt: string;
  /** When what it read was last brought up to date; empty: not known. */
  freshAt: string;
  /** Since when a source of what it read fails: its rows are from before. Empty: none does. */
  failingSince: string;
  /** Likewise a materialized view that it read, which cannot be computed. */
  viewFailingSince: string;
  /** Likewise a source that was removed, whose file has a mistake, that is paused, and a table that is gone at its source. */
  removedSince: string;
  brokenSince: string;
  pausedSince: string;
  goneSince: string;
  /** "schema.table" */
  reads: readonly string[];
  /** Names of the parameters that it uses; undefined: the server does not say. */
  params: readonly string[] | undefined;
  life: Life;
  expiresAt: string;
}

export type PagePart =
  | { kind: 'result'; index: number; head: PageHead; table: ColumnTable; rows: number; truncated: boolean; elapsedMs: number }
  | { kind: 'same'; index: number; head: PageHead }
  | { kind: 'fault'; index: number; head: PageHead | undefined; fault: StreamFault }
  | { kind: 'done'; elapsedMs: number; hits: number; misses: number };

const enum Frame {
  head = 1,
  piece,
  end,
  same,
  error,
  done,
}
const MOST_BYTES = 512 * 1024 ** 2;
const utf8 = new TextDecoder();

function json(bytes: Uint8Array): Data {
  try {
    return dataOf(JSON.parse(utf8.decode(bytes)));
  } catch {
    throw new ColumnsError('a frame of the page is no JSON object');
  }
}

function readHead(data: Data): PageHead {
  const params = data['params'];
  const life = data['life'];
  return {
    query: textOf(data['query']), etag: textOf(data['etag']), cached: data['cached'] === true, computedAt: textOf(data['computed_at']), freshAt: textOf(data['fresh_at']), failingSince: textOf(data['failing_since']), viewFailingSince: textOf(data['view_failing_since']),
    removedSince: textOf(data['removed_since']), brokenSince: textOf(data['broken_since']), pausedSince: textOf(data['paused_since']), goneSince: textOf(data['gone_since']),
    reads: listOf(data['reads']).filter((one): one is string => typeof one === 'string'),
    params: Array.isArray(params) ? params.filter((one): one is string => typeof one === 'string') : undefined,
    life: life === 'tables' || life === 'seconds' ? life : 'none', expiresAt: textOf(data['expires_at']),
  };
}

function readFault(data: Data): StreamFault {
  const error = dataOf(data['error']);
  const fault: StreamFault = { code: textOf(error['code']), message: textOf(error['message'], 'the server says that it failed, but not why') };
  const { position } = error;
  if (isData(position)) fault.position = { offset: Number(position['offset']), line: Number(position['line']), column: Number(position['column']) };
  return fault;
}

/** Fed with what comes; tells each part when it is whole. */
export class PageReader {
  done = false;
  private readonly open = new Map<number, { head: PageHead; reader: ColumnsReader }>();
  private readonly top = new Uint8Array(8);
  private topped = 0;
  private payload: Uint8Array | undefined;
  private filled = 0;
  private bytes = 0;

  constructor(private readonly tell: (part: PagePart) => void) {}

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.done) throw new ColumnsError('the page goes on after its end');
      const into = this.payload ?? this.top;
      const filled = this.payload ? this.filled : this.topped;
      const part = bytes.subarray(at, at + into.length - filled);
      into.set(part, filled);
      at += part.length;
      if (this.payload) this.filled += part.length;
      else if ((this.topped += part.length) === 8) this.begin();
      if (this.payload && this.filled === this.payload.length) this.finish(this.payload);
    }
  }

  /** Says that no more comes. */
  close(): void {
    if (!this.done) throw new ColumnsError('the connection broke before the page had ended');
  }

  private begin(): void {
    const length = new DataView(this.top.buffer).getUint32(0, true);
    this.bytes += length;
    if (length % 8) throw new ColumnsError('a frame of the page has an odd length');
    if (this.bytes > MOST_BYTES) throw new ColumnsError('the page is larger than a browser can hold');
    this.payload = new Uint8Array(length);
    this.filled = 0;
  }

  private finish(payload: Uint8Array): void {
    this.payload = undefined;
    this.topped = 0;
    const index = new DataView(this.top.buffer).getUint16(6, true);
    switch (this.top[4]) {
      case Frame.head:
        this.open.set(index, { head: readHead(json(payload)), reader: new ColumnsReader() });
        return;
      case Frame.piece:
        this.open.get(index)?.reader.push(payload);
        return;
      case Frame.end:
        this.end(index, json(payload));
        return;
      case Frame.same:
        this.tell({ kind: 'same', index, head: readHead(json(payload)) });
        return;
      case Frame.error:
        this.fail(index, readFault(json(payload)));
        return;
      case Frame.done: {
        const data = json(payload);
        this.done = true;
        this.tell({ kind: 'done', elapsedMs: Number(data['elapsed_ms'] ?? 0), hits: Number(data['hits'] ?? 0), misses: Number(data['misses'] ?? 0) });
        return;
      }
      default:
        throw new ColumnsError('the page holds a frame that this app does not know; reload it');
    }
  }

  private fail(index: number, fault: StreamFault): void {
    this.tell({ kind: 'fault', index, head: this.open.get(index)?.head, fault });
    this.open.delete(index);
  }

  private end(index: number, data: Data): void {
    const one = this.open.get(index);
    if (!one) return;
    this.open.delete(index);
    const { head, reader } = one;
    if (reader.fault) return this.tell({ kind: 'fault', index, head, fault: reader.fault });
    if (!reader.table || !reader.ending) return this.tell({ kind: 'fault', index, head, fault: { code: 'broken', message: 'the connection broke before the result had ended' } });
    this.tell({ kind: 'result', index, head, table: reader.table, rows: reader.ending.rows, truncated: reader.ending.truncated || data['truncated'] === true, elapsedMs: Number(data['elapsed_ms'] ?? reader.ending.elapsedMs) });
  }
}

// Reads the answer of POST /api/page (docs/format/page.md), and the rows in it.
import assert from 'node:assert/strict';
import { ColumnsReader } from '../../web/core/columns.js';
import type { Answer, Client } from './client.js';

export interface Head {
  query: string;
  etag: string;
  cached: boolean;
  computed_at: string;
  fresh_at: string | null;
  failing_since: string | null;
  view_failing_since: string | null;
  removed_since?: string;
  broken_since?: string;
  paused_since?: string;
  gone_since?: string;
  reads: string[];
  params: string[];
  life: 'tables' | 'seconds' | 'none';
  expires_at?: string;
}
export interface Part {
  head?: Head;
  same?: Head;
  rows?: unknown[][];
  truncated?: boolean;
  error?: { code: string; message: string; position?: { offset: number; line: number; column: number } };
}
export interface Page {
  parts: Part[];
  /** Indexes in the order in which they ended. */
  order: number[];
  done: { elapsed_ms: number; hits: number; misses: number };
}

export function rowsOf(stream: Buffer): unknown[][] {
  const reader = new ColumnsReader();
  reader.push(stream);
  reader.close();
  const { table } = reader;
  assert.ok(table && !reader.fault, JSON.stringify(reader.fault));
  return Array.from({ length: table.rows }, (_, row) => table.columns.map((_column, column) => table.value(row, column)));
}

/** Fails on whatever the format does not allow. */
export function readPage(bytes: Buffer): Page {
  const parts: Part[] = [];
  const order: number[] = [];
  const streams = new Map<number, Buffer[]>();
  let done: Page['done'] | undefined;
  for (let at = 0; at < bytes.length; ) {
    assert.equal(done, undefined, 'nothing follows done');
    const length = bytes.readUInt32LE(at);
    const kind = bytes.readUInt8(at + 4);
    const index = bytes.readUInt16LE(at + 6);
    assert.equal(length % 8, 0);
    assert.equal(bytes.readUInt8(at + 5), 0);
    const payload = bytes.subarray(at + 8, at + 8 + length);
    assert.equal(payload.length, length, 'a frame is whole');
    at += 8 + length;
    const json = kind === 2 ? {} : (JSON.parse(payload.toString()) as Record<string, unknown>);
    if (kind === 6) {
      assert.equal(index, 0);
      done = json as unknown as Page['done'];
      continue;
    }
    const part = (parts[index] ??= {});
    if (kind === 1) {
      assert.equal(part.head, undefined);
      part.head = json as unknown as Head;
      streams.set(index, []);
    } else if (kind === 2) {
      const stream = streams.get(index);
      assert.ok(stream, 'a head comes first');
      stream.push(payload);
    } else if (kind === 3) {
      part.rows = rowsOf(Buffer.concat(streams.get(index) ?? []));
      part.truncated = json['truncated'] as boolean;
      assert.equal(json['rows'], part.rows.length);
      order.push(index);
    } else if (kind === 4) {
      part.same = json as unknown as Head;
      order.push(index);
    } else {
      assert.equal(kind, 5);
      part.error = json['error'] as Part['error'];
      order.push(index);
    }
  }
  assert.ok(done, 'the page ends');
  return { parts, order, done };
}

export async function askPage(who: Client, body: object, headers: Record<string, string> = {}): Promise<Page> {
  const answer: Answer = await who.ask('POST', '/api/page', body, headers);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/vnd.weir.page');
  return readPage(answer.raw);
}

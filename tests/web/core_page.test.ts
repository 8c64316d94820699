import assert from 'node:assert/strict';
import test from 'node:test';
import { ColumnsError } from '../../web/core/columns';
import { type PagePart, PageReader } from '../../web/core/page';

const pad = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(32);
  padded.set(bytes);
  return padded;
};
function frame(kind: number, index: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, kind);
  view.setUint16(6, index, true);
  bytes.set(payload, 8);
  return bytes;
}
const json = (kind: number, index: number, data: unknown): Uint8Array => frame(kind, index, pad(JSON.stringify(data)));
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A result of one column of whole numbers, as the columns stream has it. */
function result(numbers: number[]): Uint8Array {
  const rows = new Uint8Array(8 + 8 + Math.ceil((numbers.length * 4) / 8) * 8);
  const view = new DataView(rows.buffer);
  view.setUint32(0, numbers.length, true);
  view.setUint32(4, 1, true);
  view.setUint8(8, 2);
  numbers.forEach((n, i) => view.setInt32(16 + 4 * i, n, true));
  return join(
    json(1, 0, { format: 'weir-columns', version: 1, columns: [{ name: 'n', type: 'int', engine_type: 'INTEGER' }] }), frame(2, 0, rows),
    json(3, 0, { rows: numbers.length, truncated: false, elapsed_ms: 1 }),
  );
}
const head = (query: string): unknown => ({ query, etag: `e-${query}`, cached: true, computed_at: '2026-03-01T12:00:00Z', fresh_at: null, reads: ['web.tracks'], params: ['sport'], life: 'tables' });
const end = { rows: 3, truncated: false, elapsed_ms: 2 };

function read(bytes: Uint8Array, step: number): PagePart[] {
  const parts: PagePart[] = [];
  const reader = new PageReader((part) => parts.push(part));
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.close();
  return parts;
}

test('answers of many queries are read from one stream, however it is cut', () => {
  const [a, b] = [result([1, 2, 3]), result([7])];
  const bytes = join(
    json(1, 0, head('a')), json(1, 2, head('b')), frame(2, 0, a.subarray(0, 24)), frame(2, 2, b), json(3, 2, { ...end, rows: 1 }),
    json(5, 1, { error: { code: 'query_failed', message: 'no such column', position: { offset: 3, line: 1, column: 4 } } }),
    frame(2, 0, a.subarray(24)), json(3, 0, end), json(4, 3, head('d')), json(6, 0, { elapsed_ms: 9, hits: 2, misses: 1 }),
  );
  for (const step of [1, 7, 64, bytes.length]) {
    const parts = read(bytes, step);
    assert.deepEqual(parts.map((part) => [part.kind, 'index' in part ? part.index : -1]), [['result', 2], ['fault', 1], ['result', 0], ['same', 3], ['done', -1]]);
    const [, fault, first] = parts;
    assert.ok(first?.kind === 'result' && fault?.kind === 'fault');
    assert.deepEqual([0, 1, 2].map((row) => first.table.value(row, 0)), [1, 2, 3]);
    assert.deepEqual(first.head, { query: 'a', etag: 'e-a', cached: true, computedAt: '2026-03-01T12:00:00Z', freshAt: '', failingSince: '', viewFailingSince: '', removedSince: '', brokenSince: '', pausedSince: '', goneSince: '', reads: ['web.tracks'], params: ['sport'], life: 'tables', expiresAt: '' });
    assert.deepEqual(fault.fault, { code: 'query_failed', message: 'no such column', position: { offset: 3, line: 1, column: 4 } });
  }
});

test('a page that breaks off, goes on, or is none is an error', () => {
  const done = json(6, 0, {});
  assert.throws(() => read(json(1, 0, head('a')), 8), /broke before/);
  assert.throws(() => read(join(done, done), 8), /goes on/);
  assert.throws(() => read(frame(9, 0, new Uint8Array(8)), 8), ColumnsError);
  assert.throws(() => read(frame(1, 0, pad('nothing')), 8), /no JSON/);
  assert.throws(() => read(new Uint8Array([3, 0, 0, 0, 1, 0, 0, 0]), 8), /odd length/);
  const short = read(join(json(1, 0, head('a')), frame(2, 0, result([1]).subarray(0, 24)), json(3, 0, end), done), 8);
  assert.equal(short[0]?.kind, 'fault', 'a result without its end fails alone');
});

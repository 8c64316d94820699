// The reader of columnar results, against what the real server sends, and against hostile bytes.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { ColumnsError, ColumnsReader } from '../../web/core/columns';
import { Weir } from '../node/weir';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  await weir.up();
});
after(() => weir.remove());

async function bytesOf(sql: string, limits: object = {}): Promise<Uint8Array> {
  const response = await fetch(`http://${weir.serve}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql, format: 'columns', limits }),
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/vnd.weir.columns');
  return new Uint8Array(await response.arrayBuffer());
}

function read(bytes: Uint8Array, step = bytes.length): ColumnsReader {
  const reader = new ColumnsReader();
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.slice(at, at + step));
  reader.close();
  return reader;
}

test('every type reads as the JSON answer says, NULL as NULL, however the bytes are cut', async () => {
  const sql = `select * from (values
      (1, 9007199254740993, 1.5::double, true, 'ü€', '{"a": 1}'::json, date '2026-01-31', timestamp '2026-01-31 12:30:00.000007', 12.50::decimal(9,2), [1, 2]),
      (null, null, null, null, null, null, null, null, null, null),
      (-7, -5000000000, 'nan'::double, false, '', '[]'::json, date '1969-12-31', timestamp '1969-12-31 23:59:59.5', -0.25, [])) t(a, b, c, d, e, f, g, h, i, j)`;
  const bytes = await bytesOf(sql);
  for (const step of [bytes.length, 1, 7, 64]) {
    const { table, ending } = read(bytes, step);
    assert.ok(table);
    assert.deepEqual(table.columns.map((c) => c.type), ['int', 'int', 'double', 'bool', 'text', 'json', 'date', 'timestamp', 'other', 'other']);
    const rows = Array.from({ length: table.rows }, (_, r) => table.columns.map((_c, c) => table.value(r, c)));
    assert.deepEqual(rows, [
      [1, '9007199254740993', 1.5, true, 'ü€', '{"a": 1}', '2026-01-31', '2026-01-31T12:30:00.000007Z', '12.50', '[1, 2]'],
      [null, null, null, null, null, null, null, null, null, null],
      [-7, -5000000000, 'NaN', false, '', '[]', '1969-12-31', '1969-12-31T23:59:59.500Z', '-0.25', '[]'],
    ]);
    assert.deepEqual([table.number(0, 0), table.number(2, 1), table.number(1, 0), table.number(0, 8), table.number(0, 4)], [1, -5000000000, null, 12.5, null]);
    assert.equal(ending?.rows, 3);
    assert.equal(ending?.truncated, false);
  }
});

test('infinities and far years are words', async () => {
  const { table } = read(await bytesOf("select 'infinity'::timestamp, '-infinity'::date, date '12020-01-01', (date '0044-03-15 (BC)')::timestamp"));
  assert.deepEqual([0, 1, 2, 3].map((c) => table?.value(0, c)), ['infinity', '-infinity', '+012020-01-01', '-000043-03-15T00:00:00Z']);
});

test('many rows come in frames and are found by their number', async () => {
  const { table, ending } = read(await bytesOf("select i, 'row ' || i as t from range(20000) r(i)"));
  assert.equal(ending?.rows, 20000);
  for (const row of [0, 19999, 2047, 2048, 12345, 1]) assert.deepEqual([table?.value(row, 0), table?.value(row, 1)], [row, `row ${row}`]);
  assert.equal(table?.value(20000, 0), null);
  assert.equal(table?.value(-1, 0), null);
  assert.equal(table?.value(0, 9), null);
});

test('no rows are a result, and limits say that they cut', async () => {
  const none = read(await bytesOf('select 1 as a where false'));
  assert.deepEqual([none.table?.rows, none.table?.columns[0]?.name], [0, 'a']);
  const cut = read(await bytesOf('select i from range(100000) r(i)', { rows: 3000 }));
  assert.deepEqual([cut.ending?.rows, cut.ending?.truncated], [3000, true]);
  const bytes = await bytesOf("select i, repeat('x', 100) from range(100000) r(i)", { bytes: 100_000 });
  assert.equal(read(bytes).ending?.truncated, true);
  assert.ok(bytes.length < 100_000 + 200, `${bytes.length} bytes`);
  const exact = read(await bytesOf('select i from range(3000) r(i)', { rows: 3000 }));
  assert.deepEqual([exact.ending?.rows, exact.ending?.truncated], [3000, false]);
});

test('an error after the first rows is told in the stream', async () => {
  // Now and then the engine breaks off before it says why; that is told as what it is, and asked again.
  for (let again = 0; ; again++) {
    const { table, fault, ending } = read(await bytesOf("select case when i = 900000 then ('row ' || i)::bigint else i end as v from range(1000000) t(i)"));
    assert.ok((table?.rows ?? 0) > 0, 'the rows before it are there');
    assert.equal(ending, undefined);
    if (again < 5 && /broke it off without saying why; run it again/.test(fault?.message ?? '')) continue;
    assert.match(fault?.message ?? '', /row 900000/);
    break;
  }
});

test('damaged streams are refused, never misread', async () => {
  const good = await bytesOf("select i, 'text ' || i as t, i / 3 as d, i % 2 = 0 as b from range(50) r(i)");
  const intact = JSON.stringify(read(good).ending);
  assert.throws(() => read(good.subarray(0, good.length - 8)), ColumnsError);
  assert.throws(() => read(new Uint8Array([...good, 0])), ColumnsError);
  assert.throws(() => {
    new ColumnsReader({ bytes: 100 }).push(good);
  }, /larger than this page can hold/);
  // Every byte of the frames' structure, changed in turn: an error of ours, or a result that reads.
  let refused = 0;
  for (let at = 0; at < good.length; at++) {
    for (const flip of [1, 0x80, 0xff]) {
      const bad = Uint8Array.from(good);
      bad[at] = (bad[at] ?? 0) ^ flip;
      try {
        const { table, ending } = read(bad);
        for (let row = 0; row < (table?.rows ?? 0); row++) for (let c = 0; c < 4; c++) table?.value(row, c);
        assert.ok((table?.rows ?? 0) <= 64 || JSON.stringify(ending) === intact);
      } catch (cause) {
        assert.ok(cause instanceof ColumnsError, String(cause));
        refused++;
      }
    }
  }
  assert.ok(refused > 100, `${refused} refused`);
});

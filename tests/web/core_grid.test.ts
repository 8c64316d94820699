// What stands behind the grid: order, search, the window on a million rows, profiles, the clipboard.
import assert from 'node:assert/strict';
import test from 'node:test';
import { findRows, sortRows, tsv } from '../../web/core/arrange';
import { cellText, pretty, relative, widths } from '../../web/core/cells';
import { profile } from '../../web/core/profile';
import { type ColumnType, type Table, type Value, tableOf } from '../../web/core/table';
import { TALLEST, columnsSeen, reveal, rowInSlot, rowsSeen, scrollOf } from '../../web/core/window';

function result(columns: Record<string, ColumnType>, rows: Value[][]): Table {
  return tableOf(Object.entries(columns).map(([name, type]) => ({ name, type, engineType: type.toUpperCase() })), rows);
}

test('sorting keeps the order of equals and puts NULL last both ways', async () => {
  const table = result({ n: 'int', t: 'text' }, [[2, 'b'], [null, 'a'], [1, null], [2, 'a'], [-5, 'c']]);
  assert.deepEqual([...(await sortRows(table, undefined, { column: 0, descending: false }))], [4, 2, 0, 3, 1]);
  assert.deepEqual([...(await sortRows(table, undefined, { column: 0, descending: true }))], [0, 3, 2, 4, 1]);
  assert.deepEqual([...(await sortRows(table, undefined, { column: 1, descending: false }))], [1, 3, 0, 4, 2]);
  assert.deepEqual([...(await sortRows(table, Uint32Array.of(0, 3, 4), { column: 1, descending: true }))], [4, 0, 3]);
});

test('many rows sort as few do', async () => {
  const rows = Array.from({ length: 20_011 }, (_, i): Value[] => [(i * 7919) % 20_011]);
  const table = result({ n: 'int' }, rows);
  const order = await sortRows(table, undefined, { column: 0, descending: false });
  assert.ok(order.every((row, place) => rows[row]?.[0] === place));
});

test('a sort that is not wanted any more ends', async () => {
  const table = result({ n: 'int' }, Array.from({ length: 300_000 }, (_, i): Value[] => [-i]));
  const abort = new AbortController();
  const sorting = sortRows(table, undefined, { column: 0, descending: false }, abort.signal);
  abort.abort();
  await assert.rejects(sorting, { name: 'AbortError' });
});

test('the filter finds text in every column, and NULL by its name', async () => {
  const table = result({ n: 'int', t: 'text' }, [[12, 'Rugby'], [3, null], [120, 'x']]);
  assert.deepEqual([...(await findRows(table, 'RUG'))], [0]);
  assert.deepEqual([...(await findRows(table, '12'))], [0, 2]);
  assert.deepEqual([...(await findRows(table, 'null'))], [1]);
});

test('every row of a million can be reached, first and last ones whole', () => {
  const view = 500;
  for (const rows of [0, 1, 10, 100_000, 1_000_000, 50_000_000]) {
    const scroll = scrollOf(rows, 26, view);
    assert.ok(scroll.height <= TALLEST);
    const bottom = Math.max(0, scroll.height - view);
    const last = rowsSeen(scroll, bottom, rows, 26, view);
    assert.equal(last.first + last.count >= rows, true, `${rows} rows end at the bottom`);
    assert.deepEqual(rowsSeen(scroll, 0, rows, 26, view).first, 0);
    for (const row of [0, Math.floor(rows / 2), rows - 1]) {
      if (row < 0 || rows === 0) continue;
      const seen = rowsSeen(scroll, reveal(scroll, 0, row, 26, view), rows, 26, view);
      assert.ok(row >= seen.first && row < seen.first + seen.count, `row ${row} of ${rows}`);
    }
  }
  assert.ok(rowsSeen(scrollOf(1_000_000, 26, view), 1234, 1_000_000, 26, view).count <= view / 26 + 2);
});

test('only columns that are seen are drawn', () => {
  assert.deepEqual(columnsSeen([0, 100, 200, 300], 0, 150), { from: 0, to: 2 });
  assert.deepEqual(columnsSeen([0, 100, 200, 300], 120, 150), { from: 1, to: 3 });
  assert.deepEqual(columnsSeen([0], 0, 100), { from: 0, to: 0 });
});

test('a profile counts NULLs and distinct values, and knows the range', async () => {
  const table = result({ n: 'int', t: 'text', d: 'date' }, [[1, 'a', '2026-01-01'], [5, 'b', '2026-03-01'], [null, 'a', null], [3, 'a', '2026-02-01']]);
  const n = await profile(table, 0);
  assert.deepEqual([n.rows, n.nulls, n.distinct, n.min, n.max, n.mean], [4, 1, 3, 1, 5, 3]);
  assert.equal(n.bins.reduce((a, b) => a + b), 3);
  const t = await profile(table, 1);
  assert.deepEqual([t.nulls, t.distinct, t.min, t.max, t.top[0]], [0, 2, 'a', 'b', { value: 'a', count: 3 }]);
  assert.deepEqual(t.bins, []);
  const d = await profile(table, 2);
  assert.deepEqual([d.min, d.max, d.nulls, d.mean], ['2026-01-01', '2026-03-01', 1, null]);
});

test('the clipboard gets what a spreadsheet reads back', () => {
  const table = result({ a: 'int', 'b\tc': 'text' }, [[1, 'x\ty'], [null, 'say "hi"\nthere']]);
  assert.equal(tsv(table, [0, 1], [0, 1], true), 'a\t"b\tc"\n1\t"x\ty"\n\t"say ""hi""\nthere"');
});

test('cells are one line, and wide enough to be read', () => {
  assert.equal(cellText(null), 'NULL');
  assert.equal(cellText('a\nb'), 'a ↵ b');
  assert.equal(cellText('x'.repeat(1000)).length, 301);
  const table = result({ n: 'int', long: 'text' }, [[1, 'y'.repeat(500)]]);
  assert.deepEqual(widths(table, 8), [72, 380]);
  assert.equal(pretty('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}');
  assert.equal(pretty('{broken'), '{broken');
  assert.equal(relative(0, 3 * 86_400_000), '3 days ago');
});

test('a row stays in its line while it is seen', () => {
  for (const slots of [1, 2, 23]) {
    let before = new Map<number, number>();
    for (const first of [0, 1, 2, 5, 30, 31, 999_990]) {
      const now = new Map(Array.from({ length: slots }, (_, slot) => [rowInSlot(slot, first, slots), slot]));
      assert.deepEqual([...now.keys()].sort((a, b) => a - b), Array.from({ length: slots }, (_, i) => first + i)); // each once
      for (const [row, slot] of now) if (before.has(row)) assert.equal(before.get(row), slot);
      before = now;
    }
  }
});

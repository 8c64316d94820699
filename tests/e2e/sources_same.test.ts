// Tables of which all is read again, and nothing is new.
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { syncs } from '../node/sync.js';
import { Weir } from '../node/weir.js';

interface Load {
  status: string;
  rows_read: number;
  rows_written: number;
}
let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

test('rows that are read again and are those of the table leave the table as it is', async () => {
  const ask = async (...more: string[]): Promise<string> => {
    const [load] = await syncs<Load>(() => weir)('again', ...more);
    return `${String(load?.status)} ${String(load?.rows_read)} ${String(load?.rows_written)}`;
  };
  const all = (): Promise<unknown> => weir.rows('select id, v, n, _weir_run from again.t order by id, v');
  weir.write('again/t.csv', 'id,v,n\n1,a,1\n1,a,1\n2,b,2\n3,,3\n');
  weir.write('sources/again.yml', 'kind: file\nconnection: {path: again/t.csv}\n');
  assert.equal(await ask(), 'loaded 4 4');
  const before = await all();
  utimesSync(path.join(weir.dir, 'again/t.csv'), new Date(), new Date('2030-01-01'));
  assert.equal(await ask(), 'unchanged 4 0', 'another time of the same rows');
  assert.equal(await ask(), 'unchanged 0 0', 'and is not read for it again');
  assert.deepEqual(await all(), before);
  assert.deepEqual(await weir.rows("select count(*) as n from information_schema.tables where table_name like 'weir stages%' and table_schema = 'again'"), [{ n: 0 }]);
  // Of the same sums, column by column, and other rows.
  weir.write('again/t.csv', 'id,v,n\n1,a,1\n1,b,1\n2,a,2\n3,,3\n');
  assert.equal(await ask(), 'loaded 4 4');
  assert.deepEqual(await weir.rows('select id, v from again.t order by id, v'), [{ id: 1, v: 'a' }, { id: 1, v: 'b' }, { id: 2, v: 'a' }, { id: 3, v: null }]);
  weir.write('again/t.csv', 'id,v,n\n1,a,1\n1,b,1\n2,a,2\n2,a,2\n');
  assert.equal(await ask(), 'loaded 4 4');
  assert.equal(await ask('--full'), 'loaded 4 4', 'asked for anew, it is');
  weir.write('again/t.csv', 'id,v,n,more\n1,a,1,\n1,b,1,\n2,a,2,\n2,a,2,\n');
  assert.equal(await ask(), 'loaded 4 4', 'a column more');
  // One that goes is told once, and its table left alone from then on.
  const shorter = 'id,n\n1,1\n1,1\n2,2\n2,2\n';
  weir.write('again/t.csv', shorter);
  assert.equal(await ask(), 'loaded 4 4', 'columns that went');
  const kept = await all();
  utimesSync(path.join(weir.dir, 'again/t.csv'), new Date(), new Date('2031-01-01'));
  assert.equal(await ask(), 'unchanged 4 0', 'without the columns that went');
  assert.deepEqual(await all(), kept);
  assert.deepEqual(await weir.rows("select changes from weir.loads where source = 'again' and changes is not null order by started_at desc limit 1"), [{ changes: ['column v does not come any more; it is kept', 'column more does not come any more; it is kept'] }]);
  weir.write('again/t.csv', 'id,v,n\n1,,1\n1,,1\n2,,2\n2,,2\n');
  assert.equal(await ask(), 'loaded 4 4', 'one of them is back');
});

test('of a file that is read again, a column that it lost is emptied in its rows, and the rows of others stay', async () => {
  const ask = async (): Promise<string[]> => (await syncs<Load>(() => weir)('part')).map(({ status, rows_written }) => `${status} ${rows_written}`);
  weir.write('part/a.csv', 'id,v\n1,x\n');
  weir.write('part/b.csv', 'id,v\n2,y\n');
  weir.write('sources/part.yml', 'kind: file\nconnection: {path: "part/*.csv"}\n');
  await ask();
  weir.write('part/b.csv', 'id\n2\n');
  await ask();
  assert.deepEqual(await weir.rows('select id, v from part.part order by id'), [{ id: 1, v: 'x' }, { id: 2, v: null }]);
  weir.write('part/b.csv', 'id\n3\n');
  await ask();
  assert.deepEqual(await weir.rows('select id, v from part.part order by id'), [{ id: 1, v: 'x' }, { id: 3, v: null }]);
});

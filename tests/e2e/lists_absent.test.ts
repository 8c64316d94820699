// nested: tables, where a load brings none of a list's elements: what other rows have stays.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Tap, record, schema, state } from '../node/tap.js';
import { syncs } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

interface Load {
  table: string;
  status: string;
  rows_written: number;
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
});
after(() => weir.remove());

const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const sync = syncs<Load>(() => weir);
const file = (name: string, options: string): void => {
  mkdirSync(path.join(weir.dir, name), { recursive: true });
  writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: file\nconnection: {path: ${name}}\nstreams:\n  o: {path: "*.ndjson", nested: tables, ${options}}\n`);
};
const put = (name: string, ...docs: object[]): void => writeFileSync(path.join(weir.dir, name), docs.map((doc) => `${JSON.stringify(doc)}\n`).join(''));
const columns = async (schemaName: string): Promise<string[]> =>
  (await rows(`select table_name || '.' || column_name as c from information_schema.columns where table_schema = '${schemaName}' and table_name like 'o\\_\\_%' escape '\\' and column_name in ('_weir_row', '_weir_root') order by c`)).map(({ c }) => c as string);

const deep = (id: number): object => ({ id, items: [{ s: 1, tags: ['x', 'y'], l: [{ m: [[7]] }] }], ids: [[1, 2], [3]] });
const tagged = (schemaName: string): Promise<Row[]> => rows(`select _weir_root as r, value as v from ${schemaName}.o__items__tags order by r, v`);
const deepest = (schemaName: string): Promise<Row[]> => rows(`select _weir_root as r, value as v from ${schemaName}.o__items__l__m__value order by r`);
const plain = (schemaName: string): Promise<Row[]> => rows(`select _weir_root as r, value as v from ${schemaName}.o__ids__value order by r, v`);

test('merge: a load without one element of a list in a list takes none of the others away', async () => {
  file('inc', 'mode: merge, key: [id]');
  put('inc/o.ndjson', deep(4));
  await sync('inc');
  const before = await columns('inc');
  put('inc/o.ndjson', { id: 5, items: [{ s: 2 }] });
  const kept = async (): Promise<void> => {
    assert.deepEqual(await tagged('inc'), [{ r: '4', v: 'x' }, { r: '4', v: 'y' }]);
    assert.deepEqual(await deepest('inc'), [{ r: '4', v: 7 }]);
    assert.deepEqual(await plain('inc'), [{ r: '4', v: 1 }, { r: '4', v: 2 }, { r: '4', v: 3 }]);
  };
  await sync('inc');
  await kept();
  put('inc/o.ndjson', { id: 5, v: 1 });
  await sync('inc');
  await kept();
  // The row itself comes again, and has none.
  put('inc/o.ndjson', { id: 4 });
  await sync('inc');
  assert.deepEqual([await tagged('inc'), await deepest('inc'), await plain('inc')], [[], [], []]);
  assert.deepEqual(await columns('inc'), before);
});

test('of several files one is read: the others keep their lists', async () => {
  for (const mode of ['replace', 'append']) {
    file(mode, `mode: ${mode}`);
    put(`${mode}/a.ndjson`, deep(1));
    put(`${mode}/b.ndjson`, { id: 2, items: [{ s: 2 }] });
    await sync(mode);
    put(`${mode}/b.ndjson`, { id: 3, items: [{ s: 3 }] });
    await sync(mode);
    assert.deepEqual((await tagged(mode)).map(({ v }) => v), ['x', 'y'], mode);
    assert.deepEqual((await deepest(mode)).map(({ v }) => v), [7], mode);
    assert.deepEqual((await plain(mode)).map(({ v }) => v), [1, 2, 3], mode);
  }
});

test('the table is what it was, and --full reads it anew, with lists and without them', async () => {
  for (const [name, options] of [['f_merge', 'mode: merge, key: [id]'], ['f_replace', 'mode: replace'], ['f_history', 'mode: history, key: [id]']] as const) {
    file(name, options);
    put(`${name}/o.ndjson`, deep(1));
    await sync(name);
    const before = await columns(name);
    assert.ok(before.every((column) => column.endsWith('._weir_root')), `${name}: ${before.join(' ')}`);
    put(`${name}/o.ndjson`, { id: 1, items: [{ s: 2 }] });
    await sync(name);
    assert.deepEqual(await columns(name), before, name);
    const loads = await sync(name, '--full');
    assert.deepEqual(loads.map(({ status }) => status), loads.map(() => 'loaded'), name);
    put(`${name}/o.ndjson`, deep(1));
    await sync(name);
    await sync(name, '--full');
    assert.deepEqual(await columns(name), before, name);
    assert.deepEqual((await tagged(name)).map(({ v }) => v as string).sort(), name === 'f_history' ? ['x', 'x', 'y', 'y'] : ['x', 'y'], name);
  }
});

test('loads on the way: a list that comes only after the first of them', async () => {
  const tap = new Tap(weir, 'tap');
  const properties = { id: { type: 'integer' } };
  const mark = (id: number): object => state({ bookmarks: { o: { id } } });
  tap.catalog({ stream: 'o', schema: { properties }, key: ['id'], method: 'INCREMENTAL' });
  writeFileSync(path.join(weir.dir, 'sources/tap.yml'), tap.yml('checkpoint: 1', 'streams: {o: {nested: tables}}'));
  tap.run(schema('o', properties, ['id']), record('o', deep(1)), mark(1));
  await sync('tap');
  tap.run(schema('o', properties, ['id']), record('o', { id: 2 }), mark(2), record('o', { id: 3, items: [] }), mark(3), record('o', deep(4)), mark(4), record('o', { id: 1 }), mark(5));
  await sync('tap');
  assert.equal((await rows("select count(*)::int as n from weir.loads where source = 'tap' and stream = 'o'"))[0]?.['n'], 5);
  assert.deepEqual(await tagged('tap'), [{ r: '4', v: 'x' }, { r: '4', v: 'y' }]);
  assert.deepEqual(await deepest('tap'), [{ r: '4', v: 7 }]);
  assert.deepEqual(await plain('tap'), [{ r: '4', v: 1 }, { r: '4', v: 2 }, { r: '4', v: 3 }]);
});

test('a stream that fails has none of its lists loaded, and says so', async () => {
  file('bad', 'mode: merge, key: [id], contract: freeze');
  put('bad/o.ndjson', { id: 1, a: [1], b: [1] });
  await sync('bad');
  put('bad/o.ndjson', { id: 2, a: [2], b: ['text'] });
  const said = await weir.in('sync', '--json', '--wait', 'bad').catch((error: { stdout: string }) => error.stdout);
  const { streams } = JSON.parse(said) as { streams: Load[] };
  assert.deepEqual(streams.map(({ table, status, rows_written }) => [table, status, rows_written]), [['o', 'failed', 0], ['o__a', 'failed', 0], ['o__b', 'failed', 0]]);
  assert.deepEqual(await rows('select value from bad.o__a'), [{ value: 1 }]);
});

// CSV files as people export them: what stands above the table, lines that cannot be read, files beside that have nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { syncFails, syncs } from '../node/sync.js';
import { binary, Weir } from '../node/weir.js';

interface Load {
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  rows_superseded: number;
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const one = async (source: string): Promise<Load> => {
  const [load] = await syncs<Load>(() => weir)(source);
  assert.ok(load);
  assert.equal(load.rows_read, load.rows_written + load.rows_discarded + load.rows_superseded);
  return load;
};

test('titles above a table are set aside, or passed over where the file says so; one bad file hides no other', async () => {
  write('t/export.csv', 'Report: Sales\nGenerated 2026-01-01\n\nid,total\n1,5.5\n2,6.5\n');
  write('t/nothing.csv', '');
  await weir.in('source', 'add', 't', '--kind', 'file', '--set', 'path=t');
  const { streams } = JSON.parse(await weir.in('source', 'discover', 't', '--json')) as { streams: { name: string; error?: string; columns?: { name: string }[] }[] };
  assert.deepEqual(streams.map(({ name, error, columns }) => [name, error ?? columns?.map((column) => column.name).join(' ')]), [['export', 'id total'], ['nothing', 't/nothing.csv: the file is empty']]);
  assert.match(await weir.in('source', 'discover', 't'), /\n {4}total +double +numbers with a decimal point\nnothing {2}→ {2}t\.nothing {2}\(replace, 1 file\)\n {4}cannot be looked into: t\/nothing\.csv: the file is empty\n/);
  rmSync(path.join(weir.dir, 't/export.csv'));
  await assert.rejects(weir.in('source', 'discover', 't'), /nothing\.csv: the file is empty/);
  rmSync(path.join(weir.dir, 't/nothing.csv'));
  write('t/export.csv', 'Report: Sales\nGenerated 2026-01-01\n\nid,total\n1,5.5\n2,6.5\n');
  assert.deepEqual(((load) => [load.rows_read, load.rows_written, load.rows_discarded])(await one('t')), [2, 2, 0]); // a title is no row
  assert.deepEqual(await weir.rows("select line, value from weir.source_discards where source = 't' and reason = 'it stands above the table' order by line"), [{ line: 1, value: 'Report: Sales' }, { line: 2, value: 'Generated 2026-01-01' }]);
  write('sources/t.yml', 'kind: file\nconnection: {path: t, skip: 2}\nstreams: {export: {mode: merge, key: [id], deletes: hard}}\n');
  assert.deepEqual(((load) => [load.rows_read, load.rows_written, load.rows_discarded])(await one('t')), [2, 2, 0]);
  assert.deepEqual(await weir.rows('select id, total from t.export order by id'), [{ id: 1, total: 5.5 }, { id: 2, total: 6.5 }]);
  // Nor does it keep rows that are gone from being looked for.
  write('sources/t.yml', 'kind: file\nconnection: {path: t}\nstreams: {export: {mode: merge, key: [id], deletes: hard}}\n');
  write('t/export.csv', 'Report: Sales\nGenerated 2026-01-02\n\nid,total\n1,5.5\n');
  assert.deepEqual(((load) => [load.rows_read, load.rows_discarded])(await one('t')), [1, 0]);
  assert.deepEqual(await weir.rows('select id from t.export'), [{ id: 1 }]);
});

test('what stands in place of a file, without rows and columns of the table, empties nothing', async () => {
  const fails = syncFails(() => weir);
  const instead: [string, RegExp][] = [
    ['Service temporarily unavailable\n', /instead\.csv: it has no rows, and none of the table's columns, but the line Service temporarily unavailable; /],
    ['429, too many requests\n', /but the line 429, too many requests; /],
    ['{"message":"Too many requests"}', /instead\.csv: this is no CSV but JSON, .*: \{"message":"Too many requests"\}/],
    ['\n[\n  {"message": "x, y"},\n  2]\n', /no CSV but JSON/],
    ['{"a":"}\\\\"}\n{"a":2}\n', /no CSV but JSON/],
  ];
  for (const [text, why] of instead) {
    rmSync(path.join(weir.dir, 'instead.csv'), { force: true });
    write('sources/instead.yml', 'kind: file\nconnection: {path: instead.csv, header: guess}\n');
    write('instead.csv', text);
    if (text.startsWith('Service')) await fails(/its only line, "Service temporarily unavailable", is no table; /, 'instead');
    write('instead.csv', 'id,n\n1,10\n2,20\n');
    await one('instead');
    write('instead.csv', text);
    await fails(why, 'instead');
    if (text.startsWith('Service')) await fails(why, 'instead', '--full');
    assert.deepEqual(await weir.rows('select * exclude (_weir_file, _weir_run, _weir_loaded_at) from instead.instead order by id'), [{ id: 1, n: 10 }, { id: 2, n: 20 }]);
  }
  // So it is where other files have rows, whatever the mode.
  write('sources/among.yml', 'kind: file\nconnection: {path: "among/*.csv"}\nstreams: {among: {mode: append}}\n');
  write('among/a.csv', 'id,n\n1,10\n');
  write('among/b.csv', 'Not found\n');
  await fails(/among\/b\.csv: it has no rows/, 'among');
  // A header alone is a table that is empty, and so is one that has some column of it.
  write('among/b.csv', 'n,other\n');
  write('among/c.csv', '[1],{x}\n');
  await fails(/c\.csv: it has no rows/, 'among');
  write('among/c.csv', '[id],[n]\n5,6\n');
  assert.deepEqual(((load) => load.rows_written)(await one('among')), 2);
  write('among/a.csv', 'id,n\n');
  assert.equal((await one('among')).rows_written, 0);
  assert.deepEqual(await weir.rows('select id, n from among.among'), [{ id: 5, n: 6 }]);
  write('sources/names.yml', 'kind: file\nconnection: {path: names.csv, header: yes}\n');
  write('names.csv', 'Name of the customer\n');
  assert.equal((await one('names')).rows_written, 0);
  assert.deepEqual(await weir.rows('select name_of_the_customer from names.names'), []);
});

test('a name that begins with a digit makes one that needs no quotes, and an empty path is a mistake', async () => {
  write('months/2026-01.csv', 'id\n1\n');
  write('months/2026-02 Final.csv', 'id\n2\n');
  await weir.in('source', 'add', 'months', '--kind', 'file', '--set', 'path=months');
  await weir.in('sync', '--wait', 'months');
  assert.deepEqual(await weir.rows('select (select id from months.file_2026_01) as a, (select id from months.file_2026_02_final) as b'), [{ a: 1, b: 2 }]);
  write('sources/nowhere.yml', 'kind: file\nconnection: {path: "", format: csv}\n');
  const fails = syncFails(() => weir);
  await fails(/`path` is empty: say where the files are, a folder \(`exports`; `\.` is the workspace's own\)/, 'nowhere');
  rmSync(path.join(weir.dir, 'sources/nowhere.yml'));
});

test('bad lines are kept with their line and reason', async () => {
  write('sources/bad.yml', 'kind: file\nconnection: {path: bad.csv}\n');
  write('bad.csv', 'a,b\n1,2\n3\n4,5,6\n7,8\n');
  const load = await one('bad');
  assert.deepEqual([load.rows_written, load.rows_discarded], [2, 2]);
  assert.deepEqual(await weir.rows("select file, line, value, reason from weir.source_discards where source = 'bad' order by line"), [
    { file: 'bad.csv', line: 3, value: '3', reason: 'it has 1 field, and the table has 2 columns' },
    { file: 'bad.csv', line: 4, value: '4,5,6', reason: 'it has 3 fields, and the table has 2 columns' },
  ]);
});

test('a thousand columns of times are proven in little memory', async () => {
  const columns = Array.from({ length: 1000 }, (_, i) => i);
  write('wide.csv', `${columns.map((i) => `c${i}`).join(',')}\n${columns.map((i) => (i % 2 ? '2026-01-02 03:04:05' : '2026-01-02')).join(',')}\n`);
  await weir.in('source', 'add', 'wide', '--kind', 'file', '--set', 'path=wide.csv');
  const said = execFileSync('/bin/sh', ['-c', 'ulimit -v 6000000; exec "$0" -C "$1" sync wide', binary, weir.dir], { encoding: 'utf8' });
  assert.match(said, /wide\.wide {2}loaded: 1 rows read, 1 written/);
});

test('thousands of columns that all become others take little memory, as the table does that keeps them', async () => {
  const columns = Array.from({ length: 3000 }, (_, i) => i);
  const file = (letter: string): string => `id,${columns.map((i) => `${letter}${i}`).join(',')}\n1,${columns.join(',')}\n`;
  const sync = (...args: string[]): string => execFileSync('/bin/sh', ['-c', 'ulimit -v 6000000; exec "$0" -C "$@"', binary, weir.dir, 'sync', ...args], { encoding: 'utf8' });
  write('turned/t.csv', file('g'));
  await weir.in('source', 'add', 'turned', '--kind', 'file', '--set', 'path=turned');
  await weir.in('sync', 'turned');
  write('turned/t.csv', file('h'));
  assert.match(sync('turned'), /turned\.t {2}loaded: 1 rows read, 1 written/);
  assert.deepEqual(await weir.rows('select id, g7, h7, h2999 from turned.t'), [{ id: 1, g7: null, h7: 7, h2999: 2999 }]);
  assert.match(sync('turned', '--full'), /turned\.t {2}loaded: 1 rows read, 1 written/);
  write('turned/t.csv', file('g'));
  assert.match(sync('turned'), /turned\.t {2}loaded: 1 rows read, 1 written/);
  assert.deepEqual(await weir.rows('select id, g7, h7, g2999 from turned.t'), [{ id: 1, g7: 7, h7: null, g2999: 2999 }]);
});

test('a folder of many files is looked into once, whatever the number of its streams', async () => {
  for (let i = 0; i < 1500; i++) write(`many/f${i}.csv`, `id,v\n1,${i}\n`);
  await weir.in('source', 'add', 'many', '--kind', 'file', '--set', 'path=many');
  const found = await weir.in('source', 'discover', 'many');
  assert.equal(found.match(/^ *f\d+\b/gm)?.length, 1500, found.slice(0, 400));
  await weir.in('sync', 'many.f7');
  write('many/f7.csv', 'id,v\n1,8\n');
  await weir.in('sync', 'many.f7');
  assert.deepEqual(await weir.rows('select v from many.f7'), [{ v: 8 }]);
});

test('many columns that come new to a table that keeps its rows, in each mode', async () => {
  const modes = { append: '', merge: 'mode: merge, key: [id], deletes: soft', history: 'mode: history, key: [id]' };
  write('more/t.csv', 'id,v\n1,a\n2,b\n');
  write('sources/more.yml', `kind: file\nconnection: {path: more}\nstreams:\n${Object.entries(modes).map(([name, how]) => `  ${name}: {path: t.csv, ${how || 'mode: append'}}\n`).join('')}`);
  await weir.in('sync', 'more');
  const names = Array.from({ length: 260 }, (_, i) => `c${i}`);
  write('more/t.csv', `id,v,${names.join(',')}\n1,a,${names.map((_, i) => i).join(',')}\n3,c${','.repeat(260)}\n`);
  await weir.in('sync', 'more');
  assert.deepEqual(await weir.rows('select id, v, c0, c59 from more.append order by 1'), [{ id: 1, v: 'a', c0: 0, c59: 59 }, { id: 3, v: 'c', c0: null, c59: null }]);
  assert.deepEqual(await weir.rows('select id, c59, _weir_deleted is not null as gone from more.merge order by 1'), [{ id: 1, c59: 59, gone: false }, { id: 2, c59: null, gone: true }, { id: 3, c59: null, gone: false }]);
  assert.deepEqual(await weir.rows('select id, c59, is_current from more.history order by 1, 2 nulls first'), [{ id: 1, c59: null, is_current: false }, { id: 1, c59: 59, is_current: true }, { id: 2, c59: null, is_current: false }, { id: 3, c59: null, is_current: true }]);
});

test('a column of many texts that all went gets the type of its first values, too', async () => {
  const rows = (note: (i: number) => string): string => `id,note,v\n${Array.from({ length: 9000 }, (_, i) => `${i},${note(i)},x\n`).join('')}`;
  write('went/a.csv', rows((i) => `what a customer said ${i * 7919}`));
  write('sources/went.yml', 'kind: file\nconnection: {path: "went/*.csv"}\n');
  await weir.in('sync', 'went');
  write('went/a.csv', rows(() => ''));
  await weir.in('sync', 'went');
  write('went/b.csv', 'id,note,v\n9000,5,x\n9001,6,y\n');
  await weir.in('sync', 'went');
  assert.deepEqual(await weir.rows('select count(*)::int as n, count(note)::int as notes, sum(note)::int as sum, max(v) as v from went.went'), [{ n: 9002, notes: 2, sum: 11, v: 'y' }]);
  assert.deepEqual(await weir.rows("select data_type from duckdb_columns() where schema_name = 'went' and column_name = 'note'"), [{ data_type: 'BIGINT' }]);
});

// Files whose values would be loaded as others, or without a word: they are refused, set aside or told.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { syncFails, syncs } from '../node/sync.js';
import { Web } from '../node/web.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  hosts: [127.0.0.1]\n');
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
interface Load {
  stream: string;
  status: string;
  changes: string[];
}
const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const source = (name: string, streams = '', where = name): void => {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: {path: "${where}"}\n${streams && `streams:\n${streams}`}`);
};
const write = (name: string, text: string | Buffer): void => writeFileSync(at(name), text);

test('discard_value and discard_row: a text that the column would round is set aside', async () => {
  const columns = 'i,big,d,t,day';
  source('fit', '  value: {path: t.csv, contract: discard_value}\n  row: {path: t.csv, contract: discard_row}\n');
  write('fit/t.csv', `${columns}\n1,1,0.5,2026-01-02 03:04:05,2026-01-02\n`);
  await sync('fit');
  write('fit/t.csv', `${columns}\n5.5,1,0.5,2026-01-02,2026-01-02\n1e3,2,0.1,2026-01-02,2026-01-03 04:05:06\n+7.00,3,9007199254740993,x,2026-01-02\nx,y,x,2026-01-02 00:00:01,x\n9007199254740993,9223372036854775807,9007199254740992,2026-01-02,2026-01-02 00:00:00\n`);
  await sync('fit.value');
  await sync('fit.row');
  assert.deepEqual(await rows('select i::text as i, big::text as big, d::text as d, t::text as t, day::text as day from fit.value order by _weir_loaded_at, i nulls first, big'), [
    { i: null, big: '1', d: '0.5', t: '2026-01-02 00:00:00', day: '2026-01-02' },
    { i: null, big: null, d: null, t: '2026-01-02 00:00:01', day: null },
    { i: '1000', big: '2', d: '0.1', t: '2026-01-02 00:00:00', day: null },
    { i: '7', big: '3', d: null, t: null, day: '2026-01-02' },
    { i: '9007199254740993', big: '9223372036854775807', d: '9007199254740992.0', t: '2026-01-02 00:00:00', day: '2026-01-02' },
  ]);
  assert.deepEqual((await rows("select column_name as c, value as v from weir.source_discards where source = 'fit' and stream = 'value' and value not in ('x', 'y') order by all")).map(({ c, v }) => [c, v]), [['d', '9007199254740993'], ['day', '2026-01-03 04:05:06'], ['i', '5.5']]);
  assert.deepEqual(await rows('select i::text as i from fit.row'), [{ i: '9007199254740993' }]);
});

test('discard_value: a time with digits behind the microsecond is set aside', async () => {
  source('micro', '  m: {path: t.csv, contract: discard_value}\n');
  write('micro/t.csv', 'id,t\n1,2026-01-02 03:04:05\n');
  await sync('micro');
  write('micro/t.csv', 'id,t\n1,2026-01-02 03:04:05.123456\n2,2026-01-02 03:04:05.1234567\n3,2026-01-02T03:04:05.123456000Z\n4,x\n');
  await sync('micro');
  assert.deepEqual((await rows('select t::text as t from micro.m order by id')).map(({ t }) => t), ['2026-01-02 03:04:05.123456', null, '2026-01-02 03:04:05.123456', null]);
  assert.deepEqual((await rows("select value as v from weir.source_discards where source = 'micro' order by 1")).map(({ v }) => v), ['2026-01-02 03:04:05.1234567', 'x']);
});

test('a column that has one of weir’s own names can be left out', async () => {
  source('own');
  write('own/a.csv', 'id,_weir_run\n1,x\n');
  await fails(/the column "_weir_run" has a name that weir keeps for its own; .*leave it out by `exclude`/, 'own');
  source('own', '  a: {exclude: [_weir_run]}\n');
  await sync('own');
  assert.deepEqual(await rows('select id, length(_weir_run)::int as n from own.a'), [{ id: 1, n: 16 }]);
});

test('files of a folder that are no tables are told by name', async () => {
  source('mess');
  write('mess/a.csv', 'id\n1\n');
  assert.doesNotMatch(await weir.in('source', 'check', 'mess'), /Not read/);
  for (const name of ['old.xls', 'b.pdf', 'c.pdf', 'd.pdf', 'e.pdf', 'f.pdf']) write(`mess/${name}`, 'x');
  assert.match(await weir.in('source', 'check', 'mess'), /Not read, as the ends of their names do not say that they are tables: b\.pdf, c\.pdf, d\.pdf, e\.pdf, f\.pdf and 1 more\. Workbooks of the old kind \(\.xls\) can be saved as \.xlsx/);
  assert.deepEqual((await sync('mess')).map(({ stream, status }) => `${stream} ${status}`), ['a loaded']);
});

test('JSON: an empty list is no row and no column', async () => {
  source('none');
  write('none/j.json', '[]');
  assert.deepEqual((await sync('none')).map(({ status }) => status), ['unchanged']);
  assert.match(await weir.in('source', 'check', 'none'), /j/);
  write('none/j.json', '[{"id":1,"o":{"a":1}}]');
  assert.deepEqual((await sync('none')).map(({ status }) => status), ['loaded']);
  write('none/j.json', ' [ ] ');
  const [load] = await sync('none');
  assert.equal(load?.status, 'loaded');
  assert.deepEqual(await rows("select string_agg(column_name, ' ' order by ordinal_position) as c, (select count(*)::int from none.j) as n from information_schema.columns where table_schema = 'none' and column_name not like '\\_%' escape '\\'"), [{ c: 'id o', n: 0 }]);
});

test('a column that does not come any more is noted in every mode, once all files were read', async () => {
  const modes = ['mode: replace', 'mode: append', 'mode: merge, key: [id]', 'mode: merge, key: [id], deletes: soft', 'mode: history, key: [id]'];
  source('gone', modes.map((mode, i) => `  s${i}: {path: "*.csv", ${mode}}\n`).join(''));
  write('gone/a.csv', 'id,n\n1,1\n');
  write('gone/b.csv', 'id,n\n2,2\n');
  await sync('gone');
  write('gone/a.csv', 'id\n1\n3\n');
  const said = async (): Promise<string[]> => (await sync('gone')).map(({ changes }) => changes.join(' '));
  const whole = 'column n does not come any more; it is kept';
  assert.ok((await said()).every((text) => text === ''), 'the file that was not read has it');
  write('gone/a.csv', 'id\n1\n4\n');
  write('gone/b.csv', 'id\n2\n');
  assert.deepEqual(await said(), modes.map(() => whole));
  assert.equal((await rows("select count(*)::int as n from weir.loads where source = 'gone' and changes like '%does not come any more%'"))[0]?.['n'], modes.length);
});

test('two files whose names differ in their ends only are refused, and the others load', async () => {
  source('two');
  write('two/orders.csv', 'id\n1\n');
  write('two/other.csv', 'id\n1\n');
  await sync('two');
  write('two/orders.csv.gz', gzipSync('id\n1\n'));
  write('two/other.csv', 'id\n1\n2\n');
  await fails(/the files "two\/orders\.csv" and "two\/orders\.csv\.gz" would be one table.*`orders: \{path: orders\.csv\}`/, 'two');
  assert.deepEqual(await rows('select (select count(*) from two.orders)::int as orders, (select count(*) from two.other)::int as other'), [{ orders: 1, other: 2 }]);
  source('two', '  orders: {path: orders.csv}\n  packed: {path: orders.csv.gz}\n');
  assert.deepEqual((await sync('two')).map(({ stream, status }) => `${stream} ${status}`), ['orders unchanged', 'packed loaded']);
});

test('JSON: a mark before a list, and where a mistake is', async () => {
  source('js');
  const mark = '\ufeff';
  write('js/a.json', `${mark}[{"id":1},\n{"id":2}]`);
  write('js/b.ndjson', `${mark}{"id":1}\n{"id":2}\n`);
  write('js/c.json.gz', gzipSync(`${mark}[{"id":1}, {"id":2}]`));
  await sync('js');
  for (const name of ['a', 'b', 'c']) assert.deepEqual(await rows(`select id from js.${name} order by id`), [{ id: 1 }, { id: 2 }], name);
  const says = async (name: string, text: string, why: RegExp): Promise<void> => {
    write(`js/${name}`, text);
    await fails(why, 'js');
    rmSync(at(`js/${name}`));
  };
  await says('m.ndjson', '<html>\nrubbish\n{"a":3}\n', /m\.ndjson: row 1 is no JSON/);
  await says('m.json', '[{"a":1},\n{bad},\n{"a":2}]', /m\.json: row 2 is no JSON/);
  write('js/m.ndjson', '{"a":1}\n{"a":2,"a":3}\n');
  await assert.rejects(weir.in('sync', '--wait', 'js'), (error: Error) => {
    assert.match(error.message, /m\.ndjson: Object \{"a":2,"a":3\} has duplicate key "a"/);
    assert.doesNotMatch(error.message, /Try|sample_size/);
    return true;
  });
});

test('Parquet: decimals of more than 38 digits are refused by the name of their column', async () => {
  const wide = Buffer.from('UEFSMRUAFRwVHCwVAhUAFQYVBhwAAAACAAAAAgEBAAAAAAAAABUAFUAVQCwVAhUAFQYVBhwAAAACAAAAAgEAAAAAAAAAAAAAAAAAAAAAAAAAAAACj6auABUAFTIVMiwVAhUAFQYVBhwAAAACAAAAAgIAAAAAAAAAAAAAAAAAAAAAAAnEFQAVLBUsLBUCFQAVBhUGHAAAAAIAAAACAQAAAAAAAAAAAAAAAAAAAH0VBBlsNQAYBnNjaGVtYRUIABUEJQIYAmlkABUOFTQVAhgDZCB4JQoVFBV4LFwVFBV4AAAANQIYAXMVAgAVDhUmFQIYAXclChUGFVosXBUGFVoAAAAVDhUgFQIYAm9rJQoVBBVMLFwVBBVMAAAAFgIZHBlMJgAcFQQZJQYAGRgCaWQVABYCFkIWQiYISRwVABUAFQIAPCkGGSYAAgAAACYAHBUOGSUGABkYA2QgeBUAFgIWZhZmJkpJHBUAFQAVAgA8KQYZJgACAAAAJgAcFQ4ZJQYAGSgBcwF3FQAWAhZYFlgmsAFJHBUAFQAVAgA8KQYZNgAAAgAAACYAHBUOGSUGABkYAm9rFQAWAhZSFlImiAJJHBUAFQAVAgA8KQYZJgACAAAAFtICFgImCBbSAgAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGUwcAAAcAAAcAAAcAAAAYAEAAFBBUjE=', 'base64');
  source('wide', '  p: {path: p.parquet}\n');
  write('wide/p.parquet', wide);
  await fails(/p\.parquet: the column "d x" has decimals of more than 38 digits/, 'wide');
  source('wide', '  p: {path: p.parquet, exclude: [d_x]}\n');
  await fails(/the column "s" has decimals/, 'wide');
  source('wide', '  p: {path: p.parquet, nested: flatten, exclude: [d_x]}\n');
  await fails(/the column "s" has decimals/, 'wide');
  source('wide', '  p: {path: p.parquet, exclude: [d_x, s]}\n');
  await sync('wide');
  assert.deepEqual(await rows('select id, ok from wide.p'), [{ id: 1, ok: 1.25 }]);
});

test('a file that is written anew with its size and time is read; cursors without ctime hold', async () => {
  source('time');
  const put = (v: string): void => {
    write('time/a.csv', `id,v\n1,${v}\n`);
    utimesSync(at('time/a.csv'), 1e9, 1e9);
  };
  put('aa');
  await sync('time');
  put('bb');
  assert.deepEqual((await sync('time')).map(({ status }) => status), ['loaded']);
  assert.deepEqual(await rows('select v from time.a'), [{ v: 'bb' }]);
  assert.deepEqual((await sync('time')).map(({ status }) => status), ['unchanged']);
  write('time/new.csv', 'id,v\n1,cc\n');
  utimesSync(at('time/new.csv'), 1e9, 1e9);
  renameSync(at('time/new.csv'), at('time/a.csv'));
  await sync('time');
  assert.deepEqual(await rows('select v from time.a'), [{ v: 'cc' }]);
});

test('a body with a Content-Encoding that nobody undoes is refused by its name, and the table stays', async () => {
  const web = await Web.start();
  const say = (encoding: string, body: Buffer): void => void web.routes.set('/o.csv', (_, response) => response.writeHead(200, { 'content-type': 'text/csv', 'content-encoding': encoding, 'content-length': body.length }).end(body));
  const text = 'id\n1\n2\n';
  try {
    source('enc', '', `${web.origin}/o.csv`);
    say('gzip', gzipSync(text));
    await sync('enc');
    for (const [encoding, body] of [['deflate', deflateSync(text)], ['gzip, br', gzipSync(text)], ['br', Buffer.from(text)]] as const) {
      say(encoding, body);
      await fails(new RegExp(`Content-Encoding "${encoding.split(', ').at(-1)}", which cannot be read`), 'enc');
    }
    assert.deepEqual(await rows('select id from enc.o order by id'), [{ id: 1 }, { id: 2 }]);
    say('identity', Buffer.from('id\n3\n'));
    await sync('enc');
    assert.deepEqual(await rows('select id from enc.o'), [{ id: 3 }]);
  } finally {
    web.close();
  }
});

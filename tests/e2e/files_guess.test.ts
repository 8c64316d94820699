// What the values of a file are taken for, where a wrong guess would change them.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import ExcelJS from 'exceljs';
import { syncFails, syncs } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_written: number;
  rows_discarded: number;
}
let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const write = (name: string, bytes: string | Buffer): void => weir.write(name, bytes);
const source = (name: string, stream = ''): void => write(`sources/${name}.yml`, `kind: file\nconnection: {path: ${name}}\n${stream && `streams: {t: {path: "*.csv", ${stream}}}\n`}`);
const rows = (table: string, order = '1'): Promise<Row[]> => weir.rows(`select * exclude (_weir_file, _weir_run, _weir_loaded_at) from ${table} order by ${order}`);
/** The rows of a file that is a source of its own. */
async function load(name: string, bytes: string | Buffer, end = 'csv'): Promise<Row[]> {
  write(`${name}/a.${end}`, bytes);
  source(name);
  await sync(name);
  return rows(`${name}.a`);
}

test('marks of thousands are no decimal points where the file is written with ;', async () => {
  assert.deepEqual(await load('de', 'shop;sum\na;1.234\nb;12.500\nc;950\n'), [{ shop: 'a', sum: '1.234' }, { shop: 'b', sum: '12.500' }, { shop: 'c', sum: '950' }]);
  assert.deepEqual(await load('sap', 'shop;sum;net\na;1.234;1.234,50-\n'), [{ shop: 'a', sum: '1.234', net: '1.234,50-' }]);
  // A point that is sure in another column says what they are.
  assert.deepEqual(await load('en', 'shop;sum;net\na;1.234;0.500\nb;2.345;2.25\n'), [{ shop: 'a', sum: 1.234, net: 0.5 }, { shop: 'b', sum: 2.345, net: 2.25 }]);
  assert.deepEqual(await load('bare', '1;1,5\n2;2,5\n'), [{ column_1: 1, column_2: 1.5 }, { column_1: 2, column_2: 2.5 }]);
});

test('a number of a sheet has no marks of thousands, whatever texts its column has', async () => {
  const book = new ExcelJS.Workbook();
  book.addWorksheet('S').addRows([['id', 'v', 'w'], [1, 1.234, 1.234], [2, '2,5', 2.345], [3, 7, 7]]);
  assert.deepEqual(await load('sheet', Buffer.from(await book.xlsx.writeBuffer()), 'xlsx'), [{ id: 1, v: '1.234', w: 1.234 }, { id: 2, v: '2,5', w: 2.345 }, { id: 3, v: '7', w: 7 }]);
});

test('a header is one though its first column has no name, or others are years', async () => {
  assert.deepEqual(await load('pandas', ',name,city\n0,Bob,Rome\n1,Al,Oslo\n'), [{ column_1: 0, name: 'Bob', city: 'Rome' }, { column_1: 1, name: 'Al', city: 'Oslo' }]);
  assert.deepEqual(await load('years', 'Region,2023,2024,2025\nN,10,20.5,30\nS,2020,50,60\n'), [{ region: 'N', _2023: 10, _2024: 20.5, _2025: 30 }, { region: 'S', _2023: 2020, _2024: 50, _2025: 60 }]);
  // Years that are values are none.
  assert.deepEqual(await load('spans', 'Ada,1915,1952\nBob,1912,1954\n'), [{ column_1: 'Ada', column_2: 1915, column_3: 1952 }, { column_1: 'Bob', column_2: 1912, column_3: 1954 }]);
  assert.deepEqual(await load('gap', ',x\n,y\n'), [{ column_1: null, column_2: 'x' }, { column_1: null, column_2: 'y' }]);
});

test('NO alone stays what it is, unless the column is known to be of yes and no', async () => {
  source('country', 'mode: append');
  write('country/a.csv', 'id,c\n1,NO\n');
  await sync('country');
  write('country/b.csv', 'id,c\n2,SE\n');
  await sync('country');
  assert.deepEqual(await rows('country.t'), [{ id: 1, c: 'NO' }, { id: 2, c: 'SE' }]);
  source('answer', 'mode: append');
  write('answer/a.csv', 'id,c\n1,NO\n2,YES\n');
  await sync('answer');
  write('answer/b.csv', 'id,c\n3,NO\n');
  await sync('answer');
  assert.deepEqual(await rows('answer.t'), [{ id: 1, c: false }, { id: 2, c: true }, { id: 3, c: false }]);
});

test('a number that a double does not hold stays text', async () => {
  assert.deepEqual(await load('cents', 'a,b\n99999999999999.99,1.5e+999\n1.50,2\n'), [{ a: '1.50', b: '2' }, { a: '99999999999999.99', b: '1.5e+999' }]);
  assert.deepEqual(await load('pi', 'a\n3.141592653589793\n0.10000000000000001\n'), [{ a: 0.1 }, { a: 3.141592653589793 }]);
});

test('JSON in the place of a CSV is refused', async () => {
  source('told');
  write('told/a.csv', 'id\n1\n');
  await sync('told');
  write('told/a.csv', '{"message": "Too many requests"}\n');
  await fails(/this is no CSV but JSON/, 'told');
  assert.deepEqual(await rows('told.a'), [{ id: 1 }]);
});

test('a file of names only makes no texts of what comes later', async () => {
  assert.deepEqual(await load('names', 'id,n,d,e\n'), []);
  assert.deepEqual(await load('names', 'id,n,d,e\n1,1.5,2026-01-02,\n'), [{ id: 1, n: 1.5, d: '2026-01-02', e: null }]);
  const [said] = await weir.rows("select cast(changes as varchar) as changes from weir.loads where source = 'names' order by started_at desc limit 1");
  assert.match(String(said?.['changes']), /column id gets the type of its first values/);
  // One that has texts keeps them.
  assert.deepEqual(await load('names', 'id,n,d,e\n1,x,2026-01-02,5\n'), [{ id: 1, n: 'x', d: '2026-01-02', e: 5 }]);
  assert.deepEqual(await load('names', 'id,n,d,e\n1,2,2026-01-02,5\n'), [{ id: 1, n: '2', d: '2026-01-02', e: 5 }]);
});

test('whole numbers beyond 2^53 beside fractions in another file are text', async () => {
  write('wide/a.csv', 'id\n9007199254740993\n');
  write('wide/b.csv', 'id\n1.5\n');
  source('wide', 'mode: append');
  await sync('wide');
  assert.deepEqual(await rows('wide.t'), [{ id: '1.5' }, { id: '9007199254740993' }]);
  write('late/a.csv', 'id\n1.5\n');
  source('late', 'mode: append');
  await sync('late');
  write('late/b.csv', 'id\n9007199254740993\n');
  assert.equal((await sync('late'))[0]?.rows_discarded, 0);
  assert.deepEqual(await rows('late.t'), [{ id: '1.5' }, { id: '9007199254740993' }]);
});

test('days of a key do not become texts, by which their rows would not be known', async () => {
  write('days/a.csv', 'd,v\n13.02.2026,1\n14.02.2026,2\n');
  source('days', 'mode: merge, key: [d]');
  await sync('days');
  write('days/b.csv', 'd,v\n13.02.2026,10\nSumme,12\n');
  await fails(/the column "d" of the key has values of another type/, 'days');
  assert.deepEqual(await rows('days.t'), [{ d: '2026-02-13', v: 1 }, { d: '2026-02-14', v: 2 }]);
  write('days/b.csv', 'd,v\n13.02.2026,10\n');
  await sync('days');
  assert.deepEqual(await rows('days.t'), [{ d: '2026-02-13', v: 10 }, { d: '2026-02-14', v: 2 }]);
  // What the words advise helps: a table that keeps rows of no file is never built anew.
  for (const [name, how, advice] of [['d1', 'mode: merge, key: [d]', '`weir sync --full` builds the table anew'], ['d2', 'mode: merge, key: [d], deletes: soft', 'another `table:` takes all rows'], ['d3', 'mode: history, key: [d]', 'another `table:` takes all rows'], ['d4', 'mode: merge, key: [d], contract: freeze', 'another `table:` takes all rows']] as const) {
    write(`${name}/a.csv`, 'd,v\n13.02.2026,1\n14.02.2026,2\n');
    source(name, how);
    await sync(name);
    write(`${name}/a.csv`, 'd,v\n13.02.2026,1\n14.02.2026,2\nSumme,3\n');
    await fails(new RegExp(`sets such rows aside, and ${advice}`), name);
    if (advice.includes('--full')) await sync(name, '--full');
    else source(name, `${how}, table: other`);
    await sync(name);
    assert.equal((await rows(`${name}.${advice.includes('--full') ? 't' : 'other'}`)).length, 3);
  }
});

test('a file that has nothing of the table does not empty it', async () => {
  await load('kept', 'id,v\n1,a\n');
  for (const text of ['Service temporarily unavailable\n', 'Error\nplease come back later\n']) {
    write('kept/a.csv', text);
    await fails(/kept\/a\.csv: (no column of it is one of the table, whose rows are kept; it begins with "Error|it has no rows, and none of the table's columns, but the line Service temp)/, 'kept');
    assert.deepEqual(await rows('kept.a'), [{ id: 1, v: 'a' }]);
  }
  await sync('kept', '--full');
  assert.equal((await weir.rows('select count(*) as n from kept.a'))[0]?.['n'], 1);
  await load('rowed', 'rowid,v\nx,a\n'); // a column of that name is no place of a row
  write('rowed/a.csv', 'Error\nplease come back later\n');
  await fails(/no column of it is one of the table/, 'rowed');
  write('object/a.json', '[{"id": 1}]');
  source('object');
  await sync('object');
  write('object/a.json', '{"error": "too many"}');
  await fails(/object\/a\.json: no column of it is one of the table/, 'object');
  write('object/a.json', '[]'); // that is a list without rows
  await sync('object');
  assert.deepEqual(await weir.rows('select id from object.a'), []);
});

test('what programs put beside a file for a while is no file, unless the pattern says so', async () => {
  write('beside/report.csv', 'id\n1\n');
  const litter = ['~$report.csv', '.~lock.report.csv#', '._report.csv', '.report.csv.swp', 'report.csv~', '#report.csv#', 'report.csv.tmp', 'report.csv.part', 'report.csv.crdownload', 'report.csv.bak'];
  for (const name of litter) write(`beside/${name}`, Buffer.from('\x05Admin'.padEnd(165)));
  write('sources/beside.yml', 'kind: file\nconnection: {path: beside, format: csv}\n');
  assert.deepEqual((await sync('beside')).map(({ stream, status }) => `${stream} ${status}`), ['report loaded']);
  write('sources/every.yml', 'kind: file\nconnection: {path: "beside/*", format: csv}\n');
  assert.deepEqual((await sync('every')).map(({ stream, status }) => `${stream} ${status}`), ['every loaded']);
  assert.deepEqual(await rows('every.every'), [{ id: 1 }]);
  write('beside/report.csv.bak', 'id\n2\n');
  write('sources/bak.yml', 'kind: file\nconnection: {path: "beside/*.bak", format: csv}\n');
  await sync('bak');
  assert.deepEqual(await rows('bak.bak'), [{ id: 2 }]);
});

test('a file of a folder that cannot be read fails its own stream, and one of a pattern that of all', async () => {
  write('links/report.csv', 'id\n1\n');
  symlinkSync('/nonexistent/old.csv', path.join(weir.dir, 'links/old.csv'));
  symlinkSync('round.xlsx', path.join(weir.dir, 'links/round.xlsx'));
  symlinkSync('/etc/hostname', path.join(weir.dir, 'links/out.csv'));
  symlinkSync('/nonexistent', path.join(weir.dir, 'links/notes'));
  source('links');
  await fails(/3 of its 4 streams|links\/old\.csv cannot be read: No such file or directory/, 'links');
  assert.deepEqual(await rows('links.report'), [{ id: 1 }]);
  const failed = await weir.rows("select stream, error from weir.loads where source = 'links' and status = 'failed' order by stream");
  assert.deepEqual(failed.map((row) => row['stream']), ['old', 'out', 'round']);
  assert.match(failed.map((row) => row['error']).join('\n'), /old\.csv cannot be read: No such file or directory\n.*\/etc\/hostname may not be read: .*\n.*round\.xlsx cannot be read: Too many levels of symbolic links/);
  const { streams } = JSON.parse(await weir.in('source', 'discover', 'links', '--json')) as { streams: { name: string; error?: string }[] };
  assert.deepEqual(streams.map(({ name, error }) => [name, !error]), [['old', false], ['out', false], ['report', true], ['round', false]]);
  write('sources/outside.yml', 'kind: file\nconnection: {path: /etc}\n');
  await assert.rejects(weir.in('source', 'check', 'outside'), /\/etc may not be read/, 'what a closed folder holds is not told');
  source('links', 'mode: replace');
  await fails(/old\.csv cannot be read/, 'links');
});

test('one value that does not fit keeps no other of a German or an American file from being read', async () => {
  const discards = (name: string): Promise<Row[]> => weir.rows(`select column_name, value, row_json->>'id' as id from weir.source_discards where source = '${name}' order by 1, 3`);
  const all = [{ id: 1, n: 1.5, d: '2026-02-13', b: true }, { id: 3, n: 1234, d: '2026-02-15', b: false }, { id: 4, n: 1234.5, d: '2026-02-01', b: true }];
  for (const [name, contract] of [['rows', 'discard_row'], ['values', 'discard_value']] as const) {
    write(`${name}/a.csv`, 'id;n;d;b\n1;1,5;13.02.2026;yes\n');
    source(name, `mode: append, contract: ${contract}`);
    await sync(name);
    write(`${name}/b.csv`, 'id;n;d;b\n3;1.234;15.02.2026;no\n4;1.234,50;01.02.2026;yes\n6;abc;heute;maybe\n7;N/A;17.02.2026;NULL\n');
    const [load] = await sync(name);
    const last = { id: 7, n: null, d: '2026-02-17', b: null };
    if (contract === 'discard_row') {
      assert.equal(load?.rows_discarded, 1);
      assert.deepEqual(await discards(name), [{ column_name: null, value: null, id: '6' }]);
      assert.deepEqual(await rows(`${name}.t`), [...all, last]);
    } else {
      assert.deepEqual(await discards(name), [{ column_name: 'b', value: 'maybe', id: '6' }, { column_name: 'd', value: 'heute', id: '6' }, { column_name: 'n', value: 'abc', id: '6' }]);
      assert.deepEqual(await rows(`${name}.t`), [...all, { id: 6, n: null, d: null, b: null }, last]);
    }
  }
  write('us/a.csv', 'id,t\n1,02/13/2026 1:30 PM\n');
  source('us', 'mode: append, contract: discard_row');
  await sync('us');
  write('us/b.csv', 'id,t\n2,02/14/2026 1:30 PM\n3,soon\n4,02/01/2026\n');
  await sync('us');
  assert.deepEqual(await weir.rows('select id, cast(t as varchar) as t from us.t order by id'), [{ id: 1, t: '2026-02-13 13:30:00' }, { id: 2, t: '2026-02-14 13:30:00' }, { id: 4, t: '2026-02-01 00:00:00' }]);
});

test('times of Parquet that have nanoseconds in name only are times', async () => {
  mkdirSync(path.join(weir.dir, 'ns'));
  const some = "select 1 as id, timestamp_ns '2026-01-02 03:04:05.123456' as t, timestamp_ns '2026-01-02 03:04:05.123456789' as u, cast(null as timestamp_ns) as e union all select 2, null, null, null";
  await weir.in('query', some, '--format', 'parquet', '--output', path.join(weir.dir, 'ns/a.parquet'));
  source('ns');
  await sync('ns');
  assert.deepEqual(await weir.rows("select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as c from information_schema.columns where table_schema = 'ns' and column_name not like '!_weir%' escape '!'"), [{ c: 'id BIGINT, t TIMESTAMP, u VARCHAR, e TIMESTAMP' }]);
  assert.deepEqual(await weir.rows('select cast(t as varchar) as t, u from ns.a where id = 1'), [{ t: '2026-01-02 03:04:05.123456', u: '2026-01-02 03:04:05.123456789' }]);
});

test('an encoding that somebody says is read, of CSV and JSON, packed or not', async () => {
  const in1251 = (text: string): Buffer => Buffer.from([...text].map((c) => (c >= 'А' && c <= 'я' ? c.charCodeAt(0) - 0x350 : c.charCodeAt(0))));
  const said = (name: string, encoding: string): void => write(`sources/${name}.yml`, `kind: file\nconnection: {path: ${name}, encoding: ${encoding}}\n`);
  write('cyrillic/a.csv', in1251('номер;имя\n1;Иван\n'));
  write('cyrillic/b.csv.gz', gzipSync(in1251('номер;имя\n2;Анна\n')));
  said('cyrillic', 'windows-1251');
  await sync('cyrillic');
  assert.deepEqual(await weir.rows('select номер as id, имя as name from cyrillic.a union all select номер, имя from cyrillic.b order by 1'), [{ id: 1, name: 'Иван' }, { id: 2, name: 'Анна' }]);
  // Two bytes a character, at each place of what is read at once; also of texts without a mark.
  const many = Array.from({ length: 30_000 }, (_, i) => `${i},${'x'.repeat(i % 7)}山`);
  write('japan/a.csv', Buffer.concat([Buffer.from('id,n\n'), ...many.map((line) => Buffer.concat([Buffer.from(line.slice(0, -1)), Buffer.from([0x8e, 0x52, 0x0a])]))]));
  said('japan', 'shift_jis');
  await sync('japan');
  assert.deepEqual(await weir.rows("select count(*) as n, count(*) filter (n not like '%山') as bad, sum(length(n)) as length from japan.a"), [{ n: 30_000, bad: 0, length: many.reduce((sum, line) => sum + line.length - line.indexOf(',') - 1, 0) }]);
  // What Windows writes is what such files are in: a backslash is no sign of the yen, and there are more characters.
  for (const [name, bytes, text] of [['shift_jis', [0x95, 0x5c, 0x5c, 0x7e, 0x87, 0x40, 0xfb, 0xfc], '表\\~①髙'], ['EUC-KR', [0x8c, 0x63], '똠'], ['gb2312', [0xd6, 0x46], '諪']] as [string, number[], string][]) {
    write('odd/a.csv', Buffer.concat([Buffer.from('id,n\n1,'), Buffer.from(bytes), Buffer.from('\n')]));
    said('odd', name);
    await sync('odd', '--full');
    assert.deepEqual(await weir.rows('select n from odd.a'), [{ n: text }], name);
  }
  write('wide16/a.json', Buffer.from('\ufeff[{"a": "ü"}]', 'utf16le'));
  said('wide16', 'utf-16le');
  await sync('wide16');
  assert.deepEqual(await weir.rows('select a from wide16.a'), [{ a: 'ü' }]);
  // What is none of it fails, and changes nothing.
  write('japan/a.csv', Buffer.from([0x61, 0x0a, 0x62, 0x80, 0x0a]));
  await fails(/japan\/a\.csv: byte 3 is no text in shift_jis/, 'japan');
  write('japan/a.csv', Buffer.from([0x61, 0x0a, 0x8e]));
  await fails(/byte 2 is no text in shift_jis/, 'japan');
  assert.equal((await weir.rows('select count(*) as n from japan.a'))[0]?.['n'], 30_000);
  for (const none of ['klingon', 'utf-8//IGNORE']) {
    said('japan', none);
    await fails(/`encoding`: ".*" is none that this machine knows/, 'japan');
  }
});

test('what was guessed of a file, and why, is told before it is loaded', async () => {
  interface Guessed {
    streams: { guess: string | null; columns: { name: string; type: string; guess: string | null }[] }[];
  }
  write('told/a.csv', Buffer.from('Report;;;;\nid;sum;zip;day;caf\xe9\n1;1.234,50;01234;31/12/2025;NA\n2;12,00;98765;01/02/2026;\n', 'latin1'));
  source('told');
  const first = JSON.parse(await weir.in('source', 'discover', 'told', '--json')) as Guessed;
  assert.equal(first.streams[0]?.guess, 'Separated by semicolons, Windows-1252, columns named in line 2');
  assert.deepEqual(
    first.streams[0]?.columns.map(({ name, type, guess }) => [name, type, guess]),
    [
      ['id', 'int', 'whole numbers'],
      ['sum', 'double', 'numbers with a decimal comma'],
      ['zip', 'text', 'text: some numbers begin with zeros'],
      ['day', 'date', 'dates, the day first'],
      ['café', 'text', 'no values'],
    ],
  );
  // Lines are counted as an editor does.
  for (const [text, skip, taken] of [
    ['\n\nid,v\n1,2\n', 0, 'commas, UTF-8, columns named in line 3'],
    ['\n\nid,v\n1,2\n', 2, 'commas, UTF-8, columns named in line 3'],
    ['sep=;\nid;v\n1;2\n', 0, 'semicolons, UTF-8, columns named in line 2'],
  ] as const) {
    write('lines/a.csv', text);
    write('sources/lines.yml', `kind: file\nconnection: {path: lines/a.csv, skip: ${skip}}\n`);
    const { streams } = JSON.parse(await weir.in('source', 'discover', 'lines', '--json')) as Guessed;
    assert.equal(streams[0]?.guess, `Separated by ${taken}`);
  }
  // Of several files, what made a column what it is; the files are named where they differ.
  write('differ/a.csv', 'id,v,w\n1,7,7\n');
  write('differ/b.csv', 'id;v;w\n2;2026-01-02;1,5\n');
  write('sources/differ.yml', 'kind: file\nconnection: {path: "differ/*.csv"}\n');
  const both = JSON.parse(await weir.in('source', 'discover', 'differ', '--json')) as Guessed;
  assert.equal(both.streams[0]?.guess, 'differ/a.csv: Separated by commas, UTF-8, columns named in line 1. differ/b.csv: Separated by semicolons, UTF-8, columns named in line 1');
  assert.deepEqual(
    both.streams[0]?.columns.map(({ name, guess }) => [name, guess]),
    [
      ['id', 'whole numbers'],
      ['v', 'text: some files have whole numbers, others dates, the year first'],
      ['w', 'numbers with a decimal comma'],
    ],
  );
  assert.match(await weir.in('source', 'discover', 'told'), /^ {4}Separated by semicolons, Windows-1252, columns named in line 2\n {4}id +int +whole numbers\n/m);
});

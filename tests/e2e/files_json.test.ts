// JSON files whose rows have objects and lists: `nested: json` keeps them as they stand in the file.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { syncs, syncFails } from '../node/sync.js';
import { type Row, Weir } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  rows_superseded: number;
  changes: string[];
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, file: string, stream = ''): void => write(`sources/${name}.yml`, `kind: file\nconnection: {path: ${file}}\n${stream}`);
/** Rows as texts, so that nothing is read anew on the way. */
const texts = async (table: string, ...columns: string[]): Promise<(string | null)[][]> => (await weir.rows(`select ${columns.map((c) => `"${c}"::varchar as "${c}"`).join(', ')} from ${table} order by id`)).map((row) => columns.map((c) => row[c] as string | null));

test('an object has its own keys, in its order, and its numbers as they are written', async () => {
  write(
    'o.ndjson',
    [
      '{"id": 1, "o": {"b": 1.10, "a": [1,  2.50], "big": 123456789012345678901234567890}, "l": [ {"x": 1}, {"y": "a, b} "} ], "day": "2026-01-02"}',
      '',
      '{"o": {"only": {"deep": {"er": null}}}, "id": 2, "l": [], "day": "2026-01-03"}',
      '{"id": 3, "o": null, "day": null}',
      '{"id": 4, "o": {}, "l": ["\\"quoted\\\\", "\\u00e9 \\ud83d\\ude00"], "day": "2026-01-04"}',
      'null',
    ].join('\n'),
  );
  source('o', 'o.ndjson');
  await sync('o');
  assert.deepEqual(await texts('o.o', 'id', 'o', 'l', 'day'), [
    ['1', '{"b":1.10,"a":[1,2.50],"big":123456789012345678901234567890}', '[{"x":1},{"y":"a, b} "}]', '2026-01-02'],
    ['2', '{"only":{"deep":{"er":null}}}', '[]', '2026-01-03'],
    ['3', null, null, null],
    ['4', '{}', '["\\"quoted\\\\","\\u00e9 \\ud83d\\ude00"]', '2026-01-04'],
    [null, null, null, null],
  ]);
  assert.deepEqual(await weir.rows("select column_name, data_type from information_schema.columns where table_schema = 'o' and column_name in ('o', 'l', 'day') order by 1"), [
    { column_name: 'day', data_type: 'DATE' },
    { column_name: 'l', data_type: 'JSON' },
    { column_name: 'o', data_type: 'JSON' },
  ]);
  assert.match(await weir.in('verify', 'o'), /o\.o {2}equal: 5 rows/);
});

test('a list of objects, indented; keys with escapes; columns called as weir’s own words', async () => {
  write('a.json', '[\n  {"id": 1,\n   "k\\u00e9y": {"a":\n 1},\n   "row": {"x": 1}, "row_": 5, "json": [1]},\n  {"id": 2, "kéy": {"b": 2,}, "row_": 6, "json": {"j": [1, 2,]}}\n]');
  source('a', 'a.json');
  await sync('a');
  const names = (await weir.rows("select column_name as c from information_schema.columns where table_schema = 'a' and column_name not like '\\_%' escape '\\' order by ordinal_position")).map(({ c }) => String(c));
  assert.equal(names.length, 5);
  assert.deepEqual(await texts('a.a', ...names), [
    ['1', '{"a":1}', '{"x":1}', '5', '[1]'],
    ['2', '{"b":2}', null, '6', '{"j":[1,2]}'],
  ]);
});

test('keys that differ by case alone are two columns', async () => {
  write('c.ndjson', '{"id":1,"o":{"a":1}}\n{"id":2,"O":{"b":2}}\n{"id":3,"o":{"c":3},"O":{"d":4}}\n');
  source('c', 'c.ndjson');
  await sync('c');
  const rows = await texts('c.c', 'o', 'o_1');
  assert.deepEqual(rows.map((row) => row.map((text) => (text === null ? null : Object.entries(JSON.parse(text) as object).filter(([, value]) => value !== null)))), [
    [[['a', 1]], null],
    [null, [['b', 2]]],
    [[['c', 3]], [['d', 4]]],
  ]);
});

test('objects under a key that is no name: empty, or with a NUL', async () => {
  write('e.ndjson', '{"id":1,"":{"e":1}}\n{"id":2,"":{"e":2}}\n');
  source('e', 'e.ndjson');
  await sync('e');
  assert.deepEqual(await texts('e.e', 'c1'), [['{"e":1}'], ['{"e":2}']]);
  write('nul.ndjson', '{"id":1,"a\\u0000b":{"x":1}}\n');
  source('nul', 'nul.ndjson');
  await fails(/no object of the file has such a key|Referenced column/, 'nul');
  write('place.ndjson', '{"id":1,"C1":{"x":1}}\n{"id":2,"C1":{"y":1}}\n');
  source('place', 'place.ndjson');
  await sync('place');
  assert.match(String((await texts('place.place', 'c1'))[1]), /"y":1/);
});

test('a text among numbers comes without its quotes where the column is of texts', async () => {
  write('t.ndjson', '{"id":1,"n":5}\n');
  source('t', 't.ndjson');
  await sync('t');
  write('t.ndjson', '{"id":1,"n":5}\n{"id":2,"n":"6 \\u00e9"}\n{"id":3,"n":7.50}\n{"id":4,"n":null}\n');
  await sync('t');
  assert.deepEqual(await texts('t.t', 'n'), [['5'], ['6 é'], ['7.50'], [null]]);
});

test('rows that are no objects, and objects that say a key twice', async () => {
  write('r.json', '[[1, 2], [3]]');
  source('r', 'r.json');
  await sync('r');
  assert.deepEqual((await weir.rows('select json::varchar as j from r.r order by 1')).map(({ j }) => j), ['[1,2]', '[3]']);
  write('d.ndjson', '{"id":1,"o":{"a":1}}\n{"id":2,"o":{"a":1},"o":{"a":2}}\n');
  source('d', 'd.ndjson');
  await fails(/d\.ndjson: an object has the key "o" twice/, 'd');
});

test('history: a key that comes in another row makes no version of those that are as they were', async () => {
  const stream = 'streams:\n  h: {path: h.ndjson, mode: history, key: [id]}\n';
  write('h.ndjson', '{"id":1,"o":{"a":1.10}}\n{"id":2,"o":{"a":2}}\n');
  source('h', 'h.ndjson', stream);
  await sync('h');
  write('h.ndjson', '{"id":1,"o":{"a":1.10}}\n{"id":2,"o":{"a":2}}\n{"id":3,"o":{"a":3,"new":true}}\n');
  const [load] = await sync('h');
  assert.deepEqual([load?.rows_read, load?.rows_written, load?.rows_superseded], [3, 1, 2]);
});

test('many rows, and rows of many sizes, are side by side', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => `{"id":${i},${i % 3 ? `"o":{"k${i % 7}":${i},"s":"${'x'.repeat((i * 37) % 500)}"},` : ''}"v":"t${i}"}${i % 11 ? '' : '\n'}`);
  write('m.ndjson', `${rows.join('\n')}\n`);
  source('m', 'm.ndjson');
  await sync('m');
  assert.deepEqual(await weir.rows("select count(*)::int as n, count(o)::int as o, count(*) filter (v = 't' || id)::int as v, count(*) filter (o is not null and (o ->> ('k' || id % 7))::int = id)::int as same from m.m"), [{ n: 20_000, o: 13_333, v: 20_000, same: 13_333 }]);
});

test('a list of rows with objects that is larger than the buffers of its readers', async () => {
  const rows = 230_000;
  write('large.json', `[\n${Array.from({ length: rows }, (_, i) => `{"id":${i},"o":{"v":${i},"s":"${'x'.repeat(220)}"},"day":"2026-01-01"}`).join(',\n')}\n]`);
  source('large', 'large.json');
  await sync('large');
  assert.deepEqual(await weir.rows("select count(*)::int as n, sum((json_extract(o, '$.v'))::bigint - id)::int as off from large.large"), [{ n: rows, off: 0 }]);
});

test('a column of which a file has no value is of the type that others have, and gets one with its first values', async () => {
  const types = async (name: string): Promise<Record<string, unknown>> => Object.fromEntries((await weir.rows(`select column_name as c, data_type as t from information_schema.columns where table_schema = '${name}' and column_name not like '%weir%' and column_name <> 'id'`)).map(({ c, t }): [string, unknown] => [String(c), t]));
  write('days/1.ndjson', '{"id":1,"n":7,"at":"2026-01-01T10:00:00Z","b":true,"o":{"x":1},"it\'s \\"one\\"":1.5}\n');
  source('days', '"days/*"', 'streams: {days: {mode: append}}\n');
  await sync('days');
  const first = { n: 'BIGINT', at: 'TIMESTAMP', b: 'BOOLEAN', o: 'JSON', it_s_one: 'DOUBLE' };
  assert.deepEqual(await types('days'), first);
  write('days/2.ndjson', '{"id":2,"n":null,"at":null,"b":null,"o":null,"it\'s \\"one\\"":null,"later":null,"list":null}\n');
  write('days/3.json', '[{"id":3,"n":null,"at":null,"b":null,"o":null,"later":null},\n{"id":4,"later":null}]\n');
  assert.deepEqual((await sync('days')).flatMap(({ changes }) => changes), ['new column later', 'new column list']);
  assert.deepEqual(await types('days'), { ...first, later: 'VARCHAR', list: 'VARCHAR' });
  // Behind the first rows that are looked at, there are values.
  write('days/4.ndjson', Array.from({ length: 5000 }, (_, i) => JSON.stringify({ id: 5 + i, n: null, later: null, list: null, o: i === 4000 ? { y: 2 } : null })).join('\n'));
  assert.deepEqual((await sync('days')).flatMap(({ changes }) => changes), []);
  write('days/5.ndjson', '{"id":9000,"later":2.5,"list":[1]}\n');
  assert.deepEqual((await sync('days')).flatMap(({ changes }) => changes), ['column later gets the type of its first values', 'column list gets the type of its first values']);
  assert.deepEqual(await types('days'), { ...first, later: 'DOUBLE', list: 'JSON' });
  assert.deepEqual(await weir.rows('select count(*) as n, sum(n) as s, count(o) as o, max(list::varchar) as l from days.days'), [{ n: 5005, s: 7, o: 2, l: '[1]' }]);
  assert.match(await weir.in('verify', 'days'), /equal: 5005 rows/);
  // Two keys that differ by case alone: nobody knows which of them the engine calls what.
  write('twice.ndjson', '{"id":1,"A":null,"a":{"x":1}}\n');
  source('twice', 'twice.ndjson');
  await sync('twice');
  assert.deepEqual((await weir.rows('select * from twice.twice')).map((row) => Object.values(row).filter((v) => typeof v === 'object' && v !== null)), [[{ x: 1 }]]);
});

const aside = (name: string): Promise<Row[]> => weir.rows(`select line, value, reason from weir.source_discards where source = '${name}' order by discarded_at, line`);

test('whole numbers are numbers, whatever their signs, in lines and in a list', async () => {
  const rows = ['{"id": 1, "n": -5, "large": -1}', '{"id": 2, "n": 7, "large": 9223372036854775808}', '{"id": 3, "n": -9223372036854775808, "large": 18446744073709551615}'];
  write('signs.ndjson', rows.join('\n'));
  write('signs.json', `[${rows.join(',')}]`);
  for (const name of ['lines', 'list']) {
    source(name, `signs.${name === 'lines' ? 'ndjson' : 'json'}`, 'streams: {signs: {}}\n');
    await sync(name);
    assert.deepEqual(await weir.rows(`select distinct typeof(n) as n, typeof(large) as large from ${name}.signs`), [{ n: 'BIGINT', large: 'DECIMAL(20,0)' }]);
    assert.deepEqual(await texts(`${name}.signs`, 'n', 'large'), [['-5', '-1'], ['7', '9223372036854775808'], ['-9223372036854775808', '18446744073709551615']]);
  }
});

test('lines of NDJSON that are no JSON are set aside, with their place and the reason', async () => {
  write('bad.ndjson', '\ufeff{"id":1,"n":1.5}\r\n\n{bad\n{"id":2,"n":2.5}\n{"id":3,\n{"id":4}{"id":5}\n{"id":6}\n{"id":7,"n":NaN}\n{"id":8,"o":{"a":[1]}}\n{"id":10}\n{"id":11}\n{"id":9,"t":"torn');
  source('bad', 'bad.ndjson', 'streams: {bad: {mode: append}}\n');
  assert.deepEqual((await sync('bad')).map(({ rows_read, rows_written, rows_discarded }) => [rows_read, rows_written, rows_discarded]), [[11, 7, 4]]);
  assert.deepEqual(await texts('bad.bad', 'id', 'n', 'o'), [['1', '1.5', null], ['10', null, null], ['11', null, null], ['2', '2.5', null], ['6', null, null], ['7', 'nan', null], ['8', null, '{"a":[1]}']]);
  const told = (await aside('bad')) as { line: number; value: string; reason: string }[];
  assert.deepEqual(told.map(({ line, value }) => [line, value]), [[3, '{bad'], [5, '{"id":3,'], [6, '{"id":4}{"id":5}'], [12, '{"id":9,"t":"torn']]);
  for (const { reason } of told) assert.match(reason, /JSON.*[^.]$/);
  assert.match(await weir.in('source', 'discover', 'bad'), /bad.*bad\.bad[^]*id +int[^]*n +double/);
  assert.match(await weir.in('verify', 'bad'), /^bad\.bad {2}equal: 7 rows/m);
  // The line is whole by now.
  write('bad.ndjson', '{"id":1}\n{"id":9,"t":"torn"}\n');
  assert.deepEqual((await sync('bad')).map(({ rows_written, rows_discarded }) => [rows_written, rows_discarded]), [[2, 0]]);
  assert.deepEqual(await texts('bad.bad', 'id', 't'), [['1', null], ['9', 'torn']]);
});

test('what the engine takes is not set aside with lines that are no JSON: numbers of any size, and such as NaN', async () => {
  const good = ['{"id":1,"n":NaN}', '{"id":2,"n":-Infinity}', '{"id":3,"n":123456789012345678901234567890}', '{"id":4,"n":1.5,"l":[{"v":98765432109876543210987}]}'];
  const none = ['{"id":5,"n":"\\ud800"}', '{"id":6,"n":"a\tb"}', '{"id":7,"n":NaN'];
  for (const [name, lines, nested] of [['odd', [...good, ...none], ''], ['odd_split', [...good, ...none], ', nested: tables'], ['odd_alone', good, ', nested: tables']] as const) {
    write(`${name}.ndjson`, lines.join('\n'));
    source(name, `${name}.ndjson`, `streams: {${name}: {mode: append${nested}}}\n`);
    const [load] = await sync(name);
    assert.deepEqual([load?.rows_read, load?.rows_written, load?.rows_discarded], [lines.length, 4, lines.length - 4], name);
    assert.deepEqual((await texts(`${name}.${name}`, 'id')).flat(), ['1', '2', '3', '4'], name);
    assert.deepEqual((await aside(name)).map(({ line }) => line), lines.length > 4 ? [5, 6, 7] : []);
  }
  assert.deepEqual(await weir.rows('select v::varchar as v from odd_split.odd_split__l'), [{ v: '98765432109876543210987' }]);
});

test('a line that is nothing but NaN, or a number that is too long, is set aside', async () => {
  for (const [name, line] of [['bare', 'NaN'], ['bare_minus', '-Infinity'], ['bare_digits', '9'.repeat(400)]] as const) {
    write(`${name}.ndjson`, `{"id":1}\n${line}\n{"id":2}\n{"id":3}\n`);
    source(name, `${name}.ndjson`);
    const [load] = await sync(name);
    assert.deepEqual([load?.rows_read, load?.rows_written, load?.rows_discarded], [4, 3, 1], name);
    assert.deepEqual((await aside(name)).map((one) => one.line), [2]);
  }
});

test('a byte order mark is the file’s own in front of it, and sets a line aside elsewhere', async () => {
  write('marked.ndjson', '\ufeffrubbish\n{"id":1}\n\ufeff{"id":2}\n{"id":3}\n{"id":4}\n{"id":5}\n');
  source('marked', 'marked.ndjson');
  const [load] = await sync('marked');
  assert.deepEqual([load?.rows_read, load?.rows_written, load?.rows_discarded], [6, 4, 2]);
  assert.deepEqual((await texts('marked.marked', 'id')).flat(), ['1', '3', '4', '5']);
  assert.deepEqual((await aside('marked')).map(({ line, value }) => [line, value]), [[1, 'rubbish'], [3, '\ufeff{"id":2}']]);
});

test('so are they of packed files, of several, and where objects and lists become tables', async () => {
  weir.write('several/a.ndjson.gz', gzipSync('{"id":1,"l":[{"v":1}]}\nrubbish\n{"id":2,"l":[{"v":2},{"v":3}]}\n'));
  write('several/b.ndjson', '{"id":3,"l":[]}\n');
  write('several/c.ndjson', '{"id":4,"l":[{"v":4}]}\n[1,\n');
  for (const nested of ['', 'nested: tables']) {
    const name = nested ? 'split' : 'flat';
    source(name, '"several/*"', `streams: {${name}: {mode: replace${nested ? `, ${nested}` : ''}}}\n`);
    const [load] = await sync(name);
    assert.deepEqual([load?.rows_read, load?.rows_written, load?.rows_discarded], [6, 4, 2], name);
    assert.deepEqual(await weir.rows(`select file, line, value from weir.source_discards where source = '${name}' order by file`), [{ file: 'several/a.ndjson.gz', line: 2, value: 'rubbish' }, { file: 'several/c.ndjson', line: 2, value: '[1,' }]);
  }
  assert.deepEqual(await weir.rows('select sum(v)::int as v from split.split__l'), [{ v: 10 }]);
  // What is something else is no file with a few bad lines.
  write('several/b.ndjson', '<html>\n<body>\n{"id":3}\n');
  await fails(/several\/b\.ndjson: row 1 is no JSON/, 'flat');
  write('several/b.ndjson', '{"id":3},\n{"id":4},\n');
  await fails(/several\/b\.ndjson: row 1 is no JSON: at byte 9, unexpected content after document\.$/m, 'flat');
  assert.deepEqual(await weir.rows('select count(*) as n from flat.flat'), [{ n: 4 }]);
});

test('texts that look like ids, clocks or days without a day are what the file says', async () => {
  const ids = ['D41D8CD9-8F00-B204-E980-0998ECF8427E', 'd41d8cd9-8f00-b204-e980-0998ecf8427f'];
  const rows = [
    { id: 1, u: ids[0], t: '1:02:03', m: '01:02', day: 'infinity', at: '2026-01-01 10:00:00', d: '2026-01-01' },
    { id: 2, u: ids[1], t: '01:02:04', m: '1:05', day: '2026-01-01', at: ' -Infinity', d: '2026-01-02' },
    { id: 3, u: null, t: null, m: null, day: 'epoch', at: 'epoch', d: null },
  ];
  const lines = rows.map((row) => JSON.stringify(row));
  weir.write('written/lines.ndjson', lines.join('\n'));
  weir.write('written/list.json', `[${lines.join(',')}]`);
  weir.write('sources/written.yml', 'kind: file\nconnection: {path: written}\n');
  await weir.in('sync', '--wait', 'written');
  for (const name of ['lines', 'list']) assert.deepEqual(await weir.rows(`select id, u, t, m, "day", "at", d::text as d from written.${name} order by id`), rows);
  assert.equal((await weir.in('verify', 'written')).match(/ equal/g)?.length, 2);
});

test('a key may be called as the engine calls what it has of each file', async () => {
  const rows = [{ id: 'D41D8CD9-8F00-B204-E980-0998ECF8427E', filename: 'a.pdf', file_index: 7, file_row_number: 'x', rowid: 1, o: { a: 1 } }];
  weir.write('called/lines.ndjson', JSON.stringify(rows[0]));
  weir.write('called/list.json', JSON.stringify(rows));
  source('called', 'called');
  await sync('called');
  for (const name of ['lines', 'list']) assert.deepEqual(await texts(`called.${name}`, 'id', 'filename', 'file_index', 'file_row_number', 'rowid', 'o'), [[rows[0]?.id, 'a.pdf', '7', 'x', '1', '{"a":1}']], name);
});

test('a key with a number behind the name of another one is the file’s own', async () => {
  const lines = ['{"id":1,"day":"2026-01-01","day_1":"infinity","u":"x","u_1":"D41D8CD9-8F00-B204-E980-0998ECF8427E","o":{"a":1},"o_1":{"a":1.10}}', '{"id":2,"day":"2026-01-02","day_1":"2026-01-03","u":"y","u_1":null,"o":{"a":1},"o_1":{"b":2}}'];
  weir.write('numbered/lines.ndjson', lines.join('\n'));
  weir.write('numbered/list.json', `[${lines.join(',')}]`);
  source('numbered', 'numbered');
  await sync('numbered');
  for (const name of ['lines', 'list']) {
    assert.deepEqual(await texts(`numbered.${name}`, 'day_1', 'u_1', 'o_1'), [
      ['infinity', 'D41D8CD9-8F00-B204-E980-0998ECF8427E', '{"a":1.10}'],
      ['2026-01-03', null, '{"b":2}'],
    ], name);
  }
  assert.equal((await weir.in('verify', 'numbered')).match(/ equal/g)?.length, 2);
});

test('rows that have few of all keys each are one column of objects, as they were', async () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({ [`k${i}`]: i }));
  weir.write('few/list.json', JSON.stringify(rows));
  weir.write('few/rows.json', rows.map((row) => JSON.stringify(row)).join('\n'));
  weir.write('few/lines.ndjson', rows.map((row) => JSON.stringify(row)).join('\n'));
  weir.write('few/tenth.json', JSON.stringify(rows.slice(0, 10)));
  weir.write('few/more.json', JSON.stringify(rows.map((row) => ({ id: 1, ...row }))));
  source('few', 'few');
  await sync('few');
  for (const [name, columns] of [['list', 1], ['rows', 1], ['lines', 1], ['tenth', 1], ['more', 13]] as const) {
    assert.deepEqual(await weir.rows(`select count(*) as n from information_schema.columns where table_schema = 'few' and table_name = '${name}' and column_name not like '\\_%' escape '\\'`), [{ n: columns }], name);
  }
  assert.deepEqual(await weir.rows(`select "json"::varchar as j from few.list order by json_keys("json")[1] limit 1`), [{ j: '{"k0":0}' }]);
});

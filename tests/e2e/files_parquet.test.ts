// Parquet: times finer than the warehouse has them, and names that differ by case alone.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { syncs } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

/** By pyarrow, with use_deprecated_int96_timestamps: id, and t of INT96, 2026-01-01 10:00:00.123456789 and null. */
const int96 =
  'UEFSMRUEFSAVIEwVBBUAEgAAAQAAAAAAAAACAAAAAAAAABUAFRIVEiwVBBUQFQYVBhwAAAACAAAABAEBAwIVBBUYFRhMFQIVABIAABUNku69IAAAco0lABUAFRIVEiwVBBUQFQYVBhwAAAACAAAAAwEBAgAVBBk8NQAYBnNjaGVtYRUEABUEJQIYAmlkABUGJQIYAXQAFgQZHBksJgAcFQQZNQAGEBkYAmlkFQAWBBZ0FnQmRCYIKSwVBBUAFQIAFQAVEBUCADwpBhkmAAQAAAAmABwVBhk1AAYQGRgBdBUAFgQWbBZsJrABJnwpLBUEFQAVAgAVABUQFQIAPCkGGSYCAgAAABbgARYEJggW4AEAGRwYDEFSUk9XOnNjaGVtYRjsAS8vLy8vNmdBQUFBUUFBQUFBQUFLQUF3QUJnQUZBQWdBQ2dBQUFBQUJCQUFNQUFBQUNBQUlBQUFBQkFBSUFBQUFCQUFBQUFJQUFBQkVBQUFBQkFBQUFOVC8vLzhBQUFFS0VBQUFBQmdBQUFBRUFBQUFBQUFBQUFFQUFBQjBBQVlBQ0FBR0FBWUFBQUFBQUFNQUVBQVVBQWdBQmdBSEFBd0FBQUFRQUJBQUFBQUFBQUVDRUFBQUFCd0FBQUFFQUFBQUFBQUFBQUlBQUFCcFpBQUFDQUFNQUFnQUJ3QUlBQUFBQUFBQUFVQUFBQUE9ABggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwAAADIAQAAUEFSMQ==';
/** By pyarrow: id, Name, name; and id, name, Name. */
const cased = [
  'UEFSMRUAFRwVHCwVAhUAFQYVBhwAAAACAAAAAgEBAAAAAAAAABUAFRYVFiwVAhUAFQYVBhwAAAACAAAAAgEBAAAAThUAFRYVFiwVAhUAFQYVBhwAAAACAAAAAgEBAAAAbhUEGUw1ABgGc2NoZW1hFQYAFQQlAhgCaWQAFQwlAhgETmFtZSUATBwAAAAVDCUCGARuYW1lJQBMHAAAABYCGRwZPCYAHBUEGSUGABkYAmlkFQAWAhZCFkImCEkcFQAVABUCADwpBhkmAAIAAAAmABwVDBklBgAZGAROYW1lFQAWAhY8FjwmSkkcFQAVABUCADwWAhkGGSYAAgAAACYAHBUMGSUGABkYBG5hbWUVABYCFjwWPCaGAUkcFQAVABUCADwWAhkGGSYAAgAAABa6ARYCJggWugEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRk8HAAAHAAAHAAAAAUBAABQQVIx',
  'UEFSMRUAFRwVHCwVAhUAFQYVBhwAAAACAAAAAgECAAAAAAAAABUAFRYVFiwVAhUAFQYVBhwAAAACAAAAAgEBAAAAbhUAFRYVFiwVAhUAFQYVBhwAAAACAAAAAgEBAAAAThUEGUw1ABgGc2NoZW1hFQYAFQQlAhgCaWQAFQwlAhgEbmFtZSUATBwAAAAVDCUCGAROYW1lJQBMHAAAABYCGRwZPCYAHBUEGSUGABkYAmlkFQAWAhZCFkImCEkcFQAVABUCADwpBhkmAAIAAAAmABwVDBklBgAZGARuYW1lFQAWAhY8FjwmSkkcFQAVABUCADwWAhkGGSYAAgAAACYAHBUMGSUGABkYBE5hbWUVABYCFjwWPCaGAUkcFQAVABUCADwWAhkGGSYAAgAAABa6ARYCJggWugEAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRk8HAAAHAAAHAAAAAUBAABQQVIx',
] as const;

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const make = async (name: string, sql: string): Promise<void> => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  await weir.in('query', sql, '--format', 'parquet', '--output', at(name));
};
const source = (name: string, stream = ''): void => writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: {path: "${name}/*"}\n${stream}`);
const load = async (source: string): Promise<string[]> => (await syncs<{ changes: string[] }>(() => weir)(source)).flatMap(({ changes }) => changes);
const types = async (table: string): Promise<Record<string, unknown>> =>
  Object.fromEntries((await weir.rows(`select column_name as c, data_type as t from information_schema.columns where table_schema = '${table}' and column_name not like '%weir%'`)).map(({ c, t }): [string, unknown] => [String(c), t]));
const all = (name: string): Promise<Row[]> => weir.rows(`select * exclude (_weir_file, _weir_run, _weir_loaded_at) from ${name}.${name} order by id`);

test('times finer than microseconds that cannot be read are told', async () => {
  mkdirSync(at('spark'));
  writeFileSync(at('spark/a.parquet'), Buffer.from(int96, 'base64'));
  source('spark');
  assert.deepEqual(await load('spark'), ['column "t" has times in nanoseconds with a zone, or of INT96: their microseconds are kept']);
  assert.deepEqual(await weir.rows('select id, epoch_us(t) as t from spark.spark order by id'), [{ id: 1, t: 1767261600123456 }, { id: 2, t: null }]);
});

test('nanoseconds are times where nothing is lost, and texts where it would be', async () => {
  await make('ns/a.parquet', "select 1 as id, timestamp_ns '2026-01-01 10:00:00.123456' as t, timestamp_ns '2026-01-01 10:00:00.123456789' as fine, null::timestamp_ns as nothing");
  source('ns', 'streams: {ns: {mode: append}}\n');
  assert.deepEqual(await load('ns'), []);
  assert.deepEqual(await types('ns'), { id: 'BIGINT', t: 'TIMESTAMP', fine: 'VARCHAR', nothing: 'TIMESTAMP' });
  assert.deepEqual(await weir.rows('select epoch_us(t) as t, fine from ns.ns'), [{ t: 1767261600123456, fine: '2026-01-01 10:00:00.123456789' }]);
  await make('ns/b.parquet', "select 2 as id, timestamp_ns '2026-01-01 10:00:00.000000001' as t");
  assert.deepEqual(await load('ns'), ['column t is text now']);
  assert.deepEqual(await weir.rows('select t from ns.ns order by id'), [{ t: '2026-01-01T10:00:00.123456Z' }, { t: '2026-01-01 10:00:00.000000001' }]);
});

test('names that differ by case alone keep their columns in any order', async () => {
  mkdirSync(at('names'));
  writeFileSync(at('names/a.parquet'), Buffer.from(cased[0], 'base64'));
  source('names', 'streams: {names: {mode: append}}\n');
  await load('names');
  writeFileSync(at('names/b.parquet'), Buffer.from(cased[1], 'base64'));
  await load('names');
  assert.deepEqual(await all('names'), [{ id: 1, name: 'N', name_1: 'n' }, { id: 2, name: 'N', name_1: 'n' }]);
});

test('a file without rows is one of the table when it has a column of it', async () => {
  await make('bare/a.parquet', 'select 1 as id');
  source('bare');
  await load('bare');
  await make('bare/a.parquet', "select 'x' as error where false");
  await assert.rejects(load('bare'), /bare\/a\.parquet: it has no rows, and none of the table's columns; it may be an error/);
  await make('bare/a.parquet', 'select 1 as id, 2 as more where false');
  await load('bare');
  assert.deepEqual(await all('bare'), []);
});

const amounts = async (name: string): Promise<unknown[]> => (await weir.rows(`select id, a::varchar as a from ${name}.${name} order by id`)).map(({ a }) => a);

test('a column that had no value yet gets the decimals of the first that come', async () => {
  mkdirSync(at('first'));
  writeFileSync(at('first/a.csv'), 'id,a\n1,\n');
  source('first', 'streams: {first: {mode: append}}\n');
  await load('first');
  await make('first/b.parquet', 'select 2 as id, 1.25::decimal(6,2) as a');
  assert.deepEqual(await load('first'), ['column a gets the type of its first values']);
  assert.deepEqual(await types('first'), { id: 'BIGINT', a: 'DECIMAL(6,2)' });
  assert.deepEqual(await amounts('first'), [null, '1.25']);
});

test('decimals are decimals, as wide as the files need them', async () => {
  await make('exact/a.parquet', "select 1 as id, 1234567.89::decimal(9,2) as a, -0.000000000000000000000000000000000001::decimal(38,36) as b, 18446744073709551615::ubigint as u, 170141183460469231731687303715884105727::hugeint::varchar as h union all select 2, null, 1.5, null, 'x'");
  source('exact', 'streams: {exact: {mode: append}}\n');
  assert.deepEqual(await load('exact'), []);
  assert.deepEqual(await types('exact'), { id: 'BIGINT', a: 'DECIMAL(9,2)', b: 'DECIMAL(38,36)', u: 'DECIMAL(20,0)', h: 'VARCHAR' });
  assert.deepEqual(await weir.rows('select sum(a)::varchar as a, max(b)::varchar as b, min(b)::varchar as l, max(u)::varchar as u from exact.exact'), [
    { a: '1234567.89', b: '1.500000000000000000000000000000000000', l: '-0.000000000000000000000000000000000001', u: '18446744073709551615' },
  ]);
  await make('exact/b.parquet', 'select 3 as id, 0.0001::decimal(5,4) as a');
  await make('exact/c.parquet', 'select 4 as id, 9223372036854775807 as a');
  assert.deepEqual(await load('exact'), ['column a is wider now']);
  assert.equal((await types('exact')).a, 'DECIMAL(23,4)');
  assert.deepEqual(await amounts('exact'), ['1234567.8900', null, '0.0001', '9223372036854775807.0000']);
  // What no decimal holds exactly is text; so is what the table has as text.
  await make('exact/d.parquet', 'select 5 as id, 0.5::double as a, 1.25::decimal(4,2) as h');
  assert.deepEqual(await load('exact'), ['column a is text now']);
  assert.deepEqual(await amounts('exact'), ['1234567.8900', null, '0.0001', '9223372036854775807.0000', '0.5']);
  assert.deepEqual(await weir.rows('select h from exact.exact where id = 5'), [{ h: '1.25' }]);
});

test('whole numbers of other files come among decimals', async () => {
  await make('mixed/a.parquet', 'select 1 as id, 1.50::decimal(10,2) as a');
  writeFileSync(at('mixed/b.csv'), 'id,a\n2,7\n3,-9223372036854775808\n4,\n');
  writeFileSync(at('mixed/c.ndjson'), '{"id":5,"a":42}\n');
  source('mixed', 'streams: {mixed: {mode: append}}\n');
  await load('mixed');
  assert.equal((await types('mixed')).a, 'DECIMAL(21,2)');
  assert.deepEqual(await amounts('mixed'), ['1.50', '7.00', '-9223372036854775808.00', null, '42.00']);
  assert.match(await weir.in('verify', 'mixed'), /^mixed\.mixed {2}equal: 5 rows, 0 missing, 0 extra, 0 different$/m);
});

test('decimals of a contract set aside what they cannot hold', async () => {
  const stream = (contract: string): void => source('fixed', `streams: {fixed: {mode: append, contract: ${contract}}}\n`);
  await make('fixed/a.parquet', 'select 1 as id, 1.50::decimal(4,2) as a');
  stream('discard_value');
  await load('fixed');
  await make('fixed/b.parquet', 'select 2 as id, 2.5::decimal(3,1) as a union all select 3, 100.0 union all select 4, 0.1');
  await make('fixed/c.parquet', 'select 5 as id, 3.14159::double as a union all select 6, 0.25');
  await load('fixed');
  assert.deepEqual(await amounts('fixed'), ['1.50', '2.50', null, '0.10', null, '0.25']);
  assert.equal((await types('fixed')).a, 'DECIMAL(4,2)');
});

test('decimals and large whole numbers in objects and lists are decimals, too', async () => {
  await make('deep/a.parquet', "select 1 as id, 18446744073709551615::ubigint as u, {'amount': 1.50::decimal(10,2), 'u': 18446744073709551615::ubigint} as o, [{'amount': 2.25::decimal(12,2)}] as l");
  source('deep', 'streams: {deep: {mode: append, nested: tables}}\n');
  await load('deep');
  assert.deepEqual(await weir.rows("select table_name as t, column_name as c, data_type as d from information_schema.columns where table_schema = 'deep' and column_name not like '\\_weir%' escape '\\' order by all"), [
    { t: 'deep', c: 'id', d: 'BIGINT' }, { t: 'deep', c: 'o__amount', d: 'DECIMAL(10,2)' }, { t: 'deep', c: 'o__u', d: 'DECIMAL(20,0)' }, { t: 'deep', c: 'u', d: 'DECIMAL(20,0)' },
    { t: 'deep__l', c: 'amount', d: 'DECIMAL(12,2)' },
  ]);
  assert.deepEqual(await weir.rows('select u::varchar as u, o__u::varchar as o, o__amount::varchar as a, (select amount::varchar from deep.deep__l) as l from deep.deep'), [{ u: '18446744073709551615', o: '18446744073709551615', a: '1.50', l: '2.25' }]);
});

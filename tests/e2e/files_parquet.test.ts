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

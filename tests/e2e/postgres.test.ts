// Tables of a real PostgreSQL: as a whole and by a cursor column, equal to their source.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Postgres, missing } from '../node/postgres.js';
import { Weir, type Cell, type Row, binary } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  source_checksum: string;
  warehouse_checksum: string;
  changes: string[];
}

const skip = missing ?? false;
if (missing) console.error(`\n*** SKIPPED: ${missing} ***\n`);
let weir: Weir;
let pg: Postgres;
before(async () => {
  if (skip) return;
  process.env['TEST_PG_PASSWORD'] = 'secret of the owner';
  process.env['TEST_PG_WRONG'] = 'another secret';
  [weir, pg] = await Promise.all([Weir.init(), Postgres.start()]);
});
after(async () => {
  if (skip) return;
  await weir.remove();
  await pg.stop();
});

const source = (name: string, more = ''): void => {
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
  writeFileSync(
    path.join(weir.dir, 'sources', `${name}.yml`),
    `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "\${TEST_PG_PASSWORD}"}\n${more}`,
  );
};
const sync = async (...args: string[]): Promise<Load[]> => (JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: Load[] }).streams;
const one = async (...args: string[]): Promise<Load> => {
  const [load] = await sync(...args);
  assert.ok(load);
  return load;
};
const fails = (why: RegExp, ...args: [string, ...string[]]): Promise<void> =>
  assert.rejects(weir.in(...args), (error: Error) => {
    assert.match(error.message, why);
    assert.doesNotMatch(error.message, /another secret|secret of the owner/);
    return true;
  });
const rows = async (sql: string): Promise<Row[]> => {
  const { columns, rows: found } = JSON.parse(await weir.in('query', sql, '--format', 'json')) as { columns: { name: string }[]; rows: Cell[][] };
  return found.map((cells) => Object.fromEntries(columns.map(({ name }, i) => [name, cells[i] ?? null])));
};

test('all types, exactly', { skip }, async () => {
  pg.sql(`create type mood as enum ('sad', 'fine');
    create table kinds (id int primary key, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric(12,2), big numeric(38,10), fr numeric(2,2), free numeric,
      t text, v varchar(9), c char(4), raw bytea, d date, ts timestamp, tz timestamptz, tm time, iv interval, u uuid, j json, jb jsonb, a int[], ta text[], m mood, r int4range);
    insert into kinds values
      (1, true, -32768, 9223372036854775807, 0.1, 1e300, 1234567890.12, 1234567890123456789012345678.0123456789, 0.05, 1e-20, 'ä''"\\', 'v', 'c', '\\xdeadbeef', '2024-02-29', '1999-12-31 23:59:59.999999', '2024-06-01 12:00:00+02', '12:34:56.7', '1 mon 2 days 03:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"x": 1}', '{"y": [1, 2]}', '{1,NULL,3}', '{a,"b c"}', 'fine', '[1,5)'),
      (2, false, 0, -9223372036854775808, 'NaN', '-Infinity', -0.01, -0.0000000001, -0.99, 'NaN', '', '', '', '', 'infinity', '-infinity', 'infinity', '00:00', '-1 sec', '00000000-0000-0000-0000-000000000000', 'null', '[]', '{}', '{}', 'sad', 'empty');
    insert into kinds (id) values (3)`);
  source('shop');
  const [load] = (await sync('shop')).filter(({ stream }) => stream === 'kinds');
  assert.equal(load?.status, 'loaded');
  assert.equal(load.rows_read, 3);
  assert.equal(load.source_checksum, load.warehouse_checksum);
  const types = await rows("select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as t from information_schema.columns where table_schema = 'shop' and table_name = 'kinds' and column_name in ('n', 'big', 'fr', 'free', 'tz', 'a')");
  assert.equal(types[0]?.['t'], 'n DECIMAL(12,2), big DECIMAL(38,10), fr DECIMAL(2,2), free VARCHAR, tz TIMESTAMP, a JSON');
  const texts = 'i2, i8, n, big, free, t, v, c, raw, d, u, tm, iv, m, r, ts, tz'.split(', ');
  const cast = (column: string): string => `cast(${column} as varchar)`;
  const got = await rows(`select ${texts.map((c) => `${cast(c)} as ${c}`).join(', ')} from shop.kinds order by id`);
  const wanted = JSON.parse(pg.sql(`set timezone = 'UTC'; set bytea_output = 'hex'; select json_agg(json_build_object(${texts.map((c) => `'${c}', ${c === 'tz' ? 'tz::timestamp::text' : c === 'c' ? "rpad(c::text, 4)" : `${c}::text`}`).join(', ')}) order by id) from kinds`)) as Row[];
  assert.deepEqual(got, wanted);
  assert.deepEqual(await rows('select b, f4, f8, cast(fr as double) as fr, j, jb, a, ta from shop.kinds where id = 1'), [{ b: true, f4: 0.1, f8: 1e300, fr: 0.05, j: { x: 1 }, jb: { y: [1, 2] }, a: [1, null, 3], ta: ['a', 'b c'] }]);
  pg.sql('drop table kinds');
});

test('a large table while others write: one moment of it, by two connections', { skip }, async () => {
  pg.sql(`create table large (id int, pad text); insert into large select g, repeat('x', 400) from generate_series(1, 100000) g; analyze large`);
  source('large', 'streams: {large: {}}\n');
  const running = one('large');
  for (let i = 0; i < 5; i++) pg.sql(`begin; delete from large where id in (select id from large order by id limit 100); insert into large select g, 'new' from generate_series(${200_000 + i * 100}, ${200_099 + i * 100}) g; commit`);
  const load = await running;
  assert.deepEqual([load.status, load.rows_read, load.rows_written], ['loaded', 100_000, 100_000]);
  assert.equal(load.source_checksum, load.warehouse_checksum);
  assert.deepEqual(await rows('select count(*) as n, count(distinct id) as d from large.large'), [{ n: 100_000, d: 100_000 }]);
  await one('large');
  assert.deepEqual(await rows('select count(*) as n, cast(sum(id) as varchar) as s from large.large'), [{ n: 100_000, s: pg.sql('select sum(id) from large') }]);
});

test('by a cursor: only what is new; killed, nothing twice and nothing lost; a column goes', { skip }, async () => {
  pg.sql(`create table orders (id int primary key, at timestamptz, amount numeric(10,2), gone text); insert into orders select g, '2026-01-01'::timestamptz + g * interval '1 s', g / 100.0, 'x' from generate_series(1, 50000) g`);
  source('inc', 'streams:\n  orders: {mode: merge, key: [id], cursor: at}\n  public.orders: {table: log, mode: append, cursor: id}\n');
  const child = spawn(binary, ['-C', weir.dir, 'sync', 'inc', '--wait'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  setTimeout(() => child.kill('SIGKILL'), 50 + Math.random() * 200);
  await ended;
  await sync('inc');
  assert.deepEqual((await sync('inc')).map(({ status }) => status), ['unchanged', 'unchanged']);
  pg.sql(`update orders set amount = 7.77, at = '2026-06-01' where id = 5; insert into orders values (50001, '2026-06-01', 0.01, 'x'); alter table orders drop column gone`);
  const second = await sync('inc');
  assert.deepEqual(second.map(({ rows_written: n }) => n), [3, 1]);
  pg.sql(`insert into orders values (50002, '2026-06-01', 1)`);
  assert.deepEqual((await sync('inc')).map(({ rows_written: n }) => n), [3, 1]);
  const [there] = await rows("select count(*) as n, cast(sum(amount) as varchar) as s, (select count(*) from inc.log) as l, (select count(distinct id) from inc.log) as d from inc.orders");
  assert.deepEqual(there, { n: 50_002, s: pg.sql('select sum(amount) from orders'), l: 50_002, d: 50_002 });
});

test('errors say what to do, and never the password', { skip }, async () => {
  const write = (name: string, text: string): void => writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), text);
  const at = `host: 127.0.0.1, port: ${pg.port}`;
  write('wrong', `kind: postgres\nconnection: {${at}, database: postgres, user: owner, password: "\${TEST_PG_WRONG}"}\n`);
  await fails(/password authentication failed.*check `user` and `password`/s, 'source', 'check', 'wrong');
  write('wrong', `kind: postgres\nconnection: {${at}, database: nowhere, user: owner, password: "\${TEST_PG_PASSWORD}"}\n`);
  await fails(/"nowhere" does not exist.*check `database`/s, 'source', 'check', 'wrong');
  write('wrong', `kind: postgres\nconnection: {${at}, database: postgres, user: owner, password: "another secret"}\n`);
  await fails(/must be \$\{NAME\}/, 'source', 'check', 'wrong');
  write('wrong', `kind: postgres\nconnection: {${at}, database: postgres, user: owner, password: "\${TEST_PG_NONE}"}\n`);
  await fails(/TEST_PG_NONE.*is not set/, 'source', 'check', 'wrong');
  write('wrong', 'kind: postgres\nconnection: {host: 127.0.0.1, port: 1, database: a, user: b}\n');
  await fails(/cannot connect.*is it running/s, 'source', 'check', 'wrong');
  source('wrong', 'streams: {nothing: {}}\n');
  await fails(/there is no table or view "nothing"/, 'sync', 'wrong', '--wait');
  source('wrong', 'streams: {orders: {mode: append, cursor: nothing}}\n');
  await fails(/the cursor "nothing".*is no column/, 'sync', 'wrong', '--wait');
  source('wrong', 'streams: {orders: {mode: append}}\n');
  await fails(/needs `cursor: COLUMN`/, 'sync', 'wrong', '--wait');
});

// Tables of a real PostgreSQL, followed by logical replication: equal to their source, whatever happens.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { holdPostgres, pg, weir } from '../node/postgres_held.js';
import { setUp } from '../node/client.js';
import { commandFails, syncs } from '../node/sync.js';
import { type Row, binary, until } from '../node/weir.js';

interface Load {
  stream: string;
  mode: string;
  status: string;
  rows_read: number;
  rows_written: number;
  error: string | null;
}

const skip = holdPostgres(['-c', 'wal_level=logical']);

const source = (name: string, schema: string, more = '', streams = ''): void =>
  writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", schemas: [${schema}], capture: true${more}}\n${streams}`);
const sync = syncs<Load>(() => weir);
const fails = commandFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
/** All rows of the tables, by their columns of now, as both engines write them. */
const equal = async (schema: string, tables: string[], why: string): Promise<void> => {
  const found = pg.sql(`select attrelid::regclass::text || ':' || string_agg('"' || attname || '"', ',' order by attnum) from pg_attribute where attrelid = any ('{${tables.map((t) => `${schema}.${t}`).join(',')}}'::regclass[]) and attnum > 0 and not attisdropped group by attrelid`).split('\n');
  const all = (type: string): string =>
    found
      .map((line) => line.split(':'))
      .map(([table = '', columns = '']) => `select concat_ws('|', '${table}', ${columns.split(',').map((c) => `coalesce(case when length(${c}::${type}) > 40 then md5(${c}::${type}) else ${c}::${type} end, '-')`).join(', ')}) as r from ${table}`)
      .join(' union all ');
  const theirs = pg.sql(all('text'));
  const ours = await rows(all('varchar'));
  assert.deepEqual(ours.map(({ r }) => String(r)).sort(), theirs === '' ? [] : theirs.split('\n').sort(), why);
};
/** A sync that is killed at some moment. */
const killed = async (name: string, after: number): Promise<void> => {
  const child = spawn(binary, ['-C', weir.dir, 'sync', name, '--wait'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), after);
  await ended;
  clearTimeout(timer);
};

test('what is asked of the tables in each run is not compiled by the server, which takes it longer than the answer', { skip }, async () => {
  pg.sql(`create schema quick; create table quick.t (id int primary key); alter role owner set session_preload_libraries = 'auto_explain'; alter role owner set auto_explain.log_min_duration = 0;
    alter role owner set auto_explain.log_analyze = on; alter role owner set jit_above_cost = 0; alter role owner set jit = on`);
  source('quick', 'quick');
  await sync('quick');
  await sync('quick');
  const available = pg.sql('select pg_jit_available()') === 't';
  pg.sql('alter role owner reset all');
  await weir.in('source', 'remove', 'quick');
  const plans = readFileSync(path.join(pg.dir, 'log'), 'utf8').split('Query Text: ').slice(1);
  const asked = plans.filter((plan) => plan.includes('pg_partition_tree'));
  assert.ok(asked.length >= 2, `${asked.length} questions`);
  assert.deepEqual(asked.filter((plan) => /^\s*JIT:/m.test(plan)), []);
  assert.equal(plans.some((plan) => /^\s*JIT:/m.test(plan)), available);
});

test('loaded once, then followed: rows, keys, large values, all types; nothing new is cheap', { skip }, async () => {
  pg.sql(`create schema a; set search_path = a; create table t (id int primary key, s text, n numeric(10,2), big text); alter table t alter big set storage external;
    insert into t select g, 'row ' || g, g / 4.0, repeat(md5(g::text), 100) from generate_series(1, 1000) g;
    create table bag (a int, b text); alter table bag replica identity full; insert into bag values (1, 'x'), (1, 'x'), (2, null);
    create view seen as select * from t;
    create table kinds (id int primary key, b bool, f4 float4, f8 float8, d date, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, ai int[], at text[], atz timestamptz[], i inet, c char(4), raw bytea, big numeric(38,10), free numeric, gen int generated always as (id + 1) stored);
    create table parts (k int primary key, v text) partition by range (k); create table parts_1 partition of parts for values from (0) to (100); create table parts_2 partition of parts for values from (100) to (200); insert into parts values (1, 'a'), (101, 'b')`);
  source('a', 'a');
  assert.deepEqual((await sync('a')).map(({ stream, status, rows_read }) => [stream, status, rows_read]), [['bag', 'loaded', 3], ['kinds', 'loaded', 0], ['parts', 'loaded', 2], ['t', 'loaded', 1000]]);
  assert.deepEqual(await sync('a'), []);
  const kinds = `(true, 0.1, '-Infinity', '4713-01-01 BC', 'infinity', '2024-06-01 12:00:00.25+02', '1 mon -2 days 03:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"x":  1}', '{"y": [1, 2]}', '{{1,NULL},{3,4}}', '{a,"b c\\\\\\"",NULL,"null"}', '{"2024-06-01 12:00+00",infinity}', '10.0.0.1', 'c', '\\xdead', -0.0000000001, 1e-20)`;
  const names = 'b, f4, f8, d, ts, tz, iv, u, j, jb, ai, at, atz, i, c, raw, big, free';
  pg.sql(`set search_path = a; insert into kinds (id, ${names}) values (1, ${kinds.slice(1, -1)}), (2, null${', null'.repeat(17)});
    update t set s = 'changed' where id <= 10; update t set id = id + 5000 where id <= 5; update t set s = 'again' where id = 5001; delete from t where id = 20; insert into t values (20, 'back', 1, 'small');
    begin; update t set id = -1 where id = 30; update t set id = 30 where id = 31; update t set id = 31 where id = -1; update t set s = 'swapped' where id in (30, 31); commit;
    insert into bag select 5, 'w' from generate_series(1, 9000); update t set s = 'between' where id = 900; insert into bag values (5, 'w'); delete from bag where a = 5; insert into bag values (1, 'x'), (3, 'y'); delete from bag where ctid in (select min(ctid) from bag where a = 1); update bag set b = 'z' where a = 2; update parts set k = 150 where k = 1; insert into parts values (50, 'c')`);
  const loads = await sync('a');
  assert.deepEqual(loads.map(({ stream, mode, status }) => [stream, mode, status]), [['bag', 'capture', 'loaded'], ['kinds', 'capture', 'loaded'], ['parts', 'capture', 'loaded'], ['t', 'capture', 'loaded']]);
  await equal('a', ['t', 'bag', 'parts'], 'after changes');
  const followed = await rows('select * exclude (_weir_run, _weir_loaded_at) from a.kinds order by id');
  await sync('a', '--full'); // COPY has other decoders: they must say the same
  assert.deepEqual(followed, await rows('select * exclude (_weir_run, _weir_loaded_at) from a.kinds order by id'));
  assert.equal(followed.length, 2);
  await equal('a', ['t', 'bag', 'parts'], 'after all was loaded anew');
  assert.equal(pg.sql("select count(*) from pg_replication_slots"), '1');
});

test('what is there is told before anything is loaded, also what cannot be followed, and what is in other schemas', { skip }, async () => {
  pg.sql(`create schema shown; set search_path = shown; create table orders (id int primary key, v text); insert into orders select g, 'x' from generate_series(1, 2000) g; analyze orders;
    create table keyless (a int); insert into keyless values (1); create table whole (a int); alter table whole replica identity full; create table never (id int primary key); alter table never replica identity nothing; create view seen as select * from orders; alter table orders add column twice int generated always as (id * 2) stored, add column other int default 1;
    create schema beside; create table beside.one (a int); create table beside.two (a int)`);
  source('shown', 'shown');
  const found = JSON.parse(await weir.in('source', 'discover', 'shown', '--json')) as { note: string; streams: { name: string; rows: number; follows: boolean; refused: string | null }[] };
  assert.match(found.note, /other schemas, too: .*beside \(2\).*With `capture`, views and foreign tables \(1 here\) are no streams.* generated columns are left out.*these tables have some: orders\.$/);
  assert.deepEqual(found.streams.map(({ name, rows: about, follows, refused }) => [name, about, follows, refused?.slice(0, 37) ?? null]), [
    ['keyless', 0, false, 'nothing says which row a change is of'], ['never', 0, false, 'nothing says which row a change is of'], ['orders', 2000, true, null], ['whole', 0, true, null],
  ]);
  assert.match(await weir.in('source', 'check', 'shown'), /^keyless {2}is not loaded: nothing says .*\n.*\norders {2}→ {2}shown\.orders {2}\(follows changes, about 2000 rows, [0-9.]+ KB\)\n/);
  // A run says it each time, and loads the others.
  const loads = (await sync('shown')) as (Load & { table: string })[];
  assert.deepEqual(loads.map(({ stream, status, rows_written }) => [stream, status, rows_written]).sort(), [['keyless', 'refused', 0], ['never', 'refused', 0], ['orders', 'loaded', 2000], ['whole', 'loaded', 0]]);
  assert.deepEqual((await sync('shown')).map(({ stream, status }) => [stream, status]).sort(), [['keyless', 'refused'], ['never', 'refused']]);
  pg.sql('alter table shown.keyless add primary key (a)');
  assert.deepEqual((await sync('shown')).map(({ stream, status }) => [stream, status]).sort(), [['keyless', 'loaded'], ['never', 'refused']]);
  source('none', 'nothing_here');
  await fails(/no table that "owner" may read in the schemas \{"nothing_here"\}.* other schemas, too: .*shown \(\d\)/, 'source', 'check', 'none');
  rmSync(path.join(weir.dir, 'sources/none.yml'));
  // A word of the command line is as good as the file's.
  await weir.in('source', 'add', 'worded', '--kind', 'postgres', '--set', 'database=postgres', '--set', 'user=owner', '--set', 'capture=yes');
  assert.match(readFileSync(path.join(weir.dir, 'sources/worded.yml'), 'utf8'), /capture: true/);
  rmSync(path.join(weir.dir, 'sources/worded.yml'));
});

test('what no run ever loaded is no table that cannot be followed: its comparison fails, and says what loads it', { skip }, async () => {
  pg.sql('create schema fresh; set search_path = fresh; create table t (id int primary key); create table never (a int)');
  source('fresh', 'fresh');
  await fails(/stream \\"t\\" was not loaded yet; `weir sync fresh` loads it/, 'verify', 'fresh');
  await fails(/stream \\"t\\" was not loaded yet; `weir sync fresh` loads it/, 'verify', 'fresh.t');
  rmSync(path.join(weir.dir, 'sources/fresh.yml'));
});

test('a table that was followed and loses its key fails, until it has one again; one that nobody could ever follow is no failure, of a comparison neither', { skip }, async () => {
  pg.sql(`create schema lost; set search_path = lost; create table t (id int primary key, v text); insert into t values (1, 'a'); create table u (id int primary key); create table never (a int)`);
  source('lost', 'lost');
  await sync('lost');
  const list = async (): Promise<string> => /^lost .*$/m.exec(await weir.in('source', 'list'))?.[0] ?? '';
  assert.match(await list(), /  well$/);
  assert.match(await weir.in('verify', 'lost'), /^lost\.never {2}refused: no run loaded it: its changes cannot be had, or it is new; `weir sync` says which$/m);
  pg.sql(`set search_path = lost; alter table t drop constraint t_pkey; insert into t values (2, 'b'); insert into u values (7)`);
  for (const full of [[], [], ['--full']]) {
    await fails(/changes of "t" cannot be captured: nothing says which row a change is of/, 'sync', 'lost', '--wait', ...full);
    assert.deepEqual(await rows('select u.id, t.v from lost.t, lost.u'), [{ id: 7, v: 'a' }], 'the others go on, and its table stays');
  }
  assert.match(await list(), /failed 3 times in a row/);
  await fails(/lost\.t is not what its source is: 1 missing/, 'verify', 'lost');
  pg.sql('alter table lost.t add primary key (id)');
  await sync('lost');
  await equal('lost', ['t', 'u'], 'with a key again');
  assert.match(await list(), /  well;/);
});

test('a database without an encoding: rows with texts that are no UTF-8 are set aside, the others come', { skip }, async () => {
  pg.sql("create database bytes owner owner encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'");
  const sql = (text: string): string => pg.sql(`set client_encoding = 'SQL_ASCII'; ${text}`, 'bytes');
  sql(`create table texts (id int primary key, v text, n int); create table others (id int primary key, v text); alter table texts owner to owner; alter table others owner to owner;
    insert into texts values (1, 'été €', 1), (2, E'\\xe9t\\xe9', 2), (3, null, 3), (4, '🎉', 4); insert into others values (1, 'a')`);
  for (const capture of [false, true]) {
    const name = capture ? 'followed' : 'read';
    writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: bytes, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: ${capture}}\n`);
    await sync(name);
    assert.deepEqual(await rows(`select id, v from ${name}.texts order by id`), [{ id: 1, v: 'été €' }, { id: 3, v: null }, { id: 4, v: '🎉' }]);
    assert.deepEqual(await rows(`select stream, column_name as c, value, row_json as row, reason from weir.source_discards where source = '${name}'`), [{ stream: 'texts', c: 'v', value: '\ufffdt\ufffd', row: { id: 2, v: '\ufffdt\ufffd', n: 2 }, reason: 'a text is no UTF-8' }]);
    assert.match(await weir.in('verify', name), /texts +equal: .*, 1 set aside/);
  }
  sql(`insert into texts values (5, E'\\xff', 5), (6, 'ü', 6); update texts set v = 'mended' where id = 2; update texts set v = E'\\x80' where id = 1; insert into others values (2, 'b')`);
  await sync('followed');
  assert.deepEqual(await rows('select id, v from followed.texts order by id'), [{ id: 2, v: 'mended' }, { id: 3, v: null }, { id: 4, v: '🎉' }, { id: 6, v: 'ü' }]);
  assert.deepEqual(await rows('select id from followed.others order by id'), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(await rows("select column_name as c, value, row_json as row from weir.source_discards where source = 'followed' and discarded_at = (select max(discarded_at) from weir.source_discards) order by value, row_json->>'id'"), [
    { c: 'v', value: '\ufffd', row: { id: 1, v: '\ufffd', n: 1 } },
    { c: 'v', value: '\ufffd', row: { id: 5, v: '\ufffd', n: 5 } },
  ]);
  sql("delete from texts where v = E'\\xff' or v = E'\\x80'");
  await sync('followed');
  assert.match(await weir.in('verify', 'followed'), /equal/);
  await sync('read');
  assert.match(await weir.in('verify', 'read'), /equal/);
  sql(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = 'bytes'`);
});

test('what is lost is said, and --full is the way back', { skip }, async () => {
  source('held', 'public', ', row_security: apply');
  await fails(/changes are not held to row security/, 'sync', 'held', '--wait');
  rmSync(path.join(weir.dir, 'sources/held.yml'));
  pg.sql('create schema b; create table b.t (id int primary key); insert into b.t values (1); create table b.none (a int)');
  source('b', 'b', '', 'streams: {t: {}}\n');
  pg.sql("select pg_create_logical_replication_slot('weir_b', 'pgoutput')");
  await fails(/a slot "weir_b" already.*--full/, 'sync', 'b', '--wait');
  await sync('b', '--full');
  pg.sql("insert into b.t values (2); select pg_drop_replication_slot('weir_b')");
  await fails(/slot is gone.*changes may be missing, and nothing was loaded.*weir sync b --full/, 'sync', 'b', '--wait');
  await sync('b', '--full');
  await equal('b', ['t'], 'anew');
  pg.sql("insert into b.t values (3); select pg_drop_replication_slot('weir_b'); select pg_create_logical_replication_slot('weir_b', 'pgoutput'); insert into b.t values (4)");
  await fails(/somebody else read from it, or made it anew/, 'sync', 'b', '--wait');
  await sync('b', '--full');
  // A publication that somebody dropped is made anew, and all begins with it; one that somebody made is younger than the log.
  pg.sql('insert into b.t values (6); drop publication weir_b; insert into b.t values (7)');
  await sync('b');
  await equal('b', ['t'], 'another publication');
  pg.sql('insert into b.t values (8)');
  assert.deepEqual((await sync('b')).map(({ mode }) => mode), ['capture']);
  await equal('b', ['t'], 'and its changes');
  pg.sql('insert into b.t values (9); drop publication weir_b; insert into b.t values (10); create publication weir_b for table only b.t with (publish_via_partition_root = true)');
  await fails(/publication "weir_b" is younger than what was read last.*weir sync b --full/, 'sync', 'b', '--wait');
  await sync('b', '--full');
  await equal('b', ['t'], 'after --full');
  source('b', 'b', ', max_slot: 1MB', 'streams: {t: {}}\n');
  pg.sql("create table b.other as select g, repeat('x', 500) from generate_series(1, 5000) g");
  await fails(/more than `max_slot`; it was dropped/, 'sync', 'b', '--wait');
  assert.equal(pg.sql("select count(*) from pg_replication_slots where slot_name = 'weir_b'"), '0');
  source('b', 'b', '', 'streams: {t: {}, none: {}}\n');
  await fails(/changes of "none" cannot be captured.*PRIMARY KEY/, 'sync', 'b', '--wait', '--full');
  await equal('b', ['t'], 'beside a table that cannot be followed');
  pg.sql('delete from b.none; insert into b.t values (5)'); // it is in no publication, so its owner may change it
  await fails(/changes of "none"/, 'sync', 'b', '--wait');
  await equal('b', ['t'], 'beside a table that cannot be followed');
  source('b', 'b', '', 'streams: {t: {mode: merge, key: [id]}}\n');
  await fails(/may be of `mode: replace`, or of `merge` with `deletes: soft`/, 'sync', 'b', '--wait');
});

test('a server whose files were put back is not taken for the one that was followed, however much it has written since', { skip }, async () => {
  pg.sql('create schema back; create table back.one (id int primary key); create table back.two (id int primary key, v text); create schema aside; create table aside.much (v text); alter table aside.much alter v set storage external');
  const file = (): void => source('back', 'back', '', 'streams: {one: {}, two: {}}\n');
  const restored = async (): Promise<void> => {
    await pg.restore();
    file();
  };
  const gone = /is another one than the one that was read.*backup was restored.*changes may be missing.*--full/s;
  const filled = "insert into aside.much select repeat(md5(g::text), 100) from generate_series(1, 3000) g";
  file();
  await sync('back');
  await pg.keep();
  file();
  pg.sql('insert into back.one values (1)');
  await sync('back');
  await restored();
  pg.sql(`insert into back.two values (2, 'x'); ${filled}; insert into back.two values (3, 'x')`);
  await fails(gone, 'sync', 'back', '--wait');
  await fails(gone, 'sync', 'back', '--wait');
  await restored();
  pg.sql('insert into back.one values (4)');
  await sync('back', '--full'); // its slot begins behind the one that was kept
  await restored();
  pg.sql(`insert into back.two values (5, 'x'); ${filled}`);
  await fails(gone, 'sync', 'back', '--wait');
  await sync('back', '--full');
  await equal('back', ['one', 'two'], 'after --full');
  await pg.keep();
  file();
  pg.sql(filled);
  await sync('back'); // no change of the tables, and the position moves
  await restored();
  pg.sql(`insert into back.two values (6, 'x'); ${filled}; ${filled}`);
  await fails(gone, 'sync', 'back', '--wait');
  await sync('back', '--full');
  await pg.restart();
  file();
  pg.sql("insert into back.two values (7, 'x')");
  await sync('back');
  await equal('back', ['one', 'two'], 'after a restart');
  await weir.in('source', 'remove', 'back');
  pg.sql('drop schema back, aside cascade');
});

test('what was not told of a table for a while is loaded anew; names and modes of all kinds', { skip }, async () => {
  const big = (n: number): string => `(select string_agg(md5((g + ${n})::text), '') from generate_series(1, 99) g)`;
  pg.sql(`create schema g; set search_path = g; create table t (id int primary key, v int); insert into t values (1, 1);
    create table u (id int primary key, at text, s1 text, v int); alter table u alter at set storage external, alter s1 set storage external; insert into u select g, ${big(1)}, ${big(2)}, 0 from generate_series(1, 3) g`);
  const follow = async (why: string): Promise<void> => {
    pg.sql('update g.u set v = v + 1'); // the source goes on, whatever t does
    await sync('g');
    await equal('g', ['u'], why);
  };
  source('g', 'g');
  await follow('loaded');
  pg.sql('alter table g.t drop constraint t_pkey; insert into g.t values (2, 2)');
  pg.sql('update g.u set v = v + 1');
  await fails(/changes of "t" cannot be captured/, 'sync', 'g', '--wait');
  await equal('g', ['u'], 'beside a table without a key');
  pg.sql('alter table g.t add primary key (id)');
  await follow('with a key again');
  await equal('g', ['t'], 'with a key again');
  source('g', 'g', '', 'streams: {u: {}}\n');
  pg.sql('update g.t set v = 3');
  await follow('beside a table that is no stream');
  source('g', 'g');
  await follow('a stream again');
  await equal('g', ['t'], 'a stream again');
  pg.sql('alter publication weir_g drop table g.t; delete from g.t where id = 1');
  await follow('published again by weir');
  await equal('g', ['t'], 'published again by weir');
  pg.sql("alter publication weir_g drop table g.t; insert into g.t values (4, 4); alter publication weir_g add table g.t; alter publication weir_g set (publish = 'insert'); update g.t set v = 5; alter publication weir_g set (publish = 'insert, update, delete, truncate')");
  await follow('published again by another');
  await equal('g', ['t'], 'published again by another');
  pg.sql(`update g.u set id = 11 where id = 1; update g.u set at = ${big(3)} where id = 2`);
  await follow('columns of any name keep large values');
  for (const deletes of ['hard', 'soft']) {
    source('g', 'g', '', `streams: {t: {mode: merge, key: [id], deletes: ${deletes}}}\n`);
    await sync('g');
    pg.sql(`insert into g.t values (7, 7) on conflict do nothing; update g.t set v = v + 1`);
    await sync('g');
  }
  pg.sql('delete from g.t where id = 7');
  await sync('g');
  assert.deepEqual(await rows('select id from g.t where _weir_deleted is not null'), [{ id: 7 }]);
});

test('tables that become others, and that cannot be followed, at all corners', { skip }, async () => {
  const big = (n: number): string => `(select string_agg(md5((g + ${n})::text), '') from generate_series(1, 99) g)`;
  pg.sql(`create schema h; set search_path = h; create type mood as enum ('good', 'bad'); create domain mind as mood; create domain flag as bool; create domain code as char(4); create domain place as inet; create domain codes as int[]; create domain price as numeric(10,2); create domain cheap as price check (value < 100);
    create table s (id int primary key, gone int, m mind, ms mood[], "A b" int, a_b int); insert into s values (1, 7, 'good', '{bad,good}', 1, 2), (2, 8, 'bad', null, 3, 4);
    create table d (id int primary key, f flag, c code, p place, l codes, n cheap, t text); insert into d values (0, false, 'x', '10.0.0.2', '{}', 1, 'text');
    create table late (id int primary key deferrable initially deferred); insert into late values (1);
    create table tree (id int primary key, v int) partition by range (id); create table tree_1 partition of tree for values from (0) to (100); create table tree_2 partition of tree for values from (100) to (200); insert into tree values (1, 1), (101, 1); alter table tree_2 replica identity nothing;
    create table root (id int primary key, v int) partition by range (id); create table root_1 partition of root for values from (0) to (100); insert into root values (1, 1);
    create table bare (rowid int, v text); alter table bare replica identity full;
    create table x (id numeric(6,2) primary key, n numeric(10,2), big text); alter table x alter big set storage external; insert into x select g, g, ${big(1)} from generate_series(1, 4) g; insert into x values ('NaN', 1, ${big(2)})`);
  const one = 'streams: {s: {}, d: {mode: merge, key: [id], deletes: soft}, root_1: {}, x: {mode: merge, key: [id], deletes: soft}}\n';
  source('h', 'h', '', one);
  await sync('h');
  const typed = "select f, c, p, l, n, typeof(n) as type, t from h.d where id = 1";
  pg.sql(`set search_path = h; insert into d values (1, true, 'ab', '10.0.0.1', '{1,null}', 12.50, 'a'); update root_1 set v = 2;
    alter table s drop column gone; alter table s add column gone int; alter table s drop column "A b"; update s set gone = 5 where id = 2;
    begin; update x set n = 'NaN', big = ${big(3)} where id = 1; update x set n = 9 where id = 1; commit; update x set n = 'NaN', big = ${big(4)} where id = 2; update x set n = 7 where id = 3; update x set id = 5 where id = 'NaN'; update x set n = 8, big = ${big(5)} where id = 3; update x set n = 9 where id = 3`);
  await sync('h');
  await equal('h', ['s', 'root_1'], 'columns of names that were there before, and a partition alone');
  pg.sql(`set search_path = h; update x set n = 3 where id = 2; alter type mood rename value 'good' to 'fine'; alter type mood add value 'new'; insert into s values (3, 'new')`);
  await sync('h');
  await equal('h', ['s'], 'labels of an enum');
  assert.deepEqual(await rows(`select id::double as id, n::double as n, length(big) > 0 as big, _weir_deleted is not null as gone from h.x order by id`), [
    { id: 1, n: 1, big: true, gone: true },
    { id: 2, n: 2, big: true, gone: true },
    { id: 3, n: 9, big: true, gone: false },
    { id: 4, n: 4, big: true, gone: false },
  ]);
  assert.equal((await rows(`select md5(big) as b from h.x where id = 3`))[0]?.['b'], pg.sql(`select md5(${big(5)})`));
  assert.deepEqual(await rows(`select column_name as c, value, row_json as row from weir.source_discards where source = 'h' and reason like 'a large value did not change%' order by (row_json->>'n')::double`), [
    { c: 'big', value: null, row: { id: 5, n: 1 } },
    { c: 'big', value: null, row: { id: 2, n: 3 } },
    { c: 'big', value: null, row: { id: 1, n: 9 } },
  ]);
  pg.sql(`alter type h.mood add value 'newer'; update h.s set m = 'newer' where id = 1; insert into h.s values (4, 'newer')`);
  assert.deepEqual((await sync('h')).map(({ stream, mode }) => [stream, mode]), [['s', 'capture']]); // a label more loads nothing anew
  await equal('h', ['s'], 'a label more');
  // Attributes of composite types; arrays whose elements are not divided by commas, or are in no braces.
  pg.sql(`set search_path = h; create type co as (x int, y text, z int); create table cc (id int primary key, c co, b box[], v int2vector, o oidvector, e int2vector); insert into cc values (1, row(1, 'secret', 2), '{(1,2),(3,4);(5,6),(7,8)}', '1 2 3', '4 5', '')`);
  source('h2', 'h', ', slot: h2, publication: h2', 'streams: {cc: {}}\n');
  await sync('h2');
  pg.sql('insert into h.cc select 2, c, b, v, o, e from h.cc');
  assert.deepEqual((await sync('h2')).map(({ mode, rows_written }) => [mode, rows_written]), [['capture', 1]]);
  assert.deepEqual(await rows('select distinct b, v, o, e from h2.cc'), [{ b: ['(3,4),(1,2)', '(7,8),(5,6)'], v: [1, 2, 3], o: ['4', '5'], e: [] }]);
  pg.sql('alter type h.co drop attribute y cascade');
  await sync('h2');
  assert.deepEqual(await rows('select c from h2.cc order by id'), [{ c: '(1,2)' }, { c: '(1,2)' }]);
  pg.sql('alter type h.co add attribute w text cascade');
  await sync('h2');
  assert.deepEqual(await rows('select c from h2.cc order by id'), [{ c: '(1,2,)' }, { c: '(1,2,)' }]);
  const followed = await rows(typed);
  pg.sql(`set search_path = h; alter table d alter t type int[] using '{1,2}'`);
  await sync('h'); // the column stays a text
  pg.sql(`set search_path = h; insert into d (id, t) values (2, '{3,4}')`);
  await sync('h');
  const arrays = await rows('select t from h.d where id = 2');
  await sync('h', '--full');
  assert.deepEqual(followed, [{ f: true, c: 'ab  ', p: '10.0.0.1', l: [1, null], n: 12.5, type: 'DECIMAL(10,2)', t: 'a' }]);
  assert.deepEqual(await rows(typed), [{ ...followed[0], t: '[1,2]' }]);
  assert.deepEqual(await rows('select t from h.d where id = 2'), arrays);
  for (const [stream, why] of [
    ['late', 'nothing says which row a change is of.*DEFERRABLE'],
    ['tree', 'a partition of it has another REPLICA IDENTITY'],
    ['bare', 'a column "rowid"'],
  ] as const) {
    source('h', 'h', '', `streams: {d: {}, ${stream}: {}}\n`);
    await fails(new RegExp(`changes of "${stream}" cannot be captured: .*${why}`), 'sync', 'h', '--wait');
  }
  pg.sql(`set search_path = h; update late set id = 2; update tree set v = 2; update bare set v = 'x'`); // which go on as before
  pg.sql(`alter table h.tree_2 replica identity default`);
  source('h', 'h', '', 'streams: {tree: {}, root: {}, root_1: {}}\n');
  await fails(/changes of "root_1" cannot be captured: its changes come under the table/, 'sync', 'h', '--wait');
  pg.sql('update h.tree set v = 3; update h.root set v = 3');
  source('h', 'h', '', 'streams: {tree: {}, root: {}}\n');
  await sync('h');
  await equal('h', ['tree', 'root'], 'partitions under their root');
  source('h', 'h', '', 'streams: {root_1: {}}\n');
  await fails(/changes of "root_1" cannot be captured: its changes come under the table/, 'sync', 'h', '--wait');
});

test('a beginning that broke off, and a role that may not wait', { skip }, async () => {
  pg.sql('create schema i; create table i.a (id int primary key); create table i.b (id int primary key); insert into i.a values (1); insert into i.b values (1)');
  pg.sql("alter role owner set idle_in_transaction_session_timeout = '1ms'"); // the snapshot of a slot is a transaction
  source('i', 'i', '', 'streams: {a: {}, b: {}}\n');
  await sync('i');
  pg.sql('alter role owner reset all; alter table i.b add _weir_run int; insert into i.b values (2)');
  await fails(/a name that weir keeps for its own/, 'sync', 'i', '--wait', '--full'); // a new slot is made, and b is not loaded
  pg.sql('insert into i.b values (3); alter table i.b drop _weir_run; insert into i.b values (4)');
  await sync('i');
  await equal('i', ['a', 'b'], 'what was not loaded anew is loaded by the next run');
});

test('a running server follows within its schedule; rows that are gone are marked; what is removed leaves nothing at the server', { skip }, async () => {
  pg.sql('create schema c; create table c.t (id int primary key, v int); insert into c.t values (1, 1), (2, 2)');
  source('c', 'c', '', 'schedule: every 1s\nstreams: {t: {mode: merge, key: [id], deletes: soft}}\n');
  await weir.up();
  const seen = (wanted: string): Promise<unknown> => until(wanted, 30, async () => ((await rows("select string_agg(id || ':' || v || case when _weir_deleted is null then '' else ' gone' end, ', ' order by id) as s from c.t").catch(() => []))[0]?.['s'] === wanted ? true : undefined));
  await seen('1:1, 2:2');
  pg.sql('update c.t set v = 3 where id = 1; delete from c.t where id = 2; insert into c.t values (4, 4)');
  await seen('1:3, 2:2 gone, 4:4');
  pg.sql('insert into c.t values (2, 5); alter table c.t alter v type bigint using v + 10; delete from c.t where id = 4');
  await seen('1:13, 2:15, 4:4 gone');
  const left = (name: string): string => pg.sql(`select (select count(*) from pg_replication_slots where slot_name = '${name}') + (select count(*) from pg_publication where pubname = '${name}')`);
  assert.match(await weir.in('source', 'pause', 'c'), /the slot "weir_c" of the server 127\.0\.0\.1 keeps the server's log/);
  assert.equal(left('weir_c'), '2');
  // By the server, which has the warehouse, once the last run has ended.
  const removed = await until('its end', 30, () => weir.in('source', 'remove', 'c').catch((error: Error) => (assert.match(error.message, /being synced/), undefined)));
  assert.doesNotMatch(removed, /But/);
  assert.equal(left('weir_c'), '0');
  // A publication that somebody else made is theirs; what was followed is known, whatever the file says by now; a copy of weir
  // does not take the slot away that the other one goes on reading from.
  pg.sql(`create schema p; create table p.t (id int primary key); create role another superuser; set role another; create publication weir_p for table p.t with (publish_via_partition_root = true)`);
  source('p', 'p');
  await sync('p');
  assert.doesNotMatch(await weir.in('source', 'remove', 'p'), /But/);
  assert.equal(pg.sql("select string_agg(pubname, '') from pg_publication where pubname = 'weir_p'"), 'weir_p');
  assert.equal(left('weir_p'), '1');
  assert.deepEqual(await rows("select stream from weir.source_state where source = 'p'"), []);
  source('p', 'p', ', slot: first');
  await sync('p');
  const admin = await setUp(weir);
  writeFileSync(path.join(weir.dir, 'sources/p.yml'), readFileSync(path.join(weir.dir, 'sources/p.yml'), 'utf8').replace('capture: true, slot: first', 'capture: false, slot: second'));
  await sync('p');
  assert.match(weir.log(), /is followed no more[^\n]*the slot \\"first\\"/);
  pg.sql("insert into p.t values (1); select pg_replication_slot_advance('first', pg_current_wal_flush_lsn())");
  assert.match(String((await admin.want(200, 'DELETE', '/api/sources/p'))['note']), /the slot "first" .* could not be taken away: somebody else read from it.* Run there: SELECT pg_drop_replication_slot\('first'\)/);
  source('p', 'p', ', slot: first');
  await sync('p', '--full');
  writeFileSync(path.join(weir.dir, 'sources/p.yml'), readFileSync(path.join(weir.dir, 'sources/p.yml'), 'utf8').replace('capture: true', 'capture: false'));
  await admin.want(204, 'DELETE', '/api/sources/p');
  assert.equal(left('first'), '0');
  await weir.down();
  pg.sql("create schema s; create table s.t (id int primary key); select pg_create_logical_replication_slot('weir_s', 'pgoutput')");
  source('s', 's');
  await fails(/a slot "weir_s" already/, 'sync', 's', '--wait');
  await weir.in('source', 'remove', 's'); // it never followed that slot
  assert.notEqual(left('weir_s'), '0');
  source('s', 's');
  await sync('s', '--full');
  const file = readFileSync(path.join(weir.dir, 'sources/s.yml'), 'utf8');
  writeFileSync(path.join(weir.dir, 'sources/s.yml'), file.replace(`port: ${pg.port}`, 'port: 1'));
  assert.match(await weir.in('source', 'remove', 's'), /But the slot "weir_s" .* could not be taken away: .*is it running.* Run there: SELECT pg_drop_replication_slot\('weir_s'\); DROP PUBLICATION IF EXISTS "weir_s";/);
  writeFileSync(path.join(weir.dir, 'sources/s.yml'), file);
  assert.doesNotMatch(await weir.in('source', 'remove', 's'), /But/);
  assert.equal(left('weir_s'), '0');
});

test('what a deleted row says does not depend on when runs were', { skip }, async () => {
  const big = (n: number): string => `repeat(md5('${n}'), 100)`;
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  const random = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % n;
  pg.sql(`create schema u; set search_path = u; create table t (id int primary key, v text, n numeric(10,2), big text); alter table t alter big set storage external; insert into t select g, 'first', g, ${big(0)} from generate_series(1, 12) g`);
  const streams = 'streams: {t: {mode: merge, key: [id], deletes: soft}}\n';
  const kept = async (name: string): Promise<Row[]> => await rows(`select id, v, n::double as n, md5(big) as big, _weir_deleted is not null as gone from ${name}.t order by id`);
  const md5 = (n: number): string => pg.sql(`select md5(${big(n)})`);
  for (const name of ['once', 'often']) {
    source(name, 'u', `, slot: ${name}, publication: u`, streams);
    await sync(name);
  }
  pg.sql(`set search_path = u; update t set v = 'last' where id = 7; delete from t where id = 7; insert into t values (90, 'came and went', 1, ${big(9)}); delete from t where id = 90; insert into t values (91, 'a', 1, ${big(1)}); delete from t where id = 91; insert into t values (91, 'b', 2, null); delete from t where id = 91;
    delete from t where id = 8; insert into t values (8, 'back', 8, null); update t set id = 92 where id = 9; update t set v = 'moved' where id = 92; delete from t where id = 92`);
  const [load] = await sync('once');
  assert.deepEqual((await kept('once')).filter(({ id }) => Number(id) > 6 && (Number(id) < 10 || Number(id) > 12)), [
    { id: 7, v: 'last', n: 7, big: md5(0), gone: true }, // the value that was not sent is the table's
    { id: 8, v: 'back', n: 8, big: null, gone: false },
    { id: 9, v: 'first', n: 9, big: md5(0), gone: true },
    { id: 90, v: 'came and went', n: 1, big: md5(9), gone: true },
    { id: 91, v: 'b', n: 2, big: null, gone: true },
    { id: 92, v: 'moved', n: 9, big: md5(0), gone: true },
  ]);
  // 14 changes: of 7, 90, 91 and 92 the last values are written, and the row is gone; 9 is gone; 8 is written; the others came before those.
  const { rows_read, rows_written, rows_superseded, rows_discarded, rows_deleted } = load as Load & Record<'rows_superseded' | 'rows_discarded' | 'rows_deleted', number>;
  assert.deepEqual({ rows_read, rows_written, rows_superseded, rows_discarded, rows_deleted }, { rows_read: 14, rows_written: 5, rows_superseded: 4, rows_discarded: 0, rows_deleted: 5 });
  assert.deepEqual(await rows('select count(*) as n from once.t where (_weir_run, _weir_loaded_at) = (select (run, started_at) from weir.loads where source = \'once\' and mode = \'capture\')'), [{ n: rows_written }]);
  await sync('often');
  const id = (): number => 1 + random(20);
  for (let step = 0; step < 60; step++) {
    const statement = [
      `insert into t values (${id()}, 'i${step}', ${random(100)}, ${big(step)}) on conflict do nothing`,
      `insert into t values (${id()}, 'j${step}', 'NaN', null) on conflict do nothing`,
      `update t set v = 'u${step}' where id between ${id()} and ${id()}`,
      `update t set n = 'NaN', big = ${big(step)} where id = ${id()}`,
      `update t set n = ${step} where id = ${id()} and n = 'NaN'`,
      `update t set id = (select max(id) + 1 from t) where id = ${id()}`,
      `delete from t where id between ${id()} and ${id()}`,
      `begin; update t set v = 'x${step}', big = null where id < 9; delete from t where id = ${id()}; commit`,
    ][random(8)] as string;
    pg.sql(`set search_path = u; ${statement}`);
    await sync('often');
    if (step % 20 === 19) {
      await sync('once');
      assert.deepEqual(await kept('once'), await kept('often'), `TEST_SEED=${seed}`);
    }
  }
  const wrong = await rows("select source, run from weir.loads where source in ('once', 'often') and (rows_superseded < 0 or rows_read < rows_written + rows_discarded + rows_superseded or status <> 'loaded')");
  assert.deepEqual(wrong, [], `TEST_SEED=${seed}`);
  assert.deepEqual(pg.sql('select id from u.t where n <> \'NaN\' order by id'), (await rows('select id from once.t where _weir_deleted is null order by id')).map(({ id }) => id).join('\n'), `TEST_SEED=${seed}`);
  for (const name of ['once', 'often']) await weir.in('source', 'remove', name); // and its slot
});

test('a random schedule, with writers meanwhile, restarts and kill -9: equal at the end', { skip }, async () => {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * n);
  };
  const why = `(TEST_SEED=${seed})`;
  pg.sql(`create schema r; set search_path = r; create table k (id int primary key, s text, n numeric(10,2), big text); alter table k alter big set storage external;
    create table f (a int, s text); alter table f replica identity full; create table i (x int not null, y text not null, s text, unique (x, y)); alter table i replica identity using index i_x_y_key;
    create table p (id int primary key, s text) partition by hash (id); create table p0 partition of p for values with (modulus 2, remainder 0); create table p1 partition of p for values with (modulus 2, remainder 1);
    insert into k select g, 's', g, repeat(md5(g::text), 80) from generate_series(1, 3000) g; insert into f select g % 50, 's' from generate_series(1, 300) g`);
  source('r', 'r');
  const rounds = Number(process.env['TEST_ROUNDS'] ?? 5);
  let columns = 0;
  const id = (): number => random(400);
  const statement = (): string => {
    const any = random(100);
    if (any < 22) return `insert into k values (${id()}, 'i${random(9)}', ${random(1000)}.5, repeat(md5('${random(99)}'), ${random(90)})) on conflict (id) do update set s = excluded.s`;
    if (any < 36) return `update k set s = 'u${random(999)}' where id % ${1 + random(50)} = 0`;
    if (any < 44) return `update k set id = ${id()} where id = ${id()} and not exists (select from k where id = ${id()})`;
    if (any < 48) return `update k set big = null where id = ${id()}`;
    if (any < 54) return `delete from k where id between ${id()} and ${id()}`;
    if (any < 64) return `insert into f values (${random(50)}, ${random(2) ? 'null' : `'${random(3)}'`})`;
    if (any < 70) return `delete from f where ctid in (select ctid from f where a = ${random(50)} limit 1)`;
    if (any < 74) return `update f set s = 'u' where a = ${random(50)}`;
    if (any < 82) return `insert into i values (${random(30)}, '${random(3)}', 's${random(99)}') on conflict do nothing`;
    if (any < 86) return `update i set x = ${random(30)} + 100 * ${random(1e6)} where x = ${random(30)} and y = '${random(3)}'`;
    if (any < 93) return `insert into p values (${id()}, '${random(99)}') on conflict (id) do update set s = 'again'`;
    if (any < 95) return `update p set id = id + 1000 + ${random(1e8)} where id = ${id()}`;
    if (any < 96) return `truncate ${['k', 'f', 'i', 'p', 'p0'][random(5)] ?? ''}`;
    if (any < 97) return `alter table k add column c${columns++} int ${random(2) ? 'default 7' : ''}`;
    if (any < 98 && columns > 0) return `alter table k drop column if exists c${random(columns)}`;
    if (any < 99) return `alter table i alter s type varchar(${20 + random(50)})`;
    return random(2) ? `update k set s = s || '!'` : `insert into f select g % 50, repeat('w', 99) from generate_series(1, 9000) g; update k set s = 'b'; delete from f where length(s) = 99`;
  };
  const step = (): string => {
    const many = Array.from({ length: 1 + random(12) }, () => `do $$ begin ${statement()}; exception when unique_violation then null; end $$`).join(';\n');
    return random(3) ? many : `begin;\n${many};\n${random(5) ? 'commit' : 'rollback'}`;
  };
  // The server may take a moment to see that a killed run is gone.
  const settled = (): Promise<unknown> => until('a sync', 30, () => sync('r').catch((error: Error) => (assert.match(error.message, /reads from (it|the slot)|is active for PID/, `${why}: ${error.message}`), undefined)));
  for (let round = 0; round < rounds; round++) {
    const syncing = random(3) === 0 ? killed('r', 20 + random(400)) : sync('r').catch((error: Error) => assert.match(error.message, /altered again and again|reads from|is active for PID|changed meanwhile|connection|lock|terminat|starting up|shutting down/, `${why}: ${error.message}`));
    for (let n = 0; n < 5; n++) {
      pg.sql(`set search_path = r;\n${step()}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (random(6) === 0) await pg.restart();
    await syncing;
    if (random(3) === 0) {
      await settled();
      await equal('r', ['k', 'f', 'i', 'p'], `in round ${round} ${why}`);
    }
  }
  await settled();
  await equal('r', ['k', 'f', 'i', 'p'], `at the end ${why}`);
  const [left] = await rows("select (select count(*) from information_schema.tables where table_name like 'weir stages%') as stages, (select count(*) from weir.loads where source = 'r' and status = 'mismatch') as mismatches");
  assert.deepEqual(left, { stages: 0, mismatches: 0 }, why);
  console.log(`# ${why}`);
});

test('changes that cannot be read are told, also beside a table that fails by itself', { skip }, async () => {
  pg.sql('create schema untold; create table untold.a (id int primary key); create table untold.b (id int primary key, v int not null unique); insert into untold.b values (1, 1)');
  source('untold', 'untold', '', 'streams: {a: {}, b: {}}\n');
  await sync('untold');
  // What is deleted meanwhile says nothing of the key.
  pg.sql('drop table untold.a; alter table untold.b replica identity using index b_v_key; delete from untold.b; alter table untold.b replica identity default');
  await fails(/does not say of which row/, 'sync', 'untold', '--wait');
  assert.deepEqual(await rows("select distinct stream from weir.loads where source = 'untold' and status in ('failed', 'mismatch') order by 1"), [{ stream: '*' }, { stream: 'a' }]);
});

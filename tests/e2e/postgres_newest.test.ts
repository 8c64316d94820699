// The newest PostgreSQL that can be had: what only it has, and standbys.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Postgres, newest } from '../node/postgres.js';
import { Weir, type Row, until } from '../node/weir.js';

const missing = newest.missing;
let weir: Weir;
let pg: Postgres;
const others: Postgres[] = [];
before(async () => {
  if (missing) return;
  [weir, pg] = await Promise.all([Weir.init(), Postgres.startNewest('-c', 'wal_level=logical')]);
  process.env['WEIR_SOURCE_NEWEST'] = 'secret of the owner';
});
after(async () => {
  await weir?.remove();
  await Promise.all([pg, ...others].map((one) => one?.stop()));
});

const source = (name: string, server: Postgres, more = 'capture: true', user = 'owner'): void => writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${server.port}, database: postgres, user: ${user}, password: "\${WEIR_SOURCE_NEWEST}", ${more}}\n`);
const sync = async (name: string): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', name)) as { streams: { stream: string; status: string; rows_read: number }[] };
  return streams.map(({ stream, status, rows_read }) => `${stream} ${status} ${rows_read}`).sort();
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('columns that are made, types and collations of it, in a load and in changes', async (t) => {
  if (missing) return t.skip(missing);
  pg.sql(`create table made (id int primary key, a int, v int generated always as (a * 2) virtual, s int generated always as (a * 3) stored, name text collate pg_unicode_fast, r int4multirange, u uuid default uuidv7());
    insert into made (id, a, name, r) values (1, 1, 'Ä', '{[1,2),[5,6)}'); create publication mine for table made with (publish_generated_columns = stored, publish_via_partition_root = true)`);
  source('loads', pg, 'timeout: 5m');
  assert.deepEqual(await sync('loads'), ['made loaded 1']);
  assert.deepEqual(await rows('select id, a, v, s, name, r, len(u) as u from loads.made'), [{ id: 1, a: 1, v: 2, s: 3, name: 'Ä', r: '{[1,2),[5,6)}', u: 36 }]);
  for (const [name, more] of [['own', 'capture: true'], ['mine', 'capture: true, publication: mine']] as const) {
    source(name, pg, more);
    assert.deepEqual(await sync(name), ['made loaded 1']);
  }
  pg.sql("insert into made (id, a, name) values (2, 5, 'ß'); update made set a = 7 where id = 1");
  for (const name of ['own', 'mine']) {
    await sync(name);
    assert.deepEqual(await rows(`select id, a, name from ${name}.made order by id`), [{ id: 1, a: 7, name: 'Ä' }, { id: 2, a: 5, name: 'ß' }]);
  }
});

test('a slot that the server gave up for its rest is told as that', async (t) => {
  if (missing) return t.skip(missing);
  source('rests', pg);
  await sync('rests');
  pg.sql("alter system set idle_replication_slot_timeout = '1s'");
  pg.sql('select pg_reload_conf()');
  await until('the slot to be given up', 30, () => (pg.sql("checkpoint; select invalidation_reason from pg_replication_slots where slot_name = 'weir_rests'") === 'idle_timeout' ? true : undefined));
  pg.sql('alter system reset idle_replication_slot_timeout');
  pg.sql('select pg_reload_conf()');
  await assert.rejects(sync('rests'), /nobody read from it for idle_replication_slot_timeout: let the source run more often, or raise it \(slot "weir_rests"\)/);
  await weir.in('sync', '--wait', '--full', 'rests');
});

test('a server that waits for standbys which are not there is told as that', async (t) => {
  if (missing) return t.skip(missing);
  pg.sql('create table waits (id int primary key); insert into waits values (1)');
  source('waits', pg, 'capture: true, timeout: 7s}\nstreams: {waits: {}');
  assert.deepEqual(await sync('waits'), ['waits loaded 1']);
  pg.sql("select pg_create_physical_replication_slot('of_a_standby')");
  pg.sql("alter system set synchronized_standby_slots = 'of_a_standby'");
  pg.sql('select pg_reload_conf()');
  pg.sql('insert into waits values (2)');
  const told = await weir.in('sync', '--wait', 'waits').then(() => '', String);
  assert.match(told, /the standbys of synchronized_standby_slots \(of_a_standby\) do not have yet, and they have not had them for \d+ s \(`timeout`\)/);
  pg.sql('alter system reset synchronized_standby_slots');
  pg.sql("select pg_reload_conf(), pg_drop_replication_slot('of_a_standby')");
  assert.deepEqual(await sync('waits'), ['waits loaded 1']);
});

test('a standby is read from, and one that takes over with the slot is followed on, if it has all that was read', async (t) => {
  if (missing) return t.skip(missing);
  const first = await Postgres.startNewest('-c', 'wal_level=logical');
  others.push(first);
  first.sql("create role plain login password 'secret of the owner'");
  first.sql('create table t (id int primary key, v int); grant select on t to plain; insert into t select n, n from generate_series(1, 200000) n');
  const second = await first.standby('-c', 'wal_level=logical', '-c', 'hot_standby_feedback=on', '-c', 'sync_replication_slots=on');
  others.push(second);
  source('copy', second, 'timeout: 5m');
  assert.deepEqual(await sync('copy'), ['t loaded 200000']);
  assert.match(await weir.in('verify', 'copy'), /t {2}equal: 200000 rows/);
  source('stands', second);
  await assert.rejects(sync('stands'), /this server is a standby; changes are captured from its primary/);
  source('shop', first);
  assert.deepEqual(await sync('shop'), ['t loaded 200000']);
  const caughtUp = (): Promise<boolean> => until('the standby', 30, () => (second.sql("select pg_last_wal_replay_lsn() >= '" + first.sql('select pg_current_wal_flush_lsn()') + "'") === 't' ? true : undefined));
  // The standby keeps the slot once it goes on.
  await until('the slot at the standby', 60, async () => {
    first.sql('update t set v = v where id = 100; select pg_log_standby_snapshot()');
    await sync('shop');
    return second.sql("select synced and not temporary and invalidation_reason is null from pg_replication_slots where slot_name = 'weir_shop'") === 't' ? true : undefined;
  });
  const third = await first.standby('-c', 'wal_level=logical', '-c', 'primary_conninfo=', '-c', 'primary_slot_name='); // hears no more
  others.push(third);
  first.sql('update t set v = 0 where id <= 10; delete from t where id = 11');
  await sync('shop');
  first.sql('insert into t values (0, 0)');
  await caughtUp();
  first.sql('insert into t values (-1, -1)');
  await caughtUp();
  await first.kill();
  third.sql('select pg_promote()');
  source('shop', third);
  await assert.rejects(sync('shop'), /on another timeline, without all that was read/);
  second.sql('select pg_promote()');
  second.sql('insert into t values (-2, -2)');
  source('shop', second, 'capture: true', 'plain'); // who may not ask for the history: no change is known to be lost
  await assert.rejects(sync('shop'), (error) => /cannot be asked where it left timeline 1: [^]*WAL sender[^]*ALTER ROLE … REPLICATION/.test(String(error)) && !/--full/.test(String(error)));
  source('shop', second);
  assert.deepEqual(await sync('shop'), ['t loaded 3'], 'nothing is loaded anew');
  assert.deepEqual(await rows('select count(*) as n, sum(v)::bigint as v, min(id) as least from shop.t'), [{ n: 200002, v: 20000100000 - 55 - 11 - 3, least: -2 }]);
  second.sql('insert into t values (-3, -3)');
  assert.deepEqual(await sync('shop'), ['t loaded 1']);
});

// Transactions of a real MariaDB that are in its log and cannot be seen yet, while tables are loaded that are followed.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mysql, used } from '../node/mysql.js';
import { db, holdServer, weir } from '../node/mysql_held.js';
import { until } from '../node/weir.js';

const make = used();
const semi =
  make === mysql
    ? [...make.gtids, `--plugin-dir=${path.join(path.dirname(make.server), '../lib/mysql/plugin')}`, '--plugin-load-add=semisync_source.so', '--loose-rpl-semi-sync-source-timeout=60000']
    : ['--rpl-semi-sync-master-wait-point=AFTER_SYNC', '--rpl-semi-sync-master-timeout=60000'];
const skip = holdServer(make, ['--log-bin=log', '--binlog-format=ROW', '--server-id=7', ...semi], () => {
  db.sql(`grant replication slave, binlog monitor on *.* to owner@'127.0.0.1'`, '');
});

const source = (streams: string, timeout = '5m'): void => writeFileSync(path.join(weir.dir, 'sources/cap.yml'), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true, timeout: ${timeout}}\nstreams: {${streams}}\n`);
const sync = (): Promise<string> => weir.in('sync', '--wait', 'cap');
const ids = async (table: string): Promise<string> => (await weir.rows(`select id from cap.${table} order by id`)).map(({ id }) => String(id)).join(' ');
/** Waits for a replica that there is not, behind the writing of the log and before the commit. */
const hold = async (sql: string): Promise<() => Promise<void>> => {
  db.sql('set global rpl_semi_sync_master_enabled = 1', '');
  const held = db.beside(sql);
  await until('the transaction to be in the log', 30, () => / *1$/.test(db.sql(`show status like 'rpl_semi_sync_master_wait_sessions'`, '')) || undefined);
  return async () => {
    db.sql('set global rpl_semi_sync_master_enabled = 0', '');
    await held;
  };
};
const asked = (): number => Number(db.sql(`show global status like 'Com_select'`, '').split('\t')[1]);
/** MariaDB says the place of a snapshot, so nobody waits there but for XA; else weir has asked often by then, or was wrong to load. */
const syncWhile = async (release: () => Promise<void>): Promise<void> => {
  const first = asked();
  let ended = false;
  const run = sync().finally(() => (ended = true));
  await until('weir to wait', 30, () => ended || asked() > first + 30 || undefined);
  await release();
  await run;
};

test('what is being committed while a table is loaded first is not lost', { skip }, async () => {
  db.sql(`create table a (id int primary key); create table b (id int primary key); insert into a values (1); insert into b values (1)`);
  const release = await hold('insert into a values (7)');
  assert.equal(db.sql('select count(*) from a'), '1'); // it is not seen
  if (make === mysql) {
    source('a: {}', '1s');
    await assert.rejects(sync(), /may be in the log cannot be seen since 1 s/);
  }
  source('a: {}');
  await syncWhile(release);
  await sync();
  assert.equal(await ids('a'), '1 7');
});

test('nor what was read from the log for other tables by then', { skip }, async () => {
  const release = await hold('begin; insert into a values (8); insert into b values (8); commit');
  await sync();
  assert.equal(await ids('a'), '1 7 8');
  assert.equal(db.sql('select count(*) from b'), '1');
  source('a: {}, b: {}');
  await syncWhile(release);
  await sync();
  assert.equal(await ids('b'), '1 8');
  assert.equal(await ids('a'), '1 7 8');
  assert.match(await weir.in('verify', 'cap'), /equal/);
});

test('nor what is being committed in the second of two phases', { skip }, async () => {
  db.sql(`create table e (id int primary key); insert into e values (1); xa start 'two'; insert into e values (7); xa end 'two'; xa prepare 'two'`);
  const release = await hold(`xa commit 'two'`);
  assert.equal(db.sql('select count(*) from e'), '1');
  source('a: {}, e: {}');
  await syncWhile(release);
  await sync();
  assert.equal(await ids('e'), '1 7');
});

test('who has changed something, and commits nothing, is not waited for', { skip }, async () => {
  db.sql(`create table c (id int primary key); insert into c values (1), (2); create table d (id int primary key, n int)`);
  const sessions = [db.session(`begin; insert into d values (1, 0); delete from c where id = 2`), db.session(`begin; insert into d select seq + 100, sleep(0.005) from seq_1_to_100000`)];
  // InnoDB shows what it remembers to whoever asks again within 0.1 s.
  const shows = (which: string): true | undefined => db.sql(`do sleep(0.15); select 1 from information_schema.innodb_trx where ${which} limit 1`, '') === '1' || undefined;
  source('c: {}', '5s');
  try {
    await until('a transaction that goes on', 30, () => shows('trx_rows_modified >= 10'));
    sessions.push(db.session(`begin; insert into d values (2, 0); delete from c where id = 2`));
    await until('one that waits for a lock', 30, () => shows(`trx_state = 'LOCK WAIT'`));
    await sync();
    assert.equal(await ids('c'), '1 2');
  } finally {
    for (const one of sessions) await one.stop();
  }
  db.sql(`revoke process on *.* from owner@'127.0.0.1'`, '');
  await weir.in('sync', '--wait', '--full', 'cap'); // who may not see others' transactions
  assert.equal(await ids('c'), '1 2');
});

// What a run of a source with `capture` would refuse, `weir source check` and the form's test of its connection refuse, too,
// in the same words, and with the way out.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setUp } from '../node/client.js';
import { MySQL, mariadb, password } from '../node/mysql.js';
import { Postgres, missing } from '../node/postgres.js';
import { Weir } from '../node/weir.js';

let weir: Weir;
before(async () => {
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = password;
  process.env['WEIR_SOURCE_TEST_PG_PASSWORD'] = 'secret of the owner';
  weir = await Weir.init();
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
});
after(() => weir.remove());

const said = async (...args: [string, ...string[]]): Promise<string> => weir.in(...args).then(() => '', (error: Error & { stderr: string }) => error.stderr);
/** The check refuses, and the run in the same words. */
const refused = async (name: string, why: RegExp): Promise<void> => {
  const checked = await said('source', 'check', name);
  assert.match(checked, why);
  const ran = await said('sync', name, '--wait');
  assert.match(ran, why);
  const last = (text: string): string | undefined => text.trim().split('\n').at(-1)?.replace(`${name}: `, '');
  assert.equal(last(checked), last(ran));
};

test('a schedule that never comes is told by the check, by validate, and by the list without a server', async () => {
  weir.write('exports/a.csv', 'id\n1\n');
  for (const [key, text] of [['schedule', 'cron 0 6 * * * Mars/Phobos'], ['verify', 'cron 0 6 * * * Mars/Phobos'], ['schedule', 'after nobody']] as const) {
    weir.write('sources/never.yml', `kind: file\nconnection: {path: exports}\n${key}: ${text}\n`);
    const why = text.startsWith('after') ? /`schedule: after nobody`: there is no source "nobody"/ : new RegExp(`sources/never\\.yml: \`${key}\`: there is no time zone "Mars/Phobos"`);
    assert.match(await said('source', 'check', 'never'), why);
    assert.match(await weir.in('validate').catch((error: Error & { stdout: string }) => error.stdout), why);
    assert.match(await weir.in('source', 'list'), why);
  }
  weir.write('sources/never.yml', 'kind: file\nconnection: {path: exports}\nschedule: cron 0 6 * * * Europe/Berlin\n');
  assert.match(await weir.in('source', 'check', 'never'), /^a {2}→ {2}never\.a/);
  await weir.in('validate');
  assert.doesNotMatch(await weir.in('source', 'list'), /time zone/);
  rmSync(path.join(weir.dir, 'sources/never.yml'));
});

test('what was meant otherwise is told: settings without a kind, and a sync of nothing but paused sources', async () => {
  assert.match(await said('source', 'add', 'unsaid', '--set', 'path=exports'), /--set and --schema are for a source that weir reads from: say which by --kind, as `weir source add unsaid --kind file/);
  await assert.rejects(weir.in('source', 'key', 'unsaid'));
  weir.write('exports/a.csv', 'id\n1\n');
  await weir.in('source', 'add', 'resting', '--kind', 'file', '--set', 'path=exports');
  assert.match(await weir.in('source', 'pause', 'resting'), /^Paused: nothing of resting runs by itself, nor by `weir sync` alone, until `weir source resume resting`/);
  assert.match(await weir.in('sync'), /^All sources are paused; `weir source resume NAME` takes one in again/);
  assert.equal(await weir.in('sync', '--json'), '');
  assert.equal(await weir.in('source', 'resume', 'resting'), 'Resumed.\n');
  assert.match(await weir.in('sync'), /^resting\.a {2}loaded/);
  await weir.in('source', 'remove', 'resting');
});

test('PostgreSQL: wal_level, the right to replicate, the publication, a table without a key, slots', { skip: missing ?? false }, async () => {
  const source = (pg: Postgres, name: string, user = 'owner', streams = ''): void =>
    writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: ${user}, password: "\${WEIR_SOURCE_TEST_PG_PASSWORD}", capture: true}\n${streams}`);
  const [plain, pg] = await Promise.all([Postgres.start('-c', 'wal_level=replica'), Postgres.start('-c', 'wal_level=logical', '-c', 'max_replication_slots=2')]);
  try {
    plain.sql('create table orders (id int primary key)');
    source(plain, 'level');
    await refused('level', /the server's wal_level is replica; capture needs `wal_level = logical` in postgresql\.conf, and a restart/);

    pg.sql(`create table orders (id int primary key); create table bare (a int); create table more (id int primary key); revoke create on database postgres from public;
      create role reader login password 'secret of the owner'; create role walks login replication password 'secret of the owner'; grant select on all tables in schema public to reader, walks`);
    source(pg, 'made', 'walks', 'streams: {orders: {}}\n');
    await refused('made', /there is no publication "weir_made", and "walks" may not make one \(CREATE on the database postgres\)\. Whoever owns the tables can run: CREATE PUBLICATION "weir_made" FOR TABLE ONLY "public"\."orders" WITH \(publish_via_partition_root = true\)$/m);
    assert.doesNotMatch(await said('sync', 'made', '--wait'), /GRANT SELECT|leave it out/);
    pg.sql('grant create on database postgres to walks');
    await refused('made', /the publication "weir_made" is not there, and "walks" may not publish the table orders, which somebody else owns\. Whoever owns/);
    pg.sql('create publication weir_made for table more with (publish_via_partition_root = true)');
    await refused('made', /the publication "weir_made" has not all tables, and "walks", who does not own it, may not add them\. Whoever owns the tables can run: ALTER PUBLICATION "weir_made" ADD TABLE ONLY "public"\."orders"$/m);
    pg.sql('alter publication weir_made set (publish = insert)');
    await refused('made', /must tell of inserts, updates and deletes/);
    pg.sql("drop publication weir_made; create publication weir_made for table orders with (publish_via_partition_root = true)");
    assert.match(await weir.in('source', 'check', 'made'), /^orders {2}→ {2}made\.orders {2}\(follows changes/);
    source(pg, 'keyless', 'owner', 'streams: {bare: {}, orders: {}}\n');
    await refused('keyless', /changes of "bare" cannot be captured: nothing says which row a change is of; ALTER TABLE/);
    pg.sql("drop publication weir_keyless; select pg_drop_replication_slot('weir_keyless')");

    source(pg, 'rep', 'reader', 'streams: {orders: {}}\n');
    pg.sql('create publication weir_rep for table orders with (publish_via_partition_root = true)');
    await refused('rep', /ALTER ROLE … REPLICATION lets the user capture changes/);
    assert.equal(pg.sql('select count(*) from pg_replication_slots'), '0', 'a check changes nothing');
    pg.sql("select pg_create_logical_replication_slot(s, 'pgoutput') from unnest('{a,b}'::text[]) s");
    assert.match(await said('source', 'check', 'made'), /all replication slots of the server are in use \(2\); raise max_replication_slots/);
    pg.sql("select pg_drop_replication_slot('b')");
    assert.match(await weir.in('source', 'check', 'made'), /follows changes/);
    await weir.in('sync', 'made', '--wait');
    assert.match(await weir.in('source', 'check', 'made'), /follows changes/, 'its own slot may be the last');

    pg.sql("select pg_drop_replication_slot('a')");
    // The form: streams are chosen after the connection is tried, so the publication need not have all of them.
    await weir.up();
    const admin = await setUp(weir);
    const connection = (port: number, user: string, publication: string): object => ({ name: 'tried', kind: 'postgres', connection: { host: '127.0.0.1', port, database: 'postgres', user, password: 'secret of the owner', capture: true, publication }, dry_run: true, columns: false });
    const why = async (port: number, user: string, publication: string): Promise<string> => JSON.stringify((await admin.want(400, 'POST', '/api/sources', connection(port, user, publication)))['error']);
    assert.match(await why(plain.port, 'owner', ''), /wal_level is replica/);
    const found = await admin.want(200, 'POST', '/api/sources', connection(pg.port, 'walks', 'weir_made'));
    assert.deepEqual((found['streams'] as { name: string; refused: string | null }[]).map(({ name, refused: not }) => [name, not === null]), [['bare', false], ['more', true], ['orders', true]]);
    await weir.down();
  } finally {
    await Promise.all([plain.stop(), pg.stop()]);
  }
});

test('MariaDB: the log, its format, the right to read it', { skip: mariadb.missing ?? false }, async () => {
  const source = (db: MySQL, name: string): void =>
    writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true}\n`);
  const [silent, db] = await Promise.all([MySQL.start(mariadb), MySQL.start(mariadb, '--log-bin=log', '--binlog-format=MIXED', '--server-id=7')]);
  try {
    for (const one of [silent, db]) one.sql('create table orders (id int primary key)');
    source(silent, 'quiet');
    silent.sql("grant binlog monitor on *.* to owner@'127.0.0.1'", '');
    await refused('quiet', /the server writes no binary log; capture needs `log_bin`, `binlog_format = ROW`/);
    source(db, 'logged');
    await refused('logged', /Access denied.*GRANT it to this user/);
    db.sql("grant binlog monitor on *.* to owner@'127.0.0.1'", '');
    await refused('logged', /the server's binlog_format is "MIXED"; capture needs "ROW": SET GLOBAL binlog_format = 'ROW'/);
    db.sql("set global binlog_format = 'ROW'; set global binlog_row_image = 'MINIMAL'", '');
    await refused('logged', /the server's binlog_row_image is "MINIMAL"; capture needs "FULL"/);
    db.sql("set global binlog_row_image = 'FULL'", '');
    await refused('logged', /Access denied.*REPLICATION SLAVE.*GRANT it to this user/);
    db.sql("grant replication slave on *.* to owner@'127.0.0.1'", '');
    assert.match(await weir.in('source', 'check', 'logged'), /orders {2}→ {2}logged\.orders {2}\(follows changes/);
    await weir.in('sync', 'logged', '--wait');
  } finally {
    await Promise.all([silent.stop(), db.stop()]);
  }
});

// What was loaded, and is gone at its source: that is said once, and stands until it is there again.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, setUp } from '../node/client.js';
import { MySQL, mariadb, password } from '../node/mysql.js';
import { Postgres, missing } from '../node/postgres.js';
import { syncs } from '../node/sync.js';
import { Tap, record, schema } from '../node/tap.js';
import { Weir } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  changes: string[];
}

const skip = missing ?? false;
let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const words = 'it is gone at the source, or not shown to weir any more; its table stays as it was';
const sync = syncs<Load>(() => weir);
const statuses = async (...args: string[]): Promise<string[]> => (await sync(...args)).map(({ stream, status }) => `${stream} ${status}`).sort();
const compared = async (name: string): Promise<string[]> => (JSON.parse(await weir.in('verify', name, '--json')) as { streams: Load[] }).streams.map(({ stream, status }) => `${stream} ${status}`).sort();
const listed = async (name: string): Promise<string> => (await weir.in('source', 'list')).split('\n').find((line) => line.startsWith(`${name} `)) ?? '';
const told = (name: string): Promise<unknown> => weir.rows(`select stream, status from weir.loads where source = '${name}' and status <> 'loaded' order by started_at`);
const count = async (table: string): Promise<unknown> => (await weir.rows(`select count(*)::int as n from ${table}`))[0]?.['n'];

test('a file: told by the run, the ledger, the list and the comparison, until it is there again', async () => {
  const file = (name: string): string => path.join(weir.dir, 'ex', name);
  mkdirSync(file(''));
  writeFileSync(file('a.csv'), 'id\n1\n');
  writeFileSync(file('b.csv'), 'id\n1\n2\n');
  writeFileSync(path.join(weir.dir, 'sources/ex.yml'), 'kind: file\nconnection: {path: ex}\n');
  assert.deepEqual(await statuses('ex'), ['a loaded', 'b loaded']);
  assert.deepEqual(await compared('ex'), ['a equal', 'b equal']);
  assert.match(await listed('ex'), /; equal to its source/);

  renameSync(file('b.csv'), file('b.txt.gone'));
  assert.match(await weir.in('sync', 'ex', '--wait'), new RegExp(`^ex\\.b  gone\n  ${words}$`, 'm'));
  assert.match(await listed('ex'), /gone at the source: b; but for that equal/);
  assert.deepEqual(await statuses('ex'), ['a unchanged'], 'once');
  assert.deepEqual(await told('ex'), [{ stream: 'b', status: 'gone' }]);
  assert.deepEqual(await compared('ex'), ['a equal', 'b gone']);
  assert.match(await weir.in('verify', 'ex'), new RegExp(`^ex\\.b  gone\n  ${words}$`, 'm'));
  assert.equal((JSON.parse(await weir.in('source', 'list', '--json')) as { name: string; gone: string }[]).find(({ name }) => name === 'ex')?.gone, 'b');
  assert.equal(await count('ex.b'), 2, 'its table stays');

  renameSync(file('b.txt.gone'), file('b.csv'));
  assert.deepEqual(await statuses('ex'), ['a unchanged', 'b loaded']);
  assert.match(await listed('ex'), /; equal to its source/);
  assert.doesNotMatch(await listed('ex'), /gone/);
  rmSync(file('b.csv'));
  assert.deepEqual(await statuses('ex'), ['a unchanged', 'b gone'], 'and when it goes once more, that is told again');
});

test('a comparison that sees it first tells it; a table that is gone too is nobody’s loss', async () => {
  const file = (name: string): string => path.join(weir.dir, 'ez', name);
  mkdirSync(file(''));
  for (const name of ['a', 'b', 'c']) writeFileSync(file(`${name}.csv`), 'id\n1\n');
  writeFileSync(path.join(weir.dir, 'sources/ez.yml'), 'kind: file\nconnection: {path: ez}\n');
  await sync('ez');
  rmSync(file('b.csv'));
  rmSync(file('c.csv'));
  assert.deepEqual(await compared('ez'), ['a equal', 'b gone', 'c gone']);
  assert.match(await listed('ez'), /gone at the source: b, c; but/);
  writeFileSync(path.join(weir.dir, 'sources/ez.yml'), 'kind: file\nconnection: {path: ez}\nstreams: {a: {path: a.csv}}\n');
  assert.equal((await statuses('ez')).length, 1);
  assert.doesNotMatch(await listed('ez'), /gone/, 'what its file does not name is not asked for');
});

test('tables of PostgreSQL, by a cursor and with capture', { skip }, async () => {
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
  const pg = await Postgres.start('-c', 'wal_level=logical');
  try {
    pg.sql(`create schema one; create table one.a (id int primary key); create table one.b (id int primary key); insert into one.a values (1); insert into one.b values (1), (2); create schema two; create table two.a (id int primary key); create table two.b (id int primary key); insert into two.b values (1); create schema other; create schema another`);
    const source = (name: string, more: string): void => writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", schemas: [${name}]${more}}\n`);
    source('one', '');
    source('two', ', capture: true');
    assert.deepEqual(await statuses('one'), ['a loaded', 'b loaded']);
    assert.deepEqual(await statuses('two'), ['a loaded', 'b loaded']);

    pg.sql('alter table one.b set schema another; alter table two.b set schema other');
    assert.deepEqual(await statuses('one'), ['a unchanged', 'b gone']);
    assert.deepEqual(await statuses('one'), ['a unchanged']);
    assert.deepEqual(await statuses('two'), ['b gone']);
    assert.deepEqual(await statuses('two'), []);
    assert.match(await listed('two'), /gone at the source: b/);
    assert.deepEqual(await compared('one'), ['a equal', 'b gone']);
    assert.deepEqual(await compared('two'), ['a equal', 'b gone']);

    pg.sql('insert into other.b values (7)');
    pg.sql('alter table other.b set schema two');
    assert.deepEqual(await statuses('two'), ['b loaded'], 'with what came meanwhile');
    assert.equal(await count('two.b'), Number(pg.sql('select count(*) from two.b')));
    assert.doesNotMatch(await listed('two'), /gone/);
  } finally {
    await pg.stop();
  }
});

test('tables and views of MariaDB, as a whole and with capture', { skip: mariadb.missing ?? false }, async () => {
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = password;
  const db = await MySQL.start(mariadb, '--log-bin=log', '--binlog-format=ROW', '--server-id=7');
  try {
    db.sql("grant replication slave, binlog monitor on *.* to owner@'127.0.0.1'", '');
    db.sql('create table orders (id int primary key); create table people (id int primary key); insert into orders values (1); insert into people values (1), (2); create view latest as select id from orders');
    const source = (name: string, more: string): void => writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}"${more}}\n`);
    source('whole', '');
    source('followed', ', capture: true');
    assert.deepEqual(await statuses('whole'), ['latest loaded', 'orders loaded', 'people loaded']);
    assert.deepEqual(await statuses('followed'), ['orders loaded', 'people loaded']);
    db.sql('drop view latest; drop table people; insert into orders values (2)');
    assert.deepEqual(await statuses('whole'), ['latest gone', 'orders loaded', 'people gone']);
    assert.deepEqual(await statuses('followed'), ['orders loaded', 'people gone']);
    assert.deepEqual(await statuses('followed'), []);
    assert.match(await listed('whole'), /gone at the source: latest, people/);
    db.sql('create table people (id int primary key); insert into people values (7)');
    assert.deepEqual(await statuses('followed'), ['people loaded']);
    assert.deepEqual(await weir.rows('select id from followed.people'), [{ id: 7 }]);
    assert.doesNotMatch(await listed('followed'), /gone/);
  } finally {
    await db.stop();
  }
});

test('a stream that a tap’s catalog lacks; one that its catalog never had, and that comes, is not gone', async () => {
  const tap = new Tap(weir, 'shop');
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
  const properties = { id: { type: 'integer' } };
  const all = ['a', 'b', 'hidden'];
  tap.catalog({ stream: 'a', schema: { properties } }, { stream: 'b', schema: { properties } });
  tap.run('', ...all.map((s) => schema(s, properties)), ...all.map((s) => record(s, { id: 1 })));
  assert.deepEqual(await statuses('shop'), ['a loaded', 'b loaded', 'hidden loaded']);
  tap.catalog({ stream: 'a', schema: { properties } });
  tap.run('', schema('a', properties), record('a', { id: 1 }), schema('hidden', properties), record('hidden', { id: 1 }));
  assert.deepEqual(await statuses('shop'), ['a loaded', 'b gone', 'hidden loaded']);
  assert.deepEqual((await compared('shop')).filter((line) => line.includes('gone')), ['b gone']);
  tap.catalog({ stream: 'a', schema: { properties } }, { stream: 'b', schema: { properties } });
  tap.run('', ...all.map((s) => schema(s, properties)), ...all.map((s) => record(s, { id: 1 })));
  assert.deepEqual(await statuses('shop'), ['a loaded', 'b loaded', 'hidden loaded']);
});

test('in a server: the page of the source shows it as gone', async () => {
  await weir.up();
  const admin: Client = await setUp(weir);
  const streams = async (): Promise<{ stream: string; status: string; error: unknown; verified: unknown; failing_since: unknown }[]> => ((await admin.want(200, 'GET', '/api/sources/ex')) as { streams: { stream: string; status: string; error: unknown; verified: unknown; failing_since: unknown }[] }).streams;
  const b = (await streams()).find(({ stream }) => stream === 'b');
  assert.deepEqual([b?.status, b?.error, b?.verified, b?.failing_since], ['gone', null, null, null]);
  writeFileSync(path.join(weir.dir, 'ex/b.csv'), 'id\n1\n');
  await weir.in('sync', 'ex', '--wait');
  assert.equal((await streams()).find(({ stream }) => stream === 'b')?.status, 'loaded');
});

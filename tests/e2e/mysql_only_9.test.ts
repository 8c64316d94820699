// What only MySQL has, and MariaDB does not: loaded, and followed, from a real one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mysql, password } from '../node/mysql.js';
import { db, holdServer, weir } from '../node/mysql_held.js';
import { syncs } from '../node/sync.js';

interface Load {
  stream: string;
  status: string;
  mode: string;
  rows_read: number;
}

const skip = holdServer(mysql, ['--server-id=7', ...mysql.gtids], () => {
  db.sql(`grant replication slave, replication client on *.* to owner@'127.0.0.1'`);
});

const source = (name: string, streams: string, connection = db.at): void =>
  writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: mysql\nconnection: {${connection}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true}\nstreams: {${streams}}\n`);
const sync = async (...args: string[]): Promise<string[]> => (await syncs<Load>(() => weir)(...args)).map(({ stream, mode, status, rows_read: n }) => `${stream} ${mode} ${status} ${n}`).sort();
const fails = (why: RegExp, ...args: [string, ...string[]]): Promise<void> =>
  assert.rejects(weir.in(...args), (error: Error) => {
    assert.match(error.message, why);
    return true;
  });
const lines = async (sql: string): Promise<string> => (await weir.rows(sql)).map(({ line }) => String(line)).join('\n');

/** Statements that give JSON of all kinds; `seed` decides. */
const documents = (seed: number): string[] => {
  const random = (most: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  const value = (depth: number): string => {
    const kind = random(depth > 4 ? 12 : 15);
    const number = (random(2_000_000) - 1_000_000) * 10 ** (random(40) - 20);
    return (
      [
        () => 'null',
        () => String(random(2) === 1),
        () => String(random(70_000) - 35_000),
        () => String(random(2 ** 31) * 4 - 2 ** 32),
        () => ['18446744073709551615', '-9223372036854775808', '9223372036854775807', '4294967295', '65535', '-32769'][random(6)],
        () => number.toExponential(),
        () => `cast('${(random(1e9) - 5e8) / 1000}' as decimal(${20 + random(40)},${random(15)}))`,
        () => `'${['', 'ü🎉', '"\\\\/', '\\n\\t\\r', 'x'.repeat(random(400)), '\u{1f}\u{7f}'][random(6)]}'`,
        () => `cast('${1000 + random(9000)}-0${1 + random(9)}-1${random(9)} 0${random(9)}:5${random(9)}:00.${random(999_999)}' as datetime(${random(7)}))`,
        () => `cast('${['', '-'][random(2)]}${random(838)}:1${random(9)}:59.${random(999_999)}' as time(${random(7)}))`,
        () => `date '202${random(9)}-0${1 + random(9)}-1${random(9)}'`,
        () => [`x'${'0ff'.repeat(2 * random(60))}'`, `repeat('long', ${random(30_000)})`, "b'1011'", 'cast(2024 as year)'][random(4)],
        () => `json_array(${Array.from({ length: random(6) }, () => value(depth + 1)).join(', ')})`,
        () => `json_object(${Array.from({ length: random(6) }, (_, i) => `'${['k', 'schlüssel', '', 'a"b', 'zz'][i % 5]}${i}', ${value(depth + 1)}`).join(', ')})`,
        () => `cast('[${Array.from({ length: random(300) }, () => String(random(9))).join(', ')}]' as json)`,
      ][kind] as () => string
    )();
  };
  return Array.from({ length: 150 }, () => `json_array(${value(0)}, ${value(0)})`);
};

test('JSON by changes is the text that the server prints', { skip }, async () => {
  const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);
  db.sql('create table docs (id int primary key, j json)');
  source('docs', 'docs: {}');
  await sync('docs');
  db.sql(documents(seed).map((one, i) => `insert into docs values (${i}, ${one})`).join(';\n'));
  db.sql(`insert into docs values (1000, null), (1001, 'null'), (1002, '"x"'), (1003, '{}'), (1004, json_object('p', point(1, 2), 'v', 1e300)), (1005, concat('[', repeat('[', 98), repeat(']', 98), ']')); update docs set j = json_set(j, '$[0]', 'changed', '$[2]', 1.5e0) where id < 20; set sql_mode = ''; alter table docs add k json; insert into docs (id) values (2000)`);
  try {
    await sync('docs');
    assert.equal(await lines('select concat(id, j) as line from docs.docs where j is not null order by id'), db.sql('select concat(id, j) from docs where j is not null order by id'));
    db.sql(documents(seed + 1).map((one, i) => `update docs set j = ${one}, k = j where id = ${i}`).join(';\n'));
    assert.deepEqual((await sync('docs')).length, 1);
    assert.equal(await lines('select concat(id, j, k) as line from docs.docs where k is not null order by id'), db.sql('select concat(id, j, k) from docs where k is not null order by id'));
    assert.match(await weir.in('verify', 'docs'), /equal/);
  } catch (error) {
    console.error(`TEST_SEED=${seed}`);
    throw error;
  }
});

test('compressed transactions, ids with tags, hidden keys and columns, partitions, indexes of expressions', { skip }, async () => {
  db.sql(`create table packed (id int primary key, v text);
    set sql_generate_invisible_primary_key = on; create table hidden (a int, b int invisible default 5); set sql_generate_invisible_primary_key = off;
    create table parts (id int, day date, primary key (id, day)) partition by range (to_days(day)) (partition p0 values less than (to_days('2026-01-01')), partition p1 values less than maxvalue);
    create table clever (id int primary key, j json, v varchar(20), key ((lower(v))), key ((cast(j->'$.n' as unsigned array))));
    create table vectors (id int primary key, e vector(3), g geometry, b bit(12), y year, t time(3), dt datetime(2), ts timestamp(5) null)`);
  source('special', 'packed: {}, hidden: {}, parts: {}, clever: {}, vectors: {}');
  await sync('special');
  db.sql(`set binlog_transaction_compression = on; begin; insert into packed values (1, repeat('x', 100000)), (2, 'b'); insert into hidden (a) values (1), (2); update packed set v = 'c' where id = 2; commit; insert into packed values (3, repeat('y', 200000)); set binlog_transaction_compression = off;
    set gtid_next = 'automatic:blue'; insert into packed values (4, 'tagged'); set gtid_next = 'automatic';
    begin; insert into packed values (5, 'stays'); savepoint s; insert into packed values (6, 'goes'); rollback to savepoint s; commit;
    insert into parts values (1, '2025-06-01'), (2, '2026-06-01'); update parts set day = '2026-02-02' where id = 1; alter table parts drop partition p0;
    insert into clever values (1, '{"n": [1, 2, 3]}', 'Big'), (2, '{"n": []}', null);
    set time_zone = '+00:00'; insert into vectors values (1, to_vector('[1, 2.5, -3]'), st_geomfromtext('LINESTRING(0 0, 1 1)', 4326), b'101010101010', 2026, '-12:34:56.789', '2026-01-02 03:04:05.67', '2026-01-02 03:04:05.67891')`);
  await sync('special');
  const equal = async (table: string, columns: string): Promise<void> => assert.equal(await lines(`select concat_ws('|', ${columns}) as line from special.${table} order by 1`), db.sql(`set time_zone = '+00:00'; select concat_ws('|', ${columns}) from ${table} order by 1`));
  assert.equal(await lines("select concat_ws('|', id, length(v), v[1:6]) as line from special.packed order by id"), db.sql("select concat_ws('|', id, length(v), left(v, 6)) from packed order by id"));
  await equal('hidden', 'my_row_id, a, b');
  await equal('parts', 'id, day');
  await equal('clever', 'id, j, v');
  assert.equal(await lines("select concat_ws('|', id, e, g, b, y, t, dt, ts) as line from special.vectors"), db.sql("set time_zone = '+00:00'; select concat_ws('|', id, concat('\\\\x', lower(hex(e))), concat('\\\\x', lower(hex(g))), b + 0, y, t, dt, ts) from vectors"));
  db.sql(`alter table packed add column more int default 9, algorithm = instant; insert into packed values (7, 'x', 1); update packed set v = 'y' where id = 7; create table clone as select * from packed; rename table packed to other_name, clone to packed; alter table packed add primary key (id); delete from packed where id = 7`);
  await sync('special');
  await equal('packed', 'id, more');
  assert.match(await weir.in('verify', 'special'), /equal/);
});

test('compressed transactions of other tables keep no comparison from being made', { skip }, async () => {
  db.sql('create table quiet (id int primary key); insert into quiet values (1); create table busy (id int auto_increment primary key, v text)');
  source('quiet', 'quiet: {}');
  await sync('quiet');
  let ended = false;
  const writer = (async (): Promise<void> => {
    while (!ended) await db.beside(`set binlog_transaction_compression = on; ${"insert into busy (v) values (repeat('x', 1000));".repeat(50)}`);
  })();
  try {
    assert.match(await weir.in('verify', 'quiet'), /equal/);
  } finally {
    ended = true;
    await writer;
  }
});

test('what the log does not have whole is an error with a way back', { skip }, async () => {
  db.sql('create table some (id int primary key, v text, j json); insert into some values (1, "a", \'{"a": 1}\')');
  source('partial', 'some: {}');
  await sync('partial');
  for (const [name, value, good] of [['binlog_row_image', 'MINIMAL', 'FULL'], ['binlog_row_value_options', 'PARTIAL_JSON', '']] as const) {
    db.sql(`set global ${name} = '${value}'`);
    await fails(new RegExp(`the server's ${name} is "${value}".*SET GLOBAL ${name} = '${good}'`, 's'), 'sync', 'partial', '--wait');
    db.sql(`set global ${name} = '${good}'; set session ${name} = '${value}'; update some set j = json_set(j, '$.a', '${name}') where id = 1`);
    await fails(name === 'binlog_row_image' ? /has not all columns.*--full/s : /partial updates.*--full/s, 'sync', 'partial', '--wait');
    await sync('partial', '--full');
  }
  assert.equal(await lines("select concat_ws('|', id, v, j) as line from partial.some order by id"), db.sql("select concat_ws('|', id, v, j) from some order by id"));
});

test('users of caching_sha2_password: proof of who it is, or a word that whoever answers is trusted', { skip }, async () => {
  db.sql('create table users (id int primary key); insert into users values (1)');
  const check = (connection: string): Promise<string> => {
    source('auth', 'users: {}', connection);
    return weir.in('source', 'check', 'auth');
  };
  const at = `host: 127.0.0.1, port: ${db.port}`;
  for (const tls of ['prefer', 'disable', 'require']) {
    await assert.rejects(check(`${at}, tls: ${tls}`), /does not know.*`tls: verify`.*`tls: trust`/s);
  }
  await check(`${at}, tls: trust`);
  await assert.rejects(check(`host: localhost, port: ${db.port}, tls: verify, tls_ca: ${path.join(db.dir, 'data', 'ca.pem')}`), /check `tls` and `tls_ca`/); // MySQL's own certificate names no host
  const root = await db.tls();
  await check(`host: localhost, port: ${db.port}, tls: verify, tls_ca: ${root}`);
  db.sql(`create user owner@localhost identified by '${password}'; grant select on shop.* to owner@localhost; grant replication slave, replication client on *.* to owner@localhost`);
  await check(`socket: ${db.socket}`);
});

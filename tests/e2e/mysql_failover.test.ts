// Changes of a real MariaDB that are followed on a replica of it, which took over.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { MySQL, mysql, password, used } from '../node/mysql.js';
import { syncs } from '../node/sync.js';
import { Weir, until } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  mode: string;
}

const make = used();
const skip = make.missing ?? false;
if (skip) console.error(`\n*** SKIPPED: ${skip} ***\n`);
let weir: Weir;
let seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);
const servers: MySQL[] = [];
const server = (i: number): MySQL => servers[i] as MySQL;
before(async () => {
  if (skip) return;
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = password;
  const start = (id: number): Promise<MySQL> => MySQL.start(make, '--log-bin=log', '--binlog-format=ROW', `--server-id=${id}`, '--log-slave-updates', ...make.gtids, `--binlog-checksum=${seed % 2 && id > 11 ? 'NONE' : 'CRC32'}`);
  weir = await Weir.init();
  servers.push(...(await Promise.all([start(11), start(12), start(13)])));
  for (const db of servers) db.sql(`set sql_log_bin = 0; grant replication slave, binlog monitor on *.* to owner@'127.0.0.1'; create user repl@'127.0.0.1' identified by 'repl'; grant replication slave on *.* to repl@'127.0.0.1'`, '');
  const at = server(0).ids();
  for (const db of servers.slice(1)) {
    db.sql('flush binary logs'); // its places in the log are others
    db.follow(server(0), at);
  }
});
after(async () => {
  if (skip) return;
  await weir.remove();
  await Promise.all(servers.map((db) => db.stop()));
});

const source = (db: MySQL): void => {
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
  writeFileSync(path.join(weir.dir, 'sources/cap.yml'), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true}\nstreams: {a: {}, b: {}, quiet: {}}\n`);
};
const sync = async (...args: string[]): Promise<string[]> => (await syncs<Load>(() => weir)('cap', ...args)).map(({ stream, mode, status }) => `${stream} ${mode} ${status}`).sort();
const equal = async (db: MySQL): Promise<void> => {
  for (const table of ['a', 'b'])
    assert.equal((await weir.rows(`select concat_ws('|', id, n, v) as line from cap.${table} order by id`)).map(({ line }) => line).join('\n'), db.sql(`select concat_ws('|', id, n, v) from ${table} order by id`));
};
const caught_up = (db: MySQL): Promise<unknown> => {
  const at = server(0).ids();
  return until('the replica to have it all', 60, () => db.hasAll(at) || undefined);
};

test('a replica that takes over: the tables go on where they are', { skip }, async () => {
  const first = seed;
  const random = (most: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  const write = (): string => {
    const [table, id] = [['a', 'b'][random(2)], random(300)];
    return [
      `insert ignore into ${table} values (${id}, ${random(100)}, 'new')`,
      `update ${table} set n = n + 1, v = concat('u', n) where id between ${id} and ${id + 10}`,
      `delete from ${table} where id between ${id} and ${id + 2}`,
      `begin; update a set n = n - 1 where id = ${id}; update b set n = n + 1 where id = ${id}; commit`,
      `update ignore ${table} set id = id + 300 where id = ${id}`,
      `begin; delete from ${table}; rollback`,
    ][random(6)] as string;
  };
  const some = (): string => Array.from({ length: 40 }, write).join(';\n');
  try {
    server(0).sql(`create table a (id int primary key, n int, v varchar(50)); create table b like a; insert into a select seq, seq, 'first' from seq_1_to_300; insert into b select * from a; create table quiet (id int primary key, n int); insert into quiet values (1, 1), (2, 2)`);
    source(server(0));
    assert.deepEqual(await sync(), ['a replace loaded', 'b replace loaded', 'quiet replace loaded']);
    if (make === mysql) server(1).sql(`create user errant@localhost`); // no other server has it
    server(0).sql(Array.from({ length: 20 }, () => 'update a set n = n + 1').join(';\n'));
    server(0).sql('update quiet set n = n + 1; alter table quiet add column v int');
    await sync();
    server(0).sql('update quiet set v = 5; delete from quiet where id = 2');
    for (let i = 0; i < 3; i++) {
      server(0).sql(some());
      if (i === 1) server(0).sql('flush binary logs');
      await sync();
      await equal(server(0));
    }
    server(0).sql(some()); // these are read from the replica
    await caught_up(server(1));
    await server(0).restart('SIGKILL', '--skip-networking'); // it is away
    server(1).takeOver();
    server(1).sql(some());
    source(server(1));
    const loads = (): Promise<Record<string, unknown>[]> => weir.rows(`select * from weir.loads where stream = 'quiet' order by started_at`);
    const had = await loads();
    assert.match(await weir.in('verify', 'cap.a'), /equal/); // which follows on before it compares
    assert.deepEqual(await loads(), had, 'what was read is not read again');
    assert.deepEqual((await sync()).filter((one) => !one.endsWith(' capture loaded')), []);
    assert.deepEqual(await weir.rows('select id, n, v from cap.quiet'), [{ id: 1, n: 2, v: 5 }]);
    await equal(server(1));
    for (let i = 0; i < 3; i++) {
      server(1).sql(some());
      if (i === 1) server(1).sql('flush binary logs');
      assert.deepEqual((await sync()).filter((one) => !one.endsWith(' capture loaded')), []);
      await equal(server(1));
    }
    assert.deepEqual(await sync(), []);
  } catch (error) {
    console.error(`TEST_SEED=${first}`);
    throw error;
  }
});

test('a replica that does not have what was read is refused', { skip }, async () => {
  source(server(2));
  await assert.rejects(sync(), /another server than the one that was followed, and it does not go on where that one was.*--full/s);
  await sync('--full');
  await equal(server(2));
});

test('a server that purged what was not read is refused', { skip }, async () => {
  server(1).sql(`insert ignore into a values (9999, 1, 'new'); flush binary logs; insert ignore into a values (9998, 1, 'new')`);
  await until('the log to be purged', 20, () => {
    server(1).sql(`purge binary logs to '${server(1).sql('show master status').split('\t')[0]}'`);
    return server(1).sql('show binary logs').split('\n').length === 1 || undefined;
  });
  source(server(1));
  await assert.rejects(sync(), /another server than the one that was followed, and it does not go on where that one was.*--full/s);
  await sync('--full');
  await equal(server(1));
});

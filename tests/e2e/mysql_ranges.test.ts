// Large tables of a real server, read by several connections at once, each a range of the key.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Client, setUp } from '../node/client.js';
import { Gate } from '../node/gate.js';
import { used } from '../node/mysql.js';
import { db, holdServer, weir } from '../node/mysql_held.js';
import { until } from '../node/weir.js';

interface Load {
  status: string;
  rows_read: number;
  error: string | null;
  source_checksum: string;
  warehouse_checksum: string;
}

const make = used();
let admin: Client;
const ranges = 3;
const skip = holdServer(make, ['--log-bin=log', '--binlog-format=ROW', '--server-id=7', '--general-log=1', '--log-output=TABLE', ...make.gtids], async () => {
  db.sql(`grant binlog monitor on *.* to owner@'127.0.0.1'`, '');
  await weir.up();
  admin = await setUp(weir);
});

const write = (table: string, more = '', at = db.at): void => writeFileSync(path.join(weir.dir, `sources/shop.yml`), `kind: mysql\nconnection: {${at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", ranges: ${ranges}${more}}\nstreams: {${table}: {}}\n`);
interface Run extends Load {
  log: string;
  share: number; // of what was to come, as the page has it
}
const begin = async (): Promise<string> => ((await admin.want(202, 'POST', '/api/sources/shop/sync', { full: true })) as { run: string }).run;
const ended = async (run: string): Promise<Run> => {
  const said = await until('the run', 120, async () => {
    const found = (await admin.want(200, 'GET', `/api/runs/${run}`)) as { report: { streams: Load[] } | null; streams: { bytes: number; bytes_total: number | null }[]; log: { text: string }[] };
    return found.report ? { streams: found.report.streams, seen: found.streams[0], log: found.log } : undefined;
  });
  const [one] = said.streams;
  assert.ok(one, said.log.map(({ text }) => text).join("\n"));
  return { ...one, share: (said.seen?.bytes ?? 0) / (said.seen?.bytes_total ?? 0), log: said.log.map(({ text }) => text).join('\n') };
};
const load = async (table: string): Promise<Run> => {
  write(table);
  return ended(await begin());
};
/** The conditions that a table's rows were asked for with, since the log of statements was empty. */
const asked = (table: string): string[] =>
  db
    .sql(`select argument from mysql.general_log where command_type = 'Execute' and user_host like 'owner%' and argument like 'SELECT %\`${table}\`%' or command_type = 'Execute' and user_host like 'owner%' and argument like 'SELECT %"${table}"%'`)
    .split('\n')
    .map((sql) => /WHERE (.*)/.exec(sql)?.[1] ?? '');
const sound = async (table: string, key: string, one: Run, rows: number): Promise<void> => {
  assert.deepEqual([table, one.status, one.rows_read, one.error], [table, 'loaded', rows, null]);
  assert.equal(one.source_checksum, one.warehouse_checksum);
  assert.deepEqual(await weir.rows(`select count(*) as n, count(distinct (${key})) as keys from shop.${table}`), [{ n: rows, keys: rows }]);
};

const pad = "repeat('x', 7500)";
/** Rows that make 40 MB. `even`: it is read by three connections, each of which gets at least a fifth. */
const kinds: { name: string; key: string; of: string; values: string; even: boolean; why?: RegExp }[] = [
  { name: 'negative', key: 'id', of: 'id int primary key', values: 'cast(seq as signed) - 4000', even: true },
  { name: 'huge', key: 'id', of: 'id bigint unsigned primary key', values: '18446744073709551615 - seq * 2147483647', even: true },
  { name: 'wide', key: 'id', of: 'id bigint primary key', values: 'if(seq % 2, 1, -1) * (9223372036854775807 - cast(seq as signed) * 1844674407370955)', even: true },
  { name: 'skewed', key: 'id', of: 'id bigint primary key', values: 'if(seq = 5000, 9223372036854775807, if(seq = 1, -9223372036854775807 - 1, cast(seq as signed)))', even: true },
  { name: 'several', key: 'a, b', of: 'a int, b varchar(20), primary key (a, b)', values: "seq div 10, concat('b', seq)", even: true },
  { name: 'days', key: 'day, id', of: 'day date, id int, primary key (day, id)', values: "date '1969-06-01' + interval seq div 5 day, seq", even: true },
  { name: 'times', key: 'moment', of: 'moment datetime(6) primary key', values: "timestamp '1969-12-31 23:00:00' + interval seq second", even: true },
  { name: 'bytes', key: 'id', of: 'id binary(16) primary key', values: 'unhex(substr(sha2(seq, 256), 1, 32))', even: true },
  { name: 'uuids', key: 'id', of: 'id char(36) character set latin1 primary key', values: "concat(substr(sha2(seq, 256), 1, 8), '-', substr(sha2(seq, 256), 9, 4), '-7000-8000-', substr(sha2(seq, 256), 13, 12))", even: true },
  { name: 'letters', key: 'id', of: 'id varchar(40) primary key', values: "concat('ORD-', elt(1 + seq % 4, 'ä', 'Zz', '-', '~'), seq)", even: false },
  { name: 'few', key: 'a, id', of: 'a tinyint, id int, primary key (a, id)', values: 'if(seq < 4900, 1, 2), seq', even: false, why: /one connection reads it: the first column of its key does not split it evenly/ },
  { name: 'parts', key: 'id', of: 'id int primary key', values: 'seq', even: true },
  { name: 'ratio', key: 'id', of: 'id decimal(20,3) primary key', values: 'seq', even: false, why: /one connection reads it: the first column of its key is of a type that is not split/ },
  { name: 'keyless', key: 'id', of: 'id int not null, key (id)', values: 'seq', even: false, why: /one connection reads it: it has no primary key/ },
];

test('each row is in one range, whatever the key is', { skip }, async () => {
  for (const { name, key, of, values, even, why } of kinds) {
    db.sql(`create table ${name} (${of}, pad varchar(8000) character set latin1)${name === 'parts' ? ' partition by hash (id) partitions 4' : ''}; insert into ${name} select ${values}, ${pad} from seq_1_to_5000; analyze table ${name}; truncate mysql.general_log`);
    const one = await load(name);
    await sound(name, key, one, 5000);
    assert.ok(one.share > 0.75 && one.share <= 1, `${name}: ${one.share}`);
    const conditions = asked(name);
    const weighed = Number(db.sql(`select count(*) from mysql.general_log where user_host like 'owner%' and argument like 'EXPLAIN%'`));
    assert.ok(weighed <= 15, `${name}: ${weighed} questions`);
    if (why) assert.match(one.log, why, name);
    if (why || even) assert.equal(conditions.length, why ? 1 : ranges, `${name}: ${conditions.join('\n')}`);
    if (even) {
      assert.match(one.log, /3 ranges of its key at once/);
      const counts = conditions.map((condition) => Number(db.sql(`set sql_mode = 'ANSI_QUOTES'; select count(*) from ${name} where ${condition}`)));
      assert.ok(Math.min(...counts) >= 1000, `${name}: ${conditions.map((c, i) => `${c}: ${counts[i]}`).join('\n')}`);
    }
    db.sql(`drop table ${name}`);
  }
});

test('while others write: one moment of the table, whoever reads it', { skip }, async () => {
  let seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);
  const first = seed;
  const random = (most: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
  db.sql(`create table accounts (id int primary key, n int, pad varchar(8000) character set latin1); insert into accounts select seq * 3, 100, ${pad} from seq_1_to_5000; analyze table accounts`);
  // Each transaction keeps the number of rows and the sum of `n`, whatever it moves from one range to another.
  const change = (): string => {
    const [a, b] = [6 * (1 + random(2500)), 6 * (1 + random(2500))]; // these stay
    return [
      `begin; update accounts set n = n - 7 where id = ${a}; update accounts set n = n + 7, pad = repeat('y', ${random(8000)}) where id = ${b}; commit`,
      `update ignore accounts set id = ${3 * random(5000) + 1} where id = ${3 + 6 * random(2500)}`,
      `begin; update accounts set n = n - 7 where id = ${a}; rollback`,
      `begin; delete from accounts where id = 3; insert into accounts values (3, 100, '')  on duplicate key update pad = ''; commit`,
    ][random(4)] as string;
  };
  try {
    let together = 0;
    const deadline = Date.now() + 120_000;
    for (let round = 0; round < 4 || (together === 0 && Date.now() < deadline); round++) {
      // Where the server was too busy for four snapshots at once each time, fewer write until it is not.
      const writers = Array.from({ length: round < 4 ? 2 : 1 }, () => db.writer(Array.from({ length: 20_000 }, () => `do sleep(${round < 4 ? 0.002 : 0.02}); ${change()}`)));
      try {
        const where = db.sql('show master status');
        const one = await load('accounts');
        await sound('accounts', 'id', one, 5000);
        together += Number(/3 ranges of its key at once/.test(one.log));
        assert.notEqual(db.sql('show master status'), where, 'nobody wrote');
        assert.deepEqual(await weir.rows('select sum(n)::bigint as n from shop.accounts'), [{ n: 500_000 }]);
      } finally {
        for (const writer of writers) await writer.stop();
      }
    }
    assert.ok(together, 'four connections never saw the same while others wrote');
  } catch (error) {
    console.error(`TEST_SEED=${first}`);
    throw error;
  }
});

test('one range is lost, the server is silent, the run is stopped: nothing changes, and the next run loads', { skip }, async () => {
  db.sql(`create table many (id int primary key, pad varchar(8000) character set latin1); insert into many select seq, ${pad} from seq_1_to_20000; analyze table many`);
  const ids = (): string[] => db.sql("select id from information_schema.processlist where user = 'owner' and info like 'SELECT _id_, _pad_ FROM %' order by id").split('\n').filter(Boolean);
  const reading = (): Promise<string[]> => until('three connections that send rows', 30, () => (ids().length === ranges ? ids() : undefined));
  const gone = (): Promise<unknown> => until('the statements to end', 30, () => (db.sql("select count(*) from information_schema.processlist where user = 'owner' and command <> 'Sleep'") === '0' ? true : undefined));
  await sound('many', 'id', await load('many'), 20_000);
  // Each range has 50 MB, of which most wait at the gate: none of them is at its end when something happens to it.
  const gate = await Gate.before(db.port);
  const held = async (how: (run: string, ids: string[]) => Promise<void> | void, more = ''): Promise<Run> => {
    write('many', more, db.at.replace(`port: ${db.port}`, `port: ${gate.port}`));
    db.sql('update many set pad = concat(pad, 1) where id = 1');
    gate.most = 2_000_000;
    const run = await begin();
    await how(run, await reading());
    gate.open();
    return ended(run);
  };
  for (const which of [0, 1, 2]) {
    const one = await held(async (_, all) => {
      const id = all[which] ?? '0';
      db.sql(`kill ${id}`);
      await until('it to be killed', 30, () => !ids().includes(id) || undefined);
      assert.equal(ids().length, ranges - 1, 'the others are not at their ends');
    });
    assert.equal(one.status, 'failed');
    assert.match(one.error ?? '', /somebody ended the connection|Lost connection|server has gone away|killed/i);
    await gone();
  }
  const one = await held(async (run) => {
    await admin.want(204, 'DELETE', `/api/runs/${run}`);
  });
  assert.match(one.error ?? '', /stopped; nothing changed/);
  await gone();
  const silent = await held(() => db.signal('SIGSTOP'), ', timeout: 1s').finally(() => db.signal('SIGCONT'));
  assert.match(silent.error ?? '', /sent nothing for 1 s/);
  await gone();
  await gate.stop();
  assert.deepEqual(await weir.rows('select count(*) as n, max(length(pad)) as most from shop.many'), [{ n: 20_000, most: 7500 }]);
  await sound('many', 'id', await load('many'), 20_000);
  assert.deepEqual(await weir.rows('select max(length(pad)) as most from shop.many'), [{ most: 7505 }]);
});

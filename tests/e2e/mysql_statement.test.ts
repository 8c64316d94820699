// A log of rows that has statements, too: a session of somebody's asked for them. What they change in tables that they do not name comes all the same.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mysql, used } from '../node/mysql.js';
import { db, holdServer, weir } from '../node/mysql_held.js';

interface Load {
  stream: string;
  status: string;
  mode: string;
  changes: string[];
}

const make = used();
const skip = holdServer(make, ['--log-bin=log', '--binlog-format=ROW', '--server-id=7', '--log-bin-trust-function-creators=1', '--local-infile=1', ...make.gtids], () => {
  db.sql(`grant replication slave, binlog monitor on *.* to owner@'127.0.0.1'`, '');
  db.sql(`create table orders (id int primary key, n int); create table levels like orders; create table queue (id int auto_increment primary key, v int);
    insert into orders select seq, seq from seq_1_to_50; insert into levels select * from orders;
    create trigger t after insert on queue for each row update levels set n = n + new.v where id = new.id;
    create view vv as select id, n from orders;
    delimiter //
    create function fn(x int) returns int modifies sql data begin update levels set n = -x where id = 3; return x; end//
    delimiter ;
    create database other; create table other.t (id int primary key, v int); create table other.quiet like other.t;
    create trigger other.t after insert on other.t for each row update shop.orders set n = n + 100 where id = new.id`);
});

const sync = async (): Promise<Load[]> => (JSON.parse(await weir.in('sync', '--json', '--wait', 'st')) as { streams: Load[] }).streams;
const brief = (loads: Load[]): string[] => loads.map(({ stream, mode, status }) => `${stream} ${mode} ${status}`).sort();
const text = (loads: Load[]): string => loads.map(({ changes }) => (changes ?? []).join()).join('\n');
const anew = ['levels replace loaded', 'orders replace loaded'];
const equal = async (): Promise<void> => {
  for (const table of ['orders', 'levels'])
    assert.equal((await weir.rows(`select concat_ws('|', id, n) as line from st.${table} order by id`)).map(({ line }) => line).join('\n'), db.sql(`select concat_ws('|', id, n) from ${table} order by id`));
};
/** What each does to tables that it does not name. */
const hidden: Record<string, string> = {
  'by a trigger': `insert into queue (v) values (7)`,
  'by a view': `/* app */ update vv set n = 0 where id = 9`,
  'by a function': `do fn(12)`,
  'by a function in a query': `select fn(13)`,
  'by a function in a setting': `set @x = fn(14)`,
  ...(make === mysql ? {} : { 'by a function that fills a table': `create table made select fn(15) as v; drop table made` }), // MySQL allows none
  'by a table of another database': `insert into other.t values (5, 1)`,
  'by a file': `load data local infile '/dev/stdin' into table vv (id, n)`,
};

test('a statement that changes tables it does not name loads all of them anew, and says so', { skip }, async () => {
  writeFileSync(path.join(weir.dir, 'sources/st.yml'), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true}\nstreams: {orders: {}, levels: {}}\n`);
  assert.deepEqual(brief(await sync()), anew);
  for (const [how, sql] of Object.entries(hidden)) {
    const file = path.join(db.dir, 'rows');
    writeFileSync(file, '500\t1\n');
    db.sql(`set binlog_format = STATEMENT; ${sql.replace('/dev/stdin', file)}`);
    const loads = await sync();
    assert.deepEqual(brief(loads), anew, how);
    for (const { changes } of loads) assert.match(changes.join(), /statement \((insert|update|do|select|set|create|load)\) in the place of rows.*binlog_format/i, how);
    await equal();
    assert.deepEqual(await sync(), [], how);
  }
  db.sql(`set binlog_format = MIXED; update vv set n = 3 where id = 10; insert into queue (v) values (8)`); // the second as rows, as its key is a counter's
  assert.deepEqual(brief(await sync()), anew);
  await equal();
});

test('what a log of rows has as text changes what it names, and a statement of another database nothing', { skip }, async () => {
  db.sql(`truncate table queue; create table x (id int primary key) partition by range (id) (partition p values less than (9)); create table y select 1 as v; alter table x add z int; drop table x, y; grant select on shop.* to owner@'127.0.0.1'; flush tables; analyze table orders;
    create temporary table tmp select * from orders; drop temporary table tmp; begin; insert into queue values (900, 1); savepoint s; insert into queue values (901, 1); rollback to s; commit; create view w as select 1 as v; drop view w;
    set password for owner@'127.0.0.1' = ${make === mysql ? `'secret of the owner'` : `password('secret of the owner')`}; create database more; drop database more`);
  assert.deepEqual(await sync(), []);
  if (make === mysql) {
    db.sql(`set binlog_format = STATEMENT; insert into other.quiet values (1, 1); update other.quiet set v = 2`);
    assert.deepEqual(await sync(), []);
  }
  db.sql('update orders set n = 44 where id = 4');
  assert.deepEqual(brief(await sync()), ['orders capture loaded']);
  await equal();
});

test('a statement that names a table loads it anew, and says so; one that names another table, or that of another database, does not', { skip }, async () => {
  db.sql('create table a (id int primary key, n int); create table log like a; create table `bücher` like a; insert into a values (1, 1); insert into log values (1, 1); insert into `bücher` values (1, 1); create database a');
  writeFileSync(path.join(weir.dir, 'sources/short.yml'), `kind: mysql\nconnection: {${db.at}, database: shop, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", capture: true}\nstreams: {a: {}, log: {}, bücher: {}}\n`);
  const short = async (): Promise<Load[]> => (JSON.parse(await weir.in('sync', '--json', '--wait', 'short')) as { streams: Load[] }).streams;
  assert.equal((await short()).length, 3);
  db.sql('create table logins (login int, data int); alter table logins add catalog int; create table `büchereien` like logins; drop table logins, `büchereien`; create table other.a like other.t; truncate `other` . `a`; rename table other.a to other.log; create table a.z4 (x int)');
  db.sql('create table a (id int); truncate a; create table z4 (login int); create table `bücher` like a; alter table log add y int; drop table log, a', 'other');
  assert.deepEqual(await short(), []);
  const named: Record<string, string> = {
    a: 'truncate shop.a',
    log: 'drop table if exists z4, `shop` /* . */ . `LOG`; alter table `shop`.log engine = InnoDB',
    bücher: 'truncate shop.`bücher`',
  };
  for (const [table, sql] of Object.entries(named)) {
    db.sql(sql, 'other');
    const loads = await short();
    assert.deepEqual(brief(loads), [`${table} replace loaded`]);
    assert.match(text(loads), /^loaded anew: the server's log has a statement \((truncate|alter|drop)\) that names the table/i);
    assert.deepEqual(await weir.rows(`select count(*) as n from short.${table.replace('ü', '_')}`), [{ n: table === 'log' ? 1 : 0 }]);
  }
  db.sql('insert into a values (2, 2); alter table a add more int');
  const loads = await short();
  assert.deepEqual(brief(loads), ['a replace loaded']);
  assert.match(text(loads), /loaded anew: (its columns or its key are not what they were|the server's log has a statement \(alter\))/);
});

test('such statements without end: a run loads the tables once, and comes to its end', { skip }, async () => {
  let ended = false;
  const writer = (async (): Promise<void> => {
    for (let i = 0; !ended; i++) await db.beside(`begin; update orders set n = ${i} where id = 1; commit; set binlog_format = STATEMENT; insert into queue (v) values (1)`);
  })();
  for (let i = 0; i < 4; i++) {
    const loads = brief(await sync());
    assert.ok(loads.filter((line) => line === 'orders replace loaded').length <= 1, loads.join());
  }
  ended = true;
  await writer;
  await sync();
  await sync();
  await equal();
  assert.match(await weir.in('verify', 'st'), /equal/);
});

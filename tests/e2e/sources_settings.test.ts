// A change of a stream's settings: rows that only the table has stay, or the run says what would be lost.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Postgres, missing } from '../node/postgres.js';
import { syncFails, syncs } from '../node/sync.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { Weir, type Row } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_read: number;
  rows_written: number;
  rows_deleted: number;
  changes: string[];
}

const skip = missing ?? false;
if (missing) console.error(`\n*** SKIPPED: ${missing} ***\n`);
let weir: Weir;
let pg: Postgres;
before(async () => {
  if (skip) return;
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
  [weir, pg] = await Promise.all([Weir.init(), Postgres.start()]);
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [package, .]\n');
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
});
after(async () => {
  if (skip) return;
  await weir.remove();
  await pg.stop();
});

const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const one = async (...args: string[]): Promise<Load> => {
  const [load, more] = await sync(...args);
  assert.ok(load && !more);
  return load;
};
const source = (name: string, streams: string): void => writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", schemas: [${name}]}\nstreams: {${streams}}\n`);
const table = (name: string): string => `create schema ${name}; create table ${name}.t (id int primary key, email text, v int); insert into ${name}.t select g, 'e' || g, g from generate_series(1, 10) g`;
const ids = async (name: string): Promise<unknown> => (await rows(`select string_agg(id, ' ' order by id) as ids from ${name}.t`))[0]?.['ids'];
const all = '1 2 3 4 5 6 7 8 9 10';

test('append: rows that the source has no more stay, whatever setting changes', { skip }, async () => {
  pg.sql(table('a'));
  source('a', 't: {mode: append, cursor: id}');
  await sync('a');
  pg.sql('delete from a.t where id <= 9');
  source('a', 't: {mode: append, cursor: id, exclude: [v]}');
  await sync('a');
  assert.equal(await ids('a'), all);
  pg.sql("insert into a.t values (11, 'e11', 11)");
  let load = await one('a');
  assert.deepEqual([load.rows_read, load.changes.at(-1)], [1, 'its settings changed (exclude): rows that are there stay as they are, and are not read again']);
  source('a', 't: {mode: append, cursor: id}');
  pg.sql("insert into a.t values (12, 'e12', 12)");
  assert.equal((await one('a')).rows_read, 1);
  assert.deepEqual(await rows('select v from a.t where id > 10 order by id'), [{ v: null }, { v: 12 }]);
  const lost = /12 rows of a\.t would be lost.*another `table:`.*`weir sync a\.t --full`/s;
  for (const [streams, why] of [
    ['t: {mode: append, cursor: v}', /\(its `cursor`\) changed/],
    ['t: {mode: replace}', /was loaded by `mode: append`, and is `mode: replace` now/],
    ['t: {}', /was loaded by `mode: append`, and is `mode: replace` now/],
  ] as const) {
    source('a', streams);
    await fails(lost, 'a');
    await fails(why, 'a');
    assert.equal(await ids('a'), `${all} 11 12`);
  }
  source('a', 't: {table: other, mode: append, cursor: v}');
  assert.equal((await one('a')).rows_written, 3);
  source('a', 't: {mode: append, cursor: v}');
  await fails(/12 rows of a\.t would be lost/, 'a');
  load = await one('a.t', '--full');
  assert.deepEqual([await ids('a'), load.rows_deleted], ['10 11 12', 9]);
  assert.match(load.changes.join(), /built anew, as was asked: 9 rows went that the source does not have any more/);
  pg.sql('alter table a.t rename column v to w');
  source('a', 't: {mode: append, cursor: w}');
  await fails(/\(its `cursor`\) changed.*3 rows of a\.t would be lost/s, 'a');
});

test('merge: what changed is merged into the table that is there, where its key tells rows apart', { skip }, async () => {
  for (const cursor of [', cursor: v', '']) {
    const name = cursor ? 'm' : 'n';
    pg.sql(table(name));
    source(name, `t: {mode: merge, key: [id]${cursor}}`);
    await sync(name);
    pg.sql(`delete from ${name}.t where id <= 9; insert into ${name}.t values (11, 'e11', 11)`);
    const says = async (settings: string, what: string): Promise<void> => {
      source(name, `t: {${settings}}`);
      const load = await one(name);
      assert.deepEqual([load.rows_read, load.rows_written, load.changes.at(-1)], [2, 2, `its settings changed (${what}): all of it was read again`]);
      assert.equal(await ids(name), `${all} 11`);
    };
    await says(`mode: merge, key: [id]${cursor}, exclude: [email]`, 'exclude');
    await says(`mode: merge, key: [id]${cursor}`, 'exclude');
    await says(`mode: merge, key: [v]${cursor}`, 'key');
    if (cursor) await says('mode: merge, key: [v], cursor: id', 'cursor');
    pg.sql(`alter table ${name}.t add column other int; update ${name}.t set other = id`);
    source(name, `t: {mode: merge, key: [other]${cursor}}`);
    await fails(new RegExp(`the key of stream "t" does not tell the rows apart that are there: 11 rows of ${name}\\.t would be lost`), name);
    const load = await one(`${name}.t`, '--full');
    assert.deepEqual([await ids(name), load.rows_deleted], ['10 11', 9]);
  }
});

test('taps: rows that they do not give any more stay, too', { skip }, async () => {
  const tap = new Tap(weir, 'tap');
  const says = (first: number, last: number): void => {
    tap.catalog({ stream: 'log', method: 'INCREMENTAL' }, { stream: 'm', key: ['id'] });
    const list = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    tap.run(...['log', 'm'].flatMap((s) => [schema(s, { id: { type: 'integer' }, email: { type: 'string' } }, s === 'm' ? ['id'] : []), ...list.map((id) => record(s, { id, email: `e${id}` }))]), state({ bookmarks: { log: { id: last } } }));
  };
  const settings = (log: string, m: string): void => writeFileSync(path.join(weir.dir, 'sources/tap.yml'), tap.yml('', `streams: {log: {mode: append${log}}, m: {mode: merge, key: [id]${m}}}`));
  settings('', '');
  says(1, 5);
  await sync('tap');
  says(6, 6);
  settings(', exclude: [email]', ', exclude: [email]');
  await sync('tap');
  settings('', '');
  says(7, 7);
  await sync('tap');
  assert.deepEqual(await rows("select (select string_agg(id, '' order by id) from tap.log) as log, (select string_agg(id, '' order by id) from tap.m) as m"), [{ log: '1234567', m: '1234567' }]);
});

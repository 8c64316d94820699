// A change of a stream's settings: rows that only the table has stay, or the run says what would be lost.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { holdPostgres, pg, weir } from '../node/postgres_held.js';
import { syncFails, syncs } from '../node/sync.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { type Row } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_read: number;
  rows_written: number;
  rows_deleted: number;
  changes: string[];
}

const skip = holdPostgres([], () => {
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [package, .]\n');
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
  let load = await one('a');
  assert.deepEqual([load.status, load.rows_read, load.changes], ['loaded', 0, ['its settings changed (exclude): rows that are there are not read again', 'column v is left out now; its values were removed']]);
  assert.equal(await ids('a'), all);
  pg.sql("insert into a.t values (11, 'e11', 11)");
  load = await one('a');
  assert.deepEqual([load.rows_read, load.changes], [1, []]);
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
      assert.deepEqual([load.rows_read, load.rows_written, load.changes.includes(`its settings changed (${what}): all of it was read again`)], [2, 2, true]);
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

const left = 'column email is left out now; its values were removed';
const emptied = async (name: string): Promise<void> => assert.deepEqual(await rows(`select count(*) as n, count(email) as emails from ${name}`), [{ n: (await rows(`select count(*) as n from ${name}`))[0]?.['n'], emails: 0 }], name);

test('a column that is left out now is emptied in all that was loaded before, once, and that is told', { skip }, async () => {
  const modes = { r: '', a: 'mode: append, cursor: id', m: 'mode: merge, key: [id]', c: 'mode: merge, key: [id], cursor: v', s: 'mode: merge, key: [id], deletes: soft', h: 'mode: history, key: [id]', i: 'mode: history, key: [id], cursor: v' };
  const names = Object.keys(modes);
  const set = (more: string): void => source('left', Object.entries(modes).map(([name, mode]) => `${name}: {${[mode, more].filter(Boolean).join(', ')}}`).join(', '));
  pg.sql(`create schema left_; alter schema left_ rename to "left"; ${names.map((name) => `create table "left".${name} (id int primary key, email text, v int); insert into "left".${name} select g, 'e' || g, g from generate_series(1, 5) g`).join('; ')}`);
  set('');
  await sync('left');
  pg.sql(names.map((name) => `update "left".${name} set v = 10, email = 'new' where id = 2; delete from "left".${name} where id = 1`).join('; '));
  await sync('left');
  const before = await rows(names.map((name) => `select '${name}' as name, count(*) as n from "left".${name}`).join(' union all ') + ' order by 1');
  set('exclude: [email]');
  const loads = await sync('left');
  for (const { stream, status, changes } of loads) {
    assert.equal(status, 'loaded', stream);
    assert.equal(changes.filter((text) => text === left).length, 1, stream);
    assert.doesNotMatch(changes.join(), /does not come any more/);
    await emptied(`"left".${stream}`);
  }
  assert.equal(loads.length, names.length);
  assert.deepEqual(await rows(names.map((name) => `select '${name}' as name, count(*) as n from "left".${name}`).join(' union all ') + ' order by 1'), before);
  assert.doesNotMatch(JSON.stringify(await sync('left')), /left out|does not come/);
  set('');
  await sync('left');
  assert.deepEqual(await rows('select id, email from "left".m where id > 1 order by id'), [2, 3, 4, 5].map((id) => ({ id, email: id === 2 ? 'new' : `e${id}` })));
});

test('the same of files that are gone, of rows that were set aside, and of lists', { skip }, async () => {
  const at = (name: string): string => path.join(weir.dir, 'files', name);
  const set = (more: string): void => writeFileSync(path.join(weir.dir, 'sources/files.yml'), `kind: file\nconnection: {path: files}\nstreams:\n  m: {path: "m*.csv", mode: merge, key: [id]${more}}\n  a: {path: "m*.csv", mode: append${more}}\n  n: {path: "n*.json", mode: merge, key: [id], nested: tables${more && ', exclude: [email, items__price, tags]'}}\n  h: {path: "n*.json", mode: history, key: [id], nested: tables${more && ', exclude: [email, items__price, tags]'}}\n`);
  mkdirSync(at(''));
  writeFileSync(at('m1.csv'), 'id,email\n1,e1\n2,e2\n,secret\n');
  writeFileSync(at('m2.csv'), 'id,email\n3,e3\n');
  writeFileSync(at('n1.json'), '[{"id":1,"email":"e1","items":[{"sku":1,"price":2}],"tags":["a"]}]');
  writeFileSync(at('n2.json'), '[{"id":2,"email":"e2","items":[{"sku":2,"price":3}],"tags":["b"]}]');
  set('');
  await sync('files');
  rmSync(at('m1.csv'));
  rmSync(at('n1.json'));
  writeFileSync(at('m2.csv'), 'id,email\n3,e3\n4,e4\n');
  await sync('files');
  assert.match(JSON.stringify(await rows("select row_json from weir.source_discards where source = 'files'")), /secret/);
  writeFileSync(at('n2.json'), '[{"id":2,"email":"e2","items":[{"sku":"2a","price":3,"more":1}],"tags":["b"],"more":2}]'); // columns that come, and are wider, meanwhile
  set(', exclude: [email]');
  const said = (await sync('files')).flatMap(({ changes }) => changes);
  assert.deepEqual(said.filter((text) => text.includes('left out')).sort(), [left, left, left, left, ...['h', 'n'].map((t) => `column price of ${t}__items is left out now; its values were removed`), ...['h', 'n'].map((t) => `table ${t}__tags is left out now; its rows were removed`)]);
  assert.doesNotMatch(said.join(), /does not come any more/);
  for (const name of ['m', 'a', 'n', 'h']) await emptied(`files.${name}`);
  assert.deepEqual(await rows('select (select count(*) from files.m) as m, (select count(*) from files.a) as a, (select count(*) from files.n) as n, (select count(*) from files.n__tags) as tags, (select count(price) from files.n__items) as prices, (select count(sku) from files.n__items) as skus, (select count(*) from files.h__tags) as old_tags, (select count(price) from files.h__items) as old_prices'), [{ m: 4, a: 5, n: 2, tags: 0, prices: 0, skus: 2, old_tags: 0, old_prices: 0 }]);
  const versions = async (): Promise<unknown> => (await rows('select count(*)::int as n from files.h'))[0]?.['n'];
  const n = await versions();
  writeFileSync(at('n2.json'), '[{"id":2,"email":"e2","items":[{"sku":"2a","price":3,"more":1}],"tags":["b"],"more":2}] ');
  await sync('files');
  assert.equal(await versions(), n, 'what is left out makes no version');
  assert.doesNotMatch(JSON.stringify(await rows("select row_json from weir.source_discards where source = 'files'")), /secret|email/);
});

test('the same of a tap, also of a stream of which nothing comes', { skip }, async () => {
  const tap = new Tap(weir, 'out');
  const settings = (more: string): void => writeFileSync(path.join(weir.dir, 'sources/out.yml'), tap.yml('', `streams: {log: {${more}}, h: {mode: history, key: [id]${more && `, ${more}`}}, still: {mode: append${more && `, ${more}`}}}`));
  const says = (id: number, ...streams: string[]): void => {
    tap.catalog(...['log', 'h', 'still'].map((stream) => ({ stream, method: 'INCREMENTAL' })));
    tap.run(...streams.flatMap((s) => [schema(s, { id: { type: 'integer' }, email: { type: 'string' } }), record(s, { id, email: `e${id}` })]), state({ bookmarks: { log: { id }, h: { id }, still: { id } } }));
  };
  settings('');
  says(1, 'log', 'h', 'still');
  await sync('out');
  settings('exclude: [email]');
  says(2, 'log', 'h');
  const loads = await sync('out');
  assert.deepEqual(loads.map(({ stream, status, changes }) => [stream, status, changes.filter((text) => text === left).length]).sort(), [['h', 'loaded', 1], ['log', 'loaded', 1], ['still', 'loaded', 1]]);
  for (const name of ['log', 'h', 'still']) await emptied(`out.${name}`);
  assert.deepEqual(await rows('select (select count(*) from out.log) as log, (select count(*) from out.h) as h, (select count(*) from out.still) as still'), [{ log: 2, h: 2, still: 1 }]);
});

test('from each mode to each other: it works, or is refused with the way out, and --full works', { skip }, async () => {
  const modes = { replace: '', append: 'mode: append, cursor: v', merge: 'mode: merge, key: [id]', history: 'mode: history, key: [id]' };
  const all_ = Object.keys(modes) as (keyof typeof modes)[];
  const pairs = all_.flatMap((from) => all_.filter((to) => to !== from).map((to) => [from, to] as const));
  const refused = {
    postgres: ['append_replace', 'append_merge', 'append_history', 'merge_replace', 'merge_append', 'history_replace', 'history_append', 'history_merge'],
    file: ['append_replace', 'merge_replace', 'history_replace', 'history_append', 'history_merge'],
  };
  const dir = path.join(weir.dir, 'pairs');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'a.csv'), 'id,v\n1,1\n');
  writeFileSync(path.join(dir, 'b.csv'), 'id,v\n2,2\n3,3\n');
  pg.sql(`create schema pairs; ${pairs.map(([from, to]) => `create table pairs.${from}_${to} (id int primary key, v int); insert into pairs.${from}_${to} values (1, 1), (2, 2), (3, 3)`).join('; ')}`);
  for (const kind of ['postgres', 'file'] as const) {
    const name = kind === 'file' ? 'pairs_of_files' : 'pairs';
    const set = (which: 0 | 1): void => {
      const streams = pairs.map((pair) => `${pair.join('_')}: {${[kind === 'file' ? 'path: "*.csv"' : '', kind === 'file' ? modes[pair[which]].replace(', cursor: v', '') : modes[pair[which]]].filter(Boolean).join(', ')}}`).join(', ');
      if (kind === 'postgres') source(name, streams);
      else writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: file\nconnection: {path: pairs}\nstreams: {${streams}}\n`);
    };
    set(0);
    await sync(name);
    if (kind === 'postgres') pg.sql(pairs.map(([from, to]) => `delete from pairs.${from}_${to} where id = 1; update pairs.${from}_${to} set v = 20 where id = 2`).join('; '));
    else {
      rmSync(path.join(dir, 'a.csv'));
      writeFileSync(path.join(dir, 'b.csv'), 'id,v\n2,20\n3,3\n');
    }
    await sync(name);
    const counts = async (): Promise<Record<string, number>> => Object.fromEntries((await rows(pairs.map(([from, to]) => `select '${from}_${to}' as t, count(*)::int as n from ${name}.${from}_${to}`).join(' union all '))).map(({ t, n }) => [t as string, n as number]));
    const before = await counts();
    set(1);
    await assert.rejects(weir.in('sync', name, '--wait'));
    const last = await rows(`select stream, status, error from weir.loads where source = '${name}' and run = (select run from weir.loads where source = '${name}' order by started_at desc limit 1) order by stream`);
    assert.deepEqual(last.filter(({ status }) => status !== 'loaded').map(({ stream }) => stream), [...refused[kind]].sort());
    const after_ = await counts();
    for (const { stream, status, error } of last) {
      if (status === 'loaded') continue;
      assert.match(error as string, new RegExp(`rows of ${name}\\.${stream as string} would be lost.*\`table:\`.*\`weir sync ${name}\\.${stream as string} --full\``, 's'));
      assert.equal(after_[stream as string], before[stream as string], stream as string);
    }
    const found = async (stream: string, where = 'true'): Promise<unknown> => (await rows(`select string_agg(id || ':' || v, ' ' order by id, v) as r from ${name}.${stream} where ${where}`))[0]?.['r'];
    assert.equal(await found('replace_append'), '2:20 3:3');
    assert.equal(await found('replace_merge'), '2:20 3:3');
    assert.equal(await found('merge_history', 'is_current'), '2:20 3:3');
    assert.equal(await found('merge_history', 'not is_current and valid_to is not null'), '1:1', 'the row that is gone has ended');
    if (kind === 'file') {
      assert.equal(await found('append_merge'), '1:1 2:20 3:3');
      assert.equal(await found('merge_append'), '1:1 2:20 3:3');
      assert.equal(await found('append_history', 'is_current'), '2:20 3:3');
    }
    await sync(name, '--full');
    for (const [from, to] of pairs) {
      const kept = to === 'history' && (await rows(`select count(*)::int as n from information_schema.columns where table_schema = '${name}' and table_name = '${from}_${to}' and column_name = 'is_current'`))[0]?.['n'];
      if (!(kind === 'file' && from !== 'history' && to !== 'replace')) assert.equal(await found(`${from}_${to}`, kept ? 'is_current' : 'true'), '2:20 3:3', `${from}_${to}`);
    }
    await sync(name);
    set(0); // and back again, as after a mistake
    await sync(name, '--full');
    await sync(name);
  }
});

test('from each way to follow deletes to each other, and to history: marked rows stay until somebody asks', { skip }, async () => {
  const ways = { none: 'mode: merge, key: [id]', soft: 'mode: merge, key: [id], deletes: soft', hard: 'mode: merge, key: [id], deletes: hard', history: 'mode: history, key: [id]', replace: '' };
  const pairs = Object.entries(ways).flatMap(([from, was]) => Object.entries(ways).filter(([to]) => to !== from && from !== 'history').map(([to, is]) => [`${from}_${to}`, was, is] as const));
  const set = (which: 1 | 2): void => source('ways', pairs.map((pair) => `${pair[0]}: {${pair[which]}}`).join(', '));
  pg.sql(`create schema ways; ${pairs.map(([t]) => `create table ways.${t} (id int primary key, v int); insert into ways.${t} values (1, 1), (2, 2), (3, 3)`).join('; ')}`);
  set(1);
  await sync('ways');
  pg.sql(pairs.map(([t]) => `delete from ways.${t} where id = 1`).join('; '));
  await sync('ways');
  set(2);
  await assert.rejects(weir.in('sync', 'ways', '--wait'));
  const failed = await rows("select stream from weir.loads where source = 'ways' and status <> 'loaded' order by 1");
  assert.deepEqual(failed.map(({ stream }) => stream), ['none_replace', 'soft_replace']);
  const found = Object.fromEntries(await Promise.all(pairs.map(async ([t]) => [t, (await rows(`select string_agg(id, '' order by id) as ids from ways.${t}`))[0]?.['ids']] as const)));
  assert.deepEqual(found, {
    none_soft: '123', none_hard: '23', none_history: '123', none_replace: '123',
    soft_none: '123', soft_hard: '23', soft_history: '123', soft_replace: '123',
    hard_none: '23', hard_soft: '23', hard_history: '23', hard_replace: '23',
    replace_none: '23', replace_soft: '23', replace_hard: '23', replace_history: '23',
  });
  assert.deepEqual(await rows('select id, is_current, valid_to = _weir_deleted as ended from ways.soft_history order by id'), [{ id: 1, is_current: false, ended: true }, ...[2, 3].map((id) => ({ id, is_current: true, ended: null }))]);
  assert.deepEqual(await rows('select id from ways.none_soft where _weir_deleted is not null'), [{ id: 1 }]);
  pg.sql(pairs.map(([t]) => `insert into ways.${t} values (1, 1); update ways.${t} set v = 20 where id = 2`).join('; '));
  await assert.rejects(weir.in('sync', 'ways', '--wait'));
  assert.deepEqual(await rows('select id, v from ways.soft_history where is_current order by id'), [{ id: 1, v: 1 }, { id: 2, v: 20 }, { id: 3, v: 3 }]);
  await sync('ways', '--full');
  for (const [t] of pairs.filter(([name]) => !name.endsWith('history'))) assert.deepEqual((await rows(`select string_agg(id || ':' || v, ' ' order by id) as r from ways.${t}`))[0]?.['r'], '1:1 2:20 3:3', t);
});

test('a key or cursor by the name that it has at the source: how it is called here is said', { skip }, async () => {
  pg.sql('create schema camel; create table camel.t ("orderId" int primary key, "updatedAt" timestamptz); insert into camel.t values (1, now())');
  source('camel', 't: {mode: merge, key: [orderId], cursor: updatedat}');
  await fails(/the key "orderId" of stream "t" is called "orderid" in its table; write that/, 'camel');
  source('camel', 't: {mode: merge, key: [orderid], cursor: updatedAt}');
  await fails(/the cursor "updatedAt" of stream "t" is called "updatedat" in its table; write that/, 'camel');
  source('camel', 't: {mode: merge, key: [orderid], cursor: updated_at}');
  await fails(/the cursor "updated_at" of stream "t" is no column of it; `weir source discover` shows/, 'camel');
  source('camel', 't: {mode: merge, key: [orderid], cursor: updatedat}');
  assert.equal((await one('camel')).rows_written, 1);
});

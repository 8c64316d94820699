// Tables compared with sources that compute no sums (files, programs): all of these is read anew, and nothing of what
// their streams keep for the next run changes.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setUp } from '../node/client.js';
import { behind, compared, found } from '../node/compared.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { Weir, type Row, until } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, more = ''): void => write(`sources/${name}.yml`, `kind: file\nconnection: {path: ${name}}\n${more}`);
const sync = (...args: string[]): Promise<string> => weir.in('sync', '--wait', ...args);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const { verify, one } = compared(() => weir);
/** All that the streams of a source keep for their next run, and what its ledger has of loads. */
const kept = (name: string): Promise<Row[]> => rows(`select stream, cursor, run, updated_at from weir.source_state where source = '${name}' order by stream`);

test('files without a key are compared file by file, and mended so', async () => {
  write('plain/days-1.csv', 'n,t\n1,a\n1,a\n2,b\n');
  write('plain/days-2.csv', 'n,t\n3,c\n4,\n');
  write('plain/days-3.csv', 'n,t\n5,e\n');
  source('plain', 'streams: {days: {path: days-*.csv, mode: append}}\n');
  await sync('plain');
  assert.equal(found(await one('plain')), 'equal 0 0 0');
  const before = await kept('plain');
  behind(weir, "delete from plain.days where t = 'b'", "update plain.days set t = 'x' where n = 3", "insert into plain.days select * from plain.days where n = 5", "insert into plain.days (n, t, _weir_file, _weir_run) values (9, 'gone', 'plain/days-0.csv', 'x')");
  const differs = await one('plain');
  // Of `append`, rows of files that are gone stay.
  assert.deepEqual([found(differs), differs.kept, differs.rows, differs.failed], ['differs 2 2 0', 1, 7, true]);
  assert.deepEqual(differs.files, [
    { file: 'plain/days-1.csv', missing: 1, extra: 0, different: 0 },
    { file: 'plain/days-2.csv', missing: 1, extra: 1, different: 0 },
    { file: 'plain/days-3.csv', missing: 0, extra: 1, different: 0 },
  ]);
  assert.deepEqual(differs.keys[0], { what: 'extra', key: { n: 3, t: 'x', _weir_file: 'plain/days-2.csv' } });
  assert.equal((await rows('select count(*) as n from weir.loads where source = \'plain\''))[0]?.['n'], 1, 'nothing was loaded');
  assert.match(await weir.in('source', 'list'), /^plain .*not what its source is/m);
  assert.equal(found(await one('plain', '--repair')), 'repaired 2 2 0');
  assert.equal(found(await one('plain')), 'equal 0 0 0');
  assert.deepEqual(await rows('select n, t, _weir_file as f from plain.days order by all'), [
    { n: 1, t: 'a', f: 'plain/days-1.csv' }, { n: 1, t: 'a', f: 'plain/days-1.csv' }, { n: 2, t: 'b', f: 'plain/days-1.csv' },
    { n: 3, t: 'c', f: 'plain/days-2.csv' }, { n: 4, t: null, f: 'plain/days-2.csv' }, { n: 5, t: 'e', f: 'plain/days-3.csv' }, { n: 9, t: 'gone', f: 'plain/days-0.csv' }]);
  assert.deepEqual(await rows("select status, rows_read, rows_written, rows_superseded, rows_deleted from weir.loads where source = 'plain' and mode = 'repair'"), [{ status: 'loaded', rows_read: 6, rows_written: 2, rows_superseded: 4, rows_deleted: 2 }]);
  assert.deepEqual(await kept('plain'), before, 'where the next run goes on stayed as it was');
  // What the next run reads anyway is no mistake.
  write('plain/days-2.csv', 'n,t\n3,c\n4,d\n40,d\n');
  write('plain/days-4.csv', 'n,t\n6,f\n');
  const news = await one('plain');
  assert.deepEqual([found(news), news.pending, news.failed], ['equal 0 0 0', 4, false]);
  assert.match(await sync('plain'), /days/);
  assert.equal(found(await one('plain')), 'equal 0 0 0');
});

test('a key that is there twice is no row that only the table has', async () => {
  write('twice/t.csv', 'id,v\n1,a\n2,b\n');
  source('twice', 'streams: {t: {path: "*.csv", mode: merge, key: [id]}}\n');
  await sync('twice');
  behind(weir, 'insert into twice.t select * from twice.t where id = 2');
  assert.equal(found(await one('twice')), 'differs 0 1 0');
  assert.equal(found(await one('twice', '--repair')), 'repaired 0 1 0');
  assert.deepEqual(await rows('select id, v from twice.t order by id'), [{ id: 1, v: 'a' }, { id: 2, v: 'b' }]);
});

test('files with keys: merge, replace, history, deletes, and rows that do not fit', async () => {
  const many = Array.from({ length: 5000 }, (_, i) => `${i},note ${i}`).join('\n');
  write('keyed/merge.csv', `id,note\n${many}\n`);
  write('keyed/soft.csv', 'id,n\n1,1\n2,2\n3,3\n');
  write('keyed/hist.csv', 'id,n\n1,1\n2,2\n3,3\n');
  write('keyed/fixed.csv', 'id,n\n1,1\n2,2\n');
  write('keyed/whole.csv', 'id,n\n1,1\n2,2\n');
  source('keyed', 'streams:\n  merge: {mode: merge, key: [id]}\n  soft: {mode: merge, key: [id], deletes: soft}\n  hist: {mode: history, key: [id]}\n  fixed: {mode: merge, key: [id], contract: discard_row}\n  whole: {}\n');
  await sync('keyed');
  write('keyed/fixed.csv', 'id,n\n1,1\n2,2\nx,3\n4,4\n');
  await sync('keyed');
  assert.deepEqual((await verify('keyed')).streams.map(found), Array<string>(5).fill('equal 0 0 0'));
  behind(weir, "update keyed.merge set note = 'mine' where id = 17", 'delete from keyed.merge where id = 18', "insert into keyed.merge (id, note, _weir_file, _weir_run) values (9999, 'old', 'merge.csv', 'x')",
    'update keyed.soft set n = 0 where id = 1', "update keyed.soft set _weir_deleted = now()::timestamp where id = 2", "insert into keyed.soft (id, n, _weir_run) values (9, 9, 'x')",
    'update keyed.hist set n = 0 where id = 1', 'delete from keyed.hist where id = 2', 'insert into keyed.hist (id, n, valid_from, is_current, _weir_run) values (9, 9, now()::timestamp, true, \'x\')',
    'delete from keyed.fixed where id = 4', 'update keyed.whole set n = 0 where id = 1', "insert into keyed.whole (id, n, _weir_file, _weir_run) values (9, 9, 'whole.csv', 'x')");
  const { streams, failed } = await verify('keyed');
  assert.ok(failed);
  assert.deepEqual(streams.map((s) => `${s.stream} ${found(s)} ${s.kept}`), ['merge differs 1 0 1 1', 'soft differs 1 1 1 0', 'hist differs 1 1 1 0', 'fixed differs 1 0 0 0', 'whole differs 1 2 0 0']);
  assert.ok((streams[0]?.compared ?? 5000) < 3000, `only parts that differ are compared, not ${streams[0]?.compared} rows`);
  const before = await kept('keyed');
  const mended = await verify('keyed', '--repair');
  assert.deepEqual(mended.streams.map((s) => s.status), Array<string>(5).fill('repaired'), mended.said);
  assert.deepEqual((await verify('keyed')).streams.map(found), Array<string>(5).fill('equal 0 0 0'));
  assert.deepEqual(await rows("select id, note from keyed.merge where id in (17, 18, 9999) order by id"), [{ id: 17, note: 'note 17' }, { id: 18, note: 'note 18' }, { id: 9999, note: 'old' }]);
  assert.deepEqual(await rows('select id, n, _weir_deleted is not null as gone from keyed.soft order by id'), [{ id: 1, n: 1, gone: false }, { id: 2, n: 2, gone: false }, { id: 3, n: 3, gone: false }, { id: 9, n: 9, gone: true }]);
  assert.deepEqual(await rows('select id, n, is_current as now from keyed.hist order by id, valid_from, n'), [{ id: 1, n: 0, now: false }, { id: 1, n: 1, now: true }, { id: 2, n: 2, now: true }, { id: 3, n: 3, now: true }, { id: 9, n: 9, now: false }]);
  assert.deepEqual(await rows('select id, n from keyed.fixed order by id'), [{ id: 1, n: 1 }, { id: 2, n: 2 }, { id: 4, n: 4 }]);
  assert.deepEqual(await kept('keyed'), before);
  assert.deepEqual(await rows("select count(*) as n from duckdb_tables() where table_name like 'weir stages%'"), [{ n: 0 }]);
});

test('a value whose column has another type by now is told, and kept out of a repair', async () => {
  write('types/t.csv', 'id,n\n1,1\n2,2\n');
  source('types', 'streams: {t: {mode: merge, key: [id]}}\n');
  await sync('types');
  behind(weir, 'delete from types.t where id = 2');
  write('types/t.csv', 'id,n\n1,one\n2,2\n');
  const differs = await one('types');
  assert.deepEqual([differs.not_compared, differs.pending], [['n'], 1]);
});

test('a tap is read without its state, which stays', async () => {
  const tap = new Tap(weir, 'tap');
  const properties = { id: { type: 'integer' }, n: { type: 'integer' }, at: { type: 'string', format: 'date-time' } };
  const names = ['people', 'facts', 'lookup', 'never'];
  tap.catalog(...names.map((stream) => ({ stream, schema: { properties }, key: stream === 'people' ? ['id'] : [] })));
  writeFileSync(path.join(weir.dir, 'sources/tap.yml'), tap.yml('', 'streams:\n  people: {}\n  facts: {mode: append}\n  lookup: {mode: replace}\n'));
  const at = (n: number): string => `2026-01-0${n}T00:00:00Z`;
  const person = (id: number, n = id): object => record('people', { id, n, at: at(id) });
  // With a state it gives what is new only; without one, all.
  const says = (...more: object[]): void => tap.run('if [ -n "$STATE" ]; then exit; fi; touch "$here/was-read"',
    { ...schema('people', properties, ['id']), bookmark_properties: ['at'] }, ...[1, 2, 3].map((id) => person(id)), ...more,
    schema('facts', properties), record('facts', { id: 1, n: 1 }), record('facts', { id: 1, n: 1 }), record('facts', { id: 2, n: 2 }),
    schema('lookup', properties), record('lookup', { id: 1, n: 1 }), record('lookup', { id: 2, n: 2 }), state({ bookmarks: { people: { at: at(3) } } }));
  says();
  await sync('tap');
  await sync('tap');
  const before = await kept('tap');
  const equal = await verify('tap');
  assert.deepEqual(equal.streams.map((s) => `${s.stream} ${found(s)} ${s.rows}`), ['people equal 0 0 0 3', 'facts equal 0 0 0 3', 'lookup equal 0 0 0 2'], equal.said);
  behind(weir, 'update tap.people set n = 0 where id = 1', "insert into tap.people (id, n, _weir_run) values (9, 9, 'x')", 'delete from tap.facts where id = 1', "insert into tap.facts (id, n, _weir_run) values (7, 7, 'x')", "insert into tap.lookup (id, n, _weir_run) values (3, 3, 'x')");
  says(person(4), record('people', { id: 2, n: 20, at: at(9) }));
  const differs = await verify('tap');
  // Rows that only the table has are gone by `replace` alone; what is beyond the bookmark the next run brings.
  assert.deepEqual(differs.streams.map((s) => `${s.stream} ${found(s)} ${s.kept} ${s.pending}`), ['people differs 0 0 1 1 2', 'facts differs 2 0 0 1 0', 'lookup differs 0 1 0 0 0'], differs.said);
  const mended = await verify('tap', '--repair');
  assert.ok(mended.failed);
  assert.deepEqual(mended.streams.map((s) => s.status), ['repaired', 'failed', 'repaired'], mended.said);
  assert.match(mended.said, /2 rows that the table lacks cannot be added by themselves: the stream is appended to/);
  assert.deepEqual(await rows('select id, n from tap.people order by id'), [{ id: 1, n: 1 }, { id: 2, n: 2 }, { id: 3, n: 3 }, { id: 9, n: 9 }]);
  assert.deepEqual(await rows('select id from tap.lookup order by id'), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(await rows('select id from tap.facts order by id'), [{ id: 2 }, { id: 7 }], 'nothing of it changed');
  assert.deepEqual(await kept('tap'), before, 'its state stayed');
  await sync('tap', '--full');
  assert.deepEqual((await verify('tap')).streams.map(found), Array<string>(3).fill('equal 0 0 0'));
  // A program that fails, and one that tells nothing of a stream, say nothing of what the tables hold.
  tap.run({ ...schema('people', properties, ['id']) }, 'echo broken >&2; exit 3');
  assert.deepEqual((await verify('tap')).streams.map((s) => s.status), ['failed', 'failed', 'failed']);
  tap.run(schema('people', properties, ['id']), person(1), person(2), person(3), person(4));
  const { said, streams } = await verify('tap');
  assert.deepEqual(streams.map((s) => s.status), ['differs', 'failed', 'failed']);
  assert.match(said, /told nothing of the stream \\?"facts/);
});

test('rows that a tap without its state does not give are not gone, also of history and deletes', async () => {
  const tap = new Tap(weir, 'late');
  const properties = { id: { type: 'integer' }, at: { type: 'string', format: 'date-time' } };
  tap.catalog(...['h', 'd'].map((stream) => ({ stream, schema: { properties }, key: ['id'] })));
  writeFileSync(path.join(weir.dir, 'sources/late.yml'), tap.yml('', 'streams:\n  h: {mode: history, key: [id]}\n  d: {mode: merge, key: [id], deletes: hard}\n'));
  const says = (from: number, more: (stream: string) => object[] = () => []): void =>
    tap.run(...['h', 'd'].flatMap((stream) => [{ ...schema(stream, properties, ['id']), bookmark_properties: ['at'] }, ...[1, 2, 3, 4, 5].filter((id) => id >= from).map((id) => record(stream, { id, at: `2026-01-0${id}T00:00:00Z` })), ...more(stream)]), state({ at: 1 }));
  says(1);
  await sync('late');
  says(4); // its start moved
  assert.deepEqual((await verify('late', '--repair')).streams.map((s) => `${s.stream} ${found(s)} ${s.kept}`), ['h equal 0 0 0 3', 'd equal 0 0 0 3']);
  assert.deepEqual(await rows('select (select count(*) from late.h where is_current) as h, (select count(*) from late.d) as d'), [{ h: 5, d: 5 }]);
  // Where it says that all came, they are.
  says(4, (stream) => [{ type: 'ACTIVATE_VERSION', stream, version: 1 }]);
  assert.deepEqual((await verify('late')).streams.map((s) => `${s.stream} ${found(s)} ${s.kept}`), ['h differs 0 3 0 0', 'd differs 0 3 0 0']);
});

test('an Airbyte source is read without its state, too', async () => {
  const line = (message: object): string => `echo '${JSON.stringify(message)}'`;
  const row = (id: number, n: number): string => line({ type: 'RECORD', record: { stream: 's', data: { id, n }, emitted_at: 1 } });
  const stream = { name: 's', json_schema: { properties: { id: { type: 'integer' }, n: { type: 'integer' } } }, supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true, default_cursor_field: ['n'], source_defined_primary_key: [['id']] };
  write('air/source', `#!/bin/sh
case "$*" in
  spec*) ;;
  discover*) ${line({ type: 'CATALOG', catalog: { streams: [stream] } })};;
  read*--state*) ${line({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name: 's' }, stream_state: { n: 2 } } } })};;
  read*) ${[row(1, 1), row(2, 2)].join('\n')}
    if [ -e ${weir.dir}/air/more ]; then ${row(3, 3)}; fi
    ${line({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name: 's' }, stream_state: { n: 2 } } } })};;
esac
`);
  chmodSync(path.join(weir.dir, 'air/source'), 0o755);
  write('sources/air.yml', 'kind: airbyte\nconnection: {executable: air/source}\n');
  await sync('air');
  const before = await kept('air');
  assert.equal(found(await one('air')), 'equal 0 0 0');
  behind(weir, 'update air.s set n = 0 where id = 1');
  write('air/more', '');
  const differs = await one('air', '--repair');
  assert.deepEqual([found(differs), differs.pending], ['repaired 0 0 1', 1]);
  assert.deepEqual(await rows('select id, n from air.s order by id'), [{ id: 1, n: 1 }, { id: 2, n: 2 }]);
  assert.deepEqual(await kept('air'), before);
});

test('lists that are tables are told as not compared, and no repair touches them', async () => {
  write('nested/orders.ndjson', '{"id":1,"lines":[{"sku":"a"},{"sku":"b"}]}\n{"id":2,"lines":[]}\n');
  source('nested', 'streams: {orders: {mode: merge, key: [id], nested: tables}}\n');
  await sync('nested');
  const equal = await one('nested');
  assert.deepEqual([found(equal), equal.not_compared], ['equal 0 0 0', ['orders__lines']]);
  behind(weir, 'delete from nested.orders where id = 2');
  assert.equal(found(await one('nested')), 'differs 1 0 0');
  assert.match((await verify('nested', '--repair')).said, /its lists are tables of their own, whose rows no repair can load again; `weir sync nested.orders --full`/);
  assert.deepEqual(await rows('select count(*) as n from nested.orders__lines'), [{ n: 2 }]);
});

test('in the server, by a schedule', async () => {
  source('plain', 'verify: every 1s\nstreams: {days: {path: days-*.csv, mode: append}}\n');
  rmSync(path.join(weir.dir, 'plain/days-4.csv'));
  const gone = await one('plain');
  assert.deepEqual([found(gone), gone.kept, gone.pending], ['equal 0 0 0', 2, 0]);
  behind(weir, 'delete from plain.days where n = 5');
  await weir.up();
  const admin = await setUp(weir);
  type Shown = { verifies: boolean; streams: { verified: { status: string; missing: number; kept: number; files: unknown[] } | null }[] };
  const differs = await until('the schedule to find it', 60, async () => {
    const shown = (await admin.want(200, 'GET', '/api/sources/plain')) as unknown as Shown;
    assert.ok(shown.verifies);
    const { verified } = shown.streams[0] ?? {};
    return verified?.status === 'differs' ? verified : undefined;
  });
  assert.deepEqual([differs.missing, differs.kept, differs.files], [1, 2, [{ file: 'plain/days-3.csv', missing: 1, extra: 0, different: 0 }]]);
  assert.match(await weir.in('verify', 'plain', '--repair'), /repaired/);
  await weir.down();
});

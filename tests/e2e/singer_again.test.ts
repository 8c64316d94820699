// Taps read their bookmark's value again: what is appended has no row more than its source for it.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { syncFails, syncs } from '../node/sync.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
});
after(() => weir.remove());

interface Load {
  stream: string;
  rows_read: number;
  rows_written: number;
  rows_superseded: number;
}
const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const loads = async (...args: string[]): Promise<string[]> => (await sync(...args)).map((load) => `${load.stream} ${load.rows_read} ${load.rows_written} ${load.rows_superseded}`);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const configure = (tap: Tap, connection: string, more: string): void => writeFileSync(path.join(weir.dir, `sources/${tap.name}.yml`), tap.yml(connection, more));

test('rows of the greatest value that come again are not appended again; others with it are', async () => {
  const tap = new Tap(weir, 'log');
  const properties = { day: { type: ['null', 'integer'] }, what: { type: ['null', 'string'] }, n: { type: ['null', 'number'] }, deep: { type: ['null', 'object'] } };
  const bookmarked = { ...schema('log', properties), bookmark_properties: ['day'] };
  const row = (day: number | null, what: string | null, more: object = {}): object => record('log', { day, what, ...more });
  const says = (day: number): object => state({ bookmarks: { log: { day } } });
  tap.catalog({ stream: 'log', schema: { properties }, method: 'INCREMENTAL' });
  tap.run(bookmarked, row(1, 'a'), row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, null), says(2));
  assert.deepEqual(await loads('log'), ['log 4 4 0']);
  tap.run(bookmarked, row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, null), says(2));
  assert.deepEqual(await loads('log'), ['log 3 0 3']);
  assert.deepEqual(await loads('log'), ['log 3 0 3']);
  tap.run(bookmarked, row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, null), row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, 'b', { n: 0.1, deep: { x: [1] } }), row(2, 'b', { n: 0.2 }), row(3, 'a'), row(null, null), says(3));
  assert.deepEqual(await loads('log'), ['log 7 4 3'], 'a third of two equal ones, one that is another, and what is beyond');
  tap.run({ ...schema('log', { ...properties, late: { type: 'integer' } }), bookmark_properties: ['day'] }, row(3, 'a'), row(3, 'a', { late: 1 }), says(3));
  assert.deepEqual(await loads('log'), ['log 2 1 1'], 'with a column that comes now');
  tap.run(bookmarked, row(3, 'a'), row(3, 'a', { late: 1 }), says(3));
  assert.deepEqual(await loads('log'), ['log 2 0 2']);
  tap.run(bookmarked, row(3, 'a'), says(3));
  assert.deepEqual(await loads('log'), ['log 1 0 1']);
  assert.deepEqual(await rows("select day, what, n, count(*) as c from log.log group by all order by all"), [
    { day: 1, what: 'a', n: null, c: 1 },
    { day: 2, what: 'b', n: 0.1, c: 3 },
    { day: 2, what: 'b', n: 0.2, c: 1 },
    { day: 2, what: null, n: null, c: 1 },
    { day: 3, what: 'a', n: null, c: 2 },
    { day: null, what: null, n: null, c: 1 },
  ]);
});

test('rows of a new version are no rows of the one before, which goes', async () => {
  const tap = new Tap(weir, 'versions');
  const properties = { id: { type: 'integer' } };
  const says = (version: number, ...more: object[]): void => tap.run({ ...schema('t', properties), bookmark_properties: ['id'] }, ...[1, 1, 2].map((id) => record('t', { id }, { version })), ...more, state({ bookmarks: { t: { id: 2, version } } }));
  const activate = (version: number): object => ({ type: 'ACTIVATE_VERSION', stream: 't', version });
  tap.catalog({ stream: 't', schema: { properties }, method: 'INCREMENTAL' });
  says(1, activate(1));
  assert.deepEqual(await loads('versions'), ['t 3 3 0']);
  assert.deepEqual(await loads('versions'), ['t 3 0 3']);
  says(2, activate(2));
  assert.deepEqual(await loads('versions'), ['t 3 3 0']);
  says(3); // it is activated by the next run
  await loads('versions');
  says(3, activate(3));
  await loads('versions');
  assert.deepEqual(await rows('select id, _weir_version as version, count(*) as n from versions.t group by all order by all'), [{ id: 1, version: 3, n: 2 }, { id: 2, version: 3, n: 1 }]);
});

test('a table that is replaced is not emptied by a tap that passes over files that it read', async () => {
  const tap = new Tap(weir, 'files');
  const properties = { id: { type: 'integer' } };
  tap.catalog({ stream: 'all', schema: { properties }, method: 'FULL_TABLE' }, { stream: 'log', schema: { properties }, method: 'INCREMENTAL' });
  tap.run(
    'cp "${STATE:-/dev/null}" "$here/state.json"',
    schema('all', properties),
    `if ! grep -q hash "\${STATE:-/dev/null}"; then echo '${JSON.stringify(record('all', { id: 1 }))}'; fi`,
    schema('log', properties),
    state({ bookmarks: { all: { hash: 'of the file' }, log: { id: 5 } } }),
  );
  for (let i = 0; i < 3; i++) {
    await loads('files');
    assert.deepEqual(await rows('select count(*) as n from files."all"'), [{ n: 1 }]);
  }
  assert.deepEqual(JSON.parse(readFileSync(path.join(tap.dir, 'state.json'), 'utf8')), { bookmarks: { log: { id: 5 } } });
});

test('a tap that writes an empty forced-replication-method is told of the cursor; one that forces FULL_TABLE is not appended', async () => {
  const tap = new Tap(weir, 'sdk');
  const properties = { a: { type: 'integer' } };
  const catalog = (method: string): void => tap.write('catalog.json', JSON.stringify({ streams: [{ tap_stream_id: 't', stream: 't', schema: { properties }, key_properties: [], replication_method: 'INCREMENTAL', metadata: [{ breadcrumb: [], metadata: { 'forced-replication-method': method } }] }] }));
  catalog('');
  configure(tap, '', 'streams: {t: {mode: append, cursor: a}}');
  tap.run('cp "$CATALOG" "$here/given.json"', schema('t', properties), record('t', { a: 1 }), record('t', { a: 1 }), state({ bookmarks: { t: { a: 1 } } }));
  assert.deepEqual(await loads('sdk'), ['t 2 2 0']);
  const [given] = (JSON.parse(readFileSync(path.join(tap.dir, 'given.json'), 'utf8')) as { streams: { replication_key: string; metadata: { metadata: object }[] }[] }).streams;
  assert.equal(given?.replication_key, 'a');
  assert.deepEqual(given?.metadata[0]?.metadata, { 'forced-replication-method': '', selected: true, 'replication-key': 'a', 'replication-method': 'INCREMENTAL' });
  assert.deepEqual(await loads('sdk'), ['t 2 0 2']);
  catalog('FULL_TABLE');
  await fails(/stream "t": the tap reads all of it in each run \(FULL_TABLE\), whatever it is asked for, so `append` would add all rows again/, 'sdk');
  configure(tap, '', 'streams: {t: {mode: replace}}');
  await loads('sdk', '--full');
});

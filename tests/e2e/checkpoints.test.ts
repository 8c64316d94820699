// Taps and Airbyte sources that are loaded on the way, at their states: what is killed, fails or is stopped goes on
// from there, no row is there twice or not at all, and no table that is replaced is seen before it is whole.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Tap, record, schema, state } from '../node/tap.js';
import { syncFails, syncs } from '../node/sync.js';
import { Weir, type Row, binary, until } from '../node/weir.js';
import { setUp } from '../node/client.js';

interface Load {
  stream: string;
  status: string;
  mode: string;
  rows_written: number;
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
});
after(() => weir.remove());

const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const ids = async (table: string, what = "string_agg(id, ' ' order by id)"): Promise<string> => {
  const [schemaName, name] = table.split('.');
  const there = await rows(`select 1 as n from information_schema.tables where table_schema = '${schemaName}' and table_name = '${name}'`);
  return there.length ? String((await rows(`select ${what} as ids from ${schemaName}."${name}"`))[0]?.['ids'] ?? '') : 'none';
};
const configure = (tap: Tap, more = '', connection = 'checkpoint: 1'): void => writeFileSync(path.join(weir.dir, `sources/${tap.name}.yml`), tap.yml(connection, more));
const saved = async (source: string): Promise<unknown> => (await rows(`select cursor from weir.source_state where source = '${source}' and stream = '*'`))[0]?.['cursor'];
const given = (tap: Tap): unknown => JSON.parse(readFileSync(path.join(tap.dir, 'state.json'), 'utf8') || 'null');
const keep = 'cp "${STATE:-/dev/null}" "$here/state.json"';
const id = { id: { type: 'integer' } };
const some = (stream: string, ...values: number[]): object[] => values.map((value) => record(stream, { id: value }));

test('what came before a state is loaded with it, and a tap that dies goes on from there', async () => {
  const tap = new Tap(weir, 'way');
  tap.catalog({ stream: 'log', schema: { properties: id }, method: 'INCREMENTAL' }, { stream: 'keyed', schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' }, { stream: 'everything', schema: { properties: id }, method: 'FULL_TABLE' });
  configure(tap);
  const schemas = [schema('everything', id), schema('log', id), schema('keyed', id, ['id'])];
  tap.run(keep, ...schemas, ...some('everything', 1, 2), ...some('log', 1, 2), ...some('keyed', 1, 2), state({ currently_syncing: 'keyed', bookmarks: { everything: { v: 1 }, log: { id: 2 }, keyed: { id: 2 } } }), ...some('log', 3), ...some('keyed', 3), 'echo dead >&2; exit 3');
  await fails(/tap failed \(exit 3\): dead; .*the 4 rows that came before its last state are loaded, and the next run goes on from there/, 'way');
  assert.deepEqual([await ids('way.log'), await ids('way.keyed'), await ids('way.everything')], ['1 2', '1 2', 'none']);
  assert.deepEqual(await saved('way'), { bookmarks: { log: { id: 2 }, keyed: { id: 2 } } });
  assert.deepEqual(await rows("select stream, status, rows_written, rows_read = rows_written as whole, source_checksum = warehouse_checksum as same from weir.loads where source = 'way' order by stream"), [
    { stream: '*', status: 'failed', rows_written: 0, whole: true, same: null },
    { stream: 'keyed', status: 'loaded', rows_written: 2, whole: true, same: true },
    { stream: 'log', status: 'loaded', rows_written: 2, whole: true, same: true },
  ]);
  tap.run(keep, ...schemas, ...some('everything', 1, 2, 3), ...some('log', 3), ...some('keyed', 2, 3), state({ bookmarks: { everything: { v: 2 }, log: { id: 3 }, keyed: { id: 3 } } }), ...some('keyed', 4), state({ bookmarks: { everything: { v: 2 }, log: { id: 3 }, keyed: { id: 4 } } }));
  const [first, ...others] = await sync('way');
  assert.deepEqual([first, ...others].map((load) => `${load?.stream} ${load?.status} ${load?.mode} ${load?.rows_written}`), ['everything loaded replace 3', 'log loaded append 1', 'keyed loaded merge 3']);
  assert.deepEqual(given(tap), { bookmarks: { log: { id: 2 }, keyed: { id: 2 } } });
  assert.deepEqual([await ids('way.log'), await ids('way.keyed'), await ids('way.everything')], ['1 2 3', '1 2 3 4', '1 2 3']);
  assert.deepEqual(await saved('way'), { bookmarks: { everything: { v: 2 }, log: { id: 3 }, keyed: { id: 4 } } });
  assert.deepEqual(await rows("select count(*) as loads, count(distinct started_at) as times, count(distinct run) as runs, sum(rows_written) as n from weir.loads where source = 'way' and stream = 'keyed' and status = 'loaded'"), [{ loads: 3, times: 3, runs: 2, n: 5 }]);
});

test('a hanging tap has loaded, and says so; it is stopped, and nothing is lost', async () => {
  const tap = new Tap(weir, 'hang');
  tap.catalog({ stream: 'keyed', schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' });
  configure(tap);
  tap.run(keep, schema('keyed', id, ['id']), ...some('keyed', 1, 2), state({ bookmarks: { keyed: { id: 2 } } }), ...some('keyed', 3), 'for n in 2 3; do echo "INFO METRIC: {\\"type\\":\\"counter\\",\\"metric\\":\\"record_count\\",\\"value\\":$n,\\"tags\\":{\\"endpoint\\":\\"keyed\\"}}" >&2; done; sleep 600');
  await weir.up();
  try {
    const admin = await setUp(weir);
    const { run } = (await admin.want(202, 'POST', '/api/sources/hang/sync', {})) as { run: string };
    interface Report {
      status: string;
      rows: number;
      report: { status: string; error: string; streams: Load[] } | null;
      streams: { stream: string; state: string; rows: number }[];
      log: { text: string }[];
    }
    const look = async (): Promise<Report> => (await admin.want(200, 'GET', `/api/runs/${run}`)) as unknown as Report;
    const seen = await until('the load on the way', 20, async () => {
      const report = await look();
      return report.log.some(({ text }) => text.includes('keyed: loaded 2 rows into hang.keyed on the way')) ? report : undefined;
    });
    assert.deepEqual([seen.report, seen.streams.map(({ stream, state: is }) => `${stream} ${is}`)], [null, ['keyed reading']]);
    assert.equal(await ids('hang.keyed'), '1 2');
    await admin.want(204, 'DELETE', `/api/runs/${run}`);
    const { report, status, log } = await until('the end', 20, async () => ((await look()).report ? await look() : undefined));
    assert.deepEqual(log.filter(({ text }) => /METRIC|counted/.test(text)).map(({ text }) => text), ['the tap counted record_count of keyed: 5']);
    assert.match(report?.error ?? '', /was stopped; the 2 rows that came before its last state are loaded/);
    assert.deepEqual([status, report?.status, report?.streams.map((load) => `${load.stream} ${load.status} ${load.rows_written}`)], ['stopped', 'failed', ['keyed loaded 2']]);
  } finally {
    await weir.down();
  }
  assert.deepEqual(await saved('hang'), { bookmarks: { keyed: { id: 2 } } });
});

test('what may not be loaded on the way is not', async () => {
  const cases: { name: string; stream: { key?: string[]; method?: string }; yml?: string; what: (object | string)[]; then: string; state: unknown }[] = [
    { name: 'appended, and its bookmark did not move', stream: { method: 'INCREMENTAL' }, what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } }), ...some('t', 2), state({ bookmarks: { t: { id: 1 } }, x: 1 })], then: '1', state: { bookmarks: { t: { id: 1 } } } },
    { name: 'appended, by a read that cannot be resumed', stream: { method: 'INCREMENTAL' }, what: [...some('t', 1), state({ bookmarks: { t: { progress_markers: { id: 1 } } } })], then: 'none', state: undefined },
    { name: 'appended, with a state that is nobody\'s', stream: { method: 'INCREMENTAL' }, what: [...some('t', 1), state({ n: 1 })], then: 'none', state: undefined },
    { name: 'merged, with any state', stream: { key: ['id'] }, what: [...some('t', 1), state({ n: 1 }), ...some('t', 2)], then: '1', state: { n: 1 } },
    { name: 'read as a whole', stream: { key: ['id'], method: 'FULL_TABLE' }, what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } })], then: 'none', state: undefined },
    { name: 'a version that is not activated', stream: { key: ['id'] }, what: [record('t', { id: 1 }, { version: 5 }), state({ n: 1 })], then: 'none', state: undefined },
    { name: 'a version that was, before there was a table', stream: { key: ['id'] }, what: [{ type: 'ACTIVATE_VERSION', stream: 't', version: 5 }, record('t', { id: 1 }, { version: 5 }), state({ n: 1 })], then: '1', state: { n: 1 } },
    { name: 'merged, of a tap that tells no streams before', stream: { key: ['id'] }, yml: 'checkpoint: 1\nselection: none', what: [...some('t', 1), state({ n: 1 }), ...some('t', 2)], then: '1', state: { n: 1 } },
    { name: 'appended, of such a tap, once it is known', stream: { method: 'INCREMENTAL' }, yml: 'checkpoint: 1\nselection: none', what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } }), ...some('t', 2), state({ bookmarks: { t: { id: 2 } } }), ...some('t', 3)], then: '1 2', state: { bookmarks: { t: { id: 2 } } } },
    { name: 'appended, of such a tap, and its bookmark did not move', stream: { method: 'INCREMENTAL' }, yml: 'checkpoint: 1\nselection: none', what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } }), ...some('t', 2), state({ bookmarks: { t: { id: 1 } }, x: 1 })], then: '1', state: { bookmarks: { t: { id: 1 } } } },
    { name: 'no checkpoint is wanted', stream: { key: ['id'] }, yml: 'checkpoint: 0', what: [...some('t', 1), state({ n: 1 })], then: 'none', state: undefined },
    { name: 'not enough came, and then it failed', stream: { key: ['id'] }, yml: 'checkpoint: 30', what: [...some('t', 1), state({ n: 1 }), ...some('t', 2), state({ n: 2 })], then: '1 2', state: { n: 2 } },
    { name: 'appended, what is behind the last state before it failed', stream: { method: 'INCREMENTAL' }, yml: 'checkpoint: 30', what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } }), ...some('t', 2, 3)], then: '1', state: { bookmarks: { t: { id: 1 } } } },
    { name: 'read as a whole, before it failed', stream: { method: 'FULL_TABLE' }, yml: 'checkpoint: 30', what: [...some('t', 1), state({ bookmarks: { t: { id: 1 } } })], then: 'none', state: undefined },
    { name: 'enough came, by and by', stream: { key: ['id'] }, yml: 'checkpoint: 3', what: [...some('t', 1), state({ n: 1 }), ...some('t', 2), state({ n: 2 }), ...some('t', 3), state({ n: 3 }), ...some('t', 4)], then: '1 2 3', state: { n: 3 } },
  ];
  for (const [i, one] of cases.entries()) {
    const tap = new Tap(weir, `not${i}`);
    tap.catalog({ stream: 't', schema: { properties: id }, ...one.stream });
    configure(tap, '', one.yml);
    tap.run(schema('t', id, one.stream.key ?? []), ...one.what, 'exit 3');
    await fails(/tap failed \(exit 3\)/, tap.name);
    assert.deepEqual([one.name, await ids(`${tap.name}.t`), await saved(tap.name)], [one.name, one.then, one.state]);
  }
});

test('a tap that fails at one stream has loaded what its last state covers of the others, and not a row more', async () => {
  const tap = new Tap(weir, 'rest');
  const items = { ...id, items: { type: 'array', items: { type: 'object', properties: id } } };
  tap.catalog({ stream: 'log', schema: { properties: items }, method: 'INCREMENTAL' }, { stream: 'many', schema: { properties: id }, method: 'INCREMENTAL' }, { stream: 'everything', schema: { properties: id }, method: 'FULL_TABLE' });
  configure(tap, 'streams: {log: {nested: tables}, many: {}, everything: {}}', '');
  const row = (n: number): object => record('log', { id: n, items: [{ id: n }, { id: n }] });
  const many = (from: number, to: number): string => `seq ${from} ${to} | sed 's/.*/{"type":"RECORD","stream":"many","record":{"id":&}}/'`;
  const schemas = [keep, schema('log', items), schema('many', id), schema('everything', id)];
  const counts = async (): Promise<string[]> => [await ids('rest.log'), await ids('rest.log__items'), await ids('rest.many', 'count(*)'), await ids('rest.everything')];
  const at = (log: number, n: number): object => state({ bookmarks: { log: { id: log }, many: { id: n }, everything: { v: 1 } } });
  tap.run(...schemas, ...some('everything', 1), row(1), row(2), many(1, 30000), at(2, 30000), row(3), many(30001, 60000), 'echo "403 at other" >&2; exit 1');
  await fails(/403 at other; .*the 30006 rows that came before its last state are loaded, and the next run goes on from there/, 'rest');
  assert.deepEqual([await counts(), await saved('rest')], [['1 2', '1 1 2 2', '30000', 'none'], { bookmarks: { log: { id: 2 }, many: { id: 30000 } } }]);
  tap.run(...schemas, row(3), at(3, 30000), row(4), 'echo rubbish');
  await fails(/line 7 of what tap wrote is no message.*the 3 rows that came before its last state/, 'rest');
  assert.deepEqual(given(tap), { bookmarks: { log: { id: 2 }, many: { id: 30000 } } });
  tap.run(...schemas, ...some('everything', 1), row(4), many(30001, 60000), at(4, 60000));
  await sync('rest');
  assert.deepEqual([await counts(), await ids('rest.many', 'count(distinct id)')], [['1 2 3 4', '1 1 2 2 3 3 4 4', '60000', '1'], '60000']);
});

test('a table that is built anew is whole when it is seen, and is built anew again when that failed', async () => {
  const tap = new Tap(weir, 'anew');
  tap.catalog(...['a', 'b'].map((stream) => ({ stream, schema: { properties: id }, method: 'INCREMENTAL' })));
  configure(tap);
  const at = (a: number, b: number): object => state({ bookmarks: { ...(a ? { a: { id: a } } : {}), ...(b ? { b: { id: b } } : {}) } });
  const schemas = [keep, schema('a', id), schema('b', id)];
  tap.run(...schemas, ...some('a', 1, 2), at(2, 0), ...some('b', 1, 2), at(2, 2));
  await sync('anew');
  assert.deepEqual([await ids('anew.a'), await ids('anew.b')], ['1 2', '1 2']);
  // All anew: nothing may be seen of it before its end.
  tap.run(...schemas, ...some('a', 1, 2), at(2, 0), ...some('b', 1), at(2, 1), 'exit 3');
  await fails(/exit 3/, 'anew', '--full');
  assert.deepEqual([await ids('anew.a'), await ids('anew.b'), await saved('anew')], ['1 2', '1 2', { bookmarks: { a: { id: 2 }, b: { id: 2 } } }]);
  // One of them anew, since its way changed: the other goes on, and is loaded on the way.
  configure(tap, 'streams: {a: {mode: append}, b: {mode: merge, key: [id]}}');
  tap.run(...schemas, ...some('b', 1), at(2, 1), ...some('a', 3), at(3, 1), ...some('b', 2), 'exit 3');
  await fails(/the 1 rows that came before its last state are loaded/, 'anew');
  assert.deepEqual(given(tap), { bookmarks: { a: { id: 2 } } });
  assert.deepEqual([await ids('anew.a'), await ids('anew.b'), await saved('anew')], ['1 2 3', '1 2', { bookmarks: { a: { id: 3 } } }]);
  // Even as it was before: its table has rows that the state does not know of.
  configure(tap, 'streams: {a: {mode: append}, b: {mode: append}}');
  tap.run(...schemas, ...some('b', 1, 2, 3), at(3, 3));
  await sync('anew');
  assert.deepEqual([given(tap), await ids('anew.a'), await ids('anew.b')], [{ bookmarks: { a: { id: 3 } } }, '1 2 3', '1 2 3']);
});

test('versions, histories and deletes are not taken for whole on the way', async () => {
  const tap = new Tap(weir, 'whole');
  const properties = { ...id, v: { type: 'string' } };
  const streams = ['h', 'd', 'm'];
  tap.catalog(...streams.map((stream) => ({ stream, schema: { properties }, key: ['id'], method: 'LOG_BASED' })));
  configure(tap, 'streams:\n  h: {mode: history, key: [id]}\n  d: {mode: merge, key: [id], deletes: hard}\n  m: {}');
  const schemas = streams.map((stream) => schema(stream, properties, ['id']));
  const version = (n: number): object[] => streams.map((stream) => ({ type: 'ACTIVATE_VERSION', stream, version: n }));
  const put = (n: number, ...values: [number, string][]): object[] => streams.flatMap((stream) => values.map(([key, v]) => record(stream, { id: key, v }, { version: n })));
  const at = (n: number): object => state({ bookmarks: Object.fromEntries(streams.map((stream) => [stream, { n }])) });
  const seen = async (): Promise<Row | undefined> => (await rows("select (select string_agg(id || v || case when is_current then '' else '-' end, ' ' order by id, valid_from) from whole.h) as h, (select string_agg(id || v, ' ' order by id) from whole.d) as d, (select string_agg(id || v, ' ' order by id) from whole.m) as m"))[0];
  tap.run(...schemas, ...version(1), ...put(1, [1, 'a'], [2, 'a']), at(1), ...put(1, [2, 'b'], [3, 'a']), at(2), 'exit 3');
  await fails(/the 12 rows/, 'whole');
  assert.deepEqual(await seen(), { h: '1a 2a- 2b 3a', d: '1a 2b 3a', m: '1a 2b 3a' });
  // Changes of the same version, and then a new version, whose rows wait for their end.
  tap.run(...schemas, ...put(1, [1, 'b']), at(3), ...put(2, [1, 'b']), at(4), ...put(2, [3, 'c']), 'exit 3');
  await fails(/the 3 rows/, 'whole');
  assert.deepEqual(await seen(), { h: '1a- 1b 2a- 2b 3a', d: '1b 2b 3a', m: '1b 2b 3a' });
  tap.run(keep, ...schemas, ...put(2, [1, 'b']), at(4), ...put(2, [3, 'c']), ...version(2), at(5));
  await sync('whole');
  assert.deepEqual(given(tap), { bookmarks: { h: { n: 3 }, d: { n: 3 }, m: { n: 3 } } });
  assert.deepEqual(await seen(), { h: '1a- 1b 2a- 2b- 3a- 3c', d: '1b 3c', m: '1b 3c' });
});

test('types and columns that come later widen the table on the way; what fits no contract ends the run there', async () => {
  const tap = new Tap(weir, 'later');
  tap.catalog({ stream: 't', schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' });
  configure(tap);
  const at = (n: number): object => state({ bookmarks: { t: { id: n } } });
  tap.run(schema('t', { ...id, e: {}, l: {} }, ['id']), record('t', { id: 1, n: 1, l: null }), at(1), record('t', { id: 2, n: 1.5, l: 7 }), at(2), record('t', { id: 3, n: 'x', m: true }), at(3));
  await sync('later');
  assert.deepEqual(await rows('select id, n, l, m from later.t order by id'), [{ id: 1, n: '1', l: null, m: null }, { id: 2, n: '1.5', l: 7, m: null }, { id: 3, n: 'x', l: null, m: true }]);
  configure(tap, 'streams: {t: {contract: freeze}}');
  tap.run(schema('t', id, ['id']), record('t', { id: 4 }), at(4), record('t', { id: 5, fresh: 1 }), at(5), record('t', { id: 6 }), at(6));
  await fails(/weir: later: stream "t": column "fresh" \("fresh"\) is new, and the contract of stream "t" is freeze; set `contract: evolve`, or leave the column out by `exclude`; the 1 rows that came before its last state are loaded/, 'later');
  assert.deepEqual([await ids('later.t'), await saved('later')], ['1 2 3 4', { bookmarks: { t: { id: 4 } } }]);
});

test('values that are gone, and contracts, are the same with loads on the way and without', async () => {
  const at = (n: number): object => state({ bookmarks: Object.fromEntries(['m', 'h'].map((stream) => [stream, { n }])) });
  for (const checkpoint of [1, 0]) {
    // A column that has only NULLs before the first state: of `m` it is declared without a type, of `h` not at all.
    const gone = new Tap(weir, `gone${checkpoint}`);
    gone.catalog(...['m', 'h'].map((stream) => ({ stream, schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' })));
    configure(gone, 'streams: {m: {}, h: {mode: history, key: [id]}}', `checkpoint: ${checkpoint}`);
    const both = (c: unknown, n: number): object[] => ['m', 'h'].map((stream) => record(stream, { id: n, c }));
    const schemas = [schema('m', { ...id, c: {} }, ['id']), schema('h', id, ['id'])];
    gone.run(...schemas, ...both('x', 1), at(1));
    await sync(gone.name);
    gone.run(...schemas, ...both(null, 1), at(2), ...both('y', 2), at(3));
    await sync(gone.name);
    const said = "string_agg(id || coalesce(c, '?') || IS, ' ' order by id, c)";
    assert.deepEqual([checkpoint, await ids(`${gone.name}.m`, said.replace('IS', "''")), await ids(`${gone.name}.h`, said.replace('IS', "if(is_current, '', '-')"))], [checkpoint, '1? 2y', '1x- 1? 2y']);
    // The first load of a table under a contract, and a column that is declared without a type when the table is there.
    for (const contract of ['freeze', 'discard_row', 'discard_value']) {
      const tap = new Tap(weir, `${contract}${checkpoint}`);
      tap.catalog({ stream: 'm', schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' });
      configure(tap, `streams: {m: {contract: ${contract}}}`, `checkpoint: ${checkpoint}`);
      const c = { ...id, c: {} };
      tap.run(schema('m', c, ['id']), record('m', { id: 1, c: null }), at(1), record('m', { id: 2, c: 'x', d: 'y' }), at(2));
      assert.deepEqual((await sync(tap.name)).map(({ status, rows_written }) => `${status} ${rows_written}`), ['loaded 2']);
      assert.equal(await ids(`${tap.name}.m`, "string_agg(id || coalesce(c, '?') || coalesce(d, '?'), ' ' order by id)"), '1?? 2xy');
      tap.run(schema('m', { ...c, e: {} }, ['id']), record('m', { id: 3, c: 'z', e: null }), at(3));
      await (contract === 'freeze' ? fails(/column "e" .* is new, and the contract of stream "m" is freeze/, tap.name) : sync(tap.name));
      assert.equal(await ids(`${tap.name}.m`), contract === 'freeze' ? '1 2' : '1 2 3');
    }
  }
});

test('columns that come behind a load empty the rows of this run before it, as one load at the end does', async () => {
  const at = (n: number): object => state({ bookmarks: Object.fromEntries(['m', 'h'].map((stream) => [stream, { n }])) });
  for (const checkpoint of [1, 0]) {
    const tap = new Tap(weir, `undeclared${checkpoint}`);
    tap.catalog(...['m', 'h'].map((stream) => ({ stream, schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' })));
    configure(tap, 'streams: {m: {}, h: {mode: history, key: [id]}}', `checkpoint: ${checkpoint}`);
    const both = (n: number, c?: string): object[] => ['m', 'h'].map((stream) => record(stream, c ? { id: n, c } : { id: n }));
    const schemas = [schema('m', id, ['id']), schema('h', id, ['id'])];
    tap.run(...schemas, ...both(1, 'x'), ...both(4, 'x'), at(1));
    await sync(tap.name);
    // Rows 1 and 2 have no such column; that of row 4, which does not come, stays.
    tap.run(...schemas, ...both(1), ...both(2), at(2), ...both(3, 'y'), at(3));
    await sync(tap.name);
    const said = "string_agg(id || coalesce(c, '?') || IS, ' ' order by id, c)";
    assert.deepEqual([checkpoint, await ids(`${tap.name}.m`, said.replace('IS', "''")), await ids(`${tap.name}.h`, said.replace('IS', "if(is_current, '', '-')"))], [checkpoint, '1? 2? 3y 4x', '1x- 1? 2? 3y 4x']);
    // No column comes late: the history is loaded on the way.
    tap.run(...schemas, ...both(5, 'z'), at(4), ...both(6, 'z'), at(5));
    await sync(tap.name);
    assert.deepEqual(await rows(`select count(*) as n from weir.loads where source = '${tap.name}' and stream = 'h' and status = 'loaded'`), [{ n: checkpoint ? 4 : 3 }]);
  }
});

test('where the state tells no streams apart, rows that are merged are loaded on the way, and read again', async () => {
  const tap = new Tap(weir, 'whole_state');
  tap.catalog({ stream: 'log', schema: { properties: id }, method: 'INCREMENTAL' }, { stream: 'keyed', schema: { properties: id }, key: ['id'], method: 'INCREMENTAL' }, { stream: 'everything', schema: { properties: id }, method: 'FULL_TABLE' });
  configure(tap);
  const schemas = [schema('everything', id), schema('log', id), schema('keyed', id, ['id'])];
  const seen = (keyed = 'keyed'): Promise<string[]> => Promise.all(['log', keyed, 'everything'].map((table) => ids(`whole_state.${table}`)));
  const first = [...some('everything', 1), ...some('log', 1), ...some('keyed', 1), state({ seen: 1 })];
  tap.run(keep, ...schemas, ...first, 'echo dead >&2; exit 3');
  await fails(/the 1 rows that came before its last state are loaded, and the next run reads what came again/, 'whole_state');
  assert.deepEqual([await seen(), await saved('whole_state'), given(tap)], [['none', '1', 'none'], undefined, null]);
  tap.run(keep, ...schemas, ...first);
  await sync('whole_state');
  assert.deepEqual([await seen(), await saved('whole_state'), given(tap)], [['1', '1', '1'], { seen: 1 }, null]);
  // The state is the tap's until the end; then that of the end.
  tap.run(keep, ...schemas, ...some('everything', 1, 2), ...some('keyed', 2), state({ seen: 2 }), ...some('log', 2), ...some('keyed', 3), state({ seen: 3 }), 'exit 3');
  await fails(/the 2 rows/, 'whole_state');
  assert.deepEqual([await seen(), await saved('whole_state'), given(tap)], [['1', '1 2 3', '1'], { seen: 1 }, { seen: 1 }]);
  // A new table: all begin anew, and the state of before would pass over rows of what is there by now.
  configure(tap, 'streams: {everything: {}, log: {}, keyed: {table: other}}');
  tap.run(keep, ...schemas, ...some('everything', 1, 2), ...some('log', 1, 2), ...some('keyed', 1), state({ seen: 3 }), 'exit 3');
  await fails(/the 1 rows/, 'whole_state');
  assert.deepEqual([await seen('other'), await saved('whole_state'), given(tap)], [['1', '1', '1'], undefined, null]);
  tap.run(keep, ...schemas, ...some('everything', 1, 2), ...some('log', 1, 2), ...some('keyed', 1, 2), state({ seen: 3 }));
  await sync('whole_state');
  assert.deepEqual([await seen('other'), await saved('whole_state'), given(tap)], [['1 2', '1 2', '1 2'], { seen: 3 }, null]);
});

test('rows that are stored while the tap goes on are those of a load at its end, whatever comes behind them', async () => {
  for (const checkpoint of [0, 45000]) {
    const tap = new Tap(weir, `ahead${checkpoint}`);
    const streams = ['wide', 'a', 'b', 'versioned', 'log'];
    tap.catalog(...streams.map((stream) => ({ stream, schema: { properties: id }, key: stream === 'log' ? [] : ['id'], method: stream === 'log' ? 'INCREMENTAL' : 'LOG_BASED' })));
    configure(tap, '', `checkpoint: ${checkpoint}`);
    const at = (n: number): object => state({ bookmarks: Object.fromEntries(streams.map((stream) => [stream, { n }])) });
    const awk = (from: number, to: number, ...lines: string[]): string => `awk 'BEGIN { for (i = ${from}; i < ${to}; i++) { ${lines.map((line) => `printf "${line.replaceAll('"', '\\"').replaceAll("'", '')}\\n"${', i'.repeat(line.split('%d').length - 1)}`).join('; ')} } }'`;
    const row = (stream: string, more = '', around = ''): string => `{"type":"RECORD","stream":"${stream}"${around},"record":{"id":%d${more}}}`;
    tap.run(
      ...streams.map((stream) => schema(stream, stream === 'wide' ? { ...id, v: { type: 'integer' } } : id, stream === 'log' ? [] : ['id'])),
      awk(0, 40000, row('a'), row('b')),
      at(1),
      awk(0, 40000, row('wide', ',"v":%d')), // whole numbers, then fractions, texts, and a column that nobody knew
      awk(40000, 60000, row('wide', ',"v":%d.5')),
      awk(60000, 61000, row('wide', ',"v":"t%d"'), row('wide', ',"late":%d').replace('"id":%d', '"id":1%d')),
      at(2),
      awk(0, 30000, row('log')),
      at(3),
      awk(0, 20000, row('versioned', '', ',"version":1')),
      { type: 'ACTIVATE_VERSION', stream: 'versioned', version: 1 },
      awk(10000, 30000, row('versioned', '', ',"version":2')),
      at(4),
      awk(20000, 40000, row('a'), row('b')), // keys that came before
      { type: 'ACTIVATE_VERSION', stream: 'versioned', version: 2 },
      at(5),
    );
    const loads = await sync(tap.name);
    assert.deepEqual(loads.filter(({ status }) => status !== 'loaded'), []);
    const sums: Record<string, string> = {};
    for (const stream of streams) {
      sums[stream] = await ids(`${tap.name}.${stream}`, stream === 'wide' ? "concat_ws(' ', count(*), sum(id), count(v), count(distinct v), count(late), sum(late), count(*) filter (v = '40000.5'))" : "concat_ws(' ', count(*), count(distinct id), sum(id))");
    }
    assert.deepEqual(sums, {
      wide: `62000 ${(61000 * 60999) / 2 + 1000 * 160499.5 + 0} 61000 61000 1000 ${1000 * 60499.5} 1`,
      a: `40000 40000 ${20000 * 39999}`,
      b: `40000 40000 ${20000 * 39999}`,
      versioned: `20000 20000 ${20000 * 19999.5}`,
      log: `30000 30000 ${15000 * 29999}`,
    });
    assert.deepEqual(await rows(`select 1 as n from weir.loads where source = '${tap.name}' and source_checksum <> warehouse_checksum`), []);
    assert.deepEqual(await rows(`select table_name from information_schema.tables where table_name like 'weir stages%'`), []);
  }
});

test('killed at any moment between its loads, a run is gone on with from the last of them', async () => {
  const tap = new Tap(weir, 'killed');
  const properties = { ...id, v: { type: 'integer' } };
  const most = 20_000;
  tap.catalog({ stream: 'whole', schema: { properties }, method: 'FULL_TABLE' }, { stream: 'log', schema: { properties }, method: 'INCREMENTAL' }, { stream: 'keyed', schema: { properties }, key: ['id'], method: 'INCREMENTAL' });
  configure(tap, '', 'checkpoint: 700');
  // All of `whole`, with the number of the run; then log and keyed from their bookmarks on, a state every 500 rows.
  tap.run(
    'echo $$ > "$here/pid"; run=$(($(cat "$here/runs" 2>/dev/null || echo 0) + 1)); echo $run > "$here/runs"; n=$(sed "s/.*\\"log\\":{\\"id\\":\\([0-9]*\\).*/\\1/" "${STATE:-/dev/null}"); n=${n:-0}',
    schema('whole', properties),
    schema('log', properties),
    schema('keyed', properties, ['id']),
    `awk -v n=$n -v run=$run 'BEGIN { for (i = 0; i < 2000; i++) print "{\\"type\\":\\"RECORD\\",\\"stream\\":\\"whole\\",\\"record\\":{\\"id\\":" i ",\\"v\\":" run "}}"; for (i = n; i < ${most}; i++) { r = "\\"record\\":{\\"id\\":" i ",\\"v\\":" i * 2 "}}"; print "{\\"type\\":\\"RECORD\\",\\"stream\\":\\"log\\"," r; print "{\\"type\\":\\"RECORD\\",\\"stream\\":\\"keyed\\"," r; if (i % 500 == 499) print "{\\"type\\":\\"STATE\\",\\"value\\":{\\"currently_syncing\\":\\"log\\",\\"bookmarks\\":{\\"whole\\":{\\"run\\":" run "},\\"log\\":{\\"id\\":" i + 1 "},\\"keyed\\":{\\"id\\":" i + 1 "}}}}" } print "{\\"type\\":\\"STATE\\",\\"value\\":{\\"currently_syncing\\":\\"log\\",\\"bookmarks\\":{\\"whole\\":{\\"run\\":" run "},\\"log\\":{\\"id\\":" i "},\\"keyed\\":{\\"id\\":" i "}}}}" }'`,
    '[ $run -gt 5 ] || exec sleep 600', // these are killed for sure, however fast they are
  );
  const count = async (table: string): Promise<number[]> => ((await ids(`killed.${table}`, 'min(id)')) === 'none' ? [0, 0, 0] : Object.values((await rows(`select count(*) as n, count(distinct id) as d, count(distinct v) as v from killed."${table}"`))[0] ?? {}).map(Number));
  let kills = 0;
  for (let last = -1, round = 0, done = false; !done; round++) {
    assert.ok(round < 100, `${last} rows after ${round} rounds`);
    const child = spawn(binary, ['-C', weir.dir, 'sync', 'killed'], { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL') && kills++, 80 + Math.random() * (500 + 100 * round));
    done = (await ended) === 0;
    clearTimeout(timer);
    if (existsSync(path.join(tap.dir, 'pid'))) {
      await until('the tap to die with weir', 20, () => {
        const pid = readFileSync(path.join(tap.dir, 'pid'), 'utf8').trim();
        return pid && existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? undefined : true;
      });
    }
    const log = await count('log');
    const cursor = (await saved('killed')) as { currently_syncing?: string; bookmarks?: { log?: { id: number }; whole?: object } } | undefined;
    const n = cursor?.bookmarks?.log?.id ?? 0;
    assert.deepEqual([log, await count('keyed')], [[n, n, n], [n, n, n]]);
    // A table that is replaced is seen when it is whole; it may be that weir was killed just behind its last commit.
    const there = cursor?.bookmarks?.whole !== undefined;
    assert.deepEqual([await count('whole'), there || !done], [there ? [2000, 2000, 1] : [0, 0, 0], true]);
    last = n;
  }
  assert.ok(kills >= 5, `${kills} kills`);
  const [found] = await rows("select sum(rows_written) filter (stream = 'log') as log, count(*) filter (stream = 'log') > 5 as several, (select sum(v) from killed.log) as v from weir.loads where source = 'killed' and status = 'loaded'");
  assert.deepEqual(found, { log: most, several: true, v: most * (most - 1) });
});

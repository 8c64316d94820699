// nested: flatten and tables: what is in the objects and lists of rows, as columns and tables of their own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Tap, record, schema, state } from '../node/tap.js';
import { syncFails, syncs } from '../node/sync.js';
import { Weir, type Row, binary } from '../node/weir.js';

interface Load {
  stream: string;
  table: string;
  status: string;
  mode: string;
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  rows_superseded: number;
  changes: string[];
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [package, .]\n');
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const file = (name: string, stream: string, options: string, more = ''): void => {
  mkdirSync(at(name), { recursive: true });
  writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: {path: ${name}}\nstreams:\n  ${stream}: {${options}}\n${more}`);
};
const put = (name: string, docs: object[]): void => writeFileSync(at(name), docs.map((doc) => `${JSON.stringify(doc)}\n`).join(''));
const own = '_weir_run, _weir_loaded_at, _weir_file';
const table = (name: string, order = 'all'): Promise<Row[]> => rows(`select * exclude (${own}) from ${name} order by ${order}`);
const tables = async (name: string): Promise<string[]> => (await rows(`select table_name as t from information_schema.tables where table_schema = '${name}' order by t`)).map(({ t }) => t as string);

test('a file of JSON: objects are columns, lists are tables, lists in lists, too', async () => {
  file('shop', 'orders', 'nested: tables, mode: merge, key: [id]');
  put('shop/orders.ndjson', [
    { id: 1, at: '2026-01-02T03:04:05.123Z', day: '2026-01-02', customer: { name: 'A', tags: ['x', 'y'] }, items: [{ sku: 'a', n: 1, taxes: [{ r: 0.1 }, { r: 0.2 }] }, { sku: 'b', n: 2.5, taxes: [] }, null, 'odd'], m: [[1, 2], [], [3, null]] },
    { id: 2, at: '2026-01-03 00:00:00', day: '2026-01-02', customer: null, items: [], note: 'hi' },
    { id: 3, customer: { name: 'C' }, items: 'none', m: [[4]] },
  ]);
  const loads = await sync('shop');
  assert.deepEqual(
    loads.map(({ stream, table: name, mode, rows_read, rows_written }) => [stream, name, mode, rows_read, rows_written].join(' ')),
    ['orders orders merge 3 3', 'orders.customer__tags[] orders__customer__tags merge 2 2', 'orders.items[] orders__items merge 4 4', 'orders.m[] orders__m merge 4 4', 'orders.items__taxes[] orders__items__taxes merge 2 2', 'orders.m__value[] orders__m__value merge 5 5'],
  );
  assert.deepEqual(loads[0]?.changes, ['column items has the values that are no lists']);
  assert.deepEqual(await table('shop.orders'), [
    { id: 1, at: '2026-01-02T03:04:05.123Z', day: '2026-01-02', customer__name: 'A', note: null, items: null, _weir_id: '1' },
    { id: 2, at: '2026-01-03T00:00:00Z', day: '2026-01-02', customer__name: null, note: 'hi', items: null, _weir_id: '2' },
    { id: 3, at: null, day: null, customer__name: 'C', note: null, items: 'none', _weir_id: '3' },
  ]);
  assert.deepEqual(await table('shop.orders__items', '_weir_id'), [
    { sku: 'a', n: 1, value: null, _weir_id: '1/0', _weir_parent: '1', _weir_index: 0 },
    { sku: 'b', n: 2.5, value: null, _weir_id: '1/1', _weir_parent: '1', _weir_index: 1 },
    { sku: null, n: null, value: null, _weir_id: '1/2', _weir_parent: '1', _weir_index: 2 },
    { sku: null, n: null, value: 'odd', _weir_id: '1/3', _weir_parent: '1', _weir_index: 3 },
  ]);
  assert.deepEqual(await table('shop.orders__items__taxes', '_weir_id'), [
    { r: 0.1, _weir_id: '1/0/0', _weir_parent: '1/0', _weir_index: 0, _weir_root: '1' },
    { r: 0.2, _weir_id: '1/0/1', _weir_parent: '1/0', _weir_index: 1, _weir_root: '1' },
  ]);
  assert.deepEqual(await rows('select value, _weir_parent as p from shop.orders__m__value order by _weir_id'), [
    { value: 1, p: '1/0' },
    { value: 2, p: '1/0' },
    { value: 3, p: '1/2' },
    { value: null, p: '1/2' },
    { value: 4, p: '3/0' },
  ]);
  const found = JSON.parse(await weir.in('source', 'discover', 'shop', '--json')) as { streams: { lists: { table: string; columns: { name: string; type: string }[] }[] }[] };
  assert.deepEqual(found.streams[0]?.lists.map(({ table: name, columns }) => `${name}: ${columns.map((c) => `${c.name} ${c.type}`).join(', ')}`), [
    'orders__customer__tags: value text, _weir_id text, _weir_parent text, _weir_index int',
    'orders__items: sku text, n double, value text, _weir_id text, _weir_parent text, _weir_index int',
    'orders__m: _weir_id text, _weir_parent text, _weir_index int',
    'orders__items__taxes: r double, _weir_id text, _weir_parent text, _weir_index int, _weir_root text',
    'orders__m__value: value int, _weir_id text, _weir_parent text, _weir_index int, _weir_root text',
  ]);
  assert.match(await weir.in('source', 'discover', 'shop'), /→ {2}shop\.orders__items {2}\(a list\)\n +sku +text\n/);
  assert.deepEqual((await sync('shop')).map(({ status }) => status), ['unchanged']);
});

// What plain JavaScript says of the same documents.
type Doc = { [key: string]: Value };
type Value = null | number | string | boolean | Value[] | Doc;
type Tables = Map<string, Map<string, Row>>;

function explode(into: Tables, name: string, doc: Value, id: string, place: Row): void {
  const row: Row = { ...place, _weir_id: id };
  const lists: [string, Value[]][] = [];
  const walk = (prefix: string, value: Value): void => {
    if (Array.isArray(value)) lists.push([prefix, value]);
    else if (value !== null && typeof value === 'object') for (const [key, one] of Object.entries(value)) walk(prefix ? `${prefix}__${key}` : key, one);
    else if (value !== null) row[prefix || 'value'] = String(value);
  };
  walk('', doc);
  if (!into.has(name)) into.set(name, new Map());
  into.get(name)?.set(id, row);
  for (const [list, values] of lists) {
    const root = (place['_weir_root'] ?? place['_weir_parent'] ?? id) as string;
    values.forEach((one, i) => explode(into, `${name}__${list || 'value'}`, one, `${id}/${i}`, { _weir_parent: id, _weir_index: String(i), ...(place['_weir_parent'] === undefined ? {} : { _weir_root: root }) }));
  }
}

async function found(source: string): Promise<Tables> {
  const names = await tables(source);
  const all = await rows(names.map((name) => `select '${name}' as t, to_json(x)::varchar as j from (select * exclude (${own}) from ${source}.${name}) as x`).join(' union all '));
  const out: Tables = new Map(names.map((name) => [name, new Map<string, Row>()]));
  for (const { t, j } of all) {
    const row = JSON.parse(j as string) as Row;
    const some = Object.fromEntries(Object.entries(row).filter(([, v]) => v !== null).map(([k, v]) => [k, String(v)]));
    const into = out.get(t as string);
    assert.ok(!into?.has(some['_weir_id'] ?? ''), `${t as string} has ${some['_weir_id'] ?? 'a row without an id'} once`);
    into?.set(some['_weir_id'] ?? '', some);
  }
  return out;
}

/** Tables that hold nothing count as none. */
const full = (all: Tables): [string, Map<string, Row>][] => [...all].filter(([, t]) => t.size).sort(([x], [y]) => (x < y ? -1 : 1));

test('random documents: each run leaves just what they hold', async () => {
  let seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1e9);
  console.log(`TEST_SEED=${seed}`);
  const chance = (n: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor(seed / 65536) % n;
  };
  const kinds = new Map([['', 2]]);
  const value = (where: string, depth: number): Value => {
    const kind = kinds.get(where) ?? kinds.set(where, depth > 2 ? 0 : chance(3)).get(where);
    const what = chance(10);
    if (what === 0) return null;
    if (kind === 0 || what === 1) return [chance(1000), `s${chance(50)}`, chance(2) === 0][chance(3)] as Value;
    if (kind === 1) return Array.from({ length: chance(4) }, () => value(`${where}[]`, depth + 1));
    return Object.fromEntries(['a', 'b', 'c', 'd'].filter(() => chance(2)).map((key) => [key, value(`${where}.${key}`, depth + 1)]));
  };
  file('rnd', 'docs', 'path: "*.ndjson", nested: tables, mode: merge, key: [id], deletes: hard');
  file('soft', 'docs', 'path: "../rnd/*.ndjson", nested: tables, mode: merge, key: [id], deletes: soft');
  file('kept', 'docs', 'path: "../rnd/*.ndjson", nested: tables, mode: merge, key: [id]');
  file('whole', 'docs', 'path: "../rnd/*.ndjson", nested: tables');
  const ever = new Map<number, Doc>();
  for (let run = 0; run < 4; run++) {
    const now = new Map<number, Doc>();
    const all: Doc[] = [];
    for (let f = 0; f < 2; f++) {
      const docs = Array.from({ length: 30 }, () => ({ id: chance(60), doc: value('', 0) }) as Doc & { id: number });
      put(`rnd/f${f}.ndjson`, docs);
      for (const doc of docs) {
        all.push(doc);
        now.set(doc.id, doc);
        ever.set(doc.id, doc);
      }
    }
    const of = (docs: Map<number, Doc>): Tables => {
      const into: Tables = new Map();
      for (const [id, doc] of docs) explode(into, 'docs', doc, String(id), {});
      return into;
    };
    for (const source of ['rnd', 'soft', 'kept', 'whole']) await sync(source);
    assert.deepEqual(full(await found('rnd')), full(of(now)));
    assert.deepEqual(full(await found('kept')), full(of(ever)));
    const [marked] = await rows('select count(*)::int as n from soft.docs where _weir_deleted is not null');
    assert.equal(marked?.['n'], ever.size - now.size);
    // Rows without a key: ids are of each load, and as many as there are lines.
    const lines: Tables = new Map();
    all.forEach((doc, i) => explode(lines, 'docs', doc, `line ${i}`, {}));
    const whole = await found('whole');
    assert.deepEqual(full(whole).map(([name, t]) => [name, t.size]), full(lines).map(([name, t]) => [name, t.size]));
    for (const [name, t] of full(whole)) for (const row of t.values()) if (name !== 'docs') assert.ok(whole.get('docs')?.has((row['_weir_root'] ?? row['_weir_parent']) as string), name);
  }
});

test('killed at any moment, a run has happened with all of its tables or not at all', async () => {
  file('kill', 's', 'nested: tables, mode: merge, key: [id], deletes: hard');
  const docs = (round: number): object[] => Array.from({ length: 4000 }, (_, id) => ({ id: id + round * 100, round, l: Array.from({ length: id % 4 }, (__, i) => ({ i, in: [round, i] })) }));
  const look = async (): Promise<Row | undefined> =>
    (await rows('select (select count(*) from kill.s)::int as s, (select max(round) from kill.s)::int as most, (select min(round) from kill.s)::int as least, (select count(*) from kill.s__l)::int as l, (select count(*) from kill.s__l__in)::int as i, (select count(*) from kill.s__l__in as x join kill.s on s._weir_id = x._weir_root join kill.s__l as l on l._weir_id = x._weir_parent)::int as joined'))[0];
  put('kill/s.ndjson', docs(0));
  const began = Date.now();
  await sync('kill');
  const took = Date.now() - began;
  let kills = 0;
  for (let round = 1, done = 0; done < 3; round++) {
    assert.ok(round < 60, 'three runs end well');
    put('kill/s.ndjson', docs(round));
    const child = spawn(binary, ['-C', weir.dir, 'sync', 'kill'], { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL') && kills++, 50 + Math.random() * (took + (took / 10) * round));
    const well = (await ended) === 0;
    clearTimeout(timer);
    done += well ? 1 : 0;
    const found = await look();
    assert.deepEqual([found?.['s'], found?.['l'], found?.['i'], found?.['joined'], found?.['least']], [4000, 6000, 12000, 12000, found?.['most']]);
    if (well) assert.equal(found?.['most'], round);
  }
  console.log(`killed ${kills} times`);
});

test('Parquet: structs are columns and lists tables, with their types', async () => {
  file('pq', 'events', 'nested: tables');
  const sql = "select 7 as id, {'x': 1, 'when': timestamp '2026-01-02 03:04:05.5', 'in': {'d': date '2026-02-03'}} as s, [{'price': 12345678901234567.89::decimal(30,2), 'ok': true}, {'price': 0.5, 'ok': null}] as l, 1.50::decimal(5,2) as p, timestamptz '2026-01-01 00:00:00+02' as z, map {'k': 1} as m, 9::utinyint as u";
  await weir.in('query', sql, '--format', 'parquet', '--output', at('pq/events.parquet'));
  await sync('pq');
  const types = await rows("select table_name || '.' || column_name as c, data_type as t from information_schema.columns where table_schema = 'pq' and column_name not like '\\_weir%' escape '\\' order by table_name, ordinal_position");
  assert.deepEqual(
    types.map(({ c, t }) => `${c as string} ${t as string}`),
    ['events.id BIGINT', 'events.s__x BIGINT', 'events.s__when TIMESTAMP', 'events.s__in__d DATE', 'events.p DECIMAL(5,2)', 'events.z TIMESTAMP', 'events.u BIGINT', 'events.m__k BIGINT', 'events__l.price DECIMAL(30,2)', 'events__l.ok BOOLEAN'],
  );
  assert.deepEqual(await rows('select e.id, s__x, s__when::text as w, s__in__d::text as d, p::text as p, z::text as z, l.price::text as price, ok from pq.events as e join pq.events__l as l on l._weir_parent = e._weir_id order by _weir_index'), [
    { id: 7, s__x: 1, w: '2026-01-02 03:04:05.5', d: '2026-02-03', p: '1.50', z: '2025-12-31 22:00:00', price: '12345678901234567.89', ok: true },
    { id: 7, s__x: 1, w: '2026-01-02 03:04:05.5', d: '2026-02-03', p: '1.50', z: '2025-12-31 22:00:00', price: '0.50', ok: null },
  ]);
  file('flat', 'events', 'path: "../pq/events.parquet", nested: flatten');
  assert.deepEqual((await sync('flat')).map(({ stream, rows_written }) => [stream, rows_written]), [['events', 1]]);
  assert.deepEqual(await rows("select s__x, l->0->>'ok' as ok from flat.events"), [{ s__x: 1, ok: 'true' }]);
});

test('a tap: lists of its schema, merged by its key; a list that does not come any more is empty', async () => {
  const tap = new Tap(weir, 'crm');
  const properties = { id: { type: 'integer' }, lines: { type: ['null', 'array'], items: { type: 'object', properties: { sku: { type: 'string' }, price: { type: 'number', multipleOf: 0.01 }, at: { type: 'string', format: 'date-time' } } } }, tags: { type: 'array', items: { type: 'string' } } };
  tap.catalog({ stream: 'deals', schema: { properties }, key: ['id'] });
  writeFileSync(at('sources/crm.yml'), tap.yml('', 'streams: {deals: {nested: tables, exclude: [tags, lines__at]}}'));
  const discovered = JSON.parse(await weir.in('source', 'discover', 'crm', '--json')) as { streams: { lists: { table: string; columns: { name: string; type: string }[] }[] }[] };
  assert.deepEqual(discovered.streams[0]?.lists.map(({ table: name }) => name), ['deals__lines']);
  tap.run(schema('deals', properties, ['id']), record('deals', { id: 1, tags: ['a'], lines: [] }), record('deals', { id: 2, lines: null }));
  await sync('crm');
  assert.deepEqual(await tables('crm'), ['deals', 'deals__lines'], 'tables are there before the first element');
  tap.run(
    schema('deals', properties, ['id']),
    'echo \'{"type":"RECORD","stream":"deals","record":{"id":1,"lines":[{"sku":"a","price":123456789012345678.25,"at":"2026-01-01T00:00:00Z"},{"sku":"b","price":0.5}]}}\'',
    record('deals', { id: 3, lines: [{ sku: 'c' }] }),
  );
  await sync('crm');
  const lines = (): Promise<Row[]> => rows('select d.id, l.sku, l.price::varchar as price, l._weir_index as i from crm.deals as d join crm.deals__lines as l on l._weir_parent = d._weir_id order by d.id, i');
  assert.deepEqual(await lines(), [
    { id: 1, sku: 'a', price: '123456789012345678.25', i: 0 },
    { id: 1, sku: 'b', price: '0.50', i: 1 },
    { id: 3, sku: 'c', price: null, i: 0 },
  ]);
  assert.deepEqual((await rows("select column_name as c from information_schema.columns where table_name = 'deals__lines' and column_name not like '\\_weir%' escape '\\'")).map(({ c }) => c), ['sku', 'price']);
  // The same key twice in a run: the last one's elements count; and another list comes.
  tap.run(schema('deals', properties, ['id']), record('deals', { id: 1, lines: [{ sku: 'x' }, { sku: 'y' }, { sku: 'z' }] }), record('deals', { id: 1, lines: [{ sku: 'only' }], notes: [1] }));
  const loads = await sync('crm');
  assert.deepEqual(loads.map((l) => [l.table, l.rows_read, l.rows_written, l.rows_superseded]), [['deals', 2, 1, 1], ['deals__lines', 4, 1, 3], ['deals__notes', 1, 1, 0]]);
  assert.match(JSON.stringify(loads[0]?.changes), /new table deals__notes/);
  assert.deepEqual((await lines()).map(({ id, sku }) => [id, sku]), [[1, 'only'], [3, 'c']]);
  tap.run(schema('deals', { id: { type: 'integer' } }, ['id']), record('deals', { id: 1 }));
  await sync('crm');
  assert.deepEqual((await lines()).map(({ id, sku }) => [id, sku]), [[3, 'c']], 'a row that came without its list has none');
  assert.deepEqual(await rows('select * from crm.deals__notes'), []);
  tap.run(schema('deals', properties, ['id']), record('deals', { id: 9, lines: [{ sku: 'n' }] }));
  await sync('crm');
  assert.deepEqual((await rows('select sku from crm.deals__lines order by sku')).map(({ sku }) => sku), ['c', 'n']);
});

test('versions of a tap: elements of rows that were left behind go with them', async () => {
  const tap = new Tap(weir, 'ver');
  const properties = { v: { type: 'string' }, l: { type: 'array', items: { type: 'integer' } } };
  tap.catalog({ stream: 's', schema: { properties } });
  writeFileSync(at('sources/ver.yml'), tap.yml('', 'streams: {s: {nested: tables, mode: append}}'));
  const say = (v: string, l: number[], version: number): object => record('s', { v, l }, { version });
  tap.run(schema('s', properties), say('old', [1, 2], 1), say('old too', [3], 1), say('new', [4, 5], 2), { type: 'ACTIVATE_VERSION', stream: 's', version: 2 }, say('more', [6], 2));
  await sync('ver');
  const all = (): Promise<Row[]> => rows('select v, value from ver.s join ver.s__l as l on l._weir_parent = s._weir_id order by value');
  assert.deepEqual(await all(), [{ v: 'new', value: 4 }, { v: 'new', value: 5 }, { v: 'more', value: 6 }]);
  tap.run(schema('s', properties), say('newest', [7], 3), { type: 'ACTIVATE_VERSION', stream: 's', version: 3 });
  await sync('ver');
  assert.deepEqual(await all(), [{ v: 'newest', value: 7 }]);
  assert.deepEqual(await rows('select count(*)::int as n from ver.s__l'), [{ n: 1 }]);
});

test('loads on the way: each brings the elements of its rows', async () => {
  const tap = new Tap(weir, 'way');
  const properties = { id: { type: 'integer' }, l: { type: 'array', items: { type: 'integer' } } };
  tap.catalog({ stream: 's', schema: { properties }, key: ['id'], method: 'INCREMENTAL' });
  writeFileSync(at('sources/way.yml'), tap.yml('checkpoint: 2', 'streams: {s: {nested: tables}}'));
  const say = (id: number, l: number[], more: object = {}): object => record('s', { id, l, ...more });
  const mark = (id: number): object => state({ bookmarks: { s: { id } } });
  tap.run(schema('s', properties, ['id']), say(1, [1, 2]), say(2, [3]), say(3, []), mark(3), say(1, [4, 5, 6]), say(4, [7], { other: ['x'] }), say(4, [8]), mark(4), say(5, [9]), mark(5));
  const loads = await sync('way');
  assert.deepEqual(loads.map((l) => [l.table, l.rows_read, l.rows_written, l.rows_superseded]), [['s', 7, 6, 1], ['s__l', 9, 8, 1], ['s__other', 1, 0, 1]]);
  assert.equal((await rows("select count(*)::int as n from weir.loads where source = 'way' and stream = 's'"))[0]?.['n'], 3);
  assert.deepEqual(await rows('select id, value from way.s join way.s__l as l on l._weir_parent = s._weir_id order by id, value'), [
    { id: 1, value: 4 },
    { id: 1, value: 5 },
    { id: 1, value: 6 },
    { id: 2, value: 3 },
    { id: 4, value: 8 },
    { id: 5, value: 9 },
  ]);
  assert.equal((await rows('select count(*)::int as n from way.s__l'))[0]?.['n'], 6);
});

test('append: elements of files that changed are replaced, those of files that are gone stay', async () => {
  file('app', 'log', 'path: "*.ndjson", nested: tables, mode: append');
  put('app/a.ndjson', [{ v: 'a', l: [1, 2] }]);
  put('app/b.ndjson', [{ v: 'b', l: [3] }, { v: 'b', l: [4] }]);
  await sync('app');
  put('app/a.ndjson', [{ v: 'A', l: [5] }]);
  rmSync(at('app/b.ndjson'));
  put('app/c.ndjson', [{ v: 'c', l: [6], more: [{ x: 1 }] }]);
  await sync('app');
  assert.deepEqual(await rows('select v, value, l._weir_file as f from app.log join app.log__l as l on l._weir_parent = log._weir_id order by value'), [
    { v: 'b', value: 3, f: 'app/b.ndjson' },
    { v: 'b', value: 4, f: 'app/b.ndjson' },
    { v: 'A', value: 5, f: 'app/a.ndjson' },
    { v: 'c', value: 6, f: 'app/c.ndjson' },
  ]);
  assert.deepEqual(await rows('select count(*)::int as n from app.log__l'), [{ n: 4 }]);
});

test('contracts hold for lists, too', async () => {
  for (const contract of ['freeze', 'discard_value', 'discard_row']) {
    file(`c_${contract}`, 's', `nested: tables, mode: merge, key: [id], contract: ${contract}`);
    put(`c_${contract}/s.ndjson`, [{ id: 1, l: [{ n: 1 }] }]);
    await sync(`c_${contract}`);
    put(`c_${contract}/s.ndjson`, [{ id: 1, l: [{ n: 2 }, { n: 'text' }] }, { id: 2, l: [{ n: 3 }], other: [1, 2] }]);
  }
  await fails(/list l: column "n" \("n"\) has values of another type.*freeze|list "other" is new.*freeze/, 'c_freeze');
  assert.deepEqual(await rows('select n from c_freeze.s__l'), [{ n: 1 }], 'nothing was loaded');
  for (const contract of ['discard_value', 'discard_row']) {
    const loads = await sync(`c_${contract}`);
    assert.deepEqual(loads.map((l) => [l.table, l.rows_read, l.rows_written, l.rows_discarded]), [['s', 2, 2, 0], ['s__l', 3, contract === 'discard_row' ? 2 : 3, contract === 'discard_row' ? 1 : 0], ['s__other', 2, 0, 2]]);
    assert.deepEqual(await tables(`c_${contract}`), ['s', 's__l']);
    assert.deepEqual((await rows(`select stream, row_json->>'value' as v from weir.source_discards where source = 'c_${contract}' and stream = 's.other[]' order by v`)).map(({ v }) => v), ['1', '2']);
    assert.deepEqual(await rows(`select n, _weir_parent as p from c_${contract}.s__l where n is not null order by n`), [{ n: 2, p: '1' }, { n: 3, p: '2' }]);
  }
  // A row that is set aside takes its elements with it, which are set aside, too.
  put('c_discard_row/s.ndjson', [{ id: null, l: [{ n: 8 }, { n: 9 }] }, { id: 2, l: [] }]);
  const [parent, list] = await sync('c_discard_row');
  assert.deepEqual([parent?.rows_discarded, list?.rows_read, list?.rows_written, list?.rows_discarded], [1, 2, 0, 2]);
  assert.deepEqual((await rows("select row_json->>'n' as n from weir.source_discards where reason like 'the row that the list is in%' order by n")).map(({ n }) => n), ['8', '9']);
});

test('what cannot be a table is said, and lost never', async () => {
  file('bad', 's', 'nested: tables, mode: history, key: [id]');
  put('bad/s.ndjson', [{ id: 1, l: [{ valid_to: 1 }] }]);
  await fails(/it has a column "valid_to", which `mode: history` makes itself.*`exclude: \[l__valid_to\]`/, 'bad');
  rmSync(at('bad/s.ndjson'));
  file('bad', 's', 'path: "*.csv", nested: flatten');
  writeFileSync(at('bad/s.csv'), 'a\n1\n');
  await fails(/`nested` is for JSON and Parquet/, 'bad');
  // Two lists for one table.
  file('twice', 's', 'nested: tables');
  put('twice/s.ndjson', [{ a: { b: [1] }, a__b: [2] }]);
  await fails(/two lists whose table would end in "__a__b"/, 'twice');
  file('twice', 's', 'nested: tables, exclude: [a__b]');
  await fails(/two lists/, 'twice');
  // Names of columns.
  file('names', 's', 'nested: tables');
  put('names/s.ndjson', [{ a: { b: 1 }, a__b: 2, 'a\u0001b': 3, '': 4, weir_id: 8, l: [5, { value: 6 }] }]);
  await sync('names');
  assert.deepEqual(Object.values((await rows(`select * exclude (_weir_id, ${own}) from names.s`))[0] ?? {}), [1, 2, 3, 4, 8]);
  assert.deepEqual(await rows('select value, value_2 from names.s__l order by _weir_index'), [{ value: 5, value_2: null }, { value: null, value_2: 6 }]);
  // Too many lists, and too deep ones.
  file('many', 's', 'nested: tables');
  put('many/s.ndjson', [Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, [i]]))]);
  await fails(/more than 500 lists/, 'many');
  file('deep', 's', 'nested: tables');
  const deep = (n: number): Value => (n ? [deep(n - 1), n] : 'end');
  put('deep/s.ndjson', [{ l: deep(12) }]);
  const loads = await sync('deep');
  assert.equal(loads.length, 9);
  assert.match(JSON.stringify(loads[0]?.changes), /stay JSON: there are 8 levels/);
  const last = loads.at(-1)?.table ?? '';
  assert.deepEqual(await rows(`select value from deep.${last} order by _weir_index`), [{ value: JSON.stringify(deep(4)) }, { value: '5' }]);
  // A list's table that is a stream's own already.
  file('own', 's', 'nested: tables', '  s__l: {path: x.ndjson, table: s__l}\n');
  put('own/s.ndjson', [{ l: [1] }]);
  put('own/x.ndjson', [{ x: 1 }]);
  await fails(/own\.s__l is there already and is the table of a list/, 'own');
  // What is no row.
  file('rows', 's', 'nested: flatten');
  writeFileSync(at('rows/s.ndjson'), '{"a":1}\n[1]\n');
  await fails(/s\.ndjson, row 2: it is no object/, 'rows');
});

test('two streams, one of which is called as the list of the other', async () => {
  const tap = new Tap(weir, 'same');
  for (const order of [['s', 's__l'], ['s__l', 's']]) {
    tap.catalog({ stream: 's' }, { stream: 's__l' });
    writeFileSync(at('sources/same.yml'), tap.yml('', 'streams: {s: {nested: tables}, s__l: {table: s__l}}'));
    tap.run(...order.flatMap((stream) => [schema(stream, {}), record(stream, { l: [1] })]));
    await fails(/would share the table "s__l"/, 'same');
  }
});

test('a first load that has a key twice: the last row counts, and deletes are marked', async () => {
  mkdirSync(at('dup'));
  writeFileSync(at('sources/dup.yml'), 'kind: file\nconnection: {path: dup}\nstreams:\n  soft: {path: a.csv, mode: merge, key: [id], deletes: soft}\n  kept: {path: a.csv, mode: history, key: [id]}\n');
  writeFileSync(at('dup/a.csv'), 'id,v\n1,a\n2,b\n1,c\n');
  await sync('dup');
  assert.deepEqual(await rows('select id, v, _weir_deleted as d from dup.soft order by id'), [{ id: 1, v: 'c', d: null }, { id: 2, v: 'b', d: null }]);
  assert.deepEqual(await rows('select id, v, is_current as c from dup.kept order by id'), [{ id: 1, v: 'c', c: true }, { id: 2, v: 'b', c: true }]);
});

test('many lists, each with few elements, in many rows', async () => {
  file('wide', 's', 'nested: tables, mode: merge, key: [id]');
  const n = 70;
  put('wide/s.ndjson', Array.from({ length: 60 }, (_, id) => ({ id, ...Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, [id, i]])) })));
  const loads = await sync('wide');
  assert.equal(loads.length, n + 1);
  assert.ok(loads.slice(1).every(({ rows_written }) => rows_written === 120));
  assert.deepEqual(await rows('select sum(value)::int as n from wide.s__k69'), [{ n: (60 * 59) / 2 + 60 * 69 }]);
});

test('the table of a list has one stream, of one source', async () => {
  mkdirSync(at('own1'));
  const own1 = (q: string): void => writeFileSync(at('sources/own1.yml'), `kind: file\nconnection: {path: own1}\nstreams:\n  a: {nested: tables}\n  q: {${q}, nested: tables}\n`);
  own1('table: a__b');
  put('own1/a.ndjson', [{ b: { c: [1, 2, 3] } }]);
  put('own1/q.ndjson', [{ c: [7] }]);
  await fails(/own1\.a__b__c is a table of the source "own1" \(stream "a\.b__c\[\]"\); give the stream "q" another `table:`/, 'own1');
  assert.deepEqual(await rows('select value from own1.a__b__c order by value'), [{ value: 1 }, { value: 2 }, { value: 3 }]);
  own1('table: other');
  await sync('own1');
  assert.deepEqual(await rows('select value from own1.other__c'), [{ value: 7 }]);
  for (const [name, stream, doc] of [['own2', 'x__c', { b: [1] }], ['own3', 'x', { c: { b: [2] } }]] as const) {
    file(name, stream, `path: f.ndjson, table: ${stream}, nested: tables`, 'schema: shared\n');
    put(`${name}/f.ndjson`, [doc]);
  }
  await sync('own2');
  await fails(/shared\.x__c__b is a table of the source "own2"/, 'own3');
  assert.deepEqual(await rows('select value from shared.x__c__b'), [{ value: 1 }]);
  rmSync(at('sources/own2.yml'));
  await sync('own3');
  assert.deepEqual(await rows('select value from shared.x__c__b'), [{ value: 2 }], 'a source that is gone leaves its tables');
  // A stream that is renamed keeps them.
  mkdirSync(at('own4'));
  for (const name of ['s', 'renamed']) {
    writeFileSync(at('sources/own4.yml'), `kind: file\nconnection: {path: own4}\nstreams:\n  ${name}: {path: s.ndjson, table: t, nested: tables}\n`);
    put('own4/s.ndjson', [{ l: [name] }]);
    await sync('own4');
    assert.deepEqual(await rows('select value from own4.t__l'), [{ value: name }]);
  }
});

test('Parquet: a column may be called as anything', async () => {
  const selects = [["0 as id, {'x': 10} as one", "1, {'x': 20}", '2, null'], ["0 as id, {'x': 10} as \"ROW\", 7 as row_", '1, null, null'], ['0 as id, null::int as one', '1, null']];
  for (const [i, values] of selects.entries()) {
    file(`alias${i}`, 'f', 'nested: flatten');
    await weir.in('query', values.map((value) => `select ${value}`).join(' union all '), '--format', 'parquet', '--output', at(`alias${i}/f.parquet`));
    const [load] = await sync(`alias${i}`);
    assert.equal(load?.rows_written, values.length);
    assert.deepEqual(await rows(`select id from alias${i}.f order by id`), values.map((_, id) => ({ id })));
  }
  assert.deepEqual(await rows('select one__x as x from alias0.f order by id'), [{ x: 10 }, { x: 20 }, { x: null }]);
  assert.deepEqual(await rows('select row__x as x, "row" as r from alias1.f order by id'), [{ x: 10, r: 7 }, { x: null, r: null }]);
});

test('nanoseconds stay, as text', async () => {
  file('ns', 'f', 'nested: flatten');
  file('nsj', 'f', 'nested: tables');
  await weir.in('query', "select timestamp_ns '2024-01-01 00:00:00.123456789' as t, timestamp_ns '2024-01-01 00:00:00.5' as u", '--format', 'parquet', '--output', at('ns/f.parquet'));
  put('nsj/f.ndjson', [{ t: '2024-01-01T00:00:00.123456789Z', u: '2024-01-01T00:00:00.123456000Z', l: [{ t: '2024-01-01T00:00:00.0000001Z' }] }, { t: '2024-01-01T00:00:00Z', u: null }]);
  await sync('ns');
  await sync('nsj');
  assert.deepEqual(await rows('select typeof(t) as tt, t, typeof(u) as tu, u::text as u from ns.f'), [{ tt: 'VARCHAR', t: '2024-01-01 00:00:00.123456789', tu: 'TIMESTAMP', u: '2024-01-01 00:00:00.5' }]);
  assert.deepEqual(await rows('select typeof(t) as tt, t, typeof(u) as tu from nsj.f order by t'), [{ tt: 'VARCHAR', t: '2024-01-01T00:00:00.123456789Z', tu: 'TIMESTAMP' }, { tt: 'VARCHAR', t: '2024-01-01T00:00:00Z', tu: 'TIMESTAMP' }]);
  assert.deepEqual(await rows('select t from nsj.f__l'), [{ t: '2024-01-01T00:00:00.0000001Z' }]);
});

test('a tap: what is declared behind a list in an object keeps its name and type', async () => {
  const tap = new Tap(weir, 'decl');
  const properties = {
    id: { type: 'integer' },
    address: { type: 'object', properties: { lines: { type: 'array', items: { type: 'object', properties: { obj: { type: 'object', properties: { x: { type: 'integer' } } } } } }, since: { type: 'string', format: 'date-time' }, price: { type: 'number', multipleOf: 0.01 } } },
  };
  tap.catalog({ stream: 's', schema: { properties }, key: ['id'] });
  writeFileSync(at('sources/decl.yml'), tap.yml('', 'streams: {s: {nested: tables}}'));
  tap.run(schema('s', properties, ['id']), 'echo \'{"type":"RECORD","stream":"s","record":{"id":1,"address":{"lines":[{"obj":{"x":5}}],"since":"2026-01-01T00:00:00Z","price":123456789012345678.25}}}\'');
  await sync('decl');
  const types = await rows("select table_name || '.' || column_name || ' ' || data_type as c from information_schema.columns where table_schema = 'decl' and column_name not like '\\_weir%' escape '\\' order by table_name, ordinal_position");
  assert.deepEqual(types.map(({ c }) => c), ['s.id BIGINT', 's.address__since TIMESTAMP', 's.address__price DECIMAL(38,2)', 's__lines.obj__x BIGINT'].map((line) => line.replace('s__lines', 's__address__lines')));
  assert.deepEqual(await rows('select address__since::text as t, address__price::text as p from decl.s'), [{ t: '2026-01-01 00:00:00', p: '123456789012345678.25' }]);
});

test('elements of a row that came again in another spelling of its key are not set aside', async () => {
  const tap = new Tap(weir, 'spell');
  const properties = { id: { type: 'number', multipleOf: 0.01 }, l: { type: 'array', items: { type: 'integer' } } };
  tap.catalog({ stream: 'o', schema: { properties }, key: ['id'] });
  writeFileSync(at('sources/spell.yml'), tap.yml('', 'streams: {o: {nested: tables}}'));
  const say = (id: string, l: string): string => `echo '{"type":"RECORD","stream":"o","record":{"id":${id},"l":[${l}]}}'`;
  tap.run(schema('o', properties, ['id']), say('2', '3'), say('1.00000000000000000000', '4'), say('2.0', '9'), say('1', '5,6'));
  const loads = await sync('spell');
  assert.deepEqual(loads.map((l) => [l.table, l.rows_read, l.rows_written, l.rows_discarded, l.rows_superseded]), [['o', 4, 2, 0, 2], ['o__l', 5, 3, 0, 2]]);
  assert.deepEqual(await rows("select * from weir.source_discards where source = 'spell'"), []);
  assert.deepEqual(await rows('select value from spell.o__l order by value'), [{ value: 5 }, { value: 6 }, { value: 9 }]);
});

test('a list that is twice in one object is refused', async () => {
  file('dupkey', 's', 'nested: tables');
  for (const line of ['{"dup":[5],"dup":[6]}', '{"o":{"dup":[5]},"o":{"dup":[6]}}', '{"l":[{"dup":[5],"dup":[6]}]}']) {
    writeFileSync(at('dupkey/s.ndjson'), `{"dup":[1],"l":[{"dup":[1]},{"dup":[2]}]}\n${line}\n`);
    await fails(/s\.ndjson, row 2: the list "(o__|l__)?dup" is twice in one object/, 'dupkey');
  }
  writeFileSync(at('dupkey/s.ndjson'), '{"a":1}\nnull\n');
  await fails(/it is no object/, 'dupkey');
});

test('lists of rows that have versions are of one version each', async () => {
  file('versions', 'orders', 'nested: tables, mode: history, key: [id]');
  const first = [
    { id: 1, note: 'a', items: [{ sku: 'x', taxes: [{ r: 1 }, { r: 2 }] }, { sku: 'y' }] },
    { id: 2, note: 'b', items: [{ sku: 'z', taxes: [{ r: 3 }] }] },
    { id: 3, note: 'c', items: [] },
  ];
  put('versions/orders.ndjson', first);
  await sync('versions');
  const orders = (): Promise<Row[]> => rows('select id, note, is_current as now, valid_to is null as open from versions.orders order by id, valid_from');
  const items = (): Promise<Row[]> => rows('select o.id, o.note, i.sku, i._weir_index as n, i.is_current as now, i.valid_from = o.valid_from as since, i.valid_to is not distinct from o.valid_to as until from versions.orders__items i join versions.orders o on o._weir_id = i._weir_parent order by o.id, o.valid_from, n');
  const taxes = (): Promise<Row[]> => rows('select o.id, t.r, t.is_current as now, i.sku from versions.orders__items__taxes t join versions.orders__items i on i._weir_id = t._weir_parent join versions.orders o on o._weir_id = t._weir_root order by o.id, o.valid_from, t.r');
  const well = { since: true, until: true };
  const zero = await items();
  assert.deepEqual(zero, [{ id: 1, note: 'a', sku: 'x', n: 0, now: true, ...well }, { id: 1, note: 'a', sku: 'y', n: 1, now: true, ...well }, { id: 2, note: 'b', sku: 'z', n: 0, now: true, ...well }]);
  // Nothing changed but the file's time, and the order of lines: no version is new.
  put('versions/orders.ndjson', [...first].reverse());
  const [same, ...lists] = await sync('versions');
  assert.deepEqual([same?.rows_written, same?.rows_superseded, ...lists.map((l) => l.rows_written)], [0, 3, 0, 0]);
  assert.deepEqual(await items(), zero);
  // A tax of a tax list alone, another field alone, a row that is gone, one whose list came.
  put('versions/orders.ndjson', [
    { id: 1, note: 'a', items: [{ sku: 'x', taxes: [{ r: 1 }, { r: 20 }] }, { sku: 'y' }] },
    { id: 3, note: 'c', items: [{ sku: 'w' }] },
  ]);
  const [changed] = await sync('versions');
  assert.deepEqual([changed?.rows_written, changed?.rows_superseded], [2, 0]);
  assert.deepEqual(await orders(), [
    { id: 1, note: 'a', now: false, open: false }, { id: 1, note: 'a', now: true, open: true },
    { id: 2, note: 'b', now: false, open: false },
    { id: 3, note: 'c', now: false, open: false }, { id: 3, note: 'c', now: true, open: true }]);
  assert.deepEqual(await items(), [
    { id: 1, note: 'a', sku: 'x', n: 0, now: false, ...well }, { id: 1, note: 'a', sku: 'y', n: 1, now: false, ...well },
    { id: 1, note: 'a', sku: 'x', n: 0, now: true, ...well }, { id: 1, note: 'a', sku: 'y', n: 1, now: true, ...well },
    { id: 2, note: 'b', sku: 'z', n: 0, now: false, ...well },
    { id: 3, note: 'c', sku: 'w', n: 0, now: true, ...well }]);
  assert.deepEqual(await taxes(), [
    { id: 1, r: 1, now: false, sku: 'x' }, { id: 1, r: 2, now: false, sku: 'x' }, { id: 1, r: 1, now: true, sku: 'x' }, { id: 1, r: 20, now: true, sku: 'x' }, { id: 2, r: 3, now: false, sku: 'z' }]);
  // A field that comes new in an element, and a list that is new: a version; what lacks them is as it was.
  put('versions/orders.ndjson', [
    { id: 1, note: 'a', items: [{ sku: 'x', taxes: [{ r: 1 }, { r: 20 }] }, { sku: 'y' }] },
    { id: 3, note: 'c', items: [{ sku: 'w', size: 5 }], tags: ['t'] },
  ]);
  const [grown] = await sync('versions');
  assert.deepEqual([grown?.rows_written, grown?.rows_superseded], [1, 1]);
  assert.deepEqual(await rows('select sku, size, is_current as now from versions.orders__items where sku = \'w\' order by valid_from'), [{ sku: 'w', size: null, now: false }, { sku: 'w', size: 5, now: true }]);
  assert.deepEqual(await rows('select value, is_current as now, valid_from is not null as since from versions.orders__tags'), [{ value: 't', now: true, since: true }]);
  // Of all versions that are current, the lists are those of the source; also by a full run, which keeps the others.
  const count = await rows('select count(*) as n from versions.orders__items');
  await sync('versions', '--full');
  assert.deepEqual(await rows('select count(*) as n from versions.orders__items'), count);
  assert.deepEqual(await rows('select sku from versions.orders__items where is_current order by sku'), [{ sku: 'w' }, { sku: 'x' }, { sku: 'y' }]);
});

test('a tap whose rows have versions and lists; and a stream that had none before', async () => {
  const tap = new Tap(weir, 'vtap');
  const properties = { id: { type: 'integer' }, l: { type: 'array', items: { properties: { n: { type: 'integer' } } } } };
  tap.catalog({ stream: 's', key: ['id'], schema: { properties } });
  writeFileSync(at('sources/vtap.yml'), tap.yml('', 'streams: {s: {mode: merge, key: [id], nested: tables}}\n'));
  const says = (...lists: number[][]): void => tap.run(schema('s', properties, ['id']), ...lists.map((l, i) => record('s', { id: i + 1, l: l.map((n) => ({ n })) })));
  says([1], [2]);
  await sync('vtap');
  writeFileSync(at('sources/vtap.yml'), tap.yml('', 'streams: {s: {mode: history, key: [id], nested: tables}}\n'));
  await sync('vtap', '--full');
  says([1], [2, 3]);
  await sync('vtap');
  assert.deepEqual(await rows('select s.id, l.n, l.is_current as now from vtap.s__l l join vtap.s s on s._weir_id = l._weir_parent order by s.id, s.valid_from, l.n'), [
    { id: 1, n: 1, now: true }, { id: 2, n: 2, now: false }, { id: 2, n: 2, now: true }, { id: 2, n: 3, now: true }]);
  assert.deepEqual(await rows('select count(*) as n from vtap.s__l where _weir_parent not in (select _weir_id from vtap.s)'), [{ n: 0 }]);
});

test('elements that a contract keeps out make no version of their row in each run', async () => {
  for (const contract of ['discard_row', 'discard_value']) {
    const name = `kept_${contract}`;
    file(name, 'o', `mode: history, key: [id], nested: tables, contract: ${contract}`);
    const first = [{ id: 1, items: [{ q: 1 }, { q: 2 }] }, { id: 2, items: [{ q: 5 }] }];
    put(`${name}/o.ndjson`, first);
    await sync(name);
    const now = [{ id: 1, items: [{ q: 1 }, { q: 'n/a' }, { q: 2.5 }] }, { id: 2, items: [{ q: 5 }], tags: ['x'] }];
    const load = async (docs: object[]): Promise<[number, number]> => {
      put(`${name}/o.ndjson`, docs);
      const [stream] = await sync(name);
      return [stream?.rows_written ?? -1, stream?.rows_superseded ?? -1];
    };
    assert.deepEqual(await load(now), [1, 1], `${contract}: the list that is refused is no change of row 2`);
    for (let i = 0; i < 3; i++) assert.deepEqual(await load(now), [0, 2], contract);
    assert.deepEqual(await rows(`select id, count(*) as n from ${name}.o group by id order by id`), [{ id: 1, n: 2 }, { id: 2, n: 1 }]);
    assert.deepEqual(await load(first), [1, 1], contract);
  }
});

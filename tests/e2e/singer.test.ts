// Singer taps: what one process says of all streams is loaded with its state, or not at all.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Tap, record, schema, state } from '../node/tap.js';
import { syncFails, syncs } from '../node/sync.js';
import { Weir, type Row, binary, until } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  mode: string;
  rows_read: number;
  rows_written: number;
  error: string | null;
}

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  process.env['WEIR_SOURCE_TAP_TOKEN'] = 'of the environment';
  process.env['TAP_SECRET'] = 'nobody may see this';
});
after(() => weir.remove());

const sync = syncs<Load>(() => weir);
const fails = syncFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const configure = (tap: Tap, connection: string, more = ''): void => writeFileSync(path.join(weir.dir, `sources/${tap.name}.yml`), tap.yml(connection, more));
const alive = (pid: string): boolean => pid.trim() !== '' && existsSync(`/proc/${pid.trim()}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid.trim()}/status`, 'utf8'));

test('a program runs only where source.programs allows it', async () => {
  const tap = new Tap(weir, 'no');
  tap.catalog({ stream: 's' });
  await fails(/may not be run: add it, or its folder, to source.programs/, 'no');
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [package, .]\n');
  for (const name of ['tap x', '-r requirements.txt', 'git+ssh://x', 'a==', '../x']) {
    writeFileSync(path.join(weir.dir, 'sources/bad.yml'), `kind: singer\nconnection: {package: "${name}"}\n`);
    await fails(/must be NAME or NAME==VERSION/, 'bad');
  }
  execFileSync('rm', [path.join(weir.dir, 'sources/bad.yml'), path.join(weir.dir, 'sources/no.yml')]);
});

test('types are those of the schema and of every value; nothing is rounded or lost', async () => {
  const tap = new Tap(weir, 'types');
  const properties = {
    id: { type: 'integer' },
    'Long Name': { type: ['null', 'string'] },
    price: { type: ['null', 'number'], multipleOf: 0.01 },
    exact: { type: 'number', multipleOf: 1e-10, maximum: 1e20, exclusiveMaximum: true },
    fine: { type: 'number', multipleOf: 1e-18 },
    finer: { type: 'number', multipleOf: 1e-20, maximum: 1e18 },
    any: { type: ['null', 'number'], multipleOf: 1e-38, maximum: 1e62, exclusiveMaximum: true, minimum: -1e62, exclusiveMinimum: true },
    rate: { type: ['number', 'null'] },
    at: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
    day: { type: 'string', format: 'date' },
    ok: { type: 'boolean' },
    deep: { type: ['object', 'null'] },
    wrong: { type: 'integer' },
    half: { type: 'integer' },
    odd: { type: 'string', format: 'date-time' },
    empty: {},
  };
  tap.catalog({ stream: 'rows', id: 'public-rows', schema: { properties }, key: ['id'] }, { stream: 'unwanted' });
  configure(tap, '', 'streams: {rows: {exclude: [secret]}}');
  tap.run(
    schema('rows', properties, ['id']),
    'echo \'{"type":"record","stream":"rows","record":{"id":1,"Long Name":"a\\u0000é","price":12.5,"exact":12345678901234567890.0123456789,"fine":0.1,"finer":-123456789012345678.00000000000000000001,"any":12345678901234567890.123456789,"rate":0.1,"at":"2026-01-02T03:04:05.678901+02:00","day":"2026-02-03","ok":true,"deep":{"a":[1,{"b":null}]},"wrong":1,"half":7,"odd":"2026-01-01T00:00:00Z","big":9007199254740993,"late":1}}\'',
    'echo \'{"type":"RECORD","stream":"rows","record":{"id":2,"Long Name":5,"price":null,"exact":-0.5,"fine":1.5e-7,"finer":2,"any":0.3,"rate":NaN,"at":"2026-01-02","day":"2026-02-04","ok":false,"deep":null,"wrong":"x","half":7.5,"odd":"not a time","big":2.5,"secret":"s","more":[1]}}\'',
    record('unwanted', { a: 1 }),
    { type: 'SOMETHING ELSE' },
    '',
  );
  const [load, ...others] = await sync('types');
  assert.deepEqual([load?.stream, load?.status, load?.mode, load?.rows_written, others.length], ['rows', 'loaded', 'merge', 2, 0]);
  const types = await rows("select column_name as c, data_type as t from information_schema.columns where table_schema = 'types' and column_name not like '\\_weir%' escape '\\' order by ordinal_position");
  assert.deepEqual(
    types.map(({ c, t }) => `${c as string} ${t as string}`),
    ['id BIGINT', 'long_name VARCHAR', 'price DECIMAL(38,2)', 'exact DECIMAL(30,10)', 'fine DECIMAL(38,18)', 'finer DECIMAL(38,20)', 'any VARCHAR', 'rate DOUBLE', 'at TIMESTAMP', 'day DATE', 'ok BOOLEAN', 'deep JSON', 'wrong VARCHAR', 'half DOUBLE', 'odd VARCHAR', 'empty VARCHAR', 'big VARCHAR', 'late BIGINT', 'more JSON'],
  );
  const found = await rows('select id, long_name, price::varchar as price, exact::varchar as exact, fine::varchar as fine, finer::varchar as finer, "any", rate, "at"::varchar as "at", day::varchar as day, ok, deep, wrong, half, odd, big, late, more from types.rows order by id');
  assert.deepEqual(found, [
    { id: 1, long_name: 'a\u0000é', price: '12.50', exact: '12345678901234567890.0123456789', fine: '0.100000000000000000', finer: '-123456789012345678.00000000000000000001', any: '12345678901234567890.123456789', rate: 0.1, at: '2026-01-02 01:04:05.678901', day: '2026-02-03', ok: true, deep: { a: [1, { b: null }] }, wrong: '1', half: 7, odd: '2026-01-01T00:00:00Z', big: '9007199254740993', late: 1, more: null },
    { id: 2, long_name: '5', price: null, exact: '-0.5000000000', fine: '0.000000150000000000', finer: '2.00000000000000000000', any: '0.3', rate: null, at: '2026-01-02 00:00:00', day: '2026-02-04', ok: false, deep: null, wrong: 'x', half: 7.5, odd: 'not a time', big: '2.5', late: null, more: [1] },
  ]);
});

test('nested: flatten makes columns of what objects have', async () => {
  const tap = new Tap(weir, 'nested');
  const properties = { id: { type: 'integer' }, a: { type: ['null', 'object'], properties: { n: { type: 'integer' }, deep: { type: 'object', properties: { at: { type: 'string', format: 'date-time' }, exact: { type: 'number', multipleOf: 0.01 } } } } }, free: { type: 'object' }, list: { type: 'array' }, a__n: { type: 'string' } };
  tap.catalog({ stream: 'flat', schema: { properties }, key: ['id'] }, { stream: 'whole', schema: { properties }, key: ['id'] });
  configure(tap, '', 'streams: {flat: {nested: flatten}, whole: {}}');
  const one = { id: 1, a: { n: 5, deep: { at: '2026-01-01T00:00:00Z', exact: 0.25 } }, free: { 'Some Key': 'x' }, list: [{ x: 1 }], a__n: 'own' };
  tap.run(schema('flat', properties, ['id']), record('flat', one), record('flat', { id: 2, a: null, free: { late: 1.5 } }), record('flat', { id: 3, a: { n: 'none' }, free: 'text' }), schema('whole', properties, ['id']), record('whole', one));
  const found = JSON.parse(await weir.in('source', 'discover', 'nested', '--json')) as { streams: { name: string; columns: { name: string; type: string }[] }[] };
  assert.deepEqual(found.streams.find(({ name }) => name === 'flat')?.columns.map(({ name, type }) => `${name} ${type}`), ['id int', 'a__n int', 'a__deep__at timestamp', 'a__deep__exact double', 'list json', 'a__n_2 text']);
  await sync('nested');
  assert.deepEqual(await rows('select * exclude (_weir_run, _weir_loaded_at) from nested.flat order by id'), [
    { id: 1, a__n: '5', a__deep__at: '2026-01-01T00:00:00Z', a__deep__exact: 0.25, list: [{ x: 1 }], a__n_2: 'own', free__some_key: 'x', free: null, free__late: null },
    { id: 2, a__n: null, a__deep__at: null, a__deep__exact: null, list: null, a__n_2: null, free__some_key: null, free: null, free__late: 1.5 },
    { id: 3, a__n: 'none', a__deep__at: null, a__deep__exact: null, list: null, a__n_2: null, free__some_key: null, free: 'text', free__late: null },
  ]);
  assert.deepEqual(await rows("select a->>'n' as n from nested.whole"), [{ n: '5' }]);
  configure(tap, '', 'streams: {flat: {}, whole: {}}');
  await fails(/is loaded in another way now.*`weir sync nested --full`/, 'nested');
  await sync('nested', '--full');
  assert.deepEqual(await rows("select a->>'n' as n from nested.flat where id = 1"), [{ n: '5' }]);
  writeFileSync(path.join(weir.dir, 'sources/nested_file.yml'), 'kind: mysql\nconnection: {host: x, database: x, user: x, password: "${WEIR_SOURCE_X}"}\nstreams:\n  s: {nested: flatten}\n');
  await assert.rejects(weir.in('source', 'check', 'nested_file'), /nested_file\.yml:4.*`nested` is for kinds singer, airbyte and file/);
});

test('the state comes back after its rows are there; modes and the catalog are as they are said', async () => {
  const tap = new Tap(weir, 'shop');
  const properties = { id: { type: 'integer' }, v: { type: 'string' } };
  tap.catalog({ stream: 'keyed', schema: { properties }, key: ['id'], method: 'INCREMENTAL' }, { stream: 'log', schema: { properties }, method: 'INCREMENTAL' }, { stream: 'all', schema: { properties }, method: 'FULL_TABLE' });
  tap.run(
    'cp "$CATALOG" "$here/given.json"; cp "${STATE:-/dev/null}" "$here/state.json"',
    schema('keyed', properties, ['id']),
    schema('log', properties),
    schema('all', properties),
    ...['keyed', 'log', 'all'].flatMap((s) => [record(s, { id: 1, v: 'a' }), record(s, { id: 2, v: 'b' })]),
    state({ bookmarks: { keyed: { id: 2 }, log: { id: 2 } } }),
  );
  assert.deepEqual((await sync('shop')).map(({ stream, mode }) => `${stream} ${mode}`), ['keyed merge', 'log append', 'all replace']);
  await sync('shop');
  const given = (name: string): unknown => JSON.parse(readFileSync(path.join(tap.dir, name), 'utf8'));
  assert.deepEqual(given('state.json'), { bookmarks: { keyed: { id: 2 }, log: { id: 2 } } });
  const selected = (): Record<string, boolean> => Object.fromEntries((given('given.json') as { streams: { stream: string; selected: boolean; metadata: { metadata: { selected: boolean } }[] }[] }).streams.map((s) => [s.stream, s.selected && s.metadata[0]?.metadata.selected === true]));
  assert.deepEqual(selected(), { keyed: true, log: true, all: true });
  const counts = 'select (select count(*) from shop.keyed) as keyed, (select count(*) from shop.log) as log, (select count(*) from shop."all") as everything';
  assert.deepEqual(await rows(counts), [{ keyed: 2, log: 4, everything: 2 }]);
  configure(tap, '', 'streams: {keyed: {cursor: v, mode: append}}');
  await fails(/2 rows of shop\.keyed would be lost.*weir sync shop\.keyed --full/s, 'shop');
  assert.deepEqual((await sync('shop.keyed', '--full')).map(({ stream, rows_written }) => `${stream} ${rows_written}`), ['keyed 2']);
  assert.deepEqual(given('state.json'), { bookmarks: { log: { id: 2 } } });
  assert.deepEqual(await rows(counts), [{ keyed: 2, log: 4, everything: 2 }]);
  assert.deepEqual(selected(), { keyed: true, log: false, all: false });
  const [first] = (given('given.json') as { streams: { metadata: { metadata: object }[] }[] }).streams;
  assert.deepEqual(first?.metadata[0]?.metadata, { 'replication-method': 'INCREMENTAL', selected: true, 'replication-key': 'v' });
  configure(tap, '');
  await fails(/loaded in another way now.*--full/, 'shop');
  await sync('shop', '--full');
  assert.equal(readFileSync(path.join(tap.dir, 'state.json'), 'utf8'), '');
});

test('a stream of which nobody says how it is read is read as a whole, as taps of databases want it', async () => {
  const tap = new Tap(weir, 'free');
  const properties = { id: { type: 'integer' } };
  tap.catalog({ stream: 'free', schema: { properties } }, { stream: 'told', schema: { properties }, method: 'LOG_BASED' });
  const method = (at: number): string => `python3 -c 'import json; print(json.load(open("'"$CATALOG"'"))["streams"][${at}]["metadata"][0]["metadata"].get("replication-method"))'`;
  tap.run(`${method(0)} > "$here/methods"; ${method(1)} >> "$here/methods"`, schema('free', properties), record('free', { id: 1 }));
  assert.deepEqual((await sync('free')).map(({ stream, mode }) => `${stream} ${mode}`), ['free replace']);
  assert.equal(readFileSync(path.join(tap.dir, 'methods'), 'utf8'), 'FULL_TABLE\nLOG_BASED\n');
  tap.run('echo "only INCREMENTAL, LOG_BASED, and FULL TABLE replication methods are supported" >&2; exit 1');
  await fails(/methods are supported.*`streams: \{STREAM: \{mode: replace\}\}` asks for FULL_TABLE/, 'free');
});

test('NaN, Infinity and bytes that are no UTF-8 are told with their number', async () => {
  const tap = new Tap(weir, 'odd');
  const properties = { id: { type: 'integer' }, n: { type: ['null', 'number'] }, v: { type: 'string' } };
  tap.catalog({ stream: 't', schema: { properties }, key: ['id'] });
  const line = (id: number, more: string): string => `printf '{"type":"RECORD","stream":"t","record":{"id":${id},${more}}}\\n'`;
  tap.run(schema('t', properties, ['id']), line(1, '"n":1.5'), line(2, '"n":NaN'), line(3, '"n":Infinity'), line(4, '"v":"\\377"'));
  await sync('odd');
  assert.deepEqual(await rows("select n from odd.t order by id"), [{ n: 1.5 }, { n: null }, { n: null }, { n: null }]);
  assert.match(String((await rows("select changes from weir.loads where source = 'odd' and changes is not null"))[0]?.['changes']), /NaN or Infinity came and is NULL \(2 times\); bytes that are no UTF-8 came and are U\+FFFD \(1 times\)/);
});

test('one stream that is read anew leaves the bookmarks of the others', async () => {
  const tap = new Tap(weir, 'again');
  const properties = { id: { type: 'integer' } };
  tap.catalog({ stream: 'keyed', schema: { properties }, key: ['id'], method: 'INCREMENTAL' }, { stream: 'log', schema: { properties }, method: 'INCREMENTAL' });
  const bookmarks = state({ bookmarks: { keyed: { id: 1 }, log: { id: 1 } } });
  tap.run('cp "${STATE:-/dev/null}" "$here/state.json"', schema('keyed', properties, ['id']), record('keyed', { id: 1 }), schema('log', properties), 'grep -q log "$here/state.json" ||', record('log', { id: 1 }), bookmarks);
  await sync('again');
  await sync('again.keyed', '--full');
  assert.deepEqual(JSON.parse(readFileSync(path.join(tap.dir, 'state.json'), 'utf8')), { bookmarks: { log: { id: 1 } } });
  await sync('again');
  assert.deepEqual(await rows('select count(*) as n, (select count(*) from again.keyed) as keyed from again.log'), [{ n: 1, keyed: 1 }]);
});

test('of a state that does not tell streams apart, all begin anew, and none has a row twice', async () => {
  const tap = new Tap(weir, 'undivided');
  const properties = { id: { type: 'integer' } };
  tap.catalog(...['a', 'b'].map((stream) => ({ stream, schema: { properties }, method: 'INCREMENTAL' })));
  tap.run(schema('a', properties), schema('b', properties), '[ -n "$STATE" ] ||', record('a', { id: 1 }), '[ -n "$STATE" ] ||', record('b', { id: 1 }), state({ n: 1 }));
  await sync('undivided');
  configure(tap, '', 'streams: {a: {mode: merge, key: [id]}, b: {}}');
  await fails(/does not tell streams apart, so "a" cannot be read anew alone: `weir sync undivided --full`/, 'undivided.a');
  await sync('undivided');
  assert.deepEqual(await rows('select count(*) as a, (select count(*) from undivided.b) as b from undivided.a'), [{ a: 1, b: 1 }]);
});

test('versions, batches, and a configuration that the tap rewrites', async () => {
  const tap = new Tap(weir, 'versions');
  const properties = { id: { type: 'integer' } };
  tap.catalog({ stream: 't', schema: { properties }, key: ['id'] }, { stream: 'b', schema: { properties } });
  configure(tap, 'config: {token: "${WEIR_SOURCE_TAP_TOKEN}", list: [1, two], deep: {x: 1.50}}\nenv: [WEIR_SOURCE_TAP_TOKEN]');
  const version = (v: number, ...ids: number[]): object[] => [...ids.map((id) => record('t', { id }, { version: v })), { type: 'ACTIVATE_VERSION', stream: 't', version: v }];
  tap.run('cp "$CONFIG" "$here/config"; env > "$here/env"; echo \'{"token":"fresh"}\' > "$CONFIG"', schema('t', properties, ['id']), ...version(1, 1, 2, 3), `echo '{"id":7}' > batch; printf '{"id":8}\\n{"id":9}' | gzip > batch.gz; echo '{"type":"BATCH","stream":"b","encoding":{"format":"jsonl","compression":"gzip"},"manifest":["file://'$PWD/batch'","file://'$PWD/batch.gz'"]}'`);
  await sync('versions');
  const config = (): unknown => JSON.parse(readFileSync(path.join(tap.dir, 'config'), 'utf8'));
  assert.deepEqual(config(), { token: 'of the environment', list: [1, 'two'], deep: { x: 1.5 } });
  assert.match(readFileSync(path.join(tap.dir, 'env'), 'utf8'), /^WEIR_SOURCE_TAP_TOKEN=/m);
  assert.doesNotMatch(readFileSync(path.join(tap.dir, 'env'), 'utf8'), /TAP_SECRET/);
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from versions.b"), [{ ids: '7 8 9' }]);
  tap.run('cp "$CONFIG" "$here/config"', schema('t', properties, ['id']), ...version(1, 4), record('t', { id: 99 }, { version: 2 }), ...version(3, 2, 5));
  await sync('versions');
  assert.deepEqual(config(), { token: 'fresh' });
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from versions.t"), [{ ids: '2 5' }]);
  process.env['WEIR_SOURCE_ANOTHER'] = 'another';
  const pin = (value: string): unknown => execFileSync(binary, ['-C', weir.dir, 'secret', 'set', 'versions.pin'], { input: `${value}\n`, stdio: ['pipe', 'ignore', 'inherit'] });
  pin('-12.50');
  configure(tap, 'config: {token: "${WEIR_SOURCE_ANOTHER}", pin_token: "${secret:versions.pin:number}", text_token: "${secret:versions.pin}"}');
  await sync('versions');
  assert.deepEqual(config(), { token: 'another', pin_token: -12.5, text_token: '-12.50' });
  for (const none of ['1,"x":2', '01', '1.', '-', '1e', '0x1']) {
    pin(none);
    await fails(/written \$\{secret:NAME:number\} is no number/, 'versions');
  }
  configure(tap, 'env: [TAP_SECRET]');
  await fails(/the variable TAP_SECRET is not open to sources/, 'versions');
});

test('a new version ends or marks the rows that are gone, and leaves those that are as they were', async () => {
  const tap = new Tap(weir, 'gone');
  const properties = { id: { type: 'integer' }, v: { type: 'string' } };
  const streams = ['h', 's', 'd'];
  tap.catalog(...streams.map((stream) => ({ stream, schema: { properties }, key: ['id'], method: 'FULL_TABLE' })));
  configure(tap, '', 'streams:\n  h: {mode: history, key: [id]}\n  s: {mode: merge, key: [id], deletes: soft}\n  d: {mode: merge, key: [id], deletes: hard}');
  for (const [version, ...values] of [[1, 'a', 'b', 'c'], [2, 'a', 'B'], [3, 'a', 'B', 'c']] as [number, ...string[]][]) {
    tap.run(...streams.flatMap((s) => [schema(s, properties, ['id']), ...values.map((v, id) => record(s, { id, v }, { version })), { type: 'ACTIVATE_VERSION', stream: s, version }]));
    await sync('gone');
    if (version === 2) {
      assert.deepEqual(await rows("select string_agg(v, ' ' order by id) as d, (select string_agg(v || case when _weir_deleted is null then '' else ' gone' end, ' ' order by id) from gone.s) as s from gone.d"), [{ d: 'a B', s: 'a B c gone' }]);
    }
  }
  assert.deepEqual(await rows("select string_agg(v || case when is_current then '' else ' ended' end, ', ' order by id, valid_from) as h, (select count(*) from gone.s where _weir_deleted is null) as s, (select count(*) from gone.d) as d from gone.h"), [{ h: 'a, b ended, B, c ended, c', s: 3, d: 3 }]);
});

test('what goes wrong ends the run with its reason, and nothing is half loaded', async () => {
  const tap = new Tap(weir, 'wrong');
  const good = [schema('t', { id: { type: 'integer' } }), record('t', { id: 1 })];
  tap.catalog({ stream: 't', schema: { properties: { id: { type: 'integer' } } } });
  const limits = 'max_line: 64k\nmemory: 256MB';
  const cases: [RegExp, ...(string | object)[]][] = [
    [/line 3 of what tap wrote is no message of Singer: .* The line: Traceback \\xff\\x07/, ...good, "printf 'Traceback \\377\\007 (most recent call last)\\n'"],
    [/line 3 .*it has no `type`.* The line: \[1\]/, ...good, 'echo "[1]"'],
    [/its `record` is no object/, ...good, { type: 'RECORD', stream: 't', record: [1] }],
    [/tap failed \(exit 3\): it broke; all that it said is in .*taps\/wrong\/log/, ...good, 'echo it broke >&2; exit 3'],
    [/tap said nothing for 0 seconds and was ended/, ...good, 'sleep 600'],
    [/tap wrote a line of more than 65536 bytes/, ...good, 'head -c 200000 /dev/zero | tr "\\0" x; sleep 600'],
    [/tap failed \(killed by SIGKILL\)/, ...good, 'kill -9 $$'],
    [/tap failed \(exit 1\)/, ...good, 'exec python3 -c "x = bytearray(1 << 30)"'],
    [/pipe, which a BATCH names, is no file/, ...good, `mkfifo pipe; echo '{"type":"BATCH","stream":"t","encoding":{"format":"jsonl"},"manifest":["file://'$PWD/pipe'"]}'`],
    [/has a name that weir keeps for its own/, ...good, record('t', { _weir_run: 1 })],
  ];
  for (const [why, ...what] of cases) {
    configure(tap, why.source.includes('nothing for') ? `${limits}\nidle: 500ms` : limits);
    tap.run(...what);
    await fails(why, 'wrong');
  }
  tap.run('sleep 600 & echo $! > "$here/pid"', 'head -c 40000000 /dev/zero | tr "\\0" "\\n" >&2', ...good);
  assert.deepEqual((await sync('wrong')).map(({ status }) => status), ['loaded']);
  assert.equal(alive(readFileSync(path.join(tap.dir, 'pid'), 'utf8')), false);
  assert.ok(statSync(path.join(weir.dir, '.weir/taps/wrong/log')).size <= 16 << 20);
  assert.deepEqual(readdirSync(path.join(weir.dir, '.weir/tmp/source')), []);
  assert.deepEqual(await rows("select count(*) as n, (select count(*) from weir.loads where source = 'wrong' and status = 'failed') as f from wrong.t"), [{ n: 1, f: cases.length }]);
});

test('what a tap was given in secret is in no line, error or load that tells of it', async () => {
  const tap = new Tap(weir, 'loud');
  const properties = { id: { type: 'integer' } };
  process.env['WEIR_SOURCE_KEY_FILE'] = 'begin "of a key"\nits second line\nend';
  tap.catalog({ stream: 't', schema: { properties } });
  configure(tap, 'config: {token: "${WEIR_SOURCE_TAP_TOKEN}", key: "${WEIR_SOURCE_KEY_FILE}"}');
  const told = [
    ['cat "$CONFIG" >&2; echo >&2', /"token":"\*\*\*".*"key":"\*\*\*"/s],
    ["echo 'GET /?t=of the environment failed' >&2; exit 3", /GET \/\?t=\*\*\* failed/],
    ["printf 'key:\\nits second line\\n' >&2; exit 3", /tap failed \(exit 3\): \*\*\*;/],
    ["echo 'no JSON: of the environment'", /The line: no JSON: \*\*\*/],
    ['echo "$(head -c 105 /dev/zero | tr "\\0" x) of the environment"', /The line: x+ \*\*\*/],
  ] as const;
  const all: string[] = [];
  for (const [what, shown] of told) {
    tap.run(schema('t', properties), record('t', { id: 1 }), what, 'exit 1');
    const error = await weir.in('sync', 'loud', '--wait').then(String, String);
    assert.match(error, what.startsWith('cat') ? /tap failed/ : shown);
    all.push(error);
  }
  all.push(JSON.stringify(await rows("select * from weir.loads where source = 'loud'")));
  assert.deepEqual(all.filter((text) => /of the env|second line|of a key/.test(text)), []);
  const kept = path.join(weir.dir, '.weir/taps/loud');
  assert.match(readFileSync(path.join(kept, 'config.json'), 'utf8'), /of the environment/);
  await weir.in('source', 'remove', 'loud');
  assert.equal(existsSync(kept), false);
});

test('killed at any moment, rows and state have happened as a whole or not at all', async () => {
  const tap = new Tap(weir, 'kill');
  const properties = { id: { type: 'integer' }, name: { type: 'string' } };
  tap.catalog({ stream: 'a', schema: { properties }, method: 'INCREMENTAL' }, { stream: 'b', schema: { properties }, key: ['id'] });
  // From the state on, 20,000 rows of two streams, then the state.
  tap.run(
    'echo $$ > "$here/pid"; n=$(sed "s/[^0-9]//g" "${STATE:-/dev/null}"); n=${n:-0}',
    schema('a', properties),
    schema('b', properties, ['id']),
    `awk -v n=$n 'BEGIN { for (i = n; i < n + 20000; i++) { r = "\\"record\\":{\\"id\\":" i ",\\"name\\":\\"name " i "\\"}}"; print "{\\"type\\":\\"RECORD\\",\\"stream\\":\\"a\\"," r; print "{\\"type\\":\\"RECORD\\",\\"stream\\":\\"b\\"," r } print "{\\"type\\":\\"STATE\\",\\"value\\":{\\"n\\":" i "}}" }'`,
  );
  for (let round = 0; round < 4; round++) {
    const child = spawn(binary, ['-C', weir.dir, 'sync', 'kill'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), 30 + Math.random() * 500);
    await ended;
    clearTimeout(timer);
    if (existsSync(path.join(tap.dir, 'pid'))) {
      await until('the tap to die with weir', 20, () => (alive(readFileSync(path.join(tap.dir, 'pid'), 'utf8')) ? undefined : true));
    }
    await sync('kill');
    const [found] = await rows("select count(*) as n, count(distinct id) as d, max(id) + 1 as m, (select count(*) from kill.b) as b, (select cast(cursor->>'n' as bigint) from weir.source_state where source = 'kill' and stream = '*') as s, (select count(*) from information_schema.tables where table_name like 'weir stages%') as left from kill.a");
    assert.ok(found && Number(found['n']) >= 20_000 * (round + 1));
    assert.deepEqual(found, { n: found['s'], d: found['s'], m: found['s'], b: found['s'], s: found['s'], left: 0 });
  }
  assert.deepEqual(readdirSync(path.join(weir.dir, '.weir/tmp/source')), []);
});

test('a package gets an environment of its own', async (t) => {
  const wheels = path.join(weir.dir, 'wheels');
  mkdirSync(wheels);
  const make = `
import sys, zipfile
for version in ("1.0",):
    with zipfile.ZipFile("${wheels}/tap_own-%s-py3-none-any.whl" % version, "w") as z:
        z.writestr("tap_own.py", "import sys\\ndef main():\\n    print('{\\"streams\\":[{\\"stream\\":\\"s\\",\\"schema\\":{\\"properties\\":{\\"v\\":{\\"type\\":\\"string\\"}}}}]}' if '--discover' in sys.argv else '{\\"type\\":\\"RECORD\\",\\"stream\\":\\"s\\",\\"record\\":{\\"v\\":\\"%s\\"}}')\\n" % version)
        i = "tap_own-%s.dist-info/" % version
        z.writestr(i + "METADATA", "Metadata-Version: 2.1\\nName: tap-own\\nVersion: %s\\n" % version)
        z.writestr(i + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(i + "entry_points.txt", "[console_scripts]\\ntap-own = tap_own:main\\n")
        z.writestr(i + "RECORD", "")
`;
  try {
    execFileSync('python3', ['-c', `import ensurepip\n${make}`], { stdio: 'pipe' });
  } catch {
    t.skip('python3 with venv (Debian package python3-venv) is not installed: NOT TESTED');
    return;
  }
  process.env['PIP_NO_INDEX'] = '1';
  process.env['PIP_FIND_LINKS'] = wheels;
  await weir.in('source', 'add', 'own', '--kind', 'singer', '--set', 'package=tap-own==3.0');
  await fails(/the package "tap-own==3.0" cannot be installed: pip failed/, 'own');
  const file = path.join(weir.dir, 'sources/own.yml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('==3.0', '==1.0'));
  await sync('own');
  assert.deepEqual(await rows('select v from own.s'), [{ v: '1.0' }]);
});

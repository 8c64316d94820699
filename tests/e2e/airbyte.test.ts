// Airbyte sources: what one process says of all streams is loaded with its state, or not at all.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { syncFails } from '../node/sync.js';
import { Weir, type Row, binary, until } from '../node/weir.js';

let weir: Weir;
let dir: string;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [own]\n');
  dir = path.join(weir.dir, 'own');
  mkdirSync(dir);
  write('source', `#!/bin/sh
here=${dir}
command=$1
while [ $# -gt 0 ]; do
  case "$1" in
    --config) CONFIG=$2; shift;;
    --state) STATE=$2; shift;;
    --catalog) CATALOG=$2; shift;;
  esac
  shift
done
. "$here/$command.sh"
`);
  chmodSync(path.join(dir, 'source'), 0o755);
});
after(() => weir.remove());

const write = (name: string, text: string): void => writeFileSync(path.join(dir, name), text);
let said = 0;
/** What a command does: messages as objects, all else as shell. */
const does = (command: string, ...what: (object | string)[]): void => {
  const lines = what.map((one) => {
    if (typeof one === 'string') return one;
    write(`said${++said}`, `${JSON.stringify(one)}\n`);
    return `cat "$here/said${said}"`;
  });
  write(`${command}.sh`, `${lines.join('\n')}\n`);
};
const file = (name: string): unknown => JSON.parse(readFileSync(path.join(dir, name), 'utf8'));
const sync = async (...args: string[]): Promise<{ stream: string; status: string; mode: string; rows_written: number }[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: { stream: string; status: string; mode: string; rows_written: number }[] };
  return streams;
};
const fails = syncFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

const record = (stream: string, data: object): object => ({ type: 'RECORD', record: { stream, data, emitted_at: 1 } });
const state = (name: string, n: number, recordCount: number): object => ({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name }, stream_state: { n } }, sourceStats: { recordCount } } });
const trace = (error: object): object => ({ type: 'TRACE', trace: { type: 'ERROR', emitted_at: 1, error } });
const id = { properties: { id: { type: 'integer' } } };
const catalog = {
  type: 'CATALOG',
  catalog: {
    streams: [
      { name: 'keyed', json_schema: id, supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true, source_defined_primary_key: [['id']] },
      { name: 'log', json_schema: id, supported_sync_modes: ['incremental'], default_cursor_field: ['id'] },
      { name: 'all', json_schema: id, supported_sync_modes: ['full_refresh'], source_defined_primary_key: [['id']] },
    ],
  },
};

test('streams, modes, states, generations and settings that the source rewrites', async () => {
  does('discover', { type: 'LOG', log: { level: 'INFO', message: 'looking' } }, catalog);
  does('read', 'cp "$CONFIG" "$here/config"; cp "$CATALOG" "$here/catalog"; cp "${STATE:-/dev/null}" "$here/state"', { type: 'CONTROL', control: { type: 'CONNECTOR_CONFIG', emitted_at: 1, connectorConfig: { config: { token: 'fresh' } } } }, record('keyed', { id: 1 }), record('log', { id: 1 }), record('keyed', { id: 2 }), state('keyed', 2, 2), state('log', 1, 1), record('all', { id: 1 }), state('all', 1, 1), { type: 'TRACE', trace: { type: 'STREAM_STATUS', emitted_at: 1, stream_status: { stream_descriptor: { name: 'all' }, status: 'COMPLETE' } } });
  process.env['WEIR_SOURCE_AIRBYTE_TOKEN'] = 'of the environment';
  writeFileSync(path.join(weir.dir, 'sources/fake.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {token: "${WEIR_SOURCE_AIRBYTE_TOKEN}", deep: {list: [1]}}}\n');
  assert.deepEqual((await sync('fake')).map(({ stream, mode, rows_written }) => `${stream} ${mode} ${rows_written}`), ['keyed merge 2', 'log append 1', 'all replace 1']);
  assert.deepEqual(file('config'), { token: 'of the environment', deep: { list: [1] } });
  type Streams = { streams: { generation_id: number; minimum_generation_id: number; sync_mode: string }[] };
  const first = file('catalog') as Streams;
  await sync('fake');
  assert.deepEqual(file('config'), { token: 'fresh' });
  assert.deepEqual(file('state'), [
    { type: 'STREAM', stream: { stream_descriptor: { name: 'keyed' }, stream_state: { n: 2 } } },
    { type: 'STREAM', stream: { stream_descriptor: { name: 'log' }, stream_state: { n: 1 } } },
  ]);
  const second = file('catalog') as Streams;
  assert.deepEqual(second.streams.map((s, i) => [s.sync_mode, s.generation_id === first.streams[i]?.generation_id, s.minimum_generation_id === 0]), [['incremental', true, true], ['incremental', true, true], ['full_refresh', second.streams[2]?.generation_id === first.streams[2]?.generation_id, false]]);
  assert.deepEqual(await rows('select (select count(*) from fake.keyed) as keyed, (select count(*) from fake.log) as log, (select count(*) from fake."all") as everything'), [{ keyed: 2, log: 1, everything: 1 }], 'what is read again is not appended again');
  does('read', state('all', 0, 0)); // all is empty now; nothing is new in the others
  assert.deepEqual((await sync('fake')).map(({ stream, status }) => `${stream} ${status}`).sort(), ['all loaded', 'keyed unchanged', 'log unchanged']);
  assert.deepEqual(await rows('select count(*) as n from fake."all"'), [{ n: 0 }]);
});

test('a key within an object is none, and keeps no stream of its source from being loaded', async () => {
  const stream = (name: string, key: string[][]): object => ({ name, json_schema: { properties: { id: { type: 'integer' }, a: { type: 'object' } } }, supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true, default_cursor_field: ['id'], source_defined_primary_key: key });
  does('discover', { type: 'CATALOG', catalog: { streams: [stream('deep', [['id'], ['a', 'b']]), stream('flat', [['id']])] } });
  does('read', record('deep', { id: 1, a: { b: 1 } }), state('deep', 1, 1), record('flat', { id: 1 }), state('flat', 1, 1));
  writeFileSync(path.join(weir.dir, 'sources/deep.yml'), 'kind: airbyte\nconnection: {executable: own/source}\n');
  const ways = async (): Promise<string[]> => (await sync('deep')).map((load) => `${load.stream} ${load.mode} ${load.rows_written}`).sort();
  assert.deepEqual(await ways(), ['deep append 1', 'flat merge 1']);
  assert.deepEqual(await ways(), ['deep append 0', 'flat merge 1']);
  does('discover', catalog);
});

test('what goes wrong is told in the words of the source, and nothing is half loaded', async () => {
  const good = [record('keyed', { id: 1 }), record('keyed', { id: 2 })];
  writeFileSync(path.join(weir.dir, 'sources/bad.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {a: 1}}\nstreams: {keyed: {}}\n');
  const cases: [RegExp, ...(string | object)[]][] = [
    [/source: The key was revoked\. \(all that it said is in .*taps\/bad\/log\)/, ...good, trace({ message: 'The key was revoked.', internal_message: '401', failure_type: 'config_error' }), 'exit 1'],
    [/source: no key `id` \(all that it said is in/, ...good, trace({ internal_message: 'no key `id`', failure_type: 'system_error' }), 'exit 1'],
    [/source: Something went wrong\.: no key `id` \(all that it said is in/, ...good, trace({ message: 'Something went wrong.', internal_message: 'no key `id`', failure_type: 'system_error', stack_trace: 'line 7' }), 'exit 1'],
    [/source: the stream "keyed" was not read to its end/, ...good, { type: 'TRACE', trace: { type: 'STREAM_STATUS', stream_status: { stream_descriptor: { name: 'keyed' }, status: 'INCOMPLETE' } } }],
    [/source says that it sent 3 rows of keyed since its last state, and 2 came/, ...good, state('keyed', 2, 3)],
    [/line 3 of what source wrote is no message of Airbyte/, ...good, 'echo "Segmentation fault"'],
    [/source failed \(exit 7\): dead/, ...good, 'echo dead >&2; exit 7'],
  ];
  for (const [why, ...what] of cases) {
    does('read', ...what);
    await fails(why, 'bad');
  }
  assert.deepEqual(await rows("select status, count(*) as n from weir.loads where source = 'bad' group by 1 order by 1"), [{ status: 'failed', n: 6 }, { status: 'mismatch', n: 1 }]);
  assert.deepEqual(await rows("select count(*) as n from information_schema.tables where table_schema = 'bad'"), [{ n: 0 }]);
  does('discover', trace({ message: 'Cannot look.', stack_trace: 'line 8' }), 'exit 1');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a', 'api_key'] } } });
  await fails(/`config` of the source's file lacks api_key/, 'bad');
  assert.match(readFileSync(path.join(weir.dir, '.weir/taps/bad/log'), 'utf8'), /"stack_trace":"line 8"/); // what came after did not take its place
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a'] } } });
  does('check', { type: 'CONNECTION_STATUS', connectionStatus: { status: 'FAILED', message: 'no such account' } });
  await fails(/source: no such account/, 'bad');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { properties: { account: { oneOf: [{ properties: { name: {} } }, { properties: { pin: { airbyte_secret: true } } }] } } } } });
  writeFileSync(path.join(weir.dir, 'sources/bad.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {account: {name: a, pin: 1234}}}\n');
  await fails(/`account\.pin` in clear.*`weir secret set bad\.account\.pin`/, 'bad');
});

const complete = (name: string): object => ({ type: 'TRACE', trace: { type: 'STREAM_STATUS', stream_status: { stream_descriptor: { name }, status: 'COMPLETE' } } });
const stateOf = (name: string, n: number): object => ({ stream_descriptor: { name }, stream_state: { n } });
const global = (lsn: number, states: Record<string, number>, recordCount: number): object => ({ type: 'STATE', state: { type: 'GLOBAL', global: { shared_state: { lsn }, stream_states: Object.entries(states).map(([name, n]) => stateOf(name, n)) }, sourceStats: { recordCount } } });
const ids = async (table: string): Promise<string> => {
  const [schema, name] = table.split('.');
  const there = await rows(`select 1 as n from information_schema.tables where table_schema = '${schema}' and table_name = '${name}'`);
  return there.length ? String((await rows(`select string_agg(id, ' ' order by id) as ids from ${schema}."${name}"`))[0]?.['ids'] ?? '') : 'none';
};
const all = async (name: string): Promise<string[]> => [await ids(`${name}.keyed`), await ids(`${name}.log`), await ids(`${name}.all`)];
const some = (stream: string, ...values: number[]): object[] => values.map((value) => record(stream, { id: value }));
const saved = async (source: string): Promise<unknown> => (await rows(`select cursor from weir.source_state where source = '${source}' and stream = '*'`))[0]?.['cursor'];
const onTheWay = (name: string): void => writeFileSync(path.join(weir.dir, `sources/${name}.yml`), 'kind: airbyte\nconnection: {executable: own/source, checkpoint: 1}\n');

test('a stream is loaded on the way at its state, and one that is read as a whole when it is complete', async () => {
  onTheWay('way');
  does('spec', { type: 'SPEC', spec: {} });
  does('discover', catalog);
  does('read', ...some('keyed', 1, 2), ...some('log', 1), ...some('all', 1, 2), state('keyed', 2, 2), ...some('keyed', 3), complete('all'), ...some('log', 2), 'exit 7');
  await fails(/exit 7.*the 4 rows that came before its last state are loaded/, 'way');
  assert.deepEqual([await all('way'), await saved('way')], [['1 2', 'none', '1 2'], [{ type: 'STREAM', stream: stateOf('keyed', 2) }]]);
  does('read', 'cp "${STATE:-/dev/null}" "$here/state"', ...some('log', 1), state('log', 1, 1), ...some('log', 2, 3), state('log', 3, 2), ...some('keyed', 3), ...some('all', 3), state('all', 1, 1), state('keyed', 3, 2));
  await fails(/says that it sent 2 rows of keyed since its last state, and 1 came; the 3 rows that came/, 'way');
  assert.deepEqual(file('state'), [{ type: 'STREAM', stream: stateOf('keyed', 2) }]);
  assert.deepEqual(await all('way'), ['1 2', '1 2 3', '1 2']);
  assert.deepEqual(await rows("select stream, status, count(*) as n, sum(rows_written) as written from weir.loads where source = 'way' group by all order by all"), [
    { stream: '*', status: 'failed', n: 1, written: 0 },
    { stream: '*', status: 'mismatch', n: 1, written: 0 },
    { stream: 'all', status: 'loaded', n: 1, written: 2 },
    { stream: 'keyed', status: 'loaded', n: 1, written: 2 },
    { stream: 'log', status: 'loaded', n: 2, written: 3 },
  ]);
  does('read', ...some('all', 3), complete('all'), ...some('all', 4));
  await fails(/its stream was said to be complete.*1 rows that came/, 'way');
  does('read', ...some('all', 5), complete('all'), ...some('keyed', 3), state('keyed', 3, 1));
  assert.deepEqual((await sync('way')).map(({ stream, status, rows_written }) => `${stream} ${status} ${rows_written}`), ['all loaded 1', 'keyed loaded 1', 'log unchanged 0']);
  assert.deepEqual(await all('way'), ['1 2 3', '1 2 3', '5']);
});

const incomplete = (name: string): object => ({ type: 'TRACE', trace: { type: 'STREAM_STATUS', stream_status: { stream_descriptor: { name }, status: 'INCOMPLETE' } } });
test('a source that fails at one stream has loaded all others: at their states, and what is complete', async () => {
  writeFileSync(path.join(weir.dir, 'sources/rest.yml'), 'kind: airbyte\nconnection: {executable: own/source}\n');
  does('spec', { type: 'SPEC', spec: {} });
  does('discover', catalog);
  const broke = trace({ message: 'keyed broke: 403', stream_descriptor: { name: 'keyed' } });
  does('read', ...some('all', 1, 2), complete('all'), ...some('log', 1), state('log', 1, 1), ...some('log', 2), state('log', 2, 1), complete('log'), ...some('keyed', 1), state('keyed', 1, 1), ...some('keyed', 2), broke, incomplete('keyed'), 'exit 1');
  await fails(/rest: source: stream "keyed": keyed broke: 403 .*the 5 rows that came before its last state are loaded, and the next run goes on from there/, 'rest');
  assert.deepEqual([await all('rest'), await saved('rest')], [['1', '1 2', '1 2'], [{ type: 'STREAM', stream: stateOf('log', 2) }, { type: 'STREAM', stream: stateOf('keyed', 1) }]]);
  // Neither what is behind a state, nor what was not read to its end.
  does('read', ...some('all', 3), ...some('log', 3), state('log', 3, 1), ...some('log', 4), incomplete('log'));
  await fails(/the stream "log" was not read to its end/, 'rest');
  assert.deepEqual(await all('rest'), ['1', '1 2 3', '1 2']);
  // It has no row any more, and was said to be complete.
  does('read', complete('all'), 'exit 1');
  await fails(/exit 1/, 'rest');
  assert.deepEqual(await all('rest'), ['1', '1 2 3', '']);
  writeFileSync(path.join(weir.dir, 'sources/whole.yml'), 'kind: airbyte\nconnection: {executable: own/source}\n');
  does('read', ...some('all', 1), complete('all'), ...some('keyed', 1), ...some('log', 1), global(1, { keyed: 1, log: 1 }, 3), ...some('keyed', 2), ...some('log', 2), 'exit 1');
  await fails(/the 3 rows that came/, 'whole');
  assert.deepEqual([await all('whole'), await saved('whole')], [['1', '1', '1'], [{ type: 'GLOBAL', global: { shared_state: { lsn: 1 }, stream_states: [stateOf('keyed', 1), stateOf('log', 1)] } }]]);
});

const rejects = (why: RegExp, ...args: [string, ...string[]]): Promise<void> => assert.rejects(weir.in(...args), ({ message }: Error) => {
  assert.match(message, why);
  return true;
});
test('a test of the connection asks for what the specification requires, then the source itself, then its streams', async () => {
  writeFileSync(path.join(weir.dir, 'sources/probe.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {a: 1}}\n');
  const status = (is: string, message = ''): object => ({ type: 'CONNECTION_STATUS', connectionStatus: { status: is, message } });
  does('discover', catalog);
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a', 'api_key'] } } });
  does('check', status('SUCCEEDED'));
  await rejects(/`config` of the source's file lacks api_key/, 'source', 'check', 'probe');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a'] } } });
  does('check', status('FAILED', 'bad token'));
  await rejects(/source: bad token/, 'source', 'check', 'probe');
  does('check', 'exit 0');
  await rejects(/`source check` said nothing of its settings/, 'source', 'check', 'probe');
  does('check', status('SUCCEEDED'));
  assert.match(await weir.in('source', 'check', 'probe'), /keyed/);
  // A run asks for none of it.
  does('check', status('FAILED', 'bad token'));
  does('read', ...some('keyed', 1));
  assert.deepEqual((await sync('probe')).map(({ stream, status: is }) => `${stream} ${is}`)[0], 'keyed loaded');
});

test('what only the specification calls a secret is told by a trial, and sealed when it is saved', async () => {
  await weir.up();
  try {
    const secret = { type: 'string', airbyte_secret: true };
    const login = { oneOf: [{ properties: { way: { const: 'oauth' }, code: secret } }, { properties: { way: { const: 'pat' }, pat: secret } }] };
    does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['login'], properties: { login, 'key.id': secret, sites: { type: 'array', items: { properties: { pin: secret } } } } } } });
    does('discover', catalog);
    does('check', 'cat "$CONFIG" >"$here/got.json"', 'echo "the pat is pat-4711" >&2', { type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
    does('read', 'cat "$CONFIG" >"$here/got.json"', ...some('keyed', 1));
    const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
    const ask = async (method: string, where: string, body: object): Promise<Record<string, unknown>> => {
      const answer = await fetch(`http://${weir.serve}/api/sources${where}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
      return { ...((await answer.json()) as object), status: answer.status };
    };
    const config = { account: 'a', login: { way: 'pat', pat: 'pat-4711' }, 'key.id': 'AKIA99', sites: [{ name: 's', pin: 1234 }] };
    const body = { name: 'told', kind: 'airbyte', connection: { executable: 'own/source', config }, streams: { keyed: {} } };
    const tried = await ask('POST', '', { ...body, dry_run: true, columns: false });
    assert.equal(tried['status'], 200, JSON.stringify(tried));
    const secrets = tried['secrets'] as string[];
    assert.deepEqual([...secrets].sort(), ['config.key.id', 'config.login.pat', 'config.sites.pin']);
    assert.deepEqual(file('got.json'), config);
    assert.equal((await ask('POST', '/told/preview', { kind: 'airbyte', connection: body.connection, stream: 'keyed', secrets }))['status'], 200);
    assert.equal((await ask('POST', '/told/preview', { kind: 'airbyte', connection: body.connection, stream: 'keyed' }))['status'], 200, 'a trial refuses none');
    assert.equal((await ask('POST', '', { ...body, secrets: ['config.login.pat', 7] }))['status'], 400);
    assert.equal((await ask('POST', '', { ...body, secrets: [...secrets, 'config.nowhere', 'config.login', 'executable'] }))['status'], 201);
    const text = readFileSync(path.join(weir.dir, 'sources/told.yml'), 'utf8');
    assert.doesNotMatch(text, /pat-4711|AKIA99|1234|secrets:/);
    assert.match(text, /pat: "\$\{secret:told\.login\.pat\}"/);
    assert.match(text, /pin: "\$\{secret:told\.sites\.pin:number\}"/);
    await sync('told');
    assert.deepEqual(file('got.json'), config, 'the program has their values');
    assert.deepEqual((await ask('POST', '', { ...body, name: 'told2', connection: { executable: 'own/source', config: { login: { way: 'pat', pat: '${secret:told2.pat}' } } }, dry_run: true, columns: false }))['status'], 404, 'a reference is looked up');
    // A change, too.
    assert.equal((await ask('PATCH', '/told', { connection: { executable: 'own/source', config: { ...config, login: { way: 'pat', pat: 'pat-4712' } } }, secrets }))['status'], 200);
    assert.doesNotMatch(readFileSync(path.join(weir.dir, 'sources/told.yml'), 'utf8'), /pat-4712|AKIA99|1234|secrets:/);
    await sync('told');
    assert.equal((file('got.json') as typeof config).login.pat, 'pat-4712');
    assert.doesNotMatch(weir.log(), /pat-471|AKIA99/);
  } finally {
    await weir.down();
    does('spec', 'exit 1');
  }
});

test('what a trial was given goes after a day, when no source came of it', async () => {
  does('discover', catalog);
  does('check', { type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
  does('read', ...some('keyed', 1));
  await weir.up();
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const ask = async (body: object): Promise<number> => (await fetch(`http://${weir.serve}/api/sources`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).status;
  const trial = (name: string): object => ({ name, kind: 'airbyte', connection: { executable: 'own/source', config: { password: 'typed and left' } } });
  const kept = (name: string): string => path.join(weir.dir, '.weir/taps', name);
  for (const name of ['left', 'young', 'saved', 'waits']) assert.equal(await ask({ ...trial(name), dry_run: true, columns: false }), 200);
  assert.match(readFileSync(path.join(kept('left'), 'config.json'), 'utf8'), /typed and left/);
  for (const name of ['saved', 'waits']) assert.equal(await ask(trial(name)), 201); // one runs, one does not yet
  await sync('saved');
  const long = new Date(Date.now() - 25 * 3_600_000);
  for (const name of ['left', 'waits']) utimesSync(path.join(kept(name), 'trial'), long, long);
  assert.equal(existsSync(path.join(kept('saved'), 'trial')), false);
  await weir.down();
  await weir.up();
  try {
    await until('the day to end', 20, () => (existsSync(kept('left')) ? undefined : true));
    for (const name of ['young', 'saved', 'waits']) assert.ok(existsSync(path.join(kept(name), 'config.json')), name);
  } finally {
    await weir.down();
  }
});

test('rows of no stream, and values that are not what the source has, are told with their number', async () => {
  writeFileSync(path.join(weir.dir, 'sources/odd.yml'), 'kind: airbyte\nconnection: {executable: own/source}\n');
  does('discover', catalog);
  const changed = { type: 'RECORD', record: { stream: 'keyed', data: { id: 2 }, meta: { changes: [{ field: 'v', change: 'NULLED', reason: 'SOURCE_SERIALIZATION_ERROR' }, { field: 'w', change: 'TRUNCATED', reason: 'SOURCE_FIELD_SIZE_LIMITATION' }] } } };
  const line = (value: string): string => `printf '{"type":"RECORD","record":{"stream":"keyed","data":{"id":%d,"n":${value}}}}\\n' 3`;
  does('read', { type: 'RECORD', record: { stream: 'keyed', namespace: 'other', data: { id: 9 } } }, ...some('zz', 1, 2), ...some('keyed', 1), changed, line('NaN'), line('-Infinity'), line('"\\377"'), state('keyed', 1, 5));
  const { stdout, stderr } = await promisify(execFile)(binary, ['-C', weir.dir, 'sync', '--wait', 'odd']);
  assert.match(stderr, /streams that the source's catalog does not have.*"first":"other\.keyed","rows":"3"/);
  assert.match(stdout, /NaN or Infinity came and is NULL \(2 times\); bytes that are no UTF-8 came and are U\+FFFD \(1 times\); the source says that it changed a value before it came \(2 times\)/);
  assert.deepEqual(await rows("select changes->>0 as said from weir.loads where source = 'odd' and stream = 'keyed' and changes is not null").then(([row]) => String(row?.['said']).includes('(2 times)')), true);
});

test('what began and was never said to be complete, or a source without a word, empties no table', async () => {
  writeFileSync(path.join(weir.dir, 'sources/mute.yml'), 'kind: airbyte\nconnection: {executable: own/source}\n');
  does('discover', catalog);
  does('read', ...some('all', 1, 2));
  await sync('mute');
  const began = { type: 'TRACE', trace: { type: 'STREAM_STATUS', stream_status: { stream_descriptor: { name: 'all' }, status: 'STARTED' } } };
  does('read', began, ...some('all', 3), ...some('keyed', 1), state('keyed', 1, 1));
  await fails(/the stream "all" was not read to its end/, 'mute');
  assert.deepEqual(await all('mute'), ['1', '', '1 2']);
  does('read', 'exit 0');
  await fails(/source: it wrote nothing at all, .*tables stay as they are/, 'mute');
  assert.deepEqual(await all('mute'), ['1', '', '1 2']);
  does('read', began, complete('all'));
  await sync('mute');
  assert.deepEqual(await all('mute'), ['1', '', '']);
});

test('a state of all is saved on the way without the streams that are not loaded', async () => {
  onTheWay('global');
  does('read', ...some('all', 1), ...some('keyed', 1), ...some('log', 1), global(5, { keyed: 1, log: 1, all: 1 }, 3), ...some('log', 2), 'exit 7');
  await fails(/the 2 rows that came/, 'global');
  assert.deepEqual([await all('global'), await saved('global')], [['1', '1', 'none'], [{ type: 'GLOBAL', global: { shared_state: { lsn: 5 }, stream_states: [stateOf('keyed', 1), stateOf('log', 1)] } }]]);
  // log is built anew: neither its rows nor its state count before its end, and what it was is not given again.
  writeFileSync(path.join(weir.dir, 'sources/global.yml'), 'kind: airbyte\nconnection: {executable: own/source, checkpoint: 1}\nstreams: {keyed: {}, log: {mode: merge, key: [id]}, all: {}}\n');
  does('read', 'cp "${STATE:-/dev/null}" "$here/state"', ...some('log', 1), ...some('keyed', 2), global(6, { keyed: 2, log: 1 }, 2), 'exit 7');
  await fails(/the 1 rows that came/, 'global');
  assert.deepEqual(file('state'), [{ type: 'GLOBAL', global: { shared_state: { lsn: 5 }, stream_states: [stateOf('keyed', 1)] } }]);
  assert.deepEqual([await all('global'), await saved('global')], [['1 2', '1', 'none'], [{ type: 'GLOBAL', global: { shared_state: { lsn: 6 }, stream_states: [stateOf('keyed', 2)] } }]]);
  does('read', 'cp "${STATE:-/dev/null}" "$here/state"', ...some('all', 1), ...some('log', 1, 2), global(7, { keyed: 2, log: 2, all: 1 }, 3));
  await sync('global');
  assert.deepEqual([await all('global'), await saved('global')], [['1 2', '1 2', '1'], [{ type: 'GLOBAL', global: { shared_state: { lsn: 7 }, stream_states: [stateOf('keyed', 2), stateOf('log', 2), stateOf('all', 1)] } }]]);
});

test('a stream that cannot be loaded keeps no other from it, and is read again', async () => {
  const yml = (more = ''): void => writeFileSync(path.join(weir.dir, 'sources/apart.yml'), `kind: airbyte\nconnection: {executable: own/source${more}}\nstreams: {log: {contract: freeze}, keyed: {}, all: {}}\n`);
  yml();
  does('read', ...some('log', 1), state('log', 1, 1), ...some('keyed', 1), state('keyed', 1, 1), ...some('all', 1));
  await sync('apart');
  const wrong = (n: number): object => record('log', { id: n, fresh: 'x' });
  does('read', wrong(2), state('log', 2, 1), ...some('keyed', 2), state('keyed', 2, 1), ...some('all', 2));
  await fails(/apart: stream "log": .*fresh.*; all other streams are loaded/, 'apart');
  assert.deepEqual([await all('apart'), await saved('apart')], [['1 2', '1', '2'], [{ type: 'STREAM', stream: stateOf('log', 1) }, { type: 'STREAM', stream: stateOf('keyed', 2) }]]);
  // On the way: what comes of it behind its failure is not loaded either.
  yml(', checkpoint: 1');
  does('read', ...some('log', 2), state('log', 2, 1), wrong(3), state('log', 3, 1), ...some('log', 4), state('log', 4, 1), ...some('keyed', 3), state('keyed', 3, 1), ...some('all', 3), complete('all'));
  await fails(/weir: apart: stream "log": .*fresh.* is freeze; set .*by `exclude`; all other streams are loaded/, 'apart');
  assert.deepEqual([await all('apart'), await saved('apart')], [['1 2 3', '1 2', '3'], [{ type: 'STREAM', stream: stateOf('log', 2) }, { type: 'STREAM', stream: stateOf('keyed', 3) }]]);
  assert.deepEqual(await rows("select stream, status, count(*) as n, sum(rows_written) as written from weir.loads where source = 'apart' group by all order by all"), [
    { stream: 'all', status: 'loaded', n: 3, written: 3 },
    { stream: 'keyed', status: 'loaded', n: 3, written: 3 },
    { stream: 'log', status: 'failed', n: 2, written: 0 },
    { stream: 'log', status: 'loaded', n: 2, written: 2 },
  ]);
  does('read', ...some('log', 3, 4), state('log', 4, 2));
  assert.deepEqual((await sync('apart')).map(({ stream, status }) => `${stream} ${status}`).sort(), ['all loaded', 'keyed unchanged', 'log loaded']);
  assert.deepEqual(await all('apart'), ['1 2 3', '1 2 3 4', '']);
});

test('what fails under a state of all is set aside by nobody, whatever was loaded alone before', async () => {
  writeFileSync(path.join(weir.dir, 'sources/aside.yml'), 'kind: airbyte\nconnection: {executable: own/source, checkpoint: 1}\nstreams: {keyed: {contract: freeze}, log: {}, all: {}}\n');
  does('read', ...some('keyed', 1), ...some('log', 1), ...some('all', 1));
  await sync('aside');
  const wrong = record('keyed', { id: 3, fresh: 'x' });
  does('read', ...some('all', 2), complete('all'), ...some('keyed', 2), global(1, { keyed: 2 }, 2), wrong, ...some('log', 2), global(2, { keyed: 3, log: 2 }, 2), ...some('keyed', 4), global(3, { keyed: 4, log: 2 }, 1));
  await fails(/weir: aside: stream "keyed": column "fresh" .* is freeze; set .*by `exclude`; the 2 rows that came before its last state are loaded/, 'aside');
  assert.deepEqual([await all('aside'), await saved('aside')], [['1 2', '1', '2'], [{ type: 'GLOBAL', global: { shared_state: { lsn: 1 }, stream_states: [stateOf('keyed', 2)] } }]]);
  // One that was set aside under a state of its own has no part in one of all either.
  writeFileSync(path.join(weir.dir, 'sources/mixed.yml'), 'kind: airbyte\nconnection: {executable: own/source, checkpoint: 1}\nstreams: {keyed: {contract: freeze}, log: {}, all: {}}\n');
  does('read', ...some('keyed', 1), ...some('log', 1), ...some('all', 1));
  await sync('mixed');
  does('read', wrong, state('keyed', 3, 1), ...some('log', 2), global(1, { keyed: 3, log: 2 }, 1));
  await fails(/state of all streams after those of each, and the stream "keyed" could not be loaded/, 'mixed');
  assert.deepEqual([await all('mixed'), await saved('mixed')], [['1', '1', '1'], undefined]);
});

test('a manifest may name what is secret, by templates, and say nothing of it', async () => {
  const yml = (token: unknown): void => writeFileSync(path.join(weir.dir, 'sources/code.yml'), `kind: airbyte\nconnection: ${JSON.stringify({ executable: 'own/source', config: { token: '${WEIR_SOURCE_AIRBYTE_TOKEN}', __injected_declarative_manifest: { streams: [{ authenticator: { api_token: token } }], spec: { properties: { token: { type: 'string', title: 'The token' } } } } } })}\n`);
  does('spec', { type: 'SPEC', spec: {} });
  does('discover', catalog);
  does('read', ...some('keyed', 1), state('keyed', 1, 1), 'echo "string of The token" >&2; exit 3');
  for (const fine of ["{{ config['token'] }}", "Klaviyo-API-Key {{ config['token'] }}", { type: 'Custom', value: 'a word' }, [{ $ref: '#/token' }]]) {
    yml(fine);
    await fails(/source failed \(exit 3\): string of The token/, 'code');
  }
  for (const clear of ['in clear', ['sk_live_1'], { value: 'sk_live_1' }, "sk_live_1{{ '' }}", "a secret of many words {{ '' }}"]) {
    yml(clear);
    await fails(/`__injected_declarative_manifest\.streams\.authenticator\.api_token(\.value)?` must not stand in this file/, 'code');
  }
});

test('an image is run only where it may be, with a name, a network and variables that Docker cannot mistake', async () => {
  const before = process.env['PATH'];
  const settings = path.join(weir.dir, 'weir.yml');
  const yml = (connection: object): void => writeFileSync(path.join(weir.dir, 'sources/image.yml'), `kind: airbyte\nconnection: ${JSON.stringify(connection)}\n`);
  const image = 'airbyte/source-faker:6.2.0';
  yml({ image });
  await fails(/images of Docker may not be run: add `image` to source\.programs/, 'image');
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('programs: [own]', 'programs: [own, image]\n  env: [HOME, DOCKER_CONFIG, DOCKER_TLS, TMPDIR]'));
  try {
    process.env['PATH'] = '/nowhere';
    await fails(/Docker is not there, which the image "airbyte\/source-faker:6\.2\.0" needs/, 'image');
    write('docker', '#!/bin/sh\nexit 1\n'); // nothing of it is run here
    chmodSync(path.join(dir, 'docker'), 0o755);
    process.env['PATH'] = dir;
    for (const own of ['HOME', 'DOCKER_CONFIG', 'DOCKER_TLS', 'TMPDIR']) {
      yml({ image, env: [own] });
      await fails(new RegExp(`\`env\` of an image cannot have ${own}, which is for Docker itself`), 'image');
    }
    for (const network of ['container:weir', '--privileged', 'a b', '.']) {
      yml({ image, network });
      await fails(/`network` is ".*"; it must be `host`, `none` or the name of one of Docker's networks/, 'image');
    }
    for (const other of ['-v', 'a b', '/bin/sh']) {
      yml({ image: other });
      await fails(/it must be NAME:TAG/, 'image');
    }
    yml({ image, package: 'y' });
    await fails(/`image` is a program by itself/, 'image');
  } finally {
    process.env['PATH'] = before;
  }
});

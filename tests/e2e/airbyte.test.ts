// Airbyte sources: what one process says of all streams is loaded with its state, or not at all.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Weir, type Row } from '../node/weir.js';

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
const fails = (why: RegExp, ...args: string[]): Promise<void> =>
  assert.rejects(weir.in('sync', '--wait', ...args), (error: Error) => {
    assert.match(error.message, why);
    return true;
  });
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
  assert.deepEqual(await rows('select (select count(*) from fake.keyed) as keyed, (select count(*) from fake.log) as log, (select count(*) from fake."all") as everything'), [{ keyed: 2, log: 2, everything: 1 }]);
  does('read', state('all', 0, 0)); // all is empty now; nothing is new in the others
  assert.deepEqual((await sync('fake')).map(({ stream, status }) => `${stream} ${status}`).sort(), ['all loaded', 'keyed unchanged', 'log unchanged']);
  assert.deepEqual(await rows('select count(*) as n from fake."all"'), [{ n: 0 }]);
});

test('what goes wrong is told in the words of the source, and nothing is half loaded', async () => {
  const good = [record('keyed', { id: 1 }), record('keyed', { id: 2 })];
  writeFileSync(path.join(weir.dir, 'sources/bad.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {a: 1}}\nstreams: {keyed: {}}\n');
  const cases: [RegExp, ...(string | object)[]][] = [
    [/source: The key was revoked\. \(all that it said is in .*taps\/bad\/log\)/, ...good, trace({ message: 'The key was revoked.', internal_message: '401', failure_type: 'config_error' }), 'exit 1'],
    [/source: the stream "keyed" was not read to its end/, ...good, { type: 'TRACE', trace: { type: 'STREAM_STATUS', stream_status: { stream_descriptor: { name: 'keyed' }, status: 'INCOMPLETE' } } }],
    [/source says that it sent 3 rows of keyed since its last state, and 2 came/, ...good, state('keyed', 2, 3)],
    [/line 3 of what source wrote is no message of Airbyte/, ...good, 'echo "Segmentation fault"'],
    [/source failed \(exit 7\): dead/, ...good, 'echo dead >&2; exit 7'],
  ];
  for (const [why, ...what] of cases) {
    does('read', ...what);
    await fails(why, 'bad');
  }
  assert.deepEqual(await rows("select status, count(*) as n from weir.loads where source = 'bad' group by 1 order by 1"), [{ status: 'failed', n: 4 }, { status: 'mismatch', n: 1 }]);
  assert.deepEqual(await rows("select count(*) as n from information_schema.tables where table_schema = 'bad'"), [{ n: 0 }]);
  does('discover', 'exit 1');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a', 'api_key'] } } });
  await fails(/`config` of the source's file lacks api_key/, 'bad');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { required: ['a'] } } });
  does('check', { type: 'CONNECTION_STATUS', connectionStatus: { status: 'FAILED', message: 'no such account' } });
  await fails(/source: no such account/, 'bad');
  does('spec', { type: 'SPEC', spec: { connectionSpecification: { properties: { account: { oneOf: [{ properties: { name: {} } }, { properties: { pin: { airbyte_secret: true } } }] } } } } });
  writeFileSync(path.join(weir.dir, 'sources/bad.yml'), 'kind: airbyte\nconnection: {executable: own/source, config: {account: {name: a, pin: 1234}}}\n');
  await fails(/`account\.pin` in clear.*`weir secret set bad\.account\.pin`/, 'bad');
});

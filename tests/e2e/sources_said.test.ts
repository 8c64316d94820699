// What runs of sources said is there after the server was started anew: bounded, without secrets, and gone with the source.
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { strike } from '../crash/strike.js';
import { Client, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { Weir, until } from '../node/weir.js';

interface Run {
  run: string;
  source: string;
  state: string;
  status: string;
  error: string | null;
  rate: number | null;
  streams: { stream: string; state: string }[];
  log: { at: string; text: string }[];
  report: object | null;
}
let weir: Weir;
let admin: Client;
const SECRET = 'p@ss word of the tap';

before(async () => {
  process.env['WEIR_SOURCE_TAP_SAID'] = SECRET;
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
  await weir.up();
  admin = await setUp(weir);
});
after(() => weir.remove());

const again = async (): Promise<void> => {
  await weir.down();
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
};
const told = async (run: string): Promise<Run> => (await admin.want(200, 'GET', `/api/runs/${run}`)) as unknown as Run;
const runs = async (source: string): Promise<Run[]> => ((await admin.want(200, 'GET', `/api/sources/${source}/runs`)) as unknown as { runs: Run[] }).runs;
const rows = async (sql: string): Promise<unknown[][]> => ((await admin.want(200, 'POST', '/api/query', { sql })) as { rows: unknown[][] }).rows;
const run = async (source: string): Promise<Run> => {
  const begun = (await admin.want(202, 'POST', `/api/sources/${source}/sync`, {})) as { run: string };
  return until('the run', 60, async () => {
    const now = await told(begun.run);
    return now.state === 'done' ? now : undefined;
  });
};

test('a failure of a tap has its log after a restart, without the secret that the tap said', async () => {
  const tap = new Tap(weir, 'night');
  tap.catalog({ stream: 's', schema: { properties: { id: { type: 'integer' } } } });
  writeFileSync(path.join(weir.dir, 'sources/night.yml'), tap.yml('config: {password: "${WEIR_SOURCE_TAP_SAID}"}\n'));
  tap.run(schema('s', { id: { type: 'integer' } }), record('s', { id: 1 }), `echo 'CRITICAL no login with ${SECRET} nor p%40ss%20word%20of%20the%20tap' >&2`, 'exit 1');
  const failed = await run('night');
  assert.equal(failed.status, 'failed');
  assert.ok(failed.log.some(({ text }) => /CRITICAL no login with \*\*\* nor \*\*\*/.test(text)), JSON.stringify(failed.log));
  tap.run(schema('s', { id: { type: 'integer' } }), record('s', { id: 1 }));
  const loaded = await run('night');
  assert.equal(loaded.status, 'loaded');
  await again();
  assert.deepEqual(await told(failed.run), { ...failed, report: null });
  assert.deepEqual(await told(loaded.run), { ...loaded, report: null });
  assert.deepEqual((await runs('night')).map(({ run: id, status }) => [id, status]), [[loaded.run, 'loaded'], [failed.run, 'failed']]);
  const next = await run('night');
  assert.deepEqual((await runs('night')).map(({ run: id }) => id), [next.run, loaded.run, failed.run], 'each once');
});

test('a page says as of when rows of a source are, also after the server was started anew', async () => {
  weir.write('aged/a.csv', 'id\n1\n');
  weir.write('sources/aged.yml', 'kind: file\nconnection: {path: aged}\n');
  weir.write('views/aged.sql', 'select id + 1 as id from aged.a\n');
  assert.equal((await run('aged')).status, 'loaded');
  await until('the view', 20, async () => ((await admin.ask('GET', '/api/views/aged')).body['warehouse'] === true ? true : undefined));
  const queries = { a: 'from aged.a', v: 'from views.aged', none: 'select 1 as one' };
  const { id } = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Aged', queries: Object.keys(queries).map((query) => ({ id: query })), tiles: [] }, queries });
  const fresh = async (): Promise<(string | null | undefined)[]> => (await askPage(admin, { report: id })).parts.map(({ head }) => head?.fresh_at?.slice(0, 19) ?? null);
  const [at, ...others] = await fresh();
  assert.deepEqual(others, [at, null]);
  assert.ok(at);
  await until('another second', 5, () => (new Date().toISOString().slice(0, 19) > at ? true : undefined));
  await run('aged'); // finds nothing new
  await again();
  assert.deepEqual(await fresh(), [at, at, null]);
  const { tables } = (await admin.want(200, 'GET', '/api/schema')) as unknown as { tables: { schema: string; fresh_at: string | null }[] };
  assert.equal(tables.find(({ schema }) => schema === 'aged')?.fresh_at?.slice(0, 19), at);
  await weir.down();
  writeFileSync(path.join(weir.dir, 'aged/a.csv'), 'id\n1\n2\n');
  await weir.in('sync', 'aged');
  const [row] = await weir.rows("select max(ended_at) as at from weir.loads where source = 'aged'");
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
  assert.equal((await fresh())[0], String(row?.['at']).slice(0, 19), 'what a command loaded meanwhile');
  for (const file of ['sources/aged.yml', 'views/aged.sql']) rmSync(path.join(weir.dir, file));
});

test('as of when rows of a source are does not go back when a later run fails', async () => {
  weir.write('back/a.csv', 'id\n1\n');
  weir.write('sources/back.yml', 'kind: file\nconnection: {path: back}\n');
  const asOf = async (): Promise<string> => String((await admin.want(200, 'GET', '/api/sources/back'))['as_of']);
  await run('back');
  const loaded = await asOf();
  assert.equal((await run('back')).status, 'unchanged');
  const looked = await asOf();
  assert.ok(looked > loaded);
  rmSync(path.join(weir.dir, 'back/a.csv'));
  assert.equal((await run('back')).status, 'failed');
  assert.equal(await asOf(), looked);
  await again();
  assert.equal(await asOf(), looked);
  weir.write('back/a.csv', 'id\n1\n');
  await run('back');
  assert.ok((await asOf()) > looked);
  rmSync(path.join(weir.dir, 'sources/back.yml'));
});

test('runs that found nothing new, and what was asked wrongly, push nothing out', async () => {
  mkdirSync(path.join(weir.dir, 'quiet'));
  writeFileSync(path.join(weir.dir, 'quiet/a.csv'), 'id\n1\n');
  writeFileSync(path.join(weir.dir, 'sources/quiet.yml'), 'kind: file\nconnection: {path: quiet}\n');
  const loaded = await run('quiet');
  for (let i = 0; i < 3; i++) assert.equal((await run('quiet')).status, 'unchanged');
  await admin.want(202, 'POST', '/api/sources/quiet/sync', { stream: 'nosuch' });
  await until('its end', 30, async () => ((await admin.want(200, 'GET', '/api/sources/quiet')) as { run: string | null }).run === null || undefined);
  assert.equal((await runs('quiet')).length, 5);
  await again();
  assert.deepEqual((await runs('quiet')).map(({ run: id }) => id), [loaded.run]);
});

test('they go with their source', async () => {
  const [one] = await runs('quiet');
  assert.ok(one);
  await admin.want(204, 'DELETE', '/api/sources/quiet');
  await again();
  assert.equal((await admin.ask('GET', `/api/runs/${one.run}`)).status, 404);
  assert.equal(existsSync(path.join(weir.dir, 'sources/quiet.yml')), false);
  rmSync(path.join(weir.dir, 'sources/night.yml'));
});

test('a run that a kill cut off is told as one, by the run, the ledger, the list and the schedule, and its stage is gone', async () => {
  const tap = new Tap(weir, 'cut');
  tap.catalog({ stream: 's', schema: { properties: { id: { type: 'integer' } } } });
  const many = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo '{\"type\":\"RECORD\",\"stream\":\"s\",\"record\":{\"id\":'$i'}}'; done";
  tap.run(schema('s', { id: { type: 'integer' } }), many, 'exec sleep 600');
  const begun = (await admin.want(202, 'POST', '/api/sources/cut/sync', {})) as { run: string };
  const staged = async (schema: string): Promise<number> => Number((await rows(`select count(*) from duckdb_tables() where schema_name = '${schema}'`))[0]?.[0]);
  await until('its rows', 60, async () => (await staged('cut')) !== 0 || undefined);
  // Of a source that is gone by then, too.
  const lost = new Tap(weir, 'lost');
  lost.catalog({ stream: 's', schema: { properties: { id: { type: 'integer' } } } });
  lost.run(schema('s', { id: { type: 'integer' } }), many, 'exec sleep 600');
  await admin.want(202, 'POST', '/api/sources/lost/sync', {});
  await until('its rows', 60, async () => (await staged('lost')) !== 0 || undefined);
  rmSync(path.join(weir.dir, 'sources/lost.yml'));
  const catalog = async (): Promise<string[]> => ((await admin.want(200, 'GET', '/api/schema')) as { tables: { schema: string; name: string }[] }).tables.filter((one) => one.schema === 'cut').map((one) => one.name);
  assert.deepEqual(await catalog(), [], 'a stage is no table of the catalog');
  await strike(weir, 'serve');
  admin = await Client.enter(weir, 'ada@example.com');
  const after = await told(begun.run);
  assert.deepEqual([after.state, after.status, (await runs('cut')).map(({ run: id }) => id)], ['done', 'failed', [begun.run]]);
  assert.match(after.error ?? '', /weir itself ended in the midst of this run/);
  assert.deepEqual((await rows("select run, stream, status from weir.loads where source = 'cut'")), [[begun.run, '*', 'failed']]);
  assert.deepEqual([await staged('cut'), await staged('lost')], [0, 0]);
  assert.match(await weir.in('source', 'list'), /cut.*failed/);
  tap.run(schema('s', { id: { type: 'integer' } }), record('s', { id: 1 }));
  assert.equal((await run('cut')).status, 'loaded');
  assert.deepEqual(await catalog(), ['s']);
  assert.doesNotMatch(await weir.in('source', 'list'), /cut.*failed/);
  await again();
  assert.equal((await runs('cut')).length, 2, 'and is told once');
});

test('a tap that fails waits longer each time, also when some rows were loaded before', async () => {
  const tap = new Tap(weir, 'late');
  tap.catalog({ stream: 's', schema: { properties: { id: { type: 'integer' } } }, key: ['id'] });
  tap.run(schema('s', { id: { type: 'integer' } }, ['id']), record('s', { id: 1 }), state({ bookmarks: { s: { at: 1 } } }), "echo 'too many requests' >&2", 'exit 1');
  writeFileSync(path.join(weir.dir, 'sources/late.yml'), tap.yml('config: {}\n', 'schedule: every 1s\nstreams: {s: {mode: merge, key: [id]}}\n'));
  await until('four failures', 120, async () => ((await runs('late')).filter(({ status }) => status === 'failed').length >= 4 ? true : undefined));
  assert.deepEqual(await rows('select id from late.s'), [[1]], 'its row is there');
  const next = await until('a run to come', 30, async () => {
    const one = (await admin.want(200, 'GET', '/api/sources/late')) as unknown as { run: string | null; next_at: string; latest: { ended_at: string } };
    const wait = Date.parse(one.next_at) - Date.parse(one.latest.ended_at);
    return one.run === null && wait > 0 ? wait : undefined; // else it is that of the run that ended
  });
  assert.ok(next >= 4000, `${next} ms`); // 16 s, shortened by up to a half
  rmSync(path.join(weir.dir, 'sources/late.yml'));
});

// Taps and sources of other authors, from PyPI, against files and a server of this machine. They are installed
// once, into a folder that stays (WEIR_TEST_TAPS, default ~/.cache/weir-taps); where that is not wanted or not
// possible, the test says that it tested nothing.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Weir, type Row } from '../node/weir.js';

const run = promisify(execFile);
const cache = process.env['WEIR_TEST_TAPS'] ?? path.join(homedir(), '.cache/weir-taps');
/** Airbyte's are hundreds of megabytes: they are only tested where somebody has put them. */
const installs = process.env['CI'] === 'true' || process.env['WEIR_TEST_TAPS'] !== undefined;

/** The program of a package, or why there is none. */
const program = async (name: string, version: string, executable: string, install: boolean): Promise<{ path?: string; missing?: string }> => {
  const dir = path.join(cache, `${name}-${version}`);
  const found = path.join(dir, 'bin', executable);
  if (existsSync(path.join(dir, 'whole'))) return { path: found };
  if (!install) return { missing: `${name} ${version} is not in ${cache}: NOT TESTED` };
  try {
    mkdirSync(cache, { recursive: true });
    rmSync(dir, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', '--without-pip', dir], { timeout: 60_000 });
    await run('python3', ['-m', 'pip', '--python', path.join(dir, 'bin/python'), 'install', '--quiet', '--no-input', '--disable-pip-version-check', `${name}==${version}`, 'setuptools<81'], { timeout: 120_000 });
    writeFileSync(path.join(dir, 'half'), '');
    renameSync(path.join(dir, 'half'), path.join(dir, 'whole'));
    return { path: found };
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    return { missing: `${name} cannot be installed: NOT TESTED (${String(error).slice(0, 200)})` };
  }
};

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  mkdirSync(cache, { recursive: true });
  appendFileSync(path.join(weir.dir, 'weir.yml'), `\nsource:\n  programs: [${realpathSync(cache)}]\n`);
});
after(() => weir.remove());

const source = (name: string, kind: string, executable: string, config: object): void =>
  writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: ${kind}\nconnection: ${JSON.stringify({ executable, config })}\n`);
const loads = async (name: string): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', name)) as { streams: { stream: string; mode: string; status: string; rows_read: number }[] };
  return streams.map(({ stream, mode, status, rows_read }) => `${stream} ${mode} ${status} ${rows_read}`).sort();
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('tap-jsonl: files by a tap of the Meltano SDK', async (t) => {
  const tap = await program('tap-jsonl', '0.3.1', 'tap-jsonl', installs);
  if (!tap.path) return t.skip(tap.missing);
  writeFileSync(path.join(weir.dir, 'people.jsonl'), '{"id":1,"name":"Ada"}\n{"id":2,"name":"Bob"}\n');
  source('jsonl', 'singer', tap.path, { path: path.join(weir.dir, 'people.jsonl'), stream_name: 'people', primary_keys: ['id'] });
  assert.deepEqual(await loads('jsonl'), ['people merge loaded 2']);
  writeFileSync(path.join(weir.dir, 'people.jsonl'), '{"id":2,"name":"Bea"}\n{"id":3,"name":"Cem"}\n');
  assert.deepEqual(await loads('jsonl'), ['people merge loaded 2']);
  assert.deepEqual(await rows('select id, name from jsonl.people order by id'), [{ id: 1, name: 'Ada' }, { id: 2, name: 'Bea' }, { id: 3, name: 'Cem' }]);
});

test('tap-rest-api-msdk: a server of this machine', async (t) => {
  const tap = await program('tap-rest-api-msdk', '1.4.2', 'tap-rest-api-msdk', installs);
  if (!tap.path) return t.skip(tap.missing);
  const server = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'application/json');
    answer.end(JSON.stringify({ data: [{ id: 1, price: 1.25, at: '2026-01-01T00:00:00Z' }, { id: 2, price: null, at: '2026-01-02T00:00:00Z' }] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  try {
    source('rest', 'singer', tap.path, { api_url: `http://127.0.0.1:${port}`, streams: [{ name: 'items', path: '/items', primary_keys: ['id'], records_path: '$.data[*]', num_inference_records: 10 }] });
    assert.deepEqual(await loads('rest'), ['items merge loaded 2']);
    assert.deepEqual(await rows('select id, price from rest.items order by id'), [{ id: 1, price: 1.25 }, { id: 2, price: null }]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('airbyte-source-faker: states and keys of an Airbyte source', async (t) => {
  const fake = await program('airbyte-source-faker', '7.2.1', 'source-faker', process.env['WEIR_TEST_TAPS'] !== undefined);
  if (!fake.path) return t.skip(fake.missing);
  source('faker', 'airbyte', fake.path, { count: 20, seed: 1 });
  assert.deepEqual(await loads('faker'), ['products merge loaded 20', 'purchases merge loaded 20', 'users merge loaded 20'].map((line) => (line.startsWith('products') ? 'products merge loaded 100' : line)));
  await loads('faker');
  assert.deepEqual(await rows('select count(*) as n, count(distinct id) as d from faker.users'), [{ n: 20, d: 20 }]);
});

// Taps and sources of other authors, from PyPI, against files and servers of this machine. They are installed
// once, into a folder that stays (WEIR_TEST_TAPS, default ~/.cache/weir-taps; half a gigabyte); where that is not
// possible, the test says that it tested nothing.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Docker, libraries } from '../node/docker.js';
import { Weir, type Row } from '../node/weir.js';

const run = promisify(execFile);
const cache = process.env['WEIR_TEST_TAPS'] ?? path.join(homedir(), '.cache/weir-taps');
/** The program of a package, or why there is none. */
const program = async (name: string, version: string, executable: string): Promise<{ path?: string; missing?: string }> => {
  const dir = path.join(cache, `${name}-${version}`);
  const found = path.join(dir, 'bin', executable);
  if (existsSync(path.join(dir, 'whole'))) return { path: found };
  try {
    mkdirSync(cache, { recursive: true });
    rmSync(dir, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', '--without-pip', dir], { timeout: 60_000 });
    await run('python3', ['-m', 'pip', '--python', path.join(dir, 'bin/python'), 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--retries', '1', '--timeout', '20', `${name}==${version}`, 'setuptools<81'], { timeout: 300_000 });
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
  appendFileSync(path.join(weir.dir, 'weir.yml'), `\nsource:\n  programs: [${realpathSync(cache)}, image]\n`);
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
  const tap = await program('tap-jsonl', '0.3.1', 'tap-jsonl');
  if (!tap.path) return t.skip(tap.missing);
  writeFileSync(path.join(weir.dir, 'people.jsonl'), '{"id":1,"name":"Ada"}\n{"id":2,"name":"Bob"}\n');
  source('jsonl', 'singer', tap.path, { path: path.join(weir.dir, 'people.jsonl'), stream_name: 'people', primary_keys: ['id'] });
  assert.deepEqual(await loads('jsonl'), ['people merge loaded 2']);
  writeFileSync(path.join(weir.dir, 'people.jsonl'), '{"id":2,"name":"Bea"}\n{"id":3,"name":"Cem"}\n');
  assert.deepEqual(await loads('jsonl'), ['people merge loaded 2']);
  assert.deepEqual(await rows('select id, name from jsonl.people order by id'), [{ id: 1, name: 'Ada' }, { id: 2, name: 'Bea' }, { id: 3, name: 'Cem' }]);
});

test('tap-rest-api-msdk: a server of this machine', async (t) => {
  const tap = await program('tap-rest-api-msdk', '1.4.2', 'tap-rest-api-msdk');
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
  const fake = await program('airbyte-source-faker', '7.2.1', 'source-faker');
  if (!fake.path) return t.skip(fake.missing);
  source('faker', 'airbyte', fake.path, { count: 20, seed: 1 });
  assert.deepEqual(await loads('faker'), ['products merge loaded 20', 'purchases merge loaded 20', 'users merge loaded 20']);
  await loads('faker');
  assert.deepEqual(await rows('select count(*) as n, count(distinct id) as d from faker.users'), [{ n: 20, d: 20 }]);
});

/** A connector without code, as Airbyte's builder makes them: pages of a server's items, by a cursor, for who has the token. */
const manifest = (url: string): object => ({
  version: '6.0.0',
  type: 'DeclarativeSource',
  check: { type: 'CheckStream', stream_names: ['items'] },
  streams: [
    {
      type: 'DeclarativeStream',
      name: 'items',
      primary_key: ['id'],
      retriever: {
        type: 'SimpleRetriever',
        requester: { type: 'HttpRequester', url_base: url, path: '/items', authenticator: { type: 'BearerAuthenticator', api_token: "{{ config['token'] }}" } },
        record_selector: { type: 'RecordSelector', extractor: { type: 'DpathExtractor', field_path: ['data'] } },
        paginator: { type: 'DefaultPaginator', page_token_option: { type: 'RequestOption', inject_into: 'request_parameter', field_name: 'page' }, pagination_strategy: { type: 'PageIncrement', page_size: 100 } },
      },
      incremental_sync: { type: 'DatetimeBasedCursor', cursor_field: 'updated_at', datetime_format: '%Y-%m-%dT%H:%M:%SZ', start_datetime: '2026-01-01T00:00:00Z', end_datetime: '2026-12-31T00:00:00Z', start_time_option: { type: 'RequestOption', inject_into: 'request_parameter', field_name: 'since' } },
      schema_loader: { type: 'InlineSchemaLoader', schema: { type: 'object', properties: { id: { type: 'integer' }, price: { type: 'number' }, updated_at: { type: 'string', format: 'date-time' }, tags: { type: 'array' } } } },
    },
  ],
  spec: { type: 'Spec', connection_specification: { type: 'object', required: ['token'], properties: { token: { type: 'string', title: 'Its token', airbyte_secret: true } } } },
});
const server = `const rows = Array.from({ length: 250 }, (_, i) => ({ id: i + 1, price: i / 4, updated_at: new Date(Date.UTC(2026, 0, 1) + i * 3600e3).toISOString().replace('.000Z', 'Z'), tags: [{ n: i }] }));
  const server = require('http').createServer((request, answer) => {
    const url = new URL(request.url, 'http://x');
    const since = url.searchParams.get('since') ?? '', page = Number(url.searchParams.get('page') ?? 0);
    answer.writeHead(request.headers.authorization === 'Bearer of the company' ? 200 : 401, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ data: rows.filter((row) => row.updated_at >= since).slice(page * 100, page * 100 + 100) }));
  });
  server.listen(0, '0.0.0.0', () => console.log(server.address().port));`;
const items = (name: string): Promise<Row[]> => rows(`select count(*) as n, sum(price) as price, max(updated_at) as last, max(tags->0->>'n') as tag from ${name}.items`);
const all = [{ n: 250, price: 7781.25, last: '2026-01-11T09:00:00Z', tag: '99' }];

test('source-declarative-manifest: a connector without code reads a server, by a cursor', async (t) => {
  const runs = await program('airbyte-source-faker', '7.2.1', 'source-declarative-manifest');
  if (!runs.path) return t.skip(runs.missing);
  const child = spawn(process.execPath, ['--eval', server], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await new Promise<string>((resolve) => child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim())));
    const config = { token: '${WEIR_SOURCE_TAPS}', __injected_declarative_manifest: manifest(`http://127.0.0.1:${port}`) };
    process.env['WEIR_SOURCE_TAPS'] = 'of nobody';
    source('api', 'airbyte', runs.path, config);
    await assert.rejects(loads('api'), /source-declarative-manifest: stream "items": Unauthorized/);
    process.env['WEIR_SOURCE_TAPS'] = 'of the company';
    assert.deepEqual(await loads('api'), ['items merge loaded 250']);
    assert.deepEqual(await items('api'), all);
    assert.deepEqual(await loads('api'), ['items merge loaded 1'], 'from its cursor on');
    // What no connector should do is told in its own words, and kept.
    source('api', 'airbyte', runs.path, { ...config, __injected_declarative_manifest: { ...manifest('http://x'), spec: undefined } });
    await assert.rejects(loads('api'), /Something went wrong.*: Unable to find spec\.yaml or spec\.json in the package\. \(all that it said is in/);
    assert.match(readFileSync(path.join(weir.dir, '.weir/taps/api/log'), 'utf8'), /"stack_trace":"Traceback/);
    source('api', 'airbyte', runs.path, { token: 'in clear', __injected_declarative_manifest: {} });
    await assert.rejects(loads('api'), /`token` must not stand in this file/);
  } finally {
    child.kill('SIGKILL');
  }
});

test('an image of that source reads a server of its machine', async (t) => {
  const runs = await program('airbyte-source-faker', '7.2.1', 'source-declarative-manifest');
  if (!runs.path) return t.skip(runs.missing);
  const docker = await Docker.start();
  if (typeof docker === 'string') return t.skip(docker);
  process.env['DOCKER_HOST'] = docker.host;
  try {
    const venv = path.dirname(path.dirname(runs.path));
    const python = path.join(venv, 'bin/python');
    const [stdlib = '', lib = ''] = (await run(python, ['-c', 'import sysconfig as s; print(s.get_path("stdlib")); print(s.get_config_var("LIBDIR"))'])).stdout.split('\n');
    const tmp = path.join(docker.dir, 'tmp');
    mkdirSync(tmp);
    chmodSync(tmp, 0o777);
    const objects = (await run('find', [path.join(stdlib, 'lib-dynload'), venv, '-name', '*.so*', '-type', 'f'])).stdout.split('\n').filter(Boolean);
    docker.import('acme/source-declarative:1.0', [stdlib, venv, ...libraries([realpathSync(python), ...objects]).filter((file) => !file.startsWith(venv))], [`ENTRYPOINT ["${python}", "${runs.path}"]`, `ENV LD_LIBRARY_PATH=${lib}`, 'ENV PYTHONDONTWRITEBYTECODE=1', 'USER 1000'], tmp, [`--exclude=${stdlib.slice(1)}/site-packages`, `--exclude=${stdlib.slice(1)}/test`, `--exclude=${venv.slice(1)}/lib64`]);
    const port = await docker.serve(server);
    writeFileSync(path.join(weir.dir, 'sources/image.yml'), `kind: airbyte\nconnection: ${JSON.stringify({ image: 'acme/source-declarative:1.0', config: { token: '${WEIR_SOURCE_TAPS}', __injected_declarative_manifest: manifest(`http://host.docker.internal:${port}`) } })}\n`);
    process.env['WEIR_SOURCE_TAPS'] = 'of the company';
    assert.deepEqual(await loads('image'), ['items merge loaded 250']);
    assert.deepEqual(await items('image'), all);
  } finally {
    await docker.stop();
  }
});

// docs/openapi.yaml is the contract of the API: every operation in it is called on a running server
// and answers as described; every route that the server has is described.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Call, type Checked, checkCall } from '../node/contract.js';
import { type Schema, Validator } from '../node/schema.js';
import { Weir, until } from '../node/weir.js';
import { parseYaml } from '../node/yaml.js';
import * as documents from './openapi/documents.js';

const text = readFileSync(path.resolve('docs/openapi.yaml'), 'utf8');
const contract = parseYaml(text) as Schema;
const validator = new Validator(contract);
const covered = new Set<string>();
const check = (call: Call): Promise<Checked> => checkCall({ weir, contract, validator, covered }, call);
const slow = 'select count(*) from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';
let weir: Weir;

before(async () => {
  weir = await Weir.init();
  await weir.up();
});
after(() => weir.remove());

const query = (body: unknown, status = 200): Promise<Checked> => check({ method: 'POST', path: '/api/query', body, status });

test('status, schema and the contract itself', async () => {
  await check({ method: 'GET', path: '/api/status', status: 200 });
  await check({ method: 'GET', path: '/api/schema', status: 200 });
  const { functions } = (await check({ method: 'GET', path: '/api/functions', status: 200 })).body as { functions: { name: string; table: boolean }[] };
  for (const [name, table] of [['date_trunc', false], ['jaro_winkler_similarity', false], ['unnest', true]] as const) assert.ok(functions.some((one) => one.name === name && one.table === table), name);
  assert.ok(!functions.some(({ name }) => /read_csv|getenv|current_setting|parquet/.test(name)), 'what a query may not call');
  const { body } = await check({ method: 'GET', path: '/api/openapi.yaml', status: 200 });
  assert.equal(body, text);
});

test('what the HTTP server itself refuses has the shape of an error of the API', async () => {
  const { host, port } = { host: weir.serve.split(':')[0], port: Number(weir.serve.split(':')[1]) };
  const cases: [string, number, string][] = [
    ['GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'invalid'],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431, 'too_big'],
    ['POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n', 413, 'too_big'],
    ['POST /api/query HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno', 400, 'invalid'],
    ['BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', 501, 'unsupported'],
  ];
  for (const [request, status, code] of cases) {
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = net.connect(port, host, () => socket.write(request));
      socket.on('data', (bytes) => (text += bytes.toString()));
      socket.once('end', () => { socket.end(); resolve(text); });
      socket.once('error', reject);
    });
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), request.slice(0, 40));
    assert.match(answer, /^X-Content-Type-Options: nosniff\r$/m);
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as unknown;
    assert.deepEqual(validator.check(body, { $ref: '#/components/schemas/Error' }), []);
    assert.equal((body as { error: { code: string } }).error.code, code);
  }
});

test('a query answers in every format of the contract', async () => {
  const formats = ((contract['components'] as Schema)['schemas'] as Schema)['Query'] as Schema;
  const names = ((formats['properties'] as Schema)['format'] as Schema)['enum'] as string[];
  assert.deepEqual(names, ['json', 'ndjson', 'csv', 'table', 'parquet', 'columns', 'xlsx']);
  for (const format of names) await query({ sql: "select 1 as n, 'x' as t", format });
  const { body } = await query({ sql: 'select $n + 1 as n, $t as t', params: { n: 41, t: { type: 'date', value: '2026-01-02' } } });
  assert.deepEqual((body as { rows: unknown }).rows, [[42, '2026-01-02']]);
  const placed = await query({ sql: 'select $2 || $1 as t', params: ['a', 'b'] });
  assert.deepEqual((placed.body as { rows: unknown }).rows, [['ba']]);
  const second = await query({ sql: 'select ? || ? as t', params: ['a', null] });
  assert.deepEqual((second.body as { rows: unknown }).rows, [[null]]);
});

test('a file is asked for and fetched as described', async () => {
  const { body } = await check({ method: 'POST', path: '/api/exports', body: { sql: 'select 1 as n', format: 'csv', filename: 'ones' }, status: 201 });
  const { url } = body as { url: string };
  const file = await check({ method: 'GET', path: '/api/exports/{token}/{filename}', target: url, status: 200 });
  assert.equal(file.body, 'n\n1\n');
  await check({ method: 'GET', path: '/api/exports/{token}/{filename}', target: url, status: 404 });
});

test('a report as a file is asked for as described', async () => {
  const { body: added } = await check({ method: 'POST', path: '/api/reports', body: { report: { title: 'On paper' }, queries: {} }, status: 201 });
  const report = (added as { id: string }).id;
  const { body } = await check({ method: 'POST', path: '/api/renders', body: { report, format: 'png', width: 800, values: { sport: ['rugby'] } }, status: 202 });
  const target = `/api/renders/${(body as { id: string }).id}`;
  await check({ method: 'GET', path: '/api/renders/{id}', target, status: 200 });
  await check({ method: 'DELETE', path: '/api/renders/{id}', target, status: 204 });
  await check({ method: 'GET', path: '/api/renders/{id}', target, status: 404 });
  await check({ method: 'GET', path: '/api/renders/{id}/file', target: `${target}/file`, status: 404 });
  await check({ method: 'DELETE', path: '/api/renders/{id}', target, status: 404 });
  await check({ method: 'POST', path: '/api/renders', body: { report: 'nobody0000' }, status: 404 });
  for (const wrong of [{ report, format: 'gif' }, { report, width: 1 }, { report, landscape: 'no' }, { report, values: [] }, { report, more: 1 }, {}]) {
    await check({ method: 'POST', path: '/api/renders', body: wrong, status: 400 });
  }
  await check({ method: 'DELETE', path: '/api/reports/{id}', target: `/api/reports/${report}`, status: 204 });
});

test('embedding answers as described while it is off', async () => {
  await check({ method: 'GET', path: '/api/embed', status: 400 });
  await check({ method: 'GET', path: '/api/embeds', status: 200 });
  await check({ method: 'POST', path: '/api/embeds', body: { report: 'nobody0000' }, status: 403 });
});

test('uploads answer as described', async () => {
  const type = 'text/csv';
  await check({ method: 'POST', path: '/api/uploads', target: '/api/uploads?name=costs', body: 'a,b\n1,x\n2\n', type, status: 201 });
  await check({ method: 'POST', path: '/api/uploads', target: '/api/uploads?name=costs', body: 'a\n', type, status: 409 });
  await check({ method: 'POST', path: '/api/uploads', target: '/api/uploads?name=Costs', body: 'a\n', type, status: 400 });
  await check({ method: 'POST', path: '/api/uploads', target: '/api/uploads?name=other', body: 'a\n', type: 'text/plain', status: 415 });
  await check({ method: 'PUT', path: '/api/uploads/{name}', target: '/api/uploads/costs', body: 'c\n1\n', type, status: 200 });
  await check({ method: 'PUT', path: '/api/uploads/{name}', target: '/api/uploads/nobody', body: 'c\n1\n', type, status: 404 });
  await check({ method: 'GET', path: '/api/uploads', status: 200 });
  await check({ method: 'DELETE', path: '/api/uploads/{name}', target: '/api/uploads/costs', status: 204 });
  await check({ method: 'DELETE', path: '/api/uploads/{name}', target: '/api/uploads/costs', status: 404 });
});

test('the example in the contract works', async () => {
  const post = ((contract['paths'] as Schema)['/api/query'] as Schema)['post'] as Schema;
  const media = ((post['requestBody'] as Schema)['content'] as Schema)['application/json'] as Schema;
  assert.deepEqual(validator.check(media['example'], media['schema'] as Schema), []);
  const { body } = await query(media['example']);
  assert.deepEqual((body as { rows: unknown }).rows, [[1]]);
});

test('a template is compiled and run as described', async () => {
  const compile = (body: unknown, status = 200): Promise<{ body: unknown; headers: Headers }> =>
    check({ method: 'POST', path: '/api/compile', body, status });
  const form = '{% form %}\ns: {type: select, options: [[A, a], [B, b]], default: a}\nm: {type: multiselect, options: {query: q, value: v}}\n{% endform %}';
  await compile({ sql: `select {{ s }}, {{ n }} where [x=m] and [t=daterange] ${form}`, values: { n: 1 } });
  const { body } = await compile({ sql: 'select {{ nobody }}', values: {} });
  assert.equal((body as { sql: unknown }).sql, null);
  await compile({ sql: 'select 1', values: 1 }, 400);
  await compile({}, 400);
  await compile({ report: 'nothing123', query: 'q' }, 404);
  const run = await query({ sql: 'select {{ n }} + 1 as n', values: { n: 41 } });
  assert.deepEqual((run.body as { rows: unknown }).rows, [[42]]);
});

test('errors are answered as described', async () => {
  const { body } = await query({ sql: 'select\n  nope' }, 400);
  assert.deepEqual((body as { error: { position: unknown } }).error.position, { offset: 9, line: 2, column: 3 });
  await query({ sql: 'drop table x' }, 403);
  await query({ sql: 'select 1', nonsense: true }, 400);
  await query({ sql: 'select 1', limits: { rows: -1 } }, 400);
  await query({ sql: 'select 1', format: 'xml' }, 400);
  await query({}, 400);
  await query('{', 400);
  await query('[]', 400);
  await query({ sql: 'select $x', params: { x: { type: 'int', value: 'many' } } }, 400);
  await query({ sql: slow, limits: { timeout: 0.1 } }, 504);
  await query({ sql: 'select i from range(1000) t(i)', format: 'parquet', limits: { bytes: 10 } }, 413);
  await check({ method: 'POST', path: '/api/query', body: { sql: 'select 1' }, type: 'text/plain', status: 415 });
});

test('a client that stops reading holds no query beyond its time', async () => {
  const response = await fetch(`http://${weir.serve}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: "select repeat('x', 1000) from range(1000000)", format: 'csv', limits: { timeout: 1 } }),
  });
  const id = response.headers.get('x-weir-query-id') ?? '';
  const state = async (): Promise<string> => {
    const { body } = await check({ method: 'GET', path: '/api/query/{id}', target: `/api/query/${id}`, status: 200 });
    return (body as { state: string }).state;
  };
  await until('the query to end', 30, async () => (await state()) === 'failed' || undefined);
  await assert.rejects(response.text());
});

test('limits cut the result and say so', async () => {
  const { body, headers } = await query({ sql: 'from range(10)', limits: { rows: 3 } });
  assert.deepEqual(
    { ...(body as object), elapsed_ms: 0, columns: 0 },
    { columns: 0, rows: [[0], [1], [2]], row_count: 3, truncated: true, elapsed_ms: 0 },
  );
  const id = headers.get('x-weir-query-id') ?? '';
  const asked = await check({ method: 'GET', path: '/api/query/{id}', target: `/api/query/${id}`, status: 200 });
  assert.deepEqual((asked.body as { state: string; truncated: boolean }).state, 'done');
  assert.deepEqual((asked.body as { state: string; truncated: boolean }).truncated, true);
});

test('a kept result is told from a computed one, and what the caller has is not sent again', async () => {
  const body = { sql: 'select 7 as kept', fresh: true };
  assert.equal((await query(body)).headers.get('weir-cached'), 'false');
  const { headers } = await query({ ...body, fresh: false });
  assert.equal(headers.get('weir-cached'), 'true');
  await query({ ...body, fresh: false, known: headers.get('etag') }, 304);
});

test('a query is asked about and canceled', async () => {
  // Rows flow for as long as they are taken: the head, with the id, is there at once.
  const response = await fetch(`http://${weir.serve}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: "select i, repeat('x', 1000) from range(100000000) t(i)", format: 'ndjson' }),
  });
  const id = response.headers.get('x-weir-query-id') ?? '';
  const target = `/api/query/${id}`;
  const running = await check({ method: 'GET', path: '/api/query/{id}', target, status: 200 });
  assert.equal((running.body as { state: string }).state, 'running');
  const all = (await check({ method: 'GET', path: '/api/queries', status: 200 })).body as { running: { id: string }[] };
  assert.deepEqual(all.running.map((one) => one.id), [id]);
  await check({ method: 'DELETE', path: '/api/queries/{id}', target: `/api/queries/${id}`, status: 204 });
  await assert.rejects(response.text(), 'a canceled result must not look whole');
  const ended = await until('the end of the query', 20, async () => {
    const { body } = await check({ method: 'GET', path: '/api/query/{id}', target, status: 200 });
    return (body as { state: string }).state === 'failed' ? (body as { error: string }) : undefined;
  });
  assert.equal(ended.error, 'canceled');
  for (const unknown of ['0123456789abcdef', 'nonsense']) {
    await check({ method: 'GET', path: '/api/query/{id}', target: `/api/query/${unknown}`, status: 404 });
    await check({ method: 'DELETE', path: '/api/query/{id}', target: `/api/query/${unknown}`, status: 404 });
    await check({ method: 'DELETE', path: '/api/queries/{id}', target: `/api/queries/${unknown}`, status: 404 });
  }
});

test('a client that goes away stops its query', async () => {
  const abort = new AbortController();
  const response = await fetch(`http://${weir.serve}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: "select i, repeat('x', 1000) from range(100000000) t(i)", format: 'ndjson' }),
    signal: abort.signal,
  });
  const id = response.headers.get('x-weir-query-id') ?? '';
  abort.abort();
  await response.text().catch(() => undefined);
  await until('the end of the query', 20, async () => {
    const { body } = await check({ method: 'GET', path: '/api/query/{id}', target: `/api/query/${id}`, status: 200 });
    return (body as { state: string }).state === 'failed' ? true : undefined;
  });
});

test('a plan is told, and what is in a table', async () => {
  const explain = (body: unknown, status = 200): Promise<{ body: unknown; headers: Headers }> => check({ method: 'POST', path: '/api/explain', body, status });
  const { body } = await explain({ sql: 'select i, count(*) as n from range($n) t(i) where i > 3 group by all order by 2', params: { n: 10 } });
  assert.equal((body as { plan: { name: string } }).plan.name, 'Sort');
  await explain({ sql: 'select {{ n }} as n', values: { n: 1 } });
  const wrong = await explain({ sql: 'select\n  nope' }, 400);
  assert.deepEqual((wrong.body as { error: { position: unknown } }).error.position, { offset: 9, line: 2, column: 3 });
  await explain({ sql: 'select 1; select 2' }, 403);
  const look = (name: string, status = 200): Promise<{ body: unknown; headers: Headers }> => check({ method: 'GET', path: '/api/tables/{name}', target: `/api/tables/${name}`, status });
  assert.ok(((await look('weir.load_state')).body as { rows: number }).rows > 0);
  await look('weir.nothing', 404);
});

test('what was run is told afterwards', async () => {
  await query({ sql: 'select {{ n }} as history', values: { n: 1 } });
  const told = await until('the run', 20, async () => {
    const { body } = await check({ method: 'GET', path: '/api/history', target: '/api/history?limit=1&q=as%20history', status: 200 });
    return (body as { runs: { rows: number }[] }).runs[0];
  });
  assert.equal(told.rows, 1);
  await check({ method: 'GET', path: '/api/history', target: '/api/history?limit=none', status: 400 });
});

test('a replay runs and reports', async () => {
  await check({ method: 'POST', path: '/api/replay', body: { nonsense: 1 }, status: 400 });
  await check({ method: 'POST', path: '/api/replay', body: { dry_run: true }, status: 202 });
  const state = await until('the replay', 60, async () => {
    const { body } = await check({ method: 'GET', path: '/api/replay', status: 200 });
    const found = (body as { state: string }).state;
    return found === 'running' ? undefined : found;
  });
  assert.equal(state, 'done');
});

test('sources are made, looked into, run and removed', async () => {
  writeFileSync(path.join(weir.dir, 'orders.csv'), 'id,n\n1,2\n');
  await check({ method: 'GET', path: '/api/connectors', status: 200 });
  const body = { name: 'files', kind: 'file', connection: { path: 'orders.csv' } };
  await check({ method: 'POST', path: '/api/sources', body: { ...body, dry_run: true }, status: 200 });
  const preview = { method: 'POST', path: '/api/sources/{name}/preview', target: '/api/sources/files/preview' } as const;
  await check({ ...preview, body: { kind: 'file', connection: body.connection, stream: 'orders' }, status: 200 });
  await check({ ...preview, body: { stream: 'orders' }, status: 404 });
  await check({ method: 'POST', path: '/api/sources', body, status: 201 });
  await check({ method: 'POST', path: '/api/sources', body, status: 409 });
  await check({ method: 'POST', path: '/api/sources', body: { ...body, kind: 'nonsense' }, status: 400 });
  await check({ method: 'POST', path: '/api/sources', body: { ...body, dry_run: true, connection: { path: '/etc/passwd' } }, status: 403 });
  await check({ method: 'GET', path: '/api/sources', status: 200 });
  await check({ ...preview, body: { stream: 'orders' }, status: 200 });
  await check({ method: 'GET', path: '/api/sources/{name}', target: '/api/sources/files', status: 200 });
  await check({ method: 'GET', path: '/api/sources/{name}', target: '/api/sources/nothing', status: 404 });
  await check({ method: 'PATCH', path: '/api/sources/{name}', target: '/api/sources/files', body: { streams: { orders: { mode: 'merge', key: ['id'] } } }, status: 200 });
  for (const what of ['check', 'discover', 'pause', 'resume']) {
    await check({ method: 'POST', path: `/api/sources/{name}/${what}`, target: `/api/sources/files/${what}`, body: {}, status: 200 });
    await check({ method: 'POST', path: `/api/sources/{name}/${what}`, target: `/api/sources/nothing/${what}`, body: {}, status: 404 });
  }
  const { body: begun } = await check({ method: 'POST', path: '/api/sources/{name}/sync', target: '/api/sources/files/sync', body: {}, status: 202 });
  const target = `/api/runs/${(begun as { run: string }).run}`;
  const status = await until('the run', 60, async () => {
    const { body: run } = await check({ method: 'GET', path: '/api/runs/{id}', target, status: 200 });
    return (run as { report: { status: string } | null }).report?.status;
  });
  assert.equal(status, 'loaded');
  await check({ method: 'DELETE', path: '/api/runs/{id}', target, status: 404 });
  const { body: compared } = await check({ method: 'POST', path: '/api/sources/{name}/verify', target: '/api/sources/files/verify', body: { stream: 'orders', repair: true }, status: 202 });
  await until('its end', 60, async () => {
    const { body: run } = await check({ method: 'GET', path: '/api/runs/{id}', target: `/api/runs/${(compared as { run: string }).run}`, status: 200 });
    return (run as { state: string }).state === 'done' ? true : undefined;
  });
  await check({ method: 'GET', path: '/api/sources/{name}/runs', target: '/api/sources/files/runs', status: 200 });
  await check({ method: 'GET', path: '/api/sources', status: 200 });
  await check({ method: 'DELETE', path: '/api/sources/{name}', target: '/api/sources/web', status: 400 });
  await check({ method: 'DELETE', path: '/api/sources/{name}', target: '/api/sources/files', status: 204 });
  rmSync(path.join(weir.dir, 'orders.csv')); // the repository's status is looked at below
});

test('names and pages that are not ours are turned away', async () => {
  const get = async (headers: Record<string, string>, target = '/api/status'): Promise<number> => {
    const { request } = await import('node:http');
    const [host, port] = weir.serve.split(':');
    return new Promise((resolve, reject) => {
      const req = request({ host, port, path: target, headers }, (res) => {
        res.resume();
        resolve(res.statusCode ?? 0);
      });
      req.on('error', reject);
      req.end();
    });
  };
  assert.equal(await get({ host: 'evil.example' }), 421);
  assert.equal(await get({ host: 'localhost:1' }), 200);
  assert.equal(await get({ host: '[::1]:80' }), 200);
  assert.equal(await get({ host: 'localhost.evil.example' }), 421);
  assert.equal(await get({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await get({ 'sec-fetch-site': 'same-origin' }), 200);
  assert.equal(await get({}, '/'), 200);
  assert.equal(await get({}, '/health'), 200);
  assert.equal(await get({}, '/metrics'), 200);
  assert.equal(await get({}, '/nope'), 404);
});

test('one call that asks for too much memory fails alone', async () => {
  const small = await Weir.init();
  try {
    writeFileSync(path.join(small.dir, 'weir.yml'), 'query:\n  max_memory: 512MB\n');
    await small.up();
    const response = await fetch(`http://${small.serve}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'select len(list_resize([1], 1000000000))' }),
    });
    assert.equal(response.status, 500);
    assert.match(await response.text(), /"no_memory".*allocate/); // before it was taken, not after
    assert.equal((await fetch(`http://${small.serve}/health`)).status, 200);
  } finally {
    await small.remove();
  }
});

test('the token is asked for when the settings say so', async () => {
  const guarded = await Weir.init();
  try {
    writeFileSync(path.join(guarded.dir, 'weir.yml'), 'serve:\n  require_token: true\n');
    await guarded.up();
    const token = readFileSync(path.join(guarded.dir, '.weir/secrets/api_token'), 'utf8').trim();
    const status = async (authorization?: string): Promise<number> => {
      const response = await fetch(`http://${guarded.serve}/api/status`, authorization ? { headers: { authorization } } : {});
      await response.arrayBuffer();
      return response.status;
    };
    assert.equal(await status(), 401);
    assert.equal(await status('Bearer wrong'), 401);
    assert.equal(await status(`Bearer ${token}x`), 401);
    assert.equal(await status(`Basic ${token}`), 401);
    assert.equal(await status(`Bearer ${token}`), 200);
    assert.match(await guarded.in('query', 'select 1 as one', '--format', 'csv'), /^one\n1\n$/); // the socket is enough
  } finally {
    await guarded.remove();
  }
});

test('reports', () => documents.reports(check));
test('views, snippets and definitions', () => documents.parts(check));
test('the repository', () => documents.repository(check));
test('drafts are kept', () => documents.drafts(check));

test('changes are told as they happen', async () => {
  const abort = new AbortController();
  const response = await fetch(`http://${weir.serve}/api/changes`, { signal: abort.signal });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  covered.add('GET /api/changes');
  const reader = response.body?.getReader();
  let told = '';
  const decoder = new TextDecoder();
  const heard = async (what: RegExp): Promise<void> => {
    const deadline = AbortSignal.timeout(20_000);
    while (!what.test(told)) {
      deadline.throwIfAborted();
      const part = await reader?.read();
      if (!part || part.done) throw new Error(`the stream ended after ${told}`);
      told += decoder.decode(part.value, { stream: true });
    }
  };
  const events = await fetch(`http://${weir.serve}/api/events/live`, { signal: abort.signal });
  assert.equal(events.status, 200);
  assert.equal(events.headers.get('content-type'), 'text/event-stream');
  covered.add('GET /api/events/live');
  mkdirSync(path.join(weir.dir, 'views'), { recursive: true });
  writeFileSync(path.join(weir.dir, 'views', 'by_hand.sql'), 'select 1\n');
  await heard(/"document":"view","id":"by_hand","version":"[0-9a-f]{40}","by":""/);
  const made = (await check({ method: 'POST', path: '/api/reports', body: { report: { title: 'Told' } }, status: 201 })).body as { id: string; version: string };
  await heard(new RegExp(`"document":"report","id":"${made.id}","version":"${made.version}","by":"[^"]+"`));
  abort.abort();
});

test('people, groups, tokens and the audit log', async () => {
  interface Made {
    id: string;
    link: string;
    secret: string;
    csrf: string;
  }
  const json = async (call: Call): Promise<Made> => (await check(call)).body as Made;
  const password = 'four random words';
  await check({ method: 'GET', path: '/api/setup', status: 200 });
  await check({ method: 'GET', path: '/api/session', status: 200 }); // the owner, by loopback
  const { link } = await json({ method: 'POST', path: '/api/setup/link', body: {}, status: 200 });
  const token = link.split('#')[1];
  const ada = { email: 'ada@example.com', name: 'Ada', password };
  await check({ method: 'POST', path: '/api/setup', body: { ...ada, token: 'wrong' }, status: 403 });
  await check({ method: 'POST', path: '/api/setup', body: { ...ada, token, password: 'short' }, status: 400 });
  await check({ method: 'POST', path: '/api/setup', body: { ...ada, token }, status: 200 });
  await check({ method: 'GET', path: '/api/status', status: 401 });
  await check({ method: 'POST', path: '/api/session', body: { email: ada.email, password: 'wrong' }, status: 401 });
  const entered = await check({ method: 'POST', path: '/api/session', body: { email: ada.email, password }, status: 200 });
  let headers: Record<string, string> = {};
  const enter = (answer: { body: unknown; headers: Headers }): void => {
    headers = { cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '', 'x-weir-csrf': (answer.body as Made).csrf };
  };
  enter(entered);
  await check({ method: 'GET', path: '/api/session', headers, status: 200 });
  enter(await check({ method: 'PATCH', path: '/api/session', headers, body: { name: 'Ada L.', preferences: { theme: 'dark' }, password: { old: password, new: `${password}!` } }, status: 200 }));

  const bob = await json({ method: 'POST', path: '/api/people', headers, body: { email: 'bob@example.com', name: 'Bob', attributes: { sports: ['rugby'] } }, status: 201 });
  await check({ method: 'POST', path: '/api/people', headers, body: { email: 'BOB@example.com', name: 'Bob' }, status: 409 });
  await check({ method: 'GET', path: '/api/people', headers, status: 200 });
  await check({ method: 'GET', path: '/api/people/{id}', target: `/api/people/${bob.id}`, headers, status: 200 });
  await check({ method: 'GET', path: '/api/people/{id}', target: '/api/people/nobody', headers, status: 404 });
  await check({ method: 'PATCH', path: '/api/people/{id}', target: `/api/people/${bob.id}`, headers, body: { role: 'editor' }, status: 200 });
  const invited = await json({ method: 'POST', path: '/api/people/{id}/invite', target: `/api/people/${bob.id}/invite`, headers, body: {}, status: 200 });
  await check({ method: 'POST', path: '/api/invite', body: { token: invited.link.split('#')[1], name: 'Bobby', password }, status: 200 });

  const tables = [{ schema: 'web', table: '*', rows: 'sport in (user.sports)', hidden: ['email'], masked: ['name'] }];
  const group = await json({ method: 'POST', path: '/api/groups', headers, body: { name: 'rugby', members: [bob.id], tables, collections: [{ collection: 'company', level: 'edit' }] }, status: 201 });
  await check({ method: 'GET', path: '/api/groups', headers, status: 200 });
  const { body: read } = await check({ method: 'GET', path: '/api/groups/{id}', target: `/api/groups/${group.id}`, headers, status: 200 });
  assert.deepEqual(read, { id: group.id, name: 'rugby', description: '', builtin: false, members: [bob.id], tables, home: null, collections: [{ collection: 'company', level: 'edit' }] });
  const put = await check({ method: 'PUT', path: '/api/groups/{id}', target: `/api/groups/${group.id}`, headers, body: read, status: 200 });
  assert.deepEqual(put.body, read); // what was read can be written
  await check({ method: 'DELETE', path: '/api/groups/{id}', target: `/api/groups/${group.id}`, headers, status: 204 });
  await check({ method: 'DELETE', path: '/api/groups/{id}', target: '/api/groups/everyone', headers, status: 403 });

  const made = await json({ method: 'POST', path: '/api/tokens', headers, body: { name: 'ci', scopes: ['query'] }, status: 201 });
  await check({ method: 'GET', path: '/api/tokens', headers, status: 200 });
  await check({ method: 'DELETE', path: '/api/tokens/{id}', target: `/api/tokens/${made.id}`, headers, status: 204 });
  const { body: log } = await check({ method: 'GET', path: '/api/audit', target: '/api/audit?limit=500', headers, status: 200 });
  const actions = (log as { entries: { action: string }[] }).entries.map((entry) => entry.action);
  for (const action of ['setup', 'session.refused', 'session.add', 'person.password', 'person.add', 'person.change', 'person.invite', 'person.join', 'group.add', 'group.change', 'group.remove', 'token.add', 'token.remove']) assert.ok(actions.includes(action), action);
  await check({ method: 'DELETE', path: '/api/people/{id}', target: `/api/people/${bob.id}`, headers, status: 204 });
  await check({ method: 'DELETE', path: '/api/session', headers, status: 204 });
  await check({ method: 'GET', path: '/api/session', headers, status: 401 });
});

test('every operation of the contract was called', () => {
  const all = Object.entries(contract['paths'] as Schema).flatMap(([name, item]) =>
    ['get', 'post', 'put', 'patch', 'delete'].filter((method) => (item as Schema)[method]).map((method) => `${method.toUpperCase()} ${name}`),
  );
  assert.ok(all.length > 7);
  assert.deepEqual([...covered].sort(), all.sort());
});

// The reverse, that every route of the server is described, is tools/check-docs.

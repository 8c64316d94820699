// POST /api/page: one request for all queries of a report.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, setUp } from '../node/client.js';
import { askPage, readPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let viewer: Client;

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'warehouse:\n  memory: 512MB\ncache:\n  warm: 0 # which would run the slow ones again\n', { flag: 'a' });
  await weir.up();
  admin = await setUp(weir);
  viewer = (await join(admin, 'vera@example.com')).client;
});
after(() => weir.remove());

const slow = 'select count(*) as n from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';

async function report(queries: Record<string, string>, parameters: object[] = []): Promise<string> {
  const ids = Object.keys(queries).map((id) => ({ id }));
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Page', parameters, queries: ids, tiles: [] }, queries });
  return String(made['id']);
}

const running = async (): Promise<number> => Number(/^weir_queries_running (\d+)/m.exec((await admin.ask('GET', '/metrics')).text)?.[1]);

test('all queries of a report come in one answer, with its values', async () => {
  const id = await report({ one: 'select {{ n }} + 1 as n', two: "select i, 'x' || i as t, i % 2 = 0 as b from range(3) t(i)", none: 'select 1 as n where false' }, [{ name: 'n', type: 'number', default: 1 }]);
  const page = await askPage(admin, { report: id, values: { n: 41 } });
  assert.deepEqual(page.parts.map((part) => part.rows), [[[42]], [[0, 'x0', true], [1, 'x1', false], [2, 'x2', true]], []]);
  assert.deepEqual(page.parts.map((part) => part.head?.query), ['one', 'two', 'none']);
  const [first] = (await askPage(viewer, { report: id, queries: ['two', 'one'] })).parts;
  assert.equal(first?.rows?.length, 3);
  assert.equal(first?.head?.query, 'two');
  assert.deepEqual((await askPage(viewer, { report: id, queries: [] })).parts, []);
});

test('a query that fails is an error of its own, at its place in the template', async () => {
  const id = await report({ good: 'select 1 as n', bad: 'select\n  nope', worse: 'select {{ nobody }}' });
  const { parts } = await askPage(admin, { report: id, queries: ['bad', 'good', 'worse', 'missing'] });
  assert.equal(parts[0]?.error?.code, 'invalid');
  assert.deepEqual(parts[0]?.error?.position, { offset: 9, line: 2, column: 3 });
  assert.deepEqual(parts[1]?.rows, [[1]]);
  assert.match(parts[2]?.error?.message ?? '', /nobody/);
  assert.equal(parts[3]?.error?.code, 'not_found');
});

test('a result that is known is not sent again', async () => {
  const id = await report({ q: 'select i from range(1000) t(i)', r: 'select random() as r' });
  const first = await askPage(admin, { report: id });
  const known = { q: first.parts[0]?.head?.etag, r: first.parts[1]?.head?.etag };
  const second = await askPage(admin, { report: id, known });
  assert.equal(second.parts[0]?.same?.etag, known.q);
  assert.equal(second.parts[0]?.rows, undefined);
  assert.notEqual(second.parts[1]?.head?.etag, known.r);
  assert.equal(second.parts[1]?.rows?.length, 1);
});

test('what is wrong with the whole page is an ordinary error', async () => {
  const id = await report({ q: 'select 1' });
  for (const [body, status] of [
    [{ report: 'nothing123' }, 404],
    [{}, 400],
    [{ report: id, nonsense: 1 }, 400],
    [{ report: id, queries: [1] }, 400],
    [{ report: id, known: { q: 1 } }, 400],
    [{ report: id, values: [] }, 400],
    [{ report: id, version: 'nothing' }, 404],
    [{ report: id, time_zone: 'Mars/Olympus' }, 400],
    [{ report: id, queries: Array.from({ length: 1001 }, () => 'q') }, 413],
  ] as const) {
    const answer = await admin.ask('POST', '/api/page', body);
    assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 80)}: ${answer.text.slice(0, 200)}`);
  }
});

test('equal queries run once, and go on while anybody waits for them', async () => {
  const id = await report({ a: `${slow} and 1 = 1`, b: `${slow} and 1 = 1`, quick: 'select 1 as n' });
  const open = (): { abort: () => void; heard: Promise<Buffer> } => {
    const [host, port] = weir.serve.split(':');
    const body = JSON.stringify({ report: id });
    let request: http.ClientRequest;
    const heard = new Promise<Buffer>((resolve, reject) => {
      request = http.request({ host, port, method: 'POST', path: '/api/page', headers: { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'application/json', 'content-length': body.length } }, (response) => {
        response.once('data', (bytes: Buffer) => resolve(bytes)); // the quick one, long before the slow ones
        response.on('error', () => undefined);
      });
      request.on('error', reject);
      request.end(body);
    });
    heard.catch(() => undefined);
    return { abort: () => request.destroy(), heard };
  };
  const one = open();
  const two = open();
  await one.heard;
  await two.heard;
  await until('the slow query to run', 20, async () => (await running()) === 1 || undefined);
  one.abort();
  // The other page still waits: a third one joins the same run.
  const three = open();
  await three.heard;
  assert.equal(await running(), 1);
  two.abort();
  three.abort();
  await until('the query to be canceled', 20, async () => (await running()) === 0 || undefined);
});

test('a page of many slow and quick queries, many times at once', async () => {
  const queries = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`q${i}`, `select ${i} as n, count(*) as c from range(${100_000 + i}) t(i)`]));
  const id = await report(queries);
  const pages = await Promise.all(Array.from({ length: 30 }, () => askPage(admin, { report: id })));
  for (const page of pages) {
    assert.deepEqual(page.parts.map((part) => part.rows?.[0]), Array.from({ length: 20 }, (_, i) => [i, 100_000 + i]));
  }
});

test('a client that reads slowly gets all of a large page, and holds no worker', async () => {
  const id = await report({ big: "select i, repeat('x', 1000) as t from range(10000) t(i)", also: "select i, repeat('y', 1000) as t from range(10000) t(i)", cut: "select i, repeat('z', 1000) as t from range(100000) t(i)" });
  const [host, port] = weir.serve.split(':');
  const body = JSON.stringify({ report: id });
  const chunks: Buffer[] = [];
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({ host, port, method: 'POST', path: '/api/page', headers: { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'application/json', 'content-length': body.length } }, resolve);
    request.on('error', reject);
    request.end(body);
  });
  await until('the workers to be free', 20, async () => (await running()) === 0 || undefined); // nothing was read yet
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { parts } = readPage(Buffer.concat(chunks));
  assert.deepEqual([parts[0]?.rows?.length, parts[1]?.rows?.length], [10_000, 10_000]);
  assert.equal(parts[2]?.truncated, true);
  assert.ok((parts[2]?.rows?.length ?? 0) > 10_000);
});

test('a tile that eats memory fails alone', async () => {
  const id = await report({ eats: 'select list(i order by i desc) as l from range(300000000) t(i)', quick: 'select 1 as n', other: 'select 2 as n' });
  const { parts } = await askPage(admin, { report: id });
  assert.ok(parts[0]?.error, 'it is more than there is');
  assert.deepEqual([parts[1]?.rows, parts[2]?.rows], [[[1]], [[2]]]);
  assert.deepEqual((await askPage(viewer, { report: id, queries: ['quick'] })).parts[0]?.rows, [[1]]);
});

test('the head of a result says which filters reach it, also when it is found again', async () => {
  await admin.want(201, 'PUT', '/api/views/reached', { sql: 'select {{ inner }} as a' });
  await admin.want(201, 'PUT', '/api/snippets/reached', { sql: '{{ snipped }}' });
  const names = ['inner', 'snipped', 'cond', 'yes', 'no', 'dates', 'unused'];
  const made = await admin.want(201, 'POST', '/api/reports', {
    report: { title: 'Reach', parameters: names.map((name) => (name === 'dates' ? { name, type: 'daterange', default: 'last 7 days' } : { name, type: 'text', default: 'x' })), queries: ['none', 'through', 'branch', 'range', 'wrong'].map((id) => ({ id })), tiles: [] },
    queries: { none: 'select 7 as n', through: "select * from [reached] where a = '[reached]' or true or [reached] = ''", branch: "select {% if cond == 'x' %} {{ yes }} {% else %} {{ no }} {% endif %} as v", range: "select 1 as n where timestamp '2020-01-01' < [dates_start]", wrong: 'select {{ yes }} from nowhere' },
  });
  const ask = async (values: object): Promise<unknown[]> => (await askPage(admin, { report: String(made['id']), values })).parts.map((part) => part.head?.params);
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await ask({}), [[], ['inner', 'snipped'], ['cond', 'yes'], ['dates'], undefined]);
    assert.deepEqual(await ask({ cond: 'other' }), [[], ['inner', 'snipped'], ['cond', 'no'], ['dates'], undefined]);
  }
});

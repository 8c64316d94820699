// The exact cache: used while nothing changed, by whoever would be shown the same, and never longer.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, send, setUp } from '../node/client.js';
import { type Part, askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';
import { strike } from '../crash/strike.js';

let weir: Weir;
let admin: Client;
let rugby: Client;
let hockey: Client;
let rugbyId = '';
let group: Record<string, unknown> = {};

async function upload(name: string, csv: string, method = 'POST'): Promise<void> {
  const target = method === 'POST' ? `/api/uploads?name=${name}` : `/api/uploads/${name}`;
  const answer = await send(weir, method, target, { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' }, csv);
  assert.ok(answer.status < 300, answer.text);
}

async function report(queries: Record<string, string>, parameters: object[] = []): Promise<string> {
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Cached', parameters, queries: Object.keys(queries).map((id) => ({ id })), tiles: [] }, queries });
  return String(made['id']);
}

async function first(who: Client, body: object): Promise<Part & { cached: boolean | undefined }> {
  const [part] = (await askPage(who, body)).parts;
  assert.ok(part && !part.error, JSON.stringify(part?.error));
  return { ...part, cached: part.head?.cached };
}

const counters = async (): Promise<Record<string, number>> => (await admin.want(200, 'GET', '/api/cache')) as Record<string, number>;

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'cache:\n  worth: 0s\n  warm: 0\n', { flag: 'a' });
  await weir.up();
  admin = await setUp(weir);
  await upload('games', 'sport,n\nrugby,1\nrugby,2\nhockey,10\n');
  await upload('other', 'n\n1\n');
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [] });
  const one = await join(admin, 'rugby@example.com', { attributes: { sports: ['rugby'] } });
  const two = await join(admin, 'hockey@example.com', { attributes: { sports: ['hockey'] } });
  [rugby, hockey, rugbyId] = [one.client, two.client, one.id];
  group = await admin.want(201, 'POST', '/api/groups', { name: 'sports', members: [one.id, two.id], tables: [{ schema: 'uploads', table: '*', rows: null, hidden: [], masked: [] }, { schema: 'uploads', table: 'games', rows: 'sport in (user.sports)', hidden: [], masked: [] }], collections: [{ collection: 'company', level: 'view' }] });
});
after(() => weir.remove());

test('a result is used again until a table that it read changes', async () => {
  const id = await report({ q: 'select sum(n)::bigint as n from uploads.games', o: 'select n from uploads.other' });
  const made = await first(admin, { report: id });
  assert.deepEqual([made.cached, made.rows, made.head?.reads, made.head?.life], [false, [[13]], ['uploads.games'], 'tables']);
  const again = await first(admin, { report: id });
  assert.deepEqual([again.cached, again.rows, again.head?.etag], [true, [[13]], made.head?.etag]);
  await upload('games', 'sport,n\nrugby,1\nrugby,2\nhockey,20\n', 'PUT');
  const { parts } = await askPage(admin, { report: id });
  assert.deepEqual([parts[0]?.head?.cached, parts[0]?.rows], [false, [[23]]]);
  assert.deepEqual([parts[1]?.head?.cached, parts[1]?.rows], [true, [[1]]], 'another table did not change');
});

test('people share what they would be shown alike, and nothing else', async () => {
  const id = await report({ q: 'select sport, sum(n)::bigint as n from uploads.games group by 1 order by 1' });
  assert.deepEqual((await first(rugby, { report: id })).rows, [['rugby', 3]]);
  const hers = await first(hockey, { report: id });
  assert.deepEqual([hers.cached, hers.rows], [false, [['hockey', 20]]]);
  assert.equal((await first(admin, { report: id })).rows?.length, 2);
  assert.equal((await first(rugby, { report: id })).cached, true);
  const through = (await askPage(admin, { report: id }, { 'x-weir-see-as': 'rugby@example.com' })).parts[0];
  assert.deepEqual([through?.head?.cached, through?.rows], [true, [['rugby', 3]]]);
  await admin.want(200, 'PATCH', `/api/people/${rugbyId}`, { attributes: { sports: ['hockey'] } });
  const now = await first(rugby, { report: id });
  assert.deepEqual([now.cached, now.rows], [true, [['hockey', 20]]], 'she sees now what the other one does');
  const tables = (group['tables'] as object[]).slice(0, 1);
  await admin.want(200, 'PUT', `/api/groups/${String(group['id'])}`, { ...group, tables });
  assert.equal((await first(hockey, { report: id })).rows?.length, 2);
  await admin.want(200, 'PUT', `/api/groups/${String(group['id'])}`, group);
  assert.deepEqual((await first(hockey, { report: id })).rows, [['hockey', 20]]);
});

test('values, views, snippets and definitions are part of what a result was made from', async () => {
  await admin.want(201, 'PUT', '/api/views/totals', { sql: 'select sum(n)::bigint as n from uploads.games' });
  await admin.want(201, 'PUT', '/api/snippets/plus', { sql: '1 +' });
  const id = await report({ q: 'select [plus] n + {{ v }} as n from views.totals' }, [{ name: 'v', type: 'number', default: 0 }]);
  const read = await until('the view', 20, async () => {
    const [part] = (await askPage(admin, { report: id })).parts;
    return part?.error ? undefined : part;
  });
  assert.deepEqual(read.rows, [[24]]);
  assert.deepEqual(read.head?.reads, ['views.totals', 'uploads.games']);
  assert.equal((await first(admin, { report: id, values: { v: 0 } })).cached, true);
  assert.deepEqual((await first(admin, { report: id, values: { v: 100 } })).rows, [[124]]);
  const snippet = await admin.want(200, 'GET', '/api/snippets/plus');
  await admin.want(200, 'PUT', '/api/snippets/plus', { sql: '2 +', base: snippet['version'] });
  assert.deepEqual((await first(admin, { report: id })).rows, [[25]]);
  const view = await admin.want(200, 'GET', '/api/views/totals');
  await admin.want(200, 'PUT', '/api/views/totals', { sql: 'select 1000 as n', base: view['version'] });
  await until('the changed view', 20, async () => ((await first(admin, { report: id })).rows?.[0]?.[0] === 1002 ? true : undefined));
});

test('the clock gives a result an honest life, and chance none', async () => {
  const id = await report({ now: 'select now() as t', day: 'select current_date as d, (select count(*) from uploads.other) as n', chance: 'select random() as r from uploads.other', zone: 'select 1 as n' });
  const { parts } = await askPage(admin, { report: id });
  assert.deepEqual(parts.map((part) => part.head?.life), ['seconds', 'tables', 'none', 'tables']);
  const soon = Date.parse(parts[0]?.head?.expires_at ?? '') - Date.parse(parts[0]?.head?.computed_at ?? '');
  assert.equal(soon, 5000);
  assert.match(parts[1]?.head?.expires_at ?? '', /T00:00:00(\.0+)?Z$/);
  assert.equal(parts[3]?.head?.expires_at, undefined);
  const again = (await askPage(admin, { report: id })).parts;
  assert.equal(again[2]?.head?.cached, false);
  assert.notDeepEqual(again[2]?.rows, parts[2]?.rows);
  assert.equal(again[1]?.head?.cached, true);
  assert.equal(again[3]?.head?.cached, true);
});

test('POST /api/query answers from what is kept, in every format, and computes when it is told to', async () => {
  const sql = 'select sport, sum(n)::bigint as n from uploads.games group by 1 order by 1';
  const ask = (who: Client, body: object): ReturnType<Client['ask']> => who.ask('POST', '/api/query', body);
  const cached = async (who: Client, body: object): Promise<unknown> => {
    const answer = await ask(who, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.headers['weir-cached'];
  };
  for (const format of ['json', 'ndjson', 'csv', 'table', 'columns', 'parquet', 'xlsx']) {
    const made = await ask(admin, { sql, format });
    const again = await ask(admin, { sql, format });
    assert.deepEqual([made.headers['weir-cached'], again.headers['weir-cached']], ['false', 'true'], format);
    assert.deepEqual(again.raw, made.raw, format);
    assert.equal(again.headers['content-type'], made.headers['content-type']);
    assert.equal(again.headers['x-weir-query-id'], undefined);
    assert.ok(Date.parse(String(again.headers['weir-computed-at'])) <= Date.now());
    assert.equal((await ask(admin, { sql, format, known: again.headers['etag'] })).status, 304);
    assert.equal((await ask(admin, { sql, format, known: '"other"' })).status, 200);
  }
  assert.equal(await cached(admin, { sql, fresh: true }), 'false');
  assert.equal(await cached(admin, { sql, limits: { rows: 1 } }), 'false', 'fewer rows are another result');
  assert.equal(await cached(admin, { sql: 'select $n as n', params: { n: 1 } }), 'false');
  assert.equal(await cached(admin, { sql: 'select $n as n', params: { n: '1' } }), 'false', 'a text is another value');
  assert.equal(await cached(admin, { sql: 'select $n as n', params: { n: 1 } }), 'true');
  for (let i = 0; i < 2; i++) assert.equal(await cached(admin, { sql: 'select random() as r' }), 'false');
  // A failure is not kept, nor what is larger than cache.result.
  for (let i = 0; i < 2; i++) assert.equal((await ask(admin, { sql: "select 'x'::int as e" })).status, 400);
  const large = "select i, repeat('x', 1000) as t from range(20000) t(i)";
  for (let i = 0; i < 2; i++) assert.equal(await cached(admin, { sql: large, format: 'csv' }), 'false');
  // Her rows are hers: through her eyes, and by a report.
  const id = await report({ q: sql });
  const own = await ask(rugby, { report: id, query: 'q' });
  const others = await ask(hockey, { report: id, query: 'q' });
  assert.deepEqual([own.headers['weir-cached'], others.body['rows']], ['false', [['hockey', 20]]]);
  assert.equal(await cached(rugby, { report: id, query: 'q' }), 'true');
  assert.equal((await ask(rugby, { sql })).status, 403, 'what is kept opens no door');
  // In the history, it is a run; and a change of what it read is the end of it.
  const { runs } = (await admin.want(200, 'GET', '/api/history?limit=200')) as { runs: { sql: string | null }[] };
  assert.ok(runs.filter((run) => run.sql === sql).length >= 14);
  await upload('games', 'sport,n\nrugby,1\nrugby,2\nhockey,20\n', 'PUT');
  assert.equal(await cached(admin, { sql }), 'false');
});

test('a kept result of POST /api/query is found on the disk, and read slowly without harm', async () => {
  const sql = "select i, repeat('y', 1000) as t from range(12000) t(i)";
  const made = await admin.ask('POST', '/api/query', { sql, format: 'csv' });
  assert.equal(made.headers['weir-cached'], 'false');
  await until('the file', 20, async () => ((await counters())['disk_bytes'] ?? 0) > made.raw.length || undefined);
  await weir.down();
  await weir.up();
  assert.equal((await admin.ask('POST', '/api/query', { sql, format: 'csv' })).headers['weir-cached'], 'true');
  const [host, port] = weir.serve.split(':');
  const body = JSON.stringify({ sql, format: 'csv' });
  const slow = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({ host, port, method: 'POST', path: '/api/query', headers: { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'application/json', 'content-length': body.length } }, resolve);
    request.on('error', reject);
    request.end(body);
  });
  assert.equal(slow.headers['weir-cached'], 'true');
  await admin.want(204, 'DELETE', '/api/cache'); // nothing was read yet: it holds what it sends
  const chunks: Buffer[] = [];
  for await (const chunk of slow) chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(made.raw));
  // One that goes away in the middle takes nothing with it.
  await admin.ask('POST', '/api/query', { sql, format: 'csv' });
  await new Promise<void>((resolve) => {
    const request = http.request({ host, port, method: 'POST', path: '/api/query', headers: { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'application/json', 'content-length': body.length } }, (response) => {
      response.once('data', () => request.destroy());
      response.on('error', () => undefined);
    });
    request.on('error', () => undefined);
    request.on('close', resolve);
    request.end(body);
  });
  assert.equal((await admin.ask('POST', '/api/query', { sql, format: 'csv' })).headers['weir-cached'], 'true');
});

test('what is kept can be thrown away, by admins', async () => {
  const id = await report({ q: 'select n + 7 as n from uploads.other' });
  await first(admin, { report: id });
  assert.ok(((await counters())['entries'] ?? 0) > 0);
  await admin.want(204, 'DELETE', '/api/cache');
  assert.deepEqual([(await counters())['entries'], (await counters())['disk_entries']], [0, 0]);
  assert.equal((await first(admin, { report: id })).cached, false);
  await rugby.want(403, 'GET', '/api/cache');
  await rugby.want(403, 'DELETE', '/api/cache');
});

const folder = (): string => path.join(weir.dir, '.weir/cache/results');
const onDisk = async (count: number): Promise<void> => {
  await until(`${count} results on the disk`, 20, () => (readdirSync(folder()).filter((name) => !name.endsWith('.tmp')).length >= count ? true : undefined));
};

test('results outlive a good stop, and no change made meanwhile', async () => {
  await admin.want(204, 'DELETE', '/api/cache');
  const id = await report({ q: 'select sum(n)::bigint + 100 as n from uploads.games', o: 'select n + 100 as n from uploads.other' });
  await askPage(admin, { report: id });
  await onDisk(2);
  assert.equal(await weir.down(), 0);
  assert.ok(readdirSync(path.join(weir.dir, '.weir/cache')).includes('versions.json'));
  await weir.up();
  assert.ok(!readdirSync(path.join(weir.dir, '.weir/cache')).includes('versions.json'), 'gone before the first change');
  const { parts, done } = await askPage(admin, { report: id });
  assert.deepEqual(parts.map((part) => [part.head?.cached, part.rows]), [[true, [[123]]], [true, [[101]]]]);
  assert.equal(done.hits, 2);
  assert.equal((await counters())['disk_hits'], 2);
  await upload('games', 'sport,n\nrugby,1\n', 'PUT'); // versions go on from where they were
  const changed = (await askPage(admin, { report: id })).parts;
  assert.deepEqual(changed.map((part) => [part.head?.cached, part.rows]), [[false, [[101]]], [true, [[101]]]]);
});

test('after kill -9 nothing that was kept is used', async () => {
  const id = await report({ q: 'select sum(n)::bigint + 200 as n from uploads.games' });
  await first(admin, { report: id });
  await onDisk(1);
  await strike(weir, 'serve'); // weir up starts another one
  const again = await first(admin, { report: id });
  assert.deepEqual([again.cached, again.rows], [false, [[201]]]);
  assert.equal((await counters())['disk_hits'], 0);
});

test('another warehouse in its place, or a file that is damaged, is not believed', async () => {
  const id = await report({ q: 'select sum(n)::bigint + 300 as n from uploads.games' });
  await first(admin, { report: id });
  await onDisk(1);
  await weir.down();
  for (const name of readdirSync(folder())) writeFileSync(path.join(folder(), name), 'nonsense'); // as a power cut leaves them
  await weir.up();
  assert.deepEqual([(await first(admin, { report: id })).cached, (await first(admin, { report: id })).rows], [false, [[301]]]);
  await onDisk(1);
  await weir.down();
  await weir.in('query', 'select 1'); // looks at it only
  const warehouse = path.join(weir.dir, '.weir/warehouse.duckdb');
  utimesSync(warehouse, new Date(), new Date(1_700_000_000_000)); // somebody wrote to it
  await weir.up();
  assert.equal((await first(admin, { report: id })).cached, false);
});

test('a disk that refuses costs the disk’s results, and no answer', async () => {
  await weir.down();
  rmSync(path.join(weir.dir, '.weir/cache'), { recursive: true, force: true });
  await weir.up();
  rmSync(folder(), { recursive: true, force: true });
  mkdirSync(path.dirname(folder()), { recursive: true });
  writeFileSync(folder(), ''); // a file where the folder was: whatever is written fails
  const id = await report({ q: 'select sum(n)::bigint + 400 as n from uploads.games' });
  assert.deepEqual((await first(admin, { report: id })).rows, [[401]]);
  await until('the failure to be counted', 20, async () => ((await counters())['disk_failures'] ?? 0) > 0 || undefined);
  assert.equal((await first(admin, { report: id })).cached, true);
  rmSync(folder());
});

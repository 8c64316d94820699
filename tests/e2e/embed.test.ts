// Embedded pages: what a link shows, what it does not, who may make one, and what ends it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Schema, Validator } from '../node/schema.js';
import { type Answer, Client, join, message, send, setUp } from '../node/client.js';
import { Weir } from '../node/weir.js';
import { parseYaml } from '../node/yaml.js';

let weir: Weir;
let admin: Client;
let ed: Client;
let rita: { id: string; client: Client };
let id = '';
let other = '';
let hidden = '';
const origin = 'https://app.example.com';
const inHour = (): number => Math.floor(Date.now() / 1000) + 3600;
const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const keyFile = (): string => path.join(weir.dir, '.weir/secrets/embed_key');

/** Signs as a site's own server does; `text` in place of a payload for what no honest one sends. */
function sign(payload: Record<string, unknown> | string, key = readFileSync(keyFile(), 'utf8').trim()): string {
  const text = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)).toString('base64url');
  return `${text}.${createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('base64url')}`;
}
const said = (more: Record<string, unknown> = {}): Record<string, unknown> => ({ v: 1, report: id, person: 'ed@example.com', values: { sport: ['rugby'] }, exp: inHour(), ...more });
const by = (token: string, method: string, to: string, body?: unknown, more: Record<string, string> = {}): Promise<Answer> => send(weir, method, to, { 'x-weir-pass': token, ...more }, body);
/** The sports in the rows of a query of the report. */
async function sports(token: string, values: unknown = {}, query = 'q'): Promise<unknown[]> {
  const answer = await by(token, 'POST', '/api/query', { report: id, query, values });
  assert.equal(answer.status, 200, answer.text);
  return (answer.body['rows'] as unknown[][]).map(([sport]) => sport);
}
const options = {
  title: 'Sports', owner: 'ed@example.com', description: 'Who plays what',
  parameters: [
    { name: 'sport', label: 'Sport', type: 'multiselect', options: { query: 'choices', value: 'sport', label: 'sport' } },
    { name: 'least', label: 'At least', type: 'number', default: 0 },
    { name: 'place', label: 'Place', type: 'select', options: ['in', 'out'] },
  ],
  queries: [{ id: 'q' }, { id: 'choices' }, { id: 'secret' }, { id: 'behind' }],
  tiles: [
    { id: 't1', kind: 'table', query: 'q', title: 'Players', owner: 'ed@example.com', x: 0, y: 0, w: 12, h: 8, click: { rows: 'behind', values: { sport: 'sport' } } },
    { id: 't2', kind: 'chart', query: 'behind', title: 'Bars', x: 12, y: 0, w: 12, h: 8, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'n' }] } },
    { id: 't3', kind: 'image', image: 'logo.png', alt: 'A logo', x: 0, y: 8, w: 12, h: 4 },
  ],
};
const from = "from (values ('rugby', 15), ('hockey', 11), ('golf', 1)) t(sport, n) where [sport=sport] and n >= {{ least }}";
const queries = { q: `select sport, n ${from}`, choices: 'select distinct sport from web.sports order by sport', secret: 'select 1 as n', behind: `select sport, n ${from}` };
const publish = (more: Record<string, unknown> = {}): Promise<unknown> => admin.want(200, 'PUT', `/api/reports/${id}/publication`, { company: true, ...more });

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), `serve:\n  embed: true\n  embed_origins: [${origin}, 'http://localhost:3000']\n`);
  await weir.up();
  admin = await setUp(weir);
  ed = (await join(admin, 'ed@example.com', { role: 'editor' })).client;
  rita = await join(admin, 'rita@example.com');
  for (const sport of ['rugby', 'hockey', 'golf']) {
    await fetch(`http://${weir.collect}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: 'u', event: 'Sports', properties: { sport } }) });
  }
  await weir.loaded();
  id = String((await admin.want(201, 'POST', '/api/reports', { report: options, queries }))['id']);
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const put = await fetch(`http://${weir.serve}/api/reports/${id}/files/logo.png`, { method: 'PUT', headers: { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'image/png' }, body: png });
  assert.equal(put.status, 204, await put.text());
  other = String((await admin.want(201, 'POST', '/api/reports', { report: { title: 'Other', queries: [{ id: 'q' }] }, queries: { q: 'select 1 as sport' } }))['id']);
  await admin.want(200, 'PUT', `/api/reports/${other}/publication`, { company: true });
  hidden = String((await admin.want(201, 'POST', '/api/reports', { report: { title: 'Draft' }, queries: {} }))['id']);
});
after(() => weir.remove());

test('an editor makes a link to what is published, and that is in the audit log', async () => {
  await ed.want(404, 'POST', '/api/embeds', { report: id, expires_at: at(inHour()) }); // not yet
  await publish();
  const made = await ed.want(201, 'POST', '/api/embeds', { report: id, values: { sport: ['rugby'] }, expires_at: at(inHour()), origins: [origin] });
  assert.equal(made['person'], 'ed@example.com');
  assert.equal(made['url'], `http://${weir.serve}/embed/#${String(made['token'])}`);
  assert.equal(statSync(keyFile()).mode & 0o777, 0o600);
  assert.match(readFileSync(keyFile(), 'utf8'), /^[0-9a-f]{64}\n$/);
  const token = String(made['token']);
  assert.deepEqual(await sports(token), ['rugby']);
  const embed = await by(token, 'GET', '/api/embed');
  assert.deepEqual([embed.status, embed.body['report'], embed.body['tile'], embed.body['filters'], embed.body['origins']], [200, id, null, true, [origin]]);
  const contract = parseYaml(readFileSync('docs/openapi.yaml', 'utf8')) as Schema;
  const schemas = (contract['components'] as Schema)['schemas'] as Record<string, Schema>;
  for (const [name, body] of [['Embed', made], ['Embedded', embed.body]] as const) assert.deepEqual(new Validator(contract).check(body, schemas[name] ?? {}), []);
  const [entry] = (await admin.want(200, 'GET', '/api/audit?action=report.embed'))['entries'] as { person: string; object: string; detail: Record<string, unknown> }[];
  assert.deepEqual([entry?.person, entry?.object, entry?.detail['values']], ['ed@example.com', id, { sport: ['rugby'] }]);
});

test('who may not make one: viewers, editors for others, of drafts, of what is not there', async () => {
  const body = { report: id, expires_at: at(inHour()) };
  assert.equal((await rita.client.ask('POST', '/api/embeds', body)).status, 403);
  const lent = await ed.ask('POST', '/api/embeds', { ...body, person: 'ada@example.com' });
  assert.match(`${lent.status} ${message(lent)}`, /^403 .*only admins/);
  assert.equal((await admin.ask('POST', '/api/embeds', { ...body, person: 'rita@example.com' })).status, 201);
  for (const [scopes, whose, status] of [ // a link does no more than the token that asks for it may
    [['write'], 'ada', 403], [['write', 'query'], 'ada', 403], [['write', 'read'], 'ada', 403],
    [['write', 'query', 'read'], 'ada', 201], [['write', 'query', 'read'], 'rita', 403], [['write', 'query', 'read', 'admin'], 'rita', 201],
  ] as const) {
    const token = await admin.want(201, 'POST', '/api/tokens', { name: scopes.join(' '), scopes });
    const answer = await admin.ask('POST', '/api/embeds', { ...body, person: `${whose}@example.com` }, { cookie: '', authorization: `Bearer ${String(token['secret'])}` });
    assert.equal(answer.status, status, `${scopes.join(' ')}: ${answer.text}`);
  }
  for (const [wrong, status, why] of [
    [{ ...body, report: hidden }, 404, /not published/], [{ ...body, report: 'nosuch0000' }, 404, /no report/], [{ ...body, tile: 'nope' }, 400, /no tile nope/],
    [{ ...body, values: { sprot: ['rugby'] } }, 400, /sprot/], [{ ...body, values: { sport: [] } }, 400, /forced to nothing/], [{ ...body, values: { sport: null } }, 400, /forced to nothing/],
    [{ ...body, values: { sport: { a: 1 } } }, 400, /list/], [{ ...body, values: [] }, 400, /"values"/], [{ report: id }, 400, /expires_at/], [{ ...body, expires_at: at(inHour() - 7200) }, 400, /expired/],
    [{ ...body, expires_at: '9999-12-31T00:00:00Z' }, 400, /400 days/], [{ ...body, origins: ['https://app.example.com/x'] }, 400, /origins/], [{ ...body, origins: ["https://x';script-src *"] }, 400, /origins/],
    [{ ...body, more: 1 }, 400, /not known/], [{ ...body, person: 'nobody@example.com' }, 400, /not here/], [{ ...body, values: { sport: ['x'.repeat(9000)] } }, 413, /./], [{}, 400, /report/],
  ] as const) {
    const answer = await admin.ask('POST', '/api/embeds', wrong);
    assert.equal(answer.status, status, `${JSON.stringify(wrong).slice(0, 200)}: ${answer.text}`);
    assert.match(message(answer), why);
  }
  const link = (await weir.in('embed', 'link', id, '--as', 'ed@example.com', '--value', 'sport=["golf"]', '--tile', 't1')).trim();
  assert.deepEqual(await sports(link.split('#')[1] ?? ''), ['golf']);
});

test('a forced value holds whatever is asked for; other filters may be used, unless they are fixed', async () => {
  const token = sign(said());
  for (const values of [{ sport: ['golf'] }, { sport: [] }, { sport: null }, { SPORT: ['golf'] }, { Sport: 'golf', sport: ['hockey', 'golf'] }]) assert.deepEqual(await sports(token, values), ['rugby'], JSON.stringify(values));
  assert.deepEqual(await sports(token, { least: 20 }), []);
  const page = await by(token, 'POST', '/api/page', { report: id, values: { sport: ['golf'], least: 0 }, queries: ['q'] });
  assert.ok(page.status === 200 && page.text.includes('rugby') && !page.text.includes('golf'), page.text);
  assert.deepEqual(await sports(sign(said({ filters: false })), { least: 20, sport: ['golf'] }), ['rugby']);
  assert.deepEqual(await sports(sign(said({ values: {}, filters: false })), { sport: ['golf'] }), ['rugby', 'hockey', 'golf']);
  const chosen = await by(token, 'GET', `/api/reports/${id}/options/sport?values=${encodeURIComponent('{"sport":["golf"]}')}`);
  assert.deepEqual(chosen.body['options'], [{ value: 'rugby', label: 'rugby' }]);
  assert.equal((await by(token, 'GET', `/api/reports/${id}/options/place`)).status, 200);
  assert.equal((await by(sign(said({ filters: false })), 'GET', `/api/reports/${id}/options/place`)).status, 404);
  // What its person's groups force holds as well: both, never either.
  const group = await admin.want(201, 'POST', '/api/groups', { name: 'two', members: [rita.id], tables: [], collections: [] });
  await publish({ groups: [{ group: group['id'], forced: { sport: ['rugby', 'hockey'] } }] });
  assert.deepEqual(await sports(sign(said({ person: 'rita@example.com', values: {} }))), ['rugby', 'hockey']);
  assert.deepEqual(await sports(sign(said({ person: 'rita@example.com', values: { sport: ['golf', 'hockey'] } }))), ['hockey']);
  assert.equal((await by(sign(said({ person: 'rita@example.com', values: { sport: ['golf'] } })), 'POST', '/api/query', { report: id, query: 'q' })).status, 403);
  await publish();
});

test('of the report it is told what is shown: no SQL, no names, nothing of what is forced', async () => {
  const token = sign(said());
  const { status, body, text } = await by(token, 'GET', `/api/reports/${id}`);
  assert.equal(status, 200);
  assert.deepEqual([body['queries'], body['level'], body['owner'], body['forced'], body['subscription']], [{}, 'view', null, {}, null]);
  for (const word of ['select sport', 'distinct', 'ed@example.com', 'secret', 'sport=sport', '"Sport"']) assert.ok(!text.includes(word), `${word}: ${text}`);
  const report = body['report'] as { tiles: { id: string }[]; parameters: { name: string }[] };
  assert.deepEqual([report.tiles.map((tile) => tile.id), report.parameters.map((one) => one.name)], [['t1', 't2', 't3'], ['least', 'place']]);
  for (const query of ['secret', 'choices', 'nope']) {
    assert.equal((await by(token, 'POST', '/api/query', { report: id, query })).status, 404, query);
    assert.match((await by(token, 'POST', '/api/page', { report: id, queries: [query] })).text, /nothing that is embedded shows/);
  }
  assert.equal((await by(token, 'GET', `/api/reports/${id}/files/logo.png`)).status, 200);
  // One tile, and the rows behind it.
  const one = sign(said({ tile: 't1' }));
  const cut = (await by(one, 'GET', `/api/reports/${id}`)).body['report'] as { tiles: { id: string }[] };
  assert.deepEqual(cut.tiles.map((tile) => tile.id), ['t1']);
  assert.deepEqual(await sports(one, {}, 'behind'), ['rugby']);
  assert.equal((await by(sign(said({ tile: 't2' })), 'POST', '/api/query', { report: id, query: 'q' })).status, 404);
  assert.equal((await by(one, 'GET', `/api/reports/${id}/files/logo.png`)).status, 404);
  assert.equal((await by(sign(said({ tile: 'gone' })), 'GET', `/api/reports/${id}`)).status, 404);
});

test('every other route, report, version and person is closed', async () => {
  const token = sign(said({ person: 'ada@example.com' })); // an admin's
  const open = new Set(['POST /api/query', 'POST /api/page', 'GET /api/embed', 'GET /api/changes', 'GET /api/reports/{id}', 'GET /api/reports/{id}/options/{param}', 'GET /api/reports/{id}/files/{name}']);
  const paths = (parseYaml(readFileSync('docs/openapi.yaml', 'utf8')) as { paths: Record<string, Record<string, { security?: unknown[] }>> }).paths;
  let tried = 0;
  for (const [where, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const name = `${method.toUpperCase()} ${where}`;
      if (!['get', 'post', 'put', 'patch', 'delete'].includes(method) || open.has(name) || operation.security?.length === 0 || /^(GET \/health|GET \/api\/openapi|GET \/assets)/.test(name)) continue;
      const to = where.replace('{id}', id).replace(/\{\w+\}/g, 'x');
      const type: Record<string, string> = where.includes('/files/') ? { 'content-type': 'image/png' } : where.includes('/uploads') ? { 'content-type': 'text/csv' } : {};
      const answer = await by(token, method.toUpperCase(), to, method === 'get' || method === 'delete' ? undefined : {}, type);
      assert.ok(answer.status === 403 || (operation.security && answer.status === 400) || /setup|invite|POST \/api\/session|DELETE \/api\/session/.test(name), `${name}: ${answer.status} ${answer.text}`);
      tried++;
    }
  }
  assert.ok(tried > 60, `${tried} operations were tried`);
  for (const to of [`/api/reports/${other}`, `/api/reports/${other}/options/x`, `/api/reports/${id}/../${other}`]) assert.ok([403, 404].includes((await by(token, 'GET', to)).status), to);
  for (const body of [{ report: other, query: 'q' }, { report: hidden, query: 'q' }]) assert.equal((await by(token, 'POST', '/api/query', body)).status, 404);
  assert.equal((await by(token, 'POST', '/api/page', { report: other })).status, 404);
  assert.equal((await by(token, 'POST', '/api/query', { sql: 'select 1' })).status, 403);
  assert.equal((await by(token, 'POST', '/api/query', { report: id, query: 'q', as: 'rita@example.com' })).status, 403);
  assert.equal((await by(token, 'GET', `/api/reports/${id}`, undefined, { 'x-weir-see-as': 'rita@example.com' })).status, 403);
  // Not the draft, nor what was before.
  await ed.want(200, 'PUT', `/api/reports/${id}`, { report: { ...options, title: 'Changed' }, queries, base: (await ed.want(200, 'GET', `/api/reports/${id}?version=draft`))['version'] });
  const draft = String((await ed.want(200, 'GET', `/api/reports/${id}?version=draft`))['version']);
  assert.equal(((await by(token, 'GET', `/api/reports/${id}`)).body['report'] as { title: string }).title, 'Sports');
  for (const version of ['draft', draft, '0'.repeat(40)]) {
    assert.equal((await by(token, 'GET', `/api/reports/${id}?version=${version}`)).status, 403, version);
    assert.equal((await by(token, 'POST', '/api/query', { report: id, query: 'q', version })).status, 403, version);
    assert.equal((await by(token, 'POST', '/api/page', { report: id, version })).status, 403, version);
  }
  // A token beside a session is still only a token, and a session's cookie helps no bad one.
  assert.equal((await by(token, 'GET', '/api/people', undefined, { cookie: admin.cookie })).status, 403);
  assert.equal((await by(`${token}x`, 'GET', `/api/reports/${id}`, undefined, { cookie: admin.cookie })).status, 401);
  assert.equal((await ed.ask('GET', '/api/embed')).status, 400);
  // Nothing of it is in the history of the person whose rights it has.
  assert.deepEqual((await ed.want(200, 'GET', '/api/history'))['runs'], []);
});

test('a token is good as it was signed, or not at all', async () => {
  const good = sign(said());
  const [payload = '', mac = ''] = good.split('.');
  const forged = Buffer.from(JSON.stringify(said({ values: {} }))).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const last = mac.at(-1) ?? '';
  // The last digit of 32 bytes has two bits to spare: the same bytes, written otherwise.
  const alike = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = alike[alike.indexOf(last) ^ 1] ?? '';
  const bad = [
    `${forged}.${mac}`, `${forged}.`, `${forged}`, `.${mac}`, '.', `${payload}.${mac}.`, `${payload}.${mac}.x`, `${none}.${payload}.${mac}`, `${none}.${payload}.`, `${payload}.${mac.slice(1)}`, `${payload}.${mac.slice(0, -1)}${twin}`,
    `${payload}=.${mac}`, `${payload}.${mac}=`, ` ${payload}.${mac}x`, `${payload}.${createHmac('sha256', '').update(payload).digest('base64url')}`, `${payload}.${createHmac('sha512', Buffer.from(readFileSync(keyFile(), 'utf8').trim(), 'hex')).update(payload).digest('base64url')}`,
    sign(said(), '0'.repeat(64)), `${'A'.repeat(20_000)}.${mac}`,
    sign('{"v":1'), sign('[]'), sign('null'), sign(''), sign(`{"v":1,"values":${'['.repeat(1000)}${']'.repeat(1000)}}`),
    ...[{ v: 2 }, { v: '1' }, { v: undefined }, { report: undefined }, { report: 7 }, { report: '' }, { report: 'x'.repeat(500) }, { person: undefined }, { person: '' }, { person: 'nobody@example.com' }, { person: 'owner' }, { values: undefined }, { values: [] }, { values: null },
      { exp: undefined }, { exp: 0 }, { exp: -1 }, { exp: inHour() - 3601 }, { exp: inHour() * 1000 }, { exp: 9e18 }, { exp: 1e300 }, { exp: String(inHour()) }, { exp: inHour() + 0.5 }, { exp: null }, { filters: 'no' }, { origins: 'x' }, { origins: [1] }, { origins: ['*'] }, { tile: '' }, { tile: 3 }, { iat: 1 }, { locked: true }].map((more) => sign(said(more))),
    sign(`{"v":1,"report":"${id}","person":"ed@example.com","values":{"sport":["rugby"]},"values":{},"exp":${inHour()}}`),
  ];
  for (const token of bad) {
    const answer = await by(token, 'GET', '/api/embed');
    assert.equal(answer.status, 401, `${token.slice(0, 300)}: ${answer.text}`);
    assert.ok(answer.headers['access-control-allow-origin'] === undefined && answer.headers['set-cookie'] === undefined);
  }
  // What it forces is checked against what is published: nothing is shown rather than everything.
  for (const values of [{ sprot: ['rugby'] }, { Sport: ['rugby'] }, { sport: [] }, { sport: '' }, { sport: null }, { sport: [['rugby']] }, { sport: { $ne: 1 } }]) {
    const token = sign(said({ values }));
    for (const answer of [await by(token, 'POST', '/api/query', { report: id, query: 'q' }), await by(token, 'POST', '/api/page', { report: id }), await by(token, 'GET', `/api/reports/${id}`)]) assert.equal(answer.status, 400, `${JSON.stringify(values)}: ${answer.text}`);
  }
  assert.equal((await by(good, 'POST', '/api/query', `{"report":"${id}","query":"q","values":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`)).status, 413);
  assert.deepEqual(await sports(good), ['rugby']);
});

test('what ends a link ends it at once', async () => {
  const token = sign(said({ person: 'rita@example.com' }));
  const status = async (): Promise<number> => (await by(token, 'POST', '/api/query', { report: id, query: 'q' })).status;
  assert.equal(await status(), 200);
  await admin.want(200, 'PATCH', `/api/people/${rita.id}`, { disabled: true });
  assert.equal(await status(), 401);
  await admin.want(200, 'PATCH', `/api/people/${rita.id}`, { disabled: false });
  assert.equal(await status(), 200);
  const group = await admin.want(201, 'POST', '/api/groups', { name: 'not hers', members: [], tables: [], collections: [] });
  await publish({ company: false, groups: [{ group: group['id'] }] });
  assert.equal(await status(), 404);
  await publish();
  assert.equal(await status(), 200);
  await admin.want(204, 'DELETE', `/api/reports/${id}/publication`);
  assert.equal(await status(), 404);
  assert.equal((await by(sign(said({ person: 'ada@example.com' })), 'GET', `/api/reports/${id}`)).status, 404, 'not for an admin either');
  await publish();
  const old = readFileSync(keyFile(), 'utf8');
  await weir.in('embed', 'rotate');
  assert.equal(await status(), 401);
  assert.notEqual(readFileSync(keyFile(), 'utf8'), old);
  assert.equal((await by(sign(said()), 'GET', '/api/embed')).status, 200);
  writeFileSync(keyFile(), old);
  assert.equal(await status(), 200, 'the file is what counts');
  rmSync(keyFile());
  assert.equal(await status(), 401);
  await ed.want(201, 'POST', '/api/embeds', { report: id, expires_at: at(inHour()) });
  assert.notEqual(readFileSync(keyFile(), 'utf8'), old);
  assert.equal(await status(), 401);
});

test('the stream of changes tells an embedded page that something changed, and nothing of what', async () => {
  const token = sign(said());
  const abort = new AbortController();
  const stream = await fetch(`http://${weir.serve}/api/changes`, { headers: { 'x-weir-pass': token }, signal: abort.signal });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';
  const hear = async (words: string): Promise<void> => {
    while (!heard.includes(words)) {
      const piece = await reader?.read();
      assert.ok(piece && !piece.done, `the stream ended after ${heard}`);
      heard += piece.value;
    }
  };
  await hear('retry');
  await ed.want(201, 'POST', '/api/reports', { report: { title: 'Unheard of' }, queries: {} });
  await publish();
  await hear('publication');
  await fetch(`http://${weir.collect}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: 'u', event: 'Sports', properties: { sport: 'chess' } }) });
  await hear('"tables":["*"]');
  for (const word of ['@', 'document', 'web.', other]) assert.ok(!heard.includes(word), heard);
  // It does not outlive its link.
  await weir.in('embed', 'rotate');
  await publish();
  while (!(await reader?.read())?.done);
  abort.abort();
});

test('a site signs links as the guide says', async () => {
  const code = /```js\n(import [\s\S]*?)```/.exec(readFileSync('docs/guide/embed.md', 'utf8'))?.[1] ?? '';
  const dir = mkdtempSync(path.join(tmpdir(), 'weir-embed-'));
  writeFileSync(path.join(dir, 'link.mjs'), code);
  await join(admin, 'portal@example.com');
  const { embedLink } = (await import(pathToFileURL(path.join(dir, 'link.mjs')).href)) as { embedLink: (base: string, key: string, visitor: unknown) => string };
  const link = embedLink(`http://${weir.serve}`, readFileSync(keyFile(), 'utf8'), { report: id, sports: ['hockey'] });
  assert.deepEqual(await sports(link.split('#')[1] ?? ''), ['hockey']);
  rmSync(dir, { recursive: true });
});

test('only the page for frames may be framed, by the sites of the settings, and only while it is on', async () => {
  const page = await send(weir, 'GET', '/embed/');
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), /frame-ancestors https:\/\/app\.example\.com http:\/\/localhost:3000;/);
  assert.deepEqual([page.headers['referrer-policy'], page.headers['access-control-allow-origin'], page.headers['set-cookie']], ['no-referrer', undefined, undefined]);
  for (const where of ['/', '/dashboard/x', '/login', '/api/embed', '/embedx', '/assets/x', '/embed.html']) assert.match(String((await send(weir, 'GET', where)).headers['content-security-policy']), /frame-ancestors 'none'/, where);
  const cross = await by(sign(said()), 'GET', '/api/embed', undefined, { origin, 'sec-fetch-site': 'cross-site' });
  assert.equal(cross.status, 403, 'another site’s page cannot use the API, token or not');
  const settings = path.join(weir.dir, 'weir.yml');
  const text = readFileSync(settings, 'utf8');
  await weir.down();
  writeFileSync(settings, text.replace('embed: true', 'embed: false'));
  await weir.up();
  assert.equal((await send(weir, 'GET', '/embed/')).status, 404);
  assert.equal((await by(sign(said()), 'GET', '/api/embed')).status, 401);
  assert.equal((await ed.ask('POST', '/api/embeds', { report: id, expires_at: at(inHour()) })).status, 403);
  await weir.down();
  writeFileSync(settings, text.replace(origin, `${origin}/path`));
  await assert.rejects(weir.in('serve', '--listen', '127.0.0.1:0'), /embed_origins/);
});

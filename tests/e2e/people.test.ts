// People over real HTTP: coming in, being kept out, and what each role, token and view may do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as shared from '../node/client.js';
import { type Answer, Client, message, password } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let setupLink = '';

/** In this file's server, unless another one is named. */
const send = (method: string, target: string, headers: Record<string, string> = {}, body?: unknown, server = weir): Promise<Answer> => shared.send(server, method, target, headers, body);
const enter = (email: string, secret = password): Promise<Client> => Client.enter(weir, email, secret);
const join = (email: string, more: Record<string, unknown> = {}): Promise<{ id: string; client: Client }> => shared.join(admin, email, more);

before(async () => {
  weir = await Weir.init();
  await weir.up();
  setupLink = await until('the set-up link', 30, () => /http:\S+\/setup#[0-9a-f]{64}/.exec(weir.log())?.[0]);
});
after(() => weir.remove());

test('the printed link makes the first admin, once', async () => {
  assert.equal(setupLink.split('/setup')[0], `http://${weir.serve}`);
  assert.deepEqual((await send('GET', '/api/setup')).body, { needed: true });
  assert.equal((await send('GET', '/api/status')).status, 200); // whoever is on this machine owns it
  const body = { token: setupLink.split('#')[1], email: ' Ada@Example.com', name: 'Ada', password };
  const [first, second] = await Promise.all([send('POST', '/api/setup', {}, body), send('POST', '/api/setup', {}, { ...body, email: 'eve@example.com' })]);
  const won = first.status === 200 ? first : second;
  assert.deepEqual([first.status, second.status].sort(), [200, 403]);
  admin = Client.of(weir, won);
  assert.equal((await send('POST', '/api/setup', {}, body)).status, 403);
  assert.deepEqual((await send('GET', '/api/setup')).body, { needed: false });
  const people = (await admin.ask('GET', '/api/people')).body['people'] as { id: string; email: string }[];
  assert.equal(people.length, 1);
  if (people[0]?.email !== 'ada@example.com') {
    assert.equal((await admin.ask('PATCH', `/api/people/${people[0]?.id}`, { email: 'ada@example.com' })).status, 200);
  }
});

test('loopback is not trusted once there is a person', async () => {
  for (const target of ['/api/status', '/api/schema', '/api/people', '/metrics', '/api/session', '/api/nope']) {
    const answer = await send('GET', target);
    assert.equal(answer.status, 401, target);
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="weir"');
  }
  assert.equal((await send('POST', '/api/query', {}, { sql: 'select 1' })).status, 401);
  assert.equal((await send('GET', '/health')).status, 200);
  assert.match(await weir.in('query', 'select 1 as one', '-f', 'csv'), /^one\n1\n$/); // the socket is the owner's
});

test('the cookie is for this site and for HTTP only', async () => {
  const answer = await send('POST', '/api/session', {}, { email: 'ADA@example.COM', password });
  assert.match(String(answer.headers['set-cookie']), /^weir_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
  assert.equal(answer.headers['cache-control'], 'no-store');
  const client = Client.of(weir, answer);
  assert.equal((await client.ask('GET', '/api/session')).status, 200);
  assert.equal((await send('DELETE', '/api/session', { cookie: client.cookie })).status, 403); // CSRF
  const out = await client.ask('DELETE', '/api/session');
  assert.equal(out.status, 204);
  assert.match(String(out.headers['set-cookie']), /^weir_session=; .*Max-Age=0/);
  assert.equal((await client.ask('GET', '/api/session')).status, 401);
  for (const cookie of ['weir_session=', 'weir_session=x', `weir_session=${'0'.repeat(64)}`, `${client.cookie}x`, 'weir_session', ';;=;']) {
    assert.equal((await send('GET', '/api/session', { cookie })).status, 401, cookie);
  }
});

test('class "CSRF off by default": a write needs the header, and no other session\'s', async () => {
  const other = await enter('ada@example.com');
  const write = (headers: Record<string, string>): Promise<Answer> => send('POST', '/api/groups', { cookie: admin.cookie, ...headers }, { name: 'csrf' });
  assert.equal((await write({})).status, 403);
  assert.equal((await write({ 'x-weir-csrf': '' })).status, 403);
  assert.equal((await write({ 'x-weir-csrf': other.csrf })).status, 403);
  assert.equal((await send('POST', '/api/query', { cookie: admin.cookie }, { sql: 'select 1' })).status, 403);
  for (const method of ['PATCH', 'DELETE']) assert.equal((await send(method, '/api/people/x', { cookie: admin.cookie }, {})).status, 403);
  assert.equal((await write({ 'x-weir-csrf': admin.csrf, 'content-type': 'text/plain' })).status, 415); // what a form could send
  assert.equal((await write({ 'x-weir-csrf': admin.csrf })).status, 201);
});

test('class "CSRF": pages of other sites are turned away, also from what is open', async () => {
  const login = { email: 'ada@example.com', password };
  for (const site of ['cross-site', 'same-site']) {
    assert.equal((await admin.ask('GET', '/api/session', undefined, { 'sec-fetch-site': site })).status, 403);
    assert.equal((await admin.ask('POST', '/api/query', { sql: 'select 1' }, { 'sec-fetch-site': site })).status, 403);
    assert.equal((await send('POST', '/api/session', { 'sec-fetch-site': site }, login)).status, 403);
  }
  for (const origin of ['https://evil.example', 'null', `http://${weir.serve}.evil.example`, 'http://127.0.0.1:1']) {
    assert.equal((await send('POST', '/api/session', { origin }, login)).status, 403, origin);
  }
  assert.equal((await send('POST', '/api/session', { origin: `http://${weir.serve}` }, login)).status, 200);
  assert.equal((await admin.ask('GET', '/api/session', undefined, { 'sec-fetch-site': 'same-origin' })).status, 200);
});

test('class "shipped default secret": every workspace has its own, and none is known', async () => {
  const other = await Weir.init();
  try {
    await other.up();
    const secret = (w: Weir): string => readFileSync(path.join(w.dir, '.weir/secrets/api_token'), 'utf8').trim();
    assert.match(secret(weir), /^[0-9a-f]{48}$/);
    assert.notEqual(secret(weir), secret(other));
    const with_ = (token: string): Promise<Answer> => send('GET', '/api/people', { authorization: `Bearer ${token}` });
    assert.equal((await with_(secret(weir))).status, 200);
    for (const token of [secret(other), '', 'admin', 'weir', 'secret', 'changeme', 'undefined', 'null', '0'.repeat(48)]) assert.equal((await with_(token)).status, 401, token);
    // A wrong token is not made good by a right cookie.
    assert.equal((await admin.ask('GET', '/api/people', undefined, { authorization: 'Bearer wrong' })).status, 401);
    assert.equal((await send('POST', '/api/session', {}, { email: 'admin', password: 'admin' }, other)).status, 401);
  } finally {
    await other.remove();
  }
});

test('viewers write no SQL, editors do not administer, and each is told whom to ask', async () => {
  const { client: viewer } = await join('vera@example.com');
  const { client: editor } = await join('ed@example.com', { role: 'editor' });
  const refused = await viewer.ask('POST', '/api/query', { sql: 'select 1' });
  assert.equal(refused.status, 403);
  assert.match(message(refused), /viewers open reports.*ask an admin/);
  for (const [method, target, body] of [
    ['GET', '/api/people', undefined],
    ['GET', '/api/groups', undefined],
    ['GET', '/api/replay', undefined],
    ['GET', '/api/audit', undefined],
  ] as const) {
    assert.equal((await viewer.ask(method, target, body)).status, 403, target);
  }
  for (const [method, target, body] of [
    ['POST', '/api/people', { email: 'x@example.com', name: 'x', role: 'admin' }],
    ['PATCH', '/api/people/ed%40example.com', { role: 'admin' }],
    ['PUT', '/api/groups/everyone', { name: 'everyone' }],
    ['POST', '/api/replay', {}],
    ['POST', '/api/setup/link', {}],
    ['GET', '/api/audit', undefined],
  ] as const) {
    const answer = await editor.ask(method, target, body);
    assert.equal(answer.status, 403, target);
    assert.match(message(answer), /for admins, and you are an editor; ask an admin/);
  }
  const people = (await editor.ask('GET', '/api/people')).body['people'] as Record<string, unknown>[];
  assert.deepEqual(Object.keys(people[0] ?? {}).sort(), ['email', 'id', 'name', 'role', 'state']);
  assert.equal((await viewer.ask('PATCH', '/api/session', { name: 'Vera', role: 'admin' })).status, 400);
  assert.equal((await viewer.ask('PATCH', '/api/session', { name: 'Vera' })).status, 200);
});

test('a disabled person is out at once, with her tokens', async () => {
  const { id, client } = await join('dora@example.com', { role: 'editor' });
  const made = await client.ask('POST', '/api/tokens', { name: 'hers', scopes: ['read'] });
  const token = { authorization: `Bearer ${String(made.body['secret'])}` };
  assert.equal((await send('GET', '/api/status', token)).status, 200);
  assert.equal((await admin.ask('PATCH', `/api/people/${id}`, { disabled: true })).status, 200);
  assert.equal((await client.ask('GET', '/api/session')).status, 401);
  assert.equal((await send('GET', '/api/status', token)).status, 401);
  assert.equal((await send('POST', '/api/session', {}, { email: 'dora@example.com', password })).status, 401);
  assert.equal((await admin.ask('POST', `/api/people/${id}/invite`, {})).status, 400);
  assert.equal((await admin.ask('PATCH', `/api/people/${id}`, { disabled: false })).status, 200);
  assert.equal((await client.ask('GET', '/api/session')).status, 401); // the old one stays dead
  assert.equal((await enter('dora@example.com')).csrf.length, 64);
});

test('class "guest token too strong": a token does what its scopes and its person may, and no more', async () => {
  const { client: viewer } = await join('tom@example.com');
  const make = async (who: Client, scopes: string[]): Promise<Record<string, string>> => {
    const made = await who.ask('POST', '/api/tokens', { name: scopes.join(), scopes });
    assert.equal(made.status, 201, made.text);
    return { authorization: `Bearer ${String(made.body['secret'])}` };
  };
  assert.equal((await viewer.ask('POST', '/api/tokens', { name: 'x', scopes: ['admin'] })).status, 403);
  assert.equal((await viewer.ask('POST', '/api/tokens', { name: 'x', scopes: ['query'], person: 'ada@example.com' })).status, 403);
  assert.equal((await viewer.ask('POST', '/api/tokens', { name: 'x', scopes: [] })).status, 400);
  assert.equal((await viewer.ask('POST', '/api/tokens', { name: 'x', scopes: ['all'] })).status, 400);
  const hers = await make(viewer, ['query', 'read', 'write']);
  assert.equal((await send('GET', '/api/schema', hers)).status, 200);
  assert.equal((await send('POST', '/api/query', hers, { sql: 'select 1' })).status, 403); // still a viewer
  assert.equal((await send('GET', '/api/people', hers)).status, 403);
  const query = await make(admin, ['query']);
  assert.equal((await send('POST', '/api/query', query, { sql: 'select 1' })).status, 200); // and no CSRF header: no browser sends it
  for (const target of ['/api/status', '/api/people', '/api/audit', '/api/session']) {
    const answer = await send('GET', target, query);
    assert.equal(answer.status, 403, target);
    assert.match(message(answer), /lacks the scope/);
  }
  const all = await make(admin, ['query', 'read', 'write', 'admin']);
  assert.equal((await send('GET', '/api/people', all)).status, 200);
  assert.equal((await send('POST', '/api/tokens', all, { name: 'child', scopes: ['read'] })).status, 403); // none makes another
  assert.equal((await send('PATCH', '/api/session', all, { password: { old: password, new: 'another secret' } })).status, 403);
  // Whoever loses the role loses it in her tokens, too.
  const { id, client: second } = await join('al@example.com', { role: 'admin' });
  const strong = await make(second, ['admin', 'read']);
  assert.equal((await send('GET', '/api/audit', strong)).status, 200);
  assert.equal((await admin.ask('PATCH', `/api/people/${id}`, { role: 'viewer' })).status, 200);
  assert.equal((await send('GET', '/api/audit', strong)).status, 403);
});

test('tokens expire and are revoked, and each sees her own', async () => {
  const long = await admin.ask('POST', '/api/tokens', { name: 'long', scopes: ['read'], expires_at: null });
  assert.equal((await admin.ask('POST', '/api/tokens', { name: 'past', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' })).status, 400);
  const status = async (made: Answer): Promise<number> => (await send('GET', '/api/status', { authorization: `Bearer ${String(made.body['secret'])}` })).status;
  // Seen alive before it expires, however slow the machine is.
  const alive = async (life: number): Promise<Answer> => {
    assert.ok(life < 60_000);
    const made = await admin.ask('POST', '/api/tokens', { name: 'short', scopes: ['read'], expires_at: new Date(Date.now() + life).toISOString() });
    return made.status === 201 && (await status(made)) === 200 ? made : alive(2 * life);
  };
  const short = await alive(400);
  await until('the token to expire', 30, async () => ((await status(short)) === 401 ? true : undefined));
  assert.equal(await status(long), 200);
  const { client: viewer } = await join('tina@example.com');
  assert.deepEqual((await viewer.ask('GET', '/api/tokens')).body, { tokens: [] });
  assert.deepEqual((await viewer.ask('GET', '/api/tokens?all=true')).body, { tokens: [] });
  assert.equal((await viewer.ask('DELETE', `/api/tokens/${String(long.body['id'])}`)).status, 404);
  const listed = (await admin.ask('GET', '/api/tokens')).body['tokens'] as Record<string, unknown>[];
  assert.ok(listed.length >= 2 && listed.every((token) => !('secret' in token)));
  assert.equal((await admin.ask('DELETE', `/api/tokens/${String(long.body['id'])}`)).status, 204);
  assert.equal(await status(long), 401);
});

test('an admin sees as somebody else: for reading only, and it is noted', async () => {
  const { client: viewer } = await join('sue@example.com', { attributes: { sports: ['rugby'] } });
  const as = { 'x-weir-see-as': 'SUE@example.com' };
  const seen = await admin.ask('GET', '/api/session', undefined, as);
  assert.equal(seen.body['see_as'], 'sue@example.com');
  assert.equal((seen.body['person'] as { role: string }).role, 'viewer');
  assert.equal((await admin.ask('GET', '/api/people', undefined, as)).status, 403); // as she would
  assert.equal((await admin.ask('POST', '/api/query', { sql: 'select 1' }, as)).status, 403);
  assert.equal((await admin.ask('POST', '/api/query', { sql: 'select 1', as: 'nobody@example.com' })).status, 404);
  assert.match(message(await admin.ask('POST', '/api/groups', { name: 'x' }, as)), /reading only/);
  assert.equal((await admin.ask('PATCH', '/api/session', { name: 'x' }, as)).status, 403);
  assert.equal((await admin.ask('GET', '/api/session', undefined, { 'x-weir-see-as': 'nobody@example.com' })).status, 404);
  assert.equal((await viewer.ask('GET', '/api/session', undefined, { 'x-weir-see-as': 'ada@example.com' })).status, 403);
  assert.equal((await viewer.ask('POST', '/api/query', { sql: 'select 1', as: 'ada@example.com' })).status, 403);
  const entries = (await admin.ask('GET', '/api/audit?action=see_as')).body['entries'] as Record<string, unknown>[];
  assert.deepEqual(entries.map((e) => [e['person'], e['object'], e['address']]), [['ada@example.com', 'sue@example.com', '127.0.0.1']]);
});

test('an export is for whoever asked for it, through the eyes she had, and for nobody else', async () => {
  const { client: writer } = await join('exporter@example.com', { role: 'editor' });
  const { client: viewer } = await join('looker@example.com');
  const ask = async (who: Client, headers: Record<string, string> = {}): Promise<string> => {
    const made = await who.ask('POST', '/api/exports', { sql: 'select 1 as n', format: 'csv' }, headers);
    assert.equal(made.status, 201, made.text);
    return String(made.body['url']);
  };
  const url = await ask(writer);
  assert.equal((await admin.ask('GET', url)).status, 404, 'not even an admin');
  assert.equal((await send('GET', url)).status, 401);
  assert.equal((await writer.ask('GET', url, undefined, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await (await enter('exporter@example.com')).ask('GET', url)).status, 404, 'another session of hers');
  assert.equal((await writer.ask('GET', url)).text, 'n\n1\n', 'who failed did not use it up');
  const asked = await viewer.ask('POST', '/api/exports', { sql: 'select 1 as n', format: 'csv' });
  assert.equal(asked.status, 403, 'viewers write no SQL here either');
  const refused = await admin.ask('POST', '/api/exports', { sql: 'select 1 as n', format: 'csv' }, { 'x-weir-see-as': 'looker@example.com' });
  assert.equal(refused.status, 403, 'nor do admins through their eyes');
  const through = await ask(admin, { 'x-weir-see-as': 'exporter@example.com' });
  assert.equal((await admin.ask('GET', through)).status, 200);
});

test('an invitation works once, and a new one kills the old', async () => {
  const made = await admin.ask('POST', '/api/people', { email: 'ivy@example.com', name: 'Ivy' });
  const invite = async (): Promise<string> => String((await admin.ask('POST', `/api/people/${String(made.body['id'])}/invite`, {})).body['link']).split('#')[1] ?? '';
  const old = await invite();
  const token = await invite();
  const take = (t: string, p = password): Promise<Answer> => send('POST', '/api/invite', {}, { token: t, name: 'Ivy I.', password: p });
  assert.equal((await take(old)).status, 403);
  assert.equal((await take(token, 'short')).status, 400); // it is not used up by a mistake
  assert.equal((await take(token, 'ivy@example.com')).status, 400);
  assert.equal((await take(token)).status, 200);
  assert.equal((await take(token)).status, 403);
  assert.equal((await take(setupLink.split('#')[1] ?? '')).status, 403);
  const ivy = await enter('ivy@example.com');
  // The same way resets a password, which ends what was open.
  assert.equal((await take(await invite(), 'five quite random words')).status, 200);
  assert.equal((await ivy.ask('GET', '/api/session')).status, 401);
  assert.equal((await send('POST', '/api/session', {}, { email: 'ivy@example.com', password })).status, 401);
});

test('nobody learns who is here', async () => {
  await admin.ask('POST', '/api/people', { email: 'new@example.com', name: 'Invited, no password yet' });
  const answers = [];
  for (const email of ['ada@example.com', 'nobody@example.com', 'new@example.com', 'not an address', '', 'a'.repeat(100_000), '\u0430da@example.com', "' or 1=1 --"]) {
    answers.push(await send('POST', '/api/session', {}, { email, password: 'a wrong password' }));
  }
  for (const answer of answers) {
    assert.equal(answer.status, 401);
    assert.equal(answer.text, answers[0]?.text);
    assert.equal(answer.headers['set-cookie'], undefined);
  }
});

test('hostile log-ins are refused whole', async () => {
  const post = (body: unknown): Promise<Answer> => send('POST', '/api/session', {}, body);
  assert.equal((await post({ email: 'hugo@example.com', password: 'x'.repeat(1 << 20) })).status, 401);
  assert.equal((await post({ email: 'ada@example.com', password: 1 })).status, 400);
  assert.equal((await post({ email: ['ada@example.com'], password })).status, 400);
  assert.equal((await post({ email: 'ada@example.com' })).status, 400);
  assert.equal((await post({ email: 'ada@example.com', password, role: 'admin' })).status, 400);
  assert.equal((await post('[')).status, 400);
  assert.equal((await post('"x"')).status, 400);
  assert.equal((await post(`{"email":${'['.repeat(100_000)}`)).status, 400);
  assert.equal((await post(`{"email":"ada@example.com","password":"\\ud800"}`)).status, 400);
  for (const email of ['\u0430da@example.com', 'ada\u200b@example.com', 'x@example.com\nBcc: y@z', `${'a'.repeat(300)}@example.com`, '<b>@example.com']) {
    assert.equal((await admin.ask('POST', '/api/people', { email, name: 'x' })).status, 400, email);
  }
  assert.equal((await admin.ask('POST', '/api/people', { email: 'ADA@EXAMPLE.COM', name: 'Twin' })).status, 409);
  assert.equal((await admin.ask('POST', '/api/people', { email: 'name@example.com', name: '\u001b[31m' })).status, 400);
  assert.equal((await admin.ask('POST', '/api/people', { email: 'pw@example.com', name: 'x', password })).status, 403);
  for (const attributes of [{ email: 'x' }, { 'a b': 1 }, { a: { b: 1 } }, { a: null }, [], 'x']) {
    assert.equal((await admin.ask('POST', '/api/people', { email: 'at@example.com', name: 'x', attributes })).status, 400);
  }
});

test('the last admin cannot lock everybody out', async () => {
  const me = String(((await admin.ask('GET', '/api/session')).body['person'] as { id: string }).id);
  for (const body of [{ role: 'viewer' }, { disabled: true }]) assert.match(message(await admin.ask('PATCH', `/api/people/${me}`, body)), /last admin/);
  assert.match(message(await admin.ask('DELETE', `/api/people/${me}`)), /last admin/);
});

test('the schema shows what the groups show', async () => {
  const response = await fetch(`http://${weir.collect}/v1/track`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
    body: JSON.stringify({ userId: 'u1', event: 'Video Started', properties: { sport: 'rugby', email: 'u1@example.com' } }),
  });
  assert.equal(response.status, 200);
  await weir.loaded();
  const { id, client } = await join('gus@example.com', { role: 'editor' });
  const tables = async (): Promise<Record<string, string[]>> => {
    const listed = (await client.ask('GET', '/api/schema')).body['tables'] as { schema: string; name: string; columns: { name: string }[] }[];
    return Object.fromEntries(listed.map((t) => [`${t.schema}.${t.name}`, t.columns.map((c) => c.name)]));
  };
  assert.ok('web.tracks' in (await tables()));
  const everyone = await admin.ask('PUT', '/api/groups/everyone', { name: 'everyone' });
  assert.equal(everyone.status, 200, everyone.text);
  assert.deepEqual(await tables(), {});
  const grant = { schema: 'web', table: 'video_*', hidden: ['email'], masked: ['sport'] };
  assert.equal((await admin.ask('POST', '/api/groups', { name: 'video', members: [id], tables: [grant] })).status, 201);
  const seen = await tables();
  assert.deepEqual(Object.keys(seen), ['web.video_started']);
  assert.ok(seen['web.video_started']?.includes('sport'));
  assert.ok(!seen['web.video_started']?.includes('email'));
  const query = async (who: Client, more: object): Promise<Answer> => who.ask('POST', '/api/query', { sql: 'select * from web.video_started', format: 'ndjson', ...more });
  const row = JSON.parse((await query(client, {})).text) as Record<string, unknown>;
  assert.deepEqual([row['user_id'], row['sport'], 'email' in row], ['u1', null, false]);
  assert.deepEqual(JSON.parse((await query(admin, { as: 'gus@example.com' })).text), row);
  assert.equal((JSON.parse((await query(admin, {})).text) as Record<string, unknown>)['email'], 'u1@example.com'); // the next on the same worker
  for (const sql of ['select * from web.tracks', 'select * from web.nothing']) assert.match(message(await query(client, { sql })), /does not exist, or you may not see it/);
  assert.deepEqual(JSON.parse(await weir.in('query', 'select * from web.video_started', '-f', 'ndjson', '--as', 'gus@example.com')), row);
  const as = await admin.ask('GET', '/api/schema', undefined, { 'x-weir-see-as': 'gus@example.com' });
  assert.equal((as.body['tables'] as unknown[]).length, 1);
  assert.ok(((await admin.ask('GET', '/api/schema')).body['tables'] as unknown[]).length > 1);
});

test('views of the warehouse, and uploads, show what the groups show', async () => {
  const { id, client } = await join('vesna.uploads@example.com', { role: 'editor' });
  const secret = await admin.ask('PUT', '/api/views/emails', { sql: 'select user_id, email from web.video_started' });
  assert.deepEqual([secret.body['warehouse'], secret.body['reason']], [true, null], secret.text);
  assert.equal((await admin.ask('PUT', '/api/views/sports', { sql: 'select sport, count(*) as n from web.video_started group by all' })).body['warehouse'], true);
  const uploaded = await admin.ask('POST', '/api/uploads?name=salaries', 'who,pay\nann,1\nbob,2\n', { 'content-type': 'text/csv' });
  assert.equal(uploaded.status, 201, uploaded.text);
  assert.equal(uploaded.body['by'], 'ada@example.com');
  const ask = (sql: string): Promise<Answer> => client.ask('POST', '/api/query', { sql, format: 'csv' });
  const hidden = /does not exist, or you may not see it/;
  for (const table of ['views.emails', 'views.sports', 'uploads.salaries', 'weir.upload_rejects']) assert.match(message(await ask(`from ${table}`)), hidden, table);
  assert.deepEqual((await client.ask('GET', '/api/uploads')).body['uploads'], []);
  assert.equal((await client.ask('DELETE', '/api/uploads/salaries')).status, 404);
  assert.equal((await client.ask('PUT', '/api/uploads/salaries', 'a\n1\n', { 'content-type': 'text/csv' })).status, 404);
  const grants = [{ schema: 'views', table: '*' }, { schema: 'web', table: 'video_started', rows: "sport = 'chess'", hidden: ['email'] }, { schema: 'uploads', table: 'salaries', rows: "who = 'ann'" }];
  assert.equal((await admin.ask('POST', '/api/groups', { name: 'some', members: [id], tables: grants })).status, 201);
  assert.equal((await ask('from views.sports')).text, 'sport,n\n', 'the rows that she sees, through the view');
  assert.match(message(await ask('from views.emails')), hidden, 'a column that she does not see');
  assert.equal((await ask('from uploads.salaries')).text, 'who,pay\nann,1\n');
  const [listed] = (await client.ask('GET', '/api/uploads')).body['uploads'] as Record<string, unknown>[];
  assert.deepEqual([listed?.['name'], listed?.['rows'], listed?.['columns']], ['salaries', null, []], 'no size of what she sees in part');
  // Through a view of her own she sees no more, and the engine's words about columns are not for her.
  const own = await client.ask('PUT', '/api/views/mine', { sql: 'select who, pay from uploads.salaries' });
  assert.equal(own.body['warehouse'], null); // whether it binds would tell which columns there are
  assert.equal((await ask('from views.mine')).text, 'who,pay\nann,1\n');
  const guess = await client.ask('PUT', '/api/views/guess', { sql: 'select nope from web.tracks' });
  assert.equal(guess.body['warehouse'], null);
  assert.doesNotMatch(guess.text, /Candidate|message_id|nope/);
  const { client: viewer } = await join('viktor.uploads@example.com');
  assert.equal((await viewer.ask('POST', '/api/uploads?name=x', 'a\n1\n', { 'content-type': 'text/csv' })).status, 403);
  assert.equal((await send('POST', '/api/uploads?name=x', { cookie: admin.cookie, 'content-type': 'text/csv' }, 'a\n1\n')).status, 403, 'without the CSRF header');
});

test('what holds values of all tables is shown with `*.*` only to who sees all of each', async () => {
  const { id, client } = await join('olga.all@example.com', { role: 'editor' });
  const all = { schema: '*', table: '*' };
  const group = await admin.ask('POST', '/api/groups', { name: 'nearly all', members: [id], tables: [all] });
  assert.equal(group.status, 201, group.text);
  const looks = (): Promise<Answer[]> => Promise.all(['weir.discards', 'weir.upload_rejects'].map((table) => client.ask('POST', '/api/query', { sql: `from ${table}`, format: 'csv' })));
  assert.deepEqual((await looks()).map(({ status }) => status), [200, 200]);
  const narrowed = await admin.ask('PUT', `/api/groups/${String(group.body['id'])}`, { name: 'nearly all', members: [id], tables: [all, { schema: 'web', table: 'video_started', hidden: ['email'] }] });
  assert.equal(narrowed.status, 200, narrowed.text);
  for (const answer of await looks()) assert.match(message(answer), /does not exist, or you may not see it/);
});

test('guessing waits, for an account and for nobody else', async () => {
  const { client: liz } = await join('liz@example.com');
  await liz.ask('DELETE', '/api/session');
  const guess = (email: string): Promise<Answer> => send('POST', '/api/session', {}, { email, password: 'a wrong password' });
  for (const email of ['liz@example.com', 'ghost@example.com']) {
    let held: Answer | undefined;
    for (let i = 0; i < 12 && !held; i++) {
      const answer = await guess(email);
      if (answer.status === 429) held = answer;
      else assert.equal(answer.status, 401);
    }
    assert.ok(held, `${email} was never held back`);
    assert.match(String(held.headers['retry-after']), /^[1-9][0-9]*$/);
    assert.match(message(held), /too many attempts; wait [1-9]/);
  }
  // Held back is held back with the right password, too.
  for (let held = false; !held; ) held = (await guess('liz@example.com')).status === 429;
  assert.equal((await send('POST', '/api/session', {}, { email: 'liz@example.com', password })).status, 429);
  // Who is logged in from here is not kept out by others who guess.
  for (let i = 0; i < 7; i++) await guess('ada@example.com');
  assert.equal((await send('POST', '/api/session', {}, { email: 'ada@example.com', password })).status, 200);
});

test('the command line does the same, with a server and without one', async () => {
  const shop = await Weir.init();
  const fails = (what: Promise<string>, why: RegExp): Promise<void> => assert.rejects(what, (error: Error & { stderr?: string }) => why.test(error.stderr ?? ''));
  const round = async (n: number): Promise<void> => {
    const bob = `bob${n}@example.com`;
    assert.match(await shop.in('user', 'add', bob, '--role', 'editor', '-a', 'sports=["rugby"]', '-a', 'team=red'), /^http:\/\/\S+\/join#[0-9a-f]{64}\n$/);
    await fails(shop.in('user', 'add', bob.toUpperCase()), /here already/);
    await fails(shop.in('user', 'add', `x${n}@example.com`, '--role', 'boss'), /must be viewer, editor or admin/);
    await shop.in('user', 'set', bob, '--name', 'Bob B.', '-a', 'team=', '-a', 'store=7');
    const people = (JSON.parse(await shop.in('user', 'list', '--json')) as { people: Record<string, unknown>[] }).people;
    const found = people.find((p) => p['email'] === bob);
    assert.deepEqual([found?.['name'], found?.['role'], found?.['state'], found?.['attributes']], ['Bob B.', 'editor', 'invited', { sports: ['rugby'], store: 7 }]);
    assert.match(await shop.in('user', 'list'), new RegExp(`${bob} +editor +invited +never +Bob B\\.`));
    await fails(shop.in('user', 'set', bob), /nothing to set/);
    await fails(shop.in('user', 'set', 'nobody@example.com', '--role', 'admin'), /no such person/);
    await fails(shop.in('user', 'setup'), /set up already/);

    const group = `rugby ${n}`;
    await shop.in('group', 'add', group);
    await fails(shop.in('group', 'add', group), /has this name already/);
    await shop.in('group', 'grant', group, 'web.*', '--rows', "sport in (user.sports)", '--hide', 'email', '--mask', 'name', '--mask', 'phone');
    await shop.in('group', 'grant', group, 'billing.charges');
    await shop.in('group', 'grant', group, 'billing.charges', '--revoke');
    await fails(shop.in('group', 'grant', group, 'billing.charges', '--revoke'), /no grant of billing\.charges/);
    assert.equal(await shop.in('group', 'members', group, '--add', bob), `${bob}\n`);
    await fails(shop.in('group', 'members', group, '--add', 'nobody@example.com'), /nobody with the e-mail address/);
    assert.match(await shop.in('group', 'list'), new RegExp(`${group}  \\(1 person\\)\n  web\\.\\*  where sport in \\(user\\.sports\\)  without email  masked name, phone\n`));
    assert.equal(await shop.in('group', 'members', group, '--remove', bob), '');
    await shop.in('group', 'remove', group);
    await fails(shop.in('group', 'remove', 'everyone'), /built in/);

    const token = await shop.in('token', 'add', `ci ${n}`, '--scope', 'query', '--scope', 'read', '--expires', '30d', '--person', bob);
    assert.match(token, /^weir_[0-9a-f]{64}\n$/);
    const line = (await shop.in('token', 'list')).split('\n').find((l) => l.endsWith(`ci ${n}`)) ?? '';
    assert.match(line, new RegExp(`${bob} +query,read +\\d{4}-\\d\\d-\\d\\d never`));
    await shop.in('token', 'revoke', line.slice(0, 10));
    await fails(shop.in('token', 'revoke', line.slice(0, 10)), /no such token/);
    await fails(shop.in('token', 'add', 'x'), /--scope/);

    await shop.in('state', 'backup', path.join(shop.dir, `copy${n}.sqlite`));
    await fails(shop.in('state', 'backup', path.join(shop.dir, `copy${n}.sqlite`)), /exist/);
    await fails(shop.in('query', 'select 1', '--as', 'nobody@example.com'), /no such person|nobody with/);
    await shop.in('user', 'remove', bob);
  };
  try {
    assert.match(await shop.in('user', 'setup'), /^http:\/\/127\.0\.0\.1:8081\/setup#[0-9a-f]{64}\n$/);
    await shop.up();
    await shop.in('user', 'add', 'first@example.com', '--role', 'admin');
    await round(1);
    assert.equal(await shop.down(), 0);
    await round(2);
  } finally {
    await shop.remove();
  }
});

// Classes of bugs that others in this field had to mend, each tried against a running server. Those
// about signing in, CSRF, default secrets and too strong tokens are in people.test.ts; tricks with
// SQL against row rules are in tests/cases/rules and test_rules_fuzz.c, the sandbox's in
// test_sandbox.c; here each comes in over HTTP once more.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open } from '../node/app.js';
import { type Answer, Client, join, message, password, send, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let ed: { id: string; client: Client };
let eve: { id: string; client: Client }; // an editor too, whose rules are others
let vera: { id: string; client: Client };

before(async () => {
  weir = await Weir.init();
  await weir.up();
  for (const [user, sport] of [['u1', 'rugby'], ['u2', 'rowing'], ['u3', 'rowing']]) {
    const response = await fetch(`http://${weir.collect}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
      body: JSON.stringify({ type: 'track', event: 'Goal Seen', userId: user, properties: { sport, secret: `${sport}-secret` } }),
    });
    assert.equal(response.status, 200);
  }
  await weir.loaded();
  admin = await setUp(weir);
  await admin.want(200, 'PUT', '/api/groups/everyone', {
    name: 'everyone',
    tables: [{ schema: 'web', table: 'goal_seen', rows: 'sport in (user.sports)', hidden: ['secret'] }],
    collections: [{ collection: 'company', level: 'edit' }],
  });
  ed = await join(admin, 'ed@example.com', { role: 'editor', attributes: { sports: ['rugby'] } });
  eve = await join(admin, 'eve@example.com', { role: 'editor', attributes: { sports: ['rowing'] } });
  vera = await join(admin, 'vera@example.com', { attributes: { sports: ['rugby'] } });
});
after(() => weir.remove());

const sql = (who: Client, text: string, more: Record<string, unknown> = {}): Promise<Answer> => who.ask('POST', '/api/query', { sql: text, ...more });

async function report(who: Client, title: string, query: string, more: Record<string, unknown> = {}): Promise<string> {
  const made = await who.want(201, 'POST', '/api/reports', { report: { title, queries: [{ id: 'q' }], tiles: [], ...more }, queries: { q: query } });
  return String(made['id']);
}

const nasty = [
  "'; select 1; --",
  "' or '1'='1",
  "') union select secret from web.goal_seen --",
  '{{ other }}',
  '{% if true %}x{% endif %}',
  '[sport=other]',
  '$other',
  '" || current_query() || "',
  '\\',
  '/*',
  '\u0000',
  '\u2019; drop table web.goal_seen',
];

// Class: parameter values that become SQL, also for whoever has not signed in.
test('class "parameter to SQL injection": a value stays a value', async () => {
  const id = await report(ed.client, 'Echo', "select {{ q }} as v, '<{{ q }}>' as quoted, (select count(*) from web.goal_seen where [sport=q]) as n", { parameters: [{ name: 'q', type: 'text', default: 'x' }] });
  for (const value of nasty) {
    const answer = await vera.client.ask('POST', '/api/query', { report: id, query: 'q', values: { q: value } });
    if (value.includes('\u0000') && answer.status === 400) continue; // refused is well, too
    assert.equal(answer.status, 200, `${value}: ${answer.text}`);
    assert.deepEqual(answer.body['rows'], [[value, `<${value}>`, 0]], value);
  }
  for (const values of [{ q: ['a', 'b'] }, { q: { start: "x'", end: 'y' } }, { "q'; drop": 'x' }, { q: { type: 'int', value: '1; select 2' } }]) {
    const answer = await vera.client.ask('POST', '/api/query', { report: id, query: 'q', values });
    assert.ok(answer.status === 200 || answer.status === 400, answer.text);
    assert.doesNotMatch(answer.text, /rowing|secret/);
  }
  for (const target of ['/api/query', '/api/compile']) {
    assert.equal((await send(weir, 'POST', target, {}, { report: id, query: 'q', values: { q: nasty[0] } })).status, 401);
  }
});

// Class: code or SQL run by set-up and validation routes, before anybody has signed in.
test('class "code by set-up and validation": what is open runs nothing', async () => {
  const hostile = "x'; attach '/etc/passwd' as p; --";
  for (const [method, target, body] of [
    ['POST', '/api/setup', { token: hostile, email: hostile, name: hostile, password: hostile, sql: hostile }],
    ['POST', '/api/invite', { token: hostile, name: hostile, password: hostile }],
    ['POST', '/api/session', { email: hostile, password: hostile }],
  ] as const) {
    const answer = await send(weir, method, target, {}, body);
    assert.ok([400, 401, 403, 429].includes(answer.status), `${target}: ${answer.status}`);
    assert.doesNotMatch(answer.text, /attach|syntax|sqlite|duckdb/i);
  }
  for (const target of ['/api/compile', '/api/query', '/api/setup/link', '/api/replay', '/api/git/pull']) {
    assert.equal((await send(weir, 'POST', target, {}, { sql: hostile })).status, 401, target);
  }
  for (const statement of ["attach '/tmp/x.duckdb'", 'install httpfs', "load '/tmp/x.so'", "copy (select 1) to '/tmp/weir-security'", "export database '/tmp/x'", "set home_directory='/'", 'pragma database_list', "create macro m() as 1", 'checkpoint', "call pragma_version()"]) {
    assert.notEqual((await sql(ed.client, statement)).status, 200, statement);
    assert.notEqual((await sql(admin, statement)).status, 200, statement); // not for admins either
  }
});

// Class: addresses and paths in SQL that make the server read files or ask other machines.
test('class "file read and request forgery by SQL": nothing is read and nobody is asked', async () => {
  let asked = 0;
  const inner = http.createServer((_, response) => { asked++; response.end('a\n1\n'); });
  await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(inner.address() as AddressInfo).port}/x.csv`;
  const marker = path.join(weir.dir, 'marker.csv');
  writeFileSync(marker, 'content_of_a_file\n1\n');
  try {
    for (const where of [url, marker, '/etc/passwd', '.weir/secrets/api_token', 'file:///etc/passwd', 's3://bucket/x.csv', '/proc/self/environ']) {
      for (const text of [`from '${where}'`, `from read_csv('${where}')`, `from read_text('${where}')`, `from read_blob('${where}')`, `from read_json('${where}')`, `from glob('${where}')`, `select * from parquet_scan('${where}')`, `from sniff_csv('${where}')`]) {
        for (const who of [ed.client, admin]) {
          const answer = await sql(who, text);
          assert.notEqual(answer.status, 200, `${text}: ${answer.text}`);
          assert.doesNotMatch(answer.text, /content_of_a_file|root:/);
        }
      }
    }
    assert.equal(asked, 0);
  } finally {
    inner.closeAllConnections();
    inner.close();
  }
});

// Class: paths in addresses and ids that leave their folder.
test('class "path traversal": no address and no id leaves its folder', async () => {
  const raw = (target: string): Promise<string> => new Promise((resolve, reject) => {
    const [host, port] = weir.serve.split(':');
    let text = '';
    const socket = net.connect(Number(port), host, () => socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nCookie: ${admin.cookie}\r\nConnection: close\r\n\r\n`));
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.once('close', () => resolve(text));
    socket.once('error', reject);
  });
  const secret = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  for (const up of ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..%5c', '....//', '%252e%252e%252f', '..;/', '/']) {
    for (const base of ['/assets/', '/api/reports/', '/api/views/', '/api/snippets/', '/api/snapshots/', '/api/drafts/', '/']) {
      for (const file of ['.weir/secrets/api_token', 'weir.yml', 'etc/passwd', '.git/config']) {
        const answer = await raw(`${base}${up.repeat(6)}${file}`);
        assert.ok(!answer.includes(secret) && !/root:|\[core\]|^collect:/m.test(answer), `${base}${up}${file}`);
        assert.doesNotMatch(answer, /^HTTP\/1.1 5/, `${base}${up}${file}`);
      }
    }
  }
  for (const name of ['../x', '..%2fx', 'a%2f..%2f..%2fx', '.git', '.weir', 'con%00', 'A', 'x.sql', 'a'.repeat(300)]) {
    for (const kind of ['views', 'snippets', 'definitions']) {
      const answer = await admin.ask('PUT', `/api/${kind}/${name}`, { sql: 'select 1' });
      assert.ok(answer.status >= 400 && answer.status < 500, `${kind}/${name}: ${answer.status}`);
    }
  }
  for (const more of [{ id: '../../x' }, { id: '.git/hooks1' }]) {
    const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'x', ...more } });
    assert.match(String(made['id']), /^[a-z0-9]{10}$/); // one of weir's own
  }
  for (const file of ['../../../x.sql', '/tmp/x.sql', '.git/config', 'a/b.sql', 'report.yml']) {
    const answer = await admin.ask('POST', '/api/reports', { report: { title: 'x', queries: [{ id: 'q', file }] }, queries: { q: 'select 1' } });
    assert.equal(answer.status, 400, file);
  }
});

// Class: rules on rows and columns that the text of a statement gets round.
test('class "row rules bypassed by SQL": what is hidden stays hidden', async () => {
  assert.deepEqual((await sql(ed.client, 'select sport from web.goal_seen')).body['rows'], [['rugby']]);
  for (const text of [
    'with goal_seen as (select * from web.goal_seen) select * from goal_seen',
    'select * from web.goal_seen union all select * from web.goal_seen',
    'select * from "web"."goal_seen" as "secret" where sport <> \'rugby\'',
    'select (select string_agg(sport) from web.goal_seen)',
    'select * from (values (1)) t(x), lateral (select * from web.goal_seen) g',
    '/*!50000 */ select--\n* from/**/web.goal_seen',
    'from web.goal_seen',
    'select columns(*) from web.goal_seen',
    "select * exclude (id) from web.goal_seen where try_cast(sport as integer) is null",
    'summarize web.goal_seen',
    'pivot web.goal_seen on sport using count(*)',
    'table web.goal_seen',
    'select getvariable(\'x\'), * from warehouse.web.goal_seen',
    "select * from query('select * from web.goal_seen')",
    "select * from query_table('web.goal_seen')",
    'explain analyze select * from web.goal_seen',
    "select * from web.goal_seen where error(sport)",
    'select cast(sport as integer) from web.goal_seen',
    'select secret from web.goal_seen',
    'select g.secret from web.goal_seen g order by secret',
    "select json_serialize_sql('select * from web.goal_seen')",
  ]) {
    const answer = await sql(ed.client, text);
    assert.ok(answer.status < 500, `${text}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /rowing|rugby-secret/, text);
  }
});

// Class: functions that a list of forbidden names forgot.
test('class "function denylist": functions are allowed by list', async () => {
  for (const call of ["getenv('HOME')", "current_setting('home_directory')", 'current_query()', "read_text('/etc/hosts')", "write_log('x')", "which_secret('s3://x', 's3')", "pg_read_file('/etc/passwd')", "load_extension('x')", "system('id')", "sleep_ms(1)", "nextval('x')"]) {
    const answer = await sql(ed.client, `select ${call}`);
    assert.notEqual(answer.status, 200, call);
    assert.ok(!answer.text.includes(String(process.env['HOME'] ?? weir.dir)), call);
  }
  for (const table of ['duckdb_secrets()', 'duckdb_settings()', 'duckdb_databases()', 'duckdb_memory()', 'pragma_storage_info(\'web.goal_seen\')', 'duckdb_logs()', 'sqlite_master', 'pg_catalog.pg_class', 'information_schema.schemata']) {
    const answer = await sql(ed.client, `from ${table}`);
    assert.doesNotMatch(answer.text, /rowing|secret'|\.weir|state\.sqlite/, table);
  }
});

// Class: macros of a template language that put their arguments into the statement.
test('class "template macros": arguments of snippets and ranges are bound', async () => {
  await ed.client.want(201, 'PUT', '/api/snippets/twice', { sql: 'twice(a): concat({{ q }}, [a])' });
  const id = await report(ed.client, 'Macros', "select [sport=q] is not null as f, '{{ q }}' as t from web.goal_seen", { parameters: [{ name: 'q', type: 'multiselect' }] });
  for (const value of nasty) {
    const answer = await vera.client.ask('POST', '/api/query', { report: id, query: 'q', values: { q: [value, "') or (1=1"] } });
    assert.ok(answer.status === 200 || answer.status === 400, answer.text);
    assert.doesNotMatch(answer.text, /rowing|rugby-secret/);
  }
  const compiled = await ed.client.want(200, 'POST', '/api/compile', { sql: 'select [sport=q] from web.goal_seen', values: { q: nasty } });
  for (const value of nasty) assert.ok(!String(compiled['sql']).includes(value), value);
});

// Class: the application's own database, reached from a query.
test('class "metadata reachable from a query": people, tokens and drafts are in no catalog', async () => {
  const state = path.join(weir.dir, '.weir/state.sqlite');
  for (const text of [
    'from people', 'from sessions', 'from main.tokens', 'from state.people', 'with p as (from people) from p',
    `from sqlite_scan('${state}', 'people')`, `attach '${state}' (type sqlite)`, `from '${state}'`, `from read_blob('${state}')`,
    `with x as (select * from sqlite_scan('${state}', 'people')) select * from x`,
  ]) {
    for (const who of [ed.client, admin]) assert.notEqual((await sql(who, text)).status, 200, text);
  }
});

// Class: an answer that is kept, and given to somebody else.
test('class "cached answers crossing people": the same words give each her own rows', async () => {
  const text = 'select sport from web.goal_seen order by all';
  const id = await report(ed.client, 'Same words', text);
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all([ed, eve, vera].map(({ client }) => client.ask('POST', '/api/query', { report: id, query: 'q' })));
    assert.deepEqual(answers.map((answer) => answer.body['rows']), [[['rugby']], [['rowing'], ['rowing']], [['rugby']]]);
    for (const answer of answers) assert.match(String(answer.headers['cache-control']), /no-store/);
  }
  const seen = await admin.ask('POST', '/api/query', { sql: text }, { 'x-weir-see-as': 'ed@example.com' });
  assert.deepEqual(seen.body['rows'], [['rugby']]);
  assert.equal(((await sql(admin, text)).body['rows'] as unknown[]).length, 3);
});

// Class: objects of others, by their ids.
test('class "others\' objects by id": tokens, drafts, old versions and people', async () => {
  const made = await ed.client.want(201, 'POST', '/api/tokens', { name: 'hers', scopes: ['read'] });
  for (const who of [eve.client, vera.client]) assert.notEqual((await who.ask('DELETE', `/api/tokens/${String(made['id'])}`)).status, 204);
  assert.doesNotMatch((await eve.client.ask('GET', '/api/tokens')).text, /hers/);
  await ed.client.want(204, 'PUT', '/api/drafts/report:x', { sql: 'draft of ed' });
  for (const key of ['report:x', `${ed.id}/report:x`, `${ed.id}%2freport:x`, '..%2freport:x']) {
    assert.doesNotMatch((await eve.client.ask('GET', `/api/drafts/${key}`)).text, /draft of ed/);
  }
  assert.equal((await eve.client.ask('DELETE', '/api/drafts/report:x')).status, 204); // her own, which is none
  await ed.client.want(200, 'GET', '/api/drafts/report:x');
  const hidden = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Board', collection: 'board', queries: [{ id: 'q' }] }, queries: { q: 'select 1' } });
  const mine = await report(ed.client, 'Mine', 'select 1');
  // A version is an object of the repository: that of another report is no version of this one.
  for (const version of [String(hidden['version']), 'HEAD', 'HEAD~1', '../x', '0'.repeat(40), '-'.repeat(40)]) {
    for (const target of [`/api/reports/${mine}/at/${encodeURIComponent(version)}`, `/api/reports/${String(hidden['id'])}/at/${encodeURIComponent(version)}`]) {
      const answer = await ed.client.ask('GET', target);
      assert.ok(answer.status === 404 || answer.status === 400, target);
      assert.doesNotMatch(answer.text, /Board/);
    }
    assert.notEqual((await ed.client.ask('POST', `/api/reports/${mine}/restore`, { version })).status, 200);
  }
  for (const part of ['', '/history', '/share', '/open', '/snapshots']) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
      const answer = await ed.client.ask(method, `/api/reports/${String(hidden['id'])}${part}`, method === 'GET' || method === 'DELETE' ? undefined : {});
      assert.ok(answer.status === 404 || answer.status === 405, `${method} ${part}: ${answer.status}`);
    }
  }
});

// Class: keys in a body that nobody meant to be set.
test('class "mass assignment": nobody makes herself an admin', async () => {
  for (const body of [{ role: 'admin' }, { name: 'Vera', role: 'admin' }, { id: ed.id }, { email: 'ada@example.com' }, { attributes: { sports: ['rowing'] } }, { groups: ['x'] }, { disabled: false }, { preferences: { role: 'admin' }, role: 'admin' }]) {
    assert.equal((await vera.client.ask('PATCH', '/api/session', body)).status, 400, JSON.stringify(body));
  }
  assert.equal(((await vera.client.want(200, 'GET', '/api/session'))['person'] as { role: string }).role, 'viewer');
  for (const body of [{ email: 'mallory@example.com', name: 'M', role: 'admin' }, { email: 'x', id: 'y' }]) {
    assert.equal((await ed.client.ask('POST', '/api/people', body)).status, 403);
  }
  const made = await admin.want(201, 'POST', '/api/people', { email: 'new@example.com', name: 'New' });
  const invited = await admin.want(200, 'POST', `/api/people/${String(made['id'])}/invite`, {});
  const token = String(invited['link']).split('#')[1];
  assert.equal((await send(weir, 'POST', '/api/invite', {}, { token, password, role: 'admin' })).status, 400);
  const entered = await send(weir, 'POST', '/api/invite', {}, { token, password });
  assert.equal((entered.body['person'] as { role: string }).role, 'viewer');
});

// Class: a session that somebody chose before the person signed in.
test('class "session fixation": signing in makes a new session', async () => {
  const chosen = `weir_session=${'a'.repeat(64)}`;
  const answer = await send(weir, 'POST', '/api/session', { cookie: chosen }, { email: 'vera@example.com', password });
  assert.equal(answer.status, 200);
  const given = (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';
  assert.notEqual(given, chosen);
  assert.equal((await send(weir, 'GET', '/api/session', { cookie: chosen })).status, 401);
  const again = await send(weir, 'POST', '/api/session', { cookie: given }, { email: 'vera@example.com', password });
  assert.notEqual((again.headers['set-cookie']?.[0] ?? '').split(';')[0], given);
  // A new password ends the other sessions.
  const other = await Client.enter(weir, 'vera@example.com');
  const changed = await vera.client.ask('PATCH', '/api/session', { password: { old: password, new: `${password}!` } });
  assert.equal(changed.status, 200);
  assert.equal((await other.ask('GET', '/api/session')).status, 401);
  vera = { id: vera.id, client: await Client.enter(weir, 'vera@example.com', `${password}!`) };
});

// Class: links that lead somewhere else, and addresses taken from what the client says.
test('class "open redirect and host header": no answer leads elsewhere', async () => {
  for (const target of ['//evil.example', '/login?next=//evil.example', '/%2f%2fevil.example', '/\\evil.example', '/report/x?return=https://evil.example', '/https://evil.example']) {
    const answer = await send(weir, 'GET', target, { cookie: admin.cookie });
    assert.equal(answer.headers['location'], undefined, target);
    assert.ok(answer.status < 300 || answer.status >= 400, target);
  }
  for (const headers of [{ host: 'evil.example' }, { host: `${weir.serve}.evil.example` }, { host: `evil.example@${weir.serve}` }, { host: '[::1]evil.example' }, { host: '127.0.0.1:80/evil.example' }, { host: 'localhost:evil' }]) {
    for (const target of ['/api/session', '/', '/setup', '/api/setup/link']) {
      assert.equal((await send(weir, 'GET', target, { cookie: admin.cookie, ...headers })).status, 421, target);
    }
  }
  const invited = await admin.ask('POST', `/api/people/${vera.id}/invite`, {}, { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' });
  assert.doesNotMatch(String(invited.body['link']), /evil/);
});

// Class: messages that tell what is behind: paths, stacks, whether somebody exists.
test('class "revealing errors": a stranger learns nothing', async () => {
  const unknown = await send(weir, 'POST', '/api/session', {}, { email: 'nobody@example.com', password: 'wrong' });
  const known = await send(weir, 'POST', '/api/session', {}, { email: 'ed@example.com', password: 'wrong' });
  assert.equal(unknown.text, known.text);
  for (const [method, target] of [['GET', '/api/reports/zzzzzzzzzz'], ['GET', '/api/nothing'], ['POST', '/api/query'], ['GET', '/api/snapshots/zzzzzzzzzz'], ['PUT', '/api/views/x']] as const) {
    const answer = await send(weir, method, target, {}, method === 'GET' ? undefined : { sql: 'select' });
    assert.equal(answer.status, 401, target);
    assert.ok(!answer.text.includes(weir.dir) && !/\.c:\d|0x[0-9a-f]{6}|sqlite|duckdb/i.test(answer.text), answer.text);
  }
  for (const answer of [await ed.client.ask('GET', '/api/reports/zzzzzzzzzz'), await sql(ed.client, 'select * from nothing'), await sql(ed.client, "select cast('x' as integer)"), await ed.client.ask('POST', '/api/query', '{'), await ed.client.ask('POST', '/api/reports', { report: { titel: 'x' } })]) {
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
    assert.ok(!answer.text.includes(weir.dir), answer.text);
  }
  const missing = message(await sql(ed.client, 'select * from web.nothing_at_all'));
  const forbidden = message(await sql(ed.client, 'select * from weir.discards'));
  assert.equal(missing.replace('web.nothing_at_all', 'T'), forbidden.replace('weir.discards', 'T'));
  const response = await send(weir, 'GET', '/health');
  assert.equal(response.headers['server'], undefined);
  assert.equal(response.headers['x-powered-by'], undefined);
});

// Class: text of one person that becomes script for another.
test('class "stored script": titles, texts, labels and cells are shown, never run', async () => {
  const script = '<img src=x onerror="window.hit=1"><script>window.hit=2</script>"\'><svg onload="window.hit=3">';
  const link = '[a](javascript:window.hit=4) <a href="javascript:window.hit=5">b</a> ![c](x" onerror="window.hit=6) <iframe srcdoc="<script>parent.hit=7</script>"></iframe>';
  const id = await report(ed.client, `T ${script}`, `select '${script.replaceAll("'", "''")}' as "${script.replaceAll('"', '""')}"`, {
    description: script,
    parameters: [{ name: 'p', label: script, type: 'select', options: [script], default: script }],
    tiles: [
      { id: 't1', kind: 'text', markdown: `# ${script}\n\n${link}`, x: 0, y: 0, w: 24, h: 6 },
      { id: 't2', kind: 'table', query: 'q', title: script, x: 0, y: 6, w: 24, h: 6 },
    ],
  });
  await admin.want(200, 'PATCH', '/api/session', { name: script });
  const browser = await launch();
  try {
    const { page } = await open(browser);
    const violations: string[] = [];
    page.on('console', (text) => { if (/Content Security Policy/.test(text.text())) violations.push(text.text()); });
    const [name, value] = admin.cookie.split('=');
    await page.context().addCookies([{ name: name ?? '', value: value ?? '', url: `http://${weir.serve}` }]);
    for (const target of [`/report/${id}`, '/', '/people', '/explore']) {
      await page.goto(`http://${weir.serve}${target}`);
      await page.waitForLoadState('networkidle');
      if (target.startsWith('/report')) await page.getByText('window.hit=1').first().waitFor();
      for (const anchor of await page.locator('a').all()) assert.doesNotMatch((await anchor.getAttribute('href')) ?? '', /^\s*javascript:/i, target);
      assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined, target);
      assert.equal(await page.locator('iframe, [onerror], [onload]').count(), 0, target);
    }
    assert.deepEqual(violations, []);
  } finally {
    await browser.close();
    await admin.want(200, 'PATCH', '/api/session', { name: 'Ada' });
  }
  const answer = await send(weir, 'GET', '/');
  assert.match(String(answer.headers['content-security-policy']), /script-src 'self'/);
  assert.match(String(answer.headers['content-security-policy']), /frame-ancestors 'none'/);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  // What the API answers is never a page, whatever is in it.
  for (const format of ['json', 'csv', 'table', 'ndjson']) {
    const rows = await sql(ed.client, "select '<script>alert(1)</script>' as x", { format });
    assert.doesNotMatch(String(rows.headers['content-type']), /html/);
    assert.equal(rows.headers['x-content-type-options'], 'nosniff');
  }
});

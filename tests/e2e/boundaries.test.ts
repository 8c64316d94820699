// Ways around what a restricted person may see that lead through other doors than her SQL: views
// that she saves herself, lists of columns, streams, her own name, what the server says of itself.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { type Answer, Client, join, message, password, send, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let ed: { id: string; client: Client }; // an editor who sees one table in part, and all views
let vera: { id: string; client: Client };
const everyone = {
  name: 'everyone',
  tables: [
    { schema: 'web', table: 'goal_seen', rows: 'sport in (user.sports)', hidden: ['secret'] },
    { schema: 'views', table: '*' },
  ],
  collections: [{ collection: 'company', level: 'edit' }],
};

before(async () => {
  weir = await Weir.init();
  const settings = `${weir.dir}/weir.yml`;
  writeFileSync(settings, readFileSync(settings, 'utf8').replace(/^query:/m, 'query:\n  stuck_after: 100ms'));
  await weir.up();
  const events = ['Goal Seen', 'Hidden Deal'].flatMap((event) => ['rugby', 'rowing'].map((sport) => ({ type: 'track', event, userId: sport, properties: { sport, secret: `${sport}-secret` } })));
  const sent = await fetch(`http://${weir.collect}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
    body: JSON.stringify({ batch: events }),
  });
  assert.equal(sent.status, 200);
  await weir.loaded();
  for (const mark of ['x-real-ip', 'x-forwarded-host', 'via']) {
    const answer = await send(weir, 'GET', '/api/people', { [mark]: '10.1.2.3' });
    assert.equal(answer.status, 401, `a stranger behind a proxy that sends ${mark} is no owner`);
  }
  admin = await setUp(weir);
  await admin.want(200, 'PUT', '/api/groups/everyone', everyone);
  ed = await join(admin, 'ed@example.com', { role: 'editor', attributes: { sports: ['rugby'] } });
  vera = await join(admin, 'vera@example.com', { attributes: { sports: ['rugby'] } });
});
after(() => weir.remove());

const sql = (who: Client, text: string, more: Record<string, unknown> = {}): Promise<Answer> => who.ask('POST', '/api/query', { sql: text, ...more });

test('a view tells nobody of columns and tables that she may not see', async () => {
  await admin.want(201, 'PUT', '/api/views/goals', { sql: 'select * from web.goal_seen' });
  const of: Record<string, Record<string, unknown>> = {};
  for (const [name, text] of [['there', 'select * from web.hidden_deal'], ['nowhere', 'select * from web.hidden_dealt'], ['column', 'select secret from web.goal_seen'], ['nocolumn', 'select secrets from web.goal_seen']] as const) {
    of[name] = await ed.client.want(201, 'PUT', `/api/views/${name}`, { sql: text });
    assert.deepEqual([of[name]['warehouse'], of[name]['reason']], [null, null], name);
    const asked = await sql(ed.client, `from views.${name}`);
    assert.equal(asked.status, 404);
    assert.equal(message(asked), `table "views.${name}" does not exist, or you may not see it`);
    assert.equal((await ed.client.ask('GET', `/api/tables/views.${name}`)).status, 404);
  }
  const listed = (await ed.client.want(200, 'GET', '/api/documents'))['views'] as { warehouse: unknown }[];
  assert.deepEqual([...new Set(listed.map((view) => view.warehouse))], [null]);
  assert.equal((await admin.want(200, 'GET', '/api/views/there'))['warehouse'], true);
  assert.equal((await admin.want(200, 'GET', '/api/views/nowhere'))['warehouse'], false);

  const tables = (await ed.client.want(200, 'GET', '/api/schema'))['tables'] as { name: string; columns: { name: string }[] }[];
  assert.deepEqual(tables.map((table) => table.name).sort(), ['goal_seen', 'goals']);
  for (const table of tables) assert.ok(!table.columns.some((column) => column.name === 'secret'), table.name);
  // Shortcuts are filled in from the same catalog: a join on a column that is not hers finds none.
  const joined = await ed.client.want(200, 'POST', '/api/compile', { sql: 'select * from [views.goals+views.there]', values: {} });
  assert.doesNotMatch(JSON.stringify(joined), /secret/);
  assert.match(JSON.stringify(joined['errors']), /no view, snippet or table \\"views.there\\"/);
});

test('nobody chooses a name that a rule reads', async () => {
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [{ schema: 'web', table: 'goal_seen', rows: 'sport = "user" . name' }] });
  try {
    const renamed = await vera.client.ask('PATCH', '/api/session', { name: 'rowing' });
    assert.equal(renamed.status, 403);
    assert.match(message(renamed), /only an admin/);
    const made = await admin.want(201, 'POST', '/api/people', { email: 'new@example.com', name: 'New' });
    const invited = await admin.want(200, 'POST', `/api/people/${String(made['id'])}/invite`, {});
    const token = String(invited['link']).split('#')[1];
    assert.equal((await send(weir, 'POST', '/api/invite', {}, { token, name: 'rowing', password })).status, 403);
    assert.equal((await send(weir, 'POST', '/api/invite', {}, { token, name: 'New', password })).status, 200);
    await admin.want(200, 'PATCH', `/api/people/${vera.id}`, { name: 'Vera' });
  } finally {
    await admin.want(200, 'PUT', '/api/groups/everyone', everyone);
  }
  await vera.client.want(200, 'PATCH', '/api/session', { name: 'Vera Q' });
});

/** What a stream of changes tells, until it is ended. */
function listen(who: Client): Promise<{ text: () => string; ended: () => boolean; close: () => void }> {
  const [host, port] = weir.serve.split(':');
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path: '/api/changes', headers: { cookie: who.cookie } }, (response) => {
      let text = '';
      let ended = response.statusCode !== 200;
      response.on('data', (bytes: Buffer) => (text += bytes.toString()));
      for (const event of ['end', 'error', 'close']) response.on(event, () => (ended = true));
      resolve({ text: () => text, ended: () => ended, close: () => request.destroy() });
    });
    request.on('error', reject);
  });
}

test('a stream ends when rights change, and tells viewers of no views', async () => {
  const all = await Promise.all([admin, ed.client, vera.client].map(listen));
  const [hers, eds, veras] = all;
  assert.ok(hers && eds && veras);
  await ed.client.want(201, 'PUT', '/api/snippets/payroll', { sql: '1' });
  await ed.client.want(201, 'POST', '/api/reports', { report: { title: 'Seen by all' } });
  await until('the report, told to the viewer', 20, () => veras.text().includes('"report"') || undefined);
  assert.match(eds.text(), /payroll/);
  assert.doesNotMatch(veras.text(), /payroll/);

  await admin.want(200, 'PATCH', `/api/people/${ed.id}`, { role: 'viewer' });
  await until('the end of her stream', 20, () => eds.ended() || undefined);
  assert.ok(!veras.ended() && !hers.ended());
  await admin.want(200, 'PUT', '/api/groups/everyone', everyone);
  await until('the end of all streams', 20, () => (veras.ended() && hers.ended()) || undefined);
  await admin.want(200, 'PATCH', `/api/people/${ed.id}`, { role: 'editor' });

  const again = await listen(ed.client);
  await ed.client.want(204, 'DELETE', '/api/session');
  await until('the end with the session', 20, () => again.ended() || undefined);
  assert.equal((await listen(ed.client)).ended(), true);
  ed.client = await Client.enter(weir, 'ed@example.com');
  for (const stream of [...all, again]) stream.close();
});

test('what others ask is shown to admins only', async () => {
  const text = "select levenshtein(repeat('ab', 30000), repeat('cd', 30000)) as payroll";
  const asked = sql(admin, text, { limits: { timeout: 0.01 } });
  const stuck = await until('a stuck query', 20, async () => {
    const query = (await vera.client.want(200, 'GET', '/api/status'))['query'] as { stuck_queries: { id: string; sql: string | null }[] };
    return query.stuck_queries[0];
  });
  assert.equal(stuck.sql, null);
  const seen = (await admin.want(200, 'GET', '/api/status'))['query'] as { stuck_queries: { sql: string | null }[] };
  if (seen.stuck_queries[0]) assert.match(String(seen.stuck_queries[0].sql), /payroll/); // else it has ended
  assert.notEqual((await asked).status, 200);
});

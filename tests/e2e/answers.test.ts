// What the server answers about queries, beside their rows: by whom they were run, and for whom that is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, Client as Session, join, message, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

/** A session, and whose it is. */
class Client {
  private constructor(
    private readonly session: Session,
    readonly id: string,
    readonly email: string,
  ) {}

  static async setUp(server: Weir): Promise<Client> {
    const session = await setUp(server, 'ada@example.com');
    const { person } = (await session.want(200, 'GET', '/api/session')) as { person: { id: string } };
    return new Client(session, person.id, 'ada@example.com');
  }

  async invite(email: string, more: Record<string, unknown> = {}): Promise<Client> {
    const { id, client } = await join(this.session, email, more);
    return new Client(client, id, email);
  }

  get headers(): Record<string, string> {
    return { cookie: this.session.cookie, 'x-weir-csrf': this.session.csrf };
  }

  ask(method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.session.ask(method, target, body, headers);
  }
}

let weir: Weir;
let admin: Client;
let editor: Client;
let viewer: Client;

interface Run {
  id: number;
  at: string;
  sql: string | null;
  values: object | null;
  rows: number | null;
  truncated: boolean;
  elapsed_ms: number;
  error: string | null;
  report: string | null;
  query: string | null;
}

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await Client.setUp(weir);
  editor = await admin.invite('ed@example.com', { role: 'editor' });
  viewer = await admin.invite('vera@example.com');
});
after(() => weir.remove());

const query = (who: Client, body: object, headers = {}): Promise<Answer> => who.ask('POST', '/api/query', body, headers);

/** Her runs, once there are so many: they are written after their answers. */
async function runs(who: Client, count: number, rest = ''): Promise<Run[]> {
  return until(`${count} runs`, 20, async () => {
    const answer = await who.ask('GET', `/api/history?limit=500${rest}`);
    assert.equal(answer.status, 200, answer.text);
    const found = answer.body['runs'] as Run[];
    return found.length >= count ? found : undefined;
  });
}

let report = '';

test('every run is kept: rows, values, errors, and a report’s query without its SQL', async () => {
  const made = await editor.ask('POST', '/api/reports', {
    report: { title: 'Sales', parameters: [{ name: 'n', type: 'number', default: 3 }], queries: [{ id: 'q' }], tiles: [] },
    queries: { q: 'select i from range({{ n }}) t(i) -- a secret of the report' },
  });
  assert.equal(made.status, 201, made.text);
  report = String(made.body['id']);

  assert.equal((await query(editor, { sql: 'select 1 as one' })).status, 200);
  assert.equal((await query(editor, { sql: 'select {{ n }} as n', values: { n: 41 } })).status, 200);
  assert.equal((await query(editor, { sql: 'from range(10)', limits: { rows: 4 } })).status, 200);
  assert.equal((await query(editor, { sql: 'select nope' })).status, 400);
  assert.equal((await query(editor, { sql: 'select {{ nobody }}', values: {} })).status, 400);
  assert.equal((await query(editor, { sql: 'drop table x' })).status, 403);
  const found = await runs(editor, 6);
  assert.equal(found.length, 6);
  assert.deepEqual(
    found.map(({ sql, values, rows, truncated, report: r }) => ({ sql, values, rows, truncated, r })).reverse(),
    [
      { sql: 'select 1 as one', values: null, rows: 1, truncated: false, r: null },
      { sql: 'select {{ n }} as n', values: { n: 41 }, rows: 1, truncated: false, r: null },
      { sql: 'from range(10)', values: null, rows: 4, truncated: true, r: null },
      { sql: 'select nope', values: null, rows: null, truncated: false, r: null },
      { sql: 'select {{ nobody }}', values: {}, rows: null, truncated: false, r: null },
      { sql: 'drop table x', values: null, rows: null, truncated: false, r: null },
    ],
  );
  assert.match(String(found[0]?.error), /not allowed/);
  assert.match(String(found[2]?.error), /nope/);
  assert.equal(found[5]?.error, null);
  assert.ok(Math.abs(Date.parse(found[0]?.at ?? '') - Date.now()) < 60_000);

  assert.equal((await query(viewer, { report, query: 'q', values: { n: 5 } })).status, 200);
  const [hers] = await runs(viewer, 1);
  assert.deepEqual({ ...hers, id: 0, at: '', elapsed_ms: 0 }, { id: 0, at: '', sql: null, values: { n: 5 }, report, query: 'q', rows: 5, truncated: false, elapsed_ms: 0, error: null });
  assert.equal((await query(viewer, { sql: 'select 1' })).status, 403); // nothing ran
  assert.equal((await runs(viewer, 1)).length, 1);
});

test('a history is searched and paged', async () => {
  assert.deepEqual((await runs(editor, 1, '&q=NOPE')).map((run) => run.sql), ['select nope']);
  assert.deepEqual((await runs(editor, 1, '&q=41')).map((run) => run.sql), ['select {{ n }} as n']);
  assert.deepEqual(await runs(editor, 0, `&q=${encodeURIComponent("%' or 1=1 --")}`), []);
  const all = (await runs(editor, 6)).map((run) => run.id);
  const paged: number[] = [];
  for (let before = '', more = true; more; before = `&before=${paged.at(-1)}`) {
    const { body } = await editor.ask('GET', `/api/history?limit=4${before}`);
    paged.push(...(body['runs'] as Run[]).map((run) => run.id));
    more = Boolean(body['more']);
  }
  assert.deepEqual(paged, all);
  assert.deepEqual(all, [...all].sort((a, b) => b - a));
  for (const bad of ['limit=0', 'limit=-1', 'limit=x', 'limit=99999999999999999999', 'before=-1', 'before=x']) {
    assert.equal((await editor.ask('GET', `/api/history?${bad}`)).status, 400, bad);
  }
  assert.equal((await editor.ask('GET', '/api/history?limit=9223372036854775807')).status, 200);
});

test('nobody sees another’s history, nor adds to it by looking through her eyes', async () => {
  const before = await runs(editor, 6);
  const asEditor = { 'x-weir-see-as': editor.email };
  assert.equal((await query(admin, { sql: "select 'an admin looks'" }, asEditor)).status, 200);
  assert.equal((await query(admin, { sql: "select 'an admin asks as'", as: editor.email })).status, 200);
  const own = await runs(admin, 2);
  assert.deepEqual(own.map((run) => run.sql).sort(), ["select 'an admin asks as'", "select 'an admin looks'"]);
  const seen = (await admin.ask('GET', '/api/history', undefined, asEditor)).body['runs'] as Run[];
  assert.deepEqual(seen, own);
  assert.deepEqual(await runs(editor, 6), before);
  assert.deepEqual((await viewer.ask('GET', `/api/history?before=${before[0]?.id}&person=${editor.id}`)).body['runs'], []);
  const token = (scopes: string[]): Promise<Answer> => editor.ask('POST', '/api/tokens', { name: scopes.join(), scopes });
  const bearer = async (scopes: string[]): Promise<Record<string, string>> => ({ cookie: '', authorization: `Bearer ${String((await token(scopes)).body['secret'])}` });
  assert.equal((await editor.ask('GET', '/api/history', undefined, await bearer(['read']))).status, 403);
  assert.equal((await editor.ask('GET', '/api/history', undefined, await bearer(['query']))).status, 200);
});

test('a query is asked about and canceled by who runs it, and by admins', async () => {
  const slow = 'select count(*) from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';
  const begin = async (who: Client, headers = {}): Promise<{ id: string; ended: Promise<unknown> }> => {
    const response = await fetch(`http://${weir.serve}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...who.headers, ...headers },
      body: JSON.stringify({ sql: "select i, repeat('x', 1000) from range(100000000) t(i)", format: 'ndjson' }),
    });
    return { id: response.headers.get('x-weir-query-id') ?? '', ended: response.text().catch(() => undefined) };
  };
  assert.equal((await query(editor, { sql: slow, limits: { timeout: 0.1 } })).status, 504);
  const { id, ended } = await begin(editor);
  const nobody = await viewer.ask('GET', '/api/query/0123456789abcdef');
  assert.equal(nobody.status, 404);
  for (const method of ['GET', 'DELETE']) {
    const answer = await viewer.ask(method, `/api/query/${id}`);
    assert.deepEqual([answer.status, answer.text], [404, nobody.text], method);
  }
  assert.equal((await editor.ask('GET', `/api/query/${id}`)).body['state'], 'running');
  assert.equal((await admin.ask('GET', `/api/query/${id}`)).status, 200);
  assert.equal((await admin.ask('GET', `/api/query/${id}`, undefined, { 'x-weir-see-as': viewer.email })).status, 404);
  assert.equal((await editor.ask('DELETE', `/api/query/${id}`)).status, 204);
  await ended;
  assert.equal((await viewer.ask('GET', `/api/query/${id}`)).status, 404); // nor afterwards
  assert.equal((await editor.ask('GET', `/api/query/${id}`)).body['state'], 'failed');
  // What an admin runs through somebody's eyes is the admin's.
  const looked = await begin(admin, { 'x-weir-see-as': editor.email });
  assert.equal((await editor.ask('DELETE', `/api/query/${looked.id}`)).status, 404);
  assert.equal((await admin.ask('DELETE', `/api/query/${looked.id}`, undefined, { 'x-weir-see-as': editor.email })).status, 204);
  await looked.ended;
});

test('a report’s query is compiled for those who may see its SQL', async () => {
  const compile = (who: Client, body: object, headers = {}): Promise<Answer> => who.ask('POST', '/api/compile', body, headers);
  const shown = await compile(editor, { report, query: 'q', values: { n: 7 } });
  assert.equal(shown.status, 200, shown.text);
  assert.match(String(shown.body['sql']), /select i from range\(.*secret of the report/s);
  assert.deepEqual((shown.body['params'] as { value: unknown }[]).map((p) => p.value), [7]);
  assert.deepEqual((shown.body['fields'] as { name: string }[]).map((f) => f.name), ['n']);
  for (const answer of [
    await compile(viewer, { report, query: 'q', values: {} }),
    await compile(admin, { report, query: 'q', values: {} }, { 'x-weir-see-as': viewer.email }),
  ]) {
    assert.equal(answer.status, 403);
    assert.match(message(answer), /SQL of a report is shown to those who may write SQL/);
    assert.doesNotMatch(answer.text, /secret/);
  }
  assert.equal((await compile(viewer, { sql: 'select 1', values: {} })).status, 403);
  assert.equal((await compile(viewer, { report: 'nothing123', query: 'q', values: {} })).status, 404);
  assert.equal((await compile(editor, { report: 'nothing123', query: 'q', values: {} })).status, 404);
  assert.equal((await compile(editor, { report, query: 'nope', values: {} })).status, 404);
  assert.equal((await compile(editor, { report, values: {} })).status, 400);
});

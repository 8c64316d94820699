// What the server answers about queries and tables, beside rows: runs, plans, what is in a table, and for whom.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, Client as Session, join, message, send as request, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

const send = (server: Weir, method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => request(server, method, target, headers, body);

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

/** Sends events, and returns when they can be queried. */
async function track(events: object[]): Promise<void> {
  const response = await fetch(`http://${weir.collect}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
    body: JSON.stringify({ batch: events.map((event) => ({ type: 'track', userId: 'u', ...event })) }),
  });
  assert.equal(response.status, 200);
  await weir.loaded();
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

test('what a page looks up by itself is no run of hers', async () => {
  const lou = await admin.invite('lou@example.com', { role: 'editor' });
  const marked = "select 'looked up by itself' as mark";
  assert.equal((await lou.ask('POST', '/api/query', { sql: marked, history: false })).status, 200);
  assert.equal((await lou.ask('POST', '/api/query', { sql: 'select nothing', history: false })).status, 400);
  assert.equal((await lou.ask('POST', '/api/query', { sql: `${marked} -- and then by hand` })).status, 200);
  const runs = await until('the run', 20, async () => {
    const { runs: found } = (await lou.ask('GET', '/api/history?q=looked')).body as { runs: Run[] };
    return found.length ? found : undefined;
  });
  assert.deepEqual(runs.map((run) => run.sql), [`${marked} -- and then by hand`]);
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

test('a plan is for those who see everything, with the parameters bound and errors at their place', async () => {
  const explain = (who: Client, body: object, headers = {}): Promise<Answer> => who.ask('POST', '/api/explain', body, headers);
  interface Step {
    name: string;
    detail: string;
    rows: number | null;
    children: Step[];
  }
  for (const who of [admin, editor]) {
    const { status, body, text } = await explain(who, { sql: 'select a.i, count(*)\nfrom range({{ n }}) a(i) join range(10) b(i) using (i) group by all', values: { n: 1000 } });
    assert.equal(status, 200, text);
    const names: string[] = [];
    const walk = (step: Step): void => {
      names.push(step.name);
      step.children.forEach(walk);
    };
    walk(body['plan'] as Step);
    assert.ok(names.includes('Join by equal values') && names.some((name) => name.startsWith('Group')), names.join());
    assert.match(String(body['text']), /^\S.*\n {2}\S/);
  }
  const wrong = await explain(editor, { sql: 'select {{ n }},\n  nope', values: { n: 1 } });
  assert.deepEqual((wrong.body['error'] as { position: unknown }).position, { offset: 18, line: 2, column: 3 });
  for (const sql of ['drop table web.pages', 'analyze select 1', 'select 1; drop table x', '(format json) select 1', "copy (select 1) to 'x'", 'explain select 1', '']) {
    const { status } = await explain(editor, { sql });
    assert.ok(status === 400 || status === 403, `${sql}: ${status}`);
  }
  assert.equal((await explain(viewer, { sql: 'select 1' })).status, 403);
  assert.equal((await explain(viewer, { report, query: 'q', values: {} })).status, 403);
});

test('what is in a table: figures, frequent values, rows', async () => {
  await track([1, 2, 3].map((i) => ({ event: 'Seen', messageId: `s${i}`, properties: { sport: i < 3 ? 'golf' : 'rugby', secret: `hush${i}`, n: i * 10, 'odd "name".x; drop table web.seen': i } })));
  interface Look {
    rows: number;
    sampled: number | null;
    columns: { name: string; type: string; nulls: number; distinct: number; min: string | null; max: string | null; top: { value: string; count: number }[] }[];
    sample: { columns: { name: string }[]; rows: (string | null)[][] };
  }
  const look = async (who: Client, name: string, headers = {}): Promise<Look> => {
    const answer = await who.ask('GET', `/api/tables/${name}`, undefined, headers);
    assert.equal(answer.status, 200, answer.text);
    return answer.body as unknown as Look;
  };
  const column = (l: Look, name: string): Look['columns'][number] | undefined => l.columns.find((c) => c.name === name);
  const all = await look(editor, 'web.seen');
  assert.equal(all.rows, 3);
  assert.equal(all.sampled, null);
  assert.deepEqual(column(all, 'sport'), { name: 'sport', type: 'text', nulls: 0, distinct: 2, min: 'golf', max: 'rugby', top: [{ value: 'golf', count: 2 }, { value: 'rugby', count: 1 }] });
  assert.deepEqual({ ...column(all, 'n'), top: 0 }, { name: 'n', type: 'int', nulls: 0, distinct: 3, min: '10', max: '30', top: 0 });
  assert.equal(all.sample.rows.length, 3);
  assert.deepEqual(all.sample.columns.map((c) => c.name), all.columns.map((c) => c.name));
  const refusal = await viewer.ask('GET', '/api/tables/web.seen'); // as good as SQL, so it is for those who may write it
  assert.deepEqual([refusal.status, /for editors/.test(message(refusal))], [403, true]);
  await look(editor, 'WEB.Seen');
  await look(editor, encodeURIComponent('"web"."seen"'));
  for (const name of ['web.nothing', 'seen', 'web.', '.seen', 'web.seen;drop', 'web.seen"', '"web"."seen', "web.seen'--", '%25', 'a'.repeat(5000)]) {
    const answer = await editor.ask('GET', `/api/tables/${encodeURIComponent(name)}`);
    assert.equal(answer.status, 404, name);
    assert.match(message(answer), /does not exist, or you may not see it/);
  }
  assert.equal((await look(editor, 'web.seen')).rows, 3);
  const slashed = await editor.ask('GET', '/api/tables/web.a/b'); // a name may hold one
  assert.equal(message(slashed), 'table "web.a/b" does not exist, or you may not see it');

  // One more column than go into one statement, and one that is alone in the next.
  await track([{ event: 'Wide', messageId: 'w1', properties: { c0: 'x' } }]);
  const missing = (81 - (await look(editor, 'web.wide')).columns.length) % 40;
  await track([{ event: 'Wide', messageId: 'w2', properties: Object.fromEntries([...Array(missing).keys()].map((i) => [`d${i}`, 'y'])) }]);
  const wide = await look(editor, 'web.wide');
  assert.equal(wide.columns.length % 40, 1);
  assert.deepEqual(column(wide, `d${missing - 1}`)?.top, [{ value: 'y', count: 1 }]);

  // The same through rules: her rows, without the hidden column, the masked one empty.
  const group = await admin.ask('POST', '/api/groups', {
    name: 'golfers',
    members: [],
    tables: [{ schema: 'web', table: 'seen', rows: 'sport in (user.sports)', hidden: ['secret'], masked: ['n'] }],
  });
  assert.equal(group.status, 201, group.text);
  const everyone = (await admin.ask('GET', '/api/groups/everyone')).body;
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', { ...everyone, tables: [] })).status, 200);
  const golfer = await admin.invite('gil@example.com', { role: 'editor', attributes: { sports: ['golf'] } });
  assert.equal((await admin.ask('PUT', `/api/groups/${String(group.body['id'])}`, { ...group.body, members: [golfer.id] })).status, 200);
  for (const hers of [await look(golfer, 'web.seen'), await look(admin, 'web.seen', { 'x-weir-see-as': golfer.email })]) {
    assert.equal(hers.rows, 2);
    assert.deepEqual(column(hers, 'sport')?.top, [{ value: 'golf', count: 2 }]);
    assert.equal(column(hers, 'secret'), undefined);
    assert.deepEqual({ ...column(hers, 'n'), type: '' }, { name: 'n', type: '', nulls: 2, distinct: 0, min: null, max: null, top: [] });
    assert.equal(hers.sample.rows.length, 2);
    assert.doesNotMatch(JSON.stringify(hers), /rugby|hush/);
  }
  const words = await golfer.ask('GET', '/api/tables/web.tracks');
  const nothing = await golfer.ask('GET', '/api/tables/web.trackz');
  assert.deepEqual([words.status, message(words)], [404, message(nothing).replace('trackz', 'tracks')]);
  const refused = await golfer.ask('POST', '/api/explain', { sql: 'from web.seen' });
  assert.equal(refused.status, 403);
  assert.match(message(refused), /a plan tells of tables and rows that you may not see/);
  assert.equal((await admin.ask('POST', '/api/explain', { sql: 'from web.seen', as: golfer.email })).status, 403);
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', everyone)).status, 200);
});

/** What one listener of GET /api/changes is told. */
class Ear {
  told = '';
  private readonly abort = new AbortController();

  static async of(who: Client): Promise<Ear> {
    const ear = new Ear();
    const response = await fetch(`http://${weir.serve}/api/changes`, { headers: who.headers, signal: ear.abort.signal });
    assert.equal(response.status, 200);
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    void (async () => {
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) return;
        ear.told += decoder.decode(part.value, { stream: true });
      }
    })().catch(() => undefined);
    return ear;
  }

  events(): { kind: string; tables?: string[] }[] {
    return [...this.told.matchAll(/^data: (.*)\n/gm)].map((found) => JSON.parse(found[1] ?? '') as { kind: string });
  }

  tables(): string[] {
    return this.events().flatMap((event) => event.tables ?? []);
  }

  heard(what: string): Promise<true> {
    return until(`${what} after ${this.told}`, 20, () => this.tables().includes(what) || undefined);
  }

  close(): void {
    this.abort.abort();
  }
}

test('changes of tables are told as they are committed, to those who see the tables', async () => {
  const everyone = (await admin.ask('GET', '/api/groups/everyone')).body;
  const some = [{ schema: 'web', table: 'seen', rows: null, hidden: [], masked: [] }];
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', { ...everyone, tables: some })).status, 200);
  const [all, her] = await Promise.all([Ear.of(admin), Ear.of(editor)]);
  await track([{ event: 'Unheard of', messageId: 'h1' }, { event: 'Seen', messageId: 'h2', properties: { sport: 'golf' } }]);
  await Promise.all([all.heard('web.unheard_of'), all.heard('web.tracks'), her.heard('web.seen')]);
  await until('the schema', 20, () => her.events().some((event) => event.kind === 'schema') || undefined);
  assert.deepEqual([...new Set(her.tables())], ['web.seen']);
  assert.doesNotMatch(her.told, /unheard|tracks/);
  const schema = (await editor.ask('GET', '/api/schema')).body['tables'] as { name: string; fresh_at: string | null }[];
  assert.deepEqual(schema.map((table) => table.name), ['seen']);
  assert.ok(Math.abs(Date.parse(schema[0]?.fresh_at ?? '') - Date.now()) < 60_000);
  const look = (await editor.ask('GET', '/api/tables/web.seen')).body;
  assert.equal(look['fresh_at'], schema[0]?.fresh_at);
  // When a part of the rows is hidden, so is when the latest came.
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', { ...everyone, tables: [{ ...some[0], rows: "sport = 'golf'" }] })).status, 200);
  const hers = (await editor.ask('GET', '/api/schema')).body['tables'] as { rows: number | null; fresh_at: string | null }[];
  assert.deepEqual(hers.map(({ rows, fresh_at }) => [rows, fresh_at]), [[null, null]]);
  assert.equal((await editor.ask('GET', '/api/tables/web.seen')).body['fresh_at'], null);
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', everyone)).status, 200);
  all.close();
  her.close();
});

test('--compiled shows the rules of the one who asks, with a server and without; --explain a plan', async () => {
  const group = await admin.ask('POST', '/api/groups', {
    name: 'rules to show',
    members: [],
    tables: [{ schema: 'web', table: 'seen', rows: 'sport in (user.sports)', hidden: ['secret'], masked: [] }],
  });
  const everyone = (await admin.ask('GET', '/api/groups/everyone')).body;
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', { ...everyone, tables: [] })).status, 200);
  const who = await admin.invite('rula@example.com', { role: 'editor', attributes: { sports: ['golf', "o'polo"] } });
  assert.equal((await admin.ask('PUT', `/api/groups/${String(group.body['id'])}`, { ...group.body, members: [who.id] })).status, 200);
  const shown = (): Promise<string> => weir.in('query', 'select count(*) as n from web.seen where n > {{ least }}', '--compiled', '--as', who.email, '--value', 'least=5');
  const check = (text: string): void => {
    assert.match(text, /sport/);
    assert.doesNotMatch(text, /secret/);
    assert.match(text, /text = "golf"/);
    assert.match(text, /text = "o'polo"/);
    assert.match(text, /-- \$least: int = 5/);
  };
  check(await shown());
  assert.doesNotMatch(await weir.in('query', 'select 1 from web.seen', '--compiled'), /golf/); // the owner has no rules
  // The rules are for admins: nobody else may say `as`, and what she compiles herself is without them.
  const { body: own } = await who.ask('POST', '/api/compile', { sql: 'select count(*) from web.seen', values: {} });
  assert.equal(own['ruled'], undefined);
  assert.doesNotMatch(JSON.stringify(own), /golf/);
  assert.equal((await who.ask('POST', '/api/compile', { sql: 'from web.seen', values: {}, as: who.email })).status, 403);
  const { body: wrong } = await admin.ask('POST', '/api/compile', { sql: 'from web.tracks', values: {}, as: who.email });
  assert.match(JSON.stringify(wrong['errors']), /does not exist, or you may not see it/);
  assert.equal(wrong['ruled'], null);
  assert.match(await weir.in('query', 'select {{ n }} + 1 as n', '--explain', '--value', 'n=1'), /^Compute columns/);
  await assert.rejects(weir.in('query', 'from web.seen', '--explain', '--as', who.email), /a plan tells of/);

  // A condition is tried before a group is saved; nothing changes when it does not fit.
  const put = (rows: string, table = 'seen'): Promise<Answer> => admin.ask('PUT', `/api/groups/${String(group.body['id'])}`, { ...group.body, members: [who.id], tables: [{ schema: 'web', table, rows, hidden: [], masked: [] }] });
  for (const rows of ['sportz = 1', 'sport = ', 'sport in (select sport from web.seen)', "sport = 'x'; drop table web.seen"]) {
    const answer = await put(rows);
    assert.equal(answer.status, 422, rows);
    assert.match(message(answer), /cannot be applied to web\.seen: .*; correct it, or give that table a line of its own/);
  }
  assert.match(message(await put('sportz = 1')), /"sportz = 1".*sportz/);
  assert.equal((await put("sport = 'golf'", '*')).status, 200); // other tables have no such column, and stay closed
  assert.equal((await put('sportz = 1', '*')).status, 422);
  assert.equal((await put('sportz = 1', 'not_there_yet')).status, 200);
  assert.equal((await put('sport in (user.sports)')).status, 200);
  const add = (name: string): Promise<Answer> => admin.ask('POST', '/api/groups', { name, members: [], tables: [{ schema: 'web', table: 'seen', rows: 'sportz = 1', hidden: [], masked: [] }] });
  assert.equal((await add('broken')).status, 422);
  const groups = (await admin.ask('GET', '/api/groups')).body['groups'] as { name: string }[];
  assert.ok(!groups.some((one) => one.name === 'broken'));
  const grant = (): Promise<string> => weir.in('group', 'grant', 'rules to show', 'web.seen', '--rows', 'sportz = 1');
  await assert.rejects(grant(), /cannot be applied to web\.seen/);

  await weir.down();
  check(await shown());
  await assert.rejects(grant(), /cannot be applied to web\.seen/);
  assert.match(await weir.in('query', 'select {{ n }} + 1 as n', '--explain', '--value', 'n=1'), /^Compute columns/);
  await weir.up();
  assert.equal((await admin.ask('PUT', '/api/groups/everyone', everyone)).status, 200);
  // A group that shows all makes the other's condition void; its values are not bound then.
  const both = await query(who, { sql: 'select count(*) as n from web.seen' });
  assert.equal(both.status, 200, both.text);
  assert.doesNotMatch(await shown(), /golf/);
});

test('behind trusted proxies, an address is the client’s, and https is what the proxy says', async () => {
  const far = await Weir.init();
  try {
    writeFileSync(path.join(far.dir, 'weir.yml'), 'serve:\n  trusted_proxies: [127.0.0.1, 10.0.0.0/8]\n');
    await far.up();
    assert.equal((await send(far, 'GET', '/api/status')).status, 401); // a proxy is no owner
    assert.equal((await send(far, 'GET', '/api/status', undefined, { 'x-forwarded-for': '127.0.0.1' })).status, 401);
    const boss = await Client.setUp(far);
    const enter = (headers: Record<string, string>, password = 'wrong'): Promise<Answer> => send(far, 'POST', '/api/session', { email: boss.email, password }, headers);
    for (const chain of ['203.0.113.9', '127.0.0.1, 203.0.113.9, 10.1.2.3', '8.8.8.8, 203.0.113.9']) {
      assert.equal((await enter({ 'x-forwarded-for': chain })).status, 401);
    }
    const { body } = await boss.ask('GET', '/api/audit?action=session.refused');
    assert.deepEqual((body['entries'] as { address: string }[]).map((entry) => entry.address), ['203.0.113.9', '203.0.113.9', '203.0.113.9']);
    const cookie = async (headers: Record<string, string>): Promise<string> => (await enter(headers, 'four random words')).headers['set-cookie']?.[0] ?? '';
    assert.match(await cookie({ 'x-forwarded-proto': 'https' }), /; Secure$/);
    assert.doesNotMatch(await cookie({ 'x-forwarded-proto': 'http' }), /Secure/);
    const { body: made } = await boss.ask('POST', '/api/people', { email: 'x@example.com', name: 'x' });
    const invited = await boss.ask('POST', `/api/people/${String(made['id'])}/invite`, {}, { 'x-forwarded-proto': 'https' });
    assert.match(String(invited.body['link']), /^https:/);
  } finally {
    await far.remove();
  }
  // Nobody else is believed.
  const told = await send(weir, 'POST', '/api/session', { email: admin.email, password: 'wrong' }, { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' });
  assert.equal(told.status, 401);
  const { body } = await admin.ask('GET', '/api/audit?action=session.refused&limit=1');
  assert.deepEqual((body['entries'] as { address: string }[]).map((entry) => entry.address), ['127.0.0.1']);
});

test('a proxy that nobody told weir about does not make its clients owners', async () => {
  const open = await Weir.init();
  try {
    await open.up();
    assert.equal((await send(open, 'GET', '/api/status')).status, 200);
    for (const header of ['x-forwarded-for', 'forwarded']) assert.equal((await send(open, 'GET', '/api/status', undefined, { [header]: '127.0.0.1' })).status, 401, header);
  } finally {
    await open.remove();
  }
});

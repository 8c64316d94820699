// What admins see of a running weir: what runs, what is used and what it costs, who was refused what.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, type Answer, join, message, send, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

const slow = 'select count(*) from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';
let weir: Weir;
let admin: Client;
let editor: Client;
let viewer: Client;
const ids = { editor: '', viewer: '' };
let report = '';

type Body = Record<string, unknown>;
interface Running {
  id: string;
  person: { id: string; email: string; name: string } | null;
  report: string | null;
  report_title: string | null;
  query: string | null;
  sql: string | null;
  state: string;
  elapsed_ms: number;
}

const running = async (who: Client): Promise<Running[]> => (await who.want(200, 'GET', '/api/queries'))['running'] as Running[];
/** The one that runs, once it does. */
const found = (who: Client): Promise<Running> =>
  until('a query that runs', 20, async () => (await running(who)).find(({ state }) => state === 'running'));
const log = async (action: string): Promise<Body[]> => (await admin.want(200, 'GET', `/api/audit?limit=1000&action=${action}`))['entries'] as Body[];

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  const made = await join(admin, 'ed@example.com', { role: 'editor' });
  [ids.editor, editor] = [made.id, made.client];
  const other = await join(admin, 'vera@example.com');
  [ids.viewer, viewer] = [other.id, other.client];
  const saved = await editor.want(201, 'POST', '/api/reports', {
    report: { title: 'Sales', parameters: [{ name: 'n', type: 'number', default: 3 }], queries: [{ id: 'q' }, { id: 'slow' }, { id: 'bad' }], tiles: [] },
    queries: { q: 'select i from range({{ n }}) t(i)', slow: `${slow} -- a secret of the report`, bad: 'select nope' },
  });
  report = String(saved['id']);
  await admin.want(200, 'PUT', `/api/reports/${report}/share`, { people: [], groups: [], company: true });
});
after(() => weir.remove());

test('a query is seen while it runs, and canceled by an admin: whose it is is told by whom', async () => {
  const answer = editor.ask('POST', '/api/query', { sql: slow });
  const seen = await found(admin);
  assert.deepEqual(seen.person, { id: ids.editor, email: 'ed@example.com', name: 'ed' });
  assert.equal(seen.sql, slow);
  assert.equal(seen.report, null);
  assert.deepEqual((await running(editor)).map(({ id }) => id), [seen.id], 'she sees her own');
  assert.deepEqual(await running(viewer), [], 'and nobody else’s');
  await viewer.want(404, 'DELETE', `/api/queries/${seen.id}`);
  await admin.want(204, 'DELETE', `/api/queries/${seen.id}`);
  const told = await answer;
  assert.equal(told.status, 499);
  assert.match(message(told), /^the query was canceled by ada@example.com, an admin of this weir$/);
  const [entry] = await log('query.cancel');
  assert.equal(entry?.['person'], 'ada@example.com');
  assert.equal(entry?.['object'], 'ed@example.com');
  assert.equal((entry?.['detail'] as Body)['sql'], slow);
  await admin.want(404, 'DELETE', `/api/queries/${seen.id}`);
});

test('one’s own query is canceled in the same way, which is nobody’s business', async () => {
  const answer = editor.ask('POST', '/api/query', { sql: slow });
  await editor.want(204, 'DELETE', `/api/queries/${(await found(editor)).id}`);
  assert.match(message(await answer), /^the query was canceled$/);
  assert.equal((await log('query.cancel')).length, 1);
});

test('a query of a page says which report it is of; its SQL is for admins', async () => {
  const page = askPage(viewer, { report, values: {}, queries: ['slow'] });
  const seen = await found(admin);
  assert.deepEqual([seen.report, seen.report_title, seen.query], [report, 'Sales', 'slow']);
  assert.match(String(seen.sql), /a secret of the report/);
  assert.equal((await found(viewer)).sql, null);
  await admin.want(204, 'DELETE', `/api/queries/${seen.id}`);
  const { parts } = await page;
  assert.match(String(parts[0]?.error?.message), /canceled by ada@example.com/);
});

interface Used extends Body {
  id: string | null;
  queries: number;
  hits: number;
  misses: number;
  failures: number;
  opens: number;
  engine_ms: number;
  people: number;
  reports: number;
}
const usage = async (): Promise<{ reports: Used[]; people: Used[] }> => (await admin.want(200, 'GET', '/api/usage')) as unknown as { reports: Used[]; people: Used[] };

test('who used what is counted: opens, answers with and without a run, failures, time of the engine', async () => {
  const before = await until('the canceled one', 20, async () => (await usage()).reports.find(({ id }) => id === report));
  await viewer.want(204, 'POST', `/api/reports/${report}/open`, {});
  await editor.want(204, 'POST', `/api/reports/${report}/open`, {});
  // A result is not kept when tables change while it is computed, as those of usage may: then again.
  let { hits, misses } = (await askPage(viewer, { report, values: { n: 5 }, queries: ['q', 'bad'] })).done;
  for (let i = 0; hits < 3; i++) {
    const { done } = await askPage(viewer, { report, values: { n: 5 }, queries: ['q'] });
    [hits, misses] = [hits + done.hits, misses + done.misses];
    assert.ok(i < 50, 'results are kept');
  }
  const after = await until('what was used', 20, async () => {
    const row = (await usage()).reports.find(({ id }) => id === report);
    return row && row.opens === 2 && row.queries >= before.queries + hits + misses ? row : undefined;
  });
  assert.equal(after['title'], 'Sales');
  assert.equal(after.people, 2);
  assert.equal(after.queries - before.queries, hits + misses);
  assert.equal(after.hits - before.hits, hits);
  assert.equal(after.misses, after.queries - after.hits);
  assert.equal(after.failures - before.failures, 1);
  assert.ok(after.engine_ms > before.engine_ms);
  assert.ok(after['last_opened_at']);
  const { people, reports } = await usage();
  const vera = people.find(({ id }) => id === ids.viewer);
  assert.deepEqual([vera?.['email'], vera?.opens, vera?.reports], ['vera@example.com', 1, 1]);
  assert.ok(reports.some(({ id }) => id === null), 'free SQL has a row, too');
  await admin.want(400, 'GET', '/api/usage?days=0');
});

test('the slowest queries of everybody are there for admins, one’s own for others', async () => {
  const list = async (who: Client): Promise<Body[]> => (await who.want(200, 'GET', '/api/queries'))['slowest'] as Body[];
  await until('the runs', 20, async () => ((await list(admin)).length >= 4 ? true : undefined));
  const all = await list(admin);
  const times = all.map((run) => Number(run['elapsed_ms']));
  assert.deepEqual(times, [...times].sort((a, b) => b - a));
  assert.ok(new Set(all.map((run) => (run['person'] as Body)['email'])).size >= 2);
  for (const run of await list(viewer)) assert.equal((run['person'] as Body)['email'], 'vera@example.com');
  for (const scopes of [['query'], ['query', 'admin']]) { // an admin's token tells of others by its scope only
    const token = await admin.want(201, 'POST', '/api/tokens', { name: scopes.join(' '), scopes });
    const seen = await admin.ask('GET', '/api/queries', undefined, { cookie: '', authorization: `Bearer ${String(token['secret'])}` });
    const people = new Set((seen.body['slowest'] as Body[]).map((run) => (run['person'] as Body)['email']));
    assert.equal(people.has('vera@example.com'), scopes.length === 2, seen.text);
  }
});

test('what is refused is in the audit log, once, however often it is tried', async () => {
  for (let i = 0; i < 30; i++) {
    await viewer.want(403, 'GET', '/api/usage');
    await editor.want(403, 'POST', '/api/query', { sql: "select * from read_csv('/etc/passwd')" });
  }
  await viewer.want(403, 'POST', '/api/query', { sql: 'select 1' });
  const refused = await log('access.refused');
  const [mine, ...more] = refused.filter((entry) => entry['object'] === 'GET /api/usage');
  assert.equal(more.length, 0);
  assert.equal(mine?.['person'], 'vera@example.com');
  assert.match(String((mine?.['detail'] as Body)['why']), /for admins, and you are a viewer/);
  const queries = await log('query.refused');
  assert.deepEqual(queries.map((entry) => [entry['person'], entry['object']]).sort(), [
    ['ed@example.com', "select * from read_csv('/etc/passwd')"],
    ['vera@example.com', 'select 1'],
  ]);
});

test('a flood of different refusals fills nothing', async () => {
  for (let i = 0; i < 60; i++) await editor.want(403, 'GET', `/api/audit?x=${i}`);
  for (let i = 0; i < 60; i++) await editor.want(403, 'POST', '/api/query', { sql: `select ${i} from read_csv('x')` });
  assert.ok((await log('query.refused')).length <= 25);
});

test('unknown tokens are noted by address; who is not logged in is not', async () => {
  const count = async (): Promise<number> => (await log('access.refused')).length;
  const before = await count();
  const bare: Answer = await send(weir, 'GET', '/api/people');
  assert.equal(bare.status, 401);
  assert.equal(await count(), before);
  assert.equal((await send(weir, 'GET', '/api/people', { authorization: 'Bearer wrong' })).status, 401);
  const [entry] = await log('access.refused');
  assert.equal(await count(), before + 1);
  assert.deepEqual([entry?.['person'], entry?.['object'], entry?.['address']], ['', 'GET /api/people', '127.0.0.1']);
});

test('of those who are gone the cost stays and the name goes', async () => {
  const cost = (await usage()).reports.find(({ id }) => id === report)?.engine_ms;
  await admin.want(204, 'DELETE', `/api/people/${ids.viewer}`);
  const { reports, people } = await usage();
  assert.equal(reports.find(({ id }) => id === report)?.engine_ms, cost);
  assert.equal(people.find(({ id }) => id === ids.viewer), undefined);
  assert.ok(people.some(({ id, queries }) => id === null && queries > 0));
});

test('usage is there after a restart, with its last second', async () => {
  const before = (await usage()).reports.find(({ id }) => id === report)?.queries ?? 0;
  await askPage(editor, { report, values: { n: 6 }, queries: ['q'] });
  await weir.down();
  await weir.up();
  const entered = await Client.enter(weir, 'ada@example.com');
  const { reports } = (await entered.want(200, 'GET', '/api/usage')) as unknown as { reports: Used[] };
  assert.equal(reports.find(({ id }) => id === report)?.queries, before + 1);
});

// weir's own usage as tables: each row once, also when the server is killed; for admins, and for groups that name it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, message, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { processes } from '../crash/strike.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let editor: Client;
let editorId = '';
let report = '';
let group: Record<string, unknown>;

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'serve:\n  usage_every: 1s\ncache:\n  warm: 0\n');
  await weir.up();
  admin = await setUp(weir);
  const made = await join(admin, 'ed@example.com', { role: 'editor' });
  [editorId, editor] = [made.id, made.client];
  report = String(
    (await editor.want(201, 'POST', '/api/reports', {
      report: { title: 'Sales', parameters: [{ name: 'n', type: 'number', default: 3 }], queries: [{ id: 'q' }], tiles: [] },
      queries: { q: 'select i from range({{ n }}) t(i)' },
    }))['id'],
  );
});
after(() => weir.remove());

const rows = async (who: Client, sql: string): Promise<unknown[][]> => {
  const answer = await who.ask('POST', '/api/query', { sql });
  assert.equal(answer.status, 200, answer.text);
  return answer.body['rows'] as unknown[][];
};
/** Once the tables are there, and hold. */
const holds = (sql: string, good: (found: unknown[][]) => boolean): Promise<unknown[][]> =>
  until(sql, 30, async () => {
    const answer = await admin.ask('POST', '/api/query', { sql });
    const found = answer.body['rows'] as unknown[][] | undefined;
    return answer.status === 200 && found && good(found) ? found : undefined;
  });

test('opens, runs and days are tables, without SQL', async () => {
  await editor.want(204, 'POST', `/api/reports/${report}/open`, {});
  // A result is not kept when tables change while it is computed, as those of usage may: then again.
  let asked = 0;
  await until('a kept result', 30, async () => {
    asked++;
    return (await askPage(editor, { report, values: { n: 4 } })).parts[0]?.head?.cached ? true : undefined;
  });
  await editor.ask('POST', '/api/query', { sql: 'select nope' });
  const [open] = await holds('select person, title, report from usage.opens', (found) => found.length === 1);
  assert.deepEqual(open, ['ed@example.com', 'Sales', report]);
  const runs = await holds("select title, query, rows, error from usage.queries where person = 'ed@example.com' order by id", (found) => found.at(-1)?.[3] === 'failed');
  assert.deepEqual([runs[0], runs.at(-1)], [['Sales', 'q', 4, null], [null, null, null, 'failed']]);
  assert.equal(runs.length, asked, 'an answer from what was kept is no run');
  const days = await holds(`select opens, queries, hits, failures, engine_ms > 0 from usage.days where report = '${report}'`, (found) => found[0]?.[1] === asked);
  assert.deepEqual(days, [[1, asked, 1, 0, true]]);
  const columns = await rows(admin, "select distinct column_name from information_schema.columns where table_schema = 'usage'");
  assert.ok(!columns.flat().includes('sql'));
});

test('"all tables" does not mean them: not by name, not through a view, not in the schema; a grant by name does', async () => {
  const refused = await editor.ask('POST', '/api/query', { sql: 'select * from usage.days' });
  assert.ok(refused.status >= 400, refused.text);
  assert.match(message(refused), /"usage.days" does not exist, or you may not see it/);
  await admin.want(201, 'PUT', '/api/views/watched', { sql: 'select person, opens from usage.days' });
  await until('the view', 20, async () => ((await admin.ask('POST', '/api/query', { sql: 'select * from views.watched' })).status === 200 ? true : undefined));
  assert.ok((await editor.ask('POST', '/api/query', { sql: 'select * from views.watched' })).status >= 400);
  const seen = JSON.stringify(await editor.want(200, 'GET', '/api/schema'));
  assert.ok(!seen.includes('"usage"'), seen.slice(0, 500));
  // Nor does a plan tell of them, whatever the way to them, and of nothing else that a query may not name.
  await admin.want(201, 'PUT', '/api/views/used', { sql: 'select * from usage.days' });
  await until('the view', 20, async () => ((await admin.ask('POST', '/api/query', { sql: 'from views.used limit 1' })).status === 200 ? true : undefined));
  for (const [sql, values] of [['select * from usage.days'], ['from views.used'], ['from materialized.notes'], ["select * from {% if n %}us{% endif %}age.days", { n: 1 }]] as const) {
    const plan = await editor.ask('POST', '/api/explain', values ? { sql, values } : { sql });
    assert.ok(plan.status >= 400 && !/rows|Scan/i.test(JSON.stringify(plan.body['plan'] ?? '')), `${sql}: ${plan.text}`);
    assert.equal((await admin.ask('POST', '/api/explain', { sql: 'from views.used; ' })).status, 200);
  }
  for (const sql of ['from range(3) t(i) -- all', 'with a as (select 1 as n) from a;', 'values (1)', "select '; ' as t order by 1;\n"]) {
    assert.equal((await editor.ask('POST', '/api/explain', { sql })).status, 200, sql);
  }
  group = await admin.want(201, 'POST', '/api/groups', { name: 'curious', members: [editorId], tables: [{ schema: 'usage', table: 'days', rows: null, hidden: [], masked: [] }], collections: [] });
  assert.ok((await rows(editor, 'select person from usage.days')).length > 0);
  assert.ok((await editor.ask('POST', '/api/query', { sql: 'select * from usage.opens' })).status >= 400);
  await admin.want(204, 'DELETE', `/api/groups/${String(group['id'])}`);
});

test('a server that is killed while it copies leaves each row once', async () => {
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) {
      await editor.want(204, 'POST', `/api/reports/${report}/open`, {});
      await editor.ask('POST', '/api/query', { sql: `select ${round * 100 + i}` });
    }
    const serve = processes(weir.pid).get('serve');
    assert.ok(serve);
    process.kill(serve, 'SIGKILL');
    await until('the next server', 60, async () => {
      const pid = processes(weir.pid).get('serve');
      const answer = pid && pid !== serve ? await editor.ask('GET', '/api/session').catch(() => undefined) : undefined;
      return answer?.status === 200 ? true : undefined;
    });
  }
  const last = await editor.want(201, 'POST', '/api/reports', { report: { title: 'Last', queries: [], tiles: [] }, queries: {} });
  await editor.want(204, 'POST', `/api/reports/${String(last['id'])}/open`, {});
  await holds("select count(*) from usage.opens where title = 'Last'", (found) => found[0]?.[0] === 1);
  const usage = (await admin.want(200, 'GET', '/api/usage')) as { reports: { id: string | null; opens: number }[] };
  const counted = usage.reports.reduce((sum, one) => sum + one.opens, 0);
  assert.deepEqual(await rows(admin, 'select (select count(*) from usage.opens), (select sum(opens)::bigint from usage.days)'), [[counted, counted]]);
  const [[count, distinct]] = (await rows(admin, 'select count(*), count(distinct id) from usage.queries')) as [[number, number]];
  assert.equal(count, distinct);
});

test('a copy changes only the tables that have news: what is kept of the others stays', async () => {
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Use', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'select count(*) as n from usage.opens' } });
  const cached = async (): Promise<boolean | undefined> => (await askPage(admin, { report: String(made['id']), values: {} })).parts[0]?.head?.cached;
  const runs = async (): Promise<number> => Number((await rows(admin, 'select max(id) from usage.queries'))[0]?.[0]);
  await until('a kept result', 30, async () => ((await cached()) ? true : undefined));
  const before = await runs();
  await until('a copy of runs', 30, async () => ((await runs()) > before ? true : undefined));
  assert.equal(await cached(), true);
});

test('those who are removed are taken out of the tables, too', async () => {
  await admin.want(204, 'DELETE', `/api/people/${editorId}`);
  await holds("select count(*) from usage.opens where person = 'ed@example.com'", (found) => found[0]?.[0] === 0);
  const [kept] = await rows(admin, 'select count(*) > 0 from usage.opens where person is null');
  assert.deepEqual(kept, [true]);
});

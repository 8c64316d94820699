// Materialized views: stored, computed anew when what they read changes, and never a way around the rules.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, message, send, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';
import { strike } from '../crash/strike.js';

let weir: Weir;
let admin: Client;
let all: Client; // sees all rows of all tables, and is no admin
let hockey: Client;
let text = '';

async function upload(name: string, csv: string, method = 'PUT'): Promise<void> {
  const target = method === 'POST' ? `/api/uploads?name=${name}` : `/api/uploads/${name}`;
  const answer = await send(weir, method, target, { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' }, csv);
  assert.ok(answer.status < 300, answer.text);
}

const view = async (name: string): Promise<Record<string, unknown>> => await admin.want(200, 'GET', `/api/views/${name}`);

async function save(name: string, sql: string, materialized?: boolean): Promise<Record<string, unknown>> {
  const now = await admin.ask('GET', `/api/views/${name}`);
  const body = { sql, ...(materialized === undefined ? {} : { materialized }), ...(now.status === 200 ? { base: now.body['version'] } : {}) };
  const answer = await admin.ask('PUT', `/api/views/${name}`, body);
  assert.ok(answer.status < 300, answer.text);
  return answer.body;
}

const comes = async (name: string, state: string): Promise<Record<string, unknown>> =>
  await until(`views.${name} to be ${state}`, 30, async () => {
    const now = await view(name);
    return now['state'] === state ? now : undefined;
  });

const rows = async (who: Client, sql: string): Promise<unknown> => {
  const answer = await who.ask('POST', '/api/query', { sql });
  return answer.status === 200 ? answer.body['rows'] : message(answer);
};
const count = 'select sport, sum(n)::bigint as n from uploads.games group by 1 order by 1';

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'workspace:\n  refresh_every: 0s\ncache:\n  warm: 0\n', { flag: 'a' });
  await weir.up();
  admin = await setUp(weir);
  await upload('games', 'sport,n\nrugby,1\nrugby,2\nhockey,10\n', 'POST');
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [] });
  const one = await join(admin, 'all@example.com', { role: 'editor' });
  const two = await join(admin, 'hockey@example.com', { role: 'editor', attributes: { sports: ['hockey'] } });
  [all, hockey] = [one.client, two.client];
  const plain = (schema: string, table: string, more: object = {}): object => ({ schema, table, rows: null, hidden: [], masked: [], ...more });
  await admin.want(201, 'POST', '/api/groups', { name: 'all', members: [one.id], tables: [plain('*', '*')], collections: [{ collection: 'company', level: 'view' }] });
  await admin.want(201, 'POST', '/api/groups', { name: 'sports', members: [two.id], tables: [plain('uploads', 'games', { rows: 'sport in (user.sports)' }), plain('views', '*'), plain('materialized', '*')], collections: [{ collection: 'company', level: 'view' }] });
});
after(() => weir.remove());

test('the switch is in the file, and its rows follow what they were made from', async () => {
  const made = await save('totals', count, true);
  assert.deepEqual([made['materialized'], made['warehouse'], made['rows']], [true, true, null]);
  text = readFileSync(path.join(weir.dir, 'views/totals.sql'), 'utf8');
  assert.equal(text, `-- weir: materialized\n${count}\n`);
  const first = await comes('totals', 'fresh');
  assert.deepEqual([first['rows'], first['refresh_error'], first['sql'], first['description']], [2, null, count, '']);
  assert.match(String(first['refreshed_at']), /^20/);
  assert.deepEqual(await rows(admin, 'from views.totals'), [['hockey', 10], ['rugby', 3]]);
  await upload('games', 'sport,n\nrugby,1\nrugby,2\nhockey,20\ngolf,5\n');
  await until('the rows to follow', 30, async () => (JSON.stringify(await rows(admin, 'from views.totals')) === '[["golf",5],["hockey",20],["rugby",3]]' ? true : undefined));
  assert.equal((await comes('totals', 'fresh'))['rows'], 3);
  const listed = (await admin.want(200, 'GET', '/api/documents'))['views'] as { name: string; materialized: boolean }[];
  assert.equal(listed.find((one) => one.name === 'totals')?.materialized, true);
});

test('who sees a part gets hers from the view’s text, and nobody with rules the table itself', async () => {
  await comes('totals', 'fresh');
  assert.deepEqual(await rows(hockey, 'from views.totals'), [['hockey', 20]]);
  assert.deepEqual(await rows(all, 'from views.totals'), [['golf', 5], ['hockey', 20], ['rugby', 3]]);
  const hidden = /does not exist, or you may not see it/;
  for (const who of [all, hockey]) {
    for (const name of ['materialized."views.totals"', 'warehouse.materialized."views.totals"', 'materialized."views.totals text"', 'materialized.notes']) {
      assert.match(String(await rows(who, `from ${name}`)), hidden, name);
    }
    assert.deepEqual(await rows(who, "select * from information_schema.tables where table_schema = 'materialized'"), []);
  }
  const schema = JSON.stringify(await admin.want(200, 'GET', '/api/schema'));
  assert.ok(schema.includes('"totals"') && !schema.includes('materialized'), 'the catalog shows the view alone');
});

test('kept results go with the rows that they were made from', async () => {
  await comes('totals', 'fresh');
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'T', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'from views.totals' } });
  const ask = async (who: Client): Promise<unknown[]> => {
    const part = (await askPage(who, { report: String(made['id']) })).parts[0];
    return [part?.head?.cached, part?.head?.reads, part?.rows?.length];
  };
  assert.deepEqual(await ask(admin), [false, ['views.totals'], 3]);
  assert.deepEqual(await ask(admin), [true, ['views.totals'], 3]);
  const at = (await askPage(admin, { report: String(made['id']) })).parts[0]?.head?.fresh_at;
  assert.equal(at?.slice(0, 19), String((await view('totals'))['refreshed_at']).slice(0, 19), 'as old as its rows');
  assert.deepEqual(await ask(hockey), [false, ['views.totals', 'uploads.games'], 1]);
  await upload('games', 'sport,n\nrugby,1\nhockey,20\n');
  assert.deepEqual(await ask(hockey), [false, ['views.totals', 'uploads.games'], 1]);
  await until('the admin’s to follow', 30, async () => ((await ask(admin))[2] === 2 ? true : undefined));
});

test('views of views are computed in order, and a failure keeps the last good rows', async () => {
  await save('sum', 'select sum(n)::bigint as n from views.totals', true);
  await comes('sum', 'fresh');
  assert.deepEqual(await rows(admin, 'from views.sum'), [[21]]);
  await save('strict', 'select sport::integer as i from uploads.games', true);
  const failed = await comes('strict', 'failed');
  assert.deepEqual([failed['refreshed_at'], failed['rows']], [null, null]);
  assert.match(String(failed['refresh_error']), /Could not convert string/);
  await upload('games', 'sport,n\n1,1\n2,20\n');
  assert.equal((await comes('strict', 'fresh'))['rows'], 2);
  await upload('games', 'sport,n\nrugby,1\n2,30\n');
  assert.equal((await comes('strict', 'failed'))['rows'], 2);
  assert.deepEqual(await rows(admin, 'select count(*)::bigint from views.strict'), [[2]]);
  await until('views.sum to follow views.totals', 30, async () => (JSON.stringify(await rows(admin, 'from views.sum')) === '[[31]]' ? true : undefined));
  await admin.want(202, 'POST', '/api/views/strict/refresh', {});
  await comes('strict', 'failed');
  await admin.want(404, 'POST', '/api/views/nowhere/refresh', {});
  await hockey.want(202, 'POST', '/api/views/sum/refresh', {});
});

test('rows go when a view that they were made through becomes another one', async () => {
  await save('base', "select 'hockey' as sport, 99 as n");
  await save('through', 'select n::int as n from "views" /* . */ . base', true);
  await comes('through', 'fresh');
  assert.deepEqual(await rows(all, 'from views.through'), [[99]]);
  await save('base', "select 'hockey' as sport, 'many' as n"); // its rows cannot be made anew from this
  await comes('through', 'failed');
  for (const who of [admin, all, hockey]) {
    assert.match(String(await rows(who, 'from views.through')), /Could not convert/, 'what was made from the other text');
  }
  await admin.want(204, 'DELETE', '/api/views/through');
  await admin.want(204, 'DELETE', '/api/views/base');
});

test('what asks the clock or chance is not stored, and says so', async () => {
  for (const [sql, why] of [['select now() as t', /what time it is/], ['select random() as r', /chance/]] as const) {
    await save('clock', sql, true);
    const failed = await until('the refusal', 30, async () => {
      const now = await view('clock');
      return why.test(String(now['refresh_error'])) ? now : undefined;
    });
    assert.deepEqual([failed['state'], failed['warehouse'], failed['rows']], ['failed', true, null]);
  }
  assert.equal(((await rows(admin, 'from views.clock')) as unknown[]).length, 1, 'the view itself is there');
  await save('clock', 'select current_date as d', true);
  await comes('clock', 'fresh');
  await save('clock', 'select 1 as one', false);
  assert.deepEqual([(await view('clock'))['state'], (await view('clock'))['materialized']], [null, false]);
  assert.deepEqual(await rows(admin, 'select count(*)::bigint from materialized.notes where view_name = \'clock\''), [[0]]);
});

test('it is fresh after a good stop, computed anew after kill -9, also in the middle of computing', async () => {
  await comes('totals', 'fresh');
  const before = await comes('sum', 'fresh');
  assert.equal(await weir.down(), 0, weir.log().slice(-2000));
  const goesOn = existsSync(path.join(weir.dir, '.weir/cache/versions.json'));
  await weir.up();
  const now = (await comes('sum', 'fresh'))['refreshed_at'];
  if (goesOn) assert.equal(now, before['refreshed_at'], 'not computed again');
  await upload('slow', 'n\n', 'POST');
  await save('slow', 'select count(*) filter (hash(a.range + b.range + g.n::bigint) % 7 = 3) as n from uploads.slow g, range(20000) a, range(10000) b', true);
  await comes('slow', 'fresh');
  await upload('slow', `n\n${Array.from({ length: 60 }, (_, i) => i).join('\n')}\n`);
  await comes('slow', 'refreshing');
  assert.deepEqual(await rows(admin, 'from views.slow'), [[0]], 'readers do not wait');
  await strike(weir, 'serve');
  assert.deepEqual(await rows(admin, 'from views.slow'), [[0]], 'the last good rows');
  const again = await comes('slow', 'refreshing'); // nothing that was noted before is believed
  assert.equal(again['rows'], 1);
  await admin.want(204, 'DELETE', '/api/views/slow');
  assert.match(String(await rows(admin, 'from views.slow')), /does not exist/);
});

test('a table that is dropped leaves the rows, a view that is renamed or gone takes them along', async () => {
  await upload('short', 'n\n1\n2\n', 'POST');
  await save('kept', 'select sum(n)::bigint as n from uploads.short', true);
  await comes('kept', 'fresh');
  await admin.want(204, 'DELETE', '/api/uploads/short');
  const failed = await comes('kept', 'failed');
  assert.match(String(failed['refresh_error']), /short/);
  assert.deepEqual(await rows(admin, 'from views.kept'), [[3]]);
  assert.match(String(await rows(hockey, 'from views.kept')), /does not exist/);
  await upload('short', 'n\n4\n', 'POST');
  await until('the table to be read again', 30, async () => (JSON.stringify(await rows(admin, 'from views.kept')) === '[[4]]' ? true : undefined));
  await save('kept', 'select max(n)::double as m from uploads.short');
  await until('other columns', 30, async () => (JSON.stringify(await rows(admin, 'select m from views.kept')) === '[[4]]' ? true : undefined));
  await comes('kept', 'fresh');
  await admin.want(204, 'DELETE', '/api/views/kept');
  assert.match(String(await rows(admin, 'from views.kept')), /does not exist/);
  assert.deepEqual(await rows(admin, "select count(*)::bigint from information_schema.tables where table_schema = 'materialized' and table_name like 'views.kept%'"), [[0]]);
});

test('while a replay makes the tables anew, readers see whole rows, and the last ones are right', async () => {
  const sent = { count: 0 };
  const play = async (count: number): Promise<void> => {
    const batch = Array.from({ length: count }, (_, i) => ({ type: 'track', event: 'Played', anonymousId: `a${i}`, properties: { sport: ['golf', 'rugby', 'hockey'][i % 3], n: i % 7 } }));
    const answer = await fetch(`http://${weir.collect}/v1/batch`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ writeKey: weir.key, batch }) });
    assert.equal(answer.status, 200);
    sent.count += count;
    await weir.loaded();
  };
  const sql = 'select sport, count(*)::bigint as n, sum(n)::bigint as s from web.played group by all order by all';
  await play(500);
  await save('plays', sql, true);
  await comes('plays', 'fresh');
  let over = false;
  let seen = 0;
  const reader = (async (): Promise<void> => {
    while (!over) {
      const [[n]] = (await rows(admin, 'select sum(n)::bigint from views.plays')) as [[number]];
      assert.ok(n >= 500 && n <= sent.count, `${n} of ${sent.count}`);
      seen++;
    }
  })();
  for (let i = 0; i < 4; i++) {
    await Promise.all([weir.in('replay'), play(200), admin.want(202, 'POST', '/api/views/plays/refresh', {})]);
  }
  over = true;
  await reader;
  assert.ok(seen > 0);
  assert.equal(((await rows(admin, 'select count(*)::bigint from web.played')) as [[number]])[0][0], sent.count);
  const wanted = JSON.stringify(await rows(all, sql));
  await until('the view to be what its text says', 30, async () => (JSON.stringify(await rows(admin, 'from views.plays')) === wanted ? true : undefined));
  assert.equal((await comes('plays', 'fresh'))['rows'], 3);
});

test('what needs more memory than there is fails with words, keeps its rows, and harms no other', async () => {
  await upload('many', 'n\n1000\n', 'POST');
  await save('large', "select length(string_agg(md5((a.range + m.n)::varchar), ',')) as n from uploads.many m, range(m.n::bigint) a", true);
  await comes('large', 'fresh');
  const settings = path.join(weir.dir, 'weir.yml');
  const before = readFileSync(settings, 'utf8');
  writeFileSync(settings, `${before}warehouse:\n  memory: 128MB\n`);
  await weir.down();
  await weir.up();
  await upload('many', 'n\n8000000\n');
  assert.match(String((await comes('large', 'failed'))['refresh_error']), /memory/i);
  assert.deepEqual(await rows(admin, 'from views.large'), [[32999]], 'the last good rows');
  await upload('games', 'sport,n\nrugby,1\nchess,7\n');
  await until('another view to follow', 30, async () => (JSON.stringify(await rows(admin, 'from views.totals')) === '[["chess",7],["rugby",1]]' ? true : undefined));
  await upload('many', 'n\n2000\n');
  await comes('large', 'fresh');
  assert.deepEqual(await rows(admin, 'from views.large'), [[65999]]);
  await admin.want(204, 'DELETE', '/api/views/large');
  writeFileSync(settings, before);
});

test('stored rows tell since when a source of what they are made from fails, through other views, too', async () => {
  weir.write('ill/a.csv', 'id\n1\n');
  weir.write('sources/ill.yml', 'kind: file\nconnection: {path: ill}\nstreams: {a: {}}\n');
  await weir.in('sync', 'ill', '--wait');
  await save('first', 'select count(*)::bigint as n from ill.a', true);
  await comes('first', 'fresh');
  await save('second', 'select n + 1 as n from views.first', true);
  await comes('second', 'fresh');
  const queries = { a: 'from ill.a', first: 'from views.first', second: 'from views.second', none: 'from views.totals' };
  const { id } = (await admin.want(201, 'POST', '/api/reports', { report: { title: 'Ill', queries: Object.keys(queries).map((query) => ({ id: query })), tiles: [] }, queries })) as { id: string };
  const failing = async (): Promise<(string | null)[]> => (await askPage(admin, { report: id })).parts.map(({ head, same }) => (head ?? same)?.failing_since ?? null);
  assert.deepEqual(await failing(), [null, null, null, null]);
  rmSync(path.join(weir.dir, 'ill/a.csv'));
  await assert.rejects(weir.in('sync', 'ill', '--wait'), /no file is there/);
  const [since, ...others] = await failing();
  assert.ok(since);
  assert.deepEqual(others, [since, since, null]);
  for (const name of ['second', 'first']) await admin.want(204, 'DELETE', `/api/views/${name}`);
  rmSync(path.join(weir.dir, 'sources/ill.yml'));
});

test('stored rows tell since when they cannot be computed, and pages that are open are told', async () => {
  await upload('amounts', 'n\n1\n2\n', 'POST');
  await save('sums', 'select sum(n) as n from uploads.amounts', true);
  await comes('sums', 'fresh');
  await save('deep', 'select n + 1 as n from views.sums', true);
  await comes('deep', 'fresh');
  await save('clock', 'select now() as n', true); // it is computed for whoever asks, and is never from before
  await comes('clock', 'failed');
  const queries = { sums: 'from views.sums', deep: 'from views.deep', clock: 'from views.clock', none: 'from views.totals' };
  const { id } = (await admin.want(201, 'POST', '/api/reports', { report: { title: 'Stuck', queries: Object.keys(queries).map((query) => ({ id: query })), tiles: [] }, queries })) as { id: string };
  const failing = async (): Promise<(string | null | undefined)[]> => (await askPage(admin, { report: id })).parts.map(({ head, same }) => (head ?? same)?.view_failing_since);
  assert.deepEqual(await failing(), [null, null, null, null]);
  await upload('amounts', 'n\n1\ntwo\n');
  await comes('sums', 'failed');
  const [since, deep, clock, none] = await failing();
  assert.ok(since);
  assert.ok(deep && Math.abs(Date.parse(deep) - Date.parse(since)) < 1000, `${deep}, ${since}`); // it is found one by one
  assert.deepEqual([clock, none], [null, null]);
  await save('unrelated', 'select 1 as n');
  await comes('sums', 'failed');
  assert.equal((await failing())[0], since, 'since its first failure, also where all views were looked at again');
  await upload('amounts', 'n\n1\n5\n');
  await comes('deep', 'fresh');
  assert.deepEqual(await failing(), [null, null, null, null]);
  for (const name of ['deep', 'sums', 'clock', 'unrelated']) await admin.want(204, 'DELETE', `/api/views/${name}`);
});

test('what takes longer than a query may is stopped, and says so', async () => {
  const settings = path.join(weir.dir, 'weir.yml');
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('#  timeout: 5m', '  timeout: 1s'));
  await weir.down();
  await weir.up();
  await save('endless', 'select count(*) filter (hash(a.range + b.range) % 7 = 3) as n from range(100000000) a, range(100000000) b', true);
  assert.match(String((await comes('endless', 'failed'))['refresh_error']), /query\.timeout/);
  await save('quick', 'select 1 as one', true);
  await comes('quick', 'fresh');
  await admin.want(204, 'DELETE', '/api/views/endless');
});

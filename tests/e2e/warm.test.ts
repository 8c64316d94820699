// After a load, the pages that people opened last are computed before somebody asks for them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, join, send, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let hockey: Client;
let id = '';

async function upload(csv: string, method: string): Promise<void> {
  const target = method === 'POST' ? '/api/uploads?name=games' : '/api/uploads/games';
  const answer = await send(weir, method, target, { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' }, csv);
  assert.ok(answer.status < 300, answer.text);
}

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  await upload('sport,n\nrugby,1\nhockey,10\n', 'POST');
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [] });
  const made = await join(admin, 'hockey@example.com', { attributes: { sports: ['hockey'] } });
  hockey = made.client;
  await admin.want(201, 'POST', '/api/groups', { name: 'sports', members: [made.id], tables: [{ schema: 'uploads', table: 'games', rows: 'sport in (user.sports)', hidden: [], masked: [] }], collections: [{ collection: 'company', level: 'view' }] });
  const report = await admin.want(201, 'POST', '/api/reports', {
    report: { title: 'Warm', parameters: [{ name: 'v', type: 'number', default: 0 }], queries: [{ id: 'q' }], tiles: [] },
    queries: { q: 'select sum(n)::bigint + {{ v }} as n from uploads.games' },
  });
  id = String(report['id']);
});
after(() => weir.remove());

test('what she opened is there before she asks again, as she sees it', async () => {
  const body = { report: id, values: { v: 5000 } };
  await askPage(hockey, body);
  const done = async (): Promise<number> => Number(/^weir_queries_done_total (\d+)/m.exec((await admin.ask('GET', '/metrics')).text)?.[1]);
  let n = 0;
  await until('a result that nobody asked for', 60, async () => {
    const before = await done();
    n++;
    await upload(`sport,n\nrugby,1\nhockey,${n}\n`, 'PUT');
    await until('something to run', 60, async () => ((await done()) > before ? true : undefined));
    const [part] = (await askPage(hockey, body)).parts;
    assert.deepEqual(part?.rows, [[5000 + n]], 'whoever computed it, it is hers and right');
    return part?.head?.cached ? true : undefined;
  });
  const cache = (await admin.want(200, 'GET', '/api/cache')) as Record<string, number>;
  assert.ok((cache['hits'] ?? 0) >= 1);
  // What was run so that it would be there costs, and is nobody's use.
  const used = await until('the run and its copy', 20, async () => {
    const all = (await admin.want(200, 'GET', '/api/usage')) as { reports: Record<string, unknown>[]; people: Record<string, unknown>[] };
    return all.people.some((person) => person['id'] === null) ? all : undefined;
  });
  assert.equal(used.reports.find((row) => row['id'] === id)?.['people'], 1);
});

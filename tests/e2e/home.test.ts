// Finding dashboards, talking about them, and choosing among many values.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, join, message, setUp } from '../node/client.js';
import { Weir } from '../node/weir.js';

type Body = Record<string, unknown>;
interface Person { id: string; client: Client }

let weir: Weir;
let admin: Client;
let ed: Person; // edits in `company`
let rita: Person; // views; in the group rugby
let nina: Person; // views
let rugby: string;

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  ed = await join(admin, 'ed@example.com', { role: 'editor' });
  rita = await join(admin, 'rita@example.com', { attributes: { sports: ['rugby'] } });
  nina = await join(admin, 'nina@example.com');
  rugby = String((await admin.want(201, 'POST', '/api/groups', { name: 'rugby', members: [rita.id], tables: [], collections: [] }))['id']);
});
after(() => weir.remove());

async function make(title: string, more: Body = {}, queries: Record<string, string> = { q: 'select 1 as n' }): Promise<string> {
  const list = Object.keys(queries).map((id) => ({ id }));
  const made = await ed.client.want(201, 'POST', '/api/reports', { report: { title, queries: list, tiles: [{ id: 't1', kind: 'table', query: list[0]?.id, x: 0, y: 0, w: 12, h: 8 }], ...more }, queries });
  return String(made['id']);
}

const publish = (id: string, body: Body) => ed.client.want(200, 'PUT', `/api/reports/${id}/publication`, body);
async function home(who: Client): Promise<Record<string, unknown>> {
  const all = await who.want(200, 'GET', '/api/home');
  const titles = (key: string): unknown[] => (all[key] as Body[]).map((one) => one['title']);
  const group = all['group'] as { name: string; report: Body } | null;
  return { favourites: titles('favourites'), recent: titles('recent'), popular: titles('popular'), new: titles('new'), group: group && `${group.name}: ${String(group.report['title'])}`, note: all['subscriptions'] };
}

test('the home page shows what is hers, what is new and what others open, as far as she sees it', async () => {
  const open = await make('Open');
  const closed = await make('Closed');
  await publish(open, { company: true });
  await publish(closed, { groups: [{ group: rugby }] });
  assert.deepEqual((await home(nina.client))['new'], ['Open']);
  assert.deepEqual(((await home(rita.client))['new'] as string[]).sort(), ['Closed', 'Open']);

  await rita.client.want(204, 'PUT', `/api/favourites/${closed}`, {});
  await rita.client.want(204, 'PUT', `/api/favourites/${closed}`, {});
  await rita.client.want(204, 'PUT', `/api/favourites/${open}`, {});
  await nina.client.want(404, 'PUT', `/api/favourites/${closed}`, {});
  assert.equal((await rita.client.want(200, 'GET', `/api/reports/${closed}`))['favourite'], true);
  assert.equal((await ed.client.want(200, 'GET', `/api/reports/${closed}`))['favourite'], false);
  for (const who of [rita, ed]) await who.client.want(204, 'POST', `/api/reports/${closed}/open`, {});
  await nina.client.want(204, 'POST', `/api/reports/${open}/open`, {});
  let hers = await home(rita.client);
  assert.deepEqual((hers['favourites'] as string[]).sort(), ['Closed', 'Open']);
  assert.deepEqual([hers['recent'], hers['popular']], [['Closed'], ['Closed', 'Open']]);
  assert.deepEqual((await home(nina.client))['popular'], ['Open'], 'what others open is told of what she sees');

  // The home page of a group lets nobody see a report.
  await admin.want(204, 'PUT', `/api/groups/${rugby}/home`, { report: closed });
  await admin.want(204, 'PUT', '/api/groups/everyone/home', { report: open });
  assert.deepEqual([(await home(rita.client))['group'], (await home(nina.client))['group']], ['rugby: Closed', 'everyone: Open']);
  await admin.want(204, 'PUT', '/api/groups/everyone/home', { report: closed });
  assert.equal((await home(nina.client))['group'], null);
  await admin.want(204, 'PUT', `/api/groups/${rugby}/home`, { report: null });
  assert.equal((await home(rita.client))['group'], 'everyone: Closed');
  await ed.client.want(403, 'PUT', `/api/groups/${rugby}/home`, { report: open });
  await admin.want(400, 'PUT', `/api/groups/${rugby}/home`, { report: 'nothing123' });

  // What she sees no more is in no list, and can be dropped.
  await publish(closed, { people: [nina.id] });
  hers = await home(rita.client);
  assert.deepEqual([hers['favourites'], hers['recent'], hers['popular']], [['Open'], [], ['Open']]);
  await rita.client.want(204, 'DELETE', `/api/favourites/${closed}`);
  await rita.client.want(204, 'DELETE', `/api/favourites/${open}`);
  assert.deepEqual((await home(rita.client))['favourites'], []);
});

test('comments are for those who see the report', async () => {
  const id = await make('Talk');
  const target = `/api/reports/${id}/comments`;
  await publish(id, { groups: [{ group: rugby }] });
  const one = await rita.client.want(201, 'POST', target, { tile: 't1', text: 'Why so few?', values: { sport: ['rugby'] } });
  assert.deepEqual([one['tile'], one['text'], one['values'], one['mine'], one['by']], ['t1', 'Why so few?', { sport: ['rugby'] }, true, { name: 'rita', email: 'rita@example.com' }]);
  await ed.client.want(201, 'POST', target, { text: 'On the whole' });
  const listed = async (who: Client, query = ''): Promise<unknown[]> => ((await who.want(200, 'GET', target + query))['comments'] as Body[]).map((c) => c['text']);
  assert.deepEqual(await listed(rita.client), ['Why so few?', 'On the whole']);
  assert.deepEqual(await listed(ed.client, '?tile=t1'), ['Why so few?']);
  const own = `/api/comments/${String(one['id'])}`;
  for (const [method, path, body] of [['GET', target, undefined], ['POST', target, { text: 'x' }], ['PATCH', own, { resolved: true }], ['DELETE', own, undefined]] as const) {
    assert.equal((await nina.client.ask(method, path, body)).status, 404, `${method} ${path}`);
  }
  await ed.client.want(403, 'PATCH', own, { text: 'Mine now' });
  const resolved = await ed.client.want(200, 'PATCH', own, { resolved: true });
  assert.deepEqual([resolved['resolved'], resolved['resolved_by']], [true, 'ed@example.com']);
  const edited = await rita.client.want(200, 'PATCH', own, { text: 'Why?', resolved: false });
  assert.deepEqual([edited['text'], edited['resolved'], edited['edited_at'] !== null], ['Why?', false, true]);
  const second = await ed.client.want(201, 'POST', target, { text: 'Another' });
  await rita.client.want(403, 'PATCH', `/api/comments/${String(second['id'])}`, { resolved: true });
  await rita.client.want(403, 'DELETE', `/api/comments/${String(second['id'])}`);
  await ed.client.want(204, 'DELETE', own);
  assert.deepEqual(await listed(rita.client), ['On the whole', 'Another']);
  for (const body of [{}, { text: '' }, { text: 'x'.repeat(10_001) }, { text: 'x', tile: 'nope' }, { text: 'x', values: [] }]) {
    assert.equal((await rita.client.ask('POST', target, body)).status, 400, JSON.stringify(body).slice(0, 60));
  }
});

test('a subscription is kept, and nobody is told that it is sent', async () => {
  const id = await make('Sent');
  await publish(id, { people: [nina.id] });
  const target = `/api/reports/${id}/subscription`;
  await nina.client.want(204, 'PUT', target, { values: { sport: 'golf' }, every: { unit: 'week', day: 1, at: '08:00' } });
  assert.deepEqual((await nina.client.want(200, 'GET', `/api/reports/${id}`))['subscription'], { values: { sport: 'golf' }, every: { unit: 'week', day: 1, at: '08:00' } });
  const note = (await home(nina.client))['note'] as Body;
  assert.deepEqual([note['kept'], note['sent']], [1, false]);
  assert.match(String(note['note']), /no mail/);
  await rita.client.want(404, 'PUT', target, { every: { unit: 'day', at: '08:00' } });
  for (const every of [{}, { unit: 'day' }, { unit: 'day', at: '24:00' }, { unit: 'week', at: '08:00' }, { unit: 'month', day: 31, at: '08:00' }, { unit: 'day', at: '08:00', day: 1 }]) {
    assert.equal((await nina.client.ask('PUT', target, { every })).status, 400, JSON.stringify(every));
  }
  await nina.client.want(204, 'DELETE', target);
  assert.equal((await nina.client.want(200, 'GET', `/api/reports/${id}`))['subscription'], null);
});

test('options are searched in the engine, cascade, and show what she may choose', async () => {
  const id = await make(
    'Choose',
    {
      parameters: [
        { name: 'land', type: 'select', options: ['Dänemark', ['Norge', 'no']] },
        { name: 'city', type: 'multiselect', options: { query: 'cities', value: 'id', label: 'name' } },
        { name: 'bad', type: 'select', options: { query: 'broken', value: 'x' } },
      ],
    },
    {
      cities: "select i as id, 'City ' || i || (case when i % 2 = 0 then ' no' else ' dk' end) as name, case when i % 2 = 0 then 'no' else 'dk' end as l from range(100000) t(i) where [l=land] order by i;",
      broken: 'select nothing as x',
    },
  );
  const options = (who: Client, param: string, query = '') => who.want(200, 'GET', `/api/reports/${id}/options/${param}${query}`);
  const first = await options(nina.client, 'city', '?limit=2');
  assert.deepEqual(first, { options: [{ value: 0, label: 'City 0 no' }, { value: 1, label: 'City 1 dk' }], more: true });
  assert.equal(((await options(nina.client, 'city'))['options'] as unknown[]).length, 200);
  assert.deepEqual(await options(nina.client, 'city', `?q=${encodeURIComponent('cITY 99999')}`), { options: [{ value: 99999, label: 'City 99999 dk' }], more: false });
  const values = encodeURIComponent(JSON.stringify({ land: 'no' }));
  assert.deepEqual(await options(nina.client, 'city', `?q=9999&values=${values}&limit=3`), { options: [{ value: 9999 * 10, label: 'City 99990 no' }, { value: 99992, label: 'City 99992 no' }, { value: 99994, label: 'City 99994 no' }], more: true });
  for (const q of ["' or 1=1 --", '%', '$weir_options_q', '{{ land }}', '"; drop table x']) {
    assert.deepEqual(await options(nina.client, 'city', `?q=${encodeURIComponent(q)}`), { options: [], more: false }, q);
  }
  assert.deepEqual(await options(nina.client, 'land', '?q=NOR'), { options: [{ value: 'no', label: 'Norge' }], more: false });
  const refused = async (param: string, query = ''): Promise<string> => {
    const answer = await nina.client.ask('GET', `/api/reports/${id}/options/${param}${query}`);
    return `${answer.status} ${message(answer)}`;
  };
  assert.match(await refused('town'), /^404 .*no parameter "town"/);
  assert.match(await refused('city', '?limit=0'), /^400 /);
  assert.match(await refused('city', '?values=[]'), /^400 /);
  assert.match(await refused('city', `?values=${encodeURIComponent('{"land":1')}`), /^400 /);
  assert.match(await refused('bad'), /^400 /);

  // Forced values cut the options of the others, and are all that there is of their own.
  await publish(id, { groups: [{ group: rugby, forced: { land: 'dk' } }] });
  assert.match(await refused('city'), /^404 /);
  const cut = await options(rita.client, 'city', `?limit=2&values=${values}`);
  assert.deepEqual(cut['options'], [{ value: 1, label: 'City 1 dk' }, { value: 3, label: 'City 3 dk' }]);
  assert.deepEqual(await options(rita.client, 'land'), { options: [{ value: 'dk', label: 'dk' }], more: false });
});

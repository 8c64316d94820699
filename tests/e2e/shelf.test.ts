// Reports and the people around them: sharing, opening, looking back, keeping results.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Client, join, message, setUp } from '../node/client.js';
import { Weir } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let ed: { id: string; client: Client }; // edits in `company`
let vera: { id: string; client: Client }; // views
let max: { id: string; client: Client }; // edits, sees `company` only

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  ed = await join(admin, 'ed@example.com', { role: 'editor' });
  vera = await join(admin, 'vera@example.com');
  max = await join(admin, 'max@example.com', { role: 'editor' });
  // Everybody sees tables of `web` only, and the collection `company`; Ed may edit in `board`, too.
  await admin.want(200, 'PUT', '/api/groups/everyone', { name: 'everyone', tables: [{ schema: 'web', table: '*' }], collections: [{ collection: 'company', level: 'edit' }] });
  await admin.want(201, 'POST', '/api/groups', { name: 'board', members: [ed.id], tables: [{ schema: 'weir', table: '*' }], collections: [{ collection: 'board', level: 'edit' }] });
});
after(() => weir.remove());

async function make(who: Client, title: string, collection: string, sql = 'select 42 as n'): Promise<string> {
  const made = await who.want(201, 'POST', '/api/reports', { report: { title, collection, queries: [{ id: 'q' }], tiles: [] }, queries: { q: sql } });
  return String(made['id']);
}

const run = (who: Client, report: string) => who.ask('POST', '/api/query', { report, query: 'q' });

async function listed(who: Client): Promise<Record<string, unknown>[]> {
  return (await who.want(200, 'GET', '/api/documents'))['reports'] as Record<string, unknown>[];
}

test('a report is shared with people, groups and everybody, and unshared at once', async () => {
  const id = await make(ed.client, 'Board', 'board');
  const target = `/api/reports/${id}`;
  const sees = async (who: Client): Promise<boolean> => {
    const status = (await who.ask('GET', target)).status;
    assert.ok(status === 200 || status === 404);
    assert.equal((await run(who, id)).status, status);
    assert.equal((await who.ask('GET', `${target}/history`)).status, status);
    assert.equal((await who.ask('POST', `${target}/open`, {})).status, status === 200 ? 204 : 404);
    assert.equal((await listed(who)).some((report) => report['id'] === id), status === 200);
    return status === 200;
  };
  const share = (body: unknown) => ed.client.want(200, 'PUT', `${target}/share`, body);
  assert.deepEqual((await ed.client.want(200, 'GET', target))['share'], { people: [], groups: [], company: false });
  assert.deepEqual([await sees(vera.client), await sees(max.client)], [false, false]);

  assert.deepEqual(await share({ people: [vera.id] }), { people: [vera.id], groups: [], company: false });
  assert.deepEqual([await sees(vera.client), await sees(max.client)], [true, false]);
  const group = String((await admin.want(201, 'POST', '/api/groups', { name: 'friends', members: [max.id] }))['id']);
  await share({ groups: [group] });
  assert.deepEqual([await sees(vera.client), await sees(max.client)], [false, true]);
  assert.deepEqual(await share({ company: true }), { people: [], groups: [], company: true });
  assert.deepEqual([await sees(vera.client), await sees(max.client)], [true, true]);
  await share({});
  assert.deepEqual([await sees(vera.client), await sees(max.client)], [false, false]);

  // It is a way to see it, and no more.
  await share({ people: [max.id] });
  const read = await max.client.want(200, 'GET', target);
  assert.equal(read['level'], 'view');
  assert.equal('share' in read, false);
  await max.client.want(403, 'PUT', target, { report: read['report'], queries: read['queries'], base: read['version'] });
  await max.client.want(403, 'PUT', `${target}/share`, { company: true });
  await max.client.want(403, 'DELETE', target);
  await vera.client.want(403, 'PUT', `${target}/share`, { company: true });
  await max.client.want(201, 'POST', `${target}/clone`, { collection: 'company' });
  await max.client.want(403, 'POST', `${target}/clone`, {});

  // Who is gone is out of the list.
  const tom = await join(admin, 'tom@example.com');
  await share({ people: [tom.id], groups: [group] });
  await admin.want(204, 'DELETE', `/api/people/${tom.id}`);
  await admin.want(204, 'DELETE', `/api/groups/${group}`);
  assert.deepEqual((await ed.client.want(200, 'GET', target))['share'], { people: [], groups: [], company: false });

  const log = await admin.want(200, 'GET', '/api/audit?action=report.share');
  const entry = (log['entries'] as Record<string, unknown>[]).at(-1);
  assert.deepEqual([entry?.['person'], entry?.['object'], entry?.['detail']], ['ed@example.com', id, { title: 'Board', share: { people: [vera.id], groups: [], company: false } }]);
});

test('what is no person, no group, or no share is told', async () => {
  const id = await make(ed.client, 'Wrong', 'board');
  const refused = async (body: unknown): Promise<string> => {
    const answer = await ed.client.ask('PUT', `/api/reports/${id}/share`, body);
    assert.equal(answer.status, 400);
    return message(answer);
  };
  assert.match(await refused({ people: ['nobody'] }), /no person "nobody"/);
  assert.match(await refused({ groups: [vera.id] }), /no group/);
  assert.match(await refused({ people: vera.id }), /a list of ids/);
  assert.match(await refused({ people: [1] }), /a list of ids/);
  assert.match(await refused({ company: 'yes' }), /company/);
  assert.match(await refused({ persons: [] }), /"persons" is not known/);
  await ed.client.want(404, 'PUT', '/api/reports/zzzzzzzzzz/share', {});
});

test('sharing a report shares no data', async () => {
  const id = await make(ed.client, 'Secret', 'board', 'select count(*) as n from weir.discards');
  assert.equal((await run(ed.client, id)).status, 200);
  await ed.client.want(200, 'PUT', `/api/reports/${id}/share`, { people: [vera.id] });
  const answer = await run(vera.client, id);
  assert.equal(answer.status, 404); // a table that she may not see
  assert.match(message(answer), /does not exist, or you may not see it/);
});

test('an old version in a collection that she does not see stays unseen', async () => {
  const id = await make(admin, 'Moved', 'private');
  const first = String((await admin.want(200, 'GET', `/api/reports/${id}`))['version']);
  await admin.want(200, 'POST', `/api/reports/${id}/move`, { collection: 'board' });
  await admin.want(200, 'PUT', `/api/reports/${id}/share`, { people: [vera.id] });
  const now = String((await vera.client.want(200, 'GET', `/api/reports/${id}`))['version']);
  await vera.client.want(200, 'GET', `/api/reports/${id}/at/${now}`);
  await vera.client.want(404, 'GET', `/api/reports/${id}/at/${first}`);
});

test('everybody has her own list of what she opened', async () => {
  const id = await make(ed.client, 'Opened', 'company');
  const opened = async (who: Client): Promise<unknown> => (await listed(who)).find((report) => report['id'] === id)?.['opened_at'];
  assert.equal(await opened(vera.client), null);
  await vera.client.want(204, 'POST', `/api/reports/${id}/open`, {});
  assert.match(String(await opened(vera.client)), /^20..-..-..T/);
  assert.equal(await opened(ed.client), null);
  const seen = await admin.ask('POST', `/api/reports/${id}/open`, {}, { 'x-weir-see-as': 'max@example.com' });
  assert.equal(seen.status, 204); // the page opens as ever; Max did not open it
  assert.equal(await opened(max.client), null);
});

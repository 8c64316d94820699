// Publishing: who sees which version of a report, and which values hold whatever is sent.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, Client, join, message, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

type Body = Record<string, unknown>;
interface Person { id: string; client: Client }

let weir: Weir;
let admin: Client;
let ed: Person; // edits in `company`
let rita: Person; // views; rugby
let hugo: Person; // views; hockey
let bo: Person; // views; both
let nina: Person; // views; no group
let rugby: string;
let hockey: string;

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  ed = await join(admin, 'ed@example.com', { role: 'editor' });
  rita = await join(admin, 'rita@example.com');
  hugo = await join(admin, 'hugo@example.com');
  bo = await join(admin, 'bo@example.com');
  nina = await join(admin, 'nina@example.com');
  const group = async (name: string, ...members: Person[]): Promise<string> => String((await admin.want(201, 'POST', '/api/groups', { name, members: members.map((m) => m.id), tables: [], collections: [] }))['id']);
  rugby = await group('rugby', rita, bo);
  hockey = await group('hockey', hugo, bo);
});
after(() => weir.remove());

const sports = "select * from (values ('rugby', 1), ('hockey', 2), ('golf', 3)) t(sport, n) where [sport=sport] order by n";
const report = {
  title: 'Sports',
  parameters: [
    { name: 'sport', type: 'multiselect', options: ['rugby', 'hockey', 'golf'] },
    { name: 'grain', type: 'aggregation', default: 'day' },
    { name: 'least', type: 'number', default: 0 },
  ],
  queries: [{ id: 'q' }],
  tiles: [{ id: 't1', kind: 'table', query: 'q', x: 0, y: 0, w: 12, h: 8 }],
};

async function make(title = 'Sports', sql = sports): Promise<{ id: string; target: string; version: string }> {
  const made = await ed.client.want(201, 'POST', '/api/reports', { report: { ...report, title }, queries: { q: sql } });
  const id = String(made['id']);
  return { id, target: `/api/reports/${id}`, version: String(made['version']) };
}

async function edit(target: string, title: string, sql = sports): Promise<string> {
  const now = await ed.client.want(200, 'GET', target);
  const saved = await ed.client.want(200, 'PUT', target, { report: { ...(now['report'] as Body), title }, queries: { q: sql }, base: now['version'] });
  return String(saved['version']);
}

const run = (who: Client, id: string, more: Body = {}, headers: Record<string, string> = {}): Promise<Answer> => who.ask('POST', '/api/query', { report: id, query: 'q', ...more }, headers);
const seen = (answer: Answer): unknown => (answer.status === 200 ? (answer.body['rows'] as unknown[][]).map((row) => row[0]) : `${answer.status} ${message(answer)}`);
const titleOf = async (who: Client, target: string): Promise<unknown> => ((await who.want(200, 'GET', target))['report'] as Body)['title'];
async function lists(who: Client, id: string): Promise<unknown> {
  const reports = (await who.want(200, 'GET', '/api/documents'))['reports'] as Body[];
  return reports.find((one) => one['id'] === id)?.['title'];
}

test('a published version is what everybody else sees; editors go on with the draft', async () => {
  const { id, target, version } = await make();
  assert.equal((await ed.client.want(200, 'GET', target))['publication'], null);
  assert.equal(await titleOf(nina.client, target), 'Sports', 'what is not published is seen as it is');
  await ed.client.want(404, 'GET', `${target}?version=published`);
  const done = await ed.client.want(200, 'PUT', `${target}/publication`, { company: true });
  assert.deepEqual([done['version'], done['by'], done['company'], done['behind'], done['scheduled']], [version, 'ed@example.com', true, false, null]);

  const second = await edit(target, 'Draft', "select 'draft' as sport");
  const mine = await ed.client.want(200, 'GET', target);
  assert.deepEqual([mine['version'], mine['published'], (mine['publication'] as Body)['behind']], [second, false, true]);
  const old = await ed.client.want(200, 'GET', `${target}?version=published`);
  assert.deepEqual([old['version'], old['published'], (old['report'] as Body)['title']], [version, true, 'Sports']);
  assert.equal(old['owner'], 'ed@example.com');
  const hers = await nina.client.want(200, 'GET', target);
  assert.deepEqual([hers['version'], (hers['report'] as Body)['title'], hers['level']], [version, 'Sports', 'view']);
  assert.deepEqual(Object.keys(hers['publication'] as Body), ['version', 'at']);
  assert.equal(await lists(nina.client, id), 'Sports');
  assert.equal(await lists(ed.client, id), 'Draft');

  assert.deepEqual(seen(await run(nina.client, id)), ['rugby', 'hockey', 'golf']);
  assert.deepEqual(seen(await run(nina.client, id, { version: 'published' })), ['rugby', 'hockey', 'golf']);
  assert.deepEqual(seen(await run(ed.client, id)), ['draft']);
  assert.deepEqual(seen(await run(ed.client, id, { version: 'published' })), ['rugby', 'hockey', 'golf']);
  assert.deepEqual(seen(await run(ed.client, id, { version: 'draft' })), ['draft']);

  await ed.client.want(200, 'PUT', `${target}/publication`, { company: true });
  assert.deepEqual(seen(await run(nina.client, id)), ['draft']);
  // Back to an earlier version, named by a commit.
  const commits = (await ed.client.want(200, 'GET', `${target}/history`))['commits'] as Body[];
  const back = await ed.client.want(200, 'PUT', `${target}/publication`, { company: true, version: commits.at(-1)?.['version'] });
  assert.deepEqual([back['version'], back['behind']], [version, true]);
  assert.equal(await titleOf(nina.client, target), 'Sports');

  await ed.client.want(204, 'DELETE', `${target}/publication`);
  assert.equal(await titleOf(nina.client, target), 'Draft');
  const log = (await admin.want(200, 'GET', '/api/audit?action=report'))['entries'] as Body[];
  assert.deepEqual(log.slice(0, 4).map((entry) => entry['action']), ['report.unpublish', 'report.publish', 'report.publish', 'report.publish']);
});

test('drafts, old versions and what others do are out of reach of those whom it is published to', async () => {
  const { id, target, version } = await make('Before');
  const second = await edit(target, 'Published');
  await ed.client.want(200, 'PUT', `${target}/publication`, { people: [nina.id] });
  const third = await edit(target, 'After', "select 'after' as sport");
  for (const wanted of ['draft', version, third]) {
    assert.equal((await nina.client.ask('GET', `${target}?version=${wanted}`)).status, 403, wanted);
    assert.equal((await run(nina.client, id, { version: wanted })).status, 403, wanted);
    assert.equal((await nina.client.ask('GET', `${target}/at/${wanted}`)).status, 403, wanted);
    assert.equal((await nina.client.ask('POST', '/api/page', { report: id, version: wanted })).status, 403, wanted);
  }
  assert.equal((await nina.client.want(200, 'GET', `${target}?version=${second}`))['version'], second);
  await nina.client.want(403, 'GET', `${target}/history`);
  await nina.client.want(403, 'GET', `${target}/diff`);
  await nina.client.want(403, 'PUT', `${target}/publication`, { company: true });
  await nina.client.want(403, 'DELETE', `${target}/publication`);
  // Whom it is not published to does not see it, in whatever collection it is.
  for (const who of [rita.client, hugo.client]) {
    await who.want(404, 'GET', target);
    await who.want(404, 'GET', `${target}?version=published`);
    assert.equal((await run(who, id)).status, 404);
    await who.want(404, 'POST', '/api/page', { report: id });
    assert.equal(await lists(who, id), undefined);
  }
  // Nor an admin with her eyes.
  assert.equal((await admin.ask('GET', target, undefined, { 'x-weir-see-as': 'rita@example.com' })).status, 404);
  assert.equal((await admin.ask('POST', '/api/query', { report: id, query: 'q', as: 'rita@example.com' })).status, 404);
  assert.deepEqual(seen(await run(admin, id, { as: 'nina@example.com' })), ['rugby', 'hockey', 'golf']);
  assert.equal((await run(admin, id, { as: 'nina@example.com', version: 'draft' })).status, 403);
  // A share lets somebody see what is published.
  await ed.client.want(200, 'PUT', `${target}/share`, { people: [rita.id] });
  assert.equal(await titleOf(rita.client, target), 'Published');
  assert.equal((await rita.client.ask('GET', `${target}?version=draft`)).status, 403);
  // Old versions are for editors, by their id.
  assert.equal(((await ed.client.want(200, 'GET', `${target}?version=${version}`))['report'] as Body)['title'], 'Before');
  assert.equal((await run(ed.client, id, { version })).status, 404);
});

test('what is forced on a group holds whatever its members send', async () => {
  const { id, target } = await make('Forced');
  const to = [
    { group: rugby, forced: { sport: ['rugby'], grain: 'week' }, defaults: { least: 5 } },
    { group: hockey, forced: { sport: ['hockey'], grain: 'week' }, defaults: { least: 7 } },
  ];
  await ed.client.want(200, 'PUT', `${target}/publication`, { groups: to });
  const hers = await rita.client.want(200, 'GET', target);
  assert.deepEqual([hers['forced'], hers['defaults']], [{ sport: ['rugby'], grain: 'week' }, { least: 5 }]);
  assert.deepEqual((await ed.client.want(200, 'GET', `${target}?version=published`))['forced'], {});
  // What lists of several groups force adds up; the first group's default counts.
  const both = await bo.client.want(200, 'GET', target);
  assert.deepEqual([both['forced'], both['defaults']], [{ sport: ['hockey', 'rugby'], grain: 'week' }, { least: 7 }]);

  const tries: Body[] = [{}, { values: {} }, { values: { sport: [] } }, { values: { sport: ['golf'] } }, { values: { sport: null } }, { values: { SPORT: ['golf'] } }, { values: { sport: ['golf'], Sport: ['golf'], sPort: 'golf' } }];
  for (const one of tries) {
    assert.deepEqual(seen(await run(rita.client, id, one)), ['rugby'], JSON.stringify(one));
    assert.deepEqual(seen(await run(hugo.client, id, one)), ['hockey'], JSON.stringify(one));
    assert.deepEqual(seen(await run(bo.client, id, one)), ['rugby', 'hockey'], JSON.stringify(one));
    const page = await askPage(rita.client, { report: id, ...one });
    assert.deepEqual(page.parts.map((part) => part.rows), [[['rugby', 1]]], JSON.stringify(one));
  }
  const text = `{"report":"${id}","query":"q","values":{"sport":["golf"],"sport":["golf","rugby"]}}`;
  assert.deepEqual(seen(await rita.client.ask('POST', '/api/query', text)), ['rugby'], 'a name twice');
  assert.notEqual((await run(rita.client, id, { params: { sport: 'golf' } })).status, 500);
  assert.doesNotMatch((await run(rita.client, id, { params: { sport_1: 'golf', sport: 'golf' } })).text, /\["golf"/);
  assert.deepEqual(seen(await run(admin, id, { as: 'rita@example.com', values: { sport: ['golf'] } })), ['rugby']);
  assert.deepEqual(seen(await run(admin, id, { values: { sport: ['golf'] } }, { 'x-weir-see-as': 'rita@example.com' })), ['rugby']);
  assert.deepEqual(seen(await run(ed.client, id, { values: { sport: ['golf'] }, version: 'published' })), ['golf']);

  // The other ways to rows: a file, a kept result.
  const file = await rita.client.want(201, 'POST', '/api/exports', { report: id, query: 'q', values: { sport: ['golf'] }, format: 'csv', filename: 'x' });
  const got = await rita.client.ask('GET', String(file['url']));
  assert.equal(got.text, 'sport,n\nrugby,1\n');
  const kept = await rita.client.want(201, 'POST', `${target}/snapshots`, { values: { sport: ['golf'], least: 3 } });
  const snapshot = await rita.client.want(200, 'GET', `/api/snapshots/${String(kept['id'])}`);
  assert.deepEqual(snapshot['values'], { least: 3, sport: ['rugby'], grain: 'week' });
  // Whoever has other values forced on her does not see it, though her rules are the same.
  await hugo.client.want(404, 'GET', `/api/snapshots/${String(kept['id'])}`);
  assert.deepEqual((await hugo.client.want(200, 'GET', `${target}/snapshots`))['snapshots'], []);
  await bo.client.want(404, 'GET', `/api/snapshots/${String(kept['id'])}`);
  await nina.client.want(404, 'GET', `/api/snapshots/${String(kept['id'])}`);
});

test('values that no parameter has, that say nothing, or that contradict each other are refused', async () => {
  const { target } = await make('Wrong');
  const refused = async (body: Body): Promise<string> => {
    const answer = await ed.client.ask('PUT', `${target}/publication`, body);
    assert.equal(answer.status, 400, answer.text);
    return message(answer);
  };
  const forced = (values: Body): Promise<string> => refused({ groups: [{ group: rugby, forced: values }] });
  assert.match(await forced({ sprot: ['rugby'] }), /no such parameter/);
  assert.match(await forced({ Sport: ['rugby'] }), /no such parameter/);
  assert.match(await forced({ sport: [] }), /forced to nothing/);
  assert.match(await forced({ sport: null }), /forced to nothing/);
  assert.match(await forced({ grain: '  ' }), /forced to nothing/);
  assert.match(await forced({ sport: 'rugby' }), /must be a list/);
  assert.match(await forced({ sport: [['rugby']] }), /must be a list/);
  assert.match(await forced({ least: '5' }), /must be a number/);
  assert.match(await refused({ groups: [{ group: rugby, forced: { grain: 'day' } }, { group: hockey, forced: { grain: 'week' } }] }), /bo@example\.com is in both/);
  assert.match(await refused({ groups: [{ group: rugby, forced: { grain: 'day' } }, { group: 'everyone', forced: { grain: 'week' } }] }), /is in both/);
  assert.match(await refused({ groups: [{ group: rugby }, { group: rugby }] }), /twice/);
  assert.match(await refused({ groups: [{ group: 'nothing' }] }), /no group "nothing"/);
  assert.match(await refused({ people: ['nobody'] }), /no person "nobody"/);
  assert.match(await refused({}), /to whom/);
  assert.match(await refused({ company: false }), /to whom/);
  assert.match(await refused({ company: true, at: '2020-01-01T00:00:00Z' }), /time to come/);
  assert.match(await refused({ company: true, colour: 'red' }), /"colour" is not known/);
  assert.equal((await ed.client.ask('PUT', `${target}/publication`, { company: true, version: 'f'.repeat(40) })).status, 404);
  const other = await make('Other');
  assert.equal((await ed.client.ask('PUT', `${target}/publication`, { company: true, version: other.version })).status, 404, 'of another report');
  assert.equal((await ed.client.want(200, 'GET', target))['publication'], null);

  // Two groups that only later share a member: she sees nothing, rather than too much.
  const clash = await make('Clash');
  const solo = await join(admin, `solo@example.com`);
  const [a, b] = [await admin.want(201, 'POST', '/api/groups', { name: 'a', members: [solo.id] }), await admin.want(201, 'POST', '/api/groups', { name: 'b' })];
  await ed.client.want(200, 'PUT', `${clash.target}/publication`, { groups: [{ group: a['id'], forced: { grain: 'day' } }, { group: b['id'], forced: { grain: 'week' } }] });
  assert.equal((await run(solo.client, clash.id)).status, 200);
  await admin.want(200, 'PUT', `/api/groups/${String(b['id'])}`, { name: 'b', members: [solo.id] });
  assert.match(String(seen(await run(solo.client, clash.id))), /^403 .*force different values of "grain"/);
});

/** In `pause` milliseconds, or later where the machine is so slow that this was over when the server was asked. */
async function publishSoon(target: string, what: Body, pause = 1000): Promise<void> {
  const { status, body } = await ed.client.ask('PUT', `${target}/publication`, { ...what, at: new Date(Date.now() + pause).toISOString() });
  if (status === 400 && pause < 60_000) return publishSoon(target, what, 2 * pause);
  assert.equal(status, 200, JSON.stringify(body));
}

test('a publication is scheduled, comes at its time, also after a restart, and pages are told', async () => {
  const { id, target, version } = await make('Now');
  await ed.client.want(200, 'PUT', `${target}/publication`, { company: true });
  const second = await edit(target, 'Later');
  const later = new Date(Date.now() + 3600_000).toISOString();
  const planned = await ed.client.want(200, 'PUT', `${target}/publication`, { people: [nina.id], at: later });
  assert.equal(planned['version'], version);
  assert.equal((planned['scheduled'] as Body)['version'], second);
  assert.equal(await titleOf(rita.client, target), 'Now');

  const told: string[] = [];
  const abort = new AbortController();
  const stream = await fetch(`http://${weir.serve}/api/changes`, { headers: { cookie: nina.client.cookie }, signal: abort.signal });
  const reader = stream.body?.getReader();
  const reading = (async () => {
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) return;
      told.push(Buffer.from(part.value).toString());
    }
  })().catch(() => undefined);
  await edit(target, 'Third'); // which she is not told of
  await publishSoon(target, { version: second, people: [nina.id] });
  await until('its time', 60, async () => ((await titleOf(nina.client, target)) === 'Later' ? true : undefined));
  assert.equal((await rita.client.ask('GET', target)).status, 404);
  assert.equal((await ed.client.want(200, 'GET', target) as { publication: Body }).publication['scheduled'], null);
  await until('the news', 20, () => (told.join('').includes(`"kind":"publication","id":"${id}","version":"${second}"`) ? true : undefined));
  assert.doesNotMatch(told.join(''), new RegExp(`"document":"report","id":"${id}"`));
  abort.abort();
  await reading;

  await publishSoon(target, { company: true });
  await weir.down();
  // What is published is kept, whatever git throws away.
  execFileSync('git', ['-C', weir.dir, '-c', 'gc.reflogExpire=now', 'gc', '--prune=now', '--quiet'], { stdio: 'pipe' });
  await weir.up();
  await until('its time after the restart', 60, async () => {
    const answer = await rita.client.ask('GET', target);
    return answer.status === 200 && (answer.body['report'] as Body)['title'] === 'Third' ? true : undefined;
  });
});

test('a published report stands when its draft breaks, and goes with the report', async () => {
  const { id, target } = await make('Stands');
  await ed.client.want(200, 'PUT', `${target}/publication`, { company: true });
  const slug = String((await ed.client.want(200, 'GET', target))['slug']);
  writeFileSync(path.join(weir.dir, 'reports', slug, 'report.yml'), 'id: nonsense\n  - ]');
  await until('the mistake to be seen', 20, async () => ((await ed.client.want(200, 'GET', target))['error'] ? true : undefined));
  assert.equal(await titleOf(nina.client, target), 'Stands');
  await weir.down();
  await weir.up();
  assert.equal(await titleOf(nina.client, target), 'Stands');
  assert.equal(await lists(nina.client, id), 'Stands');
  assert.deepEqual(seen(await run(nina.client, id)), ['rugby', 'hockey', 'golf']);
  const gone = await make('Gone');
  await ed.client.want(200, 'PUT', `${gone.target}/publication`, { company: true });
  await ed.client.want(204, 'DELETE', gone.target);
  await nina.client.want(404, 'GET', gone.target);
  assert.equal(execFileSync('git', ['-C', weir.dir, 'for-each-ref', `refs/weir/published/${gone.id}`]).toString(), '');
  assert.notEqual(execFileSync('git', ['-C', weir.dir, 'for-each-ref', `refs/weir/published/${id}`]).toString(), '');
});

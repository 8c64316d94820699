// Reports and the people around them: sharing, opening, looking back, keeping results.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, join, message, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';
import { ColumnsReader } from '../../web/core/columns.js';

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

test('what changed between two versions, as lines', async () => {
  const id = await make(ed.client, 'Changed', 'company', 'select 1 as a');
  const target = `/api/reports/${id}`;
  const first = await ed.client.want(200, 'GET', target);
  await ed.client.want(200, 'PUT', target, { report: { ...(first['report'] as object), description: 'new\nlines' }, queries: { q: 'select 2 as a' }, base: first['version'] });
  const commits = (await vera.client.want(200, 'GET', `${target}/history`))['commits'] as { version: string }[];
  assert.equal(commits.length, 2);
  interface Diff {
    files: { path: string; status: string; hunks: { old_start: number; new_start: number; lines: { kind: string; text: string }[] }[] }[];
    truncated: boolean;
  }
  const diff = async (query: string): Promise<Diff> => (await vera.client.want(200, 'GET', `${target}/diff?${query}`)) as unknown as Diff;
  for (const query of [`from=${commits[1]?.version}&to=${commits[0]?.version}`, `from=${commits[1]?.version}`, `from=${String(first['version'])}`]) {
    const { files, truncated } = await diff(query);
    assert.equal(truncated, false);
    assert.deepEqual(files.map(({ path, status }) => `${status} ${path}`), ['modified q.sql', 'modified report.yml']);
    assert.deepEqual(files[0]?.hunks, [{ old_start: 1, new_start: 1, lines: [{ kind: '-', text: 'select 1 as a' }, { kind: '+', text: 'select 2 as a' }] }]);
    assert.ok(files[1]?.hunks[0]?.lines.some(({ kind, text }) => kind === '+' && /lines/.test(text)));
  }
  assert.deepEqual((await diff(`to=${commits[1]?.version}`)).files.map(({ path, status }) => `${status} ${path}`), ['added q.sql', 'added report.yml']);
  assert.deepEqual((await diff(`from=${commits[0]?.version}&to=${commits[0]?.version}`)).files, []);
  const other = await make(admin, 'Other', 'private');
  const secret = String((await admin.want(200, 'GET', `/api/reports/${other}`))['version']);
  for (const version of [secret, 'HEAD', 'HEAD~1', 'main', '../../x', '0'.repeat(40), 'a'.repeat(39), ':/', '%00', 'x'.repeat(500)]) {
    for (const side of ['from', 'to']) {
      const answer = await vera.client.ask('GET', `${target}/diff?${side}=${encodeURIComponent(version)}`);
      assert.ok(answer.status === 404 || answer.status === 413, `${side}=${version}: ${answer.status} ${answer.text}`);
    }
  }
  await vera.client.want(404, 'GET', `/api/reports/${other}/diff`);
});

test('a large difference is cut, and says so', async () => {
  const id = await make(ed.client, 'Large', 'company', Array.from({ length: 12_000 }, (_, i) => `-- ${i}`).join('\n') + '\nselect 1');
  const { files, truncated } = (await ed.client.want(200, 'GET', `/api/reports/${id}/diff`)) as unknown as { files: { hunks: { lines: unknown[] }[] }[]; truncated: boolean };
  assert.equal(truncated, true);
  assert.equal(files[0]?.hunks[0]?.lines.length, 10_000);
});

test('the history goes on where the folder was renamed', async () => {
  const id = await make(ed.client, 'Before', 'company', 'select 1 as a');
  const target = `/api/reports/${id}`;
  const before = await ed.client.want(200, 'GET', target);
  const git = (...args: string[]): void => void execFileSync('git', ['-C', weir.dir, '-c', 'user.name=Hand', '-c', 'user.email=hand@example.com', ...args]);
  git('mv', 'reports/before', 'reports/after');
  git('commit', '-qm', 'Rename by hand');
  await until('the new folder', 20, async () => (await ed.client.ask('GET', target)).body['slug'] === 'after' || undefined);
  await ed.client.want(200, 'PUT', target, { report: before['report'], queries: { q: 'select 2 as a' }, base: before['version'] });
  const commits = (await ed.client.want(200, 'GET', `${target}/history`))['commits'] as { version: string; message: string }[];
  assert.deepEqual(commits.map(({ message: text }) => text), ['Save Before', 'Rename by hand', 'Make Before']);
  const old = await ed.client.want(200, 'GET', `${target}/at/${commits[2]?.version}`);
  assert.deepEqual(old['queries'], { q: 'select 1 as a' });
  const diff = await ed.client.want(200, 'GET', `${target}/diff?from=${commits[2]?.version}`);
  assert.equal((diff['files'] as unknown[]).length, 1);
  await ed.client.want(200, 'POST', `${target}/restore`, { version: commits[2]?.version });
});

// --- snapshots ------------------------------------------------------------------------------------

const parameters = [{ name: 'least', type: 'number', default: 2 }];
const numbers = 'select i from range(5) t(i) where i >= {{ least }} order by i';

async function makeNumbers(who: Client, title: string): Promise<string> {
  const made = await who.want(201, 'POST', '/api/reports', {
    report: { title, parameters, queries: [{ id: 'q', title: 'Numbers' }, { id: 'wrong' }], tiles: [{ id: 't', kind: 'table', query: 'q', x: 0, y: 0, w: 4, h: 4 }] },
    queries: { q: numbers, wrong: 'select nothing_like_this' },
  });
  return String(made['id']);
}

/** The rows of a snapshot's query, read as the app reads them. */
async function rowsOf(who: Client, snapshot: string, query = 'q'): Promise<unknown[]> {
  const answer = await who.ask('GET', `/api/snapshots/${snapshot}/${query}`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['content-type'], 'application/vnd.weir.columns');
  const reader = new ColumnsReader();
  reader.push(new Uint8Array(answer.raw));
  reader.close();
  const { table } = reader;
  assert.ok(table);
  return Array.from({ length: table.rows }, (_, row) => table.columns.map((_, column) => Number(table.value(row, column))));
}

test('a snapshot keeps what a report showed, whatever comes later', async () => {
  const id = await makeNumbers(ed.client, 'Kept');
  const target = `/api/reports/${id}/snapshots`;
  const made = await vera.client.want(201, 'POST', target, { values: { least: 3 }, title: 'In March' });
  const snapshot = String(made['id']);
  const version = (await ed.client.want(200, 'GET', `/api/reports/${id}`))['version'];
  await ed.client.want(200, 'PUT', `/api/reports/${id}`, { report: { title: 'Changed', queries: [], tiles: [] }, queries: {}, base: version });
  const kept = await vera.client.want(200, 'GET', `/api/snapshots/${snapshot}`);
  assert.equal(kept['title'], 'In March');
  assert.equal(kept['report'], id);
  assert.equal(kept['version'], version);
  assert.deepEqual(kept['values'], { least: 3 });
  assert.deepEqual(kept['by'], { name: 'vera', email: 'vera@example.com' });
  assert.equal((kept['document'] as { title: string }).title, 'Kept');
  assert.deepEqual(Object.keys(kept['data_version'] as object), ['log_before', 'log_after']);
  const queries = kept['queries'] as Record<string, { sql: string; params: unknown; rows: number; error: string | null; truncated: boolean }>;
  assert.deepEqual(Object.keys(queries), ['q', 'wrong']);
  assert.match(String(queries['q']?.sql), /i >= \$/);
  assert.deepEqual((queries['q']?.params as { value: unknown }[]).map(({ value }) => value), [3]);
  assert.deepEqual([queries['q']?.rows, queries['q']?.error, queries['q']?.truncated], [2, null, false]);
  assert.match(String(queries['wrong']?.error), /nothing_like_this/);
  assert.deepEqual(await rowsOf(vera.client, snapshot), [[3], [4]]);
  for (const query of ['wrong', 'nope', '..', '0', '0.zst', 'snapshot.json', '%2e%2e%2fsnapshot.json']) await vera.client.want(404, 'GET', `/api/snapshots/${snapshot}/${query}`);

  const list = (await vera.client.want(200, 'GET', target))['snapshots'] as Record<string, unknown>[];
  assert.deepEqual(list.map((one) => [one['id'], one['title'], one['mine']]), [[snapshot, 'In March', true]]);
  const status = (await admin.want(200, 'GET', '/api/status'))['snapshots'] as { count: number; bytes: number };
  assert.ok(status.count === 1 && status.bytes > 500);

  await max.client.want(403, 'DELETE', `/api/snapshots/${snapshot}`); // she has Vera's rules
  await ed.client.want(404, 'DELETE', `/api/snapshots/${snapshot}`);
  await vera.client.want(204, 'DELETE', `/api/snapshots/${snapshot}`);
  await vera.client.want(404, 'GET', `/api/snapshots/${snapshot}`);
  assert.deepEqual(readdirSync(path.join(weir.dir, '.weir/snapshots')), []);
});

test('a snapshot is for who made it, admins, and those with the same rules who see the report', async () => {
  const id = await makeNumbers(ed.client, 'Seen');
  const take = async (who: Client): Promise<string> => String((await who.want(201, 'POST', `/api/reports/${id}/snapshots`, {}))['id']);
  const sees = async (who: Client, snapshot: string): Promise<boolean> => {
    const status = (await who.ask('GET', `/api/snapshots/${snapshot}`)).status;
    assert.equal((await who.ask('GET', `/api/snapshots/${snapshot}/q`)).status, status);
    const list = (await who.ask('GET', `/api/reports/${id}/snapshots`)).body['snapshots'] as { id: string }[] | undefined;
    assert.equal(list?.some((one) => one.id === snapshot) ?? false, status === 200);
    if (status !== 200) assert.notEqual((await who.ask('DELETE', `/api/snapshots/${snapshot}`)).status, 204);
    return status === 200;
  };
  const [by_vera, by_ed, by_admin] = [await take(vera.client), await take(ed.client), await take(admin)];
  // Max has Vera's rules; Ed sees more tables, by his group; admins see everything.
  assert.deepEqual([await sees(max.client, by_vera), await sees(ed.client, by_vera), await sees(admin, by_vera)], [true, false, true]);
  assert.deepEqual([await sees(max.client, by_ed), await sees(vera.client, by_ed), await sees(admin, by_ed)], [false, false, true]);
  assert.deepEqual([await sees(max.client, by_admin), await sees(ed.client, by_admin), await sees(vera.client, by_admin)], [false, false, false]);
  const seen = await admin.ask('GET', `/api/snapshots/${by_admin}`, undefined, { 'x-weir-see-as': 'vera@example.com' });
  assert.equal(seen.status, 404);
  // Rules that change, and a report that is not hers to see any more.
  const narrow = String((await admin.want(201, 'POST', '/api/groups', { name: 'wider', members: [max.id], tables: [{ schema: 'weir', table: 'discards' }] }))['id']);
  assert.equal(await sees(max.client, by_vera), false);
  await admin.want(204, 'DELETE', `/api/groups/${narrow}`);
  assert.equal(await sees(max.client, by_vera), true);
  await admin.want(200, 'POST', `/api/reports/${id}/move`, { collection: 'private' });
  const gone = await max.client.ask('GET', `/api/snapshots/${by_vera}`);
  assert.equal(gone.status, 404);
  assert.equal((await vera.client.ask('GET', `/api/snapshots/${by_vera}`)).status, 200); // her own
  await vera.client.want(404, 'POST', `/api/reports/${id}/snapshots`, {});
  await admin.want(204, 'DELETE', `/api/reports/${id}`);
  assert.deepEqual(readdirSync(path.join(weir.dir, '.weir/snapshots')), []); // they go with the report
});

test('snapshots are bounded, and what a crash left is swept away', async () => {
  await weir.down();
  const state = path.join(weir.dir, '.weir/snapshots');
  mkdirSync(path.join(state, 'part-abcdefghij'), { recursive: true });
  writeFileSync(path.join(state, 'part-abcdefghij', '0.zst'), 'half');
  mkdirSync(path.join(state, 'bcdefghijk'));
  writeFileSync(path.join(state, 'bcdefghijk', 'snapshot.json'), '{"format":2}');
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'workspace:\n  snapshots: 1\n  snapshot_rows: 2\n');
  await weir.up();
  assert.deepEqual(readdirSync(state), ['bcdefghijk']); // a newer weir's is left alone
  const id = await makeNumbers(ed.client, 'Bounded');
  const made = await ed.client.want(201, 'POST', `/api/reports/${id}/snapshots`, { values: { least: 0 } });
  assert.deepEqual(await rowsOf(ed.client, String(made['id'])), [[0], [1]]);
  const kept = await ed.client.want(200, 'GET', `/api/snapshots/${String(made['id'])}`);
  assert.equal((kept['queries'] as { q: { truncated: boolean } }).q.truncated, true);
  const refused = await vera.client.ask('POST', `/api/reports/${id}/snapshots`, {});
  assert.equal(refused.status, 409);
  assert.match(message(refused), /workspace\.snapshots/);
  for (const body of [{ values: [] }, { title: 1 }, { title: 'x'.repeat(301) }, { when: 1 }]) await ed.client.want(400, 'POST', `/api/reports/${id}/snapshots`, body);
  // It is still there, and whole, after a restart; damage is found.
  await weir.down();
  await weir.up();
  assert.deepEqual(await rowsOf(ed.client, String(made['id'])), [[0], [1]]);
  const file = path.join(state, String(made['id']), '0.zst');
  const bytes = readFileSync(file);
  bytes[bytes.length - 6] = (bytes[bytes.length - 6] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  assert.equal((await ed.client.ask('GET', `/api/snapshots/${String(made['id'])}/q`)).status, 500);
});

// Who reads a table is told that no new rows come: its source is paused, was removed, has a file with a mistake, or lacks the table.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, setUp } from '../node/client.js';
import { type Head, askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let report: string;
before(async () => {
  weir = await Weir.init();
  for (const name of ['rest', 'other']) {
    weir.write(`${name}/a.csv`, 'id\n1\n');
    weir.write(`${name}/b.csv`, 'id\n1\n');
    weir.write(`sources/${name}.yml`, `kind: file\nconnection: {path: ${name}}\n`);
    await weir.in('sync', name, '--wait');
  }
  weir.write('views/stored.sql', '-- weir: materialized\nselect count(*)::bigint as n from rest.a\n');
  await weir.up();
  admin = await setUp(weir);
  await until('the view', 30, async () => ((await admin.want(200, 'GET', '/api/views/stored'))['state'] === 'fresh' ? true : undefined));
  const queries = { a: 'select count(*) from rest.a', b: 'select count(*) from rest.b', both: 'select count(*) from rest.a, other.b', stored: 'from views.stored', other: 'from other.a' };
  ({ id: report } = (await admin.want(201, 'POST', '/api/reports', { report: { title: 'Rest', queries: Object.keys(queries).map((id) => ({ id })), tiles: [] }, queries })) as { id: string });
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const kinds = ['failing_since', 'gone_since', 'removed_since', 'broken_since', 'paused_since'] as const;
const heads = async (): Promise<Head[]> => (await askPage(admin, { report })).parts.map(({ head, same }) => {
  const one = head ?? same;
  assert.ok(one);
  return one;
});
const ills = async (): Promise<string[]> => (await heads()).map((head) => kinds.filter((kind) => head[kind]).map((kind) => kind.replace(/_since$/, '')).join());
const comes = (...wanted: string[]): Promise<true> => until(`that it is ${wanted.join()}`, 30, async () => ((await ills()).join() === wanted.join() ? true : undefined));
const run = async (name: string): Promise<string> => {
  const { run: id } = (await admin.want(202, 'POST', `/api/sources/${name}/sync`, {})) as { run: string };
  return until('the run', 60, async () => {
    const now = (await admin.want(200, 'GET', `/api/runs/${id}`)) as { state: string; status: string };
    return now.state === 'done' ? now.status : undefined;
  });
};
const again = async (): Promise<void> => {
  await weir.down();
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
};

test('a source that is paused: since when, over a restart and other changes of its file, until it is resumed', async () => {
  await comes('', '', '', '', '');
  const before = Date.now();
  await admin.want(200, 'POST', '/api/sources/rest/pause', {});
  await comes('paused', 'paused', 'paused', 'paused', '');
  const since = (await heads())[0]?.paused_since ?? '';
  assert.ok(Math.abs(Date.parse(since) - before) < 10_000, since);
  assert.deepEqual(Object.keys((await heads())[4] ?? {}).filter((key) => /since$/.test(key)), ['failing_since', 'view_failing_since'], 'what is not so is not said');
  weir.write('sources/rest.yml', `${readFileSync(at('sources/rest.yml'), 'utf8')}priority: 3\n`);
  const soon = new Date(Date.now() + 60_000);
  utimesSync(at('sources/rest.yml'), soon, soon);
  await new Promise((done) => setTimeout(done, 2500));
  assert.equal((await heads())[0]?.paused_since, since);
  await again();
  await comes('paused', 'paused', 'paused', 'paused', '');
  assert.equal((await heads())[0]?.paused_since, since);
  // A table that comes while it is paused, by hand.
  weir.write('rest/c.csv', 'id\n1\n');
  assert.equal(await run('rest'), 'loaded');
  const { id } = (await admin.want(201, 'POST', '/api/reports', { report: { title: 'C', queries: [{ id: 'c' }], tiles: [] }, queries: { c: 'from rest.c' } })) as { id: string };
  await until('the new table', 20, async () => (await askPage(admin, { report: id })).parts[0]?.head?.paused_since);
  await admin.want(200, 'POST', '/api/sources/rest/resume', {});
  await comes('', '', '', '', '');
});

test('a source that was paused while no server ran is so since its file was written', async () => {
  await weir.down();
  weir.write('sources/rest.yml', 'kind: file\nconnection: {path: rest}\npaused: true\n');
  const when = new Date(Date.now() - 3_600_000);
  utimesSync(at('sources/rest.yml'), when, when);
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
  await comes('paused', 'paused', 'paused', 'paused', '');
  assert.ok(Math.abs(Date.parse((await heads())[0]?.paused_since ?? '') - when.getTime()) < 2000);
});

test('when it was so before does not count: it was not meanwhile, or something else', async () => {
  const file = (more: string, minutes: number): number => {
    const when = new Date(Date.now() - minutes * 60_000);
    weir.write('sources/rest.yml', `kind: file\nconnection: {path: ${more}`);
    utimesSync(at('sources/rest.yml'), when, when);
    return when.getTime();
  };
  const back = async (): Promise<void> => {
    await weir.up();
    admin = await Client.enter(weir, 'ada@example.com');
  };
  const isPaused = async (since: number): Promise<void> => {
    await comes('paused', 'paused', 'paused', 'paused', '');
    assert.ok(Math.abs(Date.parse((await heads())[0]?.paused_since ?? '') - since) < 2000);
  };
  await weir.down();
  file('rest}\n', 50); // resumed while no server ran
  weir.write('sources/other.yml', 'kind: file\nconnection: {path: other}\npaused: true\n');
  await back();
  await comes('', '', 'paused', '', 'paused');
  await weir.down();
  weir.write('sources/other.yml', 'kind: file\nconnection: {path: other}\n');
  const since = file('rest}\npaused: true\n', 40);
  await back();
  await isPaused(since);
  file('[\n', 30);
  await comes('broken', 'broken', 'broken', 'broken', '');
  file('rest}\n', 20);
  await comes('', '', '', '', '');
  await weir.down();
  const later = file('rest}\npaused: true\n', 10);
  await back();
  await isPaused(later);
});

test('a file with a mistake, and one that is mended', async () => {
  weir.write('sources/rest.yml', 'kind: file\nconnection: {path: [\n');
  await comes('broken', 'broken', 'broken', 'broken', '');
  weir.write('sources/rest.yml', 'kind: file\nconnection: {path: rest}\nschedule: every monday\n');
  await new Promise((done) => setTimeout(done, 2500));
  await comes('broken', 'broken', 'broken', 'broken', '');
  await again();
  await comes('broken', 'broken', 'broken', 'broken', '');
  weir.write('sources/rest.yml', 'kind: file\nconnection: {path: rest}\n');
  await comes('', '', '', '', '');
});

test('a table that is gone at the source, until it is there again', async () => {
  renameSync(at('rest/b.csv'), at('rest/b.away'));
  assert.equal(await run('rest'), 'unchanged');
  await comes('', 'gone', '', '', '');
  const [row] = await weir.rows("select strftime(ended_at, '%Y-%m-%dT%H:%M:%S') as at from weir.loads where source = 'rest' and status = 'gone'");
  assert.equal((await heads())[1]?.gone_since?.slice(0, 19), row?.['at']);
  assert.equal(await run('rest'), 'unchanged');
  await comes('', 'gone', '', '', '');
  await again();
  await comes('', 'gone', '', '', '');
  renameSync(at('rest/b.away'), at('rest/b.csv'));
  await run('rest');
  await comes('', '', '', '', '');
});

test('a source that was removed, or whose file went otherwise, until it is back; a table that is another one\'s by now is well', async () => {
  const file = readFileSync(at('sources/rest.yml'), 'utf8');
  rmSync(at('sources/rest.yml'));
  await comes('removed', 'removed', 'removed', 'removed', '');
  const since = (await heads())[0]?.removed_since;
  await again();
  await comes('removed', 'removed', 'removed', 'removed', '');
  assert.equal((await heads())[0]?.removed_since, since);
  weir.write('sources/rest.yml', file);
  await comes('', '', '', '', '');
  await admin.want(204, 'DELETE', '/api/sources/rest');
  await comes('removed', 'removed', 'removed', 'removed', '');
  assert.notEqual((await heads())[0]?.removed_since, since);
  await again();
  await comes('removed', 'removed', 'removed', 'removed', '');
  weir.write('sources/heir.yml', 'kind: file\nschema: rest\nconnection: {path: rest}\nstreams: {a: {}}\n');
  const { run: id } = (await admin.want(202, 'POST', '/api/sources/heir/sync', { full: true })) as { run: string };
  await until('the heir', 60, async () => ((await admin.want(200, 'GET', `/api/runs/${id}`)) as { state: string }).state === 'done' || undefined);
  weir.write('sources/heir.yml', 'kind: file\nschema: rest\nconnection: {path: rest}\nstreams: {a: {}}\npriority: 2\n');
  await comes('', 'removed', '', '', '');
});

// Runs that fail before any stream is looked at, sources that are well again, files with mistakes beside others.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
before(async () => {
  weir = await Weir.init();
  write('data/a.csv', 'id\n1\n');
  write('data/b.csv', 'id\n1\n2\n');
  source('files', 'connection: {path: data}\n');
  await weir.in('sync', 'files', '--wait');
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, more: string): void => write(`sources/${name}.yml`, `kind: file\n${more}`);
const at = (name: string): string => path.join(weir.dir, name);
interface Stream {
  stream: string;
  status: string;
  error: string | null;
  failing_since: string | null;
}
interface Shown {
  name: string;
  error: string | null;
  streams: Stream[] | null;
}
const shown = async (name: string): Promise<Shown> => (await admin.want(200, 'GET', `/api/sources/${name}`)) as unknown as Shown;
const run = async (name: string, body: object = {}): Promise<{ run: string; status: string }> => {
  const begun = (await admin.want(202, 'POST', `/api/sources/${name}/sync`, body)) as { run: string };
  return until('the run', 60, async () => {
    const now = (await admin.want(200, 'GET', `/api/runs/${begun.run}`)) as { run: string; state: string; status: string };
    return now.state === 'done' ? now : undefined;
  });
};

test('a run that failed before its first stream is in the ledger, with the reason', async () => {
  renameSync(at('data'), at('gone'));
  await assert.rejects(weir.in('sync', 'files', '--wait'), /data/);
  const [row] = await weir.rows("select stream, status, table_name, error, length(run) as n from weir.loads where source = 'files' and status <> 'loaded'");
  assert.deepEqual([row?.['stream'], row?.['status'], row?.['table_name'], row?.['n']], ['*', 'failed', null, 16]);
  assert.match(String(row?.['error']), /no file is there that .*data names/);
  assert.match(await weir.in('source', 'list'), /^files .*: failed \(weir\.loads says why\)/m);
  // So has what cannot be opened, and a comparison; what is asked for wrongly is only answered.
  source('closed', 'connection: {path: "https://127.0.0.1:1/x.csv", password: "${secret:closed.password}"}\n');
  await assert.rejects(weir.in('sync', 'closed', '--wait'), /closed\.password/);
  await assert.rejects(weir.in('verify', 'files'), /data/);
  await assert.rejects(weir.in('sync', 'closed.nothing', '--from', '2026-01-01', '--full'));
  assert.deepEqual(await weir.rows("select source, stream, status from weir.loads where stream = '*' order by source"), [{ source: 'closed', stream: '*', status: 'failed' }, { source: 'files', stream: '*', status: 'failed' }]);
  assert.deepEqual(await weir.rows('select source, stream, status from weir.verifications'), [{ source: 'files', stream: '*', status: 'failed' }]);
  rmSync(at('sources/closed.yml'));
});

test('what was asked for wrongly is no failure of the source; one stream that was is one of its table', async () => {
  write('one/t.csv', 'id\n1\n');
  source('one', 'connection: {path: one}\nstreams: {t: {table: things, mode: merge, key: [id]}}\n');
  await weir.in('sync', 'one', '--wait');
  await assert.rejects(weir.in('sync', 'one', '--wait', '--from', '2026-01-01'), /so none can be filled/);
  await assert.rejects(weir.in('sync', 'one.typo', '--wait'), /no stream "typo"/);
  await assert.rejects(weir.in('sync', 'files.typo', '--wait'), /data/);
  assert.deepEqual(await weir.rows("select distinct stream from weir.loads where source = 'files' and status = 'failed'"), [{ stream: '*' }], 'no stream is made of a word');
  await assert.rejects(weir.in('verify', 'one.typo'), /no stream "typo"/);
  assert.deepEqual(await weir.rows("select stream, status from weir.loads where source = 'one'"), [{ stream: 't', status: 'loaded' }]);
  assert.deepEqual(await weir.rows("select stream from weir.verifications where source = 'one'"), []);
  source('one', 'connection: {path: "https://127.0.0.1:1/x.csv", password: "${secret:one.password}"}\nstreams: {t: {table: things, mode: merge, key: [id]}}\n');
  await assert.rejects(weir.in('sync', 'one.t', '--wait'), /one\.password/);
  assert.deepEqual(await weir.rows("select stream, table_name, mode from weir.loads where source = 'one' and status = 'failed'"), [{ stream: 't', table_name: 'things', mode: 'merge' }]);
  // A source as a whole fails since it was last well, not since it did for the first time.
  await assert.rejects(weir.in('sync', 'one', '--wait'));
  source('one', 'connection: {path: one}\nstreams: {t: {table: things, mode: merge, key: [id]}}\n');
  write('one/t.csv', 'id\n1\n2\n');
  await weir.in('sync', 'one', '--wait');
  source('one', 'connection: {path: "https://127.0.0.1:1/x.csv", password: "${secret:one.password}"}\n');
  await assert.rejects(weir.in('sync', 'one', '--wait'));
});

test('what a run that found nothing new made well again is well after a restart, too', async () => {
  await weir.up();
  admin = await setUp(weir);
  const failed = await shown('files');
  const all = failed.streams?.find(({ stream }) => stream === '*');
  assert.equal(all?.status, 'failed');
  assert.ok(all.failing_since && all.error);
  const one = (await shown('one')).streams?.find(({ stream }) => stream === '*');
  const [latest] = await weir.rows("select strftime(max(started_at), '%Y-%m-%dT%H:%M:%S') as at from weir.loads where source = 'one' and stream = '*'");
  assert.equal(one?.failing_since?.slice(0, 19), latest?.['at']);
  rmSync(at('sources/one.yml'));
  renameSync(at('gone'), at('data'));
  assert.equal((await run('files')).status, 'unchanged');
  const well = [{ stream: 'a', status: 'loaded', error: null, failing_since: null }, { stream: 'b', status: 'loaded', error: null, failing_since: null }];
  const brief = async (): Promise<Stream[]> => ((await shown('files')).streams ?? []).map(({ stream, status, error, failing_since }) => ({ stream, status, error, failing_since }));
  assert.deepEqual(await brief(), well);
  // One stream that failed, and was as it was before.
  source('files', 'connection: {path: data}\nstreams: {a: {}, b: {path: none.csv}}\n');
  assert.equal((await run('files')).status, 'failed');
  assert.equal((await brief())[1]?.status, 'failed');
  source('files', 'connection: {path: data}\nstreams: {a: {}, b: {}}\n');
  assert.equal((await run('files')).status, 'unchanged');
  await weir.down();
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
  assert.deepEqual(await brief(), well);
  assert.doesNotMatch(await weir.in('source', 'list'), /failed/);
});

test('a source that runs often pushes out no run of others', async () => {
  source('often', 'connection: {path: data}\n');
  const { run: seldom } = await run('files');
  for (let i = 0; i < 205; i++) await run('often', { stream: 'a' });
  assert.equal(((await admin.want(200, 'GET', `/api/runs/${seldom}`)) as { source: string }).source, 'files');
  const { runs } = (await admin.want(200, 'GET', '/api/sources/often/runs')) as { runs: { status: string }[] };
  assert.deepEqual(runs.map(({ status }) => status), [...Array.from({ length: 100 }, () => 'unchanged'), 'loaded'], 'the latest 100, and what is kept of those before');
});

test('a mistake in one file keeps no change of others from being taken over', async () => {
  write('sources/broken.yml', 'kind: file\nconnection: {path: [\n');
  source('late', 'connection: {path: data}\nschedule: every 1s\n');
  await until('the schedule of another source', 30, async () => ((await shown('late')).streams ?? []).length > 0 || undefined);
  const { sources } = (await admin.want(200, 'GET', '/api/sources')) as unknown as { sources: Shown[] };
  assert.match(sources.find(({ name }) => name === 'broken')?.error ?? '', /broken\.yml/);
  assert.ok(sources.find(({ name }) => name === 'late')?.streams?.length);
  assert.match(weir.log(), /sources whose files have mistakes rest until they are mended.*broken\.yml/);
  rmSync(at('sources/broken.yml'));
});

test('a mistake in one file keeps nothing from starting, and no event of any source is lost', async () => {
  const fresh = await Weir.init();
  try {
    const key = 'key-of-the-broken-one-0123';
    fresh.write('sources/web.yml', `write_key: ${fresh.key}\nstrict: true\n`);
    fresh.write('sources/ios.yml', `write_key: ${key}\nip: nonsense\n`);
    fresh.write('sources/bill.yml', 'kind: nosuch\n');
    await fresh.up();
    const send = async (by: string): Promise<number> =>
      (await fetch(`http://${fresh.collect}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${by}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: 'u', event: 'Seen' }) })).status;
    assert.deepEqual([await send(fresh.key), await send(key)], [200, 200], 'strict is nobody while a key may be in a file that cannot be read');
    assert.equal((await fresh.in('source', 'key', 'web')).trim(), fresh.key);
    await assert.rejects(fresh.in('source', 'key', 'ios'), /ios\.yml/);
    const token = readFileSync(path.join(fresh.dir, '.weir/secrets/api_token'), 'utf8').trim();
    const web = (await (await fetch(`http://${fresh.serve}/api/sources/web`, { headers: { authorization: `Bearer ${token}` } })).json()) as { kind: string; error: string | null };
    assert.deepEqual([web.kind, web.error], ['tracking', null]);
    await fresh.in('status', '--wait-loaded');
    assert.deepEqual(await fresh.rows('select user_id from web.seen'), [{ user_id: 'u' }]);
    // What belongs to others goes on as ever.
    await assert.rejects(fresh.in('source', 'remove', 'web'), /"web" is a source of tracking/);
    assert.match(await fresh.in('quarantine', 'list'), new RegExp(key));
    const next = 'key-of-a-later-one-0123456';
    fresh.write('sources/tv.yml', `write_key: ${next}\n`);
    assert.equal(await send(next), 200);
    await until('the event of a source that came meanwhile', 30, async () => (await fresh.rows("select 1 from information_schema.tables where table_schema = 'tv' and table_name = 'seen'"))[0]);
    fresh.write('sources/ios.yml', `write_key: ${key}\n`);
    rmSync(path.join(fresh.dir, 'sources/bill.yml'));
    await until('the event of the source that was mended', 30, async () => (await fresh.rows("select 1 from information_schema.tables where table_schema = 'ios' and table_name = 'seen'"))[0]);
    await until('strictness', 30, async () => ((await send('nobody-key-0123456789abcdef')) === 401 ? true : undefined));
    // While it runs, too: what was known of the file stays, and a key that comes meanwhile is none of nobody's.
    fresh.write('sources/ios.yml', `write_key: ${key}\nip: nonsense\n`);
    const later = 'key-of-the-latest-one-01234';
    fresh.write('sources/radio.yml', `write_key: ${later}\n`);
    await until('the key of a source that came beside the mistake', 30, async () => ((await send(later)) === 200 ? true : undefined));
    const count = async (schema: string): Promise<number> => Number((await fresh.rows(`select count(*)::int as n from ${schema}.seen`).catch(() => []))[0]?.['n'] ?? 0);
    const known = await count('ios');
    assert.equal(await send(key), 200);
    await until('the event of the file with the mistake', 30, async () => ((await count('ios')) > known ? true : undefined));
    await until('the event of the new one', 30, async () => ((await count('radio')) > 0 ? true : undefined));
    // But not where one of its keys is another one's by now.
    fresh.write('sources/ott.yml', `write_key: ${key}\n`);
    await until('what is wrong', 30, async () => (/has a write key of/.test(fresh.log()) ? true : undefined));
    assert.deepEqual([await send(key), await send(later)], [200, 200]);
    // Nor is a source of events another one for a key that two share.
    fresh.write('sources/pod.yml', `write_key: ${fresh.key}\n`);
    await assert.rejects(fresh.in('source', 'remove', 'web'), /"web" is a source of tracking/);
    type Listed = { name: string; kind: string; error: string | null };
    const api = async (what: string): Promise<unknown> => (await fetch(`http://${fresh.serve}/api/${what}`, { headers: { authorization: `Bearer ${token}` } })).json();
    const shared = (await api('sources/web')) as Listed;
    assert.equal(shared.kind, 'tracking');
    assert.match(shared.error ?? '', /a write key of sources\/pod\.yml, too/);
    // Both say so, and hide no other; what was known stays, and what comes beside them is taken over.
    rmSync(path.join(fresh.dir, 'sources/ott.yml'));
    const beside = 'key-that-comes-beside-01234';
    fresh.write('sources/net.yml', `write_key: ${beside}\n`);
    const listed = ((await api('sources')) as { sources: Listed[] }).sources;
    assert.deepEqual(listed.filter(({ error }) => /a write key of/.test(error ?? '')).map(({ name }) => name), ['pod', 'web']);
    assert.ok(listed.some(({ name }) => name === 'net'));
    assert.match(await fresh.in('source', 'list'), /pod .* a key of sources\/web\.yml, too/);
    await until('the key of a source that came beside two that share theirs', 30, async () => ((await send(beside)) === 200 ? true : undefined));
    const before = await count('web');
    assert.equal(await send(fresh.key), 200);
    await until('the event of the one that had the key before', 30, async () => ((await count('web')) > before ? true : undefined));
    await until('the event of the one that came beside them', 30, async () => ((await count('net')) > 0 ? true : undefined));
    assert.equal(await count('pod'), 0);
  } finally {
    await fresh.remove();
  }
});

test('a file that weir writes keeps the mode that it had', async () => {
  chmodSync(at('sources/late.yml'), 0o640);
  await weir.in('source', 'pause', 'late');
  assert.equal(statSync(at('sources/late.yml')).mode & 0o777, 0o640);
  assert.match(readFileSync(at('sources/late.yml'), 'utf8'), /paused: true/);
});

test('a stream that fails rests longer each time, and the others keep the rhythm of their source', async () => {
  write('part/good.csv', 'id\n1\n');
  write('part/bad.csv', 'id\n1\n');
  source('part', 'schedule: every 1s\nconnection: {path: part}\nstreams: {good: {}, bad: {contract: freeze}}\n');
  const loads = async (what: string): Promise<string[]> => (await weir.rows(`select run from weir.loads where source = 'part' and ${what}`)).map(({ run: id }) => String(id));
  await until('both', 60, async () => ((await loads("status = 'loaded'")).length >= 2 ? true : undefined));
  write('part/bad.csv', 'id,more\n1,2\n');
  const failed = await until('two failures', 60, async () => {
    const runs = await loads("stream = 'bad' and status = 'failed'");
    return runs.length >= 2 ? runs : undefined;
  });
  // Between two failures of the one the other is loaded as soon as it has something new: by a run that does not try the one.
  const told = await until('a run that lets it rest', 60, async () => {
    const latest = (await admin.want(200, 'GET', '/api/sources/part')) as unknown as { latest: { run: string; status: string | null; error: string | null } };
    return /"more" .* is new.*\(stream "bad", which is tried again from/.test(latest.latest.error ?? '') ? latest.latest : undefined;
  });
  assert.equal(told.status, 'failed');
  for (let id = 2; id < 5; id++) {
    write('part/good.csv', `id\n${id}\n`);
    await until('the new row', 60, async () => ((await weir.rows(`select 1 from part.good where id = ${id}`)).length === 1 ? true : undefined));
  }
  const good = await loads("stream = 'good'"), bad = await loads("stream = 'bad' and status = 'failed'");
  assert.ok(good.some((id) => !bad.includes(id) && id > (failed[0] ?? '')), `${good.join()} beside ${bad.join()}`);
  assert.match(await weir.in('source', 'list'), /^part .*failed/m);
  // A moment in which nothing goes well is the first of its kind, however many runs failed in part before.
  await until('many of those', 60, async () => (((await admin.want(200, 'GET', '/api/sources/part/runs')) as { runs: { status: string }[] }).runs.filter(({ status }) => status === 'failed').length >= 8 ? true : undefined));
  renameSync(at('part'), at('away'));
  await until('that moment', 60, async () => ((await loads("stream = 'good' and status = 'failed'")).length ? true : undefined));
  write('away/good.csv', 'id\n6\n');
  renameSync(at('away'), at('part'));
  await until('the next row', 20, async () => ((await weir.rows('select 1 from part.good where id = 6')).length === 1 ? true : undefined));
  write('part/bad.csv', 'id\n7\n');
  await until('it to be well', 60, async () => ((await weir.rows('select 1 from part.bad where id = 7')).length === 1 ? true : undefined));
  await until('the list', 20, async () => (/^part .*well/m.test(await weir.in('source', 'list')) ? true : undefined));
  rmSync(at('sources/part.yml'));
});

test('a stream that failed and is as it was is well, also beside one that fails', async () => {
  write('lone/x/a.csv', 'id\n1\n');
  source('lone', 'connection: {path: lone}\nstreams: {a: {path: x/a.csv}, b: {path: none.csv}}\n');
  const a = async (): Promise<Stream | undefined> => (await shown('lone')).streams?.find(({ stream }) => stream === 'a');
  await run('lone');
  for (const round of [1, 2]) {
    renameSync(at('lone/x'), at('lone/y'));
    await run('lone');
    const [last] = await weir.rows("select strftime(max(started_at), '%Y-%m-%dT%H:%M:%S') as at from weir.loads where source = 'lone' and stream = 'a'");
    assert.equal((await a())?.failing_since?.slice(0, 19), last?.['at'], `in round ${round}`);
    renameSync(at('lone/y'), at('lone/x'));
    assert.equal((await run('lone')).status, 'failed');
    assert.deepEqual([(await a())?.status, (await a())?.failing_since], ['loaded', null]);
    await run('lone');
  }
  assert.deepEqual((await weir.rows("select status, changes from weir.loads where source = 'lone' and stream = 'a' order by started_at")).map(({ status, changes }) => [status, changes]), [['loaded', null], ['failed', null], ['loaded', ['it can be read again, and is as it was']], ['failed', null], ['loaded', ['it can be read again, and is as it was']]]);
  // A run of another stream alone that went well says nothing of it, nor does one that somebody stopped.
  source('lone', 'connection: {path: lone}\nstreams: {a: {path: x/a.csv}, b: {path: b.csv}}\n');
  write('lone/b.csv', 'id\n1\n');
  assert.equal((await run('lone')).status, 'loaded');
  renameSync(at('lone/x'), at('lone/y'));
  assert.equal((await run('lone', { stream: 'a' })).status, 'failed');
  renameSync(at('lone/y'), at('lone/x'));
  assert.equal((await run('lone', { stream: 'b' })).status, 'unchanged');
  await run('lone');
  assert.deepEqual((await weir.rows("select status from weir.loads where source = 'lone' and stream = 'a' order by started_at desc limit 2")).map(({ status }) => status), ['loaded', 'failed']);
  rmSync(at('sources/lone.yml'));
});

test('who reads a table is told since when its source fails: by a stream, as a whole, and after a restart', async () => {
  write('told/a.csv', 'id\n1\n');
  write('told/b.csv', 'id\n1\n');
  source('told', 'connection: {path: told}\nstreams: {a: {}, b: {}}\n');
  assert.equal((await run('told')).status, 'loaded');
  const queries = { a: 'select count(*) from told.a', b: 'select count(*) from told.b', both: 'select count(*) from told.a, told.b', none: 'select 1' };
  const { id } = (await admin.want(201, 'POST', '/api/reports', { report: { title: 'Told', queries: Object.keys(queries).map((query) => ({ id: query })), tiles: [] }, queries })) as { id: string };
  const failing = async (): Promise<boolean[]> => (await askPage(admin, { report: id })).parts.map(({ head, same }) => ((head ?? same)?.failing_since ?? null) !== null);
  assert.deepEqual(await failing(), [false, false, false, false]);
  source('told', 'connection: {path: told}\nstreams: {a: {}, b: {path: none.csv}}\n');
  assert.equal((await run('told')).status, 'failed');
  assert.deepEqual(await failing(), [false, true, true, false]);
  const [since] = await weir.rows("select strftime(min(started_at), '%Y-%m-%dT%H:%M:%S') as at from weir.loads where source = 'told' and status = 'failed'");
  assert.equal((await askPage(admin, { report: id })).parts[1]?.head?.failing_since?.slice(0, 19), since?.['at']);
  await weir.down();
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
  await until('what was known before', 20, async () => (await failing()).join() === 'false,true,true,false' || undefined);
  renameSync(at('told'), at('untold'));
  assert.equal((await run('told')).status, 'failed');
  assert.deepEqual(await failing(), [true, true, true, false]);
  renameSync(at('untold'), at('told'));
  source('told', 'connection: {path: told}\nstreams: {a: {}, b: {}}\n');
  await run('told');
  assert.deepEqual(await failing(), [false, false, false, false]);
  // Another source that may not have the table says nothing of it.
  source('other', 'schema: told\nconnection: {path: told}\nstreams: {a: {}}\n');
  assert.equal((await run('other')).status, 'failed');
  assert.deepEqual(await failing(), [false, false, false, false]);
  rmSync(at('sources/other.yml'));
  rmSync(at('sources/told.yml'));
});

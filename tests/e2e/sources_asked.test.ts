// What pages ask of a source is answered, however many ask at once, and whatever its run does meanwhile.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
const plans = (rows: number): void => writeFileSync(path.join(weir.dir, 'exports/plans.csv'), `plan,price\n${Array.from({ length: rows }, (_, i) => `p${i},${i}\n`).join('')}`);

before(async () => {
  weir = await Weir.init();
  mkdirSync(path.join(weir.dir, 'exports'));
  plans(1);
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'cache:\n  worth: 0s\n', { flag: 'a' });
  await weir.in('source', 'add', 'plans', '--kind', 'file', '--set', 'path=exports');
  await weir.up();
  admin = await setUp(weir);
});
after(() => weir.remove());

const asked = ['/api/sources', '/api/sources/plans', '/api/sources/plans/runs', '/api/schema', '/api/functions'];

/** All at once, as often as it is said; what was refused, in words. */
async function refusals(times: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: times }, () => asked).flat().map((what) => admin.ask('GET', what)));
  return answers.filter(({ status }) => status !== 200).map(({ status, text }) => `${status} ${text.trim()}`);
}

test('pages that open together before anything was loaded', async () => {
  assert.deepEqual(await refusals(6), []);
});

test('pages that look on while it runs', async () => {
  for (let round = 2; round < 12; round++) {
    plans(round);
    const { run } = (await admin.want(202, 'POST', '/api/sources/plans/sync', {})) as { run: string };
    await until('the run', 30, async () => {
      assert.deepEqual(await refusals(2), []);
      const { state } = (await admin.want(200, 'GET', `/api/runs/${run}`)) as { state: string };
      return state === 'running' ? undefined : true;
    });
  }
});

test('looking on changes nothing: what was computed of the ledger is still kept', async () => {
  const body = { sql: "select count(*)::int as n from weir.loads where status = 'loaded'" };
  const cached = async (): Promise<unknown> => (await admin.ask('POST', '/api/query', body)).headers['weir-cached'];
  assert.equal(await cached(), 'false');
  assert.deepEqual(await refusals(1), []);
  assert.equal(await cached(), 'true');
});

test('who goes away frees her place', async () => {
  const [host, port] = weir.serve.split(':');
  for (let i = 0; i < 300; i++) {
    const request = http.get({ host, port, path: '/api/schema', headers: { cookie: admin.cookie }, agent: false });
    request.on('error', () => undefined);
    request.on('socket', (socket) => socket.on('connect', () => setImmediate(() => request.destroy())));
  }
  assert.deepEqual(await refusals(4), []);
});

const file = (name: string): string => path.join(weir.dir, `sources/${name}.yml`);
type Shown = { name: string; error: string | null; latest: { status: string; error: string | null; rate: number | null } | null };
/** `rate` is of the last seconds, so it goes by itself. */
const shown = async (name: string): Promise<Shown> => {
  const one = (await admin.want(200, 'GET', `/api/sources/${name}`)) as unknown as Shown;
  return one.latest ? { ...one, latest: { ...one.latest, rate: null } } : one;
};
const failed = async (...args: [string, ...string[]]): Promise<string> => weir.in(...args).then((said) => assert.fail(said), (error: unknown) => String(error));

test('what cannot be asked of a source is answered at once, and is no failure of it', async () => {
  writeFileSync(file('named'), 'kind: file\nconnection: {path: exports}\nstreams: {plans: {}}\n');
  await weir.in('sync', 'named', '--wait');
  const before = await shown('named');
  assert.equal(before.latest?.error, null);
  for (const [body, says] of [
    [{ from: '5' }, /no stream of source .* has `cursor: COLUMN`/],
    [{ stream: 'nosuch' }, /has no stream/],
    [{ stream: 'plans', from: '5', to: '5' }, /nothing in it/],
    [{ stream: 'plans', from: '2026-11-10', to: '2026-11-01' }, /nothing in it/],
    [{ stream: 'plans', from: '2026-01-01T00:00:00+02:00', to: '2025-12-31T22:00:00Z' }, /nothing in it/],
    [{ stream: 'plans', from: '2026-01-01T00:00:00+02:00', to: '2025-12-31T23:30:00Z' }, /cannot be filled from some point on/],
    [{ to: '5' }, /needs its beginning/],
    [{ full: 'yes' }, /`full` must be true or false/],
  ] as [object, RegExp][]) {
    const { status, text } = await admin.ask('POST', '/api/sources/named/sync', body);
    assert.equal(status, 400, text);
    assert.match(text, says);
  }
  assert.equal((await admin.ask('POST', '/api/sources/named/verify', { stream: 'nosuch' })).status, 400);
  assert.equal((await admin.ask('POST', '/api/sources/named/verify', { repair: 1 })).status, 400);
  assert.match(await failed('sync', 'named.nosuch'), /has no stream/);
  assert.deepEqual(await shown('named'), before);
  // Where only the source knows its streams, the run itself finds it out, and the source stays as it was.
  const { run } = (await admin.want(202, 'POST', '/api/sources/plans/sync', { stream: 'nosuch' })) as { run: string };
  await until('the run', 30, async () => ((await admin.want(200, 'GET', `/api/runs/${run}`))['state'] === 'done' ? true : undefined));
  assert.equal(((await admin.want(200, 'GET', `/api/runs/${run}`)) as { status: string }).status, 'failed');
  assert.equal((await shown('plans')).latest?.error, null);
  // So it does where the file names no stream, and the one that is asked for cannot be read from some point on.
  const well = await shown('plans');
  const { run: ranged } = (await admin.want(202, 'POST', '/api/sources/plans/sync', { stream: 'plans', from: '5' })) as { run: string };
  const ended = await until('the run', 30, async () => admin.want(200, 'GET', `/api/runs/${ranged}`).then((told) => (told['state'] === 'done' ? told : undefined)));
  assert.match(String(ended['error']), /cannot be filled from some point on/);
  assert.deepEqual(await shown('plans'), well);
});

test('an address with a password in it is refused before it is written', async () => {
  const address = 'http://bob:pwpwpwpw@127.0.0.1:1/a.csv';
  const { status, text } = await admin.ask('POST', '/api/sources', { name: 'uc', kind: 'file', connection: { path: address } });
  assert.equal(status, 400);
  assert.match(text, /the address must have no user and no password in it/);
  assert.match(await failed('source', 'add', 'uc', '--kind', 'file', '--set', `path=${address}`), /must have no user and no password/);
  assert.equal((await admin.ask('PATCH', '/api/sources/plans', { connection: { path: address } })).status, 400);
  assert.equal(existsSync(file('uc')), false);
  assert.doesNotMatch(execFileSync('git', ['-C', weir.dir, 'log', '-p'], { encoding: 'utf8' }), /pwpwpwpw/);
  // Of settings of a program, it is sealed as a password is.
  await admin.want(201, 'POST', '/api/sources', { name: 'dsn', kind: 'singer', connection: { executable: 'tap', config: { deep: { dsn: 'postgres://bob:pwpwpwpw@h/db' } } } });
  assert.match(readFileSync(file('dsn'), 'utf8'), /dsn: "?\$\{secret:dsn\.deep\.dsn\}/);
  assert.doesNotMatch(execFileSync('git', ['-C', weir.dir, 'log', '-p'], { encoding: 'utf8' }), /pwpwpwpw/);
  await admin.want(200, 'DELETE', '/api/sources/dsn').catch(() => undefined);
  rmSync(file('dsn'), { force: true });
});

test('a change of a file that somebody else changed meanwhile is refused', async () => {
  const { version } = (await admin.want(200, 'GET', '/api/sources/named')) as { version: string };
  const streams = { plans: {}, more: { path: 'plans.csv' } };
  await admin.want(200, 'PATCH', '/api/sources/named', { base: version, streams });
  const { status, text } = await admin.ask('PATCH', '/api/sources/named', { base: version, streams: { plans: { exclude: ['price'] } } });
  assert.equal(status, 409);
  assert.match(text, /was changed by somebody else meanwhile/);
  const now = (await admin.want(200, 'GET', '/api/sources/named')) as { version: string; settings: { streams: object } };
  assert.deepEqual(now.settings.streams, streams);
  await admin.want(200, 'PATCH', '/api/sources/named', { base: now.version, streams: { plans: {} } });
});

test('a schedule of a time zone that is none is refused', async () => {
  for (const change of [{ schedule: 'cron 0 6 * * 1-5 Mars/Phobos' }, { verify: 'cron 0 6 * * * Mars/Phobos' }]) {
    const { status, text } = await admin.ask('PATCH', '/api/sources/named', change);
    assert.equal(status, 400, text);
    assert.match(text, /there is no time zone \\"Mars\/Phobos\\"/);
  }
  assert.equal((await admin.ask('POST', '/api/sources', { name: 'zoned', kind: 'file', schedule: 'cron 0 6 * * * Mars/Phobos', connection: { path: 'exports' } })).status, 400);
  assert.equal(existsSync(file('zoned')), false);
  assert.doesNotMatch(readFileSync(file('named'), 'utf8'), /Mars/);
  await admin.want(200, 'PATCH', '/api/sources/named', { schedule: 'cron 0 6 * * 1-5 Europe/Berlin' });
  await admin.want(200, 'PATCH', '/api/sources/named', { schedule: 'manual' });
});

test('a program that may not be executed is not said to be missing', async () => {
  const config = path.join(weir.dir, 'weir.yml');
  const before = readFileSync(config, 'utf8');
  writeFileSync(config, '\nsource:\n  programs: [taps]\n', { flag: 'a' });
  weir.write('taps/tap-plain', '#!/bin/sh\n');
  weir.write('other/tap-plain', '#!/bin/sh\n');
  const said = async (executable: string): Promise<string> => {
    writeFileSync(file('plain'), `kind: singer\nconnection: {executable: ${executable}}\n`);
    return failed('source', 'check', 'plain');
  };
  assert.match(await said('taps/tap-plain'), /taps\/tap-plain is there, but may not be executed; `chmod \+x taps\/tap-plain` lets it run/);
  weir.write('taps/tap-lost', '#! /nowhere/bin/python3 -u\nprint(1)\n');
  weir.write('taps/tap-windows', '#!/usr/bin/env python3\r\nprint(1)\r\n');
  weir.write('taps/tap-bare', 'print(1)\n');
  for (const name of ['lost', 'windows', 'bare']) chmodSync(path.join(weir.dir, `taps/tap-${name}`), 0o755);
  assert.match(await said('taps/tap-lost'), /taps\/tap-lost cannot be run: its first line names \/nowhere\/bin\/python3, which is not there/);
  assert.match(await said('taps/tap-windows'), /taps\/tap-windows cannot be run: its lines end as Windows writes them/);
  assert.match(await said('taps/tap-bare'), /tap-bare, which is neither a program of this machine nor a script whose first line names one/);
  for (const none of ['taps/none', 'taps', 'other/tap-plain']) assert.match(await said(none), /there is no program/);
  rmSync(file('plain'));
  writeFileSync(config, before);
});

test('a link in sources/ is not followed', async () => {
  const secret = path.join(weir.dir, '..', `${path.basename(weir.dir)}.secret`);
  writeFileSync(secret, 'geheim: 1\n');
  symlinkSync(secret, path.join(weir.dir, 'sources/linked.yml'));
  try {
    for (const at of ['/api/sources/linked', '/api/sources']) {
      const { text } = await admin.ask('GET', at);
      assert.match(text, /sources\/linked\.yml is no plain file/);
      assert.doesNotMatch(text, /geheim/);
    }
  } finally {
    rmSync(secret);
    rmSync(path.join(weir.dir, 'sources/linked.yml'));
  }
});

test('what a source that follows changes cannot do is known from its file', async () => {
  writeFileSync(path.join(weir.dir, 'sources/cap.yml'), 'kind: postgres\nconnection: {host: 127.0.0.1, port: 1, database: d, user: u, capture: true}\n');
  for (const [body, says] of [
    [{ stream: 'a' }, /follow their source together/],
    [{ from: '2026-01-01' }, /no cursor to be filled from/],
  ] as [object, RegExp][]) {
    const { status, text } = await admin.ask('POST', '/api/sources/cap/sync', body);
    assert.equal(status, 400, text);
    assert.match(text, says);
  }
  rmSync(path.join(weir.dir, 'sources/cap.yml'));
});

test('after a source that is not there', async () => {
  // Who makes several sources may make the other one next; until then it is told.
  const told = (await admin.want(200, 'PATCH', '/api/sources/named', { schedule: 'after nosuch' })) as unknown as Shown;
  assert.match(told.error ?? '', /there is no source "nosuch", so this one never runs by itself/);
  assert.match((await admin.ask('PATCH', '/api/sources/named', { schedule: 'after web' })).text, /is a source of events, which has no runs/);
  writeFileSync(file('other'), 'kind: file\nconnection: {path: exports}\n');
  await admin.want(200, 'PATCH', '/api/sources/named', { schedule: 'after other' });
  assert.equal((await shown('named')).error, null);
  rmSync(file('other'));
  assert.match((await shown('named')).error ?? '', /there is no source "other", so this one never runs by itself/);
  assert.match(await weir.in('source', 'list'), /^named .*there is no source "other"/m);
  assert.match(await failed('validate'), /1 source has mistakes/);
  assert.match(await failed('source', 'check', 'named'), /^weir: sources\/named\.yml: `schedule: after other`: there is no source "other"/m);
  // Whatever else is changed of it can be.
  await admin.want(200, 'PATCH', '/api/sources/named', { verify: 'every 1d' });
  await admin.want(200, 'PATCH', '/api/sources/named', { schedule: 'manual' });
});

test('the rows of a table are those that it has, not those that it had', async () => {
  writeFileSync(file('changing'), 'kind: file\nconnection: {path: exports}\nstreams: {plans: {mode: merge, key: [plan], deletes: hard}, not_there_yet: {path: none.csv}}\n');
  const at = path.join(weir.dir, 'exports/plans.csv');
  const was = readFileSync(at, 'utf8');
  const rows = async (): Promise<unknown> => ((await admin.want(200, 'GET', '/api/sources/changing')) as unknown as { streams: { stream: string; rows: number | null }[] }).streams.map(({ stream, rows: n }) => [stream, n]);
  const load = async (text: string): Promise<void> => {
    writeFileSync(at, text);
    await weir.in('sync', 'changing.plans', '--wait');
  };
  const plan = (i: number): string => `${i},1\n`;
  await load(`plan,price\n${Array.from({ length: 100 }, (_, i) => plan(i)).join('')}`);
  assert.deepEqual(await rows(), [['plans', 100]]);
  await load(`plan,price\n${Array.from({ length: 97 }, (_, i) => plan(i)).join('')}`);
  assert.deepEqual(await rows(), [['plans', 97]]);
  const { tables } = (await admin.want(200, 'GET', '/api/schema')) as unknown as { tables: { schema: string; rows: number }[] };
  assert.equal(tables.find(({ schema }) => schema === 'changing')?.rows, 97, 'the home page says what the page of the source does');
  await weir.in('sync', 'changing', '--wait').catch(() => undefined);
  assert.deepEqual(await rows(), [['not_there_yet', null], ['plans', 97]]);
  writeFileSync(at, was);
  rmSync(file('changing'));
});

test('the list of the command line tells what the page does, with a server and without', async () => {
  interface Row {
    name: string;
    schedule: string | null;
    paused: boolean;
    ran_at: string | null;
    next_at: string | null;
    as_of: string | null;
    rows: number | null;
  }
  const listed = async (): Promise<Row | undefined> => (JSON.parse(await weir.in('source', 'list', '--json')) as Row[]).find(({ name }) => name === 'listed');
  mkdirSync(path.join(weir.dir, 'listed'));
  for (const name of ['a', 'b']) writeFileSync(path.join(weir.dir, `listed/${name}.csv`), 'id\n1\n2\n');
  writeFileSync(file('listed'), 'kind: file\nschedule: every 1h\nconnection: {path: listed}\n');
  const row = await until('its next run', 60, async () => {
    const one = await listed();
    return one?.next_at && Date.parse(one.next_at) > Date.now() + 600_000 && one.rows === 4 ? one : undefined;
  });
  assert.equal(row.schedule, 'every 1h');
  assert.ok(row.as_of && row.ran_at && Date.parse(row.ran_at) <= Date.parse(row.as_of) + 1000);
  const moment = String.raw`(?:now|\d+ s ago|\d+ min ago)`;
  assert.match(await weir.in('source', 'list'), new RegExp(`^listed +file +every 1h +${moment} +in \\d+ min +${moment} +4 {2}well$`, 'm'));
  const shown = async (): Promise<unknown[]> => {
    const { next_at: next, as_of: fresh, follows, paused } = (await admin.want(200, 'GET', '/api/sources/listed')) as { next_at: string | null; as_of: string; follows: boolean; paused: boolean };
    return [next !== null && Date.parse(next) > Date.now() + 600_000, fresh === row.ran_at, follows, paused];
  };
  assert.deepEqual(await shown(), [true, true, false, false]);
  await weir.in('source', 'pause', 'listed');
  assert.deepEqual(await shown(), [false, true, false, true]);
  assert.equal(((await admin.want(200, 'GET', '/api/sources/listed')) as { next_at: string | null }).next_at, null);
  assert.match(await weir.in('source', 'list'), /^listed .* - +\S.* 4 {2}paused; well$/m);
  await weir.down();
  const still = await listed();
  assert.deepEqual([still?.rows, still?.next_at, still?.paused, still?.as_of], [4, null, true, row.as_of]);
  assert.match(await weir.in('source', 'list'), /No server runs: no schedule does/);
  await weir.up();
  admin = await Client.enter(weir, 'ada@example.com');
  rmSync(file('listed'));
});

test('a source of events says what it is', async () => {
  for (const what of [['source', 'check', 'web'], ['source', 'discover', 'web'], ['sync', 'web']] as [string, ...string[]][]) assert.match(await failed(...what), /sources\/web\.yml.*this is a source of events/);
});

test('one file with a mistake stops no other source', async () => {
  await weir.down();
  writeFileSync(file('bad'), 'kind: file\nconnection: {path: x\n');
  writeFileSync(file('odd'), 'kind: file\nnonsense: 1\nconnection: {path: exports}\n');
  plans(20);
  assert.match(await weir.in('source', 'list'), /^plans .*\n(.*\n)*^bad +sources\/bad\.yml:/m);
  const all = JSON.parse(await weir.in('source', 'list', '--json')) as { name: string; error?: string | null }[];
  assert.match(all.find(({ name }) => name === 'bad')?.error ?? '', /sources\/bad\.yml/);
  assert.match(all.find(({ name }) => name === 'odd')?.error ?? '', /sources\/odd\.yml:2/);
  assert.equal(all.find(({ name }) => name === 'plans')?.error, null);
  assert.match(await failed('sync'), /sources\/bad\.yml/);
  assert.deepEqual(await weir.rows('select count(*)::int as n from plans.plans'), [{ n: 20 }]);
  const wrong = await weir.in('validate').catch((error: Error & { stdout?: string }) => String(error.stdout));
  assert.match(wrong, /^sources\/bad\.yml/m);
  assert.match(wrong, /^sources\/odd\.yml:2/m);
  assert.doesNotMatch(wrong, /no mistakes/);
  rmSync(file('bad'));
  rmSync(file('odd'));
  assert.match(await weir.in('validate'), /no mistakes/);
});

test('a workspace that a newer weir has had is not loaded into', async () => {
  const newer = await Weir.init();
  try {
    writeFileSync(path.join(newer.dir, 'a.csv'), 'a\n1\n');
    writeFileSync(path.join(newer.dir, 'sources/here.yml'), 'kind: file\nconnection: {path: a.csv}\n');
    const state = path.join(newer.dir, '.weir/state.sqlite');
    const version = (sql: string): unknown => execFileSync('python3', ['-c', 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()', state, sql]);
    await newer.in('sync');
    version('insert into migrations (version, applied_at) values (9999, 1)');
    writeFileSync(path.join(newer.dir, 'a.csv'), 'a\n1\n2\n');
    for (const what of [['sync'], ['sync', 'here'], ['verify', 'here', '--repair']]) {
      await assert.rejects(newer.in(what[0] ?? '', ...what.slice(1)), /a newer weir made it \(version 9999; .*run that one, or put a backup in its place/, what.join(' '));
    }
    version('delete from migrations where version = 9999');
    assert.deepEqual(await newer.rows('select count(*)::int as n from here.a'), [{ n: 1 }]);
    assert.deepEqual(await newer.rows('select status from weir.loads'), [{ status: 'loaded' }]);
  } finally {
    await newer.remove();
  }
});

test('sources that say nothing, several for each place, keep no other from its runs', async () => {
  const slow = await Weir.init();
  try {
    writeFileSync(path.join(slow.dir, 'weir.yml'), 'source:\n  runs: 1\n  programs: [taps]\n', { flag: 'a' });
    mkdirSync(path.join(slow.dir, 'taps'));
    writeFileSync(path.join(slow.dir, 'taps/silent'), '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
    for (let i = 0; i < 3; i++) {
      writeFileSync(path.join(slow.dir, `sources/s${i}.yml`), 'kind: singer\nconnection: {executable: taps/silent, selection: none}\nschedule: every 1s\n');
    }
    await slow.up();
    const client = await setUp(slow);
    const latest = async (name: string): Promise<{ state: string; status: string | null } | null> => ((await client.want(200, 'GET', `/api/sources/${name}`)) as { latest: { state: string; status: string | null } | null }).latest;
    await until('all three', 90, async () => ((await Promise.all([0, 1, 2].map((i) => latest(`s${i}`)))).every((run) => run?.state === 'running') ? true : undefined));
    writeFileSync(path.join(slow.dir, 'quick.csv'), 'a\n1\n');
    writeFileSync(path.join(slow.dir, 'sources/quick.yml'), 'kind: file\nconnection: {path: quick.csv}\nschedule: every 1s\n');
    await until('the quick one', 60, async () => ((await latest('quick'))?.state === 'done' ? true : undefined));
  } finally {
    await slow.remove();
  }
});

test('short runs follow each other at once, one at a time, and so do those that come after others', async () => {
  const many = await Weir.init();
  try {
    writeFileSync(path.join(many.dir, 'weir.yml'), 'source:\n  runs: 1\n', { flag: 'a' });
    writeFileSync(path.join(many.dir, 'a.csv'), 'a\n1\n');
    const all = Array.from({ length: 20 }, (_, i) => i);
    for (const i of all) {
      writeFileSync(path.join(many.dir, `sources/n${i}.yml`), `kind: file\nconnection: {path: a.csv}\nschedule: ${i < 14 ? 'every 1h' : `after n${i - 1}`}\n`);
    }
    await many.up();
    await setUp(many);
    await until('a run of each', 90, async () => ((await many.rows('select source from weir.loads').catch(() => [])).length >= all.length ? true : undefined));
    const [took] = await many.rows('select count(*)::int as runs, (epoch(max(started_at)) - epoch(min(started_at)))::double as seconds from weir.loads');
    assert.equal(took?.['runs'], all.length);
    assert.ok(Number(took?.['seconds']) < 10, `${String(took?.['seconds'])} s`); // it looks once a second: 19 of them
  } finally {
    await many.remove();
  }
});

test('runs of schedules share a budget of memory: what finds no room waits for its turn', async () => {
  const small = await Weir.init();
  try {
    writeFileSync(path.join(small.dir, 'weir.yml'), 'source:\n  memory: 300MB\n  programs: [taps]\n', { flag: 'a' });
    mkdirSync(path.join(small.dir, 'taps'));
    // It is there while it runs, says a row at once, so that it does not only wait, and tells whether the other was there.
    writeFileSync(path.join(small.dir, 'taps/busy'), `#!/bin/bash
mine=$(mktemp "${small.dir}/taps/run.XXXXXX")
together=$(ls "${small.dir}"/taps/run.* | wc -l)
echo '{"type":"SCHEMA","stream":"t","key_properties":[],"schema":{"properties":{"together":{"type":"integer"}}}}'
echo '{"type":"RECORD","stream":"t","record":{"together":'$together'}}'
sleep 1
rm -f "$mine"
`, { mode: 0o755 });
    for (const name of ['one', 'two']) {
      writeFileSync(path.join(small.dir, `sources/${name}.yml`), 'kind: singer\nconnection: {executable: taps/busy, selection: none, memory: 200MB}\nschedule: every 1s\nstreams: {t: {mode: append}}\n');
    }
    await small.up();
    const client = await setUp(small);
    const runs = async (name: string): Promise<number> => ((await client.want(200, 'GET', `/api/sources/${name}/runs`)) as { loads: unknown[] }).loads.length;
    await until('three runs of each', 90, async () => ((await runs('one')) >= 3 && (await runs('two')) >= 3 ? true : undefined));
    assert.deepEqual(await small.rows('select max(together)::int as most from (select together from one.t union all select together from two.t)'), [{ most: 1 }]);
  } finally {
    await small.remove();
  }
});

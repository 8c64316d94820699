// Schedules: what runs by itself, when, and what is known of it after a restart.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, setUp } from '../node/client.js';
import { type Row, Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, more: string): void => write(`sources/${name}.yml`, `kind: file\n${more}`);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('a schedule runs a source, and another one after it', async () => {
  write('tick.csv', 'n\n1\n');
  source('tick', 'connection: {path: tick.csv}\nschedule: every 1s\n');
  source('tock', 'connection: {path: tick.csv}\nschedule: after tick\n');
  const sum = (n: number): Promise<boolean> =>
    until(`both tables to hold ${n}`, 60, async () => {
      const tables = await rows("select count(*) as n from information_schema.tables where table_name = 'tick' and table_schema in ('tick', 'tock')");
      if (tables[0]?.['n'] !== 2) return undefined;
      const [found] = await rows('select (select sum(n) from tick.tick) as a, (select sum(n) from tock.tick) as b');
      return Number(found?.['a']) === n && Number(found?.['b']) === n ? true : undefined;
    });
  await sum(1);
  write('tick.csv', 'n\n1\n2\n');
  await sum(3);
  for (const name of ['tick', 'tock']) rmSync(path.join(weir.dir, `sources/${name}.yml`));
});

test('a schedule by the clock says when it is due; a ring of schedules is refused', async () => {
  write('clock.csv', 'a\n1\n');
  source('clock', 'schedule: cron 0 0 1 1 * Europe/Berlin\nconnection: {path: clock.csv}\n');
  const next = async (): Promise<string | undefined> => {
    const { sources } = (await admin.want(200, 'GET', '/api/sources')) as unknown as { sources: { name: string; next_at: string | null }[] };
    return sources.find(({ name }) => name === 'clock')?.next_at ?? undefined;
  };
  assert.match(await until('when it is due', 30, next), /^\d{4}-12-31T23:00:00/);
  await admin.want(201, 'POST', '/api/sources', { name: 'ring_a', kind: 'file', schedule: 'after ring_b', connection: { path: 'clock.csv' } });
  const refused = await admin.want(400, 'POST', '/api/sources', { name: 'ring_b', kind: 'file', schedule: 'after ring_a', connection: { path: 'clock.csv' } });
  assert.match(JSON.stringify(refused), /in a ring/);
  await admin.want(204, 'DELETE', '/api/sources/ring_a');
  await admin.want(204, 'DELETE', '/api/sources/clock');
});

test('when a source ran is known after a restart: nothing begins before it is due; a zone that is none is its error', async () => {
  write('kept.csv', 'a\n1\n');
  source('kept', 'schedule: every 1h\nconnection: {path: kept.csv}\n');
  source('failing', 'schedule: every 1h\nconnection: {path: not_there.csv}\n');
  source('zone', 'schedule: cron 0 6 * * * Europe/Nowhere\nconnection: {path: kept.csv}\n');
  source('minute', 'schedule: cron * * * * *\nconnection: {path: kept.csv}\n');
  type Shown = { name: string; next_at: string | null; error: string | null; latest: { state: string; status: string } | null };
  const shown = async (name: string): Promise<Shown> => {
    const { sources } = (await admin.want(200, 'GET', '/api/sources')) as unknown as { sources: Shown[] };
    const found = sources.find((one) => one.name === name);
    assert.ok(found);
    return found;
  };
  const ahead = (name: string): Promise<Shown> => until(`when ${name} is due`, 60, async () => {
    const one = await shown(name);
    return one.next_at && Date.parse(one.next_at) > Date.now() + 600_000 ? one : undefined;
  });
  const before = await ahead('kept');
  assert.equal(before.latest?.status, 'loaded');
  const failures = (): number => Number(execFileSync('python3', ['-c', "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(\"select coalesce(max(failures), 0) from source_runs where source = 'failing' and what = 'sync'\").fetchone()[0])", path.join(weir.dir, '.weir/state.sqlite')], { encoding: 'utf8' }));
  await until('two failures', 60, () => (failures() >= 2 ? true : undefined));
  assert.match((await shown('zone')).error ?? '', /names no time zone that there is/);
  // A run of ten days to come, by a clock that was ahead.
  await weir.in('sync', '--wait', 'minute');
  await weir.down();
  const state = path.join(weir.dir, '.weir/state.sqlite');
  execFileSync('python3', ['-c', "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); assert db.execute(\"update source_runs set began_at = began_at + 864000000000, ended_at = ended_at + 864000000000 where source = 'minute'\").rowcount == 1; db.commit()", state]);
  const failed = failures();
  await weir.up();
  const again = await ahead('kept');
  assert.equal(again.latest, null);
  assert.ok(Math.abs(Date.parse(String(again.next_at)) - Date.parse(String(before.next_at))) < 60_000);
  await until('one more failure, which counts on', 60, () => (failures() > failed ? true : undefined));
  const minute = await until('when minute is due', 60, async () => (await shown('minute')).next_at ?? undefined);
  assert.ok(Date.parse(minute) < Date.now() + 61_000, minute);
  for (const name of ['kept', 'failing', 'zone', 'minute']) rmSync(path.join(weir.dir, `sources/${name}.yml`));
});

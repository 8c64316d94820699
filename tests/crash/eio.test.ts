// fdatasync fails with EIO below the shipped program (eio.c), again and again, while clients send:
// they are told to come again, nothing that was acknowledged is lost, and service resumes by itself.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Weir, binary, until } from '../node/weir.js';
import { Client, Random } from './load.js';

const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const shim = path.join(path.dirname(binary), 'tests/crash/eio.so');

async function withBadDisk(body: (weir: Weir, clients: Client[], bad: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-eio-'));
  const bad = path.join(folder, 'bad');
  const weir = await Weir.init(path.join(folder, 'work'));
  const clients: Client[] = [];
  assert.ok(existsSync(shim), `${shim} is not built`);
  process.env['LD_PRELOAD'] = shim;
  process.env['WEIR_EIO'] = bad;
  try {
    await weir.up();
    const random = new Random(seed);
    for (let i = 0; i < 4; i++) clients.push(new Client(() => weir.collect, weir.key, `c${i}`, new Random(random.below(1 << 30))));
    await body(weir, clients, bad);
  } catch (error) {
    console.log(`seed ${seed}\n${weir.log().split('\n').slice(-40).join('\n')}`);
    throw error;
  } finally {
    delete process.env['LD_PRELOAD'];
    delete process.env['WEIR_EIO'];
    rmSync(bad, { force: true });
    await Promise.all(clients.map((client) => client.stop()));
    await weir.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const total = (clients: Client[]): number => clients.reduce((n, client) => n + client.acknowledged.length, 0);
const refusals = (clients: Client[]): number => clients.reduce((n, client) => n + client.refusals.length, 0);

/** Every acknowledged event once, and none that was not sent. */
async function check(weir: Weir, clients: Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.stop()));
  for (const client of clients) {
    for (const answer of client.refusals) {
      assert.equal(answer.status, 503, answer.body);
      assert.ok(answer.retryAfter, '503 without Retry-After');
    }
  }
  await weir.loaded();
  const { rows } = await weir.query('select id from web.tracks union all select id from web.pages');
  const ids = rows.map((row) => String(row['id']));
  assert.equal(new Set(ids).size, ids.length, 'an event is there twice');
  const stored = new Set(ids);
  const offered = new Set(clients.flatMap((client) => [...client.offered]));
  assert.deepEqual(clients.flatMap((client) => client.acknowledged).filter((id) => !stored.has(id)), [], 'acknowledged and lost');
  assert.deepEqual(ids.filter((id) => !offered.has(id)), [], 'stored and never sent');
  await weir.in('log', 'verify');
}

test(`a failed fdatasync loses nothing, and service resumes by itself (seed ${seed})`, () =>
  withBadDisk(async (weir, clients, bad) => {
    const segments = (): number => readdirSync(path.join(weir.dir, '.weir/log')).filter((name) => /\d/.test(name)).length;
    for (let round = 0; round < 3; round++) {
      const before = total(clients);
      await until('events to be taken', 30, () => (total(clients) > before + 50 ? true : undefined));
      const known = segments();
      const refused = refusals(clients);
      writeFileSync(bad, '');
      await until('refusals', 30, () => (refusals(clients) > refused + 20 ? true : undefined));
      rmSync(bad);
      const after = total(clients);
      await until('events to be taken again', 30, () => (total(clients) > after + 50 ? true : undefined));
      assert.ok(segments() > known, 'the segment that failed was trusted again');
    }
    assert.match(weir.log(), /a segment is abandoned after a failed write/);
    await check(weir, clients);
  }));

test(`killed while the disk fails, what was acknowledged is there (seed ${seed})`, () =>
  withBadDisk(async (weir, clients, bad) => {
    await until('events to be taken', 30, () => (total(clients) > 100 ? true : undefined));
    writeFileSync(bad, '');
    await until('refusals', 30, () => (refusals(clients) > 20 ? true : undefined));
    const collector = readdirSync('/proc').find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[1] === String(weir.pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('collect');
      } catch {
        return false;
      }
    });
    assert.ok(collector);
    process.kill(Number(collector), 'SIGKILL');
    rmSync(bad);
    const after = total(clients);
    await until('events to be taken again', 60, () => (total(clients) > after + 50 ? true : undefined));
    await check(weir, clients);
  }));

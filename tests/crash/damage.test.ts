// What the disk may do to the log: cut it short, flip its bits. Whatever still verifies is kept, and
// the warehouse can be rebuilt from it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Weir } from '../node/weir.js';
import { Random, event, post } from './load.js';

const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const EVENTS = 200;

function logFolder(weir: Weir): string {
  return path.join(weir.dir, '.weir/log');
}

function segments(weir: Weir): string[] {
  return readdirSync(logFolder(weir))
    .filter((name) => name.endsWith('.wlog'))
    .map((name) => path.join(logFolder(weir), name))
    .sort();
}

/** Sends events one by one, each acknowledged before the next: each is a frame of its own. */
async function fill(weir: Weir, random: Random): Promise<string[]> {
  const agent = new http.Agent({ keepAlive: true });
  const ids: string[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const body = JSON.stringify({ batch: [event(`e${i}`, random)] });
    const answer = await post(agent, weir.collect, '/v1/batch', weir.key, body);
    assert.equal(answer.status, 200, answer.body);
    ids.push(`e${i}`);
  }
  agent.destroy();
  return ids;
}

/** Everything but the log and the keys is derived; this removes it. */
function forgetWarehouse(weir: Weir): void {
  for (const name of readdirSync(path.join(weir.dir, '.weir'))) {
    if (/^(warehouse|seen)/.test(name)) {
      rmSync(path.join(weir.dir, '.weir', name), { recursive: true });
    }
  }
}

async function loadedIds(weir: Weir): Promise<string[]> {
  await weir.loaded();
  const result = await weir.query('select id from web.tracks union all select id from web.pages');
  const ids = result.rows.map((row) => String(row['id']));
  assert.equal(new Set(ids).size, ids.length, 'an event is there twice');
  return ids;
}

async function withFilledLog(body: (weir: Weir, ids: string[], random: Random) => Promise<void>): Promise<void> {
  const random = new Random(seed);
  const weir = await Weir.init();
  try {
    await weir.up();
    const ids = await fill(weir, random);
    assert.equal((await loadedIds(weir)).length, ids.length);
    assert.equal(await weir.down(), 0);
    await body(weir, ids, random);
  } catch (error) {
    console.log(`seed ${seed}\n${weir.log().split('\n').slice(-40).join('\n')}`);
    throw error;
  } finally {
    await weir.remove();
  }
}

test('the warehouse is rebuilt from the log alone', () =>
  withFilledLog(async (weir, ids) => {
    forgetWarehouse(weir);
    await weir.up();
    assert.deepEqual((await loadedIds(weir)).sort(), [...ids].sort());
  }));

test(`a segment cut short loses its tail only (seed ${seed})`, () =>
  withFilledLog(async (weir, ids, random) => {
    const segment = segments(weir).at(-1) ?? '';
    const size = statSync(segment).size;
    truncateSync(segment, size - 1 - random.below(Math.floor(size / 2)));
    forgetWarehouse(weir);
    await weir.up();
    const found = await loadedIds(weir);
    assert.ok(found.length < ids.length && found.length > 0, `${found.length} events are left`);
    assert.deepEqual(found.sort(), ids.slice(0, found.length).sort());
    // What is sent now is appended behind the cut and survives.
    const agent = new http.Agent();
    const body = JSON.stringify({ batch: [event('after', random)] });
    assert.equal((await post(agent, weir.collect, '/v1/batch', weir.key, body)).status, 200);
    assert.equal((await loadedIds(weir)).length, found.length + 1);
    // What was acknowledged and is gone stays said: its numbers are not given out again.
    const lost = new RegExp(`\\b${ids.length - found.length} records are known to be lost`);
    await assert.rejects(weir.in('log', 'verify'), lost);
  }));

test(`a flipped bit loses one frame, and verify names it (seed ${seed})`, () =>
  withFilledLog(async (weir, ids, random) => {
    const segment = segments(weir)[0] ?? '';
    copyFileSync(segment, `${weir.dir}.segment`);
    for (let round = 0; round < 5; round++) {
      const bytes = readFileSync(`${weir.dir}.segment`);
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      writeFileSync(segment, bytes);
      const what = `bit flipped at ${at} of ${bytes.length}`;
      await assert.rejects(weir.in('log', 'verify'), `verify found nothing: ${what}`);
      forgetWarehouse(weir);
      await weir.up();
      const found = new Set(await loadedIds(weir));
      const lost = ids.filter((id) => !found.has(id));
      assert.ok(lost.length <= 1, `${lost.length} events were lost: ${what}`);
      assert.equal(await weir.down(), 0);
    }
    rmSync(`${weir.dir}.segment`);
  }));

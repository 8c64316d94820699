// kill -9 at random moments under load: everything that was acknowledged is in the warehouse, once.
//
//     WEIR_ROUNDS=200 WEIR_SEED=7 node tests/run-node.mjs crash kill
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Weir, until } from '../node/weir.js';
import { Client, Random } from './load.js';
import { type Victim, strike } from './strike.js';

const rounds = Number(process.env['WEIR_ROUNDS'] ?? 20);
const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const CLIENTS = 4;

class Round {
  readonly clients: Client[];

  constructor(
    private readonly weir: Weir,
    private readonly name: string,
    random: Random,
  ) {
    this.clients = Array.from(
      { length: CLIENTS },
      (_, i) =>
        new Client(() => weir.collect, weir.key, `${name}c${i}`, new Random(random.below(2 ** 31))),
    );
  }

  acknowledged(): string[] {
    return this.clients.flatMap((client) => client.acknowledged);
  }

  async check(): Promise<number> {
    for (const { status, retryAfter } of this.clients.flatMap((client) => client.refusals)) {
      assert.ok(status === 503 || status === 429, `a client was answered ${status}`);
      assert.ok(retryAfter, `${status} without Retry-After`);
    }
    await this.weir.loaded();
    const like = `id like '${this.name}c%'`;
    const result = await this.weir.query(
      `select id from web.tracks where ${like} union all select id from web.pages where ${like}`,
    );
    const rows = result.rows.map((row) => String(row['id']));
    const ids = new Set(rows);
    const missing = this.acknowledged().filter((id) => !ids.has(id));
    const offered = new Set(this.clients.flatMap((client) => [...client.offered]));
    assert.deepEqual(missing.slice(0, 20), [], `${missing.length} acknowledged events are missing`);
    assert.equal(rows.length, ids.size, `${rows.length - ids.size} events are there twice`);
    assert.ok(rows.every((id) => offered.has(id)), 'a row that nobody sent');
    return rows.length;
  }
}

test(`kill -9, ${rounds} rounds under load (seed ${seed})`, async () => {
  const random = new Random(seed);
  const weir = await Weir.init();
  const counts = new Map<Victim, number>();
  let events = 0;
  let acknowledged = 0;
  let repeats = 0;
  let strikes = 0;
  try {
    await weir.up();
    for (let i = 0; i < rounds; i++) {
      // weir up waits longer after each death; killing it too begins anew and keeps the test short.
      const victim =
        strikes < 4
          ? random.pick<Victim>(['collect', 'collect', 'serve', 'serve', 'both', 'all', 'up'])
          : random.pick<Victim>(['all', 'up']);
      strikes = victim === 'all' || victim === 'up' ? 0 : strikes + 1;
      const round = new Round(weir, `r${i}`, random);
      try {
        await new Promise((resolve) => setTimeout(resolve, 20 + random.below(400)));
        await strike(weir, victim);
        // Until the collector has answered again: the round is under load on both sides of the kill.
        const before = round.acknowledged().length;
        await until('an answer after the kill', 30, () =>
          round.acknowledged().length > before ? true : undefined,
        );
      } finally {
        await Promise.all(round.clients.map((client) => client.stop()));
      }
      events += await round.check().catch((error: unknown) => {
        throw new Error(`round ${i} (${victim}), seed ${seed}: ${String(error)}`, { cause: error });
      });
      acknowledged += round.acknowledged().length;
      repeats += round.clients.reduce((sum, client) => sum + client.repeats, 0);
      counts.set(victim, (counts.get(victim) ?? 0) + 1);
    }
    await weir.in('log', 'verify');
    const total = await weir.query(
      'select count(*) as n, count(distinct id) as ids from (select id from web.tracks union all select id from web.pages)',
    );
    assert.deepEqual(total.rows, [{ n: events, ids: events }]);
    assert.deepEqual((await weir.query('select * from weir.discards')).rows, []);
    assert.equal(await weir.down(), 0, 'weir up ended badly');
    await weir.in('log', 'verify');
    const kinds = [...counts].map(([victim, n]) => `${n} ${victim}`).join(', ');
    console.log(
      `kill: seed ${seed}, ${rounds} rounds (${kinds}), ${acknowledged} events acknowledged, ` +
        `${events} in the warehouse, ${repeats} requests repeated`,
    );
  } catch (error) {
    console.log(weir.log().split('\n').slice(-60).join('\n'));
    throw error;
  } finally {
    await weir.remove();
  }
});

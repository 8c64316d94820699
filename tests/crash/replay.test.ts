// kill -9 in the middle of a replay, while events come in: the tables are the old ones or the new
// ones, nothing is lost or doubled, and nothing of the replay stays.
//
//     WEIR_ROUNDS=200 WEIR_SEED=7 node tests/run-node.mjs crash replay
import assert from 'node:assert/strict';
import http from 'node:http';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Weir, until } from '../node/weir.js';
import { Client, Random, event, post } from './load.js';
import { strike } from './strike.js';

// A round takes some ten times as long as one of kill.test.ts.
const rounds = Math.ceil(Number(process.env['WEIR_ROUNDS'] ?? 40) / 10);
const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const TABLES = ['tracks', 'video_started', 'heartbeat', 'shared', 'pages'];
const EVENTS = 12_000;

type Kind = 'whole' | 'event' | 'part';
type Outcome = 'old' | 'new';

/** What a replay of the kind makes anew. */
function replayed(kind: Kind, table: string): string {
  if (kind !== 'event' || table === 'heartbeat') return 'true';
  return table === 'tracks' ? `event = 'heartbeat'` : 'false';
}

async function state(weir: Weir): Promise<{ state: string }> {
  const response = await fetch(`http://${weir.serve}/api/replay`);
  return (await response.json()) as { state: string };
}

async function begin(weir: Weir, kind: Kind): Promise<void> {
  const bodies = {
    whole: {},
    event: { event: 'Heartbeat' },
    part: { from: '2020-01-01T00:00:00Z' },
  };
  const response = await fetch(`http://${weir.serve}/api/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(bodies[kind]),
  });
  assert.equal(response.status, 202, await response.text());
}

async function number(weir: Weir, sql: string): Promise<number> {
  const [row] = (await weir.query(sql)).rows;
  return Number(row?.['n']);
}

const leftovers =
  'select count(*) as n from information_schema.tables ' +
  "where table_name like 'weir replay of %'";

/** Fills the workspace: enough for a replay that can be met in its middle. */
async function fill(weir: Weir, random: Random): Promise<string[]> {
  const agent = new http.Agent({ keepAlive: true });
  const ids: string[] = [];
  while (ids.length < EVENTS) {
    const some = Array.from({ length: 500 }, (_, i) => `base-${ids.length + i}`);
    const body = JSON.stringify({ batch: some.map((id) => event(id, random)) });
    assert.equal((await post(agent, weir.collect, '/v1/batch', weir.key, body)).status, 200);
    ids.push(...some);
  }
  agent.destroy();
  await weir.loaded();
  return ids;
}

/** All rows that were there before are of one generation: that before the replay, or its own. */
async function outcome(weir: Weir, kind: Kind, begun: string, before: number): Promise<Outcome> {
  const counts = { old: 0, new: 0 };
  for (const table of TABLES) {
    const result = await weir.query(
      `select uuid_ts >= timestamp '${begun}' as made, ${replayed(kind, table)} as mine, ` +
        `count(*)::int as n from web.${table} where received_at < timestamp '${begun}' group by all`,
    );
    for (const { made, mine, n } of result.rows) {
      assert.ok(mine || !made, `${table}: ${n} rows that this replay does not make are new`);
      if (mine) counts[made ? 'new' : 'old'] += Number(n);
    }
  }
  assert.ok(counts.old === 0 || counts.new === 0, `${counts.old} rows are old and ${counts.new} new`);
  assert.ok(kind === 'event' || counts.old + counts.new === before, 'rows of before are missing');
  return counts.new ? 'new' : 'old';
}

/** Everything that was acknowledged is there, in its table and in tracks, once. */
async function checkRows(
  weir: Weir,
  acknowledged: ReadonlySet<string>,
  offered: ReadonlySet<string>,
): Promise<void> {
  const all = (table: string): string => `select id from web.${table}`;
  const own = TABLES.slice(1, 4).map(all).join(' union all ');
  const result = await weir.query(`${all('tracks')} union all ${all('pages')}`);
  const rows = result.rows.map((row) => String(row['id']));
  const ids = new Set(rows);
  assert.equal(rows.length, ids.size, `${rows.length - ids.size} events are there twice`);
  const missing = [...acknowledged].filter((id) => !ids.has(id));
  assert.deepEqual(missing.slice(0, 20), [], `${missing.length} acknowledged events are missing`);
  assert.ok(rows.every((id) => offered.has(id)), 'a row that nobody sent');
  assert.equal(
    await number(
      weir,
      `select count(*) as n from ((${own} except all ${all('tracks')}) union all ` +
        `(${all('tracks')} except all (${own})))`,
    ),
    0,
    'tracks and the tables of its events differ',
  );
  assert.deepEqual((await weir.query('select * from weir.discards')).rows, []);
}

/** The log's end is where loading has come to; nothing of the replay is there. */
async function checkRest(weir: Weir): Promise<void> {
  const response = await fetch(`http://${weir.serve}/api/status`);
  const { load } = (await response.json()) as { load: { next_seq: number; durable_seq: number } };
  assert.equal(load.next_seq, load.durable_seq);
  assert.equal(await number(weir, 'select max(next_seq) as n from weir.load_state'), load.durable_seq);
  assert.equal(await number(weir, leftovers), 0, 'tables of the replay were left');
  assert.equal((await state(weir)).state, 'none');
  const files = readdirSync(path.join(weir.dir, '.weir'), { recursive: true }).map(String);
  const strange = files.filter(
    (name) => /^(tmp\/.*\/|warehouse\.)/.test(name) && !/^warehouse\.duckdb(\.wal)?$/.test(name),
  );
  assert.deepEqual(strange, [], 'files of the replay were left');
}

test(`kill -9 in ${rounds} replays under load (seed ${seed})`, async () => {
  const random = new Random(seed);
  const weir = await Weir.init();
  const seen = { old: 0, new: 0, middle: 0 };
  try {
    await weir.up();
    const acknowledged = new Set(await fill(weir, random));
    const offered = new Set(acknowledged);
    const started = Date.now();
    await begin(weir, 'whole');
    await until('a replay', 60, async () =>
      (await state(weir)).state === 'done' ? true : undefined,
    );
    const usual = Date.now() - started;
    for (let i = 0; i < rounds; i++) {
      const kind = (['whole', 'event', 'part'] as const)[i % 3] ?? 'whole';
      const victim = i % 4 === 3 ? 'all' : 'serve'; // else weir up waits longer after each death
      const sizes = TABLES.map((table) => `(select count(*) from web.${table})`);
      const before = await number(weir, `select ${sizes.join(' + ')} as n`);
      // As the server's clock says it; every row of before is older, as loading was awaited.
      const [clock] = (await weir.query("select (now() at time zone 'UTC')::varchar as t")).rows;
      const begun = String(clock?.['t']);
      const clients = [0, 1].map(
        (n) => new Client(() => weir.collect, weir.key, `r${i}c${n}`, new Random(random.below(2 ** 31))),
      );
      try {
        await begin(weir, kind);
        // One in three is killed when its tables are there for sure, the others at any moment.
        if (i % 3 === 0) {
          await until('the tables of the replay', 30, async () => {
            if ((await number(weir, leftovers)) > 0) return true;
            return (await state(weir)).state === 'running' ? undefined : true;
          });
        } else {
          await new Promise((resolve) => setTimeout(resolve, random.below(usual * 1.5)));
        }
        if ((await state(weir)).state === 'running') seen.middle++;
        await strike(weir, victim);
        await until('the server after the kill', 30, () =>
          fetch(`http://${weir.serve}/health`).then(
            (response) => (response.ok ? true : undefined),
            () => undefined,
          ),
        );
      } finally {
        await Promise.all(clients.map((client) => client.stop()));
      }
      for (const client of clients) {
        for (const id of client.acknowledged) acknowledged.add(id);
        for (const id of client.offered) offered.add(id);
      }
      try {
        await weir.loaded();
        seen[await outcome(weir, kind, begun, before)]++;
        await checkRows(weir, acknowledged, offered);
        await checkRest(weir);
      } catch (error) {
        throw new Error(`round ${i} (${kind}, ${victim}), seed ${seed}: ${String(error)}`, { cause: error });
      }
    }
    assert.ok(seen.middle > 0, 'no replay was met in its middle');
    assert.equal(await weir.down(), 0, 'weir up ended badly');
    await weir.in('log', 'verify');
    console.log(
      `replay: seed ${seed}, ${rounds} kills, ${seen.middle} in the middle; the tables were ` +
        `${seen.old} times the old ones, ${seen.new} times the new ones; ${acknowledged.size} events`,
    );
  } catch (error) {
    console.log(weir.log().split('\n').slice(-60).join('\n'));
    throw error;
  } finally {
    await weir.remove();
  }
});

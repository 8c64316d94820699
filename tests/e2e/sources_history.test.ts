// What the ledger of sources forgets, and what it does not.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
const file = (text: string): void => writeFileSync(path.join(weir.dir, 'exports/plans.csv'), text);
const ids = async (sql: string): Promise<unknown[]> => (await weir.rows(sql)).map((row) => Object.values(row)[0]);

before(async () => {
  weir = await Weir.init();
  mkdirSync(path.join(weir.dir, 'exports'));
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'source:\n  history: 1s\n', { flag: 'a' });
  file('a,b\n1,2\n');
  await weir.in('source', 'add', 'shop', '--kind', 'file', '--set', 'path=exports');
  writeFileSync(path.join(weir.dir, 'exports/steady.csv'), 'a\n1\n');
});
after(() => weir.remove());

test('loads that are long over go with what they set aside; what says how a stream stands stays', async () => {
  for (const text of ['a,b\n1,2\n3,4,5\n', 'a,b\n1,2\n', 'a,b\n1,2\n6,7,8\n']) {
    file(text);
    await weir.in('sync', 'shop', '--wait');
  }
  file('');
  for (let i = 0; i < 3; i++) await assert.rejects(weir.in('sync', 'shop', '--wait'));
  const all = await ids("select run from weir.loads where stream = 'plans' order by started_at");
  const aside = await ids('select run from weir.source_discards order by discarded_at');
  assert.deepEqual([all.length, aside], [6, [all[0], all[2]]]);
  const over = Date.now() + 1000;
  await until('a second more', 20, () => (Date.now() > over ? true : undefined));
  await weir.up();
  admin = await setUp(weir);
  const kept = await until('old loads to go', 20, async () => {
    const runs = await ids("select run from weir.loads where stream = 'plans' order by started_at");
    return runs.length < all.length ? runs : undefined;
  });
  assert.deepEqual(kept, [all[2], all[3], all[5]], 'the latest that loaded, the first that failed, the latest');
  assert.deepEqual(await ids('select run from weir.source_discards'), [all[2]]);
  assert.equal((await ids("select run from weir.loads where stream = 'steady'")).length, 1);
  interface Told {
    streams: { stream: string; status: string; good_at: string; failing_since: string }[];
  }
  const { streams } = (await admin.want(200, 'GET', '/api/sources/shop')) as unknown as Told;
  const plans = streams.find(({ stream }) => stream === 'plans');
  const [good, failed] = await ids("select strftime(started_at, '%Y-%m-%dT%H:%M:%S.%fZ') from weir.loads where stream = 'plans' order by started_at limit 2");
  assert.deepEqual([plans?.status, plans?.good_at, plans?.failing_since], ['failed', good, failed]);
});

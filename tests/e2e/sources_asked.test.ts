// What pages ask of a source is answered, however many ask at once, and whatever its run does meanwhile.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
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

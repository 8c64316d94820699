// `weir query` as a person uses it: with a server and without one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Weir, binary, until, withWeir } from '../node/weir.js';

async function send(weir: Weir, count: number): Promise<void> {
  const batch = Array.from({ length: count }, (_, i) => ({ type: 'track', event: 'Video Started', userId: `u${i % 7}`, properties: { position: i } }));
  const response = await fetch(`http://${weir.collect}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
    body: JSON.stringify({ batch }),
  });
  assert.equal(response.status, 200, await response.text());
  await weir.loaded();
}

const fails = async (what: Promise<string>, why: RegExp): Promise<void> => assert.rejects(what, (error: Error & { stderr?: string }) => why.test(error.stderr ?? ''));

test('the same answers with a server and without one', async () => {
  await withWeir(async (weir) => {
    await send(weir, 500);
    const answers = async (): Promise<string[]> =>
      Promise.all([
        weir.in('query', 'select user_id, count(*) as n from web.tracks group by all order by all', '--format', 'csv'),
        weir.in('query', 'select $n + 1 as n, $f as f, $b as b, $t as t, $d as d', '--format', 'ndjson', '-p', 'n=1', '-p', 'f=1.5', '-p', 'b=true', '-p', "t=it's", '-p', 'd:date=2026-01-31'),
        weir.in('query', 'select typeof($n) as n, typeof($t) as t', '-f', 'csv', '-p', 'n:text=1', '-p', 't:timestamp=2026-01-31T12:00:00Z'),
        weir.in('query', 'from range(100)', '--limit', '3', '-f', 'csv'),
      ]);
    const withServer = await answers();
    assert.match(withServer[0] ?? '', /^user_id,n\nu0,72\nu1,72\nu2,72\nu3,71\n/);
    assert.equal(withServer[1], '{"n":2,"f":1.5,"b":true,"t":"it\'s","d":"2026-01-31"}\n');
    assert.equal(withServer[2], 'n,t\nVARCHAR,TIMESTAMP\n');
    assert.equal(withServer[3], 'range\n0\n1\n2\n');
    assert.equal(await weir.down(), 0);
    assert.deepEqual(await answers(), withServer);
  });
});

test('errors say where, and the sandbox holds in both ways', async () => {
  await withWeir(async (weir) => {
    const wrong = async (): Promise<void> => {
      await fails(weir.in('query', "select * from read_csv('/etc/passwd')"), /"read_csv" is not allowed/);
      await fails(weir.in('query', 'drop table x'), /"drop" is not allowed/);
      await fails(weir.in('query', 'select 1', '--format', 'xml'), /must be table, csv/);
      await fails(weir.in('query', 'select $x', '-p', 'x:int=many'), /"many" is no int/);
      await fails(weir.in('query', 'select 1', '-p', 'nonsense'), /NAME=VALUE/);
    };
    await fails(weir.in('query', 'select\n  nope'), /line 2, column 3/);
    await wrong();
    await weir.down();
    await wrong();
  });
});

test('a cut result is said in every format, with a server and without one', async () => {
  await withWeir(async (weir) => {
    const run = promisify(execFile);
    const ask = async (sql: string, format: string): Promise<string> =>
      (await run(binary, ['-C', weir.dir, 'query', sql, '--limit', '3', '--format', format, '--output', path.join(weir.dir, 'out')])).stderr;
    const all = async (): Promise<void> => {
      for (const format of ['table', 'csv', 'json', 'ndjson', 'parquet']) {
        assert.match(await ask('from range(4)', format), /was cut \(--limit 3.*more rows/, format);
        assert.equal(await ask('from range(3)', format), '', format);
      }
    };
    await all();
    await weir.down();
    await all();
  });
});

/** The answer over HTTP, with its trailers. */
function post(address: string, body: unknown, headers: Record<string, string>): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.request(`http://${address}/api/query`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer));
    });
    request.once('error', reject);
    request.end(JSON.stringify(body));
  });
}

test('a client that takes trailers is told whether the result was cut', async () => {
  await withWeir(async (weir) => {
    for (const format of ['table', 'csv', 'json', 'ndjson', 'parquet']) {
      for (const [rows, truncated] of [[3, 'true'], [4, 'false']] as const) {
        const answer = await post(weir.serve, { sql: 'from range(4)', format, limits: { rows } }, { te: 'gzip;q=0.5, trailers' });
        assert.equal(answer.headers['trailer'], 'Weir-Truncated');
        assert.deepEqual(answer.trailers, { 'weir-truncated': truncated }, format);
      }
    }
    const plain = await post(weir.serve, { sql: 'from range(4)', format: 'csv', limits: { rows: 3 } }, {});
    assert.equal(plain.headers['trailer'], undefined);
    assert.deepEqual(plain.trailers, {});
  });
});

test('a file appears when it is whole', async () => {
  await withWeir(async (weir) => {
    const out = path.join(weir.dir, 'out.parquet');
    await weir.in('query', "select i, 'row ' || i as t from range(1000) r(i)", '--format', 'parquet', '--output', out);
    assert.equal(readFileSync(out).subarray(0, 4).toString(), 'PAR1');
    const late = path.join(weir.dir, 'late.csv');
    await fails(weir.in('query', "select case when i = 900000 then ('reached' || i)::int else i end from range(1000000) r(i)", '-f', 'csv', '-o', late), /broke off|reached|incomplete|closed|ended/);
    assert.equal(existsSync(late), false);
    assert.deepEqual(readdirSync(weir.dir).filter((name) => name.endsWith('.part')), []);
    assert.deepEqual(readdirSync(path.join(weir.dir, '.weir/tmp/export')), []);
  });
});

test('nothing loaded and nothing running is said', async () => {
  const weir = await Weir.init();
  try {
    await fails(weir.in('query', 'select 1'), /weir up/);
  } finally {
    await weir.remove();
  }
});

// One call of a function that the engine cannot be stopped in, for half a minute and more.
const endlessCall = "select levenshtein(repeat('ab', 150000), repeat('cd', 150000)) as n";

async function withImpatient(settings: string, body: (weir: Weir, ask: (sql: string, timeout?: number) => Promise<Response>) => Promise<void>): Promise<void> {
  const weir = await Weir.init();
  try {
    writeFileSync(path.join(weir.dir, 'weir.yml'), `query:\n  workers: 1\n  max_stuck: 1\n  stuck_after: 200ms\n${settings}`);
    await weir.up();
    await body(weir, (sql, timeout = 60) =>
      fetch(`http://${weir.serve}/api/query`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql, limits: { timeout } }) }),
    );
  } catch (error) {
    console.log(weir.log());
    throw error;
  } finally {
    await weir.remove();
  }
}

test('a query that the engine does not let go of holds up no other, nor the end', async () => {
  await withImpatient('', async (weir, ask) => {
    assert.equal((await ask(endlessCall, 0.1)).status, 504);
    assert.equal((await ask('select 1 + 1 as n')).status, 200);
    assert.match(await weir.in('status'), /queries +1 stuck in the engine; [0-9a-f]{16}: select levenshtein/);
    const metrics = await (await fetch(`http://${weir.serve}/metrics`)).text();
    assert.match(metrics, /^weir_queries_stuck 1$/m);
    assert.match(weir.log(), /does not stop.*levenshtein/);
    assert.equal(await weir.down(), 0);
    assert.match(weir.log(), /left without a checkpoint/);
  });
});

test('when every worker is stuck, queries are refused until the server is started anew', async () => {
  await withImpatient('  restart_after: 5s\n', async (weir, ask) => {
    await send(weir, 20);
    // One that waits longer than it may has no worker, so these are more than there are workers.
    const refused = await until('every worker to be stuck', 30, async () => {
      const answer = await ask(endlessCall, 0.2);
      assert.ok([503, 504].includes(answer.status), String(answer.status));
      return answer.status === 503 ? answer : undefined;
    });
    assert.match(await refused.text(), /every query worker is stuck/);
    const rows = await until('the new server', 60, async () => {
      const answer = await ask('select count(*)::int as n from web.tracks').catch(() => undefined);
      return answer?.status === 200 ? ((await answer.json()) as { rows: number[][] }).rows : undefined;
    });
    assert.deepEqual(rows, [[20]]);
    assert.match(weir.log(), /this server ends, to be started anew/);
  });
});

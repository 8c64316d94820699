// `weir demo` as a newcomer runs it: the company is made, sent, loaded and asked about; again in the
// same folder nothing is counted twice; what is wrong is said.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, until } from '../node/weir.js';

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

interface Running {
  interrupt: () => void;
  out: () => string;
  ended: () => boolean;
  end: Promise<Outcome>;
}

function start(args: string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(binary, ['demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8', COLUMNS: '80', ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const end = new Promise<Outcome>((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, err });
    }),
  );
  return { interrupt: () => child.kill('SIGINT'), out: () => out, ended: () => child.exitCode !== null, end };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-demo-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The titles of the questions, from the files that analysts read. */
function titles(): string[] {
  // The bundle runs from build/node/e2e.
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
  const folder = path.join(root, 'src/demo/questions');
  return readdirSync(folder)
    .sort()
    .map((name) => /^-- title: (.*)$/m.exec(readFileSync(path.join(folder, name), 'utf8'))?.[1] ?? '');
}

function books(out: string): { rows: number; duplicates: number; sum: number; discards: number } {
  const line = /books close: ([\d,]+) rows and ([\d,]+) duplicates left out make ([\d,]+); (\d+) values/;
  const found = line.exec(out);
  assert.ok(found, `no books in:\n${out}`);
  const [rows = NaN, duplicates = NaN, sum = NaN, discards = NaN] = found
    .slice(1)
    .map((text) => Number(text.replaceAll(',', '')));
  return { rows, duplicates, sum, discards };
}

test('weir demo --once asks every question, and a second run counts nothing twice', async () => {
  await inFolder(async (folder) => {
    const dir = path.join(folder, 'podium');
    const args = ['--once', '--events', '20000', '--dir', dir];
    const first = await start(args).end;
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /20,000 events \(\d+ MB\) sent/);
    const expected = titles();
    assert.equal(expected.length, 13);
    expected.forEach((title, i) => assert.ok(first.out.includes(`${i + 1}. ${title}`), title));
    for (const line of first.out.split('\n')) assert.ok([...line].length <= 100, line);
    const closed = books(first.out);
    assert.equal(closed.sum, 20000);
    assert.ok(closed.duplicates > 0);
    assert.equal(closed.discards, 0);

    const second = await start(['--once', '--dir', dir]).end;
    assert.equal(second.code, 0, second.err);
    const again = books(second.out);
    assert.equal(again.rows, closed.rows);
    assert.equal(again.duplicates, closed.duplicates + 20000);

    const other = await start(['--once', '--events', '30000', '--dir', dir]).end;
    assert.equal(other.code, 1);
    assert.match(other.err, /--events 20000/);
  });
});

test('without --once people keep watching until Ctrl-C, which stops everything', async () => {
  await inFolder(async (folder) => {
    const dir = path.join(folder, 'podium');
    const demo = start(['--events', '6000', '--dir', dir]);
    await until('the demo to go live', 60, () => {
      assert.ok(!demo.ended(), demo.out());
      return demo.out().includes('Ctrl-C') ? true : undefined;
    });
    const served = /serve +http:\/\/(\S+)/.exec(demo.out())?.[1];
    assert.ok(served);
    const links = [...demo.out().matchAll(/^ +(.+?) +http:\/\/\S+\/(?:report|dashboard)\/([a-z0-9]{10})$/gm)];
    assert.deepEqual(links.map(([, title]) => title).sort(), ['Executive overview', 'From visit to subscription', 'Live now', 'Sport manager', 'Subscriptions and churn', 'Viewing']);
    for (const [, title, id] of links) {
      const { report } = (await (await fetch(`http://${served}/api/reports/${id}`)).json()) as { report: { title: string } };
      assert.equal(report.title, title);
    }
    const { publication } = (await (await fetch(`http://${served}/api/reports/podiumlive`)).json()) as { publication: { company: boolean } };
    assert.equal(publication.company, true);
    const sql = "select count(*) from web.tracks where timestamp > now()::timestamp - interval 1 minute";
    await until('live events in the warehouse', 30, async () => {
      const answer = await fetch(`http://${served}/api/query`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql }),
      });
      const { rows } = (await answer.json()) as { rows?: number[][] };
      return (rows?.[0]?.[0] ?? 0) > 5 ? true : undefined;
    });
    const status = (await (await fetch(`http://${served}/api/status`)).json()) as { query: { failed: number } };
    assert.equal(status.query.failed, 0, 'the demo asks nothing that fails');
    demo.interrupt();
    const end = await demo.end;
    assert.equal(end.code, 0, end.err);
    await assert.rejects(fetch(`http://${served}/health`));
  });
});

test('weir demo --print gives the same bytes for the same seed', async () => {
  const args = ['--print', '--events', '5000', '--until', '2026-01-31T12:00:00Z'];
  const [a, b, c] = await Promise.all([start(args).end, start(args).end, start([...args, '--seed', '2']).end]);
  assert.equal(a.code, 0, a.err);
  assert.equal(a.out, b.out);
  assert.notEqual(a.out, c.out);
  const lines = a.out.trimEnd().split('\n');
  assert.equal(lines.length, 5000);
  const ids = lines.map((line) => (JSON.parse(line) as { messageId: string }).messageId);
  assert.ok(ids.every((id) => id.length > 30 && id.length <= 100));
});

test('what cannot be done is said before anything is started', async () => {
  await inFolder(async (folder) => {
    const tooMany = await start(['--once', '--events', '99', '--dir', path.join(folder, 'a')]).end;
    assert.equal(tooMany.code, 1);
    assert.match(tooMany.err, /ask for 5000 to/);
    const noRoom = await start(['--once', '--events', '2000000000', '--dir', path.join(folder, 'a')]).end;
    assert.equal(noRoom.code, 1);
    assert.match(noRoom.err, /fewer --events/);
    assert.deepEqual(readdirSync(folder), [], 'nothing is left behind');
    const odd = await start(['--once', '--events', 'many', '--dir', path.join(folder, 'b')]).end;
    assert.equal(odd.code, 2);
    assert.match(odd.err, /no whole number/);
    const dir = path.join(folder, 'mine');
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'weir.yml'), '');
    const mine = await start(['--once', '--dir', dir]).end;
    assert.equal(mine.code, 1);
    assert.match(mine.err, /workspace that no demo made/);
  });
});

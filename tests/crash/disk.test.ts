// A disk that is nearly full, full, or read-only: events are refused with 503 and Retry-After, and
// none that was acknowledged is lost. Needs root, for a small file system of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';
import { Random, post } from './load.js';

const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const skip = process.getuid?.() === 0 ? false : 'only root can mount';
const MB = 1 << 20;

interface Disk {
  weir: Weir;
  folder: string;
  /** Leaves `bytes` free, by a file that free() removes. */
  occupy(bytes: number): void;
  free(): void;
}

async function withDisk(settings: string, body: (disk: Disk) => Promise<void>, size = '256m'): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  const ballast = path.join(folder, 'ballast');
  let weir: Weir | undefined;
  try {
    weir = await Weir.init(path.join(folder, 'work'));
    const file = path.join(weir.dir, 'weir.yml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^log:.*$/m, settings.trim()));
    await body({
      weir,
      folder,
      occupy(bytes) {
        const { bavail, bsize } = statfsSync(folder);
        const length = statSync(ballast, { throwIfNoEntry: false })?.size ?? 0;
        execFileSync('fallocate', ['-l', String(length + Math.max(1, bavail * bsize - bytes)), ballast]);
      },
      free: () => rmSync(ballast, { force: true }),
    });
  } catch (error) {
    if (weir) console.log(`seed ${seed}\n${weir.log().split('\n').slice(-40).join('\n')}`);
    throw error;
  } finally {
    rmSync(ballast, { force: true });
    await weir?.remove();
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  }
}

/** Sends batches with one large event each; knows what was acknowledged. */
class Sender {
  readonly acknowledged: string[] = [];
  private readonly agent = new http.Agent({ keepAlive: true });
  private sent = 0;
  private readonly random = new Random(seed);

  constructor(private readonly weir: Weir) {}

  /** One event; the status that it was answered with. */
  async send(bytes: number): Promise<number> {
    const id = `e${this.sent++}`;
    // Random letters, so that no layer can make it small.
    const text = Array.from({ length: bytes / 4 }, () => this.random.below(36 ** 4).toString(36)).join('');
    const body = JSON.stringify({
      batch: [{ type: 'track', event: 'Uploaded', userId: 'u', messageId: id, properties: { text } }],
    });
    const answer = await post(this.agent, this.weir.collect, '/v1/batch', this.weir.key, body);
    if (answer.status === 200) this.acknowledged.push(id);
    else assert.ok(answer.retryAfter, `${answer.status} without Retry-After: ${answer.body}`);
    return answer.status;
  }

  async check(): Promise<void> {
    await this.weir.loaded();
    const rows = await this.weir.in('query', '--format', 'csv', 'select id from web.uploaded order by id');
    assert.deepEqual(rows.trim().split(/\r?\n/).slice(1), [...this.acknowledged].sort());
    await this.weir.in('log', 'verify');
  }
}

test('below the free-space guard events are refused, and taken again when there is room', { skip }, () =>
  withDisk('\nlog:\n  keep_free: 32MB\n', async (disk) => {
    await disk.weir.up();
    const sender = new Sender(disk.weir);
    assert.equal(await sender.send(1000), 200);
    disk.occupy(20 * MB);
    await until('503', 20, async () => ((await sender.send(1000)) === 503 ? true : undefined));
    assert.match(await disk.weir.in('status'), /^collect +up.*\n +takes no events: the disk is full$/m);
    const doctor = await disk.weir.in('doctor').then(() => assert.fail('all is well'), (e: { stdout: string }) => e.stdout);
    assert.match(doctor, /^problem +collect +takes no events, SDKs get 503 and try again: the disk is\s+full$/m);
    assert.match(doctor, /^problem +disk +0\.0\d GB free, less than log\.keep_free/m);
    disk.free();
    await until('200', 20, async () => ((await sender.send(1000)) === 200 ? true : undefined));
    await sender.check();
  }));

test(`on a full disk nothing that was acknowledged is lost (seed ${seed})`, { skip }, () =>
  withDisk('\nlog:\n  keep_free: 1MB\n', async (disk) => {
    await disk.weir.up();
    const sender = new Sender(disk.weir);
    disk.occupy(6 * MB);
    // Written in parallel, so that the disk becomes full in the middle of a group.
    let refused = 0;
    for (let round = 0; round < 20 && refused < 10; round++) {
      const answers = await Promise.all([3 * MB, 40_000, 400_000, 4000].map((n) => sender.send(n)));
      refused += answers.filter((status) => status === 503).length;
      assert.deepEqual(answers.filter((status) => status !== 200 && status !== 503), []);
    }
    assert.ok(refused >= 10, `${refused} requests were refused`);
    disk.free();
    // What could not be loaded meanwhile is loaded without another event having to come.
    await sender.check();
    await until('200', 30, async () => ((await sender.send(1000)) === 200 ? true : undefined));
    await sender.check();
  }));

test('a log folder that cannot be written is said, not survived in silence', { skip }, () =>
  withDisk('\nlog:\n  keep_free: 1MB\n', async (disk) => {
    const log = path.join(disk.weir.dir, '.weir/log');
    mkdirSync(log, { recursive: true });
    writeFileSync(path.join(log, 'note'), 'kept');
    execFileSync('mount', ['--bind', log, log]);
    try {
      execFileSync('mount', ['-o', 'remount,bind,ro', log]);
      await assert.rejects(
        disk.weir.in('collect', '--listen', '127.0.0.1:0'),
        (error: Error) => error.message.includes(log) && /read-only/i.test(error.message),
      );
    } finally {
      execFileSync('umount', [log]);
    }
    rmSync(path.join(log, 'note'));
    await disk.weir.up();
    const sender = new Sender(disk.weir);
    assert.equal(await sender.send(1000), 200);
    await sender.check();
  }));

test('a nearly full disk costs kept results their place on it, and nobody an answer or an event', { skip }, () =>
  withDisk('\nlog:\n  keep_free: 32MB\ncache:\n  worth: 0s\n  warm: 0\n', async (disk) => {
    const { weir } = disk;
    await weir.up();
    const admin = await setUp(weir);
    // A megabyte of what no layer can make small.
    const sql = "select i, md5(i::text || '{{ n }}') as a, md5('{{ n }}' || i::text) as b from range(12000) t(i)";
    const made = await admin.want(201, 'POST', '/api/reports', {
      report: { title: 'Large', parameters: [{ name: 'n', type: 'number', default: 0 }], queries: [{ id: 'q' }], tiles: [] },
      queries: { q: sql },
    });
    const ask = async (n: number): Promise<void> => {
      const [part] = (await askPage(admin, { report: made['id'], values: { n } })).parts;
      assert.equal(part?.rows?.length, 12_000, JSON.stringify(part?.error));
    };
    const kept = (): number => {
      const folder = path.join(weir.dir, '.weir/cache/results');
      return readdirSync(folder).filter((name) => !name.endsWith('.tmp')).length;
    };
    const failures = async (): Promise<number> => Number((await admin.want(200, 'GET', '/api/cache'))['disk_failures']);
    for (let n = 0; n < 8; n++) await ask(n);
    await until('eight results on the disk', 20, () => (kept() === 8 ? true : undefined));
    disk.occupy(508 * MB); // less than half a gigabyte is left: the oldest are given back
    await ask(8);
    await until('some to be given back', 20, () => (kept() < 8 && kept() > 0 ? true : undefined));
    disk.occupy(100 * MB);
    for (let n = 9; n < 12; n++) await ask(n);
    await until('all to be given back', 20, async () => (kept() === 0 && (await failures()) >= 1 ? true : undefined));
    const sender = new Sender(weir);
    assert.equal(await sender.send(1000), 200);
    await ask(3);
    disk.free();
    await sender.check();
  }, '700m'));

test('a load that would leave events no room ends, and the next small one goes on', { skip }, async () => {
  const files = mkdtempSync(path.join(tmpdir(), 'weir-disk-files-'));
  try {
    await withDisk('log: {}', async ({ weir }) => {
      const rows = (count: number): string => `id,text\n${Array.from({ length: count }, (_, i) => `${i},${randomBytes(450).toString('base64')}\n`).join('')}`;
      const file = path.join(weir.dir, 'weir.yml');
      writeFileSync(file, `${readFileSync(file, 'utf8')}\nsource:\n  folders: [${files}]\n`);
      writeFileSync(path.join(weir.dir, 'sources/big.yml'), `kind: file\nconnection: {path: ${files}}\n`);
      writeFileSync(path.join(files, 'rows.csv'), rows(2));
      await weir.in('sync', 'big');
      // As it would be in the table, too, and as it is stored first.
      for (const count of [170_000, 320_000]) {
        writeFileSync(path.join(files, 'rows.csv'), rows(count));
        await assert.rejects(weir.in('sync', 'big'), /there is no room for what is read: the disk of weir's data folder has \d+ MB left, and events need them/);
        assert.deepEqual(await weir.rows('select count(*) as n from big.rows'), [{ n: 2 }]);
      }
      writeFileSync(path.join(files, 'rows.csv'), rows(3));
      await weir.in('sync', 'big');
      assert.deepEqual(await weir.rows('select count(*) as n from big.rows'), [{ n: 3 }]);
    }, '1136m');
  } finally {
    rmSync(files, { recursive: true });
  }
});

// Many people with open pages: the server is killed under them, and thousands of pages follow
// what changes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { type Client, join, send, setUp } from '../node/client.js';
import { readPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';
import { Random } from './load.js';
import { processes, strike } from './strike.js';

const seed = Number(process.env['WEIR_SEED'] ?? Date.now() % 1_000_000);
const VIEWERS = 200;
const SPORTS = ['rugby', 'hockey', 'tennis', 'chess'] as const;

let weir: Weir;
let admin: Client;
let people: Client[];

async function upload(csv: string, method = 'PUT'): Promise<number> {
  const target = method === 'POST' ? '/api/uploads?name=games' : '/api/uploads/games';
  const headers = { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' };
  return send(weir, method, target, headers, csv).then((answer) => answer.status, () => 0);
}

const games = (n: number): string => `sport,n\n${SPORTS.map((sport) => `${sport},${n}`).join('\n')}\n`;

before(async () => {
  weir = await (await Weir.init()).up();
  admin = await setUp(weir);
  assert.equal(await upload(games(0), 'POST'), 201);
  const joined = await Promise.all(SPORTS.map((sport) => join(admin, `${sport}@example.com`, { attributes: { sports: [sport] } })));
  people = joined.map((one) => one.client);
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [{ schema: 'uploads', table: 'games', rows: 'sport in (user.sports)', hidden: [], masked: [] }] });
});
after(() => weir.remove());

/** Somebody who asks for the page again and again, over a connection of her own. */
class Viewer {
  pages = 0;
  broken = 0;
  fault: Error | undefined;
  private running = true;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  private readonly done: Promise<void>;

  constructor(
    private readonly who: Client,
    private readonly sport: string,
    private readonly report: string,
    private readonly least: () => number,
  ) {
    this.done = this.run().catch((error: unknown) => {
      this.fault = error as Error;
    });
  }

  /** The bytes of a page; undefined when the connection broke, also in the middle of it. */
  private ask(): Promise<Buffer | undefined> {
    const [host, port] = weir.serve.split(':');
    const body = JSON.stringify({ report: this.report });
    const headers = { cookie: this.who.cookie, 'x-weir-csrf': this.who.csrf, 'content-type': 'application/json', 'content-length': body.length };
    return new Promise((resolve, reject) => {
      const request = http.request({ host, port, method: 'POST', path: '/api/page', agent: this.agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(undefined));
        response.on('end', () => {
          const whole = Buffer.concat(chunks);
          // A server that stops says so; it never says that a page or a right is not there.
          if (response.statusCode === 503) resolve(undefined);
          else if (response.statusCode === 200) resolve(whole);
          else reject(new Error(`${response.statusCode}: ${whole.toString()}`));
        });
      });
      request.on('error', () => resolve(undefined));
      request.end(body);
    });
  }

  private async run(): Promise<void> {
    while (this.running) {
      const least = this.least();
      const bytes = await this.ask();
      if (!bytes) {
        this.broken++;
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      for (const part of readPage(bytes).parts) {
        assert.equal(part.error, undefined);
        const [row] = part.rows ?? [];
        assert.equal(part.rows?.length, 1, `her row, and no other: ${JSON.stringify(part.rows)}`);
        assert.equal(row?.[0], this.sport);
        assert.ok(Number(row[1]) >= least, `${String(row[1])} was shown after ${least} was acknowledged`);
      }
      this.pages++;
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
    this.agent.destroy();
    if (this.fault) throw this.fault;
  }
}

test(`killed under ${VIEWERS} viewers and started again, it shows nobody an old number or another's (seed ${seed})`, async () => {
  const random = new Random(seed);
  const queries = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`q${i}`, `select sport, n + 0 * ${i} as n from uploads.games`]));
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Games', queries: Object.keys(queries).map((id) => ({ id })), tiles: [] }, queries });
  let told = 0; // what the last upload that was answered has said
  const viewers = Array.from({ length: VIEWERS }, (_, i) => {
    const at = i % people.length;
    return new Viewer(people[at] as Client, SPORTS[at] ?? '', String(made['id']), () => told);
  });
  const least = (n: number): boolean => viewers.every((viewer) => viewer.fault !== undefined || viewer.pages >= n);
  try {
    await until('everybody to see a page', 60, () => least(1) || undefined);
    for (let round = 1; round <= 3; round++) {
      for (const n of [round * 10, round * 10 + 1]) {
        await until('an upload', 30, async () => ((await upload(games(n))) === 200 ? true : undefined));
        told = n;
      }
      await new Promise((resolve) => setTimeout(resolve, random.below(100)));
      await strike(weir, 'serve');
      const seen = Math.max(...viewers.map((viewer) => viewer.pages));
      await until('everybody to see a page again', 60, () => least(Math.min(seen, round) + 1) || undefined);
    }
  } finally {
    await Promise.all(viewers.map((viewer) => viewer.stop()));
  }
  assert.ok(viewers.some((viewer) => viewer.broken > 0), 'nobody noticed');
});

/** A page that follows changes; hears whole events. */
class Stream {
  tables = 0;
  private readonly socket: net.Socket;
  private text = '';
  readonly open: Promise<void>;

  constructor(who: Client) {
    const [host, port] = weir.serve.split(':');
    this.socket = net.connect(Number(port), host);
    this.open = new Promise((resolve, reject) => {
      this.socket.on('error', reject);
      this.socket.on('close', () => reject(new Error(`a stream ended: ${this.text}`)));
      this.socket.on('data', (bytes: Buffer) => {
        this.text += bytes.toString();
        if (this.text.includes('retry:')) resolve();
        this.tables += this.text.split('"kind":"tables"').length - 1;
        this.text = this.text.slice(-8);
      });
    });
    this.open.catch(() => undefined);
    this.socket.write(`GET /api/changes HTTP/1.1\r\nHost: ${weir.serve}\r\nCookie: ${who.cookie}\r\n\r\n`);
  }

  close(): void {
    this.socket.destroy();
  }
}

const resident = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

test('ten thousand pages follow what changes, and the others are answered', async () => {
  const allowed = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const count = Math.min(10_000, Math.floor(allowed * 0.6));
  const pid = processes(weir.pid).get('serve') ?? 0;
  const before = resident(pid);
  const streams: Stream[] = [];
  try {
    while (streams.length < count) {
      const some = Array.from({ length: Math.min(250, count - streams.length) }, (_, i) => new Stream(people[i % people.length] as Client));
      streams.push(...some);
      await Promise.all(some.map((stream) => stream.open));
    }
    const each = (resident(pid) - before) / count;
    console.log(`viewers: ${count} streams, ${each.toFixed(1)} KB each`);
    assert.ok(each < 50, `${each.toFixed(1)} KB a stream`);
    assert.equal(await upload(games(100)), 200);
    await until('all to hear of it', 60, () => (streams.every((stream) => stream.tables > 0) ? true : undefined));
    await admin.want(200, 'GET', '/api/session');
  } finally {
    for (const stream of streams) stream.close();
  }
  await until('the connections to be given back', 30, async () => {
    const metrics = (await admin.ask('GET', '/metrics')).text;
    return Number(/^weir_serve_connections (\d+)/m.exec(metrics)?.[1]) < 100 || undefined;
  });
});

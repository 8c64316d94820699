// `weir collect` by itself: what it keeps, what it refuses, how it behaves in trouble. Read back from
// the event log with `weir log cat`.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Weir, binary, until } from '../node/weir.js';

type Headers = Record<string, string>;

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

interface LogRecord {
  seq: number;
  kind: string;
  source: string;
  method: string;
  ip: string;
  note?: string;
  body: unknown;
}

/** A collector without a server, in a workspace of its own. */
class Collector {
  address = '';
  private process: ChildProcess | undefined;
  private exited: Promise<number | null> | undefined;
  output = '';

  private constructor(readonly weir: Weir) {}

  static async with(settings: string, body: (c: Collector) => Promise<void>): Promise<void> {
    const c = new Collector(await Weir.init());
    try {
      writeFileSync(path.join(c.weir.dir, 'weir.yml'), settings);
      await c.start();
      await body(c);
    } catch (error) {
      console.log(c.output);
      throw error;
    } finally {
      await c.stop();
      rmSync(c.weir.dir, { recursive: true, force: true });
    }
  }

  async start(): Promise<void> {
    this.output = '';
    const child = spawn(binary, ['-C', this.weir.dir, 'collect', '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (text: Buffer) => (this.output += text.toString()));
    this.process = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    this.address = await until('the collector to listen', 20, () => {
      if (child.exitCode !== null) throw new Error(`the collector ended: ${this.output}`);
      return /"message":"collecting","address":"([^"]+)"/.exec(this.output)?.[1];
    });
  }

  /** SIGTERM; the exit code. */
  async stop(): Promise<number | null> {
    this.process?.kill('SIGTERM');
    const code = (await this.exited) ?? 0;
    this.process = undefined;
    return code;
  }

  logged(text: string): Promise<true> {
    return until(`"${text}" in the log`, 30, () => (this.output.includes(text) ? true : undefined));
  }

  source(name: string, text: string): void {
    writeFileSync(path.join(this.weir.dir, 'sources', `${name}.yml`), text);
  }

  async records(...flags: string[]): Promise<LogRecord[]> {
    const text = await this.weir.in('log', 'cat', ...flags);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogRecord);
  }

  async metric(name: string): Promise<number> {
    const { body } = await this.ask('GET', '/metrics');
    const value = new RegExp(`^weir_collect_${name} (.*)$`, 'm').exec(body)?.[1];
    assert.ok(value, name);
    return Number(value);
  }

  ask(method: string, target: string, headers: Headers = {}, body: string | Buffer = ''): Promise<Reply> {
    const [host, port] = this.address.split(':');
    return new Promise((resolve, reject) => {
      const options = { host, port, method, path: target, headers, agent: false };
      const request = http.request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** A good track call. */
  track(id: string, headers: Headers = {}, key = this.weir.key): Promise<Reply> {
    return this.ask('POST', '/v1/track', { ...basic(key), ...headers }, call(id));
  }
}

function call(id: string): string {
  return JSON.stringify({ userId: 'u', event: 'Seen', messageId: id });
}

function basic(key: string): Headers {
  return { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` };
}

function idOf(record: LogRecord): string {
  return String((record.body as { messageId?: string }).messageId);
}

test('a refused call is kept with its reason', () =>
  Collector.with('', async (c) => {
    const auth = basic(c.weir.key);
    const cases: [Headers, string, string, string][] = [
      [auth, '/v1/track', '{"userId"', 'not_a_call'],
      [auth, '/v1/track', '[]', 'not_a_call'],
      [auth, '/v1/track', '', 'not_a_call'],
      [auth, '/v1/batch', '{"batch":{}}', 'not_a_call'],
      [auth, '/v1/track', '{"userId":"u"}', 'no_event'],
      [auth, '/v1/page', '{}', 'no_user_anon_id'],
      [auth, '/v1/group', '{"userId":"u"}', 'no_group_id'],
      [auth, '/v1/alias', '{"userId":"u"}', 'no_previous_id'],
      [{}, '/v1/track', call('x'), 'no_write_key'],
      [auth, '/v1/track', `{"a":"${'x'.repeat(200_000)}"}`, 'no_user_anon_id'],
    ];
    for (const [headers, route, body] of cases) {
      const reply = await c.ask('POST', route, headers, body);
      assert.equal(reply.status, 400, body.slice(0, 50));
      assert.equal((JSON.parse(reply.body) as { success: boolean }).success, false);
    }
    const records = await c.records();
    assert.deepEqual(
      records.map((record) => record.note),
      cases.map(([, , , note]) => note),
    );
    assert.ok(records.every((record) => record.kind === 'refused'));
    assert.equal(records[0]?.source, 'web');
    assert.equal(records[0]?.body, '{"userId"');
    assert.equal(String(records.at(-1)?.body).length, 65536);
    assert.equal(await c.metric('refused_total'), cases.length);
  }));

test('a batch is kept whole, as it came, whatever its items are', () =>
  Collector.with('', async (c) => {
    const body = '{"batch":[{"type":"track"},7,{"type":"nonsense"}],  "writeKey":"KEY"}'.replace('KEY', c.weir.key);
    assert.equal((await c.ask('POST', '/v1/batch', {}, body)).status, 200);
    assert.equal((await c.ask('POST', '/v1/b', basic(c.weir.key), '{"batch":[]}')).status, 200);
    const records = await c.records();
    assert.deepEqual(records[0]?.body, JSON.parse(body));
    assert.equal(await c.metric('events_total'), 3);
  }));

test('what is refused unread leaves evidence, without its key and within bounds', () =>
  Collector.with('', async (c) => {
    const auth = basic(c.weir.key);
    const file = path.join(c.weir.dir, '.weir/unread.ndjson');
    assert.equal((await c.ask('POST', '/v1/track', auth, Buffer.alloc(10 << 20, 'x'))).status, 413);
    assert.equal((await c.ask('POST', `/v1/batch?writeKey=${c.weir.key}`, { 'content-encoding': 'gzip' }, 'no gzip')).status, 400);
    assert.match(await raw(c, 'GET\r\n\r\n'), /^HTTP\/1.1 400/);
    const text = readFileSync(file, 'utf8');
    const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines.map(({ at, ...line }) => line), [
      { status: 413, reason: 'body is too large', source: 'web', address: '127.0.0.1', method: 'POST', path: '/v1/track', bytes: 10 << 20, left_out: 0 },
      { status: 400, reason: lines[1]?.['reason'], source: 'web', address: '127.0.0.1', method: 'POST', path: '/v1/batch', bytes: 7, left_out: 0 },
      { status: 400, reason: lines[2]?.['reason'], source: '', address: '127.0.0.1', method: '', path: '', bytes: 0, left_out: 0 },
    ]);
    assert.ok(!text.includes(c.weir.key) && !c.output.includes(c.weir.key));
    await until('the log line', 30, () => (/"message":"a request was refused unread","why":"body is too large"/.test(c.output) ? true : undefined));
    assert.match(await c.weir.in('status'), /^unread +3 requests refused unread, the last at .*: 400 .*\(no source, from 127\.0\.0\.1\)/m);
    assert.match(await c.weir.in('doctor'), /^warning +unread +3 requests were refused unread/m);
    for (let i = 0; i < 100; i++) await c.ask('POST', '/v1/track', { ...auth, 'content-encoding': 'br' }, 'x');
    const after = readFileSync(file, 'utf8').trim().split('\n').length;
    assert.ok(after >= 20 && after < 100, `${after} lines for 103 requests`);
    assert.equal(await c.metric('requests_total{route="unreadable",status="415"}'), 100);
  }));

test('what is too large or no HTTP is refused, and what follows is served', () =>
  Collector.with('', async (c) => {
    const auth = basic(c.weir.key);
    const large = Buffer.alloc(10 << 20, 'x');
    assert.equal((await c.ask('POST', '/v1/track', auth, large)).status, 413);
    const bomb = gzipSync(Buffer.alloc(300 << 20));
    assert.ok(bomb.length < 1 << 20);
    assert.equal((await c.ask('POST', '/v1/track', { ...auth, 'content-encoding': 'gzip' }, bomb)).status, 413);
    assert.equal((await c.ask('POST', '/v1/track', { ...auth, 'content-encoding': 'gzip' }, 'x')).status, 400);
    assert.equal((await c.ask('POST', '/v1/track', { ...auth, 'content-encoding': 'br' }, 'x')).status, 415);
    for (const garbage of ['\r\n\r\n\0\0\0', 'GET\r\n\r\n', '\x16\x03\x01\x02\0\x01\r\n\r\n']) {
      const answer = await raw(c, garbage);
      assert.ok(answer === '' || answer.startsWith('HTTP/1.1 400'), answer);
    }
    const big = JSON.stringify({ userId: 'u', event: 'E', properties: { text: 'y'.repeat(7 << 20) } });
    assert.equal((await c.ask('POST', '/v1/track', auth, big)).status, 200);
    assert.equal((await c.ask('GET', '/v1/track')).status, 405);
    assert.equal((await c.ask('POST', '/quarantine/release')).status, 404);
    assert.ok((await c.metric('resident_bytes')) < 200 << 20);
  }));

function raw(c: Collector, text: string): Promise<string> {
  const [host, port] = c.address.split(':');
  return new Promise((resolve) => {
    let got = '';
    const socket = net.connect(Number(port), host, () => socket.end(Buffer.from(text, 'latin1')));
    socket.on('data', (chunk) => (got += chunk.toString('latin1')));
    socket.on('error', () => resolve(got));
    socket.on('close', () => resolve(got));
  });
}

test('addresses: the proxy is believed where it is trusted, and sources decide what is kept', () =>
  Collector.with('collect:\n  trusted_proxies: [127.0.0.0/8]\n', async (c) => {
    const key = (name: string): string => `${name}-key-0123456789abcdef`;
    for (const policy of ['keep', 'anonymize', 'drop']) {
      c.source(policy, `write_key: ${key(policy)}\nip: ${policy}\n`);
    }
    await c.logged('"sources":"4"');
    const hops = { 'x-forwarded-for': '6.6.6.6, 203.0.113.77, 127.0.0.9' };
    for (const policy of ['keep', 'anonymize', 'drop']) {
      assert.equal((await c.track(policy, hops, key(policy))).status, 200);
    }
    assert.equal((await c.track('v6', { 'x-forwarded-for': '2001:db8:1:2:3::4' }, key('anonymize'))).status, 200);
    const records = await c.records();
    assert.deepEqual(
      records.map((record) => record.ip ?? ''),
      ['203.0.113.77', '203.0.113.0', '', '2001:db8:1::'],
    );
    const settings = await c.ask('GET', `/v1/projects/${c.weir.key}/settings`, {
      host: 'events.podium.example',
      'x-forwarded-proto': 'https',
    });
    const { integrations } = JSON.parse(settings.body) as { integrations: Record<string, object> };
    assert.deepEqual(integrations['Segment.io'], {
      apiKey: c.weir.key,
      apiHost: 'events.podium.example/v1',
      protocol: 'https',
    });
  }));

test('a stranger is not believed', () =>
  Collector.with('', async (c) => {
    await c.track('x', { 'x-forwarded-for': '203.0.113.77' });
    assert.equal((await c.records())[0]?.ip, '127.0.0.1');
    const settings = await c.ask('GET', `/v1/projects/${c.weir.key}/settings`, {
      host: 'a"b<c>',
      'x-forwarded-proto': 'https',
    });
    assert.match(settings.body, /"apiHost":"localhost\/v1","protocol":"http"/);
  }));

test('sources change while it runs; a broken file changes nothing', () =>
  Collector.with('', async (c) => {
    const key = 'app-key-0123456789abcdef';
    c.source('app', `write_key: ${key}\n`);
    await c.logged('"sources":"2"');
    assert.equal((await c.track('one', {}, key)).status, 200);
    c.source('app', 'write_key: [\n');
    await c.logged('these files count as they were');
    assert.equal((await c.track('two', {}, key)).status, 200);
    assert.ok((await c.metric('source_errors_total')) > 0);
    c.source('app', `write_key: fresh-key-0123456789abcdef\nold_write_keys: [${key}]\n`);
    await until('the sources to be read again', 30, async () => {
      assert.equal((await c.track('probe', {}, 'fresh-key-0123456789abcdef')).status, 200);
      return (await c.records('--source', 'app')).some((record) => idOf(record) === 'probe') ? true : undefined;
    });
    assert.equal((await c.track('three', {}, key)).status, 200);
    const ids = (await c.records('--source', 'app')).map(idOf).filter((id) => id !== 'probe');
    assert.deepEqual(ids, ['one', 'two', 'three']);
  }));

test('unknown keys wait in quarantine until a source has them', () =>
  Collector.with('', async (c) => {
    const key = 'typo-key-0123456789abcdef';
    const known = async (count: number): Promise<void> => {
      await until(`${count} sources`, 30, async () => ((await c.metric('sources')) === count ? true : undefined));
    };
    for (const id of ['a', 'b']) assert.equal((await c.track(id, {}, key)).status, 200);
    assert.equal((await c.track('other', {}, 'nobody-key-0123456789abcdef')).status, 200);
    assert.deepEqual(await c.records(), []);
    assert.equal((await c.records('--quarantine')).length, 3);
    assert.match(await c.weir.in('quarantine', 'list'), new RegExp(`${key} +2 .* -\n`));
    c.source('app', `write_key: ${key}\nip: drop\n`);
    await known(2);
    const released = await until('the calls to be released', 30, async () => {
      const records = await c.records();
      return records.length === 2 ? records : undefined;
    });
    assert.equal(await c.weir.in('quarantine', 'release'), 'Released 0 calls.\n');
    assert.deepEqual(released.map(idOf), ['a', 'b']);
    assert.ok(released.every((record) => record.kind === 'call' && record.source === 'app' && !record.ip));
    assert.equal(await c.metric('released_total'), 2);
    // A disabled source: as if its key were unknown.
    c.source('app', `write_key: ${key}\ndisabled: true\n`);
    await until('the source to be disabled', 30, async () => {
      assert.equal((await c.track('later', {}, key)).status, 200);
      return (await c.records('--quarantine')).some((record) => idOf(record) === 'later') ? true : undefined;
    });
    // Its calls came while it was known: only a person lets them in. Without a collector, too.
    c.source('app', `write_key: ${key}\n`);
    await until('the source to be enabled', 30, async () => {
      assert.equal((await c.track('enabled', {}, key)).status, 200);
      return (await c.records()).some((record) => idOf(record) === 'enabled') ? true : undefined;
    });
    assert.equal(await c.metric('released_total'), 2);
    await c.stop();
    assert.match(await c.weir.in('quarantine', 'release'), /^Released \d+ call/);
    assert.ok((await c.records()).some((record) => idOf(record) === 'later'));
    assert.match(await c.weir.in('quarantine', 'list'), /nobody-key/);
    await c.start();
  }));

test('a key that two sources have from the start is nobody\'s, and keeps no other from coming', () =>
  Collector.with('', async (c) => {
    const key = 'shared-key-0123456789abcdef';
    await c.stop();
    for (const name of ['app', 'twin']) c.source(name, `write_key: ${key}\n`);
    await c.start();
    assert.equal((await c.track('whose', {}, key)).status, 200);
    assert.equal((await c.records('--quarantine')).length, 1);
    const other = 'other-key-0123456789abcdef';
    c.source('tv', `write_key: ${other}\n`);
    await until('the new source', 30, async () => ((await c.track('tv', {}, other)) && (await c.records()).some((record) => record.source === 'tv') ? true : undefined));
    assert.doesNotMatch(c.output, /a write key is gone/);
    rmSync(path.join(c.weir.dir, 'sources/twin.yml'));
    const released = await until('the call to be released', 30, async () => (await c.records()).find((record) => idOf(record) === 'whose'));
    assert.equal(released.source, 'app');
  }));

test('a sources folder that is gone for a moment sends nothing to quarantine', () =>
  Collector.with('', async (c) => {
    const sources = path.join(c.weir.dir, 'sources');
    renameSync(sources, `${sources}.away`);
    await c.logged('sources/ is gone');
    assert.equal((await c.track('folder')).status, 200);
    renameSync(`${sources}.away`, sources);
    // One file of several, as in the middle of a checkout.
    c.source('other', 'write_key: other-key-0123456789abcdef\n');
    await c.logged('"sources":"2"');
    renameSync(path.join(sources, 'web.yml'), path.join(sources, 'web.away'));
    await c.logged('a write key is gone');
    assert.equal((await c.track('file')).status, 200);
    assert.deepEqual((await c.records()).map(idOf), ['folder', 'file']);
    // When it stays away, it is gone.
    await until('the source to be gone', 30, async () => ((await c.metric('sources')) === 1 ? true : undefined));
    assert.equal((await c.track('late')).status, 200);
    assert.equal((await c.records('--quarantine')).length, 1);
    // And what came meanwhile is let in when it is back, even over a restart.
    await c.stop();
    renameSync(path.join(sources, 'web.away'), path.join(sources, 'web.yml'));
    await c.start();
    await until('the call to be released', 30, async () => ((await c.records()).length === 3 ? true : undefined));
  }));

test('a full quarantine turns unknown keys away and no others', () =>
  Collector.with('collect:\n  quarantine_max: 1MB\n', async (c) => {
    const key = 'nobody-key-0123456789abcdef';
    const big = (): string => randomBytes(300_000).toString('base64'); // does not compress
    const statuses: number[] = [];
    await until('the quarantine to be full', 20, async () => {
      const body = JSON.stringify({ userId: 'u', event: 'E', properties: { big: big() }, writeKey: key });
      statuses.push((await c.ask('POST', '/v1/track', { 'content-type': 'application/json' }, body)).status);
      return statuses.at(-1) === 503 ? true : undefined;
    });
    assert.equal(statuses[0], 200);
    await c.logged('the quarantine is full');
    assert.equal(await c.metric('quarantine_full'), 1);
    assert.ok((await c.metric('quarantine_turned_away_total')) > 0);
    assert.match(await c.weir.in('status'), /^quarantine .*: full/m);
    assert.equal((await c.track('known')).status, 200);
    // Everything that was answered 200 is there.
    const kept = statuses.filter((status) => status === 200).length;
    assert.equal((await c.records('--quarantine')).length, kept);
    c.source('nobody', `write_key: ${key}\n`);
    await until('the calls to be released', 30, async () =>
      (await c.records()).length === kept + 1 ? true : undefined,
    );
  }));

test('strict: an unknown key is answered 401', () =>
  Collector.with('', async (c) => {
    appendFileSync(path.join(c.weir.dir, 'sources', 'web.yml'), 'strict: true\n');
    const status = async (): Promise<number> => (await c.track('x', {}, 'nobody-key-0123456789abcdef')).status;
    await until('strictness', 30, async () => ((await status()) === 401 ? true : undefined));
    assert.equal((await c.ask('GET', '/v1/projects/nobody-key-0123456789abcdef/settings')).status, 401);
    assert.equal((await c.track('mine')).status, 200);
    assert.ok((await c.records()).some((record) => record.note === 'unknown_write_key'));
  }));

test('a write key of any length turns nobody else away', () =>
  Collector.with('', async (c) => {
    const body = JSON.stringify({ userId: 'u', event: 'e', writeKey: 'k'.repeat(70000) });
    const refused = await c.ask('POST', '/v1/track', { 'content-type': 'application/json' }, body);
    assert.equal(refused.status, 400);
    assert.match(refused.body, /bad_write_key/);
    assert.equal((await c.track('mine')).status, 200);
    assert.ok((await c.records()).some((record) => record.note === 'bad_write_key'));
  }));

test('too little free disk: 503 before the body is read, and nothing is kept', () =>
  Collector.with('log:\n  keep_free: 900TB\n', async (c) => {
    for (const reply of [await c.track('x'), await c.ask('GET', `/v1/pixel/track?data=e30&writeKey=${c.weir.key}`)]) {
      assert.equal(reply.status, 503);
      assert.ok(Number(reply.headers['retry-after']) > 0);
    }
    const early = await raw(c, `POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n{"`);
    assert.match(early, /^HTTP\/1.1 503 /);
    assert.equal((await c.ask('GET', '/health')).status, 503);
    assert.equal(await c.metric('accepting'), 0);
    assert.deepEqual(await c.records(), []);
  }));

test('too much at once: 503 until there is room again', () =>
  Collector.with('collect:\n  max_unfinished: 2MB\n', async (c) => {
    const [host, port] = c.address.split(':');
    const head = 'POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n';
    const sockets = Array.from({ length: 4 }, () => net.connect(Number(port), host));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.write(head + ' '.repeat(900_000)); // and no more
    }
    await until('the requests to be held', 30, async () =>
      (await c.metric('unfinished_bytes')) > 2 << 20 ? true : undefined,
    );
    const reply = await c.track('x', { origin: 'https://podium.example' });
    assert.equal(reply.status, 503);
    assert.ok(Number(reply.headers['retry-after']) > 0);
    assert.equal(reply.headers['access-control-allow-origin'], 'https://podium.example');
    for (const socket of sockets) socket.destroy();
    await until('room', 30, async () => ((await c.track('y')).status === 200 ? true : undefined));
  }));

test('SIGTERM under load: exit 0, and what was answered is in the log', () =>
  Collector.with('', async (c) => {
    const acknowledged = new Set<string>();
    let sending = true;
    let sent = 0;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
    const [host, port] = c.address.split(':');
    const one = (id: string): Promise<void> =>
      new Promise((resolve) => {
        const options = { host, port, method: 'POST', path: '/v1/track', headers: basic(c.weir.key), agent };
        const request = http.request(options, (response) => {
          response.resume();
          response.on('error', () => resolve());
          response.on('end', () => {
            if (response.statusCode === 200) acknowledged.add(id);
            resolve();
          });
        });
        request.on('error', () => {
          sending = false; // it no longer listens
          resolve();
        });
        request.end(call(id));
      });
    const sender = async (): Promise<void> => {
      while (sending) await one(`e${sent++}`);
    };
    const senders = Array.from({ length: 20 }, sender);
    await until('some events', 20, () => (acknowledged.size > 500 ? true : undefined));
    assert.equal(await c.stop(), 0);
    await Promise.all(senders);
    agent.destroy();
    const kept = new Set((await c.records()).map(idOf));
    assert.deepEqual([...acknowledged].filter((id) => !kept.has(id)), []);
    assert.match(await c.weir.in('log', 'verify'), /./);
  }));

test('only one collector writes a log; what it logs holds no write key', () =>
  Collector.with('', async (c) => {
    const stranger = 'nobody-key-0123456789abcdef';
    await c.track('x');
    await c.track('y', {}, stranger);
    await assert.rejects(c.weir.in('collect', '--listen', '127.0.0.1:0'), /weir: /);
    await c.stop();
    await c.logged('"message":"stopped"');
    assert.ok(!c.output.includes(c.weir.key) && !c.output.includes(stranger));
  }));

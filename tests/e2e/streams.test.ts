// Streams of server-sent events that are not read: bounded at the server, nobody else waits, and a clear end.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, join, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'serve:\n  max_connections: 40\n  embed: true\n  embed_origins: [https://app.example.com]\n');
  await weir.up();
  admin = await setUp(weir);
});
after(() => weir.remove());

/** A listener on the unix socket, whose buffers in the kernel are small; it reads when it is told to. */
class Listener {
  text = '';
  over = false;
  constructor(readonly socket: net.Socket) {
    socket.on('close', () => (this.over = true));
    socket.on('error', () => (this.over = true));
  }
  static async open(target: string): Promise<Listener> {
    const socket = new net.Socket({ highWaterMark: 1 } as net.SocketConstructorOpts); // nor here
    socket.connect(path.join(weir.dir, '.weir', 'run', 'serve.sock'));
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return new Listener(socket);
  }
  read(): this {
    this.socket.on('data', (bytes: Buffer) => (this.text += bytes.toString()));
    this.socket.resume();
    return this;
  }
  count(kind: string): number {
    return this.text.split(`"kind":"${kind}"`).length - 1;
  }
}

test('who does not read the changes is cut, and nobody else hears less', async () => {
  const wordy = await join(admin, 'wordy@example.com', { role: 'editor', name: `a${'"'.repeat(118)}a` }); // twice as long in JSON
  const made = await wordy.client.want(201, 'POST', '/api/reports', { report: { title: 'Talk', queries: [], tiles: [] }, queries: {} });
  const comment = await wordy.client.want(201, 'POST', `/api/reports/${String(made['id'])}/comments`, { text: 'Is this so?' });
  const slow = await Listener.open('/api/changes');
  const good = (await Listener.open('/api/changes')).read();
  await until('both to be let in', 20, () => (good.text.includes('retry') && slow.socket.readableLength > 0) || undefined);
  const before = good.count('comments');
  const times = 704; // the kernel holds a fifth of a megabyte, too
  for (let done = 0; done < times; done += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => wordy.client.want(200, 'PATCH', `/api/comments/${String(comment['id'])}`, { resolved: (done + i) % 2 === 0 })));
  }
  await until('all of them', 20, () => good.count('comments') - before === times || undefined);
  slow.read();
  await until('the end of the one that did not read', 20, () => slow.over || undefined);
  assert.ok(slow.count('comments') > 0 && slow.count('comments') < times, `${slow.count('comments')} of ${times}`);
  assert.equal(good.over, false);
  good.socket.destroy();
});

test('who does not read the live events is told nothing more, then the newest; nobody else waits', async () => {
  const slow = await Listener.open('/api/events/live');
  const good = (await Listener.open('/api/events/live')).read();
  await until('both to be let in', 20, () => (good.text.includes('retry') && slow.socket.readableLength > 0) || undefined);
  const rounds = 5; // of 3 MB; 4 MB wait at most
  const filler = 'x'.repeat(30_000);
  const round = async (n: number): Promise<void> => {
    const response = await fetch(`http://${weir.collect}/v1/batch`, {
      method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ batch: Array.from({ length: 100 }, (_, i) => ({ type: 'track', userId: 'u', event: 'Long', messageId: `round ${n}-${i}`, properties: { filler } })) }),
    });
    assert.equal(response.status, 200);
    await until(`the one who reads to hear of round ${n}`, 20, () => good.text.includes(`"message_id":"round ${n}-99"`) || undefined);
    good.text = '';
  };
  for (let n = 0; n < rounds; n++) await round(n);
  slow.read();
  await until('the newest to come', 20, () => slow.text.includes(`"message_id":"round ${rounds - 1}-99"`) || undefined);
  const heard = Array.from({ length: rounds }, (_, n) => n).filter((n) => slow.text.includes(`"message_id":"round ${n}-0"`));
  assert.ok(heard.length < rounds, `it was told all ${rounds} rounds`);
  assert.match(slow.text, /"skipped":[1-9]/);
  assert.deepEqual([slow.over, good.over], [false, false]);
  for (const one of [slow, good]) one.socket.destroy();
});

test('an embedded link holds its share of the streams, and leaves the others theirs', async () => {
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Shown', queries: [], tiles: [] }, queries: {} });
  const id = String(made['id']);
  await admin.want(200, 'PUT', `/api/reports/${id}/publication`, { company: true });
  const link = async (hours: number): Promise<string> => {
    const { token } = await admin.want(201, 'POST', '/api/embeds', { report: id, expires_at: new Date(Date.now() + hours * 3_600_000).toISOString() });
    return String(token);
  };
  const [one, two] = [await link(1), await link(2)];
  const streams: AbortController[] = [];
  const open = async (headers: Record<string, string>): Promise<number> => {
    const abort = new AbortController();
    streams.push(abort);
    const response = await fetch(`http://${weir.serve}/api/changes`, { headers, signal: abort.signal });
    if (response.status !== 200) await response.text();
    return response.status;
  };
  const statuses: number[] = [];
  for (let i = 0; i < 10; i++) statuses.push(await open({ 'x-weir-pass': one }));
  assert.deepEqual(statuses, [...Array<number>(7).fill(200), 503, 503, 503], 'a quarter of three quarters of 40');
  assert.equal(await open({ 'x-weir-pass': two }), 200, 'another link');
  assert.equal(await open({ cookie: admin.cookie }), 200, 'a person');
  streams[0]?.abort();
  await until('a place to be free', 20, async () => (await open({ 'x-weir-pass': one })) === 200 || undefined);
  for (const abort of streams) abort.abort();
});

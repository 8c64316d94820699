// Looks into sources (tests, previews) end with those who asked for them: neither a program that hangs nor an address
// that says nothing keeps what others ask waiting.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, setUp } from '../node/client.js';
import { Weir, binary, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
const open = new Set<net.Socket>();
const silent = net.createServer((socket) => {
  open.add(socket);
  socket.resume(); // else it never learns that the other end has gone
  socket.on('error', () => undefined);
  socket.on('close', () => open.delete(socket));
});
let silence: string;

before(async () => {
  weir = await Weir.init();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  silence = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
  mkdirSync(path.join(weir.dir, 'exports'));
  writeFileSync(path.join(weir.dir, 'exports/plans.csv'), 'plan,price\na,1\n');
  writeFileSync(path.join(weir.dir, 'hangs'), `#!/bin/sh\necho $$ >>${weir.dir}/pids\nexec sleep 3600\n`, { mode: 0o755 });
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n  hosts: ["127.0.0.1"]\n');
  await weir.in('source', 'add', 'plans', '--kind', 'file', '--set', 'path=exports');
  await weir.up();
  admin = await setUp(weir);
});
after(async () => {
  await weir.remove();
  silent.close();
});

interface Look {
  leave: () => void;
  /** Its status; 0 when nobody waited for it. */
  answer: Promise<number>;
}

/** Asks, and may go away before it is answered. */
function look(target: string, body: object): Look {
  const [host, port] = weir.serve.split(':');
  const headers = { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'application/json' };
  const request = http.request({ host, port, method: 'POST', path: target, agent: false, headers });
  const answer = new Promise<number>((resolve) => {
    request.on('response', (response) => resolve(response.resume().statusCode ?? 0));
    request.on('error', () => undefined);
    request.on('close', () => resolve(0));
  });
  request.end(JSON.stringify(body));
  return { leave: () => request.destroy(), answer };
}
const answers = (looks: readonly Look[]): Promise<number[]> => Promise.all(looks.map(({ answer }) => answer));

const tap = { kind: 'singer', connection: { executable: 'hangs' } };
const page = (): object => ({ kind: 'file', connection: { path: `${silence}/plans.csv` } });
const alive = (): number =>
  readFileSync(path.join(weir.dir, 'pids'), { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter((pid) => {
      try {
        return pid !== '' && process.kill(Number(pid), 0);
      } catch {
        return false;
      }
    }).length;
const hanging = (programs: number, sockets: number): Promise<true> =>
  until(`${programs} programs and ${sockets} connections that hang`, 60, () => (alive() === programs && open.size === sockets ? true : undefined));

test('a look that nobody waits for ends, and what others ask goes on', async () => {
  const looks = [
    look('/api/sources', { name: 'one', ...tap, dry_run: true }),
    look('/api/sources', { name: 'two', ...page(), dry_run: true }),
    look('/api/sources/three/preview', { ...tap, stream: 'some' }),
    look('/api/sources/four/preview', { ...page(), stream: 'plans' }),
  ];
  await hanging(2, 2);
  const paused = admin.ask('POST', '/api/sources/plans/pause', {});
  for (const one of looks) one.leave();
  assert.equal((await paused).status, 200);
  await hanging(0, 0);
  assert.deepEqual(await answers(looks), [0, 0, 0, 0]);
});

test('who closes the half by which it sends is not told that the server stops', async () => {
  const body = JSON.stringify({ ...tap, stream: 'some' });
  const socket = net.connect({ host: '127.0.0.1', port: Number(weir.serve.split(':')[1]), allowHalfOpen: true });
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => (said += text));
  socket.end(`POST /api/sources/half/preview HTTP/1.1\r\nhost: ${weir.serve}\r\ncookie: ${admin.cookie}\r\nx-weir-csrf: ${admin.csrf}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  await once(socket, 'end');
  socket.destroy();
  assert.match(said, /^HTTP\/1\.1 499 .*"nobody waits for this answer any more"/s);
  await hanging(0, 0);
});

test('what waits on its connection for the answer before it ends, too, when nobody waits for it', async () => {
  const body = JSON.stringify({ name: 'six', ...tap, dry_run: true });
  const request = `POST /api/sources HTTP/1.1\r\nhost: ${weir.serve}\r\ncookie: ${admin.cookie}\r\nx-weir-csrf: ${admin.csrf}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const sockets = [1, 2].map(() => net.connect({ host: '127.0.0.1', port: Number(weir.serve.split(':')[1]) }));
  for (const socket of sockets) socket.write(request.repeat(2));
  await hanging(2, 0);
  for (const socket of sockets) socket.destroy();
  await sleep(1000); // else the second ones may not have begun
  await hanging(0, 0);
});

test('the command line that is ended while it looks ends the look', async () => {
  writeFileSync(path.join(weir.dir, 'sources/late.yml'), 'kind: singer\nconnection: {executable: hangs}\n');
  const child = spawn(binary, ['-C', weir.dir, 'source', 'check', 'late'], { stdio: 'ignore' });
  const over = new Promise((resolve) => child.on('exit', resolve));
  await hanging(1, 0);
  child.kill('SIGINT');
  await over;
  await hanging(0, 0);
});

test('the server’s end ends them, too', async () => {
  const looks = [look('/api/sources/five/preview', { ...tap, stream: 'some' }), look('/api/sources/plans/preview', { ...page(), stream: 'plans' })];
  await hanging(1, 1);
  assert.equal(await weir.down(), 0);
  assert.deepEqual(await answers(looks), [503, 503]);
  await hanging(0, 0);
});

// Images of a report: what is taken, who gets them, and that they can do nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, setUp } from '../node/client.js';
import { Weir } from '../node/weir.js';

let weir: Weir;
let ed: Client;
let nina: Client;

before(async () => {
  weir = await Weir.init();
  await weir.up();
  const admin = await setUp(weir);
  ed = (await join(admin, 'ed@example.com', { role: 'editor' })).client;
  nina = (await join(admin, 'nina@example.com')).client;
});
after(() => weir.remove());

const png = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
const jpeg = Buffer.from('ffd8ffe000104a464946', 'hex');
const gif = Buffer.from('GIF89a....');
const webp = Buffer.from('RIFF....WEBPVP8 ');

function put(who: Client, target: string, bytes: Buffer, type = 'image/png'): Promise<number> {
  const [host, port] = weir.serve.split(':');
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method: 'PUT', path: target, headers: { cookie: who.cookie, 'x-weir-csrf': who.csrf, 'content-type': type, 'content-length': bytes.length } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

test('images are taken by their content, given to those who see them, and run nothing', async () => {
  const tile = { id: 'i', kind: 'image', image: 'logo.png', alt: 'Our logo', x: 0, y: 0, w: 4, h: 4 };
  const made = await ed.want(201, 'POST', '/api/reports', { report: { title: 'Pictures', queries: [{ id: 'q' }], tiles: [tile] }, queries: { q: 'select 1' } });
  const id = String(made['id']);
  const slug = String((await ed.want(200, 'GET', `/api/reports/${id}`))['slug']);
  const at = (name: string): string => `/api/reports/${id}/files/${name}`;
  const file = (name: string): string => path.join(weir.dir, 'reports', slug, name);

  assert.equal((await nina.ask('GET', at('logo.png'))).status, 404);
  assert.equal(await put(ed, at('logo.png'), png), 204);
  assert.equal(await put(ed, at('a.jpg'), jpeg, 'image/jpeg'), 204);
  assert.equal(await put(ed, at('b.gif'), gif, 'image/gif'), 204);
  assert.equal(await put(ed, at('c.webp'), webp, 'image/webp'), 204);
  const got = await nina.ask('GET', at('logo.png'));
  assert.deepEqual([got.status, got.headers['content-type'], got.headers['x-content-type-options'], got.headers['content-security-policy'], got.headers['cache-control']], [200, 'image/png', 'nosniff', "default-src 'none'; sandbox", 'private, no-cache']);
  assert.deepEqual(got.raw, png);
  assert.equal((await nina.ask('GET', `${at('logo.png')}?v=1`)).headers['cache-control'], 'private, max-age=31536000, immutable');
  assert.equal((await nina.ask('GET', at('a.jpg'))).status, 404, 'no tile shows it');
  assert.equal((await ed.ask('GET', at('a.jpg'))).status, 200);
  assert.equal(await put(nina, at('logo.png'), png), 403);
  assert.match(execFileSync('git', ['-C', weir.dir, 'log', '-1', '--format=%an: %s', '--', `reports/${slug}/logo.png`]).toString(), /^ed: Save logo.png of Pictures/);

  // What is no such image, in name or content.
  const html = Buffer.from('<!doctype html><script>alert(1)</script>');
  assert.equal(await put(ed, at('x.png'), html), 400);
  assert.equal(await put(ed, at('x.gif'), png, 'image/gif'), 400, 'the name must fit the content');
  assert.equal(await put(ed, at('x.svg'), Buffer.from('<svg/>'), 'image/svg+xml'), 400);
  assert.equal(await put(ed, at('x.png'), Buffer.concat([png, Buffer.alloc(2 << 20)])), 413);
  assert.equal(await put(ed, at('x.png'), png, 'application/octet-stream'), 415);
  assert.equal(await put(ed, at('x.png'), png, 'text/plain'), 415);
  for (const name of ['..%2f..%2fx.png', '.png', '..png', 'a%2fb.png', 'report.yml', 'q.sql', '%00.png', 'a%5cb.png']) {
    assert.ok([400, 404].includes(await put(ed, at(name), png)), name);
    assert.ok([400, 404].includes((await ed.ask('GET', at(name))).status), name);
  }
  // A link or a text under an image's name is not given.
  writeFileSync(path.join(weir.dir, 'secret'), 'secret');
  symlinkSync('../../secret', file('link.png'));
  writeFileSync(file('text.png'), 'select secret');
  for (const name of ['link.png', 'text.png']) {
    const answer = await ed.ask('GET', at(name));
    assert.equal(answer.status, 400);
    assert.doesNotMatch(answer.text, /select secret/);
  }

  await ed.want(204, 'DELETE', at('a.jpg'));
  assert.equal((await ed.ask('GET', at('a.jpg'))).status, 404);
  assert.equal(existsSync(file('a.jpg')), false);
  // A name keeps its picture, and a picture that is shown stays.
  const other = Buffer.concat([png, Buffer.from('more')]);
  assert.equal(await put(ed, at('logo.png'), png), 204, 'the same bytes');
  assert.equal(await put(ed, at('logo.png'), other), 409);
  assert.match((await ed.ask('DELETE', at('logo.png'))).text, /a tile of the report shows logo\.png/);
  await ed.want(200, 'PUT', `/api/reports/${id}/publication`, { company: true });
  const shown = await ed.want(200, 'GET', `/api/reports/${id}`);
  assert.equal(await put(ed, at('new.png'), other), 204);
  await ed.want(200, 'PUT', `/api/reports/${id}`, { report: { ...(shown['report'] as object), tiles: [{ ...tile, image: 'new.png' }] }, queries: shown['queries'], base: shown['version'] });
  assert.match((await ed.ask('DELETE', at('logo.png'))).text, /the report's published version shows logo\.png/);
  assert.deepEqual((await nina.ask('GET', at('logo.png'))).raw, png);
  // A clone has its own.
  const clone = await ed.want(201, 'POST', `/api/reports/${id}/clone`, {});
  assert.deepEqual((await ed.ask('GET', `/api/reports/${String(clone['id'])}/files/new.png`)).raw, other);
  await ed.want(204, 'DELETE', `/api/reports/${id}/publication`);
  await ed.want(204, 'DELETE', at('logo.png'));

  // Saving the report leaves them; deleting it takes those along that its tiles show.
  const now = await ed.want(200, 'GET', `/api/reports/${id}`);
  await ed.want(200, 'PUT', `/api/reports/${id}`, { report: { ...(now['report'] as object), title: 'Still' }, queries: now['queries'], base: now['version'] });
  assert.equal((await nina.ask('GET', at('new.png'))).status, 200);
  await ed.want(204, 'DELETE', `/api/reports/${id}`);
  assert.equal(existsSync(file('new.png')), false);
});

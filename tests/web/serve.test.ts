// How the server hands out the app: the contract of src/serve/asset.c.
import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, request } from 'node:http';
import test, { after, before } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { launch, open } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

function get(target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const [host, port] = weir.serve.split(':');
  return new Promise((resolve, reject) => {
    const req = request({ host, port, path: target, headers, method }, (res) => {
      const parts: Buffer[] = [];
      res.on('data', (part: Buffer) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(parts) }));
    });
    req.on('error', reject);
    req.end();
  });
}

async function script(): Promise<string> {
  const html = (await get('/')).body.toString();
  const found = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
  assert.ok(found, html);
  return found;
}

test('index.html is never kept, and carries the nonce of its own policy', async () => {
  const one = await get('/');
  assert.equal(one.status, 200);
  assert.equal(one.headers['cache-control'], 'no-store');
  const nonce = /name="csp-nonce" content="([0-9a-f]{32})"/.exec(one.body.toString())?.[1];
  assert.ok(nonce);
  const policy = String(one.headers['content-security-policy']);
  assert.ok(policy.includes(`style-src 'self' 'nonce-${nonce}'`), policy);
  assert.ok(policy.includes("script-src 'self';"), policy);
  assert.ok(!policy.includes('unsafe'), policy);
  assert.ok(!(await get('/')).body.includes(nonce), 'each answer has a nonce of its own');
});

test('every address of the app is answered by index.html, others are not', async () => {
  for (const path of ['/explore', '/explore/abc', '/report/k3v9x0q2ab?sport=rugby', '/people', '/login', '/setup']) {
    const answer = await get(path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  }
  for (const path of ['/nope', '/api/nope', '/assets/nope.js', '/index.html', '/explorer']) {
    const answer = await get(path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.headers['content-type'], 'application/json', path);
  }
  assert.equal((await get('/explore', {}, 'PUT')).status, 405);
});

test('hashed files are kept for a year and travel compressed', async () => {
  const path = await script();
  const plain = await get(path);
  assert.equal(plain.status, 200);
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(plain.headers['vary'], 'Accept-Encoding');
  assert.equal(plain.headers['content-encoding'], undefined);
  for (const [accept, coding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['identity', undefined],
    ['br;q=0, gzip;q=0', undefined],
  ] as const) {
    const answer = await get(path, { 'accept-encoding': accept });
    assert.equal(answer.headers['content-encoding'], coding, accept);
    const body = coding === 'br' ? brotliDecompressSync(answer.body) : coding === 'gzip' ? gunzipSync(answer.body) : answer.body;
    assert.ok(body.equals(plain.body), accept);
  }
});

test('a file that the client has is not sent again; HEAD sends no body', async () => {
  const path = await script();
  const { headers, body } = await get(path);
  const tag = String(headers['etag']);
  assert.equal((await get(path, { 'if-none-match': tag })).status, 304);
  assert.equal((await get(path, { 'if-none-match': `"other", W/${tag}` })).status, 304);
  assert.equal((await get(path, { 'if-none-match': '"other"' })).status, 200);
  const head = await get(path, {}, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(body.length));
  assert.equal(head.body.length, 0);
  assert.equal((await get('/', {}, 'HEAD')).status, 200);
});

test('the content policy stops nothing of the app, and stops what is not of it', async () => {
  const { page, complaints } = await open(browser);
  await page.goto(`http://${weir.serve}/`);
  await page.locator('main').waitFor();
  assert.deepEqual(complaints, []);
  const styled = await page.evaluate(() => {
    const mark = document.createElement('p');
    document.body.append(mark);
    const insert = (nonce: string): string => {
      const style = document.createElement('style');
      style.setAttribute('nonce', nonce);
      style.textContent = 'p { outline-style: dotted }';
      document.head.append(style);
      const now = getComputedStyle(mark).outlineStyle;
      style.remove();
      return now;
    };
    const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
    return [insert(nonce), insert('0123456789abcdef0123456789abcdef')];
  });
  assert.deepEqual(styled, ['dotted', 'none'], 'editors may insert styles, with the nonce only');
  await assert.rejects(
    page.evaluate(() => {
      document.body.innerHTML = '<b>text</b>';
    }),
    /TrustedHTML/,
  );
});

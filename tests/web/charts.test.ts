// Draws the gallery in Chromium under the app's own content policy.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { launch } from '../node/app';

const out = path.resolve('build/gallery');
const types: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; " +
  "require-trusted-types-for 'script'; trusted-types svelte-trusted-html weir";

let browser: Browser;
let server: http.Server;
let address: string;

before(async () => {
  const root = path.resolve('tests/web/gallery');
  await build({ configFile: 'web/vite.config.ts', root, logLevel: 'warn', build: { outDir: out, emptyOutDir: true, rollupOptions: { input: path.join(root, 'index.html') } } });
  server = http.createServer((request, response) => {
    const name = request.url === '/' ? '/index.html' : (request.url ?? '').split('?')[0] ?? '';
    try {
      const bytes = readFileSync(path.join(out, path.normalize(name)));
      response.writeHead(200, { 'content-type': types[path.extname(name)] ?? 'application/octet-stream', 'content-security-policy': policy }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
});

interface Shown {
  page: Page;
  complaints: string[];
}

async function show(scheme: 'light' | 'dark', width: number): Promise<Shown> {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width, height: 1000 }, reducedMotion: 'reduce' });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('404')) complaints.push(message.text());
  });
  await page.goto(address);
  // Every drawing that has an element has a canvas in it.
  await page.waitForFunction(() => document.querySelectorAll('.canvas').length >= 10 && Array.from(document.querySelectorAll('.canvas')).every((c) => c.querySelector('canvas')));
  return { page, complaints };
}

test('every chart draws, in light and dark, wide and narrow, within the content policy', async () => {
  mkdirSync('build/screenshots', { recursive: true });
  for (const [scheme, width] of [['light', 1440], ['dark', 1440], ['light', 360]] as const) {
    const { page, complaints } = await show(scheme, width);
    await page.screenshot({ path: `build/screenshots/charts-${scheme}-${width}.png`, fullPage: true });
    assert.deepEqual(complaints, []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `no sideways scrolling at ${width}`);
    await page.close();
  }
});

test('a chart says a sentence, keys walk through its places, Enter picks one', async () => {
  const { page, complaints } = await show('light', 1440);
  const chart = page.locator('#bars-across [role=application]'); // its marks can be pressed
  assert.match((await chart.getAttribute('aria-label')) ?? '', /mrr for 9 sport: most rugby .*least softball.* Enter picks one/);
  await chart.focus();
  await page.keyboard.press('ArrowDown');
  assert.match(await page.locator('#bars-across .tip').innerText(), /rugby\s+mrr\s+€48.000\.00/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#picked').innerText(), 'bars across: climbing');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#bars-across .tip').count(), 0);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the pointer shows all series at the nearest place; the legend hides and shows', async () => {
  const { page } = await show('light', 1440);
  const chart = page.locator('#bars-percent .places');
  await chart.hover({ position: { x: 200, y: 80 } });
  const tip = await page.locator('#bars-percent .tip').innerText();
  assert.match(tip, /monthly[\s\S]*yearly/);
  await page.locator('#bars-percent button', { hasText: 'monthly' }).click();
  await chart.hover({ position: { x: 201, y: 81 } });
  assert.doesNotMatch(await page.locator('#bars-percent .tip').innerText(), /monthly/);
  await page.close();
});

test('what cannot be drawn says why', async () => {
  const { page } = await show('light', 1440);
  assert.match(await page.locator('#a-column-that-is-gone').innerText(), /no column "week".*It has: month, n\./);
  assert.match(await page.locator('#nothing-to-draw').innerText(), /No rows/);
  await page.close();
});

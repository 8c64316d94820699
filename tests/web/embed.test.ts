// A report in a frame of another site's page: what is shown, what the two tell each other, and who
// may not.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Frame, Page } from 'playwright-core';
import { joinApp, launch, open, seriousFaults } from '../node/app';
import { Weir, until } from '../node/weir';

interface Said {
  type: string;
  values?: Record<string, unknown>;
  height?: number;
  message?: string;
  tile?: string | null;
}

let weir: Weir;
let browser: Browser;
let id = '';
const sites: http.Server[] = [];
let site = '';
let foreign = '';

async function api(method: string, where: string, body?: unknown, type = 'application/json'): Promise<unknown> {
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const response = await fetch(`http://${weir.serve}${where}`, { method, headers: { 'content-type': type, authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
async function watch(sport: string): Promise<void> {
  await fetch(`http://${weir.collect}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: 'u', event: 'Video Started', properties: { sport } }) });
}
function sign(more: Record<string, unknown> = {}): string {
  const key = readFileSync(path.join(weir.dir, '.weir/secrets/embed_key'), 'utf8').trim();
  const payload = Buffer.from(JSON.stringify({ v: 1, report: id, person: 'vic@podium.example', values: { sport: ['rugby', 'golf'] }, exp: Math.floor(Date.now() / 1000) + 3600, ...more })).toString('base64url');
  return `${payload}.${createHmac('sha256', Buffer.from(key, 'hex')).update(payload).digest('base64url')}`;
}
/** Another site: a page with a frame, which notes what it hears. */
function serveSite(): Promise<string> {
  const server = http.createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><html lang="en"><title>A portal</title><main><h1>A portal</h1><iframe title="Report" width="1000" height="700"></iframe></main><script>window.heard = []; addEventListener("message", (event) => window.heard.push({ ...event.data, origin: event.origin }));</script>');
  });
  sites.push(server);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)));
}
/** Opens the site's page with the link in its frame; what both complain of is the test's to judge. */
async function embed(token: string, options: { at?: string; search?: string } = {}): Promise<{ page: Page; frame: Frame; complaints: string[] }> {
  const { page, complaints } = await open(browser, { viewport: { width: 1200, height: 900 } });
  await page.goto(options.at ?? site);
  await page.evaluate((src) => document.querySelector('iframe')?.setAttribute('src', src), `http://${weir.serve}/embed/${options.search ?? ''}#${token}`);
  const element = await page.locator('iframe').elementHandle();
  const frame = await element?.contentFrame();
  assert.ok(frame);
  return { page, frame, complaints };
}
const heard = async (page: Page, fits: (said: Said) => boolean): Promise<Said> => {
  for (;;) {
    const all = await page.evaluate(() => (window as unknown as { heard: Said[] }).heard);
    const found = all.find(fits);
    if (found) return found;
    await page.waitForFunction((count) => (window as unknown as { heard: unknown[] }).heard.length > count, all.length);
  }
};

before(async () => {
  weir = await Weir.init();
  site = await serveSite();
  foreign = await serveSite();
  writeFileSync(path.join(weir.dir, 'weir.yml'), `serve:\n  embed: true\n  embed_origins: ['${site}', 'https://other.example']\n`);
  await weir.up();
  browser = await launch();
  mkdirSync('build/screenshots', { recursive: true });
  await weir.in('user', 'add', 'ada@podium.example', '--role', 'admin');
  await weir.in('user', 'add', 'vic@podium.example');
  for (const sport of ['rugby', 'rugby', 'golf', 'hockey']) await watch(sport);
  await weir.loaded();
  const report = {
    title: 'Watching', parameters: [{ name: 'sport', label: 'Sport', type: 'multiselect', options: ['rugby', 'golf', 'hockey'] }, { name: 'one', label: 'One of them', type: 'select', options: ['rugby', 'golf'] }],
    queries: [{ id: 'total' }, { id: 'bysport' }, { id: 'broken' }],
    tiles: [
      { id: 'total', kind: 'chart', query: 'total', title: 'Views', x: 0, y: 0, w: 6, h: 6, chart: { type: 'number', y: [{ column: 'views' }] } },
      { id: 'bysport', kind: 'chart', query: 'bysport', title: 'By sport', x: 6, y: 0, w: 18, h: 9, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'views' }] }, click: { filter: 'one', column: 'sport' } },
      { id: 'rows', kind: 'table', query: 'bysport', title: 'Rows', x: 0, y: 9, w: 12, h: 7 },
      { id: 'logo', kind: 'image', image: 'logo.png', alt: 'The logo', x: 12, y: 9, w: 12, h: 4 },
      { id: 'broken', kind: 'chart', query: 'broken', title: 'Broken', x: 12, y: 13, w: 12, h: 5, chart: { type: 'number' } },
    ],
  };
  const where = 'from web.video_started where [sport=sport] and [sport=one]';
  ({ id } = (await api('POST', '/api/reports', { report, queries: { total: `select count(*) as views ${where}`, bysport: `select sport, count(*) as views ${where} group by all order by views desc`, broken: 'select nothing from nowhere' } })) as { id: string });
  await api('PUT', `/api/reports/${id}/files/logo.png`, new Uint8Array(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')), 'image/png');
  await api('PUT', `/api/reports/${id}/publication`, { company: true });
  await weir.in('embed', 'rotate');
});
after(async () => {
  await browser?.close();
  sites.forEach((one) => one.close());
  await weir.remove();
});

test('a page of another site shows the rows of the forced sports, and the two talk', async () => {
  const { page, frame, complaints } = await embed(sign());
  const tile = (name: string): ReturnType<Frame['locator']> => frame.getByRole('region', { name, exact: true });
  const number = async (value: string): Promise<void> => {
    await tile('Views').scrollIntoViewIfNeeded();
    await tile('Views').getByText(value, { exact: true }).first().waitFor();
  };
  await number('3');
  await tile('Rows').scrollIntoViewIfNeeded();
  await tile('Rows').getByText('golf').first().waitFor();
  assert.equal(await frame.getByText('hockey').count(), 0);
  assert.equal(await frame.getByLabel('Sport', { exact: true }).count(), 0, 'what is forced is not in the bar');
  const ready = await heard(page, ({ type }) => type === 'weir:ready');
  assert.deepEqual([ready.tile, (ready as unknown as { origin: string }).origin], [null, `http://${weir.serve}`]);
  await heard(page, ({ type }) => type === 'weir:loaded');
  assert.match((await heard(page, ({ type, tile: of }) => type === 'weir:error' && of === 'broken')).message ?? '', /nowhere/);
  assert.ok(((await heard(page, ({ type, height }) => type === 'weir:height' && (height ?? 0) > 500)).height ?? 0) < 1500);
  await frame.waitForFunction(() => (document.querySelector<HTMLImageElement>('img[alt="The logo"]')?.naturalWidth ?? 0) === 1);

  // A filter is chosen in the frame, then set by the page around it, then a mark is pressed.
  await frame.getByLabel('One of them').click();
  await frame.getByRole('option', { name: 'golf' }).click();
  await page.keyboard.press('Enter'); // where the machine is slow, it waits for Apply
  await number('1');
  assert.deepEqual((await heard(page, ({ type }) => type === 'weir:filter')).values, { one: 'golf' });
  const set = (values: unknown): Promise<void> => page.evaluate((sent) => document.querySelector('iframe')?.contentWindow?.postMessage({ type: 'weir:set', values: sent }, '*'), values);
  await set({ one: 'rugby', sport: ['hockey'] });
  await number('2');
  assert.deepEqual((await heard(page, ({ type, values }) => type === 'weir:filter' && values?.['one'] === 'rugby')).values, { one: 'rugby' });
  await set({ one: null });
  await number('3');
  await tile('By sport').locator('canvas').first().waitFor();
  await tile('By sport').getByRole('application').focus();
  await frame.press(':focus', 'ArrowRight');
  await frame.press(':focus', 'Enter');
  const press = await heard(page, ({ type }) => type === 'weir:press');
  assert.equal(press.tile, 'bysport');
  assert.equal(typeof press.values?.['sport'], 'string');
  await frame.getByRole('list', { name: 'Picked in charts' }).waitFor();
  await frame.getByRole('button', { name: 'Reset' }).click();
  await number('3');

  // It follows its data, and only of what it may show.
  await frame.getByText('live', { exact: true }).waitFor();
  await watch('hockey');
  await watch('golf');
  await number('4');
  await page.screenshot({ path: 'build/screenshots/embed.png' });
  assert.deepEqual(complaints, []);
  for (const where of [page, frame]) assert.deepEqual(await seriousFaults(where), []);
  assert.equal(await frame.evaluate(() => document.cookie + JSON.stringify({ ...localStorage })), '{}');
  // A new version is shown when it is published.
  const draft = (await api('GET', `/api/reports/${id}?version=draft`)) as { report: Record<string, unknown>; queries: unknown; version: string };
  await api('PUT', `/api/reports/${id}`, { report: { ...draft.report, title: 'Watching more' }, queries: draft.queries, base: draft.version });
  await api('PUT', `/api/reports/${id}/publication`, { company: true });
  await frame.getByRole('heading', { name: 'Watching more' }).waitFor();
  // The key is another one: what comes next is refused, and said.
  await weir.in('embed', 'rotate');
  await set({ one: 'golf' });
  await frame.getByText('Nothing can be shown here').waitFor();
  await heard(page, ({ type, message: words, tile: of }) => type === 'weir:error' && !of && /not good any more/.test(words ?? ''));
  await page.context().close();
});

test('an editor makes a link in the app, by keys and on a narrow screen, and the frame shows what it is held to', async () => {
  const { page, complaints } = await joinApp(browser, weir, 'edda@podium.example', 'editor', 'Edda');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await page.goto(`http://${weir.serve}/report/${id}`);
  await page.getByRole('button', { name: 'Publish', exact: true }).press('Enter');
  await page.getByRole('dialog', { name: /^Publish/ }).getByRole('button', { name: 'Embed in another site' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: /^Embed/ });
  await dialog.getByText(`Pages of ${site} and https://other.example may show it.`).waitFor();
  await dialog.getByLabel('What', { exact: true }).selectOption({ label: 'Views' });
  // Held to rugby; nothing is made while it is held to nothing.
  const pick = async (label: string, option: string): Promise<void> => {
    await dialog.getByLabel(label, { exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.type(option);
    await page.getByRole('option', { name: option, exact: true }).waitFor();
    await page.keyboard.press('Enter');
  };
  await pick('Held to values', 'Sport');
  await page.keyboard.press('Escape');
  const make = dialog.getByRole('button', { name: 'Make the link' });
  await dialog.getByText('Choose what Sport is held to.').waitFor();
  assert.equal(await make.isDisabled(), true);
  await pick('Sport, always', 'rugby');
  await page.keyboard.press('Escape');
  await dialog.getByLabel('It ends').selectOption({ label: 'in 7 days' });
  assert.deepEqual(await seriousFaults(page), []);
  await make.press('Enter');
  await dialog.getByText(/^The link is made, and good until/).waitFor();
  await dialog.getByRole('button', { name: 'Copy the link' }).press('Enter');
  await page.getByText('The link is copied').waitFor();
  const link = await copied();
  await dialog.getByRole('button', { name: 'Copy the frame' }).press('Enter');
  await page.getByText('The frame is copied').waitFor();
  assert.equal(await copied(), `<iframe src="${link.replace('#', '?theme=auto#')}" title="Views" width="100%" height="600"></iframe>`);
  assert.deepEqual(await seriousFaults(page), []);
  await page.setViewportSize({ width: 360, height: 780 });
  assert.equal(await dialog.evaluate((one) => Array.from(one.querySelectorAll('*')).every((part) => part.getBoundingClientRect().right <= innerWidth)), true, 'it is cut at the right');
  assert.deepEqual(await seriousFaults(page), []);
  await page.screenshot({ path: 'build/screenshots/embed_link_narrow.png' });
  // What is chosen anew is not in the link that was made; Escape leaves the dialog before.
  await dialog.getByLabel('It ends').selectOption({ label: 'in a day' });
  await dialog.getByText(/^The link is made/).waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('dialog', { name: /^Publish/ }).waitFor();
  assert.deepEqual(complaints, []);
  await page.context().close();

  const shown = await embed(link.split('#')[1] ?? '');
  await shown.frame.getByRole('region', { name: 'Views' }).getByText('2', { exact: true }).first().waitFor();
  assert.equal(await shown.frame.getByRole('region').count(), 1);
  assert.equal(await shown.frame.getByLabel('Sport', { exact: true }).count(), 0);
  await shown.page.context().close();
});

test('one tile fills its frame, in the dark, without filters', async () => {
  const { page, frame, complaints } = await embed(sign({ tile: 'bysport', values: { sport: ['golf'] }, filters: false }), { search: '?theme=dark' });
  await frame.locator('.canvas[data-drawn]').waitFor();
  assert.equal(await frame.getByRole('form', { name: 'Filters' }).count(), 0);
  assert.equal(await frame.getByRole('region').count(), 1);
  assert.deepEqual(await frame.evaluate(() => [document.documentElement.dataset['theme'], document.documentElement.scrollHeight <= innerHeight, document.documentElement.scrollWidth <= innerWidth]), ['dark', true, true]);
  await frame.getByRole('button', { name: 'By sport: menu' }).click();
  assert.deepEqual(await frame.getByRole('menuitem').allInnerTexts(), ['See the data', 'Full screen']);
  await page.keyboard.press('Escape');
  await page.screenshot({ path: 'build/screenshots/embed_tile.png' });
  assert.deepEqual(await seriousFaults(frame), []);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('other sites cannot have it in a frame, and pages that it does not name hear nothing', async () => {
  const shut = await embed(sign(), { at: foreign });
  await until('the browser’s refusal', 20, () => (shut.complaints.some((one) => /frame-ancestors/.test(one)) ? true : undefined));
  assert.equal(await shut.page.evaluate(() => (window as unknown as { heard: unknown[] }).heard.length), 0);
  await shut.page.context().close();
  // May be framed by the site, but the link is for another one: it is shown, and says and takes nothing.
  const mute = await embed(sign({ origins: ['https://other.example'] }));
  await mute.frame.getByRole('region', { name: 'Views' }).getByText('4', { exact: true }).first().waitFor();
  await mute.page.evaluate(() => document.querySelector('iframe')?.contentWindow?.postMessage({ type: 'weir:set', values: { one: 'golf' } }, '*'));
  await mute.frame.getByLabel('One of them').click();
  await mute.frame.getByRole('option', { name: 'rugby' }).click();
  await mute.page.keyboard.press('Enter');
  await mute.frame.getByRole('region', { name: 'Views' }).getByText('2', { exact: true }).first().waitFor();
  assert.deepEqual(await mute.page.evaluate(() => (window as unknown as { heard: unknown[] }).heard), []);
  await mute.page.context().close();
  // By itself, on a narrow screen, and without a good link.
  const { page, complaints } = await open(browser, { viewport: { width: 360, height: 780 } });
  await page.goto(`http://${weir.serve}/embed/#${sign()}`);
  await page.getByRole('region', { name: 'Views' }).getByText('4', { exact: true }).first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await page.screenshot({ path: 'build/screenshots/embed_narrow.png', fullPage: true });
  assert.deepEqual(complaints, []);
  await page.goto(`http://${weir.serve}/embed/#${sign({ exp: 1 })}`);
  await page.getByText('this link has expired').waitFor();
  await page.goto(`http://${weir.serve}/embed/`);
  await page.getByText('Nothing can be shown here').waitFor();
  await page.context().close();
});

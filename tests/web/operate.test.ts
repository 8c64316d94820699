// The pages for whoever runs weir: events as they come, queries that run, the cache, and who uses what.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { type Opened, joinApp, launch, picture, seriousFaults } from '../node/app';
import { readPage } from '../node/page';
import { Weir } from '../node/weir';
import { share } from '../../web/core/operate';

let weir: Weir;
let browser: Browser;
let admin: Opened;
const url = (where: string): string => `http://${weir.serve}${where}`;
const slow = 'select count(*) from range(10000000) a, range(10000000) b where a.range % 7 = b.range % 11';

/** As whoever owns the machine. */
function owner(method: string, where: string, body?: unknown): Promise<Response> {
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  return fetch(url(where), { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}
async function track(event: string, more: object = {}): Promise<void> {
  const response = await fetch(`http://${weir.collect}/v1/track`, {
    method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'u1', event, ...more }),
  });
  assert.equal(response.status, 200);
}
const join = (email: string, role: string, name: string): Promise<Opened> => joinApp(browser, weir, email, role, name);
/** As it is now, wide and narrow. */
async function sound({ page, complaints }: Opened, name: string): Promise<void> {
  await picture(page, name, false);
  assert.deepEqual(await seriousFaults(page), []);
  await page.setViewportSize({ width: 360, height: 740 });
  await picture(page, `${name}-360`, false);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
  await page.waitForFunction(() => Array.from(document.querySelectorAll('[role="tab"][aria-selected="true"]')).every((tab) => tab.getBoundingClientRect().right <= innerWidth));
  await page.setViewportSize({ width: 1440, height: 900 });
  assert.deepEqual(complaints, []);
}
const tab = (name: string): Promise<void> => admin.page.getByRole('tab', { name }).click();

before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
  admin = await join('ada@podium.example', 'admin', 'Ada');
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('the overview says how collecting, loading and the disk are', async () => {
  const { page } = admin;
  await page.goto(url('/system'));
  for (const title of ['Collected', 'Load lag', 'Disk free', 'Event log']) await page.getByRole('heading', { name: title }).waitFor();
  await page.getByText(/^\d+\/s$/).waitFor();
  await page.getByText(/events are turned away below 256/).waitFor();
  await sound(admin, 'overview');
  await page.getByRole('link', { name: 'what was refused' }).click();
  await page.waitForURL(/people\?tab=audit/);
  await page.goto(url('/system'));
});

test('events appear as they come, and one is opened by keys: what became of it, its rows, its JSON as text', async () => {
  const { page } = admin;
  await tab('Events');
  await page.getByText('No event has come yet').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await track('Video Started', { messageId: 'm1', properties: { sport: 'rugby', html: '<b id=inside>bold</b>' } });
  const list = page.getByRole('list', { name: 'Latest events' });
  const row = list.getByRole('button', { name: /Video Started/ });
  await row.getByText('loaded', { exact: true }).waitFor();
  await track('Video Started', { messageId: 'm1' });
  await list.getByText('duplicate').waitFor();
  await track('Ad Seen', { messageId: 'm2', timestamp: 'yesterday' });
  await list.getByText('loaded in part').waitFor();
  await sound(admin, 'events');

  await page.getByRole('searchbox', { name: 'Find in events' }).fill('rugby');
  await list.getByText('Ad Seen').waitFor({ state: 'detached' });
  assert.equal(await list.getByRole('listitem').count(), 1);
  await row.focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'Video Started' });
  await panel.getByText('Row of web.video_started').waitFor();
  await panel.getByText('rugby', { exact: true }).waitFor();
  await panel.getByRole('region', { name: 'The event as it came' }).getByText('<b id=inside>bold</b>').waitFor();
  assert.equal(await page.locator('#inside').count(), 0);
  await sound(admin, 'event');
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  await page.getByRole('searchbox', { name: 'Find in events' }).fill('');

  await page.getByRole('button', { name: 'Pause' }).click();
  await track('While Paused');
  await page.getByRole('button', { name: 'Go on (1 came)' }).waitFor();
  assert.equal(await list.getByText('While Paused').count(), 0);
  await page.getByRole('button', { name: 'Go on' }).click();
  await list.getByText('While Paused').waitFor();
  await page.getByRole('checkbox', { name: 'only with trouble' }).check();
  await list.getByText('While Paused').waitFor({ state: 'detached' });
  assert.equal(await list.getByRole('listitem').count(), 2);
});

test('an event that was told before it was loaded is told again', async () => {
  const { page } = admin;
  let asked = 0;
  // As the server tells it in the moment before the load.
  await page.route('**/api/events/recent*', async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as { events: { fate: string }[] };
    if (asked++ === 0) for (const event of body.events) event.fate = 'waiting';
    await route.fulfill({ response, json: body });
  });
  await page.goto(url('/system?tab=events'));
  const list = page.getByRole('list', { name: 'Latest events' });
  await list.getByText('loaded', { exact: true }).first().waitFor();
  await list.getByText('waits').first().waitFor({ state: 'detached' });
  assert.equal(asked, 2);
  await page.unroute('**/api/events/recent*');
});

test('a query is seen while it runs, read, and canceled; then it is among the slowest', async () => {
  const { page } = admin;
  await tab('Queries');
  await page.getByText('Nothing runs').waitFor();
  const answer = owner('POST', '/api/query', { sql: slow });
  const row = page.getByRole('row', { name: /the owner of the machine/ });
  await row.getByText('runs', { exact: true }).waitFor();
  await row.getByRole('button', { name: /^select count/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Statement' });
  await dialog.getByText('10000000').first().waitFor();
  await page.keyboard.press('Escape');
  await sound(admin, 'queries');
  await page.getByRole('button', { name: 'Cancel the query of the owner of the machine' }).click();
  assert.equal((await answer).status, 499);
  await page.getByText('Nothing runs').waitFor();
  await page.getByRole('region', { name: 'The slowest queries' }).getByRole('button', { name: /^select count/ }).first().waitFor();
});

test('the cache is shown and cleared; what each report and person costs is there', async () => {
  const { page } = admin;
  const made = (await (await owner('POST', '/api/reports', { report: { title: 'Watching', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'select sum(i) as n from range(2000000) t(i)' } })).json()) as { id: string };
  // A result is not kept when tables change while it is computed, as those of usage may: then again.
  let { hits, queries } = { hits: 0, queries: 0 };
  for (; hits < 3; queries++) {
    hits += readPage(Buffer.from(await (await owner('POST', '/api/page', { report: made.id, values: {} })).arrayBuffer())).done.hits;
    assert.ok(queries < 50, 'results are kept');
  }
  await (await owner('POST', `/api/reports/${made.id}/open`, {})).arrayBuffer();
  await tab('Cache');
  const { hit_rate: rate } = (await (await owner('GET', '/api/cache')).json()) as { hit_rate: number };
  assert.ok(rate > 0 && rate < 1);
  await page.getByText(`${Math.round(rate * 1000) / 10} %`, { exact: true }).waitFor();
  await sound(admin, 'cache');
  await page.getByRole('button', { name: 'Clear the cache' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByText('Nothing is kept any more').waitFor();
  await tab('Usage');
  const row = page.getByRole('row', { name: /Watching/ });
  await row.getByText(share(hits, queries), { exact: true }).waitFor();
  await page.getByRole('row', { name: /SQL in Explore/ }).waitFor();
  await page.getByRole('region', { name: 'People by the time of the engine' }).getByText('the owner of the machine').waitFor();
  await sound(admin, 'usage');
  await page.getByRole('combobox', { name: 'Time' }).selectOption({ label: 'Today' });
  await page.waitForURL(/days=1$/);
  await row.waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  await sound(admin, 'usage-dark');
  await page.emulateMedia({ colorScheme: 'light' });
});

test('others see none of it', async () => {
  const editor = await join('ed@podium.example', 'editor', 'Ed');
  assert.equal(await editor.page.getByRole('link', { name: 'System' }).count(), 0);
  await editor.page.goto(url('/system?tab=events'));
  await editor.page.getByText('Ask an admin of your weir').waitFor();
  assert.equal(await editor.page.getByRole('tab', { name: 'Events' }).count(), 0);
});

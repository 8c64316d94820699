// A report among people: shared, looked back at, kept as it was, taken away as a file.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import test, { after, before } from 'node:test';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { type Client, join, password, setUp } from '../node/client';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
let admin: Client;
before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  await join(admin, 'vera@example.com');
  await admin.want(200, 'PUT', '/api/groups/everyone', { name: 'everyone', tables: [{ schema: '*', table: '*' }], collections: [{ collection: 'company', level: 'view' }] });
  browser = await launch();
  mkdirSync('build/screenshots', { recursive: true });
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

const sales = "select * from (values ('rugby', 12), ('golf', 7)) t(sport, orders) where [sport=sport]";
async function make(title: string): Promise<string> {
  const report = {
    title, collection: 'board',
    parameters: [{ name: 'sport', label: 'Sport', type: 'multiselect', options: ['rugby', 'golf'] }],
    queries: [{ id: 'orders', title: 'Orders' }],
    tiles: [{ id: 'a', kind: 'table', query: 'orders', title: 'Orders', x: 0, y: 0, w: 24, h: 8 }],
  };
  return String((await admin.want(201, 'POST', '/api/reports', { report, queries: { orders: sales } }))['id']);
}
async function enter(email: string, path: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const opened = await open(browser, { viewport: { width: 1280, height: 860 }, permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true, ...options });
  opened.page.setDefaultTimeout(30_000);
  await opened.page.goto(`http://${weir.serve}/login?next=${encodeURIComponent(path)}`);
  await opened.page.getByLabel('E-mail address').fill(email);
  await opened.page.getByLabel('Password', { exact: true }).fill(password);
  await opened.page.keyboard.press('Enter');
  await opened.page.locator('main h1').waitFor({ state: 'attached' });
  return opened;
}

test('a report is shared with a person, who then sees it and no editing', async () => {
  const id = await make('Board numbers');
  const { page, complaints } = await enter('ada@example.com', `/report/${id}?sport=golf`);
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Share Board numbers' });
  await dialog.getByRole('combobox', { name: 'People' }).fill('vera');
  await dialog.getByRole('option', { name: /vera/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await dialog.getByText(new RegExp(`/report/${id}\\?sport=golf`)).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await page.screenshot({ path: 'build/screenshots/report-share.png' });
  await dialog.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByText('Board numbers is shared').waitFor();

  const vera = await enter('vera@example.com', `/report/${id}?sport=golf`);
  await vera.page.getByRole('cell', { name: 'golf' }).waitFor();
  assert.equal(await vera.page.getByRole('cell', { name: 'rugby' }).count(), 0);
  assert.equal(await vera.page.getByRole('button', { name: 'Edit' }).count(), 0);
  await vera.page.keyboard.press('e');
  assert.equal(await vera.page.getByRole('toolbar').count(), 0);
  await vera.page.getByRole('button', { name: 'Copy the link' }).click();
  assert.match(await vera.page.evaluate(() => navigator.clipboard.readText()), /\?sport=golf$/);
  const loaded = await vera.page.evaluate(() => performance.getEntriesByType('resource').map((one) => one.name));
  assert.deepEqual(loaded.filter((name) => /\/(Edit|EditorPane|QueryPanel)-/.test(name)), [], 'readers do not load the editor');
  assert.deepEqual([...complaints, ...vera.complaints], []);
});

test('the history says who changed what, line by line, and brings a version back', async () => {
  const id = await make('Looking back');
  const now = await admin.want(200, 'GET', `/api/reports/${id}`);
  const report = now['report'] as Record<string, unknown>;
  await admin.want(200, 'PUT', `/api/reports/${id}`, { report: { ...report, title: 'Looking forward' }, queries: now['queries'], base: now['version'], message: 'Another name' });
  const { page, complaints } = await enter('ada@example.com', `/report/${id}`);
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: /^History/ }).click();
  const dialog = page.getByRole('dialog', { name: 'History' });
  await dialog.getByRole('button', { name: /Another name.*Ada/ }).waitFor();
  await dialog.getByText('+ title: Looking forward').waitFor();
  await dialog.getByText('- title: Looking back').waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await page.screenshot({ path: 'build/screenshots/report-history.png' });
  await dialog.getByRole('list', { name: 'Versions, newest first' }).getByRole('button').last().click();
  await dialog.getByRole('button', { name: 'Bring this version back' }).click();
  await page.getByRole('heading', { name: 'Looking back', level: 1 }).waitFor();
  assert.deepEqual(complaints, []);
});

test('a run is kept with its values and rows, at an address of its own', async () => {
  const id = await make('Monthly');
  const { page, complaints } = await enter('ada@example.com', `/report/${id}?sport=rugby`);
  await page.getByRole('cell', { name: 'rugby' }).waitFor();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: /^Kept runs/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Kept runs' });
  await dialog.getByText('Sport: rugby').first().waitFor();
  await dialog.getByLabel('Keep what is shown now').fill('November');
  await page.keyboard.press('Enter');
  await dialog.getByRole('link', { name: 'November' }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  // The report changes; what was kept does not.
  const now = await admin.want(200, 'GET', `/api/reports/${id}`);
  await admin.want(200, 'PUT', `/api/reports/${id}`, { report: now['report'], queries: { orders: "select 'judo' as sport, 1 as orders" }, base: now['version'] });
  await dialog.getByRole('link', { name: 'November' }).click();
  await page.getByRole('heading', { name: 'November', level: 1 }).waitFor();
  assert.match(page.url(), /\/snapshot\/\w+$/);
  await page.getByRole('cell', { name: 'rugby' }).waitFor();
  await page.getByText(/^Kept .* by Ada/).waitFor();
  assert.equal(await page.getByRole('cell', { name: 'golf' }).count(), 0);
  assert.deepEqual(await seriousFaults(page), []);
  await page.screenshot({ path: 'build/screenshots/report-snapshot.png' });
  await page.getByRole('link', { name: 'The report now' }).click();
  await page.getByRole('cell', { name: 'judo' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('the rows of a tile are downloaded', async () => {
  const id = await make('Rows');
  const { page } = await enter('ada@example.com', `/report/${id}?sport=rugby`);
  await page.getByRole('button', { name: 'Orders: menu' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /^Download CSV/ }).click()]);
  assert.match(file.suggestedFilename(), /Orders.*\.csv$/);
  assert.match(readFileSync(await file.path(), 'utf8'), /^"?sport"?,"?orders"?\r?\n"?rugby"?,12\r?\n$/);
});

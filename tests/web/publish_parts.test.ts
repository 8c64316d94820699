// What goes around a dashboard, in a browser: tabs, sections, images, presses and owners in the
// editor; publishing later, and what the draft changes; subscriptions, home pages, long lists.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { Weir, until } from '../node/weir';

let weir: Weir;
let browser: Browser;
let ada: Opened;
let id = '';
const url = (where: string): string => `http://${weir.serve}${where}`;
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

async function api(method: string, where: string, body?: unknown): Promise<Record<string, unknown>> {
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const response = await fetch(url(where), { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);
  return (text ? JSON.parse(text) : {}) as Record<string, unknown>;
}
interface File {
  title: string;
  owner?: string;
  tabs?: { id: string; title: string }[];
  tiles: Record<string, unknown>[];
}
const draft = async (): Promise<File> => (await api('GET', `/api/reports/${id}?version=draft`))['report'] as File;
async function save(page: Page): Promise<void> {
  await page.keyboard.press('Control+s');
  await page.getByRole('toolbar', { name: 'Edit the report' }).getByRole('status').getByText('Saved', { exact: true }).waitFor();
}
async function sound({ page, complaints }: Opened): Promise<void> {
  assert.deepEqual(await seriousFaults(page), []);
  assert.deepEqual(complaints, []);
}
const tile = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });

before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), 'workspace:\n  fiscal_year_start: 4\n');
  await weir.up();
  browser = await launch();
  const link = /http:\/\/\S+/.exec(await weir.in('user', 'add', 'ada@podium.example', '--role', 'admin'))?.[0] ?? '';
  ada = await open(browser, { viewport: { width: 1440, height: 900 } });
  ada.page.setDefaultTimeout(30_000);
  await ada.page.goto(link);
  await ada.page.getByLabel('Your name').fill('Ada');
  await ada.page.getByLabel('Choose a password').fill('a long enough one');
  await ada.page.keyboard.press('Enter');
  await ada.page.getByText('Hello, Ada').waitFor();
  const report = {
    title: 'Orders',
    parameters: [
      { name: 'sport', label: 'Sport', type: 'multiselect', options: ['rugby', 'golf'] },
      { name: 'dates', label: 'Dates', type: 'daterange' },
      { name: 'city', label: 'City', type: 'select', options: { query: 'cities', value: 'city', label: 'city' } },
      { name: 'code', label: 'Code', type: 'select', options: Array.from({ length: 3000 }, (_, i) => `code ${i}`) },
    ],
    queries: [{ id: 'orders', title: 'Orders' }, { id: 'cities', title: 'Cities' }],
    tiles: [
      { id: 'bars', kind: 'chart', query: 'orders', title: 'By sport', x: 0, y: 0, w: 12, h: 8, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'n' }] } },
      { id: 'rows', kind: 'table', query: 'orders', title: 'Rows', x: 12, y: 0, w: 12, h: 8 },
    ],
  };
  const queries = { orders: "select * from (values ('rugby', 12), ('golf', 7)) t(sport, n) where [sport=sport]", cities: "select 'City ' || lpad(cast(range as text), 4, '0') as city from range(6000)" };
  id = String((await api('POST', '/api/reports', { report, queries }))['id']);
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('the editor makes tabs, a section, an image, a press and an owner, and readers have them', async () => {
  const { page } = ada;
  await page.goto(url(`/report/${id}`));
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.getByRole('toolbar', { name: 'Edit the report' }).waitFor();
  const panel = (name: string): Locator => page.getByRole('complementary', { name });
  const add = async (what: RegExp): Promise<void> => {
    await page.getByRole('button', { name: 'Add a tile' }).click();
    await page.getByRole('menuitem', { name: what }).click();
  };
  await page.getByLabel('Owner').fill('adam@podium.example');
  // The chart: whose it is, and what a press on it does.
  await page.getByRole('group', { name: /By sport/ }).focus();
  await page.keyboard.press('Enter');
  await panel('By sport').getByLabel('Owner').fill('olga@podium.example');
  await panel('By sport').getByLabel('A press on a mark').selectOption('filter');
  await panel('By sport').getByLabel('Parameter').selectOption('sport');
  await panel('By sport').getByLabel('Column', { exact: true }).selectOption('sport');
  // A second tab, with a section that is closed at first and an image in it.
  await page.getByRole('button', { name: 'Add a tab' }).click();
  await page.getByLabel('Name of the tab').fill('More');
  await page.keyboard.press('Enter');
  await add(/^Section/);
  await panel('Section').getByLabel('Title', { exact: true }).fill('Pictures');
  await panel('Pictures').getByLabel('Closed until somebody opens it').check();
  const chooser = page.waitForEvent('filechooser');
  await add(/^Image/);
  await (await chooser).setFiles({ name: 'Logo.PNG', mimeType: 'image/png', buffer: png });
  await page.getByLabel('What the image shows').fill('The logo of Podium');
  await page.getByLabel('Fit').selectOption('cover');
  await page.getByRole('img', { name: 'The logo of Podium' }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await save(page);
  const saved = await draft();
  const more = saved.tabs?.find((one) => one.title === 'More')?.id;
  assert.ok(more && saved.tabs?.length === 2, JSON.stringify(saved.tabs));
  assert.equal(saved.owner, 'adam@podium.example');
  const of = (kind: string): Record<string, unknown> => saved.tiles.find((one) => one['kind'] === kind) ?? {};
  assert.deepEqual([of('chart')['owner'], of('chart')['click']], ['olga@podium.example', { filter: 'sport', column: 'sport' }]);
  assert.deepEqual([of('section')['title'], of('section')['collapsed'], of('section')['tab']], ['Pictures', true, more]);
  assert.deepEqual([of('image')['alt'], of('image')['fit'], of('image')['tab']], ['The logo of Podium', 'cover', more]);
  assert.match(String(of('image')['image']), /^[a-z0-9_-]+\.png$/i);

  await api('PUT', `/api/reports/${id}/publication`, { company: true });
  await page.goto(url(`/dashboard/${id}`));
  await tile(page, 'By sport').getByText('olga', { exact: true }).waitFor();
  await tile(page, 'By sport').locator('canvas').first().waitFor();
  await tile(page, 'By sport').getByRole('application').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('list', { name: 'Picked in charts' }).waitFor();
  await page.getByRole('tab', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Pictures' }).click();
  const image = page.getByRole('img', { name: 'The logo of Podium' });
  await image.waitFor();
  await until('the image', 20, async () => ((await image.evaluate((one: HTMLImageElement) => one.naturalWidth)) === 1 ? true : undefined));
  assert.equal(await image.evaluate((one) => getComputedStyle(one).objectFit), 'cover');
  await sound(ada);
});

test('a draft is compared with what is published, and published later', async () => {
  const { page } = ada;
  const now = await api('GET', `/api/reports/${id}?version=draft`);
  await api('PUT', `/api/reports/${id}/publication`, { company: true });
  // Mostly in the same second, and git's times have no parts of one.
  await api('PUT', `/api/reports/${id}`, { report: { ...(now['report'] as object), title: 'Orders by sport' }, queries: now['queries'], base: now['version'] });
  await page.goto(url(`/report/${id}`));
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Publish Orders by sport' });
  await dialog.getByText('published version is 1 save behind').waitFor();
  await dialog.getByRole('button', { name: 'What the draft changes' }).click();
  await dialog.getByText('- title: Orders', { exact: true }).waitFor();
  await dialog.getByText('+ title: Orders by sport', { exact: true }).waitFor();
  await dialog.getByLabel('Later').check();
  assert.equal(await dialog.getByRole('button', { name: 'Schedule' }).isDisabled(), true, 'not without a time');
  await dialog.getByLabel('When it is published').fill('2031-03-04T08:30');
  assert.deepEqual(await seriousFaults(page), []);
  await dialog.getByRole('button', { name: 'Schedule' }).click();
  await page.getByText(/Orders by sport will be published at/).waitFor();
  const kept = (await api('GET', `/api/reports/${id}`))['publication'] as { scheduled: { at: string } | null; behind: boolean };
  assert.equal(new Date(kept.scheduled?.at ?? '').getTime(), await page.evaluate(() => new Date('2031-03-04T08:30').getTime()));
  // When its time comes, the page that is open says so.
  await page.goto(url(`/dashboard/${id}`));
  await page.getByRole('heading', { name: 'Orders', exact: true, level: 1 }).waitFor();
  await api('PUT', `/api/reports/${id}/publication`, { company: true, at: new Date(Date.now() + 4000).toISOString() });
  await page.getByRole('heading', { name: 'Orders by sport', level: 1 }).waitFor();
  await sound(ada);
});

test('where embedding is off, the dialog says which settings turn it on', async () => {
  const { page } = ada;
  await page.goto(url(`/report/${id}`));
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('dialog', { name: /^Share/ }).getByRole('button', { name: 'Embed in another site' }).click();
  const dialog = page.getByRole('dialog', { name: /^Embed/ });
  await dialog.getByText('Embedding is off.').waitFor();
  await dialog.getByText('serve.embed_origins').waitFor();
  assert.equal(await dialog.getByRole('button', { name: 'Make the link' }).count(), 0);
  await sound(ada);
});

test('one subscribes to a dashboard, sees what is kept, and ends it', async () => {
  const { page } = ada;
  await page.goto(url(`/dashboard/${id}?sport=golf`));
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: /^Subscribe/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Subscribe to Orders by sport' });
  await dialog.getByText('This weir sends no mail yet').waitFor();
  await dialog.getByText('golf').waitFor();
  await dialog.getByLabel('On', { exact: true }).selectOption('Friday');
  await dialog.getByLabel('At', { exact: true }).fill('07:30');
  assert.deepEqual(await seriousFaults(page), []);
  await dialog.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('is kept for you every Friday at 07:30').waitFor();
  await page.goto(url('/account'));
  const mine = page.getByRole('region', { name: 'Subscriptions' });
  await mine.getByRole('link', { name: 'Orders by sport' }).waitFor();
  await mine.getByText('every Friday at 07:30').waitFor();
  await mine.getByText('this weir sends no mail').waitFor();
  await mine.getByRole('button', { name: 'Unsubscribe from Orders by sport' }).click();
  await mine.getByText('Subscribe to a dashboard from its menu').waitFor();
  await page.getByRole('button', { name: 'Undo' }).first().click();
  await mine.getByText('every Friday at 07:30').waitFor();
  await sound(ada);
});

test('a group gets a home page, and its members begin with it', async () => {
  const { page } = ada;
  await page.goto(url('/people/groups/everyone'));
  const field = page.getByLabel('Home page');
  await field.click();
  await page.getByRole('option', { name: /Orders by sport/ }).click();
  await page.getByText('begins with Orders by sport').waitFor();
  await weir.in('group', 'grant', 'everyone', '*.*', '--hide', 'nothing'); // which writes back what it has read
  await page.goto(url('/'));
  await page.getByRole('link', { name: /Orders by sport.*the page of/ }).waitFor();
  await page.goto(url('/people/groups/everyone'));
  await page.getByRole('button', { name: 'No home page' }).click();
  await page.getByText('has no home page any more').waitFor();
  assert.equal(((await api('GET', '/api/home'))['group']), null);
  await sound(ada);
});

test('thousands of choices are a list that is drawn where one looks; fiscal ranges come from the setting', async () => {
  const { page } = ada;
  await page.goto(url(`/dashboard/${id}`));
  const list = page.getByRole('listbox', { name: 'Options' });
  const last = async (): Promise<void> => list.evaluate((one) => void one.scrollTo(0, one.scrollHeight));
  // All of them are here: 3,000 of the report, and "any".
  await page.getByLabel('Code').click();
  await page.getByRole('option', { name: 'code 0', exact: true }).waitFor();
  await last();
  await page.getByRole('option', { name: 'code 2999', exact: true }).waitFor();
  assert.ok((await list.getByRole('option').count()) <= 60);
  assert.equal(await page.getByRole('option', { name: 'code 2999', exact: true }).getAttribute('aria-posinset'), '3001');
  await page.keyboard.press('ArrowUp'); // from the first to the last
  await page.keyboard.press('Enter');
  await page.waitForURL(/code=code\+2999/);
  await page.getByLabel('Code').click();
  await page.getByRole('option', { name: 'code 2999', exact: true, selected: true }).waitFor();
  await page.keyboard.press('Escape');
  // They come from a query: some at first, all when one scrolls to their end.
  await page.getByLabel('City').click();
  await page.getByRole('option', { name: 'City 0000' }).waitFor();
  await last();
  await until('the last city', 30, async () => {
    await last();
    return (await page.getByRole('option', { name: 'City 5999' }).count()) ? true : undefined;
  });
  await page.getByRole('option', { name: 'City 5999' }).click();
  await page.waitForURL(/city=City\+5999/);
  await page.getByLabel('Dates').click();
  await page.getByRole('button', { name: 'this fiscal year' }).waitFor();
  await page.keyboard.press('Escape');
  await sound(ada);
});

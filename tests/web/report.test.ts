// Making a report in the app: tiles, queries, parameters, layout by pointer and by keys, saving,
// conflicts, drafts.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import test, { after, before } from 'node:test';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { Weir, until } from '../node/weir';

let weir: Weir;
let browser: Browser;
before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
  mkdirSync('build/screenshots', { recursive: true });
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

interface Saved {
  report: { title: string; tiles: { id: string; kind: string; title?: string; x: number; y: number; w: number; h: number; chart?: { type: string }; markdown?: string }[]; queries: { id: string }[]; parameters?: unknown[] };
  queries: Record<string, string>;
  version: string;
}
async function api(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`http://${weir.serve}${path}`, { method, headers: { 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
const read = async (id: string): Promise<Saved> => (await api('GET', `/api/reports/${id}`)) as Saved;
const sales = "select * from (values ('rugby', 12), ('golf', 7), ('hockey', 3)) t(sport, orders)";
async function make(title: string): Promise<string> {
  const report = {
    title, queries: [{ id: 'orders', title: 'Orders', file: 'orders.sql' }],
    tiles: [
      { id: 'a', kind: 'chart', query: 'orders', title: 'Orders by sport', x: 0, y: 0, w: 12, h: 8, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'orders' }] } },
      { id: 'b', kind: 'table', query: 'orders', title: 'All orders', x: 12, y: 0, w: 12, h: 8 },
      { id: 'c', kind: 'text', markdown: '## What it says', x: 0, y: 8, w: 24, h: 3 },
    ],
  };
  return ((await api('POST', '/api/reports', { report, queries: { orders: sales } })) as { id: string }).id;
}

async function at(path: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const opened = await open(browser, { viewport: { width: 1440, height: 900 }, ...options });
  opened.page.setDefaultTimeout(30_000);
  await opened.page.goto(`http://${weir.serve}${path}`);
  await opened.page.locator('main h1').waitFor({ state: 'attached' });
  return opened;
}
async function edit(id: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const opened = await at(`/report/${id}`, options);
  await opened.page.getByRole('button', { name: 'Edit', exact: true }).click();
  await opened.page.getByRole('toolbar', { name: 'Edit the report' }).waitFor();
  return opened;
}
const tile = (page: Page, name: string): Locator => page.getByRole('group', { name });
const state = (page: Page): Locator => page.getByRole('toolbar', { name: 'Edit the report' }).getByRole('status');
async function save(page: Page): Promise<void> {
  await page.keyboard.press('Control+s');
  await state(page).getByText('Saved', { exact: true }).waitFor();
}
const place = (saved: Saved, id: string): number[] => {
  const one = saved.report.tiles.find((each) => each.id === id);
  return one ? [one.x, one.y, one.w, one.h] : [];
};

test('from nothing to a report: title, query, chart, number, text, saved as one commit', async () => {
  const { page, complaints } = await at('/reports');
  await page.getByRole('button', { name: 'New report' }).first().click();
  await page.getByLabel('Title').fill('Orders');
  await page.keyboard.press('Enter');
  await page.getByRole('toolbar', { name: 'Edit the report' }).waitFor();
  await page.getByRole('button', { name: 'Add a chart' }).click();
  await page.locator('[data-ready] .cm-content').click();
  await page.keyboard.insertText(sales);
  await page.keyboard.press('Control+Enter');
  await page.getByRole('region', { name: 'Rows of the query' }).getByText('3 rows').waitFor();
  await page.getByRole('img', { name: /orders for 3 sport/ }).waitFor();
  await page.getByRole('button', { name: 'Add a tile' }).click();
  await page.getByRole('menuitem', { name: /^Big number/ }).click();
  await page.getByLabel('Title', { exact: true }).fill('Orders of rugby');
  await page.getByRole('button', { name: 'Add a tile' }).click();
  await page.getByRole('menuitem', { name: /^Text/ }).click();
  await page.getByRole('textbox', { name: 'Text, as Markdown' }).fill('# Hello **there**');
  await page.getByRole('button', { name: 'Preview' }).click();
  await page.getByRole('heading', { name: 'Hello there' }).waitFor();
  await page.getByRole('button', { name: 'Done writing' }).click();
  assert.deepEqual(await seriousFaults(page), []);
  await save(page);
  const id = page.url().split('/').at(-1) ?? '';
  const saved = await read(id);
  assert.deepEqual(saved.report.tiles.map((one) => [one.kind, one.chart?.type]), [['chart', 'bar'], ['chart', 'number'], ['text', undefined]]);
  assert.equal(Object.values(saved.queries)[0]?.trim(), sales);
  const { commits } = (await api('GET', `/api/reports/${id}/history`)) as { commits: unknown[] };
  assert.equal(commits.length, 2, 'made, and saved once');
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await page.getByRole('heading', { name: 'Orders', exact: true, level: 1 }).waitFor();
  await page.getByRole('heading', { name: 'Hello there' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('tiles are moved and resized by keys, and it is said; undo and redo', async () => {
  const id = await make('Keys');
  const { page, complaints } = await edit(id);
  await tile(page, 'Orders by sport').focus();
  await page.keyboard.press('ArrowDown');
  const said = page.locator('[aria-live=polite].aside');
  await said.getByText(/Orders by sport: columns 1 to 12 of 24, rows \d+ to \d+/).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-tile')), 'a', 'the focus goes with it');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowRight');
  await said.getByText(/columns 1 to 14/).waitFor();
  await save(page);
  assert.deepEqual(place(await read(id), 'a'), [0, 11, 14, 8]);
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await save(page);
  assert.deepEqual(place(await read(id), 'a'), [0, 0, 12, 8]);
  await page.keyboard.press('Control+y');
  await page.keyboard.press('Control+y');
  await save(page);
  assert.deepEqual(place(await read(id), 'a'), [0, 11, 14, 8]);
  await tile(page, 'All orders').focus();
  await page.keyboard.press('Delete');
  await page.getByText('All orders was removed').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.hasAttribute('data-tile')), true, 'the focus is on the next tile');
  await page.keyboard.press('Control+d');
  await save(page);
  assert.equal((await read(id)).report.tiles.length, 3);
  assert.deepEqual(complaints, []);
});

test('tiles are moved and resized by pointer; Escape puts one back', async () => {
  const id = await make('Pointer');
  const { page, complaints } = await edit(id);
  const box = async (name: string) => (await tile(page, name).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const from = await box('Orders by sport');
  const to = await box('All orders');
  const drag = async (): Promise<void> => {
    await page.mouse.move(from.x + 60, from.y + 12);
    await page.mouse.down();
    await page.mouse.move(from.x + 100, from.y + 12, { steps: 3 });
    await page.mouse.move(to.x + 60, to.y + 12, { steps: 6 });
  };
  await drag();
  await page.keyboard.press('Escape');
  await page.mouse.up();
  assert.deepEqual(await box('Orders by sport'), from);
  await drag();
  await page.mouse.up();
  const moved = await box('Orders by sport');
  assert.ok(Math.abs(moved.x - to.x) < 2, 'it lies where it was let go');
  await page.mouse.move(moved.x + moved.width - 6, moved.y + moved.height - 6);
  await page.mouse.down();
  await page.mouse.move(moved.x + moved.width - 6, moved.y + moved.height + 74, { steps: 6 });
  await page.mouse.up();
  await save(page);
  const saved = await read(id);
  assert.deepEqual(place(saved, 'a'), [12, 0, 12, 10]);
  assert.deepEqual(place(saved, 'b'), [12, 10, 12, 8]);
  assert.deepEqual(complaints, []);
});

test('what two people changed goes together; the same place is chosen', async () => {
  const id = await make('Two people');
  const { page, complaints } = await edit(id);
  await tile(page, 'Orders by sport').press('Enter');
  await page.getByLabel('Title', { exact: true }).fill('Mine');
  const theirs = await read(id);
  const tiles = theirs.report.tiles.map((one) => (one.id === 'a' ? { ...one, title: 'Theirs' } : one.id === 'b' ? { ...one, title: 'Also theirs' } : one));
  await api('PUT', `/api/reports/${id}`, { report: { ...theirs.report, tiles }, queries: theirs.queries, base: theirs.version });
  await page.getByText(/saved this report while you edit it/).waitFor();
  await page.keyboard.press('Control+s');
  const dialog = page.getByRole('dialog', { name: /changed the same places/ });
  await dialog.getByText('Tile “Mine”: title').waitFor();
  assert.equal(await dialog.getByRole('radio').count(), 2, 'only what both changed');
  assert.equal(await dialog.getByRole('button', { name: 'Save' }).isDisabled(), true);
  assert.deepEqual(await seriousFaults(page), []);
  await page.screenshot({ path: 'build/screenshots/report-conflict.png' });
  await dialog.getByRole('radio', { name: /Yours/ }).check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await state(page).getByText('Saved', { exact: true }).waitFor();
  const saved = await read(id);
  assert.deepEqual(saved.report.tiles.map((one) => one.title), ['Mine', 'Also theirs', undefined]);
  assert.deepEqual(complaints, []);
});

test('a draft is kept against a crash, and offered', async () => {
  const id = await make('Draft');
  const { page } = await edit(id);
  await page.getByRole('textbox', { name: 'Title of the report' }).fill('Half done');
  await state(page).getByText('Draft kept').waitFor();
  page.on('dialog', (dialog) => void dialog.accept().catch(() => undefined));
  await page.goto(`http://${weir.serve}/report/${id}`);
  await page.getByRole('button', { name: 'Continue editing' }).click();
  assert.equal(await page.getByRole('textbox', { name: 'Title of the report' }).inputValue(), 'Half done');
  await save(page);
  assert.equal((await read(id)).report.title, 'Half done');
  await until('the draft to go', 20, async () => ((await fetch(`http://${weir.serve}/api/drafts/report:${id}`)).status === 404 ? true : undefined));
});

test('leaving with changes asks first', async () => {
  const id = await make('Leaving');
  const { page } = await edit(id);
  await page.getByRole('textbox', { name: 'Title of the report' }).fill('Not saved');
  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(dialog.message());
    void dialog.dismiss();
  });
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  assert.match(asked[0] ?? '', /not saved/);
  assert.match(page.url(), /\/report\//);
});

test('parameters are made, with choices from a query, and used at once', async () => {
  const id = await make('Parameters');
  const { page, complaints } = await edit(id);
  await page.getByRole('button', { name: 'Parameters' }).click();
  await page.getByRole('combobox', { name: 'Add a parameter' }).selectOption('multiselect');
  await page.getByLabel('Name in SQL').fill('sport');
  await page.getByLabel('Name in SQL').blur();
  await page.getByRole('combobox', { name: 'Choices' }).selectOption('query');
  await page.getByRole('button', { name: 'Queries' }).click();
  await page.locator('[data-ready] .cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText(' where [sport=sport]');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('region', { name: 'Rows of the query' }).getByText(/^3 rows$/).waitFor();
  await page.getByRole('form', { name: 'Parameters' }).getByRole('combobox').fill('golf');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Rows of the query' }).getByText('1 row').waitFor();
  assert.match(page.url(), /\?sport=golf$/);
  await save(page);
  assert.deepEqual((await read(id)).report.parameters, [{ name: 'sport', type: 'multiselect', options: { query: 'orders', value: 'sport', label: 'sport' } }]);
  assert.deepEqual(complaints, []);
});

test('others’ changes appear by themselves to readers', async () => {
  const id = await make('Live');
  const { page } = await at(`/report/${id}`);
  await page.getByRole('heading', { name: 'Live', level: 1 }).waitFor();
  const now = await read(id);
  await api('PUT', `/api/reports/${id}`, { report: { ...now.report, title: 'Live and new' }, queries: now.queries, base: now.version });
  await page.getByRole('heading', { name: 'Live and new', level: 1 }).waitFor();
});

test('reports are copied, archived, found, brought back and deleted, each with a way back', async () => {
  await make('Shelf life');
  const { page, complaints } = await at('/reports');
  const item = (title: string): Locator => page.getByRole('listitem').filter({ has: page.getByRole('link', { name: title, exact: true }) });
  const choose = async (title: string, what: string): Promise<void> => {
    await item(title).getByRole('button', { name: `${title}: menu` }).click();
    await page.getByRole('menuitem', { name: new RegExp(`^${what}`) }).click();
  };
  await choose('Shelf life', 'Archive');
  await item('Shelf life').waitFor({ state: 'detached' });
  await page.getByRole('searchbox', { name: 'Find a report' }).fill('shelf');
  await item('Shelf life').getByRole('button', { name: 'Bring back' }).click();
  await item('Shelf life').getByText('archived', { exact: true }).waitFor({ state: 'detached' });
  await choose('Shelf life', 'Delete');
  await item('Shelf life').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await item('Shelf life').waitFor();
  await choose('Shelf life', 'Make a copy');
  await page.getByRole('textbox', { name: 'Title of the report' }).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Title of the report' }).inputValue(), 'Shelf life (copy)');
  assert.deepEqual(complaints, []);
});

test('it is sound at every size, in light and dark', async () => {
  const id = await make('Looks');
  for (const [width, scheme] of [[360, 'light'], [1440, 'dark'], [3840, 'light']] as const) {
    const { page, complaints } = await edit(id, { viewport: { width, height: width < 500 ? 740 : 1000 }, colorScheme: scheme });
    await tile(page, 'Orders by sport').press('Enter');
    await page.getByRole('complementary', { name: 'Orders by sport' }).getByText('Measures (y)').waitFor();
    await page.screenshot({ path: `build/screenshots/report-edit-${scheme}-${width}.png` });
    assert.deepEqual(await seriousFaults(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `no sideways scrolling at ${width}`);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

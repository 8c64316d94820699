// The page Data: a CSV becomes a table by dropping or choosing it, and views say where they are.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import test, { after, before } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { isTableName, tableNameOf } from '../../web/core/uploads';
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

async function page(path = '/data', options: BrowserContextOptions = {}): Promise<Opened> {
  const opened = await open(browser, options);
  opened.page.setDefaultTimeout(30_000);
  await opened.page.goto(`http://${weir.serve}${path}`);
  await (path === '/explore' ? opened.page.locator('[data-ready]') : opened.page.getByRole('heading', { name: 'Data', level: 1 })).waitFor();
  return opened;
}
const file = (name: string, text: string): { name: string; mimeType: string; buffer: Buffer } => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const dialog = (p: Page) => p.getByRole('dialog');

/** As a hand does it: the file hangs over the page, then falls. */
async function drop(p: Page, name: string, text: string): Promise<void> {
  await p.evaluate(
    ([n, t]) => {
      const data = new DataTransfer();
      data.items.add(new File([t ?? ''], n ?? '', { type: 'text/csv' }));
      for (const type of ['dragenter', 'dragover', 'drop']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    [name, text],
  );
}

test('names of files become names of tables', () => {
  assert.equal(tableNameOf('Sales 2026 (final).csv'), 'sales_2026_final');
  assert.equal(tableNameOf('C:\\x\\Umsätze.tsv'), 'umsatze');
  assert.equal(tableNameOf('2026.csv'), 't_2026');
  assert.equal(tableNameOf('…'), 'upload');
  for (const name of ['a', 'a_1', tableNameOf('x'.repeat(200))]) assert.ok(isTableName(name), name);
  for (const name of ['', '1a', 'A', 'a b', 'ü']) assert.ok(!isTableName(name), name);
});

test('a file that is chosen becomes a table, with what was found in it and what could not be read', async () => {
  const { page: p, complaints } = await page();
  await p.getByText('No uploads yet').waitFor();
  const [chooser] = await Promise.all([p.waitForEvent('filechooser'), p.getByRole('button', { name: 'Upload a CSV' }).click()]);
  await chooser.setFiles(file('Budget 2026.csv', 'Sport;Budget;Code\nrugby;1,5;007\nclimbing;2,25;012\nbad\n'));
  await dialog(p).getByText('The table is there').waitFor();
  await dialog(p).getByText('numbers with a decimal comma').waitFor();
  await dialog(p).getByText('some numbers begin with zeros').waitFor();
  await dialog(p).getByText('1 line could not be read').waitFor();
  await dialog(p).getByText('it has 1 field, and the table has 3 columns').waitFor();
  assert.deepEqual(await seriousFaults(p), []);
  await dialog(p).getByRole('button', { name: 'Close', exact: true }).last().click();
  await p.getByRole('link', { name: 'uploads.budget_2026' }).waitFor();
  assert.deepEqual((await weir.query('select * from uploads.budget_2026 order by 1')).rows[1], { sport: 'rugby', budget: 1.5, code: '007' });
  assert.deepEqual(complaints, []);
});

test('a dropped file of a name that is taken asks; it replaces, or gets another name', async () => {
  const { page: p, complaints } = await page();
  await p.getByRole('link', { name: 'uploads.budget_2026' }).waitFor();
  await drop(p, 'Budget 2026.csv', 'sport,budget\nhockey,3\n');
  await dialog(p).getByText('is there already').waitFor();
  await dialog(p).getByLabel('Name').fill('Budget');
  assert.ok(await dialog(p).getByRole('button', { name: 'Make a new table' }).isDisabled());
  await dialog(p).getByRole('button', { name: 'Replace its rows' }).click();
  await dialog(p).getByText('The rows are replaced').waitFor();
  await p.keyboard.press('Escape');
  assert.deepEqual((await weir.query('from uploads.budget_2026')).rows, [{ sport: 'hockey', budget: 3 }]);
  await drop(p, 'login.csv', '<!doctype html><html>Sign in</html>');
  await dialog(p).getByText(/web page/).waitFor();
  await p.keyboard.press('Escape');
  assert.deepEqual(complaints, []);
});

test('an upload is deleted by keyboard alone, after a question', async () => {
  const { page: p } = await page();
  await weir.query('from uploads.budget_2026');
  await p.getByRole('button', { name: 'More about uploads.budget_2026' }).focus();
  await p.keyboard.press('Enter');
  await p.keyboard.press('End');
  await p.keyboard.press('Enter');
  await dialog(p).getByText('There is no undo').waitFor();
  await dialog(p).getByRole('button', { name: 'Delete' }).focus();
  await p.keyboard.press('Enter');
  await p.getByText('No uploads yet').waitFor();
});

test('a file that is dropped on Explore is a table, and its query is one click away', async () => {
  const { page: p, complaints } = await page('/explore');
  await drop(p, 'teams.csv', 'team,players\nreds,11\nblues,7\n');
  await dialog(p).getByText('The table is there').waitFor();
  await dialog(p).getByRole('button', { name: 'Query it' }).click();
  await p.getByRole('gridcell', { name: 'blues', exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test('views say whether they are in the warehouse, or why not', async () => {
  for (const [name, sql] of [['big_teams', 'select * from uploads.teams where players > 10'], ['broken', 'select * from uploads.nobody']] as const) {
    const response = await fetch(`http://${weir.serve}/api/views/${name}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql, description: `about ${name}` }) });
    assert.equal(response.status, 201);
  }
  const { page: p } = await page();
  await p.getByRole('link', { name: 'views.big_teams' }).waitFor();
  await p.getByText(/nobody.*does not exist/).waitFor();
});

test('a view is materialized by a switch, says how its rows are, and is computed when somebody wants it', async () => {
  const { page: p } = await page();
  const row = p.getByRole('row', { name: /views\.big_teams/ });
  const box = row.getByRole('checkbox', { name: 'Materialize views.big_teams' });
  await box.click();
  await row.getByText('fresh', { exact: true }).waitFor();
  const read = async (): Promise<{ description: string; refreshed_at: string }> => (await (await fetch(`http://${weir.serve}/api/views/big_teams`)).json()) as { description: string; refreshed_at: string };
  const first = await read();
  assert.equal(first.description, 'about big_teams');
  await row.getByRole('button', { name: 'Refresh now' }).click();
  await until('the rows to be computed again', 20, async () => ((await read()).refreshed_at !== first.refreshed_at ? true : undefined));
  await row.getByText('fresh', { exact: true }).waitFor();
  await box.click();
  await row.getByRole('button', { name: 'Refresh now' }).waitFor({ state: 'detached' });
  assert.equal(await box.isChecked(), false);
});

for (const width of [360, 1440]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious at ${width} px, ${colorScheme}`, async () => {
      const { page: p, complaints } = await page('/data', { viewport: { width, height: 900 }, colorScheme });
      await p.getByRole('link', { name: 'uploads.teams' }).waitFor();
      assert.deepEqual(await seriousFaults(p), []);
      assert.equal(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
      await p.screenshot({ path: `build/screenshots/data-${colorScheme}-${width}.png` });
      assert.deepEqual(complaints, []);
    });
  }
}

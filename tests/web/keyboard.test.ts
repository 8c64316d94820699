// The whole way by keys alone: set-up, log-in, a query with a parameter, its chart, a report, an edit, a
// share. Nothing here clicks, focuses or fills: what has no key is not reached.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { type Opened, launch, open } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
let opened: Opened;
let page: Page;

before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
  opened = await open(browser, { viewport: { width: 1440, height: 900 } });
  page = opened.page;
  page.setDefaultTimeout(60_000);
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

/** Tab until it has the focus, and the focus can be seen. */
async function reach(target: Locator, key = 'Tab'): Promise<void> {
  await target.waitFor();
  const way: string[] = [];
  for (let i = 0; i < 120; i++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
    way.push(await page.evaluate(() => `${document.activeElement?.tagName} ${document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim().slice(0, 30) ?? ''}`));
  }
  assert.fail(`no way by ${key} to ${String(target)}; met ${way.slice(0, 40).join(' | ')}`);
}
async function press(target: Locator): Promise<void> {
  await reach(target);
  await page.keyboard.press('Enter');
}
async function write(target: Locator, text: string): Promise<void> {
  await reach(target);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}
const button = (name: string | RegExp): Locator => page.getByRole('button', { name, exact: typeof name === 'string' }).first();

test('set up, log out, log in', async () => {
  await page.goto(/makes the first admin, once:\s+(\S+)/.exec(weir.log())?.[1] ?? '');
  await write(page.getByLabel('E-mail address'), 'ada@podium.example');
  await write(page.getByLabel('Your name'), 'Ada Byron');
  await write(page.getByLabel('Choose a password'), 'correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Ada').waitFor();
  await page.evaluate(() => document.cookie); // the page is there
  await page.context().clearCookies();
  await page.goto(`http://${weir.serve}/login`);
  await write(page.getByLabel('E-mail address'), 'ada@podium.example');
  await write(page.getByLabel('Password', { exact: true }), 'correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Ada').waitFor();
});

test('ask with a parameter, and see the chart', async () => {
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.locator('[data-ready]').waitFor();
  await reach(page.getByRole('textbox', { name: 'SQL' }));
  await page.keyboard.insertText('{% form %}\nleast:\n  type: number\n  default: 1\n{% endform %}\nselect i as day, i * 2 as videos from range(10) r(i) where i >= {{ least }}');
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^9 rows in/).waitFor();
  // Escape, then Tab, leaves the editor.
  await page.keyboard.press('Escape');
  await write(page.getByRole('spinbutton', { name: /least/i }).or(page.getByRole('textbox', { name: /least/i })).first(), '5');
  await page.keyboard.press('Enter');
  await page.getByText(/^5 rows in/).waitFor();
  await reach(page.getByRole('grid', { name: 'Result' }));
  await page.keyboard.press('ArrowDown');
  await page.getByRole('region', { name: 'Chart' }).getByRole('img').first().waitFor();
  await press(page.getByRole('region', { name: 'Chart' }).getByRole('button', { name: 'Show as a table' }));
  await press(page.getByRole('region', { name: 'Chart' }).getByRole('button', { name: 'Show the drawing' }));
});

test('save it as a report, edit that, share it', async () => {
  await page.keyboard.press('Control+s');
  const dialog = page.getByRole('dialog', { name: 'Save the query' });
  await write(dialog.getByLabel('Title of the report'), 'Videos');
  await write(dialog.getByLabel('Name of the query'), 'Videos by day');
  await page.keyboard.press('Enter');
  await page.getByText('Saved “Videos by day”').waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.type('Videos');
  await page.getByRole('option', { name: /Videos/ }).first().waitFor();
  for (let i = 0; i < 10 && !/Videos(?! by)/.test((await page.locator('[role="option"][aria-selected="true"]').first().textContent()) ?? ''); i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Videos', exact: true, level: 1 }).waitFor();
  await press(button('Edit'));
  await write(page.getByRole('textbox', { name: 'Title of the report' }), 'Videos for all');
  await press(button('Save'));
  await page.getByRole('toolbar', { name: 'Edit the report' }).getByText('Saved', { exact: true }).waitFor(); // else Done asks
  await press(button('Done'));
  await page.getByRole('heading', { name: 'Videos for all', exact: true, level: 1 }).waitFor();
  await press(button('Share'));
  const sharing = page.getByRole('dialog');
  await sharing.waitFor();
  const company = sharing.getByRole('checkbox').first();
  await reach(company);
  await page.keyboard.press('Space');
  await press(sharing.getByRole('button', { name: 'Share', exact: true }));
  await page.getByText('Videos for all is shared with everybody').waitFor();
  // Done or left by Escape, the focus is where the dialog was opened.
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === 'Share');
  await page.keyboard.press('Enter');
  await sharing.waitFor();
  await page.keyboard.press('Escape');
  await sharing.waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement?.textContent?.trim() === 'Share');
  assert.deepEqual(opened.complaints, []);
});

// The frame around the pages: navigation, palette, keyboard, colours, a server that goes away.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
before(async () => {
  weir = await Weir.init();
  await weir.up();
  const send = async (event: string): Promise<void> => {
    const response = await fetch(`http://${weir.collect}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u1', event, properties: { total: 12.5 } }),
    });
    assert.equal(response.status, 200);
  };
  await send('Order Completed');
  await send('Video Started');
  await weir.loaded();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

async function at(path: string, options: Parameters<typeof open>[1] = {}): Promise<Opened> {
  const opened = await open(browser, options);
  await opened.page.goto(`http://${weir.serve}${path}`);
  await opened.page.locator('main h1').waitFor({ state: 'attached' });
  return opened;
}

const heading = (page: Page): Promise<string> => page.locator('main h1').innerText();

test('home shows what there is, and leads to it', async () => {
  const { page, complaints } = await at('/');
  await page.getByRole('link', { name: /order_completed/ }).click();
  await page.waitForURL(/\/explore\?table=web.order_completed$/);
  await page.goBack();
  await page.waitForURL(/\/$/);
  await page.getByRole('link', { name: 'System' }).click();
  await page.getByText('Load lag').waitFor();
  assert.equal(await page.title(), 'System · weir');
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'reading starts at the top of the page');
  assert.deepEqual(complaints, []);
});

test('an empty workspace says how to send the first event', async () => {
  const empty = await Weir.init();
  try {
    await empty.up();
    const { page, complaints } = await open(browser);
    await page.goto(`http://${empty.serve}/`);
    await page.getByText('Send your first event').waitFor();
    assert.deepEqual(complaints, []);
  } finally {
    await empty.remove();
  }
});

test('the palette finds a table by a few letters and opens it, by keys alone', async () => {
  const { page, complaints } = await at('/');
  await page.keyboard.press('Control+K');
  await page.keyboard.type('vst');
  await page.getByRole('option', { name: /^web.video_started/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/explore\?table=web.video_started$/);
  await page.keyboard.press('Control+K');
  await page.keyboard.type('system');
  await page.getByRole('option', { name: /System Page/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('Load lag').waitFor();
  await page.keyboard.press('Control+K');
  await page.keyboard.type('dark');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.documentElement.dataset['theme']), 'dark');
  await page.keyboard.press('Control+K');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog[open]').count(), 0);
  assert.deepEqual(complaints, []);
});

test('every place is reached without a mouse', async () => {
  const { page } = await at('/');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).getByText('Go to System').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.getByText('Load lag').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.locator('[data-ready]').waitFor();
  await page.getByRole('textbox', { name: 'SQL' }).focus();
  await page.keyboard.press('Control+A'); // what was written in another browser is here, too
  await page.keyboard.insertText('select 6 * 7 as answer');
  await page.keyboard.press('?'); // typing stays typing
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Control+Enter');
  await page.getByRole('gridcell', { name: '42' }).waitFor();
  // The account's menu: arrows move, Escape gives the focus back.
  const menu = page.getByRole('button', { name: /account and settings/ });
  await menu.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
  assert.match((await page.evaluate(() => document.activeElement?.textContent)) ?? '', /Keyboard|Sign out/);
  await page.keyboard.press('Escape');
  assert.equal(await menu.evaluate((button) => button === document.activeElement), true);
});

test('colours follow the system until a person chooses, and the choice is kept', async () => {
  const { page } = await at('/', { colorScheme: 'dark' });
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: /account and settings/ }).click();
  await page.getByRole('menuitemradio', { name: 'Light' }).click();
  assert.notEqual(await ground(), dark);
  await page.reload();
  await page.locator('main h1').waitFor();
  assert.notEqual(await ground(), dark);
});

test('an address that means nothing says so and leads home', async () => {
  const { page } = await open(browser);
  await page.goto(`http://${weir.serve}/report`);
  await page.getByText('There is no page at this address').waitFor();
  await page.getByRole('link', { name: 'Go home' }).click();
  await page.locator('main h1').waitFor();
  assert.equal(await heading(page), 'Home');
});

test('a server that goes away is said, and its return is noticed', async () => {
  const brief = await Weir.init();
  try {
    await brief.up();
    const { page } = await open(browser);
    await page.goto(`http://${brief.serve}/system`);
    await page.getByText('Load lag').waitFor();
    const { serve, collect } = brief;
    await brief.down();
    await page.getByText('The server does not answer').waitFor();
    assert.equal(await page.getByText('Load lag').count(), 1, 'what was known stays on the page');
    await brief.up({ serve, collect });
    const back = page.getByText('The server does not answer').waitFor({ state: 'detached', timeout: 60_000 });
    const press = page.getByRole('button', { name: 'Try now' }).click({ timeout: 60_000 });
    await Promise.race([back, press.catch(() => undefined)]); // it may be noticed before anybody presses
    await back;
  } finally {
    await brief.remove();
  }
});

for (const width of [360, 1440, 3840]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious and nothing sticks out at ${width} px, ${colorScheme}`, async () => {
      const { page, complaints } = await at('/', { viewport: { width, height: 2400 }, colorScheme });
      const sound = async (): Promise<void> => {
        assert.deepEqual(await seriousFaults(page), []);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
      };
      await page.getByText('order_completed').waitFor();
      await sound();
      await page.keyboard.press('Control+K');
      await page.keyboard.type('web');
      await page.getByRole('option', { name: /^web.tracks/ }).waitFor();
      await sound();
      await page.keyboard.press('Escape');
      await page.goto(`http://${weir.serve}/system`);
      await page.getByText('Load lag').waitFor();
      await sound();
      assert.deepEqual(complaints, []);
    });
  }
}

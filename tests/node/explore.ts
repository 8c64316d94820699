// The Explore page in a browser: a weir with three orders, and the moves that its tests share.
import assert from 'node:assert/strict';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type Opened, launch, open } from './app';
import { Weir } from './weir';

export class Exploring {
  private last: Page | undefined;
  private constructor(
    readonly weir: Weir,
    readonly browser: Browser,
  ) {}

  static async start(): Promise<Exploring> {
    const weir = await Weir.init();
    await weir.up();
    for (const [sport, total] of [['rugby', 12.5], ['climbing', 7], ['rugby', 3]] as const) {
      const response = await fetch(`http://${weir.collect}/v1/track`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
        body: JSON.stringify({ userId: 'u1', event: 'Order Completed', properties: { sport, total } }),
      });
      assert.equal(response.status, 200);
    }
    await weir.loaded();
    return new Exploring(weir, await launch());
  }

  async end(): Promise<void> {
    await this.browser.close();
    await this.weir.remove();
  }

  /** A browser of its own, of a person who has written nothing yet (`drafts` keeps what she wrote). */
  async open(options: BrowserContextOptions = {}, path = '/explore', drafts = false): Promise<Opened> {
    await this.last?.context().close();
    if (!drafts) await fetch(this.url('/api/drafts/explore'), { method: 'DELETE' });
    const opened = await open(this.browser, { permissions: ['clipboard-read', 'clipboard-write'], ...options });
    this.last = opened.page;
    opened.page.setDefaultTimeout(60_000);
    await opened.page.goto(this.url(path));
    await opened.page.locator('[data-ready]').waitFor();
    return opened;
  }

  url(path: string): string {
    return `http://${this.weir.serve}${path}`;
  }

  /** The JSON of an answer of the API, which must be a good one. */
  async api<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.url(path), { method, ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}) });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

export const editor = (page: Page) => page.getByRole('textbox', { name: 'SQL' });
export async function type(page: Page, sql: string): Promise<void> {
  // Not by a click: a list of completions may lie over it.
  await editor(page).focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(sql);
}
export async function run(page: Page, sql: string): Promise<void> {
  await type(page, sql);
  await page.keyboard.press('Control+Enter');
}
export const cell = (page: Page, name: string) => page.getByRole('gridcell', { name, exact: true });
export const status = (page: Page) => page.getByRole('region', { name: 'Result' }).getByRole('status');

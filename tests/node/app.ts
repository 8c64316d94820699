// The web app in Debian's Chromium, served by a real weir.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import type { Weir } from './weir.js';

export interface Opened {
  page: Page;
  /** Errors, failed requests, and what the content policy stopped, since the page was opened. */
  complaints: string[];
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
  });
}

/** A tab of its own (own cookies, own storage). */
export async function open(browser: Browser, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // What the server refuses (401 before signing in) is the app's to handle, not a fault.
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (!/^Failed to load resource: the server responded/.test(message.text())) complaints.push(message.text());
  });
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
  });
  return { page, complaints };
}

/** A new person, who follows her invitation. */
export async function joinApp(browser: Browser, weir: Weir, email: string, role: string, name: string, viewport = { width: 1440, height: 900 }): Promise<Opened> {
  const link = /http:\/\/\S+/.exec(await weir.in('user', 'add', email, '--role', role))?.[0] ?? '';
  const opened = await open(browser, { viewport });
  opened.page.setDefaultTimeout(30_000);
  await opened.page.goto(link);
  await opened.page.getByLabel('Your name').fill(name);
  await opened.page.getByLabel('Choose a password').fill('a long enough one');
  await opened.page.keyboard.press('Enter');
  await opened.page.getByText(`Hello, ${name}`).waitFor();
  return opened;
}

interface Violation {
  id: string;
  impact: string;
  nodes: string[];
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A picture of it, for whoever named a folder for them. */
export async function picture(page: Page, name: string, fullPage = true): Promise<void> {
  const folder = process.env['PICTURES'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage });
}

/** What axe-core finds serious or critical on the page as it is now. */
export async function seriousFaults(page: Pick<Page, 'evaluate'>): Promise<Violation[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Axe {
      run(options: object): Promise<{ violations: { id: string; impact: string | null; nodes: { html: string; failureSummary?: string }[] }[] }>;
    }
    const { axe: checker } = window as unknown as { axe: Axe };
    const { violations } = await checker.run({ resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, impact, nodes }) => ({ id, impact: impact ?? '', nodes: nodes.map((node) => `${node.html.slice(0, 300)}: ${node.failureSummary ?? ''}`) }));
  });
}

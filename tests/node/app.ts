// The web app in Debian's Chromium, served by a real weir.
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';

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
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
  });
  return { page, complaints };
}

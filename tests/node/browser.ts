// Debian's Chromium, headless, on a page of an origin that is not weir's, so that CORS is real.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, type Page, chromium } from 'playwright-core';

export interface Visit {
  page: Page;
  /** What the page could not do: failed requests, errors, console errors. */
  complaints: string[];
}

/** Bundles `script` (TypeScript) for a page. */
async function bundle(script: string): Promise<string> {
  const result = await build({
    stdin: { contents: script, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
  });
  return result.outputFiles[0]?.text ?? '';
}

/** Serves a page that runs `script`, opens it, gives it to `body`, and closes everything. */
export async function visit(script: string, body: (visit: Visit) => Promise<void>): Promise<void> {
  const code = await bundle(script);
  const server = http.createServer((request, response) => {
    if (request.url?.startsWith('/script.js')) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(code);
      return;
    }
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end('<!doctype html><title>Podium: live</title><script src="/script.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({
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
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('requestfailed', (request) => {
      complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });
    const { port } = server.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/live/42?utm_source=mail&utm_campaign=finals#top`);
    await body({ page, complaints });
  } finally {
    await browser?.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

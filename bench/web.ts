// What a browser sees: the time until the app has painted, with nothing cached, and until home
// shows the tables. The median of several cold starts (a new profile each).
import type { Page } from 'playwright-core';
import { launch, open } from '../tests/node/app';
import { Weir } from '../tests/node/weir';

const rounds = 7;

async function cold(url: string, browser: Awaited<ReturnType<typeof launch>>): Promise<{ paint: number; ready: number }> {
  const { page } = await open(browser);
  await page.goto(url);
  await page.getByText('order_completed').waitFor();
  const measured = await measure(page);
  await page.context().close();
  return measured;
}

function measure(page: Page): Promise<{ paint: number; ready: number }> {
  return page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN;
    const catalog = performance.getEntriesByType('resource').findLast((entry) => entry.name.endsWith('/api/schema')) as PerformanceResourceTiming | undefined;
    return { paint, ready: catalog?.responseEnd ?? Number.NaN };
  });
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function report(name: string, milliseconds: number, goal: number): void {
  const value = Math.round(milliseconds) / 1000;
  console.log(JSON.stringify({ name, value, unit: 's', reference: null, ratio: null, goal, met: value < goal }));
}

const weir = await Weir.init();
const browser = await launch();
try {
  await weir.up();
  await fetch(`http://${weir.collect}/v1/track`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } }),
  });
  await weir.loaded();
  const times: { paint: number; ready: number }[] = [];
  for (let i = 0; i < rounds; i++) times.push(await cold(`http://${weir.serve}/`, browser));
  report('explore/first_paint', median(times.map(({ paint }) => paint)), 1);
  report('explore/home_data', median(times.map(({ ready }) => ready)), 1);
} finally {
  await browser.close();
  await weir.remove();
}

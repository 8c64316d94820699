// The Explore page in Chromium: how soon one can type, how soon rows are there, how a million of them
// scroll, and what they take of memory. One JSON object a line, like the other benchmarks.
import type { CDPSession, Page } from 'playwright-core';
import { launch, open } from '../tests/node/app';
import { Weir } from '../tests/node/weir';

function line(name: string, value: number, unit: string, goal: number): void {
  console.log(JSON.stringify({ name: `explore/${name}`, value, unit, reference: null, ratio: null, goal, met: value <= goal }));
}
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
const quantile = (values: number[], share: number): number => values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

async function write(page: Page, sql: string): Promise<void> {
  await page.getByRole('textbox', { name: 'SQL' }).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(sql);
}

/** From the press of the key until the frame with the first rows is painted, without the time that the engine says
 * it took. The page is at rest before; nothing is asked of it meanwhile that would keep its frames going. */
async function firstRows(page: Page, i: number): Promise<number> {
  await write(page, `select ${i} as run, i from range(100) r(i)`);
  await page.keyboard.press('Escape');
  await page.waitForTimeout(700);
  await page.evaluate((wanted) => {
    delete document.body.dataset['took'];
    let began = 0;
    const pressed = (event: KeyboardEvent): void => {
      if (event.key !== 'Enter') return;
      document.removeEventListener('keydown', pressed, true);
      began = event.timeStamp;
    };
    const painted = new MessageChannel(); // its turn comes when the frame is done
    painted.port1.onmessage = () => {
      document.body.dataset['took'] = String(performance.now() - began);
    };
    const watch = new MutationObserver(() => {
      if (document.querySelector('[role="gridcell"]')?.textContent !== wanted) return;
      watch.disconnect();
      requestAnimationFrame(() => painted.port2.postMessage(null));
    });
    document.addEventListener('keydown', pressed, true);
    watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  }, String(i));
  await page.keyboard.press('Control+Enter');
  await page.locator('body[data-took]').waitFor();
  const took = Number(await page.locator('body').getAttribute('data-took'));
  await page.getByText(/^100 rows in/).waitFor();
  const text = await page.getByRole('region', { name: 'Result' }).getByRole('status').innerText();
  return took - Number(/in ([\d.]+) ms/.exec(text)?.[1] ?? 0);
}

async function metrics(cdp: CDPSession): Promise<Record<string, number>> {
  const { metrics: all } = await cdp.send('Performance.getMetrics');
  return Object.fromEntries(all.map(({ name, value }) => [name, value]));
}

async function scroll(page: Page, cdp: CDPSession): Promise<void> {
  const before = await metrics(cdp);
  const frames = await page.evaluate(async () => {
    const grid = document.querySelector('[role="grid"]');
    if (!grid) throw new Error('there is no grid');
    const deltas: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 300; i++) {
      grid.scrollTop += i < 200 ? 60 : 40_000;
      const now = await new Promise<number>((resolve) => requestAnimationFrame(() => resolve(performance.now())));
      deltas.push(now - last);
      last = now;
    }
    return deltas;
  });
  const after = await metrics(cdp);
  line('grid_scroll frame, median', median(frames), 'ms', 17.5);
  line('grid_scroll frame, p95', quantile(frames, 0.95), 'ms', 34);
  line('grid_scroll work a frame', (((after['TaskDuration'] ?? 0) - (before['TaskDuration'] ?? 0)) * 1000) / frames.length, 'ms', 16.7);
}

/** Each round has statements of its own: neither side finds kept results. */
const queries = (round: number): { id: string; sql: string }[] =>
  Array.from({ length: 20 }, (_, i) => ({ id: `q${i}`, sql: `select i % ${i + 5} as part, count(*) as n, sum(hash(i + ${round}) % 100) as s from range(3000000) r(i) group by all order by all` }));

async function ask(target: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${weir.serve}${target}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** The queries of the report by themselves, four at a time, as a page asks for them. */
async function byThemselves(round: number): Promise<number> {
  const waiting = queries(round);
  const began = performance.now();
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await ask('/api/query', { sql: next.sql, fresh: true });
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return performance.now() - began;
}

/** From the click on its name until the frame with the last tile's rows is painted. */
async function opened(page: Page, title: string): Promise<number> {
  await page.goto(`http://${weir.serve}/`);
  const link = page.getByRole('link', { name: title }).first();
  await link.waitFor();
  await page.waitForTimeout(700);
  await page.evaluate(() => {
    document.addEventListener('click', ({ timeStamp }) => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => {
        document.body.dataset['took'] = String(performance.now() - timeStamp);
      };
      const watch = new MutationObserver(() => {
        const tiles = Array.from(document.querySelectorAll('section.tile'));
        if (tiles.length !== 20 || !tiles.every((tile) => !tile.hasAttribute('aria-busy') && tile.querySelector('td, [role="gridcell"]'))) return;
        watch.disconnect();
        requestAnimationFrame(() => painted.port2.postMessage(null));
      });
      watch.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['aria-busy'] });
    }, { once: true, capture: true });
  });
  await link.click();
  await page.locator('body[data-took]').waitFor();
  return Number(await page.locator('body').getAttribute('data-took'));
}

async function openReport(page: Page): Promise<void> {
  const rounds = { engine: [] as number[], page: [] as number[], ratio: [] as number[] };
  for (let i = 0; i < 7; i++) {
    const title = `Twenty queries ${i}`;
    const own = queries(2 * i);
    await ask('/api/reports', {
      report: { title, queries: own.map(({ id }) => ({ id })), tiles: own.map(({ id }, at) => ({ id: `t${at}`, kind: 'table', query: id, x: (at % 4) * 6, y: Math.floor(at / 4) * 6, w: 6, h: 6 })) },
      queries: Object.fromEntries(own.map(({ id, sql }) => [id, sql])),
    });
    const engine = await byThemselves(2 * i + 1);
    const value = await opened(page, title);
    rounds.engine.push(engine);
    rounds.page.push(value);
    rounds.ratio.push(value / engine);
  }
  const ratio = median(rounds.ratio);
  console.log(JSON.stringify({ name: 'explore/report_of_20_queries, opened', value: median(rounds.page), unit: 'ms', reference: median(rounds.engine), ratio, goal: 1.05, met: ratio <= 1.05 }));
}

const weir = await Weir.init();
const browser = await launch();
try {
  await weir.up();
  const cold: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { page } = await open(browser);
    await page.goto(`http://${weir.serve}/explore`);
    await page.locator('[data-ready]').waitFor();
    cold.push(await page.evaluate(() => performance.now()));
    await page.context().close();
  }
  line('editor_usable, cold', median(cold), 'ms', 1500);

  const { page } = await open(browser, { viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(180_000);
  await page.goto(`http://${weir.serve}/explore`);
  await page.locator('[data-ready]').waitFor();
  const added: number[] = [];
  for (let i = 0; i < 31; i++) added.push(await firstRows(page, i));
  line('first_rows, on top of the engine', median(added), 'ms', 20);

  await openReport(page);
  await page.goto(`http://${weir.serve}/explore`);
  await page.locator('[data-ready]').waitFor();

  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  await write(page, "select i, i * 3 as b, i / 7 as c, 'row ' || i as d, i % 2 = 0 as e, date '2026-01-01' + (i % 365)::int as f, timestamp '2026-01-01' + to_seconds(i) as g, 'sport ' || i % 9 as h, i % 1000 as j, hash(i) % 100000 as k from range(1000000) r(i)");
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^1.000.000 rows in/).waitFor();
  await scroll(page, cdp);
  await cdp.send('HeapProfiler.collectGarbage');
  const heap = (await cdp.send('Runtime.getHeapUsage')) as { usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number };
  line('grid_scroll memory of the tab', (heap.usedSize + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0)) / 1e6, 'MB', 300);
  line('grid_scroll rows in the page', await page.getByRole('row').count(), 'rows', 60);
} finally {
  await browser.close();
  await weir.remove();
}

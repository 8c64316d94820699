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

interface Took {
  /** From the press of the key until the rows are in the grid, without the time that the engine says it took. */
  grid: number;
  /** The same until the frame that shows them is painted. */
  painted: number;
}

/** Waits in the page for `wanted` in the first element of `selector` after the next press of Enter, and for the frame behind it. */
async function watch(page: Page, selector: string, wanted: string): Promise<() => Promise<Took>> {
  await page.evaluate(([selector, wanted]) => {
    delete document.body.dataset['took'];
    let began = 0;
    let grid = 0;
    const pressed = (event: KeyboardEvent): void => {
      if (event.key !== 'Enter') return;
      document.removeEventListener('keydown', pressed, true);
      began = event.timeStamp;
    };
    const painted = new MessageChannel(); // its turn comes when the frame is done
    painted.port1.onmessage = () => {
      document.body.dataset['took'] = JSON.stringify({ grid, painted: performance.now() - began });
    };
    const seen = new MutationObserver(() => {
      if (document.querySelector(selector)?.textContent !== wanted) return;
      seen.disconnect();
      grid = performance.now() - began;
      requestAnimationFrame(() => painted.port2.postMessage(null));
    });
    document.addEventListener('keydown', pressed, true);
    seen.observe(document.body, { subtree: true, childList: true, characterData: true });
  }, [selector, wanted] as const);
  return async () => {
    await page.locator('body[data-took]').waitFor();
    return JSON.parse((await page.locator('body').getAttribute('data-took')) ?? '') as Took;
  };
}

/** The page is at rest before; nothing is asked of it meanwhile that would keep its frames going. */
async function firstRows(page: Page, i: number): Promise<Took> {
  await write(page, `select ${i} as run, i from range(100) r(i)`);
  await page.keyboard.press('Escape');
  await page.waitForTimeout(700);
  const took = await watch(page, '[role="gridcell"]', String(i));
  await page.keyboard.press('Control+Enter');
  const { grid, painted } = await took();
  await page.getByText(/^100 rows in/).waitFor();
  const text = await page.getByRole('region', { name: 'Result' }).getByRole('status').innerText();
  const engine = Number(/in ([\d.]+) ms/.exec(text)?.[1] ?? 0);
  return { grid: grid - engine, painted: painted - engine };
}

/** What the browser takes by itself from a key to a painted frame: a request that the server answers with nothing, and a word
 * for what came. */
async function emptyRequest(page: Page, i: number): Promise<Took> {
  await page.evaluate((word) => {
    const shown = document.querySelector('#bare') ?? document.body.appendChild(Object.assign(document.createElement('output'), { id: 'bare' }));
    document.addEventListener('keydown', () => {
      void fetch('/api/session', { cache: 'no-store' }).then(async (answer) => {
        await answer.arrayBuffer();
        shown.textContent = word;
      });
    }, { once: true });
  }, String(i));
  await page.waitForTimeout(700);
  const took = await watch(page, '#bare', String(i));
  await page.keyboard.press('Shift+Enter');
  return took();
}

async function measureFirstRows(page: Page): Promise<void> {
  const rows: Took[] = [];
  for (let i = 0; i < 31; i++) rows.push(await firstRows(page, i));
  const { page: bare } = await open(page.context().browser()!, { viewport: { width: 1440, height: 900 } });
  await bare.goto(`http://${weir.serve}/explore`);
  await bare.locator('[data-ready]').waitFor();
  await bare.locator('body').click({ position: { x: 2, y: 2 } });
  const floor: Took[] = [];
  for (let i = 0; i < 15; i++) floor.push(await emptyRequest(bare, i));
  await bare.context().close();
  line('first_rows, in the grid, on top of the engine', median(rows.map(({ grid }) => grid)), 'ms', 20);
  const [value, reference] = [median(rows.map(({ painted }) => painted)), median(floor.map(({ painted }) => painted))];
  console.log(JSON.stringify({ name: 'explore/first_rows, painted, beside an empty request painted', value, unit: 'ms', reference, ratio: value / reference, goal: null, met: null }));
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
const queries = (round: number, rows: number): { id: string; sql: string }[] =>
  Array.from({ length: 20 }, (_, i) => ({ id: `q${i}`, sql: `select i % ${i + 5} as part, count(*) as n, sum(hash(i + ${round}) % 100) as s from range(${rows}) r(i) group by all order by all` }));

async function ask(target: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${weir.serve}${target}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** The queries of the report by themselves, four at a time, as a page asks for them. */
async function byThemselves(round: number, rows: number): Promise<number> {
  const waiting = queries(round, rows);
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

/** What the page adds is nearly the same whatever the queries take: it has a goal beside queries of a fifth of a second, and
 * is told in milliseconds beside light ones. */
async function openReport(page: Page, rows: number, rounds: number): Promise<{ engine: number; page: number; ratio: number }> {
  const took = { engine: [] as number[], page: [] as number[], ratio: [] as number[] };
  for (let i = 0; i < rounds; i++) {
    const title = `Twenty queries of ${rows} rows ${i}`;
    const own = queries(2 * i, rows);
    await ask('/api/reports', {
      report: { title, queries: own.map(({ id }) => ({ id })), tiles: own.map(({ id }, at) => ({ id: `t${at}`, kind: 'table', query: id, x: (at % 4) * 6, y: Math.floor(at / 4) * 6, w: 6, h: 6 })) },
      queries: Object.fromEntries(own.map(({ id, sql }) => [id, sql])),
    });
    const engine = await byThemselves(2 * i + 1, rows);
    const value = await opened(page, title);
    took.engine.push(engine);
    took.page.push(value);
    took.ratio.push(value / engine);
  }
  return { engine: median(took.engine), page: median(took.page), ratio: median(took.ratio) };
}

async function measureReport(page: Page): Promise<void> {
  const heavy = await openReport(page, 12_000_000, 5);
  console.log(JSON.stringify({ name: 'explore/report_of_20_queries, opened', value: heavy.page, unit: 'ms', reference: heavy.engine, ratio: heavy.ratio, goal: 1.05, met: heavy.ratio <= 1.05 }));
  const light = await openReport(page, 1_000_000, 5);
  console.log(JSON.stringify({ name: 'explore/report_of_20_light_queries, opened', value: light.page, unit: 'ms', reference: light.engine, ratio: light.ratio, goal: null, met: null }));
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
  await measureFirstRows(page);

  await measureReport(page);
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

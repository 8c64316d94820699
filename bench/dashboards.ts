// A dashboard in Chromium: how long an event takes from the collector to a tile on the screen while
// others stream in, and whether a page of 45 tiles ever holds its reader up.
import type { CDPSession, Page } from 'playwright-core';
import { launch, open } from '../tests/node/app';
import { Weir } from '../tests/node/weir';

const EVENTS_A_SECOND = 5000;
const MARKS = 40;
const TILES = 45;

function line(name: string, value: number, unit: string, goal: number | null): void {
  console.log(JSON.stringify({ name: `publish/${name}`, value, unit, reference: null, ratio: null, goal, met: goal === null ? null : value <= goal }));
}
const quantile = (values: number[], share: number): number => values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function ask(target: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${weir.serve}${target}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}
async function send(route: string, body: unknown): Promise<void> {
  const response = await fetch(`http://${weir.collect}${route}`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`);
}
const sports = ['rugby', 'climbing', 'hockey', 'golf', 'rowing', 'judo', 'squash', 'fencing'];
let user = 0;
const event = (): object => ({ type: 'track', userId: `u${++user % 20_000}`, event: 'Video Started', properties: { sport: sports[user % sports.length], minutes: (user * 7) % 90, country: `c${user % 30}` } });

/** A hundred events at a time, so many a second; gives what ends it, which tells how many there were. */
function stream(): () => Promise<number> {
  let going = true;
  let sent = 0;
  const began = performance.now();
  const ended = (async () => {
    while (going) {
      const due = ((performance.now() - began) / 1000) * EVENTS_A_SECOND;
      if (sent + 100 > due) await pause(5);
      else {
        await send('/v1/batch', { batch: Array.from({ length: 100 }, event) });
        sent += 100;
      }
    }
    return (sent / (performance.now() - began)) * 1000;
  })();
  return () => {
    going = false;
    return ended;
  };
}

async function publish(title: string, queries: Record<string, string>, tiles: object[]): Promise<string> {
  const { id } = (await ask('/api/reports', { report: { title, queries: Object.keys(queries).map((query) => ({ id: query })), tiles }, queries })) as { id: string };
  const response = await fetch(`http://${weir.serve}/api/reports/${id}/publication`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ company: true, people: [], groups: [] }) });
  if (!response.ok) throw new Error(`publication: ${response.status} ${await response.text()}`);
  return id;
}

/** From the call of the collector until the frame that shows its number, in ms, for each mark. */
async function follow(): Promise<void> {
  await send('/v1/track', { userId: 'u0', event: 'Mark Set', properties: { mark: 0 } });
  await weir.loaded();
  const id = await publish('Live', {
    mark: 'select max(mark) as mark from web.mark_set',
    views: 'select sport, count(*) as views from web.video_started group by all order by all',
    minutes: 'select sum(minutes) as minutes from web.video_started',
  }, [
    { id: 't0', kind: 'chart', title: 'Mark', query: 'mark', x: 0, y: 0, w: 6, h: 5, chart: { type: 'number', y: [{ column: 'mark' }] } },
    { id: 't1', kind: 'chart', title: 'Minutes', query: 'minutes', x: 6, y: 0, w: 6, h: 5, chart: { type: 'number', y: [{ column: 'minutes' }] } },
    { id: 't2', kind: 'chart', title: 'Views', query: 'views', x: 0, y: 5, w: 12, h: 8, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'views' }] } },
  ]);
  const { page } = await open(browser, { viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(60_000);
  await page.goto(`http://${weir.serve}/dashboard/${id}`);
  await page.getByRole('region', { name: 'Mark', exact: true }).getByText('0', { exact: true }).first().waitFor();
  await page.evaluate(() => {
    const seen: Record<number, number> = {};
    Object.assign(window, { seen });
    const tile = document.querySelector('section.tile[aria-label="Mark"]');
    if (!tile) throw new Error('there is no tile');
    new MutationObserver(() => {
      const mark = Number(/\d+/.exec(tile.querySelector('[title]:is(.value)')?.textContent ?? '')?.[0] ?? 0);
      requestAnimationFrame(() => {
        for (let i = mark; i > 0 && seen[i] === undefined; i--) seen[i] = performance.timeOrigin + performance.now();
      });
    }).observe(tile, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const end = stream();
  await pause(3000);
  const sent: number[] = [];
  for (let i = 1; i <= MARKS; i++) {
    await pause(400 + Math.random() * 500);
    sent[i] = performance.timeOrigin + performance.now();
    await send('/v1/track', { userId: 'u0', event: 'Mark Set', properties: { mark: i } });
  }
  await page.waitForFunction((last) => (window as unknown as { seen: Record<number, number> }).seen[last] !== undefined, MARKS);
  const rate = await end();
  const seen = await page.evaluate(() => (window as unknown as { seen: Record<number, number> }).seen);
  const took = sent.flatMap((at, i) => (i ? [(seen[i] ?? Number.NaN) - at] : []));
  line('live_tile events while measured', Math.round(rate), 'events/s', null);
  line('live_tile event to screen, median', quantile(took, 0.5), 'ms', null);
  line('live_tile event to screen, p95', quantile(took, 0.95), 'ms', 2000);
  await page.context().close();
}

interface Task {
  name: string;
  ph: string;
  ts: number;
  dur?: number;
  tdur?: number;
  pid: number;
  tid: number;
}

/** The longest task of the page's main thread from its first paint on, by the clock and in processor time. */
async function traced(cdp: CDPSession, what: () => Promise<void>): Promise<{ wall: number; cpu: number }> {
  const events: Task[] = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as Task[])));
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', 'loading', 'blink.user_timing'] } });
  await what();
  const done = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await done;
  const paint = events.filter(({ name }) => name === 'firstContentfulPaint' || name === 'firstPaint').sort((a, b) => b.ts - a.ts)[0];
  if (!paint) throw new Error('nothing was painted');
  const tasks = events.filter(({ name, ph, ts, pid, tid }) => ph === 'X' && name === 'ThreadControllerImpl::RunTask' && ts > paint.ts && pid === paint.pid && tid === paint.tid);
  return { wall: Math.max(...tasks.map(({ dur = 0 }) => dur)) / 1000, cpu: Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000 };
}

async function drawn(page: Page): Promise<void> {
  for (let tile = 0; tile < TILES; tile += 3) {
    await page.evaluate((at) => document.querySelectorAll('section.tile')[at]?.scrollIntoView({ block: 'start' }), tile);
    await page.waitForFunction(() => Array.from(document.querySelectorAll('section.tile')).every((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return bottom < 0 || top > innerHeight || (!one.hasAttribute('aria-busy') && one.querySelector('table, [data-drawn], .value') !== null);
    }));
  }
}

async function many(): Promise<void> {
  const kinds = [
    { type: 'line', x: { column: 'day' }, y: [{ column: 'views' }], series: { column: 'sport' } },
    { type: 'bar', x: { column: 'sport' }, y: [{ column: 'views' }] },
    { type: 'number', y: [{ column: 'views' }] },
    { type: 'area', x: { column: 'day' }, y: [{ column: 'views' }], series: { column: 'sport' }, stack: 'stacked' },
    { type: 'table' },
  ];
  const texts = (i: number): string => [
    `select date '2026-09-01' + (i % 60)::int as day, ['rugby', 'golf', 'judo', 'hockey'][i // 60 + 1] as sport, 50 + hash(i * ${i + 1}) % 100 as views from range(240) r(i)`,
    `select ['rugby', 'golf', 'judo', 'hockey', 'squash', 'rowing'][i + 1] as sport, hash(i + ${i}) % 1000 as views from range(6) r(i)`,
    `select hash(${i}) % 100000 as views`,
    `select date '2026-09-01' + (i % 60)::int as day, ['rugby', 'golf', 'judo', 'hockey'][i // 60 + 1] as sport, 50 + hash(i * ${i + 1}) % 100 as views from range(240) r(i)`,
    `select i as place, 'user ' || hash(i + ${i}) % 1000 as name, hash(i) % 500 as views from range(50) r(i)`,
  ][i % 5] ?? '';
  const numbers = Array.from({ length: TILES }, (_, i) => i);
  const id = await publish('Forty-five', Object.fromEntries(numbers.map((i) => [`q${i}`, texts(i)])),
    numbers.map((i) => ({ id: `t${i}`, kind: kinds[i % 5]?.type === 'table' ? 'table' : 'chart', title: `Tile ${i}`, query: `q${i}`, x: (i % 3) * 8, y: Math.floor(i / 3) * 9, w: 8, h: 9, ...(kinds[i % 5]?.type === 'table' ? {} : { chart: kinds[i % 5] }) })));
  const opened: number[] = [];
  const cold: number[] = [];
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let round = 0; round < 5; round++) {
    const { page } = await open(browser, { viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(60_000);
    const asked = (): Promise<number> => page.evaluate(() => performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/api/page'))?.startTime ?? Number.NaN);
    await page.goto(`http://${weir.serve}/dashboard/${id}`);
    await page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/api/page')));
    cold.push(await asked());
    await drawn(page);
    const cdp = await page.context().newCDPSession(page);
    const { wall, cpu } = await traced(cdp, async () => {
      await page.reload();
      await page.waitForFunction(() => document.querySelectorAll('section.tile').length > 0);
      await drawn(page);
    });
    opened.push(await asked());
    walls.push(wall);
    cpus.push(cpu);
    await page.context().close();
  }
  line('tiles_45 first data request, cold browser', quantile(cold, 0.5), 'ms', null);
  line('tiles_45 first data request', quantile(opened, 0.5), 'ms', 300);
  line('tiles_45 longest task after first paint', quantile(walls, 0.5), 'ms', 50);
  line('tiles_45 longest task, processor time', quantile(cpus, 0.5), 'ms', 50);
}

const weir = await Weir.init();
const browser = await launch();
try {
  await weir.up();
  await many();
  await follow();
} finally {
  await browser.close();
  await weir.remove();
}

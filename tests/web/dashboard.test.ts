// Dashboards as business users meet them: an editor publishes one to two groups, viewers filter it,
// press its marks, and see it follow the events that are sent to the collector.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { type Opened, joinApp, launch, open, seriousFaults } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
let editor: Opened;
let rita: Opened;
let gus: Opened;
let id = '';
const url = (where: string): string => `http://${weir.serve}${where}`;

async function api(method: string, where: string, body?: unknown): Promise<unknown> {
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const response = await fetch(url(where), { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
async function watch(sport: string, country: string, minutes: number, user: string): Promise<void> {
  const response = await fetch(`http://${weir.collect}/v1/track`, {
    method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: user, event: 'Video Started', properties: { sport, minutes, country } }),
  });
  assert.equal(response.status, 200);
}
const join = (email: string, role: string, name: string, size = { width: 1440, height: 900 }): Promise<Opened> => joinApp(browser, weir, email, role, name, size);
async function sound({ page, complaints }: Opened): Promise<void> {
  assert.deepEqual(await seriousFaults(page), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
  assert.deepEqual(complaints, []);
}
const tile = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
const filters = (page: Page): Locator => page.getByRole('form', { name: 'Filters' });
const number = (page: Page, name: string, value: string): Promise<void> => tile(page, name).getByText(value, { exact: true }).first().waitFor();

const from = 'from web.video_started where [sport=sport] and [country=country] and [timestamp=dates] and [minutes=length]';
const queries: Record<string, string> = {
  total: `select count(*) as views ${from}`,
  bysport: `select sport, count(*) as views ${from} group by all order by views desc`,
  rows: `select sport, country, minutes, user_id ${from} order by user_id`,
  drill: "select case when '{{ level }}' = 'country' then country else sport end as mark, count(*) as views " + `${from} group by all order by views desc`,
  time: `select [timestamp:grain] as period, sport, count(*) as views ${from} group by all order by all`,
  broken: 'select no_such_column from web.video_started',
  sports: 'select distinct sport from web.video_started order by sport',
  countries: 'select distinct country from web.video_started where [sport=sport] order by country',
};
const chart = (type: string, x?: string): object => ({ type, ...(x ? { x: { column: x } } : {}), y: [{ column: 'views' }] });

function report(): object {
  const grid = (n: number): object => ({ x: (n % 4) * 6, y: 20 + Math.floor(n / 4) * 6, w: 6, h: 6, tab: 'all' });
  return {
    title: 'Watching', description: 'Who watches what.', owner: 'edda@podium.example', tabs: [{ id: 'all', title: 'All' }, { id: 'more', title: 'More' }],
    parameters: [
      { name: 'sport', label: 'Sport', type: 'multiselect', options: { query: 'sports', value: 'sport', label: 'sport' } },
      { name: 'country', label: 'Country', type: 'select', options: { query: 'countries', value: 'country', label: 'country' } },
      { name: 'dates', label: 'Dates', type: 'daterange', default: 'last 28 days' },
      { name: 'grain', label: 'By', type: 'aggregation', default: 'day' },
      { name: 'length', label: 'Minutes', type: 'number_range', min: 0 },
      { name: 'loud', label: 'Loud', type: 'boolean' },
      { name: 'level', type: 'text', default: 'sport', hidden: true },
    ],
    queries: Object.keys(queries).map((query) => ({ id: query, file: `${query}.sql` })),
    tiles: [
      { id: 'total', kind: 'chart', query: 'total', title: 'Views', x: 0, y: 0, w: 6, h: 6, chart: chart('number') },
      { id: 'bysport', kind: 'chart', query: 'bysport', title: 'By sport', x: 6, y: 0, w: 9, h: 9, chart: chart('bar', 'sport') },
      { id: 'drill', kind: 'chart', query: 'drill', title: 'Down', x: 15, y: 0, w: 9, h: 9, chart: chart('bar', 'mark'), click: { drill: 'level', levels: ['sport', 'country'], filters: { sport: 'sport', country: 'country' } } },
      { id: 'behind', kind: 'chart', query: 'bysport', title: 'Behind', x: 0, y: 9, w: 12, h: 8, chart: chart('bar', 'sport'), click: { rows: 'rows', values: { sport: 'sport' } } },
      { id: 'broken', kind: 'chart', query: 'broken', title: 'Broken', x: 12, y: 9, w: 12, h: 8, chart: chart('number') },
      { id: 'head', kind: 'section', title: 'Many', x: 0, y: 18, w: 24, h: 2 },
      ...Array.from({ length: 14 }, (_, n) => ({ id: `n${n}`, kind: 'chart', query: n % 2 ? 'time' : 'total', title: `Number ${n}`, ...grid(n), chart: n % 2 ? { ...chart('line', 'period'), series: { column: 'sport' } } : chart('number') })),
      { id: 'table', kind: 'table', query: 'rows', title: 'Rows', tab: 'more', x: 0, y: 0, w: 24, h: 10 },
      { id: 'text', kind: 'text', markdown: '## Words', tab: 'more', x: 0, y: 10, w: 24, h: 3 },
    ],
  };
}

before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
  mkdirSync('build/screenshots', { recursive: true });
  await weir.in('user', 'add', 'ada@podium.example', '--role', 'admin');
  for (const [sport, country, minutes, user] of [['rugby', 'GB', 10, 'u1'], ['rugby', 'FR', 20, 'u2'], ['rugby', 'GB', 80, 'u3'], ['golf', 'US', 30, 'u4'], ['hockey', 'CA', 40, 'u5']] as const) await watch(sport, country, minutes, user);
  await weir.loaded();
  editor = await join('edda@podium.example', 'editor', 'Edda');
  rita = await join('rita@podium.example', 'viewer', 'Rita');
  gus = await join('gus@podium.example', 'viewer', 'Gus', { width: 360, height: 780 });
  await weir.in('user', 'set', 'rita@podium.example', '--attribute', 'sports=["rugby", "hockey"]');
  await weir.in('user', 'set', 'gus@podium.example', '--attribute', 'sports=["golf", "hockey"]');
  await weir.in('group', 'grant', 'everyone', '*.*', '--revoke');
  for (const [group, email] of [['rugby desk', 'rita@podium.example'], ['golf desk', 'gus@podium.example']] as const) {
    await weir.in('group', 'add', group);
    await weir.in('group', 'grant', group, 'web.video_started', '--rows', 'sport in (user.sports)');
    await weir.in('group', 'members', group, '--add', email);
  }
  await weir.in('group', 'add', 'editors');
  await weir.in('group', 'grant', 'editors', '*.*');
  await weir.in('group', 'members', 'editors', '--add', 'edda@podium.example');
  ({ id } = (await api('POST', '/api/reports', { report: report(), queries })) as { id: string });
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('an editor publishes it to two groups, one of them held to a sport', async () => {
  const { page } = editor;
  await page.goto(url(`/report/${id}`));
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Publish Watching' });
  await dialog.getByText('It is a draft').waitFor();
  for (const group of ['golf desk', 'rugby desk']) {
    await dialog.getByLabel('Groups').fill(group);
    await page.keyboard.press('Enter');
  }
  await dialog.getByText('golf desk: the values of the report').click();
  await dialog.getByLabel('Sport for golf desk').selectOption('forced');
  await dialog.getByLabel('always', { exact: true }).fill('golf');
  await page.getByRole('option', { name: 'golf' }).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  assert.deepEqual(await seriousFaults(page), []);
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText('Watching is published').waitFor();
  await page.getByText('published', { exact: true }).click();
  await page.getByRole('heading', { name: 'Watching', level: 1 }).waitFor();
  await number(page, 'Views', '5');
  await sound(editor);
});

test('two viewers see their own rows; forced values are not in the bar', async () => {
  await rita.page.goto(url(`/report/${id}`));
  await rita.page.waitForURL(`**/dashboard/${id}`);
  await number(rita.page, 'Views', '4');
  await tile(rita.page, 'Broken').getByText(/no_such_column/).waitFor();
  await tile(rita.page, 'Broken').getByText('edda@podium.example looks after it.').waitFor();
  await gus.page.goto(url(`/dashboard/${id}`));
  await number(gus.page, 'Views', '1');
  await gus.page.getByRole('button', { name: 'Filters' }).click();
  await filters(gus.page).getByLabel('Country').waitFor();
  assert.equal(await filters(gus.page).getByLabel('Sport').count(), 0);
  await gus.page.goto(url(`/dashboard/${id}?sport=hockey`));
  await number(gus.page, 'Views', '1');
  await gus.page.screenshot({ path: 'build/screenshots/dashboard-360.png', fullPage: true });
  await sound(gus);
});

test('the report is asked for beside the session; charts are drawn in turns, not all in a frame', async () => {
  const page = await rita.page.context().newPage();
  page.setDefaultTimeout(30_000);
  await page.addInitScript(() => {
    // Canvases whose first stroke came while the page made a frame, and how many were drawn at all.
    const drawn = { canvases: 0, inFrames: 0 };
    Object.assign(window, { drawn });
    const seen = new WeakSet<HTMLCanvasElement>();
    let framing = false;
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (run) => request((time) => {
      framing = true;
      try {
        run(time);
      } finally {
        framing = false;
      }
    });
    const { fill } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fill = function (this: CanvasRenderingContext2D, ...rest: unknown[]) {
      if (!seen.has(this.canvas)) {
        seen.add(this.canvas);
        drawn.canvases++;
        if (framing) drawn.inFrames++;
      }
      Reflect.apply(fill, this, rest);
    };
  });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const report = page.waitForRequest((request) => new URL(request.url()).pathname === `/api/reports/${id}`);
  await page.route('**/api/session', async (route) => {
    await report; // so the answer waits for who would wait for it
    await route.continue();
  });
  await page.goto(url(`/dashboard/${id}`));
  await number(page, 'Views', '4');
  await page.locator('[aria-label="Behind"] [data-drawn]').waitFor();
  assert.deepEqual(asked.filter((one) => /^GET \/api\/(session|reports\/\w+)$/.test(one)), ['GET /api/session', `GET /api/reports/${id}`]);
  assert.ok(asked.indexOf('POST /api/page') < asked.indexOf(`POST /api/reports/${id}/open`), 'its rows are asked for before all else');
  const { canvases, inFrames } = await page.evaluate(() => (window as unknown as { drawn: { canvases: number; inFrames: number } }).drawn);
  assert.ok(canvases >= 3, `${canvases} charts were drawn`);
  assert.equal(inFrames, 0);
  await page.close();
});

test('whoever is signed out signs in, and is where she wanted to be', async () => {
  const { page } = await open(browser, { viewport: { width: 1440, height: 900 } });
  await page.goto(url(`/dashboard/${id}`));
  await page.getByLabel('E-mail').fill('rita@podium.example');
  await page.getByLabel('Password').fill('a long enough one');
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/dashboard/${id}`);
  await number(page, 'Views', '4');
  await page.context().close();
});

test('filters stand in the address; back and reset take them back; choices depend on others', async () => {
  const { page } = rita;
  await page.goto(url(`/dashboard/${id}`));
  await number(page, 'Views', '4');
  await filters(page).getByLabel('Sport').fill('rug');
  await page.getByRole('option', { name: 'rugby' }).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await number(page, 'Views', '3');
  assert.match(page.url(), /sport=rugby/);
  await filters(page).getByLabel('Country').click();
  await page.getByRole('option', { name: 'FR' }).waitFor();
  assert.equal(await page.getByRole('option', { name: 'CA' }).count(), 0, 'only the countries of the sport that is chosen');
  await page.getByRole('option', { name: 'FR' }).click();
  await number(page, 'Views', '1');
  await page.goBack();
  await number(page, 'Views', '3');
  await filters(page).getByLabel('Minutes', { exact: true }).fill('50');
  await page.keyboard.press('Enter');
  await number(page, 'Views', '1');
  assert.match(page.url(), /length=50\.\./);
  await filters(page).getByRole('button', { name: 'Reset' }).click();
  await number(page, 'Views', '4');
  assert.equal(new URL(page.url()).search, '');
});

test('a filter that is pointed at, or has the focus, shows which tiles it reaches', async () => {
  const { page } = rita;
  const mark = (name: string): Promise<string | null> => tile(page, name).getAttribute('class');
  const grain = filters(page).getByLabel('By', { exact: true });
  await grain.focus();
  await page.locator('section.tile.reached').first().waitFor();
  assert.match((await mark('Number 1')) ?? '', /\breached\b/, 'its query groups by it');
  assert.match((await mark('Views')) ?? '', /\bbeyond\b/);
  assert.match((await mark('By sport')) ?? '', /\bbeyond\b/);
  await filters(page).getByLabel('Minutes', { exact: true }).hover();
  await page.locator('section.tile.reached', { has: page.getByRole('heading', { name: 'Views' }) }).waitFor();
  assert.match((await mark('Broken')) ?? '', /\bbeyond\b/, 'what failed shows no effect');
  await page.mouse.move(2, 2);
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.locator('section.tile.reached, section.tile.beyond').first().waitFor({ state: 'detached' });
  await filters(page).locator('[title*="Reaches 7 tiles"]').waitFor();
});

test('a press on a mark filters the other tiles, and again takes it back; all by keys', async () => {
  const { page } = rita;
  const bars = tile(page, 'By sport').getByRole('application');
  await bars.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await number(page, 'Views', '3');
  const picks = page.getByRole('list', { name: 'Picked in charts' });
  await picks.getByText('rugby').waitFor();
  assert.match(page.url(), /click\.bysport\.sport=rugby/);
  assert.match((await bars.getAttribute('aria-label')) ?? '', /2 sport/, 'where it was picked all marks stay');
  await bars.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await number(page, 'Views', '4');
  await page.goBack();
  await number(page, 'Views', '3');
  await picks.getByRole('button').click();
  await number(page, 'Views', '4');
});

test('levels go down and back up; rows behind a mark open at the side', async () => {
  const { page } = rita;
  await tile(page, 'Down').getByRole('application').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await tile(page, 'Down').getByRole('navigation').getByText('rugby', { exact: true }).waitFor();
  await number(page, 'Views', '3');
  await tile(page, 'Down').getByRole('button', { name: 'All' }).click();
  await number(page, 'Views', '4');
  await tile(page, 'Behind').getByRole('application').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: /the rows behind it/ });
  await panel.getByRole('gridcell', { name: 'u5' }).waitFor();
  assert.equal(await panel.getByRole('gridcell', { name: 'u1' }).count(), 0);
  assert.deepEqual(await seriousFaults(page), []);
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
});

test('it follows the events, without being asked', async () => {
  await watch('rugby', 'NZ', 5, 'u6');
  await number(rita.page, 'Views', '5');
  await watch('golf', 'US', 5, 'u7');
  await number(gus.page, 'Views', '2');
  await number(rita.page, 'Views', '5');
});

test('what the server cannot answer just now is asked again: no picture stays old', async () => {
  const { page } = gus;
  let views = 2;
  for (const status of [503, 429, 0]) {
    let refused = 0;
    await page.route(/\/api\/page$/, (route) => (refused++ ? route.continue() : status ? route.fulfill({ status, headers: { 'Retry-After': '1' }, json: { error: { code: 'busy', message: 'too much is asked at once' } } }) : route.abort('connectionreset')));
    await watch('golf', 'US', 5, `again${status}`);
    await number(page, 'Views', String(++views));
    assert.ok(refused > 1, 'it was not refused');
    await page.unroute(/\/api\/page$/);
  }
});

test('tabs, sections, favourites, comments, the wall', async () => {
  const { page } = rita;
  await page.getByRole('tab', { name: 'More' }).click();
  await page.getByRole('heading', { name: 'Words' }).waitFor();
  assert.match(page.url(), /tab=more/);
  await page.getByRole('tab', { name: 'All' }).click();
  await page.getByRole('button', { name: 'Many' }).click();
  await tile(page, 'Number 0').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Many' }).click();
  await page.getByRole('button', { name: 'Make it a favourite' }).click();
  await page.getByRole('button', { name: 'No longer a favourite' }).waitFor();
  await tile(page, 'Views').getByRole('button', { name: 'Views: menu' }).click();
  await page.getByRole('menuitem', { name: 'Comment' }).click();
  await page.getByLabel('Comment', { exact: true }).fill('Why five?');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await page.getByText('Why five?').waitFor();
  await page.keyboard.press('Escape');
  await tile(page, 'Views').getByRole('button', { name: '1 comment on Views' }).waitFor();
  await page.goto(url(`/dashboard/${id}?tv=5`));
  await number(page, 'Views', '5');
  assert.equal(await filters(page).count(), 0);
  await page.getByRole('heading', { name: 'Words' }).waitFor();
  await page.keyboard.press('Escape');
  await filters(page).waitFor();
  await page.goto(url('/'));
  await page.getByRole('region', { name: 'Favourites' }).getByRole('link', { name: 'Watching' }).click();
  await number(page, 'Views', '5');
  await sound(rita);
});

test('a new version is seen when it is published, and nothing when it is unpublished', async () => {
  const { version } = (await api('GET', `/api/reports/${id}`)) as { version: string };
  await api('PUT', `/api/reports/${id}`, { report: { ...report(), title: 'Watching, anew' }, queries, base: version });
  await rita.page.reload();
  await rita.page.getByRole('heading', { name: 'Watching', exact: true, level: 1 }).waitFor();
  const { page } = editor;
  await page.goto(url(`/report/${id}`));
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Publish Watching, anew' });
  await dialog.getByText('published version is 1 save behind').waitFor();
  await dialog.getByRole('button', { name: 'What the draft changes' }).click();
  await dialog.locator('pre').getByText(/^\+.*Watching, anew/).waitFor();
  await dialog.getByRole('button', { name: 'Publish', exact: true }).click();
  await rita.page.getByRole('heading', { name: 'Watching, anew', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Unpublish' }).click();
  await page.getByText('is published no more').waitFor();
  // The company's shelf is open to her: she reads what it is now, which is published no more.
  await rita.page.reload();
  await rita.page.getByRole('heading', { name: 'Watching, anew', level: 1 }).waitFor();
  const now = (await api('GET', `/api/reports/${id}`)) as { publication: unknown };
  assert.equal(now.publication, null);
});

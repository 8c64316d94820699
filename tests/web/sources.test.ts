// Sources in the browser: a PostgreSQL and a file are connected, watched while they load, changed and removed; what
// an editor and a viewer may; keys alone.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type Opened, joinApp, launch, picture, seriousFaults } from '../node/app';
import { Postgres, missing } from '../node/postgres';
import { Weir, until } from '../node/weir';

let weir: Weir;
let pg: Postgres | undefined;
let browser: Browser;
let admin: Opened;
const url = (where: string): string => `http://${weir.serve}${where}`;

/** As it is now: wide and narrow, light and dark. */
async function sound({ page, complaints }: Opened, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `${name}-${colorScheme}`);
    assert.deepEqual(await seriousFaults(page), []);
  }
  await page.setViewportSize({ width: 360, height: 740 });
  await picture(page, `${name}-360-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, `${name}-360`);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
  await page.setViewportSize({ width: 1440, height: 900 });
  assert.deepEqual(complaints, []);
}
const button = (page: Page, name: string | RegExp): ReturnType<Page['getByRole']> => page.getByRole('button', { name });

before(async () => {
  [weir, pg, browser] = await Promise.all([Weir.init(), missing ? undefined : Postgres.start('-c', 'wal_level=logical'), launch()]);
  mkdirSync(path.join(weir.dir, 'exports'));
  writeFileSync(path.join(weir.dir, 'exports/plans.csv'), 'Plans of this year\n\nplan,price,email\nbasic,9.5,a@example.org\npro,19,b@example.org\nbad,1,2,3,4\n');
  await weir.up();
  const sent = await fetch(`http://${weir.collect}/v1/track`, {
    method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: '7', event: 'Order Completed', properties: { order_id: 7 } }),
  });
  assert.equal(sent.status, 200);
  admin = await joinApp(browser, weir, 'ada@podium.example', 'admin', 'Ada');
});
after(async () => {
  await browser?.close();
  await weir.remove();
  await pg?.stop();
});

test('nothing is read yet: the page says what to do, and the palette leads there', async () => {
  const { page } = admin;
  await page.keyboard.press('Control+k');
  await page.keyboard.type('sources');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/sources$/);
  await page.getByText('Nothing is read from another system yet').waitFor();
  await page.getByRole('link', { name: 'web', exact: true }).waitFor();
  await page.getByText('takes events').waitFor();
  await picture(page, 'empty');
});

test('files are connected by keys alone; lines that cannot be read and columns about persons are told before', async () => {
  const { page } = admin;
  await page.getByRole('link', { name: 'Add a source' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('radio', { name: /^Files/ }).focus();
  await page.keyboard.press('Space');
  await page.getByText('These are files that the server can reach').waitFor();
  const where = page.getByRole('textbox', { name: 'Path' });
  await where.focus();
  await page.keyboard.press('Enter');
  await page.getByText('This is needed.').waitFor();
  await page.keyboard.type('nowhere');
  await page.keyboard.press('Enter');
  await page.locator('#connection [aria-invalid]').waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
  await page.keyboard.press('Control+a');
  await page.keyboard.type('exports');
  await page.keyboard.press('Enter');
  await page.getByText('connected', { exact: true }).waitFor();
  const rows = page.getByRole('region', { name: 'The first rows of plans' });
  await rows.getByRole('cell', { name: '19', exact: true }).waitFor();
  await page.getByText(/1 line cannot be read .* line 6/).waitFor();
  await page.getByText('1 line above the table is kept in weir.source_discards.').waitFor();
  await page.getByText('email may tell of persons.').waitFor();
  await sound(admin, 'add-file');
  await button(page, 'Leave it out').focus();
  await page.keyboard.press('Enter');
  await button(page, 'Left out email').waitFor();
  const name = page.getByRole('textbox', { name: 'Name' });
  assert.equal(await name.inputValue(), 'exports');
  await name.focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('Plans');
  await page.getByText(/a to z, 0 to 9 and _/).waitFor();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('plans');
  await page.getByRole('combobox', { name: 'When does it run?' }).selectOption('manual');
  await name.focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/sources\/plans$/);
  await page.getByText('up to date').waitFor();
  await button(page, /^equal ?, show the figures of plans/).click();
  const run = page.getByRole('dialog', { name: /^Run of/ });
  await run.getByText('Equal to the source').waitFor();
  await run.getByText(/3 read = 2 in the table \+ 1 discarded; checksum/).waitFor();
  await run.getByRole('region', { name: 'Log of the run' }).getByText(/loaded 2 rows into plans\.plans/).waitFor();
  await sound(admin, 'run');
  await page.keyboard.press('Escape');
  await page.getByRole('tab', { name: 'Set aside' }).click();
  await page.getByRole('cell', { name: 'bad,1,2,3,4' }).waitFor();
  await picture(page, 'aside');
  await page.getByRole('tab', { name: 'Its file' }).click();
  await page.getByRole('region', { name: 'The file sources/plans.yml' }).getByText(/exclude: \[?\s*-? ?email/).waitFor();
  await picture(page, 'file');
});

test('what changes at the source is synced while the page looks on; the schema change is noted', async () => {
  const { page } = admin;
  await page.goto(url('/sources/plans?tab=runs'));
  await page.getByRole('row', { name: /loaded/ }).waitFor();
  writeFileSync(path.join(weir.dir, 'exports/plans.csv'), 'plan,price,note\nbasic,9.5,x\npro,19,y\nmax,49,z\n');
  await button(page, 'Sync now').click();
  await page.getByRole('row', { name: /loaded 3/ }).waitFor();
  await page.getByText(/plans: new column .?note/).waitFor();
  await page.getByRole('img', { name: /^Rows of the latest 2 runs/ }).waitFor();
  await picture(page, 'runs');
  await button(page, 'Sync now').click();
  await page.getByText('nothing new').waitFor();
  writeFileSync(path.join(weir.dir, 'exports/plans.csv'), '');
  await button(page, 'Sync now').click();
  await page.getByText(/^failed since/).waitFor();
  await page.getByText('Its latest run failed').waitFor();
  await sound(admin, 'failed');
  writeFileSync(path.join(weir.dir, 'exports/plans.csv'), 'plan,price,note\nbasic,9.5,x\n');
  await button(page, 'More about plans').first().click();
  await page.getByRole('menuitem', { name: /Read everything anew/ }).click();
  await page.getByText('up to date').waitFor();
});

test('a server that is too busy for an answer is asked again: the page does not stay as it was', async () => {
  const { page } = admin;
  const refusals: string[] = [];
  let always = false;
  await page.route(/\/api\/(sources\/plans(\/runs)?|schema)$/, async (route) => {
    const what = route.request().url();
    if (!always && refusals.includes(what)) return route.continue();
    refusals.push(what);
    return route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, json: { error: { code: 'busy', message: 'too much is asked at once' } } });
  });
  await page.goto(url('/sources/plans?tab=runs'));
  await page.getByRole('row', { name: /loaded 3/ }).waitFor();
  assert.deepEqual([...refusals].map((one) => new URL(one).pathname).sort(), ['/api/schema', '/api/sources/plans', '/api/sources/plans/runs']);
  assert.equal(await page.getByText('cannot be shown').count(), 0);
  // When it goes on, it is told; and the page is there as soon as it ends.
  always = true;
  await page.reload();
  await page.getByText('The source cannot be shown').waitFor();
  await page.unroute(/\/api\/(sources\/plans(\/runs)?|schema)$/);
  await page.getByRole('row', { name: /loaded 3/ }).waitFor();
});

test('a PostgreSQL: a wrong password is said beside its field, and streams are shown with their rows', { skip: missing ?? false }, async () => {
  const { page } = admin;
  assert.ok(pg);
  pg.sql(`create table orders (id int primary key, amount numeric(10,2), email text, updated_at timestamptz);
    insert into orders select g, g / 4.0, 'p' || g || '@example.org', now() - g * interval '1 s' from generate_series(1, 300000) g; create table countries (code text); insert into countries values ('de'), ('fr')`);
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: 'PostgreSQL' }).check();
  const fill = (label: string, text: string): Promise<void> => page.locator('#connection').getByLabel(new RegExp(`^${label}( \\(optional\\))?$`)).fill(text);
  await fill('Host', '127.0.0.1');
  await fill('Port', String(pg.port));
  await fill('Database', 'postgres');
  await fill('User', 'owner');
  await fill('Password', 'another secret');
  assert.equal(await page.getByLabel(/^Password/).getAttribute('type'), 'password');
  await button(page, 'Test the connection').click();
  await page.locator('.field', { has: page.getByLabel(/^Password/) }).getByText(/password authentication failed/).waitFor();
  await picture(page, 'wrong');
  await fill('Password', 'secret of the owner');
  pg.sql('create schema sales; create table sales.deals (id int primary key)');
  await page.getByText('Several stand with commas between them').waitFor();
  await fill('Schemas', 'public sales');
  await button(page, 'Test the connection').click();
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByText('sales.deals', { exact: true }).waitFor();
  await fill('Schemas', 'public');
  await button(page, 'Test the connection').click();
  await page.getByText('All 2 streams').waitFor();
  await page.getByText('Each run reads all rows of its 2 streams').waitFor();
  // Events never run: nothing comes after them.
  const when = page.getByRole('combobox', { name: 'When does it run?' });
  assert.deepEqual((await when.locator('option').allTextContents()).filter((label) => /^Whenever/.test(label)), ['Whenever plans has run well']);
  await button(page, 'Rows and settings of orders').click();
  for (const label of [/^Cursor/, /^Key/, /^Deletes/]) assert.equal(await page.getByLabel(label).count(), 0);
  await page.getByRole('region', { name: 'The first rows of orders' }).getByRole('cell', { name: 'p1@example.org' }).waitFor();
  await button(page, 'Read only what changed').click();
  await button(page, 'Leave it out').click();
  await page.getByText('one row for each id; what is new by updated_at; without email').waitFor();
  await page.getByText('Each run reads all rows of 1 of the 2 streams').waitFor();
  for (const label of [/^Cursor/, /^Key/, /^Deletes/]) await page.getByLabel(label).first().waitFor();
  await sound(admin, 'add-postgres');
});

test('the first load of it is watched from anywhere; its rows join with events; a change at the source comes', { skip: missing ?? false }, async () => {
  const { page } = admin;
  assert.ok(pg);
  await page.getByRole('textbox', { name: 'Name' }).fill('shop');
  await page.getByRole('combobox', { name: 'When does it run?' }).selectOption('manual');
  await button(page, 'Save and load').click();
  await page.waitForURL(/\/sources\/shop$/);
  // The page is closed, and opened again: the run goes on.
  await page.goto(url('/sources'));
  await page.getByRole('row', { name: /shop/ }).getByText('up to date').waitFor();
  await sound(admin, 'list');
  await page.getByRole('link', { name: 'shop', exact: true }).click();
  await page.getByRole('row', { name: /shop\.orders/ }).getByText(`300\u202f000`).waitFor();
  await sound(admin, 'source');
  const file = readFileSync(path.join(weir.dir, 'sources/shop.yml'), 'utf8');
  assert.match(file, /mode: merge/);
  assert.match(file, /password: "\$\{secret:shop\.password\}"/);
  assert.doesNotMatch(file, /secret of the owner/);
  pg.sql(`update orders set amount = 41.5, updated_at = now() + interval '1 s' where id = 7`);
  await button(page, 'Sync now').click();
  await page.getByRole('tab', { name: 'Runs' }).click();
  await page.getByRole('row', { name: /loaded 2\b/ }).waitFor();
  // What changed without its cursor column is read again, by its range.
  pg.sql('update orders set amount = 42.5 where id = 7');
  await button(page, 'More about shop').first().click();
  await page.getByRole('menuitem', { name: 'Read a range again' }).click();
  const range = page.getByRole('dialog', { name: 'Read a range again' });
  await range.getByText('A value of updated_at, by which it is read, as its table shows them').waitFor();
  await range.getByLabel('From').fill('last week');
  await page.keyboard.press('Enter');
  // What is no such value is said beside it, and what was typed stays; with the keyboard alone it is mended.
  await range.getByText(/`from` is "last week", and the column "updated_at".*timestamp/).waitFor();
  const from = range.getByLabel('From');
  await until('the field to be gone to', 10, async () => ((await from.evaluate((field) => field === document.activeElement)) ? true : undefined));
  assert.deepEqual([await from.inputValue(), await from.getAttribute('aria-invalid')], ['last week', 'true']);
  await sound(admin, 'range');
  assert.equal((await weir.rows("select count(*)::int as n from weir.loads where source = 'shop' and status = 'failed'"))[0]?.['n'], 0);
  // So is what is refused before a run begins.
  await from.fill('2026-02-01');
  await range.getByLabel('To before').fill('2026-01-01');
  await page.keyboard.press('Enter');
  await range.getByText(/has nothing in it/).waitFor();
  assert.equal(await from.inputValue(), '2026-02-01');
  await range.getByLabel('To before').fill('');
  await from.fill('2000-01-01');
  await page.keyboard.press('Enter');
  await range.waitFor({ state: 'hidden' });
  await page.getByRole('row', { name: /loaded 300.000/ }).waitFor();
  await page.goto(url(`/explore?sql=${encodeURIComponent("select o.amount::double as amount from web.order_completed e join shop.orders o on o.id = e.order_id")}`));
  await page.locator('[data-ready]').waitFor();
  await page.getByRole('textbox', { name: 'SQL' }).focus();
  await page.keyboard.press('Control+Enter');
  await page.getByRole('gridcell', { name: '42.5' }).waitFor();
});

test('what runs after a source that is paused says so, as long as it is', async () => {
  const { page } = admin;
  writeFileSync(path.join(weir.dir, 'sources/first.yml'), 'kind: file\nconnection: {path: exports/plans.csv}\npaused: true\n');
  writeFileSync(path.join(weir.dir, 'sources/second.yml'), 'kind: file\nconnection: {path: exports/plans.csv}\nschedule: after first\n');
  await page.goto(url('/sources'));
  await page.getByRole('row', { name: /second/ }).getByText('whenever first has run well, which is paused').waitFor();
  await page.goto(url('/sources/second'));
  await page.getByText('Whenever first has run well, which is paused').waitFor();
  await weir.in('source', 'resume', 'first');
  await page.getByText('Whenever first has run well', { exact: true }).waitFor();
  for (const name of ['first', 'second']) rmSync(path.join(weir.dir, `sources/${name}.yml`));
});

test('what reading anew would drop of a table that keeps rows is said before', async () => {
  const { page } = admin;
  writeFileSync(path.join(weir.dir, 'exports/log.csv'), 'id\n1\n2\n');
  writeFileSync(path.join(weir.dir, 'sources/kept.yml'), 'kind: file\nconnection: {path: exports/log.csv}\nstreams: {log: {mode: append}}\n');
  await page.goto(url('/sources/kept'));
  await button(page, 'Sync now').click();
  await page.getByText('up to date').waitFor();
  await button(page, 'More about kept').first().click();
  await page.getByRole('menuitem', { name: /Read everything anew/ }).click();
  const sure = page.getByRole('dialog', { name: 'Read everything of kept anew?' });
  await sure.getByText(/Of log, rows that the source has no more go/).waitFor();
  await button(page, 'Keep them').click();
  await sure.waitFor({ state: 'hidden' });
  assert.equal((await weir.rows("select count(*) as n from weir.loads where source = 'kept'"))[0]?.['n'], 1);
  await button(page, 'More about kept').first().click();
  await page.getByRole('menuitem', { name: /Read everything anew/ }).click();
  await button(page, 'Read anew').click();
  const loads = async (): Promise<unknown> => (await weir.rows("select count(*)::int as n from weir.loads where source = 'kept'"))[0]?.['n'];
  await until('all to be read anew', 30, async () => ((await loads()) === 2 ? true : undefined));
  // One table alone.
  await page.getByText('up to date').waitFor();
  await button(page, 'More about log').click();
  await page.getByRole('menuitem', { name: /Read it anew/ }).click();
  const one = page.getByRole('dialog', { name: 'Read log of kept anew?' });
  await one.getByText(/Of log, rows that the source has no more go/).waitFor();
  await picture(page, 'anew-one');
  await button(page, 'Read anew').click();
  await until('it to be read anew', 30, async () => ((await loads()) === 3 ? true : undefined));
});

test('a change keeps streams that the source does not show now, and is not left without a question', async () => {
  const { page } = admin;
  const file = path.join(weir.dir, 'sources/named.yml');
  writeFileSync(file, 'kind: file\nconnection: {path: exports}\nstreams: {plans: {}, gone: {mode: append}}\n');
  await page.goto(url('/sources/named'));
  await button(page, 'More about named').first().click();
  await page.getByRole('menuitem', { name: /Change it/ }).click();
  await page.getByText(/becomes a table\.$/).waitFor();
  await page.getByText('The source does not show it now').waitFor();
  assert.equal(await page.getByRole('checkbox', { name: 'gone', exact: true }).isChecked(), true);
  // As it was: nobody asks.
  await page.goBack();
  await page.waitForURL(/\/sources\/named$/);
  await page.goForward();
  await page.getByText('The source does not show it now').waitFor();
  await page.getByRole('combobox', { name: 'When does it run?' }).selectOption('every 15m');
  const asked: string[] = [];
  const answer = (stay: boolean): unknown => page.once('dialog', (dialog) => (asked.push(dialog.message()), void (stay ? dialog.dismiss() : dialog.accept())));
  answer(true);
  await page.goBack();
  await until('the question', 20, () => asked[0]);
  assert.match(asked[0] ?? '', /is not saved/);
  await until('the form to stay', 20, () => page.url().endsWith('/sources/edit/named') || undefined);
  assert.equal(await page.getByRole('combobox', { name: 'When does it run?' }).inputValue(), 'every 15m');
  await button(page, 'Save').click();
  await page.waitForURL(/\/sources\/named$/);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /plans: \{\}.*gone: \{mode: append\}/s);
  assert.match(text, /schedule: every 15m/);
  assert.equal(asked.length, 1);
  // A new one: what was typed is not thrown away by the way, nor is a form without anything held on to.
  await page.goto(url('/sources'));
  await page.getByRole('link', { name: 'Add a source' }).click();
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.goBack();
  await page.waitForURL(/\/sources$/);
  await page.getByRole('link', { name: 'Add a source' }).click();
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.getByRole('textbox', { name: 'Path' }).fill('exports');
  answer(false);
  await page.goBack();
  await until('the question', 20, () => asked[1]);
  await page.getByRole('link', { name: 'Add a source' }).waitFor();
  rmSync(file);
});

test('it is changed, paused, and removed; tables stay', async () => {
  const { page } = admin;
  await page.goto(url('/sources/plans'));
  const menu = async (item: RegExp): Promise<void> => {
    await button(page, 'More about plans').first().click();
    await page.getByRole('menuitem', { name: item }).click();
  };
  await menu(/Pause/);
  await page.getByText('paused', { exact: true }).waitFor();
  await menu(/Resume/);
  await page.getByText('up to date').waitFor();
  await menu(/Change it/);
  await page.getByText('connected', { exact: true }).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Path' }).inputValue(), 'exports');
  await page.getByRole('combobox', { name: 'When does it run?' }).selectOption('every 15m');
  await button(page, 'Save').click();
  await page.waitForURL(/\/sources\/plans$/);
  await page.getByText('Every 15 minutes').waitFor();
  assert.match(readFileSync(path.join(weir.dir, 'sources/plans.yml'), 'utf8'), /schedule: every 15m/);
  // Somebody else's editor: the page follows.
  appendFileSync(path.join(weir.dir, 'sources/plans.yml'), 'nonsense: 1\n');
  await page.getByText('its file has a mistake', { exact: true }).waitFor();
  writeFileSync(path.join(weir.dir, 'sources/plans.yml'), 'kind: file\nconnection: {path: exports}\n');
  await page.getByText('its file has a mistake', { exact: true }).waitFor({ state: 'detached' });
  await page.getByText('Only when somebody asks for it').waitFor();
  await menu(/Remove it/);
  const dialog = page.getByRole('dialog', { name: /Remove the source plans/ });
  await dialog.getByText('Its tables stay').waitFor();
  assert.equal(await dialog.getByRole('button', { name: 'Remove' }).isDisabled(), true);
  await dialog.getByRole('textbox').fill('plan');
  await page.keyboard.press('Enter');
  await dialog.getByRole('textbox').fill('plans');
  await sound(admin, 'remove');
  await dialog.getByRole('textbox').press('Enter');
  await page.waitForURL(/\/sources$/);
  await page.getByRole('link', { name: 'plans', exact: true }).waitFor({ state: 'detached' });
  assert.match(await weir.in('query', 'select count(*) as n from plans.plans'), /1/);
});

test('an editor runs and pauses; a viewer sees nothing of it', async () => {
  await weir.in('source', 'add', 'again', '--kind', 'file', '--set', 'path=exports');
  const editor = await joinApp(browser, weir, 'ed@podium.example', 'editor', 'Ed');
  await editor.page.goto(url('/sources'));
  await editor.page.getByRole('link', { name: 'again', exact: true }).click();
  assert.equal(await editor.page.getByRole('link', { name: 'Add a source' }).count(), 0);
  await button(editor.page, 'More about again').click();
  assert.deepEqual(await editor.page.getByRole('menuitem', { name: /Change it|Remove it/ }).count(), 0);
  await editor.page.keyboard.press('Escape');
  await button(editor.page, 'Sync now').click();
  await editor.page.getByText('up to date').waitFor();
  await picture(editor.page, 'editor');
  // A file with a mistake may have a password in it.
  writeFileSync(path.join(weir.dir, 'sources/spoken.yml'), 'kind: file\nconnection: {path: "https://127.0.0.1:1/x.csv", user: me, password: hunter2}\n');
  await editor.page.goto(url('/sources/spoken?tab=file'));
  await editor.page.getByText('What stands in it is shown to admins alone').waitFor();
  assert.equal(await editor.page.getByText('hunter2').count(), 0);
  rmSync(path.join(weir.dir, 'sources/spoken.yml'));
  const viewer = await joinApp(browser, weir, 'vi@podium.example', 'viewer', 'Vi');
  assert.equal(await viewer.page.getByRole('link', { name: 'Sources' }).count(), 0);
  await viewer.page.goto(url('/sources'));
  assert.equal(await viewer.page.getByText('Add a source').count(), 0);
  const status = await viewer.page.evaluate(async () => (await fetch('/api/sources')).status);
  assert.equal(status, 403);
  await until('nothing runs', 20, async () => (await fetch(url('/')).then(({ ok }) => ok)) || undefined);
});

test('objects and lists in rows become columns and tables by one press', async () => {
  const { page } = admin;
  mkdirSync(path.join(weir.dir, 'carts'));
  writeFileSync(path.join(weir.dir, 'carts/carts.ndjson'), [1, 2].map((id) => `${JSON.stringify({ id, owner: { name: `n${id}` }, items: [{ sku: 'a', price: 1.5 }, { sku: 'b', price: id }] })}\n`).join(''));
  await page.goto(url('/sources'));
  await page.getByRole('link', { name: 'Add a source' }).click();
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.getByRole('textbox', { name: 'Path' }).fill('carts');
  await page.keyboard.press('Enter');
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByText('owner and items hold objects or lists').waitFor();
  await button(page, 'Make columns and tables').click();
  await page.getByText(/Its lists are tables of their own: carts__items \(.*sku, price.*\)/).waitFor();
  await page.getByRole('region', { name: 'The first rows of carts' }).getByRole('columnheader', { name: /owner__name/ }).waitFor();
  await sound(admin, 'add-nested');
  await button(page, 'Save and load').click();
  await page.waitForURL(/\/sources\/carts$/);
  await page.getByText('up to date').first().waitFor();
  assert.match(await weir.in('query', 'select count(*) as n from carts.carts__items'), /4/);
});

test('what a source left whose file is gone: the page says it, and takes it away', { skip: missing }, async () => {
  const { page } = admin;
  const server = pg;
  assert.ok(server);
  server.sql('create schema left_over; create table left_over.t (id int primary key)');
  await weir.in('source', 'add', 'moved', '--kind', 'postgres', '--set', 'host=127.0.0.1', '--set', `port=${server.port}`, '--set', 'database=postgres', '--set', 'user=owner', '--set', 'password=secret of the owner', '--set', 'schemas=left_over', '--set', 'capture=true');
  await weir.in('sync', 'moved', '--wait');
  // What follows its source does so together: nothing is offered that would be refused.
  await page.goto(url('/sources/moved'));
  await page.getByRole('button', { name: /^More about / }).last().click();
  assert.deepEqual((await page.getByRole('menuitem').allTextContents()).map((label) => label.trim()), ['Its latest load']);
  rmSync(path.join(weir.dir, 'sources/moved.yml'));
  await page.goto(url('/sources'));
  await page.getByText('moved is gone, and its server still keeps something for it').waitFor();
  await page.getByText('the slot "weir_moved" of the server 127.0.0.1 keeps').waitFor();
  await sound(admin, 'left');
  await button(page, 'Take it away').click();
  await page.getByRole('dialog').getByText('Its tables stay').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Take it away' }).click();
  await page.getByText('moved is gone').waitFor({ state: 'detached' });
  assert.equal(server.sql('select count(*) from pg_replication_slots'), '0');
});

test('a run that failed in part tells what it changed beside; the source as a whole is no stream that is counted', async () => {
  const { page } = admin;
  weir.write('two/a.csv', 'id\n1\n');
  weir.write('two/b.csv', 'id\n1\n');
  weir.write('sources/two.yml', 'kind: file\nconnection: {path: two}\n');
  await weir.in('sync', 'two', '--wait');
  weir.write('two/a.csv', 'id,note\n1,x\n');
  weir.write('two/b.csv', '');
  await assert.rejects(weir.in('sync', 'two', '--wait'));
  await page.goto(url('/sources/two?tab=runs'));
  const row = page.getByRole('row').filter({ hasText: 'failed' });
  await row.getByText(/b\.csv/).first().waitFor();
  await row.getByText(/a: new column .?note/).waitFor();
  await picture(page, 'runs-partly');
  renameSync(path.join(weir.dir, 'two'), path.join(weir.dir, 'away'));
  await assert.rejects(weir.in('sync', 'two', '--wait'));
  await page.getByRole('tab', { name: 'Streams' }).click();
  await page.getByText('The source as a whole').waitFor();
  assert.match((await page.getByRole('tab', { name: 'Streams' }).textContent()) ?? '', /^Streams\s*2$/);
  rmSync(path.join(weir.dir, 'sources/two.yml'));
});

test('one of many sources is found, and those that need a look, from the home page on and by keys alone', async () => {
  const { page } = admin;
  weir.write('many/t.csv', 'id\n1\n');
  for (let i = 10; i < 25; i++) weir.write(`sources/many${i}.yml`, `kind: file\nconnection: {path: many}\nschedule: every 1h\n`);
  weir.write('sources/many12.yml', 'kind: file\nconnection: {path: [\n');
  weir.write('sources/many13.yml', '');
  await page.goto(url('/sources'));
  await page.getByRole('row', { name: /^many12/ }).getByText('not before its file is mended').waitFor();
  await page.goto(url('/'));
  await page.getByRole('link', { name: /\d+ sources need a look$/ }).press('Enter');
  await page.waitForURL(/\/sources\?look=1$/);
  await page.getByRole('row', { name: /^many13/ }).waitFor();
  assert.equal(await page.getByRole('row', { name: /^many14/ }).count(), 0);
  await sound(admin, 'list-look');
  await button(page, /need a look$/).press('Enter');
  await page.getByRole('row', { name: /^many14/ }).waitFor();
  await page.getByRole('searchbox', { name: 'Find a source' }).focus();
  await page.keyboard.type('many14');
  await page.getByText(/^1 source of \d+$/).waitFor();
  await page.waitForURL(/q=many14/);
  await page.reload();
  await page.getByRole('row', { name: /^many14/ }).waitFor();
  assert.equal(await page.getByRole('row', { name: /^many/ }).count(), 1);
  for (let i = 10; i < 25; i++) rmSync(path.join(weir.dir, `sources/many${i}.yml`));
});

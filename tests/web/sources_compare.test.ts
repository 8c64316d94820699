// A table is compared with its PostgreSQL from the page of the source, and loaded again; a pause says what it keeps there.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type Opened, joinApp, launch, seriousFaults } from '../node/app';
import { behind } from '../node/compared';
import { Postgres, missing } from '../node/postgres';
import { Weir } from '../node/weir';

const skip = missing ?? false;
let weir: Weir;
let pg: Postgres;
let browser: Browser;
let admin: Opened;
const url = (where: string): string => `http://${weir.serve}${where}`;
const source = (name: string, more: string, streams: string): void =>
  writeFileSync(path.join(weir.dir, 'sources', `${name}.yml`), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}", schemas: [${name}]${more}}\n${streams}`);
const choose = async (page: Page, name: string, item: RegExp): Promise<void> => {
  await page.getByRole('button', { name: `More about ${name}` }).first().click();
  await page.getByRole('menuitem', { name: item }).click();
};

before(async () => {
  if (skip) return;
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
  [weir, pg, browser] = await Promise.all([Weir.init(), Postgres.start('-c', 'wal_level=logical'), launch()]);
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
  pg.sql(`create schema shop; create table shop.orders (id int primary key, note text, at timestamptz);
    insert into shop.orders select i, 'note ' || i, timestamptz '2026-01-01' + i * interval '1 minute' from generate_series(1, 2000) i;
    create schema live; create table live.seats (id int primary key, n int); insert into live.seats values (1, 1)`);
  source('shop', '', 'streams: {orders: {mode: merge, key: [id], cursor: at, deletes: hard}}\n');
  source('live', ', capture: true', '');
  writeFileSync(path.join(weir.dir, 'days.csv'), 'id,n\n1,1\n2,2\n');
  writeFileSync(path.join(weir.dir, 'sources/files.yml'), 'kind: file\nconnection: {path: days.csv}\n');
  await weir.in('sync', 'files', '--wait');
  behind(weir, 'update files.days set n = 9 where id = 1');
  await weir.in('sync', 'shop', '--wait');
  await weir.in('sync', 'live', '--wait');
  await weir.up();
  admin = await joinApp(browser, weir, 'ada@podium.example', 'admin', 'Ada');
});
after(async () => {
  if (skip) return;
  await browser.close();
  await weir.remove();
  await pg.stop();
});

test('what the source changed in silence is found by a comparison, and loaded again', { skip }, async () => {
  const { page, complaints } = admin;
  await page.goto(url('/sources/shop'));
  const orders = page.getByRole('row', { name: /shop\.orders/ });
  await choose(page, 'shop', /^Compare its tables with it/);
  await orders.getByText(/^compared row by row/).waitFor();
  // Neither the cursor's column nor a row that is gone tells a usual run of it.
  pg.sql("update shop.orders set note = 'theirs' where id = 7; delete from shop.orders where id = 13");
  await choose(page, 'shop', /^Compare its tables with it/);
  await orders.getByText(/^differs: 0 missing, 1 extra, 1 different of 2.000 rows/).waitFor();
  // What was loaded equalled it then: no tick stands beside what a comparison found since.
  await orders.getByRole('button', { name: /^was equal when it was loaded/ }).waitFor();
  const found = page.getByRole('alert').filter({ hasText: 'A comparison found what is not as the source has it' });
  await found.getByText(/^shop\.orders is not what its source is: [^`]* rows\.$/).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await found.getByRole('button', { name: 'Load again what differs' }).click();
  await orders.getByText(/^loaded again: 0 missing, 1 extra, 1 different/).waitFor();
  await page.getByRole('tab', { name: 'Runs' }).click();
  for (const how of ['equal', 'differs', 'loaded again']) await page.getByRole('cell', { name: how, exact: true }).waitFor();
  await page.getByRole('tab', { name: 'Streams' }).click();
  assert.match(await weir.in('query', "select count(*) filter (note = 'theirs') as a, count(*) as b from shop.orders", '--format', 'csv'), /1,1999/);
  await page.getByRole('button', { name: 'More about shop' }).first().click();
  await page.getByRole('menuitem', { name: /^Compare its tables/ }).waitFor();
  assert.equal(await page.getByRole('menuitem', { name: /^Load again what differs/ }).count(), 0);
  await page.keyboard.press('Escape');
  assert.deepEqual(complaints, []);
});

test('files are compared, too, by reading them anew', { skip }, async () => {
  const { page, complaints } = admin;
  await page.goto(url('/sources/files'));
  const days = page.getByRole('row', { name: /files\.days/ });
  await choose(page, 'files', /^Compare its tables with it.*all of the source is read anew/s);
  await days.getByText(/^differs: 1 missing, 1 extra, 0 different of 2 rows/).waitFor();
  await choose(page, 'files', /^Load again what differs/);
  await days.getByText(/^loaded again: 1 missing, 1 extra/).waitFor();
  assert.match(await weir.in('query', 'select n from files.days where id = 1', '--format', 'csv'), /^n\s+1\s*$/);
  await choose(page, 'files', /^Compare its tables with it/);
  await days.getByText(/^compared row by row/).waitFor();
  // A run that fails before it looks at any stream is told of the source as a whole, until one is well.
  renameSync(path.join(weir.dir, 'days.csv'), path.join(weir.dir, 'gone.csv'));
  await page.getByRole('button', { name: 'Sync now' }).click();
  const whole = page.getByRole('row', { name: /The source as a whole/ });
  await whole.getByText(/^fails since .*no file is there/).waitFor();
  renameSync(path.join(weir.dir, 'gone.csv'), path.join(weir.dir, 'days.csv'));
  await page.getByRole('button', { name: 'Sync now' }).click();
  await whole.waitFor({ state: 'detached' });
  await page.getByText('up to date').waitFor();
  assert.deepEqual(complaints, []);
});

test('a pause of a source that is followed says that its slot stays, and what that costs', { skip }, async () => {
  const { page, complaints } = admin;
  await page.goto(url('/sources/live'));
  await page.getByText('up to date').waitFor();
  await page.getByText(/^follows changes, at most .* behind$/).waitFor();
  await page.getByRole('row', { name: /live\.seats/ }).getByText('follows changes', { exact: true }).waitFor();
  await choose(page, 'live', /^Pause its schedule/);
  await page.getByRole('status').getByText(/^While live is paused, .*weir_live/).waitFor();
  await page.getByText('paused', { exact: true }).waitFor();
  // Not only at that moment.
  await page.reload();
  await page.getByText(/^While live is paused, the slot "weir_live" .* keeps the server's log/).waitFor();
  await page.goto(url('/sources'));
  await page.getByRole('row', { name: /^live/ }).getByText(/^While live is paused, the slot "weir_live"/).waitFor();
  await page.goto(url('/sources/live'));
  await choose(page, 'live', /^Resume its schedule/);
  await page.getByText('up to date').waitFor();
  // It has no schedule: that costs the same.
  await page.getByText(/^Until somebody runs live, the slot "weir_live"/).waitFor();
  // Of one that is not followed nothing is kept.
  await page.goto(url('/sources/shop'));
  await choose(page, 'shop', /^Pause its schedule/);
  await page.getByText('paused', { exact: true }).waitFor();
  assert.equal(await page.getByText(/^While shop is paused/).count(), 0);
  assert.deepEqual(complaints, []);
});

// What a dashboard says of the sources and views behind its tiles, without a reload.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { type Opened, joinApp, launch, picture, seriousFaults } from '../node/app';
import { Weir, until } from '../node/weir';

let weir: Weir;
let browser: Browser;
let admin: Opened;
const url = (where: string): string => `http://${weir.serve}${where}`;


before(async () => {
  [weir, browser] = await Promise.all([Weir.init(), launch()]);
  await weir.up();
  admin = await joinApp(browser, weir, 'ada@podium.example', 'admin', 'Ada');
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('a dashboard says that the source of its table fails, and when it is well again, without a reload', async () => {
  const { page } = admin;
  const at = (name: string): string => path.join(weir.dir, name);
  mkdirSync(at('told'));
  writeFileSync(at('told/a.csv'), 'id\n1\n');
  writeFileSync(at('sources/told.yml'), 'kind: file\nconnection: {path: told}\n');
  await weir.in('sync', 'told', '--wait');
  const made = await fetch(url('/api/reports'), {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${readFileSync(at('.weir/secrets/api_token'), 'utf8').trim()}` },
    body: JSON.stringify({ report: { title: 'Told', queries: [{ id: 'a' }], tiles: [{ id: 't', kind: 'table', query: 'a', title: 'Rows of a', x: 0, y: 0, w: 12, h: 8 }] }, queries: { a: 'select count(*) as n from told.a' } }),
  });
  const { id } = (await made.json()) as { id: string };
  await page.goto(url(`/dashboard/${id}`));
  const tile = page.getByRole('region', { name: 'Rows of a', exact: true });
  await tile.getByText(/^as of [\d:]+$/).waitFor();
  renameSync(at('told'), at('untold'));
  await assert.rejects(weir.in('sync', 'told', '--wait'));
  await tile.getByText(/^as of [\d:]+; its source fails since [\d:]+$/).waitFor();
  await picture(page, 'dashboard-failing');
  assert.deepEqual(await seriousFaults(page), []);
  const tab = await page.context().newPage();
  await tab.goto(url('/'));
  await tab.getByRole('link', { name: /needs? a look$/ }).click();
  await tab.waitForURL(/\/sources/);
  await tab.close();
  renameSync(at('untold'), at('told'));
  await weir.in('sync', 'told', '--wait');
  await tile.getByText(/^as of [\d:]+$/).waitFor();
});

test('a dashboard says that the source of its table is paused, that its table is gone there, that it was removed, and what to do', async () => {
  const { page } = admin;
  const at = (name: string): string => path.join(weir.dir, name);
  const tile = page.getByRole('region', { name: 'Rows of a', exact: true });
  await weir.in('source', 'pause', 'told');
  await tile.getByText(/^as of [\d:]+; its source is paused since [\d:]+$/).waitFor();
  await picture(page, 'dashboard-paused');
  assert.deepEqual(await seriousFaults(page), []);
  assert.match((await tile.locator('footer').getAttribute('title')) ?? '', /A source of it is paused since .*: its rows are from before, and no new ones come until it is resumed\. The page of the source resumes it\./);
  await tile.getByRole('button', { name: 'Rows of a: menu' }).press('Enter');
  if (process.env['PICTURES']) await page.screenshot({ path: path.join(process.env['PICTURES'], 'dashboard-paused-menu.png') });
  await page.getByRole('menuitem', { name: /^See the sources/ }).press('Enter');
  await page.waitForURL(/\/sources$/);
  await page.goBack();
  await tile.getByText(/is paused since/).waitFor();
  await page.setViewportSize({ width: 375, height: 740 });
  await picture(page, 'dashboard-paused-375');
  assert.equal(await tile.locator('.at').evaluate((words) => words.scrollWidth <= words.clientWidth), true, 'all of it can be read');
  await page.setViewportSize({ width: 1440, height: 900 });
  await weir.in('source', 'resume', 'told');
  await tile.getByText(/^as of [\d:]+$/).waitFor();
  renameSync(at('told/a.csv'), at('told/b.csv'));
  await weir.in('sync', 'told', '--wait');
  await tile.getByText(/^as of [\d:]+; its table is gone at the source since [\d:]+$/).waitFor();
  const file = readFileSync(at('sources/told.yml'), 'utf8');
  writeFileSync(at('sources/told.yml'), `${file}schedule: [\n`);
  await tile.getByText(/^as of [\d:]+; its source rests since [\d:]+$/).waitFor();
  writeFileSync(at('sources/told.yml'), file);
  renameSync(at('told/b.csv'), at('told/a.csv'));
  await weir.in('sync', 'told', '--wait');
  await tile.getByText(/^as of [\d:]+$/).waitFor();
  await weir.in('source', 'remove', 'told');
  await tile.getByText(/^as of [\d:]+; its source is removed since [\d:]+$/).waitFor();
  await picture(page, 'dashboard-removed');
});

test('a dashboard says that a materialized view of it cannot be computed, without a reload', async () => {
  const { page } = admin;
  weir.write('kept/a.csv', 'n\n1\n2\n');
  weir.write('sources/kept.yml', 'kind: file\nconnection: {path: kept}\n');
  await weir.in('sync', 'kept', '--wait');
  weir.write('views/kept_sum.sql', '-- weir: materialized\n-- All of it.\nselect sum(n) as n from kept.a\n');
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const ask = async (method: string, where: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(url(where), { method, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, ...(body ? { body: JSON.stringify(body) } : {}) });
    return (await answer.json()) as Record<string, unknown>;
  };
  await until('the view', 30, async () => ((await ask('GET', '/api/views/kept_sum'))['state'] === 'fresh' ? true : undefined));
  const { id } = await ask('POST', '/api/reports', { report: { title: 'Kept', queries: [{ id: 'a' }], tiles: [{ id: 't', kind: 'table', query: 'a', title: 'The sum', x: 0, y: 0, w: 12, h: 8 }] }, queries: { a: 'from views.kept_sum' } });
  await page.goto(url(`/dashboard/${String(id)}`));
  const tile = page.getByRole('region', { name: 'The sum', exact: true });
  await tile.getByText(/^as of [\d:]+$/).waitFor();
  weir.write('kept/a.csv', 'n\none\ntwo\n');
  await weir.in('sync', 'kept', '--wait');
  await tile.getByText(/^as of [\d:]+; its view fails since [\d:]+$/).waitFor();
  await picture(page, 'dashboard-view-failing');
  weir.write('kept/a.csv', 'n\n1\n7\n');
  await weir.in('sync', 'kept', '--wait', '--full');
  await tile.getByText(/^as of [\d:]+$/).waitFor();
});

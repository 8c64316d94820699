// The Explore page: write SQL, see rows, draw them; with the mouse and without.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import test, { after, before } from 'node:test';
import type { BrowserContextOptions } from 'playwright-core';
import { type Opened, seriousFaults } from '../node/app';
import { Exploring, cell, editor, run, status, type } from '../node/explore';
import { type Weir, until } from '../node/weir';

let exploring: Exploring;
let weir: Weir;
before(async () => {
  exploring = await Exploring.start();
  weir = exploring.weir;
  mkdirSync('build/screenshots', { recursive: true });
});
after(() => exploring?.end());
const explore = (options: BrowserContextOptions = {}): Promise<Opened> => exploring.open(options);

test('a query gives rows, a chart, and a line that says how many and how long', async () => {
  const { page, complaints } = await explore();
  await run(page, 'select sport, sum(total) as total from web.order_completed group by all order by 2 desc');
  await cell(page, 'rugby').waitFor();
  await cell(page, '15.5').waitFor();
  assert.match(await status(page).innerText(), /^2 rows in [\d.]+ m?s$/);
  assert.match((await page.getByRole('region', { name: 'Chart' }).getByRole('img').first().getAttribute('aria-label')) ?? '', /total.*rugby/);
  assert.deepEqual(complaints, []);
});

test('what somebody asked before is there at once and says so; running it once more computes it', async () => {
  const { page, complaints } = await explore();
  const sql = 'select max(total) as kept from web.order_completed';
  const answers: (string | undefined)[] = [];
  page.on('response', (response) => {
    if (response.url().endsWith('/api/query')) answers.push(response.headers()['weir-cached']);
  });
  await run(page, `${sql} `);
  await page.getByText(/^1 row in [\d.]+ m?s$/).waitFor();
  await run(page, `${sql} limit 9`);
  await until('another answer', 20, () => (answers.length === 2 ? true : undefined));
  await run(page, `${sql} `);
  await page.getByText(/^1 row in [\d.]+ m?s, kept from \d\d:\d\d$/).waitFor();
  await editor(page).focus();
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^1 row in [\d.]+ m?s$/).waitFor();
  assert.deepEqual(answers, ['false', 'false', 'true', 'false']);
  assert.deepEqual(complaints, []);
});

test('completion knows tables, their columns by alias, and functions', async () => {
  const { page } = await explore();
  await type(page, 'select o. from web.order_completed o');
  for (let i = 0; i < ' from web.order_completed o'.length; i++) await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: /^sport/ }).waitFor();
  await page.keyboard.press('Escape');
  await type(page, 'select date_tr');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: /^date_trunc/ }).waitFor();
  await page.keyboard.press('Escape');
  await type(page, 'select jaro_wi');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: /^jaro_winkler_similarity/ }).waitFor();
});

test('an error is underlined where the engine saw it, with its words', async () => {
  const { page } = await explore();
  await run(page, "select 'ü' as u,\n  nope from web.order_completed");
  await page.getByRole('alert').getByText(/Line 2, column 3/).waitFor();
  assert.equal(await page.locator('.cm-lintRange-error').innerText(), 'nope');
  await run(page, 'select 1 as fine');
  await cell(page, '1').waitFor();
  assert.equal(await page.locator('.cm-lintRange-error').count(), 0);
});

test('the statement at the cursor runs, or what is selected, or all', async () => {
  const { page } = await explore();
  await type(page, 'select 11 as a;\nselect 22 as b');
  await page.keyboard.press('Control+Enter');
  await cell(page, '22').waitFor();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Control+Enter');
  await cell(page, '11').waitFor();
  await page.getByRole('button', { name: 'Run all' }).click();
  await cell(page, '22').waitFor();
});

test('first rows are shown while the last are computed; Cancel ends the query at the server', async () => {
  const { page } = await explore();
  await run(page, "select i, repeat('x', 300) || i as t from range(100000000) r(i)");
  await cell(page, '0').waitFor();
  await page.getByText(/rows so far/).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText(/Cancelled after/).waitFor();
  await until('the server to have let go of it', 60, async () => {
    const answer = (await (await fetch(`http://${weir.serve}/api/status`)).json()) as { query: { running: number } };
    return answer.query.running === 0 ? true : undefined;
  });
  assert.ok((await page.getByRole('gridcell').count()) > 0, 'the rows that came stay');
});

test('a query that gives nothing yet can be cancelled, too', async () => {
  const { page } = await explore();
  await run(page, 'select count(*) from range(100000000) a(i), range(100000) b(j) where (i * j) % 7 = 3');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText(/Cancelled after/).waitFor();
  await until('the server to have let go of it', 60, async () => {
    const answer = (await (await fetch(`http://${weir.serve}/api/status`)).json()) as { query: { running: number } };
    return answer.query.running === 0 ? true : undefined;
  });
});

test('a cut result says so and what to do', async () => {
  const { page } = await explore();
  await run(page, 'select i from range(1000001) r(i)');
  await page.getByText('Not all rows are here.').waitFor();
});

test('rows are sorted, filtered, selected and copied; a column is summed up', async () => {
  const { page } = await explore();
  await run(page, "select i, 'row ' || i as t, case when i % 2 = 0 then i end as n from range(5000) r(i)");
  await page.getByText(/^5.000 rows in/).waitFor();
  const grid = page.getByRole('grid');
  assert.ok((await grid.getByRole('row').count()) < 80, 'only what is seen is in the page');
  await page.getByRole('columnheader', { name: /^i/ }).getByRole('button').first().click();
  await page.getByRole('columnheader', { name: /^i/ }).getByRole('button').first().click();
  await cell(page, 'row 4999').waitFor();
  await page.getByRole('searchbox', { name: 'Only rows that hold' }).fill('row 499');
  await page.getByText(/11 match/).waitFor();
  await grid.focus();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Control+C');
  await page.getByText('Copied 2 rows of 2 columns').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'i\tt\n4999\trow 4999\n4998\trow 4998');
  await grid.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Alt+ArrowDown');
  const summary = page.getByRole('dialog', { name: 'Summary of n' });
  await summary.getByText('NULL').waitFor();
  assert.match(await summary.innerText(), /NULL\s+2.500/);
});

test('by keys alone: write, leave the editor, walk the grid, look at a value', async () => {
  const { page } = await explore();
  await editor(page).focus();
  await page.keyboard.insertText(`select '{"a": [1, 2]}'::json as j, i from range(100) r(i)`);
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^100 rows in/).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  assert.notEqual(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'SQL', 'Escape, then Tab leaves the editor');
  for (let i = 0; i < 20 && !(await page.evaluate(() => document.activeElement?.getAttribute('role') === 'grid')); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Control+End');
  await cell(page, '99').waitFor();
  assert.equal(await page.evaluate(() => document.getElementById(document.activeElement?.getAttribute('aria-activedescendant') ?? '')?.textContent), '99');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'j' }).getByText('"a": [').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'grid');
});

test('queries are formatted, kept in their tabs, and there again after a reload', async () => {
  const { page } = await explore();
  await type(page, 'select a,b from (select 1 as a,2 as b) where a=1');
  await page.keyboard.press('Control+Shift+F');
  await page.getByText('FROM', { exact: false }).first().waitFor();
  await until('the formatted query', 30, async () => ((await page.locator('.cm-line').count()) > 3 ? true : undefined));
  await page.getByRole('button', { name: 'New query' }).click();
  await run(page, 'select 7 as seven');
  await cell(page, '7').waitFor();
  await page.reload();
  await page.locator('[data-ready]').waitFor();
  assert.match(await editor(page).innerText(), /seven/);
  await page.getByRole('button', { name: 'Query 1', exact: true }).click();
  assert.match(await editor(page).innerText(), /select\s+a,/);
});

test('tables are searched, put into the query, and looked into', async () => {
  const { page } = await explore();
  await page.getByRole('searchbox', { name: 'Search tables and columns' }).fill('sport');
  await page.getByRole('button', { name: 'sport varchar' }).dblclick();
  assert.match(await editor(page).innerText(), /sport/);
  await page.getByRole('button', { name: 'Values of sport' }).first().click();
  const values = page.getByRole('dialog', { name: 'Values of sport' });
  await values.getByText('rugby').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sample' }).first().click();
  await page.getByText(/^3 rows in/).waitFor();
});

test('a chart is changed by choosing columns', async () => {
  const { page } = await explore({ viewport: { width: 1440, height: 900 } });
  await run(page, "select sport, count(*) as orders, sum(total) as total from web.order_completed group by all");
  const pane = page.getByRole('region', { name: 'Chart' });
  await pane.getByRole('img').first().waitFor();
  await pane.getByRole('button', { name: 'Change' }).click();
  await pane.getByLabel('Chart', { exact: true }).selectOption('pie');
  await pane.getByRole('button', { name: 'Show as a table' }).click();
  await pane.getByRole('table').waitFor();
});

test('an export is the whole result in a file, streamed by the server, in which no text is a formula', async () => {
  const { page, complaints } = await explore();
  await run(page, "select i, '=' || i as f from range(3) r(i)");
  await page.getByText(/^3 rows in/).waitFor();
  const fetched = async (name: RegExp): Promise<[string, Buffer]> => {
    await page.getByRole('button', { name: 'Export' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name }).click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    return [download.suggestedFilename(), Buffer.concat(chunks)];
  };
  const [name, csv] = await fetched(/^CSV/);
  assert.equal(name, 'result.csv');
  assert.equal(csv.toString(), `i,f\n0,"'=0"\n1,"'=1"\n2,"'=2"\n`);
  const [, exact] = await fetched(/^Exact CSV/);
  assert.equal(exact.toString(), 'i,f\n0,=0\n1,=1\n2,=2\n');
  const [book, bytes] = await fetched(/^Excel/);
  assert.equal(book, 'result.xlsx');
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
  assert.deepEqual(complaints, []);
});

for (const width of [360, 1440]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing serious at ${width} px, ${colorScheme}`, async () => {
      const { page, complaints } = await explore({ viewport: { width, height: 900 }, colorScheme });
      await run(page, "select date '2026-09-01' + (i // 3)::int as day, ['rugby', 'climbing', 'hockey'][i % 3 + 1] as sport, 400 - 90 * (i % 3) + (i * i) % 37 as viewers, case when i % 5 > 0 then i / 7 end as share from range(90) r(i)");
      await page.getByText(/^90 rows in/).waitFor();
      if (width > 900) await page.getByRole('region', { name: 'Chart' }).getByRole('img').first().waitFor();
      assert.deepEqual(await seriousFaults(page), []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
      await page.screenshot({ path: `build/screenshots/explore-${colorScheme}-${width}.png` });
      assert.deepEqual(complaints, []);
    });
  }
}

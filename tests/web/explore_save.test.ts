// A query is saved into the workspace, opened again from there, and meets what others saved; and the
// result two ways across.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { seriousFaults } from '../node/app';
import { Exploring, cell, editor, run, type } from '../node/explore';
import { until } from '../node/weir';

let exploring: Exploring;
before(async () => {
  exploring = await Exploring.start();
});
after(() => exploring?.end());

interface Reports {
  reports: { id: string; title: string }[];
}
interface Report {
  report: { queries: { id: string; title: string }[]; tiles?: { kind: string; query: string }[] };
  queries: Record<string, string>;
  version: string;
}

test('mod+S saves into a new report, then back to it; another window’s change is a choice, not a loss', async () => {
  const { page, complaints } = await exploring.open({ viewport: { width: 1440, height: 900 } });
  await run(page, 'select sport, sum(total) as total from web.order_completed group by all');
  await cell(page, '15.5').waitFor();
  await editor(page).focus();
  await page.keyboard.press('Control+S');
  const dialog = page.getByRole('dialog', { name: 'Save the query' });
  await dialog.getByLabel('Title of the report').fill('Sales');
  await dialog.getByLabel('Name of the query').fill('Orders by sport');
  assert.deepEqual(await seriousFaults(page), []);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved “Orders by sport”').waitFor();
  const { reports } = await exploring.api<Reports>('GET', '/api/documents');
  const { id = '' } = reports.find((one) => one.title === 'Sales') ?? {};
  const first = await exploring.api<Report>('GET', `/api/reports/${id}`);
  const [query] = first.report.queries;
  assert.equal(query?.title, 'Orders by sport');
  assert.match(first.queries[query.id] ?? '', /sum\(total\)/);
  assert.deepEqual(first.report.tiles?.map((tile) => [tile.kind, tile.query]), [['chart', query.id]]);

  // Its own change goes back without a question.
  await type(page, 'select 1 as mine');
  await page.keyboard.press('Control+S');
  await until('the save', 30, async () => ((await exploring.api<Report>('GET', `/api/reports/${id}`)).queries[query.id]?.includes('mine') ? true : undefined));

  // Somebody else was faster.
  const now = await exploring.api<Report>('GET', `/api/reports/${id}`);
  await exploring.api('PUT', `/api/reports/${id}`, { report: now.report, queries: { [query.id]: 'select 2 as theirs\n' }, base: now.version });
  await type(page, 'select 3 as mine_again');
  await page.keyboard.press('Control+S');
  const choice = page.getByRole('dialog', { name: /Somebody else saved/ });
  await choice.getByText('theirs', { exact: false }).last().waitFor();
  assert.match((await exploring.api<Report>('GET', `/api/reports/${id}`)).queries[query.id] ?? '', /theirs/, 'nothing is saved before the choice');
  assert.deepEqual(await seriousFaults(page), []);
  await choice.getByRole('button', { name: 'Save mine over it' }).click();
  await until('the save', 30, async () => ((await exploring.api<Report>('GET', `/api/reports/${id}`)).queries[query.id]?.includes('mine_again') ? true : undefined));
  assert.deepEqual(complaints, []);

  // The address of the query opens it.
  const other = await exploring.open({}, `/explore/${id}/${query.id}`);
  await until('the query', 30, async () => ((await editor(other.page).innerText()).includes('mine_again') ? true : undefined));
  await other.page.getByRole('link', { name: 'Sales' }).waitFor();
});

test('a report’s parameters are in the form of its query', async () => {
  const { id } = await exploring.api<{ id: string }>('POST', '/api/reports', {
    report: { title: 'With parameters', parameters: [{ name: 'sport', label: 'Which sport', type: 'select', options: { query: 'sports', value: 'sport', label: 'sport' }, default: 'rugby' }], queries: [{ id: 'orders', title: 'Orders' }, { id: 'sports', title: 'Sports' }] },
    queries: { orders: 'select count(*) as n from web.order_completed where sport = {{ sport }}', sports: 'select distinct sport from web.order_completed' },
  });
  const { page } = await exploring.open({}, `/explore/${id}/orders`);
  const field = page.getByRole('form', { name: 'Parameters' }).getByLabel('Which sport');
  await field.waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await cell(page, '2').waitFor();
  await field.fill('clim');
  await page.getByRole('option', { name: 'climbing' }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await cell(page, '1').waitFor();
});

test('a query becomes a view, which is listed, opened, and taken into others', async () => {
  const { page } = await exploring.open();
  await type(page, 'select sport, total from web.order_completed');
  await page.keyboard.press('Control+S');
  const dialog = page.getByRole('dialog', { name: 'Save the query' });
  await dialog.getByLabel('Save it as').selectOption('view');
  await dialog.getByLabel('Name').fill('No Name');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await dialog.getByText('Use a to z, 0 to 9 and _', { exact: false }).waitFor();
  await dialog.getByLabel('Name').fill('sold');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Saved the view “sold”').waitFor();
  await page.getByRole('button', { name: 'New query' }).click();
  await run(page, 'select sum(total) as all_of_it from [sold]');
  await cell(page, '22.5').waitFor();
  await page.getByRole('button', { name: 'Open sold' }).click();
  await until('the view', 30, async () => ((await editor(page).innerText()).includes('select sport, total') ? true : undefined));
});

test('a result is pivoted, by any columns, and copied', async () => {
  const { page } = await exploring.open({ viewport: { width: 1440, height: 900 } });
  await run(page, "select ['rugby', 'golf'][i % 2 + 1] as sport, 'q' || (i % 3) as quarter, i as n from range(12) r(i)");
  await page.getByText(/^12 rows in/).waitFor();
  await page.getByRole('tab', { name: 'Pivot' }).click();
  const pivot = page.getByRole('form', { name: 'Pivot' });
  await page.getByRole('rowheader', { name: 'golf' }).waitFor();
  await pivot.getByLabel('Aggregate').selectOption('max');
  await page.getByRole('cell', { name: '11', exact: true }).first().waitFor();
  await pivot.getByRole('button', { name: 'Copy' }).click();
  await until('the clipboard', 30, async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    return text.startsWith('sport\tq') && text.includes('golf\t') ? true : undefined;
  });
  await pivot.getByRole('button', { name: 'Swap' }).click();
  await page.getByRole('rowheader', { name: 'q1' }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
});

test('the choices of a pivot are within a narrow page', async () => {
  const { page } = await exploring.open({ viewport: { width: 375, height: 740 } });
  await run(page, "select i as id, 'name ' || i as name, date '2026-01-01' + (i % 9)::int as day, 'value ' || i as a_column_with_a_rather_long_name, i * 3 as price from range(60) r(i)");
  await page.getByText(/^60 rows in/).waitFor();
  await page.getByRole('tab', { name: 'Pivot' }).click();
  await page.getByRole('rowheader', { name: 'name 1', exact: true }).waitFor();
  await page.waitForFunction(() => Array.from(document.querySelectorAll('form[aria-label="Pivot"] :is(button, input, select)')).every((one) => one.getBoundingClientRect().right <= innerWidth));
});

test('home and the palette lead to reports and views', async () => {
  await exploring.api('POST', '/api/reports', { report: { title: 'Found by its name' } });
  await exploring.api('PUT', '/api/views/seen', { sql: 'select 1 as one' });
  const { page } = await exploring.open();
  await page.goto(exploring.url('/'));
  await page.getByRole('link', { name: 'Found by its name' }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await page.getByRole('link', { name: 'seen', exact: true }).click();
  await until('the view', 30, async () => ((await editor(page).innerText()).includes('select 1 as one') ? true : undefined));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+K');
  await page.getByRole('combobox', { name: /^Find/ }).fill('found by');
  await page.getByRole('option', { name: /Found by its name/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/report\//);
});

// What Explore answers besides rows: what was run, how a query will be answered, what is in a table.
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

test('every run is noted with its rows or its error, found by its words, and opened with its values', async () => {
  const { page, complaints } = await exploring.open();
  await run(page, 'select {{ first }} as one');
  await page.getByText(/^1 row in/).waitFor();
  await page.getByRole('form', { name: 'Parameters' }).getByLabel('first').fill('golf');
  await page.keyboard.press('Enter');
  await cell(page, 'golf').waitFor();
  await run(page, 'select nowhere_to_be_found');
  await page.getByRole('alert').first().waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  const panel = page.getByRole('tabpanel', { name: 'History' });
  await panel.getByRole('button', { name: /nowhere_to_be_found/ }).getByText(/not found/).waitFor();
  await panel.getByRole('searchbox').fill('as one');
  await until('only what fits', 30, async () => ((await panel.getByRole('button', { name: /select/ }).count()) === 2 ? true : undefined));
  assert.deepEqual(await seriousFaults(page), []);
  // By keys: from the search into the list, and Enter opens it.
  await panel.getByRole('searchbox').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until('the query', 30, async () => ((await editor(page).innerText()).includes('first') ? true : undefined));
  assert.equal(await page.getByRole('form', { name: 'Parameters' }).getByLabel('first').inputValue(), 'golf');
  assert.deepEqual(complaints, []);
  await page.goto(exploring.url('/'));
  await page.getByRole('link', { name: 'select {{ first }} as one' }).waitFor();
});

test('a plan is a tree in words, with its heavy steps', async () => {
  const { page } = await exploring.open();
  await type(page, 'select a.i, count(*) from range(200000) a(i), range({{ n }}::bigint) b(j) group by all');
  await page.getByRole('form', { name: 'Parameters' }).getByLabel('n').fill('200000');
  await page.keyboard.press('Tab');
  await page.getByRole('tab', { name: 'Plan' }).click();
  const tree = page.getByRole('list', { name: 'Plan' });
  await tree.getByText('Combine all pairs').waitFor();
  await tree.getByText('heavy').first().waitFor();
  assert.deepEqual(await seriousFaults(page), []);
});

test('a table tells of its columns, frequent values and rows', async () => {
  const { page } = await exploring.open({ viewport: { width: 1440, height: 900 } });
  await page.getByRole('searchbox', { name: 'Search tables and columns' }).fill('order_completed');
  await page.getByRole('button', { name: /^order_completed/ }).first().click();
  await page.getByRole('button', { name: 'About order_completed' }).click();
  const dialog = page.getByRole('dialog', { name: 'web.order_completed' });
  await dialog.getByText(/^3 rows/).waitFor();
  await dialog.getByText('rugby').first().waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await dialog.getByRole('button', { name: 'Query it' }).click();
  await until('the query', 30, async () => ((await editor(page).innerText()).includes('web.order_completed') ? true : undefined));
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^3 rows in/).waitFor();
});

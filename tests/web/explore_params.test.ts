// Parameters on the Explore page: their form, what they become, what is wrong with them; and the
// queries that are kept.
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

const orders = `select sport, sum(total) as total from web.order_completed
where [received_at=daterange] and sport in {{ sports }} group by all order by 1

{% form %}
sports:
  type: multiselect
  default: [rugby, climbing]
  options: {query: select distinct sport from web.order_completed, value: sport, label: sport}
least:
  type: number
  default: 1
{% endform %}`;

test('a form is made from the text, its options from a query; values go with the run', async () => {
  const { page, complaints } = await exploring.open();
  await run(page, orders);
  await cell(page, '15.5').waitFor();
  await cell(page, 'climbing').waitFor();
  const form = page.getByRole('form', { name: 'Parameters' });
  await form.getByRole('button', { name: 'Remove rugby' }).click();
  await form.getByRole('button', { name: 'Remove climbing' }).click();
  await form.getByLabel('sports').fill('rug');
  await page.getByRole('option', { name: 'rugby' }).click();
  assert.equal(await form.getByLabel('least').inputValue(), '1');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText(/^1 row in/).waitFor();
  await page.reload();
  await page.locator('[data-ready]').waitFor();
  await form.getByRole('button', { name: 'Remove rugby' }).waitFor();
  await page.getByRole('button', { name: 'Defaults' }).click();
  await form.getByRole('button', { name: 'Remove climbing' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('dates are chosen by words, by days of a calendar, by keys alone', async () => {
  const { page } = await exploring.open();
  await type(page, 'select count(*) as n from web.order_completed where [received_at=daterange]');
  const dates = page.getByRole('form', { name: 'Parameters' }).getByLabel('Dates');
  await dates.focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'Dates' });
  await panel.getByRole('button', { name: 'last 7 days' }).focus();
  assert.deepEqual(await seriousFaults(page), []);
  await page.keyboard.press('Enter');
  assert.equal(await dates.innerText(), 'last 7 days');
  await dates.click();
  const calendar = panel.getByRole('grid');
  await calendar.locator('[tabindex="0"]').focus();
  await page.keyboard.press('PageUp');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await panel.getByText('Now the last day').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  assert.match(await dates.innerText(), /^\d+ (?:\w+ )?(?:\d{4} )?– \d+ \w+ \d{4}$/);
  await editor(page).click();
  await page.keyboard.press('Control+Enter');
  await cell(page, '0').waitFor();
  await dates.click();
  await panel.getByLabel('Dates in words').fill('last 6 weeks');
  await page.keyboard.press('Enter');
  assert.equal(await dates.innerText(), 'last 6 weeks');
});

test('the compiled statement is shown with its bound values', async () => {
  const { page } = await exploring.open();
  await type(page, "select {{ name }} as n, '%{{ name }}%' as p");
  const field = page.getByRole('form', { name: 'Parameters' }).getByLabel('name');
  await field.fill("o'; drop table x");
  await field.press('Enter');
  await cell(page, "o'; drop table x").waitFor();
  await page.getByRole('tab', { name: 'Compiled SQL' }).click();
  const sql = page.getByRole('region', { name: 'Compiled SQL' });
  await sql.getByText('$name', { exact: true }).first().waitFor();
  assert.ok(!(await sql.innerText()).includes('drop'));
  await page.getByRole('region', { name: 'Bound values' }).getByText("o'; drop table x").first().waitFor();
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await until('the clipboard', 30, async () => ((await page.evaluate(() => navigator.clipboard.readText())).includes('$name') ? true : undefined));
  assert.deepEqual(await seriousFaults(page), []);
});

test('what does not compile is underlined while it is written', async () => {
  const { page } = await exploring.open();
  await type(page, 'select 1 from [nowhere as n]');
  await until('the mark', 30, async () => ((await page.locator('.cm-lintRange-error').count()) ? true : undefined));
  await type(page, "select [1, 2][1] as x, {'a': 1} as y");
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^1 row in/).waitFor();
  assert.equal(await page.getByRole('form', { name: 'Parameters' }).count(), 0, "DuckDB's own brackets are no parameters");
});

test('an error says what could be meant, and puts it there', async () => {
  const { page } = await exploring.open();
  await run(page, 'select sprot from web.order_completed');
  await page.getByRole('alert').getByText('Did you mean sport?').waitFor();
  assert.equal(await page.locator('.cm-lintRange-error').innerText(), 'sprot');
  await page.locator('.cm-lintRange-error').hover();
  await page.getByRole('button', { name: /Write sport/ }).click();
  await page.keyboard.press('Control+Enter');
  await cell(page, 'climbing').waitFor();
});

test('completion knows parameters, definitions, views and joins', async () => {
  await exploring.api('PUT', '/api/views/buyers', { sql: 'select user_id from web.order_completed', description: 'Who bought' });
  await exploring.api('PUT', '/api/definitions/model', { sql: 'select 1 as one' });
  const { page } = await exploring.open();
  const offers = async (text: string, name: RegExp): Promise<void> => {
    await type(page, text);
    await page.keyboard.press('Control+Space');
    await page.getByRole('option', { name }).first().waitFor();
    await page.keyboard.press('Escape');
  };
  await offers('select * from {{ @', /^model/);
  await offers('select * from [', /^buyers/);
  await offers('select * from ', /^\[buyers\]/);
  await offers('select * from web.order_completed o join ', /^web\.tracks using \(user_id\)/);
  await type(page, 'select {{ kind }} as k; select 2 where {{ ');
  await page.keyboard.press('Control+Space');
  await page.getByRole('option', { name: /^@model/ }).waitFor();
  // A document that somebody makes now is known at once.
  await exploring.api('PUT', '/api/definitions/later', { sql: 'select 2 as two' });
  await page.keyboard.press('Escape');
  await until('the new definition', 30, async () => {
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Space');
    const offered = page.getByRole('option', { name: /^@later/ }).first();
    return offered.waitFor({ timeout: 2000 }).then(() => true as const, () => undefined);
  });
});

test('tabs are named, moved by keys, closed with an undo, and go on in another browser', async () => {
  const { page } = await exploring.open();
  await type(page, 'select 1 as first');
  const tabs = page.getByRole('list', { name: 'Open queries' });
  await tabs.getByRole('button', { name: 'Query 1', exact: true }).focus();
  await page.keyboard.press('F2');
  await page.getByLabel('Name of the query').fill('Ones');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'New query' }).click();
  await type(page, 'select 2 as second');
  await tabs.getByRole('button', { name: 'Query 2', exact: true }).focus();
  await page.keyboard.press('Control+Shift+ArrowLeft');
  assert.deepEqual((await tabs.getByRole('listitem').allInnerTexts()).map((text) => text.split('\n')[0]), ['Query 1', 'Ones']);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Delete');
  await page.getByText('Ones was closed').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await tabs.getByRole('button', { name: 'Ones', exact: true }).waitFor();
  await until('the draft at the server', 30, async () => {
    const response = await fetch(exploring.url('/api/drafts/explore'));
    return response.ok && (await response.text()).includes('"Ones"') ? true : undefined;
  });
  const other = await exploring.open({}, '/explore', true);
  await other.page.getByRole('list', { name: 'Open queries' }).getByRole('button', { name: 'Ones', exact: true }).click();
  assert.match(await editor(other.page).innerText(), /first/);
});

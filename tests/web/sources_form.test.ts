// The form of a source: names that nobody may use, streams of a program, and a session that ends meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { type Opened, joinApp, launch, seriousFaults } from '../node/app';
import { Weir, until } from '../node/weir';

let weir: Weir;
let browser: Browser;
let admin: Opened;
const url = (where: string): string => `http://${weir.serve}${where}`;
const file = (name: string): string => readFileSync(path.join(weir.dir, `sources/${name}.yml`), 'utf8');

before(async () => {
  [weir, browser] = await Promise.all([Weir.init(), launch()]);
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [taps]\n');
  weir.write('exports/order.csv', 'id\n1\n');
  weir.write('taps/tap-x', `#!/usr/bin/env python3
import json, sys
schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
if "--discover" in sys.argv:
    print(json.dumps({"streams": [{"stream": "tickets", "tap_stream_id": "tickets", "schema": schema, "key_properties": ["id"], "metadata": []}]}))
else:
    print(json.dumps({"type": "SCHEMA", "stream": "tickets", "schema": schema, "key_properties": ["id"]}))
    print(json.dumps({"type": "RECORD", "stream": "tickets", "record": {"id": 1}}))
`);
  chmodSync(path.join(weir.dir, 'taps/tap-x'), 0o755);
  await weir.up();
  admin = await joinApp(browser, weir, 'ada@podium.example', 'admin', 'Ada');
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('what is called as a word of SQL is connected under another name', async () => {
  const { page, complaints } = admin;
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.getByRole('textbox', { name: 'Path' }).fill('exports/order.csv');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  const name = page.getByRole('textbox', { name: 'Name' });
  assert.equal(await name.inputValue(), 'order_data');
  await name.fill('order');
  await page.getByText('It is a word of SQL').waitFor();
  await name.fill('order_data');
  await page.getByRole('button', { name: 'Save and load' }).click();
  await page.waitForURL(/\/sources\/order_data$/);
  await page.getByText('up to date').first().waitFor();
  assert.deepEqual(complaints, []);
});

test('by keys alone the focus stays with what was pressed, and goes on from advice that goes', async () => {
  const { page, complaints } = admin;
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
  weir.write('people/people.csv', 'id,email\n1,a@b.example\n');
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.getByRole('textbox', { name: 'Path' }).fill('people');
  await page.getByText('More settings').click();
  const skip = page.getByRole('textbox', { name: 'Skip' });
  await skip.waitFor();
  await page.getByRole('button', { name: 'Test the connection' }).press('Enter');
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Test again' }).and(page.locator(':not([aria-disabled])')).waitFor();
  assert.equal(await focused(), 'Test again');
  assert.equal(await skip.isVisible(), true, 'what was opened stays open');
  await page.getByRole('button', { name: 'Leave it out' }).press('Enter');
  await page.getByRole('button', { name: 'Leave it out' }).waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Mode').evaluate((element) => element === document.activeElement), true);
  await page.getByRole('radio', { name: /^PostgreSQL/ }).check();
  await page.getByLabel('Host').waitFor();
  assert.equal(await page.getByText('More settings').evaluate((element) => (element.parentElement as HTMLDetailsElement).open), false, 'of another kind nothing was opened');
  await page.goto(url('/sources'));
  assert.deepEqual(complaints, []);
});

test('what is tried of one kind says nothing of another that is chosen meanwhile', async () => {
  const { page, complaints } = admin;
  let came = (): void => undefined;
  const connected = new Promise<void>((resolve) => (came = resolve));
  const silent = createServer(() => came()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: /^PostgreSQL/ }).check();
  await page.getByLabel('Host').fill(`postgres://ann:no%20secret@127.0.0.1:${(silent.address() as AddressInfo).port}/shop`);
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await connected;
  assert.deepEqual(await Promise.all(['Host', 'Database', 'User', 'Password (optional)'].map((label) => page.getByLabel(label, { exact: true }).inputValue())), ['127.0.0.1', 'shop', 'ann', 'no secret']);
  await page.getByRole('radio', { name: /^Files/ }).check();
  await page.getByRole('textbox', { name: 'Path' }).fill('exports/order.csv');
  await page.getByRole('button', { name: 'Test the connection' }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  silent.close();
  page.once('dialog', (dialog) => void dialog.accept());
  await page.goto(url('/sources'));
  assert.deepEqual(complaints, []);
});

test('a test of a connection that hangs can be stopped, and the program with it', async () => {
  const { page, complaints } = admin;
  const pid = path.join(weir.dir, 'pid');
  weir.write('taps/hangs', `#!/bin/sh\necho $$ >${pid}.new && mv ${pid}.new ${pid}\nexec sleep 3600\n`);
  chmodSync(path.join(weir.dir, 'taps/hangs'), 0o755);
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: /^Singer/ }).check();
  await page.getByText('More settings').click();
  await page.getByRole('textbox', { name: 'Executable' }).fill('taps/hangs');
  const again = page.getByRole('button', { name: 'Test the connection' });
  await again.click();
  const program = await until('the program', 20, () => (existsSync(pid) ? Number(readFileSync(pid, 'utf8')) : undefined));
  const tried = page.getByRole('button', { name: 'It is tried…' });
  await tried.evaluate(async (button) => {
    button.dispatchEvent(new FocusEvent('blur')); // as when another window is gone to
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
  assert.equal(await tried.evaluate((button) => button === document.activeElement), true);
  await page.getByRole('button', { name: 'Stop', exact: true }).press('Enter');
  await page.waitForFunction(() => document.activeElement?.textContent.trim() === 'Test the connection');
  await until('its end', 60, () => (existsSync(`/proc/${program}`) ? undefined : true));
  assert.equal(await page.getByRole('button', { name: 'Stop', exact: true }).count(), 0);
  await page.getByRole('textbox', { name: 'Executable' }).fill('taps/tap-x');
  await again.click();
  await page.getByText('connected', { exact: true }).waitFor();
  page.once('dialog', (dialog) => void dialog.accept());
  await page.goto(url('/sources'));
  assert.deepEqual(complaints, []);
});

test("a program's streams are read as the file says, also after they were looked at and saved", async () => {
  const { page, complaints } = admin;
  const text = 'kind: singer\nconnection: {executable: taps/tap-x}\nstreams: {tickets: {mode: replace}}\n';
  weir.write('sources/tap.yml', text);
  await page.goto(url('/sources/edit/tap'));
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByRole('button', { name: /Rows and settings/ }).click();
  const mode = page.getByLabel('Mode');
  await page.getByText('Its rows come with the first run.').waitFor();
  assert.equal(await mode.inputValue(), 'replace');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForURL(/\/sources\/tap$/);
  assert.match(file('tap'), /tickets: \{mode: replace\}/);
  await page.goto(url('/sources/edit/tap'));
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByRole('button', { name: /Rows and settings/ }).click();
  await mode.selectOption('');
  assert.deepEqual(await seriousFaults(page), []);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForURL(/\/sources\/tap$/);
  assert.match(file('tap'), /tickets: \{\}/);
  await weir.in('sync', 'tap', '--wait');
  await page.getByRole('cell', { name: 'merged', exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test('the settings of an Airbyte source: what its specification calls a secret is sealed, and what is no JSON is said beside them', async () => {
  const { page, complaints } = admin;
  weir.write('taps/source-x', `#!/usr/bin/env python3
import json, sys
out = lambda **m: print(json.dumps(m))
spec = {"required": ["login"], "properties": {"login": {"oneOf": [{"properties": {"way": {"const": "pat"}, "pat": {"type": "string", "airbyte_secret": True}}}]}}}
config = json.load(open(sys.argv[sys.argv.index("--config") + 1])) if "--config" in sys.argv else {}
if sys.argv[1] == "spec": out(type="SPEC", spec={"connectionSpecification": spec})
if sys.argv[1] == "check":
    pat = config["login"]["pat"]
    out(type="CONNECTION_STATUS", connectionStatus={"status": "SUCCEEDED"} if pat == "right-one" else {"status": "FAILED", "message": "no such token: " + pat})
if sys.argv[1] == "discover": out(type="CATALOG", catalog={"streams": [{"name": "items", "json_schema": {"properties": {"id": {"type": "integer"}}}, "supported_sync_modes": ["full_refresh"]}]})
if sys.argv[1] == "read": out(type="RECORD", record={"stream": "items", "data": {"id": 1}, "emitted_at": 1})
`);
  chmodSync(path.join(weir.dir, 'taps/source-x'), 0o755);
  await page.goto(url('/sources/add/source'));
  await page.getByRole('radio', { name: /^Airbyte/ }).check();
  await page.getByText('More settings').click();
  await page.getByRole('textbox', { name: 'Executable' }).fill('taps/source-x');
  const config = page.getByRole('textbox', { name: 'Config' });
  const test = page.getByRole('button', { name: 'Test the connection' });
  await config.fill('{"login": ');
  await test.click();
  const form = page.locator('#connection');
  await form.getByText(/cannot be read as YAML or JSON: line:2:1/).waitFor();
  assert.equal(await config.getAttribute('aria-invalid'), 'true');
  await config.fill('{"login": {"way": "pat", "pat": "wrong-one"}}');
  await test.click();
  await form.getByText('no such token: ***').waitFor();
  await config.fill('{"login": {"way": "pat", "pat": "right-one"}}');
  await test.click();
  await page.getByText('connected', { exact: true }).waitFor();
  await page.getByRole('region', { name: 'The first rows of items' }).waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('sealed');
  await page.getByRole('combobox', { name: 'When does it run?' }).selectOption('manual');
  await page.getByRole('button', { name: 'Save and load' }).click();
  await page.waitForURL(/\/sources\/sealed$/);
  await page.getByText('up to date').first().waitFor();
  assert.match(file('sealed'), /pat: "\$\{secret:sealed\.login\.pat\}"/);
  assert.doesNotMatch(file('sealed'), /right-one/);
  assert.deepEqual(complaints, []);
});

test('a session that ends leaves what was not saved where it is; who signs in again goes on', async () => {
  const { page, complaints } = admin;
  await page.goto(url('/sources/edit/order_data'));
  await page.getByText('connected', { exact: true }).waitFor();
  const schema = page.getByRole('textbox', { name: 'Schema (optional)' });
  await schema.fill('kept');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('You are signed out').waitFor();
  assert.equal(await schema.inputValue(), 'kept');
  assert.deepEqual(await seriousFaults(page), []);
  const [tab] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'sign in in another tab' }).click()]);
  await tab.getByLabel('E-mail').fill('ada@podium.example');
  await tab.getByLabel('Password').fill('a long enough one');
  await tab.keyboard.press('Enter');
  await tab.getByText('Hello, Ada').waitFor();
  await tab.close();
  await page.getByRole('button', { name: 'I have signed in' }).click();
  await page.getByText('You are signed out').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.waitForURL(/\/sources\/order_data$/);
  assert.match(file('order_data'), /schema: kept/);
  assert.deepEqual(complaints, []);
});

test('what has no form says where it is changed', async () => {
  const { page, complaints } = admin;
  weir.write('sources/broken.yml', 'kind: file\nconnection: {path: exports\n');
  await page.goto(url('/sources/edit/web'));
  await page.getByText('It is changed in its file, sources/web.yml').waitFor();
  await page.getByText('A source of events has no form.').waitFor();
  await page.goto(url('/sources/edit/broken'));
  await page.getByText('It is changed in its file, sources/broken.yml').waitFor();
  await page.getByText('missing comma in flow mapping').waitFor();
  assert.deepEqual(complaints, []);
});

test('on a narrow screen a long name of a table leaves room for how it stands', async () => {
  const { page } = admin;
  weir.write(`long/${'a_table_with_a_name_'.repeat(3)}end.csv`, 'id\n1\n');
  weir.write('sources/long.yml', 'kind: file\nconnection: {path: long}\n');
  await weir.in('sync', 'long', '--wait');
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(url('/sources/long'));
  const state = page.getByRole('row', { name: /a_table_with/ }).getByText('loaded', { exact: true });
  await state.waitFor();
  const box = await state.boundingBox();
  assert.ok(box && box.x + box.width <= 375, JSON.stringify(box));
  // The widest word about a stream: its table is gone at the source.
  weir.write('long/other.csv', 'id\n1\n');
  renameSync(path.join(weir.dir, 'long', `${'a_table_with_a_name_'.repeat(3)}end.csv`), path.join(weir.dir, 'long.csv'));
  await weir.in('sync', 'long', '--wait');
  const row = page.getByRole('row', { name: /a_table_with/ });
  await row.getByText('gone at the source').waitFor();
  const more = await row.getByRole('button', { name: /^More about/ }).boundingBox();
  assert.ok(more && more.x + more.width <= 375, JSON.stringify(more));
  await page.goto(url('/sources'));
  await page.getByRole('region', { name: 'Sources' }).getByText(/missing comma/).waitFor();
  assert.equal(await page.getByRole('region', { name: 'Sources' }).evaluate((table) => table.scrollWidth <= table.clientWidth), true, 'no column is cut');
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(url('/sources/long'));
  const name = await page.getByRole('link', { name: /a_table_with/ }).boundingBox();
  assert.ok(name && name.height < 30, 'where there is room it is one line');
});

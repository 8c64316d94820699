// The whole way, from an empty folder, as admin, editor and viewer: set-up link, events, a query with
// a parameter, a chart, a report, sharing; the viewer sees it, and does not see what she may not.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
let admin: Opened;
let editor: Opened;
let report = '';
const url = (path: string): string => `http://${weir.serve}${path}`;
const cell = (page: Page, name: string) => page.getByRole('gridcell', { name, exact: true });

async function sound({ page, complaints }: Opened): Promise<void> {
  assert.deepEqual(await seriousFaults(page), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
  assert.deepEqual(complaints, []);
}

async function join(link: string, options = {}): Promise<Opened> {
  const opened = await open(browser, { viewport: { width: 1440, height: 900 }, ...options });
  opened.page.setDefaultTimeout(30_000);
  await opened.page.goto(link);
  return opened;
}

const linkIn = (text: string): string => {
  const link = /http:\/\/\S+/.exec(text)?.[0];
  assert.ok(link, text);
  return link;
};

before(async () => {
  weir = await Weir.init();
  await weir.up();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('the printed link makes the admin; the first event appears', async () => {
  admin = await join(linkIn(/makes the first admin, once:\s+(\S+)/.exec(weir.log())?.[1] ?? ''));
  const { page } = admin;
  await page.getByLabel('E-mail address').fill('ada@podium.example');
  await page.getByLabel('Your name').fill('Ada Byron');
  await page.getByLabel('Choose a password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Ada').waitFor();
  for (const [user, sport] of [['u1', 'rugby'], ['u2', 'rugby'], ['u3', 'golf']] as const) {
    const response = await fetch(`http://${weir.collect}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId: user, event: 'Video Started', properties: { sport, minutes: 30 } }),
    });
    assert.equal(response.status, 200);
  }
  await weir.loaded();
  await page.reload();
  await page.getByText('video_started').first().waitFor();
  await sound(admin);
});

test('the editor asks with a parameter, and draws', async () => {
  editor = await join(linkIn(await weir.in('user', 'add', 'edda@podium.example', '--role', 'editor')));
  const { page } = editor;
  await page.getByLabel('Your name').fill('Edda');
  await page.getByLabel('Choose a password').fill('another long one');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Edda').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.locator('[data-ready]').waitFor();
  await page.getByRole('textbox', { name: 'SQL' }).click();
  await page.keyboard.insertText(
    "{% form %}\nsport:\n  type: multiselect\n  options: [rugby, golf]\n{% endform %}\nselect sport, count(*) as videos from web.video_started where [sport=sport] group by all order by all",
  );
  await page.keyboard.press('Control+Enter');
  await cell(page, 'golf').waitFor();
  await page.getByRole('region', { name: 'Chart' }).getByRole('img', { name: /videos/ }).first().waitFor();
  await sound(editor);
});

test('the chart goes into a report, which is shared with a group', async () => {
  const { page } = editor;
  await page.getByRole('textbox', { name: 'SQL' }).focus();
  await page.keyboard.press('Control+s');
  const dialog = page.getByRole('dialog', { name: 'Save the query' });
  await dialog.getByLabel('Title of the report').fill('Videos');
  await dialog.getByLabel('Name of the query').fill('Videos by sport');
  await page.keyboard.press('Enter');
  await page.getByText('Saved “Videos by sport”').waitFor();
  await page.goto(url('/reports'));
  await page.getByRole('link', { name: 'Videos' }).click();
  await page.getByRole('heading', { name: 'Videos', exact: true, level: 1 }).waitFor();
  await page.getByRole('img', { name: /videos/ }).first().waitFor();
  report = new URL(page.url()).pathname;
  await weir.in('user', 'add', 'vera@podium.example', '--role', 'viewer');
  await weir.in('user', 'set', 'vera@podium.example', '--attribute', 'sports=["rugby"]');
  await weir.in('group', 'grant', 'everyone', '*.*', '--revoke');
  await weir.in('group', 'add', 'rugby desk');
  await weir.in('group', 'grant', 'rugby desk', 'web.video_started', '--rows', 'sport in (user.sports)', '--hide', 'user_id');
  await weir.in('group', 'members', 'rugby desk', '--add', 'vera@podium.example');
  // What nobody shares is not there: the shelf of the company is closed to those who only read.
  await admin.page.evaluate(async () => {
    interface Group {
      id: string;
      name: string;
      collections: object[];
    }
    const { csrf } = (await (await fetch('/api/session')).json()) as { csrf: string };
    const { groups } = (await (await fetch('/api/groups')).json()) as { groups: Group[] };
    const everyone = groups.find((one) => one.name === 'everyone');
    const { id, ...rest } = (await (await fetch(`/api/groups/${everyone?.id ?? ''}`)).json()) as Group & { builtin?: boolean };
    delete rest.builtin;
    const people = ((await (await fetch('/api/people')).json()) as { people: { id: string; email: string }[] }).people;
    const send = async (method: string, path: string, body: object): Promise<void> => {
      const answer = await fetch(path, { method, headers: { 'content-type': 'application/json', 'x-weir-csrf': csrf }, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(await answer.text());
    };
    await send('PUT', `/api/groups/${id}`, { ...rest, collections: [] });
    await send('POST', '/api/groups', {
      name: 'analysts',
      members: people.filter((one) => one.email === 'edda@podium.example').map((one) => one.id),
      tables: [{ schema: '*', table: '*' }],
      collections: [{ collection: 'company', level: 'edit' }],
    });
  });
  await page.reload();
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('combobox', { name: 'Groups' }).fill('rugby');
  await page.keyboard.press('Enter');
  await sound(editor);
  await page.getByRole('dialog').getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByText('Videos is shared').waitFor();
  await sound(editor);
});

test('the viewer sees the report, her rows of it, and nothing else', async () => {
  const viewer = await join(linkIn(await weir.in('user', 'invite', 'vera@podium.example')), { viewport: { width: 390, height: 800 } });
  const { page } = viewer;
  await page.getByLabel('Your name').fill('Vera');
  await page.getByLabel('Choose a password').fill('a third long one');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Vera').waitFor();
  await page.getByRole('link', { name: 'Reports' }).click();
  await page.waitForURL('**/reports'); // home names it too, perhaps twice
  await page.getByRole('heading', { name: 'Reports', exact: true, level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Videos' }).click();
  await page.getByRole('heading', { name: 'Videos', exact: true, level: 1 }).waitFor();
  await page.getByRole('img', { name: /rugby/ }).first().waitFor();
  await page.getByRole('button', { name: 'Show as a table' }).click();
  await page.getByText('rugby', { exact: true }).first().waitFor();
  assert.equal(await page.getByText('golf', { exact: true }).count(), 0, 'a row that she may not see');
  assert.equal(await page.getByRole('button', { name: 'Edit', exact: true }).count(), 0);
  await sound(viewer);
  const refused = await page.evaluate(async (id) => {
    const { csrf } = (await (await fetch('/api/session')).json()) as { csrf: string };
    const send = async (method: string, path: string, body: object): Promise<number> =>
      (await fetch(path, { method, headers: { 'content-type': 'application/json', 'x-weir-csrf': csrf }, body: JSON.stringify(body) })).status;
    return [
      await send('POST', '/api/query', { sql: 'select * from web.video_started' }),
      await send('POST', '/api/compile', { sql: 'select 1' }),
      await send('PUT', `/api/reports/${id}/share`, { people: [], groups: [], company: true }),
      await send('POST', `/api/reports/${id}/archive`, { archived: true }),
    ];
  }, report.split('/').at(-1) ?? '');
  assert.deepEqual(refused, [403, 403, 403, 403]);
  await page.goto(url('/explore'));
  await page.getByText(/This page is for/).waitFor();
});

test('what is shared no more is gone at once', async () => {
  const { page } = editor;
  const viewer = await open(browser);
  await viewer.page.goto(url('/login'));
  await viewer.page.getByLabel('E-mail address').fill('vera@podium.example');
  await viewer.page.getByLabel('Password', { exact: true }).fill('a third long one');
  await viewer.page.keyboard.press('Enter');
  await viewer.page.getByText('Hello, Vera').waitFor();
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('combobox', { name: 'Groups' }).focus();
  await page.keyboard.press('Backspace');
  await page.getByRole('dialog').getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByText('not shared beyond its collection').waitFor();
  await viewer.page.goto(url(report));
  await viewer.page.getByText(/no report|not found|may not see/i).first().waitFor();
});

// From an empty folder: set-up, an invitation, a group with rules, what its member then sees and
// does not see, the audit log, tokens, and signing in and out. The steps build on each other.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { type Opened, launch, open, seriousFaults } from '../node/app';
import { Weir } from '../node/weir';

let weir: Weir;
let browser: Browser;
let admin: Opened;
let viewer: Opened;
let invitation = '';
const url = (path: string): string => `http://${weir.serve}${path}`;
const box = (page: Page, name: string): Locator => page.getByRole('combobox', { name });

async function choose(page: Page, name: string, ...values: string[]): Promise<void> {
  for (const value of values) {
    await box(page, name).fill(value);
    await page.keyboard.press('Enter');
  }
}

async function sound({ page, complaints }: Opened): Promise<void> {
  assert.deepEqual(await seriousFaults(page), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'the page scrolls sideways');
  assert.deepEqual(complaints, []);
}

before(async () => {
  weir = await Weir.init();
  await weir.up();
  for (const sport of ['rugby', 'golf']) {
    const response = await fetch(`http://${weir.collect}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${weir.key}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'u1', event: 'Video Started', properties: { sport } }),
    });
    assert.equal(response.status, 200);
  }
  await weir.loaded();
  browser = await launch();
  admin = await open(browser, { viewport: { width: 1440, height: 900 } });
  viewer = await open(browser, { viewport: { width: 390, height: 800 } });
});
after(async () => {
  await browser?.close();
  await weir.remove();
});

test('whoever sits at the machine sets weir up, by keys alone', async () => {
  const { page } = admin;
  await page.goto(url('/'));
  await page.getByRole('button', { name: 'Set up weir' }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('E-mail address').waitFor();
  await page.getByLabel('E-mail address').focus();
  await page.keyboard.type('ada@podium.example');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Ada Byron');
  await page.keyboard.press('Tab');
  await page.keyboard.type('short');
  await page.keyboard.press('Enter');
  await page.getByText(/At least 10 characters\. A few words/).waitFor();
  await sound(admin);
  await page.getByLabel('Choose a password').fill('correct horse battery');
  await page.keyboard.press('Enter');
  await page.getByText('Hello, Ada').waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the token does not stay in the address');
});

test('from then on nobody gets in without signing in', async () => {
  const stranger = await open(browser);
  await stranger.page.goto(url('/system'));
  await stranger.page.getByText('Sign in to weir').waitFor();
  assert.equal(new URL(stranger.page.url()).search, '?next=%2Fsystem');
  await stranger.page.getByLabel('E-mail address').fill('ada@podium.example');
  await stranger.page.getByLabel('Password', { exact: true }).fill('not her password');
  await stranger.page.keyboard.press('Enter');
  await stranger.page.getByText('do not belong together').waitFor();
  await sound(stranger);
  await stranger.page.goto(url('/setup#0123456789abcdef'));
  await stranger.page.getByLabel('E-mail address').fill('eve@podium.example');
  await stranger.page.getByLabel('Your name').fill('Eve');
  await stranger.page.getByLabel('Choose a password').fill('long enough for it');
  await stranger.page.getByRole('button', { name: 'Set up' }).click();
  await stranger.page.getByText('That did not work').waitFor();
  await stranger.page.context().close();
});

test('an admin invites a person with attributes and gets a link', async () => {
  const { page } = admin;
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByLabel('E-mail address').fill('vera@podium.example');
  await page.getByLabel('Name', { exact: true }).fill('Vera Viewer');
  await page.getByRole('button', { name: 'Add an attribute' }).click();
  await page.getByLabel('Name of attribute 1').fill('sports');
  await choose(page, 'Values of sports', 'rugby', 'tennis');
  await sound(admin);
  await page.getByRole('button', { name: 'Make an invitation link' }).click();
  await page.getByText('A link for Vera Viewer').waitFor();
  invitation = await page.locator('dialog code').innerText();
  await sound(admin);
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByText('sports: rugby, tennis').waitFor();
  await sound(admin);
});

test('a group says in plain words what its members see', async () => {
  const { page } = admin;
  await page.getByRole('tab', { name: 'Groups' }).click();
  await page.getByText('shows all tables to everybody').waitFor();
  await sound(admin);
  await page.getByRole('link', { name: 'New group' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Rugby desk');
  await choose(page, 'Members', 'vera');
  await page.getByRole('button', { name: 'Let it see tables' }).click();
  await choose(page, 'Schema', 'web');
  await choose(page, 'Table', 'video_started');
  await page.getByLabel('Only rows where').fill('where sport in (user.sports)');
  await choose(page, 'Blank columns', 'user_id');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('without the word “where”').waitFor();
  await page.getByLabel('Only rows where').fill('sport in (user.sports)');
  await page.getByText('Sees web.video_started, only rows where sport in (user.sports); user_id is blank.').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Group Rugby desk was saved').waitFor();
  await page.waitForURL(/\/people\/groups\/[^/]+$/);
  await sound(admin);
  // The built-in group stops showing everything; undo brings it back, and it is taken out again.
  await page.goto(url('/people?tab=groups'));
  await page.getByRole('link', { name: 'everyone' }).click();
  await page.getByRole('button', { name: 'Remove rule 1' }).click();
  await page.getByText('Sees no tables.').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Sees all tables.').waitFor();
  await page.getByRole('button', { name: 'Remove rule 1' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Sees no tables.').waitFor();
  await page.getByRole('button', { name: 'Saved' }).waitFor();
});

test('changes that are not saved are not lost without a question', async () => {
  const { page } = admin;
  await page.getByLabel('What it is for').fill('Everybody');
  let asked = '';
  page.once('dialog', (dialog) => {
    asked = dialog.message();
    void dialog.dismiss();
  });
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  assert.match(asked, /not saved/);
  assert.match(page.url(), /\/people\/groups\//);
  page.once('dialog', (dialog) => void dialog.accept());
  await page.getByRole('link', { name: 'Home', exact: true }).click();
  await page.getByText('Hello, Ada').waitFor();
});

test('the invited person chooses a password and sees what her groups show, no more', async () => {
  const { page } = viewer;
  await page.goto(invitation);
  await page.getByLabel('Your name').fill('Vera Viewer');
  await page.getByLabel('Choose a password').fill('another long one');
  await sound(viewer);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Hello, Vera').waitFor();
  await page.getByText('video_started').waitFor();
  assert.equal(await page.getByText('tracks', { exact: true }).count(), 0, 'a table that no group shows');
  assert.equal(await page.getByRole('link', { name: 'People' }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Explore' }).count(), 0);
  await sound(viewer);
  await page.goto(url('/people'));
  await page.getByText('This page is for admins').waitFor();
  const again = await open(browser);
  await again.page.goto(invitation);
  await again.page.getByLabel('Your name').fill('Eve');
  await again.page.getByLabel('Choose a password').fill('another long one');
  await again.page.getByRole('button', { name: 'Sign in' }).click();
  await again.page.getByText('That did not work').waitFor(); // a link works once
  await again.page.context().close();
});

test('an admin looks through her eyes, and it is written down', async () => {
  const { page } = admin;
  await page.goto(url('/people'));
  await page.getByRole('button', { name: 'What to do with Vera' }).click();
  await page.getByRole('menuitem', { name: /See as/ }).click();
  await page.getByText('Nothing can be changed meanwhile').waitFor();
  await page.getByText('video_started').waitFor();
  assert.equal(await page.getByText('tracks', { exact: true }).count(), 0);
  await sound(admin);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Hello, Ada').waitFor();
  await page.goto(url('/people?tab=audit'));
  await page.getByText('made group Rugby desk').waitFor();
  await page.getByText('made a link for vera@podium.example').first().waitFor();
  await sound(admin);
});

test('a token is shown once, works, and stops when it is revoked', async () => {
  const { page } = admin;
  await page.goto(url('/account'));
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Monday spreadsheet');
  await sound(admin);
  await page.getByRole('button', { name: 'Make the token' }).click();
  const secret = await page.locator('dialog code').first().innerText();
  await page.getByRole('button', { name: 'Done' }).click();
  const status = async (): Promise<number> => (await fetch(url('/api/schema'), { headers: { authorization: `Bearer ${secret}` } })).status;
  assert.equal(await status(), 200);
  await sound(admin);
  await page.getByRole('button', { name: 'Revoke Monday spreadsheet' }).click();
  await page.getByText('does not work any more').waitFor();
  assert.equal(await status(), 401);
});

test('a person who is disabled is out at once, and undo lets her in again', async () => {
  const { page } = admin;
  await page.goto(url('/people'));
  await page.getByRole('button', { name: 'What to do with Vera' }).click();
  // What was done is said also while the server is too busy to tell the list anew.
  await page.route(/\/api\/people$/, (route) => route.fulfill({ status: 503, json: { error: { code: 'busy', message: 'too much is asked at once' } } }));
  await page.getByRole('menuitem', { name: /Disable/ }).click();
  await page.getByText('cannot sign in any more').waitFor();
  await page.unroute(/\/api\/people$/);
  await viewer.page.goto(url('/'));
  await viewer.page.getByText('Sign in to weir').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('may sign in again').waitFor();
  await viewer.page.getByLabel('E-mail address').fill('vera@podium.example');
  await viewer.page.getByLabel('Password', { exact: true }).fill('another long one');
  await viewer.page.getByRole('button', { name: 'Sign in' }).click();
  await viewer.page.getByText('Hello, Vera').waitFor();
});

test('the name and the password change; signing out ends it', async () => {
  const { page } = viewer;
  await page.goto(url('/account'));
  await page.getByLabel('Name').fill('Vera V');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Your name was changed').waitFor();
  await page.getByLabel('Present password').fill('another long one');
  await page.getByLabel('New password').fill('a third, longer one');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByText('Your password was changed').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await page.getByText('Sign in to weir').waitFor();
  await page.goto(url('/'));
  await page.getByText('Sign in to weir').waitFor();
});

for (const width of [360, 3840]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`people, groups, log and account are sound at ${width} px, ${colorScheme}`, async () => {
      const { page } = admin;
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      for (const [path, text] of [
        ['/people', 'vera@podium.example'],
        ['/people?tab=groups', 'Rugby desk'],
        ['/people?tab=audit', 'made group'],
        ['/people/groups/new', 'In plain words'],
        ['/account', 'API tokens'],
      ] as const) {
        await page.goto(url(path));
        await page.getByText(text).first().waitFor();
        await sound(admin);
      }
    });
  }
}

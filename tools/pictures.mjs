// node tools/pictures.mjs [ADDRESS]: takes the pictures of docs/guide from a running `weir demo`
// (default 127.0.0.1:8081). Look at them before you commit them. Those of sources (list-light.png, add-postgres-light.png)
// come from PICTURES=FOLDER node tests/run-node.mjs web sources, which has a PostgreSQL.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const address = process.argv[2] ?? '127.0.0.1:8081';
const folder = 'docs/guide/pictures';
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

/** Opens `path`, does what `act` does, and takes the window as it is then. */
async function take(name, path, act, { width = 1280, height = 800, colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(`http://${address}${path}`);
  await act(page);
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
}

const still = (page) => page.waitForFunction(() => !document.querySelector('[aria-busy=true]'));
const settled = async (page) => {
  await page.locator('main h1').first().waitFor();
  await still(page);
};
const sql = `{% form %}
sports:
  type: multiselect
  options: [Rugby, Track, Hockey, Climbing]
{% endform %}
select date_trunc('month', timestamp) as month, sport, count(*) as videos
from web.video_started
where [sport=sports]
group by all order by all`;

await take('report', '/report/podiumsubs', settled);
await take('report-dark', '/report/podiumview', settled, { width: 390, height: 780, colorScheme: 'dark' });
await take('edit', '/report/podiumsubs', async (page) => {
  await settled(page);
  await page.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.getByRole('toolbar', { name: 'Edit the report' }).waitFor();
  await still(page);
});
await take('explore', '/explore', async (page) => {
  await page.locator('[data-ready]').waitFor();
  await page.getByRole('textbox', { name: 'SQL' }).focus();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(sql);
  await page.getByRole('form', { name: 'Parameters' }).waitFor();
  await page.keyboard.press('Control+Enter');
  await page.getByText(/^[\d\s,]+ rows? in /).first().waitFor();
  await page.getByRole('region', { name: 'Chart' }).getByRole('img').first().waitFor();
  await page.locator('canvas').first().waitFor();
});
await browser.close();

import { chromium } from 'playwright-core';
const [,, base, out, ...ids] = process.argv;
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [w, dark] of [[1440, false]]) {
  const c = await b.newContext({ viewport: { width: w, height: 1100 }, colorScheme: dark ? 'dark' : 'light' });
  for (const id of ids) {
    const p = await c.newPage();
    p.on('console', (m) => { if (m.type() === 'error') console.log(id, m.text()); });
    p.on('pageerror', (e) => console.log(id, 'ERR', e.message));
    const t = Date.now();
    await p.goto(`http://${base}/dashboard/${id}`);
    await p.waitForTimeout(6000);
    await p.screenshot({ path: `${out}/${id}-${w}.png`, fullPage: true });
    console.log(id, Date.now() - t);
    await p.close();
  }
}
await b.close();

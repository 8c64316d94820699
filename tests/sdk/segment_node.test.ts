import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Analytics } from '@segment/analytics-node';
import { assertTypes, checkWarehouse, sentEvents } from '../node/events.js';
import { Recorder } from '../node/recorder.js';
import { type Weir, withWeir } from '../node/weir.js';
import { company, properties, traits } from './calls.js';

async function withAnalytics(
  weir: Weir,
  settings: { flushAt: number },
  body: (analytics: Analytics) => void,
): Promise<Recorder> {
  const recorder = await Recorder.start(weir.collect);
  const failures: unknown[] = [];
  const analytics = new Analytics({
    writeKey: weir.key,
    host: recorder.url,
    flushInterval: 200,
    maxRetries: 2,
    ...settings,
  });
  analytics.on('error', (error) => failures.push(error));
  body(analytics);
  await analytics.closeAndFlush({ timeout: 30_000 });
  await recorder.stop();
  assert.deepEqual(failures, []);
  return recorder;
}

test('analytics-node: every call is in the warehouse as it was sent', () =>
  withWeir(async (weir) => {
    const since = BigInt(Date.now()) * 1000n;
    const recorder = await withAnalytics(weir, { flushAt: 4 }, (analytics) => {
      const userId = 'user-1';
      analytics.identify({ userId, anonymousId: 'anon-1', traits });
      analytics.identify({ userId, traits: { age: 32, favourite: 'climbing' } });
      analytics.track({ userId, event: 'Video Started', properties });
      analytics.track({
        anonymousId: 'anon-2',
        event: 'Subscription Renewed',
        timestamp: '2026-03-04T05:06:07.089Z',
        context: { ip: '203.0.113.7', app: { name: 'podium', build: 7 }, locale: 'pt-BR' },
        properties: { price: 12.5, currency: 'EUR' },
      });
      analytics.page({ userId, name: 'Live', category: 'Watch', properties: { url: 'https://podium.example/' } });
      analytics.screen({ userId, name: 'Player', properties: { dark: true } });
      analytics.group({ userId, groupId: 'club-9', traits: company });
      analytics.alias({ userId: 'user-1b', previousId: userId });
    });
    const events = sentEvents(recorder.posts());
    assert.equal(events.length, 8);
    assertTypes(events, 'identify', 'track', 'page', 'screen', 'group', 'alias');
    await checkWarehouse(weir, events, since);
    const user = await weir.query("select age, email, favourite, first_name from web.users where id = 'user-1'");
    assert.deepEqual(user.rows, [
      { age: 32, email: 'ana@podium.example', favourite: 'climbing', first_name: 'Ana' },
    ]);
  }));

test('analytics-node: a batch of 850 KB with a 40 KB event is taken whole', () =>
  withWeir(async (weir) => {
    const since = BigInt(Date.now()) * 1000n;
    const recorder = await withAnalytics(weir, { flushAt: 41 }, (analytics) => {
      // Its size check counts %-escapes and the letter i only, so text without either slips by.
      for (let i = 0; i < 41; i++) {
        const text = 'x'.repeat(i === 0 ? 40_000 : 20_000);
        analytics.track({ userId: `user-${i}`, event: 'Log Uploaded', properties: { text } });
      }
    });
    const posts = recorder.posts();
    const largest = Math.max(...posts.map((exchange) => exchange.bytes));
    assert.ok(largest > 840_000, `the largest batch had ${largest} bytes`);
    const events = sentEvents(posts);
    assert.equal(events.length, 41);
    await checkWarehouse(weir, events, since);
  }));

test('analytics-node: the same messageId twice is one row', () =>
  withWeir(async (weir) => {
    const recorder = await withAnalytics(weir, { flushAt: 1 }, (analytics) => {
      for (let i = 0; i < 3; i++) {
        analytics.track({ userId: 'u', event: 'Paid', messageId: 'payment-77', properties: { i } });
      }
    });
    assert.equal(sentEvents(recorder.posts()).length, 3);
    await weir.loaded();
    const rows = await weir.query('select id from web.paid union all select id from web.tracks');
    assert.deepEqual(rows.rows, [{ id: 'payment-77' }, { id: 'payment-77' }]);
  }));

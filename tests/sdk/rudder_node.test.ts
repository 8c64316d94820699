import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import type RudderAnalytics from '@rudderstack/rudder-sdk-node';
import { assertTypes, checkWarehouse, sentEvents } from '../node/events.js';
import { Recorder } from '../node/recorder.js';
import { until, withWeir } from '../node/weir.js';
import { company, properties, traits } from './calls.js';

type Constructor = typeof RudderAnalytics;
// Its CommonJS face is what Node.js programs use; the default export may be wrapped once more.
const loaded = createRequire(import.meta.url)('@rudderstack/rudder-sdk-node') as
  | Constructor
  | { default: Constructor };
const Rudder = 'default' in loaded ? loaded.default : loaded;

for (const gzip of [true, false]) {
  test(`rudder-sdk-node, ${gzip ? 'gzip' : 'plain'}: every call is in the warehouse as it was sent`, () =>
    withWeir(async (weir) => {
      const since = BigInt(Date.now()) * 1000n;
      const recorder = await Recorder.start(weir.collect);
      const analytics = new Rudder(weir.key, {
        dataPlaneUrl: recorder.url,
        flushAt: 3,
        flushInterval: 200,
        gzip,
      });
      const userId = 'user-1';
      analytics.identify({ userId, anonymousId: 'anon-1', traits });
      analytics.track({ userId, event: 'Video Started', properties });
      analytics.track({
        userId,
        event: 'Subscription Renewed',
        timestamp: new Date('2026-03-04T05:06:07.089Z'),
        properties: { price: 12.5 },
        context: { app: { name: 'podium' } },
      });
      analytics.page({ userId, name: 'Live', category: 'Watch', properties: { path: '/live' } });
      analytics.screen({ userId, name: 'Player', properties: { dark: true } });
      analytics.group({ userId, groupId: 'club-9', traits: company });
      analytics.alias({ userId: 'user-1b', previousId: userId });
      const events = await until('seven events', 20, () => {
        const all = sentEvents(recorder.posts());
        return all.length >= 7 ? all : undefined;
      });
      await recorder.stop();
      assert.equal(events.length, 7);
      assertTypes(events, 'identify', 'track', 'page', 'screen', 'group', 'alias');
      const zipped = recorder.posts().map((e) => e.headers['content-encoding'] === 'gzip');
      assert.deepEqual([...new Set(zipped)], [gzip]);
      await checkWarehouse(weir, events, since);
    }));
}

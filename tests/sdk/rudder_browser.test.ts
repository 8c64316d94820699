import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from '../node/browser.js';
import { assertTypes, checkWarehouse, sentEvents } from '../node/events.js';
import { Recorder } from '../node/recorder.js';
import { type Weir, until, withWeir } from '../node/weir.js';
import { company, properties, traits } from './calls.js';

function script(key: string, url: string, options: object): string {
  return `
    import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
    const analytics = new RudderAnalytics();
    Object.assign(window, { send: async () => {
      await new Promise((resolve) => {
        analytics.load(${JSON.stringify(key)}, ${JSON.stringify(url)}, {
          configUrl: ${JSON.stringify(url)},
          loadIntegration: false,
          onLoaded: resolve,
          ...${JSON.stringify(options)},
        });
      });
      analytics.identify('user-1', ${JSON.stringify(traits)});
      analytics.track('Video Started', ${JSON.stringify(properties)});
      analytics.page('Watch', 'Live', { rows: 3 });
      analytics.group('club-9', ${JSON.stringify(company)});
      analytics.alias('user-1b', 'user-1');
    }});`;
}

async function send(weir: Weir, options: object, path: RegExp): Promise<void> {
  const since = BigInt(Date.now()) * 1000n;
  const recorder = await Recorder.start(weir.collect);
  await visit(script(weir.key, recorder.url, options), async ({ page, complaints }) => {
    await page.evaluate('send()');
    await until('five events', 30, () => (sentEvents(recorder.posts()).length >= 5 ? true : undefined));
    assert.deepEqual(complaints, []);
  });
  await recorder.stop();
  for (const exchange of recorder.posts()) assert.match(exchange.path, path);
  const events = sentEvents(recorder.posts());
  assert.equal(events.length, 5);
  assertTypes(events, 'identify', 'track', 'page', 'group', 'alias');
  await checkWarehouse(weir, events, since);
}

test('rudder analytics-js in Chromium, one request a call', () =>
  withWeir((weir) => send(weir, {}, /^\/v1\/(identify|track|page|group|alias)$/)));

test('rudder analytics-js in Chromium, batching', () =>
  withWeir((weir) =>
    send(
      weir,
      { queueOptions: { batch: { enabled: true, maxItems: 10, flushInterval: 500 } } },
      /^\/v1\/batch$/,
    ),
  ));

test('rudder analytics-js in Chromium, beacons', () =>
  withWeir((weir) =>
    send(
      weir,
      { useBeacon: true, beaconQueueOptions: { maxItems: 5, flushQueueInterval: 500 } },
      /^\/beacon\/v1\/batch\?writeKey=/,
    ),
  ));

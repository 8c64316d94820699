import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from '../node/browser.js';
import { assertTypes, checkWarehouse, sentEvents } from '../node/events.js';
import { Recorder } from '../node/recorder.js';
import { type Weir, until, withWeir } from '../node/weir.js';
import { company, properties, traits } from './calls.js';

function script(key: string, recorder: Recorder, options: object): string {
  return `
    import { AnalyticsBrowser } from '@segment/analytics-next';
    const analytics = AnalyticsBrowser.load(
      { writeKey: ${JSON.stringify(key)}, cdnURL: ${JSON.stringify(recorder.url)} },
      ${JSON.stringify(options)},
    );
    Object.assign(window, { send: async () => {
      await analytics.identify('user-1', ${JSON.stringify(traits)});
      await analytics.track('Video Started', ${JSON.stringify(properties)});
      await analytics.page('Watch', 'Live', { rows: 3 });
      await analytics.screen('Watch', 'Player', { dark: true });
      await analytics.group('club-9', ${JSON.stringify(company)});
      await analytics.alias('user-1b', 'user-1');
    }});`;
}

async function send(weir: Weir, options: (recorder: Recorder) => object): Promise<void> {
  const since = BigInt(Date.now()) * 1000n;
  const recorder = await Recorder.start(weir.collect);
  await visit(script(weir.key, recorder, options(recorder)), async ({ page, complaints }) => {
    await page.evaluate('send()');
    await until('six events', 20, () => (sentEvents(recorder.posts()).length >= 6 ? true : undefined));
    assert.deepEqual(complaints, []);
  });
  await recorder.stop();
  const events = sentEvents(recorder.posts());
  assert.equal(events.length, 6);
  assertTypes(events, 'identify', 'track', 'page', 'screen', 'group', 'alias');
  assert.ok(recorder.exchanges.some((e) => e.method === 'OPTIONS'), 'the browser asked first');
  await checkWarehouse(weir, events, since);
  const ips = await weir.query('select distinct context_ip from web.tracks');
  assert.deepEqual(ips.rows, [{ context_ip: '127.0.0.1' }]);
}

test('analytics.js in Chromium, told by cdnURL alone: the settings lead it to weir', () =>
  withWeir((weir) => send(weir, () => ({}))));

test('analytics.js in Chromium, one request a call', () =>
  withWeir((weir) =>
    send(weir, (recorder) => ({
      integrations: { 'Segment.io': { apiHost: `${recorder.host}/v1`, protocol: 'http' } },
    })),
  ));

test('analytics.js in Chromium, batching', () =>
  withWeir((weir) =>
    send(weir, (recorder) => ({
      integrations: {
        'Segment.io': {
          apiHost: `${recorder.host}/v1`,
          protocol: 'http',
          deliveryStrategy: { strategy: 'batching', config: { size: 4, timeout: 200 } },
        },
      },
    })),
  ));

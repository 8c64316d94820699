// The latest events and what became of each, as admins see them.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { type Client, join, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let editor: Client;

interface Event {
  id: string;
  source: string | null;
  type: string | null;
  name: string | null;
  message_id: string | null;
  fate: string;
  reason: string | null;
  json: string;
  json_bytes: number;
  cut: boolean;
  discards: { table: string | null; column: string | null; reason: string; value: string | null }[];
}
interface Row {
  table: string;
  columns: { name: string; type: string; value: unknown }[];
}

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  editor = (await join(admin, 'ed@example.com', { role: 'editor' })).client;
});
after(() => weir.remove());

async function post(route: string, body: unknown, key = weir.key): Promise<number> {
  const response = await fetch(`http://${weir.collect}/v1/${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}
const track = (event: string, more: object = {}): Promise<number> => post('track', { userId: 'u1', event, ...more });
const recent = async (rest = ''): Promise<Event[]> => (await admin.want(200, 'GET', `/api/events/recent?limit=200${rest}`))['events'] as Event[];
const one = async (id: string): Promise<{ event: Event; rows: Row[] }> => {
  const body = await admin.want(200, 'GET', `/api/events/${id}`);
  return { event: (body['events'] as Event[])[0] as Event, rows: body['rows'] as Row[] };
};
const value = (row: Row | undefined, name: string): unknown => row?.columns.find((column) => column.name === name)?.value;

test('what became of each event is said: loaded, in part, twice, bad, refused, of an unknown key', async () => {
  assert.deepEqual(await recent(), []);
  assert.equal(await track('Video Started', { messageId: 'm1', properties: { sport: 'rugby', position: 3 } }), 200);
  await weir.loaded();
  assert.equal(await track('Video Started', { messageId: 'm1', properties: { sport: 'again' } }), 200);
  assert.equal(await track('Video Started', { messageId: 'm2', timestamp: 'yesterday' }), 200);
  assert.equal(await post('batch', { batch: [{ type: 'track', userId: 'u', event: 'Fine', messageId: 'm3' }, { type: 'track', event: 'Nobody', messageId: 'm4' }] }), 200);
  await post('track', { event: 'Refused', messageId: 'm5' }); // nobody's
  assert.equal(await post('track', { userId: 'u', event: 'Strange', messageId: 'm6' }, 'an-unknown-key'), 200);
  await weir.loaded();
  const events = await recent();
  const of = (id: string, nth = 0): Event | undefined => events.filter((event) => event.message_id === id)[nth];
  assert.deepEqual([of('m1')?.fate, of('m1', 1)?.fate], ['loaded', 'duplicate']);
  assert.deepEqual([of('m1')?.source, of('m1')?.type, of('m1')?.name], ['web', 'track', 'Video Started']);
  assert.equal(of('m2')?.fate, 'loaded');
  assert.deepEqual(of('m2')?.discards.map((discard) => [discard.reason, discard.value]), [['not_a_time', 'yesterday']]);
  assert.equal(of('m3')?.fate, 'loaded');
  const bad = events.find((event) => event.json.includes('"m4"'));
  assert.equal(bad?.fate, 'set_aside');
  assert.ok(bad.reason);
  assert.deepEqual(bad.discards.map((discard) => discard.reason), [bad.reason]);
  assert.equal(events.find((event) => event.json.includes('"m5"'))?.fate, 'refused');
  const strange = of('m6');
  assert.deepEqual([strange?.fate, strange?.source, strange?.name], ['quarantined', null, 'Strange']);
  assert.match(String(strange?.id), /^q\d+-0$/);
});

test('one event has the rows that it became', async () => {
  const found = (await recent()).find((event) => event.message_id === 'm1' && event.fate === 'loaded');
  const { event, rows } = await one(String(found?.id));
  assert.deepEqual(event, found);
  assert.deepEqual(rows.map(({ table }) => table), ['web.tracks', 'web.video_started']);
  assert.equal(value(rows[0], 'event_text'), 'Video Started');
  assert.equal(value(rows[1], 'sport'), 'rugby');
  assert.equal(value(rows[1], 'position'), '3');
  const twice = (await recent()).find((e) => e.fate === 'duplicate');
  assert.deepEqual((await one(String(twice?.id))).rows, [], 'a duplicate became no row');
  const strange = (await recent()).find((e) => e.fate === 'quarantined');
  assert.equal((await one(String(strange?.id))).event.name, 'Strange');
  for (const id of ['0-0', 'x', '1-5', '99999-0', 'q99999-0', '1', '-1-0', '1-']) await admin.want(404, 'GET', `/api/events/${id}`);
});

test('hostile contents are text: control characters, markup, megabytes, what is no JSON', async () => {
  const name = '<img src=x onerror=alert(1)>\u0000\u001b[31m\u202e';
  assert.equal(await track(name, { messageId: 'h1', properties: { big: 'x'.repeat(200_000), quote: '"\\</script>' } }), 200);
  await post('track', `{"userId": "u", "event": "broken`);
  await weir.loaded();
  const events = await recent();
  const hostile = events.find((event) => event.message_id === 'h1');
  assert.ok(hostile?.cut && hostile.json.length <= 32 * 1024 && hostile.json_bytes > 200_000);
  assert.ok(hostile.name?.startsWith('<img src=x onerror=alert(1)>'));
  const broken = events.find((event) => event.json.includes('broken'));
  assert.ok(broken && broken.type === null && ['refused', 'set_aside'].includes(broken.fate));
  const { rows } = await one(hostile.id);
  assert.ok(String(value(rows[1], 'big')).length <= 2000);
});

test('a source has its own; there are none of one that is not there', async () => {
  await weir.in('source', 'add', 'app');
  const key = (await weir.in('source', 'key', 'app')).trim();
  const status = await until('the new source', 20, async () => ((await post('track', { userId: 'u', event: 'Opened', messageId: 'a1' }, key)) === 200 ? true : undefined));
  assert.ok(status);
  await until('its event', 20, async () => {
    const events = await recent('&source=app');
    if (!events.length) await post('track', { userId: 'u', event: 'Opened' }, key);
    return events.length ? true : undefined;
  });
  for (const event of await recent('&source=app')) assert.equal(event.source, 'app');
  assert.deepEqual(await recent('&source=nobody'), []);
  const { sources } = (await admin.want(200, 'GET', '/api/events/recent?limit=1')) as unknown as { sources: string[] };
  assert.deepEqual(sources, ['app', 'web']);
});

/** Listens until `enough`, then goes. */
function listen(path: string, enough: (messages: { events: Event[]; skipped: number }[]) => boolean): Promise<{ events: Event[]; skipped: number }[]> {
  const [host, port] = weir.serve.split(':');
  return new Promise((resolve, reject) => {
    const messages: { events: Event[]; skipped: number }[] = [];
    const request = http.get({ host, port, path, headers: { cookie: admin.cookie } }, (response) => {
      let text = '';
      const timer = setTimeout(() => request.destroy(new Error(`heard only ${JSON.stringify(messages).slice(0, 500)}`)), 30_000);
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const line = text.slice(0, end);
          text = text.slice(end + 2);
          if (line.startsWith('data: ')) messages.push(JSON.parse(line.slice(6)) as { events: Event[]; skipped: number });
        }
        if (enough(messages)) {
          clearTimeout(timer);
          response.removeAllListeners('error');
          response.on('error', () => undefined);
          request.destroy();
          resolve(messages);
        }
      });
    });
    request.on('error', reject);
  });
}

test('events are told live, with what became of them, and samples when many come at once', async () => {
  const heard = listen('/api/events/live', (messages) => messages.some(({ events }) => events.some((event) => event.name === 'Live' && event.fate === 'loaded')));
  // Sent until it is heard: a stream tells what comes after it was opened.
  let over = false;
  const sending = (async () => {
    while (!over) {
      await track('Live');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  const messages = await heard;
  over = true;
  await sending;
  const live = messages.flatMap(({ events }) => events).find((event) => event.name === 'Live' && event.fate === 'loaded');
  assert.equal(live?.source, 'web');

  const flood = listen('/api/events/live?source=web', (all) => all.some(({ skipped }) => skipped > 0));
  let flooding = true;
  const pouring = (async () => {
    while (flooding) await post('batch', { batch: Array.from({ length: 500 }, (_, i) => ({ type: 'track', userId: 'u', event: `Flood ${i % 7}` })) });
  })();
  const sampled = await flood;
  flooding = false;
  await pouring;
  for (const { events } of sampled) assert.ok(events.length <= 100, String(events.length));
});

test('events are for admins', async () => {
  for (const target of ['/api/events/recent', '/api/events/live', '/api/events/1-0']) {
    await editor.want(403, 'GET', target);
    assert.equal((await fetch(`http://${weir.serve}${target}`)).status, 401);
  }
});

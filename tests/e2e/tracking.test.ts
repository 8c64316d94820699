// Every way into the tracking API, over HTTP to the real program, out of the warehouse.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Weir, until, withWeir } from '../node/weir.js';

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

type Headers = Record<string, string>;

function ask(weir: Weir, method: string, path: string, headers: Headers, ...parts: (string | Buffer)[]): Promise<Reply> {
  const [host, port] = weir.collect.split(':');
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    for (const part of parts) request.write(part); // several parts: chunked
    request.end();
  });
}

function basic(key: string): Headers {
  return { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` };
}

async function ids(weir: Weir, table: string): Promise<string[]> {
  await weir.loaded();
  const { rows } = await weir.query(`select id from web.${table} order by id`);
  return rows.map((row) => String(row['id']));
}

const person = { userId: 'u' };

test('long and short routes lead to the same tables', () =>
  withWeir(async (weir) => {
    const calls: [string, string, object][] = [
      ['identify', 'identifies', { traits: {} }],
      ['track', 'tracks', { event: 'Seen' }],
      ['page', 'pages', { name: 'Home' }],
      ['screen', 'screens', { name: 'Home' }],
      ['group', 'groups', { groupId: 'g' }],
      ['alias', 'aliases', { previousId: 'p' }],
    ];
    for (const [call, , fields] of calls) {
      for (const [route, messageId] of [[call, 'long'], [call.slice(0, 1), 'short']] as const) {
        const body = JSON.stringify({ ...person, ...fields, messageId: `${call}-${messageId}` });
        const reply = await ask(weir, 'POST', `/v1/${route}`, basic(weir.key), body);
        assert.equal(reply.status, 200, route);
        assert.deepEqual(JSON.parse(reply.body.toString()), { success: true });
      }
    }
    for (const route of ['batch', 'b', 'import']) {
      const item = { ...person, type: 'track', event: 'Seen', messageId: `in-${route}` };
      const body = JSON.stringify({ batch: [item] });
      assert.equal((await ask(weir, 'POST', `/v1/${route}`, basic(weir.key), body)).status, 200, route);
    }
    for (const [call, table] of calls) {
      const batches = call === 'track' ? ['in-b', 'in-batch', 'in-import'] : [];
      assert.deepEqual(await ids(weir, table), [...batches, `${call}-long`, `${call}-short`].sort(), table);
    }
  }));

test('the write key is taken from wherever SDKs put it', () =>
  withWeir(async (weir) => {
    const { key } = weir;
    const send = async (id: string, headers: Headers, fields: object, path = '/v1/track'): Promise<void> => {
      const event = { ...person, type: 'track', event: 'Seen', messageId: id };
      const body = path.includes('batch') ? { batch: [event], ...fields } : { ...event, ...fields };
      assert.equal((await ask(weir, 'POST', path, headers, JSON.stringify(body))).status, 200, id);
    };
    await send('basic', basic(key), {});
    await send('basic-no-colon', { authorization: `Basic ${Buffer.from(key).toString('base64')}` }, {});
    await send('body', {}, { writeKey: key });
    await send('bearer-and-body', { authorization: 'Bearer abc' }, { writeKey: key });
    await send('batch-body', {}, { writeKey: key }, '/v1/batch');
    await send('beacon-query', {}, {}, `/beacon/v1/batch?writeKey=${key}`);
    assert.deepEqual(await ids(weir, 'seen'), [
      'basic',
      'basic-no-colon',
      'batch-body',
      'beacon-query',
      'bearer-and-body',
      'body',
    ]);
  }));

test('gzip, chunks and any Content-Type', () =>
  withWeir(async (weir) => {
    const body = (id: string): string => JSON.stringify({ ...person, event: 'Seen', messageId: id, text: 'x'.repeat(5000) });
    const auth = basic(weir.key);
    const zipped = gzipSync(body('gzip'));
    const parts = [zipped.subarray(0, 20), zipped.subarray(20)];
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const replies = [
      await ask(weir, 'POST', '/v1/track', { ...auth, ...form, 'content-encoding': 'gzip' }, ...parts),
      await ask(weir, 'POST', '/v1/track', { ...auth, 'content-type': 'text/plain' }, body('text')),
      await ask(weir, 'POST', '/v1/track', auth, body('chunks').slice(0, 100), body('chunks').slice(100)),
    ];
    assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 200]);
    assert.deepEqual(await ids(weir, 'seen'), ['chunks', 'gzip', 'text']);
  }));

test('pixels: base64 JSON or a plain query, answered with an image whatever they hold', () =>
  withWeir(async (weir) => {
    const json = { ...person, event: 'Opened', messageId: 'data', writeKey: weir.key, properties: { subject: 'Finals' } };
    const data = encodeURIComponent(Buffer.from(JSON.stringify(json)).toString('base64'));
    const query = `writeKey=${weir.key}&userId=u&event=Opened&messageId=query&properties.subject=Finals`;
    for (const path of [`/v1/pixel/track?data=${data}`, `/v1/pixel/track?${query}`, '/v1/pixel/track?data=%%%']) {
      const reply = await ask(weir, 'GET', path, {});
      assert.equal(reply.status, 200, path);
      assert.equal(reply.headers['content-type'], 'image/gif');
      assert.equal(reply.body.subarray(0, 6).toString(), 'GIF89a');
    }
    await weir.loaded();
    const { rows } = await weir.query('select id, subject from web.opened order by id');
    assert.deepEqual(rows, [
      { id: 'data', subject: 'Finals' },
      { id: 'query', subject: 'Finals' },
    ]);
  }));

test('a bad event is set aside with its reason, the rest of its batch is kept', () =>
  withWeir(async (weir) => {
    const batch = [
      { ...person, type: 'track', event: 'Good', messageId: 'good-1' },
      { ...person, type: 'track', messageId: 'nameless' },
      { type: 'page', messageId: 'nobody' },
      'not an object',
      { ...person, type: 'merge', messageId: 'what' },
      { ...person, type: 'track', event: 'Good', messageId: 'good-2', timestamp: 'yesterday' },
    ];
    const reply = await ask(weir, 'POST', '/v1/batch', basic(weir.key), JSON.stringify({ batch }));
    assert.equal(reply.status, 200);
    assert.deepEqual(await ids(weir, 'good'), ['good-1', 'good-2']);
    const { rows } = await weir.query('select reason from weir.discards order by reason');
    assert.deepEqual(
      rows.map((row) => row['reason']),
      ['no_event', 'no_user_anon_id', 'not_a_time', 'not_an_object', 'unknown_type'],
    );
  }));

test('settings for analytics.js and sourceConfig for RudderStack are those that boot them', () =>
  withWeir(async (weir) => {
    const settings = await ask(weir, 'GET', `/v1/projects/${weir.key}/settings`, { origin: 'https://podium.example' });
    assert.equal(settings.status, 200);
    assert.equal(settings.headers['access-control-allow-origin'], 'https://podium.example');
    const { integrations } = JSON.parse(settings.body.toString()) as {
      integrations: Record<string, { apiKey: string }>;
    };
    assert.equal(integrations['Segment.io']?.apiKey, weir.key);
    const config = await ask(weir, 'GET', `/sourceConfig/?p=npm&v=3&writeKey=${weir.key}`, basic(weir.key));
    assert.equal(config.status, 200);
    const { source } = JSON.parse(config.body.toString()) as { source: { enabled: boolean } };
    assert.equal(source.enabled, true);
  }));

test('a browser may call from any origin with the headers that SDKs use', () =>
  withWeir(async (weir) => {
    const asked = 'authorization,anonymousid,sentat,x-retry-count,content-type';
    const reply = await ask(weir, 'OPTIONS', '/v1/t', {
      origin: 'https://podium.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': asked,
    });
    assert.ok(reply.status === 200 || reply.status === 204);
    assert.equal(reply.headers['access-control-allow-origin'], 'https://podium.example');
    const allowed = String(reply.headers['access-control-allow-headers']).toLowerCase();
    for (const header of asked.split(',')) assert.ok(allowed.includes(header), header);
    assert.match(String(reply.headers['access-control-allow-methods']), /POST/);
  }));

test('an unknown write key is answered 200 and its events wait in quarantine', () =>
  withWeir(async (weir) => {
    const body = JSON.stringify({ ...person, event: 'Lost', messageId: 'lost' });
    const reply = await ask(weir, 'POST', '/v1/track', basic('nobody-has-this-key-0000'), body);
    assert.equal(reply.status, 200);
    await weir.loaded();
    const { rows } = await weir.query("select count(*) as n from information_schema.tables where table_name = 'lost'");
    assert.deepEqual(rows, [{ n: 0 }]);
  }));

test('metrics and health', () =>
  withWeir(async (weir) => {
    const body = JSON.stringify({ ...person, event: 'Seen' });
    assert.equal((await ask(weir, 'POST', '/v1/m', {}, '{"series":[]}')).status, 200);
    assert.equal((await ask(weir, 'POST', '/v1/track', basic(weir.key), body)).status, 200);
    assert.equal((await ask(weir, 'GET', '/health', {})).status, 200);
    await until('the metric', 30, async () => {
      const reply = await ask(weir, 'GET', '/metrics', {});
      assert.equal(reply.status, 200);
      return /^weir_collect_\w+\{?.*\b1$/m.test(reply.body.toString()) ? true : undefined;
    });
  }));

test('what is no tracking call is refused for good, and nothing else is', () =>
  withWeir(async (weir) => {
    const auth = basic(weir.key);
    assert.equal((await ask(weir, 'POST', '/v1/track', auth, 'no json')).status, 400);
    assert.equal((await ask(weir, 'POST', '/v1/batch', auth, '{}')).status, 400);
    assert.equal((await ask(weir, 'POST', '/v1/nothing', auth, '{}')).status, 404);
    // Sending it again cannot help; what was sent is kept with its reason.
    assert.equal((await ask(weir, 'POST', '/v1/track', auth, '{}')).status, 400);
    await weir.loaded();
    const { rows } = await weir.query('select reason from weir.discards');
    assert.ok(rows.some((row) => row['reason'] === 'no_user_anon_id'));
  }));

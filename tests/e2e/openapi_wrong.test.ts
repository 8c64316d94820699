// Wrong input to every operation of docs/openapi.yaml: each answer is described there, has the shape of an error, and ends nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, setUp } from '../node/client.js';
import { type Schema, Validator } from '../node/schema.js';
import { Weir } from '../node/weir.js';
import { parseYaml } from '../node/yaml.js';

const contract = parseYaml(readFileSync(path.resolve('docs/openapi.yaml'), 'utf8')) as Schema;
const validator = new Validator(contract);
let weir: Weir;

before(async () => {
  weir = await Weir.init();
  await weir.up();
});
after(() => weir.remove());

interface Operation {
  method: string;
  /** Of its query. */
  parameters: string[];
  name: string;
  responses: Schema;
  takes: boolean;
}
const operations: Operation[] = Object.entries(contract['paths'] as Schema).flatMap(([name, item]) =>
  ['get', 'post', 'put', 'patch', 'delete'].flatMap((method) => {
    const one = (item as Schema)[method] as Schema | undefined;
    const parameters = [item, one].flatMap((where) => ((where as Schema | undefined)?.['parameters'] ?? []) as Schema[]);
    return one ? [{ method: method.toUpperCase(), name, parameters: parameters.filter((parameter) => parameter['in'] === 'query').map((parameter) => String(parameter['name'])), responses: one['responses'] as Schema, takes: one['requestBody'] !== undefined }] : [];
  }),
);

test('names that nobody has, bodies that are none: what comes is described', async () => {
  const authorization = `Bearer ${readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim()}`;
  const json = 'application/json';
  const bodies: [type: string, body: string][] = [[json, '{'], [json, '[]'], [json, `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`], ['text/plain', '{}']];
  const wrong: string[] = [];
  for (const { method, name, responses, takes } of operations) {
    const targets = name.includes('{') ? ['nothere', '%00', 'x'.repeat(300), '%ff', '-1', 'a%20b'].map((id) => name.replace(/\{\w+\}/g, id)) : [name];
    // Streams and lists without a name have nothing that could be wrong.
    for (const target of takes || name.includes('{') ? targets : []) {
      for (const [type, body] of takes ? bodies : [['', '']]) {
        const answer = await fetch(`http://${weir.serve}${target}`, { method, headers: { authorization, ...(type ? { 'content-type': type } : {}) }, ...(type ? { body } : {}) });
        const said = await answer.text();
        const what = `${method} ${target.slice(0, 60)} ${type} ${String(body).slice(0, 12)}: ${answer.status} ${said.slice(0, 120)}`;
        if (!responses[String(answer.status)] || answer.status >= 500) wrong.push(what);
        if (answer.status >= 400 && validator.check(JSON.parse(said), { $ref: '#/components/schemas/Error' }).length) wrong.push(`no error: ${what}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('words behind the address that fit nothing: what comes is described', async () => {
  const admin = await setUp(weir);
  const { id } = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Any' }, queries: {} });
  const wrong: string[] = [];
  for (const { name, responses, parameters } of operations.filter(({ method }) => method === 'GET')) {
    for (const parameter of parameters) {
      for (const value of ['x'.repeat(3000), '%00', '%ff', '-1', '9'.repeat(25), '']) {
        const target = `${name.replace('{id}', String(id)).replace(/\{\w+\}/g, 'one')}?${parameter}=${value}`;
        const abort = new AbortController();
        const answer = await fetch(`http://${weir.serve}${target}`, { headers: { cookie: admin.cookie }, signal: abort.signal });
        const endless = /event-stream/.test(answer.headers.get('content-type') ?? '');
        const said = endless ? '' : await answer.text();
        abort.abort();
        if (!responses[String(answer.status)] || answer.status >= 500) wrong.push(`${target.slice(0, 90)}: ${answer.status} ${said.slice(0, 120)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

test('a person who is not there is not removed, and a name ends at no NUL', async () => {
  const admin = await Client.enter(weir, 'ada@example.com');
  for (let i = 0; i < 3; i++) assert.equal((await admin.ask('DELETE', `/api/people/nobody${i}`)).status, 404);
  const { status, text } = await admin.ask('POST', '/api/sources', { name: 'cut\u0000off', kind: 'file', connection: { path: '.' } });
  assert.equal(status, 400, text);
  assert.match(text, /must be text without NUL characters/);
  assert.equal((await admin.ask('GET', '/api/sources/cut')).status, 404);
});

// A call of the API, held against docs/openapi.yaml.
import assert from 'node:assert/strict';
import type { Schema, Validator } from './schema.js';
import type { Weir } from './weir.js';

export interface Call {
  method: string;
  path: string; // as in the contract
  target?: string; // what is really asked for
  body?: unknown;
  type?: string;
  status: number;
  headers?: Record<string, string>;
}

export interface Checked {
  body: unknown;
  headers: Headers;
}
interface Held {
  weir: Weir;
  contract: Schema;
  validator: Validator;
  /** "METHOD /path" of each that was called. */
  covered: Set<string>;
}

function operation(contract: Schema, call: Call): Schema {
  const item = (contract['paths'] as Schema)[call.path] as Schema | undefined;
  const found = item?.[call.method.toLowerCase()] as Schema | undefined;
  assert.ok(found, `${call.method} ${call.path} is not described`);
  return found;
}

/** Makes the call and holds the answer against the contract. */
export async function checkCall({ weir, contract, validator, covered }: Held, call: Call): Promise<Checked> {
  const headers: Record<string, string> = { ...call.headers };
  if (call.body !== undefined) headers['content-type'] ??= call.type ?? 'application/json';
  const response = await fetch(`http://${weir.serve}${call.target ?? call.path}`, {
    method: call.method,
    headers,
    ...(call.body === undefined ? {} : { body: typeof call.body === 'string' ? call.body : JSON.stringify(call.body) }),
  });
  const raw = await response.text();
  assert.equal(response.status, call.status, `${call.method} ${call.path}: ${raw}`);
  const responses = operation(contract, call)['responses'] as Schema;
  const described = responses[String(response.status)];
  assert.ok(described, `${call.method} ${call.path} answers ${response.status}, which is not described`);
  covered.add(`${call.method} ${call.path}`);
  const content = validator.resolve(described as Schema)['content'] as Schema | undefined;
  if (!content) {
    assert.equal(raw, '');
    return { body: undefined, headers: response.headers };
  }
  const type = (response.headers.get('content-type') ?? '').replace(/;.*/, '');
  const schema = (content[type] as Schema | undefined)?.['schema'] as Schema | undefined;
  assert.ok(schema, `${call.method} ${call.path} answers ${type}, which is not described`);
  const body: unknown = type === 'application/json' ? JSON.parse(raw) : raw;
  assert.deepEqual(validator.check(body, schema), []);
  return { body, headers: response.headers };
}

// What the SDKs sent, as rows that the warehouse must hold. Written from Segment's schema and apart
// from weir's own code, so that the two check each other.
import assert from 'node:assert/strict';
import type { Exchange } from './recorder.js';
import type { Cell, Result, Row, Weir } from './weir.js';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Sent {
  type: string;
  event: JsonObject;
  sentAt: string | undefined;
  exchange: Exchange;
}

const routes: Record<string, string> = {
  t: 'track',
  i: 'identify',
  p: 'page',
  s: 'screen',
  g: 'group',
  a: 'alias',
};

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Every event in the acknowledged requests, with its batch's fields merged in. */
export function sentEvents(exchanges: Exchange[]): Sent[] {
  return exchanges.flatMap((exchange) => {
    assert.equal(exchange.status, 200, `${exchange.path}: ${exchange.answer}`);
    const body = JSON.parse(exchange.body) as JsonObject;
    const route = exchange.path.replace(/\?.*/, '').split('/').at(-1) ?? '';
    if (!Array.isArray(body['batch'])) {
      const type = routes[route] ?? route;
      return [{ type, event: body, sentAt: textOf(body['sentAt']), exchange }];
    }
    return body['batch'].filter(isObject).map((item) => ({
      type: textOf(item['type']) ?? '',
      event: { ...item, context: { ...objectOf(body['context']), ...objectOf(item['context']) } },
      sentAt: textOf(item['sentAt']) ?? textOf(body['sentAt']),
      exchange,
    }));
  });
}

/** Segment's names: words are a run of capitals and digits, then one of small letters and digits. */
export function snake(text: string): string {
  if (/^(?:[a-z0-9]|_(?=[a-z0-9]))*$/.test(text)) return text;
  const kept = /^(?:[a-z0-9]|_(?=[a-z0-9]))*/.exec(text)?.[0].replace(/[0-9]$/, '') ?? '';
  const words = text.slice(kept.length).match(/[A-Z0-9]+[a-z0-9]*|[a-z0-9]+/g) ?? [];
  return [...(kept ? [kept] : []), ...words.map((word) => word.toLowerCase())].join('_');
}

function flatten(value: JsonObject, prefix: string, into: Map<string, Json>): void {
  for (const [key, member] of Object.entries(value)) {
    const name = prefix ? `${prefix}_${snake(key)}` : snake(key);
    if (isObject(member)) flatten(member, name, into);
    else if (member !== null) into.set(name, member);
  }
}

/** The columns that the row of this event must have, besides those that weir adds. */
function columnsOf(sent: Sent, table: string): Map<string, Json> {
  const { type, event } = sent;
  const columns = new Map<string, Json>();
  const set = (column: string, value: Json | undefined): void => {
    if (value !== undefined && value !== null && value !== '') columns.set(column, value);
  };
  if (table !== 'tracks' && type !== 'alias') {
    const traits = isObject(event['traits'])
      ? event['traits']
      : type === 'identify'
        ? objectOf(objectOf(event['context'])['traits'])
        : {};
    const own = type === 'identify' || type === 'group' ? traits : objectOf(event['properties']);
    flatten(own, '', columns);
  }
  flatten(objectOf(event['context']), 'context', columns);
  set('id', event['messageId']);
  set('user_id', event['userId']);
  set('anonymous_id', event['anonymousId']);
  set('original_timestamp', event['timestamp'] ?? event['originalTimestamp']);
  set('sent_at', sent.sentAt);
  if (type === 'track') {
    set('event', snake(textOf(event['event']) ?? ''));
    set('event_text', event['event']);
  }
  if (type === 'page' || type === 'screen') {
    set('name', event['name']);
    set('category', event['category']);
  }
  if (type === 'group') set('group_id', event['groupId']);
  if (type === 'alias') set('previous_id', event['previousId']);
  return columns;
}

function tablesOf(sent: Sent): string[] {
  if (sent.type === 'track') return ['tracks', snake(textOf(sent.event['event']) ?? '')];
  return [sent.type === 'identify' ? 'identifies' : sent.type === 'alias' ? 'aliases' : `${sent.type}s`];
}

/** Microseconds since 1970. */
export function micros(text: string): bigint {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00(?::00)?)?$/.exec(text);
  assert.ok(match, `${text} is no timestamp`);
  const seconds = BigInt(Date.parse(`${match[1]}T${match[2]}Z`)) * 1000n;
  return seconds + BigInt((match[3] ?? '').padEnd(6, '0'));
}

function same(column: string, type: string, got: Cell, want: Json): void {
  if (/timestamp/i.test(type)) {
    assert.equal(micros(String(got)), micros(String(want)), column);
  } else if (Array.isArray(want)) {
    assert.deepEqual(typeof got === 'string' ? JSON.parse(got) : got, want, column);
  } else if (typeof want === 'number' && typeof got === 'string') {
    assert.equal(Number(got), want, column); // a column that widened to text
  } else {
    assert.equal(got, want, column);
  }
}

/** Columns that weir adds to what was sent. */
const added = new Set(['received_at', 'uuid_ts', 'timestamp', 'context_ip', 'context_user_agent']);

function checkRow(sent: Sent, table: string, result: Result, row: Row, since: bigint): void {
  const want = columnsOf(sent, table);
  const where = `${table} ${String(row['id'])}`;
  const received = micros(String(row['received_at']));
  assert.ok(received >= since && received <= BigInt(Date.now()) * 1000n, `${where}: received_at`);
  const original = want.get('original_timestamp');
  const sentAt = want.get('sent_at');
  const timestamp =
    original === undefined
      ? received
      : sentAt === undefined
        ? micros(String(original))
        : received - (micros(String(sentAt)) - micros(String(original)));
  assert.equal(micros(String(row['timestamp'])), timestamp, `${where}: timestamp`);
  for (const column of result.columns) {
    const expected = want.get(column.name);
    want.delete(column.name);
    const got = row[column.name] ?? null;
    if (expected === undefined) {
      assert.ok(got === null || added.has(column.name), `${where}: ${column.name} = ${String(got)}`);
    } else {
      same(`${where}: ${column.name}`, column.type, got, expected);
    }
  }
  assert.deepEqual([...want.keys()], [], `${where}: no such columns`);
}

/** The latest value of each trait, by id: what the tables users and accounts must say. */
function latest(events: Sent[], type: string, id: string): Map<string, Map<string, Json>> {
  const people = new Map<string, Map<string, Json>>();
  for (const sent of events.filter((e) => e.type === type)) {
    const key = textOf(sent.event[id]);
    if (!key) continue;
    const columns = people.get(key) ?? new Map<string, Json>();
    const traits = isObject(sent.event['traits'])
      ? sent.event['traits']
      : objectOf(objectOf(sent.event['context'])['traits']);
    flatten(traits, '', columns);
    people.set(key, columns.set('id', key));
  }
  return people;
}

async function checkUpserts(weir: Weir, table: string, want: Map<string, Map<string, Json>>): Promise<void> {
  if (want.size === 0) return;
  const result = await weir.query(`select * from web.${table} order by id`);
  assert.deepEqual(
    result.rows.map((row) => String(row['id'])),
    [...want.keys()].sort(),
    `ids of ${table}`,
  );
  assert.ok(!result.columns.some((column) => column.name === 'anonymous_id'), `${table}: anonymous_id`);
  for (const row of result.rows) {
    for (const [name, value] of want.get(String(row['id'])) ?? []) {
      const column = result.columns.find((c) => c.name === name);
      same(`${table} ${String(row['id'])}: ${name}`, column?.type ?? '', row[name] ?? null, value);
    }
  }
}

/** Compares the warehouse with what was sent: every event once, every field, and nothing else. */
export async function checkWarehouse(weir: Weir, events: Sent[], since: bigint): Promise<void> {
  await weir.loaded();
  const tables = new Map<string, Sent[]>();
  for (const sent of events) {
    for (const table of tablesOf(sent)) tables.set(table, [...(tables.get(table) ?? []), sent]);
  }
  for (const [table, all] of tables) {
    const result = await weir.query(`select * from web."${table}"`);
    assert.equal(result.rows.length, all.length, `rows of ${table}`);
    for (const sent of all) {
      const rows = result.rows.filter((row) => row['id'] === sent.event['messageId']);
      assert.equal(rows.length, 1, `${table}: rows with id ${String(sent.event['messageId'])}`);
      checkRow(sent, table, result, rows[0] ?? {}, since);
    }
  }
  await checkUpserts(weir, 'users', latest(events, 'identify', 'userId'));
  await checkUpserts(weir, 'accounts', latest(events, 'group', 'groupId'));
  const discards = await weir.query('select * from weir.discards');
  assert.deepEqual(discards.rows, [], 'discards');
}

/** Fails unless each of the kinds of calls was sent. */
export function assertTypes(events: Sent[], ...types: string[]): void {
  assert.deepEqual([...new Set(events.map((sent) => sent.type))].sort(), types.sort());
}

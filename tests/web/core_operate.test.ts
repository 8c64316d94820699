import assert from 'node:assert/strict';
import test from 'node:test';
import { Rate, type Told, fits, merge, pretty, sayFate, sayPerson, sayWhy, share, took } from '../../web/core/operate';

const event = (id: string, more: Partial<Told> = {}): Told => ({ id, source: 'web', type: 'track', name: null, message_id: null, user_id: null, anonymous_id: null, fate: 'loaded', reason: null, json: '{}', discards: [], ...more });
const nothing = { type: '', text: '', trouble: false };

test('what comes is put before what is there, is not shown twice, and is told better the second time', () => {
  const have = merge([], [event('1', { fate: 'waiting' }), event('2')], 9);
  assert.deepEqual(have.map(({ id }) => id), ['2', '1']);
  const next = merge(have, [event('1'), event('3')], 9);
  assert.deepEqual(next.map(({ id, fate }) => `${id} ${fate}`), ['3 loaded', '2 loaded', '1 loaded']);
  assert.deepEqual(merge(next, [event('4'), event('5')], 3).map(({ id }) => id), ['5', '4', '3']);
});

test('events are found by kind, by any text, and by trouble', () => {
  assert.ok(fits(event('1'), nothing));
  assert.ok(!fits(event('1'), { ...nothing, type: 'page' }));
  assert.ok(fits(event('1', { json: '{"sport":"Rugby"}' }), { ...nothing, text: ' rugby ' }));
  assert.ok(!fits(event('1'), { ...nothing, text: 'rugby' }));
  assert.ok(!fits(event('1'), { ...nothing, trouble: true }));
  assert.ok(fits(event('1', { fate: 'refused' }), { ...nothing, trouble: true }));
  assert.ok(fits(event('1', { discards: [{ table: null, column: null, reason: 'not_a_time', value: null }] }), { ...nothing, trouble: true }));
});

test('what became of an event is said in words', () => {
  assert.equal(sayFate(event('1')).text, 'loaded');
  assert.equal(sayFate(event('1', { discards: [{ table: null, column: null, reason: 'x', value: null }] })).text, 'loaded in part');
  for (const fate of ['waiting', 'duplicate', 'set_aside', 'refused', 'quarantined'] as const) assert.ok(sayWhy(event('1', { fate })).length > 20);
  assert.match(sayWhy(event('1', { fate: 'set_aside', reason: 'no_user_anon_id' })), /\(no_user_anon_id\)/);
  assert.equal(sayWhy(event('1')), '');
});

test('a rate is that of the last half minute, and begins anew with the counter', () => {
  const rate = new Rate(30_000);
  assert.equal(rate.add(100, 1000), null);
  assert.equal(rate.add(120, 3000), 10);
  for (let at = 5000; at <= 65_000; at += 2000) rate.add(120, at);
  assert.equal(rate.add(120, 67_000), 0);
  assert.equal(rate.add(5, 69_000), null);
});

test('times, shares, people and JSON', () => {
  assert.deepEqual([0, 0.4, 12.4, 1234, 59_950, 240_000].map(took), ['0 ms', '< 1 ms', '12 ms', '1.2 s', '60.0 s', took(240_000)]);
  assert.deepEqual([share(3, 4), share(0, 0)], ['75 %', '']);
  assert.deepEqual([sayPerson(null), sayPerson({ email: 'a@b.c', name: null }), sayPerson({ email: null, name: null })], ['nobody', 'a@b.c', 'somebody who is gone']);
  assert.equal(pretty('{"a":1}'), '{\n  "a": 1\n}');
  assert.equal(pretty('{"a":'), '{"a":');
});

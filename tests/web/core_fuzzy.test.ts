import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzzy, pieces, rank } from '../../web/core/fuzzy';

const order = (query: string, items: string[]): string[] => rank(items, query, (item) => item).map(({ item }) => item);

test('letters are found in order, or not at all', () => {
  assert.ok(fuzzy('vst', 'web.video_started'));
  assert.equal(fuzzy('tsv', 'video'), undefined);
  assert.deepEqual(fuzzy('', 'anything')?.at, []);
  assert.equal(fuzzy('x', ''), undefined);
});

test('beginnings of words and letters in a row come first', () => {
  assert.deepEqual(order('ord', ['web.word_read', 'web.order_completed', 'web.tracks'])[0], 'web.order_completed');
  assert.deepEqual(order('vs', ['web.invoices', 'web.video_started'])[0], 'web.video_started');
  assert.deepEqual(order('users', ['weir.user_status', 'web.users'])[0], 'web.users');
  assert.deepEqual(order('sys', ['Sign everybody out: yes', 'System'])[0], 'System');
  assert.deepEqual(order('oc', ['web.orderCompleted', 'web.stock'])[0], 'web.orderCompleted');
});

test('the best way through the letters is taken, not the first', () => {
  // A greedy search would take the v of `web.v`.
  assert.deepEqual(fuzzy('video', 'v_i_x video')?.at, [6, 7, 8, 9, 10]);
});

test('words may come in any order', () => {
  assert.ok(fuzzy('started web', 'web.video_started'));
  assert.equal(fuzzy('started shop', 'web.video_started'), undefined);
});

test('what is shorter wins between equals; equal ones keep their order', () => {
  assert.deepEqual(order('tracks', ['web.tracks_archive', 'web.tracks']), ['web.tracks', 'web.tracks_archive']);
  assert.deepEqual(order('a', ['a1', 'a2', 'a3']), ['a1', 'a2', 'a3']);
});

test('hostile input costs little', () => {
  const began = process.cpuUsage();
  for (let i = 0; i < 50; i++) fuzzy('a'.repeat(60), 'ab'.repeat(5000));
  const { user } = process.cpuUsage(began);
  assert.ok(user < 5e6, `${user} µs`);
  fuzzy('İ', 'İstanbul'); // lower case is longer than upper case
});

test('what was found can be marked', () => {
  assert.deepEqual(pieces('users', [0, 1, 3]), [
    { text: 'us', found: true },
    { text: 'e', found: false },
    { text: 'r', found: true },
    { text: 's', found: false },
  ]);
});

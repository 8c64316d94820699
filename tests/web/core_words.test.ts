import assert from 'node:assert/strict';
import test from 'node:test';
import { ago, bytes, duration, integer, list, plural, short } from '../../web/core/words';

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test('numbers', () => {
  assert.equal(plain(integer(1_234_567)), '1 234 567');
  assert.equal(plain(short(9_999)), '9 999');
  assert.equal(plain(short(12_400)), '12.4 k');
  assert.equal(plain(short(999_999)), '1 M');
  assert.equal(plain(short(-2_500_000_000)), '−2.5 G');
  assert.equal(short(0.12345), '0.123');
});

test('sizes and times', () => {
  assert.equal(plain(bytes(0)), '0 B');
  assert.equal(plain(bytes(1536)), '1.5 KB');
  assert.equal(plain(bytes(1024 * 1024 - 1)), '1.0 MB');
  assert.equal(plain(duration(0.34)), '340 ms');
  assert.equal(plain(duration(4.21)), '4.2 s');
  assert.equal(plain(duration(750)), '12 min');
  assert.equal(duration(200_000), '2 days');
  const now = new Date('2026-03-05T12:00:00Z');
  assert.equal(ago(new Date('2026-03-05T11:59:58Z'), now), 'just now');
  assert.equal(plain(ago(new Date('2026-03-05T11:55:00Z'), now)), '5 min ago');
  assert.equal(plain(ago(new Date('2026-03-08T12:00:00Z'), now)), 'in 3 days');
  assert.equal(ago(new Date('2025-03-05T12:00:00Z'), now), '5 Mar 2025');
});

test('words', () => {
  assert.equal(plural(1, 'table'), '1 table');
  assert.equal(plural(0, 'person', 'people'), '0 people');
  assert.equal(list(['a', 'b', 'c']), 'a, b and c');
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { addPeriods, fillPeriods, grainOf, offsetOf, zoneOf } from '../../web/core/calendar';
import { duration, formatNumber, formatTime, plainNumber, shortNumber } from '../../web/core/format';

/** Thin spaces and minus signs as plain ones, so that the expectations can be read. */
const plain = (text: string): string => text.replaceAll('\u2009', ' ').replaceAll('\u2212', '-');
const at = (text: string): number => Date.parse(text);

test('numbers have thin spaces between thousands and no needless zeros', () => {
  assert.equal(plain(plainNumber(1234567.5)), '1 234 567.5');
  assert.equal(plain(plainNumber(-0.001234)), '-0.00123');
  assert.equal(plain(plainNumber(100)), '100');
  assert.equal(plain(plainNumber(0)), '0');
  assert.equal(plain(plainNumber(-0)), '0');
  assert.equal(plain(plainNumber(12.5, 2)), '12.50');
  assert.equal(plain(plainNumber(-0.001, 2)), '0.00');
  assert.equal(plain(plainNumber(1e22)), '1.000e+22');
});

test('short numbers use SI signs and never show 1000 of one', () => {
  const cases: [number, string][] = [
    [0, '0'], [7, '7'], [999, '999'], [1000, '1 k'], [12400, '12.4 k'], [999949, '1 M'], [123456, '123 k'], [1.5e6, '1.5 M'], [-2500, '-2.5 k'], [7.25e12, '7.3 T'],
  ];
  for (const [value, text] of cases) assert.equal(plain(shortNumber(value)), text, String(value));
});

test('each style of number', () => {
  assert.equal(plain(formatNumber(0.1234, { style: 'percent' })), '12.3 %');
  assert.equal(plain(formatNumber(12.34, { style: 'percent', of: 100 })), '12.3 %');
  assert.equal(plain(formatNumber(1234.5, { style: 'currency', currency: 'EUR' })), '€1 234.50');
  assert.equal(plain(formatNumber(-12, { style: 'currency', currency: 'CHF' })), '-CHF 12.00');
  assert.equal(plain(formatNumber(125000, { style: 'currency', currency: 'USD' }, true)), '$125 k');
  assert.equal(plain(formatNumber(1500, { style: 'bytes' })), '1.5 kB');
  assert.equal(formatNumber(null), '–');
  assert.equal(plain(duration(3900)), '1 h 05 min');
  assert.equal(plain(duration(12.5)), '12.5 s');
  assert.equal(plain(duration(59.99)), '60 s');
  assert.equal(plain(duration(200000)), '2 d 7 h');
});

test('times are shown as their grain asks, in the zone', () => {
  const time = at('2026-03-29T23:30:00Z');
  assert.equal(formatTime(time, 'year'), '2026');
  assert.equal(formatTime(time, 'quarter'), 'Q1 2026');
  assert.equal(formatTime(time, 'month'), 'Mar 2026');
  assert.equal(formatTime(time, 'day'), 'Sun 29 Mar 2026');
  assert.equal(formatTime(time, 'day', 'Europe/Berlin'), 'Mon 30 Mar 2026');
  assert.equal(formatTime(time, 'hour', 'Europe/Berlin', true), '01:30');
});

test('the grain is the coarsest that fits all times', () => {
  const of = (...texts: string[]): string | undefined => grainOf(texts.map(at));
  assert.equal(of('2025-01-01', '2026-01-01'), 'year');
  assert.equal(of('2025-01-01', '2025-04-01'), 'quarter');
  assert.equal(of('2025-01-01', '2025-02-01'), 'month');
  assert.equal(of('2026-11-16', '2026-11-23'), 'week');
  assert.equal(of('2026-11-16', '2026-11-24'), 'day');
  assert.equal(of('2026-11-16T01:00:00Z', '2026-11-16T05:00:00Z'), 'hour');
  assert.equal(of('2026-11-16T01:00:30Z'), 'second');
  assert.equal(of(), undefined);
});

test('periods step over daylight saving and short months', () => {
  assert.equal(offsetOf(at('2026-07-01T00:00:00Z'), 'Europe/Berlin'), 7_200_000);
  const midnight = at('2026-03-28T23:00:00Z'); // 29 March in Berlin: clocks go forward that day
  assert.equal(addPeriods(midnight, 'day', 1, 'Europe/Berlin'), at('2026-03-29T22:00:00Z'));
  assert.equal(addPeriods(at('2026-01-01T00:00:00Z'), 'month', 13), at('2027-02-01T00:00:00Z'));
  assert.equal(addPeriods(at('2024-02-29T00:00:00Z'), 'day', -1), at('2024-02-28T00:00:00Z'));
  const days = fillPeriods([midnight, addPeriods(midnight, 'day', 3, 'Europe/Berlin')], 'day', 'Europe/Berlin', 100);
  assert.equal(days?.length, 4);
  assert.equal(fillPeriods([0, 10 * 86_400_000], 'second', 'UTC', 1000), undefined, 'too many');
  assert.equal(fillPeriods([0, 1.5 * 86_400_000], 'day', 'UTC', 1000), undefined, 'not on the grid');
});

test('days that were cut in UTC are not shown as the evening before', () => {
  const days = [at('2026-03-01T00:00:00Z'), at('2026-03-02T00:00:00Z')];
  assert.equal(zoneOf(days, 'America/New_York'), 'UTC');
  assert.equal(zoneOf([at('2026-03-01T05:00:00Z')], 'America/New_York'), 'America/New_York');
  assert.equal(zoneOf([at('2026-03-01T05:13:00Z')], 'America/New_York'), 'America/New_York');
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { inWords } from '../../web/core/subscription';

test('a rhythm is said as people say it', () => {
  assert.equal(inWords({ unit: 'day', at: '08:00' }), 'every day at 08:00');
  assert.equal(inWords({ unit: 'week', day: 7, at: '17:30' }), 'every Sunday at 17:30');
  assert.equal(inWords({ unit: 'week', at: '17:30' }), 'every Monday at 17:30');
  for (const [day, words] of [[1, '1st'], [2, '2nd'], [3, '3rd'], [4, '4th'], [11, '11th'], [21, '21st'], [22, '22nd'], [23, '23rd'], [28, '28th']] as const) assert.equal(inWords({ unit: 'month', day, at: '09:00' }), `on the ${words} of each month at 09:00`);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { waitBefore } from '../../web/core/again';

test('a busy server is asked again ever less often, and not before it says', () => {
  const busy = { status: 503 };
  assert.deepEqual([1, 2, 3, 6, 7, 60].map((tries) => waitBefore(busy, tries, 0)), [500, 1000, 2000, 16_000, 30_000, 30_000]);
  assert.equal(waitBefore({ status: 503, retryAfter: 2 }, 1, 0), 2000);
  assert.equal(waitBefore({ status: 503, retryAfter: 2 }, 4, 0), 4000);
  assert.equal(waitBefore({ status: 503, retryAfter: 86_400 }, 1, 0), 30_000);
  assert.equal(waitBefore(busy, 1, 1), 625);
});

test('what will be the same is not asked again', () => {
  for (const status of [0, 400, 403, 404, 500, 507]) assert.equal(waitBefore({ status, retryAfter: 1 }, 1, 0), undefined);
});

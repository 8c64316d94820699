// As of when a tile's rows are, and why no new ones come.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ageOf, illsOf } from '../../web/core/ill.js';
import type { PageHead } from '../../web/core/page.js';

const head = (more: Partial<PageHead>): PageHead => ({
  query: 'a', etag: '', cached: false, computedAt: '', freshAt: '', failingSince: '', viewFailingSince: '', removedSince: '', brokenSince: '', pausedSince: '', goneSince: '',
  reads: [], params: undefined, life: 'tables', expiresAt: '', ...more,
});
const at = '2026-11-26T10:00:00Z';

test('what is well has nothing to say', () => {
  assert.deepEqual(illsOf(undefined, true), []);
  assert.deepEqual(illsOf(head({}), true), []);
});

test('the worst comes first, and all are told', () => {
  const all = illsOf(head({ pausedSince: at, goneSince: at, viewFailingSince: at, brokenSince: at, failingSince: at, removedSince: at }), false);
  assert.deepEqual(all.map(({ brief }) => brief), ['its source is removed', 'its source fails', 'its source rests', 'its view fails', 'its table is gone at the source', 'its source is paused']);
  assert.deepEqual(all.map(({ meant }) => meant), [true, false, false, false, true, true]);
});

test('what to do is told to those who can do it', () => {
  const paused = head({ pausedSince: at });
  const [some] = illsOf(paused, false), [able] = illsOf(paused, true);
  assert.match(some?.full ?? '', /^A source of it is paused since 26 Nov 2026, .*: its rows are from before, and no new ones come until it is resumed\.$/);
  assert.equal(able?.full, `${some?.full} The page of the source resumes it.`);
  assert.equal(able?.since.toISOString(), '2026-11-26T10:00:00.000Z');
});

test('when a tile was computed is not as of when its rows are, unless it is made of the clock', () => {
  assert.equal(ageOf(undefined), undefined);
  assert.equal(ageOf(head({})), undefined);
  assert.deepEqual(ageOf(head({ freshAt: at, computedAt: '2026-11-26T12:00:00Z' })), { at: new Date(at), word: 'as of' });
  assert.deepEqual(ageOf(head({ computedAt: at, reads: ['shop.orders'] })), { at: new Date(at), word: 'computed' });
  assert.deepEqual(ageOf(head({ computedAt: at, life: 'seconds' })), { at: new Date(at), word: 'as of' });
  assert.deepEqual(ageOf(head({ computedAt: at, life: 'none' })), { at: new Date(at), word: 'as of' });
});

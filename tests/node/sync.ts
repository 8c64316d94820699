// `weir sync` that fails, in a workspace that is there when it is called.
import assert from 'node:assert/strict';
import type { Weir } from './weir.js';

export const syncFails =
  (weir: () => Weir) =>
  (why: RegExp, ...args: string[]): Promise<void> =>
    assert.rejects(weir().in('sync', '--wait', ...args), (error: Error) => {
      assert.match(error.message, why);
      return true;
    });

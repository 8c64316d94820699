// `weir sync`, in a workspace that is there when it is called.
import assert from 'node:assert/strict';
import type { Weir } from './weir.js';

/** What it says of each stream. */
export const syncs =
  <Load>(weir: () => Weir) =>
  async (...args: string[]): Promise<Load[]> =>
    (JSON.parse(await weir().in('sync', '--json', '--wait', ...args)) as { streams: Load[] }).streams;

/** That a command fails, and why. */
export const commandFails =
  (weir: () => Weir) =>
  (why: RegExp, ...args: [string, ...string[]]): Promise<void> =>
    assert.rejects(weir().in(...args), (error: Error) => {
      assert.match(error.message, why);
      return true;
    });

/** That it fails, and why. */
export const syncFails =
  (weir: () => Weir) =>
  (why: RegExp, ...args: string[]): Promise<void> =>
    commandFails(weir)(why, 'sync', '--wait', ...args);

// Asking the server for what a page shows: the latest answer, the error if the latest try failed,
// and whether one is under way. The old answer stays while a new one comes.
import { type ApiError, asApiError } from '../api/client';
import { QUIET_TRIES, waitBefore } from '../core/again';
import { onConnected } from './connection.svelte';

export interface Asked<T> {
  readonly value: T | undefined;
  readonly error: ApiError | undefined;
  readonly busy: boolean;
  /** When the value came. */
  readonly at: Date | undefined;
  /** Until the answer, or until the error is shown: of a server that is too busy it goes on by itself. */
  again(): Promise<void>;
  /** Puts a value in place, after a change that the server has answered with it. */
  set(value: T): void;
}

interface Options {
  /** Asks again every so many milliseconds while the tab is seen. */
  every?: number;
}

/** Ends early when nobody wants the answer any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** For use while a component is made: it asks when the component is there and stops with it. What
 * `question` reads is followed: when it changes, it asks again. */
export function ask<T>(question: (signal: AbortSignal) => Promise<T>, options: Options = {}): Asked<T> {
  let value = $state.raw<T>();
  let error = $state.raw<ApiError>();
  let busy = $state(false);
  let at = $state.raw<Date>();
  let abort: AbortController | undefined;

  /** A server that is too busy for an answer is asked again, and nobody is told unless it goes on so. */
  async function go(mine: AbortController, told: () => void): Promise<void> {
    for (let tries = 1; !mine.signal.aborted; tries++) {
      try {
        const answer = await question(mine.signal);
        if (mine.signal.aborted) break;
        value = answer;
        at = new Date();
        error = undefined;
        break;
      } catch (cause) {
        if (mine.signal.aborted) break;
        const failed = asApiError(cause);
        const wait = waitBefore(failed, tries, Math.random());
        if (wait === undefined || tries > QUIET_TRIES) {
          error = failed;
          told();
        }
        if (wait === undefined) break;
        await pause(wait, mine.signal);
      }
    }
    if (abort === mine) busy = false;
    told();
  }

  function again(): Promise<void> {
    abort?.abort();
    const mine = new AbortController();
    abort = mine;
    busy = true;
    return new Promise((resolve) => void go(mine, resolve));
  }

  $effect(() => {
    void again();
    const timer = options.every
      ? setInterval(() => {
          if (!document.hidden && !busy) void again();
        }, options.every)
      : undefined;
    const off = onConnected(() => void again());
    return () => {
      clearInterval(timer);
      off();
      abort?.abort();
    };
  });

  return {
    get value() {
      return value;
    },
    get error() {
      return error;
    },
    get busy() {
      return busy;
    },
    get at() {
      return at;
    },
    again,
    set(next: T) {
      value = next;
    },
  };
}

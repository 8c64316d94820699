// Asking the server for what a page shows: the latest answer, the error if the latest try failed,
// and whether one is under way. The old answer stays while a new one comes.
import { type ApiError, asApiError } from '../api/client';
import { onConnected } from './connection.svelte';

export interface Asked<T> {
  readonly value: T | undefined;
  readonly error: ApiError | undefined;
  readonly busy: boolean;
  /** When the value came. */
  readonly at: Date | undefined;
  again(): Promise<void>;
  /** Puts a value in place, after a change that the server has answered with it. */
  set(value: T): void;
}

interface Options {
  /** Asks again every so many milliseconds while the tab is seen. */
  every?: number;
}

/** For use while a component is made: it asks when the component is there and stops with it. What
 * `question` reads is followed: when it changes, it asks again. */
export function ask<T>(question: (signal: AbortSignal) => Promise<T>, options: Options = {}): Asked<T> {
  let value = $state.raw<T>();
  let error = $state.raw<ApiError>();
  let busy = $state(false);
  let at = $state.raw<Date>();
  let abort: AbortController | undefined;

  async function again(): Promise<void> {
    abort?.abort();
    const mine = new AbortController();
    abort = mine;
    busy = true;
    try {
      const answer = await question(mine.signal);
      if (mine.signal.aborted) return;
      value = answer;
      at = new Date();
      error = undefined;
    } catch (cause) {
      if (!mine.signal.aborted) error = asApiError(cause);
    } finally {
      if (abort === mine) busy = false;
    }
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

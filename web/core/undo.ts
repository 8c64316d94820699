// Steps back and forth through states that are never changed in place.

const MOST = 200;

export interface Steps<T> {
  readonly past: readonly T[];
  readonly now: T;
  readonly future: readonly T[];
  /** What the last step was about: typing goes on in the same step. */
  readonly about: string;
}

export function begin<T>(now: T): Steps<T> {
  return { past: [], now, future: [], about: '' };
}

/** A new state. With the same `about` as the step before, the two are one step. */
export function change<T>(steps: Steps<T>, now: T, about = ''): Steps<T> {
  if (now === steps.now) return steps;
  const same = about !== '' && about === steps.about && steps.past.length > 0;
  return { past: same ? steps.past : [...steps.past, steps.now].slice(-MOST), now, future: [], about };
}

export function undo<T>(steps: Steps<T>): Steps<T> {
  const before = steps.past.at(-1);
  return before === undefined ? steps : { past: steps.past.slice(0, -1), now: before, future: [steps.now, ...steps.future], about: '' };
}

export function redo<T>(steps: Steps<T>): Steps<T> {
  const [next, ...future] = steps.future;
  return next === undefined ? steps : { past: [...steps.past, steps.now], now: next, future, about: '' };
}

// When is the server asked again, by itself, what it could not answer just now?

interface Refusal {
  /** 0: no answer came. */
  status: number;
  /** Seconds, when the server says so. */
  retryAfter?: number | undefined;
}

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** So often it is asked again before anybody is told. */
export const QUIET_TRIES = 3;

/** Milliseconds until the question is worth another try, the first after `tries` of them; undefined: the answer will be the
 * same. `chance`, from 0 to 1, keeps all who were refused together from coming back together. */
export function waitBefore(refusal: Refusal, tries: number, chance: number): number | undefined {
  if (refusal.status !== 503) return undefined;
  const own = Math.min(FIRST_MS * 2 ** (tries - 1), MOST_MS);
  const asked = Math.min((refusal.retryAfter ?? 0) * 1000, MOST_MS);
  return Math.round(Math.max(own, asked) * (1 + chance / 4));
}

// Periods of time: which grain times have, the next period, the gaps between. Weeks begin on Monday.
import type { Grain } from './format';

const DAY = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Milliseconds that the zone's clocks are ahead of UTC at this time. */
export function offsetOf(time: number, zone: string): number {
  if (zone === 'UTC') return 0;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
    formats.set(zone, format);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1000) * 1000;
}

/** The instant at which the zone's clocks show `local` (as if it were UTC). */
function instantOf(local: number, zone: string): number {
  const first = local - offsetOf(local, zone);
  return local - offsetOf(first, zone);
}

const fixed: Partial<Record<Grain, number>> = { second: 1000, minute: 60_000, hour: 3_600_000 };

/** The beginning of the period `count` periods after the one that begins at `time`. */
export function addPeriods(time: number, grain: Grain, count: number, zone = 'UTC'): number {
  const step = fixed[grain];
  if (step) return time + step * count;
  const local = new Date(time + offsetOf(time, zone));
  if (grain === 'day' || grain === 'week') return instantOf(local.getTime() + DAY * count * (grain === 'week' ? 7 : 1), zone);
  const months = count * (grain === 'month' ? 1 : grain === 'quarter' ? 3 : 12);
  local.setUTCMonth(local.getUTCMonth() + months);
  return instantOf(local.getTime(), zone);
}

/** The coarsest grain on whose beginnings all of these times fall; undefined for no times. */
export function grainOf(times: readonly number[], zone = 'UTC'): Grain | undefined {
  if (times.length === 0) return undefined;
  const locals = times.map((time) => new Date(time + offsetOf(time, zone)));
  const all = (test: (at: Date) => boolean): boolean => locals.every(test);
  if (!all((at) => at.getTime() % DAY === 0)) {
    if (all((at) => at.getTime() % 3_600_000 === 0)) return 'hour';
    return all((at) => at.getTime() % 60_000 === 0) ? 'minute' : 'second';
  }
  if (times.length === 1) return 'day'; // one midnight says nothing
  if (all((at) => at.getUTCDate() === 1)) {
    if (all((at) => at.getUTCMonth() === 0)) return 'year';
    return all((at) => at.getUTCMonth() % 3 === 0) ? 'quarter' : 'month';
  }
  return all((at) => at.getUTCDay() === 1) ? 'week' : 'day';
}

/** The zone in which these times are beginnings of days, if there is one: results that were grouped
 * in UTC must not be shown as the evening before. */
export function zoneOf(times: readonly number[], wanted: string): string {
  if (wanted === 'UTC' || times.length === 0) return 'UTC';
  const atMidnight = (zone: string): boolean => times.every((time) => (time + offsetOf(time, zone)) % DAY === 0);
  return atMidnight('UTC') && !atMidnight(wanted) ? 'UTC' : wanted;
}

/** All beginnings of periods from the first to the last; undefined when they are more than `most`,
 * or when the times are not on that grid. `times` are sorted. */
export function fillPeriods(times: readonly number[], grain: Grain, zone: string, most: number): number[] | undefined {
  const first = times[0];
  const last = times[times.length - 1];
  if (first === undefined || last === undefined) return undefined;
  const out: number[] = [];
  let next = 0;
  for (let i = 0; i <= most; i++) {
    const time = addPeriods(first, grain, i, zone);
    if (time > last) return next === times.length ? out : undefined;
    if (time === times[next]) next++;
    out.push(time);
  }
  return undefined;
}

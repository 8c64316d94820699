// Days of a calendar as ISO texts (2026-03-01), without time zones: arithmetic on dates alone.

const DAY = 86_400_000;
const at = (day: string): number => Date.parse(`${day}T00:00:00Z`);
const iso = (time: number): string => new Date(time).toISOString().slice(0, 10);

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at(text)) && iso(at(text)) === text;
}

/** Today where the reader is. */
export function today(now = new Date()): string {
  return iso(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()));
}

export function addDays(day: string, count: number): string {
  return iso(at(day) + count * DAY);
}

/** The same day of another month, or that month's last. */
export function addMonths(day: string, count: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const last = new Date(Date.UTC(year, month + count, 0)).getUTCDate();
  return iso(Date.UTC(year, month - 1 + count, Math.min(date, last)));
}

/** 0 is Monday. */
export function weekday(day: string): number {
  return (new Date(at(day)).getUTCDay() + 6) % 7;
}

/** The six weeks that show a month, Mondays first. */
export function weeksOf(day: string): string[][] {
  const first = `${day.slice(0, 8)}01`;
  const begin = addDays(first, -weekday(first));
  return Array.from({ length: 6 }, (_, week) => Array.from({ length: 7 }, (_, i) => addDays(begin, week * 7 + i)));
}

/** "March 2026" */
export function monthName(day: string): string {
  return new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(at(day));
}

/** "Monday 2 March 2026" */
export function dayName(day: string): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: 'UTC' }).format(at(day));
}

/** "2 Mar 2026", "2 Mar – 5 Apr 2026", "30 Dec 2025 – 2 Jan 2026" */
export function rangeName(start: string, end: string): string {
  if (!isDay(start) || !isDay(end)) return `${start} – ${end}`;
  const year: Intl.DateTimeFormatOptions = start.slice(0, 4) === end.slice(0, 4) ? {} : { year: 'numeric' };
  const short = (day: string, more: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC', ...more }).format(at(day));
  const last = short(end, { year: 'numeric' });
  return start === end ? last : `${short(start, year)} – ${last}`;
}

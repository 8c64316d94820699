// Counts, sizes, times and lists in the words of the pages; numbers of results have format.ts.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const THIN = '\u202f';

/** 1234567 -> "1 234 567" with thin spaces. */
export function integer(n: number): string {
  return whole.format(n).replaceAll(',', THIN);
}

/** 12400 -> "12.4 k". Whole below 10 000. */
export function short(n: number): string {
  const size = Math.abs(n);
  if (size < 10_000) return Number.isInteger(n) ? integer(n) : String(Number(n.toPrecision(3)));
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let unit = 0;
  let left = size;
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1000;
    unit++;
  }
  return `${n < 0 ? '−' : ''}${Number(left.toPrecision(3))}${THIN}${units[unit]}`;
}

export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (n >= 1023.5 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit > 0 && n < 10 ? n.toFixed(1) : Math.round(n)}${THIN}${units[unit]}`;
}

/** Seconds -> "340 ms", "4.2 s", "12 min", "3 h", "5 days". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}${THIN}ms`;
  if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))}${THIN}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${THIN}min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}${THIN}h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** "just now", "5 min ago", "in 3 days"; what is far away is a date. */
export function ago(then: Date, now: Date = new Date()): string {
  const seconds = (now.getTime() - then.getTime()) / 1000;
  const far = Math.abs(seconds);
  if (far < 5) return 'just now';
  if (far > 30 * 86_400) return date(then);
  return seconds > 0 ? `${duration(Math.floor(far))} ago` : `in ${duration(Math.ceil(far))}`;
}

/** 5 Mar 2026 */
export function date(when: Date): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' }).format(when);
}

/** 5 Mar 2026, 14:03:22 */
export function moment(when: Date): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(when);
}

/** 14:03 today, else the day, too. */
export function clock(when: Date, now: Date = new Date()): string {
  const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(when);
  return when.toDateString() === now.toDateString() ? time : `${date(when)}, ${time}`;
}

/** plural(2, 'table') -> "2 tables" */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${integer(n)} ${n === 1 ? one : many}`;
}

/** "a", "a and b", "a, b and c" */
export function list(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

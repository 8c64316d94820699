// When a subscription comes, in words.
export interface Every {
  unit: 'day' | 'week' | 'month';
  /** Of a week 1 (Monday) to 7, of a month 1 to 28. */
  day?: number;
  /** Hour and minute, 08:00. */
  at: string;
}

export const weekdays: readonly string[] = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

export function inWords({ unit, day = 1, at }: Every): string {
  if (unit === 'day') return `every day at ${at}`;
  if (unit === 'week') return `every ${weekdays[day - 1] ?? weekdays[0]} at ${at}`;
  return `on the ${day}${day === 1 || day === 21 ? 'st' : day === 2 || day === 22 ? 'nd' : day === 3 || day === 23 ? 'rd' : 'th'} of each month at ${at}`;
}

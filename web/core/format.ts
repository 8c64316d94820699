// Numbers and times as people read them. Thin spaces between thousands, short SI forms where room is
// scarce, the full value on hover.

export type NumberStyle = 'number' | 'short' | 'percent' | 'currency' | 'duration' | 'bytes';

export interface NumberFormat {
  style: NumberStyle;
  /** Digits behind the point; undefined: as many as the value needs, at most 2 (currency: 2). */
  digits?: number;
  /** ISO 4217, with style currency. */
  currency?: string;
  /** percent: the value is a share (0.25 is 25 %), or already percent (25 is 25 %). */
  of?: 1 | 100;
  prefix?: string;
  suffix?: string;
}

export const THIN = '\u2009';
const MINUS = '\u2212';

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** 12345.6 -> "12 345.6". */
export function plainNumber(value: number, digits?: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text =
    size >= 1e21
      ? size.toExponential(digits ?? 3)
      : digits === undefined
        ? trimZeros(size.toFixed(size !== 0 && size < 0.01 ? Math.min(12, 2 - Math.floor(Math.log10(size))) : 2))
        : size.toFixed(digits);
  const [whole = '', fraction] = text.split('.');
  const shown = /e/.test(text) ? text : group(whole) + (fraction ? `.${fraction}` : '');
  return value < 0 && /[1-9]/.test(text) ? MINUS + shown : shown;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const steps: readonly [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** 12400 -> "12.4 k". At most `digits` (1) behind the point; rounding never shows "1000 k". */
export function shortNumber(value: number, digits = 1): string {
  const size = Math.abs(value);
  for (const [i, [unit, sign]] of steps.entries()) {
    if (size < unit && !(Number((size / unit).toFixed(digits)) >= 1 && size >= 1000)) continue;
    const scaled = Number((size / unit).toFixed(size / unit >= 100 ? 0 : digits));
    const bigger = steps[i - 1];
    const text = scaled >= 1000 && bigger ? `1${THIN}${bigger[1]}` : `${trimZeros(String(scaled))}${THIN}${sign}`;
    return value < 0 ? MINUS + text : text;
  }
  return plainNumber(value, size >= 100 || Number.isInteger(value) ? 0 : undefined);
}

/** Seconds: "1 h 05 min", "2 min 03 s", "12.5 s". */
export function duration(seconds: number): string {
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? MINUS : '';
  const two = (n: number): string => String(n).padStart(2, '0');
  if (size < 60) return `${sign}${trimZeros(size.toFixed(size < 10 ? 2 : 1))}${THIN}s`;
  const whole = Math.round(size);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours >= 48) return `${sign}${Math.floor(hours / 24)}${THIN}d ${hours % 24}${THIN}h`;
  if (hours > 0) return `${sign}${hours}${THIN}h ${two(minutes)}${THIN}min`;
  return `${sign}${minutes}${THIN}min ${two(whole % 60)}${THIN}s`;
}

function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let size = Math.abs(value);
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${value < 0 ? MINUS : ''}${trimZeros(size.toFixed(unit && size < 100 ? 1 : 0))}${THIN}${units[unit]}`;
}

const symbols: Record<string, string> = { EUR: '€', USD: '$', GBP: '£', JPY: '¥', INR: '₹', KRW: '₩' };

function currency(value: number, format: NumberFormat, short: boolean): string {
  const code = format.currency ?? 'EUR';
  const symbol = symbols[code] ?? `${code}${THIN}`;
  const size = Math.abs(value);
  const digits = format.digits ?? (code === 'JPY' || code === 'KRW' || (short && (size >= 100 || Number.isInteger(size))) ? 0 : 2);
  const text = short && size >= 10_000 ? shortNumber(size) : plainNumber(size, digits);
  return `${value < 0 ? MINUS : ''}${symbol}${text}`;
}

/** A number by its format. `short`: where room is scarce (axes, labels): 12.4 k. */
export function formatNumber(value: number | null, format: NumberFormat = { style: 'number' }, short = false): string {
  if (value === null) return '–';
  const body = ((): string => {
    switch (format.style) {
      case 'percent':
        return `${plainNumber(value * (format.of === 100 ? 1 : 100), format.digits ?? (short ? 0 : 1))}${THIN}%`;
      case 'currency':
        return currency(value, format, short);
      case 'duration':
        return duration(value);
      case 'bytes':
        return bytes(value);
      case 'short':
        return shortNumber(value, format.digits ?? 1);
      case 'number':
        return short ? shortNumber(value) : plainNumber(value, format.digits);
    }
  })();
  return `${format.prefix ?? ''}${body}${format.suffix ?? ''}`;
}

// --- times ---

export type Grain = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year';
export const grains: readonly Grain[] = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];

const cache = new Map<string, Intl.DateTimeFormat>();
function intl(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let made = cache.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
    cache.set(key, made);
  }
  return made;
}

/** British dates call one month "Sept"; stacked dates want equal lengths. */
const threeLetters = (text: string): string => text.replace('Sept', 'Sep');

/** A time as its grain asks: "14 Mar 2026", "Mar 2026", "Q1 2026", "2026", "14 Mar 13:05". */
export function formatTime(time: number | null, grain: Grain, zone = 'UTC', short = false): string {
  if (time === null) return '–';
  const at = new Date(time);
  switch (grain) {
    case 'year':
      return intl(zone, { year: 'numeric' }).format(at);
    case 'quarter': {
      const month = Number(intl(zone, { month: 'numeric' }).format(at));
      return `Q${Math.ceil(month / 3)} ${intl(zone, { year: 'numeric' }).format(at)}`;
    }
    case 'month':
      return threeLetters(intl(zone, { month: 'short', year: 'numeric' }).format(at));
    case 'week':
    case 'day':
      return threeLetters(intl(zone, short ? { day: 'numeric', month: 'short' } : { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(at).replace(',', ''));
    default: {
      const clock = intl(zone, { hour: '2-digit', minute: '2-digit', second: grain === 'second' ? '2-digit' : undefined, hourCycle: 'h23' }).format(at);
      return short ? clock : `${threeLetters(intl(zone, { day: 'numeric', month: 'short', year: 'numeric' }).format(at))} ${clock}`;
    }
  }
}

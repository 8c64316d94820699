// What changed between two texts, line by line, and between two versions of a report.
import type { Content, Data } from './edit';

export interface Line {
  kind: ' ' | '+' | '-';
  text: string;
}
export interface Hunk {
  /** The first line of the new text, from 1. */
  from: number;
  lines: Line[];
}
export interface FileDiff {
  name: string;
  status: 'added' | 'removed' | 'changed';
  hunks: Hunk[];
}

const CONTEXT = 3;
/** Differences beyond which a text counts as another one. */
const MOST = 600;

/** The shortest way from one to the other (Myers), or undefined when it is too long. */
function script(a: readonly string[], b: readonly string[]): Line[] | undefined {
  const most = Math.min(a.length + b.length, MOST);
  const trace: Map<number, number>[] = [];
  let ends = new Map<number, number>([[1, 0]]);
  for (let d = 0; d <= most; d++) {
    const next = new Map<number, number>();
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (ends.get(k - 1) ?? -1) < (ends.get(k + 1) ?? -1));
      let x = down ? (ends.get(k + 1) ?? 0) : (ends.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      next.set(k, x);
      if (x >= a.length && x - k >= b.length) return back([...trace, ends], a, b);
    }
    trace.push(ends);
    ends = new Map([...ends, ...next]);
  }
  return undefined;
}

function back(trace: readonly Map<number, number>[], a: readonly string[], b: readonly string[]): Line[] {
  const lines: Line[] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d--) {
    const ends = trace[d];
    const k = x - y;
    const down = k === -d || (k !== d && (ends?.get(k - 1) ?? -1) < (ends?.get(k + 1) ?? -1));
    const from = d === 0 ? 0 : down ? (ends?.get(k + 1) ?? 0) : (ends?.get(k - 1) ?? 0);
    const at = d === 0 ? 0 : from - (down ? k + 1 : k - 1);
    while (x > from && y > at && a[x - 1] === b[y - 1]) {
      lines.push({ kind: ' ', text: a[x - 1] ?? '' });
      x--;
      y--;
    }
    if (d > 0) {
      if (down) lines.push({ kind: '+', text: b[--y] ?? '' });
      else lines.push({ kind: '-', text: a[--x] ?? '' });
    }
  }
  return lines.reverse();
}

/** The lines that differ, each with a few around it; none: the texts are the same. */
export function hunks(before: string, after: string): Hunk[] {
  const [a, b] = [before, after].map((text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))) as [string[], string[]];
  const all = script(a, b) ?? [...a.map((text): Line => ({ kind: '-', text })), ...b.map((text): Line => ({ kind: '+', text }))];
  const found: Hunk[] = [];
  let line = 1;
  let last = -Infinity;
  const starts = all.map((one) => (one.kind === '-' ? line : line++));
  for (const [i, one] of all.entries()) {
    if (one.kind === ' ') continue;
    const from = Math.max(i - CONTEXT, last);
    const hunk = found.at(-1);
    if (!hunk || i - CONTEXT > last) found.push({ from: starts[Math.max(0, from)] ?? 1, lines: all.slice(Math.max(0, from), i + 1 + CONTEXT) });
    else hunk.lines.push(...all.slice(last, i + 1 + CONTEXT));
    last = Math.min(all.length, i + 1 + CONTEXT);
  }
  return found;
}

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A report's file as lines: one a value, items by their names. */
function print(value: unknown, indent = ''): string[] {
  const under = (key: string, inner: unknown): string[] => {
    if (typeof inner === 'string' && inner.includes('\n')) return [`${indent}${key}:`, ...inner.replace(/\n$/, '').split('\n').map((text) => `${indent}  ${text}`)];
    if (isData(inner) || (Array.isArray(inner) && inner.some(isData))) return [`${indent}${key}:`, ...print(inner, `${indent}  `)];
    return [`${indent}${key}: ${Array.isArray(inner) ? inner.join(', ') : String(inner)}`];
  };
  if (Array.isArray(value)) return value.flatMap((item, i) => under(isData(item) ? String(item['id'] ?? item['name'] ?? item['column'] ?? i + 1) : String(i + 1), item));
  return isData(value) ? Object.entries(value).flatMap(([key, inner]) => (inner === undefined ? [] : under(key, inner))) : [`${indent}${String(value)}`];
}

/** What differs, the report first, then its queries. `before` undefined: all of it is new. */
export function diffReports(before: Content | undefined, after: Content): FileDiff[] {
  const files = (content: Content | undefined): Map<string, string> =>
    new Map(content ? [['The report', print(content.report).join('\n')], ...Object.entries(content.queries).map(([id, sql]): [string, string] => [`Query ${id}`, sql])] : []);
  const [old, now] = [files(before), files(after)];
  return [...new Set([...now.keys(), ...old.keys()])].flatMap((name) => {
    const changed = hunks(old.get(name) ?? '', now.get(name) ?? '');
    return changed.length ? [{ name, status: !old.has(name) ? 'added' as const : !now.has(name) ? 'removed' as const : 'changed' as const, hunks: changed }] : [];
  });
}

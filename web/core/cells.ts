// Cells of a grid in words, and how wide its columns begin.
import { type Column, type Table, type Value, isNumeric, textOf } from './table';

/** Letters of a cell that are drawn; all of it is in the viewer. */
const MOST = 300;

export function cellText(value: Value): string {
  if (value === null) return 'NULL';
  const text = textOf(value);
  return (text.length > MOST ? `${text.slice(0, MOST)}…` : text).replace(/[\r\n\t]+/g, ' ↵ ');
}

export function alignsRight(column: Column): boolean {
  return isNumeric(column);
}

/** Pixels, from the names, the first and the last rows. */
export function widths(table: Table, letter: number, look = 200): number[] {
  return table.columns.map((column, at) => {
    let most = Math.max(column.name.length + 3, column.engineType.length * 0.85);
    for (let row = 0; row < table.rows; row++) {
      if (row === look) row = Math.max(row, table.rows - look);
      most = Math.max(most, cellText(table.value(row, at)).length);
    }
    return Math.round(Math.min(Math.max(most * letter + 25, 72), 380));
  });
}

/** JSON with its structure shown; other text as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** "3 days ago", "in 2 hours". */
export function relative(time: number, now: number): string {
  const seconds = (time - now) / 1000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31_557_600],
    ['month', 2_629_800],
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
    ['second', 1],
  ];
  const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / length), unit);
}

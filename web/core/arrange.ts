// Which rows of a result are shown, and in which order: found and sorted in slices.
import { Slices } from './slices';
import { type Table, type Value, isNumeric, isTime, textOf, timeOf } from './table';

export interface Sort {
  column: number;
  descending: boolean;
}

/** A table that can give its numbers without making texts of them. */
export interface NumberTable extends Table {
  number(row: number, column: number): number | null;
}

function hasNumbers(table: Table): table is NumberTable {
  return 'number' in table;
}

/** A number to order and to count by; null for NULL and what has none. */
export function orderOf(table: Table, row: number, column: number): number | null {
  if (hasNumbers(table)) return table.number(row, column);
  const value = table.value(row, column);
  const type = table.columns[column];
  if (type && isTime(type)) return timeOf(value);
  return value === null || value === '' || Number.isNaN(Number(value)) ? null : Number(value);
}

const EVERY = 2048;

/** The rows in which some value holds the text, without regard to case; in their order. */
export async function findRows(table: Table, text: string, signal?: AbortSignal): Promise<Uint32Array> {
  const wanted = text.toLowerCase();
  const found: number[] = [];
  const slices = new Slices(signal);
  const { rows } = table;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < table.columns.length; column++) {
      if (shown(table.value(row, column)).toLowerCase().includes(wanted)) {
        found.push(row);
        break;
      }
    }
    if (row % 256 === 0 && slices.due) await slices.pause();
  }
  return Uint32Array.from(found);
}

export function shown(value: Value): string {
  return value === null ? 'NULL' : textOf(value);
}

/** Sorts `rows` (all when undefined); NULL comes last in both directions, equal ones keep their order. */
export async function sortRows(table: Table, rows: Uint32Array | undefined, sort: Sort, signal?: AbortSignal): Promise<Uint32Array> {
  const column = table.columns[sort.column];
  const order = rows ? rows.slice() : Uint32Array.from({ length: table.rows }, (_, i) => i);
  if (!column) return order;
  const slices = new Slices(signal);
  const compare = isNumeric(column) || isTime(column) || column.type === 'bool' ? await byNumber(table, order, sort, slices) : await byText(table, order, sort, slices);
  // Runs of the engine's own sort, then merges in slices.
  const places = Uint32Array.from({ length: order.length }, (_, i) => i);
  for (let from = 0; from < places.length; from += EVERY) {
    places.subarray(from, from + EVERY).sort((a, b) => compare(a, b) || a - b);
    if (slices.due) await slices.pause();
  }
  let source = places;
  let target = new Uint32Array(places.length);
  for (let width = EVERY; width < places.length; width *= 2) {
    for (let from = 0; from < places.length; from += 2 * width) {
      const middle = Math.min(from + width, places.length);
      const end = Math.min(from + 2 * width, places.length);
      for (let left = from, right = middle, at = from; at < end; at++) {
        const first = left < middle && (right >= end || compare(source[left] ?? 0, source[right] ?? 0) <= 0);
        target[at] = (first ? source[left++] : source[right++]) ?? 0;
        if (at % EVERY === 0 && slices.due) await slices.pause();
      }
    }
    [source, target] = [target, source];
  }
  return source.map((place) => order[place] ?? 0);
}

type Compare = (a: number, b: number) => number;

async function byNumber(table: Table, order: Uint32Array, { column, descending }: Sort, slices: Slices): Promise<Compare> {
  const keys = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) {
    const key = orderOf(table, order[i] ?? 0, column);
    keys[i] = key === null ? Number.POSITIVE_INFINITY : descending ? -key : key;
    if (i % EVERY === 0 && slices.due) await slices.pause();
  }
  return (a, b) => {
    const left = keys[a] ?? 0;
    const right = keys[b] ?? 0;
    return left < right ? -1 : left > right ? 1 : 0;
  };
}

async function byText(table: Table, order: Uint32Array, { column, descending }: Sort, slices: Slices): Promise<Compare> {
  const keys: (string | null)[] = [];
  for (let i = 0; i < order.length; i++) {
    const value = table.value(order[i] ?? 0, column);
    keys.push(value === null ? null : textOf(value));
    if (i % EVERY === 0 && slices.due) await slices.pause();
  }
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const left = keys[a] ?? null;
    const right = keys[b] ?? null;
    if (left === right) return 0;
    if (left === null) return 1;
    if (right === null) return -1;
    return left < right ? -sign : sign;
  };
}

/** A rectangle as spreadsheets take it: tabs and lines; what would break them is quoted. */
export function tsv(table: Table, rows: readonly number[], columns: readonly number[], head: boolean): string {
  const field = (text: string): string => (/[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => columns.map((column) => field(textOf(table.value(row, column)))).join('\t'));
  if (head) lines.unshift(columns.map((column) => field(table.columns[column]?.name ?? '')).join('\t'));
  return lines.join('\n');
}

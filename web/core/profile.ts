// What a column of a result holds: NULLs, distinct values, range, distribution. Read in slices.
import { orderOf } from './arrange';
import { Slices } from './slices';
import { type Table, type Value, isNumeric, isTime, textOf } from './table';

/** Distinct values are counted up to here. */
export const MOST_DISTINCT = 100_000;

export interface Profile {
  rows: number;
  nulls: number;
  distinct: number;
  /** There are more distinct values than were counted. */
  more: boolean;
  min: Value;
  max: Value;
  mean: number | null;
  /** Rows from min to max in equal steps; empty for texts. */
  bins: number[];
  /** The most frequent values. */
  top: { value: Value; count: number }[];
}

const BINS = 24;
const EVERY = 1024;

export async function profile(table: Table, column: number, signal?: AbortSignal): Promise<Profile> {
  const { rows } = table;
  const type = table.columns[column];
  const ordered = type !== undefined && (isNumeric(type) || isTime(type));
  const slices = new Slices(signal);
  const counts = new Map<string, { row: number; count: number }>();
  let nulls = 0;
  let more = false;
  let low = -1;
  let high = -1;
  let lowAt: number | string = 0;
  let highAt: number | string = 0;
  let sum = 0;
  let summed = 0;
  for (let row = 0; row < rows; row++) {
    if (row % EVERY === 0 && slices.due) await slices.pause();
    const order = ordered ? orderOf(table, row, column) : null;
    const value = ordered && order !== null ? order : table.value(row, column);
    if (value === null) {
      nulls++;
      continue;
    }
    const key = textOf(value);
    const seen = counts.get(key);
    if (seen) seen.count++;
    else if (counts.size < MOST_DISTINCT) counts.set(key, { row, count: 1 });
    else more = true;
    if (ordered && order === null) continue;
    const at = order ?? key;
    if (low < 0 || at < lowAt) [low, lowAt] = [row, at];
    if (high < 0 || at > highAt) [high, highAt] = [row, at];
    if (order !== null && Number.isFinite(order)) {
      sum += order;
      summed++;
    }
  }
  const bins: number[] = [];
  if (ordered && typeof lowAt === 'number' && typeof highAt === 'number' && Number.isFinite(highAt - lowAt) && highAt > lowAt) {
    bins.push(...Array.from({ length: BINS }, () => 0));
    const step = (highAt - lowAt) / BINS;
    for (let row = 0; row < rows; row++) {
      if (row % EVERY === 0 && slices.due) await slices.pause();
      const order = orderOf(table, row, column);
      if (order === null) continue;
      const bin = Math.min(BINS - 1, Math.max(0, Math.floor((order - lowAt) / step)));
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
  }
  const top = [...counts.values()]
    .sort((a, b) => b.count - a.count || a.row - b.row)
    .slice(0, 8)
    .map(({ row, count }) => ({ value: table.value(row, column), count }));
  const at = (row: number): Value => (row < 0 ? null : table.value(row, column));
  return { rows, nulls, distinct: counts.size, more, min: at(low), max: at(high), mean: type && isNumeric(type) && summed ? sum / summed : null, bins, top };
}

// Which rows and columns of a large grid are on the screen. A browser cannot make an element as tall
// as a million rows may need, so beyond a height the scroll bar is a scale and no longer a ruler.

export const TALLEST = 12_000_000;

export interface Scroll {
  /** Of the element that is scrolled through. */
  height: number;
  /** Rows that one pixel of the scroll bar stands for, times a row's height: 1 until TALLEST. */
  scale: number;
}

export function scrollOf(rows: number, rowHeight: number, view: number): Scroll {
  const full = rows * rowHeight;
  const height = Math.min(full, TALLEST);
  return { height, scale: height > view ? Math.max(1, (full - view) / (height - view)) : 1 };
}

/** The first row seen (it may be cut), how far it is above the edge, and how many rows are drawn. */
export function rowsSeen(scroll: Scroll, top: number, rows: number, rowHeight: number, view: number): { first: number; offset: number; count: number } {
  const at = Math.max(0, Math.min(top * scroll.scale, rows * rowHeight - view));
  const first = Math.floor(at / rowHeight);
  return { first, offset: at - first * rowHeight, count: Math.max(0, Math.min(Math.ceil(view / rowHeight) + 1, rows - first)) };
}

/** The row that this one of `slots` lines shows. A row stays in its line while it is seen, so that scrolling by
 * a few rows changes a few lines. */
export function rowInSlot(slot: number, first: number, slots: number): number {
  return first + ((slot - (first % slots) + slots) % slots);
}

/** Where to scroll so that a row is seen; `top` itself when it is. */
export function reveal(scroll: Scroll, top: number, row: number, rowHeight: number, view: number): number {
  const at = row * rowHeight;
  const now = top * scroll.scale;
  if (at < now) return at / scroll.scale;
  if (at + rowHeight > now + view) return (at + rowHeight - view) / scroll.scale;
  return top;
}

/** The first and the last column that are seen, given where each begins (and the last ends). */
export function columnsSeen(lefts: readonly number[], left: number, view: number): { from: number; to: number } {
  const count = lefts.length - 1;
  let from = 0;
  while (from < count - 1 && (lefts[from + 1] ?? 0) <= left) from++;
  let to = from;
  while (to < count && (lefts[to] ?? 0) < left + view) to++;
  return { from, to: Math.max(to, Math.min(count, from + 1)) };
}

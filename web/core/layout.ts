// Tiles on a grid: where they come to lie when one of them is moved, made larger, added or taken
// away. Tiles never overlap, and none hangs below a free place that it could fall up into.

export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface Placed extends Place {
  id: string;
}

/** Cells across, as in core/report.ts. */
export const COLUMNS = 24;
export const LEAST = { w: 3, h: 2 };
export const MOST_ROWS = 200;

const middle = (box: Place): number => box.y + box.h / 2;
const beside = (a: Place, b: Place): boolean => a.x < b.x + b.w && b.x < a.x + a.w;

/** Within the grid, and no smaller than can be used. */
export function within(place: Place): Place {
  const w = Math.max(LEAST.w, Math.min(COLUMNS, Math.round(place.w)));
  const h = Math.max(LEAST.h, Math.min(MOST_ROWS, Math.round(place.h)));
  return { w, h, x: Math.max(0, Math.min(COLUMNS - w, Math.round(place.x))), y: Math.max(0, Math.round(place.y)) };
}

/** The order of reading, which is the order of the page for keyboards and screen readers, too. */
export function reading<T extends Place>(boxes: readonly T[]): T[] {
  return [...boxes].sort((a, b) => a.y - b.y || a.x - b.x);
}

/** Lets the boxes fall upward, in this order. */
function fall(order: readonly Placed[]): Placed[] {
  const free = new Array<number>(COLUMNS).fill(0);
  return order.map((box) => {
    const span = free.slice(box.x, box.x + box.w);
    const y = Math.max(0, ...span);
    free.fill(y + box.h, box.x, box.x + box.w);
    return { ...box, y };
  });
}

export function compact(boxes: readonly Placed[]): Placed[] {
  return fall([...boxes].sort((a, b) => middle(a) - middle(b) || a.x - b.x));
}

/**
 * Puts one box at a place; those in its way go down, and all close up. Going down, a box passes
 * another when its lower edge is over the other's middle; else when its upper edge is above it.
 */
export function put(boxes: readonly Placed[], id: string, to: Place): Placed[] {
  const place = within(to);
  const before = boxes.find((box) => box.id === id);
  const down = before !== undefined && place.y > before.y;
  const rank = (box: Placed): number => (box.id === id ? (down ? place.y + place.h : place.y) : middle(box));
  const moved = boxes.map((box) => (box.id === id ? { ...box, ...place } : box));
  return fall(moved.sort((a, b) => rank(a) - rank(b) || (a.id === id ? -1 : b.id === id ? 1 : a.x - b.x)));
}

export type Way = 'left' | 'right' | 'up' | 'down';

/** One step by key: a cell aside, or past the next box up or down. The same boxes: it does not go. */
export function step(boxes: readonly Placed[], id: string, way: Way): readonly Placed[] {
  const box = boxes.find((one) => one.id === id);
  if (!box) return boxes;
  if (way === 'left' || way === 'right') {
    const x = box.x + (way === 'left' ? -1 : 1);
    return x < 0 || x + box.w > COLUMNS ? boxes : put(boxes, id, { ...box, x });
  }
  const next = boxes
    .filter((one) => one.id !== id && beside(one, box) && (way === 'up' ? one.y < box.y : one.y > box.y))
    .sort((a, b) => (way === 'up' ? b.y - a.y : a.y - b.y))[0];
  if (!next) return boxes;
  const y = way === 'up' ? Math.floor(middle(next) - 0.5) : Math.max(box.y + 1, Math.floor(middle(next)) + 1 - box.h);
  return put(boxes, id, { ...box, y });
}

/** One cell larger or smaller by key. The same boxes: it does not go. */
export function resize(boxes: readonly Placed[], id: string, way: Way): readonly Placed[] {
  const box = boxes.find((one) => one.id === id);
  if (!box) return boxes;
  const to = within({ ...box, w: box.w + (way === 'right' ? 1 : way === 'left' ? -1 : 0), h: box.h + (way === 'down' ? 1 : way === 'up' ? -1 : 0) });
  if (to.w === box.w && to.h === box.h) return boxes;
  return put(boxes, id, { ...to, x: box.x + to.w > COLUMNS ? COLUMNS - to.w : box.x });
}

/** A place for a new box: beside the last ones when there is room, else below. */
export function room(boxes: readonly Placed[], size: { w: number; h: number }): Place {
  const w = Math.min(COLUMNS, size.w);
  const bottom = boxes.reduce((most, box) => Math.max(most, box.y + box.h), 0);
  const last = reading(boxes).at(-1);
  for (let y = last?.y ?? bottom; y < bottom; y++) {
    for (let x = 0; x + w <= COLUMNS; x++) {
      const place = { x, y, w, h: size.h };
      if (!boxes.some((box) => beside(box, place) && box.y < y + size.h && y < box.y + box.h)) return place;
    }
  }
  return { x: 0, y: bottom, w, h: size.h };
}

// Which names along an axis of categories have room, and how wide each may be.

const GLYPH = 6.7; // of 12 px, on average
const LINE = 15;
const LEAST = 52;

export interface Labels {
  /** Labels left out between two that are shown. */
  interval: number;
  width: number;
  /** Degrees, when there is room for all of them only aslant. */
  rotate?: number;
}

const lengthOf = (labels: readonly string[]): number => Math.max(0, ...labels.map((label) => label.length)) * GLYPH;

/** Under bars side by side. Names may be cut, as the tooltip has them whole; times are left out instead. */
export function labelsBelow(labels: readonly string[], width: number, times: boolean): Labels {
  const room = Math.max(1, (width - 56) / Math.max(1, labels.length));
  const longest = lengthOf(labels);
  if (longest + 8 <= room) return { interval: 0, width: Math.max(room, longest + 8) };
  if (!times && room >= LEAST) return { interval: 0, width: room - 6 };
  if (!times && room >= LINE + 3) return { interval: 0, width: 84, rotate: 40 };
  const step = Math.ceil((times ? longest + 12 : Math.min(longest + 12, LEAST * 2)) / room);
  return { interval: step - 1, width: times ? longest + 12 : step * room - 6 };
}

/** Left of bars that lie. */
export function labelsBeside(labels: readonly string[], width: number, height: number): Labels {
  const room = Math.max(1, (height - 40) / Math.max(1, labels.length));
  return { interval: Math.max(0, Math.ceil(LINE / room) - 1), width: Math.max(60, Math.min(lengthOf(labels) + 8, width * 0.36)) };
}

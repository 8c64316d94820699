// Names at the ends of lines, moved apart where lines end close together.
import type { Series } from '../../core/chart/shape';
import { keyOf } from './option';

export interface EndLabel {
  key: string;
  label: string;
  x: number;
  y: number;
}

const LINE_HEIGHT = 14;

/** `pixel` turns a point of an axis into pixels; `height` is that of the drawing. */
export function endLabels(
  series: readonly Series[],
  positions: readonly number[],
  pixel: (axis: 'left' | 'right', x: number, y: number) => [number, number] | undefined,
  height: number,
): EndLabel[] {
  const labels: EndLabel[] = [];
  for (const one of series) {
    const last = one.values.findLastIndex((value) => value !== null);
    const at = last < 0 ? undefined : pixel(one.axis, positions[last] ?? last, one.values[last] ?? 0);
    if (at && at.every(Number.isFinite)) labels.push({ key: keyOf(one), label: one.label, x: at[0], y: at[1] });
  }
  labels.sort((a, b) => a.y - b.y);
  // Down from the top, then back up from the bottom where they ran out of room.
  let free = LINE_HEIGHT / 2 + 1;
  for (const label of labels) {
    label.y = Math.max(label.y, free);
    free = label.y + LINE_HEIGHT;
  }
  let room = height - LINE_HEIGHT / 2 - 1;
  for (const label of labels.toReversed()) {
    label.y = Math.min(label.y, room);
    room = label.y - LINE_HEIGHT;
  }
  return labels;
}

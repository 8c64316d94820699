// Funnels: steps and what part of the people goes on to the next.
import type { Table } from '../table';
import { numberOf, textOf } from '../table';
import { NONE, need, ShapeError } from './shape';
import type { ChartSpec } from './spec';

export interface Step {
  label: string;
  value: number;
  /** Of the step before; null for the first. */
  ofPrevious: number | null;
  ofFirst: number | null;
}

function steps(pairs: readonly [string, number][]): Step[] {
  return pairs.map(([label, value], i) => {
    const before = pairs[i - 1]?.[1];
    const first = pairs[0]?.[1];
    return { label, value, ofPrevious: before ? value / before : null, ofFirst: first ? value / first : null };
  });
}

/** A row a step (x names it, y counts it), or one row with a measure a step. */
export function funnel(table: Table, spec: ChartSpec): Step[] {
  if (spec.y.length === 0) throw new ShapeError('Choose what is counted at each step.');
  const at = spec.y.map((m) => need(table, m.column, `the step ${m.label ?? m.column}`));
  if (!spec.x) {
    if (table.rows === 0) return [];
    return steps(spec.y.map((m, i) => [m.label ?? m.column, numberOf(table.value(0, at[i] ?? 0)) ?? 0]));
  }
  const x = need(table, spec.x.column, 'the steps');
  const pairs: [string, number][] = [];
  for (let row = 0; row < table.rows; row++) {
    pairs.push([textOf(table.value(row, x)) || NONE, numberOf(table.value(row, at[0] ?? 0)) ?? 0]);
  }
  return steps(pairs);
}

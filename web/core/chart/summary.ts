// One sentence that says what a chart shows: for screen readers, for mail, for whoever is in a hurry.
import { formatNumber } from '../format';
import type { Shaped, Series } from './shape';
import type { BigNumber } from './number';
import type { ChartSpec } from './spec';
import type { Step } from './funnel';

function edge(shaped: Shaped, series: Series): { first: number; last: number; low: number; high: number } | undefined {
  const have = series.values.flatMap((value, i) => (value === null ? [] : [i]));
  const at = (i: number): number => series.values[i] ?? 0;
  const first = have[0];
  // The period that has not ended yet says nothing.
  const whole = shaped.incomplete ? have.filter((i) => i < shaped.labels.length - 1) : have;
  const last = whole[whole.length - 1];
  if (first === undefined || last === undefined) return undefined;
  return { first, last, low: whole.reduce((a, b) => (at(b) < at(a) ? b : a)), high: whole.reduce((a, b) => (at(b) > at(a) ? b : a)) };
}

function overTime(shaped: Shaped, series: Series): string {
  const e = edge(shaped, series);
  if (!e) return `${series.label}: no values.`;
  const show = (i: number): string => `${formatNumber(series.values[i] ?? null, series.format)} (${shaped.labels[i]})`;
  const from = series.values[e.first] ?? 0;
  const to = series.values[e.last] ?? 0;
  const change = from === 0 ? '' : `, ${to >= from ? '+' : '−'}${Math.abs(((to - from) / Math.abs(from)) * 100).toFixed(0)} %`;
  return `${series.label}: from ${show(e.first)} to ${show(e.last)}${change}; highest ${show(e.high)}, lowest ${show(e.low)}.`;
}

function byCategory(shaped: Shaped, series: Series): string {
  const e = edge(shaped, series);
  if (!e) return `${series.label}: no values.`;
  const total = series.values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const show = (i: number): string => `${shaped.labels[i]} ${formatNumber(series.values[i] ?? null, series.format)}`;
  const share = total > 0 && series.format.style !== 'percent' ? ` (${(((series.values[e.high] ?? 0) / total) * 100).toFixed(0)} % of all)` : '';
  return `${series.label} for ${shaped.labels.length} ${shaped.xLabel || 'categories'}: most ${show(e.high)}${share}, least ${show(e.low)}.`;
}

/** Lines, bars, areas, pies, scatters. */
export function summarize(shaped: Shaped): string {
  if (shaped.labels.length === 0 || shaped.series.length === 0) return 'No data.';
  const described = shaped.series.slice(0, 3).map((series) => (shaped.axis === 'time' ? overTime(shaped, series) : byCategory(shaped, series)));
  const more = shaped.series.length > 3 ? [`And ${shaped.series.length - 3} more series.`] : [];
  const open = shaped.incomplete ? ['The last period has not ended yet.'] : [];
  return [...described, ...more, ...open, ...shaped.notes].join(' ');
}

export function summarizeNumber(number: BigNumber, spec: ChartSpec): string {
  const measure = spec.y[0];
  const text = `${measure?.label ?? measure?.column ?? 'Value'}: ${formatNumber(number.value, measure?.format)}`;
  if (number.previous === null) return `${text}.`;
  const change = number.change === null ? '' : `, ${number.change >= 0 ? '+' : '−'}${Math.abs(number.change * 100).toFixed(1)} %`;
  return `${text}, compared with ${formatNumber(number.previous, measure?.format)}${change}.`;
}

export function summarizeFunnel(steps: readonly Step[]): string {
  const first = steps[0];
  const last = steps[steps.length - 1];
  if (!first || !last || steps.length < 2) return first ? `${first.label}: ${formatNumber(first.value)}.` : 'No data.';
  const worst = steps.slice(1).reduce((a, b) => ((b.ofPrevious ?? 1) < (a.ofPrevious ?? 1) ? b : a));
  return `${formatNumber(first.value)} at ${first.label}, ${formatNumber(last.value)} at ${last.label} (${formatNumber(last.ofFirst, { style: 'percent' })}); fewest go on to ${worst.label} (${formatNumber(worst.ofPrevious, { style: 'percent' })}).`;
}

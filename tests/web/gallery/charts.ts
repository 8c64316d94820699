// The gallery's charts: made data, the same at each run.
import type { ChartSpec } from '../../../web/core/chart/spec';
import type { Column, ColumnType, Table, Value } from '../../../web/core/table';
import { tableOf } from '../../../web/core/table';

export const NOW = Date.parse('2026-11-25T12:00:00Z');

function result(columns: Record<string, ColumnType>, rows: Value[][]): Table {
  const list: Column[] = Object.entries(columns).map(([name, type]) => ({ name, type, engineType: type.toUpperCase() }));
  return tableOf(list, rows);
}

/** The same "random" numbers at each run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

const sports = ['rugby', 'climbing', 'gymnastics', 'wrestling', 'hockey', 'track', 'cheer', 'softball', 'swimming', 'cycling', 'jiu-jitsu', 'volleyball'];
const day = (i: number): string => new Date(Date.UTC(2026, 9, 1 + i)).toISOString().slice(0, 10);
const month = (i: number): string => new Date(Date.UTC(2025, 11 + i, 1)).toISOString().slice(0, 10);

function viewers(names: readonly string[], days: number): Value[][] {
  const random = noise(7);
  return names.flatMap((sport, s) =>
    Array.from({ length: days }, (_, i): Value[] => [day(i), sport, Math.round((12 - s) * 400 * (1 + 0.5 * Math.sin(i / 3 + s)) * (0.7 + random()))]),
  );
}

function manyPoints(): Value[][] {
  const random = noise(3);
  let level = 100;
  return Array.from({ length: 100_000 }, (_, i): Value[] => {
    level += random() - 0.5;
    return [new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString(), level];
  });
}

function cohorts(): Value[][] {
  return Array.from({ length: 8 }, (_, c) => Array.from({ length: 8 - c }, (_, m): Value[] => [month(c + 4), m, Math.round((1200 - c * 60) * 0.82 ** m)])).flat();
}

function spread(): Value[][] {
  const random = noise(11);
  const normal = (): number => Math.sqrt(-2 * Math.log(random() + 1e-9)) * Math.cos(6.283 * random());
  return Array.from({ length: 3000 }, (_, i): Value[] => [sports[i % 5] ?? '', Math.exp(3 + 0.5 * normal() + (i % 5) * 0.15)]);
}

const money = { style: 'currency', currency: 'EUR' } as const;
const months = Array.from({ length: 12 }, (_, i): Value[] => [month(i), 1000 + i * 240 - (i === 8 ? 900 : 0), 0.3 + 0.02 * i]);

export const gallery: readonly { title: string; table: Table; spec: ChartSpec; asTable?: boolean }[] = [
  { title: 'line with direct labels', table: result({ day: 'date', sport: 'text', viewers: 'int' }, viewers(sports.slice(0, 4), 50).filter((_, i) => i % 50 < 20 || i % 50 > 24)), spec: { type: 'line', x: { column: 'day' }, y: [{ column: 'viewers' }], series: { column: 'sport' }, annotations: [{ at: '2026-10-15T00:00:00Z', label: 'Giant event' }], reference: [{ value: 3000, label: 'goal' }] } },
  { title: 'area stacked top 6', table: result({ day: 'date', sport: 'text', viewers: 'int' }, viewers(sports, 50)), spec: { type: 'area', stack: 'stacked', x: { column: 'day' }, y: [{ column: 'viewers' }], series: { column: 'sport', top: 6 } } },
  { title: 'bars and a line on two axes', table: result({ month: 'date', trials: 'int', conversion: 'double' }, months), spec: { type: 'bar', x: { column: 'month', grain: 'month' }, y: [{ column: 'trials', label: 'Trials' }, { column: 'conversion', label: 'Conversion', axis: 'right', type: 'line', format: { style: 'percent' } }] } },
  { title: 'bars across', table: result({ sport: 'text', mrr: 'double' }, sports.map((s, i) => [s, 48000 / (i + 1)])), spec: { type: 'bar', orientation: 'horizontal', labels: true, x: { column: 'sport' }, y: [{ column: 'mrr', format: money }], sort: { by: 'y', descending: true }, top: 8 } },
  { title: 'bars percent', table: result({ month: 'date', plan: 'text', people: 'int' }, months.flatMap((m, i): Value[][] => [[m[0] ?? null, 'monthly', 100 + i * 5], [m[0] ?? null, 'yearly', 40 + i * 9]])), spec: { type: 'bar', stack: 'percent', x: { column: 'month', grain: 'month' }, y: [{ column: 'people' }], series: { column: 'plan' } } },
  { title: 'bars grouped', table: result({ device: 'text', plan: 'text', people: 'int' }, [['ios', 'monthly', 40], ['ios', 'yearly', 12], ['android', 'monthly', 51], ['android', 'yearly', 9], ['web', 'monthly', 80], ['web', 'yearly', 33]]), spec: { type: 'bar', stack: 'grouped', labels: true, x: { column: 'device' }, y: [{ column: 'people' }], series: { column: 'plan' } } },
  { title: 'scatter', table: result({ bitrate: 'double', minutes: 'double', sport: 'text' }, spread().slice(0, 400).map((r, i) => [(r[1] as number) * 80, 20 + (i % 37), r[0] ?? null])), spec: { type: 'scatter', x: { column: 'bitrate' }, y: [{ column: 'minutes' }], series: { column: 'sport' } } },
  { title: 'donut', table: result({ channel: 'text', sign_ups: 'int' }, [['search', 410], ['social', 260], ['partner', 140], ['mail', 90]]), spec: { type: 'pie', donut: true, x: { column: 'channel' }, y: [{ column: 'sign_ups' }] } },
  { title: 'number', table: result({ month: 'date', mrr: 'double' }, months.map((m) => [m[0] ?? null, m[1] ?? null])), spec: { type: 'number', x: { column: 'month' }, y: [{ column: 'mrr', label: 'MRR', format: money }], compare: { with: 'previous' }, sparkline: true } },
  { title: 'funnel', table: result({ step: 'text', people: 'int' }, [['Visit', 48210], ['Sign-up', 1930], ['Trial', 580], ['Paid', 319]]), spec: { type: 'funnel', x: { column: 'step' }, y: [{ column: 'people' }] } },
  { title: 'cohort', table: result({ cohort: 'date', month: 'int', people: 'int' }, cohorts()), spec: { type: 'cohort', rows: ['cohort'], columns: ['month'], y: [{ column: 'people' }] } },
  { title: 'heatmap', table: result({ weekday: 'text', hour: 'int', viewers: 'int' }, ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].flatMap((w, d) => Array.from({ length: 12 }, (_, h): Value[] => [w, h * 2, Math.round(900 * (1 + d) * Math.exp(-((h - 9) ** 2) / 8))]))), spec: { type: 'heatmap', rows: ['weekday'], columns: ['hour'], y: [{ column: 'viewers' }] } },
  { title: 'pivot', table: result({ sport: 'text', plan: 'text', mrr: 'double' }, sports.slice(0, 5).flatMap((s, i): Value[][] => [[s, 'monthly', 4000 / (i + 1)], [s, 'yearly', 2500 / (i + 1)]])), spec: { type: 'pivot', rows: ['sport'], columns: ['plan'], y: [{ column: 'mrr', format: money }] } },
  { title: 'histogram', table: result({ sport: 'text', minutes: 'double' }, spread()), spec: { type: 'histogram', y: [{ column: 'minutes' }] } },
  { title: 'box', table: result({ sport: 'text', minutes: 'double' }, spread()), spec: { type: 'box', x: { column: 'sport' }, y: [{ column: 'minutes' }] } },
  { title: 'a hundred thousand points', table: result({ at: 'timestamp', level: 'double' }, manyPoints()), spec: { type: 'line', x: { column: 'at' }, y: [{ column: 'level' }], missing: 'connect' } },
  { title: 'table', table: result({ sport: 'text', mrr: 'double', people: 'int' }, sports.map((s, i) => [s, 48000 / (i + 1), 1000 - i * 70])), spec: { type: 'table', y: [{ column: 'mrr', format: money, label: 'MRR' }] } },
  { title: 'as table', table: result({ month: 'date', n: 'int' }, [['2026-10-01', 3], ['2026-11-01', null]]), spec: { type: 'line', x: { column: 'month' }, y: [{ column: 'n' }] }, asTable: true },
  { title: 'nothing to draw', table: result({ month: 'date', n: 'int' }, []), spec: { type: 'line', x: { column: 'month' }, y: [{ column: 'n' }] } },
  { title: 'a column that is gone', table: result({ month: 'date', n: 'int' }, [['2026-10-01', 3]]), spec: { type: 'line', x: { column: 'week' }, y: [{ column: 'n' }] } },
  { title: 'a single point', table: result({ day: 'date', n: 'int' }, [['2026-10-01', 3]]), spec: { type: 'line', x: { column: 'day' }, y: [{ column: 'n' }] } },
];

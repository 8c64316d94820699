import assert from 'node:assert/strict';
import test from 'node:test';
import { endLabels } from '../../web/components/chart/ends';
import { labelsBelow, labelsBeside } from '../../web/components/chart/labels';
import { cartesian } from '../../web/components/chart/option';
import { funnel } from '../../web/core/chart/funnel';
import { fitsTable, guess, guessNumber } from '../../web/core/chart/guess';
import { bigNumber } from '../../web/core/chart/number';
import { Palette } from '../../web/core/chart/palette';
import { cohortShares, pivot } from '../../web/core/chart/pivot';
import { shape, shares, ShapeError } from '../../web/core/chart/shape';
import type { ChartSpec } from '../../web/core/chart/spec';
import { readSpec } from '../../web/core/chart/spec';
import { boxOf, histogram, quantile, shapeHistogram } from '../../web/core/chart/stats';
import { summarize, summarizeFunnel, summarizeNumber } from '../../web/core/chart/summary';
import type { Column, ColumnType, Table, Value } from '../../web/core/table';
import { columnIndex, numberOf, tableOf, timeOf } from '../../web/core/table';

const now = Date.parse('2026-11-25T12:00:00Z');

function result(columns: Record<string, ColumnType>, ...rows: Value[][]): Table {
  const list: Column[] = Object.entries(columns).map(([name, type]) => ({ name, type, engineType: type.toUpperCase() }));
  return tableOf(list, rows);
}

const perDay = result(
  { day: 'date', sport: 'text', viewers: 'int' },
  ['2026-11-03', 'rugby', 30],
  ['2026-11-01', 'rugby', 10],
  ['2026-11-01', 'climbing', 5],
  ['2026-11-03', 'climbing', 1],
  ['2026-11-03', null, 2],
);
const lines: ChartSpec = { type: 'line', x: { column: 'day' }, y: [{ column: 'viewers' }], series: { column: 'sport' } };

test('a series for each value, dates in order, missing dates as gaps', () => {
  const shaped = shape(perDay, lines, { now });
  assert.equal(shaped.axis, 'time');
  assert.equal(shaped.grain, 'day');
  assert.deepEqual(shaped.labels, ['Sun 1 Nov 2026', 'Mon 2 Nov 2026', 'Tue 3 Nov 2026']);
  const values = Object.fromEntries(shaped.series.map((s) => [s.label, s.values]));
  assert.deepEqual(values, { rugby: [10, null, 30], climbing: [5, null, 1], '(none)': [null, null, 2] });
  assert.deepEqual(shape(perDay, { ...lines, missing: 'zero' }, { now }).series[2]?.values, [0, 0, 2]);
});

test('the top series stay, the others are added up and it is said', () => {
  const shaped = shape(perDay, { ...lines, series: { column: 'sport', top: 1 } }, { now });
  assert.deepEqual(shaped.series.map((s) => [s.label, s.values]), [['rugby', [10, null, 30]], ['Other', [5, null, 3]]]);
  assert.match(shaped.notes.join(), /1 largest of 3/);
  const averages = shape(perDay, { ...lines, y: [{ column: 'viewers', aggregate: 'avg' }], series: { column: 'sport', top: 1 } }, { now });
  assert.equal(averages.series.length, 1, 'averages of the others cannot be added');
});

test('rows of one place are combined as the measure says', () => {
  const table = result({ plan: 'text', price: 'double' }, ['monthly', 10], ['monthly', 20], ['yearly', 150]);
  const by = (aggregate?: 'sum' | 'avg' | 'min' | 'max' | 'count' | 'last'): (number | null)[] | undefined =>
    shape(table, { type: 'bar', x: { column: 'plan' }, y: [aggregate ? { column: 'price', aggregate } : { column: 'price' }] }, { now }).series[0]?.values;
  assert.deepEqual(by(), [30, 150]);
  assert.deepEqual(by('avg'), [15, 150]);
  assert.deepEqual(by('min'), [10, 150]);
  assert.deepEqual(by('max'), [20, 150]);
  assert.deepEqual(by('count'), [2, 1]);
  assert.deepEqual(by('last'), [20, 150]);
});

test('categories are sorted and cut, with the rest as Other', () => {
  const table = result({ sport: 'text', n: 'int' }, ['a', 1], ['b', 9], ['c', 4], ['d', 2]);
  const spec: ChartSpec = { type: 'bar', x: { column: 'sport' }, y: [{ column: 'n' }], sort: { by: 'y', descending: true }, top: 2 };
  const shaped = shape(table, spec, { now });
  assert.deepEqual(shaped.labels, ['b', 'c', 'Other']);
  assert.deepEqual(shaped.series[0]?.values, [9, 4, 3]);
  assert.deepEqual(shape(table, { ...spec, other: false }, { now }).labels, ['b', 'c']);
  assert.deepEqual(shape(table, { ...spec, top: 10, sort: { by: 'x', descending: true } }, { now }).labels, ['d', 'c', 'b', 'a']);
});

test('bars of numbers are categories in the order of the numbers', () => {
  const table = result({ hour: 'int', n: 'int' }, [10, 1], [9, 2]);
  const shaped = shape(table, { type: 'bar', x: { column: 'hour' }, y: [{ column: 'n' }] }, { now });
  assert.equal(shaped.axis, 'category');
  assert.deepEqual(shaped.labels, ['9', '10']);
  assert.deepEqual(shaped.series[0]?.values, [2, 1]);
});

test('a period that has not ended is marked', () => {
  const table = result({ month: 'date', n: 'int' }, ['2026-10-01', 4], ['2026-11-01', 1]);
  const spec: ChartSpec = { type: 'bar', x: { column: 'month', grain: 'month' }, y: [{ column: 'n' }] };
  assert.equal(shape(table, spec, { now }).incomplete, true);
  assert.equal(shape(table, spec, { now: Date.parse('2026-12-01T00:00:00Z') }).incomplete, false);
});

test('percent stacks add up to one', () => {
  const shaped = shape(perDay, { ...lines, missing: 'zero' }, { now });
  const parts = shares(shaped.series);
  assert.ok(Math.abs(parts.reduce((sum, s) => sum + (s[0] ?? 0), 0) - 1) < 1e-9);
  assert.equal(parts[0]?.[1], null, 'a place without values has no shares');
});

test('what is missing is said with the names that are there', () => {
  assert.throws(() => shape(perDay, { type: 'line', x: { column: 'week' }, y: [{ column: 'viewers' }] }, { now }), (e: unknown) => {
    assert.ok(e instanceof ShapeError);
    assert.match(e.message, /no column "week".*day, sport, viewers/);
    return true;
  });
  assert.throws(() => shape(perDay, { type: 'line', x: { column: 'day' }, y: [] }, { now }), ShapeError);
});

test('numbers as text are numbers; what is none is none', () => {
  assert.equal(numberOf('12345678901234567890.5'), 12345678901234567000);
  assert.equal(numberOf('NaN'), null);
  assert.equal(numberOf('abc'), null);
  assert.equal(numberOf(''), null);
  assert.equal(timeOf('2026-02-03'), Date.parse('2026-02-03T00:00:00Z'));
  assert.equal(timeOf('not a time'), null);
  assert.equal(columnIndex(perDay, 'DAY'), 0);
});

test('a spec is read with each mistake in its place', () => {
  const { spec, problems } = readSpec({
    type: 'bars', x: { column: 'day', grain: 'fortnight' }, y: [{ column: 'n', format: { style: 'currency', digits: 99 } }, {}], top: -1, colour: 'red', stack: 'percent',
  });
  assert.deepEqual(problems.map((p) => p.path).sort(), ['colour', 'top', 'type', 'x.grain', 'y[0].format.digits', 'y[1].column']);
  assert.deepEqual(spec, { type: 'table', x: { column: 'day' }, y: [{ column: 'n', format: { style: 'currency' } }], stack: 'percent' });
});

test('a right spec comes back as it is', () => {
  const spec: ChartSpec = {
    type: 'bar', x: { column: 'day', grain: 'week' }, y: [{ column: 'n', axis: 'right', type: 'line', aggregate: 'avg', format: { style: 'percent', of: 100, digits: 1 } }],
    series: { column: 'sport', top: 5, other: false }, stack: 'stacked', sort: { by: 'y', descending: true }, top: 20, other: true, missing: 'connect',
    compare: { with: 'previous', good: 'down' }, reference: [{ label: 'goal', value: 10 }, { of: 'avg' }], annotations: [{ at: '2026-03-01', label: 'price rise' }],
    title: 'T', zone: 'Europe/Berlin', labels: true, legend: false, min: 0, max: 10, log: false, bins: 10, rows: ['a'], columns: ['b'],
  };
  const read = readSpec(JSON.parse(JSON.stringify(spec)));
  assert.deepEqual(read.problems, []);
  assert.deepEqual(read.spec, spec);
  assert.deepEqual(readSpec(null).spec, { type: 'table', y: [] });
  assert.deepEqual(readSpec([1]).spec, { type: 'table', y: [] });
});

test('the first guess fits the result', () => {
  assert.equal(guess(perDay).type, 'line');
  assert.equal(guess(perDay).series?.column, 'sport');
  const one = result({ mrr_eur: 'double' }, [1234.5]);
  assert.deepEqual(guess(one), { type: 'number', y: [{ column: 'mrr_eur', format: { style: 'currency', currency: 'EUR' } }] });
  const bars = result({ plan: 'text', n: 'int' }, ['a', 1], ['b', 2]);
  assert.equal(guess(bars).type, 'bar');
  assert.deepEqual(guess(bars).sort, { by: 'y', descending: true });
  assert.equal(guess(result({ step: 'text', people: 'int' }, ['visit', 10], ['paid', 1])).type, 'funnel');
  assert.equal(guess(result({ a: 'double', b: 'double' }, [1, 2], [2, 3], [3, 4])).type, 'scatter');
  assert.equal(guess(result({ a: 'text', b: 'text' }, ['x', 'y'])).type, 'table');
  assert.equal(guess(result({ day: 'date', n: 'int' })).type, 'table');
  const mixed = guess(result({ month: 'date', trials: 'int', conversion_rate: 'double' }, ['2026-01-01', 5, 0.5], ['2026-02-01', 6, 0.25]));
  assert.deepEqual(mixed.y.map((m) => m.axis), [undefined, 'right']);
  assert.equal(mixed.type, 'bar');
  assert.equal(guess(result({ user_id: 'int', name: 'text', n: 'int' }, [1, 'a', 2])).y[0]?.column, 'n');
});

test('histogram bins are round and hold every value once', () => {
  const bins = histogram([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5);
  assert.deepEqual(bins.map((b) => [b.from, b.to, b.count]), [[0, 2, 2], [2, 4, 2], [4, 6, 2], [6, 8, 2], [8, 10, 2], [10, 12, 1]]);
  assert.deepEqual(histogram([3, 3]), [{ from: 3, to: 3, count: 2 }]);
  assert.deepEqual(histogram([]), []);
  for (let n = 2; n < 200; n++) {
    const values = Array.from({ length: n }, (_, i) => Math.sin(i * n) * 10 ** (n % 7));
    assert.equal(histogram(values).reduce((sum, b) => sum + b.count, 0), n);
  }
  assert.throws(() => shapeHistogram(perDay, { type: 'histogram', y: [{ column: 'sport' }] }), ShapeError);
});

test('quartiles interpolate, whiskers stop at the last value inside', () => {
  assert.equal(quantile([1, 2, 3, 4], 0.25), 1.75);
  const box = boxOf('x', [1, 2, 3, 4, 5, 100]);
  assert.equal(box.median, 3.5);
  assert.equal(box.high, 5);
  assert.deepEqual(box.outliers, [100]);
});

test('pivot, heatmap and cohort', () => {
  const table = result({ cohort: 'date', month: 'int', people: 'int' }, ['2026-02-01', 0, 50], ['2026-01-01', 1, 40], ['2026-01-01', 0, 100], ['2026-01-01', 10, 10]);
  const spec: ChartSpec = { type: 'cohort', rows: ['cohort'], columns: ['month'], y: [{ column: 'people' }] };
  const grid = pivot(table, spec);
  assert.deepEqual(grid.rows, ['2026-01-01', '2026-02-01']);
  assert.deepEqual(grid.rowLabels, ['Jan 2026', 'Feb 2026'], 'times as their grain asks');
  assert.deepEqual(grid.columnLabels, ['0', '1', '10']);
  assert.deepEqual(grid.columns, ['0', '1', '10'], 'numbers in their order, not as text');
  assert.deepEqual(grid.cells, [[100, 40, 10], [50, null, null]]);
  assert.deepEqual(grid.rowTotals, [150, 50]);
  assert.equal(grid.total, 200);
  assert.deepEqual(cohortShares(grid), [[1, 0.4, 0.1], [1, null, null]]);
  assert.deepEqual(pivot(table, { ...spec, y: [{ column: 'people', aggregate: 'avg' }] }).cells[0], [100, 40, 10]);
});

test('funnel steps by row or by column', () => {
  const rows = result({ step: 'text', people: 'int' }, ['visit', 1000], ['sign-up', 40], ['paid', 10]);
  const steps = funnel(rows, { type: 'funnel', x: { column: 'step' }, y: [{ column: 'people' }] });
  assert.deepEqual(steps.map((s) => [s.label, s.value, s.ofPrevious, s.ofFirst]), [['visit', 1000, null, 1], ['sign-up', 40, 0.04, 0.04], ['paid', 10, 0.25, 0.01]]);
  const wide = result({ visits: 'int', paid: 'int' }, [100, 7]);
  assert.deepEqual(funnel(wide, { type: 'funnel', y: [{ column: 'visits' }, { column: 'paid', label: 'Paid' }] }).map((s) => s.label), ['visits', 'Paid']);
  assert.match(summarizeFunnel(steps), /fewest go on to sign-up/);
});

test('the big number is the last in time, compared as asked', () => {
  const table = result({ month: 'date', churn: 'double' }, ['2026-03-01', 4], ['2026-01-01', 2], ['2026-02-01', 5]);
  const spec: ChartSpec = { type: 'number', x: { column: 'month' }, y: [{ column: 'churn' }], compare: { with: 'previous', good: 'down' } };
  const number = bigNumber(table, spec);
  assert.deepEqual([number.value, number.previous, number.mood], [4, 5, 'good']);
  assert.deepEqual(number.spark, [2, 5, 4]);
  assert.match(summarizeNumber(number, spec), /−20\.0 %/);
  assert.equal(bigNumber(result({ n: 'int' }), { type: 'number', y: [{ column: 'n' }] }).value, null);
});

test('a summary says from where to where, and what is unfinished', () => {
  const table = result({ month: 'date', n: 'int' }, ['2026-09-01', 10], ['2026-10-01', 15], ['2026-11-01', 1]);
  const text = summarize(shape(table, { type: 'line', x: { column: 'month', grain: 'month' }, y: [{ column: 'n', label: 'Subscribers' }] }, { now }));
  assert.match(text, /Subscribers: from 10 \(Sep 2026\) to 15 \(Oct 2026\), \+50 %/);
  assert.match(text, /not ended yet/);
  assert.equal(summarize(shape(result({ d: 'date', n: 'int' }), { type: 'line', x: { column: 'd' }, y: [{ column: 'n' }] }, { now })), 'No data.');
});

test('an entity keeps its colour; beyond the hues patterns tell apart', () => {
  const palette = new Palette();
  assert.deepEqual(palette.of('sport', 'rugby'), { hue: 1, pattern: 'solid' });
  assert.deepEqual(palette.of('sport', 'climbing'), { hue: 2, pattern: 'solid' });
  assert.deepEqual(palette.of('plan', 'yearly'), { hue: 1, pattern: 'solid' }, 'each column begins anew');
  assert.deepEqual(palette.of('sport', 'rugby'), { hue: 1, pattern: 'solid' });
  const looks = new Set(Array.from({ length: 20 }, (_, i) => JSON.stringify(palette.of('sport', `s${i}`))));
  assert.equal(looks.size, 20);
});

test('names at the ends of lines do not lie on each other', () => {
  const shaped = shape(perDay, { ...lines, missing: 'zero' }, { now });
  const labels = endLabels(shaped.series, shaped.positions, (_, x, y) => [x / 1e10, 100 - y], 110);
  assert.equal(labels.length, 3);
  const ys = labels.map((l) => l.y).sort((a, b) => a - b);
  for (const [i, y] of ys.entries()) {
    assert.ok(y >= 8 && y <= 102, String(y));
    if (i) assert.ok(y - (ys[i - 1] ?? 0) >= 14, `${ys}`);
  }
  const byY = [...labels].sort((a, b) => a.y - b.y).map((l) => l.label);
  assert.deepEqual(byY, ['rugby', '(none)', 'climbing'], 'in the order of the lines');
});

test('every name has its label where there is room; times are left out, names are cut', () => {
  const months = Array.from({ length: 12 }, (_, i) => `Mon ${2020 + i}`);
  assert.equal(labelsBelow(months, 900, true).interval, 0);
  assert.equal(labelsBelow(months, 500, true).interval, 1);
  const names = ['gymnastics', 'wrestling', 'climbing', 'softball', 'volleyball', 'hockey'];
  assert.equal(labelsBelow(names, 640, false).interval, 0);
  assert.deepEqual(labelsBelow(names, 416, false), { interval: 0, width: 54 });
  assert.deepEqual(labelsBelow(names, 290, false), { interval: 0, width: 84, rotate: 40 }, 'aslant rather than not at all');
  assert.ok(labelsBelow(Array.from({ length: 200 }, (_, i) => `event ${i}`), 600, false).interval > 10);
  assert.equal(labelsBeside(names, 500, 200).interval, 0);
  assert.equal(labelsBeside(Array.from({ length: 40 }, (_, i) => `event ${i}`), 500, 240).interval, 2);
});

test('a point between two gaps has a mark, others have none', () => {
  const table = result({ day: 'date', n: 'int' }, ['2026-11-01', 1], ['2026-11-02', 2], ['2026-11-04', 5], ['2026-11-06', 3], ['2026-11-07', 4]);
  const spec: ChartSpec = { type: 'line', x: { column: 'day', grain: 'day' }, y: [{ column: 'n' }] };
  const look = { ink: '', soft: '', line: '', surface: '', font: '', series: [] };
  const options = { look, palette: new Palette(), width: 400, height: 200, hidden: new Set<string>(), animate: false };
  const drawn = (of: ChartSpec): unknown[] => (cartesian(shape(table, of, { now }), of, options)['series'] as { data: unknown[] }[])[0]?.data ?? [];
  assert.deepEqual(drawn(spec).flatMap((item, i) => (Array.isArray(item) ? [] : i)), [3]);
  assert.ok(drawn({ ...spec, missing: 'connect' }).every(Array.isArray));
});

test('the guess of a number has its past when there is one; a chart fits what it names', () => {
  const table = result({ month: 'date', mrr: 'double' }, ['2026-01-01', 5], ['2026-02-01', 6]);
  assert.deepEqual(guessNumber(table), { type: 'number', y: [{ column: 'mrr' }], x: { column: 'month' }, compare: { with: 'previous' }, sparkline: true });
  assert.deepEqual(guessNumber(result({ n: 'int' }, [1])), { type: 'number', y: [{ column: 'n' }] });
  assert.equal(fitsTable({ type: 'line', x: { column: 'MONTH' }, y: [{ column: 'mrr' }] }, table), true);
  assert.equal(fitsTable({ type: 'line', x: { column: 'month' }, y: [{ column: 'gone' }] }, table), false);
});

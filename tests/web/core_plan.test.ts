// Plans, pivots and savings: what the panels around a result are made of.
import assert from 'node:assert/strict';
import test from 'node:test';
import { pivot } from '../../web/core/chart/pivot';
import { pivotOf, pivotText, firstPivot } from '../../web/core/pivoting';
import { heavySteps, readPlan } from '../../web/core/plan';
import { readRuns, recent } from '../../web/core/runs';
import { faultOf, slugOf, withQuery } from '../../web/core/saving';
import { type ColumnType, type Value, tableOf } from '../../web/core/table';
import { readTableInfo } from '../../web/core/tableinfo';
import { tokens } from '../../web/core/tokens';

test('a plan is read from anything, its heavy steps marked with what to do', () => {
  const plan = readPlan({
    name: 'Group', detail: 'sport', rows: 20,
    children: [{ name: 'Join by equal values', rows: 5_000_000, children: [{ name: 'Read table ', detail: 'web.tracks', rows: 400_000, children: [] }, { name: 'Combine all pairs', rows: 10, children: [null, 'x'] }] }],
  });
  assert.ok(plan);
  assert.deepEqual([plan.heavy, plan.children[0]?.children[0]?.name, plan.children[0]?.share], ['', 'Read table', 1]);
  assert.deepEqual(heavySteps(plan).map((step) => step.name), ['Join by equal values', 'Combine all pairs']);
  assert.match(plan.children[0]?.heavy ?? '', /unique/);
  for (const rubbish of [null, 4, 'x']) assert.equal(readPlan(rubbish), undefined);
});

const result = (columns: Record<string, ColumnType>, rows: Value[][]) => tableOf(Object.entries(columns).map(([name, type]) => ({ name, type, engineType: type.toUpperCase() })), rows);
const sales = result({ day: 'date', sport: 'text', plan: 'text', total: 'int' }, [
  ['2026-01-01', 'rugby', 'year', 1], ['2026-01-01', 'golf', 'year', 2], ['2026-01-02', 'rugby', 'month', 4], ['2026-01-02', 'rugby', 'year', null],
]);

test('a pivot takes any columns, also several or none', () => {
  assert.deepEqual(firstPivot(sales), { rows: ['sport'], columns: ['plan'], measure: 'total', aggregate: 'sum' });
  assert.equal(pivotText(pivotOf(sales, firstPivot(sales))), 'sport\tyear\tmonth\tTotal\nrugby\t1\t4\t5\ngolf\t2\t\t2');
  assert.equal(pivotText(pivotOf(sales, { rows: ['sport', 'plan'], columns: ['day'], measure: 'total', aggregate: 'sum' })).split('\n')[0], 'sport · plan\t2026-01-01\t2026-01-02\tTotal');
  assert.equal(pivotText(pivotOf(sales, { rows: ['sport'], columns: [], measure: 'total', aggregate: 'max' })), 'sport\tmax of total\tTotal\nrugby\t4\t4\ngolf\t2\t2');
  const { table, spec } = pivotOf(sales, { rows: ['sport'], columns: ['plan'], measure: 'total', aggregate: 'avg' });
  assert.deepEqual([pivot(table, spec).rowTotals, pivot(table, spec).total], [[2.5, 2], 7 / 3], 'totals are averages too');
  assert.throws(() => pivotOf(sales, { rows: [], columns: [], measure: 'total', aggregate: 'sum' }), /at least one column/);
});

test('a query goes into a report with an id of its own and a tile below the others', () => {
  const report = { title: 'R', queries: [{ id: 'orders', file: 'orders.sql' }], tiles: [{ id: 't1', kind: 'text', x: 0, y: 2, w: 24, h: 3 }] };
  const { content, id } = withQuery({ report, queries: { orders: 'select 1' } }, { title: 'Orders', sql: 'select 2', spec: { type: 'bar', x: { column: 'a' }, y: [{ column: 'b' }] } });
  assert.equal(id, 'orders_2');
  assert.deepEqual(content.queries, { orders: 'select 1', orders_2: 'select 2' });
  assert.deepEqual((content.report['tiles'] as object[])[1], { id: 'orders_2', kind: 'chart', query: 'orders_2', title: 'Orders', x: 0, y: 5, w: 12, h: 9, chart: { type: 'bar', x: { column: 'a' }, y: [{ column: 'b' }] } });
  assert.equal((withQuery({ report: {}, queries: {} }, { title: '漢', sql: 'x' }).content.report['tiles']), undefined);
  assert.deepEqual([slugOf('Orders by Day – Ü'), slugOf('28 days'), slugOf('漢')], ['orders_by_day_u', 'q_28_days', '']);
  assert.deepEqual([faultOf('good_1'), faultOf('') !== '', faultOf('1x') !== ''], ['', true, true]);
});

test('SQL is coloured without losing a letter', () => {
  const sql = "select 'it''s' as a, $b_1, x[1] -- no\nfrom {% form %} a: b {% endform %} t where y >= 4";
  assert.equal(tokens(sql).map((one) => one.text).join(''), sql);
  assert.deepEqual(tokens("select $b_1, 'x'").map((one) => `${one.kind}:${one.text}`), ['keyword:select', 'plain: ', 'value:$b_1', 'plain:, ', "text:'x'"]);
});

test('runs and tables are read with care', () => {
  const run = { id: 3, at: '2026-11-25T10:00:00Z', sql: 'select\n 1', values: { a: ['x'] }, rows: 1, truncated: false, elapsed_ms: 2.5, error: null, report: null, query: null };
  const { runs, more } = readRuns({ more: true, runs: [run, { ...run, id: 2 }, { ...run, id: 1, sql: null, report: 'r', query: 'q', rows: null, error: 'no' }, null, {}] });
  assert.equal(more, true);
  assert.deepEqual(runs.map((one) => [one.id, one.sql, one.rows, one.error]), [[3, 'select\n 1', 1, ''], [2, 'select\n 1', 1, ''], [1, undefined, undefined, 'no']]);
  assert.deepEqual(runs[0]?.values, { a: ['x'] });
  assert.deepEqual(recent(runs, 5).map((one) => one.line), ['select 1']);
  for (const rubbish of [null, 4, {}, { runs: 4 }]) assert.deepEqual(readRuns(rubbish).runs, []);
  const info = readTableInfo({ rows: 2, fresh_at: '2026-11-25T10:00:00Z', columns: [{ name: 'a', type: 'VARCHAR', nulls: 1, distinct: 1, min: 'x', max: 'x', top: [{ value: 'x', count: 1 }, { value: null, count: 1 }] }], sample: { columns: [{ name: 'a', type: 'text' }], rows: [['x'], [null]] } });
  assert.deepEqual([info.rows, info.columns[0]?.top.length, info.sample.rows, info.sample.value(0, 0), info.fresh?.getUTCHours()], [2, 2, 2, 'x', 10]);
  assert.deepEqual([readTableInfo(null).columns, readTableInfo(null).fresh], [[], undefined]);
});

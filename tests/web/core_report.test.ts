import assert from 'node:assert/strict';
import test from 'node:test';
import { inline, markdown } from '../../web/core/markdown';
import { readReport, readValues, writeValues } from '../../web/core/report';
import { listReports } from '../../web/core/report_list';

const file = {
  id: 'k3v9x0q2ab', title: 'Subscriptions', time_zone: 'Europe/Berlin',
  parameters: [
    { name: 'sport', label: 'Sport', type: 'multiselect', options: { query: 'sports', value: 'sport' }, default: ['rugby'] },
    { name: 'dates', type: 'daterange', default: 'last 28 days' },
    { name: 'plan', type: 'select', options: ['monthly', { value: 'yearly', label: 'Yearly' }] },
    { name: 'least', type: 'number', default: 10 },
    { name: 'odd', type: 'colour' },
  ],
  queries: [{ id: 'subs', title: 'Subscribers' }, { file: 'x.sql' }],
  tiles: [
    { id: 't2', kind: 'text', markdown: '## Hi', x: 16, y: 0, w: 20, h: 4 },
    { id: 't1', kind: 'chart', query: 'subs', x: 0, y: 0, w: 16, h: 8, chart: { type: 'line', x: { column: 'day' }, y: [{ column: 'n' }] } },
    { id: 't3', kind: 'video', x: 0, y: 0 },
  ],
};

test('a report is read, tiles in reading order and within the grid', () => {
  const report = readReport(file);
  assert.deepEqual(report.tiles.map((t) => [t.id, t.x, t.w]), [['t1', 0, 16], ['t2', 16, 8]]);
  assert.equal(report.tiles[0]?.spec.type, 'line');
  assert.deepEqual(report.queries, [{ id: 'subs', title: 'Subscribers' }]);
  assert.deepEqual(report.parameters.map((p) => p.name), ['sport', 'dates', 'plan', 'least']);
  assert.deepEqual(report.parameters[0]?.options, { query: 'sports', value: 'sport', label: 'sport' });
  assert.deepEqual(report.parameters[2]?.options, [{ value: 'monthly', label: 'monthly' }, { value: 'yearly', label: 'Yearly' }]);
  for (const rubbish of [null, 1, 'x', [], { tiles: 5, parameters: 'x', queries: [null] }]) assert.deepEqual(readReport(rubbish).tiles, []);
});

test('values come from the address, else from the report, and go back the same', () => {
  const { parameters } = readReport(file);
  const read = (search: string): unknown => readValues(parameters, new URLSearchParams(search));
  assert.deepEqual(read(''), { sport: ['rugby'], dates: 'last 28 days', least: 10 });
  assert.deepEqual(read('sport=a&sport=b&dates=2026-01-01..2026-02-01&plan=yearly&least=2.5'), {
    sport: ['a', 'b'], dates: { start: '2026-01-01', end: '2026-02-01' }, plan: 'yearly', least: 2.5,
  });
  assert.deepEqual(read('sport='), { sport: [], dates: 'last 28 days', least: 10 }, 'nothing chosen is a choice');
  assert.deepEqual(read('least=abc'), { sport: ['rugby'], dates: 'last 28 days', least: 10 });
  for (const search of ['sport=a&sport=b', 'sport=', 'dates=2026-01-01..2026-02-01', 'dates=this+year', 'plan=yearly&least=3']) {
    assert.equal(writeValues(parameters, readValues(parameters, new URLSearchParams(search))), search);
  }
  assert.equal(writeValues(parameters, readValues(parameters, new URLSearchParams('sport=rugby'))), '', 'defaults are not said');
});

test('Markdown becomes data', () => {
  assert.deepEqual(markdown('# A *b*\n\ntext\nmore **bold** `x*y`\n\n- one\n- two\n  more\n\n1. x\n\n> said\n> again\n\n---\n```\n<b>\n```'), [
    { kind: 'heading', level: 1, inline: [{ kind: 'text', text: 'A ' }, { kind: 'em', text: 'b' }] },
    { kind: 'paragraph', inline: [{ kind: 'text', text: 'text more ' }, { kind: 'strong', text: 'bold' }, { kind: 'text', text: ' ' }, { kind: 'code', text: 'x*y' }] },
    { kind: 'list', ordered: false, items: [[{ kind: 'text', text: 'one' }], [{ kind: 'text', text: 'two more' }]] },
    { kind: 'list', ordered: true, items: [[{ kind: 'text', text: 'x' }]] },
    { kind: 'quote', inline: [{ kind: 'text', text: 'said again' }] },
    { kind: 'rule' },
    { kind: 'code', text: '<b>' },
  ]);
  assert.deepEqual(inline('a [b](https://x.y) [c](javascript:alert) [d](//evil.example)'), [
    { kind: 'text', text: 'a ' }, { kind: 'link', text: 'b', href: 'https://x.y' }, { kind: 'text', text: ' ' }, { kind: 'text', text: '[c](javascript:alert)' },
    { kind: 'text', text: ' ' }, { kind: 'text', text: '[d](//evil.example)' },
  ]);
  assert.deepEqual(markdown(''), []);
  assert.equal(inline('2 * 3 * 4 and snake_case_name')[0]?.text, '2 * 3 * 4 and snake_case_name'.slice(0, inline('2 * 3 * 4 and snake_case_name')[0]?.text.length));
});

test('no Markdown takes for ever', () => {
  for (const hard of ['*'.repeat(20_000), '[('.repeat(10_000), '_a'.repeat(10_000), '> '.repeat(10_000), '```'.repeat(5000)]) markdown(hard.slice(0, 20_000));
});

test('the list has the latest first, archived ones only when searched or asked for', () => {
  const one = (title: string, updated: string, more: object = {}) => ({ title, description: '', collection: 'company', archived: false, updated_at: updated, ...more });
  const all = [one('Old', '2026-01-01'), one('Opened', '2025-01-01', { opened_at: '2026-11-01' }), one('Away', '2026-12-01', { archived: true }), one('New', '2026-05-01', { collection: 'sales', description: 'Who pays' })];
  const titles = (how: Partial<Parameters<typeof listReports>[1]>): string[] => listReports(all, { search: '', collection: '', archived: false, ...how }).map((r) => r.title);
  assert.deepEqual(titles({}), ['Opened', 'New', 'Old']);
  assert.deepEqual(titles({ archived: true }), ['Opened', 'New', 'Old', 'Away']);
  assert.deepEqual(titles({ search: 'aw' }), ['Away']);
  assert.deepEqual(titles({ search: 'pays new' }), ['New']);
  assert.deepEqual(titles({ collection: 'sales' }), ['New']);
});

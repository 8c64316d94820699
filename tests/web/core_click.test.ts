import assert from 'node:assert/strict';
import test from 'node:test';
import { clickOf, crumbs, drillDown, readPicks, toggle, valuesAt, withPicks, writePicks } from '../../web/core/click';
import { readReport, readValues, valuesInWords, writeValues } from '../../web/core/report';
import { sectionsOf } from '../../web/core/sections';

const bar = { type: 'bar', x: { column: 'Sport' }, y: [{ column: 'n' }], series: { column: 'plan' } };
const report = readReport({
  title: 'Sales', fiscal_year_start: 4, owner: 'ann@x.example', tabs: [{ id: 'a', title: 'First' }, { id: 'b' }],
  parameters: [
    { name: 'sport', type: 'multiselect', options: ['rugby', 'golf'] }, { name: 'plan', type: 'select', options: ['monthly'] },
    { name: 'level', type: 'text', default: 'sport', hidden: true }, { name: 'price', type: 'number_range', min: 0 },
    { name: 'dates', type: 'daterange', default: 'last 28 days', compare: true },
  ],
  tiles: [
    { id: 'one', kind: 'chart', query: 'q', x: 0, y: 0, w: 12, h: 8, chart: bar },
    { id: 'head', kind: 'section', title: 'More', collapsed: true, tab: 'a', x: 0, y: 8, w: 24, h: 2 },
    { id: 'two', kind: 'image', image: 'logo.png', alt: 'Logo', fit: 'cover', x: 4, y: 12, w: 12, h: 8 },
    { id: 'three', kind: 'table', query: 'q', tab: 'b', owner: 'bob@x.example', x: 0, y: 0, w: 12, h: 8, click: { rows: 'r', values: { sport: 'sport_name' } } },
    { id: 'drill', kind: 'chart', query: 'q', tab: 'b', x: 0, y: 8, w: 12, h: 8, chart: bar, click: { drill: 'level', levels: ['sport', 'plan', 'day'], filters: { sport: 'sport', plan: 'plan' } } },
    { id: 'none', kind: 'chart', query: 'q', tab: 'gone', x: 12, y: 0, w: 12, h: 8, chart: bar, click: 'none' },
  ],
});
const { parameters } = report;
const tile = (id: string): (typeof report.tiles)[number] => report.tiles.find((one) => one.id === id) ?? assert.fail(id);

test('tabs, sections and images are read; a section heads what is below it', () => {
  assert.deepEqual(report.tabs, [{ id: 'a', title: 'First' }, { id: 'b', title: 'b' }]);
  assert.deepEqual(sectionsOf(report, 'a').map(({ head, tiles, top }) => [head?.id, tiles.map((one) => one.id), top]), [[undefined, ['one', 'none'], 0], ['head', ['two'], 12]]);
  assert.deepEqual(sectionsOf(report, 'b').map(({ tiles }) => tiles.map((one) => one.id)), [['three', 'drill']]);
  assert.deepEqual([tile('two').image, tile('two').alt, tile('two').fit, tile('head').collapsed, tile('three').owner, report.fiscal], ['logo.png', 'Logo', 'cover', true, 'bob@x.example', true]);
});

test('a press filters by the column that a parameter is named after, or does what the tile says', () => {
  assert.deepEqual(clickOf(tile('one'), parameters), { kind: 'filter', parameter: 'sport', column: 'Sport' });
  assert.equal(clickOf(tile('none'), parameters), undefined);
  assert.equal(clickOf(tile('one'), []), undefined, 'a forced parameter cannot be filtered by');
  const rows = clickOf(tile('three'), parameters);
  assert.ok(rows?.kind === 'rows');
  assert.deepEqual(valuesAt({ SPORT_NAME: 'golf' }, rows.values, parameters), { sport: ['golf'] });
});

test('picks stand in the address, filter all tiles but their own, and go when pressed again', () => {
  const [sport] = parameters;
  assert.ok(sport);
  let picks = toggle([], 'one', sport, 'rugby', false);
  picks = toggle(picks, 'one', sport, 'golf', true);
  const search = new URLSearchParams(writePicks(picks));
  assert.equal(search.toString(), 'click.one.sport=rugby&click.one.sport=golf');
  assert.deepEqual(readPicks(search, parameters), [{ tile: 'one', parameter: 'sport', values: ['rugby', 'golf'] }]);
  assert.deepEqual(withPicks({ sport: ['x'] }, picks, parameters, 'three'), { sport: ['rugby', 'golf'] });
  assert.deepEqual(withPicks({ sport: ['x'] }, picks, parameters, 'one'), { sport: ['x'] });
  assert.deepEqual(toggle(toggle([], 'one', sport, 'rugby', false), 'one', sport, 'rugby', false), []);
  assert.deepEqual(readPicks(new URLSearchParams('click.one.colour=red&click.x=1&sport=rugby'), parameters), []);
});

test('drilling goes down a level and back by its crumbs', () => {
  const click = clickOf(tile('drill'), parameters);
  assert.ok(click?.kind === 'drill');
  const top = readValues(parameters, new URLSearchParams());
  const below = drillDown(click, { Sport: 'rugby' }, top, parameters);
  assert.deepEqual([below?.['level'], below?.['sport']], ['plan', ['rugby']]);
  const last = drillDown(click, { plan: 'monthly' }, below ?? {}, parameters);
  assert.deepEqual([last?.['level'], last?.['plan']], ['day', 'monthly']);
  assert.equal(drillDown(click, { day: '1' }, last ?? {}, parameters), undefined);
  assert.deepEqual(crumbs(click, last ?? {}, parameters), [
    { label: 'All', values: { level: 'sport', sport: [], plan: null } },
    { label: 'rugby', values: { level: 'plan', plan: null } },
    { label: 'monthly', values: { level: 'day' } },
  ]);
});

test('ranges of numbers and compared dates go through the address', () => {
  for (const search of ['price=10..50', 'price=..50', 'price=0.5..', 'dates=this+year&dates.compare=year', 'dates=2026-01-01..2026-02-01&dates.compare=previous']) {
    assert.equal(writeValues(parameters, readValues(parameters, new URLSearchParams(search))), search);
  }
  assert.deepEqual(readValues(parameters, new URLSearchParams('price=10..&dates=this+year&dates.compare=year')), { price: { from: 10, to: null }, dates: { range: 'this year', compare: 'year' }, level: 'sport' });
  assert.deepEqual(readValues(parameters, new URLSearchParams('price=a..b&dates.compare=never')), { dates: 'last 28 days', level: 'sport' });
  assert.equal(valuesInWords(parameters, readValues(parameters, new URLSearchParams('price=..5&dates=this+year&dates.compare=year'))), 'level: sport; price: up to 5; dates: this year, compared with the year before');
});

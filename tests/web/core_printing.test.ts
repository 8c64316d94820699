import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printed, valuesOf } from '../../web/core/printing.js';
import { readReport } from '../../web/core/report.js';

const { parameters } = readReport({
  id: 'k3v9x0q2ab', title: 'T',
  parameters: [
    { name: 'sport', label: 'Sport', type: 'multiselect', options: ['rugby', 'judo'], default: ['rugby'] },
    { name: 'dates', label: 'Dates', type: 'daterange', default: 'last 28 days' },
    { name: 'price', type: 'number_range' },
    { name: 'secret', type: 'text', hidden: true },
  ],
});

test('what was said counts, then the defaults of whoever reads, then the report’s', () => {
  assert.deepEqual(valuesOf(parameters, {}, ''), { sport: ['rugby'], dates: 'last 28 days' });
  assert.deepEqual(valuesOf(parameters, { sport: ['judo'] }, ''), { sport: ['judo'], dates: 'last 28 days' });
  assert.deepEqual(valuesOf(parameters, { sport: ['judo'] }, '{"sport":["rugby","judo"],"other":1}'), { sport: ['rugby', 'judo'], dates: 'last 28 days' });
  assert.deepEqual(valuesOf(parameters, {}, '{"sport":null}'), { dates: 'last 28 days' });
  assert.deepEqual(valuesOf(parameters, {}, 'no json'), { sport: ['rugby'], dates: 'last 28 days' });
});

test('each filter stands on paper in words', () => {
  const values = valuesOf(parameters, {}, '{"sport":["rugby","judo"],"dates":{"start":"2026-01-01","end":"2026-02-01"},"price":{"from":3,"to":null},"secret":"x"}');
  assert.deepEqual(printed(parameters, values), [
    { label: 'Sport', text: 'rugby, judo' },
    { label: 'Dates', text: '2026-01-01 to 2026-02-01' },
    { label: 'price', text: 'from 3' },
  ]);
  assert.deepEqual(printed(parameters, {}).map(({ text }) => text), ['any', 'any', 'any']);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { bySchema, columnsOf, quote } from '../../web/core/catalog';
import { judge } from '../../web/core/health';

const table = (schema: string, name: string, rows: number | null) => ({ schema, name, rows, view: rows === null, columns: [] });

test('tables stand by schema, the largest first, those of weir itself last', () => {
  const groups = bySchema([table('weir', 'discards', 9), table('web', 'pages', 5), table('web', 'tracks', 7), table('app', 'v', null)]);
  assert.deepEqual(groups.map(({ schema, rows }) => [schema, rows]), [['app', 0], ['web', 12], ['weir', 9]]);
  assert.deepEqual(groups[1]?.tables.map(({ name }) => name), ['tracks', 'pages']);
});

test('a column is named once, with its tables, the largest first', () => {
  const small = { ...table('web', 'pages', 5), columns: [{ name: 'id' }, { name: 'url' }] };
  const large = { ...table('web', 'tracks', 7), columns: [{ name: 'id' }] };
  assert.deepEqual(columnsOf([small, large]), [
    { name: 'id', tables: ['web.tracks', 'web.pages'] },
    { name: 'url', tables: ['web.pages'] },
  ]);
});

test('a name is quoted only when it must be', () => {
  assert.equal(quote('order_completed'), 'order_completed');
  assert.equal(quote('Größe'), '"Größe"');
  assert.equal(quote('a"b'), '"a""b"');
  assert.deepEqual(['order', 'at', 'left', 'date', 'value'].map(quote), ['"order"', '"at"', '"left"', 'date', 'value']);
});

test('what matters most about the server comes first', () => {
  const load = { lag_seconds: 0, error: '' };
  assert.equal(judge({ warehouse: { well: true }, load }).tone, 'good');
  assert.equal(judge({ warehouse: { well: true }, load: { ...load, lag_seconds: 11 } }).tone, 'warn');
  assert.match(judge({ warehouse: { well: true }, load: { lag_seconds: 99, error: 'disk full' } }).text, /disk full/);
  assert.match(judge({ warehouse: { well: false }, load: { lag_seconds: 99, error: 'disk full' } }).text, /reopened/);
});

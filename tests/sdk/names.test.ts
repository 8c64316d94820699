import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { snake } from '../node/events.js';

test('the names that rows are compared by follow the same vectors', () => {
  const lines = readFileSync('tests/cases/naming/snake.tsv', 'utf8').split('\n');
  const cases = lines.filter((line) => line && !line.startsWith('#')).map((line) => line.split('\t'));
  assert.ok(cases.length > 50);
  for (const [text = '', name = ''] of cases) assert.equal(snake(text), name === '-' ? '' : name, text);
});

// Queries of reports, by name: what a reader runs without writing SQL.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Weir, until, withWeir } from '../node/weir.js';

interface Answer {
  status: number;
  rows: unknown;
  message: string;
}

async function ask(weir: Weir, body: unknown): Promise<Answer> {
  const response = await fetch(`http://${weir.serve}/api/query`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const answer = (await response.json()) as { rows?: unknown; error?: { message: string } };
  return { status: response.status, rows: answer.rows, message: answer.error?.message ?? '' };
}

const report = `id: k3v9x0q2ab
title: Numbers
parameters:
  - {name: least, type: number, default: 7, label: "100 {% endform %} ]"}
  - {name: wanted, type: multiselect, options: {query: all, value: i}}
queries:
  - {id: some, file: some.sql}
  - {id: all, file: all.sql}
  - {id: wrong, file: wrong.sql}
tiles: []
`;

test('a query of a report runs with the report\'s parameters and their defaults', async () => {
  await withWeir(async (weir) => {
    const dir = path.join(weir.dir, 'reports', 'numbers');
    mkdirSync(dir, { recursive: true });
    writeFileSync(path.join(dir, 'report.yml'), report);
    writeFileSync(path.join(dir, 'some.sql'), 'select i from range(10) t(i) where i >= {{ least }} and [i=wanted] order by i\n');
    writeFileSync(path.join(dir, 'all.sql'), 'select i from range(3) t(i) order by i\n');
    writeFileSync(path.join(dir, 'wrong.sql'), 'select nothing_like_this\n');
    const some = (values: unknown): Promise<Answer> => ask(weir, { report: 'k3v9x0q2ab', query: 'some', values });
    await until('the report to be read', 20, async () => (await some({})).status === 200 || undefined);

    assert.deepEqual((await ask(weir, { report: 'k3v9x0q2ab', query: 'some' })).rows, [[7], [8], [9]], 'without values');
    assert.deepEqual((await some({ least: 2, wanted: [3, 8] })).rows, [[3], [8]]);
    assert.deepEqual((await ask(weir, { report: 'k3v9x0q2ab', query: 'all', values: { least: 1 } })).rows, [[0], [1], [2]], 'values that this query has no use for');

    const wrong = await ask(weir, { report: 'k3v9x0q2ab', query: 'wrong' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.message, /nothing_like_this/);
    assert.match((await ask(weir, { report: 'k3v9x0q2ab', query: 'other' })).message, /no query other/);
    const gone = await ask(weir, { report: 'zzzzzzzzzz', query: 'some' });
    assert.equal(gone.status, 404);
    assert.match(gone.message, /no report zzzzzzzzzz, or you may not see it/);
    for (const body of [{ report: 'k3v9x0q2ab' }, { query: 'some' }, { report: 'k3v9x0q2ab', query: 'some', sql: 'select 1' }]) {
      assert.equal((await ask(weir, body)).status, 400);
    }
  });
});

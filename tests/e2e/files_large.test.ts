// Texts that do not fit into the engine's memory, where it takes 2,048 rows at once.
import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { commandFails, syncFails } from '../node/sync.js';
import { Weir } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nwarehouse:\n  memory: 256MB\n');
});
after(() => weir.remove());

const fails = syncFails(() => weir);
const write = (rows: number, bytes: number, small = 0): void => {
  const text = 'a wide row '.repeat(bytes / 11);
  writeFileSync(path.join(weir.dir, 'wide.ndjson'), Array.from({ length: small + rows }, (_, i) => `{"id":${i},"text":"${i} ${i < small ? '' : text}"}\n`).join(''));
};

test('texts beyond what the engine takes at once are refused before it ends; those that it takes are loaded', async () => {
  writeFileSync(path.join(weir.dir, 'sources/wide.yml'), 'kind: file\nconnection: {path: wide.ndjson}\n');
  const refused = /^weir: wide: \d+ rows have texts of \d+ MB; the warehouse's engine takes 2048 rows at once, and its memory \(warehouse.memory\) is good for 128 MB of them: give it more, or leave the column out \(exclude\)$/m;
  for (const small of [0, 2048, 5000]) { // wherever they come
    write(900, 200_000, small);
    await fails(refused, 'wide');
  }
  write(5000, 20_000);
  await weir.in('sync', 'wide');
  assert.deepEqual(await weir.rows('select count(*)::int as n, sum(length(text))::bigint // 1000000 as mb from wide.wide'), [{ n: 5000, mb: 100 }]);
});

test('so are lines that cannot be read, which would be set aside', async () => {
  writeFileSync(path.join(weir.dir, 'sources/lines.yml'), 'kind: file\nconnection: {path: lines.csv}\n');
  const text = 'a wide row '.repeat(200_000 / 11);
  const lines = (bad: number): void => writeFileSync(path.join(weir.dir, 'lines.csv'), `id,t\n1,x\n2,y\n${Array.from({ length: bad }, (_, i) => `${i},${text},more,and more\n`).join('')}`);
  lines(900);
  await fails(/^weir: lines: \d+ rows that would be set aside have texts of \d+ MB; the warehouse's engine takes 2048 rows at once, .* of them: give it more, or mend what is read$/m, 'lines');
  lines(300);
  await weir.in('sync', 'lines');
  assert.deepEqual(await weir.rows("select count(*)::int as n, sum(length(value))::bigint // 1000000 as mb from weir.source_discards where source = 'lines'"), [{ n: 300, mb: 60 }]);
});

test('so is an upload', async () => {
  const text = 'a wide row '.repeat(200_000 / 11);
  const file = path.join(weir.dir, 'wide.csv');
  const csv = (rows: number): void => writeFileSync(file, `id,t\n${Array.from({ length: rows }, (_, i) => `${i},${i} ${text}\n`).join('')}`);
  csv(900);
  await commandFails(() => weir)(/\d+ rows have texts of \d+ MB; the warehouse's engine takes 2048 rows at once, and its memory \(warehouse.memory\) is good for 128 MB of them: give it more, or make its texts shorter$/m, 'upload', file, '--name', 'wide');
  csv(300);
  await weir.in('upload', file, '--name', 'wide');
  assert.deepEqual(await weir.rows('select count(*)::int as n, sum(length(t))::bigint // 1000000 as mb from uploads.wide'), [{ n: 300, mb: 59 }]);
});

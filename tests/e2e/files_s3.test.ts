// Objects of S3: listed page by page, signed, and read only when their ETag is another one.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Store } from '../node/s3.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
let store: Store;
before(async () => {
  weir = await Weir.init();
  store = await Store.start('shop-data', 'eu-central-1');
  process.env['WEIR_SOURCE_S3'] = store.keys.secretAccessKey;
  process.env['WEIR_SOURCE_WRONG'] = 'wrong';
  writeFileSync(path.join(weir.dir, 'weir.yml'), `${readFileSync(path.join(weir.dir, 'weir.yml'), 'utf8')}\nsource:\n  hosts: ["127.0.0.1"]\n`);
});
after(async () => {
  store.web.close();
  await weir.remove();
});

const source = (name: string, where: string, more = ''): void =>
  writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: file\nconnection: {path: "${where}", endpoint: "${store.web.origin}", region: eu-central-1, access_key: AKIATEST, secret_key: "\${WEIR_SOURCE_S3}"}\n${more}`);
const sync = async (...args: string[]): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: { stream: string; status: string; rows_read: number }[] };
  return streams.map(({ stream, status, rows_read }) => `${stream} ${status} ${rows_read}`);
};
const fails = async (why: RegExp, ...args: string[]): Promise<void> => {
  await assert.rejects(weir.in(...(args as [string, ...string[]])), (error: Error) => {
    assert.match(error.message, why);
    assert.doesNotMatch(error.message, /se\/cret/);
    return true;
  });
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('a beginning is a stream a name, a pattern is one stream; only what changed is fetched', async () => {
  for (const n of [1, 2, 3, 4, 5]) store.objects.set(`raw/day=${n}/o & p+ü.csv`, `id\n${n}\n`);
  store.objects.set('raw/people.ndjson', '{"name":"Ada"}\n');
  store.objects.set('raw/notes.md', 'no table');
  store.objects.set('raw/', '');
  store.objects.set('raw/~$people.csv', 'lock');
  store.objects.set('rawer/x.csv', 'id\n9\n');
  source('flat', 's3://shop-data/raw/');
  assert.deepEqual(await sync('flat'), ['people loaded 1']);
  source('days', 's3://shop-data/raw/day=*/*.csv', 'streams: {days: {mode: append}}\n');
  assert.deepEqual(await sync('days'), ['days loaded 5']);
  assert.deepEqual(await rows('select id, _weir_file as file from days.days order by id limit 1'), [{ id: 1, file: 's3://shop-data/raw/day=1/o & p+ü.csv' }]);
  const [got, lists] = [store.got.length, store.lists];
  assert.deepEqual(await sync('days'), ['days unchanged 0']);
  assert.equal(store.got.length, got);
  assert.ok(store.lists - lists >= 3);
  store.objects.set('raw/day=2/o & p+ü.csv', 'id\n20\n');
  store.objects.set('raw/day=6/n.csv', 'id\n6\n');
  store.objects.delete('raw/day=5/o & p+ü.csv');
  assert.deepEqual(await sync('days'), ['days loaded 2']);
  assert.deepEqual(store.got.slice(got), ['raw/day=2/o & p+ü.csv', 'raw/day=6/n.csv']);
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from days.days"), [{ ids: '1 3 4 5 6 20' }]);
  store.objects.set('raw/day=7/n.csv', '');
  assert.deepEqual(await sync('days'), ['days loaded 0'], 'an empty one keeps the others from nothing');
  assert.deepEqual(await rows("select changes as c from weir.loads where source = 'days' order by started_at desc limit 1"), [{ c: ['s3://shop-data/raw/day=7/n.csv: it is empty'] }]);
  store.objects.set('raw/day=7/n.csv', 'id\n7\n');
  assert.deepEqual(await sync('days'), ['days loaded 1']);
  store.objects.delete('raw/day=7/n.csv');
  source('first', 's3://shop-data/e/*.csv');
  store.objects.set('e/a.csv', '');
  await fails(/e\/a\.csv: the file is empty/, 'sync', '--wait', 'first');
  store.objects.set('e/b.csv', 'id\n1\n');
  assert.deepEqual(await sync('first'), ['first loaded 1']);
  source('two', 's3://shop-data/', 'streams:\n  x: {path: rawer/x.csv}\n  y: {path: "raw/day=?/n.csv"}\n');
  assert.deepEqual(await sync('two'), ['x loaded 1', 'y loaded 1']);
});

test('a beginning is listed once a run, however many streams it has', async () => {
  for (const n of [1, 2, 3, 4, 5]) store.objects.set(`many/f${n}.csv`, `id\n${n}\n`);
  source('many', 's3://shop-data/many/');
  const before = store.lists;
  assert.deepEqual(await sync('many'), [1, 2, 3, 4, 5].map((n) => `f${n} loaded 1`));
  assert.equal(store.lists - before, 3, 'pages of two');
});

test("what the store answers is told; a signature is the secret's and the region's", async () => {
  source('bad', 's3://shop-data/raw/');
  const file = path.join(weir.dir, 'sources/bad.yml');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.replace('WEIR_SOURCE_S3', 'WEIR_SOURCE_WRONG'));
  await fails(/s3:\/\/shop-data\/raw\/: the store answered SignatureDoesNotMatch: The request signature we calculated does not match "yours"/, 'source', 'check', 'bad');
  writeFileSync(file, good.replace('eu-central-1', 'eu-west-1'));
  await fails(/SignatureDoesNotMatch/, 'source', 'check', 'bad');
  writeFileSync(file, good.replace('shop-data', 'other'));
  await fails(/NoSuchBucket: The specified bucket does not exist/, 'source', 'check', 'bad');
  writeFileSync(file, good.replace('raw/', 'nothing/*.csv'));
  await fails(/no object is there that s3:\/\/shop-data\/nothing\/\*\.csv names/, 'source', 'check', 'bad');
  writeFileSync(file, good.replace('shop-data/raw/', ''));
  await fails(/write s3:\/\/BUCKET\/KEY/, 'source', 'check', 'bad');
  writeFileSync(file, good.replace('"${WEIR_SOURCE_S3}"', 'plain'));
  await fails(/`secret_key` must not stand in this file/, 'source', 'check', 'bad');
  // The bucket in the host: names below localhost are this machine.
  writeFileSync(file, good.replace('127.0.0.1', 'localhost').replace('raw/', 'rawer/').replace('access_key', 'path_style: "no", access_key'));
  assert.deepEqual(await sync('bad'), ['x loaded 1']);
  assert.match(String(store.web.asked.at(-1)?.headers.host), /^shop-data\.localhost:/);
});

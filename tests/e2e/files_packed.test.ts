// Files that are packed by gzip or zstd, of this machine, by http and of S3.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Store } from '../node/s3.js';
import { Web } from '../node/web.js';
import { syncFails } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  hosts: ["127.0.0.1"]\n');
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const zstd = (text: string | Buffer): Buffer => execFileSync('zstd', ['-qc'], { input: text, maxBuffer: 1 << 28 });
const source = (name: string, connection: string, more = ''): void => writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: ${connection}\n${more}`);
const sync = async (...args: string[]): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: { stream: string; status: string; rows_read: number; rows_discarded: number }[] };
  return streams.map(({ stream, status, rows_read, rows_discarded }) => `${stream} ${status} ${rows_read} ${rows_discarded}`);
};
const fails = syncFails(() => weir);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const nothing_left = (): void => {
  assert.deepEqual(readdirSync(at('.weir/tmp/source')), []);
};

test('each kind of text, by its name without the end; bad lines keep their numbers', async () => {
  mkdirSync(at('d'));
  writeFileSync(at('d/Orders.csv.gz'), Buffer.concat([gzipSync('id,v\n1,a\n2,b,c\n'), gzipSync(''), gzipSync('3,d\n'), Buffer.alloc(512)]));
  writeFileSync(at('d/tabs.tsv.zst'), zstd('id\tv\n1\ta\n'));
  writeFileSync(at('d/lines.ndjson.gz'), gzipSync('{"a":1}\n{"a":2}\n'));
  writeFileSync(at('d/more.jsonl.zst'), Buffer.concat([zstd('{"a":1}\n'), zstd('{"a":2}\n')]));
  writeFileSync(at('d/array.json.gz'), gzipSync('[{"a":{"b":5},"l":[1,2]}]'));
  writeFileSync(at('d/upper.CSV.GZ'), gzipSync('x\n1\n'));
  writeFileSync(at('d/notes.md.gz'), gzipSync('no table'));
  writeFileSync(at('d/p.parquet.gz'), gzipSync('no table'));
  source('d', '{path: d}');
  assert.deepEqual((await sync('d')).sort(), ['array loaded 1 0', 'lines loaded 2 0', 'more loaded 2 0', 'orders loaded 3 1', 'tabs loaded 1 0', 'upper loaded 1 0']);
  assert.deepEqual(await rows('select id, v, _weir_file as f from d.orders order by id'), [{ id: 1, v: 'a', f: 'd/Orders.csv.gz' }, { id: 3, v: 'd', f: 'd/Orders.csv.gz' }]);
  assert.deepEqual(await rows('select line, value from weir.source_discards'), [{ line: 3, value: '2,b,c' }]);
  assert.deepEqual((await sync('d')).map((line) => line.split(' ')[1]), Array(6).fill('unchanged'));
  nothing_left();
  source('n', '{path: d/array.json.gz}', 'streams: {array: {nested: tables}}\n');
  assert.deepEqual(await sync('n'), ['array loaded 1 0', 'array.l[] loaded 2 0']);
});

test('several files are one stream, packed or not; only those that changed are read', async () => {
  mkdirSync(at('log'));
  writeFileSync(at('log/a.csv'), 'id\n1\n');
  writeFileSync(at('log/b.csv.gz'), gzipSync('id\n2\n'));
  source('log', '{path: "log/*"}', 'streams: {log: {mode: append}}\n');
  assert.deepEqual(await sync('log'), ['log loaded 2 0']);
  writeFileSync(at('log/b.csv.gz'), gzipSync('id\n3\n4\n'));
  assert.deepEqual(await sync('log'), ['log loaded 2 0']);
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from log.log"), [{ ids: '1 3 4' }]);
});

test('what is torn, damaged, packed twice, too large or not packed is an error, and nothing is loaded', async () => {
  const text = `id,v\n${Array.from({ length: 50000 }, (_, i) => `${i},${(i * 7919) % 10007}`).join('\n')}\n`;
  mkdirSync(at('t'));
  source('t', '{path: t, max_size: 1MB}');
  const whole = gzipSync(text);
  const cases: [RegExp, string, Buffer][] = [
    [/it is damaged: it has no end/, 'a.csv.gz', whole.subarray(0, whole.length - 1)],
    [/it is damaged: it has no end/, 'a.csv.gz', whole.subarray(0, whole.length / 2)],
    [/it is damaged: it has no end/, 'a.csv.zst', zstd(text).subarray(0, 1000)],
    [/stands behind its end/, 'a.csv.gz', Buffer.concat([whole, Buffer.from('rest')])],
    [/it is damaged/, 'a.csv.gz', Buffer.concat([whole.subarray(0, whole.length - 8), Buffer.alloc(8)])],
    [/its name says that it is packed/, 'a.csv.gz', Buffer.alloc(0)],
    [/its name says that it is packed/, 'a.csv.gz', Buffer.from('id\n1\n')],
    [/packed once more/, 'a.csv.gz', gzipSync(whole)],
    [/larger than 1 MB when it is unpacked/, 'a.csv.gz', gzipSync(text + text)],
  ];
  for (const [why, name, bytes] of cases) {
    writeFileSync(at(`t/${name}`), bytes);
    await fails(why, 't');
    rmSync(at(`t/${name}`));
    nothing_left();
  }
  writeFileSync(at('t/a.csv.gz'), zstd('0,'.repeat(40 << 20)));
  source('t', '{path: t}');
  await fails(/packed more than 500 times smaller than it is/, 't');
  assert.deepEqual(await rows("select table_name from information_schema.tables where table_schema = 't'"), []);
  assert.deepEqual((await rows("select distinct status from weir.loads where source = 't'")).map(({ status }) => status), ['failed']);
});

test('by http and of S3, also what is stored with Content-Encoding', async () => {
  const web = await Web.start();
  const store = await Store.start('packed', 'eu-central-1');
  try {
    web.file('/x/orders.csv.gz', gzipSync('id\n1\n2\n'), 'application/gzip');
    web.file('/x/people', gzipSync('{"a":1}\n'), 'application/x-ndjson');
    source('w', `{path: "${web.origin}/x/orders.csv.gz ${web.origin}/x/people"}`);
    assert.deepEqual((await sync('w')).sort(), ['orders loaded 2 0', 'people loaded 1 0']);
    assert.deepEqual((await sync('w')).map((line) => line.split(' ')[1]), ['unchanged', 'unchanged']);
    store.objects.set('e/a.csv.gz', gzipSync('id\n1\n'));
    store.objects.set('e/b.csv', gzipSync('id\n2\n3\n'));
    store.objects.set('e/c.csv.gz', gzipSync('id\n4\n5\n6\n'));
    store.encodings.set('e/b.csv', 'gzip');
    store.encodings.set('e/c.csv.gz', 'gzip');
    process.env['WEIR_SOURCE_S3'] = store.keys.secretAccessKey;
    source('s', `{path: "s3://packed/e/", endpoint: "${store.web.origin}", region: eu-central-1, access_key: AKIATEST, secret_key: "\${WEIR_SOURCE_S3}"}`);
    assert.deepEqual((await sync('s')).sort(), ['a loaded 1 0', 'b loaded 2 0', 'c loaded 3 0']);
    const got = store.got.length;
    assert.deepEqual((await sync('s')).map((line) => line.split(' ')[1]), ['unchanged', 'unchanged', 'unchanged']);
    assert.equal(store.got.length, got);
    nothing_left();
  } finally {
    web.close();
    store.web.close();
  }
});

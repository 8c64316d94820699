// The sheets of a workbook, and of a spreadsheet of Google, are streams to be picked.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import ExcelJS from 'exceljs';
import { Store } from '../node/s3.js';
import { Web } from '../node/web.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
let web: Web;
before(async () => {
  weir = await Weir.init();
  web = await Web.start();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  hosts: ["127.0.0.1"]\n');
});
after(async () => {
  web.close();
  await weir.remove();
});

const at = (name: string): string => path.join(weir.dir, name);
const source = (name: string, connection: string, more = ''): void => writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: ${connection}\n${more}`);
const sync = async (...args: string[]): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: { stream: string; status: string; rows_read: number }[] };
  return streams.map(({ stream, status, rows_read }) => `${stream} ${status} ${rows_read}`);
};
const discover = async (name: string): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('source', 'discover', name, '--json')) as { streams: { name: string; columns: { name: string }[] }[] };
  return streams.map((s) => `${s.name}: ${s.columns.map((c) => c.name).join(' ')}`);
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

async function workbook(sheets: Record<string, unknown[][]>, hidden: string[] = []): Promise<Buffer> {
  const book = new ExcelJS.Workbook();
  for (const [name, values] of Object.entries(sheets)) book.addWorksheet(name, { state: hidden.includes(name) ? 'hidden' : 'visible' }).addRows(values);
  return Buffer.from(await book.xlsx.writeBuffer());
}
const shop = (): Promise<Buffer> => workbook({ Notes: [['x'], [1]], Orders: [['id', 'v'], [1, 'a'], [2, 'b']], Empty: [], 'Q1 Sales': [['day'], [5]], 'Q1  sales': [['other'], [6]] }, ['Notes']);

test('of a workbook alone, the first sheet is called as it, and others as themselves; hidden and empty ones are none', async () => {
  writeFileSync(at('shop.xlsx'), await shop());
  source('alone', '{path: shop.xlsx}');
  assert.deepEqual(await discover('alone'), ['shop: id v', 'q1_sales: day', 'q1_sales_2: other']);
  assert.deepEqual(await sync('alone'), ['shop loaded 2', 'q1_sales loaded 1', 'q1_sales_2 loaded 1']);
  assert.deepEqual(await sync('alone'), ['shop unchanged 0', 'q1_sales unchanged 0', 'q1_sales_2 unchanged 0']);
  assert.deepEqual(await rows('select * exclude (_weir_file, _weir_run, _weir_loaded_at) from alone.q1_sales_2'), [{ other: 6 }]);
  // Picked by name, as the page does.
  source('alone', '{path: shop.xlsx}', 'streams: {q1_sales: {}, shop: {}}\n');
  assert.deepEqual(await sync('alone'), ['q1_sales unchanged 0', 'shop unchanged 0']);
  // What is said counts.
  source('alone', '{path: shop.xlsx, sheet: "Q1 Sales"}');
  assert.deepEqual(await discover('alone'), ['shop: day']);
  source('alone', '{path: shop.xlsx}', 'streams: {orders: {sheet: Orders, path: shop.xlsx}}\n');
  assert.deepEqual(await discover('alone'), ['orders: id v']);
  await assert.rejects(weir.in('sync', '--wait', 'alone.q2'), /no stream "q2"/);
});

test('a value in another sheet does not make the table of the first stand still', async () => {
  const put = async (sheets: Record<string, unknown[][]>, hidden: string[] = []): Promise<string[]> => {
    writeFileSync(at('book.xlsx'), await workbook(sheets, hidden));
    return sync('book');
  };
  source('book', '{path: book.xlsx}');
  assert.deepEqual(await put({ Sheet1: [['a'], [1]], Sheet2: [] }), ['book loaded 1']);
  assert.deepEqual(await put({ Sheet1: [['a'], [1], [2]], Sheet2: [['note']] }), ['book loaded 2', 'sheet2 loaded 0']);
  assert.deepEqual(await rows('select a from book.book order by a'), [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(await put({ Sheet1: [['a'], [3]], Sheet2: [] }), ['book loaded 1', 'sheet2 loaded 0']);
  assert.deepEqual(await rows('select a from book.book'), [{ a: 3 }]);
  // One without values that is put before them takes no table: the workbook's own goes on with its sheet.
  assert.deepEqual(await put({ Cover: [], Sheet1: [['a'], [4]], Sheet2: [['b'], [5]] }), ['book loaded 1', 'sheet1 loaded 1', 'sheet2 loaded 1']);
  assert.deepEqual(await rows('select a from book.book'), [{ a: 4 }]);
});

test('an empty sheet in front takes no rows, an emptied one no other sheet', async () => {
  const put = async (name: string, sheets: Record<string, unknown[][]>): Promise<string[]> => {
    writeFileSync(at(`${name}.xlsx`), await workbook(sheets));
    return sync(name);
  };
  const jan = { Jan: [['d'], [1], [2]] };
  source('front', '{path: front.xlsx}');
  assert.deepEqual(await put('front', { ...jan, Feb: [] }), ['front loaded 2']);
  assert.deepEqual(await put('front', { 'New first': [], ...jan, Feb: [] }), ['front unchanged 2', 'jan loaded 2']);
  assert.deepEqual(await rows('select d from front.front order by d'), [{ d: 1 }, { d: 2 }]);
  assert.deepEqual(await sync('front', '--full'), ['front loaded 2', 'jan loaded 2']);
  assert.match(await weir.in('verify', 'front'), /front/);
  // Emptied behind it, it is emptied; gone, nobody knows.
  assert.deepEqual(await put('front', { 'New first': [], Jan: [], Feb: [['d'], [7]] }), ['front loaded 0', 'feb loaded 1', 'jan loaded 0']);
  await put('front', { 'New first': [], ...jan, Feb: [] });
  await assert.rejects(put('front', { 'New first': [], Feb: [['d'], [7]], Mar: [['d'], [8]] }), /it has no sheet "Jan"; it has "New first"/);
  assert.deepEqual(await rows('select d from front.front order by d'), [{ d: 1 }, { d: 2 }]);
  // Of two, the other one is still read when the first is emptied.
  source('two', '{path: two.xlsx}');
  assert.deepEqual(await put('two', { ...jan, Feb: [['d'], [3]] }), ['two loaded 2', 'feb loaded 1']);
  assert.deepEqual(await put('two', { Jan: [], Feb: [['d'], [3], [4]] }), ['two loaded 0', 'feb loaded 2']);
  assert.deepEqual(await rows('select (select count(*) from two.two) as a, (select count(*) from two.feb) as b'), [{ a: 0, b: 2 }]);
  assert.deepEqual(await sync('two'), ['two unchanged 0', 'feb unchanged 0']);
  // A cover, and one sheet with values: that is what is meant.
  source('cover', '{path: cover.xlsx}', 'streams: {cover: {}}\n');
  assert.deepEqual(await put('cover', { Cover: [], ...jan }), ['cover loaded 2']);
  source('cover', '{path: cover.xlsx}');
  assert.deepEqual(await put('cover', { Cover: [], Jan: [['d'], [5]] }), ['cover loaded 1', 'jan loaded 1']);
  // Of several files, each has its own.
  mkdirSync(at('many'));
  source('many', '{path: many}', 'streams: {m: {path: "*.xlsx"}}\n');
  for (const name of ['a', 'b']) writeFileSync(at(`many/${name}.xlsx`), await workbook(jan));
  assert.deepEqual(await sync('many'), ['m loaded 4']);
  writeFileSync(at('many/a.xlsx'), await workbook({ Jan: [] }));
  assert.deepEqual(await sync('many'), ['m loaded 0']);
  writeFileSync(at('many/b.xlsx'), await workbook({ Cover: [], Jan: [['d'], [9]], Feb: [['d'], [8]] }));
  assert.deepEqual(await sync('many'), ['m loaded 1']);
  assert.deepEqual(await rows('select d from many.m'), [{ d: 9 }]);
});

test('a sheet that is emptied is told, and its table is, too; one that never had values is none', async () => {
  const put = async (sheets: Record<string, unknown[][]>): Promise<string[]> => {
    writeFileSync(at('year.xlsx'), await workbook(sheets));
    return sync('year');
  };
  source('year', '{path: year.xlsx}');
  const all = { Jan: [['d'], [1]], Feb: [['d', 'v'], [2, 'x']], Mar: [['d'], [3]], Apr: [] };
  assert.deepEqual(await put(all), ['year loaded 1', 'feb loaded 1', 'mar loaded 1']);
  assert.deepEqual(await put({ ...all, Feb: [] }), ['year unchanged 1', 'mar unchanged 1', 'feb loaded 0']);
  assert.deepEqual(await rows('select d, v from year.feb'), []);
  const [load] = await rows("select changes::text as changes from weir.loads where source = 'year' and stream = 'feb' order by started_at desc limit 1");
  assert.match(String(load?.['changes']), /year\.xlsx: the sheet .*Feb.* has no values any more/);
  assert.deepEqual(await discover('year'), ['year: d', 'mar: d']);
  assert.deepEqual(await sync('year'), ['year unchanged 0', 'mar unchanged 0', 'feb unchanged 0']);
  // The first one, where others have values; and values that come back.
  assert.deepEqual(await put({ ...all, Jan: [] }), ['year loaded 0', 'feb loaded 1', 'mar unchanged 1']);
  assert.deepEqual(await rows('select d from year.year'), []);
  assert.deepEqual(await put(all), ['year loaded 1', 'feb unchanged 1', 'mar unchanged 1']);
  assert.deepEqual(await rows('select (select d from year.year) as a, (select v from year.feb) as b'), [{ a: 1, b: 'x' }]);
  // Picked by name, or by its sheet; merged rows stay.
  source('year', '{path: year.xlsx}', 'streams:\n  feb: {}\n  march: {path: year.xlsx, sheet: Mar, mode: merge, key: [d]}\n');
  await sync('year');
  assert.deepEqual(await put({ ...all, Feb: [], Mar: [] }), ['feb loaded 0', 'march loaded 0']);
  assert.deepEqual(await rows('select (select count(*) from year.feb) as a, (select count(*) from year.march) as b'), [{ a: 0, b: 1 }]);
  source('year', '{path: year.xlsx}', 'streams: {fresh: {path: year.xlsx, sheet: Apr}}\n');
  await assert.rejects(sync('year'), /the sheet "Apr" has no values/);
});

test('in a folder they are called as the workbook, too; one with one sheet as before', async () => {
  mkdirSync(at('folder'));
  writeFileSync(at('folder/Shop.xlsx'), await shop());
  writeFileSync(at('folder/one.xlsx'), await workbook({ Only: [['n'], [1]], Empty: [] }));
  writeFileSync(at('folder/shop_orders.csv'), 'c\n1\n');
  writeFileSync(at('folder/broken.xlsx'), 'no workbook');
  source('folder', '{path: folder}');
  await assert.rejects(sync('folder'), /broken\.xlsx: it is no workbook/);
  writeFileSync(at('folder/broken.xlsx'), await workbook({ A: [['n'], [1]] }));
  assert.deepEqual((await discover('folder')).sort(), ['broken: n', 'one: n', 'shop: id v', 'shop_orders: c', 'shop_q1_sales: day', 'shop_q1_sales_2: other']);
  const loads = (await sync('folder')).filter((line) => line.startsWith('shop'));
  assert.deepEqual(loads, ['shop unchanged 0', 'shop_orders unchanged 0', 'shop_q1_sales unchanged 0', 'shop_q1_sales_2 unchanged 0']);
});

test('by http and of S3', async () => {
  web.file('/x/shop.xlsx', await shop(), 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet');
  source('web', `{path: "${web.origin}/x/shop.xlsx"}`);
  assert.deepEqual(await discover('web'), ['shop: id v', 'q1_sales: day', 'q1_sales_2: other']);
  assert.deepEqual(await sync('web'), ['shop loaded 2', 'q1_sales loaded 1', 'q1_sales_2 loaded 1']);
  assert.deepEqual(await sync('web'), ['shop unchanged 0', 'q1_sales unchanged 0', 'q1_sales_2 unchanged 0']);
  const store = await Store.start('books', 'eu-central-1');
  try {
    process.env['WEIR_SOURCE_S3'] = store.keys.secretAccessKey;
    store.objects.set('in/shop.xlsx', await shop());
    store.objects.set('in/a.csv', 'id\n1\n');
    source('s3', `{path: "s3://books/in/", endpoint: "${store.web.origin}", region: eu-central-1, access_key: AKIATEST, secret_key: "\${WEIR_SOURCE_S3}"}`);
    assert.deepEqual(await sync('s3'), ['a loaded 1', 'shop loaded 2', 'shop_q1_sales loaded 1', 'shop_q1_sales_2 loaded 1']);
  } finally {
    store.web.close();
  }
});

test('of Google, where the address does not say which sheet', async () => {
  const id = '1AbC-dEf_GhIjKlMnOpQrStUvWxYz0123456789abcde';
  const book = await workbook({ First: [['f'], [1]], 'Q1 Sales': [['day'], [5]] });
  const behind = await shop();
  const one = await workbook({ Sheet1: [['n'], [1]] });
  let now = book;
  web.routes.set(`/spreadsheets/d/${id}/export`, (_, response, url) => {
    if (url.searchParams.get('format') === 'xlsx') response.writeHead(200, { 'content-type': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'content-length': now.length }).end(now);
    else response.writeHead(200, { 'content-type': 'text/csv', 'content-length': 7 }).end(`csv\n${url.searchParams.get('gid') ?? '000'}\n`.slice(0, 7).padEnd(7, '\n'));
  });
  const address = `https://docs.google.com/spreadsheets/d/${id}/edit`;
  source('sheet', `{path: "${address}", google: "${web.origin}"}`);
  assert.deepEqual(await discover('sheet'), ['sheet: csv', 'q1_sales: day']);
  assert.deepEqual(await sync('sheet'), ['sheet loaded 1', 'q1_sales loaded 1']);
  // Its export as CSV is the first sheet, also where that is hidden.
  now = behind;
  assert.deepEqual(await discover('sheet'), ['orders: id v', 'q1_sales: day', 'q1_sales_2: other']);
  assert.deepEqual(await sync('sheet'), ['orders loaded 2', 'q1_sales unchanged 1', 'q1_sales_2 loaded 1', 'sheet gone 0']);
  now = book;
  source('sheet', `{path: "${address}#gid=77", google: "${web.origin}"}`);
  assert.deepEqual(await discover('sheet'), ['sheet: csv']);
  now = one;
  source('sheet', `{path: "${address}", google: "${web.origin}"}`);
  assert.deepEqual(await discover('sheet'), ['sheet: csv']);
});

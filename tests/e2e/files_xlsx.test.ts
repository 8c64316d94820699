// Workbooks of Excel: made by an independent library and by weir itself, read as tables.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import ExcelJS from 'exceljs';
import { Web } from '../node/web.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const at = (name: string): string => path.join(weir.dir, name);
const source = (name: string, connection: string, more = ''): void => writeFileSync(at(`sources/${name}.yml`), `kind: file\nconnection: ${connection}\n${more}`);
const sync = async (...args: string[]): Promise<string[]> => {
  const { streams } = JSON.parse(await weir.in('sync', '--json', '--wait', ...args)) as { streams: { stream: string; status: string; rows_read: number; rows_discarded: number }[] };
  return streams.map(({ stream, status, rows_read, rows_discarded }) => `${stream} ${status} ${rows_read} ${rows_discarded}`);
};
const types = async (name: string): Promise<Record<string, string>> => {
  const { streams } = JSON.parse(await weir.in('source', 'discover', name, '--json')) as { streams: { columns: { name: string; type: string }[] }[] };
  return Object.fromEntries(streams[0]?.columns.map((c) => [c.name, c.type]) ?? []);
};
const fails = async (why: RegExp, ...args: string[]): Promise<void> => {
  await assert.rejects(weir.in(...(args as [string, ...string[]])), (error: Error) => {
    assert.match(error.message, why);
    return true;
  });
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('values are what Excel shows: numbers, dates by their format, texts in pieces, formulas, errors', async () => {
  const book = new ExcelJS.Workbook();
  const sheet = book.addWorksheet('Orders');
  sheet.addRow(['Id', 'Order Date', 'Seen at', 'Amount', 'Paid', 'Name', 'Code', 'Twice', 'Clock', 'Broken', 'Merged', 'Mixed']);
  const day = (text: string): Date => new Date(`${text}Z`);
  const rich = { richText: [{ font: { bold: true }, text: 'Ada ' }, { text: '"the"\nfirst, <&>' }] };
  sheet.addRow([1, day('2026-01-31T00:00:00'), day('2026-01-31T08:30:15.250'), 1.5, true, rich, '007', { formula: 'A2*2', result: 2 }, 0.354166666666667, { error: '#N/A' }, 'both', 1]);
  sheet.addRow([]);
  sheet.addRow([2, day('1999-12-31T00:00:00'), day('2026-02-01T00:00:00'), 2, false, 'Ünï 😀', '012', { formula: 'A4*2', result: 4 }, 0.5, { error: '#DIV/0!' }, null, 'x']);
  sheet.addRow([3, null, null, 0.1 + 0.2, null, null, '', null, null, 5, null, null]);
  sheet.mergeCells('K2:K4');
  sheet.getColumn(2).numFmt = 'dd/mm/yyyy';
  sheet.getColumn(3).numFmt = '[$-409]yyyy\\-mm\\-dd hh:mm:ss.000;@';
  sheet.getColumn(4).numFmt = '#,##0.00 "days"';
  sheet.getColumn(9).numFmt = 'h:mm';
  mkdirSync(at('x'));
  await book.xlsx.writeFile(at('x/orders.xlsx'));
  await weir.in('source', 'add', 'x', '--kind', 'file', '--set', 'path=x');
  assert.deepEqual(await types('x'), { id: 'int', order_date: 'date', seen_at: 'timestamp', amount: 'double', paid: 'bool', name: 'text', code: 'text', twice: 'int', clock: 'text', broken: 'int', merged: 'text', mixed: 'text' });
  assert.deepEqual(await sync('x'), ['orders loaded 3 0']);
  assert.deepEqual(await rows("select id, order_date::text as d, seen_at::text as t, amount, paid, name, code, twice, clock, broken, mixed from x.orders order by id"), [
    { id: 1, d: '2026-01-31', t: '2026-01-31 08:30:15.25', amount: 1.5, paid: true, name: 'Ada "the"\nfirst, <&>', code: '007', twice: 2, clock: '08:30:00', broken: null, mixed: '1' },
    { id: 2, d: '1999-12-31', t: '2026-02-01 00:00:00', amount: 2, paid: false, name: 'Ünï 😀', code: '012', twice: 4, clock: '12:00:00', broken: null, mixed: 'x' },
    { id: 3, d: null, t: null, amount: 0.1 + 0.2, paid: null, name: null, code: '', twice: null, clock: null, broken: 5, mixed: null },
  ]);
  assert.deepEqual(await sync('x'), ['orders unchanged 0 0']);
});

test('sheets by name and by number, rows above the table, the calendar of 1904, inline texts', async () => {
  const book = new ExcelJS.Workbook();
  book.properties.date1904 = true;
  book.addWorksheet('Notes', { state: 'hidden' }).addRow(['nothing']);
  const first = book.addWorksheet('Report');
  first.addRow(['Sales of all shops']);
  first.addRow([]);
  first.getCell('C3').value = 'day';
  first.getCell('D3').value = 'n';
  for (let i = 0; i < 3; i++) {
    first.getCell(4 + i, 3).value = new Date(Date.UTC(2026, 0, 1 + i));
    first.getCell(4 + i, 3).numFmt = 'yyyy-mm-dd';
    first.getCell(4 + i, 4).value = i;
  }
  book.addWorksheet('More').addRows([['a'], ['x']]);
  await book.xlsx.writeFile(at('book.xlsx'));
  source('book', '{path: book.xlsx}', 'streams:\n  report: {path: book.xlsx, sheet: Report}\n  more: {path: book.xlsx, sheet: "3"}\n  first: {path: book.xlsx}\n');
  source('skipped', '{path: book.xlsx, skip: 2}', 'streams:\n  skipped: {path: book.xlsx}\n');
  assert.deepEqual(await sync('skipped'), ['skipped loaded 3 0']);
  assert.deepEqual(await rows('select day::text as day, n from skipped.skipped order by n'), [{ day: '2026-01-01', n: 0 }, { day: '2026-01-02', n: 1 }, { day: '2026-01-03', n: 2 }]);
  assert.deepEqual((await sync('book.more'))[0], 'more loaded 1 0');
  source('book', '{path: book.xlsx, sheet: Nix}', 'streams:\n  report: {path: book.xlsx}\n');
  await fails(/book\.xlsx: it has no sheet "Nix"; it has "Notes", "Report", "More"/, 'sync', '--wait', 'book');
  source('book', '{path: book.xlsx, skip: 100}', 'streams:\n  report: {path: book.xlsx}\n');
  await fails(/the sheet "Report" has no values below the rows that `skip` says/, 'sync', '--wait', 'book');
  rmSync(at('sources/book.yml'));
});

test("weir's own export comes back as it was; by http, too; rows of another type follow the contract", async () => {
  const web = await Web.start();
  writeFileSync(at('weir.yml'), `${readFileSync(at('weir.yml'), 'utf8')}\nsource:\n  hosts: ["127.0.0.1"]\n`);
  const made = execFileSync(process.env['WEIR'] ?? path.resolve('build/weir'), ['-C', weir.dir, 'query', "select range as id, range * 0.5 as v, 'n' || range as name, date '2026-01-01' + range::int as day from range(1, 2001)", '--format', 'xlsx'], { maxBuffer: 64 << 20 });
  web.file('/download', made, 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet');
  source('own', `{path: "${web.origin}/download"}`, 'streams:\n  t: {path: ' + `"${web.origin}/download"` + ', contract: discard_value}\n');
  assert.deepEqual(await types('own'), { id: 'int', v: 'double', name: 'text', day: 'date' });
  assert.deepEqual(await sync('own'), ['t loaded 2000 0']);
  assert.deepEqual(await rows('select count(*) as n, sum(id) as ids, sum(v) as v, min(day)::text as first, max(name) as name from own.t'), [{ n: 2000, ids: 2001000, v: 1000500, first: '2026-01-02', name: 'n999' }]);
  const book = new ExcelJS.Workbook();
  const sheet = book.addWorksheet('S');
  sheet.addRows([['id', 'v', 'name', 'day'], [1, 2, 'a', null], [2, 'many', 'b\nc', null]]);
  web.file('/download', Buffer.from(await book.xlsx.writeBuffer()), 'application/octet-stream');
  assert.deepEqual(await sync('own'), ['t loaded 2 0']);
  assert.deepEqual(await rows('select id, v, name from own.t order by id'), [{ id: 1, v: 2, name: 'a' }, { id: 2, v: null, name: 'b\nc' }]);
  assert.deepEqual(await rows("select column_name, value from weir.source_discards where source = 'own'"), [{ column_name: 'v', value: 'many' }]);
  web.close();
});

test('what is no workbook, is damaged or unpacks to too much is refused', async () => {
  const refuses = async (name: string, bytes: string | Buffer, why: RegExp): Promise<void> => {
    writeFileSync(at(name), bytes);
    source('bad', `{path: ${name}, format: xlsx}`, `streams:\n  t: {path: ${name}}\n`);
    await fails(why, 'sync', '--wait', 'bad');
  };
  await refuses('no.xlsx', 'a,b\n1,2\n', /no\.xlsx: it is no workbook of Excel/);
  await refuses('old.xlsx', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /or one with a password/);
  const whole = readFileSync(at('book.xlsx'));
  await refuses('cut.xlsx', whole.subarray(0, whole.length / 2), /no workbook|damaged/);
  const zip = (files: Record<string, string>): Buffer => {
    const dir = at('zip');
    rmSync(dir, { recursive: true, force: true });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
      writeFileSync(path.join(dir, name), text);
    }
    return execFileSync('python3', ['-c', 'import sys,zipfile,io,os\nb=io.BytesIO()\nz=zipfile.ZipFile(b,"w",zipfile.ZIP_DEFLATED)\nd=sys.argv[1]\nfor r,_,f in os.walk(d):\n  for n in f: z.write(os.path.join(r,n),os.path.relpath(os.path.join(r,n),d))\nz.close()\nsys.stdout.buffer.write(b.getvalue())', dir], { maxBuffer: 64 << 20 });
  };
  const rels = (target: string, type: string): string => `<Relationships xmlns="r"><Relationship Id="a" Type="x/${type}" Target="${target}"/></Relationships>`;
  const small = (sheet: string): Record<string, string> => ({ '_rels/.rels': rels('xl/workbook.xml', 'officeDocument'), 'xl/workbook.xml': '<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>', 'xl/_rels/workbook.xml.rels': rels('/xl/s.xml', 'worksheet'), 'xl/s.xml': sheet });
  const cell = '<row><c t="inlineStr"><is><t>id</t></is></c></row><row><c><v>7</v></c></row>';
  writeFileSync(at('ok.xlsx'), zip(small(`<x:worksheet xmlns:x="m"><x:sheetData>${cell.replaceAll('<', '<x:').replaceAll('<x:/', '</x:')}</x:sheetData></x:worksheet>`)));
  source('bad', '{path: ok.xlsx}', 'streams:\n  ok: {path: ok.xlsx}\n');
  assert.deepEqual(await sync('bad'), ['ok loaded 1 0']);
  // What an odd writer calls a number or a date is one value, whatever it holds.
  writeFileSync(at('ok.xlsx'), zip(small('<worksheet><row><c t="inlineStr"><is><t>id</t></is></c><c t="inlineStr"><is><t>v</t></is></c><c t="inlineStr"><is><t>on</t></is></c></row><row><c><v>7</v></c><c><v>abc,"x</v></c><c t="d"><v>2026-01-31</v></c></row><row><c t="d"><v>1,2,x</v></c><c><v>3</v></c></row></worksheet>')));
  assert.deepEqual(await sync('bad'), ['ok loaded 2 0']);
  assert.deepEqual(await rows('select id, v, "on"::text as day from bad.ok order by id'), [{ id: '1,2,x', v: '3', day: null }, { id: '7', v: 'abc,"x', day: '2026-01-31' }]);
  const short = Array.from({ length: 66000 }, (_, i) => `<row><c><v>${i * 7919}</v></c></row>`).join('');
  await refuses('wide.xlsx', zip(small(`<worksheet><row><c r="XFD1"><v>1</v></c></row>${short}</worksheet>`)), /it has more than 1073741824 cells/);
  await refuses('bomb.xlsx', zip(small(`<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet>&b;${cell}</worksheet>`)), /document type is not read/);
  await refuses('deep.xlsx', zip(small('<a>'.repeat(1000))), /deeper than 128/);
  await refuses('none.xlsx', zip({ '_rels/.rels': '<x/>' }), /no workbook of Excel/);
  await refuses('xml.xlsx', zip(small('<worksheet><row')), /sheet "S": no XML in line 1/);
  await refuses('rows.xlsx', zip(small('<worksheet><row r="5"/><row r="4"/></worksheet>')), /comes behind row 5/);
  const { length: seen } = await rows("select 1 from weir.loads where source = 'bad' and status = 'failed'");
  assert.ok(seen > 8);
  assert.deepEqual(await rows("select error from weir.loads where source = 'bad' and status = 'mismatch'"), []); // nothing was stored that might differ
  await refuses('big.xlsx', zip(small(`<worksheet>${' '.repeat(65 << 20)}</worksheet>`)), /packed more than 500 times smaller/);
});

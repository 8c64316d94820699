// Results as files: workbooks, guarded CSV, and downloads that work once and for one person.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { Weir } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  await weir.up();
});
after(() => weir.remove());

/** A file of a zip archive, by its central directory. */
function unzip(bytes: Buffer, name: string): string | undefined {
  let at = bytes.readUInt32LE(bytes.lastIndexOf('PK\x05\x06') + 16);
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const [packed, nameLength, extra, comment, local] = [bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)];
    if (bytes.subarray(at + 46, at + 46 + nameLength).toString() === name) {
      const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
      const raw = bytes.subarray(begin, begin + packed);
      return (bytes.readUInt16LE(at + 10) ? inflateRawSync(raw) : raw).toString();
    }
    at += 46 + nameLength + extra + comment;
  }
  return undefined;
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://${weir.serve}${url}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

test('a workbook holds values, not formulas, and says what does not fit', async () => {
  const file = path.join(weir.dir, 'out.xlsx');
  const sql = `select '=1+1' as f, 9007199254740993 as big, 1.25::decimal(9,2) as money, date '2026-01-02' as day, date '1850-01-01' as old,
    timestamp '2026-01-02 12:00:00' as at, true as yes, null as nothing, 'nan'::double as nan, repeat('ü', 40000) as long, 'a<b>&"' as marks`;
  await weir.in('query', sql, '--format', 'xlsx', '--output', file);
  const bytes = readFileSync(file);
  const sheet = unzip(bytes, 'xl/worksheets/sheet1.xml') ?? '';
  assert.match(sheet, /<c r="A2" t="inlineStr"><is><t>=1\+1<\/t>/);
  assert.doesNotMatch(sheet, /<f>/);
  assert.match(sheet, /<c r="B2" t="inlineStr"><is><t>9007199254740993</);
  assert.match(sheet, /<c r="C2"><v>1.25</);
  assert.match(sheet, /<c r="D2" s="\d+"><v>46024</);
  assert.match(sheet, /<c r="E2" t="inlineStr"><is><t>1850-01-01</);
  assert.match(sheet, /<c r="F2" s="\d+"><v>46024.5</);
  assert.match(sheet, /<c r="G2" t="b"><v>1</);
  assert.doesNotMatch(sheet, /r="H2"/);
  assert.match(sheet, /<t>NaN</);
  assert.match(sheet, /<t>ü{32767}</);
  assert.match(sheet, /a&lt;b&gt;&amp;/);
  assert.match(unzip(bytes, 'xl/worksheets/sheet2.xml') ?? '', /1 texts were cut/);
});

test('a workbook ends where a sheet does, and says so', async () => {
  const file = path.join(weir.dir, 'long.xlsx');
  await weir.in('query', 'from range(1048576)', '--format', 'xlsx', '--output', file);
  const bytes = readFileSync(file);
  assert.match(unzip(bytes, 'xl/worksheets/sheet1.xml') ?? '', /<c r="A1048576"><v>1048574</);
  assert.match(unzip(bytes, 'xl/worksheets/sheet2.xml') ?? '', /Not all rows are here.*1048575.*A sheet of Excel holds no more/s);
  const short = path.join(weir.dir, 'short.xlsx');
  await weir.in('query', 'from range(10)', '--limit', '10', '--format', 'xlsx', '--output', short);
  assert.equal(unzip(readFileSync(short), 'xl/worksheets/sheet2.xml'), undefined, 'nothing was cut');
});

test('CSV is exact unless it is asked to be guarded', async () => {
  const sql = `select '=cmd' as "@h", '-1' as t, -1 as n, chr(9) || 'x' as tab, 'a=b' as fine`;
  assert.equal(await weir.in('query', sql, '--format', 'csv'), '@h,t,n,tab,fine\n=cmd,-1,-1,\tx,a=b\n');
  assert.equal(await weir.in('query', sql, '--format', 'csv', '--guard'), `"'@h",t,n,tab,fine\n"'=cmd","'-1",-1,"'\tx",a=b\n`);
});

test('an export is fetched once, under a name that any disk takes', async () => {
  const asked = await post('/api/exports', { sql: "select '=1' as t", format: 'csv', filename: '../Über "50%";\r\nX-Evil: 1.csv' });
  assert.equal(asked.status, 201);
  const { url, filename } = (await asked.json()) as { url: string; filename: string };
  assert.equal(filename, '_._Über _50_____X-Evil_ 1.csv');
  const got = await fetch(`http://${weir.serve}${url}`);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get('x-evil'), null);
  assert.equal(got.headers.get('content-disposition'), `attachment; filename="_.___ber _50_____X-Evil_ 1.csv"; filename*=UTF-8''_._%C3%9Cber%20_50_____X-Evil_%201.csv`);
  assert.equal(await got.text(), `t\n"'=1"\n`);
  assert.equal((await fetch(`http://${weir.serve}${url}`)).status, 404, 'a second time');
});

test('a template is exported with its values, and exactly when that is asked for', async () => {
  const asked = await post('/api/exports', { sql: 'select {{ t }} as t', values: { t: '=1' }, format: 'csv', raw: true });
  const { url } = (await asked.json()) as { url: string };
  const got = await fetch(`http://${weir.serve}${url}`);
  assert.match(got.headers.get('content-disposition') ?? '', /filename="result.csv"/);
  assert.equal(await got.text(), 't\n=1\n');
});

test('what is wrong with a request is said when it is made', async () => {
  for (const [body, why] of [
    [{ sql: 'select 1', format: 'table' }, /csv, xlsx, json/],
    [{ sql: 'select 1', format: 'csv', filename: 1 }, /filename/],
    [{ sql: 'select 1', format: 'csv', nonsense: 1 }, /nonsense/],
    [{ format: 'csv' }, /sql\\" is missing/],
  ] as const) {
    const answer = await post('/api/exports', body);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), why);
  }
});

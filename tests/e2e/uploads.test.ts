// CSV files become tables, whatever they are like; views of the workspace are views of the warehouse.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readPage } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

interface Upload {
  table: string;
  rows: number;
  columns: { name: string; header: string; type: string; guess: string }[];
  bad: { line: number; text: string; reason: string }[];
  bad_count: number;
  encoding: string;
  separator: string;
  header: boolean;
}
let weir: Weir;
before(async () => {
  weir = await Weir.init();
  await weir.up();
});
after(() => weir.remove());

let count = 0;
async function send(body: string | Buffer, { name = `t${++count}`, method = 'POST', header = '', type = 'text/csv' } = {}): Promise<Response & { name: string }> {
  const target = method === 'PUT' ? `/api/uploads/${name}?header=${header}` : `/api/uploads?name=${name}${header && `&header=${header}`}`;
  const response = await fetch(`http://${weir.serve}${target}`.replace(/\?header=$/, ''), { method, headers: { 'content-type': type }, body: typeof body === 'string' ? body : new Uint8Array(body) });
  return Object.assign(response, { name });
}
async function load(body: string | Buffer, options: Parameters<typeof send>[1] = {}): Promise<Upload> {
  const response = await send(body, options);
  const text = await response.text();
  assert.ok(response.ok, text);
  return JSON.parse(text) as Upload;
}
const types = (upload: Upload): Record<string, string> => Object.fromEntries(upload.columns.map(({ name, type }) => [name, type]));
const rows = async (upload: Upload): Promise<object[]> => (await weir.query(`from ${upload.table}`)).rows;
const refused = async (body: string | Buffer, why: RegExp, status = 400, options = {}): Promise<void> => {
  const response = await send(body, options);
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.match(text, why);
};

test('types are found over the whole file, and lose nothing', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `${i},0${i},${i / 4},2026-01-0${(i % 9) + 1},2026-01-02T03:04:05+02:00,${i % 2 ? 'true' : 'FALSE'},"a, ""b""",${i === 4999 ? 'x' : i},9007199254740993123`);
  const made = await load(`ID,Postcode,Price,Day,At,Paid?,Text,Late,Long\n${lines.join('\n')}\n`);
  assert.deepEqual(types(made), { id: 'bigint', postcode: 'text', price: 'double', day: 'date', at: 'timestamp', paid: 'boolean', text: 'text', late: 'text', long: 'bigint' });
  assert.equal(made.rows, 5000);
  assert.match(made.columns[1]?.guess ?? '', /begin with zeros/);
  assert.match(made.columns[7]?.guess ?? '', /"x" is no such value/);
  const { rows: found } = await weir.query(`select * from ${made.table} where id = 4998`);
  assert.deepEqual(found, [{ id: 4998, postcode: '04998', price: 1249.5, day: '2026-01-04', at: '2026-01-02T01:04:05Z', paid: false, text: 'a, "b"', late: '4998', long: '9007199254740993123' }]);
});

test('European files are read as they were meant', async () => {
  const made = await load('Name;Betrag;Datum;Zeit;Tausend\nMüller;1.234,50;31.12.2026;31.12.2026 23:59;1.000\nÖz;-0,5;01.02.2026;1.2.2026 1:02;2.500\n');
  assert.equal(made.separator, ';');
  assert.deepEqual(types(made), { name: 'text', betrag: 'double', datum: 'date', zeit: 'timestamp', tausend: 'text' });
  assert.match(made.columns[1]?.guess ?? '', /decimal comma/);
  assert.deepEqual((await rows(made))[0], { name: 'Müller', betrag: 1234.5, datum: '2026-12-31', zeit: '2026-12-31T23:59:00Z', tausend: '1.000' });
});

test('what may be read in two ways stays text, and says so', async () => {
  const made = await load('a,b,c\n01/02/2026,"1,234",12E5\n03/04/2026,"5,678",13E5\n');
  assert.deepEqual(types(made), { a: 'text', b: 'text', c: 'text' });
  assert.match(made.columns[0]?.guess ?? '', /day or the month/);
  assert.match(made.columns[1]?.guess ?? '', /thousands or of decimals/);
  assert.equal(types(await load('a,b\n13/02/2026,1\n01/02/2026,2\n')).a, 'date');
});

test('every encoding comes out as the same text', async () => {
  const text = 'name,n\nZoë,1\nÅsa €,2\n';
  const wide = Buffer.from(`\ufeff${text}`, 'utf16le');
  const files: [string, Buffer][] = [
    ['UTF-8', Buffer.from(text)],
    ['UTF-8', Buffer.from(`\ufeff${text}`)],
    ['UTF-16LE', wide],
    ['UTF-16BE', Buffer.from(wide).swap16()],
    ['UTF-16LE', Buffer.from(text, 'utf16le')],
    ['Windows-1252', Buffer.from('name,n\nZo\xeb,1\n\xc5sa \x80,2\n', 'latin1')],
  ];
  for (const [encoding, bytes] of files) {
    const made = await load(bytes);
    assert.equal(made.encoding, encoding);
    assert.deepEqual(await rows(made), [{ name: 'Zoë', n: 1 }, { name: 'Åsa €', n: 2 }]);
  }
});

test('separators, line ends, and texts over several lines', async () => {
  for (const [separator, told] of [[',', ','], [';', ';'], ['\t', 'tab'], ['|', '|']]) {
    for (const end of ['\n', '\r\n', '\r']) {
      const made = await load([['a', 'b'], ['1', `"x${separator} y"`], ['2', '"z"']].map((line) => line.join(separator)).join(end));
      assert.equal(made.separator, told);
      assert.deepEqual(await rows(made), [{ a: 1, b: `x${separator} y` }, { a: 2, b: 'z' }]);
    }
  }
  const long = await load('sep=;\na;b\n1;"two\nlines; ""quoted"""\n\n2;""\n3;\n');
  assert.deepEqual(await rows(long), [{ a: 1, b: 'two\nlines; "quoted"' }, { a: 2, b: '' }, { a: 3, b: null }]);
});

test('lines that cannot be read are kept, with the place and the reason', async () => {
  const made = await load('a,b\n1,x\n2\n3,y,z\n4,"open\n5,fine\n6,nu\0l\n7,"x"y\n8,ok,,\n', { name: 'ragged' });
  assert.deepEqual(await rows(made), [{ a: 1, b: 'x' }, { a: 5, b: 'fine' }, { a: 8, b: 'ok' }]);
  assert.deepEqual(made.bad.map(({ line, reason }) => [line, reason]), [
    [3, 'it has 1 field, and the table has 2 columns'],
    [4, 'it has 3 fields, and the table has 2 columns'],
    [5, 'there is text behind a closing quote'],
    [7, 'field 2 holds a NUL byte'],
    [8, 'there is text behind a closing quote'],
  ]);
  assert.equal(made.bad_count, 5);
  const kept = await weir.query("select line, text from weir.upload_rejects where upload = 'ragged' order by line");
  assert.deepEqual(kept.rows.map(({ line, text }) => [line, text]), [[3, '2'], [4, '3,y,z'], [5, '4,"open'], [7, '6,nu\ufffdl'], [8, '7,"x"y']]);
  const broken = await load(Buffer.concat([Buffer.from('a,b\nZoë,ü\n'), Buffer.from([0xff]), Buffer.from(',x\n')]));
  assert.deepEqual(broken.bad.map(({ reason }) => reason), ['field 1 is no valid UTF-8']);
});

test('names of columns are what SQL takes, and no two are the same', async () => {
  const made = await load('Order Date,order date,,2024,"Größe (cm)",select\n1,2,3,4,5,6\n');
  assert.deepEqual(made.columns.map(({ name }) => name), ['order_date', 'order_date_2', 'column_3', '_2024', 'größe_cm', 'select']);
  const none = await load('1,x\n2,y\n');
  assert.equal(none.header, false);
  assert.deepEqual(await rows(none), [{ column_1: 1, column_2: 'x' }, { column_1: 2, column_2: 'y' }]);
  assert.equal((await load('a\nb\n', { header: 'no' })).rows, 2);
  assert.equal((await load('1\n2\n', { header: 'yes' })).rows, 1);
  assert.deepEqual([(await load('only,a,header\n')).rows], [0]);
});

test('what is no CSV is refused by its name', async () => {
  await refused('', /empty/);
  await refused(Buffer.from('PK\x03\x04rest'), /Excel workbook/);
  await refused('  <!DOCTYPE html><html></html>', /web page/);
  await refused(Buffer.from([0x1f, 0x8b, 8, 0]), /gzip/);
  await refused('%PDF-1.7', /PDF/);
  await refused('{"error": "no rights"}', /no CSV but JSON/);
  await refused('a\n', /Content-Type/, 415, { type: 'text/plain' });
  await refused('a\n', /cannot name an upload/, 400, { name: 'No' });
  await refused('a\n', /cannot name an upload/, 400, { name: encodeURIComponent('a"; drop table x') });
  await refused(`${Array.from({ length: 100_000 }, (_, i) => `c${i}`).join()}\n`, /columns/, 413);
});

test('the wide and the long', async () => {
  const wide = await load(`${Array.from({ length: 300 }, (_, i) => `c${i}`).join()}\n${Array.from({ length: 300 }, (_, i) => i).join()}\n`);
  assert.equal(wide.columns.length, 300);
  const long = await load(`a,b\n${'x'.repeat(1_100_000)},1\ny,2\n`);
  assert.equal(long.rows, 1);
  assert.match(long.bad[0]?.reason ?? '', /longer than 1 MB/);
  const many = Array.from({ length: 300_000 }, (_, i) => `${i},name ${i}`).join('\n');
  const big = await load(`id,name\n${many}\n`);
  assert.equal(big.rows, 300_000);
  const { rows: sums } = await weir.query(`select count(*) as n, sum(id)::bigint as s, count(distinct name) as d from ${big.table}`);
  assert.deepEqual(sums, [{ n: 300_000, s: 44_999_850_000, d: 300_000 }]);
});

test('a body comes in pieces, may break off, and has its limit', async () => {
  const files = (): string[] => readdirSync(path.join(weir.dir, '.weir/tmp/upload'));
  const [host, port] = weir.serve.split(':');
  const begin = (headers: Record<string, string | number>, target = '/api/uploads?name=pieces'): http.ClientRequest =>
    http.request({ host, port, method: 'POST', path: target, headers: { 'content-type': 'text/csv', ...headers } });
  const answered = (request: http.ClientRequest): Promise<number> =>
    new Promise((resolve, reject) => request.once('response', (answer) => { answer.resume(); resolve(answer.statusCode ?? 0); }).once('error', reject).flushHeaders());
  const chunked = begin({ 'transfer-encoding': 'chunked' });
  const done = answered(chunked);
  chunked.write('a,b\n1,');
  await until('the file of the upload', 30, () => (files().length ? true : undefined));
  chunked.write('"x');
  chunked.end('y"\n');
  assert.equal(await done, 201);
  assert.deepEqual((await weir.query('from uploads.pieces')).rows, [{ a: 1, b: 'xy' }]);
  const broken = begin({ 'content-length': 1000 }, '/api/uploads?name=broken_off');
  broken.on('error', () => undefined);
  broken.write('a,b\n');
  await until('the file of the upload', 30, () => (files().length ? true : undefined));
  broken.destroy();
  await until('its end', 30, () => (files().length ? undefined : true));
  assert.equal(await answered(begin({ 'content-length': 3 * 2 ** 30 }).on('error', () => undefined)), 413);
  assert.equal(await answered(begin({ 'content-length': 2, 'content-encoding': 'gzip' })), 415);
  const settings = path.join(weir.dir, 'weir.yml');
  const before = readFileSync(settings, 'utf8');
  await weir.down();
  writeFileSync(settings, before.replace('serve:\n', 'serve:\n  upload_max: 1MB\n'));
  await weir.up();
  const [newHost, newPort] = weir.serve.split(':');
  const endless = http.request({ host: newHost, port: newPort, method: 'POST', path: '/api/uploads?name=endless', headers: { 'content-type': 'text/csv', 'transfer-encoding': 'chunked' } });
  const refusedAt = answered(endless);
  endless.on('error', () => undefined);
  for (let i = 0; i < 40; i++) endless.write('x'.repeat(64 * 1024));
  assert.equal(await refusedAt, 413);
  endless.destroy();
  await until('its end', 30, () => (files().length ? undefined : true));
  await weir.down();
  writeFileSync(settings, before);
  await weir.up();
});

test('an upload is replaced at once, listed, and removed; a failed one changes nothing', async () => {
  await load('a\n1\n', { name: 'prices' });
  await refused('a\n2\n', /already/, 409, { name: 'prices' });
  await refused('a\n2\n', /no upload/, 404, { name: 'nobody', method: 'PUT' });
  await refused('PK\x03\x04', /workbook/, 400, { name: 'prices', method: 'PUT' });
  assert.deepEqual((await weir.query('from uploads.prices')).rows, [{ a: 1 }]);
  const readers = Array.from({ length: 20 }, () => weir.query('select count(*) as n from uploads.prices'));
  assert.equal((await load('a,b\n2,x\n3,y\n', { name: 'prices', method: 'PUT' })).rows, 2);
  for (const { rows: [row] } of await Promise.all(readers)) assert.ok(row?.['n'] === 1 || row?.['n'] === 2);
  assert.deepEqual((await weir.query('from uploads.prices')).rows, [{ a: 2, b: 'x' }, { a: 3, b: 'y' }]);
  const listed = (await (await fetch(`http://${weir.serve}/api/uploads`)).json()) as { uploads: { name: string; by: string; rows: number }[] };
  assert.deepEqual(listed.uploads.filter(({ name }) => name === 'prices').map(({ by, rows: n }) => [by, n]), [['Owner', 2]]);
  assert.equal((await fetch(`http://${weir.serve}/api/uploads/prices`, { method: 'DELETE' })).status, 204);
  assert.equal((await fetch(`http://${weir.serve}/api/uploads/prices`, { method: 'DELETE' })).status, 404);
  await assert.rejects(weir.query('from uploads.prices'), /does not exist/);
});

test('events are loaded while files are uploaded', async () => {
  const post = (i: number): Promise<Response> =>
    fetch(`http://${weir.collect}/v1/track`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${weir.key}:`)}` }, body: JSON.stringify({ userId: 'u', event: 'Busy', properties: { i } }) });
  const text = `a,b\n${Array.from({ length: 50_000 }, (_, i) => `${i},${i}`).join('\n')}\n`;
  const all = await Promise.all([load(text), ...Array.from({ length: 200 }, (_, i) => post(i)), load(text)]);
  for (const one of all.filter((one): one is Response => one instanceof Response)) assert.equal(one.status, 200);
  await weir.loaded();
  assert.deepEqual((await weir.query('select count(*) as n from web.busy')).rows, [{ n: 200 }]);
});

test('the command line does the same, with a server and without one', async () => {
  const file = path.join(weir.dir, 'Budget 2026 (final).csv');
  writeFileSync(file, 'sport;budget\nrugby;1,5\nclimbing;2,25\nbad\n');
  const said = await weir.in('upload', file);
  assert.match(said, /budget\s+double\s+numbers with a decimal comma/);
  assert.match(said, /uploads\.budget_2026_final: 2 rows/);
  await assert.rejects(weir.in('upload', file), /--replace/);
  await weir.in('upload', file, '--replace');
  await assert.rejects(weir.in('upload', file, '--name', 'No'), /--name is "No"/);
  await weir.down();
  const alone = JSON.parse(await weir.in('upload', file, '--name', 'alone', '--json')) as Upload;
  assert.equal(alone.bad_count, 1);
  await weir.up();
  assert.equal((await weir.query('from uploads.alone')).rows.length, 2, 'kept over a restart');
});

/* --- views --------------------------------------------------------------------------------------- */

interface Saved { warehouse: boolean; reason: string | null; version: string }
async function save(name: string, sql: string, base?: string): Promise<Saved> {
  const response = await fetch(`http://${weir.serve}/api/views/${name}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql, ...(base ? { base } : {}) }) });
  const text = await response.text();
  assert.ok(response.ok, text);
  return JSON.parse(text) as Saved;
}
const view = async (name: string): Promise<Saved> => (await (await fetch(`http://${weir.serve}/api/views/${name}`)).json()) as Saved;

test('a view that is saved is in the warehouse at once, and one that reads another, too', async () => {
  const { name, merged, warehouse, reason } = (await save('a_second', 'select n + 1 as n from views.z_first')) as unknown as Record<string, unknown>;
  assert.deepEqual([name, merged, warehouse, reason], ['a_second', false, false, (await view('a_second')).reason]);
  assert.equal((await save('z_first', 'select 41 as n -- the end')).warehouse, true);
  assert.deepEqual((await weir.query('from views.a_second')).rows, [{ n: 42 }]);
  assert.equal((await view('a_second')).warehouse, true);
  assert.match(await weir.in('query', 'select v.n from [a_second as v]', '--template', '--format', 'csv'), /^n\n42\n$/);
  const schema = (await (await fetch(`http://${weir.serve}/api/schema`)).json()) as { tables: { schema: string; name: string; view: boolean }[] };
  assert.equal(schema.tables.find(({ schema: s, name }) => s === 'views' && name === 'a_second')?.view, true);
  assert.match(await weir.in('query', 'from views.a_second', '--format', 'csv'), /^n\n42\n$/);
});

test('what cannot be a view of the warehouse says why, and stops nothing', async () => {
  assert.match((await save('with_parameter', 'select {{ sport }} as s')).reason ?? '', /no parameter "sport"/);
  assert.match((await save('with_form', 'select {{ s }} as s {% form %} s: {type: text, default: x} {% endform %}')).reason ?? '', /has parameters \(s\)/);
  assert.match((await save('broken', 'select nope from range(3)')).reason ?? '', /nope/);
  assert.match((await save('two', 'select 1; drop table uploads.alone')).reason ?? '', /./);
  assert.match((await save('files', "from read_csv('/etc/passwd')")).reason ?? '', /read_csv/);
  assert.match((await save('itself', 'select * from views.itself')).reason ?? '', /reads itself/);
  await save('left', 'select * from views.right_');
  assert.match((await save('right_', 'select * from views."left"')).reason ?? '', /reads itself, by way of/);
  for (const name of ['with_parameter', 'broken', 'two', 'files', 'itself', 'left', 'right_']) assert.equal((await view(name)).warehouse, false, name);
  // Who reads one is told why, and not that a table of that name is missing; in a page, too.
  await assert.rejects(weir.in('query', 'select * from views."BROKEN"'), /views\.broken is not in the warehouse: .*nope/);
  await assert.rejects(weir.query('from views.with_form'), /views\.with_form is not in the warehouse: .*has parameters/);
  await assert.rejects(weir.query('from uploads.broken'), /Table with name broken does not exist/);
  const token = readFileSync(path.join(weir.dir, '.weir/secrets/api_token'), 'utf8').trim();
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const made = await fetch(`http://${weir.serve}/api/reports`, { method: 'POST', headers, body: JSON.stringify({ report: { title: 'Reads it', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'from views.broken' } }) });
  const { id } = (await made.json()) as { id: string };
  const page = readPage(Buffer.from(await (await fetch(`http://${weir.serve}/api/page`, { method: 'POST', headers, body: JSON.stringify({ report: id }) })).arrayBuffer()));
  assert.match(page.parts[0]?.error?.message ?? '', /views\.broken is not in the warehouse: .*nope/);
  const plan = await fetch(`http://${weir.serve}/api/explain`, { method: 'POST', headers, body: JSON.stringify({ sql: 'from views.broken' }) });
  assert.match(await plan.text(), /views\.broken is not in the warehouse: .*nope/);
  const form = { title: 'Chooses', queries: [{ id: 'q' }], parameters: [{ name: 's', type: 'select', options: { query: 'q', value: 'nope' } }], tiles: [] };
  const chooses = (await (await fetch(`http://${weir.serve}/api/reports`, { method: 'POST', headers, body: JSON.stringify({ report: form, queries: { q: 'from views.broken' } }) })).json()) as { id: string };
  assert.match(await (await fetch(`http://${weir.serve}/api/reports/${chooses.id}/options/s`, { headers })).text(), /views\.broken is not in the warehouse: .*nope/);
  assert.deepEqual((await weir.query('from views.a_second')).rows, [{ n: 42 }]);
  assert.match(weir.log(), /a view is not in the warehouse/);
  assert.match(await weir.in('validate').catch((error: Error & { stdout?: string }) => String(error.stdout)), /views\/with_parameter\.sql is not in the warehouse: .*parameter/);
});

test('files that a text editor writes and deletes are followed', async () => {
  mkdirSync(path.join(weir.dir, 'views'), { recursive: true });
  writeFileSync(path.join(weir.dir, 'views/edited.sql'), 'select 1 as x\n');
  await until('the view of a text editor', 20, () => weir.query('from views.edited').then(({ rows: [row] }) => (row?.['x'] === 1 ? true : undefined), () => undefined));
  writeFileSync(path.join(weir.dir, 'views/edited.sql'), 'select 2 as x, 3 as y\n');
  await until('its new text', 20, () => weir.query('from views.edited').then(({ rows: [row] }) => (row?.['y'] === 3 ? true : undefined), () => undefined));
  rmSync(path.join(weir.dir, 'views/edited.sql'));
  await until('its end', 20, () => weir.query('from views.edited').then(() => undefined, () => true as const));
});

test('a view appears with its table, and tables go and change beneath it', async () => {
  assert.equal((await save('late', 'select count(*) as n from uploads.later')).warehouse, false);
  await load('a\n1\n2\n', { name: 'later' });
  await until('the view', 20, () => weir.query('from views.late').then(({ rows: [row] }) => (row?.['n'] === 2 ? true : undefined), () => undefined));
  await load('b,c\nx,y\n', { name: 'later', method: 'PUT' });
  assert.deepEqual((await weir.query('from views.late')).rows, [{ n: 1 }]);
  assert.equal((await fetch(`http://${weir.serve}/api/uploads/later`, { method: 'DELETE' })).status, 204);
  await until('the reason', 20, async () => ((await view('late')).warehouse ? undefined : true));
});

test('views survive a restart, and a replay is not held up by them', async () => {
  await save('events', 'select count(*) as n from web.busy');
  assert.deepEqual((await weir.query('from views.events')).rows, [{ n: 200 }]);
  await weir.in('replay');
  assert.deepEqual((await weir.query('from views.events')).rows, [{ n: 200 }]);
  await weir.down();
  await weir.up();
  assert.deepEqual((await weir.query('from views.events')).rows, [{ n: 200 }]);
});

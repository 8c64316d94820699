// Reports as PDF and PNG files, made by the real Chromium and read by poppler: what is on them, whose
// eyes they are made with, and what the browser's pass opens.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, Client, join, message, send, setUp } from '../node/client.js';
import { Weir, until } from '../node/weir.js';

let weir: Weir;
let admin: Client;
let rita: { id: string; client: Client };
let id: string;
let target: string;
let other: string;

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  rita = await join(admin, 'rita@example.com');
  const group = await admin.want(201, 'POST', '/api/groups', { name: 'rugby', members: [rita.id], tables: [], collections: [] });
  const report = {
    title: 'Sports & <others>',
    description: 'Who plays what',
    parameters: [
      { name: 'sport', label: 'Sport', type: 'multiselect', options: ['rugby', 'hockey'] },
      { name: 'dates', label: 'Dates', type: 'daterange', default: 'last 28 days' },
    ],
    queries: [{ id: 'q' }, { id: 'wrong' }],
    tiles: [
      { id: 't1', kind: 'table', query: 'q', title: 'Players', x: 0, y: 0, w: 12, h: 8 },
      { id: 't2', kind: 'chart', query: 'q', title: 'As bars', x: 12, y: 0, w: 12, h: 8, chart: { type: 'bar', x: { column: 'sport' }, y: [{ column: 'n' }] } },
      { id: 't3', kind: 'text', markdown: 'Read [the rules](https://rules.example.com/all).', x: 0, y: 8, w: 24, h: 3 },
      { id: 't4', kind: 'table', query: 'wrong', title: 'Broken', x: 0, y: 11, w: 24, h: 6 },
    ],
  };
  const queries = { q: "select * from (values ('rugby', 15), ('hockey', 11)) t(sport, n) where [sport=sport]", wrong: "select cast('no such luck' as int)" };
  id = String((await admin.want(201, 'POST', '/api/reports', { report, queries }))['id']);
  target = `/api/reports/${id}`;
  await admin.want(200, 'PUT', `${target}/publication`, { company: true, groups: [{ group: group['id'], forced: { sport: ['rugby'] } }] });
  other = String((await admin.want(201, 'POST', '/api/reports', { report: { title: 'Another' }, queries: {} }))['id']);
});
after(() => weir.remove());

const file = (name: string): string => path.join(weir.dir, name);
const textOf = (pdf: string): string => execFileSync('pdftotext', ['-layout', pdf, '-'], { encoding: 'utf8' });
const isDone = async (who: Client, render: string): Promise<Record<string, unknown>> => await until('the file', 60, async () => {
  const now = await who.want(200, 'GET', `/api/renders/${render}`);
  return now['state'] === 'done' || now['state'] === 'failed' ? now : undefined;
});

test('a report on paper has its tiles, its filters in words, its links, and what went wrong', async () => {
  await weir.in('export', id, '-o', file('all.pdf'), '--value', 'dates=last 7 days');
  const text = textOf(file('all.pdf'));
  for (const words of ['Sports & <others>', 'Who plays what', 'Players', 'As bars', 'rugby', '15', 'hockey', '11', 'last 7 days', 'no such luck']) {
    assert.ok(text.includes(words), `${words} is on it:\n${text}`);
  }
  assert.match(text, /Sport +any/);
  assert.ok(readFileSync(file('all.pdf'), 'latin1').includes('https://rules.example.com/all'), 'links stay links');
  const info = execFileSync('pdfinfo', [file('all.pdf')], { encoding: 'utf8' });
  assert.match(info, /Title: +Sports & <others>/);
  assert.match(info, /Pages: +1\n/);
  assert.match(info, /\(A4\)/);
  await weir.in('export', id, '-o', file('letter.pdf'), '--paper', 'letter', '--landscape');
  assert.match(execFileSync('pdfinfo', [file('letter.pdf')], { encoding: 'utf8' }), /792 x 612|Page rot: +90/);
});

test('it is made as whoever asks for it, with what is forced on her', async () => {
  const made = await rita.client.want(202, 'POST', '/api/renders', { report: id, values: { sport: ['hockey'] } });
  const done = await isDone(rita.client, String(made['id']));
  assert.equal(done['error'], null);
  const answer = await fetch(`http://${weir.serve}${String(done['url'])}`, { headers: { cookie: rita.client.cookie } });
  assert.equal(answer.headers.get('content-type'), 'application/pdf');
  assert.match(String(answer.headers.get('content-disposition')), /attachment; .*Sports/);
  writeFileSync(file('hers.pdf'), new Uint8Array(await answer.arrayBuffer()));
  const text = textOf(file('hers.pdf'));
  assert.ok(text.includes('rugby') && !text.includes('hockey'), text);
  await admin.want(404, 'GET', `/api/renders/${String(made['id'])}`);
  await admin.want(404, 'GET', `/api/renders/${String(made['id'])}/file`);
  // The same by an admin, through her eyes.
  await weir.in('export', id, '-o', file('seen.pdf'), '--as', 'rita@example.com');
  assert.ok(!textOf(file('seen.pdf')).includes('hockey'));
});

test('one tile as a picture, and rows as files', async () => {
  await weir.in('export', id, '-o', file('bars.png'), '--tile', 't2', '--width', '640');
  const png = readFileSync(file('bars.png'));
  assert.deepEqual([png.toString('latin1', 1, 4), png.readUInt32BE(16)], ['PNG', 1280]);
  assert.ok(png.readUInt32BE(20) < 1200, 'no more than the tile');
  await weir.in('export', id, '-o', file('rows.csv'), '--query', 'q', '--as', 'rita@example.com');
  assert.equal(readFileSync(file('rows.csv'), 'utf8'), 'sport,n\nrugby,15\n');
});

test('what cannot be made is said, and leaves no file', async () => {
  await assert.rejects(weir.in('export', id, '-o', file('no.pdf'), '--tile', 'nothing'), /the report has no tile nothing/);
  await assert.rejects(weir.in('export', 'nothing', '-o', file('no.pdf')), /there is no report "nothing"/);
  await assert.rejects(weir.in('export', id, '-o', file('no.csv'), '--query', 'wrong'), /no such luck/);
  await assert.rejects(weir.in('export', id, '-o', file('no.csv')), /--query/);
  assert.ok(!existsSync(file('no.pdf')) && !existsSync(file('no.csv')) && !existsSync(file('no.csv.part')));
});

test('the pass of the browser reads this report and nothing else, and ends with the job', async () => {
  // In the browser's place: what it was told goes to a file; it never finishes.
  const spy = file('spy.sh');
  writeFileSync(spy, `#!/bin/sh\nexec node -e '
    const fs = require("fs"); let id = 0; let all = "";
    fs.createReadStream(null, { fd: 3 }).on("data", (data) => {
      all += data; fs.writeFileSync(process.env.HOME + "/../spied", all);
      for (const one of String(data).split("\\0").filter(Boolean)) fs.writeSync(4, JSON.stringify({ id: JSON.parse(one).id, result: { targetId: "t", sessionId: "s" } }) + "\\0");
    });'\n`);
  chmodSync(spy, 0o755);
  appendFileSync(file('weir.yml'), `\nrender:\n  browser: ${spy}\n`);
  await weir.down();
  await weir.up();
  const made = await admin.want(202, 'POST', '/api/renders', { report: id });
  const spied = file('.weir/tmp/render/spied');
  const pass = await until('the pass', 30, () => (existsSync(spied) ? /"X-Weir-Pass":"([0-9a-f]{64})"/.exec(readFileSync(spied, 'utf8'))?.[1] : undefined));
  const by = (method: string, to: string, body?: unknown, more: Record<string, string> = {}): Promise<Answer> => send(weir, method, to, { 'x-weir-pass': pass, ...more }, body);
  assert.equal((await by('GET', target)).status, 200);
  assert.equal((await by('POST', '/api/query', { report: id, query: 'q' })).status, 200);
  assert.equal((await by('POST', '/api/page', { report: id })).status, 200);
  assert.equal((await by('POST', '/api/query', { report: other, query: 'q' })).status, 404);
  assert.equal((await by('POST', '/api/page', { report: other })).status, 404);
  for (const [method, to, body] of [
    ['GET', `/api/reports/${other}`], ['GET', `${target}/history`], ['GET', '/api/people'], ['GET', '/api/documents'], ['GET', '/api/schema'],
    ['GET', '/api/audit'], ['GET', '/api/history'], ['GET', '/metrics'], ['POST', '/api/query', { sql: 'select 1' }], ['POST', '/api/exports', { sql: 'select 1', format: 'csv' }],
    ['POST', '/api/renders', { report: id }], ['POST', '/api/compile', { sql: 'select 1' }], ['PUT', `${target}/share`, {}], ['DELETE', target], ['PUT', '/api/drafts/x', {}],
  ] as const) {
    assert.equal((await by(method, to, body)).status, 403, `${method} ${to}`);
  }
  assert.equal((await by('GET', target, undefined, { 'x-weir-see-as': 'rita@example.com' })).status, 200, 'an admin’s pass may look through her eyes');
  assert.equal((await send(weir, 'GET', target, { 'x-weir-pass': '0'.repeat(64) })).status, 401);
  await admin.want(204, 'DELETE', `/api/renders/${String(made['id'])}`);
  await until('the pass to end', 30, async () => ((await by('GET', target)).status === 401 ? true : undefined));
});

test('without a browser all else works', async () => {
  writeFileSync(file('weir.yml'), readFileSync(file('weir.yml'), 'utf8').replace(/browser: .*/, 'browser: /nowhere/chromium'));
  await weir.down();
  await weir.up();
  const answer = await admin.ask('POST', '/api/renders', { report: id });
  assert.equal(answer.status, 501);
  assert.match(message(answer), /\/nowhere\/chromium, which is not there/);
  await admin.want(200, 'GET', target);
});

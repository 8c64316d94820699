// Files of other machines, by http and https: only what changed is read, and nothing inside the network.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Web } from '../node/web.js';
import { syncs } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
let web: Web;
before(async () => {
  weir = await Weir.init();
  web = await Web.start();
});
after(async () => {
  web.close();
  await weir.remove();
});

const write = (name: string, text: string): void => weir.write(name, text);
const hosts = (list: string): void => {
  const file = path.join(weir.dir, 'weir.yml');
  const rest = readFileSync(file, 'utf8').replace(/\nsource:\n {2}hosts: .*\n/, '');
  writeFileSync(file, `${rest}\nsource:\n  hosts: ${list}\n`);
};
const source = (name: string, connection: string, more = ''): void => write(`sources/${name}.yml`, `kind: file\nconnection: ${connection}\n${more}`);
interface Load {
  stream: string;
  status: string;
  rows_read: number;
}
const sync = async (...args: string[]): Promise<string[]> => {
  const streams = await syncs<Load>(() => weir)(...args);
  return streams.map(({ stream, status, rows_read }) => `${stream} ${status} ${rows_read}`);
};
const fails = async (why: RegExp, ...args: string[]): Promise<string> => {
  let message = '';
  await assert.rejects(weir.in(...(args as [string, ...string[]])), (error: Error) => {
    message = error.message;
    assert.match(error.message, why);
    return true;
  });
  return message;
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const scratch = (): string[] => {
  try {
    return readdirSync(path.join(weir.dir, '.weir/tmp/source'));
  } catch {
    return [];
  }
};

test('addresses inside the network are refused, by the address that is connected to', async () => {
  web.file('/a.csv', 'n\n1\n');
  source('inner', `{path: "${web.origin}/a.csv"}`);
  await fails(/127\.0\.0\.1, which is no address of the internet and which `source\.hosts` in weir\.yml does not open/, 'source', 'check', 'inner');
  source('inner', `{path: "${web.origin.replace('127.0.0.1', 'localhost')}/a.csv"}`);
  await fails(/source\.hosts/, 'sync', '--wait', 'inner');
  hosts('[public, "127.0.0.1:1"]');
  await fails(/source\.hosts/, 'source', 'check', 'inner');
  assert.equal(web.asked.length, 0);
  hosts('["not a host"]');
  await fails(/`hosts` of the section `source`: "not a host" is no host/, 'source', 'check', 'inner');
  hosts('["127.0.0.1"]');
  rmSync(path.join(weir.dir, 'sources/inner.yml'));
});

test('only what changed is read; an address is known by its content', async () => {
  web.file('/shop/orders.csv', 'id,name\n1,Ada\n2,Bob\n');
  web.file('/shop/log.ndjson', '{"id":1,"deep":{"x":1}}\n', 'application/octet-stream');
  // Neither ETag nor Last-Modified, and no name that says what it is: the server's word, then the bytes.
  let plain = 'a;b\n1;2\n';
  web.routes.set('/export', (_, response) => response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end(plain));
  await weir.in('source', 'add', 'shop', '--kind', 'file', '--set', `path=${web.origin}/shop/orders.csv ${web.origin}/shop/log.ndjson ${web.origin}/export?day=1#top`);
  const { streams } = JSON.parse(await weir.in('source', 'discover', 'shop', '--json')) as { streams: { name: string; bytes: number; columns: { name: string; type: string }[] }[] };
  assert.deepEqual(streams.map(({ name, columns }) => `${name}: ${columns.map((c) => `${c.name} ${c.type}`).join(', ')}`), ['orders: id int, name text', 'log: id int, deep json', 'export: a int, b int']);
  assert.equal(streams[0]?.bytes, 20);
  assert.deepEqual(await sync('shop'), ['orders loaded 2', 'log loaded 1', 'export loaded 1']);
  assert.deepEqual(await rows('select * exclude (_weir_run, _weir_loaded_at) from shop.orders order by id'), [
    { id: 1, name: 'Ada', _weir_file: `${web.origin}/shop/orders.csv` },
    { id: 2, name: 'Bob', _weir_file: `${web.origin}/shop/orders.csv` },
  ]);
  assert.deepEqual(await sync('shop'), ['orders unchanged 0', 'log unchanged 0', 'export unchanged 0']);
  assert.equal(web.asked.at(-3)?.headers['if-none-match'] !== undefined, true);
  // What a killed process left goes, though a process of its number is there; a lock keeps what is used.
  for (const name of ['shop', 'gone']) write(`.weir/tmp/source/${name}.${process.pid}.0123abcd/0`, 'x');
  web.file('/shop/orders.csv', 'id,name\n1,Ada\n2,Bea\n3,Cy\n');
  plain = 'a;b\n1;3\n';
  assert.deepEqual(await sync('shop'), ['orders loaded 3', 'log unchanged 0', 'export loaded 1']);
  assert.deepEqual(await rows("select string_agg(name, ',' order by id) as names, (select b from shop.export) as b from shop.orders"), [{ names: 'Ada,Bea,Cy', b: 3 }]);
  // An error that is called a success is none.
  for (const [said, why] of [['{"error":"try later"}', /no CSV but JSON, .*: \{"error":"try later"\}/], ['Try again later.', /has no rows, and none of the table's columns, but the line Try again later\./]] as const) {
    plain = said;
    await fails(why, 'sync', '--wait', 'shop');
  }
  assert.deepEqual(await rows('select a, b from shop.export'), [{ a: 1, b: 3 }]);
  assert.deepEqual(scratch(), []);
});

test('a page in place of a file is told with what would help, and so is an old workbook', async () => {
  const page = '<!DOCTYPE html>\n<html><body><form>Sign in</form></body></html>';
  web.routes.set('/behind.csv', (_, response) => response.writeHead(302, { location: '/login' }).end());
  web.routes.set('/login', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  web.routes.set('/shut.csv', (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end(page));
  web.file('/old.xls', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(504)]), 'application/vnd.ms-excel');
  source('page', `{path: "${web.origin}/behind.csv"}`);
  const said = await fails(/behind\.csv: this is no CSV but a web page or XML; where it is the page on which one logs in, the connection needs `token`, or `user` and `password`/, 'source', 'discover', 'page');
  assert.doesNotMatch(said, /download/);
  source('page', `{path: "${web.origin}/shut.csv"}`);
  assert.doesNotMatch(await fails(/shut\.csv: the server answered 403 \(whoever/, 'source', 'discover', 'page'), /html|Sign in/i);
  source('page', `{path: "${web.origin}/old.xls"}`);
  await fails(/old\.xls: workbooks of the old kind \(\.xls\) cannot be read; save it as \.xlsx or CSV/, 'source', 'discover', 'page');
  rmSync(path.join(weir.dir, 'sources/page.yml'));
});

test('many addresses are one table; one that changed replaces its own rows, or all are read where rows may be gone', async () => {
  for (const n of [1, 2]) web.file(`/days/${n}.csv`, `id,v\n${n},a\n`);
  source('days', `{path: "${web.origin}/days/"}`, 'streams:\n  kept: {path: "1.csv 2.csv", mode: append}\n  ended: {path: "1.csv 2.csv", mode: merge, key: [id], deletes: hard}\n');
  assert.deepEqual(await sync('days'), ['kept loaded 2', 'ended loaded 2']);
  web.file('/days/2.csv', 'id,v\n3,b\n');
  assert.deepEqual(await sync('days'), ['kept loaded 1', 'ended loaded 2']);
  assert.deepEqual(await rows("select (select string_agg(id, ' ' order by id) from days.kept) as kept, (select string_agg(id, ' ' order by id) from days.ended) as ended"), [{ kept: '1 3', ended: '1 3' }]);
  source('folder', `{path: "${web.origin}/days/"}`);
  await fails(/cannot be listed; give the address of each file/, 'source', 'check', 'folder');
  rmSync(path.join(weir.dir, 'sources/folder.yml'));
});

test('an address is decoded before it names a table', async () => {
  web.file('/named/my%20file%C3%BC.csv', 'id\n1\n');
  web.file('/named/2026%2D01.csv', 'id\n2\n');
  web.file('/named/100%.csv', 'id\n3\n');
  source('named', `{path: "${web.origin}/named/my%20file%C3%BC.csv ${web.origin}/named/2026%2D01.csv ${web.origin}/named/100%.csv"}`);
  assert.deepEqual(await sync('named'), ['my_file loaded 1', 'file_2026_01 loaded 1', 'file_100 loaded 1']);
  source('single', `{path: "${web.origin}/named/my%20file%C3%BC.csv"}`);
  assert.deepEqual(await sync('single'), ['my_file loaded 1']);
});

test('files of JSON of which one changed are all read where rows may be gone', async () => {
  for (const n of [1, 2, 3]) web.file(`/json/${n}.ndjson`, `{"id":${n}}\n`);
  source('json', `{path: "${web.origin}/json/"}`, 'streams:\n  ended: {path: "1.ndjson 2.ndjson 3.ndjson", mode: merge, key: [id], deletes: hard}\n');
  assert.deepEqual(await sync('json'), ['ended loaded 3']);
  web.file('/json/1.ndjson', '{"id":4}\n');
  assert.deepEqual(await sync('json'), ['ended loaded 3']);
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from json.ended"), [{ ids: '2 3 4' }]);
});

test('an address may be there once', async () => {
  source('twice', `{path: "${web.origin}/shop/orders.csv ${web.origin}/shop/log.ndjson ${web.origin}/shop/orders.csv#top"}`);
  await fails(/shop\/orders\.csv: the address is there twice/, 'source', 'check', 'twice');
  rmSync(path.join(weir.dir, 'sources/twice.yml'));
});

test('what may be half of a file, or is none, is not loaded', async () => {
  const half = 'HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\nconnection: close\r\n\r\nid\n1\n';
  source('half', `{path: "${web.origin}/half.csv"}`, 'streams: {half: {}}\n');
  web.file('/half.csv', 'id\n1\n2\n');
  assert.deepEqual(await sync('half'), ['half loaded 2']);
  // Half of a gzip is whole to libcurl: none is asked for.
  assert.equal(web.asked.at(-1)?.headers['accept-encoding'], undefined);
  web.routes.set('/half.csv', ({ socket }) => socket.end(half));
  await fails(/half\.csv: the server does not say where the file ends/, 'sync', '--wait', 'half');
  await fails(/half\.csv: the server does not say where the file ends/, 'source', 'check', 'half');
  for (const [status, why] of [
    [202, /half\.csv: the server answered 202 \(the file is not ready\): \{"status":"running"\}/],
    [204, /half\.csv: the server answered 204 \(the file is not ready\)/],
    [206, /half\.csv: the server answered 206 \(a part of the file, which nobody asked for\)/],
  ] as const) {
    web.routes.set('/half.csv', (_, response) => response.writeHead(status, { 'content-type': 'text/csv' }).end(status === 204 ? undefined : '{"status":"running"}'));
    await fails(why, 'sync', '--wait', 'half');
  }
  await fails(/206/, 'source', 'check', 'half');
  assert.deepEqual(await rows('select count(*) as n from half.half'), [{ n: 2 }]);
  web.routes.set('/half.csv', ({ socket }) => socket.end(half.replace('type: text/csv', 'length: 5')));
  assert.deepEqual(await sync('half'), ['half loaded 1']);
  rmSync(path.join(weir.dir, 'sources/half.yml'));
});

test('a change is seen whatever a server says of the time, or weakly', async () => {
  let body = 'id\n1\n';
  const at = 'Thu, 01 Jan 2026 00:00:00 GMT';
  for (const etag of [undefined, 'W/"6-2026"']) {
    web.routes.set('/old.csv', ({ headers }, response) => {
      if (headers['if-modified-since'] || headers['if-none-match']) response.writeHead(304).end();
      else response.writeHead(200, { 'last-modified': at, ...(etag && { etag }) }).end(body);
    });
    source('old', `{path: "${web.origin}/old.csv"}`);
    body = 'id\n1\n';
    await sync('old');
    assert.deepEqual(await sync('old'), ['old unchanged 0']);
    body = 'id\n2\n';
    assert.deepEqual(await sync('old'), ['old loaded 1']);
    assert.deepEqual(await rows('select id from old.old'), [{ id: 2 }]);
  }
});

test('a server that is busy or breaks off is asked again; what it says at last is told', async () => {
  let calls = 0;
  web.routes.set('/busy.csv', (_, response) => {
    calls += 1;
    if (calls === 1) response.writeHead(503, { 'retry-after': '1' }).end('later');
    else if (calls === 2) {
      response.writeHead(200, { 'content-length': '1000' }).write('id\n1\n2\n3\n');
      response.destroy();
    } else response.writeHead(200).end('id\n1\n');
  });
  source('busy', `{path: "${web.origin}/busy.csv"}`, 'streams: {busy: {}}\n');
  assert.deepEqual(await sync('busy'), ['busy loaded 1']);
  assert.equal(calls, 3);
  const answers = (name: string, status: number, body: string): void => void web.routes.set(name, (_, response) => response.writeHead(status).end(body));
  answers('/no.csv', 403, 'you <b>may not</b>\nat all');
  web.routes.set('/slow.csv', (_, response) => response.writeHead(429, { 'retry-after': '3600' }).end('one a day'));
  for (const [name, why] of [
    ['no', /no\.csv: the server answered 403 \(whoever the connection says may not read it\): you <b>may not<\/b> at all/],
    ['none', /none\.csv: the server answered 404 \(nothing is there\): <h1>not here/],
    ['slow', /slow\.csv: the server answered 429 \(it was asked too often; try later\): one a day/],
  ] as const) {
    source('bad', `{path: "${web.origin}/${name}.csv"}`);
    await fails(why, 'source', 'check', 'bad');
  }
  // What a server says back of who asks is not told, nor kept.
  process.env['WEIR_SOURCE_TOKEN'] = 'tok-1234567';
  process.env['WEIR_SOURCE_KEY'] = 'key-4567890';
  web.routes.set('/echo.csv', ({ headers }, response) => response.writeHead(403).end(`no: ${headers.authorization ?? ''}, ${String(headers['x-key'])}`));
  source('bad', `{path: "${web.origin}/echo.csv", token: "\${WEIR_SOURCE_TOKEN}", headers: {X-Key: "\${WEIR_SOURCE_KEY}"}}`, 'streams: {echo: {}}\n');
  await fails(/403 .*: no: Bearer \*\*\*, \*\*\*/, 'sync', '--wait', 'bad');
  source('bad', `{path: "${web.origin}/echo.csv", user: ada, password: "\${WEIR_SOURCE_KEY}"}`, 'streams: {echo: {}}\n');
  await fails(/403 .*: no: Basic \*\*\*=*, undefined/, 'sync', '--wait', 'bad');
  process.env['WEIR_SOURCE_TOKEN'] = 'tok\r\nX-Evil: 1';
  source('bad', `{path: "${web.origin}/echo.csv", token: "\${WEIR_SOURCE_TOKEN}"}`, 'streams: {echo: {}}\n');
  await fails(/`token` has more than one line/, 'sync', '--wait', 'bad');
  source('bad', `{path: "http://ada:geheim@127.0.0.1/x.csv"}`);
  const told = await fails(/must have no user and no password in it/, 'source', 'check', 'bad');
  assert.doesNotMatch(told, /geheim/);
  source('bad', `{path: "${web.origin}/shop/orders.csv", max_size: 10}`);
  await fails(/orders\.csv is larger than/, 'sync', '--wait', 'bad');
  web.routes.set('/drip.csv', (_, response) => void response.writeHead(200, { 'content-type': 'text/csv' }).write('id\n'));
  source('bad', `{path: "${web.origin}/drip.csv", timeout: 1s}`, 'streams: {drip: {}}\n');
  await fails(/drip\.csv: the server sent nothing for too long/, 'sync', '--wait', 'bad');
  assert.deepEqual(scratch(), []);
  rmSync(path.join(weir.dir, 'sources/bad.yml'));
});

test('who asks is told to the first host only; a redirect leads to no other kind of address', async () => {
  const other = await Web.start();
  other.file('/target.csv', 'n\n7\n');
  web.routes.set('/moved.csv', (_, response) => response.writeHead(302, { location: `${other.origin}/target.csv` }).end());
  process.env['WEIR_SOURCE_TOKEN'] = 'tok-123';
  process.env['WEIR_SOURCE_KEY'] = 'key-456';
  source('moved', `{path: "${web.origin}/moved.csv", token: "\${WEIR_SOURCE_TOKEN}", headers: {X-Key: "\${WEIR_SOURCE_KEY}"}}`, 'streams: {moved: {}}\n');
  assert.deepEqual(await sync('moved'), ['moved loaded 1']);
  const [first, second] = [web.asked.at(-1)?.headers, other.asked.at(-1)?.headers];
  assert.deepEqual([first?.authorization, first?.['x-key'], second?.authorization, second?.['x-key']], ['Bearer tok-123', 'key-456', undefined, undefined]);
  source('basic', `{path: "${web.origin}/shop/orders.csv", user: ada, password: "\${WEIR_SOURCE_KEY}"}`);
  assert.deepEqual(await sync('basic'), ['orders loaded 3']);
  assert.equal(web.asked.at(-1)?.headers.authorization, `Basic ${Buffer.from('ada:key-456').toString('base64')}`);
  source('basic', `{path: "${web.origin}/shop/orders.csv", user: ada, password: plain}`);
  await fails(/`password` must not stand in this file/, 'source', 'check', 'basic');
  for (const [location, why] of [
    ['file:///etc/passwd', /leads elsewhere: that is no address of http or https/],
    ['gopher://127.0.0.1/x', /leads elsewhere/],
    ['http://169.254.169.254/latest/meta-data', /169\.254\.169\.254, which is no address of the internet/],
    [`${web.origin}/moved.csv`, /leads on more than 10 times/],
  ] as const) {
    web.routes.set('/moved.csv', (_, response) => response.writeHead(301, { location }).end());
    await fails(why, 'source', 'check', 'moved');
  }
  other.close();
});

test('https: certificates are checked', async () => {
  const dir = path.join(weir.dir, '.weir/tls');
  mkdirSync(dir, { recursive: true });
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=weir test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`], { stdio: 'pipe' });
  const secure = await Web.start({ key: readFileSync(`${dir}/key.pem`), cert: readFileSync(`${dir}/cert.pem`) });
  secure.file('/a.csv', 'n\n5\n');
  source('tls', `{path: "${secure.origin}/a.csv"}`);
  await fails(/a\.csv: .*certificate/i, 'source', 'check', 'tls');
  source('tls', `{path: "${secure.origin}/a.csv", ca_file: "${dir}/cert.pem"}`);
  assert.deepEqual(await sync('tls'), ['a loaded 1']);
  secure.close();
});

test('a sheet of Google is read by the address that the browser shows, as everybody or as a service account', async () => {
  const id = '1AbC-dEf_GhIjKlMnOpQrStUvWxYz0123456789abcde';
  const sheet = `https://docs.google.com/spreadsheets/d/${id}/edit?usp=sharing`;
  const exported = `/spreadsheets/d/${id}/export`;
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let [shared, claims] = [true, {} as Record<string, unknown>];
  const tables: Record<string, string> = { '': 'n\n1\n', 77: 'n\n77\n' };
  web.routes.set(exported, (request, response, url) => {
    const known = request.headers.authorization === 'Bearer from-google';
    if (known || shared) response.writeHead(200, { 'content-type': 'text/csv' }).end(tables[url.searchParams.get('gid') ?? ''] ?? '');
    else response.writeHead(307, { location: `${web.origin}/ServiceLogin` }).end();
  });
  web.routes.set('/ServiceLogin', (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(`<!doctype html>${' '.repeat(4000)}Sign in`));
  web.routes.set('/token', (request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += String(bytes))).on('end', () => {
      const form = new URLSearchParams(body);
      const [head = '', payload = '', signature = ''] = form.get('assertion')?.split('.') ?? [];
      const good = createVerify('RSA-SHA256').update(`${head}.${payload}`).verify(publicKey, signature, 'base64url');
      claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
      if (!good || form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') response.writeHead(400).end('{"error":"invalid_grant"}');
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"access_token":"from-google","expires_in":3599}');
    });
  });
  const key = { type: 'service_account', private_key_id: 'k1', private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }), client_email: 'weir@x.iam.gserviceaccount.com', token_uri: `${web.origin}/token` };
  process.env['WEIR_SOURCE_GOOGLE'] = JSON.stringify(key);
  const google = (more = '', path = sheet): void => source('sheet', `{path: "${path}", google: "${web.origin}"${more}}`);
  google();
  assert.deepEqual(await sync('sheet'), ['sheet loaded 1']);
  assert.deepEqual(await rows('select n, _weir_file as file from sheet.sheet'), [{ n: 1, file: `https://docs.google.com/spreadsheets/d/${id}/edit` }]);
  assert.deepEqual(await sync('sheet'), ['sheet unchanged 0']);
  for (const path of [`https://docs.google.com/spreadsheets/u/1/d/${id}/edit#gid=77`, `https://docs.google.com/a/acme.com/spreadsheets/d/${id}/edit#gid=77`, `docs.google.com/spreadsheets/d/${id}/edit#gid=77`, `http://docs.google.com/a/acme.com/spreadsheets/u/0/d/${id}/view?gid=77`]) {
    google('', path);
    await sync('sheet', '--full');
    assert.deepEqual(await rows('select _weir_file as file from sheet.sheet limit 1'), [{ file: `https://docs.google.com/spreadsheets/d/${id}/edit#gid=77` }], path);
  }
  google('', `https://docs.google.com/spreadsheets/d/${id}/edit#gid=77`);
  assert.deepEqual(await sync('sheet'), ['sheet unchanged 0']);
  shared = false;
  await fails(/edit#gid=77: Google does not show this sheet to everybody; in the sheet, Share: "Anyone with the link"/, 'sync', '--wait', 'sheet');
  await fails(/Google does not show this sheet to everybody/, 'source', 'check', 'sheet');
  tables[''] = 'n\n2\n';
  google(', service_account: "${WEIR_SOURCE_GOOGLE}"');
  assert.deepEqual(await sync('sheet'), ['sheet loaded 1']);
  assert.deepEqual([claims['iss'], claims['aud'], claims['scope']], [key.client_email, key.token_uri, 'https://www.googleapis.com/auth/drive.readonly']);
  assert.equal(Number(claims['exp']) - Number(claims['iat']), 3600);
  process.env['WEIR_SOURCE_GOOGLE'] = JSON.stringify({ ...key, private_key: 'no key' });
  await fails(/`service_account`: the private key is no RSA key in PEM/, 'source', 'check', 'sheet');
  process.env['WEIR_SOURCE_GOOGLE'] = '{"private_key": "secret-thing';
  const told = await fails(/`service_account`: it is no JSON/, 'source', 'check', 'sheet');
  assert.doesNotMatch(told, /secret-thing/);
});

// Passwords of sources: sealed, named in files, and shown nowhere.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, setUp } from '../node/client.js';
import { Postgres, missing } from '../node/postgres.js';
import { Tap } from '../node/tap.js';
import { onTerminal } from '../node/terminal.js';
import { Weir, binary, until } from '../node/weir.js';

const skip = missing ?? false;
if (missing) console.error(`\n*** SKIPPED: ${missing} ***\n`);
const right = 'secret of the owner';
const wrong = 'hunter2-and-more';
let weir: Weir;
let pg: Postgres;
let admin: Client;
const said: string[] = []; // everything that anybody was told
before(async () => {
  if (skip) return;
  process.env['WEIR_SOURCE_PG'] = right;
  process.env['LISTED_PG'] = right;
  process.env['CLOSED_PG'] = wrong;
  [weir, pg] = await Promise.all([Weir.init(), Postgres.start()]);
  pg.sql('create table t (id int); insert into t values (1), (2)');
});
after(async () => {
  if (skip) return;
  await weir.remove();
  await pg.stop();
});

const connection = (password: string): Record<string, unknown> => ({ host: '127.0.0.1', port: pg.port, database: 'postgres', user: 'owner', password });
const source = (name: string, password: string): void => writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: postgres\nconnection: ${JSON.stringify(connection(password))}\n`);
const fileOf = (name: string): string => readFileSync(path.join(weir.dir, `sources/${name}.yml`), 'utf8');
const run = async (...args: [string, ...string[]]): Promise<string> => {
  const answer = await weir.in(...args).catch((error: unknown) => String(error));
  said.push(answer);
  return answer;
};
const typed = (value: string, ...args: string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(binary, ['-C', weir.dir, ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${args.join(' ')}: ${code}`))));
    child.stdin.end(`${value}\n`);
  });

test('sealed by the command line, for the source that its name begins with', { skip }, async () => {
  await typed(right, 'secret', 'set', 'shop.password');
  await typed(wrong, 'secret', 'set', 'shop.password');
  await typed(right, 'secret', 'set', 'shop.password');
  assert.match(await run('secret', 'list'), /^shop\.password +set \d{4}/);
  assert.equal(statSync(path.join(weir.dir, '.weir/secrets/sealing_key')).mode & 0o777, 0o600);
  source('shop', '${secret:shop.password}');
  source('other', '${secret:shop.password}');
  assert.match(await run('source', 'check', 'shop'), /^t {2}→/m);
  assert.match(await run('source', 'check', 'other'), /is for the source "shop" only/);
  await run('secret', 'remove', 'shop.password');
  assert.match(await run('source', 'check', 'shop'), /there is no secret "shop\.password"; `weir secret set/);
  assert.match(await run('secret', 'set', '-h'), /typed, or one line/);
});

test('variables: those that a name or a setting opens', { skip }, async () => {
  source('other', '${WEIR_SOURCE_PG}');
  assert.match(await run('source', 'check', 'other'), /^t {2}→/m);
  source('other', '${CLOSED_PG}');
  assert.match(await run('source', 'check', 'other'), /CLOSED_PG is not open to sources.*source\.env/);
  source('other', '${WEIR_SOURCE_NONE}');
  assert.match(await run('source', 'check', 'other'), /WEIR_SOURCE_NONE is not set/);
  writeFileSync(path.join(weir.dir, 'weir.yml'), `${readFileSync(path.join(weir.dir, 'weir.yml'), 'utf8')}\nsource:\n  env: [LISTED_PG]\n  programs: [.]\n`);
  source('other', '${LISTED_PG}');
  assert.match(await run('source', 'check', 'other'), /^t {2}→/m);
  source('other', wrong);
  assert.match(await run('source', 'check', 'other'), /sources\/other\.yml:2.*`password` must not stand in this file.*weir secret set other\.password/s);
  // Of a mapping, the keys tell.
  writeFileSync(path.join(weir.dir, 'sources/plain.yml'), `kind: singer\nconnection:\n  executable: tap/tap\n  config:\n    token_url: public\n    deep: [{private_key_id: 1}, {apiKeys: [${wrong}]}]\n`);
  const refused = await run('source', 'check', 'plain');
  assert.match(refused, /sources\/plain\.yml:6.*`deep\.apiKeys` must not stand in this file.*weir secret set plain\.deep\.apiKeys/s);
  assert.doesNotMatch(refused, new RegExp(wrong));
  for (const [config, key] of [[`token: {value: ${wrong}}`, 'token\\.value'], ['pin_token: 1234', 'pin_token'], [`credentials: {user: me, passwords: [${wrong}]}`, 'credentials\\.passwords']] as const) {
    writeFileSync(path.join(weir.dir, 'sources/plain.yml'), `kind: singer\nconnection:\n  executable: tap/tap\n  config: {max_tokens: 4096, ${config}}\n`);
    assert.match(await run('source', 'check', 'plain'), new RegExp(`plain\\.yml:4.*\`${key}\` must not stand in this file`, 's'));
  }
  rmSync(path.join(weir.dir, 'sources/plain.yml'));
});

test('asked for on a terminal, it is not shown and not in the file', { skip }, async () => {
  const shown = await onTerminal(weir, ['source', 'add', 'asked', '--kind', 'postgres', '--set', `port=${pg.port}`, '--set', 'database=postgres', '--set', 'user=owner', '--set', 'host=127.0.0.1'], [[/password \(.*: $/, right]]);
  said.push(shown);
  assert.match(fileOf('asked'), /password: "\$\{secret:asked\.password\}"/);
  assert.match(await run('source', 'check', 'asked'), /^t {2}→/m);
  assert.match(await run('source', 'add', 'asked', '--kind', 'postgres', '--set', 'database=x', '--set', 'user=y', '--set', `password=yet-another`), /there is a source "asked" already/);
  assert.match(await run('source', 'check', 'asked'), /^t {2}→/m, 'its password is what it was');
});

test('typed into a form, it is sealed; the file is a commit of whoever saved', { skip }, async () => {
  await weir.up();
  admin = await setUp(weir);
  const ask = async (status: number, method: string, target: string, body?: unknown): Promise<Record<string, unknown>> => {
    const answer = await admin.want(status, method, target, body);
    said.push(JSON.stringify(answer));
    return answer;
  };
  const file = { name: 'form', kind: 'postgres', connection: connection(right) };
  await ask(200, 'POST', '/api/sources', { ...file, dry_run: true });
  assert.doesNotMatch(await run('secret', 'list'), /form\.password/, 'trying keeps nothing');
  await admin.ask('POST', '/api/sources', { ...file, dry_run: true, connection: connection(wrong) }).then(({ status, text }) => {
    assert.notEqual(status, 200);
    said.push(text);
  });
  await ask(201, 'POST', '/api/sources', file);
  assert.match(fileOf('form'), /password: "\$\{secret:form\.password\}"/);
  const { run: id } = await ask(202, 'POST', '/api/sources/form/sync', {});
  const report = await until('the run', 30, async () => {
    const found = await ask(200, 'GET', `/api/runs/${String(id)}`);
    return found['state'] === 'running' ? undefined : (found['report'] as { status: string });
  });
  assert.equal(report.status, 'loaded');
  await ask(200, 'PATCH', '/api/sources/form', { connection: connection(wrong) });
  await admin.ask('POST', '/api/sources/form/check', {}).then(({ status, text }) => {
    assert.notEqual(status, 200);
    said.push(text);
  });
  await ask(200, 'POST', '/api/sources/form/pause', {});
  for (const target of ['/api/sources', '/api/sources/form/runs', '/api/connectors']) await ask(200, 'GET', target);
  assert.match(await run('secret', 'list'), /^form\.password/m);
  await ask(204, 'DELETE', '/api/sources/form');
  assert.doesNotMatch(await run('secret', 'list'), /form\./, 'the next of that name has none of them');
  // Programs tell columns, and no rows before a run.
  new Tap(weir, 'tap').catalog({ stream: 't', schema: { properties: { id: { type: 'integer' } } } });
  const first = await ask(200, 'POST', '/api/sources/tap/preview', { stream: 't' });
  // Trying another file of that name leaves alone what the saved one keeps, and is noted.
  const kept = path.join(weir.dir, '.weir/taps/tap/config.json');
  writeFileSync(kept, '{"token":"fresh"}');
  const trial = { name: 'tap', kind: 'singer', connection: { executable: 'tap/tap', config: { token: 'another' } }, dry_run: true };
  assert.match(JSON.stringify(await ask(200, 'POST', '/api/sources', trial)), /"name":"t"/);
  assert.equal(readFileSync(kept, 'utf8'), '{"token":"fresh"}');
  await ask(200, 'PATCH', '/api/sources/tap', { connection: { executable: 'tap/tap', config: { deep: { token: 'typed', pin_token: 1234 }, max_tokens: 4096, start: 1 } } });
  assert.match(fileOf('tap'), /token: "\$\{secret:tap\.deep\.token\}"/);
  assert.match(fileOf('tap'), /pin_token: "\$\{secret:tap\.deep\.pin_token:number\}"/);
  assert.match(fileOf('tap'), /max_tokens: 4096/);
  assert.match(await run('secret', 'list'), /^tap\.deep\.token/m);
  assert.match(JSON.stringify(await ask(200, 'GET', '/api/audit')), /"source\.try"/);
  assert.deepEqual([(first['columns'] as { name: string }[]).map(({ name }) => name), first['rows']], [['id'], []]);
  const commits = execFileSync('git', ['-C', weir.dir, 'log', '--format=%an: %s', '--', 'sources/form.yml'], { encoding: 'utf8' });
  assert.equal(commits, 'Ada: Remove the source form\nAda: Pause the source form\nAda: Add the source form\n');
});

test('what stands in a file that is refused is shown to admins alone', { skip }, async () => {
  await run('group', 'grant', 'everyone', '*.*');
  const { client: eve } = await join(admin, 'eve@example.com', { role: 'editor' });
  for (const text of [`kind: postgres\nconnection: ${JSON.stringify(connection(wrong))}\n`, `kind: postgres\npassword: [${wrong}\n`, `kind: singer\nconnection: {executable: tap/tap, config: {api_key: ${wrong}}}\n`]) {
    writeFileSync(path.join(weir.dir, 'sources/other.yml'), text);
    const shown = await eve.want(200, 'GET', '/api/sources/other');
    said.push(JSON.stringify(shown), JSON.stringify(await eve.want(200, 'GET', '/api/sources')));
    assert.deepEqual([shown['text'], shown['settings'], typeof shown['error'], typeof shown['version']], [null, null, 'string', 'string']);
    assert.equal((await admin.want(200, 'GET', '/api/sources/other'))['text'], text);
  }
  // That of a source of events has none, and a mistake in another file is none of its own.
  const events = await eve.want(200, 'GET', '/api/sources/web');
  assert.deepEqual([events['kind'], events['error']], ['tracking', null]);
  assert.match(String(events['text']), /^write_key: /m);
  const well = await eve.want(200, 'GET', '/api/sources/tap');
  assert.match(String(well['text']), /secret:tap\.deep\.token/);
});

test('neither password is in a file, a log, an answer or git', { skip }, async () => {
  await run('sync', 'asked', '--wait');
  // Nor does a program that is looked into keep the server from its end.
  const catalog = path.join(weir.dir, 'tap/catalog.json');
  rmSync(catalog);
  execFileSync('mkfifo', [catalog]);
  void admin.ask('POST', '/api/sources/tap/check', {}).catch(() => undefined);
  await until('the tap', 20, async () => (readdirSync(path.join(weir.dir, '.weir/tmp/source')).some((name) => name.startsWith('tap.')) ? true : undefined));
  await admin.want(202, 'POST', '/api/sources/tap/sync', {});
  said.push(weir.log(), execFileSync('git', ['-C', weir.dir, 'log', '-p', '--all'], { encoding: 'utf8' }));
  assert.equal(await weir.down(), 0, weir.log().slice(-3000));
  const runs = execFileSync('python3', ['-c', "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(\"select source from source_runs where what <> 'removed' order by source\").fetchall())", path.join(weir.dir, '.weir/state.sqlite')], { encoding: 'utf8' });
  assert.equal(runs, "[('asked',)]\n", 'a run that the end cut off is none');
  const files = readdirSync(weir.dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(files.some(({ name }) => name.startsWith('state.sqlite')));
  for (const { parentPath, name } of files) {
    const file = path.join(parentPath, name);
    if (file.endsWith('sources/other.yml')) continue; // what the test wrote by hand, which was refused
    const bytes = readFileSync(file);
    for (const secret of [right, wrong]) assert.equal(bytes.indexOf(secret), -1, `${secret} in ${file}`);
  }
  for (const secret of [right, wrong]) assert.deepEqual(said.filter((text) => text.includes(secret)), []);
});

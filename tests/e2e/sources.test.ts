// Sources of files: `weir sync` and the API keep tables equal to what the files hold.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Client, join, setUp } from '../node/client.js';
import { askPage } from '../node/page.js';
import { onTerminal } from '../node/terminal.js';
import { syncs } from '../node/sync.js';
import { Weir, type Row, binary, until } from '../node/weir.js';

interface Load {
  stream: string;
  status: string;
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  rows_superseded: number;
  changes: string[];
  error: string | null;
}

// The first tests run without a server; from `in a server` on, one runs.
let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, more: string): void => write(`sources/${name}.yml`, `kind: file\n${more}`);
const sync = syncs<Load>(() => weir);
const one = async (...args: string[]): Promise<Load> => {
  const [load] = await sync(...args);
  assert.ok(load);
  assert.equal(load.rows_read, load.rows_written + load.rows_discarded + load.rows_superseded);
  return load;
};
const fails = async (why: RegExp, ...args: string[]): Promise<void> => {
  await assert.rejects(weir.in(...(args as [string, ...string[]])), (error: Error) => {
    assert.match(error.message, why);
    return true;
  });
};
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

test('a folder is one table a name; only what changed is read again', async () => {
  write('a/orders.csv', 'Id,Post code,Price,Day\n1,007,1.5,2026-01-01\n2,012,2,2026-01-02\n');
  write('a/people.tsv', 'name\tok\nAda\ttrue\n');
  write('a/log.ndjson', '{"id":1,"tags":["a"],"deep":{"x":1}}\n{"id":2,"n":0.5}\n');
  write('a/notes.md', 'no table');
  await weir.in('source', 'add', 'a', '--kind', 'file', '--set', 'path=a');
  const { streams } = JSON.parse(await weir.in('source', 'discover', 'a', '--json')) as { streams: { name: string; columns: { name: string; type: string; original: string }[] }[] };
  assert.deepEqual(streams.map(({ name }) => name).sort(), ['log', 'orders', 'people']);
  assert.deepEqual(
    streams.find(({ name }) => name === 'orders')?.columns.map(({ name, type }) => `${name} ${type}`),
    ['id int', 'post_code text', 'price double', 'day date'],
  );
  assert.deepEqual((await sync('a')).map(({ stream, status }) => `${stream} ${status}`).sort(), ['log loaded', 'orders loaded', 'people loaded']);
  assert.deepEqual(await rows('select * exclude (_weir_run, _weir_loaded_at) from a.orders order by id'), [
    { id: 1, post_code: '007', price: 1.5, day: '2026-01-01', _weir_file: 'a/orders.csv' },
    { id: 2, post_code: '012', price: 2, day: '2026-01-02', _weir_file: 'a/orders.csv' },
  ]);
  assert.deepEqual(await rows('select id, tags, deep, n from a.log order by id'), [
    { id: 1, tags: ['a'], deep: { x: 1 }, n: null },
    { id: 2, tags: null, deep: null, n: 0.5 },
  ]);
  assert.deepEqual((await sync('a')).map(({ status }) => status), ['unchanged', 'unchanged', 'unchanged']);
  write('a/people.tsv', 'name\tok\nAda\ttrue\nBob\tfalse\n');
  assert.deepEqual((await sync('a')).map(({ stream, status }) => `${stream} ${status}`).sort(), ['log unchanged', 'orders unchanged', 'people loaded']);
  assert.deepEqual(await rows('select distinct source_checksum = warehouse_checksum as same, status from weir.loads'), [{ same: true, status: 'loaded' }]);
});

test('a failure is told whatever bytes are in its words', async () => {
  write('bytes/a.csv', 'id\n1\n');
  source('bytes', 'connection: {path: "bytes/*.csv"}\n');
  await one('bytes');
  const strange = Buffer.concat([Buffer.from(path.join(weir.dir, 'bytes/a')), Buffer.of(0xff), Buffer.from('b.csv')]);
  writeFileSync(strange, 'id\n1\n');
  await fails(/no valid UTF-8/, 'sync', 'bytes');
  const [load] = await rows("select status, error from weir.loads where source = 'bytes' order by started_at desc limit 1");
  assert.equal(load?.['status'], 'failed');
  assert.match(String(load['error']), /a\uFFFDb\.csv: the file's name is no valid UTF-8/);
  rmSync(strange);
});

test('killed at any moment, a run has happened as a whole or not at all', async () => {
  const lines = (from: number, count: number): string => Array.from({ length: count }, (_, i) => `${from + i},name ${from + i}`).join('\n');
  source('kill', 'connection: {path: kill}\nstreams:\n  t: {path: "*.csv", mode: append}\n');
  let total = 0;
  for (let round = 0; round < 3; round++) {
    const count = 30_000 + round * 1000;
    write(`kill/${round}.csv`, `id,name\n${lines(total, count)}\n`);
    const child = spawn(binary, ['-C', weir.dir, 'sync', 'kill'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), 20 + Math.random() * 250);
    await ended;
    clearTimeout(timer);
    await sync('kill');
    total += count;
    const written = "(select sum(rows_written) from weir.loads where source = 'kill' and status = 'loaded') as w";
    const left = "(select count(*) from information_schema.tables where table_name like 'weir stages%') as left";
    assert.deepEqual(await rows(`select count(*) as n, count(distinct id) as d, max(id) as m, ${written}, ${left} from kill.t`), [{ n: total, d: total, m: total - 1, w: total, left: 0 }]);
  }
});

test('a source is paused however its file is written, and the file can be read afterwards', async () => {
  const forms = ['kind: file\nconnection: {path: a}\n', '{kind: file, connection: {path: a}}\n', 'kind: file\n"paused": false\nconnection: {path: a}\n', 'kind: file\npaused : false # not yet\nconnection: {path: a}\n', '# why\nkind: file # so\nconnection: {path: a}\npaused: false'];
  for (const text of forms) {
    write('sources/rest.yml', text);
    const paused = (): RegExpMatchArray | null => /["']?paused["']? ?: true/.exec(readFileSync(path.join(weir.dir, 'sources/rest.yml'), 'utf8'));
    for (const [command, yes] of [['pause', true], ['pause', true], ['resume', false]] as const) {
      await weir.in('source', command, 'rest');
      assert.equal(paused() !== null, yes, `${command} of ${text}`);
      await weir.in('source', 'check', 'rest');
      await weir.in('source', 'list');
    }
  }
  assert.match(readFileSync(path.join(weir.dir, 'sources/rest.yml'), 'utf8'), /^# why\nkind: file # so\n/);
  rmSync(path.join(weir.dir, 'sources/rest.yml'));
});

const fileOf = (name: string): string => readFileSync(path.join(weir.dir, `sources/${name}.yml`), 'utf8');

test('a source is paused in turn with those who save in the web app', async () => {
  const lock = path.join(weir.dir, '.git/index.lock');
  const paused = (): boolean => /paused: true/.test(fileOf('turns'));
  await weir.in('source', 'add', 'turns', '--kind', 'file', '--set', 'path=a');
  writeFileSync(lock, '');
  const pause = weir.in('source', 'pause', 'turns');
  await weir.in('source', 'list');
  assert.equal(paused(), false);
  rmSync(lock);
  await pause;
  assert.equal(paused(), true);
  await weir.in('source', 'remove', 'turns');
});

test('settings on the command line have the types of the connector; what is missing is asked for, or told', async () => {
  await weir.in('source', 'add', 'typed', '--kind', 'postgres', '--set', 'port=5433', '--set', 'database=007', '--set', 'user=true', '--set', 'timeout=30s', '--set', 'schemas=public,sales');
  assert.match(fileOf('typed'), /port: 5433\n {2}database: "007"\n {2}user: "true"\n {2}timeout: "30s"\n {2}schemas: \[public, sales\]/);
  await fails(/"port" is "many"; it must be a whole number/, 'source', 'add', 'typed2', '--kind', 'postgres', '--set', 'port=many', '--set', 'database=a', '--set', 'user=b');
  await fails(/needs --set database=… --set user=…; `weir source kinds postgres`/, 'source', 'add', 'typed2', '--kind', 'postgres');
  await fails(/there is no kind "ftp"/, 'source', 'add', 'typed2', '--kind', 'ftp');
  assert.match(await weir.in('source', 'kinds'), /file: Files[^]*path[^]*postgres: PostgreSQL\n {2}host .*\(default: localhost\)[^]*database .*\(needed\)/);
  const shown = await onTerminal(weir, ['source', 'add', 'asked', '--kind', 'postgres', '--set', 'host=db'], [[/database \(.*: $/, 'shop'], [/user \(.*: $/, 'ada'], [/password \(.*: $/, '']]);
  assert.match(shown, /Made sources\/asked.yml/);
  assert.match(fileOf('asked'), /connection: \{host: db, database: shop, user: ada\}/);
  assert.match(await weir.in('source', 'list'), /asked .*postgres/);
  // A server is mostly another machine; who pastes an address has it taken apart, and its password sealed.
  const pasted = await onTerminal(weir, ['source', 'add', 'pasted', '--kind', 'postgres', '--set', 'database=mine'], [[/host \(or a whole address; localhost: press Enter\): $/, 'postgres://ada%40x:p%2Fw%3A1@[::1]:5433/shop?sslmode=require&foo=1']]);
  assert.match(pasted, /Made sources\/pasted.yml/);
  assert.doesNotMatch(pasted, /password \(/);
  assert.match(fileOf('pasted'), /database: mine\n {2}host: "?::1"?\n {2}port: 5433\n {2}user: ada@x\n {2}password: "\$\{secret:pasted\.password\}"\n {2}sslmode: require\n/);
  assert.match(await weir.in('secret', 'list'), /pasted\.password/);
  assert.match(await onTerminal(weir, ['source', 'add', 'here', '--kind', 'mysql', '--set', 'database=a', '--set', 'user=b'], [[/host \(.*: $/, 'db.example:3307'], [/password \(.*: $/, '']]), /Made/);
  assert.match(fileOf('here'), /host: db\.example, port: 3307/);
  assert.match(await onTerminal(weir, ['source', 'add', 'local', '--kind', 'postgres', '--set', 'database=a', '--set', 'user=b'], [[/host \(.*: $/, ''], [/password \(.*: $/, '']]), /Made/);
  assert.doesNotMatch(fileOf('local'), /host/);
  await fails(/address must have no user and no password/, 'source', 'add', 'other', '--kind', 'mysql', '--set', 'host=postgres://a:b@c/d', '--set', 'database=a', '--set', 'user=b');
  for (const name of ['typed', 'asked', 'pasted', 'here', 'local']) await weir.in('source', 'remove', name);
});

let admin: Client;
test('in a server: made, checked and run by the API; a dashboard follows', async () => {
  await weir.up();
  admin = await setUp(weir);
  write('sales.csv', 'day,amount\n2026-01-01,10\n');
  const file = { name: 'sales', kind: 'file', connection: { path: 'sales.csv' } };
  const seen = (await admin.want(200, 'POST', '/api/sources', { ...file, dry_run: true })) as unknown as { streams: { columns: object[] }[] };
  assert.equal(seen.streams[0]?.columns.length, 2);
  const unsaved = { kind: file.kind, connection: file.connection, streams: { sales: { exclude: ['day'] } }, stream: 'sales' };
  const some = (await admin.want(200, 'POST', '/api/sources/sales/preview', unsaved)) as unknown as { rows: string[][]; more: boolean };
  assert.deepEqual([some.rows, some.more], [[['10']], false]);
  write('many.csv', `day,amount\n${Array.from({ length: 80 }, (_, i) => `2026-01-01,${i}${i === 3 ? ',too,many' : ''}\n`).join('')}`);
  const many = (await admin.want(200, 'POST', '/api/sources/sales/preview', { ...unsaved, connection: { path: 'many.csv' }, stream: 'many', whole: true })) as unknown as { rows: string[][]; more: boolean; bad_lines: { line: number; above: boolean }[] };
  assert.deepEqual([many.rows.length, many.rows[0], many.more, many.bad_lines.map(({ line, above }) => [line, above])], [50, ['2026-01-01', '0'], true, [[5, false]]]);
  await admin.want(201, 'POST', '/api/sources', { ...file, schedule: 'after other' });
  await admin.want(409, 'POST', '/api/sources', file);
  await admin.want(201, 'POST', '/api/sources', { name: 'form', kind: 'postgres', connection: { port: '5433', database: 'a', user: 'b' } });
  assert.match(fileOf('form'), /port: 5433,/);
  await admin.want(200, 'PATCH', '/api/sources/form', { connection: { port: '5434', database: 'a', user: 'b' } });
  assert.match(fileOf('form'), /port: 5434,/);
  await admin.want(204, 'DELETE', '/api/sources/form');
  await admin.want(400, 'POST', '/api/sources', { ...file, name: 'sales2', connection: { path: 1, nonsense: 2 } });
  const run = async (): Promise<string> => {
    const { run: id } = (await admin.want(202, 'POST', '/api/sources/sales/sync', {})) as { run: string };
    return until('the run', 30, async () => {
      const found = (await admin.want(200, 'GET', `/api/runs/${id}`)) as { state: string; report: { status: string } | null };
      return found.state === 'running' ? undefined : found.report?.status;
    });
  };
  const first = await run();
  assert.equal(first, 'loaded', weir.log());
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Sales', queries: [{ id: 'q' }], tiles: [] }, queries: { q: 'select sum(amount)::int as n from sales.sales' } });
  const page = async (): Promise<unknown> => (await askPage(admin, { report: String(made['id']) })).parts[0]?.rows;
  assert.deepEqual(await page(), [[10]]);
  assert.deepEqual(await page(), [[10]]);
  write('sales.csv', 'day,amount\n2026-01-01,10\n2026-01-02,32\n');
  assert.equal(await run(), 'loaded');
  assert.deepEqual(await page(), [[42]]);
  assert.equal(await run(), 'unchanged');
  assert.match(await weir.in('sync', 'sales', '--wait', '--full'), /sales\.sales {2}loaded: 2 rows read/);
  const { loads } = (await admin.want(200, 'GET', '/api/sources/sales/runs')) as unknown as { loads: Load[] };
  assert.equal(loads.length, 3);
  interface Told {
    text: string;
    settings: object;
    schedule: string;
    latest: { status: string; streams: { stream: string; state: string; rows: number }[] };
    streams: { stream: string; status: string; good_at: string; failing_since: null }[];
  }
  const told = (await admin.want(200, 'GET', '/api/sources/sales')) as unknown as Told;
  assert.match(told.text, /schedule: after other/);
  assert.deepEqual(told.settings, { kind: 'file', connection: { path: 'sales.csv' }, schedule: 'after other' });
  assert.equal(told.schedule, 'after other');
  assert.deepEqual([told.latest.status, told.latest.streams.map(({ stream, state, rows: n }) => [stream, state, n])], ['loaded', [['sales', 'loaded', 2]]]);
  assert.deepEqual(told.streams.map(({ stream, status, failing_since: since }) => [stream, status, since]), [['sales', 'loaded', null]]);
  await admin.want(200, 'PATCH', '/api/sources/sales', { schedule: null });
  await admin.want(400, 'PATCH', '/api/sources/sales', { schedule: 'sometimes' });
  await admin.want(200, 'PATCH', '/api/sources/sales', { streams: { sales: { mode: 'merge', key: ['day'] } } });
  assert.equal(await run(), 'loaded');
  await admin.want(200, 'POST', '/api/sources/sales/pause', {});
  const { sources } = (await admin.want(200, 'GET', '/api/sources')) as unknown as { sources: { name: string; paused: boolean }[] };
  assert.equal(sources.find(({ name }) => name === 'sales')?.paused, true);
  await admin.want(204, 'DELETE', '/api/sources/sales');
  await admin.want(404, 'POST', '/api/sources/sales/sync', {});
  assert.deepEqual(await page(), [[42]]);
});

test('what a source holds and loaded is told to those who see all tables', async () => {
  write('secret.json', '[{"pay": 1}]');
  await admin.want(201, 'POST', '/api/sources', { name: 'hr', kind: 'file', connection: { path: 'secret.json' } });
  const { client: editor } = await join(admin, 'ed@example.com', { role: 'editor' });
  const asked = [['POST', '/api/sources/hr/check'], ['POST', '/api/sources/hr/discover'], ['GET', '/api/sources/hr/runs'], ['GET', '/api/sources/hr']] as const;
  await editor.want(403, 'POST', '/api/sources/hr/preview', { stream: 'secret' });
  for (const [method, target] of asked) await editor.want(200, method, target, method === 'POST' ? {} : undefined);
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [{ schema: 'sales', table: '*' }] });
  await editor.want(200, 'GET', '/api/sources');
  const { run: id } = (await editor.want(202, 'POST', '/api/sources/hr/sync', {})) as { run: string };
  await until('the run', 30, async () => ((await admin.want(200, 'GET', `/api/runs/${id}`))['state'] === 'done' ? true : undefined));
  for (const [method, target] of [...asked, ['GET', `/api/runs/${id}`]] as const) {
    await editor.want(403, method, target, method === 'POST' ? {} : undefined);
    await admin.want(200, method, target, method === 'POST' ? {} : undefined);
  }
  const listed = async (who: Client): Promise<unknown[]> => {
    const { sources } = (await who.want(200, 'GET', '/api/sources')) as unknown as { sources: { name: string; latest: object | null; streams: object[] | null }[] };
    return sources.filter(({ name }) => name === 'hr').map(({ latest, streams }) => [latest !== null, streams?.length]);
  };
  assert.deepEqual([await listed(admin), await listed(editor)], [[[true, 1]], [[false, undefined]]]);
  await admin.want(200, 'PUT', '/api/groups/everyone', everyone);
  await admin.want(204, 'DELETE', '/api/sources/hr');
});

test('a table has one source, and no source has the schema of events or of weir', async () => {
  const file = { kind: 'file', connection: { path: 'sales.csv' } };
  for (const schema of ['web', 'usage', 'weir', 'uploads']) {
    await admin.want(400, 'POST', '/api/sources', { ...file, name: 'taker', schema });
    await admin.want(400, 'POST', '/api/sources', { ...file, name: 'taker', schema, dry_run: true });
  }
  await admin.want(400, 'POST', '/api/sources', { ...file, name: 'usage' });
  source('taker', 'schema: web\nconnection: {path: sales.csv}\n');
  await fails(/the schema "web" is that of sources\/web\.yml/, 'sync', '--wait', 'taker');
  await admin.want(400, 'PATCH', '/api/sources/taker', { connection: { path: 'sales.csv' } });
  await admin.want(200, 'GET', '/api/sources');
  source('taker', 'schema: mine\nconnection: {path: sales.csv}\n');
  source('other', 'schema: mine\nconnection: {path: sales.csv}\n');
  source('self', 'schedule: after self\nconnection: {path: sales.csv}\n');
  await one('taker');
  await fails(/mine\.sales is a table of the source "taker"/, 'sync', '--wait', 'other');
  await fails(/after itself/, 'source', 'check', 'self');
  rmSync(path.join(weir.dir, 'sources/taker.yml'));
  await one('other');
  for (const name of ['other', 'self']) rmSync(path.join(weir.dir, `sources/${name}.yml`));
});

test('many files are one table: changed ones are read anew, rows of removed ones go', async () => {
  source('many', 'connection: {path: many/*.csv}\n');
  for (const n of [1, 2, 3]) write(`many/${n}.csv`, `n,v\n${n},x\n`);
  assert.equal((await one('many')).rows_read, 3);
  const before = await rows('select n, _weir_run as run from many.many order by n');
  write('many/2.csv', 'n,v\n2,y\n22,y\n');
  rmSync(path.join(weir.dir, 'many/3.csv'));
  assert.equal((await one('many')).rows_read, 2);
  const now = await rows('select n, v, _weir_run as run from many.many order by n');
  assert.deepEqual(now.map(({ n, v }) => [n, v]), [[1, 'x'], [2, 'y'], [22, 'y']]);
  assert.equal(now[0]?.['run'], before[0]?.['run']);
  for (const n of [1, 2]) rmSync(path.join(weir.dir, `many/${n}.csv`));
  await fails(/no file is there/, 'sync', '--wait', 'many');
  assert.equal((await rows('from many.many')).length, 3);
});

test('columns come, widen and stay; --full finds types anew', async () => {
  source('evolve', 'connection: {path: evolve/t.csv}\n');
  write('evolve/t.csv', 'id,a,gone\n1,1,x\n');
  await one('evolve');
  write('evolve/t.csv', 'id,a,new\n1,1.5,\n2,2,7\n');
  const load = await one('evolve');
  assert.ok(load.changes.some((change) => /new column new/.test(change)));
  assert.ok(load.changes.some((change) => /column a is wider/.test(change)));
  assert.deepEqual(await rows('select id, a, gone, new from evolve.t order by id'), [
    { id: 1, a: 1.5, gone: null, new: null },
    { id: 2, a: 2, gone: null, new: 7 },
  ]);
  write('evolve/t.csv', 'id,a,new\n1,x,1\n');
  await one('evolve');
  assert.deepEqual(await rows('select a, typeof(a) as t from evolve.t'), [{ a: 'x', t: 'VARCHAR' }]);
  write('evolve/t.csv', 'id,a,new\n1,3,1\n');
  await one('evolve', '--full');
  assert.deepEqual(await rows('select a, typeof(a) as t from evolve.t'), [{ a: 3, t: 'BIGINT' }]);
});

test('a schema changed and changed back, and names of columns that are left out', async () => {
  write('turned/x.csv', 'Id,Email Address\n1,a\n');
  const turned = (more: string): void => source('turned', `connection: {path: turned}\n${more}`);
  turned('');
  await one('turned');
  turned('schema: meanwhile\n');
  await one('turned');
  write('turned/x.csv', 'Id,Email Address\n1,a\n2,b\n');
  await one('turned');
  turned('');
  await one('turned');
  assert.deepEqual(await rows('select id from turned.x order by id'), [{ id: 1 }, { id: 2 }]);
  turned('streams: {x: {exclude: [email]}}\n');
  await fails(/`exclude` of stream "x" names "email", which is none of its columns: nothing was loaded, as .*It has id, email_address/, 'sync', 'turned', '--wait');
  turned('streams: {x: {exclude: [Email Address]}}\n');
  await sync('turned', '--full');
  assert.deepEqual(await rows('select id, email_address from turned.x order by id'), [{ id: 1, email_address: null }, { id: 2, email_address: null }]);
});

test('append keeps rows of files that are gone; a grown file is no second copy', async () => {
  source('grow', 'connection: {path: grow}\nstreams:\n  log: {path: "log-*.csv", mode: append}\n');
  write('grow/log-1.csv', 'n\n1\n');
  write('grow/log-2.csv', 'n\n2\n');
  await one('grow');
  rmSync(path.join(weir.dir, 'grow/log-1.csv'));
  write('grow/log-2.csv', 'n\n2\n3\n');
  await one('grow');
  assert.deepEqual((await rows('select n from grow.log order by n')).map(({ n }) => n), [1, 2, 3]);
});

test('merge: the last row of a key counts, rows without one are kept apart', async () => {
  source('m', 'connection: {path: m}\nstreams:\n  t: {path: "*.csv", mode: merge, key: [id]}\n');
  write('m/1.csv', 'id,v\n1,a\n2,b\n2,c\n,d\n');
  const first = await one('m');
  assert.deepEqual([first.rows_written, first.rows_superseded, first.rows_discarded], [2, 1, 1]);
  write('m/2.csv', 'id,v,w\n2,z,1\n3,y,2\n');
  assert.equal((await one('m')).rows_written, 2);
  assert.deepEqual(await rows('select id, v, w from m.t order by id'), [
    { id: 1, v: 'a', w: null },
    { id: 2, v: 'z', w: 1 },
    { id: 3, v: 'y', w: 2 },
  ]);
  assert.deepEqual(await rows("select reason, row_json->>'v' as v from weir.source_discards where source = 'm'"), [{ reason: 'a column of the key is empty', v: 'd' }]);
});

test('merge: rows of files that are gone stay when a setting changes, and when another key tells them apart', async () => {
  const settings = (more: string): void => source('mm', `connection: {path: mm}\nstreams:\n  t: {path: "*.csv", mode: merge, ${more}}\n`);
  const found = async (): Promise<unknown[]> => (await rows('select id, v, w from mm.t order by id')).map(({ id, v, w }) => [id, v, w]);
  settings('key: [id]');
  write('mm/1.csv', 'id,v,w\n1,a,1\n');
  await one('mm');
  rmSync(path.join(weir.dir, 'mm/1.csv'));
  write('mm/2.csv', 'id,v,w\n2,b,2\n');
  await one('mm');
  settings('key: [id], exclude: [w], contract: freeze');
  assert.equal((await one('mm')).rows_written, 1);
  assert.deepEqual(await found(), [[1, 'a', null], [2, 'b', null]]);
  settings('key: [v]');
  await one('mm');
  assert.deepEqual(await found(), [[1, 'a', null], [2, 'b', 2]]);
  write('mm/3.csv', 'id,v,rowid\n3,c,1\n3,d,1\n');
  await fails(/has a column "rowid"/, 'sync', '--wait', 'mm');
  settings('key: [v], exclude: [rowid]');
  await one('mm');
});

test('deletes: rows that the source has no more are marked or go, and come back; not when lines are unknown', async () => {
  write('gone/a.csv', 'id,v\n1,a\n2,b\n');
  write('gone/b.csv', 'id,v\n3,c\n');
  const set = (mode: string): void => source('gone', `connection: {path: gone}\nstreams:\n  t: {path: "*.csv", ${mode}}\n`);
  const live = (): Promise<Row[]> => rows('select id, v, _weir_deleted is null as live from gone.t order by id');
  set('mode: merge, key: [id], deletes: soft');
  await one('gone');
  write('gone/a.csv', 'id,v\n1,a\n');
  let load = await one('gone');
  assert.equal((load as Load & { rows_deleted: number }).rows_deleted, 1);
  assert.deepEqual(await live(), [{ id: 1, v: 'a', live: true }, { id: 2, v: 'b', live: false }, { id: 3, v: 'c', live: true }]);
  rmSync(path.join(weir.dir, 'gone/b.csv'));
  write('gone/a.csv', 'id,v\n1,a\n2,back\n');
  await one('gone');
  assert.deepEqual(await live(), [{ id: 1, v: 'a', live: true }, { id: 2, v: 'back', live: true }, { id: 3, v: 'c', live: false }]);
  assert.deepEqual((await sync('gone')).map(({ status }) => status), ['unchanged']);
  await one('gone', '--full');
  assert.equal((await live()).length, 3, 'a mark outlives --full');
  write('gone/a.csv', 'id,v\n1,a\n2,"x" y\n');
  load = await one('gone');
  assert.equal(load.rows_discarded, 1);
  assert.ok(load.changes.some((change) => /gone at the source were not looked for: 1 row/.test(change)));
  assert.equal((await live()).filter(({ live: yes }) => yes).length, 2);
  set('mode: merge, key: [id], deletes: hard');
  write('gone/a.csv', 'id,v\n2,b\n4,d\n');
  await one('gone');
  assert.deepEqual(await rows('select id, v from gone.t order by id'), [{ id: 2, v: 'b' }, { id: 4, v: 'd' }]);
  set('mode: append, deletes: soft');
  await fails(/`deletes` is for `mode: merge`/, 'sync', 'gone', '--wait');
});

test('history: a version for each change; what is gone ends, what is as it was makes none', async () => {
  source('past', 'connection: {path: past.csv}\nstreams:\n  past: {mode: history, key: [id]}\n');
  const versions = (): Promise<Row[]> => rows('select id, v, is_current as c, valid_to is null as open, valid_to = lead(valid_from) over (partition by id order by valid_from) as meets from past.past order by id, valid_from');
  write('past.csv', 'id,v\n1,a\n2,b\n3,c\n');
  await one('past');
  write('past.csv', 'id,v\n1,a\n2,changed\n');
  const load = await one('past');
  assert.deepEqual([load.rows_read, load.rows_written, load.rows_superseded], [2, 1, 1]);
  const second = [
    { id: 1, v: 'a', c: true, open: true, meets: null },
    { id: 2, v: 'b', c: false, open: false, meets: true },
    { id: 2, v: 'changed', c: true, open: true, meets: null },
    { id: 3, v: 'c', c: false, open: false, meets: null },
  ];
  assert.deepEqual(await versions(), second);
  await one('past', '--full');
  assert.deepEqual(await versions(), second, '--full keeps versions');
  write('past.csv', 'id,v,new\n1,a,\n2,changed,7\n3,c,\n');
  await one('past');
  assert.deepEqual(await rows('select id, v, new, is_current as c from past.past order by id, valid_from'), [
    { id: 1, v: 'a', new: null, c: true },
    { id: 2, v: 'b', new: null, c: false },
    { id: 2, v: 'changed', new: null, c: false },
    { id: 2, v: 'changed', new: 7, c: true },
    { id: 3, v: 'c', new: null, c: false },
    { id: 3, v: 'c', new: null, c: true },
  ]);
  write('past.csv', 'id,is_current\n1,a\n');
  await fails(/has a column "is_current", which `mode: history` makes itself/, 'sync', 'past', '--wait');
});

test('contracts: keys are what the table takes of them', async () => {
  const streams = ['discard_row', 'discard_value'].map((contract) => `  ${contract}: {path: k.csv, contract: ${contract}, mode: history, key: [id]}`).join('\n');
  source('keys', `connection: {path: k}\nstreams:\n${streams}\n`);
  write('k/k.csv', 'id,n\n7,1\n8,1\n');
  await sync('keys');
  write('k/k.csv', 'id,n\n7,1\n07,2\nx,3\n8,1\n');
  for (const stream of ['discard_row', 'discard_value']) {
    const { rows_written, rows_discarded, rows_superseded } = await one(`keys.${stream}`);
    assert.deepEqual([rows_written, rows_discarded, rows_superseded], [1, 1, 2]);
    assert.deepEqual(await rows(`select id, n, is_current from keys.${stream} order by id, n`), [{ id: 7, n: 1, is_current: false }, { id: 7, n: 2, is_current: true }, { id: 8, n: 1, is_current: true }]);
  }
});

test('contracts: freeze refuses, the others set aside what does not fit', async () => {
  const streams = ['freeze', 'discard_row', 'discard_value'].map((contract) => `  ${contract}: {path: t.csv, contract: ${contract}}`).join('\n');
  source('c', `connection: {path: c}\nstreams:\n${streams}\n`);
  write('c/t.csv', 'id,n\n1,1\n2,2\n');
  await sync('c');
  write('c/t.csv', 'id,n\n1,1.5\n2,2\n');
  await fails(/column "n".*contract of stream "freeze" is freeze/, 'sync', '--wait', 'c.freeze');
  assert.deepEqual(await rows('select id, n from c.freeze order by id'), [{ id: 1, n: 1 }, { id: 2, n: 2 }]);
  assert.equal((await one('c.discard_row')).rows_discarded, 1);
  assert.deepEqual(await rows('select id, n from c.discard_row'), [{ id: 2, n: 2 }]);
  await one('c.discard_value');
  assert.deepEqual(await rows('select id, n from c.discard_value order by id'), [{ id: 1, n: null }, { id: 2, n: 2 }]);
  write('c/t.csv', 'id,n,extra\n1,1,\n2,2,x\n');
  await fails(/column "extra".*is new/, 'sync', '--wait', 'c.freeze');
  await one('c.discard_row');
  assert.deepEqual(await rows('select id, n from c.discard_row'), [{ id: 1, n: 1 }]);
  await one('c.discard_value');
  assert.deepEqual(await rows('select * exclude (_weir_run, _weir_file, _weir_loaded_at) from c.discard_value order by id'), [{ id: 1, n: 1 }, { id: 2, n: 2 }]);
  assert.deepEqual(
    (await rows("select stream, column_name as c, value as v from weir.source_discards where source = 'c' order by all")).map(({ stream, c, v }) => [stream, c, v]),
    [['discard_row', null, null], ['discard_row', null, null], ['discard_value', 'extra', 'x'], ['discard_value', 'n', '1.5']],
  );
  assert.deepEqual(await rows("select status, count(*) as n from weir.loads where source = 'c' and stream = 'freeze' group by all order by all"), [
    { status: 'failed', n: 2 },
    { status: 'loaded', n: 1 },
  ]);
});

test('Parquet and JSON: values arrive as they were', async () => {
  mkdirSync(path.join(weir.dir, 'p'), { recursive: true });
  const sql = "select i::bigint as id, 'x' || i as s, i / 4 as d, timestamp '2026-01-01' + to_days(i::int) as at, i % 2 = 0 as b, 12345678901234567.89::decimal(20,2) as m, [i] as l from range(3) t(i)";
  const file = await weir.in('query', sql, '--format', 'parquet', '--output', path.join(weir.dir, 'p/t.parquet'));
  assert.equal(typeof file, 'string');
  write('p/j.json', '[{"id": 9007199254740993, "s": "a"}, {"id": 2, "s": null}]');
  source('p', 'connection: {path: p}\n');
  await sync('p');
  assert.deepEqual(await rows('select * exclude (_weir_run, _weir_file, _weir_loaded_at) from p.t where id = 2'), [
    { id: 2, s: 'x2', d: 0.5, at: '2026-01-03T00:00:00Z', b: true, m: '12345678901234567.89', l: [2] },
  ]);
  assert.deepEqual(await rows('select id::varchar as id, s from p.j order by all'), [{ id: '2', s: null }, { id: '9007199254740993', s: 'a' }]);
  mkdirSync(path.join(weir.dir, 'p/id=7'));
  for (const name of ['id=7/t.parquet', '[a].parquet', 'a.parquet']) copyFileSync(path.join(weir.dir, 'p/t.parquet'), path.join(weir.dir, `p/${name}`));
  source('day', 'connection: {path: p/id=7}\n');
  await one('day');
  assert.deepEqual((await rows('select id from day.t order by id')).map(({ id }) => id), [0, 1, 2]);
  source('day', 'connection: {path: p}\nstreams:\n  t: {path: "*a*.parquet"}\n');
  await fails(/must have none of/, 'sync', '--wait', 'day');
  for (const name of ['p/[a].parquet', 'p/a.parquet', 'sources/day.yml']) rmSync(path.join(weir.dir, name));
  write('p/j.json', '[{"id": 1,');
  await fails(/p\/j\.json/, 'sync', '--wait', 'p.j');
  assert.equal((await rows('from p.j')).length, 2);
});

test('files that are not open to sources, and mistakes in the file, are told with what to do', async () => {
  const refuses = async (name: string, text: string, why: RegExp): Promise<void> => {
    source(name, text);
    await fails(why, 'source', 'check', name);
    rmSync(path.join(weir.dir, `sources/${name}.yml`));
  };
  await refuses('x', 'connection: {path: /etc/passwd}\n', /source\.folders/);
  symlinkSync('/etc', path.join(weir.dir, 'etc'));
  await refuses('x', 'connection: {path: etc/passwd}\n', /source\.folders/);
  await refuses('x', 'connection: {path: .weir/warehouse.duckdb}\n', /source\.folders/);
  await refuses('x', 'connection: {path: a}\nstreams:\n  t: {path: ../../../etc/passwd}\n', /source\.folders/);
  await refuses('x', 'connection: {pat: a}\n', /sources\/x\.yml:2: .*path/);
  await refuses('x', 'connection: {path: a}\nstreams:\n  t: {mode: merge}\n', /sources\/x\.yml:4: .*key/);
  await refuses('x', 'connection: {path: a}\nschema: weir\n', /sources\/x\.yml:3: .*reserved/);
  await refuses('x', 'connection: {path: a}\nstreams:\n  t: {}\n  T: {}\n', /sources\/x\.yml:5: .*share the table/);
  await refuses('x', 'connection: {path: a}\nstreams:\n  t: {cursor: b}\n', /sources\/x\.yml:4: .*other kinds than file/);
  for (const [mode, why] of [['', /`cursor` needs `mode: append`, .*`replace`, which is the mode where none is said/], ['mode: replace, ', /`cursor` needs `mode: append`, .*with `replace` all rows/]] as [string, RegExp][]) {
    writeFileSync(path.join(weir.dir, 'sources/x.yml'), `kind: postgres\nconnection: {host: h.example, database: d, user: u}\nstreams:\n  t: {${mode}cursor: b}\n`);
    await fails(why, 'source', 'check', 'x');
  }
  rmSync(path.join(weir.dir, 'sources/x.yml'));
  write('own.csv', '_weir_run\n1\n');
  source('own', 'connection: {path: own.csv}\n');
  await fails(/rename it in the file/, 'sync', '--wait', 'own');
  rmSync(path.join(weir.dir, 'sources/own.yml'));
  await fails(/cannot name a source/, 'source', 'add', '../x', '--kind', 'file', '--set', 'path=a');
  await fails(/tracking/, 'source', 'remove', 'web');
  await fails(/no write key/, 'source', 'key', 'a');
});

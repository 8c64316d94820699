// A source whose file went by git or got another name: what it left at its server is told wherever sources are, and can be
// taken away. Nobody reads the slot any more, and the server keeps its log for ever.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setUp } from '../node/client.js';
import { behind } from '../node/compared.js';
import { holdPostgres, pg, weir } from '../node/postgres_held.js';
import { commandFails, syncs } from '../node/sync.js';
import { until } from '../node/weir.js';

const skip = holdPostgres(['-c', 'wal_level=logical'], () => {
  pg.sql('create schema t; create table t.t (id int primary key); insert into t.t values (1)');
});

const file = (name: string): string => path.join(weir.dir, 'sources', `${name}.yml`);
const source = (name: string, secret = '${WEIR_SOURCE_TEST_PASSWORD}'): void =>
  writeFileSync(file(name), `kind: postgres\nconnection: {host: 127.0.0.1, port: ${pg.port}, database: postgres, user: owner, password: "${secret}", schemas: [t], capture: true}\n`);
const sync = syncs<{ stream: string; status: string }>(() => weir);
const slots = (): string => pg.sql("select coalesce(string_agg(slot_name, ' ' order by slot_name), '') from pg_replication_slots");
const fails = commandFails(() => weir);
const says = (name: string): RegExp => new RegExp(`sources/${name}\\.yml is gone, but the slot "weir_${name}" of the server 127\\.0\\.0\\.1 keeps the server's log for it, on the server's disk; \`weir source remove ${name}\` ends that`);
const doctor = async (): Promise<{ check: string; health: string; text: string }[]> => {
  const out = await weir.in('doctor', '--json').catch((error: Error & { stdout: string }) => error.stdout);
  return (JSON.parse(out) as { check: string; health: string; text: string }[]).filter(({ check, text }) => check === 'sources' && text.includes('slot'));
};

test('without a server: the list and the doctor name it, and removing takes it away', { skip }, async () => {
  source('c');
  assert.deepEqual((await sync('c')).map(({ stream, status }) => [stream, status]), [['t', 'loaded']]);
  assert.doesNotMatch(await weir.in('source', 'list'), /is gone/);
  assert.deepEqual(await doctor(), []);
  renameSync(file('c'), file('cc'));
  await sync('cc');
  assert.equal(slots(), 'weir_c weir_cc', 'a rename is a new source beside the old one');
  assert.match(await weir.in('source', 'list'), says('c'));
  assert.doesNotMatch(await weir.in('source', 'list'), says('cc'));
  const listed = (JSON.parse(await weir.in('source', 'list', '--json')) as { name: string; kind: string | null; error: string | null }[]).find(({ name }) => name === 'c');
  assert.equal(listed?.kind, null);
  assert.match(String(listed?.error), says('c'));
  const [found, ...more] = await doctor();
  assert.equal(found?.health, 'problem');
  assert.match(String(found?.text), says('c'));
  assert.equal(more.length, 0);
  assert.doesNotMatch(await weir.in('source', 'remove', 'c'), /But/);
  assert.equal(slots(), 'weir_cc');
  assert.equal(pg.sql("select string_agg(pubname, ' ') from pg_publication"), 'weir_cc');
  assert.deepEqual(await weir.rows("select distinct source from weir.source_state"), [{ source: 'cc' }]);
  assert.equal((await weir.rows('select count(*)::int as n from c.t'))[0]?.['n'], 1, 'its table stays');
  assert.doesNotMatch(await weir.in('source', 'list'), /is gone/);
  assert.deepEqual(await doctor(), []);
  await fails(/there is no source "c"/, 'source', 'remove', 'c');
  await fails(/there is no source "never"/, 'source', 'remove', 'never');
  // With its last file gone, too.
  rmSync(file('cc'));
  assert.match(await weir.in('source', 'list'), says('cc'));
  assert.doesNotMatch(await weir.in('source', 'list'), /No sources yet/);
  assert.doesNotMatch(await weir.in('source', 'remove', 'cc'), /But/);
  assert.equal(slots(), '');
});

test('what cannot be taken away: the statements are shown, and once more removes it from what is told', { skip }, async () => {
  source('d');
  await sync('d');
  const text = readFileSync(file('d'), 'utf8');
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'another one';
  assert.match(await weir.in('source', 'remove', 'd'), /But the slot "weir_d" .* could not be taken away: .*password.* Run there: SELECT pg_drop_replication_slot\('weir_d'\); DROP PUBLICATION IF EXISTS "weir_d";/);
  assert.match(await weir.in('source', 'list'), says('d'), 'a file that went by us leaves no less');
  assert.match(await weir.in('source', 'remove', 'd'), /Removed what was left of d[^]*But the slot "weir_d" .* could not be taken away: .*password.* Run there: SELECT pg_drop_replication_slot\('weir_d'\); DROP PUBLICATION IF EXISTS "weir_d";/);
  assert.doesNotMatch(await weir.in('source', 'list'), /is gone/);
  assert.equal(slots(), 'weir_d');
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
  // What another weir reads on is left to it, also here.
  writeFileSync(file('d'), text);
  await sync('d', '--full');
  rmSync(file('d'));
  pg.sql("insert into t.t values (2); select pg_replication_slot_advance('weir_d', pg_current_wal_flush_lsn())");
  assert.match(await weir.in('source', 'remove', 'd'), /could not be taken away: somebody else read from it/);
  assert.equal(slots(), 'weir_d');
  pg.sql("select pg_drop_replication_slot('weir_d')");
});

test('of an older weir, which did not keep how the server is reached: the statements are told at once', { skip }, async () => {
  source('old');
  await sync('old');
  behind(weir, `update weir.source_state set cursor = regexp_replace(cast(cursor as varchar), ',"kind".*$', '}') where source = 'old' and stream = '*'`);
  rmSync(file('old'));
  const statements = `SELECT pg_drop_replication_slot\\('weir_old'\\); DROP PUBLICATION IF EXISTS "weir_old";`;
  assert.match(await weir.in('source', 'list'), new RegExp(`sources/old\\.yml is gone, but the slot "weir_old" of its server keeps .*; run there: ${statements} \`weir source remove old\` then forgets it`));
  assert.match(String((await doctor())[0]?.text), new RegExp(statements));
  assert.match(await weir.in('source', 'remove', 'old'), new RegExp(`could not be taken away: how it is reached was not kept. Run there: ${statements}`));
  assert.doesNotMatch(await weir.in('source', 'list'), /is gone/);
  pg.sql("select pg_drop_replication_slot('weir_old'); drop publication weir_old");
});

test('with a server: its log says it when the file goes, the API lists it, and removes it', { skip }, async () => {
  await weir.up();
  const admin = await setUp(weir);
  source('e');
  await sync('e');
  await sync('e');
  renameSync(file('e'), file('ee'));
  const line = await until('the log to say it', 30, () => weir.log().split('\n').find((one) => one.includes('a source is gone, and is still kept for')));
  assert.match(line.replaceAll('\\"', '"'), says('e'));
  const left = async (): Promise<{ name: string; note: string }[]> => (await admin.want(200, 'GET', '/api/sources'))['left'] as { name: string; note: string }[];
  const [one, ...more] = await left();
  assert.equal(one?.name, 'e');
  assert.match(String(one?.note), says('e'));
  assert.equal(more.length, 0);
  assert.match(await weir.in('source', 'list'), says('e'));
  assert.match(String((await doctor())[0]?.text), says('e'));
  await admin.want(404, 'GET', '/api/sources/e');
  await admin.want(404, 'DELETE', '/api/sources/never');
  await admin.want(204, 'DELETE', '/api/sources/e');
  assert.deepEqual(await left(), []);
  assert.equal(slots(), '');
  assert.deepEqual(await doctor(), []);
  // By the command, which asks the server; and one that is removed as it should be is not told of.
  await sync('ee');
  rmSync(file('ee'));
  assert.doesNotMatch(await weir.in('source', 'remove', 'ee'), /But/);
  source('f');
  await sync('f');
  assert.doesNotMatch(await weir.in('source', 'remove', 'f'), /But/);
  assert.equal(slots(), '');
  source('g'); // makes the server look once more
  await until('the server to have seen that', 30, async () => ((await admin.want(200, 'GET', '/api/sources'))['sources'] as { name: string }[]).some(({ name }) => name === 'g') || undefined);
  assert.doesNotMatch(weir.log(), /kept for[^\n]*sources\/f\.yml is gone/);
});

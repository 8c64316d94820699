// A source that is made again, or turned to another account, does not go on from the state of the one before.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { syncFails, syncs } from '../node/sync.js';
import { Tap, record, schema, state } from '../node/tap.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
let tap: Tap;
before(async () => {
  weir = await Weir.init();
  writeFileSync(path.join(weir.dir, 'weir.yml'), `${readFileSync(path.join(weir.dir, 'weir.yml'), 'utf8')}\nsource:\n  programs: [.]\n`);
});
after(() => weir.remove());
let made = 0;
beforeEach(() => {
  tap = new Tap(weir, `crm${++made}`);
});

const sync = syncs<{ stream: string; status: string; rows_read: number }>(() => weir);
const fails = syncFails(() => weir);
const loads = async (...args: string[]): Promise<string[]> => (await sync(...args)).map((load) => `${load.stream} ${load.status} ${load.rows_read}`);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);
const ids = (): Promise<Row[]> => rows(`select account, count(*) as n from ${tap.name}.deals group by all order by all`);
const configure = (config: object, more = ''): void => writeFileSync(path.join(weir.dir, `sources/${tap.name}.yml`), tap.yml(`config: ${JSON.stringify(config)}\n`, more));

/** Two deals of this account, which come only when no state says that they were read; and notes, which are always read as a whole. */
const has = (account: string): void => {
  const properties = { id: { type: 'integer' }, account: { type: 'string' } };
  tap.catalog({ stream: 'deals', schema: { properties }, key: ['id'], method: 'INCREMENTAL' }, { stream: 'notes', schema: { properties }, method: 'FULL_TABLE' });
  const rows = [1, 2].map((id) => `echo '${JSON.stringify(record('deals', { id: account === 'a' ? id : id + 10, account }))}'`);
  tap.run('cp "${STATE:-/dev/null}" "$here/state.json"', schema('deals', properties, ['id']), `if ! grep -q 99 "\${STATE:-/dev/null}"; then ${rows.join('; ')}; fi`, schema('notes', properties), record('notes', { id: 1, account }), state({ bookmarks: { deals: { id: 99 } } }));
};
const given = (): string => readFileSync(path.join(tap.dir, 'state.json'), 'utf8');

test('removed and made again: nothing is loaded until somebody says whose rows are there', async () => {
  has('a');
  configure({});
  assert.deepEqual(await loads(tap.name), ['deals loaded 2', 'notes loaded 1']);
  assert.deepEqual(await loads(tap.name), ['notes loaded 1'].concat('deals unchanged 0').sort(), 'it goes on from its state');
  assert.match(given(), /"id":99/);
  await weir.in('source', 'remove', tap.name);
  has('b');
  configure({});
  const why = new RegExp(`the table of stream "deals" has rows of a source of this name that was removed, .*weir sync ${tap.name}(\\.deals)? --full.*--moved`);
  await fails(why, tap.name);
  await fails(why, tap.name);
  assert.deepEqual(await ids(), [{ account: 'a', n: 2 }]);
  await fails(why, `${tap.name}.deals`);
  assert.deepEqual(await loads(`${tap.name}.notes`), ['notes loaded 1'], 'of a table that is built anew in each run nothing stays');
  await fails(why, tap.name);
  assert.deepEqual(await loads(tap.name, '--full'), ['deals loaded 2', 'notes loaded 1']);
  assert.deepEqual(await ids(), [{ account: 'b', n: 2 }]);
  assert.equal(given(), '');
  await loads(tap.name);
  assert.match(given(), /"id":99/, 'and goes on');
});

test('removed and made again, the same account: --moved goes on, also where nothing new came', async () => {
  has('a');
  configure({});
  await loads(tap.name);
  await weir.in('source', 'remove', tap.name);
  configure({});
  await fails(/that was removed/, tap.name);
  assert.deepEqual((await loads(tap.name, '--moved')).sort(), ['deals unchanged 0', 'notes loaded 1']);
  assert.match(given(), /"id":99/);
  assert.deepEqual((await loads(tap.name)).sort(), ['deals unchanged 0', 'notes loaded 1']);
});

test('turned to another account in its file: told by the settings that name one, and by no others', async () => {
  has('a');
  configure({ subdomain: 'acme', start_date: '2026-01-01', user_agent: 'x', repositories: ['a/b'], auth: { accountId: 5 } });
  await loads(tap.name);
  configure({ auth: { accountId: 5 }, subdomain: 'acme', start_date: '2025-01-01', user_agent: 'y', page_size: 7, repositories: ['a/b', 'a/c'] });
  await loads(tap.name);
  assert.match(given(), /"id":99/);
  assert.deepEqual(await rows(`select cursor->'of'->>'at' as at from weir.source_state where source = '${tap.name}' and stream = 'deals'`), [{ at: 'tap (accountId: 5, subdomain: acme)' }]);
  has('b');
  configure({ subdomain: 'acme', auth: { accountId: 6 } });
  await fails(/has rows of tap \(accountId: 5, subdomain: acme\), and this is tap \(accountId: 6, subdomain: acme\): nothing was loaded/, tap.name);
  configure({ subdomain: 'umbrella', auth: { accountId: 5 } });
  await fails(/this is tap \(accountId: 5, subdomain: umbrella\)/, tap.name);
  assert.deepEqual(await ids(), [{ account: 'a', n: 2 }]);
  await loads(tap.name, '--moved');
  await loads(tap.name);
  configure({ subdomain: 'acme', auth: { accountId: 5 } });
  await fails(/has rows of tap \(accountId: 5, subdomain: umbrella\)/, tap.name);
  await loads(`${tap.name}.deals`, '--full');
  assert.deepEqual(await ids(), [{ account: 'b', n: 2 }]);
  await loads(tap.name);
});

test('a tap that cannot say its streams before it runs', async () => {
  has('a');
  configure({ subdomain: 'acme' });
  const cannot = (subdomain: string): void => writeFileSync(path.join(weir.dir, `sources/${tap.name}.yml`), tap.yml(`config: {subdomain: ${subdomain}}\nselection: none`));
  cannot('acme');
  await loads(tap.name);
  await loads(tap.name);
  has('b');
  tap.run(schema('deals', { id: { type: 'integer' }, account: { type: 'string' } }, ['id']), record('deals', { id: 11, account: 'b' }));
  cannot('umbrella');
  await fails(/has rows of tap \(subdomain: acme\), and this is tap \(subdomain: umbrella\): nothing was loaded/, tap.name);
  assert.deepEqual(await ids(), [{ account: 'a', n: 2 }]);
  await loads(tap.name, '--moved');
  assert.deepEqual(await ids(), [{ account: 'a', n: 2 }, { account: 'b', n: 1 }]);
  await loads(tap.name);
});

test('a source of another name that takes the schema of one that is gone: its rows stay until somebody says so', async () => {
  const log = (name: string, text: string, more: string): void => {
    mkdirSync(path.join(weir.dir, name), { recursive: true });
    writeFileSync(path.join(weir.dir, `${name}/log.csv`), text);
    writeFileSync(path.join(weir.dir, `sources/${name}.yml`), `kind: file\nschema: logs\nconnection: {path: ${name}}\nstreams: {log: {${more}}}\n`);
  };
  const count = 'select count(*) as n from logs.log';
  log('before', 'a,b\n1,2\n3,4\n', 'mode: append');
  await loads('before');
  await weir.in('source', 'remove', 'before');
  log('behind', 'a,b\n5,6\n', 'mode: append');
  await fails(/logs\.log has 2 rows of the source "before" \(stream "log"\), which does not load it any more: nothing was loaded\. `weir sync behind\.log --full` builds the table anew/, 'behind');
  assert.deepEqual(await rows(count), [{ n: 2 }]);
  await loads('behind.log', '--full');
  assert.deepEqual(await rows(count), [{ n: 1 }]);
  await loads('behind');
  // What is replaced in each run is nobody's to keep.
  log('behind', 'a,b\n5,6\n', 'mode: replace');
  await loads('behind', '--full');
  await weir.in('source', 'remove', 'behind');
  log('last', 'a,b\n7,8\n9,10\n', 'mode: append');
  await loads('last');
  assert.deepEqual(await rows(count), [{ n: 2 }]);
});

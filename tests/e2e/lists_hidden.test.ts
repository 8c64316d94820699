// What groups do not see, when a source makes columns and tables of it (nested: flatten and tables).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const source = (more: string): void => weir.write('sources/rules.yml', `kind: file\nconnection: {path: rules}\nstreams:\n  deals: {mode: merge, key: [id]${more}}\n`);

test('what a group hides of a table stays hidden when its objects and lists become columns and tables', async () => {
  const deals = [{ id: 1, country: 'US', buyer: { email: 'us@example.org' }, items: [{ sku: 'a' }] }, { id: 2, country: 'DE', buyer: { email: 'de@example.org' }, items: [{ sku: 'b' }] }];
  const seen = (sql: string): Promise<Row[]> => weir.in('query', sql, '--as', 'ned@example.org', '--format', 'ndjson').then((text) => text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line) as Row));
  await weir.in('user', 'add', 'ned@example.org', '--role', 'editor');
  source('');
  weir.write('rules/deals.ndjson', deals.map((deal) => `${JSON.stringify(deal)}\n`).join(''));
  await weir.in('sync', 'rules');
  await weir.in('group', 'grant', 'everyone', 'rules.deals', '--rows', "country = 'DE'", '--hide', 'buyer', '--hide', 'items');
  const shown = `select * exclude (_weir_run, _weir_loaded_at, _weir_file) from rules.deals`;
  assert.deepEqual(await seen(shown), [{ id: 2, country: 'DE' }]);
  source(', nested: tables');
  await weir.in('sync', 'rules', '--full');
  assert.deepEqual(await weir.rows('select sku from rules.deals__items order by sku'), [{ sku: 'a' }, { sku: 'b' }]);
  assert.deepEqual(await seen(shown), [{ id: 2, country: 'DE', _weir_id: '2' }]);
  await assert.rejects(seen('from rules.deals__items'), /does not exist, or you may not see it/);
  await weir.in('group', 'grant', 'everyone', 'rules.deals__*', '--rows', "_weir_parent = '2'");
  assert.deepEqual(await seen('select sku from rules.deals__items'), [{ sku: 'b' }]);
  // What a pattern hides of each table is none of its own by the same pattern.
  await weir.in('group', 'grant', 'everyone', 'rules.deals__*', '--revoke');
  await weir.in('group', 'grant', 'everyone', 'rules.deals', '--revoke');
  await weir.in('group', 'grant', 'everyone', '*.*', '--hide', 'items');
  assert.deepEqual(await seen('select id from rules.deals order by id'), [{ id: 1 }, { id: 2 }]);
  await assert.rejects(seen('from rules.deals__items'), /does not exist, or you may not see it/);
});

// The open queries: read from anything, merged from two browsers, moved, named.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Desk, freshTab, isChanged, mergeDesks, moveTab, readDesk, titleOf } from '../../web/core/desk';

const tab = (id: string, sql: string, edited = 0) => freshTab({ id, sql, edited });
const desk = (tabs: ReturnType<typeof tab>[], at: string, closed: string[] = []): Desk => ({ tabs, at, closed });
const sqls = ({ tabs }: Desk): string[] => tabs.map((one) => `${one.id}=${one.sql}`);

test('what was kept is read again, and rubbish is left out', () => {
  const kept = desk([freshTab({ id: 'a', name: 'Mine', sql: 'select 1', values: { x: ['b'], r: { start: 's', end: 'e' }, n: 4 }, edited: 7, origin: { kind: 'view', name: 'v', version: '1', saved: 'select 0' } })], 'a', ['z']);
  assert.deepEqual(readDesk(JSON.parse(JSON.stringify(kept))), kept);
  for (const rubbish of [null, 4, 'x', [], {}, { tabs: 'x' }, { tabs: [null, 4, { sql: 5 }] }]) assert.deepEqual(readDesk(rubbish).tabs, []);
  const [odd] = readDesk({ tabs: [{ sql: 'select 2', values: { a: null, b: [4], c: {} }, origin: { kind: 'dream' } }] }).tabs;
  assert.deepEqual([odd?.values, odd?.origin, Boolean(odd?.id)], [{}, undefined, true]);
});

test('two browsers merge: the newer text of each query, nothing lost, nothing back from the dead', () => {
  const mine = desk([tab('a', 'old', 1), tab('b', 'mine', 5), tab('d', 'closed there', 1)], 'b', ['c']);
  const theirs = desk([tab('a', 'new', 2), tab('b', 'theirs', 4), tab('c', 'closed here', 9), tab('e', 'only there', 1)], 'a', ['d']);
  const merged = mergeDesks(mine, theirs);
  assert.deepEqual(sqls(merged), ['a=new', 'b=mine', 'e=only there']);
  assert.equal(merged.at, 'b');
  assert.deepEqual([...merged.closed].sort(), ['c', 'd']);
  assert.deepEqual(sqls(mergeDesks(desk([tab('x', '')], 'x'), theirs)).slice(0, 2), ['x=', 'a=new']);
  assert.deepEqual(sqls(mergeDesks(mine, desk([], ''))), ['a=old', 'b=mine', 'd=closed there']);
});

test('tabs move, and are named by what they hold', () => {
  const tabs = [tab('a', ''), tab('b', ''), tab('c', '')];
  assert.equal(moveTab(tabs, 'a', 1), true);
  assert.equal(moveTab(tabs, 'c', 1), false);
  assert.equal(moveTab(tabs, 'c', -9), true);
  assert.deepEqual(tabs.map((one) => one.id), ['c', 'b', 'a']);
  assert.equal(titleOf(tab('a', '-- Orders by day\nselect 1'), 0), 'Orders by day');
  assert.equal(titleOf(tab('a', 'select * from web."tracks"'), 0), 'tracks');
  assert.equal(titleOf(tab('a', 'select 1'), 2), 'Query 3');
  assert.equal(titleOf(freshTab({ name: 'N', sql: '-- x' }), 0), 'N');
  const saved = freshTab({ sql: 'select 1', origin: { kind: 'view', name: 'v', version: '1', saved: 'select 1' } });
  assert.deepEqual([titleOf(saved, 0), isChanged(saved), isChanged({ ...saved, sql: 'select 2' }), isChanged(tab('a', 'x'))], ['v', false, true, false]);
});

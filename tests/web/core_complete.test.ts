// What is completed where.
import assert from 'node:assert/strict';
import test from 'node:test';
import { contextAt, joinsFor, tablesAt } from '../../web/core/complete';

/** The context at the mark |. */
const at = (text: string) => {
  const found = contextAt(text.replace('|', ''), text.indexOf('|'));
  return found && `${found.wanted}${found.of ? ` of ${found.of}` : ''} ${text.indexOf('|') - found.from}`;
};

test('templates, brackets, members, tables and words are told apart', () => {
  assert.equal(at('select {{ sp|'), 'parameter 2');
  assert.equal(at("select '%{{ |}}%'"), 'parameter 0');
  assert.equal(at('from {{ @mo|'), 'definition 2');
  assert.equal(at('{% i|'), 'tag 1');
  assert.equal(at('from [be|'), 'bracket 2');
  assert.equal(at('where [be|'), 'bracket 2');
  assert.equal(at('select x[|'), 'word 0');
  assert.equal(at('where [o.sport=|]'), 'filter 0');
  assert.equal(at('select [created_at:we|'), 'grain 2');
  assert.equal(at('select o.sp| from t o'), 'member of o 2');
  assert.equal(at('select "Odd ""t""".|'), 'member of Odd "t" 0');
  assert.equal(at('select 1 from |'), 'table 0');
  assert.equal(at('select 1 from web.a, |'), 'table 0');
  assert.equal(at('select 1 from a left join we|'), 'join 2');
  assert.equal(at('select cou|'), 'word 3');
  assert.equal(at("select 'fro|m'"), undefined);
  assert.equal(at('select 1 -- fro|'), undefined);
  assert.equal(at('select 1 /* a | b */'), undefined);
  assert.equal(at('select 1 -- x\n|'), 'word 0');
});

const table = (schema: string, name: string, ...columns: string[]) => ({ schema, name, view: false, rows: 1, columns: columns.map((one) => ({ name: one })) });
const tables = [table('web', 'orders', 'id', 'user_id', 'sport_id', 'message_id'), table('web', 'users', 'id', 'name'), table('app', 'pages', 'user_id', 'message_id'), table('app', 'Odd', 'x')];

test('tables of a statement have their aliases, and join by what both have', () => {
  const named = (sql: string) => tablesAt(sql, sql.length, tables).map((one) => `${one.table.name} ${one.alias}`);
  assert.deepEqual(named('select 1 from web.orders o join web.users as u on true where x'), ['orders o', 'users u']);
  assert.deepEqual(named('select 1 from web.orders where x'), ['orders orders']);
  assert.deepEqual(named('select 1 from app."Odd" x, web.orders y'), ['orders y', 'Odd x']);
  assert.deepEqual(named('select 1 from web.orders; select 2 from app.pages p'), ['pages p']);
  const read = tablesAt('select 1 from web.orders o join ', 30, tables);
  assert.deepEqual(joinsFor(read, tables), [{ table: 'web.users', on: 'on users.id = o.user_id' }, { table: 'app.pages', on: 'using (user_id)' }]);
});

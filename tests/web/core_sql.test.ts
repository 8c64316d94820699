import assert from 'node:assert/strict';
import test from 'node:test';
import { placeOfByte, statementAt, statements, tablesOf, wordAt } from '../../web/core/sql';

test('statements end at semicolons that are no part of texts, names or comments', () => {
  const sql = "select ';' as \"a;b\"; -- no; end\nselect $$;$$ /* ; */ , 'it''s;' ;;\n  -- only words\n";
  assert.deepEqual(statements(sql).map((s) => s.sql), ["select ';' as \"a;b\"", "select $$;$$ /* ; */ , 'it''s;'"]);
  assert.deepEqual(statements(' -- nothing\n'), []);
  assert.deepEqual(statements("select 'open").map((s) => s.sql), ["select 'open"]);
  assert.deepEqual(statements('select $1 from t').map((s) => s.sql), ['select $1 from t']);
});

test('the statement at the cursor is the one around it, else the one before', () => {
  const sql = 'select 1;\n\nselect 2;\n';
  assert.equal(statementAt(sql, 3)?.sql, 'select 1');
  assert.equal(statementAt(sql, 9)?.sql, 'select 1', 'just behind its semicolon');
  assert.equal(statementAt(sql, 12)?.sql, 'select 2');
  assert.equal(statementAt(sql, sql.length)?.sql, 'select 2');
  assert.equal(statementAt('', 0), undefined);
});

test('tables are those after FROM and JOIN', () => {
  assert.deepEqual(tablesOf('select a from web.orders o join "My"."T" as t on t.x = o.x left join users using (id)'), ['web.orders', 'My.T', 'users']);
  assert.deepEqual(tablesOf('select 1 from a, b as c, range(10)'), ['a', 'b']);
  assert.deepEqual(tablesOf("select 'from x' -- from y\n"), []);
});

test('places of the engine become places of the text', () => {
  assert.equal(placeOfByte('select nope', 7), 7);
  assert.equal(placeOfByte("select 'ü€😀', nope", 20), 15);
  assert.deepEqual(wordAt('select nope', 7), { from: 7, to: 11 });
  assert.deepEqual(wordAt('select', 6), { from: 5, to: 6 });
  assert.deepEqual(wordAt('', 0), { from: 0, to: 0 });
});

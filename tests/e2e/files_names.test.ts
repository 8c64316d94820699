// Which column of the table a column of a file is: by what it is called, whatever else a file has, and in which order.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { behind } from '../node/compared.js';
import { syncs } from '../node/sync.js';
import { Weir, type Row } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const load = async (source: string, ...args: string[]): Promise<string> => {
  const streams = await syncs<{ changes: string[] }>(() => weir)(source, ...args);
  return streams.map(({ changes }) => changes.join(', ')).join('; ');
};
const source = (name: string, more: string): void => write(`sources/${name}.yml`, `kind: file\nconnection: {path: "${name}/*"}\nstreams: {${name}: {${more}}}\n`);
const all = (name: string, order = 'id'): Promise<Row[]> => weir.rows(`select * exclude (_weir_file, _weir_run, _weir_loaded_at) from ${name}.${name} order by ${order}`);

test('headers that become one name keep their columns in later files', async () => {
  source('price', 'mode: append');
  write('price/a.csv', 'id,Discount %\n1,5\n');
  await load('price');
  write('price/b.csv', 'id,Discount,Discount %\n2,100,7\n');
  assert.equal(await load('price'), 'new column discount_2');
  write('price/c.csv', 'id,Discount\n3,200\n');
  write('price/d.csv', 'Discount %,id\n9,4\n');
  assert.equal(await load('price'), '');
  const rows = [
    { id: 1, discount: 5, discount_2: null },
    { id: 2, discount: 7, discount_2: 100 },
    { id: 3, discount: null, discount_2: 200 },
    { id: 4, discount: 9, discount_2: null },
  ];
  assert.deepEqual(await all('price'), rows);
  assert.match(await weir.in('verify', 'price'), /price\.price {2}equal/);
  await load('price', '--full');
  assert.deepEqual(await all('price'), rows);
});

test('in one run, too, and where a name comes twice in a file', async () => {
  source('run', 'mode: replace');
  write('run/a.csv', 'id,Price,Price $,x,x\n1,10,11,1,2\n');
  write('run/b.csv', 'Price $,x,x,id,price_2\n21,3,4,2,5\n');
  write('run/c.csv', 'x,id,Price\n5,3,30\n');
  await load('run');
  assert.deepEqual(await all('run'), [
    { id: 1, price: 10, price_2: 11, x: 1, x_2: 2, price_2_2: null },
    { id: 2, price: null, price_2: 21, x: 3, x_2: 4, price_2_2: 5 },
    { id: 3, price: 30, price_2: null, x: 5, x_2: null, price_2_2: null },
  ]);
});

test('a mark between digits, and a minus before one, make another column', async () => {
  source('digits', 'mode: append');
  write('digits/a.csv', 'id,Q1.1,T-1,Version 1.0,Address 1\n1,10,5,0.5,here\n');
  write('digits/b.csv', 'id,Q11,T1,Version 10,address_1\n2,99,77,7.5,there\n');
  assert.equal(await load('digits'), 'column address_1 is what the source calls "address_1", and called "Address 1"');
  assert.deepEqual(await all('digits'), [
    { id: 1, q1_1: 10, t_1: 5, version_1_0: 0.5, address_1: 'here', q11: null, t1: null, version_10: null },
    { id: 2, q1_1: null, t_1: null, version_1_0: null, address_1: 'there', q11: 99, t1: 77, version_10: 7.5 },
  ]);
  write('digits/c.csv', 'id,q1 1,T-1\n3,11,6\n');
  assert.match(await load('digits'), /^column q1_1 is what the source calls "q1 1", and called "Q1.1"$/);
  assert.deepEqual((await all('digits'))[2], { id: 3, q1_1: 11, t_1: 6, version_1_0: null, address_1: null, q11: null, t1: null, version_10: null });
});

test('case, blanks and marks make no other column, but where two of them come together', async () => {
  source('like', 'mode: append');
  write('like/a.csv', 'id,Order Date\n1,a\n');
  write('like/b.csv', 'ID,order_date\n2,b\n');
  assert.match(await load('like'), /^column id is what the source calls "ID", and called "id"; column order_date is what the source calls "order_date", and called "Order Date"$/);
  write('like/c.csv', 'id,Name,name\n3,N,n\n');
  assert.equal(await load('like'), 'new column name, new column name_2');
  write('like/d.csv', 'id,name,Name\n4,n,N\n');
  write('like/e.csv', 'id,name\n5,n\n');
  await load('like');
  write('like/f.csv', 'id,NAME\n6,?\n');
  assert.equal(await load('like'), 'new column name_3');
  assert.deepEqual(await weir.rows('select id, order_date, name, name_2, name_3 from "like"."like" order by id'), [
    { id: 1, order_date: 'a', name: null, name_2: null, name_3: null },
    { id: 2, order_date: 'b', name: null, name_2: null, name_3: null },
    { id: 3, order_date: null, name: 'N', name_2: 'n', name_3: null },
    { id: 4, order_date: null, name: 'N', name_2: 'n', name_3: null },
    { id: 5, order_date: null, name: null, name_2: 'n', name_3: null },
    { id: 6, order_date: null, name: null, name_2: null, name_3: '?' },
  ]);
});

test('a column that is called otherwise takes the place of the old one where no row of it stays, and that is told', async () => {
  source('whole', 'mode: replace');
  write('whole/a.csv', 'id,Discount %\n1,5\n');
  await load('whole');
  write('whole/a.csv', 'id,Discount\n1,6\n');
  assert.equal(await load('whole'), 'column discount is what the source calls "Discount", and called "Discount %"');
  write('whole/a.csv', 'id,Discount,Discount %\n1,6,7\n');
  await load('whole');
  assert.deepEqual(await all('whole'), [{ id: 1, discount: 6, discount_2: 7 }]);
});

test('a key of JSON that is what the engine would call another one is itself', async () => {
  source('three', 'mode: append');
  write('three/a.ndjson', '{"id":1,"A":10,"a":11,"a_1":12}\n');
  await load('three');
  write('three/b.ndjson', '{"id":2,"a_1":22,"a":21}\n');
  await load('three');
  assert.deepEqual(await all('three'), [
    { id: 1, a: 10, a_1: 11, a_1_1: 12 },
    { id: 2, a: null, a_1: 21, a_1_1: 22 },
  ]);
});

test('keys of JSON that differ by case alone are told apart in any order', async () => {
  source('keys', 'mode: append');
  write('keys/a.ndjson', '{"id":1,"Name":"N","name":"n","x_1":0}\n');
  await load('keys');
  write('keys/b.ndjson', '{"id":2,"name":"n","Name":"N","X":1,"x_1":2}\n');
  write('keys/c.ndjson', '{"id":3,"name":"n"}\n');
  await load('keys');
  assert.deepEqual(await all('keys'), [
    { id: 1, name: 'N', name_1: 'n', x_1: 0, x: null },
    { id: 2, name: 'N', name_1: 'n', x_1: 2, x: 1 },
    { id: 3, name: null, name_1: 'n', x_1: null, x: null },
  ]);
});

test('a table that was loaded before this was kept goes on as it was', async () => {
  source('old', 'mode: append');
  write('old/a.csv', 'id,Price $,Price,note!\n1,2,3,x\n');
  await load('old');
  behind(weir, "update weir.source_state set cursor = regexp_replace(cursor::varchar, ',\\s*\"columns\":.*', '}') where source = 'old'");
  write('old/b.csv', 'id,Price $,Price\n2,2,3\n');
  await load('old');
  write('old/c.csv', 'Price,id,Price $\n3,3,2\n');
  write('old/d.csv', 'id,note?\n4,y\n');
  write('old/e.csv', 'id,note!\n5,z\n');
  await load('old');
  assert.deepEqual(await all('old'), [
    { id: 1, price: 2, price_2: 3, note: 'x', note_2: null },
    { id: 2, price: 2, price_2: 3, note: null, note_2: null },
    { id: 3, price: 2, price_2: 3, note: null, note_2: null },
    { id: 4, price: null, price_2: null, note: 'y', note_2: null },
    { id: 5, price: null, price_2: null, note: null, note_2: 'z' },
  ]);
});

test('a file is the same, however its path is written', async () => {
  write('way/a.csv', 'id\n1\n');
  const files = (): Promise<Row[]> => weir.rows('select _weir_file as file, list(id)::varchar as ids from way.a group by 1');
  for (const way of ['way/', 'way', './way', 'way//', `${weir.dir}//way/./`]) {
    write('sources/way.yml', `kind: file\nconnection: {path: "${way}"}\nstreams: {a: {mode: append}}\n`);
    await load('way');
    assert.deepEqual(await files(), [{ file: 'way/a.csv', ids: '[1]' }], way);
  }
  for (const way of ['way/a.csv', './way//a.csv', 'way/*.csv']) {
    write('sources/way.yml', `kind: file\nconnection: {path: "${way}"}\nstreams: {a: {mode: append, path: "${way}"}}\n`);
    await load('way');
    assert.deepEqual(await files(), [{ file: 'way/a.csv', ids: '[1]' }], way);
  }
  write('way/a.csv', 'id\n2\n');
  await load('way');
  assert.deepEqual(await files(), [{ file: 'way/a.csv', ids: '[2]' }]);
});

test('a stream may be called as the end of a file, and is no file for it', async () => {
  const names = ['csv', 'tsv', 'json', 'jsonl', 'ndjson', 'parquet'];
  for (const name of names) write(`ends/${name}.csv`, `id,x\n1,${name}\n`);
  const modes = names.map((name, i) => `${name}: {path: ${name}.csv, ${['mode: replace', 'mode: append', 'mode: merge, key: [id]', 'mode: history, key: [id]'][i % 4]}}`);
  write('sources/ends.yml', `kind: file\nconnection: {path: ends}\nstreams: {${modes.join(', ')}}\n`);
  await load('ends');
  for (const name of names) {
    assert.deepEqual(await weir.rows(`select id, x from ends.${name}`), [{ id: 1, x: name }]);
    write(`ends/${name}.csv`, `id,x\n1,${name}\n2,more\n`);
  }
  await load('ends');
  for (const name of names) assert.deepEqual(await weir.rows(`select count(distinct id) as n from ends.${name}`), [{ n: 2 }]);
  assert.equal((await weir.in('verify', 'ends')).match(/ equal/g)?.length, names.length);
  write('sources/ends2.yml', 'kind: file\nconnection: {path: ends}\n');
  await load('ends2');
  assert.deepEqual(await weir.rows('select id, x from ends2.csv order by id'), [{ id: 1, x: 'csv' }, { id: 2, x: 'more' }]);
});

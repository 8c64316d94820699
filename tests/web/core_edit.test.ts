import assert from 'node:assert/strict';
import test from 'node:test';
import * as edit from '../../web/core/edit';
import { type Placed, COLUMNS, compact, put, reading, resize, room, step } from '../../web/core/layout';
import { merge, mergeLines, placeName } from '../../web/core/merge';
import { begin, change, redo, undo } from '../../web/core/undo';

const box = (id: string, x: number, y: number, w: number, h: number): Placed => ({ id, x, y, w, h });
const show = (boxes: readonly Placed[]): string => reading(boxes).map((b) => `${b.id}${b.x},${b.y},${b.w},${b.h}`).join(' ');
const grid = [box('a', 0, 0, 12, 8), box('b', 12, 0, 12, 8), box('c', 0, 8, 24, 6)];

test('a tile that is moved pushes others down, and all close up', () => {
  assert.equal(show(put(grid, 'b', { x: 0, y: 0, w: 12, h: 8 })), 'b0,0,12,8 a0,8,12,8 c0,16,24,6');
  assert.equal(show(put(grid, 'a', { x: 0, y: 6, w: 12, h: 8 })), 'b12,0,12,8 c0,8,24,6 a0,14,12,8', 'its edge is past the middle of c');
  assert.equal(show(put(grid, 'a', { x: 0, y: 1, w: 12, h: 8 })), show(grid), 'not far enough: it falls back');
  assert.equal(show(put(grid, 'c', { x: 0, y: 2, w: 24, h: 6 })), 'c0,0,24,6 a0,6,12,8 b12,6,12,8');
  assert.equal(show(put(grid, 'a', { x: 40, y: -3, w: 99, h: 1 })), 'a0,0,24,2 b12,2,12,8 c0,10,24,6', 'kept within the grid, and usable');
  assert.equal(show(compact([box('a', 0, 5, 6, 2), box('b', 0, 20, 6, 2)])), 'a0,0,6,2 b0,2,6,2');
});

test('tiles never overlap and never hang, whatever is done', () => {
  let seed = 7;
  const random = (n: number): number => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8) % n;
  let boxes: readonly Placed[] = compact(Array.from({ length: 9 }, (_, i) => box(`t${i}`, random(20), i * 3, 4, 2 + random(6))));
  const ways = ['left', 'right', 'up', 'down'] as const;
  for (let round = 0; round < 2000; round++) {
    const id = `t${random(9)}`;
    const kind = random(3);
    const way = ways[random(4)] ?? 'up';
    boxes = kind === 0 ? step(boxes, id, way) : kind === 1 ? resize(boxes, id, way) : put(boxes, id, { x: random(30) - 3, y: random(40) - 3, w: random(26), h: random(12) });
    for (const a of boxes) {
      assert.ok(a.x >= 0 && a.x + a.w <= COLUMNS && a.y >= 0);
      for (const b of boxes) assert.ok(a === b || a.x >= b.x + b.w || b.x >= a.x + a.w || a.y >= b.y + b.h || b.y >= a.y + a.h, show(boxes));
    }
    assert.equal(show(compact(boxes)), show(boxes));
  }
});

test('steps by key go past the next tile, and say when there is none', () => {
  assert.equal(show(step(grid, 'a', 'down')), 'b12,0,12,8 c0,8,24,6 a0,14,12,8');
  assert.equal(show(step(step(grid, 'a', 'down'), 'a', 'up')), show(grid));
  assert.equal(step(grid, 'a', 'up'), grid);
  assert.equal(step(grid, 'a', 'left'), grid);
  assert.equal(show(step(grid, 'a', 'right')), 'a1,0,12,8 b12,8,12,8 c0,16,24,6');
  assert.equal(show(resize(grid, 'c', 'down')), 'a0,0,12,8 b12,0,12,8 c0,8,24,7');
  assert.equal(show(resize([box('n', 18, 0, 6, 4)], 'n', 'right')), 'n17,0,7,4', 'at the edge it grows to the other side');
  assert.deepEqual(room(grid, { w: 12, h: 5 }), { x: 0, y: 14, w: 12, h: 5 });
  assert.deepEqual(room([box('a', 0, 0, 6, 5)], { w: 6, h: 5 }), { x: 6, y: 0, w: 6, h: 5 });
});

test('undo and redo; typing is one step', () => {
  let steps = begin('');
  for (const text of ['a', 'ab', 'abc']) steps = change(steps, text, 'typing');
  steps = change(steps, 'x');
  steps = undo(steps);
  assert.equal(steps.now, 'abc');
  steps = undo(steps);
  assert.equal(steps.now, '');
  assert.equal(undo(steps), steps);
  assert.equal(redo(redo(redo(steps))).now, 'x');
  assert.deepEqual(change(steps, 'new').future, []);
});

const start: edit.Content = {
  report: {
    id: 'k3v9x0q2ab', title: 'Sales', colour_of_old: 1,
    parameters: [{ name: 'sport', type: 'multiselect', options: { query: 'sports', value: 'sport' } }],
    queries: [{ id: 'subs', file: 'subs.sql' }, { id: 'sports', file: 'sports.sql' }],
    tiles: [{ id: 't1', kind: 'chart', query: 'subs', title: 'Subscribers', x: 0, y: 0, w: 12, h: 8, chart: { type: 'line', y: [] } }, { id: 't2', kind: 'table', query: 'sports', x: 0, y: 8, w: 24, h: 6 }],
  },
  queries: { subs: 'select 1', sports: 'select 2' },
};

test('tiles are added, copied and taken away; what is not known stays', () => {
  const before = JSON.stringify(start);
  const added = edit.addTile(start, { kind: 'chart', title: 'MRR', query: 'subs', chart: { type: 'number', y: [{ column: 'mrr' }] } });
  assert.equal(added.id, 'mrr');
  assert.deepEqual(edit.items(added.content, 'tiles').at(-1), { id: 'mrr', kind: 'chart', title: 'MRR', query: 'subs', x: 0, y: 14, w: 6, h: 5, chart: { type: 'number', y: [{ column: 'mrr' }] } });
  assert.equal(added.content.report['colour_of_old'], 1);
  const copied = edit.duplicateTile(added.content, 't1');
  assert.equal(copied.id, 't1_2');
  assert.equal(show(edit.boxes(copied.content)), 't10,0,12,8 t1_212,0,12,8 t20,8,24,6 mrr0,14,6,5', 'beside it where there is room');
  assert.equal(show(edit.boxes(edit.duplicateTile(start, 't2').content)), 't10,0,12,8 t20,8,24,6 t2_20,14,24,6');
  assert.equal(show(edit.boxes(edit.removeTile(start, 't1'))), 't20,0,24,6');
  assert.equal(edit.setBoxes(start, edit.boxes(start)), start, 'nothing moved, nothing changed');
  assert.equal(JSON.stringify(start), before);
});

test('queries come with their SQL and go with their tiles', () => {
  const { content, id } = edit.addQuery(start, { title: 'Überblick 2026', sql: 'select 3' });
  assert.equal(id, 'uberblick_2026');
  assert.equal(content.queries[id], 'select 3');
  assert.deepEqual(edit.usersOf(start, 'sports'), ['t2', 'the choices of sport']);
  const gone = edit.removeQuery(start, 'sports');
  assert.deepEqual(Object.keys(gone.queries), ['subs']);
  assert.deepEqual(edit.items(gone, 'tiles').map(edit.idOf), ['t1']);
  assert.deepEqual(edit.items(gone, 'parameters'), [{ name: 'sport', type: 'multiselect' }]);
  assert.equal(edit.freeName('SELECT', ['select'], 'query'), 'select_2');
  assert.equal(edit.freeName('日本', [], 'query'), 'query');
});

test('parameters: another type drops what means nothing to it; the form ends where it should', () => {
  assert.deepEqual(edit.items(edit.retype(start, 0, 'select'), 'parameters')[0], { name: 'sport', type: 'select', options: { query: 'sports', value: 'sport' } });
  assert.deepEqual(edit.items(edit.retype(start, 0, 'number'), 'parameters')[0], { name: 'sport', type: 'number' });
  const two = edit.addParameter(start, 'daterange');
  assert.deepEqual(edit.items(two.content, 'parameters')[1], { name: 'dates', type: 'daterange', default: 'last 28 days' });
  assert.deepEqual(edit.items(edit.moveParameter(two.content, 1, -1), 'parameters').map((p) => p['name']), ['dates', 'sport']);
  assert.equal('parameters' in edit.removeParameter(start, 0).report, false);
  assert.deepEqual(edit.readChoices('a\n b = The letter b \n\nx=y'), ['a', { value: 'b', label: 'The letter b' }, 'x=y']);
  assert.equal(edit.choicesText([{ value: 'a', label: 'a' }, { value: 'b', label: 'B' }]), 'a\nb = B');
  const evil = edit.setParameter(start, 0, { label: '{% endform %} ; drop' });
  const form = edit.withForm('select 1', evil);
  assert.equal(form.indexOf('{% endform %}'), form.lastIndexOf('{% endform %}'));
  assert.ok(form.startsWith('select 1\n'));
});

test('two people: what each changed goes together; the same place is a choice', () => {
  const mine = edit.setSql(edit.setTile(start, 't1', { title: 'People who pay', w: 10 }), 'subs', 'select 11');
  const theirs = edit.setTile(edit.addTile(edit.setHead(start, { description: 'new' }), { kind: 'text', markdown: 'hi' }).content, 't1', { title: 'Payers', h: 9 });
  const first = merge(start, mine, theirs);
  assert.deepEqual(first.clashes.map((c) => c.path), ['tiles/t1/title']);
  assert.equal(first.content.report['description'], 'new');
  assert.deepEqual(edit.items(first.content, 'tiles').map(edit.idOf), ['t1', 't2', 'text']);
  assert.deepEqual([edit.boxes(first.content)[0]?.w, edit.boxes(first.content)[0]?.h], [10, 9]);
  assert.equal(first.content.queries['subs'], 'select 11');
  const chosen = merge(start, mine, theirs, new Map([['tiles/t1/title', 'theirs']]));
  assert.equal(edit.items(chosen.content, 'tiles')[0]?.['title'], 'Payers');
  assert.equal(placeName('tiles/t1/title', [mine]), 'Tile “People who pay”: title');
  assert.equal(placeName('sql/subs', [mine]), 'Query “subs”: the SQL');
  const gone = merge(start, edit.removeTile(start, 't2'), edit.setTile(start, 't2', { title: 'Kept' }), new Map([['tiles/t2', 'theirs']]));
  assert.deepEqual(gone.clashes.map((c) => c.path), ['tiles/t2']);
  assert.equal(edit.items(gone.content, 'tiles').length, 2);
  assert.deepEqual(edit.items(merge(start, edit.removeTile(start, 't2'), start).content, 'tiles').map(edit.idOf), ['t1'], 'what one took away stays away');
});

test('SQL of two people is merged by lines that do not touch', () => {
  assert.equal(mergeLines('a\nb\nc\nd', 'A\nb\nc\nd', 'a\nb\nc\nD\ne'), 'A\nb\nc\nD\ne');
  assert.equal(mergeLines('a\nb\nc', 'a\nB\nc', 'a\nb\nC'), undefined);
  assert.equal(mergeLines('a\nb', 'a\nb\nx', 'a\nb\ny'), undefined);
});

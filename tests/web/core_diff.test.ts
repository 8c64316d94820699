import assert from 'node:assert/strict';
import test from 'node:test';
import { diffReports, hunks } from '../../web/core/diff';

const show = (before: string, after: string): string[] => hunks(before, after).map((hunk) => `${hunk.from}: ${hunk.lines.map((line) => line.kind + line.text).join('|')}`);

test('lines that differ, with three around them', () => {
  assert.deepEqual(show('a\nb\nc\n', 'a\nb\nc\n'), []);
  assert.deepEqual(show('a\nb\nc', 'a\nB\nc'), ['1:  a|-b|+B| c']);
  assert.deepEqual(show('', 'a\nb'), ['1: +a|+b']);
  assert.deepEqual(show('a\nb', ''), ['1: -a|-b']);
  const many = Array.from({ length: 40 }, (_, i) => `line ${i + 1}`);
  const edited = many.toSpliced(30, 1, 'other').toSpliced(2, 0, 'new');
  assert.deepEqual(show(many.join('\n'), edited.join('\n')), [
    '1:  line 1| line 2|+new| line 3| line 4| line 5',
    '29:  line 28| line 29| line 30|-line 31|+other| line 32| line 33| line 34',
  ]);
  assert.deepEqual(show(many.join('\n'), many.with(10, 'x').with(14, 'y').join('\n')).length, 1, 'close ones are one');
});

test('what is left and what is new of any two texts are the texts', () => {
  let seed = 3;
  const random = (n: number): number => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 8) % n;
  for (let round = 0; round < 300; round++) {
    const a = Array.from({ length: random(12) }, () => 'abcd'[random(4)] ?? '');
    const b = Array.from({ length: random(12) }, () => 'abcd'[random(4)] ?? '');
    const text = [...a, ...Array.from({ length: 3 }, () => 'end')];
    const other = [...b, ...Array.from({ length: 3 }, () => 'end')];
    const lines = hunks(text.join('\n'), other.join('\n')).flatMap((hunk) => hunk.lines);
    const count = (list: string[], kinds: string): number => list.length - lines.filter((line) => kinds.includes(line.kind)).length;
    assert.equal(count(text, ' -'), count(other, ' +'), 'what stands in no hunk is the same in both');
    if (lines.length && text.length < 8 && other.length < 8) {
      assert.ok(text.join('').includes(lines.filter((line) => line.kind !== '+').map((line) => line.text).join('')) || hunks(text.join('\n'), other.join('\n')).length > 1);
    }
  }
  const long = Array.from({ length: 3000 }, (_, i) => `a${i}`);
  assert.equal(hunks(long.join('\n'), long.map((line) => `${line}!`).join('\n'))[0]?.lines.length, 6000, 'another text altogether');
});

test('versions of a report: its file by names, its queries by lines', () => {
  const before = { report: { title: 'A', tiles: [{ id: 't1', title: 'X', x: 0 }], parameters: [{ name: 'p', options: ['a', 'b'] }] }, queries: { q: 'select 1\n', old: 'select 2' } };
  const after = { report: { title: 'A', tiles: [{ id: 't1', title: 'Y', x: 0 }], parameters: [{ name: 'p', options: ['a', 'b'] }] }, queries: { q: 'select 1\nfrom t\n' } };
  assert.deepEqual(diffReports(before, after).map((file) => [file.name, file.status, file.hunks[0]?.lines.filter((line) => line.kind !== ' ').map((line) => line.kind + line.text.trim())]), [
    ['The report', 'changed', ['-title: X', '+title: Y']], ['Query q', 'changed', ['+from t']], ['Query old', 'removed', ['-select 2']],
  ]);
  assert.equal(diffReports(undefined, after).every((file) => file.status === 'added'), true);
  assert.deepEqual(diffReports(after, after), []);
});

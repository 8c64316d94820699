import assert from 'node:assert/strict';
import test from 'node:test';
import { type KeyPress, Sequence, pressed, spell, steps } from '../../web/core/keys';

const press = (key: string, held: Partial<KeyPress> = {}): KeyPress => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test('mod is Ctrl, on a Mac Command', () => {
  assert.equal(pressed(press('k', { ctrlKey: true }), false), 'mod+k');
  assert.equal(pressed(press('k', { metaKey: true }), true), 'mod+k');
  assert.equal(pressed(press('k', { metaKey: true }), false), 'k');
  assert.equal(pressed(press('F', { ctrlKey: true, shiftKey: true }), false), steps('mod+shift+F')[0]);
  assert.equal(pressed(press('?', { shiftKey: true }), false), '?');
  assert.equal(pressed(press('Enter', { ctrlKey: true }), false), steps('mod+Enter')[0]);
});

test('a binding is spelled as the machine names its keys', () => {
  assert.deepEqual(spell('mod+K', false), ['Ctrl', 'K']);
  assert.deepEqual(spell('mod+shift+F', true), ['⌘', '⇧', 'F']);
  assert.deepEqual(spell('g h', false), ['G', 'H']);
});

test('keys one after the other make a binding, if they come soon enough', () => {
  const bindings = [{ keys: 'g h' }, { keys: 'g e' }, { keys: '?' }, { keys: 'e' }];
  const sequence = new Sequence(1000);
  assert.deepEqual(sequence.press('g', bindings, 0), { waiting: true });
  assert.equal(sequence.press('e', bindings, 100).binding, bindings[1]);
  assert.equal(sequence.press('e', bindings, 200).binding, bindings[3]);
  sequence.press('g', bindings, 300);
  assert.equal(sequence.press('h', bindings, 5000).binding, undefined);
  sequence.press('g', bindings, 6000);
  assert.equal(sequence.press('?', bindings, 6100).binding, bindings[2], 'a wrong second key counts for itself');
});

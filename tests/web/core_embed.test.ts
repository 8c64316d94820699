// What an embedded page tells whom, what it takes, and how it reads the stream of changes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { frameOf, hearers, originOf, setValues } from '../../web/core/embed';
import { EventText } from '../../web/core/events';
import { readParameters } from '../../web/core/report';

test('it speaks to the page around it when that is allowed, to nobody else', () => {
  const allowed = ['https://a.example', 'https://b.example'];
  assert.deepEqual(hearers(allowed, 'https://b.example'), ['https://b.example']);
  assert.deepEqual(hearers(allowed, 'https://evil.example'), []);
  assert.deepEqual(hearers(allowed, ''), allowed, 'not known: the browser gives it to whoever it is for');
  assert.deepEqual(hearers([], undefined), []);
  assert.equal(originOf('https://a.example/x?y#z'), 'https://a.example');
  for (const none of ['', 'about:blank', 'data:text/html,x', 'no address']) assert.equal(originOf(none), '');
});

test('a frame of it can be written into any page, whatever the title', () => {
  assert.equal(frameOf('https://weir.example.com/embed/#a.b', 'Ann & "Bo" <b>'), '<iframe src="https://weir.example.com/embed/?theme=auto#a.b" title="Ann &amp; &quot;Bo&quot; &lt;b>" width="100%" height="600"></iframe>');
});

test('it sets what it knows and nothing else', () => {
  const parameters = readParameters([
    { name: 'sport', type: 'multiselect' },
    { name: 'dates', type: 'daterange', default: 'last 28 days' },
    { name: 'least', type: 'number' },
  ]);
  const values = { sport: ['rugby'], dates: 'last 7 days' };
  const set = (message: unknown): unknown => setValues(message, parameters, values);
  assert.deepEqual(set({ type: 'weir:set', values: { sport: ['golf'], nope: 1, __proto__: { least: 3 } } }), { sport: ['golf'], dates: 'last 7 days' });
  assert.deepEqual(set({ type: 'weir:set', values: { sport: null, dates: null } }), { dates: 'last 28 days' });
  assert.deepEqual(set({ type: 'weir:set', values: { least: { deep: [[1]] } } }), values, 'what is no value changes nothing');
  for (const message of [undefined, null, 'weir:set', { type: 'weir:set' }, { type: 'weir:set', values: [1] }, { type: 'set', values: {} }]) assert.equal(set(message), undefined);
});

test('events are whole, however their stream is cut', () => {
  const text = 'retry: 2000\n\ndata: {"a":1}\n\n: still here\n\ndata: b\ndata: c\n\ndata: half';
  for (const size of [1, 2, 7, 1000]) {
    const events = new EventText();
    const found: string[] = [];
    for (let i = 0; i < text.length; i += size) found.push(...events.push(text.slice(i, i + size)));
    assert.deepEqual(found, ['{"a":1}', 'b\nc']);
  }
});

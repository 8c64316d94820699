import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { type Rgb, contrast, parseHex } from '../../web/core/colour';

const css = readFileSync('web/styles/tokens.css', 'utf8');
const tokens = new Map<string, [Rgb, Rgb]>();
for (const [, name, light, dark] of css.matchAll(/--([a-z-]+): light-dark\((#\w+), (#\w+)\)/g)) {
  const pair = [parseHex(light ?? ''), parseHex(dark ?? '')];
  if (name && pair[0] && pair[1]) tokens.set(name, [pair[0], pair[1]]);
}

function ratio(front: string, ground: string, theme: 0 | 1): number {
  const [a, b] = [tokens.get(front), tokens.get(ground)];
  assert.ok(a && b, `${front} or ${ground} is missing in tokens.css`);
  return contrast(a[theme], b[theme]);
}

test('contrast is counted as WCAG does', () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.ok(Math.abs(contrast([119, 119, 119], [255, 255, 255]) - 4.48) < 0.01);
  assert.deepEqual(parseHex('#0af'), [0, 170, 255]);
  assert.equal(parseHex('teal'), undefined);
});

const grounds = ['ground', 'surface', 'sunken', 'raised', 'hover'];
for (const [theme, name] of [
  [0, 'light'],
  [1, 'dark'],
] as const) {
  test(`text has a contrast of 7:1 or more, ${name}`, () => {
    const pairs: [string, string][] = [
      ...['ink', 'ink-soft', 'accent'].flatMap((front) => grounds.map((ground): [string, string] => [front, ground])),
      ...['good', 'warn', 'bad'].flatMap((tone): [string, string][] => [[tone, `${tone}-soft`], [tone, 'surface'], [tone, 'raised'], ['ink', `${tone}-soft`]]),
      ['accent', 'accent-soft'],
      ['ink', 'accent-soft'],
      ['ink-soft', 'accent-soft'],
      ['accent-ink', 'accent'],
      ['accent-ink', 'accent-hover'],
    ];
    const poor = pairs.map(([front, ground]) => ({ pair: `${front} on ${ground}`, ratio: ratio(front, ground, theme) })).filter((one) => one.ratio < 7);
    assert.deepEqual(poor, []);
  });

  test(`borders of controls and the focus ring have 3:1 or more, ${name}`, () => {
    const poor = ['line-strong', 'focus'].flatMap((line) => grounds.map((ground) => ({ pair: `${line} on ${ground}`, ratio: ratio(line, ground, theme) }))).filter((one) => one.ratio < 3);
    assert.deepEqual(poor, []);
  });
}

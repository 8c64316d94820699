// What the guide shows of files is good as it stands: people copy it.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Weir } from '../node/weir.js';

let weir: Weir;
let settings: string;
before(async () => {
  weir = await Weir.init();
  for (const dir of ['sources', 'exports', 'taps']) mkdirSync(path.join(weir.dir, dir), { recursive: true });
  settings = readFileSync(path.join(weir.dir, 'weir.yml'), 'utf8');
});
after(() => weir.remove());

interface Snippet {
  at: string;
  text: string;
}
const snippets = (file: string): Snippet[] => {
  const all = readFileSync(file, 'utf8');
  return [...all.matchAll(/^```ya?ml\n([^]*?)^```$/gm)].map((found) => ({ at: `${file}:${all.slice(0, found.index).split('\n').length}`, text: found[1] ?? '' }));
};
const valid = async ({ at, text }: Snippet): Promise<void> => {
  const source = path.join(weir.dir, 'sources/snippet.yml');
  const setting = /^source:/m.test(text);
  if (setting) writeFileSync(path.join(weir.dir, 'weir.yml'), `${settings}\n${text}`);
  else writeFileSync(source, /^(kind|write_key):/m.test(text) ? text : `kind: file\nconnection: {path: exports}\n${text}`);
  await weir.in('validate').catch((error: Error) => assert.fail(`${at}: ${error.message}`));
  rmSync(source, { force: true });
  writeFileSync(path.join(weir.dir, 'weir.yml'), settings);
  for (const [, name = ''] of text.matchAll(/\$\{(?!secret:)([^}]*)\}/g)) assert.match(name, /^WEIR_SOURCE_/, `${at}: a variable of this name is not open to sources`);
};

test('snippets of sources', async () => {
  const files = ['docs/guide/sources.md', ...readdirSync('docs/guide/sources').map((name) => `docs/guide/sources/${name}`)];
  const all = files.flatMap(snippets);
  assert.ok(all.length > 20, `${all.length}`);
  for (const one of all) await valid(one);
  // And that this can fail.
  for (const text of ['kind: file\nconnection: {paht: exports}\n', 'schedule: never ever\n', 'source:\n  hostz: []\n']) await assert.rejects(valid({ at: 'here', text }), text);
  await assert.rejects(valid({ at: 'here', text: 'kind: postgres\nconnection: {database: a, user: b, password: "${SHOP}"}\n' }), /not open to sources/);
});

// Several streams of a source that fail, and what is said to do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Weir } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
});
after(() => weir.remove());

const write = (name: string, text: string): void => weir.write(name, text);
const source = (name: string, more: string): void => write(`sources/${name}.yml`, `kind: file\n${more}`);

test('of several streams that fail the last line names each; a comparison says that the runs fail, and names are a shell’s words', async () => {
  write('own/a.csv', 'id\n1\n');
  write('own/bad.csv', '_weir_run,id\n1,2\n');
  source('several', `connection: {path: own}\nstreams:\n  ok: {path: a.csv}\n  "Weird Näme": {path: bad.csv}\n  bad2: {path: bad.csv}\n  bad3: {path: bad.csv}\n`);
  const said = async (...args: [string, ...string[]]): Promise<string> => weir.in(...args).then(() => '', (error: Error & { stdout: string; stderr: string }) => error.stdout + error.stderr);
  assert.match(await said('sync', 'several', '--wait'), /^weir: several: 3 streams failed: Weird Näme, bad2, bad3; the first: .*_weir_run/m);
  const compared = await said('verify', 'several');
  assert.match(compared, /stream "Weird Näme" was not loaded yet, as its runs fail: .*_weir_run/);
  assert.doesNotMatch(compared, /weir sync several/);
  source('several', `connection: {path: own}\nstreams:\n${Array.from({ length: 60 }, (_, i) => `  stream_number_${i}: {path: bad.csv}\n`).join('')}`);
  assert.match(await said('sync', 'several', '--wait'), /^weir: several: 60 streams failed: stream_number_0, .*[0-9] and \d\d more; the first: .*_weir_run/m);
  source('several', 'connection: {path: own}\nstreams:\n  it\'s new: {path: a.csv}\n  plain: {path: a.csv}\n');
  const hints = await said('verify', 'several');
  assert.ok(hints.includes("`weir sync 'several.it'\\''s new'` loads it"), hints);
  assert.ok(hints.includes('`weir sync several.plain` loads it'), hints);
  await weir.in('sync', "several.it's new", '--wait');
});

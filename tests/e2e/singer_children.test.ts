// What a tap starts ends with it, wherever it went, and all of it has one limit of memory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { syncFails, syncs } from '../node/sync.js';
import { Tap, record, schema } from '../node/tap.js';
import { Weir, binary, until } from '../node/weir.js';

let weir: Weir;
before(async () => {
  weir = await Weir.init();
  appendFileSync(path.join(weir.dir, 'weir.yml'), '\nsource:\n  programs: [.]\n');
});
after(() => weir.remove());

const sync = syncs<{ stream: string; status: string }>(() => weir);
const fails = syncFails(() => weir);
const properties = { id: { type: 'integer' } };
const tapOf = (name: string, more: string, ...what: (object | string)[]): Tap => {
  const tap = new Tap(weir, name);
  tap.catalog({ stream: 's', schema: { properties } });
  tap.run(...what);
  writeFileSync(path.join(weir.dir, `sources/${name}.yml`), tap.yml(more));
  return tap;
};
const pidOf = (tap: Tap, name: string): string => (existsSync(path.join(tap.dir, name)) ? readFileSync(path.join(tap.dir, name), 'utf8').trim() : '');
const alive = (pid: string): boolean => pid !== '' && existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
/** A child with a session of its own, and one of its own that its parent leaves behind. */
const leaves = (name: string): string => `setsid sh -c 'echo $$ >"'"$here"'/${name}"; (setsid sh -c "echo \\$\\$ >'"$here"'/${name}.deep; exec sleep 77777" &) ; exec sleep 77777' >/dev/null 2>&1 & while [ ! -s "$here/${name}.deep" ]; do sleep 0.01; done`;

test('children with a session of their own end with a good run', async () => {
  const tap = tapOf('good', '', leaves('child'), schema('s', properties), record('s', { id: 1 }));
  assert.deepEqual((await sync('good')).map(({ status }) => status), ['loaded']);
  for (const name of ['child', 'child.deep']) {
    assert.match(pidOf(tap, name), /^\d+$/);
    assert.ok(!alive(pidOf(tap, name)), name);
  }
});

test('and with one that failed, with its code and its words', async () => {
  const tap = tapOf('bad', '', leaves('child'), 'echo it broke >&2', 'exit 7');
  await fails(/tap failed \(exit 7\): it broke/, 'bad');
  assert.ok(!alive(pidOf(tap, 'child')) && !alive(pidOf(tap, 'child.deep')));
  tapOf('signal', '', 'kill -SEGV $$');
  await fails(/tap failed \(killed by SIGSEGV\)/, 'signal');
  const none = tapOf('none', '');
  none.write('tap', '#!/nowhere/at/all\n');
  await fails(/none\/tap cannot be run: its first line names \/nowhere\/at\/all, which is not there/, 'none');
});

test('when weir is killed, all go', async () => {
  const tap = tapOf('killed', '', 'echo $$ >"$here/tap.pid"', leaves('child'), 'sleep 77777');
  const child = spawn(binary, ['-C', weir.dir, 'sync', 'killed', '--wait'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const names = ['tap.pid', 'child', 'child.deep'];
  await until('the processes', 20, () => (names.every((name) => alive(pidOf(tap, name))) ? true : undefined));
  child.kill('SIGKILL');
  await ended;
  await until('their end', 20, () => (names.some((name) => alive(pidOf(tap, name))) ? undefined : true));
});

test('a silent tap is ended with its children, at once', async () => {
  const tap = tapOf('silent', 'idle: 1s', leaves('child'), "trap '' TERM", 'sleep 77777');
  await fails(/said nothing for 1 seconds and was ended/, 'silent');
  assert.ok(!alive(pidOf(tap, 'child')) && !alive(pidOf(tap, 'child.deep')));
});

test('memory is of all together; what is shared since the fork counts once', async () => {
  const hog = `for i in 1 2 3 4; do (head -c 60000000 /dev/zero; sleep 77777) | tail -c 999999999 >/dev/null & done; wait`;
  tapOf('hogs', 'memory: 150MB', schema('s', properties), hog);
  await fails(/all its processes together took \d+ MB, more than the \d+ MB of `memory`/, 'hogs');
  // 60 MB of a shell's variable, which each of six children has from its parent.
  const shared = tapOf('shared', 'memory: 200MB', `big=$(head -c 60000000 /dev/zero | tr '\\0' x); for i in 1 2 3 4 5 6; do (while [ ! -e "$here/go" ]; do sleep 0.1; done) & done; sleep 1; echo >"$here/go"; wait`, schema('s', properties), record('s', { id: 1 }));
  assert.deepEqual((await sync('shared')).map(({ status }) => status), ['loaded']);
  assert.ok(existsSync(path.join(shared.dir, 'go')));
});

// Sources of Airbyte that are images of Docker, run by a real engine: what their containers get, and that none stays.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Docker } from '../node/docker.js';
import { Weir, type Row, binary, until } from '../node/weir.js';

let docker: Docker;
let weir: Weir;
let missing: string | undefined;
before(async () => {
  const started = await Docker.start();
  if (typeof started === 'string') return void (missing = started);
  docker = started;
  process.env['DOCKER_HOST'] = docker.host;
  weir = await Weir.init();
  open(weir);
});
const begun: ChildProcess[] = [];
afterEach(async () => {
  for (const child of begun.splice(0)) child.kill('SIGKILL');
  await weir?.down();
  for (const name of docker ? await docker.containers() : []) await docker.docker('rm', '--force', name);
});
after(async () => {
  await weir?.remove();
  await docker?.stop();
});

const open = (one: Weir): void => appendFileSync(path.join(one.dir, 'weir.yml'), '\nsource:\n  programs: [image]\n');
const source = (name: string, connection: object, one = weir): void => writeFileSync(path.join(one.dir, `sources/${name}.yml`), `kind: airbyte\nconnection: ${JSON.stringify(connection)}\n`);
const sync = async (name: string, one = weir): Promise<string[]> => {
  const { streams } = JSON.parse(await one.in('sync', '--json', '--wait', name)) as { streams: { stream: string; status: string; rows_written: number }[] };
  return streams.map(({ stream, status, rows_written }) => `${stream} ${status} ${rows_written}`);
};
const fails = (why: RegExp, name: string): Promise<void> => assert.rejects(weir.in('sync', '--wait', name), why);
const rows = (sql: string): Promise<Row[]> => weir.rows(sql);

type Does = Partial<Record<'spec' | 'check' | 'discover' | 'read', (object | string)[]>>;
const catalog = { type: 'CATALOG', catalog: { streams: [{ name: 'keyed', json_schema: { properties: { id: { type: 'integer' } } }, supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true, source_defined_primary_key: [['id']] }] } };
/** Messages are objects, all else is shell. */
const script = (does: Does): string => {
  const line = (one: object | string): string => (typeof one === 'string' ? one : `printf '%s\\n' '${JSON.stringify(one).replaceAll("'", "'\\''")}'`);
  return `case "$command" in\n${Object.entries({ spec: [{ type: 'SPEC', spec: {} }], discover: [catalog], ...does }).map(([command, what]) => `${command})\n${what.map(line).join('\n')}\n;;`).join('\n')}\nesac\n`;
};
const image = (does: Does, ...changes: string[]): string => {
  docker.image('acme/source-own:1.0', script(does), ...changes);
  return 'acme/source-own:1.0';
};
const some = (...ids: number[]): object[] => ids.map((id) => ({ type: 'RECORD', record: { stream: 'keyed', data: { id }, emitted_at: 1 } }));
const state = (n: number): object => ({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name: 'keyed' }, stream_state: { n } } } });
const waits = 'until [ -e /go ]; do sleep 0.05; done';
/** One that has just come may not be ready for another command yet. */
const go = (name: string): Promise<true> => until(`${name} to hear`, 20, () => docker.docker('exec', '--user', '0', name, 'touch', '/go').then(() => true as const, () => undefined));
const one = (part = '-read'): Promise<string> => until('the container', 20, async () => (await docker.docker('ps', '--format', '{{.Names}}')).split('\n').find((name) => name.includes(part)));
const none = (): Promise<true> => until('no container', 20, async () => ((await docker.containers()).length ? undefined : true));
const weirs = (args: string[], workspace = weir, ...within: string[]): ChildProcess & { ended: Promise<number | null> } => {
  const [program = binary, ...rest] = [...within, binary, '-C', workspace.dir, ...args];
  const child = spawn(program, rest, { stdio: 'ignore' });
  begun.push(child);
  return Object.assign(child, { ended: new Promise<number | null>((resolve) => child.on('exit', resolve)) });
};
const begin = (name: string, workspace = weir): ReturnType<typeof weirs> => weirs(['sync', '--wait', name], workspace);

test('a container gets what its source needs, as whoever it runs as, and nothing else of this machine', async (t) => {
  if (missing) return t.skip(missing);
  const tells = `printf '{"type":"RECORD","record":{"stream":"keyed","emitted_at":1,"data":{"id":%s,"config":%s,"catalog":%s,"state":%s,"env":"%s","who":"%s","wrote":"%s"}}}\\n' "$([ "$STATE" ] && echo 2 || echo 1)" "$(cat "$CONFIG")" "$(cat "$CATALOG")" "$([ "$STATE" ] && cat "$STATE" || echo null)" "$(env | tr '\\n' ' ')" "$(id -u)" "$(touch /weir/x 2>/dev/null && echo yes || echo no)"`;
  process.env['WEIR_SOURCE_AIRBYTE_TOKEN'] = 'of the environment';
  process.env['AIRBYTE_SECRET'] = 'nobody may see this';
  await weir.in('secret', 'list');
  execFileSync(binary, ['-C', weir.dir, 'secret', 'set', 'own.key'], { input: 'sealed and secret\n', stdio: ['pipe', 'ignore', 'inherit'] });
  source('own', { image: image({ read: [tells, { type: 'CONTROL', control: { type: 'CONNECTOR_CONFIG', connectorConfig: { config: { key: 'fresh and secret' } } } }, state(1), waits] }, 'USER 1000'), config: { key: '${secret:own.key}', deep: [1] }, env: ['WEIR_SOURCE_AIRBYTE_TOKEN'], memory: '128MB', cpu: '90s' });
  const run = begin('own');
  const name = await one();
  const [inspected] = JSON.parse(await docker.docker('inspect', name)) as [{ HostConfig: { Memory: number; Ulimits: { Name: string; Hard: number }[]; LogConfig: { Type: string }; AutoRemove: boolean }; Mounts: { Destination: string; RW: boolean }[]; Config: { Env: string[] } }];
  const { HostConfig: limits, Mounts: mounts } = inspected;
  assert.match(name, /^weir-own-[0-9a-f]{16}-read$/);
  assert.deepEqual([limits.Memory, limits.Ulimits.map(({ Name, Hard }) => `${Name} ${Hard}`), limits.LogConfig.Type, limits.AutoRemove], [128 << 20, ['cpu 90'], 'none', true]);
  assert.deepEqual(mounts.map(({ Destination, RW }) => [Destination, RW]), [['/weir', false]]);
  assert.doesNotMatch(JSON.stringify(inspected), /and secret|nobody may see this/);
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /and secret|of the environment/);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
  }
  await go(name);
  assert.equal(await run.ended, 0);
  await none();
  const second = begin('own');
  await go(await one());
  assert.equal(await second.ended, 0);
  const seen = await rows('select id, config, catalog, state, env, who, wrote from own.keyed order by id');
  assert.deepEqual(seen.map(({ config, state: had, who, wrote }) => [config, had, who, wrote]), [
    [{ key: 'sealed and secret', deep: [1] }, null, '1000', 'no'],
    [{ key: 'fresh and secret' }, [{ type: 'STREAM', stream: { stream_descriptor: { name: 'keyed' }, stream_state: { n: 1 } } }], '1000', 'no'],
  ]);
  assert.match(JSON.stringify(seen[0]?.['catalog']), /"destination_sync_mode":"append_dedup"/);
  assert.match(String(seen[0]?.['env']), /WEIR_SOURCE_AIRBYTE_TOKEN=of the environment/);
  assert.deepEqual(String(seen[0]?.['env']).match(/\b[A-Z_]+(?==)/g)?.sort(), ['HOME', 'HOSTNAME', 'PATH', 'PWD', 'WEIR_SOURCE_AIRBYTE_TOKEN']);
});

test('a container is ended with its run: by silence, a stop, a message that is none', async (t) => {
  if (missing) return t.skip(missing);
  source('ends', { image: image({ read: [...some(1), state(1), 'sleep 600'] }), idle: '1s', checkpoint: 1 });
  await fails(/source-own said nothing for 1 seconds and was ended.*the 1 rows that came/, 'ends');
  assert.deepEqual(await docker.containers(), []);
  source('ends', { image: image({ read: [...some(2), 'sleep 600'] }) });
  const run = begin('ends');
  await one();
  run.kill('SIGTERM');
  assert.notEqual(await run.ended, 0);
  await none();
  source('ends', { image: image({ read: ['echo "Segmentation fault"', 'sleep 600'] }) });
  await fails(/line 1 of what source-own wrote is no message of Airbyte/, 'ends');
  source('ends', { image: image({ read: ['echo of no use >&2', 'exit 3'] }) });
  await fails(/source-own failed \(exit 3\): of no use/, 'ends');
  assert.deepEqual(await docker.containers(), []);
  // Also one that a server ends.
  source('ends', { image: image({ read: [...some(3), 'sleep 600'] }) });
  appendFileSync(path.join(weir.dir, 'sources/ends.yml'), 'schedule: every 1h\n');
  await weir.up();
  await one();
  await weir.down();
  assert.deepEqual(await docker.containers(), []);
});

test('what a killed weir left is ended by the next run, whatever it was doing', async (t) => {
  if (missing) return t.skip(missing);
  source('left', { image: image({ read: [...some(1), state(1), 'sleep 600'] }) });
  const run = begin('left');
  await one();
  run.kill('SIGKILL'); // the container goes with it, unless it heeds no signal
  await run.ended;
  await none();
  const deaf = "trap '' TERM; while :; do sleep 1; done";
  source('left', { image: image({ read: [deaf] }) });
  const other = begin('left');
  await one();
  other.kill('SIGKILL');
  await other.ended;
  source('left', { image: image({ discover: [deaf] }) });
  const look = weirs(['source', 'discover', 'left']);
  await one(`-${look.pid}.`);
  look.kill('SIGKILL');
  await look.ended;
  // As the first process of a container, which has the number 1 each time.
  const inside = weirs(['source', 'discover', 'left'], weir, 'unshare', '--pid', '--fork', '--kill-child');
  await one('-1.');
  inside.kill('SIGKILL');
  await inside.ended;
  const lives = weirs(['source', 'discover', 'left']); // that one's is left alone
  const used = await one(`-${lives.pid}.`);
  assert.equal((await docker.containers()).length, 4);
  source('left', { image: image({ read: [...some(1, 2), state(2)] }) });
  assert.deepEqual(await sync('left'), ['keyed loaded 2']);
  assert.deepEqual(await docker.containers(), [used]);
});

test('a container that somebody kills, that lacks memory or time, or whose engine goes is told as what it is', async (t) => {
  if (missing) return t.skip(missing);
  source('killed', { image: image({ read: [...some(1), 'sleep 600'] }) });
  const run = fails(/source-own was killed by somebody else \(exit 137\), by `docker kill` or for its `cpu`/, 'killed');
  await docker.docker('kill', await one());
  await run;
  source('killed', { image: image({ read: ['x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'] }), memory: '32MB' });
  await fails(/source-own wanted more memory than its container may have, and was killed; raise `memory`/, 'killed');
  source('killed', { image: image({ read: ['while :; do :; done'] }), cpu: '1s' });
  await fails(/source-own was killed by somebody else \(exit 137\)/, 'killed');
  source('killed', { image: image({ read: [...some(1), 'sleep 600'] }) });
  const lost = fails(/Docker left the container of the image "acme\/source-own:1\.0" alone: .*unexpected EOF/, 'killed');
  await one();
  await docker.kill();
  await lost;
  await fails(/Docker cannot run the image "acme\/source-own:1\.0": Cannot connect to the Docker daemon/, 'killed');
  await docker.begin();
  image({ read: [...some(1), state(1)] });
  assert.deepEqual(await sync('killed'), ['keyed loaded 1']);
  assert.deepEqual(await docker.containers(), []);
});

test('what Docker refuses is told in its words', async (t) => {
  if (missing) return t.skip(missing);
  source('refused', { image: 'acme/nowhere:1.0' });
  // By the engine's own words: neither `idle` nor `timeout` ended it.
  await fails(/Docker does not have the image "acme\/nowhere:1\.0", and cannot pull it: Get "https:/, 'refused');
  docker.import('acme/bare:1.0', ['/bin/cat'], []);
  source('refused', { image: 'acme/bare:1.0' });
  await fails(/the image "acme\/bare:1\.0" is none of an Airbyte source, as it has no ENTRYPOINT that takes its commands: .*exec discover/, 'refused');
  source('refused', { image: image({}), network: 'of_nobody' });
  await fails(/Docker cannot run the image "acme\/source-own:1\.0": network of_nobody not found/, 'refused');
  // A workspace that the engine does not see.
  const hidden = await Weir.init(path.join(docker.unseen, 'workspace'));
  try {
    open(hidden);
    source('refused', { image: 'acme/source-own:1.0' }, hidden);
    await assert.rejects(sync('refused', hidden), /bind source path does not exist: .* \(Docker sees other files than weir/);
  } finally {
    await hidden.remove();
  }
  // A user who may not talk to the engine.
  const other = path.join(docker.dir, 'other');
  cpSync(weir.dir, other, { recursive: true });
  source('refused', { image: 'acme/source-own:1.0' });
  cpSync(path.join(weir.dir, 'sources/refused.yml'), path.join(other, 'sources/refused.yml'));
  chmodSync(docker.dir, 0o755);
  execFileSync('chown', ['-R', '65534:65534', other]);
  const said = await new Promise<string>((resolve) => execFile(binary, ['-C', other, 'sync', '--wait', 'refused'], { uid: 65534, gid: 65534, env: { ...process.env, HOME: other } }, (_, __, stderr) => resolve(stderr)));
  assert.match(said, /Docker cannot run the image "acme\/source-own:1\.0": permission denied while trying to connect/);
});

test('an engine that does not answer holds up no stop', async (t) => {
  if (missing) return t.skip(missing);
  source('silent', { image: image({ read: [...some(1), state(1)] }) });
  await sync('silent');
  // It answers until something is to be read, and then to nobody.
  let asked = 0;
  const open = new Set<Socket>();
  const engine = createServer({ allowHalfOpen: true }, (client) => {
    const real = connect({ path: path.join(docker.dir, 'socket'), allowHalfOpen: true });
    open.add(client).add(real);
    client.on('error', () => real.destroy());
    real.on('error', () => client.destroy());
    client.on('close', () => real.destroy());
    client.on('data', (bytes: Buffer) => {
      if (/ \/v[\d.]+\/containers\/json/.test(bytes.toString('latin1'))) asked++;
      if (!asked) real.write(bytes);
    });
    client.on('end', () => void (asked || real.end()));
    real.on('data', (bytes: Buffer) => void (asked || client.write(bytes)));
    real.on('end', () => void (asked || client.end()));
  });
  const socket = path.join(docker.dir, 'silent');
  await new Promise<void>((resolve) => engine.listen(socket, resolve));
  process.env['DOCKER_HOST'] = `unix://${socket}`;
  try {
    const run = begin('silent');
    await until('the question', 20, () => (asked ? true : undefined));
    run.kill('SIGTERM');
    let over = false;
    void run.ended.then(() => (over = true));
    await until('the end of the run', 20, () => (over ? true : undefined)); // three questions of 30 s
  } finally {
    process.env['DOCKER_HOST'] = docker.host;
    for (const each of open) each.destroy();
    engine.close();
  }
});

test('weirs that share an engine do not end the containers of each other, not even copies', async (t) => {
  if (missing) return t.skip(missing);
  source('shared', { image: image({ read: [waits, ...some(1), state(1)] }) });
  const first = begin('shared');
  await one();
  const copy = `${weir.dir}-copy`;
  mkdirSync(path.join(copy, 'sources'), { recursive: true });
  try {
    cpSync(weir.dir, copy, { recursive: true, filter: (file) => !/\.weir\/(tmp|run|.*lock)/.test(file) });
    const second = begin('shared', { dir: copy } as Weir);
    const both = await until('two containers', 20, async () => {
      const names = (await docker.docker('ps', '--format', '{{.Names}}')).split('\n').filter((name) => name.endsWith('-read'));
      return names.length === 2 ? names : undefined;
    });
    for (const name of both) await go(name);
    assert.deepEqual([await first.ended, await second.ended], [0, 0]);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test('floods of rows and words come whole, and a line without an end is an error', async (t) => {
  if (missing) return t.skip(missing);
  source('flood', { image: image({ read: [`yes 'noise of a source that says too much' | head -c 20000000 >&2 &`, `i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo '{"type":"RECORD","record":{"stream":"keyed","data":{"id":'$i'},"emitted_at":1}}'; done`, state(1)] }), checkpoint: 30000 });
  await sync('flood');
  assert.deepEqual(await rows('select count(*) as n, sum(id)::bigint as ids from flood.keyed'), [{ n: 100000, ids: 5000050000 }]);
  source('flood', { image: image({ read: [`yes | tr -d '\\n'`] }), max_line: '1MB' });
  await fails(/source-own wrote a line of more than 1048576 bytes; raise `max_line`/, 'flood');
  assert.deepEqual(await docker.containers(), []);
});

test('a container reads a server of its machine as host.docker.internal, in each network', async (t) => {
  if (missing) return t.skip(missing);
  const port = await docker.serve(`const { createServer } = require('net');
    const said = (id) => JSON.stringify({ type: 'RECORD', record: { stream: 'keyed', data: { id }, emitted_at: 1 } });
    const server = createServer((socket) => socket.on('data', (text) => socket.end(said(JSON.parse(text).id) + '\\n')));
    server.listen(0, '0.0.0.0', () => console.log(server.address().port));`);
  image({ read: [`bash -c 'exec 3<>/dev/tcp/host.docker.internal/${port}; cat "$1" >&3; cat <&3' sh "$CONFIG" || exit 1`, state(1)] });
  await docker.docker('network', 'create', 'of_a_company');
  const cases: [number, string][] = [[1, ''], [2, 'host'], [3, 'of_a_company']];
  for (const [id, network] of cases) {
    source('net', { image: 'acme/source-own:1.0', config: { id }, ...(network ? { network } : {}) });
    await sync('net');
  }
  assert.deepEqual(await rows("select string_agg(id, ' ' order by id) as ids from net.keyed"), [{ ids: '1 2 3' }]);
  source('net', { image: 'acme/source-own:1.0', config: { id: 4 }, network: 'none' });
  await fails(/source-own failed \(exit 1\)/, 'net');
});

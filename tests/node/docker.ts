// A `docker` of the test's own, where there is no Docker: it takes just the arguments that weir may give it, as
// Docker's command line reads them, and runs programs in the place of images. What it cannot show is Docker itself.
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export class Docker {
  constructor(readonly dir: string) {
    for (const name of ['bin', 'images', 'containers']) mkdirSync(path.join(dir, name), { recursive: true });
    writeFileSync(path.join(dir, 'bin/docker'), `#!${process.execPath}\n${program(dir)}`);
    chmodSync(path.join(dir, 'bin/docker'), 0o755);
  }

  /** In front of PATH, for whatever is started from here. */
  get path(): string {
    return `${path.join(this.dir, 'bin')}:${process.env['PATH'] ?? ''}`;
  }

  /** The image runs this shell script: $1 is the command, $CONFIG, $CATALOG and $STATE are files. */
  image(name: string, script: string): void {
    const file = path.join(this.dir, 'images', name.replaceAll(/[/:]/g, '_'));
    writeFileSync(file, `#!/bin/sh\ncommand=$1\nwhile [ $# -gt 0 ]; do\n  case "$1" in\n    --config) CONFIG=$2; shift;;\n    --state) STATE=$2; shift;;\n    --catalog) CATALOG=$2; shift;;\n  esac\n  shift\ndone\n${script}`);
    chmodSync(file, 0o755);
  }

  refuses(words: string): void {
    writeFileSync(path.join(this.dir, 'refuses'), words);
  }

  get calls(): string[][] {
    const file = path.join(this.dir, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as string[]) : [];
  }

  /** Of the containers that run: the numbers of their processes. */
  get containers(): Record<string, number> {
    return Object.fromEntries(readdirSync(path.join(this.dir, 'containers')).map((name) => [name, Number(readFileSync(path.join(this.dir, 'containers', name), 'utf8'))]));
  }
}

const program = (dir: string): string => `
const { spawn } = require('node:child_process');
const { appendFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs');
const dir = ${JSON.stringify(dir)};
const args = process.argv.slice(2);
const refuse = (words, code = 125) => {
  process.stderr.write(words + '\\nSee \\'docker run --help\\'.\\n');
  process.exit(code);
};
appendFileSync(dir + '/calls', JSON.stringify(args) + '\\n');
if (existsSync(dir + '/refuses')) refuse('docker: ' + readFileSync(dir + '/refuses', 'utf8'));
const command = args.shift();
if (command === 'rm') {
  const file = dir + '/containers/' + args[1];
  if (args.length !== 2 || args[0] !== '--force') refuse('unknown arguments');
  if (!existsSync(file)) refuse('Error response from daemon: No such container: ' + args[1], 1);
  try { process.kill(-Number(readFileSync(file, 'utf8')), 'SIGKILL'); } catch {}
  rmSync(file);
  process.exit(0);
}
if (command !== 'run') refuse('docker: unknown command: ' + command);
const has = {}, env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
let share = '';
while (args[0]?.startsWith('-')) {
  const flag = args.shift();
  if (['--rm', '--init', '-i'].includes(flag)) has[flag] = true;
  else if (flag === '-e') { const name = args.shift(); if (/=/.test(name)) refuse('docker: a secret on the command line'); if (process.env[name] !== undefined) env[name] = process.env[name]; }
  else if (flag === '--mount') { const [, host] = /^type=bind,source=(\\/[^,"]+),target=\\/weir,readonly$/.exec(args.shift()) ?? refuse('docker: invalid mount'); share = host; }
  else if (flag === '--name') { has.name = args.shift(); if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(has.name)) refuse('docker: Invalid container name (' + has.name + ')'); }
  else if (flag === '--memory') { has.memory = args.shift(); if (!/^[0-9]+b$/.test(has.memory)) refuse('docker: invalid size'); }
  else if (flag === '--ulimit') { has.ulimit = args.shift(); if (!/^cpu=[0-9]+$/.test(has.ulimit)) refuse('docker: invalid ulimit'); }
  else if (flag === '--log-driver') { if (args.shift() !== 'none') refuse('docker: invalid log driver'); }
  else refuse('docker: unknown flag: ' + flag);
}
const image = args.shift() ?? refuse('docker: requires at least 1 argument');
const file = dir + '/containers/' + has.name;
if (!has['--rm'] || !has['--init'] || !has['-i'] || !has.name || !share) refuse('docker: a flag is missing');
if (existsSync(file)) refuse('docker: Error response from daemon: Conflict. The container name "/' + has.name + '" is already in use');
if ((statSync(share).mode & 0o777) !== 0o755) refuse('docker: nobody else could read ' + share);
const entry = dir + '/images/' + image.replaceAll(/[/:]/g, '_');
if (!existsSync(entry)) refuse("Unable to find image '" + image + "' locally\\ndocker: Error response from daemon: pull access denied for " + image + ', repository does not exist');
const seen = args.map((word) => (word.startsWith('/weir/') ? share + word.slice(5) : word));
for (const word of seen) if (word.startsWith(share) && (statSync(word).mode & 0o777) !== 0o644) refuse('docker: nobody else could read ' + word);
const child = spawn(entry, seen, { detached: true, env, cwd: '/', stdio: ['ignore', 'inherit', 'inherit'] });
writeFileSync(file, String(child.pid));
child.on('exit', (code, signal) => { rmSync(file, { force: true }); process.exit(signal ? 137 : code); });
`;

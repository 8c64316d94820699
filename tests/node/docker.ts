// A real Docker of the test's own: dockerd in namespaces that die with this process, so that no container, mount or
// rule of the firewall is left, and whatever Docker the machine has is not touched. Its images are tars of what the
// machine has; no registry can be reached from in there.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from './weir.js';

const run = promisify(execFile);
const which = (name: string): boolean => (process.env['PATH'] ?? '').split(':').some((dir) => existsSync(path.join(dir, name)));
/** Why there is none here, or undefined. */
const missing = (): string | undefined =>
  process.getuid?.() !== 0 ? 'only root can run an engine of Docker: NOT TESTED' : ['dockerd', 'docker', 'unshare', 'nsenter', 'setpriv', 'ip'].filter((name) => !which(name)).map((name) => `${name} is not installed (Debian packages docker.io, util-linux, iproute2): NOT TESTED`)[0];

const tools = ['bash', 'sh', 'cat', 'sleep', 'env', 'id', 'head', 'touch', 'tr', 'yes'].map((name) => `/bin/${name}`);
/** The libraries that programs of this machine need. */
export const libraries = (programs: string[]): string[] => [...new Set(execFileSync('ldd', programs, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 << 20 }).match(/\/\S*lib\S*\.so\S*(?= \(0x)/g) ?? [])];

export class Docker {
  private process: ChildProcess | undefined;
  private readonly gone = (): unknown => this.process?.kill('SIGKILL');
  private constructor(readonly dir: string) {
    process.once('exit', this.gone);
  }

  /** Or the reason why it cannot be. */
  static async start(): Promise<Docker | string> {
    const why = missing();
    if (why) return why;
    const docker = new Docker(mkdtempSync(path.join(tmpdir(), 'weir-docker-')));
    mkdirSync(docker.unseen);
    try {
      await docker.begin();
      return docker;
    } catch (error) {
      await docker.stop();
      return `no engine of Docker can run here: NOT TESTED (${String(error).slice(-300)})`;
    }
  }

  /** For DOCKER_HOST. */
  get host(): string {
    return `unix://${this.dir}/socket`;
  }

  /** The engine has another folder in this one's place. */
  get unseen(): string {
    return path.join(this.dir, 'unseen');
  }

  async begin(): Promise<void> {
    const log = openSync(path.join(this.dir, 'log'), 'w');
    const exec = mkdtempSync(path.join(this.dir, 'exec-'));
    const script = `ip link set lo up && mount -t tmpfs none ${this.unseen} && init=$(command -v docker-init) && init="$init --"; exec $init dockerd --data-root ${this.dir}/data --exec-root ${exec} --pidfile ${exec}/pid --host ${this.host}`;
    this.process = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script], { stdio: ['ignore', log, log] });
    closeSync(log);
    await until('an engine of Docker', 30, async () => {
      if (this.process?.exitCode !== null) throw new Error(readFileSync(path.join(this.dir, 'log'), 'utf8').slice(-1000));
      return this.docker('version').catch(() => undefined);
    });
  }

  /** As a machine that lost its power. */
  async kill(): Promise<void> {
    const child = this.process;
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    process.off('exit', this.gone);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** The namespaces' first process. */
  private get root(): number {
    return Number(readFileSync(`/proc/${this.process?.pid ?? 0}/task/${this.process?.pid ?? 0}/children`, 'utf8'));
  }

  /** The port, which it writes, of what this text of JavaScript serves on the engine's machine. */
  async serve(text: string): Promise<number> {
    const child = spawn('nsenter', ['--target', String(this.root), '--net', '--pid', process.execPath, '--eval', text], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
    return until('a server beside the engine', 30, () => (said.endsWith('\n') ? Number(said) : undefined));
  }

  async docker(...args: string[]): Promise<string> {
    return (await run('docker', ['--host', this.host, ...args], { maxBuffer: 16 << 20, timeout: 60_000 })).stdout.trim();
  }

  /** Names of all containers that are there. */
  async containers(): Promise<string[]> {
    return (await this.docker('ps', '--all', '--format', '{{.Names}}')).split('\n').filter(Boolean);
  }

  /** An image that runs this shell script: $1 is the command, $CONFIG, $CATALOG and $STATE are files. */
  image(name: string, script: string, ...changes: string[]): void {
    const entry = path.join(this.dir, 'entry');
    writeFileSync(entry, `#!/bin/sh\ncommand=$1\nwhile [ $# -gt 0 ]; do\n  case "$1" in\n    --config) CONFIG=$2; shift;;\n    --state) STATE=$2; shift;;\n    --catalog) CATALOG=$2; shift;;\n  esac\n  shift\ndone\n${script}`, { mode: 0o755 });
    this.import(name, [...tools, ...libraries(tools)], ['ENTRYPOINT ["/entry"]', ...changes], entry);
  }

  /** An image of files of this machine, links followed, and of one that lies in its root. */
  import(name: string, files: string[], changes: string[], root?: string, without: string[] = []): void {
    const list = files.map((file) => file.slice(1));
    const more = root ? ['-C', path.dirname(root), path.basename(root)] : [];
    const options = changes.flatMap((change) => ['--change', change]);
    const tar = path.join(this.dir, 'tar');
    execFileSync('tar', ['--create', '--file', tar, '--dereference', ...without, '-C', '/', ...list, ...more], { stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('docker', ['--host', this.host, 'import', ...options, tar, name], { stdio: ['ignore', 'ignore', 'pipe'] });
    rmSync(tar);
  }
}

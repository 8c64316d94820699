// The program's commands, run as a person runs them: each with what it printed and how it ended.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { binary, until } from './weir.js';

export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the program to its end and says how it ended; never throws for its exit code. */
export function weir(...args: string[]): Promise<Outcome> {
  return ended(spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

export function ended(child: ChildProcess): Promise<Outcome> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), 90_000);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, err });
    }),
  );
}

/** An empty folder for the test's own use, removed behind it. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-cli-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function inWorkspace(body: (dir: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const dir = path.join(folder, 'acme');
    assert.equal((await weir('init', dir)).code, 0);
    await body(dir);
  });
}

export interface Addresses {
  collect: string;
  serve: string;
}

/** A running `weir up`. */
export class Up {
  private constructor(
    readonly dir: string,
    readonly child: ChildProcess,
    readonly end: Promise<Outcome>,
    readonly addresses: Addresses,
    private readonly output: { err: string },
  ) {}

  static async start(dir: string, ...args: string[]): Promise<Up> {
    const listen = args.length > 0 ? args : ['--collect', '127.0.0.1:0', '--serve', '127.0.0.1:0'];
    const child = spawn(binary, ['-C', dir, 'up', ...listen], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { err: '' };
    child.stderr?.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
    const end = ended(child);
    const file = path.join(dir, '.weir/run/addresses.json');
    const addresses = await until('weir up', 30, () => {
      if (child.exitCode !== null) throw new Error(`weir up ended: ${output.err}`);
      // An older file may be there until weir up removes it: the pid in the lock says whose it is.
      const lock = path.join(dir, '.weir/run/up.lock');
      if (!existsSync(lock) || Number(readFileSync(lock, 'utf8')) !== child.pid) return undefined;
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Addresses) : undefined;
    });
    return new Up(dir, child, end, addresses, output);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  log(): string {
    return this.output.err;
  }

  /** The process id of a child by its subcommand. */
  part(name: 'collect' | 'serve'): number | undefined {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        if (Number(stat[1]) === this.pid && stat[0] !== 'Z' && words.includes(name)) return Number(pid);
      } catch {
        continue; // ended meanwhile
      }
    }
    return undefined;
  }

  async stop(): Promise<Outcome> {
    this.child.kill('SIGTERM');
    return this.end;
  }
}

export async function whileUp(dir: string, body: (up: Up) => Promise<void>): Promise<Outcome> {
  const up = await Up.start(dir);
  try {
    await body(up);
  } catch (error) {
    console.log(up.log());
    throw error;
  } finally {
    up.child.kill('SIGTERM');
    await up.end;
  }
  return up.end;
}

export async function health(address: string): Promise<number> {
  const response = await fetch(`http://${address}/health`, { headers: { connection: 'close' } });
  await response.arrayBuffer();
  return response.status;
}

export async function track(dir: string, up: Up, event: string): Promise<void> {
  const key = (await weir('-C', dir, 'source', 'key', 'web')).out.trim();
  const response = await fetch(`http://${up.addresses.collect}/v1/track`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` },
    body: JSON.stringify({ userId: 'ada', event }),
  });
  assert.equal(response.status, 200);
  await response.arrayBuffer();
}

export async function countTracks(up: Up): Promise<number> {
  const response = await fetch(`http://${up.addresses.serve}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: 'select count(*) from web.tracks' }),
  });
  const answer = (await response.json()) as { rows: number[][] };
  return Number(answer.rows[0]?.[0]);
}

export function listening(): Promise<{ server: net.Server; address: string }> {
  const server = net.createServer();
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      resolve({ server, address: `127.0.0.1:${port}` });
    }),
  );
}

/** Opens connection after connection until told to stop; gives what went wrong. */
export function knock(address: string): { stop: () => Promise<{ made: number; refused: string[] }> } {
  const [host, port] = address.split(':');
  const refused: string[] = [];
  let made = 0;
  let go = true;
  const done = (async () => {
    while (go) {
      await new Promise<void>((resolve) => {
        const socket = net.connect(Number(port), host, () => {
          made++;
          socket.destroy();
          resolve();
        });
        socket.once('error', (error) => {
          refused.push(error.message);
          resolve();
        });
      });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return {
    stop: async () => {
      go = false;
      await done;
      return { made, refused };
    },
  };
}

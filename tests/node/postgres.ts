// A real PostgreSQL of Debian's packages: a fresh cluster on a port that nobody has, by a user who is not root.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from './weir.js';

const versions = '/usr/lib/postgresql';
const version = existsSync(versions) ? readdirSync(versions).filter((name) => existsSync(path.join(versions, name, 'bin/initdb'))).sort((a, b) => Number(a) - Number(b)).at(-1) : undefined;
/** Why there is none here, or undefined. */
export const missing = version ? undefined : 'PostgreSQL is not installed (Debian packages postgresql, postgresql-client): NOT TESTED';

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });

export class Postgres {
  private server: ChildProcess | undefined;
  private constructor(
    readonly dir: string,
    readonly port: number,
    private readonly who: { uid?: number; gid?: number },
  ) {}

  static async start(): Promise<Postgres> {
    const dir = mkdtempSync(path.join(tmpdir(), 'weir-pg-'));
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
    const who = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
    const pg = new Postgres(dir, await freePort(), who);
    const password = path.join(dir, 'password');
    writeFileSync(password, 'secret of the owner');
    if (who.uid !== undefined && who.gid !== undefined) {
      chownSync(dir, who.uid, who.gid);
      chownSync(password, who.uid, who.gid);
    }
    execFileSync(pg.bin('initdb'), ['-D', path.join(dir, 'data'), '-U', 'owner', '-A', 'scram-sha-256', '--pwfile', password, '-E', 'UTF8', '--locale=C.UTF-8', '-N'], { ...who, cwd: dir, stdio: 'ignore' });
    pg.server = spawn(pg.bin('postgres'), ['-D', path.join(dir, 'data'), '-p', String(pg.port), '-k', dir, '-h', '127.0.0.1', '-F'], { ...who, cwd: dir, stdio: 'ignore' });
    await until('PostgreSQL', 60, () => {
      try {
        return pg.sql('select 1');
      } catch {
        return undefined;
      }
    });
    return pg;
  }

  private bin(name: string): string {
    return path.join(versions, version ?? '', 'bin', name);
  }

  /** Runs statements as the owner; gives what the last says, unaligned. */
  sql(text: string, database = 'postgres'): string {
    return execFileSync(this.bin('psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', this.dir, '-p', String(this.port), '-U', 'owner', '-d', database], {
      cwd: this.dir,
      input: text,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], PGPASSWORD: 'secret of the owner' },
      stdio: ['pipe', 'pipe', 'pipe'],
    }).trim();
  }

  async stop(): Promise<void> {
    const server = this.server;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

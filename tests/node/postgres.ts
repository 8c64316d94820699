// A real PostgreSQL of Debian's packages (another suite's by WEIR_TEST_POSTGRES=sid/postgresql-18): a fresh cluster on a
// port that nobody has, by a user who is not root.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { card, ownCertificate } from './certificate.js';
import { chosen, fetchOther } from './other.js';
import { freePort } from './port.js';
import { until } from './weir.js';

const other = chosen('WEIR_TEST_POSTGRES');
/** Where the programs of the latest version below a root are. */
const programs = (root: string): string | undefined => {
  const versions = path.join(root, 'usr/lib/postgresql');
  const version = existsSync(versions) ? readdirSync(versions).filter((name) => existsSync(path.join(versions, name, 'bin/initdb'))).sort((a, b) => Number(a) - Number(b)).at(-1) : undefined;
  return version && path.join(versions, version, 'bin');
};
const bins = programs(other.root);
/** Why there is none here, or undefined. */
export const missing = other.missing ?? (bins ? undefined : 'PostgreSQL is not installed (Debian packages postgresql, postgresql-client): NOT TESTED');

/** The newest that Debian has; `missing`: why it cannot be had. It is fetched when somebody asks. */
export const newest = {
  root: path.join(process.cwd(), '.deps/servers/postgresql-18'),
  get missing(): string | undefined {
    return fetchOther('sid', ['postgresql-18'], this.root);
  },
};

/** Is there something to make certificates with? */
export const tls = ['/usr/bin/openssl', '/bin/openssl'].some((file) => existsSync(file));

export class Postgres {
  private server: ChildProcess | undefined;
  private constructor(
    readonly dir: string,
    public port: number,
    private readonly who: { uid?: number; gid?: number },
    private readonly options: string[],
    private readonly bins = '',
  ) {}

  static start(...options: string[]): Promise<Postgres> {
    return Postgres.make(bins ?? '', options);
  }

  /** Of `newest`. */
  static startNewest(...options: string[]): Promise<Postgres> {
    return Postgres.make(programs(newest.root) ?? '', options);
  }

  private static async make(bins: string, options: string[]): Promise<Postgres> {
    const dir = mkdtempSync(path.join(tmpdir(), 'weir-pg-'));
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
    const who = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
    const pg = new Postgres(dir, 0, who, options, bins);
    const password = path.join(dir, 'password');
    writeFileSync(password, 'secret of the owner');
    if (who.uid !== undefined && who.gid !== undefined) {
      chownSync(dir, who.uid, who.gid);
      chownSync(password, who.uid, who.gid);
    }
    execFileSync(pg.bin('initdb'), ['-D', path.join(dir, 'data'), '-U', 'owner', '-A', 'scram-sha-256', '--pwfile', password, '-E', 'UTF8', '--locale=C.UTF-8', '-N'], { ...who, cwd: dir, stdio: 'ignore' });
    await pg.first();
    return pg;
  }

  /** A standby that follows this one, with a slot of its own. */
  async standby(...options: string[]): Promise<Postgres> {
    const dir = mkdtempSync(path.join(tmpdir(), 'weir-pg-'));
    const pg = new Postgres(dir, 0, this.who, options, this.bins);
    if (this.who.uid !== undefined && this.who.gid !== undefined) chownSync(dir, this.who.uid, this.who.gid);
    execFileSync(this.bin('pg_basebackup'), ['--dbname', `host=127.0.0.1 port=${this.port} user=owner password='secret of the owner' dbname=postgres`, '--pgdata', path.join(dir, 'data'), '--write-recovery-conf', '--create-slot', '--slot', `standby_${pg.dir.slice(-6).toLowerCase()}`, '--checkpoint', 'fast', '--no-sync'], { ...this.who, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
    await pg.first();
    return pg;
  }

  /** As a machine that lost its power. */
  async kill(): Promise<void> {
    const server = this.server;
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
    }
  }

  /** Somebody may take the port before the server does. */
  private async first(): Promise<void> {
    for (let left = 2; ; left--) {
      this.port = await freePort();
      try {
        return await this.begin();
      } catch (error) {
        await this.end();
        if (!left) throw error;
      }
    }
  }

  private async begin(): Promise<void> {
    this.server = spawn(this.bin('postgres'), ['-D', path.join(this.dir, 'data'), '-p', String(this.port), '-k', this.dir, '-h', '127.0.0.1', '-F', ...this.options], { ...this.who, cwd: this.dir, stdio: ['ignore', 'ignore', openSync(path.join(this.dir, 'log'), 'a')] });
    await until('PostgreSQL', 60, () => {
      try {
        return this.sql('select 1');
      } catch {
        if (this.server?.exitCode !== null) throw new Error(readFileSync(path.join(this.dir, 'log'), 'utf8').slice(-2000));
        return undefined;
      }
    });
  }

  private async end(): Promise<void> {
    const server = this.server;
    if (server && server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
    }
  }

  /** Copies all of its data, for restore(). */
  async keep(): Promise<void> {
    await this.replace('kept', 'data');
  }

  /** Its data are what they were then. */
  async restore(): Promise<void> {
    await this.replace('data', 'kept');
  }

  private async replace(to: string, from: string): Promise<void> {
    await this.end();
    rmSync(path.join(this.dir, to), { recursive: true, force: true });
    cpSync(path.join(this.dir, from), path.join(this.dir, to), { recursive: true });
    if (this.who.uid !== undefined) execFileSync('chown', ['-R', `${this.who.uid}:${this.who.gid}`, path.join(this.dir, to)]);
    await this.begin();
  }

  /** Whoever is connected is thrown out. */
  async restart(): Promise<void> {
    await this.end();
    await this.begin();
  }

  /** Switches TLS on; gives the file of the certificate, which is its own root. */
  async tls(): Promise<string> {
    const [key, crt] = [path.join(this.dir, 'data/server.key'), path.join(this.dir, 'data/server.crt')];
    ownCertificate(key, crt);
    for (const file of [key, crt]) {
      chmodSync(file, 0o600);
      if (this.who.uid !== undefined && this.who.gid !== undefined) chownSync(file, this.who.uid, this.who.gid);
    }
    copyFileSync(crt, path.join(this.dir, 'root.crt'));
    this.sql('alter system set ssl = on');
    await this.restart();
    return path.join(this.dir, 'root.crt');
  }

  /** For a server with TLS: a certificate that it knows, of this user, and its key. */
  async card(user: string): Promise<{ crt: string; key: string }> {
    const made = card(this.dir, path.join(this.dir, 'data/server.key'), user);
    chmodSync(path.join(this.dir, 'root.crt'), 0o644); // which it reads as another
    this.sql(`alter system set ssl_ca_file = '${path.join(this.dir, 'root.crt')}'`);
    const rules = path.join(this.dir, 'data/pg_hba.conf');
    writeFileSync(rules, `hostssl all ${user} all cert\n${readFileSync(rules, 'utf8')}`);
    await this.restart();
    return made;
  }

  private bin(name: string): string {
    return path.join(this.bins, name);
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
    await this.end();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// A real MariaDB of Debian's packages, or a real MySQL of another suite's (tools/other-server): a fresh server on a
// port that nobody has, by a user who is not root.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { card, ownCertificate } from './certificate.js';
import { chosen, fetchOther } from './other.js';
import { freePort } from './port.js';
import { until } from './weir.js';

export interface Make {
  name: string;
  /** Why there is none here, or undefined. */
  missing: string | undefined;
  server: string;
  /** What its server is started with. */
  options: string[];
  /** Without a certificate, and with one of the test's. */
  plain: string[];
  encrypted: string[];
  /** How the server's words differ from MariaDB's, which the tests are written in. */
  words: [RegExp, string][];
  /** So that each transaction has an id, as MariaDB's have anyway. */
  gtids: string[];
  /** What a source's `connection` needs besides where the server is: MySQL's users are not let in without TLS. */
  connection: string;
  /** Makes the data that a server starts with. */
  install: (dir: string, who: Who) => void;
}
interface Who {
  uid?: number;
  gid?: number;
  /** With a TMPDIR of its own: a server that starts removes what it takes for its own leavings there, such as tables of another's statements. */
  env: NodeJS.ProcessEnv;
}

/** Another suite's by WEIR_TEST_MARIADB=trixie/mariadb-server. */
const other = chosen('WEIR_TEST_MARIADB');
const mariadbd = path.join(other.root, 'usr/sbin/mariadbd');
export const mariadb: Make = {
  name: 'MariaDB',
  missing: other.missing ?? (existsSync(mariadbd) ? undefined : 'MariaDB is not installed (Debian package mariadb-server): NOT TESTED'),
  server: mariadbd,
  options: ['--innodb-log-file-size=64M'],
  plain: ['--skip-ssl'],
  encrypted: ['--ssl=1'],
  words: [],
  gtids: [],
  connection: '',
  install: (dir, who) => {
    execFileSync(path.join(other.root, 'usr/bin/mariadb-install-db'), ['--no-defaults', `--datadir=${path.join(dir, 'data')}`, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'], { ...who, cwd: dir, stdio: 'pipe' });
  },
};

const root = path.join(process.cwd(), '.deps/servers/mysql');
let fetched: string | undefined | null = null;
export const mysql: Make = {
  name: 'MySQL',
  /** It is fetched when somebody asks. */
  get missing(): string | undefined {
    return fetched === null ? (fetched = fetchOther('sid', ['mysql-server-core'], root)) : fetched;
  },
  server: path.join(root, 'usr/sbin/mysqld'),
  options: [`--basedir=${path.join(root, 'usr')}`, '--innodb-redo-log-capacity=64M', '--mysqlx=OFF', '--performance-schema=OFF', '--cte-max-recursion-depth=1000000', '--secure-file-priv='],
  plain: [], // it makes certificates itself
  encrypted: [],
  words: [
    [/\bseq_(\d+)_to_(\d+)\b/g, '(with recursive n (seq) as (select $1 union all select seq + 1 from n where seq < $2) select seq from n) as numbers'],
    [/\bbinlog monitor\b/g, 'replication client'],
    [/\bengine = aria\b/g, 'engine = myisam'],
    [/\buuid\b(?=, ip)/g, 'char(36)'],
    [/\binet6\b/g, 'varchar(39)'],
    [/\bcreate sequence seq; set check_constraint_checks = 0;/g, ''],
    [/\('\{"a": 1\}'\), \('\{no'\)/g, `('{"a": 1}'), ('[]')`], // it takes no other text for JSON
    [/\bshow master status\b/g, 'show binary log status'],
    [/\breset master\b/g, 'reset binary logs and gtids'],
    [/\brpl_semi_sync_master_/g, 'rpl_semi_sync_source_'],
  ],
  gtids: ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
  connection: ', tls: trust',
  install: (dir, who) => {
    execFileSync(mysql.server, ['--no-defaults', `--basedir=${path.join(root, 'usr')}`, `--datadir=${path.join(dir, 'data')}`, '--initialize-insecure', `--log-error=${path.join(dir, 'log.err')}`], { ...who, cwd: dir, stdio: 'pipe' });
  },
};

let made = mariadb;
/** The tests of this file, which another one imports, are run with that. */
export const use = (make: Make): void => {
  made = make;
};
export const used = (): Make => made;

export const password = 'secret of the owner';

export class MySQL {
  private server: ChildProcess | undefined;
  private constructor(
    readonly make: Make,
    readonly dir: string,
    public port: number,
    private readonly who: Who,
    private readonly options: string[],
  ) {}

  get socket(): string {
    return path.join(this.dir, 'socket');
  }

  /** Without an ending both servers would give it one. */
  private get log(): string {
    return path.join(this.dir, 'log.err');
  }

  static async start(make: Make, ...options: string[]): Promise<MySQL> {
    const dir = mkdtempSync(path.join(tmpdir(), 'weir-my-'));
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
    const env = { ...process.env, TMPDIR: path.join(dir, 'tmp') };
    const who: Who = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g'), env } : { env };
    const db = new MySQL(make, dir, 0, who, options);
    mkdirSync(env.TMPDIR);
    for (const folder of [dir, env.TMPDIR]) if (who.uid !== undefined && who.gid !== undefined) chownSync(folder, who.uid, who.gid);
    make.install(dir, who);
    await db.first();
    db.sql(`create database shop character set utf8mb4; create user owner@'127.0.0.1' identified by '${password}'; grant all on shop.* to owner@'127.0.0.1'; grant create user, reload, process on *.* to owner@'127.0.0.1'`, '');
    return db;
  }

  /** Somebody may take the port before the server does. */
  private async first(): Promise<void> {
    for (let left = 2; ; left--) {
      this.port = await freePort();
      try {
        return await this.begin();
      } catch (error) {
        await this.end('SIGKILL');
        if (!left) throw error;
      }
    }
  }

  private async begin(): Promise<void> {
    this.server = spawn(
      this.make.server,
      ['--no-defaults', `--datadir=${path.join(this.dir, 'data')}`, `--socket=${this.socket}`, `--port=${this.port}`, '--bind-address=127.0.0.1', `--pid-file=${path.join(this.dir, 'pid')}`, `--log-error=${this.log}`, '--skip-name-resolve', ...this.make.plain, '--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M', '--default-time-zone=+05:30', '--sql-mode=', ...this.make.options, ...this.options],
      { ...this.who, cwd: this.dir, stdio: 'ignore' },
    );
    await until(this.make.name, 60, () => {
      try {
        return this.sql('select 1', '');
      } catch {
        const { exitCode, signalCode } = this.server ?? {};
        if (exitCode !== null || signalCode !== null) throw new Error(`${this.make.name} ended (${signalCode ?? exitCode}): ${existsSync(this.log) ? readFileSync(this.log, 'utf8').slice(-2000) : 'it wrote no log'}`);
        return undefined;
      }
    });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const process = this.server;
    if (process && process.exitCode === null && process.signalCode === null) {
      const ended = new Promise((resolve) => process.once('exit', resolve));
      process.kill(signal);
      await ended;
    }
  }

  /** Whoever is connected is thrown out. */
  async restart(signal: NodeJS.Signals = 'SIGTERM', ...options: string[]): Promise<void> {
    await this.end(signal);
    this.options.push(...options);
    await this.begin();
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
    await this.end('SIGTERM');
    rmSync(path.join(this.dir, to), { recursive: true, force: true });
    cpSync(path.join(this.dir, from), path.join(this.dir, to), { recursive: true });
    if (this.who.uid !== undefined) execFileSync('chown', ['-R', `${this.who.uid}:${this.who.gid}`, path.join(this.dir, to)]);
    await this.begin();
  }

  /** SIGSTOP: it does nothing, and nobody is told; SIGCONT: it goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.server?.kill(signal);
  }

  /** Switches TLS on; gives the file of the certificate, which is its own root. */
  async tls(): Promise<string> {
    const [key, crt] = [path.join(this.dir, 'server.key'), path.join(this.dir, 'server.crt')];
    ownCertificate(key, crt);
    copyFileSync(crt, path.join(this.dir, 'root.crt'));
    for (const file of [key, crt]) if (this.who.uid !== undefined && this.who.gid !== undefined) chownSync(file, this.who.uid, this.who.gid);
    await this.restart('SIGTERM', ...this.make.encrypted, `--ssl-cert=${crt}`, `--ssl-key=${key}`, `--ssl-ca=${path.join(this.dir, 'root.crt')}`);
    return path.join(this.dir, 'root.crt');
  }

  /** For a server with TLS: a certificate that it knows, of this user, and its key. */
  card(user: string): { crt: string; key: string } {
    return card(this.dir, path.join(this.dir, 'server.key'), user);
  }

  /** For a source's `connection`. */
  get at(): string {
    return `host: 127.0.0.1, port: ${this.port}${this.make.connection}`;
  }

  /** Runs statements as root, in one session; gives what they say, columns by tabs. */
  sql(text: string, database = 'shop'): string {
    return execFileSync('mariadb', this.client(database), {
      cwd: this.dir,
      input: this.inItsWords(text),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }).trimEnd();
  }

  private client(database: string): string[] {
    return ['--no-defaults', '-N', '-B', '-r', '--binary-mode', '--default-character-set=utf8mb4', '-S', this.socket, '-u', 'root', ...(database ? [database] : [])];
  }

  private inItsWords(text: string): string {
    return this.make.words.reduce((said, [word, other]) => said.replaceAll(word, other), text);
  }

  /** The same, and the test goes on meanwhile. */
  beside(text: string, database = 'shop'): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = execFile('mariadb', this.client(database), { cwd: this.dir }, (error) => {
        if (error) reject(error);
        else resolve();
      });
      child.stdin?.end(this.inItsWords(text));
    });
  }

  /** Somebody who runs these statements, one after the other, and is in nobody's log of queries. */
  writer(statements: string[]): { stop: () => Promise<void> } {
    return this.session(`set sql_log_off = 1; ${statements.join(';\n')}`);
  }

  /** Somebody who runs these statements and stays; what was not committed by then is undone. */
  session(statements: string): { stop: () => Promise<void> } {
    const child = spawn('mariadb', ['--no-defaults', '--force', '-S', this.socket, '-u', 'root', 'shop'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.stdin.on('error', () => undefined);
    child.stdin.write(`${this.inItsWords(statements)};\n`);
    return {
      stop: async () => {
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  /** Ids of all transactions that are here. */
  ids(): string {
    return this.sql(this.make === mysql ? 'select @@gtid_executed' : 'select @@gtid_binlog_pos').replaceAll(/\s/g, '');
  }

  /** Becomes a replica of the other one, whose transactions up to `ids` it has by itself. */
  follow(source: MySQL, ids: string): void {
    this.sql(
      this.make === mysql
        ? `reset binary logs and gtids; set global gtid_purged = '${ids}'; change replication source to source_host = '127.0.0.1', source_port = ${source.port}, source_user = 'repl', source_password = 'repl', source_auto_position = 1, get_source_public_key = 1, source_ssl = 1; start replica`
        : `reset master; set global gtid_slave_pos = '${ids}'; change master to master_host = '127.0.0.1', master_port = ${source.port}, master_user = 'repl', master_password = 'repl', master_use_gtid = slave_pos, master_ssl = 0; start slave`,
    );
  }

  hasAll(ids: string): boolean {
    return this.sql(this.make === mysql ? `select wait_for_executed_gtid_set('${ids}', 1)` : `select master_gtid_wait('${ids}', 1)`) === '0';
  }

  /** It is a replica no longer. */
  takeOver(): void {
    this.sql(this.make === mysql ? 'stop replica; reset replica all' : 'stop slave; reset slave all');
  }

  async stop(): Promise<void> {
    await this.end('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// A real weir in a workspace of its own: `weir init`, `weir up` on ports that the kernel picks.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const binary = process.env['WEIR'] ?? path.resolve('build/weir');

export type Cell = string | number | boolean | null | object;
export type Row = Record<string, Cell>;
export interface Column {
  name: string;
  type: string;
}
export interface Result {
  columns: Column[];
  rows: Row[];
}

/** Waits until `check` gives something, for at most `seconds`. */
export async function until<T>(
  what: string,
  seconds: number,
  check: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export class Weir {
  readonly dir: string;
  key = '';
  collect = '';
  serve = '';
  private process: ChildProcess | undefined;
  private exited: Promise<number | null> | undefined;

  private constructor(
    dir: string,
    readonly logFile: string,
  ) {
    this.dir = dir;
  }

  /** A fresh workspace; in `dir` when given (it must be empty or missing). */
  static async init(dir = mkdtempSync(path.join(tmpdir(), 'weir-test-'))): Promise<Weir> {
    const name = `${path.relative(tmpdir(), dir).replaceAll(path.sep, '-')}.log`;
    const weir = new Weir(dir, path.join(tmpdir(), name));
    await weir.cli('init', weir.dir);
    weir.key = (await weir.cli('-C', weir.dir, 'source', 'key', 'web')).trim();
    return weir;
  }

  /** Runs the program to its end; gives its standard output, throws with its error output. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run(binary, args, { maxBuffer: 64 << 20, timeout: 120_000 });
    return stdout;
  }

  /** A subcommand in this workspace. */
  in(command: string, ...args: string[]): Promise<string> {
    return this.cli('-C', this.dir, command, ...args);
  }

  /** What `weir query` answers, a row an object. */
  async rows(sql: string): Promise<Row[]> {
    const { columns, rows } = JSON.parse(await this.in('query', sql, '--format', 'json')) as { columns: { name: string }[]; rows: Cell[][] };
    return rows.map((cells) => Object.fromEntries(columns.map(({ name }, i) => [name, cells[i] ?? null])));
  }

  private start(args: string[]): void {
    const log = openSync(this.logFile, 'a');
    const child = spawn(binary, ['-C', this.dir, ...args], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.process = child;
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** `weir up`; returns when both addresses answer. */
  async up(listen: { collect?: string; serve?: string } = {}): Promise<this> {
    const addresses = path.join(this.dir, '.weir/run/addresses.json');
    rmSync(addresses, { force: true });
    this.start([
      'up',
      '--collect',
      listen.collect ?? '127.0.0.1:0',
      '--serve',
      listen.serve ?? '127.0.0.1:0',
    ]);
    const found = await until('the addresses of weir up', 60, () => {
      if (this.process?.exitCode !== null) throw new Error(`weir up ended: ${this.log()}`);
      try {
        return JSON.parse(readFileSync(addresses, 'utf8')) as { collect: string; serve: string };
      } catch {
        return undefined;
      }
    });
    this.collect = found.collect;
    this.serve = found.serve;
    return this;
  }

  /** A file of the workspace, with the folders that it is in. */
  write(name: string, bytes: string | Buffer): void {
    const file = path.join(this.dir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** SIGTERM, then the exit code. */
  async down(): Promise<number | null> {
    const child = this.process;
    if (!child || !this.exited) return 0;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const code = await this.exited;
    clearTimeout(timer);
    this.process = undefined;
    return code;
  }

  /** Stops and removes everything. */
  async remove(): Promise<void> {
    await this.down();
    if (process.env['WEIR_KEEP']) {
      console.log(`kept ${this.dir}`);
      return;
    }
    rmSync(this.dir, { recursive: true, force: true });
    rmSync(this.logFile, { force: true });
  }

  /** Returns when all that was acknowledged can be queried. */
  async loaded(): Promise<void> {
    await this.in('status', '--wait-loaded');
  }

  async query(sql: string): Promise<Result> {
    const response = await fetch(`http://${this.serve}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql, limits: { rows: 1_000_000 } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${sql}: ${response.status} ${text}`);
    const answer = JSON.parse(text) as { columns: Column[]; rows: Cell[][]; truncated: boolean };
    if (answer.truncated) throw new Error(`${sql}: the answer was cut`);
    const rows = answer.rows.map((cells) =>
      Object.fromEntries(answer.columns.map((column, i) => [column.name, cells[i] ?? null])),
    );
    return { columns: answer.columns, rows };
  }
}

export async function withWeir(body: (weir: Weir) => Promise<void>): Promise<void> {
  const weir = await Weir.init();
  try {
    await weir.up();
    await body(weir);
  } catch (error) {
    console.log(weir.log().split('\n').slice(-40).join('\n'));
    throw error;
  } finally {
    await weir.remove();
  }
}

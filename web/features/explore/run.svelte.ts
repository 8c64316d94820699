// One run of a query: rows as they come, how it goes, how it ended.
import { ApiError, asApiError, call, send } from '../../api/client';
import { type ColumnTable, ColumnsError, ColumnsReader } from '../../core/columns';
import type { ParameterValue } from '../../core/report';
import { type Sent, placeOf } from '../../core/template';

/** Rows that a tab asks for; more are for an export. */
export const MOST_ROWS = 1_000_000;

export interface Asked {
  /** What the server gets. */
  sql: string;
  /** Values of its parameters; undefined: it is no template. */
  values: Record<string, ParameterValue | null> | undefined;
  /** Where it stands in the editor's text, which is `text`. */
  sent: Sent;
  text: string;
}

export interface Where {
  /** In the editor's text. */
  place: number;
  line: number;
  column: number;
}

export class Run {
  /** It runs for so long that it should be seen: what takes less than a blink changes nothing before its rows. */
  late = $state(false);
  state = $state<'idle' | 'running' | 'done' | 'failed' | 'cancelled'>('idle');
  /** The result shown: of this run, or still the one before until the first columns came. */
  table = $state.raw<ColumnTable>();
  rows = $state(0);
  /** The last whole result with rows, once they were painted: a chart of it waits for that. */
  drawn = $state.raw<ColumnTable>();
  /** The table is whole: it can be charted, sorted and searched. */
  complete = $state(false);
  error = $state.raw<ApiError>();
  /** What ran last. */
  asked = $state.raw<Asked>();
  truncated = $state(false);
  /** Milliseconds: until now while it runs, then as the engine says. */
  elapsed = $state(0);
  /** Until the first rows were there. */
  first = $state(0);
  bytes = $state(0);
  /** When a kept result was computed; undefined: it was computed for this run. */
  kept = $state<Date>();
  private abort: AbortController | undefined;
  private id = '';

  get running(): boolean {
    return this.state === 'running';
  }

  /** Where the error is in the editor's text. */
  get where(): Where | undefined {
    const { asked, error } = this;
    if (!asked || !error?.position) return undefined;
    const place = placeOf(asked.sent, error.position.offset);
    const before = asked.text.slice(0, place).split('\n');
    return { place, line: before.length, column: [...(before.at(-1) ?? '')].length + 1 };
  }

  /** Rows a second, while it runs. */
  get rate(): number {
    return this.elapsed > 300 ? (this.rows / this.elapsed) * 1000 : 0;
  }

  /** Runs one after the other until one fails; the last one's rows stay. False when one failed. */
  async all(statements: readonly Asked[]): Promise<boolean> {
    for (const one of statements) if (!(await this.one(one))) return false;
    return true;
  }

  private async one(asked: Asked): Promise<boolean> {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    this.id = '';
    // Who runs what she just ran wants it computed.
    const fresh = this.state === 'done' && this.asked !== undefined && JSON.stringify([asked.sql, asked.values]) === JSON.stringify([this.asked.sql, this.asked.values]);
    this.asked = asked;
    this.state = 'running';
    this.error = undefined;
    this.elapsed = 0;
    this.first = 0;
    const began = performance.now();
    const clock = setInterval(() => {
      this.elapsed = performance.now() - began;
      this.late = true;
    }, 120);
    const mine = (): boolean => this.abort === abort;
    try {
      const response = await send('post', '/api/query', { body: { sql: asked.sql, ...(asked.values && { values: asked.values }), format: 'columns', limits: { rows: MOST_ROWS }, ...(fresh && { fresh }) }, signal: abort.signal });
      this.id = response.headers.get('X-Weir-Query-Id') ?? '';
      const at = response.headers.get('Weir-Computed-At');
      this.kept = at ? new Date(at) : undefined;
      await this.read(response, began, abort.signal);
      if (mine()) this.state = 'done';
      const whole = this.rows ? this.table : undefined;
      requestAnimationFrame(() => requestAnimationFrame(() => (this.drawn = whole)));
      return true;
    } catch (cause) {
      if (!mine()) return false;
      this.error = cause instanceof ColumnsError ? new ApiError('offline', cause.message) : asApiError(cause);
      this.state = this.error.failure === 'cancelled' || this.error.code === 'canceled' ? 'cancelled' : 'failed';
      if (this.state === 'cancelled') this.complete = this.table !== undefined;
      this.elapsed = performance.now() - began;
      return false;
    } finally {
      clearInterval(clock);
      this.late = false;
      if (mine()) this.abort = undefined;
    }
  }

  private async read(response: Response, began: number, signal: AbortSignal): Promise<void> {
    const reader = new ColumnsReader();
    const body = response.body?.getReader();
    if (!body) throw new ApiError('offline', 'the server sent nothing');
    let frame = 0;
    const show = (): void => {
      frame = 0;
      if (signal.aborted || !reader.table) return;
      if (this.table !== reader.table) {
        this.table = reader.table;
        this.truncated = false;
      }
      if (!this.first && reader.table.rows) this.first = performance.now() - began;
      this.rows = reader.table.rows;
      this.bytes = reader.bytes;
      const { ending } = reader;
      this.complete = ending !== undefined;
      if (!ending) return;
      this.truncated = ending.truncated;
      this.elapsed = this.kept ? performance.now() - began : ending.elapsedMs;
    };
    try {
      // Not until the connection says that it is over: what is whole is drawn at once, all in one frame.
      while (!reader.done) {
        const { value, done } = await body.read();
        if (done) break;
        reader.push(value);
        // The first rows at once, then with the screen.
        if (reader.table && (this.table !== reader.table || (!this.rows && reader.table.rows))) show();
        else frame ||= requestAnimationFrame(show);
      }
      reader.close();
      void body.read().catch(() => undefined);
    } catch (cause) {
      if (!signal.aborted) await body.cancel().catch(() => undefined);
      throw cause;
    } finally {
      cancelAnimationFrame(frame);
      show();
    }
    this.complete = true;
    if (reader.fault) throw new ApiError('refused', reader.fault.message, 200, reader.fault.code, reader.fault.position);
  }

  /** Hangs up, which ends it at the server; and says so, for proxies that keep the line open. */
  cancel(): void {
    const { id } = this;
    this.abort?.abort();
    if (id) void call('delete', '/api/query/{id}', { path: { id } }).catch(() => undefined);
  }
}

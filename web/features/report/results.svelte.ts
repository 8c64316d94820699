// The results of a report's queries: each query runs once for all tiles that show it, old results stay
// while new ones come, and leaving cancels.
import { SvelteMap } from 'svelte/reactivity';
import { type ApiError, asApiError, call } from '../../api/client';
import type { Values } from '../../core/report';
import { type Column, type Table, tableOf, type Value } from '../../core/table';

export interface Result {
  table: Table | undefined;
  error: ApiError | undefined;
  busy: boolean;
  truncated: boolean;
  at: Date | undefined;
}

/** Rows that a tile can show; more are said to be cut. */
const ROWS = 20_000;
/** Queries of one page that run at the same time: others share the server, too. */
const AT_ONCE = 4;

function asTable(columns: readonly { name: string; type: Column['type']; engine_type: string }[], rows: unknown[][]): Table {
  return tableOf(
    columns.map((c) => ({ name: c.name, type: c.type, engineType: c.engine_type })),
    rows.map((row) => row.map((v): Value => (v !== null && typeof v === 'object' ? JSON.stringify(v) : (v as Value)))),
  );
}

export class Results {
  readonly of = new SvelteMap<string, Result>();
  private abort = new AbortController();
  private waiting: (() => Promise<void>)[] = [];
  private running = 0;

  /** Asks all queries anew with these values; answers of the last time are dropped. */
  ask(report: string, queries: readonly string[], values: Values): void {
    this.stop();
    this.abort = new AbortController();
    const { signal } = this.abort;
    for (const query of queries) {
      const old = this.of.get(query);
      this.of.set(query, { table: old?.table, error: undefined, busy: true, truncated: old?.truncated ?? false, at: old?.at });
      this.waiting.push(() => this.run(report, query, values, signal));
    }
    this.next();
  }

  stop(): void {
    this.abort.abort();
    this.waiting = [];
  }

  private next(): void {
    while (this.running < AT_ONCE) {
      const job = this.waiting.shift();
      if (!job) return;
      this.running++;
      void job().finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  private async run(report: string, query: string, values: Values, signal: AbortSignal): Promise<void> {
    try {
      const answer = await call('post', '/api/query', { body: { report, query, values, limits: { rows: ROWS } }, signal });
      if (signal.aborted) return;
      this.of.set(query, { table: asTable(answer.columns, answer.rows), error: undefined, busy: false, truncated: answer.truncated, at: new Date() });
    } catch (cause) {
      if (signal.aborted) return;
      this.of.set(query, { table: undefined, error: asApiError(cause), busy: false, truncated: false, at: undefined });
    }
  }
}

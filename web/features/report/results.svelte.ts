// The results of a report's queries: each query runs once for all tiles that show it, old results stay
// while new ones come, and leaving cancels.
import { SvelteMap } from 'svelte/reactivity';
import { ApiError, type BodyOf, asApiError, call } from '../../api/client';
import { readPage } from '../../api/page';
import type { Values } from '../../core/report';
import { type Column, type Table, tableOf, type Value } from '../../core/table';

export interface Result {
  table: Table | undefined;
  error: ApiError | undefined;
  busy: boolean;
  truncated: boolean;
  at: Date | undefined;
}

/** What is asked: a query of the report by its name, or SQL. */
export type Question = Omit<NonNullable<BodyOf<'/api/query', 'post'>>, 'limits' | 'format'>;

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

  /** Asks all queries anew; answers of the last time are dropped. `body` says what to ask for each. */
  ask(queries: readonly string[], body: (query: string) => Question): void {
    this.stop();
    this.abort = new AbortController();
    for (const query of queries) this.again(query, body(query));
  }

  /** Asks queries of the report as they are saved: one request, and each answer as soon as it is there, in this order
   * of need. */
  page(report: string, queries: readonly string[], values: Values): void {
    this.stop();
    const { signal } = (this.abort = new AbortController());
    if (!queries.length) return;
    const left = new Set(queries);
    const settle = (query: string | undefined, part: Partial<Result>): void => {
      if (query === undefined || signal.aborted) return;
      left.delete(query);
      this.of.set(query, { table: undefined, error: undefined, busy: false, truncated: false, at: undefined, ...part });
    };
    for (const query of queries) this.wait(query);
    readPage({ report, queries: [...queries], values }, signal, (part) => {
      if (part.kind === 'result') settle(queries[part.index], { table: part.table, truncated: part.truncated, at: part.head.life === 'tables' ? new Date() : new Date(part.head.computedAt) });
      else if (part.kind === 'fault') settle(queries[part.index], { error: new ApiError('refused', part.fault.message, 200, part.fault.code) });
    }).catch((cause: unknown) => {
      for (const query of [...left]) settle(query, { error: asApiError(cause) });
    });
  }

  /** Asks one, beside the others. */
  again(query: string, body: Question): void {
    const { signal } = this.abort;
    this.wait(query);
    this.waiting.push(() => this.run(query, body, signal));
    this.next();
  }

  stop(): void {
    this.abort.abort();
    this.waiting = [];
  }

  /** Until its answer is there the old one stays. */
  private wait(query: string): void {
    const old = this.of.get(query);
    this.of.set(query, { table: old?.table, error: undefined, busy: true, truncated: old?.truncated ?? false, at: old?.at });
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

  private async run(query: string, body: Question, signal: AbortSignal): Promise<void> {
    try {
      const answer = await call('post', '/api/query', { body: { ...body, limits: { rows: ROWS } }, signal });
      if (signal.aborted) return;
      this.of.set(query, { table: asTable(answer.columns, answer.rows), error: undefined, busy: false, truncated: answer.truncated, at: new Date() });
    } catch (cause) {
      if (signal.aborted) return;
      this.of.set(query, { table: undefined, error: asApiError(cause), busy: false, truncated: false, at: undefined });
    }
  }
}

// The answers of a dashboard's queries: one request for the page, answers as they become ready, old
// ones in place until then. What a table's change touches is asked again, at most once a second.
import { SvelteMap } from 'svelte/reactivity';
import { asApiError } from '../../api/client';
import { readPage } from '../../api/page';
import { waitBefore } from '../../core/again';
import type { PageHead } from '../../core/page';
import type { Values } from '../../core/report';
import type { Table } from '../../core/table';

/** One answer that is wanted: a query with values, for one or many tiles. */
export interface Want {
  key: string;
  query: string;
  values: Values;
}

export interface Answer {
  table: Table | undefined;
  /** In words, when the latest try failed. */
  error: string;
  /** Asked because the reader changed something; the old picture is not what was asked for. */
  busy: boolean;
  head: PageHead | undefined;
  truncated: boolean;
  /** What it read has changed since. */
  stale: boolean;
}

const NOTHING: Answer = { table: undefined, error: '', busy: false, head: undefined, truncated: false, stale: false };
const LEAST_MS = 1000;
const JITTER_MS = 250;
const SLOW_MS = 1500;
/** Of one tile: it may be computed a moment later. */
const PASSING = new Set(['busy', 'broken']);

export class Page {
  readonly of = new SvelteMap<string, Answer>();
  /** How long the whole page took the last time it was asked for, in ms. */
  took = $state(0);
  /** Twice in a row it took long: one time may be a cold cache. */
  slow = $state(false);
  busy = $state(false);
  private wants = new Map<string, Want>();
  private seen = new Set<string>();
  private flying = new Set<string>();
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private expiry: ReturnType<typeof setTimeout> | undefined;
  private last = 0;
  /** So often in a row the server could not answer, and is left alone until then. */
  private tries = 0;
  private rest = 0;

  constructor(private readonly report: string, private readonly version: () => string | undefined) {}

  /** Asks for all of these, in this order, and for nothing else any more. */
  ask(wants: readonly Want[]): void {
    this.stop();
    this.abort = new AbortController();
    this.wants = new Map(wants.map((want) => [want.key, want]));
    for (const { key, query } of wants) this.of.set(key, { ...(this.of.get(key) ?? this.of.get(query) ?? NOTHING), busy: true, stale: false });
    if (!wants.length) return;
    const began = performance.now();
    this.busy = true;
    this.last = began;
    const { signal } = this.abort;
    void this.fetch(wants, signal).then(() => {
      if (signal.aborted) return;
      this.busy = false;
      const took = performance.now() - began;
      this.slow = Math.min(took, this.took) > SLOW_MS;
      this.took = took;
    });
  }

  /** The tables of a change: what read one of them is asked again. */
  changed(tables: readonly string[] | 'all'): void {
    let any = false;
    for (const [key, answer] of this.of) {
      // What is made anew each time does not say what it reads.
      const unknown = answer.head === undefined || (answer.head.life === 'none' && !answer.head.reads.length);
      const hit = tables === 'all' || unknown || tables.includes('*') || answer.head?.reads.some((one) => tables.includes(one)) === true;
      if (!hit || answer.stale) continue;
      this.of.set(key, { ...answer, stale: true });
      any = true;
    }
    if (any) this.soon();
  }

  /** The answers that are seen now: only they follow what changes. */
  look(keys: ReadonlySet<string>): void {
    this.seen = new Set(keys);
    if ([...keys].some((key) => this.of.get(key)?.stale)) this.soon();
  }

  stop(): void {
    this.abort.abort();
    clearTimeout(this.timer);
    clearTimeout(this.expiry);
    this.timer = this.expiry = undefined;
    this.flying.clear();
    this.busy = false;
  }

  private soon(): void {
    if (this.timer !== undefined) return;
    const wait = Math.max(0, Math.max(this.last + LEAST_MS, this.rest) - performance.now()) + Math.random() * JITTER_MS;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (!document.hidden) this.refresh();
    }, wait);
  }

  private refresh(): void {
    const wants = [...this.wants.values()].filter(({ key }) => this.seen.has(key) && this.of.get(key)?.stale === true && !this.flying.has(key));
    if (!wants.length) return;
    this.last = performance.now();
    for (const { key } of wants) {
      const answer = this.of.get(key);
      if (answer) this.of.set(key, { ...answer, stale: false });
    }
    void this.fetch(wants, this.abort.signal);
  }

  /** What the server could not answer just now is asked again, ever less often: nothing else would tell that the picture is old. */
  private later(retryAfter?: number): void {
    this.tries++;
    this.rest = performance.now() + (waitBefore({ status: 503, retryAfter }, this.tries, Math.random()) ?? 0);
  }

  /** Answers that hold for some seconds only are asked again when these are over. */
  private watchExpiry(): void {
    clearTimeout(this.expiry);
    const times = [...this.of.values()].flatMap(({ head }) => (head?.life === 'seconds' && head.expiresAt ? Date.parse(head.expiresAt) : []));
    if (!times.length) return;
    this.expiry = setTimeout(() => {
      const now = Date.now();
      for (const [key, answer] of this.of) {
        if (answer.head?.life === 'seconds' && Date.parse(answer.head.expiresAt) <= now) this.of.set(key, { ...answer, stale: true });
      }
      this.soon();
      this.watchExpiry();
    }, Math.min(3_600_000, Math.max(2000, Math.min(...times) - Date.now())));
  }

  private async fetch(wants: readonly Want[], signal: AbortSignal): Promise<void> {
    const groups = new Map<string, Want[]>();
    for (const want of wants) {
      const values = JSON.stringify(want.values);
      const group = groups.get(values);
      if (group) group.push(want);
      else groups.set(values, [want]);
    }
    for (const { key } of wants) this.flying.add(key);
    await Promise.all([...groups.values()].map((group) => this.request(group, signal)));
    if (signal.aborted) return;
    this.watchExpiry();
    if ([...this.seen].some((key) => this.of.get(key)?.stale)) this.soon();
  }

  private async request(wants: readonly Want[], signal: AbortSignal): Promise<void> {
    const left = new Set(wants.map(({ key }) => key));
    let passing = false;
    const settle = (want: Want | undefined, answer: Partial<Answer>): void => {
      if (!want || signal.aborted) return;
      left.delete(want.key);
      this.flying.delete(want.key);
      this.of.set(want.key, { ...(this.of.get(want.key) ?? NOTHING), busy: false, error: '', ...answer });
    };
    try {
      const known = Object.fromEntries(wants.flatMap(({ key, query }) => {
        const answer = this.of.get(key);
        return answer?.table && answer.head?.etag ? [[query, answer.head.etag]] : [];
      }));
      const version = this.version();
      const body = { report: this.report, ...(version ? { version } : {}), values: wants[0]?.values ?? {}, queries: wants.map(({ query }) => query), known };
      await readPage(body, signal, (part) => {
        if (part.kind === 'done') return;
        const want = wants[part.index];
        if (part.kind === 'result') settle(want, { table: part.table, head: part.head, truncated: part.truncated });
        else if (part.kind === 'same') settle(want, { head: part.head });
        else if (PASSING.has(part.fault.code)) settle(want, { error: part.fault.message, stale: (passing = true) });
        else settle(want, { table: undefined, head: part.head, error: part.fault.message });
      });
      if (signal.aborted) return;
      if (passing) this.later();
      else this.tries = 0;
    } catch (cause) {
      if (signal.aborted) return;
      const { message, status, retryAfter } = asApiError(cause);
      const again = [0, 429, 502, 503].includes(status);
      if (again) this.later(retryAfter);
      for (const key of [...left]) settle(this.wants.get(key), { error: message, stale: again });
    }
  }
}

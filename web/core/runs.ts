// What GET /api/history tells: runs of a person, newest first, read with care.
import { isData, textOf } from './data';
import { readDesk } from './desk';
import type { Values } from './report';

export interface PastRun {
  id: number;
  at: Date;
  /** undefined: a report's query, which `report` and `query` name. */
  sql: string | undefined;
  values: Values;
  report: string;
  query: string;
  /** undefined: it failed. */
  rows: number | undefined;
  truncated: boolean;
  elapsed: number;
  /** '' when it went well. */
  error: string;
}


export function readRuns(answer: unknown): { runs: PastRun[]; more: boolean } {
  if (!isData(answer) || !Array.isArray(answer['runs'])) return { runs: [], more: false };
  const runs = answer['runs'].flatMap((one: unknown): PastRun[] => {
    if (!isData(one) || typeof one['id'] !== 'number') return [];
    const { id, sql, rows, elapsed_ms: elapsed } = one;
    const [tab] = readDesk({ tabs: [{ sql: '', values: one['values'] }] }).tabs;
    return [{
      id, at: new Date(textOf(one['at'])), sql: typeof sql === 'string' ? sql : undefined, values: tab?.values ?? {}, report: textOf(one['report']), query: textOf(one['query']),
      rows: typeof rows === 'number' ? rows : undefined, truncated: one['truncated'] === true, elapsed: typeof elapsed === 'number' ? elapsed : 0, error: textOf(one['error']),
    }];
  });
  return { runs, more: answer['more'] === true };
}

/** The latest run of each statement, as a line to choose from. */
export function recent(runs: readonly PastRun[], most: number): { sql: string; line: string; at: Date }[] {
  const seen = new Map<string, { sql: string; line: string; at: Date }>();
  for (const { sql, at, error } of runs) {
    if (sql === undefined || error || seen.has(sql)) continue;
    seen.set(sql, { sql, line: sql.replace(/\s+/g, ' ').trim().slice(0, 160), at });
    if (seen.size === most) break;
  }
  return [...seen.values()];
}

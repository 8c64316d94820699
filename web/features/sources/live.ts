// What GET /api/changes tells of sources.
import type { Change } from '../../app/changes.svelte';
import type { Run, Source } from '../../core/source';

export interface News {
  /** "*" stands for every one. */
  source: string;
  /** Undefined: something else is other than it was. */
  run: Run | undefined;
}

/** Undefined: it is about something else. */
export function heard(change: Change): News | undefined {
  if (change.kind === 'again') return { source: '*', run: undefined };
  return change.kind === 'source' ? { source: change.id, run: (change.run ?? undefined) as Run | undefined } : undefined;
}

/** A comparison that has ended says nothing of how the source stands: its latest load does. */
export function withRun(source: Source, run: Run): Source {
  const load = source.latest?.verify ? (source.load ?? null) : source.latest;
  const running = run.state === 'running';
  return { ...source, latest: run.verify && !running ? load : run, load, run: running ? run.run : null };
}

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

export const withRun = (source: Source, run: Run): Source => ({ ...source, latest: run, run: run.state === 'running' ? run.run : null });

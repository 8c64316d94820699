// As of when the rows of a tile are, and why no new ones come: said in a few words, and in full where there is room.
import type { PageHead } from './page';
import { moment } from './words';

export interface Age {
  at: Date;
  /** "as of", or "computed": when its rows came is not known, or not for the reader to know. */
  word: string;
}

/** What is made of the clock, or of no table, is as of when it was computed. */
export function ageOf(head: PageHead | undefined): Age | undefined {
  const at = head?.freshAt || head?.computedAt;
  return at ? { at: new Date(at), word: head.freshAt || head.life !== 'tables' ? 'as of' : 'computed' } : undefined;
}

export interface Ill {
  since: Date;
  /** Somebody wanted it so, or it is over with; else something fails. */
  meant: boolean;
  /** "its source fails"; since when is said behind it. */
  brief: string;
  /** Sentences. */
  full: string;
  /** Who runs sources may see to it. */
  ofSource: boolean;
}

/** The worst first. `able`: may see the sources. */
export function illsOf(head: PageHead | undefined, able: boolean): Ill[] {
  const ills: Ill[] = [];
  const add = (at: string | undefined, meant: boolean, brief: string, what: (since: string) => string, todo: string, ofSource = true): void => {
    if (!at) return;
    const since = new Date(at);
    ills.push({ since, meant, brief, full: `${what(moment(since))}${able && todo ? ` ${todo}` : ''}`, ofSource });
  };
  add(head?.removedSince, true, 'its source is removed', (since) => `A source of it is removed since ${since}: its rows are from before, and no new ones come.`, 'Add the source again, or take its tables out of the query.');
  add(head?.failingSince, false, 'its source fails', (since) => `A source of it fails since ${since}: its rows are from before.`, 'The page Sources says why.');
  add(head?.brokenSince, false, 'its source rests', (since) => `The file of a source of it has a mistake since ${since}: its rows are from before, and no new ones come until it is mended.`, 'The page Sources says where.');
  add(head?.viewFailingSince, false, 'its view fails', (since) => `A materialized view that it reads cannot be computed since ${since}: its rows are from before.`, '', false);
  add(head?.goneSince, true, 'its table is gone at the source', (since) => `A table that it reads is gone at its source, or not shown to weir any more, since ${since}: its rows are from before. It is loaded again once it is there again.`, 'If it never will be, take it out of the query.');
  add(head?.pausedSince, true, 'its source is paused', (since) => `A source of it is paused since ${since}: its rows are from before, and no new ones come until it is resumed.`, 'The page of the source resumes it.');
  return ills;
}

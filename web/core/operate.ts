// Words and sums for whoever runs weir.
import { duration, integer } from './words';

interface Somebody {
  id?: string | null;
  email: string | null;
  name: string | null;
}

/** Her name, or what is known. */
export function sayPerson(person: Somebody | null): string {
  if (!person) return 'nobody';
  return person.name ?? person.email ?? 'somebody who is gone';
}

/** A time of the engine: '3 ms', '1.2 s', '4 min'. */
export function took(ms: number): string {
  if (ms < 1) return ms > 0 ? '< 1 ms' : '0 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return duration(ms / 1000);
}

/** 3 of 4: '75 %'; nothing of nothing is nothing. */
export function share(part: number, all: number): string {
  return all ? `${integer(Math.round((part / all) * 100))} %` : '';
}

/** How fast a counter grows, over the last half minute. */
export class Rate {
  private readonly seen: { count: number; at: number }[] = [];

  constructor(private readonly span = 30_000) {}

  /** A second; null until two values are known. A counter that went back begins anew. */
  add(count: number, at: number): number | null {
    const last = this.seen.at(-1);
    if (last && count < last.count) this.seen.length = 0;
    this.seen.push({ count, at });
    while (this.seen.length > 2 && at - (this.seen[1]?.at ?? at) >= this.span) this.seen.shift();
    const first = this.seen[0];
    return first && at > first.at ? ((count - first.count) * 1000) / (at - first.at) : null;
  }
}

export interface Told {
  id: string;
  source: string | null;
  type: string | null;
  name: string | null;
  message_id: string | null;
  user_id: string | null;
  anonymous_id: string | null;
  fate: Fate;
  reason: string | null;
  json: string;
  discards: readonly { table: string | null; column: string | null; reason: string; value: string | null }[];
}
export type Fate = 'waiting' | 'loaded' | 'duplicate' | 'set_aside' | 'refused' | 'quarantined';

/** What became of an event, in a word. */
export function sayFate(event: Pick<Told, 'fate' | 'discards'>): { text: string; tone: 'plain' | 'good' | 'warn' | 'bad' } {
  switch (event.fate) {
    case 'loaded':
      return event.discards.length ? { text: 'loaded in part', tone: 'warn' } : { text: 'loaded', tone: 'good' };
    case 'duplicate':
      return { text: 'duplicate', tone: 'plain' };
    case 'waiting':
      return { text: 'waits', tone: 'plain' };
    case 'set_aside':
      return { text: 'set aside', tone: 'bad' };
    case 'refused':
      return { text: 'refused', tone: 'bad' };
    case 'quarantined':
      return { text: 'unknown key', tone: 'bad' };
  }
}

/** Why, in a sentence; '' when there is nothing to say. */
export function sayWhy(event: Pick<Told, 'fate' | 'reason'>): string {
  const reason = event.reason ? ` (${event.reason})` : '';
  switch (event.fate) {
    case 'loaded':
      return '';
    case 'duplicate':
      return 'An event of this source with the same messageId was loaded before, so this one is not counted again.';
    case 'waiting':
      return 'It is safe on disk; loading has not come to it yet.';
    case 'set_aside':
      return `It is no event that can be loaded${reason}; it is kept in weir.discards.`;
    case 'refused':
      return `Its request was answered with an error${reason}; the body is kept in weir.discards.`;
    case 'quarantined':
      return 'Its write key belongs to no source. Give the key a source, and it can be released: weir quarantine list.';
  }
}

/** Does it have this text in what is shown of it? */
export function fits(event: Told, filter: { type: string; text: string; trouble: boolean }): boolean {
  if (filter.type && event.type !== filter.type) return false;
  if (filter.trouble && event.fate === 'loaded' && !event.discards.length) return false;
  const text = filter.text.trim().toLowerCase();
  return !text || [event.name, event.message_id, event.user_id, event.anonymous_id, event.reason, event.json].some((part) => part?.toLowerCase().includes(text));
}

/** The newest first, none twice, at most so many. What is told again is told better. */
export function merge<E extends { id: string }>(have: readonly E[], came: readonly E[], most: number): E[] {
  const fresh = new Map(came.map((event) => [event.id, event]));
  const known = have.map((event) => {
    const better = fresh.get(event.id);
    fresh.delete(event.id);
    return better ?? event;
  });
  return [...[...fresh.values()].reverse(), ...known].slice(0, most);
}

/** JSON for reading; text that is none, or was cut, as it is. */
export function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

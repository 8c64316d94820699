// Sources that weir reads from: how they stand, in words.
import { dataOf, textOf } from './data';
import { ago, bytes, duration, integer, list, plural, short } from './words';

export interface StreamProgress {
  stream: string;
  state: 'looking' | 'reading' | 'writing' | 'loaded' | 'unchanged' | 'failed' | 'mismatch';
  rows: number;
  bytes: number;
  bytes_total: number | null;
  seconds_left: number | null;
  error: string | null;
}
export interface Run {
  run: string;
  source: string;
  stream: string | null;
  full: boolean;
  /** It compares tables with their source. */
  verify: boolean;
  state: 'running' | 'done';
  status: 'loaded' | 'unchanged' | 'failed' | 'mismatch' | 'stopped' | null;
  error: string | null;
  started_at: string;
  ended_at: string | null;
  rows: number;
  bytes: number;
  rate: number | null;
  streams: readonly StreamProgress[];
}
/** What the latest comparison of a table with its source found. */
export interface Verified {
  status: 'equal' | 'differs' | 'repaired' | 'failed';
  at: string;
  rows: number;
  missing: number;
  extra: number;
  different: number;
  set_aside: number;
  error: string | null;
}
/** The stream that is told when a source failed before any of its own was looked at. */
export const WHOLE = '*';
export interface Standing {
  stream: string;
  schema: string;
  table: string;
  mode: string;
  status: 'loaded' | 'gone' | 'failed' | 'mismatch';
  run: string;
  error: string | null;
  verified: Verified | null;
  /** Of its table, counted. */
  rows: number | null;
  rows_written: number;
  rows_discarded: number;
  ended_at: string | null;
  good_at: string | null;
  failing_since: string | null;
}
export interface Source {
  name: string;
  kind: string | null;
  schema: string | null;
  schedule: string | null;
  /** Its tables can be compared with it. */
  verifies: boolean;
  paused: boolean;
  /** Changes are followed. */
  follows: boolean;
  kept: string | null;
  run: string | null;
  error: string | null;
  next_at: string | null;
  /** Beginning of the latest run of all of it, when that went well. */
  as_of: string | null;
  latest: Run | null;
  /** The latest load, while `latest` compares. The page remembers it; the server tells a comparison only while it runs. */
  load?: Run | null;
  streams: readonly Standing[] | null;
}

// --- words --------------------------------------------------------------------------------------

const units: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day' };
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** "0 6 * * 1 Europe/Berlin" -> "every Monday at 06:00 (Europe/Berlin)"; what has no short words stays as it is. */
export function sayCron(text: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = '', ...zone] = text.trim().split(/\s+/);
  const where = zone.length ? ` (${zone.join(' ')})` : '';
  const number = (word: string): boolean => /^\d{1,2}$/.test(word);
  const two = (word: string): string => word.padStart(2, '0');
  if (month !== '*') return `by cron: ${text.trim()}`;
  if (day === '*' && weekday === '*') {
    const step = /^\*\/(\d+)$/.exec(minute)?.[1];
    if (step && hour === '*') return `every ${plural(Number(step), 'minute')}${where}`;
    if (number(minute) && hour === '*') return `every hour at ${minute === '0' ? 'the full hour' : `${Number(minute)} past`}${where}`;
    if (number(minute) && number(hour)) return `every day at ${two(hour)}:${two(minute)}${where}`;
  }
  if (day === '*' && number(minute) && number(hour)) {
    if (weekday === '1-5') return `on weekdays at ${two(hour)}:${two(minute)}${where}`;
    const names = weekday.split(',').map((one) => (/^[0-7]$/.test(one) ? days[Number(one)] : undefined));
    if (names.every((name) => name !== undefined)) return `every ${list(names)} at ${two(hour)}:${two(minute)}${where}`;
  }
  if (number(day) && weekday === '*' && number(minute) && number(hour)) return `on day ${Number(day)} of each month at ${two(hour)}:${two(minute)}${where}`;
  return `by cron: ${text.trim()}`;
}

/** What a file says of its schedule, as a person would. */
export function saySchedule(text: string | null): string {
  if (!text || text === 'manual') return 'only when somebody asks for it';
  const [word = '', ...rest] = text.trim().split(/\s+/);
  const what = rest.join(' ');
  const every = /^(\d+)(s|m|h|d)$/.exec(what);
  if (word === 'every' && every) {
    const unit = units[every[2] ?? ''] ?? '';
    return every[1] === '1' ? `every ${unit}` : `every ${every[1]} ${unit}s`;
  }
  if (word === 'after') return `whenever ${what} has run well`;
  if (word === 'cron') return sayCron(what);
  return text;
}

export type StateKind = 'broken' | 'running' | 'paused' | 'differs' | 'mismatch' | 'failed' | 'stopped' | 'well' | 'new' | 'unknown' | 'events';
export interface State {
  kind: StateKind;
  tone: 'plain' | 'good' | 'warn' | 'bad' | 'accent';
  text: string;
  /** What went wrong, in the words of whoever says it. */
  why: string;
}

/** How a source stands; what needs somebody comes first. */
export function stateOf(source: Source, now: Date = new Date()): State {
  const { streams } = source;
  // What a comparison found is told of each stream; it says nothing of the latest load.
  const latest = source.latest?.verify ? null : source.latest;
  if (source.kind === 'tracking' && source.error) return { kind: 'broken', tone: 'bad', text: 'another source has its key', why: source.error };
  if (source.kind === 'tracking') return { kind: 'events', tone: 'good', text: 'takes events', why: '' };
  if (source.error) return { kind: 'broken', tone: 'bad', text: 'its file has a mistake', why: source.error };
  if (source.run) return { kind: 'running', tone: 'accent', text: 'running', why: '' };
  const differs = (streams ?? []).find(({ verified }) => verified?.status === 'differs')?.verified;
  // What its words say to do at a shell, the page does by a button.
  if (differs) return { kind: 'differs', tone: 'bad', text: 'a table is not what the source has', why: (differs.error ?? '').replace(/; `weir verify [^`]*`[^;]*$/, '.') };
  const since = (at: string | null | undefined): string => (at ? ` since ${ago(new Date(at), now).replace(/ ago$/, '')}` : '');
  const bad = (streams ?? []).filter((one) => one.status !== 'loaded' && one.status !== 'gone');
  const recovered = latest !== null && (latest.status === 'loaded' || latest.status === 'unchanged') && latest.stream === null;
  if (!recovered) {
    const mismatch = bad.find((one) => one.status === 'mismatch');
    if (mismatch || latest?.status === 'mismatch') return { kind: 'mismatch', tone: 'bad', text: 'what came is not what the source has', why: mismatch?.error ?? latest?.error ?? '' };
    const first = bad.map((one) => one.failing_since).filter((at) => at !== null).sort()[0];
    if (latest?.status === 'failed') return { kind: 'failed', tone: 'bad', text: `failed${since(first ?? latest.ended_at)}`, why: latest.error ?? bad[0]?.error ?? '' };
    if (!latest && bad.length) return { kind: 'failed', tone: 'bad', text: `failed${since(first)}`, why: bad[0]?.error ?? '' };
  }
  if (source.paused) return { kind: 'paused', tone: 'warn', text: 'paused', why: '' };
  if (latest?.status === 'stopped') return { kind: 'stopped', tone: 'warn', text: 'was stopped', why: '' };
  if (streams === null) return { kind: 'unknown', tone: 'plain', text: 'not shown to you', why: '' };
  if (!streams.length && !source.latest) return { kind: 'new', tone: 'plain', text: 'never ran', why: '' };
  const gone = streams.filter(({ status }) => status === 'gone').length;
  if (gone) return { kind: 'well', tone: 'warn', text: `${plural(gone, 'table')} gone, else up to date`, why: '' };
  return { kind: 'well', tone: 'good', text: 'up to date', why: '' };
}

/** "differs: 1 missing, 2 extra, 0 different of 500 rows". */
export function sayVerified(one: Verified): string {
  const aside = one.set_aside ? `; ${plural(one.set_aside, 'row')} of the source set aside` : '';
  if (one.status === 'equal') return `compared row by row${aside}`;
  if (one.status === 'failed') return `could not be compared: ${one.error ?? ''}`;
  const counts = `${one.missing} missing, ${one.extra} extra, ${one.different} different of ${plural(one.rows, 'row')}`;
  return (one.status === 'repaired' ? `loaded again: ${counts}` : `differs: ${counts}`) + aside;
}

/** As of when its rows are: the oldest of its streams, or the latest run that found nothing new. */
export function asOf(source: Source): Date | undefined {
  const { latest } = source;
  if (latest?.state === 'done' && !latest.verify && (latest.status === 'unchanged' || latest.status === 'loaded') && latest.stream === null) return new Date(latest.started_at);
  const times = (source.streams ?? []).filter((one) => one.status !== 'gone').map((one) => one.good_at).filter((at) => at !== null);
  const known = [times.sort()[0], source.as_of].filter((at) => at !== undefined && at !== null).sort().at(-1);
  return known ? new Date(known) : undefined;
}

/** Of a source that is followed: "at most 7 s behind". */
export function sayBehind(source: Source, now: Date = new Date()): string {
  const at = source.follows ? asOf(source) : undefined;
  return at ? `at most ${duration(Math.max(1, Math.round((now.getTime() - at.getTime()) / 1000)))} behind` : '';
}

/** What it costs that a source which is followed rests, or what becomes of it; '' where nothing does. */
export function costOfRest(source: Source): string {
  const rests = source.paused || !source.schedule || source.schedule === 'manual';
  if (!rests || !(source.kept || source.follows)) return '';
  const when = source.paused ? `While ${source.name} is paused` : `Until somebody runs ${source.name}`;
  if (source.kept) return `${when}, ${source.kept}.`;
  return `${when}, the server keeps its log of changes as long as its own settings say (binlog_expire_logs_seconds), not for weir. When what was not read yet is purged, runs fail until everything is read anew.`;
}

/** When it ran last. A run that found nothing new is not remembered over a start, but when it was. */
export function ranAt(source: Source): Date | undefined {
  if (source.latest) return new Date(source.latest.started_at);
  const times = [...(source.streams ?? []).map((one) => one.ended_at), source.as_of].filter((at) => at !== null);
  const newest = times.sort().at(-1);
  return newest ? new Date(newest) : undefined;
}

/** When it runs by itself. `others`: one of them may be what it waits for, in vain perhaps. */
export function sayRhythm(source: Source, others: readonly Source[] = [], now: Date = new Date()): string {
  if (source.kind === 'tracking') return 'as events come';
  if (source.error) return 'not before its file is mended';
  const before = others.find(({ name }) => name === awaited(source));
  const kind = before && stateOf(before, now).kind;
  const why = before?.paused ? ', which is paused' : kind === 'broken' ? ', whose file has a mistake' : kind === 'failed' || kind === 'mismatch' ? ', which fails' : '';
  return saySchedule(source.schedule) + why;
}
/** The source after which it runs, or nothing. */
export const awaited = (source: Pick<Source, 'schedule'>): string => /^after\s+(\S+)$/.exec(source.schedule?.trim() ?? '')?.[1] ?? '';

const troubles: readonly StateKind[] = ['broken', 'failed', 'mismatch', 'differs'];
/** Somebody has to do something. */
export const needsLook = (source: Source, now: Date = new Date()): boolean => troubles.includes(stateOf(source, now).kind);

/** Those of many that are looked for: by name, kind or how they stand. */
export function findSources(sources: readonly Source[], { text, look, title, now }: { text: string; look: boolean; title: (kind: string | null) => string; now: Date }): Source[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return sources.filter((one) => {
    const said = `${one.name} ${title(one.kind)} ${one.schema ?? ''} ${stateOf(one, now).text}`.toLowerCase();
    return (!look || needsLook(one, now)) && words.every((word) => said.includes(word));
  });
}

/** "in 4 min", "now", or nothing when it does not run by itself. */
export function sayNext(source: Source, now: Date = new Date()): string {
  if (source.run) return 'now';
  if (source.paused) return 'paused';
  if (!source.next_at) return '';
  const at = new Date(source.next_at);
  return at.getTime() < now.getTime() + 5000 ? 'now' : ago(at, now); // what is nearer would be "just now"
}

const statuses: Record<NonNullable<Run['status']> | 'gone', { text: string; tone: State['tone'] }> = {
  loaded: { text: 'loaded', tone: 'good' },
  unchanged: { text: 'nothing new', tone: 'plain' },
  failed: { text: 'failed', tone: 'bad' },
  mismatch: { text: 'not equal to the source', tone: 'bad' },
  stopped: { text: 'stopped', tone: 'warn' },
  gone: { text: 'gone at the source', tone: 'warn' },
};
const compared: Partial<Record<keyof typeof statuses, string>> = { loaded: 'loaded again', unchanged: 'equal', failed: 'not compared', mismatch: 'differs' };
export function sayStatus(status: Run['status'] | 'gone', verify = false): { text: string; tone: State['tone'] } {
  if (!status) return { text: verify ? 'compares' : 'running', tone: 'accent' };
  if (!verify) return statuses[status];
  return { text: compared[status] ?? statuses[status].text, tone: status === 'unchanged' ? 'good' : statuses[status].tone };
}

/** How far a stream is: what is said of it, from 0 to 1 when that is known, and what is left. */
export function sayStream(one: StreamProgress): { text: string; value: number | null; done: boolean; tone: State['tone'] } {
  const rows = one.rows ? plural(one.rows, 'row') : '';
  if (one.state === 'looking') return { text: 'looks what there is', value: null, done: false, tone: 'accent' };
  if (one.state === 'reading') {
    const share = one.bytes_total ? Math.min(0.99, one.bytes / one.bytes_total) : null;
    const of = one.bytes_total ? `${bytes(one.bytes)} of about ${bytes(one.bytes_total)}` : one.bytes ? bytes(one.bytes) : '';
    const left = one.seconds_left !== null ? `about ${duration(Math.max(1, one.seconds_left))} left` : '';
    return { text: [rows || 'reads', of, left].filter(Boolean).join(', '), value: share, done: false, tone: 'accent' };
  }
  if (one.state === 'writing') return { text: `${rows || 'rows'} read and proven; they come into the table`, value: 1, done: false, tone: 'accent' };
  const { text, tone } = sayStatus(one.state);
  return { text: one.state === 'loaded' ? `${rows || 'no rows'} loaded` : (one.error ?? text), value: 1, done: true, tone };
}

/** "12 k rows, 3 400 rows/s" */
export function sayRun(run: Run): string {
  if (run.state === 'done') return sayStatus(run.status, run.verify).text;
  return [run.rows ? `${short(run.rows)} rows` : run.verify ? '' : 'looks what is new', run.rate ? `${short(run.rate)} rows/s` : ''].filter(Boolean).join(', ');
}

// --- runs ---------------------------------------------------------------------------------------

export interface Load {
  run: string;
  stream: string;
  schema_name: string;
  table_name: string;
  mode: string;
  status: 'loaded' | 'gone' | 'failed' | 'mismatch';
  rows_read: number;
  rows_written: number;
  rows_discarded: number;
  rows_superseded: number;
  bytes: number;
  source_checksum: string | null;
  warehouse_checksum: string | null;
  started_at: string;
  ended_at: string | null;
  error: string | null;
  changes: readonly string[] | null;
}
export interface PastRun {
  run: string;
  status: Run['status'];
  started: Date;
  ended: Date | undefined;
  rows: number;
  discarded: number;
  error: string;
  changes: readonly string[];
  loads: readonly Load[];
  /** It compared tables with their source. */
  verify: boolean;
  /** Its log is there. */
  remembered: boolean;
}

/** Runs one after the other that found nothing new, or in which what failed before only rested, are one line: a source that runs
 * each second has hardly any others. */
export interface Folded extends PastRun {
  times: number;
  /** When the first of them began. */
  since: Date;
}
export function folded(past: readonly PastRun[]): Folded[] {
  const out: Folded[] = [];
  const rested = (one: PastRun): boolean => one.status === 'failed' && one.remembered && !one.loads.length;
  const quiet = (one: PastRun): boolean => ((one.status === 'unchanged' && !one.error) || rested(one)) && !one.verify && !one.changes.length && !one.discarded;
  for (const one of past) {
    const last = out.at(-1);
    if (last && quiet(last) && quiet(one) && last.status === one.status && last.error === one.error) {
      last.times++;
      last.since = one.started;
    } else out.push({ ...one, times: 1, since: one.started });
  }
  return out;
}

function statusOf(loads: readonly Load[]): Run['status'] {
  if (loads.some((one) => one.status === 'mismatch')) return 'mismatch';
  if (loads.some((one) => one.status === 'failed')) return 'failed';
  return loads.every((one) => one.status === 'gone') ? 'unchanged' : 'loaded';
}

/** What the server remembers, and what the ledger has of runs before; newest first. */
export function pastRuns(runs: readonly Run[], loads: readonly Load[]): PastRun[] {
  const byRun = new Map<string, Load[]>();
  for (const load of loads) byRun.set(load.run, [...(byRun.get(load.run) ?? []), load]);
  const told = new Map(runs.map((run) => [run.run, run]));
  const ids = new Set([...told.keys(), ...byRun.keys()]);
  const all = [...ids].map((id): PastRun => {
    const run = told.get(id);
    const own = byRun.get(id) ?? [];
    const sum = (of: (load: Load) => number): number => own.reduce((total, load) => total + of(load), 0);
    const starts = own.map((load) => load.started_at).sort();
    const ends = own.map((load) => load.ended_at ?? '').sort();
    const ended = run ? run.ended_at : ends.at(-1);
    return {
      run: id,
      status: run ? run.status : statusOf(own),
      started: new Date(run?.started_at ?? starts[0] ?? 0),
      ended: ended ? new Date(ended) : undefined,
      rows: run?.state === 'running' ? run.rows : sum((load) => load.rows_written),
      discarded: sum((load) => load.rows_discarded),
      error: run?.error ?? own.find((load) => load.error)?.error ?? '',
      changes: own.flatMap((load) => (load.changes ?? []).map((text) => `${load.stream}: ${text}`)),
      loads: own,
      verify: run ? run.verify : own.some((load) => load.mode === 'repair'),
      remembered: run !== undefined,
    };
  });
  return all.sort((a, b) => b.started.getTime() - a.started.getTime() || b.run.localeCompare(a.run));
}

/** Equal on both sides, with the figures behind it; undefined when nothing was compared. */
export function proof(load: Pick<Load, 'source_checksum' | 'warehouse_checksum' | 'rows_read' | 'rows_written' | 'rows_discarded' | 'rows_superseded'>): { equal: boolean; text: string } | undefined {
  if (!load.source_checksum || !load.warehouse_checksum) return undefined;
  const equal = load.source_checksum === load.warehouse_checksum;
  const parts = [
    `${integer(load.rows_read)} read = ${integer(load.rows_written)} in the table`,
    load.rows_discarded ? `${integer(load.rows_discarded)} discarded` : '',
    load.rows_superseded ? `${integer(load.rows_superseded)} replaced by later ones` : '',
  ].filter(Boolean);
  return { equal, text: `${parts.join(' + ')}; checksum of the source ${load.source_checksum}, of the warehouse ${load.warehouse_checksum}` };
}

/** Streams of these are what a program gives. */
export const isProgram = (kind: string | null): boolean => kind === 'singer' || kind === 'airbyte';

/** Streams of which a range can be read again, with the column that it is of. */
export function rangesOf(source: Pick<Source, 'kind' | 'streams' | 'follows'>, settings: Record<string, unknown>): { stream: string; cursor: string }[] {
  if (source.follows || isProgram(source.kind)) return [];
  const own = dataOf(settings['streams']);
  return (source.streams ?? []).filter(({ mode }) => mode === 'merge' || mode === 'history').map(({ stream }) => ({ stream, cursor: textOf(dataOf(own[stream])['cursor']) })).filter(({ cursor }) => cursor !== '');
}

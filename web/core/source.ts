// Sources that weir reads from: how they stand, in words, and forms made of option tables.
import { ago, bytes, duration, integer, list, plural, short } from './words';

export interface Option {
  name: string;
  type: 'boolean' | 'integer' | 'bytes' | 'duration' | 'text' | 'choice' | 'list' | 'mapping';
  help: string;
  required: boolean;
  default: string | null;
  choices: readonly string[];
  secret: boolean;
}
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
  kept: string | null;
  run: string | null;
  error: string | null;
  next_at: string | null;
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

export type StateKind = 'broken' | 'running' | 'paused' | 'mismatch' | 'failed' | 'stopped' | 'well' | 'new' | 'unknown' | 'events';
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
  if (source.kind === 'tracking') return { kind: 'events', tone: 'good', text: 'takes events', why: '' };
  if (source.error) return { kind: 'broken', tone: 'bad', text: 'its file has a mistake', why: source.error };
  if (source.run) return { kind: 'running', tone: 'accent', text: 'running', why: '' };
  const differs = (streams ?? []).find(({ verified }) => verified?.status === 'differs')?.verified;
  if (differs) return { kind: 'mismatch', tone: 'bad', text: 'a table is not what the source has', why: differs.error ?? '' };
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
  const oldest = times.sort()[0];
  return oldest ? new Date(oldest) : undefined;
}

/** When it ran last. */
export function ranAt(source: Source): Date | undefined {
  if (source.latest) return new Date(source.latest.started_at);
  const times = (source.streams ?? []).map((one) => one.ended_at).filter((at) => at !== null);
  const newest = times.sort().at(-1);
  return newest ? new Date(newest) : undefined;
}

/** "in 4 min", "now", or nothing when it does not run by itself. */
export function sayNext(source: Source, now: Date = new Date()): string {
  if (source.run) return 'now';
  if (source.paused) return 'paused';
  if (!source.next_at) return '';
  const at = new Date(source.next_at);
  return at.getTime() <= now.getTime() + 1500 ? 'now' : ago(at, now);
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

// --- forms --------------------------------------------------------------------------------------

/** Not to be seen while it is typed; a reference to a secret is none. */
export const isSecret = (option: Option): boolean => option.secret;

const abbreviations = /\b(api|ca|cpu|id|s3|sql|ssh|ssl|tls|url)\b/g;

/** "sslmode" -> "SSL mode", "api_key" -> "API key" */
export function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/^ssl(?=\w)/, 'ssl ').replace(/^ssl rootcert$/, 'ssl root certificate').replace(abbreviations, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Columns that weir adds; none of the source's can be called so. */
export const isOwn = (column: string): boolean => column.startsWith('_weir_');

const kinds = /^kinds? ((?:`\w+`(?:, (?=`)| and )?)+)[:,] /;
/** Does the option say something about this kind of source? Its help begins with the kinds, unless it is for all. */
export const isOf = (kind: string, option: Option): boolean => kinds.exec(option.help)?.[1]?.includes(`\`${kind}\``) ?? true;

/** What an option's table says of it, for a form: there a secret is typed, and is sealed by itself. */
export function sayHelp({ help, secret }: Option): string {
  const all = help.replace(kinds, '').replaceAll('`', '');
  const part = secret ? all.split('; ').filter((one) => !one.includes('${')).join('; ') : all;
  const text = /^[a-z][a-z0-9]*:\/\//.test(part) ? part : `${part.charAt(0).toUpperCase()}${part.slice(1)}`;
  const sentence = text && !/[.?!]$/.test(text) ? `${text}.` : text;
  return secret ? `${sentence} It is kept sealed; the source's file only names it.`.trim() : sentence;
}

const usual = /^(host|port|mode|deletes|schemas|capture)$/;
const special = /^(publication|slot|sslrootcert|tls_ca|ca_file|socket|env|executable)$/;
/** Those that a newcomer need not look at. Where to go has a default, too, and is looked at; what nobody can know has none. */
export const isRare = (option: Option): boolean => !option.required && (special.test(option.name) || (Boolean(option.default) && !usual.test(option.name)));

const sheet = /^(https?:\/\/)?docs\.google\.com\/(a\/[^/]+\/)?spreadsheets\//;
const otherServer = /^https?:(?!\/\/docs\.google\.com\/(a\/[^/]+\/)?spreadsheets\/)/;
// Settings of kind `file` that matter for some paths only.
const ofPath: Record<string, RegExp> = {
  user: otherServer,
  password: otherServer,
  token: otherServer,
  headers: otherServer,
  ca_file: /^(https?|s3):/,
  timeout: /^(https?|s3):/,
  max_size: /^(https?|s3):/,
  max_fetch: /^(https?|s3):/,
  service_account: sheet,
  google: sheet,
  endpoint: /^s3:/,
  region: /^s3:/,
  access_key: /^s3:/,
  secret_key: /^s3:/,
  path_style: /^s3:/,
  sheet: /\.xls/i,
};

/** The options that say something about what is being connected, and those that were filled in. */
export function concerning(kind: string, options: readonly Option[], values: Values): Option[] {
  const path = (values['path'] ?? '').trim();
  const filled = ({ name, default: usual }: Option): boolean => (values[name] ?? '') !== '' && values[name] !== usual;
  const captures = values['capture'] === 'true';
  return options.filter((option) => filled(option) || ((captures || !option.help.startsWith('of capture')) && (kind !== 'file' || (ofPath[option.name]?.test(path) ?? true))));
}

const choices: Record<string, string> = {
  replace: 'Replace: the table is what the source is',
  append: 'Append: new rows are added, none is removed',
  merge: 'Merge: a row replaces the one with its key',
  history: 'History: every version of a row is kept',
  none: 'None: they stay',
  soft: 'Soft: they stay, marked',
  hard: 'Hard: they go here, too',
  evolve: 'Evolve: the table follows',
  freeze: 'Freeze: the run fails',
  discard_row: 'Set the row aside',
  discard_value: 'Set the value aside',
  json: 'JSON: a column for each, as it is',
  flatten: 'Flatten: a column for each member of an object',
  tables: 'Tables: flatten, and a table for each list',
};
/** A choice of a stream in words; others as they are written. */
export const sayOption = (option: Option, value: string): string => (['mode', 'deletes', 'contract', 'nested'].includes(option.name) ? (choices[value] ?? value) : value);

export type Values = Record<string, string>;

/** Text as the option wants it; undefined: it is left to the default. */
function valueOf(option: Option, text: string): unknown {
  const trimmed = isSecret(option) ? text : text.trim();
  if (trimmed === '' || (!option.required && trimmed === option.default)) return undefined;
  if (option.type === 'integer' && /^-?\d+$/.test(trimmed)) return Number(trimmed);
  if (option.type === 'boolean') return trimmed === 'true';
  if (option.type === 'mapping') {
    try {
      return JSON.parse(trimmed);
    } catch {
      return trimmed; // the server says what is wrong with it
    }
  }
  if (option.type === 'list') return trimmed.split(',').map((one) => one.trim()).filter(Boolean);
  return trimmed;
}

/** What a form holds, as the file has it: without what is the default. */
export function bodyOf(options: readonly Option[], values: Values): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const option of options) {
    const value = valueOf(option, values[option.name] ?? '');
    if (value !== undefined) out[option.name] = value;
  }
  return out;
}

/** The same the other way. */
export function valuesOf(options: readonly Option[], settings: Readonly<Record<string, unknown>>): Values {
  const out: Values = {};
  for (const { name, type } of options) {
    const value = settings[name];
    if (type === 'mapping' && typeof value === 'object' && value !== null) out[name] = JSON.stringify(value, null, 2);
    else if (Array.isArray(value)) out[name] = value.map(String).join(', ');
    else if (value !== undefined && value !== null && typeof value !== 'object') out[name] = String(value);
  }
  return out;
}

/** What is missing before it makes sense to ask. */
export function missing(options: readonly Option[], values: Values): Record<string, string> {
  const out: Record<string, string> = {};
  for (const option of options) if (option.required && !(values[option.name] ?? '').trim()) out[option.name] = 'This is needed.';
  return out;
}

/** The option that an error is about, when its words tell: those that it says to look at come before what it only names. */
export function faultAt(message: string, options: readonly Option[], values: Values = {}): string | undefined {
  const names = options.map(({ name }) => name);
  const check = /check ((?:`\w+`(?:,? (?:and|or) |, )?)+)/.exec(message)?.[1] ?? '';
  for (const text of [check, message]) {
    const found = [...text.matchAll(/[`"](?:connection\.)?(\w+)[`"]/g)].map((match) => match[1] ?? '').filter((name) => names.includes(name));
    // "check `user` and `password`": the one that is not seen is wrong most often.
    const secret = found.find((name) => options.some((option) => option.name === name && isSecret(option)));
    if (secret ?? found[0]) return secret ?? found[0];
  }
  const setting = /connection\.(\w+)/.exec(message)?.[1];
  if (setting && names.includes(setting)) return setting;
  // Else the one whose value it tells.
  return options.find((option) => !isSecret(option) && (values[option.name] ?? '').trim().length > 2 && message.includes((values[option.name] ?? '').trim()))?.name;
}

/** Errors of files name a file that is not there yet. */
export const sayFault = (message: string): string => message.replace(/^sources\/(?:<new>|[\w-]+)\.yml:(?:\d+:)?\s*/, '');

export const isSourceName = (name: string): boolean => /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name) && name.length <= 40;

/** A free name: what the connection is called, or else its kind. */
export function suggestName(kind: string, values: Values, taken: readonly string[]): string {
  const path = (values['path'] ?? '').split(/[\\/]/).filter(Boolean).at(-1) ?? '';
  const from = values['database'] || path.replace(/\.[^.]*$/, '') || kind;
  const plain = from.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^[_0-9]+|_+$/g, '').slice(0, 36) || kind;
  let name = plain;
  for (let i = 2; taken.includes(name); i++) name = `${plain}_${i}`;
  return name;
}

// --- streams ------------------------------------------------------------------------------------

export interface Column {
  name: string;
  original: string;
  type: string;
}
/** What is chosen of a stream: settings as texts, by option. */
export interface Choice {
  chosen: boolean;
  values: Values;
}

/** The column that tells rows apart, most likely. */
export function guessKey(stream: string, columns: readonly Column[]): string | undefined {
  const base = stream.split('.').at(-1) ?? stream;
  const singular = base.replace(/ies$/, 'y').replace(/s$/, '');
  const names = new Set(columns.map(({ name }) => name));
  return ['id', `${singular}_id`, `${base}_id`, 'uuid', 'key'].find((name) => names.has(name));
}

/** The column that only grows when a row changes, most likely. */
export function guessCursor(columns: readonly Column[]): string | undefined {
  const times = columns.filter(({ type }) => type === 'timestamp');
  return ['updated_at', 'modified_at', 'changed_at', 'last_modified', 'last_updated', 'updated', 'modified'].find((name) => times.some((column) => column.name === name));
}

const PERSONAL = /(^|_)(e_?mail|phone|mobile|first_name|last_name|full_name|surname|birth(day|date)?|date_of_birth|address|street|iban|ssn|passport|password)(_|$)/;
/** Columns that may tell of persons. */
export const personal = (columns: readonly Column[]): string[] => columns.map(({ name }) => name).filter((name) => PERSONAL.test(name));

/** The `streams` of a file: nothing when all are taken as they are. */
export function streamsOf(options: readonly Option[], choices: Readonly<Record<string, Choice>>, refused: readonly string[] = []): Record<string, unknown> | undefined {
  const all = Object.entries(choices);
  const plain = all.every(([name, { chosen, values }]) => (chosen || refused.includes(name)) && Object.keys(bodyOf(options, values)).length === 0);
  if (plain) return undefined;
  return Object.fromEntries(all.filter(([, { chosen }]) => chosen).map(([name, { values }]) => [name, bodyOf(options, values)]));
}

/** What a stream's settings mean, in a few words: "merged by id, since updated_at; without email". */
export function sayChoice(values: Values): string {
  const mode = values['mode'] || 'replace';
  const key = values['key'];
  const words: Record<string, string> = {
    replace: 'all of it, at each run',
    append: 'new rows are added',
    merge: key ? `one row for each ${key.replaceAll(', ', ' + ')}` : 'merged',
    history: key ? `every version of each ${key.replaceAll(', ', ' + ')}` : 'every version of each row',
  };
  const parts = [words[mode] ?? mode];
  if (values['cursor']) parts.push(`what is new by ${values['cursor']}`);
  if (values['exclude']) parts.push(`without ${values['exclude']}`);
  return parts.join('; ');
}

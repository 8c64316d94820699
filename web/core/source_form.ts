// Forms of sources, made of option tables: what is asked for, and what it becomes in a source's file.
import { RESERVED } from './reserved';
import { isProgram } from './source';

export interface Option {
  name: string;
  type: 'boolean' | 'integer' | 'bytes' | 'duration' | 'text' | 'choice' | 'list' | 'mapping';
  help: string;
  required: boolean;
  default: string | null;
  choices: readonly string[];
  secret: boolean;
}

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
const special = /^(publication|slot|sslrootcert|sslcert|sslkey|tls_ca|tls_cert|tls_key|ca_file|socket|env|executable)$/;
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

/** The options of streams of this kind. What a program gives is read as it says, where no mode does. */
export const streamOptionsOf = (kind: string, options: readonly Option[]): Option[] =>
  options.map((option) => (option.name === 'mode' && isProgram(kind) ? { ...option, default: '', choices: ['', ...option.choices] } : option));

/** How a stream is loaded; '': as its program says. */
export const modeOf = (options: readonly Option[], values: Values): string => values['mode'] || (options.find(({ name }) => name === 'mode')?.default ?? 'replace');

/** Of a stream's options those that mean something with its mode, and those that were filled in. One that is followed is what the source is, or keeps deleted rows. */
export function concerningStream(options: readonly Option[], values: Values, follows: boolean): Option[] {
  const mode = modeOf(options, values);
  const means: Record<string, boolean> = {
    key: mode === 'merge' || mode === 'history',
    deletes: mode === 'merge',
    cursor: mode !== 'replace' && !follows,
    contract: !follows,
  };
  const followed: Record<string, readonly string[]> = { mode: ['replace', 'merge'], deletes: ['soft'] };
  return options
    .filter(({ name, default: usual }) => (means[name] ?? true) || ((values[name] ?? '') !== '' && values[name] !== usual))
    .map((option) => {
      const few = follows ? followed[option.name] : undefined;
      return few ? { ...option, choices: option.choices.filter((one) => few.includes(one) || one === (values[option.name] ?? option.default)) } : option;
    });
}

/** Another mode, without what means nothing with it; one that needs a key gets the likely one. */
export function withMode(values: Values, mode: string, key: string, follows: boolean): Values {
  const next: Values = { ...values, mode };
  const keyed = mode === 'merge' || mode === 'history';
  next['key'] = keyed ? next['key'] || key : '';
  if (mode !== 'merge') next['deletes'] = '';
  else if (follows) next['deletes'] = 'soft';
  if (mode === 'replace' || follows) next['cursor'] = '';
  return next;
}

/** What a run costs that finds nothing new. Undefined: nobody knows. */
export function costOfRun(kind: string, follows: boolean, streams: readonly Values[]): string | undefined {
  if (isProgram(kind)) return undefined;
  const whole = kind === 'file' || follows ? 0 : streams.filter((values) => !values['cursor']).length;
  if (!whole) return 'A run that finds nothing new costs little.';
  return `Each run reads all rows of ${whole < streams.length ? `${whole} of the ${streams.length} streams` : whole === 1 ? 'its stream' : `its ${whole} streams`}, whether there is something new or not, as no cursor tells what is.`;
}

const choices: Record<string, string> = {
  '': 'As the source says: merged by a key, else appended or replaced',
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

/** "public, sales" and "public sales" are two; a name with a blank or a comma in it stands in double quotes. */
export function splitList(text: string): string[] {
  const items = [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,"]+))\s*(?:,|$)?/g)].map(([, quoted, plain]) => (quoted !== undefined ? { name: quoted.replaceAll('""', '"'), quoted: true } : { name: (plain ?? '').trim(), quoted: false })).filter(({ name }) => name !== '');
  const [only] = items;
  if (items.length === 1 && only && !only.quoted && /^[\w$-]+(\s+[\w$-]+)+$/.test(only.name)) return only.name.split(/\s+/);
  return items.map(({ name }) => name);
}
export const joinList = (items: readonly string[]): string => items.map((one) => (/[\s,"]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one)).join(', ');

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
  if (option.type === 'list') return splitList(trimmed);
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
    else if (Array.isArray(value)) out[name] = joinList(value.map(String));
    else if (value !== undefined && value !== null && typeof value !== 'object') out[name] = String(value);
  }
  return out;
}

const schemes: Record<string, RegExp> = { postgres: /^postgres(ql)?:$/, mysql: /^(mysql|mariadb):$/ };

/** An address that stands where the host belongs (postgres://user:password@host:5432/shop, host:5432), in the fields that it is about. */
export function spread(kind: string, options: readonly Option[], values: Values): Values {
  const host = (values['host'] ?? '').trim();
  const scheme = schemes[kind];
  if (!scheme) return values;
  const pair = /^([^\s:/@]+):(\d{1,5})$/.exec(host);
  if (pair) return { ...values, host: pair[1] ?? '', port: pair[2] ?? '' };
  if (!/^[a-z]+:\/\//i.test(host) || !URL.canParse(host)) return values;
  const url = new URL(host);
  if (!scheme.test(url.protocol) || !url.hostname) return values;
  const plain = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const told: Values = { host: plain(url.hostname).replace(/^\[(.*)\]$/, '$1'), port: url.port, user: plain(url.username), password: plain(url.password), database: plain(url.pathname.slice(1)) };
  for (const [key, value] of url.searchParams) told[key] ??= value;
  const known = new Set(options.map(({ name }) => name));
  return { ...values, ...Object.fromEntries(Object.entries(told).filter(([key, value]) => known.has(key) && value !== '')) };
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

const ofWeir = new Set(['grant', 'information_schema', 'main', 'materialized', 'pg_catalog', 'system', 'temp', 'uploads', 'usage', 'user', 'views', 'weir']);
const isTaken = (name: string): boolean => RESERVED.has(name) || ofWeir.has(name) || /^(pg|duckdb)_/.test(name);
export const isSourceName = (name: string): boolean => /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name) && name.length <= 40 && !isTaken(name);

/** Why no new source can be called so; '' when one can. */
export function sayName(name: string, taken: readonly string[]): string {
  if (isSourceName(name)) return taken.includes(name) ? 'There is a source of this name already.' : '';
  return isTaken(name) ? 'It is a word of SQL, or a schema of the warehouse itself.' : 'a to z, 0 to 9 and _, beginning with a letter, at most 40 characters.';
}

/** A free name: what the connection is called, or else its kind. */
export function suggestName(kind: string, values: Values, taken: readonly string[]): string {
  const whole = (values['path'] ?? '').trim();
  const path = sheet.test(whole) ? 'sheet' : (whole.replace(/[?#].*$/, '').split(/[\\/]/).filter(Boolean).at(-1) ?? '');
  const from = values['database'] || path.replace(/\.[^.]*$/, '') || kind;
  const plain = from.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^(pg_|duckdb_|[_0-9])+/, '').slice(0, 36).replace(/_+$/, '') || kind;
  const base = isTaken(plain) ? `${plain}_data` : plain;
  let name = base;
  for (let i = 2; taken.includes(name); i++) name = `${base.slice(0, 36)}_${i}`;
  return name;
}

// --- streams ------------------------------------------------------------------------------------

export interface Column {
  name: string;
  original: string;
  type: string;
  /** Of CSV and sheets: what its values are, in words. */
  guess: string | null;
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
  const told = ['updatedat', 'modifiedat', 'changedat', 'lastmodifiedat', 'lastupdatedat', 'lastmodified', 'lastupdated', 'updatedon', 'modifiedon', 'updated', 'modified', 'changed', 'updatetime', 'updatedtime', 'modifiedtime', 'dateupdated', 'datemodified', 'updateddate', 'modifieddate', 'lastmodifieddate', 'writedate', 'systemmodstamp'];
  return told.map((name) => times.find((column) => column.name.replaceAll('_', '') === name)?.name).find((name) => name !== undefined);
}

const PERSONAL = /(^|_)(e_?mail|phone|mobile|first_name|last_name|full_name|surname|birth(day|date)?|date_of_birth|address|street|iban|ssn|passport|password)(_|$)/;
/** Columns that may tell of persons. */
export const personal = (columns: readonly Column[]): string[] => columns.map(({ name }) => name).filter((name) => PERSONAL.test(name));

/** What was guessed of a file that somebody may want to look at: not that whole numbers are such. */
export function sayGuesses(taken: string | null, columns: readonly Column[]): string {
  const worth = columns.filter(({ guess }) => guess && /[:;]|comma|(day|month) first/.test(guess));
  const texts = [taken ?? '', ...worth.map(({ name, type, guess }) => (type === 'text' ? `${name} is ${guess}` : `${name} has ${guess}`))].filter(Boolean);
  return texts.length ? `${texts.join('. ')}.` : '';
}

/** The `streams` of a file: nothing when all are taken as they are. */
export function streamsOf(options: readonly Option[], choices: Readonly<Record<string, Choice>>, refused: readonly string[] = [], listed = false): Record<string, unknown> | undefined {
  const all = Object.entries(choices);
  const plain = !listed && all.every(([name, { chosen, values }]) => (chosen || refused.includes(name)) && Object.keys(bodyOf(options, values)).length === 0);
  if (plain) return undefined;
  return Object.fromEntries(all.filter(([, { chosen }]) => chosen).map(([name, { values }]) => [name, bodyOf(options, values)]));
}

export const isMode = (word: string): boolean => ['replace', 'append', 'merge', 'history'].includes(word);

/** What a stream's settings mean, in a few words: "merged by id, since updated_at; without email". `usual`: how it is loaded where no mode is said. */
export function sayChoice(values: Values, follows = false, usual = 'replace'): string {
  const mode = values['mode'] || usual;
  const key = values['key'];
  const words: Record<string, string> = {
    '': 'as the source says',
    replace: 'all of it, at each run',
    append: 'new rows are added',
    merge: key ? `one row for each ${key.replaceAll(', ', ' + ')}` : 'merged',
    history: key ? `every version of each ${key.replaceAll(', ', ' + ')}` : 'every version of each row',
  };
  const deleted = values['deletes'] === 'soft' ? ', and marks deleted rows' : '';
  const parts = [follows ? `follows changes${deleted}` : (words[mode] ?? mode)];
  if (values['cursor']) parts.push(`what is new by ${values['cursor']}`);
  if (values['exclude']) parts.push(`without ${values['exclude']}`);
  return parts.join('; ');
}

// Sources in words, and forms made of option tables.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { type Load, type PastRun, type Run, type Source, type Standing, asOf, costOfRest, findSources, folded, needsLook, pastRuns, proof, ranAt, sayBehind, sayCron, sayNext, sayRhythm, sayRun, saySchedule, sayStatus, sayStream, sayVerified, stateOf, rangesOf } from '../../web/core/source';
import { type Option, bodyOf, concerning, concerningStream, costOfRun, faultAt, guessCursor, guessKey, isOf, isRare, isSourceName, joinList, labelOf, missing, modeOf, personal, sayChoice, sayFault, sayGuesses, sayHelp, sayName, splitList, spread, streamOptionsOf, streamsOf, suggestName, valuesOf, withMode } from '../../web/core/source_form';
import { withRun } from '../../web/features/sources/live';

const now = new Date('2026-11-26T12:00:00Z');
const option = (name: string, more: Partial<Option> = {}): Option => ({ name, type: 'text', help: '', required: false, secret: false, default: '', choices: [], ...more });
const run = (more: Partial<Run> = {}): Run => ({ run: 'r2', source: 's', stream: null, full: false, verify: false, state: 'done', status: 'loaded', error: null, started_at: '2026-11-26T11:59:00Z', ended_at: '2026-11-26T11:59:10Z', rows: 0, bytes: 0, rate: null, streams: [], ...more });
const standing = (more: Partial<Standing> = {}): Standing => ({ stream: 'orders', schema: 's', table: 'orders', mode: 'replace', status: 'loaded', run: 'r1', error: null, verified: null, rows: 1, rows_written: 1, rows_discarded: 0, ended_at: '2026-11-26T10:00:00Z', good_at: '2026-11-26T09:59:00Z', failing_since: null, ...more });
const source = (more: Partial<Source> = {}): Source => ({ name: 's', kind: 'file', schema: 's', schedule: 'manual', verifies: false, paused: false, follows: false, kept: null, run: null, error: null, next_at: null, as_of: null, latest: null, streams: [], ...more });
const load = (more: Partial<Load> = {}): Load => ({ run: 'r1', stream: 'orders', schema_name: 's', table_name: 'orders', mode: 'replace', status: 'loaded', rows_read: 5, rows_written: 4, rows_discarded: 1, rows_superseded: 0, bytes: 0, source_checksum: 'a', warehouse_checksum: 'a', started_at: '2026-11-26T09:00:00Z', ended_at: '2026-11-26T09:00:02Z', error: null, changes: null, ...more });

test('schedules are said as a person would', () => {
  const cases: [string | null, string][] = [
    [null, 'only when somebody asks for it'],
    ['manual', 'only when somebody asks for it'],
    ['every 5m', 'every 5 minutes'],
    ['every 1h', 'every hour'],
    ['every 2d', 'every 2 days'],
    ['every 250ms', 'every 250ms'],
    ['after billing', 'whenever billing has run well'],
    ['cron 0 6 * * * Europe/Berlin', 'every day at 06:00 (Europe/Berlin)'],
  ];
  for (const [text, words] of cases) assert.equal(saySchedule(text), words);
  assert.equal(sayCron('*/15 * * * *'), 'every 15 minutes');
  assert.equal(sayCron('5 * * * *'), 'every hour at 5 past');
  assert.equal(sayCron('30 9 * * 1-5'), 'on weekdays at 09:30');
  assert.equal(sayCron('0 9 * * 1,4'), 'every Monday and Thursday at 09:00');
  assert.equal(sayCron('0 0 1 * *'), 'on day 1 of each month at 00:00');
  assert.equal(sayCron('1 2 3 4 5'), 'by cron: 1 2 3 4 5');
});

test('how a source stands: what needs somebody comes first', () => {
  const kind = (more: Partial<Source>): string => stateOf(source(more), now).kind;
  const failed = standing({ status: 'failed', error: 'no', failing_since: '2026-11-26T09:00:00Z' });
  assert.equal(kind({ kind: 'tracking', streams: null }), 'events');
  assert.equal(kind({ kind: 'tracking', streams: null, error: 'it has a write key of sources/web.yml, too' }), 'broken');
  assert.equal(kind({ error: 'line 3', run: 'r' }), 'broken');
  assert.equal(kind({ run: 'r', paused: true }), 'running');
  assert.equal(kind({}), 'new');
  assert.equal(kind({ streams: null }), 'unknown');
  assert.equal(kind({ streams: [standing()] }), 'well');
  assert.equal(kind({ streams: [standing()], paused: true }), 'paused');
  assert.equal(kind({ streams: [failed], paused: true }), 'failed');
  assert.equal(stateOf(source({ streams: [failed] }), now).text, 'failed since 3\u202fh');
  assert.equal(stateOf(source({ streams: [failed] }), now).why, 'no');
  // No stream failed: nothing was reached.
  assert.equal(stateOf(source({ streams: [standing()], latest: run({ status: 'failed', error: 'cannot connect' }) }), now).why, 'cannot connect');
  // A later run that went well is what counts; one of a single stream says nothing of the others.
  assert.equal(kind({ streams: [failed], latest: run({ status: 'unchanged' }) }), 'well');
  assert.equal(kind({ streams: [standing({ status: 'mismatch' })], latest: run({ stream: 'other' }) }), 'mismatch');
  assert.equal(kind({ streams: [standing()], latest: run({ status: 'stopped' }) }), 'stopped');
  // What is gone at the source is no failure, and does not make the others old.
  assert.equal(kind({ streams: [standing(), standing({ status: 'gone', good_at: '2026-11-01T00:00:00Z' })] }), 'well');
  assert.deepEqual(stateOf(source({ streams: [standing(), standing({ status: 'gone' })] }), now), { kind: 'well', tone: 'warn', text: '1 table gone, else up to date', why: '' });
  assert.deepEqual(sayStatus('gone'), { text: 'gone at the source', tone: 'warn' });
});

test('a table that is not what its source has is loud', () => {
  const verified = { status: 'differs' as const, at: '2026-11-26T03:00:00Z', rows: 500, missing: 1, extra: 2, different: 0, set_aside: 0, error: "cp.a is not what its source is; `weir verify 'cp.a' --repair` loads these again" };
  const { kind, why } = stateOf(source({ streams: [standing({ verified })], latest: run() }), now);
  assert.deepEqual([kind, why], ['differs', 'cp.a is not what its source is.']);
  assert.equal(stateOf(source({ streams: [standing({ verified: { ...verified, status: 'repaired' } })] }), now).kind, 'well');
  assert.equal(sayVerified(verified), 'differs: 1 missing, 2 extra, 0 different of 500 rows');
  assert.equal(sayVerified({ ...verified, status: 'failed', error: 'why' }), 'could not be compared: why');
  assert.equal(sayVerified({ ...verified, status: 'equal', set_aside: 2 }), 'compared row by row; 2 rows of the source set aside');
});

test('after a comparison a source stands as its latest load left it', () => {
  const failing = standing({ status: 'failed', error: 'dark', failing_since: '2026-11-26T10:00:00Z' });
  const recovered = source({ latest: run({ status: 'unchanged' }), streams: [failing] });
  const compares = (more: Partial<Run>): Run => run({ run: 'r3', verify: true, ...more });
  const during = withRun(recovered, compares({ state: 'running', status: null }));
  assert.deepEqual([stateOf(during, now).kind, during.latest?.run], ['running', 'r3']);
  const on = withRun(during, compares({ state: 'running', status: null, rows: 7 }));
  assert.equal(stateOf(withRun(on, compares({ status: 'unchanged' })), now).kind, 'well');
  assert.equal(stateOf(withRun(recovered, compares({ status: 'failed' })), now).kind, 'well');
  assert.equal(stateOf(withRun(withRun(on, compares({ status: 'unchanged' })), run({ status: 'failed' })), now).kind, 'failed');
});

test('a comparison is no load', () => {
  const equal = run({ verify: true, status: 'unchanged' });
  const failing = standing({ status: 'failed', error: 'dark', failing_since: '2026-11-26T10:00:00Z' });
  assert.match(stateOf(source({ latest: equal, streams: [failing] }), now).text, /^failed since 2.h$/);
  assert.equal(stateOf(source({ latest: run({ verify: true, status: 'failed' }), streams: [standing()] }), now).text, 'up to date');
  assert.equal(asOf(source({ latest: equal, streams: [standing()] }))?.toISOString(), '2026-11-26T09:59:00.000Z');
  assert.deepEqual([sayRun(equal), sayRun(run({ verify: true, status: 'mismatch' })), sayRun(run({ status: 'unchanged' }))], ['equal', 'differs', 'nothing new']);
  assert.deepEqual(pastRuns([equal], [load({ run: 'r1', mode: 'repair' })]).map(({ verify }) => verify), [true, true]);
});

test('as of when its rows are, and when it runs next', () => {
  assert.equal(asOf(source()), undefined);
  assert.equal(asOf(source({ streams: [standing(), standing({ good_at: '2026-11-25T00:00:00Z' })] }))?.toISOString(), '2026-11-25T00:00:00.000Z');
  assert.equal(asOf(source({ streams: [standing(), standing({ status: 'gone', good_at: '2026-11-01T00:00:00Z' })] }))?.toISOString(), '2026-11-26T09:59:00.000Z');
  assert.equal(asOf(source({ streams: [standing()], latest: run({ status: 'unchanged' }) }))?.toISOString(), '2026-11-26T11:59:00.000Z');
  assert.equal(sayNext(source({ next_at: '2026-11-26T12:04:00Z' }), now), 'in 4\u202fmin');
  assert.equal(sayNext(source({ next_at: '2026-11-26T11:00:00Z' }), now), 'now');
  assert.equal(sayNext(source({ next_at: '2026-11-26T12:00:03Z' }), now), 'now', 'nothing to come is just now');
  assert.equal(sayNext(source({ paused: true }), now), 'paused');
  assert.equal(sayNext(source(), now), '');
});

test('a source that is followed says how far behind it is, and what its rest costs', () => {
  const live = source({ name: 'live', follows: true, schedule: 'every 1s', as_of: '2026-11-26T11:59:53Z', streams: [standing()] });
  assert.equal(sayBehind(live, now), 'at most 7\u202fs behind');
  // Also while it runs: what the latest good run found is there.
  assert.equal(sayBehind({ ...live, latest: run({ state: 'running', status: null }) }, now), 'at most 7\u202fs behind');
  assert.equal(sayBehind({ ...live, as_of: null, streams: [] }, now), '');
  assert.equal(sayBehind({ ...live, follows: false }, now), '');
  assert.equal(costOfRest(live), '');
  const kept = 'the slot "weir_live" keeps the log';
  assert.equal(costOfRest({ ...live, kept, paused: true }), 'While live is paused, the slot "weir_live" keeps the log.');
  assert.equal(costOfRest({ ...live, kept, schedule: 'manual' }), 'Until somebody runs live, the slot "weir_live" keeps the log.');
  assert.match(costOfRest({ ...live, paused: true }), /^While live is paused, the server keeps its log .*binlog_expire_logs_seconds/);
  assert.equal(costOfRest(source({ paused: true })), '');
  assert.equal(sayChoice({ exclude: 'email' }, true), 'follows changes; without email');
  assert.equal(sayChoice({ mode: 'merge', key: 'id', deletes: 'soft' }, true), 'follows changes, and marks deleted rows');
});

test('how far a run is', () => {
  const stream = { stream: 'orders', state: 'reading', rows: 1000, bytes: 1024, bytes_total: 4096, seconds_left: 9, error: null } as const;
  assert.deepEqual(sayStream(stream), { text: '1\u202f000 rows, 1.0\u202fKB of about 4.0\u202fKB, about 9\u202fs left', value: 0.25, done: false, tone: 'accent' });
  assert.equal(sayStream({ ...stream, bytes: 9999 }).value, 0.99);
  assert.equal(sayStream({ ...stream, bytes_total: null, seconds_left: null }).value, null);
  assert.equal(sayStream({ ...stream, state: 'failed', error: 'no right' }).text, 'no right');
  assert.equal(sayRun(run({ state: 'running', rows: 12_400, rate: 3400 })), '12.4\u202fk rows, 3\u202f400 rows/s');
});

test('runs one after the other that found nothing new are one line', () => {
  const past = (run: string, status: Run['status'], seconds: number, more: Partial<PastRun> = {}): PastRun => ({ run, status, started: new Date(seconds * 1000), ended: new Date(seconds * 1000 + 100), rows: 0, discarded: 0, error: '', changes: [], loads: [], verify: false, remembered: true, ...more });
  const lines = folded([past('g', 'unchanged', 9), past('f', 'unchanged', 8), past('e', 'unchanged', 7, { verify: true }), past('d', 'unchanged', 6), past('c', 'loaded', 5), past('b', 'unchanged', 4, { changes: ['t: gone at the source'] }), past('a', 'unchanged', 3)]);
  assert.deepEqual(lines.map(({ run, times, since }) => [run, times, since.getTime() / 1000]), [['g', 2, 8], ['e', 1, 7], ['d', 1, 6], ['c', 1, 5], ['b', 1, 4], ['a', 1, 3]]);
  // So are those in which a stream that failed rested; one that tried it has a row in the ledger.
  const resting = { error: 'no such table (stream "b", which is tried again from 12:00:00Z on)' };
  const ill = folded([past('f', 'failed', 8, resting), past('e', 'failed', 7, resting), past('d', 'failed', 6, { error: 'no such table', loads: [load({ status: 'failed' })] }), past('c', 'failed', 5, { error: 'another' }), past('b', 'failed', 4, resting), past('a', 'unchanged', 3)]);
  assert.deepEqual(ill.map(({ run, times }) => [run, times]), [['f', 2], ['d', 1], ['c', 1], ['b', 1], ['a', 1]]);
});

test('runs of the ledger and of the server are one list', () => {
  const past = pastRuns([run(), run({ run: 'r3', status: 'unchanged', started_at: '2026-11-26T12:30:00Z' })], [load({ run: 'r2', changes: ['new column "x"'] }), load(), load({ stream: 'log', status: 'failed', error: 'gone' })]);
  assert.deepEqual(past.map(({ run: id, status, rows, discarded, error, changes, remembered }) => [id, status, rows, discarded, error, changes, remembered]), [
    ['r3', 'unchanged', 0, 0, '', [], true],
    ['r2', 'loaded', 4, 1, '', ['orders: new column "x"'], true],
    ['r1', 'failed', 8, 2, 'gone', [], false],
  ]);
  assert.equal(pastRuns([], [load({ status: 'gone' })])[0]?.status, 'unchanged');
  assert.deepEqual(proof(load()), { equal: true, text: '5 read = 4 in the table + 1 discarded; checksum of the source a, of the warehouse a' });
  assert.equal(proof(load({ warehouse_checksum: 'b' }))?.equal, false);
  assert.equal(proof(load({ source_checksum: null })), undefined);
});

test('a form holds what a file does, without defaults', () => {
  const options = [option('host', { default: 'localhost' }), option('port', { type: 'integer', default: '5432' }), option('database', { required: true, default: null }), option('password', { secret: true }), option('schemas', { type: 'list', default: 'public' }), option('deep', { type: 'boolean', default: 'false' }), option('config', { type: 'mapping' })];
  const body = { port: 5433, database: 'shop', password: ' spaces ', schemas: ['a', 'b'], deep: true, config: { start: 1 } };
  assert.deepEqual(bodyOf(options, { host: ' localhost ', port: '5433', database: ' shop', password: ' spaces ', schemas: 'a, b', deep: 'true', config: '{"start": 1}' }), body);
  assert.deepEqual(bodyOf(options, valuesOf(options, body)), body);
  assert.deepEqual(missing(options, {}), { database: 'This is needed.' });
  assert.deepEqual(options.filter(isRare).map(({ name }) => name), ['deep']);
  assert.deepEqual(['sslmode', 'api_key', 'host'].map(labelOf), ['SSL mode', 'API key', 'Host']);
  assert.deepEqual(['tls_ca', 'ca_file', 's3_region', 'case', 'update_id'].map(labelOf), ['TLS CA', 'CA file', 'S3 region', 'Case', 'Update ID']);
  const told = (help: string, secret = false): string => sayHelp(option('x', { help, secret }));
  assert.deepEqual(['a name', 'https://… of a server', 'Done?', ''].map((help) => told(help)), ['A name.', 'https://… of a server.', 'Done?', '']);
  assert.equal(told('kinds `postgres` and `mysql`, of append: a column `x`'), 'Of append: a column x.');
  const sealed = "It is kept sealed; the source's file only names it.";
  assert.deepEqual([told('${secret:NAME}, or ${NAME}', true), told('of https: that of `user`; ${secret:NAME}', true)], [sealed, `Of https: that of user. ${sealed}`]);
  const of = (kind: string): boolean[] => ['kind `file`: the files', 'kinds `postgres` and `mysql`, of append', 'all'].map((help) => isOf(kind, option('x', { help })));
  assert.deepEqual([of('file'), of('mysql'), of('singer')], [[true, false, true], [false, true, true], [false, false, true]]);
  assert.deepEqual(['publication', 'slot', 'package'].map((name) => isRare(option(name))), [true, true, false]);
});

test('several names in one field', () => {
  const cases: [string, string[]][] = [
    ['public', ['public']],
    ['public, sales', ['public', 'sales']],
    ['public sales', ['public', 'sales']],
    [' public,sales,', ['public', 'sales']],
    ['"Old Shop"', ['Old Shop']],
    ['"a, ""b""", Old Shop', ['a, "b"', 'Old Shop']],
    ['', []],
    ['"open', ['open']],
  ];
  for (const [text, names] of cases) assert.deepEqual(splitList(text), names, text);
  for (const names of [['public'], ['public', 'sales'], ['Old Shop'], ['a, "b"', 'c d']]) assert.deepEqual(splitList(joinList(names)), names);
});

test('a stream is asked for what means something with its mode', () => {
  const options = [option('mode', { type: 'choice', default: 'replace', choices: ['replace', 'append', 'merge', 'history'] }), option('cursor'), option('key', { type: 'list' }), option('deletes', { type: 'choice', default: 'none', choices: ['none', 'soft', 'hard'] }), option('contract', { default: 'evolve' })];
  const names = (values: Record<string, string>, follows = false): string => concerningStream(options, values, follows).map(({ name }) => name).join(' ');
  assert.equal(names({}), 'mode contract');
  assert.equal(names({ mode: 'append' }), 'mode cursor contract');
  assert.equal(names({ mode: 'merge' }), 'mode cursor key deletes contract');
  assert.equal(names({ mode: 'history' }), 'mode cursor key contract');
  // What somebody wrote there is to be seen, or it could not be mended.
  assert.equal(names({ cursor: 'at' }), 'mode cursor contract');
  assert.equal(names({ mode: 'merge' }, true), 'mode key deletes');
  assert.deepEqual(concerningStream(options, { mode: 'merge', deletes: 'soft' }, true).map(({ choices }) => choices), [['replace', 'merge'], [], ['soft']]);
  assert.deepEqual(bodyOf(options, withMode({ mode: 'merge', key: 'id', cursor: 'at', deletes: 'hard' }, 'replace', 'id', false)), {});
  assert.deepEqual(bodyOf(options, withMode({ cursor: 'at' }, 'merge', 'id', false)), { mode: 'merge', cursor: 'at', key: ['id'] });
  assert.deepEqual(bodyOf(options, withMode({}, 'merge', 'id', true)), { mode: 'merge', key: ['id'], deletes: 'soft' });
});

test('what a run costs is said where it is known', () => {
  assert.match(costOfRun('file', false, [{}]) ?? '', /costs little/);
  assert.match(costOfRun('postgres', true, [{}, {}]) ?? '', /costs little/);
  assert.match(costOfRun('postgres', false, [{ mode: 'merge', key: 'id', cursor: 'at' }]) ?? '', /costs little/);
  assert.match(costOfRun('mysql', false, [{}, { cursor: 'at' }]) ?? '', /^Each run reads all rows of 1 of the 2 streams,/);
  assert.match(costOfRun('postgres', false, [{}, {}]) ?? '', /^Each run reads all rows of its 2 streams,/);
  assert.equal(costOfRun('singer', false, [{}]), undefined);
});

test('an error is said beside the field that it is about', () => {
  const options = [option('host'), option('database'), option('user'), option('password', { secret: true })];
  assert.equal(faultAt('FATAL: password authentication failed for user "owner"; check `user` and `password`', options), 'password');
  assert.equal(faultAt('database "x" does not exist; check `database`', options), 'database');
  assert.equal(faultAt('sources/<new>.yml:3: connection.host must be text', options), 'host');
  assert.equal(faultAt('it is dark', options, { host: 'db.example.org' }), undefined);
  assert.equal(faultAt('db.example.org:5432 does not answer', options, { host: 'db.example.org' }), 'host');
  assert.equal(sayFault('sources/<new>.yml:3: key "x" is missing'), 'key "x" is missing');
});

test('names, keys and cursors are guessed', () => {
  assert.deepEqual(['a', 'a_1', 'A', '1a', 'a__b', 'a_', ''].map(isSourceName), [true, true, false, false, false, false, false]);
  assert.equal(suggestName('postgres', { database: 'My Shop' }, []), 'my_shop');
  assert.equal(suggestName('file', { path: '/srv/exports/orders-*.csv' }, ['orders']), 'orders_2');
  assert.equal(suggestName('file', {}, []), 'file');
  assert.equal(suggestName('file', { path: 'https://example.org/a/orders.csv?v=2#x' }, []), 'orders');
  assert.equal(suggestName('file', { path: 'https://docs.google.com/spreadsheets/d/1AbC/edit#gid=0' }, []), 'sheet');
  assert.equal(suggestName('mysql', { database: 'user' }, ['user_data']), 'user_data_2');
  assert.equal(suggestName('file', { path: 'exports/order.csv' }, []), 'order_data');
  // What the server refuses is never suggested, and said before it is asked.
  const refused = /reserved\[\] = \{([^}]*)\}/.exec(readFileSync('src/workspace/name.c', 'utf8'))?.[1]?.match(/\w+/g) ?? [];
  assert.ok(refused.length > 60);
  for (const word of [...refused, 'usage', 'pg_x', 'x'.repeat(35) + '-yz']) {
    const name = suggestName('postgres', { database: word }, []);
    assert.equal(sayName(name, []), '', name);
    if (!word.includes('-')) assert.match(sayName(word, []), /a word of SQL, or a schema of the warehouse itself/, word);
  }
  assert.match(sayName('a', ['a']), /There is a source of this name/);
  assert.match(sayName('a_', []), /a to z/);
  const columns = (...names: string[]) => names.map((name) => ({ name, original: name, type: name.endsWith('_at') ? 'timestamp' : 'int', guess: null }));
  assert.equal(guessKey('public.countries', columns('name', 'country_id')), 'country_id');
  assert.equal(guessKey('orders', columns('order_id', 'id')), 'id');
  assert.equal(guessKey('orders', columns('n')), undefined);
  assert.equal(guessCursor(columns('created_at', 'updated_at')), 'updated_at');
  assert.equal(guessCursor(columns('created_at')), undefined);
  const times = (...names: string[]) => names.map((name) => ({ name, original: name, type: 'timestamp', guess: null }));
  for (const name of ['updatedat', 'changed', 'last_modified', 'write_date', 'update_time', 'date_modified']) assert.equal(guessCursor(times('createdat', name)), name);
  assert.equal(guessCursor(times('modified', 'updated_at')), 'updated_at');
  assert.equal(guessCursor(times('unchanged', 'updatedby')), undefined);
  assert.deepEqual(personal(columns('id', 'e_mail', 'customer_phone', 'emails_sent', 'last_name')), ['e_mail', 'customer_phone', 'last_name']);
});

test('an address that stands where the host belongs is taken apart', () => {
  const options = ['host', 'port', 'database', 'user', 'sslmode'].map((name) => option(name)).concat(option('password', { secret: true }));
  const of = (kind: string, host: string) => spread(kind, options, { host, user: 'me' });
  assert.deepEqual(of('postgres', ' postgresql://ann:p%40ss%20w@db.example.org:6543/my%20shop?sslmode=require&application_name=x '), { host: 'db.example.org', port: '6543', user: 'ann', password: 'p@ss w', database: 'my shop', sslmode: 'require' });
  assert.deepEqual(of('postgres', 'postgres://[::1]/shop'), { host: '::1', user: 'me', database: 'shop' });
  assert.deepEqual(of('mysql', 'mariadb://db:3307'), { host: 'db', port: '3307', user: 'me' });
  assert.deepEqual(of('postgres', 'db.example.org:5433'), { host: 'db.example.org', port: '5433', user: 'me' });
  for (const [kind, host] of [['postgres', 'mysql://db/shop'], ['postgres', 'https://db.example.org'], ['postgres', '::1'], ['postgres', '/run/postgresql'], ['postgres', 'db'], ['postgres', 'postgres://'], ['file', 'db:1'], ['postgres', 'db:port']] as const) assert.deepEqual(of(kind, host), { host, user: 'me' });
});

test("a program's stream is read as the program says, or as somebody chose", () => {
  const all = [option('mode', { type: 'choice', default: 'replace', choices: ['replace', 'append'] }), option('key', { type: 'list' }), option('cursor')];
  for (const kind of ['singer', 'airbyte']) {
    const options = streamOptionsOf(kind, all);
    assert.deepEqual([options[0]?.choices, modeOf(options, {}), modeOf(options, { mode: 'replace' })], [['', 'replace', 'append'], '', 'replace']);
    const before = { tickets: { mode: 'replace' }, users: {} };
    const held = Object.fromEntries(Object.entries(before).map(([name, own]) => [name, { chosen: true, values: valuesOf(options, own) }]));
    assert.deepEqual(streamsOf(options, held, [], true), before);
    assert.deepEqual(concerningStream(options, {}, false).map(({ name }) => name), ['mode', 'cursor']);
  }
  assert.deepEqual(streamOptionsOf('file', all), all);
  assert.equal(modeOf(all, {}), 'replace');
  assert.equal(sayChoice({}, false, 'merge'), 'merged');
  assert.equal(sayChoice({}, false, ''), 'as the source says');
});

test('of what was guessed of a file, what somebody may want to look at is said', () => {
  const column = (name: string, type: string, guess: string | null) => ({ name, original: name, type, guess });
  assert.equal(sayGuesses(null, [column('id', 'int', null)]), '');
  assert.equal(
    sayGuesses('Separated by semicolons, UTF-8, columns named in line 1', [column('id', 'int', 'whole numbers'), column('zip', 'text', 'text: some numbers begin with zeros'), column('sum', 'double', 'numbers with a decimal comma'), column('at', 'date', 'dates, the year first'), column('note', 'text', 'text'), column('day', 'date', 'dates, the day first')]),
    'Separated by semicolons, UTF-8, columns named in line 1. zip is text: some numbers begin with zeros. sum has numbers with a decimal comma. day has dates, the day first.',
  );
});

test('streams that are taken as they are need no lines in the file', () => {
  const options = [option('mode', { type: 'choice', default: 'replace' }), option('key', { type: 'list' }), option('cursor'), option('exclude', { type: 'list' })];
  assert.equal(streamsOf(options, { a: { chosen: true, values: { mode: 'replace' } }, b: { chosen: true, values: {} } }), undefined);
  assert.deepEqual(streamsOf(options, { a: { chosen: true, values: { mode: 'merge', key: 'id, day' } }, b: { chosen: false, values: {} } }), { a: { mode: 'merge', key: ['id', 'day'] } });
  assert.equal(streamsOf(options, { a: { chosen: true, values: {} }, b: { chosen: false, values: {} } }, ['b']), undefined); // nobody left b out
  assert.deepEqual(streamsOf(options, { a: { chosen: true, values: {} } }, [], true), { a: {} }, 'what the file names stays named: tables that come later are not taken in by the way');
  assert.equal(sayChoice({ mode: 'merge', key: 'id', cursor: 'at', exclude: 'email' }), 'one row for each id; what is new by at; without email');
});

test('a form of files asks for what the path needs', () => {
  const all = ['path', 'format', 'sheet', 'user', 'token', 'service_account', 'access_key', 'timeout'].map((name) => option(name));
  const asked = (path: string, more: Record<string, string> = {}): string => concerning('file', all, { path, ...more }).map(({ name }) => name).join(' ');
  assert.equal(asked('exports'), 'path format');
  assert.equal(asked('exports', { token: 'x' }), 'path format token');
  assert.equal(asked('https://example.org/a.csv'), 'path format user token timeout');
  assert.equal(asked('https://docs.google.com/spreadsheets/d/1/edit'), 'path format service_account timeout');
  assert.equal(asked('s3://b/report.xlsx'), 'path format sheet access_key timeout');
  assert.equal(concerning('postgres', all, {}).length, all.length);
  const slots = [option('capture', { help: 'follow the changes' }), option('slot', { help: 'of capture: the slot' })];
  const chosen: Record<string, string>[] = [{}, { capture: 'true' }, { slot: 'mine' }];
  assert.deepEqual(chosen.map((values) => concerning('postgres', slots, values).length), [1, 2, 2]);
});

test('a range is read again of streams that have a column for it', () => {
  const streams = [standing({ stream: 'orders', mode: 'merge' }), standing({ stream: 'people', mode: 'history' }), standing({ stream: 'log', mode: 'append' }), standing({ stream: 'all', mode: 'merge' })];
  const settings = { streams: { orders: { mode: 'merge', cursor: 'updated_at' }, people: { mode: 'history', cursor: 'id' }, log: { mode: 'append', cursor: 'id' }, all: { mode: 'merge' } } };
  assert.deepEqual(rangesOf({ kind: 'postgres', follows: false, streams }, settings), [{ stream: 'orders', cursor: 'updated_at' }, { stream: 'people', cursor: 'id' }]);
  assert.deepEqual(rangesOf({ kind: 'postgres', follows: true, streams }, settings), []);
  assert.deepEqual(rangesOf({ kind: 'singer', follows: false, streams }, settings), []);
  assert.deepEqual(rangesOf({ kind: 'mysql', follows: false, streams: null }, {}), []);
});

test('when it ran last is never before what its rows are as of', () => {
  const streams = [standing({ ended_at: '2026-11-26T10:00:00Z' })];
  assert.equal(ranAt(source({ streams, as_of: '2026-11-26T11:00:00Z' }))?.toISOString(), '2026-11-26T11:00:00.000Z');
  assert.equal(ranAt(source({ streams, as_of: null }))?.toISOString(), '2026-11-26T10:00:00.000Z');
  assert.equal(ranAt(source()), undefined);
});

test('of many sources those are found that are looked for, and those that need a look', () => {
  const broken = source({ name: 'bills', error: 'sources/bills.yml:1: no', schedule: null });
  const failed = source({ name: 'shop', kind: 'postgres', latest: run({ status: 'failed', error: 'dark' }) });
  const all = [broken, failed, source({ name: 'well' })];
  const find = (text: string, look = false): string[] => findSources(all, { text, look, title: (kind) => (kind === 'postgres' ? 'PostgreSQL' : 'Files'), now }).map(({ name }) => name);
  assert.deepEqual([find(''), find('post'), find(' FAILED shop '), find('mistake'), find('none')], [['bills', 'shop', 'well'], ['shop'], ['shop'], ['bills'], []]);
  assert.deepEqual([find('', true), find('bill', true)], [['bills', 'shop'], ['bills']]);
  assert.deepEqual(all.map((one) => needsLook(one, now)), [true, true, false]);
});

test('one whose file has a mistake does not run when somebody asks for it', () => {
  assert.equal(sayRhythm(source({ error: 'no', schedule: null })), 'not before its file is mended');
  assert.equal(sayRhythm(source({ kind: 'tracking' })), 'as events come');
  assert.equal(sayRhythm(source({ schedule: 'every 5m' })), 'every 5 minutes');
});

test('one that waits for another says when that one will not run well', () => {
  const waiting = source({ name: 'sums', schedule: 'after shop' });
  const says = (more: Partial<Source>): string => sayRhythm(waiting, [waiting, source({ name: 'shop', ...more })], now);
  assert.equal(sayRhythm(waiting), 'whenever shop has run well');
  assert.equal(says({}), 'whenever shop has run well');
  assert.equal(says({ paused: true }), 'whenever shop has run well, which is paused');
  assert.equal(says({ error: 'sources/shop.yml:3: no' }), 'whenever shop has run well, whose file has a mistake');
  assert.equal(says({ latest: run({ status: 'failed', error: 'no' }) }), 'whenever shop has run well, which fails');
  assert.equal(says({ latest: run({ status: 'stopped' }) }), 'whenever shop has run well');
});

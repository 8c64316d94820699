// The exact cache against a model: after random loads, uploads, changes of views, permissions,
// attributes and documents, every answer of POST /api/page is what the same person gets from the
// engine. WEIR_SEED and WEIR_ROUNDS repeat and lengthen it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, join, send, setUp } from '../node/client.js';
import { askPage, rowsOf } from '../node/page.js';
import { Weir, until } from '../node/weir.js';

const seed = Number(process.env['WEIR_SEED'] ?? 1 + Math.floor(Math.random() * 1_000_000));
const rounds = Number(process.env['WEIR_ROUNDS'] ?? 60);

/** mulberry32 */
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n: number): number => Math.floor(random() * n);
function pick<T>(list: readonly T[]): T {
  return list[below(list.length)] as T;
}

const sports = ['rugby', 'hockey', 'golf'];
interface Person {
  client: Client;
  id: string;
  email: string;
}
let weir: Weir;
let admin: Client;
let people: Person[] = [];
let group: Record<string, unknown> = {};
let report = '';
const views = [
  'select sport, n from uploads.a',
  'select sport, n * 2 as n from uploads.a',
  'select a.sport, b.n from uploads.a join uploads.b using (sport)',
  "select 'none' as sport, 0 as n",
];
const rules = ['sport in (user.sports)', "sport <> 'golf'", null, 'n > 1', 'sport not in (user.sports)'];
const queries: Record<string, string> = {
  plain: 'select sport, n from uploads.a order by all',
  filtered: 'select sport, count(*) as n from uploads.a where [sport=sport] group by 1 order by 1',
  viewed: 'select sport, sum(n)::bigint as n from views.v group by 1 order by 1',
  joined: 'select a.sport, max(b.n) as n from uploads.a join (select * from uploads.b) b using (sport) group by 1 order by 1',
  events: 'select sport, count(*) as n from web.played group by 1 order by 1',
  nested: 'with x as (select * from uploads.a where n > {{ least }}) select (select count(*) from x) as n, (select count(*) from web.played) as m',
  dated: 'select (current_date - current_date)::bigint as n, (select count(*) from uploads.b) as m',
  snippet: 'select [lots] n from uploads.b order by all',
  chosen: 'select sport, count(*) as n from uploads.a where n >= {{ least }} group by 1 order by 1',
};
const parameters = [
  { name: 'sport', type: 'multiselect', options: sports.map((value) => ({ value, label: value })), default: ['rugby', 'hockey'] },
  { name: 'least', type: 'number', default: 1 },
  { name: 'choice', type: 'select', options: { query: 'chosen', value: 'sport' } },
];

const csv = (): string => `sport,n\n${Array.from({ length: 1 + below(6) }, () => `${pick(sports)},${below(5)}`).join('\n')}\n`;

async function upload(name: string, method: string): Promise<void> {
  const target = method === 'POST' ? `/api/uploads?name=${name}` : `/api/uploads/${name}`;
  const answer = await send(weir, method, target, { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' }, csv());
  assert.ok(answer.status < 300, answer.text);
}

async function track(sport: string, count: number): Promise<void> {
  const response = await fetch(`http://${weir.collect}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
    body: JSON.stringify({ batch: Array.from({ length: count }, () => ({ type: 'track', event: 'Played', userId: 'u', properties: { sport, n: below(9) } })) }),
  });
  assert.equal(response.status, 200);
  await weir.loaded();
}

async function save(kind: string, name: string, sql: string): Promise<void> {
  const old = await admin.ask('GET', `/api/${kind}/${name}`);
  const base = old.status === 200 ? { base: old.body['version'] } : {};
  const answer = await admin.ask('PUT', `/api/${kind}/${name}`, { sql, ...base });
  assert.ok(answer.status < 300, answer.text);
}

/** Straight from the engine, as this person sees it. */
async function uncached(email: string | undefined, query: string, values: object): Promise<unknown> {
  const form = `\n{% form %}\n${JSON.stringify(Object.fromEntries(parameters.map(({ name, ...rest }) => [name, rest])))}\n{% endform %}\n`;
  const answer = await admin.ask('POST', '/api/query', { sql: `${queries[query]}${form}`, values, format: 'columns', fresh: true, ...(email ? { as: email } : {}) });
  return answer.status === 200 ? rowsOf(answer.raw) : 'refused';
}

/** By POST /api/query, as the report's query (people) or as SQL (admin, also through their eyes), in several formats. */
let asks = 0;
let keptAsks = 0;
async function single(who: Person | undefined, query: string, values: object): Promise<unknown> {
  const free = who === undefined || random() < 0.3;
  const form = `\n{% form %}\n${JSON.stringify(Object.fromEntries(parameters.map(({ name, ...rest }) => [name, rest])))}\n{% endform %}\n`;
  const what = free ? { sql: `${queries[query]}${form}`, ...(who ? { as: who.email } : {}) } : { report, query };
  const format = pick(['columns', 'json'] as const);
  const answer = await (free ? admin : who.client).ask('POST', '/api/query', { ...what, values, format });
  asks++;
  if (answer.status !== 200) return 'refused';
  keptAsks += answer.headers['weir-cached'] === 'true' ? 1 : 0;
  return format === 'json' ? answer.body['rows'] : rowsOf(answer.raw);
}

/** What can be chosen, by the door that keeps it, too. */
async function choices(who: Client, values: object): Promise<unknown> {
  const answer = await who.ask('GET', `/api/reports/${report}/options/choice?values=${encodeURIComponent(JSON.stringify(values))}`);
  return answer.status === 200 ? (answer.body['options'] as { value: unknown }[]).map(({ value }) => value) : 'refused';
}

let marker = 0;
const changes: Record<string, () => Promise<void>> = {
  upload: () => upload(pick(['a', 'b']), 'PUT'),
  load: () => track(pick(sports), 1 + below(3)),
  view: async () => {
    const sql = pick(views);
    marker++;
    await save('views', 'v', `${sql} -- ${marker}`);
    await save('views', 'marker', `select ${marker} as n`);
    await until('the view to be made', 20, async () => {
      const answer = await admin.ask('POST', '/api/query', { sql: 'from views.marker' });
      return (answer.body['rows'] as number[][] | undefined)?.[0]?.[0] === marker ? true : undefined;
    });
  },
  attributes: async () => {
    await admin.want(200, 'PATCH', `/api/people/${pick(people).id}`, { attributes: random() < 0.2 ? {} : { sports: sports.filter(() => random() < 0.5) } });
  },
  rules: async () => {
    const line = (table: string): object => ({ schema: table === 'played' ? 'web' : 'uploads', table, rows: table === 'b' ? null : pick(rules), hidden: [], masked: random() < 0.2 ? ['n'] : [] });
    group = await admin.want(200, 'PUT', `/api/groups/${String(group['id'])}`, { ...group, tables: [...['a', 'b', 'played'].filter(() => random() < 0.85).map(line), { schema: 'views', table: '*', rows: null, hidden: [], masked: [] }] });
  },
  snippet: () => save('snippets', 'lots', `${below(9)} as lots,`),
  forget: () => admin.want(204, 'DELETE', '/api/cache').then(() => undefined),
  nothing: async () => undefined,
};

before(async () => {
  weir = await Weir.init();
  await weir.up();
  admin = await setUp(weir);
  await upload('a', 'POST');
  await upload('b', 'POST');
  await track('rugby', 1);
  await changes['view']?.();
  await changes['snippet']?.();
  const everyone = await admin.want(200, 'GET', '/api/groups/everyone');
  await admin.want(200, 'PUT', '/api/groups/everyone', { ...everyone, tables: [] });
  for (const name of ['ann', 'ben', 'cat']) {
    const { client, id } = await join(admin, `${name}@example.com`, { attributes: { sports: [pick(sports)] } });
    people.push({ client, id, email: `${name}@example.com` });
  }
  group = await admin.want(201, 'POST', '/api/groups', { name: 'players', members: people.map(({ id }) => id), tables: [], collections: [{ collection: 'company', level: 'view' }] });
  await changes['rules']?.();
  const made = await admin.want(201, 'POST', '/api/reports', { report: { title: 'Model', parameters, queries: Object.keys(queries).map((id) => ({ id })), tiles: [] }, queries });
  report = String(made['id']);
});
after(() => weir.remove());

test(`what is kept is what the engine says, through ${rounds} changes (seed ${seed})`, async () => {
  let asked = 0;
  let hits = 0;
  for (let round = 0; round < rounds; round++) {
    const what = pick(Object.keys(changes));
    await changes[what]?.();
    for (let i = 0; i < 3; i++) {
      const who = pick([...people, undefined]);
      const values = { sport: sports.filter(() => random() < 0.6), least: below(3) };
      const ids = Object.keys(queries).filter(() => random() < 0.7);
      const page = await askPage(who?.client ?? admin, { report, values, queries: ids });
      hits += page.done.hits;
      for (let again = 0; again < 2; again++) {
        const rows = await uncached(who?.email, 'chosen', values);
        assert.deepEqual(await choices(who?.client ?? admin, values), rows === 'refused' ? rows : (rows as unknown[][]).map(([value]) => value).filter((value) => value !== null), `seed ${seed}, round ${round} after ${what}: the choices of ${who?.email ?? 'the admin'}`);
      }
      for (const [at, id] of ids.entries()) {
        const part = page.parts[at];
        const want = await uncached(who?.email, id, values);
        asked++;
        assert.deepEqual(await single(who, id, values), want, `seed ${seed}, round ${round} after ${what}: POST /api/query of ${id} for ${who?.email ?? 'the admin'} with ${JSON.stringify(values)}`);
        assert.deepEqual(part?.error ? 'refused' : part?.rows, want, `seed ${seed}, round ${round} after ${what}: ${id} for ${who?.email ?? 'the admin'} with ${JSON.stringify(values)}, ${part?.head?.cached ? 'kept' : 'computed'} ${part?.error?.message ?? ''}`);
      }
    }
  }
  assert.ok(hits > asked / 20, `${hits} of ${asked} answers were kept ones, which proves little`);
  assert.ok(keptAsks > asks / 20, `${keptAsks} of ${asks} single queries were kept ones, which proves little`);
  console.log(`cache model: seed ${seed}, ${asked} answers, ${hits} from what was kept; ${asks} single ones, ${keptAsks} kept`);
});

test(`while others load, nobody is shown less than somebody has seen (seed ${seed})`, async () => {
  const made = await admin.want(201, 'POST', '/api/reports', {
    report: { title: 'Grows', queries: [{ id: 'quick' }, { id: 'slow' }], tiles: [] },
    queries: { quick: 'select max(n) as n from uploads.grows', slow: 'select max(n) as n, (select count(*) from range(3000000) t(i) where i % 7 = 3) as c from uploads.grows' },
  });
  const body = { report: String(made['id']) };
  let version = 1;
  const grow = async (method: string): Promise<void> => {
    const target = method === 'POST' ? '/api/uploads?name=grows' : '/api/uploads/grows';
    const answer = await send(weir, method, target, { cookie: admin.cookie, 'x-weir-csrf': admin.csrf, 'content-type': 'text/csv' }, `n\n${`${version}\n`.repeat(20_000)}`);
    assert.ok(answer.status < 300, answer.text);
  };
  await grow('POST');
  const seen = { most: 1 }; // by anybody, in an answer that has come
  const see = (n: unknown, least: number, what: string): void => {
    assert.ok(Number(n) >= least, `seed ${seed}: ${what} says ${String(n)}, and ${least} was seen before it was asked`);
    seen.most = Math.max(seen.most, Number(n));
  };
  let going = true;
  const reader = async (ask: () => Promise<void>): Promise<void> => {
    while (going) await ask();
  };
  const page = (query: string) => async (): Promise<void> => {
    const least = seen.most;
    const [part] = (await askPage(admin, { ...body, queries: [query] })).parts;
    see(part?.rows?.[0]?.[0], least, part?.head?.cached ? 'a kept result' : 'a computed one');
  };
  const query = (fresh: boolean) => async (): Promise<void> => {
    const least = seen.most;
    const answer = await admin.ask('POST', '/api/query', { sql: 'select max(n) as n from uploads.grows', fresh });
    see((answer.body['rows'] as number[][])[0]?.[0], least, fresh ? 'the engine' : 'a query that may be kept');
  };
  const engine = query(true);
  // Those who go from one to the other come while a run of somebody else's is under way.
  const both = (query: string) => async (): Promise<void> => {
    await engine();
    await page(query)();
  };
  const readers = [engine, query(false), both('quick'), page('quick'), both('slow'), both('slow'), both('slow'), page('slow')].map((ask) => reader(ask));
  const all = Promise.all(readers);
  all.catch(() => (going = false));
  for (; going && version < 30; ) {
    version++;
    await grow('PUT');
    seen.most = Math.max(seen.most, version);
  }
  going = false;
  await all;
  assert.equal(version, 30);
});

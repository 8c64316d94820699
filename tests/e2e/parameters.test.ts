// Parameters as a person uses them: over HTTP, from the command line, and without a server.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Weir, withWeir } from '../node/weir.js';

interface Answer {
  status: number;
  body: {
    rows?: unknown[][];
    sql?: string | null;
    params?: { name: string; type: string; value: unknown }[];
    fields?: { name: string; type: string; default: unknown }[];
    reads?: { kind: string; name: string }[];
    errors?: { message: string; position: { offset: number; line: number; column: number } | null }[];
    error?: { code: string; message: string; position?: { offset: number; line: number; column: number } };
  };
}

async function post(weir: Weir, route: string, body: unknown): Promise<Answer> {
  const response = await fetch(`http://${weir.serve}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

function documents(weir: Weir): void {
  for (const [file, text] of Object.entries({
    'views/numbers.sql': 'select i from range(10) t(i) where [i=wanted]\n{% form %}\nwanted: {type: multiselect}\n{% endform %}',
    'views/torn.sql': 'select 1) union (select 2',
    'snippets/double.sql': '-- double(x)\n2 * [x]',
    'definitions/people.sql': "select '{{ who }}' as name",
  })) {
    mkdirSync(path.dirname(path.join(weir.dir, file)), { recursive: true });
    writeFileSync(path.join(weir.dir, file), text);
  }
}

const fails = async (what: Promise<string>, why: RegExp): Promise<void> => assert.rejects(what, (error: Error & { stderr?: string }) => why.test(error.stderr ?? ''));

test('the API compiles templates, runs them, and shows errors at their place in the template', async () => {
  await withWeir(async (weir) => {
    documents(weir);
    const sql = "select [double(i)] as d, name from [numbers as n], {{ @people }} p where name like '%{{ q }}%'";
    const values = { wanted: [3, 4], who: "Bob's", q: "b'" };
    const run = await post(weir, '/api/query', { sql, values });
    assert.deepEqual(run.body.rows, [[6, "Bob's"], [8, "Bob's"]]);
    const compiled = await post(weir, '/api/compile', { sql, values });
    assert.equal(
      compiled.body.sql,
      "select 2 * i as d, name from (select i from range(10) t(i) where i IN ($wanted_1, $wanted_2)) AS \"n\", (select $who as name) p where name like ('%' || $q || '%')",
    );
    assert.deepEqual(compiled.body.params?.map((p) => [p.name, p.type, p.value]), [['wanted_1', 'int', 3], ['wanted_2', 'int', 4], ['who', 'text', "Bob's"], ['q', 'text', "b'"]]);
    assert.deepEqual(compiled.body.reads, [{ kind: 'snippet', name: 'double' }, { kind: 'view', name: 'numbers' }, { kind: 'definition', name: 'people' }]);
    assert.deepEqual(compiled.body.fields?.map((f) => [f.name, f.type]), [['wanted', 'multiselect'], ['who', 'text'], ['q', 'text']]);
    assert.deepEqual(compiled.body.errors, []);

    // The engine's errors are moved to where they come from in the template.
    const engine = await post(weir, '/api/query', { sql: "select '{{ a }}',\n  nope", values: { a: 'a long value that moves nothing' } });
    assert.equal(engine.status, 400);
    assert.deepEqual(engine.body.error?.position, { offset: 20, line: 2, column: 3 });
    // So are the compiler's own, and those inside a view.
    const own = await post(weir, '/api/query', { sql: 'select 1,\n {{ nobody }}', values: {} });
    assert.equal(own.status, 400);
    assert.deepEqual(own.body.error?.position, { offset: 11, line: 2, column: 2 });
    const view = await post(weir, '/api/compile', { sql: 'select *\nfrom [torn]', values: {} });
    assert.equal(view.status, 200);
    assert.equal(view.body.sql, null);
    assert.match(view.body.errors?.[0]?.message ?? '', /^view "torn", line 1: its brackets or quotes do not match/);
    assert.deepEqual(view.body.errors?.[0]?.position, { offset: 14, line: 2, column: 6 });

    // Without values a statement is no template.
    assert.deepEqual((await post(weir, '/api/query', { sql: "select '{{ x }}' as t" })).body.rows, [['{{ x }}']]);
    assert.equal((await post(weir, '/api/query', { sql: 'select 1', values: [1] })).status, 400);
    const twice = await post(weir, '/api/query', { sql: 'select {{ a }}, $a', values: { a: 1 }, params: { a: 2 } });
    assert.match(twice.body.error?.message ?? '', /among `params` and one among `values`/);
    const both = await post(weir, '/api/query', { sql: 'select {{ a }} + $b as n', values: { a: 1 }, params: { b: 2 } });
    assert.deepEqual(both.body.rows, [[3]]);
  });
});

test('columns and tables are chosen from a list and the catalog', async () => {
  await withWeir(async (weir) => {
    const response = await fetch(`http://${weir.collect}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${weir.key}:`).toString('base64')}` },
      body: JSON.stringify({ userId: 'u1', event: 'Order Completed', properties: { total: 5 } }),
    });
    assert.equal(response.status, 200);
    await weir.loaded();
    const form = "{% form %}\nby: {type: select, as: column, options: [user_id, event, 'x\" from web.tracks; --']}\nt: {type: select, as: table, options: [web.tracks, secrets]}\n{% endform %}";
    const ask = async (values: unknown): Promise<Answer> => post(weir, '/api/query', { sql: `select {{ by }}, count(*) as n from {{ t }} group by {{ by }}\n${form}`, values });
    assert.deepEqual((await ask({ by: 'user_id', t: 'web.tracks' })).body.rows, [['u1', 1]]);
    assert.match((await ask({ by: 'anonymous_id', t: 'web.tracks' })).body.error?.message ?? '', /none of the options/);
    assert.match((await ask({ by: 'x" from web.tracks; --', t: 'web.tracks' })).body.error?.message ?? '', /the warehouse has no column/);
    assert.match((await ask({ by: 'event', t: 'secrets' })).body.error?.message ?? '', /the warehouse has no table/);
    const joined = await post(weir, '/api/compile', { sql: 'select 1 from [web.tracks + web.order_completed]', values: {} });
    assert.equal(joined.body.errors?.length, 1, 'several columns could join them');
    const range = await post(weir, '/api/query', { sql: 'select count(*) as n from [web.tracks as t] where [t.received_at=daterange]', values: { daterange: 'last 2 days' } });
    assert.deepEqual(range.body.rows, [[1]]);
  });
});

test('the command line takes values, with a server and without one', async () => {
  await withWeir(async (weir) => {
    documents(weir);
    const settings = path.join(weir.dir, 'weir.yml');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace(/^query:.*$/m, 'query:\n  time_zone: Europe/Berlin'));
    const answers = async (): Promise<string[]> =>
      Promise.all([
        weir.in('query', 'select i from [numbers] order by i', '-f', 'csv', '--value', 'wanted=[1, 2]'),
        weir.in('query', "select '{{ q }}' as t, {{ n }} + 1 as n, {{ b }} as b", '-f', 'csv', '-v', "q=it's = [x", '-v', 'n=41', '-v', 'b=true'),
        weir.in('query', 'select {{ n }} as n {% form %}\nn: {type: number, default: 7}\n{% endform %}', '-f', 'csv', '--template'),
        weir.in('query', 'select {{ a }} + $b as n', '-f', 'csv', '-v', 'a=1', '-p', 'b=2'),
        weir.in('query', "select '%{{ q }}%' as t, {{ d }} as d {% form %}\nd: {type: date, default: 2026-01-31}\n{% endform %}", '--compiled', '-v', 'q=x'),
      ]);
    const withServer = await answers();
    assert.deepEqual(withServer.slice(0, 4), ['i\n1\n2\n', 't,n,b\nit\'s = [x,42,true\n', 'n\n7\n', 'n\n3\n']);
    assert.equal(withServer[4], 'select (\'%\' || $q || \'%\') as t, $d as d\n-- $q: text = "x"\n-- $d: date = "2026-01-31"\n');
    const wrong = async (): Promise<void> => {
      await fails(weir.in('query', 'select 1,\n  {{ nobody }}', '--template'), /line 2, column 3: there is no parameter "nobody"/);
      await fails(weir.in('query', 'select 1,\n  {{ nobody }}', '--compiled'), /line 2, column 3: there is no parameter "nobody"/);
      await fails(weir.in('query', 'select {{ a }},\n  nope', '-v', 'a=1'), /nope/);
      await fails(weir.in('query', 'select 1', '-v', 'sport=rugby'), /no such parameter/);
      await fails(weir.in('query', 'select 1', '-v', 'nonsense'), /NAME=VALUE/);
    };
    await fails(weir.in('query', 'select {{ a }},\n  nope', '-v', 'a=1'), /line 2, column 3/);
    await wrong();
    assert.equal(await weir.down(), 0);
    assert.deepEqual(await answers(), withServer);
    await wrong();
    // The zone of weir.yml was read by the command line; its days begin an hour or two before UTC's.
    const day = await weir.in('query', "select [daterange_start] as s", '-f', 'csv', '-v', 'daterange=2026-01-31');
    assert.equal(day, 's\n2026-01-30T23:00:00Z\n');
  });
});

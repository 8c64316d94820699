// Templates in the editor: what is sent for a statement, which names want a value, what to do about errors.
import assert from 'node:assert/strict';
import test from 'node:test';
import { distance, hintFor, nearest } from '../../web/core/hint';
import { addDays, addMonths, isDay, rangeName, weekday, weeksOf } from '../../web/core/month';
import { statementAt, statements } from '../../web/core/sql';
import { namesOf, optionSql, parametersOf, placeOf, sentOf, valuesFor } from '../../web/core/template';

const form = "{% form %}\nsport:\n  label: it's; a \"sport\n{% endform %}";

test('forms are no statements; each statement is sent with the forms of the text', () => {
  const text = `select {{ sport }};\nselect 'ü', x\n${form}`;
  const [first, second] = statements(text);
  assert.equal(statements(text).length, 2);
  assert.equal(second?.sql, "select 'ü', x");
  assert.ok(first && second);
  const sent = sentOf(text, first);
  assert.equal(sent.sql, `select {{ sport }}\n${form}`);
  assert.equal(text.slice(placeOf(sent, 10), placeOf(sent, 10) + 5), 'sport');
  assert.equal(placeOf(sent, 19), text.indexOf('{% form'), 'a place in the form');
  const other = sentOf(text, second);
  assert.equal(placeOf(other, 13), text.indexOf('x\n'), 'places are bytes');
  assert.equal(statementAt(text, text.length)?.sql, second.sql);
  const inside = `select 1 ${form} + 1`;
  assert.equal(statements(inside)[0]?.sql, inside);
  assert.equal(sentOf(inside, { from: 0, to: inside.length }).sql, inside, 'a form inside is sent once');
});

test('names that no form declares are found, and only those', () => {
  assert.deepEqual(namesOf("select {{ A }}, '{{ b.start }}', {{ @model }} {% if c != 'd' and e.size > 1 %} where [x=f] {% endif %} and [t=daterange] -- {{ g }}\n"), ['A', 'b', 'f', 'c', 'e']);
  assert.deepEqual(namesOf(`select {{ sport }}, {{ other }} ${form}`), ['other']);
  assert.deepEqual(namesOf("select [1, 2], x[1], [a >= b], {'k': 1}"), []);
});

test('a run sends what was chosen, and leaves defaults to the compiler', () => {
  const fields = parametersOf([
    { name: 'n', type: 'number', default: '4', options: [] },
    { name: 'on', type: 'boolean', default: 'true', options: [] },
    { name: 'q', type: 'text', default: null, options: [] },
    { name: 'bad', type: 'colour' },
  ]);
  assert.deepEqual(fields.map((f) => [f.name, f.fallback]), [['n', 4], ['on', true], ['q', undefined]]);
  assert.deepEqual(valuesFor(fields, { n: 5, gone: 'x' }, 'select {{ q }}'), { n: 5, q: null });
  assert.deepEqual(valuesFor([{ ...fields[2]!, fallback: 'all' }], {}, 'select {{ q }}'), { q: 'all' }, "a report's default is sent");
});

test('options come from SQL, a query, a view or a definition', () => {
  const ask = (query: string): string | undefined => optionSql({ query, value: 'v', label: 'l' }, { sports: 'select 1' }, { views: ['beats'], definitions: ['model'] });
  assert.equal(ask('select a from b'), 'select a from b');
  assert.equal(ask('sports'), 'select 1');
  assert.equal(ask('beats'), 'select * from [beats]');
  assert.equal(ask('model'), 'select * from {{ @model }}');
  assert.equal(ask('nothing'), undefined);
});

const tables = [{ schema: 'web', name: 'tracks', view: false, rows: 1, columns: [{ name: 'event' }, { name: 'sent_at' }] }];

test('an error says which word is meant, and what could be meant', () => {
  const hint = (message: string, sql: string, place?: number) => {
    const found = hintFor(message, sql, place, tables, ['count', 'sum']);
    return found && [sql.slice(found.from, found.to), ...found.instead, found.words];
  };
  assert.deepEqual(hint('Table with name trackss does not exist! Did you mean "tracks"?', 'select nope from web.trackss', 17), ['trackss', 'tracks', 'Did you mean tracks?']);
  assert.deepEqual(hint('Table with name tracks does not exist!', 'select 1 from tracks', 14), ['tracks', 'web.tracks', 'Did you mean web.tracks?']);
  assert.deepEqual(hint('column "evant" does not exist, or you may not see it; candidates: "event", "sent_at"', 'select evant from web.tracks', 7), ['evant', 'event', 'Did you mean event?']);
  assert.deepEqual(hint('Referenced column "evant" not found in FROM clause! Candidate bindings: "event", "sent_at"', 'select evant from web.tracks', 7), ['evant', 'event', 'Did you mean event?']);
  assert.deepEqual(hint('the function "coumt" is not allowed in queries', 'select coumt(event) from web.tracks'), ['coumt', 'count', 'Did you mean count?']);
  assert.match(String(hint('column "x" must appear in the GROUP BY clause', 'select x, count(*)', 7)?.at(-1)), /GROUP BY ALL/);
  assert.equal(hint('out of memory', 'select 1'), undefined);
  assert.equal(distance('recieve', 'receive'), 1);
  assert.deepEqual(nearest('sprot', ['sport', 'spot', 'viewers']), ['sport', 'spot']);
});

test('a calendar counts days without time zones', () => {
  assert.equal(addDays('2026-03-01', -1), '2026-02-28');
  assert.equal(addMonths('2026-01-31', 1), '2026-02-28');
  assert.equal(addMonths('2026-03-31', -13), '2025-02-28');
  assert.equal(weekday('2026-11-23'), 0);
  const weeks = weeksOf('2026-11-25');
  assert.deepEqual([weeks.length, weeks[0]?.[0], weeks[5]?.[6]], [6, '2026-10-26', '2026-12-06']);
  assert.equal(isDay('2026-02-30'), false);
  assert.deepEqual([rangeName('2026-03-02', '2026-03-02'), rangeName('2026-03-02', '2026-04-05'), rangeName('2025-12-30', '2026-01-02')], ['2 Mar 2026', '2 Mar – 5 Apr 2026', '30 Dec 2025 – 2 Jan 2026']);
});

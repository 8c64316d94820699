import assert from 'node:assert/strict';
import test from 'node:test';
import { fault, sayCollections, sayGroup, sayRule } from '../../web/core/access';
import { attributesOf, entries, faultOf, sayAttributes } from '../../web/core/attributes';
import { sayAction, sayDetail } from '../../web/core/audit';
import { passwordFault, tokenOf } from '../../web/core/password';

test('a rule is said in plain words', () => {
  assert.equal(sayRule({ schema: '*', table: '*' }), 'Sees all tables.');
  assert.equal(sayRule({ schema: 'web', table: '*', rows: ' sport in (user.sports) ' }), 'Sees all tables of web, only rows where sport in (user.sports).');
  assert.equal(sayRule({ schema: 'web', table: 'users', masked: ['email'], hidden: ['ip', 'phone'] }), 'Sees web.users; email is blank; ip and phone do not exist.');
  assert.equal(sayRule({ schema: 'web', table: 'video_*' }), 'Sees tables of web named video_*.');
});

test('a group is said as a whole', () => {
  assert.deepEqual(sayGroup([], []), ['Sees no tables.', 'Opens no collection of reports.']);
  assert.equal(sayCollections([{ collection: 'company', level: 'view' }, { collection: 'finance', level: 'edit' }]), 'Edits finance, opens company.');
  assert.equal(sayCollections([{ collection: '*', level: 'view' }]), 'Opens all collections.');
});

test('what is plainly wrong with a rule is said before it is sent', () => {
  assert.equal(fault({ schema: 'web', table: 'tracks', rows: "sport = 'a;b'" }), undefined);
  assert.match(fault({ schema: '', table: '*' }) ?? '', /Name the schema/);
  assert.match(fault({ schema: 'web', table: '*', rows: 'WHERE a = 1' }) ?? '', /without the word/);
  assert.match(fault({ schema: 'web', table: '*', rows: 'a = 1; drop' }) ?? '', /semicolon/);
  assert.match(fault({ schema: 'web', table: '*', masked: ['a'], hidden: ['a'] }) ?? '', /at once/);
});

test('attributes keep their kinds on the way through the form', () => {
  const attributes = { sports: ['rugby', 'tennis'], level: 3, country: 'de', code: '3', staff: true };
  assert.deepEqual(attributesOf(entries(attributes)), attributes);
  assert.equal(sayAttributes(attributes), 'sports: rugby, tennis · level: 3 · country: de · code: 3 · staff: true');
  const [entry] = entries({ level: 3 });
  assert.ok(entry);
  assert.match(faultOf({ ...entry, text: 'x' }, [entry]) ?? '', /not a number/);
  assert.match(faultOf({ ...entry, name: 'a b' }, []) ?? '', /begins with a letter/);
  assert.match(faultOf({ ...entry, name: 'email' }, []) ?? '', /by itself/);
  assert.match(faultOf(entry, [entry, entry]) ?? '', /twice/);
});

test('passwords and one-time links', () => {
  assert.match(passwordFault('short') ?? '', /10 characters/);
  assert.equal(passwordFault('long enough', 'long enough'), undefined);
  assert.match(passwordFault('long enough', 'long enougH') ?? '', /not the same/);
  assert.equal(tokenOf('#abc123 '), 'abc123');
});

test('the audit log is said in words, and what has none is shown as it is', () => {
  assert.equal(sayAction('person.add'), 'added');
  assert.equal(sayAction('query.refused'), 'was refused the query');
  assert.equal(sayAction('report.publish'), 'report.publish');
  assert.equal(sayDetail({ role: 'admin', groups: ['a', 'b'], expires_at: null }), 'role: admin; groups: a, b; expires at: none');
  assert.equal(sayDetail({ name: 'desk', description: '', members: ['a'], tables: [{ schema: 'web', table: '*', rows: 'a = 1' }], collections: [] }), 'name: desk; 1 member; Sees all tables of web, only rows where a = 1.');
  assert.equal(sayDetail(null), '');
});

// Entries of the audit log in words.
import { type Rule, sayRule } from './access';
import { plural } from './words';

const words: Record<string, string> = {
  setup: 'set weir up as',
  'session.add': 'signed in',
  'session.refused': 'was not let in',
  'session.remove': 'signed out',
  'query.refused': 'was refused the query',
  'query.cancel': 'cancelled a query of',
  'access.refused': 'was refused',
  'person.add': 'added',
  'person.change': 'changed',
  'person.remove': 'removed',
  'person.invite': 'made a link for',
  'person.join': 'chose a password with a link',
  'person.password': 'changed a password',
  'group.add': 'made group',
  'group.change': 'changed group',
  'group.remove': 'removed group',
  'token.add': 'made token',
  'token.remove': 'revoked token',
};

/** What the log does not say in words yet is shown as it is. */
export function sayAction(action: string): string {
  return words[action] ?? action;
}

function sayValue(value: unknown): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return value.length ? value.map(sayValue).join(', ') : 'none';
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

const isRule = (value: unknown): value is Rule => typeof value === 'object' && value !== null && 'schema' in value && 'table' in value;

/** One fact; '' when it says nothing. */
function sayFact(name: string, value: unknown): string {
  if (value === '' || (Array.isArray(value) && !value.length)) return '';
  if (name === 'members' && Array.isArray(value)) return plural(value.length, 'member');
  if (name === 'tables' && Array.isArray(value) && value.every(isRule)) return value.map(sayRule).join(' ');
  return `${name.replaceAll('_', ' ')}: ${sayValue(value)}`;
}

/** {role: "admin", disabled: false} -> "role: admin; disabled: false" */
export function sayDetail(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return '';
  return Object.entries(detail)
    .map(([name, value]) => sayFact(name, value))
    .filter(Boolean)
    .join('; ');
}

// A group's rules, said in plain words, and what is wrong with them before the server is asked.
import { list } from './words';

export interface Rule {
  schema: string;
  table: string;
  rows?: string | null;
  hidden?: readonly string[];
  masked?: readonly string[];
}

export interface Opened {
  collection: string;
  level: 'view' | 'edit';
}

const any = (name: string): boolean => name === '*';

/** "all tables", "all tables of web", "web.tracks", "tables of web named video_*" */
export function target(rule: Rule): string {
  if (any(rule.schema) && any(rule.table)) return 'all tables';
  if (any(rule.table)) return `all tables of ${rule.schema}`;
  if (any(rule.schema)) return `tables named ${rule.table} of every source`;
  return rule.table.includes('*') ? `tables of ${rule.schema} named ${rule.table}` : `${rule.schema}.${rule.table}`;
}

/** "Sees web.tracks, only rows where sport in (user.sports); email is blank; ip does not exist." */
export function sayRule(rule: Rule): string {
  const parts = [`Sees ${target(rule)}${rule.rows?.trim() ? `, only rows where ${rule.rows.trim()}` : ''}`];
  const [masked, hidden] = [rule.masked ?? [], rule.hidden ?? []];
  if (masked.length) parts.push(`${list(masked)} ${masked.length === 1 ? 'is' : 'are'} blank`);
  if (hidden.length) parts.push(`${list(hidden)} ${hidden.length === 1 ? 'does' : 'do'} not exist`);
  return `${parts.join('; ')}.`;
}

export function sayCollections(opened: readonly Opened[]): string {
  const named = (level: Opened['level']): string[] => opened.filter((one) => one.level === level).map((one) => (any(one.collection) ? 'all collections' : one.collection));
  const [edit, view] = [named('edit'), named('view')];
  const parts = [edit.length ? `edits ${list(edit)}` : '', view.length ? `opens ${list(view)}` : ''].filter(Boolean);
  const text = parts.join(', ');
  return text ? `${text[0]?.toUpperCase()}${text.slice(1)}.` : 'Opens no collection of reports.';
}

/** The whole group, a sentence each. */
export function sayGroup(rules: readonly Rule[], opened: readonly Opened[]): string[] {
  return [...(rules.length ? rules.map(sayRule) : ['Sees no tables.']), sayCollections(opened)];
}

/** What is wrong with a rule, or undefined. The server checks more: that the condition is SQL. */
export function fault(rule: Rule): string | undefined {
  if (!rule.schema.trim() || !rule.table.trim()) return 'Name the schema and the table; * stands for any characters.';
  const both = (rule.hidden ?? []).filter((column) => rule.masked?.includes(column));
  if (both.length) return `${list(both)} cannot be blank and not exist at once.`;
  const rows = rule.rows?.trim() ?? '';
  if (/^where\b/i.test(rows)) return 'Write the condition without the word “where”.';
  if (/;/.test(rows.replace(/'(?:[^']|'')*'/g, ''))) return 'One condition, without a semicolon.';
  return undefined;
}

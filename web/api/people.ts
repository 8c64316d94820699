// People, groups, tokens, the audit log, and being signed in.
import { send } from './client';

export type Role = 'admin' | 'editor' | 'viewer';
export type Attribute = string | number | string[];

export interface Person {
  id: string;
  email: string;
  name: string;
  role: Role;
  state: 'active' | 'invited' | 'disabled';
  disabled?: boolean;
  attributes?: Record<string, Attribute>;
  groups?: string[];
  created_at?: string;
  last_seen_at?: string | null;
}

export interface PersonRequest {
  email?: string;
  name?: string;
  role?: Role;
  disabled?: boolean;
  attributes?: Record<string, Attribute>;
  groups?: string[];
}

export interface Session {
  person: { id: string; email: string; name: string; role: Role; attributes: Record<string, Attribute> };
  groups: { id: string; name: string }[];
  csrf: string;
  see_as: string | null;
  version: string;
}

export interface TableRule {
  schema: string;
  table: string;
  rows?: string | null;
  hidden?: string[];
  masked?: string[];
}

export interface CollectionRule {
  collection: string;
  level: 'view' | 'edit';
}

export interface Group {
  id: string;
  name: string;
  description: string;
  builtin: boolean;
  members?: string[];
  tables?: TableRule[];
  collections?: CollectionRule[];
}

export interface GroupRequest {
  name: string;
  description: string;
  members: string[];
  tables: TableRule[];
  collections: CollectionRule[];
}

export type Scope = 'query' | 'read' | 'write' | 'admin';
export interface Token {
  id: string;
  name: string;
  scopes: Scope[];
  expires_at: string | null;
  created_at: string;
  last_used_at: string | null;
}

export interface AuditEntry {
  id: number;
  at: string;
  /** Her e-mail address at that time, or owner; empty: nobody who was known. */
  person: string;
  action: string;
  object: string;
  detail: Record<string, unknown>;
  /** Empty: on the machine itself. */
  address: string;
}

export interface OneTimeLink {
  link: string;
  expires_at: string;
}

async function ask<T>(method: 'get' | 'post' | 'put' | 'patch' | 'delete', url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(method, url, { body, signal });
  return (response.status === 204 ? undefined : await response.json()) as T;
}
const at = (base: string, id: string): string => `${base}/${encodeURIComponent(id)}`;

export const session = {
  get: (signal?: AbortSignal) => ask<Session>('get', '/api/session', undefined, signal),
  open: (email: string, password: string) => ask<Session>('post', '/api/session', { email, password }),
  close: () => ask<void>('delete', '/api/session'),
  change: (what: { name?: string; password?: { old: string; new: string } }) => ask<Session>('patch', '/api/session', what),
  setupNeeded: (signal?: AbortSignal) => ask<{ needed: boolean }>('get', '/api/setup', undefined, signal),
  /** A new set-up link, for the owner at the machine while there is nobody. */
  setupLink: () => ask<OneTimeLink>('post', '/api/setup/link'),
  setup: (body: { token: string; email: string; name: string; password: string }) => ask<Session>('post', '/api/setup', body),
  join: (body: { token: string; name: string; password: string }) => ask<Session>('post', '/api/invite', body),
};

export const people = {
  list: async (signal?: AbortSignal) => (await ask<{ people: Person[] }>('get', '/api/people', undefined, signal)).people,
  add: (body: PersonRequest) => ask<Person>('post', '/api/people', body),
  change: (id: string, body: PersonRequest) => ask<Person>('patch', at('/api/people', id), body),
  remove: (id: string) => ask<void>('delete', at('/api/people', id)),
  invite: (id: string) => ask<OneTimeLink>('post', `${at('/api/people', id)}/invite`),
};

export const groups = {
  list: async (signal?: AbortSignal) => (await ask<{ groups: Group[] }>('get', '/api/groups', undefined, signal)).groups,
  add: (body: GroupRequest) => ask<Group>('post', '/api/groups', body),
  save: (id: string, body: GroupRequest) => ask<Group>('put', at('/api/groups', id), body),
  remove: (id: string) => ask<void>('delete', at('/api/groups', id)),
};

export const tokens = {
  list: async (signal?: AbortSignal) => (await ask<{ tokens: Token[] }>('get', '/api/tokens', undefined, signal)).tokens,
  add: (body: { name: string; scopes: Scope[]; expires_at: string | null }) => ask<Token & { secret: string }>('post', '/api/tokens', body),
  remove: (id: string) => ask<void>('delete', at('/api/tokens', id)),
};

export const audit = {
  list: async (query: { before?: number; limit?: number; person?: string; action?: string }, signal?: AbortSignal) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, String(value));
    return (await ask<{ entries: AuditEntry[] }>('get', `/api/audit?${search}`, undefined, signal)).entries;
  },
};

// People, groups, tokens, the audit log, and being signed in: the contract's own types and calls.
import { type BodyOf, call } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type Role = Schemas['Role'];
export type Person = Schemas['Person'];
export type PersonRequest = Schemas['PersonRequest'];
export type Session = Schemas['Session'];
export type TableRule = Schemas['Grant'];
export type CollectionRule = Schemas['CollectionGrant'];
export type Group = Schemas['Group'];
export type GroupRequest = Schemas['GroupRequest'];
export type Scope = Schemas['Scope'];
export type Token = Schemas['Token'];
export type AuditEntry = Schemas['Audit']['entries'][number];
export type OneTimeLink = Schemas['OneTimeLink'];

export const session = {
  get: () => call('get', '/api/session'),
  open: (email: string, password: string) => call('post', '/api/session', { body: { email, password } }),
  close: () => call('delete', '/api/session'),
  change: (body: BodyOf<'/api/session', 'patch'>) => call('patch', '/api/session', { body }),
  setupNeeded: (signal: AbortSignal) => call('get', '/api/setup', { signal }),
  /** A new set-up link, for the owner at the machine while there is nobody. */
  setupLink: () => call('post', '/api/setup/link'),
  setup: (body: BodyOf<'/api/setup', 'post'>) => call('post', '/api/setup', { body }),
  join: (body: BodyOf<'/api/invite', 'post'>) => call('post', '/api/invite', { body }),
};

export const people = {
  list: async (signal: AbortSignal) => (await call('get', '/api/people', { signal })).people,
  add: (body: PersonRequest) => call('post', '/api/people', { body }),
  change: (id: string, body: PersonRequest) => call('patch', '/api/people/{id}', { path: { id }, body }),
  remove: (id: string) => call('delete', '/api/people/{id}', { path: { id } }),
  invite: (id: string) => call('post', '/api/people/{id}/invite', { path: { id } }),
};

export const groups = {
  list: async (signal: AbortSignal) => (await call('get', '/api/groups', { signal })).groups,
  add: (body: GroupRequest) => call('post', '/api/groups', { body }),
  save: (id: string, body: GroupRequest) => call('put', '/api/groups/{id}', { path: { id }, body }),
  remove: (id: string) => call('delete', '/api/groups/{id}', { path: { id } }),
};

export const tokens = {
  list: async (signal: AbortSignal) => (await call('get', '/api/tokens', { signal })).tokens,
  add: (body: BodyOf<'/api/tokens', 'post'>) => call('post', '/api/tokens', { body }),
  remove: (id: string) => call('delete', '/api/tokens/{id}', { path: { id } }),
};

export const audit = {
  list: async (query: { before?: number; limit?: number; person?: string; action?: string }, signal?: AbortSignal) =>
    (await call('get', '/api/audit', { query, ...(signal ? { signal } : {}) })).entries,
};

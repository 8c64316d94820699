// Who is signed in, what they may do, and whose view an admin looks through.
import { ApiError, asApiError, link } from '../api/client';
import { type Role, type Session, session as api } from '../api/people';
import { go, here, unsaved } from './router.svelte';

type State =
  | { kind: 'asking' }
  | { kind: 'signed-in'; session: Session }
  | { kind: 'signed-out' };

let state = $state.raw<State>({ kind: 'asking' });
/** The session is over, and the page has something that is not saved: it stays. */
let over = $state(false);
const seeAsKey = 'weir.see-as';
const remembered = sessionStorage.getItem(seeAsKey) ?? '';
let looking = $state(remembered);
link.seeAs = remembered;

function enter(session: Session): void {
  link.csrf = session.csrf;
  over = false;
  state = { kind: 'signed-in', session };
}

export const who = {
  get known(): boolean {
    return state.kind !== 'asking';
  },
  get signedIn(): boolean {
    return state.kind === 'signed-in';
  },
  /** The owner at the machine itself, before (or without) people. */
  get owner(): boolean {
    return state.kind === 'signed-in' && state.session.person.id === 'owner';
  },
  /** A person with an account of her own. */
  get person(): Session['person'] | undefined {
    return state.kind === 'signed-in' && state.session.person.id !== 'owner' ? state.session.person : undefined;
  },
  get session(): Session | undefined {
    return state.kind === 'signed-in' ? state.session : undefined;
  },
  get name(): string {
    return state.kind === 'signed-in' ? state.session.person.name || state.session.person.email : '';
  },
  get role(): Role | undefined {
    return state.kind === 'signed-in' ? state.session.person.role : undefined;
  },
  /** Her session is over, but what she did not save is still on the page. */
  get over(): boolean {
    return over;
  },
  /** The address of the person whose view is shown; '' when it is one's own. */
  get seeAs(): string {
    return looking;
  },
};

export function may(roles: readonly Role[] | undefined): boolean {
  return !roles || (who.role !== undefined && roles.includes(who.role));
}

/** Asks who this is; with nobody signed in, leads to the log-in. */
export async function load(): Promise<void> {
  try {
    enter(await api.get());
  } catch (cause) {
    const error = asApiError(cause);
    if (looking && (error.status === 403 || error.status === 404)) {
      // The person looked through is gone, or this is no admin any more.
      seeAs('');
      return;
    }
    if (error.status !== 401) throw error;
    state = { kind: 'signed-out' };
    toLogin();
  }
}

function toLogin(): void {
  if (here.match?.route.bare) return;
  const back = location.pathname + location.search;
  go(back === '/' ? '/login' : `/login?next=${encodeURIComponent(back)}`, { replace: true });
}

link.onSignedOut = () => {
  if (state.kind === 'asking' || state.kind === 'signed-out') return;
  over = unsaved();
  if (over) return;
  state = { kind: 'signed-out' };
  toLogin();
};

/** Has she signed in again in another tab? Then the page goes on; it is no other person's. */
export async function comeBack(): Promise<void> {
  const before = who.session?.person.id;
  const session = await api.get();
  if (session.person.id === before) enter(session);
  else location.reload();
}

/** An address within the app to go to after signing in; anything else is home. */
export function next(): string {
  const wanted = here.search.get('next') ?? '/';
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin && wanted.startsWith('/') ? url.pathname + url.search : '/';
}

export async function signIn(email: string, password: string): Promise<void> {
  enter(await api.open(email, password));
}
export async function setUp(body: Parameters<typeof api.setup>[0]): Promise<void> {
  enter(await api.setup(body));
}
export async function join(body: Parameters<typeof api.join>[0]): Promise<void> {
  enter(await api.join(body));
}
export async function changeMe(body: Parameters<typeof api.change>[0]): Promise<void> {
  enter(await api.change(body));
}

export async function signOut(): Promise<void> {
  try {
    await api.close();
  } catch (cause) {
    if (!(cause instanceof ApiError) || cause.status !== 401) throw cause;
  }
  link.csrf = '';
  sessionStorage.removeItem(seeAsKey);
  // What was on the screen, and what was kept in memory, goes too.
  location.assign('/login');
}

/** Shows the app as this person sees it ('' ends it). Everything is read again. */
export function seeAs(email: string): void {
  looking = email;
  link.seeAs = email;
  if (email) sessionStorage.setItem(seeAsKey, email);
  else sessionStorage.removeItem(seeAsKey);
  location.assign('/');
}

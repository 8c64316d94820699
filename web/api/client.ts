// Every request to the server goes through here: typed by docs/openapi.yaml, can be cancelled, and
// fails with an ApiError that a person can read.
import type { paths } from './schema';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
/** The paths that take this method. */
export type PathOf<M extends Method> = { [P in keyof paths]: Operation<P, M> extends { responses: object } ? P : never }[keyof paths];
type PathParams<O> = O extends { parameters: { path: infer V } } ? V : undefined;
type QueryParams<O> = O extends { parameters: { query?: infer V } } ? V : undefined;
type Content<R> = R extends { content: { 'application/json': infer B } } ? B : undefined;
/** The JSON that a request takes. */
export type BodyOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: infer R } ? Content<NonNullable<R>> : undefined;
type Good<R> = R extends Record<200, infer A> ? A : R extends Record<201, infer A> ? A : R extends Record<202, infer A> ? A : undefined;
/** The JSON of a good answer. */
export type AnswerOf<P extends keyof paths, M extends Method> = Operation<P, M> extends { responses: infer R } ? Content<Good<R>> : undefined;

export interface Options<Path = unknown, Query = unknown, Body = unknown> {
  path?: Path;
  query?: Query;
  body?: Body;
  signal?: AbortSignal;
}

export interface Position {
  offset: number;
  line: number;
  column: number;
}

/** offline: no answer came. refused: the server said no. cancelled: whoever asked went away. */
export type Failure = 'offline' | 'refused' | 'cancelled';

/** What went wrong, in words for the person; `code` and `status` are for the program. */
export class ApiError extends Error {
  constructor(
    readonly failure: Failure,
    message: string,
    readonly status = 0,
    readonly code = '',
    readonly position?: Position,
    /** Seconds to wait, when the server asks for it. */
    readonly retryAfter?: number,
    /** The whole `error` object of the answer. */
    readonly detail?: unknown,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** What a request carries besides its own words, and who wants to know how requests end. */
export const link = {
  csrf: '',
  /** The token of an embedded page; it is nobody's session, whoever is signed in here. */
  pass: '',
  /** The e-mail address of the person whose view an admin looks through. */
  seeAs: '',
  onOffline: (): void => undefined,
  onOnline: (): void => undefined,
  onSignedOut: (): void => undefined,
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = isObject(body) && isObject(body['error']) ? body['error'] : {};
  const message = typeof error['message'] === 'string' ? error['message'] : `the server answers ${response.status} ${response.statusText}`.trim();
  const code = typeof error['code'] === 'string' ? error['code'] : '';
  const wait = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new ApiError('refused', message, response.status, code, error['position'] as Position | undefined, Number.isFinite(wait) ? wait : undefined, error);
}

/** Any failure as an ApiError. */
export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  if (cause instanceof DOMException && cause.name === 'AbortError') return new ApiError('cancelled', 'cancelled');
  return new ApiError('offline', cause instanceof Error && !(cause instanceof TypeError) ? cause.message : 'the server does not answer');
}

/** A request as it is, with what every request carries; a good answer or an ApiError. For answers
 * that are streams; everything else uses call(). */
export async function send(method: Method, url: string, options: { body?: unknown; raw?: Blob; signal?: AbortSignal | undefined } = {}): Promise<Response> {
  const headers: Record<string, string> = {};
  let body: string | Blob | undefined;
  if (options.raw) {
    body = options.raw;
    headers['Content-Type'] = options.raw.type || 'application/octet-stream';
  } else if (options.body !== undefined || method === 'post') {
    body = JSON.stringify(options.body ?? {});
    headers['Content-Type'] = 'application/json';
  }
  if (method !== 'get' && link.csrf) headers['X-Weir-CSRF'] = link.csrf;
  if (link.pass) headers['X-Weir-Pass'] = link.pass;
  if (link.seeAs) headers['X-Weir-See-As'] = link.seeAs;
  let response: Response;
  try {
    response = await fetch(url, { method: method.toUpperCase(), headers, body: body ?? null, signal: options.signal ?? null, credentials: link.pass ? 'omit' : 'same-origin' });
  } catch (cause) {
    const error = asApiError(cause);
    if (error.failure === 'offline') link.onOffline();
    throw error;
  }
  link.onOnline();
  if (response.ok) return response;
  const error = await refusal(response);
  if (response.status === 401 && url !== '/api/session') link.onSignedOut();
  throw error;
}

function address(path: string, params: unknown, query: unknown): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(isObject(params) ? params[name] : '')));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(isObject(query) ? query : {})) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  return search.size ? `${filled}?${search}` : filled;
}

/** What was asked for before the page was there that wants it: one answer for the first who asks. */
const asked = new Map<string, { answer: Promise<unknown>; abort: AbortController; at: number }>();
const AHEAD_MS = 10_000;

/** Asks for what a page will need first, while its files still come. A failure is nobody's: the page asks again. */
export function ahead<P extends PathOf<'get'>>(path: P, options: Options<PathParams<Operation<P, 'get'>>, QueryParams<Operation<P, 'get'>>>): void {
  const url = address(path, options.path, options.query);
  const abort = new AbortController();
  const answer = fetchJson('get', url, { signal: abort.signal });
  answer.catch(() => asked.delete(url));
  asked.set(url, { answer, abort, at: performance.now() });
}

function taken(url: string, signal: AbortSignal | undefined): Promise<unknown> | undefined {
  const found = asked.get(url);
  asked.delete(url);
  if (!found || signal?.aborted || performance.now() - found.at > AHEAD_MS) return undefined;
  signal?.addEventListener('abort', () => found.abort.abort(), { once: true });
  return found.answer;
}

/** What was asked before something changed, or somebody else came in, is not what is asked for after it. */
function forget(): void {
  for (const { abort } of asked.values()) abort.abort();
  asked.clear();
}

async function fetchJson(method: Method, url: string, options: { body?: unknown; signal?: AbortSignal | undefined }): Promise<unknown> {
  const response = await send(method, url, options);
  try {
    return response.status === 204 ? undefined : await response.json();
  } catch (cause) {
    throw asApiError(cause);
  }
}

/** call('get', '/api/status') and so on: path, parameters, body and answer are the contract's. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  options: Options<PathParams<Operation<P, M>>, QueryParams<Operation<P, M>>, BodyOf<P, M>> = {},
): Promise<AnswerOf<P, M>> {
  const url = address(path, options.path, options.query);
  const early = method === 'get' ? taken(url, options.signal) : undefined;
  if (method !== 'get') forget();
  return (await (early ?? fetchJson(method, url, { body: options.body, signal: options.signal }))) as AnswerOf<P, M>;
}

// People who talk to a running weir as a browser does: with a cookie and the CSRF header.
import assert from 'node:assert/strict';
import http from 'node:http';
import { type Weir, until } from './weir.js';

export const password = 'four random words';

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  text: string;
  raw: Buffer;
  headers: http.IncomingHttpHeaders;
}

/** Node's fetch refuses to send some headers that a browser sends, so this is bare HTTP. */
export function send(server: Weir, method: string, target: string, headers: Record<string, string> = {}, body?: unknown): Promise<Answer> {
  const [host, port] = server.serve.split(':');
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const all: Record<string, string> = { ...headers };
  if (text !== undefined) {
    all['content-type'] ??= 'application/json';
    all['content-length'] = String(Buffer.byteLength(text));
  }
  return new Promise((resolve, reject) => {
    // Without a pool: a connection that was kept from before the server was struck would hang up once more.
    const request = http.request({ host, port, method, path: target, headers: all, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const raw = Buffer.concat(chunks);
        let parsed: Record<string, unknown> = {};
        try {
          parsed = JSON.parse(raw.toString()) as Record<string, unknown>;
        } catch {
          // not JSON
        }
        resolve({ status: response.statusCode ?? 0, body: parsed, text: raw.toString(), raw, headers: response.headers });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

/** Somebody with a cookie, as a browser has one. */
export class Client {
  constructor(
    readonly server: Weir,
    readonly cookie: string,
    readonly csrf: string,
  ) {}

  static of(server: Weir, answer: Answer): Client {
    assert.equal(answer.status, 200, answer.text);
    return new Client(server, (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '', String(answer.body['csrf']));
  }

  static async enter(server: Weir, email: string, secret = password): Promise<Client> {
    return Client.of(server, await send(server, 'POST', '/api/session', {}, { email, password: secret }));
  }

  ask(method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return send(this.server, method, target, { cookie: this.cookie, 'x-weir-csrf': this.csrf, ...headers }, body);
  }

  /** What must answer with this status; gives the body. */
  async want(status: number, method: string, target: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.ask(method, target, body);
    assert.equal(answer.status, status, `${method} ${target}: ${answer.text}`);
    return answer.body;
  }
}

export const message = (answer: Answer): string => String((answer.body['error'] as { message?: string } | undefined)?.message);

/** The first admin, by the printed link. */
export async function setUp(server: Weir, email = 'ada@example.com'): Promise<Client> {
  const link = await until('the set-up link', 20, () => /http:\S+\/setup#[0-9a-f]{64}/.exec(server.log())?.[0]);
  return Client.of(server, await send(server, 'POST', '/api/setup', {}, { token: link.split('#')[1], email, name: 'Ada', password }));
}

/** Makes a person by way of an invitation. */
export async function join(admin: Client, email: string, more: Record<string, unknown> = {}): Promise<{ id: string; client: Client }> {
  const made = await admin.want(201, 'POST', '/api/people', { email, name: email.split('@')[0], ...more });
  const id = String(made['id']);
  const invited = await admin.want(200, 'POST', `/api/people/${id}/invite`, {});
  const token = String(invited['link']).split('#')[1];
  return { id, client: Client.of(admin.server, await send(admin.server, 'POST', '/api/invite', {}, { token, password })) };
}

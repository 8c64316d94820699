// A web server on loopback that serves what a test says, and notes who asked for what.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export class Web {
  readonly asked: IncomingMessage[] = [];
  readonly routes = new Map<string, Handler>();
  fallback: Handler | undefined;
  private constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static async start(tls?: { key: Buffer; cert: Buffer }): Promise<Web> {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const url = new URL(request.url ?? '/', 'http://x');
      web.asked.push(request);
      const handler = web.routes.get(url.pathname) ?? web.fallback;
      if (handler) handler(request, response, url);
      else response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not here</h1>');
    };
    const server: Server = tls ? createTls(tls, answer) : createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const web: Web = new Web(server, `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return web;
  }

  /** A file, with an ETag of its content; 304 when it is known. */
  file(path: string, body: string | Buffer, type = 'text/csv'): void {
    const etag = `"${Buffer.from(body).toString('base64').slice(-24)}-${body.length}"`;
    this.routes.set(path, (request, response) => {
      if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end();
      else response.writeHead(200, { etag, 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    });
  }

  count(path: string): number {
    return this.asked.filter(({ url }) => url?.startsWith(path)).length;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

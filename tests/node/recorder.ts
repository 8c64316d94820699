// Stands between an SDK and weir, passes every byte on unchanged and remembers what was sent and
// what was answered: the truth that the warehouse is compared with.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Exchange {
  method: string;
  path: string;
  headers: http.IncomingHttpHeaders;
  bytes: number;
  body: string;
  status: number;
  answer: string;
}

export class Recorder {
  readonly exchanges: Exchange[] = [];
  private readonly server: http.Server;
  private readonly agent = new http.Agent({ keepAlive: true });

  private constructor(private readonly target: string) {
    this.server = http.createServer((request, response) => void this.pass(request, response));
  }

  /** In front of `target` ("host:port"). */
  static async start(target: string): Promise<Recorder> {
    const recorder = new Recorder(target);
    await new Promise<void>((resolve) => recorder.server.listen(0, '127.0.0.1', resolve));
    return recorder;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** The requests that carried a JSON body to a tracking route. */
  posts(): Exchange[] {
    return this.exchanges.filter((e) => e.method === 'POST' && e.path !== '/v1/m');
  }

  private async pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const { hostname, port } = new URL(`http://${this.target}`);
    const onward = http.request(
      {
        hostname,
        port,
        method: request.method,
        path: request.url,
        headers: request.headers,
        agent: this.agent,
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => {
          const zipped = raw[0] === 0x1f && raw[1] === 0x8b;
          this.exchanges.push({
            method: request.method ?? '',
            path: request.url ?? '',
            headers: request.headers,
            bytes: raw.length,
            body: (zipped ? gunzipSync(raw) : raw).toString('utf8'),
            status: answer.statusCode ?? 0,
            answer: Buffer.concat(parts).toString('utf8'),
          });
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          response.end(Buffer.concat(parts));
        });
      },
    );
    onward.on('error', () => response.destroy());
    onward.end(raw);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.agent.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

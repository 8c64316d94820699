// Clients that send all the time and remember what was acknowledged.
import http from 'node:http';

/** A small seeded generator: the same seed, the same choices. */
export class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }
}

export interface Answer {
  status: number; // 0: none came
  retryAfter: string | undefined;
  body: string;
}

/** One request; never throws. */
export function post(agent: http.Agent, address: string, path: string, key: string, body: string): Promise<Answer> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const none = { status: 0, retryAfter: undefined, body: '' };
    const request = http.request(
      {
        host,
        port,
        path,
        method: 'POST',
        agent,
        timeout: 10_000,
        headers: {
          authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString()));
        response.on('error', () => resolve(none));
        response.on('end', () => {
          const retryAfter = response.headers['retry-after'];
          resolve({ status: response.statusCode ?? 0, retryAfter, body: text });
        });
        response.on('close', () => resolve(none));
      },
    );
    request.on('error', () => resolve(none));
    request.on('timeout', () => request.destroy());
    request.end(body);
  });
}

export function event(id: string, random: Random): object {
  const page = random.below(4) === 0;
  return {
    type: page ? 'page' : 'track',
    ...(page ? { name: 'Live' } : { event: random.pick(['Video Started', 'Heartbeat', 'Shared']) }),
    messageId: id,
    userId: `user-${random.below(50)}`,
    timestamp: new Date().toISOString(),
    properties: { id, n: random.below(1000), text: 'x'.repeat(random.below(600)) },
  };
}

/** Sends until stopped. What was not acknowledged is sent again, as SDKs do, with the same ids. */
export class Client {
  readonly acknowledged: string[] = [];
  readonly offered = new Set<string>();
  readonly refusals: Answer[] = [];
  repeats = 0;
  private running = true;
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  private readonly done: Promise<void>;

  constructor(
    private readonly address: () => string,
    private readonly key: string,
    private readonly name: string,
    private readonly random: Random,
  ) {
    this.done = this.run();
  }

  private async run(): Promise<void> {
    let sent = 0;
    while (this.running) {
      const count = this.random.below(3) === 0 ? 1 : 1 + this.random.below(20);
      const ids = Array.from({ length: count }, () => `${this.name}-${sent++}`);
      for (const id of ids) this.offered.add(id);
      const items = ids.map((id) => event(id, this.random));
      const single = count === 1 ? (items[0] as { type: string }) : undefined;
      const path = single ? `/v1/${single.type}` : '/v1/batch';
      const body = JSON.stringify(single ?? { batch: items, sentAt: new Date().toISOString() });
      for (let attempt = 0; this.running || attempt === 0; attempt++) {
        const answer = await post(this.agent, this.address(), path, this.key, body);
        if (answer.status === 200) {
          this.acknowledged.push(...ids);
          break;
        }
        this.repeats++;
        if (answer.status !== 0) this.refusals.push(answer);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
    this.agent.destroy();
  }
}

// A gate between weir and a server: far away, where each word takes its time, or shut, so that what the server has to say waits there.
import net from 'node:net';

export class Gate {
  private readonly all = new Set<net.Socket>();
  private waiting: (() => void)[] = [];
  private constructor(private readonly listener: net.Server) {}

  /** Of one connection at most so much comes through, until it is opened; then all comes. */
  most = Infinity;
  /** What the server says comes so many milliseconds later. */
  late = 0;

  static async before(port: number): Promise<Gate> {
    const gate: Gate = new Gate(net.createServer((client) => gate.pass(client, net.connect({ host: '127.0.0.1', port }))));
    await new Promise<void>((resolve) => gate.listener.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get port(): number {
    return (this.listener.address() as net.AddressInfo).port;
  }

  private pass(client: net.Socket, server: net.Socket): void {
    let came = 0;
    for (const [one, other] of [[client, server], [server, client]] as const) {
      this.all.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.all.delete(one);
        this.after(() => other.destroy());
      });
    }
    client.on('data', (data) => server.write(data));
    server.on('data', (data: Buffer) => {
      came += data.length;
      this.after(() => client.write(data));
      if (came > this.most) {
        server.pause();
        this.waiting.push(() => server.resume());
      }
    });
  }

  private after(what: () => void): void {
    if (this.late) setTimeout(what, this.late);
    else what();
  }

  open(): void {
    this.most = Infinity;
    for (const go of this.waiting.splice(0)) go();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    for (const one of this.all) one.destroy();
    await closed;
  }
}

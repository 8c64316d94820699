// Long work in short slices, so that the page stays alive under it.

const breath = (): Promise<void> =>
  new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });

/** Ends in an AbortError when `signal` is. */
export class Slices {
  private since = performance.now();
  constructor(
    private readonly signal?: AbortSignal,
    private readonly most = 8,
  ) {}

  /** Call often: true when it is time for `await pause()`. */
  get due(): boolean {
    return performance.now() - this.since > this.most;
  }

  async pause(): Promise<void> {
    await breath();
    this.signal?.throwIfAborted();
    this.since = performance.now();
  }
}

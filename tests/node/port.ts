// A port of this machine that nobody listens at, and that no connection of anybody's gets from the system: those are above 32767. It may be
// given back and taken again, as by a server that is restarted.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = (): number => {
  try {
    return Math.min(32768, Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]));
  } catch {
    return 32768;
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const listener = createServer();
    listener.once('error', () => resolve(false));
    listener.listen(port, '127.0.0.1', () => listener.close(() => resolve(true)));
  });

export const freePort = async (): Promise<number> => {
  const most = lowest() > 12000 ? lowest() : 32768;
  for (let i = 0; i < 1000; i++) {
    const port = 10000 + Math.floor(Math.random() * (most - 10000));
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
};

// Certificates of tests: a server's own, which is its root too, and those of users that it signs.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import path from 'node:path';

const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });

export function ownCertificate(key: string, crt: string): void {
  openssl('req', '-new', '-x509', '-days', '2', '-nodes', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', crt);
}

/** In `dir`, which has root.crt; `key` is the root's. */
export function card(dir: string, key: string, user: string): { crt: string; key: string } {
  const [own, asked, crt] = ['key', 'csr', 'crt'].map((end) => path.join(dir, `${user}.${end}`)) as [string, string, string];
  openssl('req', '-new', '-nodes', '-subj', `/CN=${user}`, '-keyout', own, '-out', asked);
  openssl('x509', '-req', '-days', '2', '-in', asked, '-CA', path.join(dir, 'root.crt'), '-CAkey', key, '-set_serial', '7', '-out', crt);
  chmodSync(own, 0o600);
  return { crt, key: own };
}

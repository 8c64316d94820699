// Servers of other Debian suites than the installed one: downloaded at first use, into .deps/servers.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** Why the packages cannot be had, or undefined: their programs are below `dir`. */
export function fetchOther(suite: string, packages: string[], dir: string): string | undefined {
  const { status, error, stdout, stderr } = spawnSync('tools/other-server', [suite, ...packages, dir], { encoding: 'utf8', timeout: 600_000 });
  if (status === 0) console.log(`# ${stdout.trim()}`);
  return status === 0 ? undefined : `${error?.message ?? stderr.trim()}: NOT TESTED`;
}

/** The root of the server to test with: of the variable's SUITE/PACKAGE ("sid/postgresql-18"), or this machine. */
export function chosen(variable: string): { root: string; missing?: string } {
  const [suite = '', name = ''] = (process.env[variable] ?? '').split('/');
  const root = suite ? path.join(process.cwd(), '.deps/servers', name) : '/';
  const missing = suite ? fetchOther(suite, [name], root) : undefined;
  return missing ? { root, missing } : { root };
}

// Servers of other Debian suites than the installed one: downloaded at first use, into .deps/servers.
import { spawnSync } from 'node:child_process';

/** Why the packages cannot be had, or undefined: their programs are below `dir`. */
export function fetchOther(suite: string, packages: string[], dir: string): string | undefined {
  const { status, error, stderr } = spawnSync('tools/other-server', [suite, ...packages, dir], { encoding: 'utf8', timeout: 600_000 });
  return status === 0 ? undefined : `${error?.message ?? stderr.trim()}: NOT TESTED`;
}

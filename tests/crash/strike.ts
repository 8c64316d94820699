// kill -9 of weir's processes, and how it comes back.
import { readFileSync, readdirSync } from 'node:fs';
import { type Weir, until } from '../node/weir.js';

export type Victim = 'collect' | 'serve' | 'both' | 'all' | 'up';

/** The living children of `weir up` by subcommand. */
export function processes(parent: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(fields[1]) !== parent || fields[0] === 'Z') continue;
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const command = words.find((word) => word === 'collect' || word === 'serve');
      if (command) found.set(command, Number(pid));
    } catch {
      continue; // it has ended meanwhile
    }
  }
  return found;
}

function kill(pid: number | undefined): void {
  if (!pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Returns when what was struck runs again, with the addresses that it had. */
export async function strike(weir: Weir, victim: Victim): Promise<void> {
  const pids = processes(weir.pid);
  if (victim === 'collect' || victim === 'both') kill(pids.get('collect'));
  if (victim === 'serve' || victim === 'both') kill(pids.get('serve'));
  if (victim === 'all') for (const pid of pids.values()) kill(pid);
  if (victim === 'all' || victim === 'up') {
    kill(weir.pid);
    await weir.down();
    await until('the children to follow weir up', 20, () =>
      [...pids.values()].some(alive) ? undefined : true,
    );
    await weir.up({ collect: weir.collect, serve: weir.serve });
    return;
  }
  await until(`${victim} to be started again`, 30, () => {
    const now = processes(weir.pid);
    const changed = [...pids].every(([name, pid]) => {
      const struck = victim === 'both' || victim === name;
      return now.has(name) && (!struck || now.get(name) !== pid);
    });
    return changed ? true : undefined;
  });
}

// What `weir verify` shows, and changes that weir knows nothing of.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { type Weir, binary } from './weir.js';

export interface Compared {
  stream: string;
  status: string;
  rows: number;
  compared: number;
  missing: number;
  extra: number;
  different: number;
  pending: number;
  kept: number;
  keys: { what: string; key: Record<string, unknown> }[];
  not_compared: string[];
  files: { file: string; missing: number; extra: number; different: number }[];
  error: string | null;
}

export const found = (c: Compared): string => `${c.status} ${c.missing} ${c.extra} ${c.different}`;

/** `weir verify` in a workspace that is there when they are called. */
export const compared = (weir: () => Weir) => {
  /** What `weir verify` shows, and whether it failed. */
  const verify = async (...args: string[]): Promise<{ streams: Compared[]; failed: boolean; said: string }> => {
    let failed = false;
    const said = await weir().in('verify', '--json', ...args).catch((error: Error & { stdout?: string }) => {
      failed = true;
      return `${error.stdout ?? ''}${error.message}`;
    });
    const line = said.split('\n').find((one) => one.startsWith('{"run"'));
    assert.ok(line, said);
    return { ...(JSON.parse(line) as { streams: Compared[] }), failed, said };
  };
  const one = async (...args: string[]): Promise<Compared & { failed: boolean }> => {
    const { streams, failed } = await verify(...args);
    assert.ok(streams[0]);
    return { ...streams[0], failed };
  };
  return { verify, one };
};

/** Statements in the warehouse's file that weir knows nothing of; no server may run. */
export const behind = (weir: Weir, ...statements: string[]): void => {
  const library = /(\/\S*libduckdb\.so)/.exec(execFileSync('ldd', [binary], { encoding: 'utf8' }))?.[1] ?? '';
  const script = `
import ctypes, sys
d = ctypes.CDLL(sys.argv[1])
db, con = ctypes.c_void_p(), ctypes.c_void_p()
assert d.duckdb_open(sys.argv[2].encode(), ctypes.byref(db)) == 0
assert d.duckdb_connect(db, ctypes.byref(con)) == 0
for sql in sys.argv[3:]:
    assert d.duckdb_query(con, sql.encode(), None) == 0, sql
d.duckdb_disconnect(ctypes.byref(con)); d.duckdb_close(ctypes.byref(db))`;
  execFileSync('python3', ['-c', script, library, path.join(weir.dir, '.weir/warehouse.duckdb'), ...statements]);
};

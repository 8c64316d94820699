// The workspace and the server of a file of tests, which are there while they run.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { type Make, MySQL, password } from './mysql.js';
import { Weir } from './weir.js';

export let weir: Weir;
export let db: MySQL;

/** `ready` is what else is to be done before the tests. Gives why they are skipped, or false. */
export function holdServer(make: Make, options: string[], ready: () => Promise<void> | void): string | false {
  const skip = make.missing ?? false;
  if (skip) console.error(`\n*** SKIPPED: ${skip} ***\n`);
  before(async () => {
    if (skip) return;
    process.env['WEIR_SOURCE_TEST_PASSWORD'] = password;
    [weir, db] = await Promise.all([Weir.init(), MySQL.start(make, ...options)]);
    mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
    await ready();
  });
  after(async () => {
    if (skip) return;
    await weir.remove();
    await db.stop();
  });
  return skip;
}

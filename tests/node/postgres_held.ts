// The workspace and the PostgreSQL of a file of tests, which are there while they run.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { Postgres, missing } from './postgres.js';
import { Weir } from './weir.js';

export let weir: Weir;
export let pg: Postgres;

/** `ready` is what else is to be done before the tests. Gives why they are skipped, or false. */
export function holdPostgres(options: string[], ready?: () => Promise<void> | void): string | false {
  const skip = missing ?? false;
  if (skip) console.error(`\n*** SKIPPED: ${skip} ***\n`);
  before(async () => {
    if (skip) return;
    process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
    [weir, pg] = await Promise.all([Weir.init(), Postgres.start(...options)]);
    mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
    await ready?.();
  });
  after(async () => {
    if (skip) return;
    await weir.remove();
    await pg.stop();
  });
  return skip;
}

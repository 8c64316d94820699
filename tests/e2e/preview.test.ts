// What the page shows of a database's table before anything is loaded: the values as they will be.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, setUp } from '../node/client.js';
import { MySQL, mariadb } from '../node/mysql.js';
import { Postgres, missing as noPostgres } from '../node/postgres.js';
import { Weir } from '../node/weir.js';

const skip = noPostgres ?? mariadb.missing ?? false;
if (skip) console.error(`\n*** SKIPPED: ${skip} ***\n`);
let weir: Weir;
let admin: Client;
let pg: Postgres;
let my: MySQL;
before(async () => {
  if (skip) return;
  process.env['WEIR_SOURCE_TEST_PASSWORD'] = 'secret of the owner';
  [weir, pg, my] = await Promise.all([Weir.init(), Postgres.start(), MySQL.start(mariadb)]);
  mkdirSync(path.join(weir.dir, 'sources'), { recursive: true });
  const source = (kind: string, port: number, database: string): void =>
    writeFileSync(path.join(weir.dir, 'sources', `${kind}_shop.yml`), `kind: ${kind}\nconnection: {host: 127.0.0.1, port: ${port}, database: ${database}, user: owner, password: "\${WEIR_SOURCE_TEST_PASSWORD}"}\n`);
  source('postgres', pg.port, 'postgres');
  source('mysql', my.port, 'shop');
  await weir.up();
  admin = await setUp(weir);
});
after(async () => {
  if (skip) return;
  await weir.remove();
  await Promise.all([pg.stop(), my.stop()]);
});

for (const kind of ['postgres', 'mysql'])
  test(`${kind}: numbers, of few digits and of many, texts, times and nothing`, { skip }, async () => {
    const sql = `create table prices (id int primary key, price numeric(10,2), stock numeric(9,0), exact numeric(30,10), name varchar(40), day date);
      insert into prices values (1, 12.50, 7, 12345678901234567890.0000000001, 'ä', '2026-01-02'), (2, -0.05, -3, -0.5, '', null), (3, null, null, null, null, null)`;
    if (kind === 'postgres') pg.sql(sql);
    else my.sql(sql);
    const seen = (await admin.want(200, 'POST', `/api/sources/${kind}_shop/preview`, { stream: 'prices' })) as unknown as { rows: (string | null)[][] };
    assert.deepEqual(seen.rows, [
      ['1', '12.50', '7', '12345678901234567890.0000000001', 'ä', '2026-01-02'],
      ['2', '-0.05', '-3', '-0.5000000000', '', null],
      ['3', null, null, null, null, null],
    ]);
    // The same rows in the warehouse.
    await weir.in('sync', '--wait', `${kind}_shop`);
    assert.deepEqual(await weir.rows(`select price::varchar as p, stock::varchar as s, exact::varchar as e from ${kind}_shop.prices order by id`), [
      { p: '12.50', s: '7', e: '12345678901234567890.0000000001' },
      { p: '-0.05', s: '-3', e: '-0.5000000000' },
      { p: null, s: null, e: null },
    ]);
  });

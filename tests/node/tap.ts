// A tap of the test's own: a shell script, whose catalog and whose run each test writes anew.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Weir } from './weir.js';

export interface Stream {
  stream: string;
  schema?: object;
  key?: string[];
  method?: string;
  id?: string;
}

export class Tap {
  readonly dir: string;
  constructor(
    weir: Weir,
    readonly name: string,
  ) {
    this.dir = path.join(weir.dir, name);
    mkdirSync(this.dir, { recursive: true });
    this.write(
      'tap',
      `#!/bin/sh
here=${this.dir}
while [ $# -gt 0 ]; do
  case "$1" in
    --config) CONFIG=$2; shift;;
    --state) STATE=$2; shift;;
    --catalog) CATALOG=$2; shift;;
    --properties) PROPERTIES=$2; shift;;
    --discover) cat "$here/catalog.json"; exit;;
  esac
  shift
done
. "$here/run.sh"
`,
    );
    chmodSync(path.join(this.dir, 'tap'), 0o755);
    writeFileSync(path.join(weir.dir, `sources/${name}.yml`), this.yml(''));
  }

  yml(connection: string, more = ''): string {
    return `kind: singer\nconnection:\n  executable: ${this.name}/tap\n${connection.replace(/^(?=.)/gm, '  ')}\n${more}`;
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.dir, name), text);
  }

  catalog(...streams: Stream[]): void {
    this.write(
      'catalog.json',
      JSON.stringify({
        streams: streams.map(({ stream, id, schema, key, method }) => ({
          tap_stream_id: id ?? stream,
          stream,
          schema: schema ?? { properties: {} },
          key_properties: key ?? [],
          metadata: [{ breadcrumb: [], metadata: method ? { 'replication-method': method } : {} }],
        })),
      }),
    );
  }

  /** What it does when it runs: messages as objects, all else as shell. */
  run(...what: (object | string)[]): void {
    let n = 0;
    const lines = what.map((one) => {
      if (typeof one === 'string') return one;
      this.write(`said${++n}`, `${JSON.stringify(one)}\n`);
      return `cat "$here/said${n}"`;
    });
    this.write('run.sh', `${lines.join('\n')}\n`);
  }
}

export const schema = (stream: string, properties: object, key: string[] = []): object => ({ type: 'SCHEMA', stream, schema: { type: 'object', properties }, key_properties: key });
export const record = (stream: string, values: object, more: object = {}): object => ({ type: 'RECORD', stream, record: values, ...more });
export const state = (value: object): object => ({ type: 'STATE', value });

// node tests/run-node.mjs SUITE [name filter]: bundles tests/SUITE/*.test.ts and runs them against
// the real build (WEIR, default build/weir). Ends with `N passed, N failed`. WEIR_TEST_SKIPS=fail: what cannot be
// tested here has failed.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const tests = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(tests);
const [suite, filter = ''] = process.argv.slice(2);
if (!suite) {
  console.error('usage: node tests/run-node.mjs SUITE [name filter]');
  process.exit(2);
}
process.env.WEIR_TEST_RUN = `${process.pid} ${Date.now()}`;
process.env.WEIR ??= path.join(root, 'build', 'weir');

const entries = readdirSync(path.join(tests, suite))
  .filter((name) => name.endsWith('.test.ts') && name.includes(filter))
  .map((name) => path.join(tests, suite, name));
const out = path.join(root, 'build', 'node', suite);
await build({
  entryPoints: entries,
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  logLevel: 'warning',
});

let passed = 0;
let failed = 0;
let skipped = 0;
const failures = [];
const files = entries.map((name) => path.join(out, path.basename(name, '.ts') + '.mjs'));
// Two at a time: tests wait more than they compute. Browsers take both cores each.
const stream = run({ files, concurrency: suite === 'web' ? 1 : 2, timeout: 3_600_000 });
// A file is reported as a test of its own, around its tests: only the innermost count.
const isTest = (data) => data.nesting > 0 || !files.includes(data.name);
stream.on('test:pass', (data) => {
  if (!isTest(data) || data.details.type === 'suite') return;
  if (data.skip !== undefined) {
    console.log(`skipped ${data.name}: ${data.skip}`);
    if (process.env.WEIR_TEST_SKIPS === 'fail') {
      failed++;
      failures.push(`failed: ${data.name}: skipped: ${data.skip}`);
    } else skipped++;
    return;
  }
  passed++;
  console.log(`ok ${data.name} (${Math.round(data.details.duration_ms)} ms)`);
});
stream.on('test:fail', (data) => {
  if (data.details.type === 'suite') return;
  if (!isTest(data) && data.details.error?.failureType === 'subtestsFailed') return;
  failed++;
  const cause = data.details.error?.cause;
  const why = String(cause?.stack ?? cause ?? data.details.error);
  console.log(`not ok ${data.name}\nerror: ${why}`);
  failures.push(`failed: ${data.name}: ${why.split('\n').filter((line) => !/^\s*at .*node:internal/.test(line)).join(' ').replace(/\s+/g, ' ').slice(0, 700)}`);
});
stream.on('test:stdout', (data) => process.stdout.write(data.message));
stream.on('test:stderr', (data) => process.stdout.write(data.message));
stream.on('test:diagnostic', () => undefined);
for await (const event of stream) void event;
for (const line of failures) console.log(line);
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

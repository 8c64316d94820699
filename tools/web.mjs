// node tools/web.mjs [--types]: makes the API's types from docs/openapi.yaml, builds web/ with Vite,
// compresses what it made, holds the bundles to their budgets. With --types only the types.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const out = 'build/web';
const contract = 'docs/openapi.yaml';
const types = 'web/api/schema.d.ts';
const KB = 1024;

// What a page may cost before its first paint: gzip bytes of everything its entries need, chunks
// that are loaded later not counted. An entry is a source file below web/.
const budgets = [
  { name: 'shell and home', entries: ['index.html', 'features/home/Home.svelte'], limit: 90 * KB },
  { name: 'viewer (before charts)', entries: ['index.html', 'features/report/Report.svelte'], limit: 120 * KB },
  { name: 'embedded (before charts)', entries: ['embed.html'], limit: 100 * KB },
];

const mediaTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Writes only what differs, so that nothing is built again for nothing. */
function put(file, bytes) {
  if (existsSync(file) && readFileSync(file).equals(Buffer.from(bytes))) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

async function makeTypes() {
  const text = readFileSync(contract);
  const mark = `// ${createHash('sha256').update(text).digest('hex')}\n`;
  if (existsSync(types) && readFileSync(types, 'utf8').startsWith(mark)) return;
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  const made = astToString(await openapiTS(text.toString(), { silent: true, defaultNonNullable: false }));
  put(types, `${mark}// Made from ${contract} by tools/web.mjs.\n${made}`);
}

/** Everything that is loaded before `entries` run: their chunks, what those import, their styles. */
function closure(chunks, entries) {
  const files = new Set();
  const visit = (name) => {
    const chunk = chunks.find((c) => c.fileName === name);
    if (!chunk || files.has(name)) return;
    files.add(name);
    chunk.viteMetadata?.importedCss.forEach((css) => files.add(css));
    chunk.imports.forEach(visit);
  };
  for (const entry of entries) {
    const source = path.resolve('web', entry);
    const chunk = chunks.find((c) => c.facadeModuleId === source);
    if (chunk) visit(chunk.fileName);
  }
  return files;
}

function checkBudgets(items) {
  const chunks = items.filter((item) => item.type === 'chunk');
  let bad = false;
  for (const { name, entries, limit } of budgets) {
    if (!entries.every((entry) => existsSync(path.join('web', entry)))) continue;
    let size = 0;
    const files = closure(chunks, entries);
    for (const file of files) size += gzipSync(readFileSync(path.join(out, file)), { level: 9 }).length;
    const text = `web: ${name}: ${(size / KB).toFixed(1)} of ${limit / KB} KB gzip in ${files.size} files`;
    if (size > limit) {
      console.error(`${text}: over its budget; load something later, or leave it out`);
      bad = true;
    } else if (process.stdout.isTTY || process.env.CI) {
      console.log(text);
    }
  }
  return !bad;
}

function compress(file, bytes) {
  const made = [
    ['.gz', gzipSync(bytes, { level: 9 })],
    ['.br', brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })],
  ];
  for (const [ending, data] of made) if (data.length < bytes.length * 0.9) put(file + ending, data);
}

function write(items) {
  const kept = new Set();
  for (const item of items) {
    const bytes = Buffer.from(item.type === 'chunk' ? item.code : item.source);
    const file = path.join(out, item.fileName);
    kept.add(file);
    put(file, bytes);
    // index.html gets a nonce with each answer, so it is never sent compressed.
    if (bytes.length > 512 && !file.endsWith('.html')) compress(file, bytes);
  }
  for (const name of existsSync(`${out}/assets`) ? readdirSync(`${out}/assets`) : []) {
    const file = `${out}/assets/${name}`;
    if (!kept.has(file.replace(/\.(gz|br)$/, ''))) rmSync(file);
  }
  const lines = [...kept].sort().map((file) => {
    const type = mediaTypes[path.extname(file)];
    if (!type) throw new Error(`${file}: tools/web.mjs knows no media type for it; add one`);
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
    return `${path.relative(out, file)}\t${type}\t${hash}\n`;
  });
  put(`${out}/files.txt`, lines.join(''));
}

const began = new Date();
await makeTypes();
if (!process.argv.includes('--types')) {
  const { build } = await import('vite');
  const result = await build({ configFile: 'web/vite.config.ts', logLevel: 'warn', build: { write: false } });
  const items = [result].flat().flatMap((part) => part.output);
  write(items);
  if (!checkBudgets(items)) process.exit(1);
  writeFileSync(`${out}/stamp`, '');
  // Sources that were saved meanwhile are newer than the stamp, and are built next time.
  utimesSync(`${out}/stamp`, began, began);
  statSync(`${out}/files.txt`);
}

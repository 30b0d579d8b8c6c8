/** What `wrangler deploy --dry-run --outdir build/worker` would upload: held against the platform's limits, and whole. */

import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'smol-toml';

const MIB = 2 ** 20;

/** Workers limits: 64 MiB as it is; until September 2026, 10 MB compressed. */
const MAX_RAW_BYTES = 64 * MIB;
const MAX_GZIP_BYTES = 10_000_000;

const folder = new URL('../build/worker/', import.meta.url);
const files = (await readdir(folder)).filter((name) => !name.endsWith('.map') && name !== 'README.md').sort();

let rawBytes = 0;
let gzipBytes = 0;
for (const name of files) {
  const bytes = await readFile(new URL(name, folder));
  const compressed = gzipSync(bytes).length;
  console.log(`${String(bytes.length).padStart(9)} ${String(compressed).padStart(9)}  ${name}`);
  rawBytes += bytes.length;
  gzipBytes += compressed;
}
console.log(`${String(rawBytes).padStart(9)} ${String(gzipBytes).padStart(9)}  in all, raw and gzip`);

if (files.length === 0 || rawBytes > MAX_RAW_BYTES || gzipBytes > MAX_GZIP_BYTES) {
  console.error(`over ${MAX_RAW_BYTES} bytes raw or ${MAX_GZIP_BYTES} bytes gzip, or nothing was built`);
  process.exitCode = 1;
}

// A glob that meets no import leaves the file to be run as code.
const { rules } = parse(await readFile(new URL('../wrangler.toml', import.meta.url), 'utf8')) as unknown as {
  readonly rules: readonly { readonly globs: readonly string[] }[];
};
const missing = rules
  .flatMap(({ globs }) => globs.map((glob) => basename(glob)))
  .filter((name) => !files.some((file) => file.endsWith(`-${name}`)));
if (missing.length > 0) {
  console.error(`not a module of its own: ${missing.join(', ')}`);
  process.exitCode = 1;
}

/**
 * Writes src/archive/xz-embedded.wasm: the decoder inside the npm package xz-decompress, as a file of its own,
 * because a Worker may not compile wasm at run time. `--check` only compares.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const target = new URL('../src/archive/xz-embedded.wasm', import.meta.url);
const bundle = await readFile(createRequire(import.meta.url).resolve('xz-decompress'), 'utf8');
const base64 = /"data:application\/wasm;base64,([A-Za-z0-9+/=]+)"/.exec(bundle)?.[1];
if (base64 === undefined) throw new Error('xz-decompress no longer carries its wasm as a data URL');
const wasm = Buffer.from(base64, 'base64');

if (!process.argv.includes('--check')) {
  await writeFile(target, wasm);
} else if (!wasm.equals(await readFile(target))) {
  console.error('src/archive/xz-embedded.wasm is not what the package carries: run node scripts/vendor-xz.ts');
  process.exitCode = 1;
}

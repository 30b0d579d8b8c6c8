/** Sizes of what is uploaded. */

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { dist } from '../pins.ts';
import { workerBundle } from '../worker/bundle.ts';
import type { Results } from './result.ts';

export async function size(): Promise<Results> {
  const kernel = readFileSync(dist.snapshot);
  const { modules } = await workerBundle();
  const contents = Object.values(modules).map((module) => Buffer.from(module.contents));
  return {
    'wasm.bytes': kernel.length,
    'wasm.gzip_bytes': gzipSync(kernel, { level: 9 }).length,
    'worker.bytes': contents.reduce((sum, bytes) => sum + bytes.length, 0),
    'worker.gzip_bytes': contents.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0),
  };
}

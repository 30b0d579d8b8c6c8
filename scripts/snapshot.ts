/** `npm run snapshot`: boot once under workerd, put the kernel to sleep, and write wasm/dist/kernel.wasm and snapshot.json. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { nonZeroRuns } from '../src/kernel/snapshot.ts';
import { dist, root, sha256 } from './pins.ts';
import { snapshotModule } from './snapshot-module.ts';

const vmlinux = readFileSync(dist.vmlinux);
const buildId = sha256(vmlinux);

const worker = await build({
  entryPoints: [join(root, 'scripts/snapshot-worker.ts')],
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2024',
  external: ['*.wasm'],
});
const source = worker.outputFiles[0]?.text ?? '';

/** One boot in a workerd of its own. */
async function take(): Promise<{ readonly memory: Uint8Array; readonly state: Record<string, unknown> }> {
  const miniflare = new Miniflare({
    cf: false,
    workers: [
      {
        config: {
          name: 'snapshot',
          compatibilityDate: '2026-11-01',
          manifest: {
            mainModule: 'worker.mjs',
            modules: {
              'worker.mjs': { type: 'esm', contents: source },
              'vmlinux.wasm': { type: 'wasm', contents: vmlinux },
            },
          },
        },
      },
    ],
  });
  try {
    const response = await miniflare.dispatchFetch('http://snapshot/');
    if (!response.ok) throw new Error(await response.text());
    const state = JSON.parse(response.headers.get('x-snapshot-state') ?? '');
    return { memory: new Uint8Array(await response.arrayBuffer()), state };
  } finally {
    await miniflare.dispose();
  }
}

const [first, second] = [await take(), await take()];
if (sha256(first.memory) !== sha256(second.memory))
  throw new Error('two boots gave different memory: the snapshot is not deterministic');

/** Zeros fewer than these are copied: to tell runs apart costs as much. Of 64 to 8192 bytes, 1024 and 2048 made the fastest restores. */
const GAP_BYTES = 1024;
const runs = [...nonZeroRuns(first.memory, GAP_BYTES)];
const module = snapshotModule(vmlinux, runs);
const pages = new Set(
  runs.flatMap(({ at, bytes }) => {
    const from = at >> 12;
    return Array.from({ length: ((at + bytes.length - 1) >> 12) - from + 1 }, (_, i) => from + i);
  }),
);
const described = {
  ...first.state,
  buildId,
  bytes: runs.reduce((sum, run) => sum + run.bytes.length, 0),
  pages: pages.size,
  sha256: sha256(module),
};
writeFileSync(dist.snapshot, module);
writeFileSync(dist.snapshotJson, `${JSON.stringify(described, null, 2)}\n`);
console.log(
  `${described.bytes} bytes on ${described.pages} pages in ${runs.length} runs; kernel.wasm has ${module.length} bytes`,
);

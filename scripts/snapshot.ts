/** `npm run snapshot`: boot twice, put the kernel to sleep, see that both are alike, and write wasm/dist/kernel.wasm and snapshot.json. */

import { readFileSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { boot } from '../src/kernel/boot.ts';
import { settle } from '../src/kernel/snapshot/settle.ts';
import { nonZeroRuns, quiesce, type SnapshotState } from '../src/kernel/snapshot/snapshot.ts';
import { dist, sha256 } from './pins.ts';
import { snapshotModule } from './snapshot-module.ts';

/** Zeros fewer than these are copied: to tell runs apart costs as much. Of 64 to 8192 bytes, 1024 and 2048 made the fastest restores. */
const GAP_BYTES = 1024;

const vmlinux = readFileSync(dist.vmlinux);
const compiled = new WebAssembly.Module(vmlinux);
const turn = () => setImmediate();

/** Nothing depends on the day, the machine or chance: every restore brings entropy of its own, and the snapshot is to be the same each time. */
const host = {
  entropy: (into: Uint8Array) => void into.fill(0x5a),
  realtimeNs: () => 0,
  monotonicNs: () => 0,
  turn,
  pause: async () => {},
  timer: () => () => {},
};

async function take(): Promise<{ readonly memory: Uint8Array; readonly state: Omit<SnapshotState, 'buildId'> }> {
  const kernel = await boot(compiled, { host });
  await settle(kernel);
  const state = await quiesce(kernel, turn);
  const memory = kernel.engine.memory.copy(0 as never, kernel.engine.memory.size);
  kernel.kill();
  return { memory, state };
}

const [first, second] = [await take(), await take()];
if (sha256(first.memory) !== sha256(second.memory))
  throw new Error('two boots gave different memory: the snapshot is not deterministic');

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
  buildId: sha256(module),
  vmlinux: sha256(vmlinux),
  bytes: runs.reduce((sum, run) => sum + run.bytes.length, 0),
  pages: pages.size,
};
writeFileSync(dist.snapshot, module);
writeFileSync(dist.snapshotJson, `${JSON.stringify(described, null, 2)}\n`);
console.log(
  `${described.bytes} bytes on ${described.pages} pages in ${runs.length} runs; kernel.wasm has ${module.length} bytes`,
);

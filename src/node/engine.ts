/** The engine in Node: the package's kernel, compiled at its first use and shared by every engine of the process. */

import type { SnapshotState } from '../kernel/snapshot/snapshot.ts';
import { type Limits, type Linux, linux } from '../linux.ts';
import { nodeDerive } from './derive.ts';
import { nodeHost } from './host.ts';
import { kernelModule } from './kernel-module.ts';
import { readPackageFile } from './package-files.ts';
import { fileSpill } from './spool/spill.ts';
import { nodeToolbox } from './toolbox.ts';

/** A process has room: what is bounded is how much of it kernels take together. */
const defaults: Limits = {
  kernelsMib: 1024,
  mountMib: [20, 64, 256],
  ready: 1,
  patienceMs: 30_000,
};

export interface NodeLinuxOptions {
  /** What differs from 1 GiB for all kernels, 20 MiB (then 64, then 256) for one image, one machine kept ready, 30 s of patience. */
  readonly limits?: Partial<Limits>;
}

/** More than any journal is long that mke2fs or mkfs.xfs makes unasked. */
export const nodeSpill = { open: () => fileSpill(), limitMib: 4096 };

export const readSnapshot = async (): Promise<SnapshotState> =>
  JSON.parse(new TextDecoder().decode(await readPackageFile('wasm/dist/snapshot.json')));

/** Linux, on this process. Rejects when the package's kernel cannot be read, or this runtime cannot run it. */
export async function nodeLinux({ limits = {} }: NodeLinuxOptions = {}): Promise<Linux> {
  if (!('Suspending' in WebAssembly)) {
    throw new Error(`this runtime cannot suspend WebAssembly (JSPI): Node 24 or later can, this is ${process.version}`);
  }
  const [module, snapshot] = await Promise.all([kernelModule(), readSnapshot()]);
  return linux({
    module,
    snapshot,
    host: nodeHost,
    limits: { ...defaults, ...limits },
    spill: nodeSpill,
    derive: nodeDerive,
    toolbox: async () => nodeToolbox(),
  });
}

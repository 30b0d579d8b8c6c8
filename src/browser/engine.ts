/** The engine in a page: the kernel is fetched and compiled once, and everything runs in this Web Worker. */

import type { SnapshotState } from '../kernel/snapshot/snapshot.ts';
import { type Linux, linux } from '../linux.ts';
import { browserHost } from './host.ts';

/** MiB. A tab has some gigabytes: what limits is that a phone has few. */
const KERNELS_MIB = 512;

export interface Assets {
  /** wasm/dist/kernel.wasm */
  readonly kernel: URL;
  /** wasm/dist/snapshot.json */
  readonly snapshot: SnapshotState;
}

/** Instantiating on the main thread is refused above 8 MB: call it in a Web Worker. */
export async function browserLinux({ kernel, snapshot }: Assets): Promise<Linux> {
  const module = await WebAssembly.compileStreaming(fetch(kernel));
  return linux({
    module,
    snapshot,
    host: browserHost,
    limits: { kernelsMib: KERNELS_MIB, mountMib: [20, 64, 256], ready: 1, patienceMs: 5_000 },
    derive: { argon2Mib: 1024 }, // what cryptsetup takes at most, unless it is told otherwise
  });
}

/** Real kernels for tests, restored from the snapshot and the same at every start. */

import { imageMounter } from '../../src/image/mounting/mounter.ts';
import type { Host } from '../../src/kernel/host.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../src/node/host.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };

export const host: Host = {
  ...nodeHost,
  entropy: (into) => into.fill(0x5a),
  realtimeNs: () => 0, // as for images in the Worker
};

/** As much as the Worker gives a kernel with one image. */
export const MEMORY_MIB = 20;

export const newKernel = async (): Promise<Kernel> =>
  restore(freshMachine(kernelModule, snapshot), snapshot, { host, memoryMib: MEMORY_MIB });

export const mounter = imageMounter([newKernel]);

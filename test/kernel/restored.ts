/** Kernels of both origins, with as much memory as a test wants: from the snapshot and from the first instruction. */

import { boot } from '../../src/kernel/boot.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../src/node/host.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import vmlinux from '../../wasm/dist/vmlinux.wasm';

export const restoredKernel = (memoryMib = 64, host = nodeHost): Kernel =>
  restore(freshMachine(kernelModule, snapshot, memoryMib), snapshot, { host, memoryMib });

export const bootedKernel = (host = nodeHost): Promise<Kernel> => boot(vmlinux, { host });

export { kernelModule, snapshot };

/** The engine of this process: Linux, compiled as it is needed. */

import { setFlagsFromString } from 'node:v8';
import type { Linux } from '../src/linux.ts';
import { nodeLinux } from '../src/node/engine.ts';

/**
 * The kernel is our own and was validated when it was built: doing it again for functions that this command never calls would
 * take longer than all else that it does (39 ms of 47 on a 2026 server).
 */
const LAZY = '--wasm-lazy-validation';

/** `kernelsMib`: of all kernels together; `aloneMib`: of one that runs alone. */
export function openEngine(memoryMib?: number, kernelsMib = 128, aloneMib = 4000): Promise<Linux> {
  setFlagsFromString(LAZY);
  const mountMib = memoryMib === undefined ? ([20, 64, 256, 1024, 4000] as const) : ([memoryMib] as const);
  return nodeLinux({ limits: { kernelsMib, aloneMib, mountMib, ready: 0, patienceMs: 0 } });
}

/** The engine of this process: Linux, compiled as it is needed. */

import type { Linux } from '../src/linux.ts';
import { nodeLinux } from '../src/node/engine.ts';
import { validateNoMore } from './validate-no-more.ts';

/** `kernelsMib`: of all kernels together; `aloneMib`: of one that runs alone. */
export function openEngine(memoryMib?: number, kernelsMib = 128, aloneMib = 4000): Promise<Linux> {
  validateNoMore();
  const mountMib = memoryMib === undefined ? ([20, 64, 256, 1024, 4000] as const) : ([memoryMib] as const);
  return nodeLinux({ limits: { kernelsMib, aloneMib, mountMib, ready: 0, patienceMs: 0 } });
}

/** The engine that a process shares: the kernel is compiled once, and all kernels together have one bound on memory. */

import type { Linux } from '../linux.ts';
import { nodeLinux } from '../node/engine.ts';

let shared: Promise<Linux> | undefined;

export function processLinux(): Promise<Linux> {
  shared ??= nodeLinux().catch((cause) => {
    shared = undefined; // the next one may have more luck
    throw cause;
  });
  return shared;
}

/** The effects a kernel needs of the world, as Node has them. */

import { getRandomValues } from 'node:crypto';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { Host } from '../kernel/host.ts';

/** getRandomValues takes no more at once. */
const MAX_RANDOM_BYTES = 65_536;

export const nodeHost: Host = {
  entropy(into) {
    for (let at = 0; at < into.length; at += MAX_RANDOM_BYTES) {
      getRandomValues(into.subarray(at, at + MAX_RANDOM_BYTES));
    }
  },
  realtimeNs: () => Date.now() * 1e6,
  monotonicNs: () => performance.now() * 1e6,
  turn: () => setImmediate(),
  pause: (ms) => delay(ms),
  timer(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** What makes a run of a conformance script the same each time: a host without chance or a day, and numbers from a seed. */

import type { Host } from '../../src/kernel/host.ts';
import { mulberry32 } from '../mulberry32.ts';

export const host: Host = {
  entropy: (into) => void into.fill(0x5a),
  realtimeNs: () => 0,
  monotonicNs: () => performance.now() * 1e6,
  turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
  pause: () => Promise.resolve(),
  timer: () => () => {},
};

/** Whole numbers below what is asked for. */
export function random(seed: number): (below: number) => number {
  const next = mulberry32(seed);
  return (below) => next() % below;
}

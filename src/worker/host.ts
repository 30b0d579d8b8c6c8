/** The effects a kernel needs of the world, as a Worker has them. */

import type { Host } from '../kernel/host.ts';

/** crypto.getRandomValues takes no more at once. */
const MAX_RANDOM_BYTES = 65_536;

/** So many turns at most, and so long, before timers and connections are looked at. */
const QUICK_TURNS = 16;
const QUICK_MS = 10;
let quickTurns = 0;
let lookedAt = 0;

/**
 * The end of a body that nobody gets comes after all that is ready now, in 30 µs. But workerd looks at no timer and no connection
 * while anything is ready: who only took such turns would keep deadlines and clients waiting for as long as he likes. The
 * shortest wait of a timer lets them have theirs, and takes more than a millisecond.
 */
async function turn(): Promise<void> {
  if (++quickTurns <= QUICK_TURNS && performance.now() - lookedAt < QUICK_MS) await new Response('a').text();
  else {
    await scheduler.wait(0);
    quickTurns = 0;
    lookedAt = performance.now();
  }
}

export const workerHost: Host = {
  entropy(into) {
    for (let at = 0; at < into.length; at += MAX_RANDOM_BYTES) {
      crypto.getRandomValues(into.subarray(at, at + MAX_RANDOM_BYTES));
    }
  },
  realtimeNs: () => Date.now() * 1e6,
  monotonicNs: () => performance.now() * 1e6,
  turn,
  isTurnDear: true,
  pause: (ms) => scheduler.wait(ms),
  heartbeat(ms, beat) {
    const timer = setInterval(() => {
      if (!beat()) clearInterval(timer);
    }, ms);
  },
  timer(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

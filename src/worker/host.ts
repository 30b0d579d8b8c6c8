/** The effects a kernel needs of the world, as a Worker has them. */

import type { Host } from '../kernel/host.ts';

/** crypto.getRandomValues takes no more at once. */
const MAX_RANDOM_BYTES = 65_536;

export const workerHost: Host = {
  entropy(into) {
    for (let at = 0; at < into.length; at += MAX_RANDOM_BYTES) {
      crypto.getRandomValues(into.subarray(at, at + MAX_RANDOM_BYTES));
    }
  },
  realtimeNs: () => Date.now() * 1e6,
  monotonicNs: () => performance.now() * 1e6,
  /**
   * The shortest wait of a timer, a whole millisecond. The end of a body that nobody gets (`new Response('a').text()`) comes
   * after all microtasks in 30 µs, but no timer and no connection is looked at before it, and a shell in a terminal waited for
   * ever with it, in an isolate that had served hundreds of requests: it is not known why.
   */
  turn: () => scheduler.wait(0),
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

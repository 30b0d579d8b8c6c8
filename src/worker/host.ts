/** The effects a kernel needs of the world, as a Worker has them. */

import type { Host } from '../kernel/host.ts';

/** crypto.getRandomValues takes no more at once. */
const MAX_RANDOM_BYTES = 65_536;

/**
 * The body of an answer that nobody gets: its end comes with workerd's own event loop, after all microtasks, in some 30 µs. A
 * message to oneself is a microtask there, and the shortest wait of a timer a whole millisecond. While the event loop has
 * something to do, workerd looks at no timer and no connection.
 */
const nextTurn = (): Promise<unknown> => new Response('a').text();

export const workerHost: Host = {
  entropy(into) {
    for (let at = 0; at < into.length; at += MAX_RANDOM_BYTES) {
      crypto.getRandomValues(into.subarray(at, at + MAX_RANDOM_BYTES));
    }
  },
  realtimeNs: () => Date.now() * 1e6,
  monotonicNs: () => performance.now() * 1e6,
  turn: nextTurn,
  breath: () => scheduler.wait(0),
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

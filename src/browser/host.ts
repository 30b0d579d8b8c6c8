/** The effects a kernel needs of the world, as a browser has them. */

import type { Host } from '../kernel/host.ts';

/** crypto.getRandomValues takes no more at once. */
const MAX_RANDOM_BYTES = 65_536;

/** A turn of the event loop without the 4 ms that browsers put between nested timeouts (HTML, timers). */
function turns(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const browserHost: Host = {
  entropy(into) {
    for (let at = 0; at < into.length; at += MAX_RANDOM_BYTES) {
      const bytes = new Uint8Array(Math.min(MAX_RANDOM_BYTES, into.length - at));
      into.set(crypto.getRandomValues(bytes), at);
    }
  },
  realtimeNs: () => Date.now() * 1e6,
  monotonicNs: () => performance.now() * 1e6,
  turn: turns(),
  pause,
  timer(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

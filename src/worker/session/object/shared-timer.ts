/** Many timers over one of the host's: a batch sets several and needs none of them, mostly, and each costs as much as its calls. */

import type { Host } from '../../../kernel/host.ts';

/** The host's timer runs for so long at most: one that is not needed any more is gone then, and keeps nothing awake. */
const MOST_MS = 1000;

/** As `host`, but what its timers cost is paid once in a while, not once for each. */
export function sharedTimer<H extends Pick<Host, 'timer' | 'monotonicNs'>>(host: H): H {
  const waiting = new Map<object, { readonly dueNs: number; readonly then: () => void }>();
  let armed: { readonly dueNs: number; readonly cancel: () => void } | undefined;

  const arm = (dueNs: number) => {
    const nowNs = host.monotonicNs();
    const soonNs = Math.min(dueNs, nowNs + MOST_MS * 1e6);
    if (armed && armed.dueNs <= soonNs) return;
    armed?.cancel();
    armed = { dueNs: soonNs, cancel: host.timer(Math.max((soonNs - nowNs) / 1e6, 0), ring) };
  };

  function ring(): void {
    // Timers of hosts are due to the millisecond, and may ring early by a part of it.
    const nowNs = Math.max(host.monotonicNs(), armed?.dueNs ?? 0);
    armed = undefined;
    let nextNs = Number.POSITIVE_INFINITY;
    const due: { readonly key: object; readonly dueNs: number }[] = [];
    for (const [key, { dueNs }] of waiting) {
      if (dueNs <= nowNs) due.push({ key, dueNs });
      else nextNs = Math.min(nextNs, dueNs);
    }
    if (nextNs !== Number.POSITIVE_INFINITY) arm(nextNs);
    for (const { key } of due.sort((a, b) => a.dueNs - b.dueNs)) {
      const one = waiting.get(key); // one that rang before may have cancelled it
      waiting.delete(key);
      one?.then();
    }
  }

  return {
    ...host,
    timer(ms: number, then: () => void) {
      const key = {};
      const dueNs = host.monotonicNs() + ms * 1e6;
      waiting.set(key, { dueNs, then });
      arm(dueNs);
      return () => void waiting.delete(key);
    },
  };
}

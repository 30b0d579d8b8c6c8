/**
 * Programs that start others for ever, and never wait: each takes the host's time and next to none of the network's, whose end
 * is hours away then. Where nobody said how long it may take, that is no simulation.
 */

import type { Host } from '../../../kernel/host.ts';

/** By the host's clock, counted in looks: a machine that slept is not idle. */
const LOOK_MS = 1000;
const LOOKS = 60;
/** A call takes 100 ns: a program that was started and did its work has taken less than this, unless someone waited. */
const WORK_NS = 1e5;
/** Fewer programs than these may just be slow. */
const PROGRAMS = 100;

export interface Watched {
  /** Virtual time since the simulation began; before that it is negative, or there is none. */
  readonly reachedNs: () => number | undefined;
  /** How many programs were started, in all. */
  readonly made: () => number;
}

/** Calls `stands` once programs have been started for a minute and virtual time stands. Answers what ends the watch. */
export function watchStandstill(
  host: Pick<Host, 'timer'>,
  { reachedNs, made }: Watched,
  stands: () => void,
): () => void {
  let since = { ns: 0, made: 0, looks: 0 };
  let cancel = () => {};
  const look = () => {
    const ns = reachedNs() ?? -1;
    const count = made() - since.made;
    if (ns < 0) since = { ns: 0, made: made(), looks: 0 };
    else if (++since.looks >= LOOKS) {
      if (count >= PROGRAMS && ns - since.ns < count * WORK_NS) return stands();
      since = { ns, made: made(), looks: 0 };
    }
    cancel = host.timer(LOOK_MS, look);
  };
  cancel = host.timer(LOOK_MS, look);
  return () => cancel();
}

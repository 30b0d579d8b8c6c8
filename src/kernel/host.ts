/** The effects a kernel needs from the world it runs in, as parameters: time, randomness and turns of the event loop. */

export interface Host {
  /** Fill with random bytes. With a seeded source the kernel is deterministic. */
  entropy(into: Uint8Array): void;
  /** CLOCK_REALTIME in nanoseconds since 1970, asked at boot and at each restore. */
  realtimeNs(): number;
  /** A steady clock in nanoseconds: the wall policy's, and how long programs have kept the event loop from turning. */
  monotonicNs(): number;
  /** What a virtual clock's kernel does is to be the same each time: nothing in it goes by the steady clock. Default: false. */
  readonly isRepeatable?: boolean;
  /**
   * Settles after all that the event loop has ready now. It is cheap, and of a host where timers and connections come last it may
   * be that none of them was looked at: a loop that may have no end takes `breath`.
   */
  turn(): Promise<unknown>;
  /** Lets timers, connections and whoever else uses the event loop have their turn, where `turn` does not; it may take a millisecond. */
  breath?(): Promise<unknown>;
  /** Settles in about so many milliseconds; who awaits it is kept alive, which a promise that another request settles would not. */
  pause(ms: number): Promise<void>;
  /**
   * Call `beat` about every `ms` for as long as it answers true and the caller's part of the event loop lives. For
   * hosts where a caller may vanish between two awaits, as a Worker's request does; others do without.
   */
  heartbeat?(ms: number, beat: () => boolean): void;
  /** Call `then` in about so many milliseconds; answers how to cancel. Used by the wall policy alone. */
  timer(ms: number, then: () => void): () => void;
}

/** A turn of the event loop, timers and connections included. */
export const breath = (host: Pick<Host, 'turn' | 'breath'>): Promise<unknown> => host.breath?.() ?? host.turn();

/** So many at first without a look at timers and connections. */
const QUICK_TURNS = 16;

/** Turns for a loop that waits for something which is there at once, mostly, and may need a timer or a connection of the host's. */
export function turnsOf(host: Pick<Host, 'turn' | 'breath'>): () => Promise<unknown> {
  let turns = 0;
  return () => (++turns <= QUICK_TURNS ? host.turn() : breath(host));
}

/** How time passes: `virtual` jumps over idle time and is deterministic, `wall` follows the steady clock. */
export type ClockPolicy = 'virtual' | 'wall';

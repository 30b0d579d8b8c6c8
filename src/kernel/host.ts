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
  /** Let other work of the event loop have a turn. */
  turn(): Promise<void>;
  /** A turn may take a millisecond: loops of calls that do not wait have one less often. Default: false. */
  readonly isTurnDear?: boolean;
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

/** How time passes: `virtual` jumps over idle time and is deterministic, `wall` follows the steady clock. */
export type ClockPolicy = 'virtual' | 'wall';

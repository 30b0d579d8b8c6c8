/** Who has something of an isolate's, and whether he is still there: a request may vanish at any instant. */

/** How often a holder shows that he lives. */
export const BEAT_MS = 500;
/** Without a beat for so long he is under suspicion. */
const SILENCE_NS = 2_500 * 1e6;
/** Suspected so often, at intervals of so much, he is gone: after long computing all timers are late, his and ours. */
const SUSPICIONS = 3;
const INTERVAL_NS = 250 * 1e6;

/**
 * A sign of life that others judge. Nothing here is the holder's to clean up: whoever has vanished in a Worker runs
 * neither `finally` nor timers, so what he had is given back by those who find him gone.
 */
export class Life {
  #beatNs: number;
  #suspicions = 0;
  #suspectedNs = 0;

  constructor(nowNs: number) {
    this.#beatNs = nowNs;
  }

  beat(nowNs: number): void {
    this.#beatNs = nowNs;
    this.#suspicions = 0;
  }

  /** Looks, and answers whether he is gone. By another's clock and in another's turn of the event loop. */
  isOver(nowNs: number): boolean {
    if (nowNs - this.#beatNs < SILENCE_NS) return false;
    if (nowNs - this.#suspectedNs >= INTERVAL_NS) {
      this.#suspectedNs = nowNs;
      this.#suspicions++;
    }
    return this.#suspicions >= SUSPICIONS;
  }
}

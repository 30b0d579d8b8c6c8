/** Who has something of an isolate's, and whether he is still there: a request may vanish at any instant. */

/** How often a holder shows that he lives. */
export const BEAT_MS = 500;
/** Without a beat for so long he is under suspicion. */
const SILENCE_NS = 2_500 * 1e6;
/** Suspected so often, at intervals of so much, he is gone: after long computing all timers are late, his and ours. */
const SUSPICIONS = 3;
const INTERVAL_NS = 250 * 1e6;

/** What was seen counts for so long at least, and for twice that at most: a load that comes in waves is one load. */
const REMEMBERED_NS = 5_000 * 1e6;
/** Longer than so many of the longest gaps between the beats of others nobody who lives is silent. */
const GAPS = 4;

/** How late beats come at present: under load whoever lives has to wait for his turn, and is not gone for that. */
export class Pace {
  #longestNs = 0;
  #longestBeforeNs = 0;
  #sinceNs = 0;

  /** Somebody who lives had to wait so long for his turn. */
  note(gapNs: number, nowNs: number): void {
    this.#forget(nowNs);
    this.#longestNs = Math.max(this.#longestNs, gapNs);
  }

  /** Silence that is suspicious. */
  silenceNs(nowNs: number): number {
    this.#forget(nowNs);
    return Math.max(SILENCE_NS, GAPS * Math.max(this.#longestNs, this.#longestBeforeNs));
  }

  #forget(nowNs: number): void {
    const ageNs = nowNs - this.#sinceNs;
    if (ageNs < REMEMBERED_NS) return;
    this.#longestBeforeNs = ageNs < 2 * REMEMBERED_NS ? this.#longestNs : 0;
    this.#longestNs = 0;
    this.#sinceNs = nowNs;
  }
}

/**
 * A sign of life that others judge. Nothing here is the holder's to clean up: whoever has vanished in a Worker runs
 * neither `finally` nor timers, so what he had is given back by those who find him gone.
 */
export class Life {
  #beatNs: number;
  #suspicions = 0;
  #suspectedNs = 0;
  readonly #pace: Pace;

  /** `pace` is that of all who share an event loop. */
  constructor(nowNs: number, pace: Pace) {
    this.#beatNs = nowNs;
    this.#pace = pace;
  }

  beat(nowNs: number): void {
    this.#pace.note(nowNs - this.#beatNs, nowNs);
    this.#beatNs = nowNs;
    this.#suspicions = 0;
  }

  /** Looks, and answers whether he is gone. By another's clock and in another's turn of the event loop. */
  isOver(nowNs: number): boolean {
    if (nowNs - this.#beatNs < this.#pace.silenceNs(nowNs)) return false;
    if (nowNs - this.#suspectedNs >= INTERVAL_NS) {
      this.#suspectedNs = nowNs;
      this.#suspicions++;
    }
    return this.#suspicions >= SUSPICIONS;
  }
}

/** Turns of loops in which no call waits: time goes by 100 ns a call then, and a condition that needs time is never so. */

import { MOST_TIMES } from './steps.ts';

/** A call that took less virtual time has not waited. */
const WAIT_NS = 1000;
/** Where nothing else says how often: some seconds of a slow machine's time. */
const MOST_WITHOUT_BOUND = 1e5;

export class Turns {
  #inVain = 0;
  #sinceNs: number;

  constructor(nowNs: number) {
    this.#sinceNs = nowNs;
  }

  /** A call was made, which took `ns`. */
  called(ns: number, nowNs: number): void {
    if (ns < WAIT_NS) return;
    this.#inVain = 0;
    this.#sinceNs = nowNs;
  }

  /** A loop at `place` goes on. Throws an Error once that is in vain: `isBounded` if the loop itself says how often. */
  turned(place: string, isBounded: boolean, nowNs: number): void {
    this.#inVain++;
    if (this.#inVain < (isBounded ? MOST_TIMES : MOST_WITHOUT_BOUND)) return;
    const seconds = Number(((nowNs - this.#sinceNs) / 1e9).toPrecision(2));
    const what = isBounded ? 'loops made' : '"until" was not so after';
    const bound = isBounded ? '' : ', or bound it: {"repeat": 1000, "until": …}';
    throw new Error(
      `${place}: ${what} ${this.#inVain} turns in which no call waited, in ${seconds} s of virtual time. Time passes while a call waits: make one in "do" that does (ppoll, nanosleep, a read that blocks)${bound}`,
    );
  }
}

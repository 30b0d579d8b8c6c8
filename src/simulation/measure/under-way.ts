/** What is under way at the end of a simulation: sent, not arrived, and not lost as far as can be told. */

export interface Sent {
  /** When each was sent, in order. */
  readonly sentNs: readonly number[];
  readonly hasArrived: (n: number) => boolean;
  /** How long those took that arrived. */
  readonly timesMs: readonly number[];
  readonly nowNs: number;
  /** How long one takes where none has arrived. */
  readonly otherwiseMs: number;
}

/**
 * How many. One that a later one has overtaken is lost once it has taken as long as the slowest. Behind the last that arrived the queue may have
 * grown: there one is waited for as much longer as times have differed so far.
 */
export function countUnderWay({ sentNs, hasArrived, timesMs, nowNs, otherwiseMs }: Sent): number {
  let slowestMs = timesMs.length > 0 ? 0 : otherwiseMs;
  let fastestMs = timesMs.length > 0 ? Number.POSITIVE_INFINITY : otherwiseMs;
  for (const ms of timesMs) {
    slowestMs = Math.max(slowestMs, ms);
    fastestMs = Math.min(fastestMs, ms);
  }
  const patienceMs = 2 * slowestMs - fastestMs;
  let isOvertaken = false;
  let count = 0;
  for (let n = sentNs.length - 1; n >= 0; n--) {
    const takenMs = (nowNs - (sentNs[n] ?? 0)) / 1e6;
    if (takenMs >= (isOvertaken ? slowestMs : patienceMs)) break;
    if (hasArrived(n)) isOvertaken = true;
    else count++;
  }
  return count;
}

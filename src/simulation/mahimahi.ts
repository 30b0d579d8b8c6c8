/** mahimahi's packet delivery traces: at which milliseconds a link may deliver a packet, mm-link(1). */

/** Delivery opportunities in order, as milliseconds from the start of each round; the trace repeats after the last. */
export interface DeliveryTrace {
  readonly opportunitiesMs: readonly number[];
  readonly periodMs: number;
}

/** One line an opportunity; the last line's time is the length of a round. Undefined when it is no trace. */
export function parseTrace(trace: string | readonly number[]): DeliveryTrace | undefined {
  const times =
    typeof trace === 'string' ? trace.split('\n').flatMap((line) => (line.trim() === '' ? [] : [Number(line)])) : trace;
  const isOrdered = times.every((time, i) => Number.isSafeInteger(time) && time >= (times[i - 1] ?? 0));
  const periodMs = times.at(-1) ?? 0;
  if (!isOrdered || periodMs === 0) return undefined;
  return { opportunitiesMs: times, periodMs };
}

/** Mean rate in bits a second when every opportunity delivers so many bytes. */
export const meanRate = ({ opportunitiesMs, periodMs }: DeliveryTrace, bytes: number): number =>
  (opportunitiesMs.length * bytes * 8 * 1000) / periodMs;

/** mahimahi's packet delivery traces: at which milliseconds a link may deliver a packet, mm-link(1). */

/** Delivery opportunities in order, as milliseconds from the start of each round; the trace repeats after the last. */
export interface DeliveryTrace {
  readonly opportunitiesMs: readonly number[];
  readonly periodMs: number;
}

/** What an opportunity delivers: a full packet of Ethernet, or smaller ones together. */
export const opportunityBytes = 1500;

/** One line an opportunity; the last line's time is the length of a round. Undefined when it is no trace. */
export function parseTrace(trace: string | readonly number[]): DeliveryTrace | undefined {
  const times =
    typeof trace === 'string' ? trace.split('\n').flatMap((line) => (line.trim() === '' ? [] : [Number(line)])) : trace;
  const isOrdered = times.every((time, i) => Number.isSafeInteger(time) && time >= (times[i - 1] ?? 0));
  const periodMs = times.at(-1) ?? 0;
  if (!isOrdered || periodMs === 0) return undefined;
  return { opportunitiesMs: times, periodMs };
}

/** Mean rate in bits a second when every opportunity is used to the full. */
export const meanRate = ({ opportunitiesMs, periodMs }: DeliveryTrace): number =>
  (opportunitiesMs.length * opportunityBytes * 8 * 1000) / periodMs;

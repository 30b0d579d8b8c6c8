/** Rates that a link or a class of it may have. */

import type { Place } from '../../plan/issue.ts';
import { readRate } from '../../plan/words.ts';

const largestRate = 1e12;

/** Bytes a second. */
export function planRate(place: Place, text: string | undefined, frameBytes: number): number | undefined {
  const bits = readRate(place, text);
  if (bits === undefined) return undefined;
  const least = slowestRate(frameBytes) * 8;
  if (bits >= least && bits <= largestRate) return Math.floor(bits / 8);
  return place.fail(
    'impossible-rate',
    `${text} is no rate of a link with frames of ${frameBytes} bytes: ${least}bit to 1tbit`,
  );
}

/** sch_tbf waits for a frame in 31 bits of nanoseconds on a 32-bit kernel: 2.147 seconds. */
export const slowestRate = (frameBytes: number): number => Math.ceil(frameBytes / 2.1);

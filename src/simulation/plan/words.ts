/** Reads the words of a request that have units, and warns of what looks like a slip. */

import type { Place } from './issue.ts';
import { parsePercent, parseRate, parseSize, parseTime, slips } from './units.ts';

const reader =
  (
    parse: (text: string) => number | undefined,
    slip: (text: string) => string | undefined,
    what: string,
    most: string,
  ) =>
  /** Undefined where there is none, or none that can be read: then it is an issue. */
  (place: Place, text: string | undefined): number | undefined => {
    const value = place.read(parse, text, what);
    // Beyond it numbers are not whole any more, and Linux has no room for them.
    if (value !== undefined && value > Number.MAX_SAFE_INTEGER)
      return place.fail('bad-unit', `${JSON.stringify(text)} is too much: ${most} is the most`);
    const warning = value === undefined || text === undefined ? undefined : slip(text);
    if (warning !== undefined) place.warn(warning);
    return value;
  };

/** Nanoseconds. */
export const readTime = reader(parseTime, slips.time, 'time, such as "20ms"', '104 days');
/** Bits a second. */
export const readRate = reader(parseRate, slips.rate, 'rate, such as "10mbit"', '9007 tbit');
/** Bytes. */
export const readSize = reader(parseSize, slips.size, 'size, such as "150kb"', '8 PiB');
/** A fraction of one. */
export const readPercent = reader(parsePercent, slips.percent, 'percentage, such as "1%"', '100 %');

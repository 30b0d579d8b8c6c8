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

/** RFC 8837 and RFC 4594: cs0 to cs7, af11 to af43, ef, le, va. */
export function readDscp(place: Place, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 64) return value;
  const text = String(value).toLowerCase();
  const named: Readonly<Record<string, number>> = { ef: 46, va: 44, le: 1, be: 0 };
  const [, selector] = /^cs([0-7])$/.exec(text) ?? [];
  const [, group, precedence] = /^af([1-4])([1-3])$/.exec(text) ?? [];
  if (selector !== undefined) return Number(selector) * 8;
  if (group !== undefined && precedence !== undefined) return Number(group) * 8 + Number(precedence) * 2;
  if (Object.hasOwn(named, text)) return named[text];
  return place.fail('bad-option', `${JSON.stringify(value)} is no DSCP: 0 to 63, cs0 to cs7, af11 to af43, ef, va, le`);
}

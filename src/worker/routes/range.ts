/** Range requests for one range of bytes (RFC 9110, section 14). */

import type { WantedRange } from '../../tree/byte-range.ts';

/** Undefined: the whole file. So is what we need not understand: other units, several ranges (14.2), nonsense. */
export function wantedRange(header: string | undefined): WantedRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1], match[2]].map(Number) as [number, number];
  if (match[1] === '') return { suffix: last };
  if (match[2] === '') return { first };
  return last < first ? undefined : { first, last };
}

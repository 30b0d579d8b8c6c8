/** A part of a file, before and after its size is known (RFC 9110 14.1.2). */

import { HostError } from '../errors/host-error.ts';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** From `first` to `last`, both included, the end if absent; or so many bytes of the end. */
export type WantedRange = { readonly first: number; readonly last?: number } | { readonly suffix: number };

/** Rejects a range that begins past the end. */
export function rangeOf(wanted: WantedRange, sizeBytes: number): ByteRange {
  if ('suffix' in wanted) {
    const length = Math.min(wanted.suffix, sizeBytes);
    if (length === 0) throw notSatisfiable(sizeBytes);
    return { offset: sizeBytes - length, length };
  }
  const { first: offset, last = sizeBytes } = wanted;
  if (offset >= sizeBytes) throw notSatisfiable(sizeBytes);
  return { offset, length: Math.min(last + 1, sizeBytes) - offset };
}

const notSatisfiable = (sizeBytes: number): HostError =>
  new HostError('range-not-satisfiable', `the file has ${sizeBytes} bytes`, { members: { size_bytes: sizeBytes } });

/** As the header Range has it. */
export const headerOf = (wanted: WantedRange): string =>
  'suffix' in wanted ? `bytes=-${wanted.suffix}` : `bytes=${wanted.first}-${wanted.last ?? ''}`;

/** The range that the header Range names (RFC 9110, section 14). Undefined: the whole file. So is what we need not understand: other units, several ranges (14.2), nonsense. */
export function wantedRange(header: string | undefined): WantedRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1], match[2]].map(Number) as [number, number];
  if (match[1] === '') return { suffix: last };
  if (match[2] === '') return { first };
  return last < first ? undefined : { first, last };
}

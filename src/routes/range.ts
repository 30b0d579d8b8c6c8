/** Range requests for one range of bytes (RFC 9110, section 14). */

import { HostError } from '../abi/host-error.ts';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Undefined: the whole file. So is what we need not understand: other units, several ranges (14.2), nonsense.
 * A range that begins past the end is an error.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1], match[2]];
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    if (length === 0) throw notSatisfiable(sizeBytes);
    return { offset: sizeBytes - length, length };
  }
  const offset = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < offset) return undefined;
  if (offset >= sizeBytes) throw notSatisfiable(sizeBytes);
  return { offset, length: end - offset };
}

const notSatisfiable = (sizeBytes: number): HostError =>
  new HostError('range-not-satisfiable', `the file has ${sizeBytes} bytes`, { members: { size_bytes: sizeBytes } });

/** The bytes of a file in an archive, holes and all, where they lie. */

import type { ByteSource } from '../byte-source.ts';
import { BehindEndError, FormatError } from '../errors.ts';
import { mapped, type Piece, zeros } from '../formats/parts/mapped.ts';
import type { Extent, FileData } from './node.ts';

/** All of a file of `size` bytes, by range. */
export const fileBytes = (name: string, data: FileData, size: number): ByteSource =>
  mapped({ name, sizeBytes: size, find: (offset) => pieceOf(name, data, size, offset, size - offset) });

/** What is at `within` of a file of `size` bytes; behind its end zeros, for `room` bytes from `within` on in all. */
export function pieceOf(
  name: string,
  { source, at, extents }: FileData,
  size: number,
  within: number,
  room: number,
): Piece {
  const index = extents === undefined ? 0 : lastAt(extents, within);
  const run = extents === undefined ? { offset: 0, bytes: size, at } : extents[index];
  if (run === undefined || within >= run.offset + run.bytes) {
    const next = extents?.[index + 1]?.offset;
    return zeros(next === undefined ? room : Math.min(room, next - within));
  }
  const here = run.at + within - run.offset;
  const there = source.sizeBytes - here;
  if (there <= 0) throw new BehindEndError(source.sizeBytes);
  if (here < 0) throw new FormatError(name, 'its data lie before its beginning');
  return { kind: 'bytes', bytes: Math.min(run.offset + run.bytes - within, there), source, at: here };
}

/** The last run that begins at `within` or before; -1 where the first is after it. */
function lastAt(extents: readonly Extent[], within: number): number {
  let [low, high] = [0, extents.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[middle]?.offset ?? 0) <= within) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Copies what is on one device to a place in another; holes stay holes. */

import { isZero } from '../../bytes/zeros.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';

const PIECE = 1024 * 1024;
/** What is all zeros in so many bytes is not written. */
const GRAIN = 4096;

/** `at`: a byte, of a sector or inside of one. `target` is of zeros where nothing else was put. */
export async function copyInto(source: BlockDevice, target: BlockDevice, at: number): Promise<void> {
  const bytes = bytesOf(source);
  const piece = new Uint8Array(PIECE);
  for (let from = 0; from < bytes; ) {
    const zeros = Math.floor(((await source.zerosAt?.(from)) ?? 0) / SECTOR) * SECTOR;
    if (zeros > 0) {
      from += zeros;
      continue;
    }
    const length = Math.min(PIECE, bytes - from);
    await source.read(from / SECTOR, piece.subarray(0, Math.ceil(length / SECTOR) * SECTOR));
    for (const [start, end] of runs(piece.subarray(0, length)))
      await writeAt(target, at + from + start, piece.subarray(start, end));
    from += length;
  }
}

/** All of it, zeros too: what `target` has where nothing is written is not zeros. */
export async function copyAll(source: BlockDevice, target: BlockDevice): Promise<void> {
  const piece = new Uint8Array(PIECE);
  for (let sector = 0; sector < source.sectors; sector += PIECE / SECTOR) {
    const part = piece.subarray(0, Math.min(PIECE, (source.sectors - sector) * SECTOR));
    await source.read(sector, part);
    await target.write?.(sector, part);
  }
}

/** What is not zeros, as long as it may be. */
function* runs(piece: Uint8Array): Generator<readonly [start: number, end: number]> {
  let start: number | undefined;
  for (let at = 0; at < piece.length; at += GRAIN) {
    const isHole = isZero(piece.subarray(at, at + GRAIN));
    if (isHole && start !== undefined) yield [start, at];
    start = isHole ? undefined : (start ?? at);
  }
  if (start !== undefined) yield [start, piece.length];
}

/** Sectors of which it has a part keep the rest. */
async function writeAt(target: BlockDevice, at: number, bytes: Uint8Array): Promise<void> {
  const first = Math.floor(at / SECTOR);
  const end = Math.ceil((at + bytes.length) / SECTOR);
  if (first * SECTOR === at && end * SECTOR === at + bytes.length) return target.write?.(first, bytes);
  const whole = new Uint8Array((end - first) * SECTOR);
  await target.read(first, whole);
  whole.set(bytes, at - first * SECTOR);
  await target.write?.(first, whole);
}

/** Later sessions of a disc: what was written to it after its first file system, whose place only a drive tells otherwise. */

import { Fields } from '../fields.ts';
import type { VolumeBytes } from '../volume-bytes.ts';

export const BLOCK = 2048;
/** ECMA-119 7.4: descriptors begin in the 16th block of a session. */
const FIRST_DESCRIPTOR = 16;
/** Between two sessions of a CD lie 11,400 or 6,900 blocks; of other discs, fewer. */
const MAX_GAP_BLOCKS = 12_000;
const PIECE_BLOCKS = 512;
const MAX_SESSIONS = 100;

/** Asked for the size of a disc, and again for its tree. */
const known = new WeakMap<VolumeBytes, Promise<number | undefined>>();

/**
 * The block where the last session begins; undefined where there is one alone. One is a later session, and not another
 * image behind the first, where its directories are counted from the beginning of the disc (ECMA-119 8.4.18, 9.1.2).
 */
export function lastSession(volume: VolumeBytes): Promise<number | undefined> {
  const found = known.get(volume) ?? search(volume);
  known.set(volume, found);
  return found;
}

async function search(volume: VolumeBytes): Promise<number | undefined> {
  let last: number | undefined;
  let end = await endOf(volume, 0);
  for (let count = 0; end !== undefined && count < MAX_SESSIONS; count += 1) {
    const next = await sessionFrom(volume, end);
    if (next === undefined) break;
    last = next;
    end = await endOf(volume, next);
  }
  return last;
}

/** The block behind the session that begins at `start`, as its primary descriptor has it. */
async function endOf(volume: VolumeBytes, start: number): Promise<number | undefined> {
  const descriptor = new Fields(await volume.read((start + FIRST_DESCRIPTOR) * BLOCK, BLOCK));
  if (!isPrimary(descriptor) || descriptor.u16(128) !== BLOCK) return undefined;
  return start + descriptor.u32(80);
}

const isPrimary = (block: Fields): boolean => block.u8(0) === 1 && block.ascii(1, 5) === 'CD001' && block.u8(6) === 1;

async function sessionFrom(volume: VolumeBytes, from: number): Promise<number | undefined> {
  const blocks = Math.floor(volume.sizeBytes / BLOCK);
  const to = Math.min(blocks, from + MAX_GAP_BLOCKS);
  for (let at = from + FIRST_DESCRIPTOR; at < to; at += PIECE_BLOCKS) {
    const count = Math.min(PIECE_BLOCKS, to - at);
    const piece = await volume.read(at * BLOCK, count * BLOCK);
    for (let i = 0; i < count; i += 1) {
      const block = new Fields(piece.subarray(i * BLOCK, (i + 1) * BLOCK));
      const start = at + i - FIRST_DESCRIPTOR;
      const root = block.u32(156 + 2);
      if (isPrimary(block) && root > start && root < blocks) return start;
    }
  }
  return undefined;
}

/** The hashes of dm-verity for a disk that never changes: superblock and tree as veritysetup(8) writes them (Documentation/admin-guide/device-mapper/verity.rst). */

import { HostError } from '../../errors/host-error.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../storage/block-device.ts';

/** Bytes of a block, of data and of hashes. */
const VERITY_BLOCK = 4096;
const DIGEST = 32;
const PER_BLOCK = VERITY_BLOCK / DIGEST;
const ALGORITHM = 'sha256';

export interface VerityRequest {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** At most 256 bytes. */
  readonly salt: Uint8Array;
  /** A multiple of 4096 bytes. */
  readonly data: BlockDevice;
  /** `verityBytes` of zeros. */
  readonly target: BlockDevice;
  readonly sha256: (...pieces: readonly Uint8Array[]) => Uint8Array;
}

/** How many blocks each level has, the one over the data first; of a single block its own hash is the root. */
function levelsOf(dataBlocks: number): readonly number[] {
  const levels: number[] = [];
  for (let blocks = dataBlocks; blocks > 1; ) {
    blocks = Math.ceil(blocks / PER_BLOCK);
    levels.push(blocks);
  }
  return levels;
}

/** Of the hash device, its superblock included. */
export const verityBytes = (dataBytes: number): number =>
  (levelsOf(Math.ceil(dataBytes / VERITY_BLOCK)).reduce((sum, blocks) => sum + blocks, 0) + 1) * VERITY_BLOCK;

/** Writes all of the hash device; answers the hash that everything is trusted by. */
export async function writeVerity(request: VerityRequest): Promise<Uint8Array> {
  const { data, target, salt, sha256 } = request;
  const dataBytes = bytesOf(data);
  if (dataBytes % VERITY_BLOCK !== 0)
    throw new HostError('invalid-request', 'the data of dm-verity is no multiple of 4096 bytes');
  const dataBlocks = dataBytes / VERITY_BLOCK;
  await target.write?.(0, superblock(request, dataBlocks));
  let below = { device: data, at: 0, blocks: dataBlocks };
  // The level over the data lies last, the top one first, behind the superblock.
  let end = verityBytes(dataBytes);
  for (const blocks of levelsOf(dataBlocks)) {
    end -= blocks * VERITY_BLOCK;
    const level = { device: target, at: end, blocks };
    for (let block = 0; block < blocks; block++) {
      const hashes = new Uint8Array(VERITY_BLOCK);
      const piece = await blocksOf(below, block * PER_BLOCK, PER_BLOCK);
      for (let at = 0; at < piece.length; at += VERITY_BLOCK)
        hashes.set(sha256(salt, piece.subarray(at, at + VERITY_BLOCK)), (at / VERITY_BLOCK) * DIGEST);
      await target.write?.((end + block * VERITY_BLOCK) / SECTOR, hashes);
    }
    below = level;
  }
  return sha256(salt, await blocksOf(below, 0, 1));
}

interface Level {
  readonly device: BlockDevice;
  readonly at: number;
  readonly blocks: number;
}

async function blocksOf({ device, at, blocks }: Level, first: number, most: number): Promise<Uint8Array> {
  const piece = new Uint8Array(Math.min(most, blocks - first) * VERITY_BLOCK);
  await device.read((at + first * VERITY_BLOCK) / SECTOR, piece);
  return piece;
}

/** struct verity_sb of cryptsetup, in 512 bytes. */
function superblock({ uuid, salt }: VerityRequest, dataBlocks: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode('verity\0\0'));
  view.setUint32(8, 1, true); // version
  view.setUint32(12, 1, true); // hash type: as of Linux 2.6.39 on
  bytes.set(uuid, 16);
  bytes.set(new TextEncoder().encode(ALGORITHM), 32);
  view.setUint32(64, VERITY_BLOCK, true);
  view.setUint32(68, VERITY_BLOCK, true);
  view.setBigUint64(72, BigInt(dataBlocks), true);
  view.setUint16(80, salt.length, true);
  bytes.set(salt, 88);
  return bytes;
}

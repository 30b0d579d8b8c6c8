/** The hashes of dm-verity for a disk that never changes: superblock and tree as veritysetup(8) writes them (Documentation/admin-guide/device-mapper/verity.rst). */

/** Bytes of a block, of data and of hashes. */
export const VERITY_BLOCK = 4096;
const DIGEST = 32;
const PER_BLOCK = VERITY_BLOCK / DIGEST;
const ALGORITHM = 'sha256';

export interface VerityRequest {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** At most 256 bytes. */
  readonly salt: Uint8Array;
  readonly dataBlocks: number;
  /** Of block `n` of the data: a view is enough. */
  readonly data: (n: number) => Uint8Array;
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

/** All of the hash device, and the hash that everything is trusted by. */
export function verityTree(request: VerityRequest): { readonly device: Uint8Array; readonly rootHash: Uint8Array } {
  const { dataBlocks, data, salt, sha256 } = request;
  const levels = levelsOf(dataBlocks);
  const device = new Uint8Array(verityBytes(dataBlocks * VERITY_BLOCK));
  device.set(superblock(request));
  let below = data;
  let count = dataBlocks;
  // The level over the data lies last, the top one first, behind the superblock.
  let end = device.length;
  for (const blocks of levels) {
    const at = end - blocks * VERITY_BLOCK;
    for (let n = 0; n < count; n++) device.set(sha256(salt, below(n)), at + n * DIGEST);
    below = (n) => device.subarray(at + n * VERITY_BLOCK, at + (n + 1) * VERITY_BLOCK);
    count = blocks;
    end = at;
  }
  return { device, rootHash: sha256(salt, below(0)) };
}

/** struct verity_sb of cryptsetup, in 512 bytes. */
function superblock({ uuid, salt, dataBlocks }: VerityRequest): Uint8Array {
  const bytes = new Uint8Array(512);
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

/** The two sums of 32 bits that superblocks and partition tables have. */

/** ISO 3309: GPT. */
export const crc32 = (bytes: Uint8Array): number => ~sum(bytes, 0xedb8_8320) >>> 0;

/** Castagnoli (RFC 3720 B.4), as ext4, xfs and btrfs have it; without the last inversion, which ext4 leaves out. */
export const crc32c = (bytes: Uint8Array): number => sum(bytes, 0x82f6_3b78) >>> 0;

function sum(bytes: Uint8Array, polynomial: number): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  }
  return crc;
}

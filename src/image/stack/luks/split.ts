/** Puts a key together that was split over many stripes (LUKS On-Disk Format Specification 1.2.3, section 2.4). */

import { hashOf } from './hashes.ts';

/** `material` has `stripes` pieces of `keyBytes` bytes. */
export function merged(material: Uint8Array, keyBytes: number, stripes: number, hashName: string): Uint8Array {
  const hash = hashOf(hashName);
  const size = hash.outputLen;
  const key = new Uint8Array(keyBytes);
  for (let stripe = 0; stripe < stripes; stripe += 1) {
    for (let i = 0; i < keyBytes; i += 1) key[i] = (key[i] ?? 0) ^ (material[stripe * keyBytes + i] ?? 0);
    if (stripe === stripes - 1) break;
    for (let block = 0; block * size < keyBytes; block += 1) {
      const piece = key.subarray(block * size, (block + 1) * size);
      const numbered = new Uint8Array(4 + piece.length);
      new DataView(numbered.buffer).setUint32(0, block);
      numbered.set(piece, 4);
      piece.set(hash(numbered).subarray(0, piece.length));
    }
  }
  return key;
}

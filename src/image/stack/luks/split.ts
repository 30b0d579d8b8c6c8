/** Splits a key over many stripes, and puts it together again (LUKS On-Disk Format Specification 1.2.3, section 2.4). */

import { hashOf } from './hashes.ts';

/** `material` has `stripes` pieces of `keyBytes` bytes. */
export function merged(material: Uint8Array, keyBytes: number, stripes: number, hashName: string): Uint8Array {
  const key = diffused(material, keyBytes, stripes - 1, hashName);
  xor(key, material.subarray((stripes - 1) * keyBytes));
  return key;
}

/** `material` has random bytes for all stripes; the last of them becomes what makes the key of the others. */
export function split(key: Uint8Array, material: Uint8Array, stripes: number, hashName: string): void {
  const last = diffused(material, key.length, stripes - 1, hashName);
  xor(last, key);
  material.set(last, (stripes - 1) * key.length);
}

/** The first `stripes` stripes, each spread over all bytes. */
function diffused(material: Uint8Array, keyBytes: number, stripes: number, hashName: string): Uint8Array {
  const hash = hashOf(hashName);
  const size = hash.outputLen;
  const key = new Uint8Array(keyBytes);
  for (let stripe = 0; stripe < stripes; stripe += 1) {
    xor(key, material.subarray(stripe * keyBytes));
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

function xor(into: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < into.length; i += 1) into[i] = (into[i] ?? 0) ^ (other[i] ?? 0);
}

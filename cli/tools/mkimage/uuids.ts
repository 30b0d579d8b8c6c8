/** UUIDs of a new disk, derived from a seed as systemd-repart derives them: the same seed gives the same ones there and here. */

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { fromHex, toHex } from '../../../src/bytes/hex.ts';

const UUID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;

/** 16 bytes: those of a UUID, of whatever other text its hash's; by chance where there is none. */
export function seedBytes(seed: string | undefined): Uint8Array {
  if (seed === undefined) return randomBytes(16);
  if (UUID.test(seed)) return bytesOf(seed);
  return createHash('sha256').update(seed).digest().subarray(0, 16);
}

/** Of the disk, of what is in a partition: by a word. */
export const derivedUuid = (base: Uint8Array, word: string): string =>
  versionFour(createHmac('sha256', base).update(word).digest());

/** Of a partition: by its type, and how many of that type come before it. */
export function partitionUuid(seed: Uint8Array, typeGuid: string, before: number): string {
  const counter = Buffer.alloc(before === 0 ? 0 : 8);
  if (before > 0) counter.writeBigUInt64LE(BigInt(before));
  return versionFour(createHmac('sha256', seed).update(bytesOf(typeGuid)).update(counter).digest());
}

export const bytesOf = (uuid: string): Uint8Array => fromHex(uuid.replaceAll('-', ''));

/** 16 bytes as a UUID, as they are. */
export function uuidText(bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, 16));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** RFC 9562, version 4. */
function versionFour(digest: Uint8Array): string {
  const bytes = Uint8Array.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(bytes);
}

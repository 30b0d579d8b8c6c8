/** UUIDs of a new disk, derived from a seed as systemd-repart derives them: the same seed gives the same ones there and here. */

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { fromHex, toHex } from '../../bytes/hex.ts';
import type { Host } from '../../kernel/host.ts';

const UUID = /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i;
const BYTES = 16;

/** 16 bytes: those of a UUID, of whatever other text its hash's; by chance where there is none. */
export function seedBytes(seed: string | undefined, { entropy }: Pick<Host, 'entropy'>): Uint8Array {
  if (seed !== undefined) return UUID.test(seed) ? uuidBytes(seed) : sha256(encoder.encode(seed)).subarray(0, BYTES);
  const bytes = new Uint8Array(BYTES);
  entropy(bytes);
  return bytes;
}

const encoder = new TextEncoder();

/** Of the disk, of what is in a partition: by a word. */
export const derivedUuid = (base: Uint8Array, word: string): string =>
  versionFour(hmac(sha256, base, encoder.encode(word)));

/** Of a partition: by its type, and how many of that type come before it. */
export function partitionUuid(seed: Uint8Array, typeGuid: string, before: number): string {
  const message = new Uint8Array(BYTES + (before === 0 ? 0 : 8));
  message.set(uuidBytes(typeGuid));
  if (before > 0) new DataView(message.buffer).setBigUint64(BYTES, BigInt(before), true);
  return versionFour(hmac(sha256, seed, message));
}

export const uuidBytes = (uuid: string): Uint8Array => fromHex(uuid.replaceAll('-', ''));

/** 16 bytes as a UUID, as they are. */
export function uuidText(bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, BYTES));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** RFC 9562, version 4. */
function versionFour(digest: Uint8Array): string {
  const bytes = digest.slice(0, BYTES);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(bytes);
}

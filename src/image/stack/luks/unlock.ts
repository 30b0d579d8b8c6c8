/** Finds the key of a LUKS volume: a passphrase opens a keyslot, a digest says whether what comes out is the key. */

import { MetadataError } from '../bad-stack.ts';
import type { Derivation } from '../derive.ts';
import type { Digest, Keyslot, LuksHeader } from './header.ts';
import { merged } from './split.ts';

/** What reads a keyslot's area: decrypted with this key. */
export type AreaReader = (area: Keyslot['area'], key: Uint8Array, bytes: number) => Promise<Uint8Array>;

/** Keys by the segments that they are for. */
export type VolumeKeys = ReadonlyMap<string, Uint8Array>;

/** The keys of all segments; undefined where `secret` opens no keyslot. */
export async function unlock(
  header: LuksHeader,
  secret: Uint8Array,
  derivation: Derivation,
  readArea: AreaReader,
): Promise<VolumeKeys | undefined> {
  const keys = new Map<string, Uint8Array>();
  const wanted = header.segments.filter(({ crypt }) => crypt !== undefined).map(({ id }) => id);
  let refusal: MetadataError | undefined;
  for (const slot of header.keyslots) {
    const digests = header.digests.filter(({ keyslots }) => keyslots.includes(slot.id));
    if (!digests.some(({ segments }) => segments.some((id) => wanted.includes(id) && !keys.has(id)))) continue;
    try {
      const key = await keyIn(slot, secret, derivation, readArea);
      for (const digest of digests) {
        if (!(await matches(digest, key, derivation))) continue;
        for (const id of digest.segments) keys.set(id, key);
      }
    } catch (cause) {
      // Another keyslot may be the passphrase's, and cost less.
      if (!(cause instanceof MetadataError)) throw cause;
      refusal ??= new MetadataError(`keyslot ${slot.id}: ${cause.message}`, { cause });
    }
    if (wanted.every((id) => keys.has(id))) return keys;
  }
  if (refusal) throw refusal;
  return undefined;
}

async function keyIn(slot: Keyslot, secret: Uint8Array, derivation: Derivation, readArea: AreaReader) {
  const { area, keyBytes, stripes, splitHash } = slot;
  const bytes = keyBytes * stripes;
  if (bytes > area.sizeBytes) throw new MetadataError('its area is too small');
  const key = await derivation.key(secret, slot.kdf, area.keyBytes);
  return merged(await readArea(area, key, bytes), keyBytes, stripes, splitHash);
}

async function matches({ kdf, value }: Digest, key: Uint8Array, derivation: Derivation): Promise<boolean> {
  if (value.length === 0) return false;
  const made = await derivation.key(key, kdf, value.length);
  return made.every((byte, i) => byte === value[i]);
}

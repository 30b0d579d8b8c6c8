/** Hashes by the names that LUKS headers have for them. */

import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { sha3_224, sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';
import type { CHash } from '@noble/hashes/utils.js';
import { MetadataError } from '../bad-stack.ts';

const hashes: Readonly<Record<string, CHash>> = {
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  ripemd160,
  'sha3-224': sha3_224,
  'sha3-256': sha3_256,
  'sha3-384': sha3_384,
  'sha3-512': sha3_512,
  'blake2b-512': blake2b as CHash,
  'blake2s-256': blake2s as CHash,
};

export const knownHash = (name: string): CHash | undefined => (Object.hasOwn(hashes, name) ? hashes[name] : undefined);

/** Throws a MetadataError where there is none of this name. */
export function hashOf(name: string): CHash {
  const hash = knownHash(name);
  if (hash === undefined) throw new MetadataError(`its hash is not known here: ${name}`);
  return hash;
}

/** Those that WebCrypto has. */
export const webHashes: Readonly<Record<string, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

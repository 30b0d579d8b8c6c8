/** Makes keys of passphrases, within bounds: a header says what that is to cost, and its author may mean harm. */

import { argon2i, argon2id } from '@noble/hashes/argon2.js';
import { pbkdf2Async } from '@noble/hashes/pbkdf2.js';
import { MetadataError } from './bad-stack.ts';
import { ROUNDS, stretched } from './bitlocker/stretch.ts';
import { hashOf, webHashes } from './luks/hashes.ts';
import type { Kdf } from './luks/header.ts';

export type Argon2 = Extract<Kdf, { readonly passes: number }>;

/** What a host can spend, and what it has that is faster than JavaScript. */
export interface DeriveMeans {
  /** MiB that Argon2 may have. Default: 64. */
  readonly argon2Mib?: number;
  /** A turn of the event loop, for what would keep it for long. */
  readonly turn?: (() => Promise<unknown>) | undefined;
  /** Default: in JavaScript. */
  readonly argon2?: (secret: Uint8Array, kdf: Argon2, bytes: number) => Promise<Uint8Array>;
}

const ARGON2_MIB = 64;
const KIB_PER_MIB = 1024;
/** Of all keyslots of an image together: some minutes where it is done in JavaScript. */
const MAX_ITERATIONS = 2e8;
const MAX_GIB_PASSES = 64;
const MAX_LANES = 64;

/** Spends no more than there is for one image, whatever its headers ask for. */
export class Derivation {
  readonly #means: DeriveMeans;
  #iterations = MAX_ITERATIONS;
  #kibPasses = MAX_GIB_PASSES * 2 ** 20;

  constructor(means: DeriveMeans) {
    this.#means = means;
  }

  /** Throws a MetadataError that says what is too much. */
  async key(secret: Uint8Array, kdf: Kdf, bytes: number): Promise<Uint8Array> {
    return kdf.type === 'pbkdf2' ? this.#pbkdf2(secret, kdf, bytes) : this.#argon2(secret, kdf, bytes);
  }

  async #pbkdf2(secret: Uint8Array, kdf: Extract<Kdf, { type: 'pbkdf2' }>, bytes: number): Promise<Uint8Array> {
    const { hash: name, iterations, salt } = kdf;
    const hash = hashOf(name);
    if (iterations < 1) throw new MetadataError('a key is derived in no iterations');
    this.#spend(
      iterations * Math.ceil(bytes / hash.outputLen),
      `${iterations.toLocaleString('en')} iterations of PBKDF2`,
    );
    const web = webHashes[name];
    try {
      if (web !== undefined) return await webPbkdf2(secret, web, salt, iterations, bytes);
    } catch {
      // Some hosts have an end of their own to the iterations, or want a longer passphrase: it is computed all the same.
    }
    return pbkdf2Async(hash, secret, salt, { c: iterations, dkLen: bytes });
  }

  /** BitLocker's. */
  async stretched(initial: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
    this.#spend(ROUNDS, `${ROUNDS.toLocaleString('en')} rounds of SHA-256`);
    return stretched(initial, salt, this.#means.turn);
  }

  #spend(iterations: number, what: string): void {
    this.#iterations -= iterations;
    if (this.#iterations >= 0) return;
    throw new MetadataError(
      `its keys cost more than is spent on an image here: ${what}, of ${MAX_ITERATIONS.toLocaleString('en')} for all keyslots together`,
    );
  }

  async #argon2(secret: Uint8Array, kdf: Argon2, bytes: number): Promise<Uint8Array> {
    const { passes, memoryKib, lanes } = kdf;
    const { argon2Mib = ARGON2_MIB, argon2 = inJavaScript } = this.#means;
    if (passes < 1 || lanes < 1 || lanes > MAX_LANES || memoryKib < 8 * lanes) {
      throw new MetadataError(`Argon2 cannot be with ${memoryKib} KiB, ${passes} passes, ${lanes} lanes`);
    }
    if (memoryKib > argon2Mib * KIB_PER_MIB) {
      throw new MetadataError(
        `Argon2 wants ${Math.ceil(memoryKib / KIB_PER_MIB)} MiB of memory, more than the ${argon2Mib} MiB that there are for it here (a keyslot of another kind: cryptsetup luksAddKey --pbkdf pbkdf2)`,
      );
    }
    this.#kibPasses -= memoryKib * passes;
    if (this.#kibPasses < 0) {
      const asked = `${Math.ceil(memoryKib / KIB_PER_MIB)} MiB gone over ${passes.toLocaleString('en')} times by Argon2`;
      throw new MetadataError(
        `its keys cost more than is spent on an image here: ${asked}, of ${MAX_GIB_PASSES} GiB for all keyslots together`,
      );
    }
    return argon2(secret, kdf, bytes);
  }
}

async function inJavaScript(secret: Uint8Array, { type, salt, passes, memoryKib, lanes }: Argon2, bytes: number) {
  const argon2 = type === 'argon2i' ? argon2i : argon2id;
  return argon2(secret, salt, { t: passes, m: memoryKib, p: lanes, dkLen: bytes });
}

async function webPbkdf2(secret: Uint8Array, hash: string, salt: Uint8Array, iterations: number, bytes: number) {
  const { subtle } = crypto;
  const key = await subtle.importKey('raw', secret.slice(), 'PBKDF2', false, ['deriveBits']);
  const bits = await subtle.deriveBits({ name: 'PBKDF2', hash, salt: salt.slice(), iterations }, key, bytes * 8);
  return new Uint8Array(bits);
}

/** The passphrases of one request, and what they opened: asked once, derived once, in memory only. */

import type { MaybePromise } from '../../storage/block-device.ts';
import { Derivation, type DeriveMeans } from './derive.ts';
import type { VolumeKeys } from './luks/unlock.ts';

/** An encrypted volume that wants a passphrase. */
export interface Locked {
  /** "partition 2" */
  readonly title: string;
  readonly uuid: string | undefined;
  /** From 1. */
  readonly attempt: number;
}

/** What opens encrypted volumes. Secrets are bytes: passphrases as they are typed, key files as they are. */
export interface Unlock {
  /** Tried on each of them, in this order. */
  readonly secrets?: readonly Uint8Array[] | undefined;
  /** Asked when none of these fits, up to three times; undefined: gives up. */
  readonly ask?: ((volume: Locked) => MaybePromise<Uint8Array | undefined>) | undefined;
}

const ATTEMPTS = 3;

export class Keyring {
  readonly derivation: Derivation;
  readonly #secrets: Uint8Array[];
  readonly #ask: Unlock['ask'];
  readonly #opened = new Map<string, VolumeKeys>();

  constructor({ secrets = [], ask }: Unlock, means: DeriveMeans) {
    this.derivation = new Derivation(means);
    this.#secrets = [...secrets];
    this.#ask = ask;
  }

  /** There is nothing to try. */
  get isEmpty(): boolean {
    return this.#secrets.length === 0 && this.#ask === undefined;
  }

  /** What `open` makes of the first secret that fits; undefined where none does. `id` names the volume among all. */
  async keysOf(
    id: string,
    volume: Omit<Locked, 'attempt'>,
    open: (secret: Uint8Array) => Promise<VolumeKeys | undefined>,
  ): Promise<VolumeKeys | undefined> {
    const known = this.#opened.get(id);
    if (known) return known;
    const keep = (keys: VolumeKeys): VolumeKeys => {
      this.#opened.set(id, keys);
      return keys;
    };
    for (const secret of this.#secrets) {
      const keys = await open(secret);
      if (keys) return keep(keys);
    }
    for (let attempt = 1; this.#ask && attempt <= ATTEMPTS; attempt += 1) {
      const secret = await this.#ask({ ...volume, attempt });
      if (secret === undefined) break;
      const keys = await open(secret);
      if (!keys) continue;
      this.#secrets.push(secret); // other volumes of the same disk often have the same one
      return keep(keys);
    }
    return undefined;
  }
}

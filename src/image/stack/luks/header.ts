/** What a LUKS header says, of either version: where keys and data are, and what they cost. */

/** A function that makes a key of a passphrase, with what it costs. */
export type Kdf =
  | { readonly type: 'pbkdf2'; readonly hash: string; readonly iterations: number; readonly salt: Uint8Array }
  | {
      readonly type: 'argon2i' | 'argon2id';
      readonly passes: number;
      readonly memoryKib: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
    };

/** A key of the volume, split and encrypted by what is made of a passphrase. */
export interface Keyslot {
  readonly id: string;
  readonly kdf: Kdf;
  /** Of the volume's key. */
  readonly keyBytes: number;
  readonly area: {
    readonly offsetBytes: number;
    readonly sizeBytes: number;
    /** As dm-crypt has it: aes-xts-plain64. */
    readonly cipher: string;
    readonly keyBytes: number;
  };
  /** How it is split, so that little of it that is lost loses all (TKS1). */
  readonly stripes: number;
  readonly splitHash: string;
}

/** Tells whether a key is the right one. */
export interface Digest {
  readonly kdf: Kdf & { readonly type: 'pbkdf2' };
  readonly value: Uint8Array;
  readonly keyslots: readonly string[];
  readonly segments: readonly string[];
}

export interface Segment {
  readonly id: string;
  readonly offsetBytes: number;
  /** Undefined: up to the end of the device. */
  readonly sizeBytes: number | undefined;
  /** Undefined: it is not encrypted (a re-encryption that is under way). */
  readonly crypt:
    | {
        readonly cipher: string;
        readonly sectorBytes: number;
        readonly ivTweak: number;
        /** Authenticated: what dm-integrity stores beside each sector, as `hmac(sha256)`. */
        readonly integrity: string | undefined;
      }
    | undefined;
}

export interface LuksHeader {
  readonly version: 1 | 2;
  readonly uuid: string;
  /** In the order in which they are to be tried; without those that are only for who names them. */
  readonly keyslots: readonly Keyslot[];
  readonly digests: readonly Digest[];
  /** From the beginning of the volume on. */
  readonly segments: readonly Segment[];
}

/** What a header may have: `cryptsetup` takes keys up to 512 bytes and headers with 4000 stripes. */
export const MAX_KEY_BYTES = 512;
export const MAX_STRIPES = 8192;

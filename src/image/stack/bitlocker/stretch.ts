/** BitLocker's way to make a key of a secret: SHA-256, a million times over. */

import { _SHA256 } from '@noble/hashes/sha2.js';

export const ROUNDS = 0x10_0000;
/** Some 50 ms. */
const ROUNDS_A_TURN = 0x8000;

const MESSAGE_BYTES = 88;
const BLOCK_BYTES = 64;
const LENGTH_AT = 2 * BLOCK_BYTES - 4;

/** SHA-256 of messages of this one length, in place: to make a hash anew for each takes two thirds of the time. */
class InPlace extends _SHA256 {
  readonly #start = this.get();
  readonly #padded = new DataView(new ArrayBuffer(2 * BLOCK_BYTES));
  readonly message = new Uint8Array(this.#padded.buffer, 0, MESSAGE_BYTES);

  constructor() {
    super();
    this.#padded.setUint8(MESSAGE_BYTES, 0x80);
    this.#padded.setUint32(LENGTH_AT, 8 * MESSAGE_BYTES);
  }

  /** The message begins with its hash, and has this number at its end. */
  round(number: number): void {
    const bytes = this.#padded;
    bytes.setUint32(80, number, true);
    this.set(...this.#start);
    for (let at = 0; at < bytes.byteLength; at += BLOCK_BYTES) this.process(bytes, at);
    this.get().forEach((word, i) => {
      bytes.setUint32(4 * i, word);
    });
  }
}

/** What came before, the beginning, a salt, a count: hashed, and that again. The event loop has a turn now and then. */
export async function stretched(
  initial: Uint8Array,
  salt: Uint8Array,
  turn: () => Promise<unknown> = async () => {},
): Promise<Uint8Array> {
  const hash = new InPlace();
  hash.message.set(initial, 32);
  hash.message.set(salt, 64);
  for (let round = 0; round < ROUNDS; round += 1) {
    hash.round(round);
    if (round % ROUNDS_A_TURN === 0) await turn();
  }
  return hash.message.slice(0, 32);
}

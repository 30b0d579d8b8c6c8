/** The checksum of LZ4 frames: xxHash of 32 bits, by the algorithm's description (xxhash_spec.md). */

const [P1, P2, P3, P4, P5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1];
const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits));
const STRIPE = 16;

/** With seed 0. */
export class Xxh32 {
  readonly #lanes = Int32Array.of(P1 + P2, P2, 0, -P1);
  readonly #rest = new Uint8Array(STRIPE);
  #restBytes = 0;
  #bytes = 0;

  update(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    let at = 0;
    if (this.#restBytes > 0) {
      at = Math.min(bytes.length, STRIPE - this.#restBytes);
      this.#rest.set(bytes.subarray(0, at), this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < STRIPE) return;
      this.#stripe(new DataView(this.#rest.buffer), 0);
      this.#restBytes = 0;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + STRIPE <= bytes.length; at += STRIPE) this.#stripe(view, at);
    this.#rest.set(bytes.subarray(at));
    this.#restBytes = bytes.length - at;
  }

  #stripe(view: DataView, at: number): void {
    for (let lane = 0; lane < 4; lane += 1) {
      const mixed = (this.#lanes[lane] ?? 0) + Math.imul(view.getUint32(at + 4 * lane, true), P2);
      this.#lanes[lane] = Math.imul(rotate(mixed | 0, 13), P1);
    }
  }

  digest(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#lanes;
    let hash = this.#bytes >= STRIPE ? rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18) : P5;
    hash = (hash + this.#bytes) | 0;
    const view = new DataView(this.#rest.buffer);
    let at = 0;
    for (; at + 4 <= this.#restBytes; at += 4) {
      hash = Math.imul(rotate((hash + Math.imul(view.getUint32(at, true), P3)) | 0, 17), P4);
    }
    for (; at < this.#restBytes; at += 1) {
      hash = Math.imul(rotate((hash + Math.imul(view.getUint8(at), P5)) | 0, 11), P1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), P2);
    hash = Math.imul(hash ^ (hash >>> 13), P3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

export function xxh32(bytes: Uint8Array): number {
  const hash = new Xxh32();
  hash.update(bytes);
  return hash.digest();
}

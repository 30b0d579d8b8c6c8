/** The id of a disk that is made: of what is on it, so that the same disk has the same one and another has another. */

import { seededWords } from '../../../bytes/seeded-words.ts';

/** Of a run of data so many bytes count. */
const LOOKED_AT = 256;

export class DiskId {
  #low = 0x811c9dc5;
  #high = 0x01000193;

  /** `name` tells disks apart whose data are not looked at. */
  constructor(sizeBytes: number, name = '') {
    this.#mix(new TextEncoder().encode(`${sizeBytes} ${name} `));
  }

  /** Where data are, and what they begin with. */
  add(at: number, bytes?: Uint8Array): void {
    this.#mix(new TextEncoder().encode(`${at} `));
    if (bytes) this.#mix(bytes.subarray(0, LOOKED_AT));
  }

  /** A UUID of version 8, in the order of its text. */
  uuid(): Uint8Array {
    const words = seededWords((this.#high & 0x1fffff) * 2 ** 32 + this.#low, `${this.#high}`);
    const view = new DataView(new ArrayBuffer(16));
    for (let at = 0; at < 16; at += 4) view.setUint32(at, words());
    view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x80);
    view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
    return new Uint8Array(view.buffer);
  }

  #mix(bytes: Uint8Array): void {
    let [low, high] = [this.#low, this.#high];
    for (const byte of bytes) {
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte ^ (low >>> 24), 0x85ebca6b);
    }
    [this.#low, this.#high] = [low >>> 0, high >>> 0];
  }
}

/** As Microsoft's formats have it: its first three numbers of little end. */
export function mixedEnd(uuid: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (at) => uuid[at] ?? 0);
}

/** The bytes of a UUID that is written out. */
export const uuidBytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll('-', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** Numbers and texts at offsets of a volume, of either byte order. */

import type { VolumeBytes } from './volume-bytes.ts';

/** A piece of a volume whose fields are read at offsets of its own. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly #data: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array, littleEndian = true) {
    this.bytes = bytes;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = littleEndian;
  }

  u8(at: number): number {
    return this.#data.getUint8(at);
  }
  u16(at: number): number {
    return this.#data.getUint16(at, this.#little);
  }
  u32(at: number): number {
    return this.#data.getUint32(at, this.#little);
  }
  /** Beyond 2^53 it is only about right: such a number is damage, and larger than all there is. */
  u64(at: number): number {
    return Number(this.#data.getBigUint64(at, this.#little));
  }
  ascii(at: number, length: number): string {
    return String.fromCharCode(...this.bytes.subarray(at, at + length));
  }
  slice(at: number, length: number): Uint8Array {
    return this.bytes.subarray(at, at + length);
  }
}

export async function fieldsAt(volume: VolumeBytes, at: number, length: number, littleEndian = true): Promise<Fields> {
  return new Fields(await volume.read(at, length), littleEndian);
}

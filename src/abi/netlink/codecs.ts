/** Codecs that netlink structs need beside those of the shared struct module, and their bytes to and from messages. */

import { type Codec, u8 } from '../struct.ts';

export const s16: Codec<number> = {
  size: 2,
  align: 2,
  read: (data, at) => data.getInt16(at, true),
  write: (data, at, value) => data.setInt16(at, value, true),
};

export const s32: Codec<number> = {
  size: 4,
  align: 4,
  read: (data, at) => data.getInt32(at, true),
  write: (data, at, value) => data.setInt32(at, value, true),
};

/** A signed 64-bit value as a number: exact up to 2^53, enough for times in nanoseconds. */
export const s64AsNumber: Codec<number> = {
  size: 8,
  align: 8,
  read: (data, at) => Number(data.getBigInt64(at, true)),
  write: (data, at, value) => data.setBigInt64(at, BigInt(value), true),
};

/** A port number: network byte order. */
export const be16: Codec<number> = {
  size: 2,
  align: 2,
  read: (data, at) => data.getUint16(at),
  write: (data, at, value) => data.setUint16(at, value),
};

/** An array of `length` values; what a shorter one leaves out is zero. */
export function array<T>(codec: Codec<T>, length: number): Codec<readonly T[]> {
  return {
    size: codec.size * length,
    align: codec.align,
    read: (data, at) => Array.from({ length }, (_, i) => codec.read(data, at + i * codec.size)),
    write(data, at, value) {
      for (const [i, item] of value.slice(0, length).entries()) codec.write(data, at + i * codec.size, item);
    },
  };
}

/** Raw bytes: an address, say. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    size: length,
    align: u8.align,
    read: (data, at) => new Uint8Array(data.buffer, data.byteOffset + at, length).slice(),
    write: (data, at, value) =>
      new Uint8Array(data.buffer, data.byteOffset + at, length).set(value.subarray(0, length)),
  };
}

const zero = <T>(codec: Codec<T>): T => codec.read(new DataView(new ArrayBuffer(codec.size)), 0);

/** The bytes of a struct; fields left out are zero. */
export function encode<T extends object>(codec: Codec<T>, value: Partial<T>): Uint8Array {
  const into = new Uint8Array(codec.size);
  codec.write(new DataView(into.buffer), 0, { ...zero(codec), ...value });
  return into;
}

/** A struct from bytes: what an older kernel did not send reads as zero, what a newer one added is ignored. */
export function decode<T>(codec: Codec<T>, from: Uint8Array): T {
  const whole = new Uint8Array(codec.size);
  whole.set(from.subarray(0, codec.size));
  return codec.read(new DataView(whole.buffer), 0);
}

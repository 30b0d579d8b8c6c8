/** Describes a C struct once: offsets follow from the field types, as a 32-bit little-endian compiler lays them out. */

/** How one C type lies in memory. `at` is a byte offset in `data`; a codec keeps no view. */
export interface Codec<T> {
  readonly size: number;
  readonly align: number;
  read(data: DataView, at: number): T;
  write(data: DataView, at: number, value: T): void;
}

export const u8: Codec<number> = {
  size: 1,
  align: 1,
  read: (data, at) => data.getUint8(at),
  write: (data, at, value) => data.setUint8(at, value),
};

export const u16: Codec<number> = {
  size: 2,
  align: 2,
  read: (data, at) => data.getUint16(at, true),
  write: (data, at, value) => data.setUint16(at, value, true),
};

export const u32: Codec<number> = {
  size: 4,
  align: 4,
  read: (data, at) => data.getUint32(at, true),
  write: (data, at, value) => data.setUint32(at, value, true),
};

export const u64: Codec<bigint> = {
  size: 8,
  align: 8,
  read: (data, at) => data.getBigUint64(at, true),
  write: (data, at, value) => data.setBigUint64(at, value, true),
};

export const s64: Codec<bigint> = {
  size: 8,
  align: 8,
  read: (data, at) => data.getBigInt64(at, true),
  write: (data, at, value) => data.setBigInt64(at, value, true),
};

/** A __u64 as a number, for counts and sizes: exact up to 2^53. */
export const u64AsNumber: Codec<number> = {
  size: 8,
  align: 8,
  read: (data, at) => data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000,
  write: (data, at, value) => {
    data.setUint32(at, value, true);
    data.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  },
};

type Fields = Readonly<Record<string, Codec<unknown>>>;
type ValueOf<F extends Fields> = { -readonly [K in keyof F]: F[K] extends Codec<infer T> ? T : never };

/** The codec of a struct with these fields, in this order. */
export function Struct<F extends Fields>(fields: F): Codec<ValueOf<F>> {
  let end = 0;
  let align = 1;
  const layout = Object.entries(fields).map(([name, codec]) => {
    const offset = Math.ceil(end / codec.align) * codec.align;
    end = offset + codec.size;
    align = Math.max(align, codec.align);
    return { name, codec, offset };
  });
  return {
    size: Math.ceil(end / align) * align,
    align,
    read(data, at) {
      const value: Record<string, unknown> = {};
      for (const { name, codec, offset } of layout) value[name] = codec.read(data, at + offset);
      return value as ValueOf<F>;
    },
    write(data, at, value) {
      for (const { name, codec, offset } of layout) codec.write(data, at + offset, value[name]);
    },
  };
}

/** The name and the GUID of a ZFS pool, in the nvlist of its first label (XDR, RFC 4506). */

import { type Fact, fieldsAt } from './signature.ts';

const AT = 16_384;
const BYTES = 4096;
const DATA_TYPE_UINT64 = 8;
const DATA_TYPE_STRING = 9;

/** Pairs from byte 12 on: their encoded and decoded size, the name, type, number of elements, value; all of 4 bytes each. */
export const zfsFact =
  (wanted: string): Fact =>
  async (volume) => {
    const list = await fieldsAt(volume, AT, BYTES, false);
    for (let at = 12; at + 20 < BYTES; ) {
      const size = list.u32(at);
      const length = list.u32(at + 8);
      if (size < 20 || length > 256) return undefined;
      const name = list.ascii(at + 12, length);
      const type = at + 12 + Math.ceil(length / 4) * 4;
      if (name === wanted) {
        if (list.u32(type) === DATA_TYPE_STRING) return list.ascii(type + 12, Math.min(256, list.u32(type + 8)));
        if (list.u32(type) !== DATA_TYPE_UINT64) return undefined;
        return ((BigInt(list.u32(type + 8)) << 32n) | BigInt(list.u32(type + 12))).toString();
      }
      at += size;
    }
    return undefined;
  };

/** The label and the UUID of UDF: in its volume descriptors. */

import { toHex } from '../../bytes/hex.ts';
import { UDF, udfDescriptor } from '../probe/disc/udf.ts';
import type { VolumeBytes } from '../probe/volume-bytes.ts';
import type { Fact } from './signature.ts';

async function descriptor(volume: VolumeBytes, tag: number): Promise<Uint8Array | undefined> {
  const found = await udfDescriptor(volume, tag);
  return found !== undefined && 'bytes' in found ? found.bytes : undefined;
}

/** A dstring (ECMA-167 1/7.2.12, OSTA UDF 2.1.1): its last byte says how long it is, its first how wide its characters are. */
function dstring(field: Uint8Array): string | undefined {
  const length = Math.min(field.at(-1) ?? 0, field.length - 1);
  const chars = field.subarray(1, Math.max(1, length));
  const text = field[0] === 16 ? new TextDecoder('utf-16be').decode(chars) : String.fromCharCode(...chars);
  return text.replace(/[\0 ]+$/, '') || undefined;
}

/** logicalVolIdent, else volIdent. */
export const udfLabel: Fact = async (volume) => {
  const logical = await descriptor(volume, UDF.LOGICAL);
  const label = logical && dstring(logical.subarray(84, 212));
  if (label !== undefined) return label;
  const primary = await descriptor(volume, UDF.PRIMARY);
  return primary && dstring(primary.subarray(24, 56));
};

/**
 * Of volSetIdent, whose first 16 characters are to be unique (OSTA UDF 2.2.2.5): as they are where they are hex digits;
 * where only the first 8 are, these and the bytes of the next 4; else the bytes of the first 8.
 */
export const udfUuid: Fact = async (volume) => {
  const primary = await descriptor(volume, UDF.PRIMARY);
  const ident = primary && dstring(primary.subarray(72, 200));
  if (ident === undefined) return undefined;
  const bytes = new TextEncoder().encode(ident);
  if (bytes.length < 8) return undefined;
  const chars = String.fromCharCode(...bytes);
  if (/^[0-9a-f]{16}/i.test(chars)) return chars.slice(0, 16).toLowerCase();
  if (/^[0-9a-f]{8}/i.test(chars)) return chars.slice(0, 8).toLowerCase() + toHex(bytes.subarray(8, 12)).padEnd(8, '0');
  return toHex(bytes.subarray(0, 8));
};

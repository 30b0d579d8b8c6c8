/** Where the fields of FUSE's messages lie. */

import { layoutOf } from '../../abi/layout.ts';
import { fuseStructs } from '../../abi/uapi/fuse.ts';

type FuseStruct = keyof typeof fuseStructs;
type FieldOf<Text extends string> = Text extends `${infer Name}:${string} ${infer Rest}`
  ? Name | FieldOf<Rest>
  : Text extends `${infer Name}:${string}`
    ? Name
    : never;
type Offsets<Name extends FuseStruct> = Readonly<Record<FieldOf<(typeof fuseStructs)[Name][1]>, number>>;

/** The offset of each field, and the size of all as `bytes`. */
export function fields<Name extends FuseStruct>(name: Name): Offsets<Name> & { readonly bytes: number } {
  const [bytes, text] = fuseStructs[name];
  const offsets = text.split(' ').map((word) => {
    const [, field = '', offset] = /^(\w+):[^@]*@(\d+)$/.exec(word) ?? [];
    return [field, Number(offset)];
  });
  return { ...(Object.fromEntries(offsets) as Offsets<Name>), bytes };
}

/** The same of our kernel's struct statx. */
export const statxAt = Object.fromEntries(
  layoutOf('statx').fields.map(({ name, offset }) => [name.replace(/^stx_/, ''), offset]),
) as Readonly<Record<string, number>>;

/** A u64 as a number, exact up to 2^53. */
export const getU64 = (data: DataView, at: number): number =>
  data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000;

export function setU64(data: DataView, at: number, value: number): void {
  data.setUint32(at, value, true);
  data.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

export function copyU64(data: DataView, from: number, to: number): void {
  data.setUint32(to, data.getUint32(from, true), true);
  data.setUint32(to + 4, data.getUint32(from + 4, true), true);
}

export const copyU32 = (data: DataView, from: number, to: number): void =>
  data.setUint32(to, data.getUint32(from, true), true);

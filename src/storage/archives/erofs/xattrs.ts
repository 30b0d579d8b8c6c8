/** Extended attributes behind an inode of EROFS (struct erofs_xattr_ibody_header, struct erofs_xattr_entry). */

import { type Raw, shown } from '../node.ts';
import { up, XATTR_ENTRY_BYTES, XATTR_HEADER_BYTES } from './layout.ts';

/** EROFS_XATTR_INDEX_*; the longest first. */
const prefixes: readonly (readonly [Raw, number])[] = [
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['security.', 6],
  ['trusted.', 4],
  ['user.', 1],
];

const MAX_NAME_BYTES = 255;
const MAX_VALUE_BYTES = 65_535;
const MAX_BYTES = 65_535 * 4;

export type Xattrs = ReadonlyMap<Raw, Uint8Array>;

const indexOf = (name: Raw): { readonly index: number; readonly rest: Raw } | undefined => {
  for (const [prefix, index] of prefixes) {
    const isWhole = !prefix.endsWith('.');
    if (isWhole ? name === prefix : name.startsWith(prefix) && name.length > prefix.length)
      return { index, rest: name.slice(prefix.length) };
  }
  return undefined;
};

/** Whether Linux has a place for an attribute of this name: only those are kept by any of its file systems. */
export const isXattrName = (name: Raw): boolean => {
  const found = indexOf(name);
  return found !== undefined && found.rest.length <= MAX_NAME_BYTES && !name.includes('\0');
};

/** Those that an inode has room for, and those that it has not. */
export function fitting(xattrs: Xattrs): {
  readonly kept: Xattrs;
  readonly lost: readonly (readonly [Raw, Uint8Array])[];
} {
  const kept = new Map<Raw, Uint8Array>();
  const lost: [Raw, Uint8Array][] = [];
  let bytes = XATTR_HEADER_BYTES;
  for (const [name, value] of xattrs) {
    const length = up(XATTR_ENTRY_BYTES + (indexOf(name)?.rest.length ?? 0) + value.length, 4);
    if (value.length > MAX_VALUE_BYTES || bytes + length > MAX_BYTES) lost.push([name, value]);
    else {
      kept.set(name, value);
      bytes += length;
    }
  }
  return lost.length === 0 ? { kept: xattrs, lost } : { kept, lost };
}

/** Bytes behind the inode; 0 where there are none. Throws a RangeError where they are more than an inode can have. */
export function xattrBytes(xattrs: Xattrs | undefined): number {
  if (xattrs === undefined || xattrs.size === 0) return 0;
  let bytes = XATTR_HEADER_BYTES;
  for (const [name, value] of xattrs) {
    if (value.length > MAX_VALUE_BYTES) throw new RangeError(`the attribute ${shown(name)} has ${value.length} bytes`);
    bytes += up(XATTR_ENTRY_BYTES + (indexOf(name)?.rest.length ?? 0) + value.length, 4);
  }
  if (bytes > MAX_BYTES) throw new RangeError(`${bytes} bytes of attributes`);
  return bytes;
}

/** i_xattr_icount: in words, the header counted as one. */
export const xattrCount = (bytes: number): number => (bytes === 0 ? 0 : (bytes - XATTR_HEADER_BYTES) / 4 + 1);

export function writeXattrs(into: DataView, at: number, xattrs: Xattrs | undefined): void {
  let end = at + XATTR_HEADER_BYTES;
  for (const [name, value] of xattrs ?? []) {
    const { index, rest } = indexOf(name) ?? { index: 0, rest: name };
    into.setUint8(end, rest.length);
    into.setUint8(end + 1, index);
    into.setUint16(end + 2, value.length, true);
    for (let i = 0; i < rest.length; i += 1) into.setUint8(end + XATTR_ENTRY_BYTES + i, rest.charCodeAt(i));
    const valueAt = end + XATTR_ENTRY_BYTES + rest.length;
    new Uint8Array(into.buffer, into.byteOffset + valueAt, value.length).set(value);
    end = at + up(valueAt - at + value.length, 4);
  }
}

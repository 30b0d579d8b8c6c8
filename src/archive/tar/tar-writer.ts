/** Tar entries in the pax format as bytes: headers, sparse maps, padding and the end mark, but never the file data itself. */

import { concat } from '../../bytes/concat.ts';
import { isAscii, isUtf8, PaxRecords } from './pax.ts';
import { posixAclText } from './posix-acl.ts';
import { BLOCK, fitsLinkname, splitPath, ustarBlock, ustarMax } from './ustar.ts';

const typeflags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

export type TarType = keyof typeof typeflags;

/** An extended attribute, name and value as the kernel gave them. */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** A run of data in a sparse file, in bytes; everything between runs reads as zeros. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** What a tar says of one file. Names are bytes, as Linux has them; a directory's path has no trailing slash. */
export interface TarEntry {
  readonly type: TarType;
  readonly path: Uint8Array;
  /** The permission bits, 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** Bytes of a file, holes included. */
  readonly size?: number;
  /** The target of a symlink as it is; of a hard link, the path of the entry that has the data. */
  readonly linkPath?: Uint8Array;
  /** Of a char or block device. */
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: readonly Xattr[];
  /** Of a sparse file: its data in ascending order. Only these bytes follow the header. */
  readonly segments?: readonly Segment[];
}

const encoder = new TextEncoder();
const SLASH = 0x2f;

const roundUp = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

const zeros = new Uint8Array(BLOCK);

/** Zeros that fill the last block after `dataBytes` bytes of file data; nobody writes into them. */
export const padding = (dataBytes: number): Uint8Array => zeros.subarray(0, roundUp(dataBytes) - dataBytes);

/** The mark that ends the archive: two blocks of zeros. */
export const trailer = (): Uint8Array => new Uint8Array(2 * BLOCK);

/** Bytes of data that follow the header of `entry`. */
export function dataBytes(entry: TarEntry): number {
  if (entry.type !== 'file') return 0;
  return entry.segments?.reduce((sum, segment) => sum + segment.length, 0) ?? entry.size ?? 0;
}

/** Nanoseconds as the decimal seconds of pax(1), negative before 1970. */
function paxTime(ns: bigint): string {
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** The map block of a PAX 1.0 sparse file: the count, then offset and length of each run, one number a line. */
function sparseMap(segments: readonly Segment[], size: number): Uint8Array {
  // GNU tar ends the map of a file that ends in a hole with an empty run there.
  const last = segments.at(-1);
  const runs = last && last.offset + last.length === size ? segments : [...segments, { offset: size, length: 0 }];
  const text = `${runs.length}\n${runs.map(({ offset, length }) => `${offset}\n${length}\n`).join('')}`;
  const map = new Uint8Array(roundUp(text.length));
  encoder.encodeInto(text, map);
  return map;
}

/** A stand-in name, for a header whose real name is in the records: only a reader without pax ever sees it. */
function standIn(directory: string, path: Uint8Array): Uint8Array {
  const base = path.subarray(path.lastIndexOf(SLASH) + 1);
  return concat([encoder.encode(`${directory}/`), base]).subarray(0, 100);
}

function byName(a: Xattr, b: Xattr): number {
  for (let i = 0; i < a.name.length && i < b.name.length; i++) {
    const difference = (a.name[i] ?? 0) - (b.name[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.name.length - b.name.length;
}

const schilyXattr = encoder.encode('SCHILY.xattr.');
const aclRecords = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
]);

/**
 * A pax keyword ends at its first '=', so GNU tar writes %3D for one in an xattr's name and reads %3D and %25 back.
 * A '%' is escaped only where it would be read back as something else: other readers take the name as it stands.
 */
function xattrKeyword(name: Uint8Array): Uint8Array {
  let escaped = '';
  for (const byte of name) escaped += String.fromCharCode(byte);
  escaped = escaped.replaceAll(/%(?=3D|25)/g, '%25').replaceAll('=', '%3D');
  return concat([schilyXattr, Uint8Array.from(escaped, (char) => char.charCodeAt(0))]);
}

/**
 * Every attribute as SCHILY.xattr.*. ACLs go in twice: GNU tar restores the attribute with --xattrs and the text with --acls,
 * bsdtar knows the text only.
 */
function addXattrs(records: PaxRecords, xattrs: readonly Xattr[]): void {
  for (const { name, value } of xattrs.toSorted(byName)) {
    const aclRecord = aclRecords.get(new TextDecoder().decode(name));
    const acl = aclRecord && posixAclText(value);
    if (aclRecord && acl) records.add(aclRecord, acl);
    records.add(xattrKeyword(name), value);
  }
}

/** Everything of `entry` that comes before its data: the extended header if it needs one, the header, the sparse map. */
export function entryHeader(entry: TarEntry): Uint8Array {
  const path = entry.type === 'directory' ? concat([entry.path, Uint8Array.of(SLASH)]) : entry.path;
  const target = entry.linkPath ?? new Uint8Array();
  const size = entry.type === 'file' ? (entry.size ?? 0) : 0;
  const map = entry.segments ? sparseMap(entry.segments, size) : new Uint8Array();
  const archivedBytes = map.length + dataBytes(entry);
  const seconds = Number(entry.mtimeNs / 1_000_000_000n);
  const split = splitPath(path);

  const records = new PaxRecords();
  if (!isUtf8(path) || !isUtf8(target)) records.add('hdrcharset', 'BINARY');
  if (entry.segments) {
    records.add('GNU.sparse.major', 1);
    records.add('GNU.sparse.minor', 0);
    records.add('GNU.sparse.name', path);
    records.add('GNU.sparse.realsize', size);
  } else if (!split || !isAscii(path)) {
    records.add('path', path);
  }
  if (!fitsLinkname(target) || !isAscii(target)) records.add('linkpath', target);
  if (archivedBytes > ustarMax.size) records.add('size', archivedBytes);
  if (entry.uid > ustarMax.id) records.add('uid', entry.uid);
  if (entry.gid > ustarMax.id) records.add('gid', entry.gid);
  if (entry.mtimeNs < 0n || entry.mtimeNs % 1_000_000_000n !== 0n || seconds > ustarMax.mtime) {
    records.add('mtime', paxTime(entry.mtimeNs));
  }
  addXattrs(records, entry.xattrs ?? []);

  const names = entry.segments ? { name: standIn('GNUSparseFile.0', path) } : (split ?? { name: path });
  const header = ustarBlock({
    ...names,
    typeflag: typeflags[entry.type],
    mode: entry.mode,
    uid: Math.min(entry.uid, ustarMax.id),
    gid: Math.min(entry.gid, ustarMax.id),
    size: Math.min(archivedBytes, ustarMax.size),
    mtime: Math.min(Math.max(seconds, 0), ustarMax.mtime),
    linkname: target,
    devMajor: entry.device?.major ?? 0,
    devMinor: entry.device?.minor ?? 0,
  });
  if (records.size === 0) return concat([header, map]);

  const extended = new Uint8Array(BLOCK + roundUp(records.size));
  extended.set(
    ustarBlock({
      name: standIn('PaxHeaders', entry.path),
      typeflag: 'x',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: records.size,
      mtime: 0,
    }),
  );
  records.copyTo(extended, BLOCK);
  return concat([extended, header, map]);
}

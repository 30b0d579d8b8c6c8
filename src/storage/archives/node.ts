/** What an archive says of one file, with as little around it as a million of them allow. */

import { bytesOfRaw, type Raw, rawOf } from '../../archive/tar/raw.ts';
import type { ByteSource } from '../byte-source.ts';

export { bytesOfRaw, type Raw, rawOf };

/** Bits of st_mode (include/uapi/linux/stat.h). */
export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFIFO = 0o010000;
export const S_IFSOCK = 0o140000;

/** A run of data of a file with holes: `bytes` of them at `offset`, which lie at `at` of the file's source. */
export interface Extent {
  readonly offset: number;
  readonly bytes: number;
  readonly at: number;
}

/** The data of a regular file, where they lie. Without `extents` all of it is at `at`. */
export interface FileData {
  readonly source: ByteSource;
  readonly at: number;
  /** Ascending and apart; between them are holes. */
  readonly extents?: readonly Extent[];
}

export interface Attributes {
  /** With the type. */
  mode: number;
  uid: number;
  gid: number;
  /** Since 1970; nanoseconds always forward from there. */
  mtimeS: number;
  mtimeNs: number;
  xattrs: ReadonlyMap<Raw, Uint8Array> | undefined;
}

export class Node implements Attributes {
  mode: number;
  uid: number;
  gid: number;
  mtimeS: number;
  mtimeNs: number;
  xattrs: ReadonlyMap<Raw, Uint8Array> | undefined;
  /** Of a file, or of a symlink's target. */
  size = 0;
  data: FileData | undefined;
  target: Raw | undefined;
  /** Of a device, as Linux encodes it in 32 bits. */
  rdev = 0;
  /** Of a directory, by name. */
  readonly children: Map<Raw, Node> | undefined;
  /** Where its inode is, and how many names it has: for whoever lays the tree out. */
  nid = -1;
  links = 0;

  constructor({ mode, uid, gid, mtimeS, mtimeNs, xattrs }: Attributes) {
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.mtimeS = mtimeS;
    this.mtimeNs = mtimeNs;
    this.xattrs = xattrs;
    this.children = this.type === S_IFDIR ? new Map() : undefined;
  }

  get type(): number {
    return this.mode & S_IFMT;
  }
}

/** include/linux/kdev_t.h: new_encode_dev. */
export const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;

/** What a directory is that no archive tells of, but that others lie in. */
export const IMPLIED: Readonly<Attributes> = {
  mode: S_IFDIR | 0o755,
  uid: 0,
  gid: 0,
  mtimeS: 0,
  mtimeNs: 0,
  xattrs: undefined,
};

/** For people. */
export const shown = (raw: Raw): string => JSON.stringify(new TextDecoder().decode(bytesOfRaw(raw)));

/** What statx(2) tells as the Stats of node:fs, with numbers or with bigints. */

import type { BigIntStats as NodeBigIntStats, Stats as NodeStats } from 'node:fs';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  STATX_BTIME,
} from '../../abi/uapi/fs.ts';
import { inNs, type Statx } from '../../kernel/syscalls/file.ts';

const NS_PER_MS = 1_000_000n;

/** dev_t as glibc packs it: Node shows it so. */
const deviceNumber = (major: number, minor: number): bigint =>
  (BigInt(major & 0xfff) << 8n) | (BigInt(major >>> 12) << 44n) | BigInt(minor & 0xff) | (BigInt(minor >>> 8) << 20n);

/** What both kinds of Stats have: which type of file it is. */
export abstract class FileMode {
  readonly #type: number;

  /** @internal */
  constructor(mode: number) {
    this.#type = mode & S_IFMT;
  }

  isFile(): boolean {
    return this.#type === S_IFREG;
  }
  isDirectory(): boolean {
    return this.#type === S_IFDIR;
  }
  isBlockDevice(): boolean {
    return this.#type === S_IFBLK;
  }
  isCharacterDevice(): boolean {
    return this.#type === S_IFCHR;
  }
  isSymbolicLink(): boolean {
    return this.#type === S_IFLNK;
  }
  isFIFO(): boolean {
    return this.#type === S_IFIFO;
  }
  isSocket(): boolean {
    return this.#type === S_IFSOCK;
  }
}

const dateOf = (ns: bigint): Date => new Date(Number(ns / NS_PER_MS));
/** A file system without times of birth shows 1970, as in Node. */
const birthNs = (stat: Statx): bigint => ((stat.mask & STATX_BTIME) === 0 ? 0n : inNs(stat.btime));

/** Times in milliseconds lose what is below a microsecond; `BigIntStats` has all of it. */
export class Stats extends FileMode implements NodeStats {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  /** @internal */
  constructor(stat: Statx) {
    super(stat.mode);
    this.dev = Number(deviceNumber(stat.devMajor, stat.devMinor));
    this.ino = Number(stat.ino);
    this.mode = stat.mode;
    this.nlink = stat.nlink;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.rdev = Number(deviceNumber(stat.rdevMajor, stat.rdevMinor));
    this.size = stat.size;
    this.blksize = stat.blksize;
    this.blocks = stat.blocks;
    this.atimeMs = Number(inNs(stat.atime)) / 1e6;
    this.mtimeMs = Number(inNs(stat.mtime)) / 1e6;
    this.ctimeMs = Number(inNs(stat.ctime)) / 1e6;
    this.birthtimeMs = Number(birthNs(stat)) / 1e6;
    this.atime = dateOf(inNs(stat.atime));
    this.mtime = dateOf(inNs(stat.mtime));
    this.ctime = dateOf(inNs(stat.ctime));
    this.birthtime = dateOf(birthNs(stat));
  }
}

/** Everything exactly, times in nanoseconds too. */
export class BigIntStats extends FileMode implements NodeBigIntStats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;

  /** @internal */
  constructor(stat: Statx) {
    super(stat.mode);
    this.dev = deviceNumber(stat.devMajor, stat.devMinor);
    this.ino = stat.ino;
    this.mode = BigInt(stat.mode);
    this.nlink = BigInt(stat.nlink);
    this.uid = BigInt(stat.uid);
    this.gid = BigInt(stat.gid);
    this.rdev = deviceNumber(stat.rdevMajor, stat.rdevMinor);
    this.size = BigInt(stat.size);
    this.blksize = BigInt(stat.blksize);
    this.blocks = BigInt(stat.blocks);
    this.atimeNs = inNs(stat.atime);
    this.mtimeNs = inNs(stat.mtime);
    this.ctimeNs = inNs(stat.ctime);
    this.birthtimeNs = birthNs(stat);
    this.atimeMs = this.atimeNs / NS_PER_MS;
    this.mtimeMs = this.mtimeNs / NS_PER_MS;
    this.ctimeMs = this.ctimeNs / NS_PER_MS;
    this.birthtimeMs = this.birthtimeNs / NS_PER_MS;
    this.atime = dateOf(this.atimeNs);
    this.mtime = dateOf(this.mtimeNs);
    this.ctime = dateOf(this.ctimeNs);
    this.birthtime = dateOf(this.birthtimeNs);
  }
}

export interface StatOptions {
  /** Default: false. */
  readonly bigint?: boolean | undefined;
}

export type StatsFor<Options extends StatOptions | undefined> = Options extends { readonly bigint: true }
  ? BigIntStats
  : Stats;

/** @internal */
export const statsOf = (stat: Statx, { bigint = false }: StatOptions = {}): Stats | BigIntStats =>
  bigint ? new BigIntStats(stat) : new Stats(stat);

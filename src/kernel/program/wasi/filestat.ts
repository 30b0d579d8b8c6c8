/** What WASI says of a file: types by its own numbers, and a filestat of a statx. */

import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  UTIME_NOW,
  UTIME_OMIT,
} from '../../../abi/uapi/fs.ts';
import { type Ptr, plus, ptr } from '../../memory.ts';
import { mustHave, structAt, type WasiProgram } from './wasi-program.ts';

export const FILETYPE = {
  unknown: 0,
  block: 1,
  character: 2,
  directory: 3,
  regular: 4,
  stream: 6,
  symlink: 7,
} as const;

/** A FIFO has no type in WASI. */
const TYPES = new Map<number, number>([
  [S_IFBLK, FILETYPE.block],
  [S_IFCHR, FILETYPE.character],
  [S_IFDIR, FILETYPE.directory],
  [S_IFREG, FILETYPE.regular],
  [S_IFSOCK, FILETYPE.stream],
  [S_IFLNK, FILETYPE.symlink],
]);
export const filetypeOf = (mode: number): number => TYPES.get(mode & S_IFMT) ?? FILETYPE.unknown;

export const SECOND = 1_000_000_000n;

/** struct statx of linux/stat.h: where its fields are. */
const STATX = {
  nlink: 16,
  mode: 28,
  ino: 32,
  size: 40,
  atime: 64,
  ctime: 96,
  mtime: 112,
  devMajor: 136,
  devMinor: 140,
};
/** __wasi_filestat_t */
const FILESTAT = { dev: 0, ino: 8, type: 16, nlink: 24, size: 32, atime: 40, mtime: 48, ctime: 56, bytes: 64 };

/** The mode of what a statx, which lies where structures do, is of. */
export const statxMode = (program: WasiProgram): number => program.memory.u16(plus(structAt(program), STATX.mode));

/** Seconds and nanoseconds of a statx as nanoseconds. */
function time({ memory }: WasiProgram, at: Ptr): bigint {
  return BigInt.asUintN(64, memory.i64(at) * SECOND + BigInt(memory.u32(plus(at, 8))));
}

/** Of the statx that lies where structures do. */
export function tellFilestat(program: WasiProgram, out: number): void {
  const { memory } = program;
  const from = structAt(program);
  const to = ptr(out);
  mustHave(memory, to, FILESTAT.bytes);
  memory.bytes.fill(0, to, to + FILESTAT.bytes);
  const device =
    (BigInt(memory.u32(plus(from, STATX.devMajor))) << 32n) | BigInt(memory.u32(plus(from, STATX.devMinor)));
  memory.setU64(plus(to, FILESTAT.dev), device);
  memory.setU64(plus(to, FILESTAT.ino), memory.u64(plus(from, STATX.ino)));
  memory.bytes[to + FILESTAT.type] = filetypeOf(statxMode(program));
  memory.setU64(plus(to, FILESTAT.nlink), BigInt(memory.u32(plus(from, STATX.nlink))));
  memory.setU64(plus(to, FILESTAT.size), memory.u64(plus(from, STATX.size)));
  for (const name of ['atime', 'mtime', 'ctime'] as const)
    memory.setU64(plus(to, FILESTAT[name]), time(program, plus(from, STATX[name])));
}

/** __wasi_fstflags_t */
const SET = { atime: 1, atimeNow: 2, mtime: 4, mtimeNow: 8 };

/** Two struct timespec for utimensat(2), where structures are. */
export function layOutTimes(program: WasiProgram, [atime, mtime]: readonly [bigint, bigint], flags: number): Ptr {
  const at = structAt(program);
  const put = (to: Ptr, ns: bigint, isSet: boolean, isNow: boolean) => {
    const value = BigInt.asUintN(64, ns);
    program.memory.setU64(to, isSet ? value / SECOND : 0n);
    const special = BigInt(isNow ? UTIME_NOW : UTIME_OMIT);
    program.memory.setU64(plus(to, 8), isSet ? value % SECOND : special);
  };
  put(at, atime, (flags & SET.atime) !== 0, (flags & SET.atimeNow) !== 0);
  put(plus(at, 16), mtime, (flags & SET.mtime) !== 0, (flags & SET.mtimeNow) !== 0);
  return at;
}

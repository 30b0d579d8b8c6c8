/**
 * System calls on files. A function that answers a number answers what Linux returns, a negative errno included;
 * one that answers data throws `KernelError` instead.
 */

import { Struct, s64, u16, u32, u64, u64AsNumber } from '../../abi/struct.ts';
import { O_LARGEFILE, PATH_MAX, STATX_BASIC_STATS, STATX_BTIME, STATX_MNT_ID, UTIME_OMIT } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch, type UserBuffer } from './scratch.ts';

/** openat(2) with O_LARGEFILE, which every libc of today adds on a 32-bit kernel. */
export function openat(task: UserTask, dirfd: number, path: Name, flags: number, mode = 0): Promise<number> {
  const scratch = new Scratch(task, 'openat');
  return task.syscall('openat', dirfd, scratch.string(path), flags | O_LARGEFILE, mode);
}

const openHow = Struct({ flags: u64, mode: u64, resolve: u64 });

/** openat2(2): as openat, with RESOLVE_* rules for the way there. Flags are taken as they are. */
export function openat2(
  task: UserTask,
  dirfd: number,
  path: Name,
  how: { readonly flags: number; readonly mode?: number; readonly resolve?: number },
): Promise<number> {
  const scratch = new Scratch(task, 'openat2');
  const at = scratch.room(openHow.size);
  openHow.write(task.memory.data, at, {
    flags: BigInt(how.flags),
    mode: BigInt(how.mode ?? 0),
    resolve: BigInt(how.resolve ?? 0),
  });
  return task.syscall('openat2', dirfd, scratch.string(path), at, openHow.size);
}

export const close = (task: UserTask, fd: number): Promise<number> => task.syscall('close', fd);

/** Read at the file's position, at most the whole of `into`. */
export const read = (task: UserTask, fd: number, into: UserBuffer): Promise<number> =>
  task.syscall('read', fd, into.at, into.bytes);

/** Read at `offset`, at most `bytes` bytes into the start of `into`. */
export const pread64 = (task: UserTask, fd: number, into: UserBuffer, bytes: number, offset: number): Promise<number> =>
  task.syscall('pread64', fd, into.at, Math.min(bytes, into.bytes), offset);

/** Write the first `bytes` bytes of `from` at the file's position. */
export const write = (task: UserTask, fd: number, from: UserBuffer, bytes: number): Promise<number> =>
  task.syscall('write', fd, from.at, Math.min(bytes, from.bytes));

/** Write the first `bytes` bytes of `from` at `offset`. */
export const pwrite64 = (
  task: UserTask,
  fd: number,
  from: UserBuffer,
  bytes: number,
  offset: number,
): Promise<number> => task.syscall('pwrite64', fd, from.at, Math.min(bytes, from.bytes), offset);

/** lseek(2); a 32-bit kernel has it as llseek, the offset in two halves and the answer in memory. */
export async function lseek(task: UserTask, fd: number, offset: number, whence: number): Promise<number> {
  const result = new Scratch(task, 'llseek').room(8);
  const ret = await task.syscall('llseek', fd, Math.floor(offset / 0x1_0000_0000), offset >>> 0, result, whence);
  return ret < 0 ? ret : task.memory.u64AsNumber(result);
}

export const ftruncate = (task: UserTask, fd: number, bytes: number): Promise<number> =>
  task.syscall('ftruncate64', fd, bytes);

export const fsync = (task: UserTask, fd: number): Promise<number> => task.syscall('fsync', fd);

const NS_PER_S = 1_000_000_000n;

const statxTimestamp = Struct({ sec: s64, nsec: u32 });

/** struct statx (linux/stat.h) up to the fields this project reads; the kernel writes `STATX_BYTES`. */
const statxStruct = Struct({
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  ino: u64,
  size: u64AsNumber,
  /** Units of 512 bytes, whatever the block size. */
  blocks: u64AsNumber,
  attributesMask: u64,
  atime: statxTimestamp,
  btime: statxTimestamp,
  ctime: statxTimestamp,
  mtime: statxTimestamp,
  rdevMajor: u32,
  rdevMinor: u32,
  devMajor: u32,
  devMinor: u32,
  mntId: u64,
});
const STATX_BYTES = 256;

/** What statx(2) says of a file, under the names of its struct without "stx_". */
export type Statx = ReturnType<typeof statxStruct.read>;

/** A time of `Statx` as nanoseconds since the epoch. */
export const inNs = ({ sec, nsec }: Statx['mtime']): bigint => sec * NS_PER_S + BigInt(nsec);

/** statx(2); by default all of stat(2), the birth time and the mount. */
export async function statx(
  task: UserTask,
  dirfd: number,
  path: Name,
  flags: number,
  mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
): Promise<Statx> {
  const scratch = new Scratch(task, 'statx');
  const at = scratch.room(STATX_BYTES);
  must('statx', await task.syscall('statx', dirfd, scratch.string(path), flags, mask, at), path);
  return statxStruct.read(task.memory.data, at);
}

/** The target of a symlink, as bytes. */
export async function readlinkat(task: UserTask, dirfd: number, path: Name): Promise<Uint8Array> {
  const scratch = new Scratch(task, 'readlinkat');
  const at = scratch.room(PATH_MAX);
  const length = must('readlinkat', await task.syscall('readlinkat', dirfd, scratch.string(path), at, PATH_MAX), path);
  return task.memory.copy(at, length);
}

/** fchmodat2(2): `flags` may be AT_SYMLINK_NOFOLLOW or AT_EMPTY_PATH. */
export function fchmodat(task: UserTask, dirfd: number, path: Name, mode: number, flags = 0): Promise<number> {
  return task.syscall('fchmodat2', dirfd, new Scratch(task, 'fchmodat2').string(path), mode, flags);
}

/** fchownat(2); an id of -1 stays as it is. */
export function fchownat(
  task: UserTask,
  dirfd: number,
  path: Name,
  uid: number,
  gid: number,
  flags = 0,
): Promise<number> {
  return task.syscall('fchownat', dirfd, new Scratch(task, 'fchownat').string(path), uid, gid, flags);
}

/** struct __kernel_timespec. */
const timespec = Struct({ sec: s64, nsec: s64 });

/** Nanoseconds since the epoch as seconds and the nanoseconds after them; a time left out stays as it is. */
function splitTime(ns: bigint | undefined): { sec: bigint; nsec: bigint } {
  if (ns === undefined) return { sec: 0n, nsec: BigInt(UTIME_OMIT) };
  const nsec = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return { sec: (ns - nsec) / NS_PER_S, nsec };
}

/** utimensat(2) with the 64-bit times of 2038 and later. */
export function utimensat(
  task: UserTask,
  dirfd: number,
  path: Name,
  times: { readonly atimeNs?: bigint | undefined; readonly mtimeNs?: bigint | undefined },
  flags = 0,
): Promise<number> {
  const scratch = new Scratch(task, 'utimensat_time64');
  const at = scratch.room(2 * timespec.size);
  timespec.write(task.memory.data, at, splitTime(times.atimeNs));
  timespec.write(task.memory.data, at + timespec.size, splitTime(times.mtimeNs));
  return task.syscall('utimensat_time64', dirfd, scratch.string(path), at, flags);
}

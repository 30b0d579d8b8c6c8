/** path_*: what is done by name. The kernel resolves them; beside what it forbids nothing is out of reach. */

import {
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  STATX_BASIC_STATS,
} from '../../../abi/uapi/fs.ts';
import { ptr } from '../../memory.ts';
import { wasiErrno } from './errno.ts';
import { openFlags } from './files.ts';
import { layOutTimes, tellFilestat } from './filestat.ts';
import { answerU32, pathOf, structAt, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** __wasi_lookupflags_t */
const SYMLINK_FOLLOW = 1;
/** __wasi_oflags_t */
const OFLAGS = { create: 1, directory: 2, exclusive: 4, truncate: 8 };
/** __wasi_rights_t: what the file is to be used for, as far as Linux asks when it is opened. */
const RIGHT_READ = (1n << 1n) | (1n << 14n);
const RIGHT_WRITE = 1n << 6n;

function accessOf(oflags: number, rights: bigint): number {
  const isWritten = (rights & RIGHT_WRITE) !== 0n && (oflags & OFLAGS.directory) === 0;
  if (!isWritten) return O_RDONLY;
  return (rights & RIGHT_READ) === 0n ? O_WRONLY : O_RDWR;
}

const noFollow = (lookup: number): number => (lookup & SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW);

export const pathCalls = {
  async path_open(
    program: WasiProgram,
    dirfd: number,
    lookup: number,
    at: number,
    length: number,
    oflags: number,
    rights: bigint,
    _inherited: bigint,
    flags: number,
    out: number,
  ) {
    const path = pathOf(program, at, length);
    const how =
      O_CLOEXEC |
      O_LARGEFILE |
      accessOf(oflags, rights) |
      openFlags(flags) |
      (lookup & SYMLINK_FOLLOW ? 0 : O_NOFOLLOW) |
      (oflags & OFLAGS.create ? O_CREAT : 0) |
      (oflags & OFLAGS.directory ? O_DIRECTORY : 0) |
      (oflags & OFLAGS.exclusive ? O_EXCL : 0) |
      (oflags & OFLAGS.truncate ? O_TRUNC : 0);
    const fd = await program.syscall('openat', dirfd, path, how, 0o666);
    if (fd >= 0) answerU32(program.memory, out, fd);
    return wasiErrno(fd);
  },
  async path_filestat_get(
    program: WasiProgram,
    dirfd: number,
    lookup: number,
    at: number,
    length: number,
    out: number,
  ) {
    const path = pathOf(program, at, length);
    const ret = await program.syscall('statx', dirfd, path, noFollow(lookup), STATX_BASIC_STATS, structAt(program));
    if (ret === 0) tellFilestat(program, out);
    return wasiErrno(ret);
  },
  async path_filestat_set_times(
    program: WasiProgram,
    dirfd: number,
    lookup: number,
    at: number,
    length: number,
    atime: bigint,
    mtime: bigint,
    flags: number,
  ) {
    const path = pathOf(program, at, length);
    const times = layOutTimes(program, [atime, mtime], flags);
    return wasiErrno(await program.syscall('utimensat_time64', dirfd, path, times, noFollow(lookup)));
  },
  async path_create_directory(program: WasiProgram, dirfd: number, at: number, length: number) {
    return wasiErrno(await program.syscall('mkdirat', dirfd, pathOf(program, at, length), 0o777));
  },
  async path_remove_directory(program: WasiProgram, dirfd: number, at: number, length: number) {
    return wasiErrno(await program.syscall('unlinkat', dirfd, pathOf(program, at, length), AT_REMOVEDIR));
  },
  async path_unlink_file(program: WasiProgram, dirfd: number, at: number, length: number) {
    return wasiErrno(await program.syscall('unlinkat', dirfd, pathOf(program, at, length), 0));
  },
  async path_rename(
    program: WasiProgram,
    from: number,
    at: number,
    length: number,
    to: number,
    newAt: number,
    newLength: number,
  ) {
    const [old, path] = [pathOf(program, at, length), pathOf(program, newAt, newLength, 1)];
    return wasiErrno(await program.syscall('renameat2', from, old, to, path, 0));
  },
  async path_link(
    program: WasiProgram,
    from: number,
    lookup: number,
    at: number,
    length: number,
    to: number,
    newAt: number,
    newLength: number,
  ) {
    const [old, path] = [pathOf(program, at, length), pathOf(program, newAt, newLength, 1)];
    const flags = lookup & SYMLINK_FOLLOW ? AT_SYMLINK_FOLLOW : 0;
    return wasiErrno(await program.syscall('linkat', from, old, to, path, flags));
  },
  async path_symlink(
    program: WasiProgram,
    at: number,
    length: number,
    dirfd: number,
    newAt: number,
    newLength: number,
  ) {
    const [target, path] = [pathOf(program, at, length), pathOf(program, newAt, newLength, 1)];
    return wasiErrno(await program.syscall('symlinkat', target, dirfd, path));
  },
  async path_readlink(
    program: WasiProgram,
    dirfd: number,
    at: number,
    length: number,
    buffer: number,
    bytes: number,
    out: number,
  ) {
    const got = await program.syscall('readlinkat', dirfd, pathOf(program, at, length), ptr(buffer), bytes);
    if (got >= 0) answerU32(program.memory, out, got);
    return wasiErrno(got);
  },
} as const satisfies Readonly<Record<string, WasiCall>>;

/** fd_*: what is done with open files, whose numbers are the kernel's. */

import { AT_EMPTY_PATH, O_APPEND, O_NONBLOCK, SEEK_CUR, STATX_BASIC_STATS } from '../../../abi/uapi/fs.ts';
import { plus, ptr } from '../../memory.ts';
import { BADF, INVAL, SUCCESS, wasiErrno } from './errno.ts';
import { FILETYPE, filetypeOf, layOutTimes, statxMode, tellFilestat } from './filestat.ts';
import { answerU32, answerU64, mustHave, structAt, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** The directory that is there when the program begins: the root. */
export const ROOT_FD = 3;

// asm-generic/fcntl.h and ioctls.h
const F_GETFL = 3;
const F_SETFL = 4;
const TCGETS = 0x5401;
export const O_DSYNC = 0o10000;
export const O_SYNC = 0o4010000;

/** __wasi_fdflags_t and what Linux calls it. */
const FLAGS = [
  [1, O_APPEND],
  [2, O_DSYNC],
  [4, O_NONBLOCK],
  [16, O_SYNC],
] as const;
export const openFlags = (flags: number): number => FLAGS.reduce((all, [w, l]) => (flags & w ? all | l : all), 0);
const fdFlags = (flags: number): number => FLAGS.reduce((all, [w, l]) => ((flags & l) === l ? all | w : all), 0);

const ALL_RIGHTS = (1n << 30n) - 1n;
/** What a terminal has not: a C library tells it from a file by that. */
const SEEK_AND_TELL = (1n << 2n) | (1n << 5n);
/** Linux's words for what is going to be done with a file, by WASI's numbers. */
const ADVICE = [0, 2, 1, 3, 4, 5];

/** Whole offsets in the two halves that preadv(2) has. */
const halves = (offset: bigint): readonly [number, number] => [
  Number(BigInt.asUintN(32, offset)),
  Number(BigInt.asUintN(32, offset >> 32n)),
];

/** Reads and writes: iovecs are as Linux has them for 32 bits. */
const moved =
  (name: 'readv' | 'writev') =>
  async (program: WasiProgram, fd: number, vectors: number, count: number, out: number): Promise<number> =>
    told(program, await program.syscall(name, fd, ptr(vectors), count >>> 0), out);
const movedAt =
  (name: 'preadv' | 'pwritev') =>
  async (program: WasiProgram, fd: number, vectors: number, count: number, at: bigint, out: number): Promise<number> =>
    told(program, await program.syscall(name, fd, ptr(vectors), count >>> 0, ...halves(at)), out);

function told({ memory }: WasiProgram, ret: number, out: number): number {
  if (ret >= 0) answerU32(memory, out, ret);
  return wasiErrno(ret);
}

const simply =
  (name: 'close' | 'fsync' | 'fdatasync') =>
  async (program: WasiProgram, fd: number): Promise<number> =>
    wasiErrno(await program.syscall(name, fd));

/** llseek(2); where it leads is where structures are. */
export function llseek(program: WasiProgram, fd: number, offset: bigint, whence: number): Promise<number> {
  const [low, high] = halves(offset);
  return program.syscall('llseek', fd, high, low, structAt(program), whence);
}

async function seek(program: WasiProgram, fd: number, offset: bigint, whence: number, out: number): Promise<number> {
  const ret = await llseek(program, fd, offset, whence);
  if (ret === 0) answerU64(program.memory, out, program.memory.u64(structAt(program)));
  return wasiErrno(ret);
}

/** Of an open file, where structures are. */
const statx = (program: WasiProgram, fd: number): Promise<number> => {
  program.memory.bytes[program.scratch] = 0;
  return program.syscall('statx', fd, program.scratch, AT_EMPTY_PATH, STATX_BASIC_STATS, structAt(program));
};

export const fileCalls = {
  fd_read: moved('readv'),
  fd_write: moved('writev'),
  fd_pread: movedAt('preadv'),
  fd_pwrite: movedAt('pwritev'),
  fd_close: simply('close'),
  fd_sync: simply('fsync'),
  fd_datasync: simply('fdatasync'),
  fd_seek: seek,
  fd_tell: (program: WasiProgram, fd: number, out: number) => seek(program, fd, 0n, SEEK_CUR, out),

  async fd_fdstat_get(program: WasiProgram, fd: number, out: number) {
    const { memory } = program;
    const ret = await statx(program, fd);
    if (ret < 0) return wasiErrno(ret);
    const type = filetypeOf(statxMode(program));
    const flags = await program.syscall('fcntl64', fd, F_GETFL, 0);
    if (flags < 0) return wasiErrno(flags);
    const isTerminal =
      type === FILETYPE.character && (await program.syscall('ioctl', fd, TCGETS, structAt(program))) === 0;
    const to = ptr(out);
    mustHave(memory, to, 24);
    memory.setU32(to, type);
    memory.setU32(plus(to, 4), 0);
    memory.setU16(plus(to, 2), fdFlags(flags));
    memory.setU64(plus(to, 8), isTerminal ? ALL_RIGHTS & ~SEEK_AND_TELL : ALL_RIGHTS);
    memory.setU64(plus(to, 16), ALL_RIGHTS);
    return SUCCESS;
  },
  async fd_fdstat_set_flags(program: WasiProgram, fd: number, flags: number) {
    return wasiErrno(await program.syscall('fcntl64', fd, F_SETFL, openFlags(flags)));
  },
  /** Rights are the kernel's business: there are none to give up. */
  async fd_fdstat_set_rights(program: WasiProgram, fd: number) {
    const ret = await program.syscall('fcntl64', fd, F_GETFL, 0);
    return ret < 0 ? wasiErrno(ret) : SUCCESS;
  },
  async fd_filestat_get(program: WasiProgram, fd: number, out: number) {
    const ret = await statx(program, fd);
    if (ret === 0) tellFilestat(program, out);
    return wasiErrno(ret);
  },
  async fd_filestat_set_size(program: WasiProgram, fd: number, size: bigint) {
    return wasiErrno(await program.syscall('ftruncate64', fd, size));
  },
  async fd_filestat_set_times(program: WasiProgram, fd: number, atime: bigint, mtime: bigint, flags: number) {
    const times = layOutTimes(program, [atime, mtime], flags);
    return wasiErrno(await program.syscall('utimensat_time64', fd, 0, times, 0));
  },
  async fd_advise(program: WasiProgram, fd: number, offset: bigint, length: bigint, advice: number) {
    const word = ADVICE[advice];
    if (word === undefined) return INVAL;
    return wasiErrno(await program.syscall('fadvise64_64', fd, offset, length, word));
  },
  async fd_allocate(program: WasiProgram, fd: number, offset: bigint, length: bigint) {
    return wasiErrno(await program.syscall('fallocate', fd, 0, offset, length));
  },
  async fd_renumber(program: WasiProgram, from: number, to: number) {
    if (from === to) return program.syscall('fcntl64', from, F_GETFL, 0).then((ret) => (ret < 0 ? BADF : SUCCESS));
    const ret = await program.syscall('dup3', from, to, 0);
    return ret < 0 ? wasiErrno(ret) : wasiErrno(await program.syscall('close', from));
  },
  fd_prestat_get({ memory }: WasiProgram, fd: number, out: number) {
    if (fd !== ROOT_FD) return BADF;
    answerU32(memory, out, 0); // a directory
    answerU32(memory, ptr(out + 4), 1);
    return SUCCESS;
  },
  fd_prestat_dir_name({ memory }: WasiProgram, fd: number, at: number, length: number) {
    if (fd !== ROOT_FD) return BADF;
    if (length < 1) return INVAL;
    mustHave(memory, ptr(at), 1);
    memory.bytes[ptr(at)] = 0x2f;
    return SUCCESS;
  },
} as const satisfies Readonly<Record<string, WasiCall>>;

/** sock_*: of sockets that the program has from whoever executed it, WASI makes none itself. */

import { plus, ptr } from '../../memory.ts';
import { INVAL, wasiErrno } from './errno.ts';
import { answerU32, structAt, type WasiCall, type WasiProgram } from './wasi-program.ts';

/** struct msghdr of 32 bits. */
const MSGHDR = { iov: 8, iovlen: 12, flags: 24, bytes: 28 };
const MSG_PEEK = 2;
const MSG_TRUNC = 0x20;
const MSG_WAITALL = 0x100;
const MSG_NOSIGNAL = 0x4000;
const SOCK_NONBLOCK = 0o4000;
/** __wasi_fdflags_t, __wasi_riflags_t, __wasi_roflags_t, __wasi_sdflags_t */
const NONBLOCK = 4;
const PEEK = 1;
const WAITALL = 2;
const TRUNCATED = 1;
const BOTH = 3;

function layOut(program: WasiProgram, vectors: number, count: number) {
  const at = structAt(program);
  program.memory.bytes.fill(0, at, at + MSGHDR.bytes);
  program.memory.setU32(plus(at, MSGHDR.iov), ptr(vectors));
  program.memory.setU32(plus(at, MSGHDR.iovlen), count);
  return at;
}

export const socketCalls = {
  async sock_accept(program: WasiProgram, fd: number, flags: number, out: number) {
    const got = await program.syscall('accept4', fd, 0, 0, flags & NONBLOCK ? SOCK_NONBLOCK : 0);
    if (got >= 0) answerU32(program.memory, out, got);
    return wasiErrno(got);
  },
  async sock_recv(
    program: WasiProgram,
    fd: number,
    vectors: number,
    count: number,
    flags: number,
    outBytes: number,
    outFlags: number,
  ) {
    const at = layOut(program, vectors, count);
    const how = (flags & PEEK ? MSG_PEEK : 0) | (flags & WAITALL ? MSG_WAITALL : 0);
    const got = await program.syscall('recvmsg', fd, at, how);
    if (got < 0) return wasiErrno(got);
    answerU32(program.memory, outBytes, got);
    const isTruncated = (program.memory.u32(plus(at, MSGHDR.flags)) & MSG_TRUNC) !== 0;
    answerU32(program.memory, outFlags, isTruncated ? TRUNCATED : 0);
    return wasiErrno(0);
  },
  async sock_send(program: WasiProgram, fd: number, vectors: number, count: number, _flags: number, outBytes: number) {
    const sent = await program.syscall('sendmsg', fd, layOut(program, vectors, count), MSG_NOSIGNAL);
    if (sent >= 0) answerU32(program.memory, outBytes, sent);
    return wasiErrno(sent);
  },
  async sock_shutdown(program: WasiProgram, fd: number, how: number) {
    if (how < 1 || how > BOTH) return INVAL;
    return wasiErrno(await program.syscall('shutdown', fd, how - 1));
  },
} as const satisfies Readonly<Record<string, WasiCall>>;

/** The system calls that this package makes by way of the native module, with arguments as people think of them. */

import { type ErrnoName, errnoName } from '../../abi/errno.ts';
import { fromLatin1, latin1 } from '../../bytes/latin1.ts';
import { toLossless } from '../../bytes/lossless.ts';
import { type Native, type NativeArgument, native } from './native.ts';

/** By name: the number on x86-64, and on arm64 (asm-generic/unistd.h). */
const numbers = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  lseek: [8, 62],
  rt_sigprocmask: [14, 135],
  ioctl: [16, 29],
  ftruncate: [77, 46],
  pread64: [17, 67],
  pwrite64: [18, 68],
  socket: [41, 198],
  connect: [42, 203],
  recvfrom: [45, 207],
  recvmsg: [47, 212],
  bind: [49, 200],
  socketpair: [53, 199],
  setsockopt: [54, 208],
  fcntl: [72, 25],
  wait4: [61, 260],
  kill: [62, 129],
  flock: [73, 32],
  rt_sigqueueinfo: [129, 138],
  prctl: [157, 167],
  mount: [165, 40],
  lsetxattr: [189, 6],
  lgetxattr: [192, 9],
  llistxattr: [195, 12],
  clock_gettime: [228, 113],
  epoll_ctl: [233, 21],
  tgkill: [234, 131],
  openat: [257, 56],
  mknodat: [259, 33],
  readlinkat: [267, 78],
  ppoll: [271, 73],
  utimensat: [280, 88],
  epoll_pwait: [281, 22],
  fallocate: [285, 47],
  pipe2: [293, 59],
  tee: [276, 77],
  epoll_create1: [291, 20],
  eventfd2: [290, 19],
  memfd_create: [319, 279],
  rt_tgsigqueueinfo: [297, 240],
  dup3: [292, 24],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  pidfd_open: [434, 434],
  pidfd_getfd: [438, 438],
  openat2: [437, 437],
  epoll_pwait2: [441, 441],
} as const;

export type HostCall = keyof typeof numbers;

const isArm = process.arch === 'arm64';

/** One call that must be possible here: throws where the module is missing. Answers what Linux returns. */
export function hostCall(name: HostCall, ...args: readonly NativeArgument[]): number {
  return module().syscall(numbers[name][isArm ? 1 : 0], ...args);
}

/** The same; a negative errno is thrown as Node throws its own. */
export function mustCall(name: HostCall, ...args: readonly NativeArgument[]): number {
  const ret = hostCall(name, ...args);
  if (ret < 0) throw hostError(name, -ret);
  return ret;
}

export function hostError(syscall: string, errno: number): Error & { readonly code: string } {
  const code: ErrnoName | string = errnoName(errno) ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno: -errno, syscall });
}

export function module(): Native {
  const found = native();
  if (!found) throw new Error(`this needs Linux on x64 or arm64: this is ${process.platform} on ${process.arch}`);
  return found;
}

/** A C string. */
export const cstring = (text: string | Uint8Array): Uint8Array => Buffer.concat([Buffer.from(text), Buffer.alloc(1)]);

const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** Two sockets that are connected, and are inherited by no program unless it is given one. */
export function socketPair(): readonly [number, number] {
  const SOCK_CLOEXEC = 0o2000000;
  const pair = new Int32Array(2);
  mustCall('socketpair', AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
  return [pair[0] ?? -1, pair[1] ?? -1];
}

const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** The descriptor that somebody sent over `socket`, ours from now on; undefined: there is none. `byte` takes what came with it. */
export function receiveDescriptor(socket: number, byte = new Uint8Array(64)): number | undefined {
  const { address } = module();
  // struct cmsghdr: size_t len, int level, int type, then one int.
  const control = new DataView(new ArrayBuffer(64));
  const iov = new BigUint64Array([address(byte), BigInt(byte.length)]);
  // struct msghdr: name, namelen, iov, iovlen, control, controllen, flags.
  const message = new BigUint64Array([0n, 0n, address(iov), 1n, address(new Uint8Array(control.buffer)), 64n, 0n]);
  const bytes = hostCall('recvmsg', socket, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const length = Number(message[5] ?? 0n);
  if (bytes <= 0 || length < 20 || control.getInt32(12, true) !== SCM_RIGHTS) return undefined;
  return control.getInt32(16, true);
}

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/** Whether the bytes are a hole now, which reads as zeros; no: the file system has no holes. */
export function punchHole(fd: number, offset: number, length: number): boolean {
  return hostCall('fallocate', fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, length) === 0;
}

const SEEK_DATA = 3;

/** Bytes of the hole that `offset` lies in, of a file of `sizeBytes`; 0: it lies in none, or nobody can tell. */
export function holeAt(fd: number, offset: number, sizeBytes: number): number {
  const data = hostCall('lseek', fd, offset, SEEK_DATA);
  if (data >= 0) return Math.min(data, sizeBytes) - offset;
  return errnoName(-data) === 'ENXIO' ? sizeBytes - offset : 0;
}

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2), exclusive, until `fd` is closed; false: another has it. */
export function tryFlock(fd: number): boolean {
  const ret = hostCall('flock', fd, LOCK_EX | LOCK_NB);
  if (ret < 0 && errnoName(-ret) !== 'EAGAIN') throw hostError('flock', -ret);
  return ret === 0;
}

const XATTR_MAX = 65_536;
/** What belongs to a file wherever it goes: labels and signatures of this machine's policies do not. */
const portable = /^(user\.|trusted\.|security\.capability$|system\.posix_acl_(access|default)$)/;

/** The extended attributes of a file of this machine, a symlink itself, by name; none where nobody can tell. */
export function hostXattrs(path: Buffer, { labels = false } = {}): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (!native()) return found;
  const name = cstring(path);
  const list = new Uint8Array(XATTR_MAX);
  const length = hostCall('llistxattr', name, list, list.length);
  if (length <= 0) return found;
  for (const raw of latin1(list.subarray(0, length - 1)).split('\0')) {
    const bytes = fromLatin1(raw);
    const key = toLossless(bytes);
    if (!portable.test(key) && !(labels && key.startsWith('security.'))) continue;
    const value = new Uint8Array(XATTR_MAX);
    const got = hostCall('lgetxattr', name, cstring(bytes), value, value.length);
    if (got >= 0) found.set(key, value.slice(0, got));
  }
  return found;
}

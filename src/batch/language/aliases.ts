/**
 * Names of Linux's calls that our kernel's table has under another: what other architectures or libc call them, the calls
 * that newer ones replaced, and the plain names of calls whose 64-bit-time forms have a suffix on 32-bit kernels.
 */

import type { ErrnoName } from '../../abi/errno.ts';
import { isSyscall } from '../../abi/kinds.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import { argumentPath, at, Mistake } from './mistake.ts';
import type { Json, JsonObject } from './types.ts';
import { isObject } from './values/bytes.ts';
import { integer } from './values/integer.ts';

/** A call of our kernel's table, with each argument's place in the request. */
export interface Renamed {
  readonly call: SyscallName;
  readonly args: readonly Json[];
  readonly paths: readonly string[];
  /** The caller's call fails so, where the kernel's cannot even be told what is wrong. */
  readonly refused?: ErrnoName;
  /** What the caller's call answers, when it is not what the kernel's does. */
  readonly answer?: Answer;
}

type Answer = (ret: number, out: Json | undefined) => { readonly ret: number; readonly out?: Json };

/** name → our call, then its arguments: $n is the caller's n-th, anything else stands for itself. */
const templates: Record<string, readonly [call: SyscallName, args: string]> = {
  // The at-forms that replaced calls without them.
  open: ['openat', 'AT_FDCWD $0 $1 $2'],
  creat: ['openat', 'AT_FDCWD $0 O_CREAT|O_WRONLY|O_TRUNC $1'],
  mkdir: ['mkdirat', 'AT_FDCWD $0 $1'],
  mknod: ['mknodat', 'AT_FDCWD $0 $1 $2'],
  rmdir: ['unlinkat', 'AT_FDCWD $0 AT_REMOVEDIR'],
  unlink: ['unlinkat', 'AT_FDCWD $0 0'],
  symlink: ['symlinkat', '$0 AT_FDCWD $1'],
  link: ['linkat', 'AT_FDCWD $0 AT_FDCWD $1 0'],
  rename: ['renameat2', 'AT_FDCWD $0 AT_FDCWD $1 0'],
  renameat: ['renameat2', '$0 $1 $2 $3 0'],
  chmod: ['fchmodat', 'AT_FDCWD $0 $1'],
  chown: ['fchownat', 'AT_FDCWD $0 $1 $2 0'],
  lchown: ['fchownat', 'AT_FDCWD $0 $1 $2 AT_SYMLINK_NOFOLLOW'],
  access: ['faccessat', 'AT_FDCWD $0 $1'],
  readlink: ['readlinkat', 'AT_FDCWD $0 $1 $2'],
  stat64: ['fstatat64', 'AT_FDCWD $0 $1 0'],
  lstat64: ['fstatat64', 'AT_FDCWD $0 $1 AT_SYMLINK_NOFOLLOW'],
  // Calls that took flags later.
  pipe: ['pipe2', '$0 0'],
  epoll_wait: ['epoll_pwait', '$0 $1 $2 $3 0 8'],
  eventfd: ['eventfd2', '$0 0'],
  inotify_init: ['inotify_init1', '0'],
  signalfd: ['signalfd4', '$0 $1 $2 0'],
  getdents: ['getdents64', '$0 $1 $2'],
  send: ['sendto', '$0 $1 $2 $3 0 0'],
  recv: ['recvfrom', '$0 $1 $2 $3 0 0'],
  umount: ['umount2', '$0 0'],
  waitpid: ['wait4', '$0 $1 $2 0'],
  getpgrp: ['getpgid', '0'],
  fork: ['clone', 'SIGCHLD 0 0 0 0'],
  vfork: ['clone', 'CLONE_VFORK|CLONE_VM|SIGCHLD 0 0 0 0'],
  // Names of 64-bit kernels and of libc.
  newfstatat: ['fstatat64', '$0 $1 $2 $3'],
  fstatat: ['fstatat64', '$0 $1 $2 $3'],
  statfs: ['statfs64', '$0 88 $1'],
  fstatfs: ['fstatfs64', '$0 88 $1'],
  truncate: ['truncate64', '$0 $1'],
  ftruncate: ['ftruncate64', '$0 $1'],
  fcntl: ['fcntl64', '$0 $1 $2'],
  sendfile: ['sendfile64', '$0 $1 $2 $3'],
  fadvise64: ['fadvise64_64', '$0 $1 $2 $3'],
  posix_fadvise: ['fadvise64_64', '$0 $1 $2 $3'],
  pread: ['pread64', '$0 $1 $2 $3'],
  pwrite: ['pwrite64', '$0 $1 $2 $3'],
  _llseek: ['llseek', '$0 $1 $2 $3 $4'],
  newuname: ['uname', '$0'],
  prlimit: ['prlimit64', '$0 $1 $2 $3'],
  // 64-bit time.
  nanosleep: ['clock_nanosleep_time64', 'CLOCK_REALTIME 0 $0 $1'],
  clock_gettime: ['clock_gettime64', '$0 $1'],
  clock_settime: ['clock_settime64', '$0 $1'],
  clock_getres: ['clock_getres_time64', '$0 $1'],
  clock_nanosleep: ['clock_nanosleep_time64', '$0 $1 $2 $3'],
  clock_adjtime: ['clock_adjtime64', '$0 $1'],
  adjtimex: ['clock_adjtime64', 'CLOCK_REALTIME $0'],
  timer_gettime: ['timer_gettime64', '$0 $1'],
  timer_settime: ['timer_settime64', '$0 $1 $2 $3'],
  timerfd_gettime: ['timerfd_gettime64', '$0 $1'],
  timerfd_settime: ['timerfd_settime64', '$0 $1 $2 $3'],
  utimensat: ['utimensat_time64', '$0 $1 $2 $3'],
  pselect6: ['pselect6_time64', '$0 $1 $2 $3 $4 $5'],
  ppoll: ['ppoll_time64', '$0 $1 $2 $3 $4'],
  io_getevents: ['io_pgetevents_time64', '$0 $1 $2 $3 $4 0'],
  io_pgetevents: ['io_pgetevents_time64', '$0 $1 $2 $3 $4 $5'],
  recvmmsg: ['recvmmsg_time64', '$0 $1 $2 $3 $4'],
  mq_timedsend: ['mq_timedsend_time64', '$0 $1 $2 $3 $4'],
  mq_timedreceive: ['mq_timedreceive_time64', '$0 $1 $2 $3 $4'],
  semtimedop: ['semtimedop_time64', '$0 $1 $2 $3'],
  rt_sigtimedwait: ['rt_sigtimedwait_time64', '$0 $1 $2 $3'],
  futex: ['futex_time64', '$0 $1 $2 $3 $4 $5'],
  sched_rr_get_interval: ['sched_rr_get_interval_time64', '$0 $1'],
  // What libc makes of them.
  pause: ['ppoll_time64', '0 0 0 0 8'],
};

type Rewrite = (args: readonly Json[], paths: readonly string[]) => Renamed;

/** The calls whose arguments or answers differ in more than their order; the value is how many arguments each takes. */
const rewrites: Record<string, readonly [arity: number, rewrite: Rewrite]> = {
  /** lseek(2) answers the offset that llseek writes. */
  lseek: [
    3,
    (args, paths) => {
      const offset = BigInt(integer(args[1] ?? 0, paths[1] ?? ''));
      return {
        call: 'llseek',
        args: [
          args[0] ?? 0,
          Number(BigInt.asUintN(32, offset >> 32n)),
          Number(BigInt.asUintN(32, offset)),
          { out: 's64' },
          args[2] ?? 0,
        ],
        paths: [paths[0], paths[1], paths[1], paths[1], paths[2]].map((path) => path ?? '/args'),
        answer: (ret, out) => ({ ret: ret < 0 || typeof out === 'object' || out === undefined ? ret : Number(out) }),
      };
    },
  ],
  /** The kernel's own have times of 32 bits, which end in 2038: a libc of today asks statx, and so does this. */
  stat: [2, (args, paths) => statBy(['AT_FDCWD', args[0] ?? 0, 0], args[1], paths, ['fstatat64', [0]])],
  lstat: [
    2,
    (args, paths) =>
      statBy(['AT_FDCWD', args[0] ?? 0, 'AT_SYMLINK_NOFOLLOW'], args[1], paths, ['fstatat64', ['AT_SYMLINK_NOFOLLOW']]),
  ],
  fstat: [2, (args, paths) => statBy([args[0] ?? 0, '', 'AT_EMPTY_PATH'], args[1], paths, ['fstat64', []])],
  /** mmap(2) takes bytes, mmap2 pages of 4096; an offset between pages is EINVAL from either. */
  mmap: [
    6,
    (args, paths) => {
      const offset = BigInt(integer(args[5] ?? 0, paths[5] ?? ''));
      const pages = Number(BigInt.asUintN(32, offset / PAGE_BYTES));
      const call = { call: 'mmap2', args: [...padded(args, 5), pages], paths } as const;
      return offset % PAGE_BYTES === 0n ? call : { ...call, refused: 'EINVAL' };
    },
  ],
  /** dup2(2) of a descriptor onto itself only checks it; dup3 refuses that. */
  dup2: [
    2,
    (args, paths) => {
      const [from = 0, to = 0] = args.map((arg, i) => Number(integer(arg, paths[i] ?? '')));
      if (from !== to) return { call: 'dup3', args: [from, to, 0], paths };
      return { call: 'fcntl64', args: [from, 'F_GETFL'], paths, answer: (ret) => ({ ret: ret < 0 ? ret : to }) };
    },
  ],
  /** epoll_create(2) wants a size above zero and uses it for nothing. */
  epoll_create: [
    1,
    (args, paths) => {
      const size = Number(integer(args[0] ?? 0, paths[0] ?? ''));
      return { call: 'epoll_create1', args: [size > 0 ? 0 : INVALID_FLAG], paths };
    },
  ],
  /** poll(2): milliseconds, negative for ever. */
  poll: [
    3,
    (args, paths) => {
      const ms = Number(integer(args[2] ?? -1, paths[2] ?? ''));
      return {
        call: 'ppoll_time64',
        args: [args[0] ?? null, args[1] ?? 0, timespec(ms, 1000), null, 8],
        paths,
        answer: withoutTimeout,
      };
    },
  ],
  /** select(2): a struct timeval, which the kernel's pselect6 takes as a timespec. */
  select: [
    5,
    (args, paths) => ({
      call: 'pselect6_time64',
      args: [...padded(args, 4), timevalToTimespec(args[4] ?? null, paths[4] ?? '/args/4'), null],
      paths,
    }),
  ],
  /** utime(2): {"actime", "modtime"} in seconds. */
  utime: [
    2,
    (args, paths) => {
      const times = isObject(args[1])
        ? [args[1].actime ?? 0, args[1].modtime ?? 0].map((tv_sec) => ({ tv_sec, tv_nsec: 0 }))
        : null;
      return utimensat('AT_FDCWD', args[0], times, [paths[0], paths[1]]);
    },
  ],
  utimes: [2, (args, paths) => utimensat('AT_FDCWD', args[0], timespecs(args[1], paths[1]), [paths[0], paths[1]])],
  futimesat: [3, (args, paths) => utimensat(args[0] ?? 0, args[1], timespecs(args[2], paths[2]), [paths[1], paths[2]])],
  /** alarm(2) is the real-time interval timer, in whole seconds. */
  alarm: [
    1,
    (args, paths) => ({
      call: 'setitimer',
      args: ['ITIMER_REAL', { it_value: { tv_sec: args[0] ?? 0 } }, { out: 'itimerval' }],
      paths: ['/args', paths[0] ?? '/args/0', '/args'],
      answer: (ret, out) => ({ ret: ret < 0 ? ret : secondsLeft(out) }),
    }),
  ],
  /** time(2). */
  time: [
    1,
    (_, paths) => ({
      call: 'clock_gettime64',
      args: ['CLOCK_REALTIME', { out: 'timespec' }],
      paths,
      answer: (ret, out) => ({ ret: ret < 0 || !isObject(out) ? ret : Number(out.tv_sec) }),
    }),
  ],
};

/** A struct stat that is written is asked for by statx(2); what else stands there is the kernel's own call's to judge. */
function statBy(
  [dirfd, name, flags]: readonly [Json, Json, Json],
  out: Json | undefined,
  paths: readonly string[],
  [call, last]: readonly [SyscallName, readonly Json[]],
): Renamed {
  const [first = '/args/0', second = '/args/1'] = paths;
  if (!isObject(out) || (out.out !== 'stat' && out.out !== 'stat64') || out.type !== undefined) {
    const args = call === 'fstat64' ? [dirfd, out ?? 0] : [dirfd, name, out ?? 0, ...last];
    return { call, args, paths: call === 'fstat64' ? [first, second] : [first, first, second, second] };
  }
  return {
    call: 'statx',
    args: [dirfd, name, flags, 'STATX_BASIC_STATS', { out: 'statx' }],
    paths: [first, first, first, first, second],
    answer: (ret, written) => ({ ret, ...(isObject(written) && { out: statOf(written) }) }),
  };
}

/** The numbers of a struct stat, from those of a struct statx. */
function statOf(x: JsonObject): Json {
  const number = (key: string) => Number(x[key] ?? 0);
  const device = (which: string) => makedev(number(`stx_${which}_major`), number(`stx_${which}_minor`));
  const times = ['atime', 'mtime', 'ctime'].flatMap((which) => {
    const time = x[`stx_${which}`];
    const { tv_sec = 0, tv_nsec = 0 } = isObject(time) ? time : {};
    return [
      [`st_${which}`, tv_sec],
      [`st_${which}_nsec`, tv_nsec],
    ] as const;
  });
  return {
    st_dev: device('dev'),
    st_ino: x.stx_ino ?? 0,
    st_mode: x.stx_mode ?? 0,
    st_nlink: x.stx_nlink ?? 0,
    st_uid: x.stx_uid ?? 0,
    st_gid: x.stx_gid ?? 0,
    st_rdev: device('rdev'),
    st_size: x.stx_size ?? 0,
    st_blksize: x.stx_blksize ?? 0,
    st_blocks: x.stx_blocks ?? 0,
    ...Object.fromEntries(times),
  };
}

/** As a dev_t of the user ABI (new_encode_dev of linux/kdev_t.h). */
const makedev = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

const PAGE_BYTES = 4096n;
/** A flag that no call has: EINVAL. */
const INVALID_FLAG = 1;
const TIME32 = '_time32';

/** The kernel's call for `name`; undefined for a name that Linux does not have. */
export function rename(name: string, args: readonly Json[]): Renamed | undefined {
  const paths = args.map((_, i) => argumentPath(i));
  const rewrite = Object.hasOwn(rewrites, name) ? rewrites[name] : undefined;
  const template = Object.hasOwn(templates, name) ? templates[name] : undefined;
  if (rewrite) {
    limit(name, args, rewrite[0]);
    return rewrite[1](args, paths);
  }
  if (template) return fill(name, template, args);
  const call = plain(name);
  return isSyscall(call) ? { call, args, paths } : undefined;
}

/** The forms with 32-bit time stay within reach. */
const plain = (name: string): string => (name.endsWith(TIME32) ? name.slice(0, -TIME32.length) : name);

/** Whether Linux has a call of this name. */
export const isCall = (name: string): boolean =>
  Object.hasOwn(rewrites, name) || Object.hasOwn(templates, name) || isSyscall(plain(name));

/** Every other name and the call it stands for. */
export const aliases: ReadonlyMap<string, SyscallName> = new Map([
  ...Object.entries(templates).map(([name, [call]]) => [name, call] as const),
  ['lseek', 'llseek'],
  ['stat', 'statx'],
  ['lstat', 'statx'],
  ['fstat', 'statx'],
  ['mmap', 'mmap2'],
  ['dup2', 'dup3'],
  ['epoll_create', 'epoll_create1'],
  ['poll', 'ppoll_time64'],
  ['select', 'pselect6_time64'],
  ['utime', 'utimensat_time64'],
  ['utimes', 'utimensat_time64'],
  ['futimesat', 'utimensat_time64'],
  ['alarm', 'setitimer'],
  ['time', 'clock_gettime64'],
]);

/** One argument of a template: the caller's, or a constant. */
type Part = { readonly from: number } | { readonly value: Json };

const parsed = new Map<string, readonly Part[]>();

function partsOf(name: string, text: string): readonly Part[] {
  const known = parsed.get(name);
  if (known) return known;
  const parts = text.split(' ').map((word): Part => {
    if (word.startsWith('$')) return { from: Number(word.slice(1)) };
    return { value: /^\d+$/.test(word) ? Number(word) : word };
  });
  parsed.set(name, parts);
  return parts;
}

function fill(name: string, [call, text]: readonly [SyscallName, string], args: readonly Json[]): Renamed {
  const parts = partsOf(name, text);
  limit(name, args, 1 + Math.max(-1, ...parts.map((part) => ('from' in part ? part.from : -1))));
  // What the caller left out at the end stays left out.
  const given = parts.slice(0, parts.findLastIndex((part) => 'value' in part || part.from < args.length) + 1);
  return {
    call,
    args: given.map((part) => ('value' in part ? part.value : (args[part.from] ?? 0))),
    paths: given.map((part) => ('value' in part ? '/call' : argumentPath(part.from))),
  };
}

function limit(name: string, args: readonly Json[], arity: number): void {
  if (args.length > arity) throw new Mistake('too-many-args', argumentPath(arity), `${name} takes ${arity} arguments`);
}

const padded = (args: readonly Json[], length: number): Json[] => Array.from({ length }, (_, i) => args[i] ?? 0);

/** `value` units of 1/`perSecond`; null, for ever, when negative. */
function timespec(value: number, perSecond: number): Json {
  if (value < 0) return null;
  return { tv_sec: Math.floor(value / perSecond), tv_nsec: (value % perSecond) * (1e9 / perSecond) };
}

function timevalToTimespec(value: Json, path: string): Json {
  if (value === null || value === 0) return null;
  if (!isObject(value)) throw new Mistake('wrong-type', path, 'a struct timeval');
  return { tv_sec: value.tv_sec ?? 0, tv_nsec: 1000 * Number(integer(value.tv_usec ?? 0, at(path, 'tv_usec'))) };
}

function timespecs(value: Json | undefined, path = '/args'): Json {
  if (value === undefined || value === null || value === 0) return null;
  if (!Array.isArray(value)) throw new Mistake('wrong-type', path, 'two structs timeval');
  return value.map((item: Json, i) => timevalToTimespec(item, at(path, i)));
}

function utimensat(
  dirfd: Json,
  name: Json | undefined,
  times: Json,
  [path = '/args', timesPath = '/args']: readonly (string | undefined)[],
): Renamed {
  return { call: 'utimensat_time64', args: [dirfd, name ?? 0, times, 0], paths: ['/args', path, timesPath, '/args'] };
}

/** The timeout that ppoll writes back is none of poll's outputs. */
const withoutTimeout: Answer = (ret, out) => {
  const fds = isObject(out) ? out.ufds : out;
  return { ret, ...(Array.isArray(fds) && { out: fds }) };
};

/** As alarm(2) rounds: up to a whole second. */
function secondsLeft(out: Json | undefined): number {
  const value = isObject(out) && isObject(out.it_value) ? out.it_value : {};
  return Number(value.tv_sec ?? 0) + (Number(value.tv_usec ?? 0) > 0 ? 1 : 0);
}

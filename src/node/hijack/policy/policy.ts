/** What goes to our kernel, and what stays with the machine's: one table of paths, one of calls. */

import { ENOSYS, type Rule } from '../host/filter.ts';

/** A path of the program's as our kernel has it. */
interface PathRule {
  /** Of the whole path, without "." and ".." */
  readonly pattern: RegExp;
  /** What stands for the part that matched; `pid` is a process of the machine, as the program wrote it. */
  ours(matched: readonly string[], pids: Pids): string | undefined;
}

/** Which task of our kernel plays for a process of the machine. */
export interface Pids {
  of(pid: string): number | undefined;
}

const same = (pattern: RegExp): PathRule => ({ pattern, ours: ([matched = '']) => matched });

const always: readonly PathRule[] = [
  {
    pattern: /^\/proc\/(?:(?:self|thread-self|\d+)(?:\/task\/\d+)?\/)?net(?=\/|$)/,
    ours: () => '/proc/self/net',
  },
  {
    pattern: /^\/proc\/(self|thread-self|\d+)(?:\/task\/\d+)?\/ns\/net$/,
    ours: ([, pid = ''], pids) => {
      if (!/^\d/.test(pid)) return '/proc/self/ns/net';
      // The first process stands for the namespace that there is at first.
      if (pid === '1') return '/proc/1/ns/net';
      const task = pids.of(pid);
      return task === undefined ? undefined : `/proc/${task}/ns/net`;
    },
  },
  same(/^\/proc\/sys\/(net|user\/max_net_namespaces)(?=\/|$)/),
  same(
    /^\/sys\/(class\/net|devices\/virtual\/net|devices\/platform\/virtio-mmio\.\d+|module\/tcp_\w+|kernel\/slab\/tcp)(?=\/|$)/,
  ),
  same(/^\/dev\/net\/tun$/),
  { pattern: /^(?:\/var)?\/run\/netns(?=\/|$)/, ours: () => '/run/netns' },
];

const resolver: PathRule = same(/^\/etc\/resolv\.conf$/);
/** A /proc of ours knows no process of the machine: those stay the machine's, and so do what is mounted, semaphores and shared memory. */
const proc: PathRule = same(
  /^\/proc(?!\/(self|thread-self|\d+|mounts|sys(?!\/(net|fs\/mqueue|kernel\/msg))|sysvipc\/(sem|shm))(\/|$))(?=\/|$)/,
);

const sys: PathRule = same(/^\/sys(?=\/|$)/);
const queues: PathRule = same(/^\/dev\/mqueue(?=\/|$)/);

const below = (directory: string): PathRule => ({
  pattern: new RegExp(`^${directory.replaceAll(/[^\w/]/g, '\\$&')}(?=/|$)`),
  ours: ([matched = '']) => matched,
});

export interface PolicyOptions {
  /** Directories of our kernel that the configuration mounts something on. */
  readonly mounts: readonly string[];
  /** There is an /etc/resolv.conf of ours. */
  readonly resolves: boolean;
  /** The programs' time is our kernel's. */
  readonly keepsTime?: boolean;
  /** What programs talk to each other by is our kernel's too, and what /proc and /sys say. */
  readonly all?: boolean;
}

const isProc = (directory: string): boolean => directory === '/proc';

export class Policy {
  readonly resolves: boolean;
  readonly keepsTime: boolean;
  readonly all: boolean;
  readonly #rules: readonly PathRule[];
  readonly #filter: readonly Rule[];

  constructor({ mounts, resolves, keepsTime = false, all = false }: PolicyOptions) {
    this.resolves = resolves;
    this.keepsTime = keepsTime;
    this.all = all;
    const mounted = mounts.map((directory) => (isProc(directory) ? proc : below(directory)));
    this.#rules = [...always, ...(resolves ? [resolver] : []), ...mounted, ...(all ? [proc, sys, queues] : [])];
    this.#filter = [
      ...(all ? between : sockets),
      ...caught,
      ...(mounts.some((directory) => !isProc(directory)) ? changing : changingNames),
      ...(keepsTime ? timed : []),
    ];
  }

  /** Where an absolute path without "." and ".." lies in our kernel; undefined: it is the machine's. */
  pathOf(path: string, pids: Pids): string | undefined {
    for (const { pattern, ours } of this.#rules) {
      const matched = pattern.exec(path);
      if (!matched) continue;
      const to = ours(matched, pids);
      return to === undefined ? undefined : to + path.slice(matched[0].length);
    }
    return undefined;
  }

  /** The calls that are caught. */
  get filter(): readonly Rule[] {
    return this.#filter;
  }
}

const AF_UNIX = 1;
const MAP_ANONYMOUS = 0x20;
const CLONE_NEWNET = 0x4000_0000;
// fcntl(2): what is the open file's, not the descriptor's. Those that set locks are F_SETLK and its kin.
const ofFile = [3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 36, 37, 38, 1031, 1032];
// ioctl(2): FIOCLEX and FIONCLEX are the descriptor's.
const ofDescriptor = [0x5450, 0x5451];

const every = (...calls: readonly Rule['call'][]): readonly Rule[] => calls.map((call) => ({ call }));

/** Sockets of every family but the machine's own, whose names are files. */
const sockets: readonly Rule[] = [
  { call: 'socket', except: { index: 0, values: [AF_UNIX] } },
  { call: 'socketpair', except: { index: 0, values: [AF_UNIX] } },
];

/** Those too, and what else is between programs. */
const between: readonly Rule[] = [
  ...every('socket', 'socketpair', 'pipe', 'pipe2', 'eventfd', 'eventfd2'),
  ...every('mq_open', 'mq_unlink', 'mq_timedsend', 'mq_timedreceive', 'mq_notify', 'mq_getsetattr'),
  ...every('msgget', 'msgsnd', 'msgrcv', 'msgctl'),
];

const caught: readonly Rule[] = [
  ...every('connect', 'bind', 'listen', 'accept', 'accept4', 'getsockname', 'getpeername', 'shutdown'),
  ...every('setsockopt', 'getsockopt', 'sendto', 'recvfrom', 'sendmsg', 'recvmsg', 'sendmmsg', 'recvmmsg'),
  // Descriptors of both kinds.
  ...every('read', 'write', 'readv', 'writev', 'pread64', 'pwrite64', 'preadv', 'pwritev', 'preadv2', 'pwritev2'),
  ...every('fstat', 'lseek', 'getdents64', 'fstatfs', 'flock', 'fsync', 'fdatasync', 'ftruncate', 'fallocate'),
  ...every('fchmod', 'fchown', 'fgetxattr', 'flistxattr', 'sendfile', 'splice', 'tee', 'vmsplice', 'copy_file_range'),
  { call: 'ioctl', except: { index: 1, values: ofDescriptor } },
  { call: 'fcntl', only: { index: 1, values: ofFile } },
  { call: 'mmap', unless: { index: 3, bits: MAP_ANONYMOUS } },
  ...every('poll', 'ppoll', 'select', 'pselect6'),
  ...every('epoll_create', 'epoll_create1', 'epoll_ctl', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2'),
  // Paths that are read.
  ...every(
    'open',
    'openat',
    'openat2',
    'creat',
    'stat',
    'lstat',
    'newfstatat',
    'statx',
    'access',
    'faccessat',
    'faccessat2',
  ),
  ...every('readlink', 'readlinkat', 'statfs', 'getxattr', 'lgetxattr', 'listxattr', 'llistxattr'),
  { call: 'unshare', only: { index: 0, values: [CLONE_NEWNET] } },
  { call: 'setns' },
  { call: 'exit' },
  // What goes round all of the above, and what programs do without.
  { call: 'io_uring_setup', refused: ENOSYS },
];

/** Waits of FUTEX_WAIT and FUTEX_WAIT_BITSET, with FUTEX_PRIVATE_FLAG (128) and FUTEX_CLOCK_REALTIME (256). */
const futexWaits = [0, 9].flatMap((op) => [0, 128, 256, 384].map((flags) => op | flags));

/** Clocks, sleeps and timers; and what gives a process another program, whose clocks are to be looked after, too. */
const timed: readonly Rule[] = [
  ...every('clock_gettime', 'gettimeofday', 'time', 'nanosleep', 'clock_nanosleep'),
  ...every('timerfd_create', 'timerfd_settime', 'timerfd_gettime', 'setitimer', 'getitimer', 'alarm'),
  { call: 'futex', only: { index: 1, values: futexWaits }, except: { index: 3, values: [0] } },
  ...every('execve', 'execveat'),
  ...every('timer_create', 'timer_settime', 'timer_gettime', 'timer_getoverrun', 'timer_delete'),
];

/** Where names of network namespaces lie (ip-netns(8)). */
const changingNames: readonly Rule[] = every('mkdir', 'mkdirat', 'unlink', 'unlinkat', 'mount', 'umount2');

const changing: readonly Rule[] = [
  ...changingNames,
  ...every('rmdir', 'rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'mknodat', 'truncate'),
  ...every('chmod', 'fchmodat', 'chown', 'lchown', 'fchownat', 'utimensat'),
];

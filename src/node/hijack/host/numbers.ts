/** Numbers of the system calls that a program of this machine makes, as far as they are caught: on x86-64, and on arm64. */

const numbers = {
  read: [0, 63],
  write: [1, 64],
  open: [2],
  stat: [4],
  fstat: [5, 80],
  lstat: [6],
  poll: [7],
  lseek: [8, 62],
  mmap: [9, 222],
  ioctl: [16, 29],
  pread64: [17, 67],
  pwrite64: [18, 68],
  readv: [19, 65],
  writev: [20, 66],
  access: [21],
  select: [23],
  sendfile: [40, 71],
  socket: [41, 198],
  connect: [42, 203],
  accept: [43, 202],
  sendto: [44, 206],
  recvfrom: [45, 207],
  sendmsg: [46, 211],
  recvmsg: [47, 212],
  shutdown: [48, 210],
  bind: [49, 200],
  listen: [50, 201],
  getsockname: [51, 204],
  getpeername: [52, 205],
  socketpair: [53, 199],
  setsockopt: [54, 208],
  getsockopt: [55, 209],
  exit: [60, 93],
  fcntl: [72, 25],
  flock: [73, 32],
  fsync: [74, 82],
  fdatasync: [75, 83],
  truncate: [76, 45],
  ftruncate: [77, 46],
  rename: [82],
  mkdir: [83],
  rmdir: [84],
  creat: [85],
  link: [86],
  unlink: [87],
  symlink: [88],
  readlink: [89],
  chmod: [90],
  fchmod: [91, 52],
  chown: [92],
  fchown: [93, 55],
  lchown: [94],
  statfs: [137, 43],
  fstatfs: [138, 44],
  mount: [165, 40],
  umount2: [166, 39],
  getxattr: [191, 8],
  lgetxattr: [192, 9],
  fgetxattr: [193, 10],
  listxattr: [194, 11],
  llistxattr: [195, 12],
  flistxattr: [196, 13],
  epoll_create: [213],
  getdents64: [217, 61],
  epoll_wait: [232],
  epoll_ctl: [233, 21],
  openat: [257, 56],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  newfstatat: [262, 79],
  unlinkat: [263, 35],
  renameat: [264, 38],
  linkat: [265, 37],
  symlinkat: [266, 36],
  readlinkat: [267, 78],
  fchmodat: [268, 53],
  faccessat: [269, 48],
  pselect6: [270, 72],
  ppoll: [271, 73],
  unshare: [272, 97],
  splice: [275, 76],
  tee: [276, 77],
  vmsplice: [278, 75],
  utimensat: [280, 88],
  epoll_pwait: [281, 22],
  fallocate: [285, 47],
  accept4: [288, 242],
  epoll_create1: [291, 20],
  preadv: [295, 69],
  pwritev: [296, 70],
  recvmmsg: [299, 243],
  setns: [308, 268],
  sendmmsg: [307, 269],
  renameat2: [316, 276],
  copy_file_range: [326, 285],
  preadv2: [327, 286],
  pwritev2: [328, 287],
  statx: [332, 291],
  io_uring_setup: [425, 425],
  openat2: [437, 437],
  faccessat2: [439, 439],
  epoll_pwait2: [441, 441],
} as const;

export type CaughtCall = keyof typeof numbers;

const isArm = process.arch === 'arm64';

/** Undefined: this machine has no such call. */
export function numberOf(name: CaughtCall): number | undefined {
  const row: readonly number[] = numbers[name];
  return row[isArm ? 1 : 0];
}

const names = new Map(
  Object.keys(numbers).flatMap((name) => {
    const number = numberOf(name as CaughtCall);
    return number === undefined ? [] : [[number, name as CaughtCall] as const];
  }),
);

export const nameOf = (number: number): CaughtCall | undefined => names.get(number);

/** AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 (linux/audit.h) */
export const auditArch = isArm ? 0xc000_00b7 : 0xc000_003e;

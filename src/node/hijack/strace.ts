/** Calls that our kernel answered, as lines of the kind strace(1) writes. */

import { errnoName, errnos } from '../../abi/errno.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import type { Call } from './program/call.ts';
import type { CallWatch } from './supervisor.ts';

/** By call: its arguments, as numbers (d), bits (x), a path (s), bytes (b) or an address (a) whose length follows, an array of pollfd (p), or a pointer (*). */
const shapes: Readonly<Record<string, string>> = {
  read: 'd*d',
  write: 'dbd',
  socket: 'ddd',
  socketpair: 'ddd*',
  bind: 'dad',
  connect: 'dad',
  accept: 'd**',
  accept4: 'd**x',
  listen: 'dd',
  shutdown: 'dd',
  getsockname: 'd**',
  getpeername: 'd**',
  setsockopt: 'dddbd',
  getsockopt: 'ddd**',
  sendto: 'dbdxad',
  recvfrom: 'd*dx**',
  sendmsg: 'd*x',
  recvmsg: 'd*x',
  sendmmsg: 'd*dx',
  recvmmsg: 'd*dx*',
  ioctl: 'dx*',
  fcntl: 'ddx',
  open: 'sxd',
  openat: 'dsxd',
  stat: 's*',
  lstat: 's*',
  newfstatat: 'ds*x',
  statx: 'dsxx*',
  access: 'sd',
  faccessat: 'dsd',
  readlink: 's*d',
  readlinkat: 'ds*d',
  fstat: 'd*',
  lseek: 'ddd',
  getdents64: 'd*d',
  poll: '*dd',
  ppoll: '*d**',
  select: 'd****',
  pselect6: 'd*****',
  nanosleep: '**',
  clock_nanosleep: 'dx**',
  clock_gettime: 'd*',
  gettimeofday: '**',
  time: '*',
  timerfd_create: 'dx',
  timerfd_settime: 'dx**',
  timerfd_gettime: 'd*',
  setitimer: 'd**',
  getitimer: 'd*',
  alarm: 'd',
  futex: '*xd*',
  epoll_create1: 'x',
  epoll_ctl: 'ddd*',
  epoll_wait: 'd*dd',
  epoll_pwait: 'd*dd*',
  sendfile: 'dd*d',
  pipe: '*',
  pipe2: '*x',
  eventfd: 'd',
  eventfd2: 'dx',
  mq_open: 'sxd*',
  mq_unlink: 's',
  mq_timedsend: 'dbdd*',
  mq_timedreceive: 'd*d**',
  mq_notify: 'd*',
  mq_getsetattr: 'd**',
  msgget: 'xx',
  msgsnd: 'd*dx',
  msgrcv: 'd*ddx',
  msgctl: 'dd*',
  close: 'd',
};
const SHOWN_BYTES = 32;

/** `write` is given a line with its end. */
export const strace =
  (write: (line: string) => void): CallWatch =>
  (call) => {
    const shape = shapes[call.name] ?? 'ddd';
    const args = Array.from(shape, (kind, i) => argument(call, kind, i)).join(', ');
    const { tid } = call.thread;
    return (answer) => write(`[pid ${tid}] ${call.name}(${args}) = ${result(answer)}\n`);
  };

function result(answer: number | bigint): string {
  const name = answer < 0 ? errnoName(-Number(answer)) : undefined;
  return name === undefined ? String(answer) : `-1 ${name} (${errnos[name].message})`;
}

function argument(call: Call, kind: string, index: number): string {
  if (kind === 'd') return String(call.int(index));
  const at = call.size(index);
  if (kind === 'x') return `0x${call.uint(index).toString(16)}`;
  if (at === 0) return 'NULL';
  try {
    if (kind === 's') return JSON.stringify(Buffer.from(call.memory.string(at)).toString());
    if (kind === 'b') return bytes(call, at, call.size(index + 1));
    if (kind === 'a') return address(call.memory.read(at, Math.min(call.uint(index + 1), 128)));
  } catch {
    // No address of the program's: shown as one.
  }
  return `0x${at.toString(16)}`;
}

function bytes(call: Call, at: number, length: number): string {
  const text = Buffer.from(call.memory.read(at, Math.min(length, SHOWN_BYTES))).toString('latin1');
  const escaped = text.replaceAll(
    /[^ !#-[\]-~]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"${length > SHOWN_BYTES ? '...' : ''}`;
}

const [AF_INET, AF_INET6] = [2, 10] as const;

function address(raw: Uint8Array): string {
  const family = (raw[0] ?? 0) | ((raw[1] ?? 0) << 8);
  const port = ((raw[2] ?? 0) << 8) | (raw[3] ?? 0);
  if (family === AF_INET && raw.length >= 8) return `${formatIp(raw.subarray(4, 8))}:${port}`;
  if (family === AF_INET6 && raw.length >= 24) return `[${formatIp(raw.subarray(8, 24))}]:${port}`;
  return `{family ${family}, ${Buffer.from(raw.subarray(2)).toString('hex')}}`;
}

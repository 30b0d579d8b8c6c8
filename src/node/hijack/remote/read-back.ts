/** Which memory a call may have written, so that it is fetched: by the call's name, as nobody compares at the other end. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import { CONTROL_BYTES, DATA_BYTES, taskPlaces } from '../program/kernel-task.ts';

/** So many bytes from an address; `ofResult`: as many as the call answers, and these at most. */
export interface Wanted {
  readonly at: number;
  readonly bytes: number;
  readonly ofResult?: true;
}

/** No struct of a call is longer. */
const STRUCT_BYTES = 512;
const POLLFD = 8;
const EPOLL_EVENT = 16;
const PAGE = 4096;

/** Calls that write nothing of theirs, whatever they point at. */
const silent: ReadonlySet<SyscallName> = new Set([
  'write',
  'writev',
  'pwrite64',
  'pwritev2',
  'sendmsg',
  'bind',
  'connect',
  'setsockopt',
  'epoll_ctl',
  'openat',
  'clock_nanosleep_time64',
]);
/** Calls that fill data, by what they answer. */
const filling: ReadonlySet<SyscallName> = new Set([
  'read',
  'pread64',
  'preadv2',
  'recvmsg',
  'getdents64',
  'readlinkat',
  'fgetxattr',
  'flistxattr',
  'getxattr',
  'lgetxattr',
  'listxattr',
  'llistxattr',
]);

/** `scratch` is where the memory of the task begins; `room`, how much there is from an address to the end of its region. */
export function wantedOf(
  name: SyscallName,
  args: readonly (number | bigint)[],
  scratch: number,
  room: (at: number) => number,
): readonly Wanted[] {
  if (silent.has(name)) return [];
  const places = taskPlaces(scratch);
  const wanted: Wanted[] = [];
  if (filling.has(name)) wanted.push({ at: places.data, bytes: DATA_BYTES, ofResult: true });
  if (name === 'recvmsg') wanted.push({ at: places.control, bytes: CONTROL_BYTES });
  if (name === 'ioctl') wanted.push({ at: places.data, bytes: PAGE });
  for (const arg of args) {
    const at = Number(arg);
    const left = room(at);
    if (left === 0) continue;
    if (at >= places.structs && at < places.control) wanted.push({ at, bytes: STRUCT_BYTES });
    else if (!filling.has(name) && !(at >= places.control && at < places.data))
      wanted.push({ at, bytes: Math.min(left, listBytes(name, args)) });
  }
  return wanted;
}

function listBytes(name: SyscallName, args: readonly (number | bigint)[]): number {
  if (name === 'ppoll_time64') return POLLFD * Number(args[1] ?? 0);
  if (name === 'epoll_pwait2') return EPOLL_EVENT * Number(args[2] ?? 0);
  return PAGE;
}

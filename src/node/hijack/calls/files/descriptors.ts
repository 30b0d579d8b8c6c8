/** Calls on open files of our kernel: where they stand, what they are, their flags and locks. */

import type { SyscallName } from '../../../../abi/syscalls.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES } from '../../program/kernel-task.ts';
import { onFile } from '../on-file.ts';
import { toOurs, toTheirs } from './open-flags.ts';
import { statCalls } from './stat.ts';

// fcntl.h
const [F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW] = [3, 4, 5, 6, 7] as const;
const [F_OFD_GETLK, F_OFD_SETLKW] = [36, 38] as const;
/** In our kernel, for 64-bit offsets. */
const [F_GETLK64, F_SETLK64, F_SETLKW64] = [12, 13, 14] as const;
const lockCalls: ReadonlyMap<number, number> = new Map([
  [F_GETLK, F_GETLK64],
  [F_SETLK, F_SETLK64],
  [F_SETLKW, F_SETLKW64],
]);
/** struct flock: type, whence, 4 bytes of nothing, start, length, pid: the same in our kernel, whose off_t is aligned to 8. */
const FLOCK_BYTES = 32;

const fcntl = onFile(async (call, task, file) => {
  const command = call.int(1);
  if (command === F_GETFL) {
    const flags = await task.call('fcntl64', file.fd, F_GETFL, 0);
    return flags < 0 ? flags : toTheirs(flags);
  }
  if (command === F_SETFL) return task.call('fcntl64', file.fd, F_SETFL, toOurs(call.int(2)));
  const lock = lockCalls.get(command) ?? (command >= F_OFD_GETLK && command <= F_OFD_SETLKW ? command : undefined);
  if (lock === undefined) return task.call('fcntl64', file.fd, command, call.int(2));
  task.memory.write(task.structs, call.memory.read(call.size(2), FLOCK_BYTES));
  const ret = await call.waiting(task, 'fcntl64', file.fd, lock, task.structs);
  if (ret >= 0 && (command === F_GETLK || command === F_OFD_GETLK))
    call.memory.write(call.size(2), task.memory.copy(task.structs, FLOCK_BYTES));
  return ret;
});

/** A 32-bit kernel takes the offset in two halves and gives the answer in memory. */
const lseek = onFile(async (call, task, file) => {
  const offset = call.long(1);
  const [high, low] = [Number(BigInt.asIntN(32, offset >> 32n)), Number(BigInt.asUintN(32, offset))];
  const ret = await task.call('llseek', file.fd, high, low, task.structs, call.int(2));
  return ret < 0 ? ret : task.memory.i64(task.structs);
});

/** struct linux_dirent64 has no longs. */
const getdents64 = onFile(async (call, task, file) => {
  const bytes = Math.min(call.uint(2), DATA_BYTES);
  const got = await task.call('getdents64', file.fd, task.data, bytes);
  if (got > 0) call.memory.fromKernel(task.memory, task.data, [{ at: call.size(1), bytes: got }], got);
  return got;
});

/** The descriptor, then numbers as they are. */
const plain = (name: SyscallName, ...args: readonly ((call: Call) => number | bigint)[]): Handler =>
  onFile((call, task, file) => call.waiting(task, name, file.fd, ...args.map((arg) => arg(call))));
const int = (index: number) => (call: Call) => call.int(index);
const long = (index: number) => (call: Call) => call.long(index);

/** Attributes: a name, and a value of so many bytes. */
const fgetxattr = onFile(async (call, task, file) => {
  const [to, bytes] = [call.size(2), Math.min(call.size(3), 65_536)];
  const name = task.path(call.memory.string(call.size(1)));
  const got = await task.call('fgetxattr', file.fd, name, bytes === 0 ? 0 : task.data, bytes);
  if (got > 0 && bytes > 0) call.memory.write(to, task.memory.copy(task.data, got));
  return got;
});
const flistxattr = onFile(async (call, task, file) => {
  const bytes = Math.min(call.size(2), 65_536);
  const got = await task.call('flistxattr', file.fd, bytes === 0 ? 0 : task.data, bytes);
  if (got > 0 && bytes > 0) call.memory.write(call.size(1), task.memory.copy(task.data, got));
  return got;
});

/** Memory of the machine's cannot be a file of ours. */
const mmap: Handler = (call) => (call.file(4) ? negative('ENODEV') : 'host');

/** A namespace by its descriptor: those of networks are ours. */
const setns = onFile(async (call, task, file) => {
  const ret = await task.call('setns', file.fd, call.int(1));
  if (ret === 0) task.apart = true;
  return ret;
});

const unshare: Handler = async (call) => {
  const task = await call.task();
  const ret = await task.call('unshare', call.uint(0));
  if (ret === 0) task.apart = true;
  return ret;
};

export const descriptorCalls = {
  fcntl,
  lseek,
  getdents64,
  fgetxattr,
  flistxattr,
  mmap,
  setns,
  unshare,
  fstat: statCalls.fstat,
  fstatfs: statCalls.fstatfs,
  flock: plain('flock', int(1)),
  fsync: plain('fsync'),
  fdatasync: plain('fdatasync'),
  ftruncate: plain('ftruncate64', long(1)),
  fallocate: plain('fallocate', int(1), long(2), long(3)),
  fchmod: plain('fchmod', int(1)),
  fchown: plain('fchown', int(1), int(2)),
} as const;

/** Calls on open files of our kernel: where they stand, what they are, their flags and locks. */

import type { SyscallName } from '../../../../abi/syscalls.ts';
import type { OpenFile } from '../../files/open-files.ts';
import { OWNER_PGRP, OWNER_PID, OWNER_TID, type Owner } from '../../files/owners.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';
import { onFile } from '../on-file.ts';
import { mmap } from './mapping.ts';
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

const [F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX] = [8, 9, 10, 11, 15, 16] as const;
const O_ASYNC = 0o20000;
const MOST_SIGNAL = 64;

/** Who is sent signals about a file; undefined: this is no command of those. */
function owning(call: Call, task: KernelTask, file: OpenFile): Promise<number> | number | undefined {
  const { owners } = call.around;
  const argument = call.int(2);
  switch (call.int(1)) {
    case F_SETOWN:
      return setOwner(call, task, file, ownerOfNumber(argument));
    case F_GETOWN:
      return numberOfOwner(owners.ownerOf(file));
    case F_SETOWN_EX: {
      const view = call.memory.view(call.size(2), 8);
      return setOwner(call, task, file, { type: view.getInt32(0, true), id: view.getInt32(4, true) });
    }
    case F_GETOWN_EX: {
      const { type, id } = owners.ownerOf(file);
      call.memory.write(call.size(2), new Uint8Array(Int32Array.of(type, id).buffer));
      return 0;
    }
    case F_SETSIG:
      if (argument < 0 || argument > MOST_SIGNAL) return negative('EINVAL');
      return owners.change(task, file, { signal: argument, number: call.int(0) });
    case F_GETSIG:
      return owners.signalOf(file);
    default:
      return undefined;
  }
}

/** O_ASYNC, by F_SETFL or FIOASYNC: siginfo tells the descriptor that it was set by. */
export const asynchronous = (call: Call, isAsync: boolean) => ({ isAsync, ...(isAsync && { number: call.int(0) }) });

/** Of F_SETOWN and FIOSETOWN: a group of processes is below zero. */
export const ownerOfNumber = (number: number): Owner =>
  number < 0 ? { type: OWNER_PGRP, id: -number } : { type: OWNER_PID, id: number };
export const numberOfOwner = ({ type, id }: Owner): number => (type === OWNER_PGRP ? -id : id);

export function setOwner(call: Call, task: KernelTask, file: OpenFile, owner: Owner): Promise<number> | number {
  const { owners } = call.around;
  if (![OWNER_TID, OWNER_PID, OWNER_PGRP].some((type) => type === owner.type)) return negative('EINVAL');
  return owners.exists(owner) ? owners.change(task, file, { owner }) : negative('ESRCH');
}

const fcntl = onFile(async (call, task, file) => {
  const command = call.int(1);
  const owned = owning(call, task, file);
  if (owned !== undefined) return owned;
  if (command === F_GETFL) {
    const flags = await task.call('fcntl64', file.fd, F_GETFL, 0);
    return flags < 0 ? flags : toTheirs(flags);
  }
  if (command === F_SETFL) {
    const ret = await task.call('fcntl64', file.fd, F_SETFL, toOurs(call.int(2)));
    return ret < 0 ? ret : call.around.owners.change(task, file, asynchronous(call, (call.int(2) & O_ASYNC) !== 0));
  }
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

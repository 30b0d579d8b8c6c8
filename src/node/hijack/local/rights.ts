/**
 * Descriptors that programs send each other over sockets of our kernel (SCM_RIGHTS). A file of ours goes as it is. What is the machine's has something
 * go in its place, and waits in this process until that arrives.
 */

import { plus } from '../../../kernel/memory.ts';
import { hostCall } from '../../native/calls.ts';
import type { FileFacts } from '../files/open-files.ts';
import type { Call } from '../program/call.ts';
import { CallFailed, failedBy } from '../program/failed.ts';
import type { KernelTask } from '../program/kernel-task.ts';
import type { Local } from './local.ts';

const [AF_UNIX, SOCK_STREAM] = [1, 1] as const;
const POLLHUP = 0x10;
/** struct pollfd */
const POLLFD = 8;
const TIMESPEC = 16;
const [SOL_SOCKET, SO_TYPE, SO_DOMAIN] = [1, 3, 39] as const;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const [INODE_AT, MODE_AT] = [32, 28] as const;
const [S_IFMT, S_IFIFO, S_IFSOCK] = [0o170000, 0o010000, 0o140000] as const;

/** What was made for a message that is being sent. */
export interface Sending {
  /** Descriptors of our kernel, in the order of the program's. */
  readonly fds: readonly number[];
  /** The message is on its way, or is not. */
  done(isSent: boolean): Promise<void>;
}

/** Where nothing is the program's descriptor it throws EBADF. */
export async function sending(call: Call, task: KernelTask, numbers: readonly number[]): Promise<Sending> {
  const standIns: { readonly fd: number; readonly inode: bigint }[] = [];
  const { local } = call.around;
  const done = async (isSent: boolean) => {
    for (const { fd, inode } of standIns) {
      if (!isSent) await arrived(local, task, inode);
      await task.call('close', fd);
    }
  };
  const fds: number[] = [];
  await forget(task, local);
  try {
    for (const number of numbers) {
      const file = call.around.fileOf(call.thread, number);
      if (file === 'none') throw new CallFailed('EBADF');
      if (typeof file === 'object') {
        fds.push(file.fd);
        continue;
      }
      const copy = call.around.copyDescriptor(call.thread, number);
      if (copy < 0) throw failedBy(copy);
      const standIn = await makeStandIn(task, copy);
      local.passes(standIn.inode, { copy, peer: standIn.peer });
      standIns.push(standIn);
      fds.push(standIn.fd);
    }
  } catch (cause) {
    await done(false);
    throw cause;
  }
  return { fds, done };
}

/** One end of a pair of sockets. */
async function makeStandIn(task: KernelTask, copy: number) {
  const pair = plus(task.structs, 2048);
  const ret = await task.call('socketpair', AF_UNIX, SOCK_STREAM, 0, pair);
  if (ret < 0) {
    hostCall('close', copy);
    throw failedBy(ret);
  }
  const [fd, peer] = [task.memory.i32(pair), task.memory.i32(plus(pair, 4))];
  try {
    return { fd, peer, inode: (await lookAt(task, fd)).inode };
  } catch (cause) {
    hostCall('close', copy);
    for (const end of [fd, peer]) await task.call('close', end);
    throw cause;
  }
}

async function arrived(local: Local, task: KernelTask, inode: bigint): Promise<void> {
  const peer = local.arrived(inode);
  if (peer !== undefined) await task.call('close', peer);
}

/** Messages that were thrown away, as their sockets were closed or the text alone was read, took what stood in for descriptors with them. */
async function forget(task: KernelTask, local: Local): Promise<void> {
  const { many } = local;
  if (many.length === 0) return;
  const at = plus(task.structs, 2048);
  for (const [inode, { peer }] of many) {
    task.memory.setU32(at, peer);
    task.memory.setU32(plus(at, 4), 0);
    task.memory.write(plus(at, POLLFD), new Uint8Array(TIMESPEC));
    const ready = await task.call('ppoll_time64', at, 1, plus(at, POLLFD), 0, 8);
    if (ready > 0 && (task.memory.u16(plus(at, POLLFD - 2)) & POLLHUP) !== 0) await arrived(local, task, inode);
  }
  local.looked();
}

async function lookAt(task: KernelTask, fd: number): Promise<{ readonly inode: bigint; readonly format: number }> {
  const path = task.path(new Uint8Array(0), true);
  const at = plus(task.structs, 2048);
  const ret = await task.call('statx', fd, path, AT_EMPTY_PATH, STATX_BASIC_STATS, at);
  if (ret < 0) throw failedBy(ret);
  return { inode: task.memory.u64(plus(at, INODE_AT)), format: task.memory.u16(plus(at, MODE_AT)) & S_IFMT };
}

/** A descriptor that came, given to the program. Answers its number there, or an errno: then it is closed. */
export async function receive(
  call: Call,
  task: KernelTask,
  fd: number,
  { cloexec, isPeek }: { readonly cloexec: boolean; readonly isPeek: boolean },
): Promise<number> {
  const { inode, format } = await lookAt(task, fd);
  const { local } = call.around;
  const copy = format === S_IFSOCK ? local.passed(inode) : undefined;
  if (copy === undefined) return call.around.place(call, await factsOf(task, fd, format), cloexec);
  const number = call.around.placeHost(call, copy, cloexec);
  await task.call('close', fd);
  if (!isPeek) await arrived(local, task, inode);
  return number;
}

async function factsOf(task: KernelTask, fd: number, format: number): Promise<FileFacts> {
  if (format === S_IFIFO) return { fd, isPipe: true };
  if (format !== S_IFSOCK) return { fd, ...(format !== 0 && { isFile: true }) };
  const family = await option(task, fd, SO_DOMAIN);
  const type = await option(task, fd, SO_TYPE);
  return { fd, family: family ?? AF_UNIX, type: type ?? SOCK_STREAM };
}

async function option(task: KernelTask, fd: number, name: number): Promise<number | undefined> {
  const [at, length] = [plus(task.structs, 2048), plus(task.structs, 2056)];
  task.memory.setU32(length, 4);
  const ret = await task.call('getsockopt', fd, SOL_SOCKET, name, at, length);
  return ret < 0 ? undefined : task.memory.u32(at);
}

/** Sockets of our kernel: made, bound, connected, accepted. */

import { plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { onFile } from '../on-file.ts';

export const AF_UNIX = 1;
const SOCK_TYPE_MASK = 0xf;
const [SOCK_NONBLOCK, SOCK_CLOEXEC] = [0o4000, 0o2000000] as const;
/** struct sockaddr_storage: no address is longer. */
export const ADDRESS_BYTES = 128;
const EFAULT = negative('EFAULT');
const ENOENT = negative('ENOENT');

const isCloexec = (type: number): boolean => (type & SOCK_CLOEXEC) !== 0;

const socket: Handler = async (call) => {
  const [family, type] = [call.int(0), call.int(1)];
  const task = await call.task();
  const fd = await task.call('socket', family, type, call.int(2));
  return fd < 0 ? fd : opened(fd, family, type);
};

const opened = (fd: number, family: number, type: number) => ({
  opened: { fd, family, type: type & SOCK_TYPE_MASK },
  cloexec: isCloexec(type),
});

/** Two at once: the second descriptor is placed while the call goes on, as the first is. */
const socketpair: Handler = async (call) => {
  const [family, type] = [call.int(0), call.int(1)];
  const task = await call.task();
  const ret = await task.call('socketpair', family, type, call.int(2), task.structs);
  if (ret < 0) return ret;
  const fds = [task.memory.i32(task.structs), task.memory.i32(plus(task.structs, 4))] as const;
  const numbers = fds.map((fd) => call.around.place(call, opened(fd, family, type).opened, isCloexec(type)));
  const failed = numbers.find((number) => number < 0);
  if (failed !== undefined) return failed;
  call.memory.write(call.size(3), new Uint8Array(Int32Array.from(numbers).buffer));
  return 0;
};

/** Names are found through our network: what asks the machine's daemons for them is told that there are none. */
const namesOfHost = /^\/(var\/)?run\/(nscd\/socket|systemd\/resolve\/io\.systemd\.Resolve)/;

const isDaemonOfNames = (call: Call): boolean => {
  const bytes = Math.min(call.uint(2), 110);
  if (bytes <= 2) return false;
  const address = call.memory.readSome(call.size(1), bytes);
  if (address.length < bytes || address[0] !== AF_UNIX || address[1] !== 0) return false;
  return namesOfHost.test(Buffer.from(address.subarray(2)).toString('latin1'));
};

/** Puts an address of the program's where the task has it. Answers how long it is, or an errno. */
export function takeAddress(call: Call, task: KernelTask, at: number, length: number, to = task.structs): number {
  if (length < 0 || length > ADDRESS_BYTES) return negative('EINVAL');
  if (length > 0) task.memory.write(to, call.memory.read(at, length));
  return length;
}

const addressed = (name: 'connect' | 'bind'): Handler => {
  const ours = onFile(async (call, task, file) => {
    const length = takeAddress(call, task, call.size(1), call.int(2));
    return length < 0 ? length : call.waiting(task, name, file.fd, task.structs, length);
  });
  return (call) => {
    const answer = ours(call);
    if (name === 'connect' && answer === 'host' && call.around.policy.resolves && isDaemonOfNames(call)) return ENOENT;
    return answer;
  };
};

const LENGTH_AT = 256;

/** Gives the address in the task's structs to the program: as much as fits, and how long it is. */
export function giveAddress(call: Call, task: KernelTask, to: number, lengthAt: number): void {
  const real = task.memory.u32(plus(task.structs, LENGTH_AT));
  const room = call.memory.u32(lengthAt);
  if (room > 0x7fff_ffff) throw new CallFailed('EINVAL');
  call.memory.write(to, task.memory.copy(task.structs, Math.min(room, real, ADDRESS_BYTES)));
  call.memory.setU32(lengthAt, real);
}

const named = (name: 'getsockname' | 'getpeername'): Handler =>
  onFile(async (call, task, file) => {
    const lengthAt = plus(task.structs, LENGTH_AT);
    task.memory.setU32(lengthAt, ADDRESS_BYTES);
    const ret = await task.call(name, file.fd, task.structs, lengthAt);
    if (ret >= 0) giveAddress(call, task, call.size(1), call.size(2));
    return ret;
  });

async function acceptOne(call: Call, task: KernelTask, file: OpenFile, flags: number): Promise<Answer> {
  const lengthAt = plus(task.structs, LENGTH_AT);
  task.memory.setU32(lengthAt, ADDRESS_BYTES);
  const fd = await call.waiting(task, 'accept4', file.fd, task.structs, lengthAt, flags);
  if (fd < 0) return fd;
  try {
    if (call.size(1) !== 0) giveAddress(call, task, call.size(1), call.size(2));
  } catch (cause) {
    await task.call('close', fd);
    if (cause instanceof CallFailed) return EFAULT;
    throw cause;
  }
  const { family, type } = file;
  return {
    opened: { fd, ...(family !== undefined && { family }), ...(type !== undefined && { type }) },
    cloexec: isCloexec(flags),
  };
}

const accepted = (flags: (call: Call) => number): Handler =>
  onFile((call, task, file) => acceptOne(call, task, file, flags(call) & (SOCK_NONBLOCK | SOCK_CLOEXEC)));

export const socketCalls = {
  socket,
  socketpair,
  connect: addressed('connect'),
  bind: addressed('bind'),
  getsockname: named('getsockname'),
  getpeername: named('getpeername'),
  accept: accepted(() => 0),
  accept4: accepted((call) => call.int(3)),
  listen: onFile((call, task, file) => task.call('listen', file.fd, call.int(1))),
  shutdown: onFile((call, task, file) => call.waiting(task, 'shutdown', file.fd, call.int(1))),
} as const;

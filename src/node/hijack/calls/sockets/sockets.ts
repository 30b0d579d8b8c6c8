/** Sockets of our kernel: made, bound, connected, accepted. */

import { type Ptr, plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import { bindTo, find, given, pathOf } from '../../local/names.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { placePair } from '../files/pipes.ts';
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
  const fds = [task.memory.i32(task.structs), task.memory.i32(plus(task.structs, 4))];
  const files = fds.map((fd) => opened(fd, family, type).opened);
  knownBy(call, task, family);
  return placePair(call, files, isCloexec(type), call.size(3));
};

/** The other side may ask who this is. */
export function knownBy(call: Call, task: KernelTask, family: number | undefined): void {
  if (family === AF_UNIX) call.around.local.is(call.thread, task);
}

/** Names are found through our network: what asks the machine's daemons for them is told that there are none. */
const namesOfHost = /^\/(var\/)?run\/(nscd\/socket|systemd\/resolve\/io\.systemd\.Resolve)/;

const isDaemonOfNames = (call: Call): boolean => {
  const bytes = Math.min(call.uint(2), 110);
  if (bytes <= 2) return false;
  const address = call.memory.readSome(call.size(1), bytes);
  if (address.length < bytes || address[0] !== AF_UNIX || address[1] !== 0) return false;
  return namesOfHost.test(Buffer.from(address.subarray(2)).toString('latin1'));
};

/** Puts an address of the program's where the task has it, a path as our kernel knows it. Answers how long it is. */
export function putAddress(
  call: Call,
  task: KernelTask,
  file: OpenFile,
  from: { at: number; length: number },
  to: Ptr,
) {
  const { at, length } = from;
  if (length === 0) return 0;
  const address = call.memory.read(at, length);
  const path = file.family === AF_UNIX && length <= LOCAL_BYTES ? pathOf(address) : undefined;
  if (path) return find(call, task, path, to);
  task.memory.write(to, address);
  return length;
}

/** struct sockaddr_un */
const LOCAL_BYTES = 110;
const isAddress = (length: number, { family }: OpenFile): boolean =>
  length >= 0 && length <= (family === AF_UNIX ? LOCAL_BYTES : ADDRESS_BYTES);

const addressed = (name: 'connect' | 'bind'): Handler => {
  const ours = onFile(async (call, task, file) => {
    const from = { at: call.size(1), length: call.int(2) };
    if (!isAddress(from.length, file)) return negative('EINVAL');
    knownBy(call, task, file.family);
    if (name === 'bind' && file.family === AF_UNIX) {
      const address = call.memory.read(from.at, from.length);
      const path = pathOf(address);
      if (path) return bindTo(call, task, { address, path, socket: file });
    }
    const length = putAddress(call, task, file, from, task.structs);
    return call.waiting(task, name, file.fd, task.structs, length);
  });
  return (call) => {
    const answer = ours(call);
    if (name === 'connect' && answer === 'host' && call.around.policy.resolves && isDaemonOfNames(call)) return ENOENT;
    return answer;
  };
};

const LENGTH_AT = 256;

/** Gives the address in the task's structs to the program: as much as fits, and how long it is. */
function giveAddress(call: Call, task: KernelTask, to: number, lengthAt: number): void {
  const length = task.memory.u32(plus(task.structs, LENGTH_AT));
  const room = call.memory.u32(lengthAt);
  if (room > 0x7fff_ffff) throw new CallFailed('EINVAL');
  const address = given(call.around.local, task.memory.copy(task.structs, Math.min(length, ADDRESS_BYTES)));
  call.memory.write(to, address.subarray(0, room));
  call.memory.setU32(lengthAt, Math.max(length > ADDRESS_BYTES ? length : 0, address.length));
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
  // Some families have no address to tell (AF_ALG): who does not ask is not told that.
  const where = call.size(1) === 0 ? ([0, 0] as const) : ([task.structs, lengthAt] as const);
  const fd = await call.waiting(task, 'accept4', file.fd, ...where, flags);
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
  listen: onFile((call, task, file) => {
    knownBy(call, task, file.family);
    return task.call('listen', file.fd, call.int(1));
  }),
  shutdown: onFile((call, task, file) => call.waiting(task, 'shutdown', file.fd, call.int(1))),
} as const;

/** sendto(2), recvmsg(2) and their kin: struct msghdr of 64 bits here, of 32 in our kernel. */

import { type Ptr, plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import { nowMs } from '../../host/clock.ts';
import { given } from '../../local/names.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import { CONTROL_BYTES, DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';
import { after, lengthOf, type Span } from '../../program/memory.ts';
import { splits } from '../files/io.ts';
import { onFile } from '../on-file.ts';
import { controlIn, controlOut } from './control-messages.ts';
import { withDescriptors } from './netlink.ts';
import { ADDRESS_BYTES, AF_UNIX, knownBy, putAddress } from './sockets.ts';

const [MSG_PEEK, MSG_CTRUNC, MSG_DONTWAIT, MSG_WAITALL, MSG_WAITFORONE] = [0x2, 0x8, 0x40, 0x100, 0x10000] as const;
const [MSG_TRUNC, MSG_CMSG_CLOEXEC] = [0x20, 0x4000_0000] as const;
/** A message is no longer. */
const MESSAGE_BYTES = 4 << 20;

/** struct msghdr of 64 bits. */
const MSGHDR_BYTES = 56;
const MMSGHDR_BYTES = 64;
const [AF_INET, AF_INET6, AF_NETLINK, AF_PACKET] = [2, 10, 16, 17] as const;

interface Message {
  /** Where it lies; absent: the call had its parts as arguments. */
  readonly at?: number;
  readonly name: number;
  readonly nameBytes: number;
  readonly spans: readonly Span[];
  readonly control: number;
  readonly controlBytes: number;
}

function messageAt(call: Call, at: number): Message {
  const view = call.memory.view(at, MSGHDR_BYTES);
  const word = (offset: number) => view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
  const fields = {
    at,
    name: word(0),
    nameBytes: view.getInt32(8, true),
    control: word(32),
    controlBytes: word(40),
  };
  const [spansAt, count] = [word(16), word(24)];
  if (count > 1024) throw new CallFailed('EMSGSIZE');
  return { ...fields, spans: call.memory.spans(spansAt, count) };
}

/** In the task's structs: struct msghdr of 32 bits with one iovec, the name behind them. */
const [IOV, NAME] = [32, 64] as const;

function layOut(
  task: KernelTask,
  parts: { readonly name: number; readonly data: Ptr; readonly bytes: number; readonly control: number },
): void {
  const { memory, structs } = task;
  const words = [
    parts.name > 0 ? structs + NAME : 0,
    parts.name,
    structs + IOV,
    1,
    parts.control > 0 ? task.control : 0,
    parts.control,
    0,
  ];
  for (const [i, word] of words.entries()) memory.setU32(plus(structs, 4 * i), word);
  memory.setU32(plus(structs, IOV), parts.data);
  memory.setU32(plus(structs, IOV + 4), parts.bytes);
}

/** What is sent, in pieces where it is a stream; answers as sendmsg(2). */
async function send(call: Call, task: KernelTask, file: OpenFile, message: Message, flags: number): Promise<number> {
  const total = lengthOf(message.spans);
  const isStream = splits(file);
  if (!isStream && total > MESSAGE_BYTES) return negative('EMSGSIZE');
  if (message.nameBytes < 0 || (message.name !== 0 && message.nameBytes > ADDRESS_BYTES)) return negative('EINVAL');
  const name = message.name === 0 ? 0 : message.nameBytes;
  const size = isStream ? Math.min(total, DATA_BYTES) : total;
  if (file.family === AF_PACKET) {
    call.memory.intoKernel(task.memory, plus(task.structs, NAME), [{ at: message.name, bytes: name }], name);
    const sent = call.around.rings.sends(task, file, flags, { at: plus(task.structs, NAME), bytes: name });
    if (sent) return sent;
  }
  if (call.around.local.wantsSenders) knownBy(call, task, file.family);
  return task.withRoom(size, async (data) => {
    for (let done = 0; ; ) {
      const bytes = Math.min(total - done, size);
      let nameBytes = 0;
      try {
        call.memory.intoKernel(task.memory, data, after(message.spans, done), bytes);
        if (name > 0)
          nameBytes = putAddress(call, task, file, { at: message.name, length: name }, plus(task.structs, NAME));
      } catch (cause) {
        if (done > 0) return done;
        throw cause;
      }
      if (file.family === AF_NETLINK) withDescriptors(call, task, data, bytes);
      const from = { at: message.control, length: done === 0 ? message.controlBytes : 0 };
      const control = await controlIn(call, task, file.family === AF_UNIX, from);
      layOut(task, { name: nameBytes, data, bytes, control: control.bytes });
      const sent = await call.waiting(task, 'sendmsg', file.fd, task.structs, flags);
      for (const one of control.sending ?? []) await one.done(sent >= 0);
      if (sent < 0) return done > 0 ? done : call.written(file, sent, flags);
      done += sent;
      if (done >= total || sent < bytes) return done;
    }
  });
}

const nowhere = { room: 0, cloexec: false, isPeek: false } as const;

/** What came, into the program's memory; answers as recvmsg(2). */
async function receive(call: Call, task: KernelTask, file: OpenFile, message: Message, flags: number): Promise<number> {
  const total = lengthOf(message.spans);
  if (message.nameBytes < 0) return negative('EINVAL');
  const name = message.name === 0 ? 0 : Math.min(message.nameBytes, ADDRESS_BYTES);
  const control = message.control === 0 ? 0 : Math.min(message.controlBytes, CONTROL_BYTES);
  const { memory, structs } = task;
  const waitsForAll = (flags & MSG_WAITALL) !== 0 && (flags & MSG_PEEK) === 0 && splits(file);
  // tcp(7): what is taken so goes nowhere, whatever the buffer is.
  const drops = (flags & MSG_TRUNC) !== 0 && splits(file) && (file.family === AF_INET || file.family === AF_INET6);
  for (let done = 0; ; ) {
    const bytes = Math.min(total - done, DATA_BYTES);
    layOut(task, { name, data: task.data, bytes, control });
    const got = await call.waiting(task, 'recvmsg', file.fd, structs, flags & ~MSG_CMSG_CLOEXEC);
    if (got < 0) return done > 0 ? done : got;
    try {
      if (!drops) call.memory.fromKernel(memory, task.data, after(message.spans, done), Math.min(got, bytes));
    } catch (cause) {
      // What came along has nowhere to go.
      if (control > 0) await controlOut(call, task, memory.u32(plus(structs, 20)), nowhere);
      throw cause;
    }
    done += got;
    if (waitsForAll && got === bytes && done < total) continue;
    await giveBack(call, task, message, { name, control, flags });
    return done;
  }
}

/** The name, the control messages and the flags. */
async function giveBack(
  call: Call,
  task: KernelTask,
  message: Message,
  asked: { readonly name: number; readonly control: number; readonly flags: number },
): Promise<void> {
  const { memory, structs } = task;
  giveName(call, task, message.name, asked.name);
  const nameBytes = memory.u32(plus(structs, 4));
  if (message.at === undefined) return;
  const flags = memory.u32(plus(structs, 24));
  const { bytes, isCut } = await controlOut(call, task, memory.u32(plus(structs, 20)), {
    room: asked.control === 0 ? 0 : message.controlBytes,
    cloexec: (asked.flags & MSG_CMSG_CLOEXEC) !== 0,
    isPeek: (asked.flags & MSG_PEEK) !== 0,
  });
  if (bytes.length > 0) call.memory.write(message.control, bytes);
  if (message.name !== 0) call.memory.setU32(message.at + 8, nameBytes);
  call.memory.setI64(message.at + 40, BigInt(bytes.length));
  call.memory.setU32(message.at + 48, (flags & ~MSG_CMSG_CLOEXEC) | (isCut ? MSG_CTRUNC : 0));
}

/** Who sent it, as much as there is room for; how long the whole name is stays where our kernel has put it. */
function giveName(call: Call, task: KernelTask, to: number, room: number): void {
  if (room === 0) return;
  const lengthAt = plus(task.structs, 4);
  const address = task.memory.copy(plus(task.structs, NAME), Math.min(task.memory.u32(lengthAt), ADDRESS_BYTES));
  const name = given(call.around.local, address);
  call.memory.write(to, name.subarray(0, room));
  if (name !== address) task.memory.setU32(lengthAt, name.length);
}

const single = (call: Call, name: number, nameBytes: number): Message => ({
  name,
  nameBytes,
  spans: [{ at: call.size(1), bytes: Math.min(call.size(2), 0x7fff_f000) }],
  control: 0,
  controlBytes: 0,
});

const recvfrom = onFile(async (call, task, file) => {
  const [to, lengthAt] = [call.size(4), call.size(5)];
  const room = to === 0 ? 0 : call.memory.u32(lengthAt) | 0;
  const got = await receive(call, task, file, single(call, to, room), call.int(3));
  if (got >= 0 && to !== 0) call.memory.setU32(lengthAt, task.memory.u32(plus(task.structs, 4)));
  return got;
});

/** Messages one after another; an error after the first one is told by the next call. */
const several = (
  one: (call: Call, task: KernelTask, file: OpenFile, message: Message, flags: number) => Promise<number>,
  flagsOf: (call: Call, done: number) => number,
  untilMs: (call: Call) => number,
): Handler =>
  onFile(async (call, task, file) => {
    const count = Math.min(call.uint(2), 1024);
    const until = untilMs(call);
    for (let done = 0; done < count; done++) {
      const at = call.size(1) + MMSGHDR_BYTES * done;
      const ret = await tried(() => one(call, task, file, messageAt(call, at), flagsOf(call, done)));
      if (ret < 0) return done > 0 ? done : ret;
      call.memory.setU32(at + MSGHDR_BYTES, ret);
      if (nowMs() >= until) return done + 1;
    }
    return count;
  });

async function tried(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CallFailed) return -cause.errno;
    throw cause;
  }
}

const never = () => Number.POSITIVE_INFINITY;
const timeoutOf = (call: Call): number => {
  const at = call.size(4);
  if (at === 0) return never();
  const view = call.memory.view(at, 16);
  const ms = Number(view.getBigInt64(0, true)) * 1e3 + Number(view.getBigInt64(8, true)) / 1e6;
  return nowMs() + ms;
};

export const messageCalls = {
  sendto: onFile((call, task, file) => send(call, task, file, single(call, call.size(4), call.int(5)), call.int(3))),
  recvfrom,
  sendmsg: onFile(async (call, task, file) => send(call, task, file, messageAt(call, call.size(1)), call.int(2))),
  recvmsg: onFile(async (call, task, file) => receive(call, task, file, messageAt(call, call.size(1)), call.int(2))),
  sendmmsg: several(send, (call) => call.int(3), never),
  recvmmsg: several(
    receive,
    (call, done) => {
      const flags = call.int(3);
      return (flags & ~MSG_WAITFORONE) | (done > 0 && (flags & MSG_WAITFORONE) !== 0 ? MSG_DONTWAIT : 0);
    },
    timeoutOf,
  ),
} as const;

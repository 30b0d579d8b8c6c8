/** POSIX message queues (mq_overview(7)) of our kernel: descriptors like others, by names of their own. */

import { type Ptr, plus } from '../../../../kernel/memory.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { toOurs, toTheirs } from '../files/open-flags.ts';
import { masked } from '../files/paths.ts';
import { onFile } from '../on-file.ts';
import { TIMESPEC } from '../time/clocks.ts';

const O_CREAT = 0o100;
/** struct mq_attr: flags, most messages, bytes of one, messages now, and four more; longs there, 4 bytes each here. */
const [ATTRIBUTES, FIELDS] = [64, 4] as const;
const LONG_MAX = 0x7fff_ffffn;
/** HARD_MSGSIZEMAX: no queue takes longer messages. */
const MOST_BYTES = 16 << 20;
const [PRIORITY_AT, TIMEOUT_AT, OLD_AT] = [64, 128, 256] as const;

/** Into the task's structs. What is more than a long has here is more than any queue has. */
function giveAttributes(call: Call, task: KernelTask, at: number): number {
  if (at === 0) return 0;
  const view = call.memory.view(at, ATTRIBUTES);
  for (let i = 0; i < FIELDS; i++) {
    const value = view.getBigInt64(8 * i, true);
    const fits = value > LONG_MAX ? LONG_MAX : value < -LONG_MAX ? -LONG_MAX : value;
    task.memory.setU32(plus(task.structs, 4 * i), i === 0 ? toOurs(Number(fits)) : Number(fits));
  }
  return task.structs;
}

function takeAttributes(call: Call, task: KernelTask, from: Ptr, to: number): void {
  const fields = new BigInt64Array(ATTRIBUTES / 8);
  for (let i = 0; i < FIELDS; i++) fields[i] = BigInt(task.memory.i32(plus(from, 4 * i)));
  fields[0] = BigInt(toTheirs(Number(fields[0])));
  call.memory.write(to, new Uint8Array(fields.buffer));
}

const open: Handler = async (call): Promise<Answer> => {
  const flags = call.int(1);
  const task = await call.task();
  const attributes = flags & O_CREAT ? giveAttributes(call, task, call.size(3)) : 0;
  const mode = flags & O_CREAT ? masked(2)(call) : 0;
  const path = task.path(call.memory.string(call.size(0)));
  const fd = await task.call('mq_open', path, toOurs(flags), mode, attributes);
  // Linux closes them on exec, whatever the flags say.
  return fd < 0 ? fd : { opened: { fd }, cloexec: true };
};

const unlink: Handler = async (call) => {
  const task = await call.task();
  return task.call('mq_unlink', task.path(call.memory.string(call.size(0))));
};

function giveTimeout(call: Call, task: KernelTask): number {
  const at = call.size(4);
  if (at === 0) return 0;
  task.memory.write(plus(task.structs, TIMEOUT_AT), call.memory.read(at, TIMESPEC));
  return plus(task.structs, TIMEOUT_AT);
}

const send = onFile(async (call, task, { fd }) => {
  const bytes = call.size(2);
  if (bytes > MOST_BYTES) return negative('EMSGSIZE');
  const timeout = giveTimeout(call, task);
  return task.withRoom(bytes, async (at) => {
    if (bytes > 0) call.memory.intoKernel(task.memory, at, [{ at: call.size(1), bytes }], bytes);
    const [ret, then] = await call.around.notices.whileSending(() =>
      call.waiting(task, 'mq_timedsend_time64', fd, at, bytes, call.uint(3), timeout),
    );
    call.onAnswered = then;
    return ret;
  });
});

const receive = onFile(async (call, task, { fd }) => {
  const timeout = giveTimeout(call, task);
  const bytes = Math.min(call.size(2), MOST_BYTES);
  return task.withRoom(bytes, async (at) => {
    const priority = plus(task.structs, PRIORITY_AT);
    const got = await call.waiting(task, 'mq_timedreceive_time64', fd, at, bytes, priority, timeout);
    if (got < 0) return got;
    if (got > 0) call.memory.fromKernel(task.memory, at, [{ at: call.size(1), bytes: got }], got);
    if (call.size(3) !== 0) call.memory.setU32(call.size(3), task.memory.u32(priority));
    return got;
  });
});

const attributes = onFile(async (call, task, { fd }) => {
  const [given, wanted] = [giveAttributes(call, task, call.size(1)), call.size(2)];
  const old = plus(task.structs, OLD_AT);
  const ret = await task.call('mq_getsetattr', fd, given, wanted === 0 ? 0 : old);
  if (ret === 0 && wanted !== 0) takeAttributes(call, task, old, wanted);
  return ret;
});

/** struct sigevent: a value of 8 bytes, a signal, and how it is told. */
const SIGEVENT_BYTES = 64;
const [SIGNO_AT, NOTIFY_AT] = [8, 12] as const;
const SIGEV_THREAD = 2;
const COOKIE_BYTES = 32;

const notify = onFile((call, _, file: OpenFile) => {
  const { notices } = call.around;
  const { tgid } = call.thread;
  const at = call.size(1);
  if (at === 0) return notices.remove(tgid, file);
  const view = call.memory.view(at, SIGEVENT_BYTES);
  const value = view.getBigUint64(0, true);
  const [signal, way] = [view.getInt32(SIGNO_AT, true), view.getInt32(NOTIFY_AT, true)];
  if (way !== SIGEV_THREAD) return notices.add(tgid, file, { way, signal, value });
  // A C library has a thread that waits at a socket of netlink for the cookie.
  const socket = call.around.fileOf(call.thread, signal);
  if (typeof socket !== 'object') return Promise.resolve(negative('EBADF'));
  return notices.add(tgid, file, { way, socket: socket.fd, cookie: call.memory.read(Number(value), COOKIE_BYTES) });
});

export const posixQueueCalls = {
  mq_open: open,
  mq_unlink: unlink,
  mq_timedsend: send,
  mq_timedreceive: receive,
  mq_notify: notify,
  mq_getsetattr: attributes,
} as const satisfies Record<string, Handler>;

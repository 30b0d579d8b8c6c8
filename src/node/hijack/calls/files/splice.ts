/** splice(2) and tee(2): between files of our kernel it does that itself; between one of them and a pipe of the machine's, by way of this process. */

import { fstatSync } from 'node:fs';
import { plus } from '../../../../kernel/memory.ts';
import { hostCall, mustCall } from '../../../native/calls.ts';
import type { OpenFile } from '../../files/open-files.ts';
import { ADD, epollControl, IN, newEpoll, OUT } from '../../host/events.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';

const [EINVAL, EAGAIN, EINTR, ESPIPE] = (['EINVAL', 'EAGAIN', 'EINTR', 'ESPIPE'] as const).map(negative) as [
  number,
  number,
  number,
  number,
];
const SPLICE_F_NONBLOCK = 2;
const MSG_DONTWAIT = 0x40;
const AT_FDCWD = -100;
const [O_WRONLY, O_NONBLOCK, O_CLOEXEC] = [0o1, 0o4000, 0o2000000] as const;
const F_GETFL = 3;
const MOST = 0x7fff_f000;
/** A pipe that can be written to takes so much. */
const PAGE = 4096;

/** Both are ours. Offsets are 64 bits, in and out. */
async function within(call: Call, task: KernelTask, from: OpenFile, to: OpenFile): Promise<number> {
  const places = [call.size(1), call.size(3)].map((at, i) => ({ at, here: plus(task.structs, 8 * i) }));
  for (const { at, here } of places) if (at !== 0) task.memory.write(here, call.memory.read(at, 8));
  const [first, second] = places.map(({ at, here }) => (at === 0 ? 0 : here)) as [number, number];
  const length = Math.min(call.size(4), MOST);
  const ret = await call.waiting(task, 'splice', from.fd, first, to.fd, second, length, call.uint(5));
  if (ret >= 0) for (const { at, here } of places) if (at !== 0) call.memory.write(at, task.memory.copy(here, 8));
  return call.written(to, ret);
}

/** A pipe of the program's, opened anew by this process, which it does not keep waiting. */
class Pipe {
  readonly fd: number;
  /** The program does not wait for it. */
  readonly isNonblocking: boolean;
  readonly #epoll = newEpoll();
  readonly #events: number;

  private constructor(fd: number, events: number, isNonblocking: boolean) {
    this.fd = fd;
    this.isNonblocking = isNonblocking;
    this.#events = events;
    epollControl(this.#epoll, ADD, fd, events, 0n);
  }

  /** A negative errno where it is none. */
  static of(call: Call, number: number, way: 'read' | 'write'): Pipe | number {
    const copy = call.around.copyDescriptor(call.thread, number);
    if (copy < 0) return copy;
    try {
      if (!fstatSync(copy).isFIFO()) return EINVAL;
      const flags = (way === 'write' ? O_WRONLY : 0) | O_NONBLOCK | O_CLOEXEC;
      const fd = hostCall('openat', AT_FDCWD, Buffer.from(`/proc/self/fd/${copy}\0`), flags, 0);
      const isNonblocking =
        (call.uint(5) & SPLICE_F_NONBLOCK) !== 0 || (hostCall('fcntl', copy, F_GETFL) & O_NONBLOCK) !== 0;
      return fd < 0 ? fd : new Pipe(fd, way === 'write' ? OUT : IN, isNonblocking);
    } finally {
      hostCall('close', copy);
    }
  }

  get isReady(): boolean {
    const poll = new DataView(new ArrayBuffer(8));
    poll.setInt32(0, this.fd, true);
    poll.setUint16(4, this.#events, true);
    return hostCall('ppoll', new Uint8Array(poll.buffer), 1, new BigInt64Array(2), 0, 8) > 0;
  }

  /** False: the call is not waited for any more. */
  async ready(call: Call): Promise<boolean> {
    while (!this.isReady) {
      if (call.abandoned) return false;
      await new Promise<void>((resolve) => {
        const stop = call.around.whenReady(this.#epoll, done);
        call.onAbandon = done;
        function done() {
          stop();
          call.onAbandon = undefined;
          resolve();
        }
      });
    }
    return true;
  }

  close(): void {
    for (const fd of [this.fd, this.#epoll]) hostCall('close', fd);
  }
}

/** A page at a time, so that what was received has room. What is there after the first goes along; more is not waited for. */
async function intoPipe(call: Call, task: KernelTask, from: OpenFile, pipe: Pipe): Promise<number> {
  const total = Math.min(call.size(4), MOST);
  const at = call.size(1);
  let done = 0;
  while (done < total) {
    if (!pipe.isReady && (done > 0 || pipe.isNonblocking)) break;
    if (!(await pipe.ready(call))) return EINTR;
    const want = Math.min(total - done, PAGE);
    const got = await taken(call, task, from, { want, at, isMore: done > 0 });
    if (got <= 0) return done > 0 ? done : got;
    const put = await allInto(call, task, pipe, got);
    if (put < 0) return done > 0 ? done : put;
    done += got;
    if (got < want) return done;
  }
  return done > 0 || total === 0 ? done : EAGAIN;
}

async function taken(
  call: Call,
  task: KernelTask,
  from: OpenFile,
  { want, at, isMore }: { readonly want: number; readonly at: number; readonly isMore: boolean },
): Promise<number> {
  if (at !== 0) {
    const offset = call.memory.i64(at);
    const got = await task.call('pread64', from.fd, task.data, want, offset);
    if (got > 0) call.memory.setI64(at, offset + BigInt(got));
    return got;
  }
  if (from.family !== undefined)
    return call.waiting(task, 'recvfrom', from.fd, task.data, want, isMore ? MSG_DONTWAIT : 0, 0, 0);
  return isMore && from.isFile !== true ? 0 : call.waiting(task, 'read', from.fd, task.data, want);
}

/** What was received is the pipe's, however long it takes: others may have filled it meanwhile. */
async function allInto(call: Call, task: KernelTask, pipe: Pipe, bytes: number): Promise<number> {
  const copy = task.memory.copy(task.data, bytes);
  for (let done = 0; done < bytes; ) {
    const put = hostCall('write', pipe.fd, copy.subarray(done), bytes - done);
    if (put === EAGAIN) await new Promise((resolve) => setTimeout(resolve, 1));
    else if (put < 0) return call.written({ ...noFile, isPipe: true }, put);
    else done += put;
  }
  return bytes;
}
const noFile = { fd: -1, inode: 0 };

/** A copy of what is in the pipe is sent; as much as was is then taken out of it. */
async function outOfPipe(call: Call, task: KernelTask, pipe: Pipe, to: OpenFile): Promise<number> {
  if (!pipe.isReady && pipe.isNonblocking) return EAGAIN;
  if (!(await pipe.ready(call))) return EINTR;
  const want = Math.min(call.size(4), DATA_BYTES);
  const own = new Int32Array(2);
  mustCall('pipe2', own, O_NONBLOCK | O_CLOEXEC);
  const [reading = -1, writing = -1] = own;
  try {
    const held = hostCall('tee', pipe.fd, writing, want, SPLICE_F_NONBLOCK);
    if (held <= 0) return held;
    const got = hostCall('read', reading, task.memory.view(task.data, held), held);
    const at = call.size(3);
    const offset = at === 0 ? undefined : call.memory.i64(at);
    const put =
      offset === undefined
        ? await call.waiting(task, 'write', to.fd, task.data, got)
        : await task.call('pwrite64', to.fd, task.data, got, offset);
    if (put <= 0) return call.written(to, put);
    if (offset !== undefined) call.memory.setI64(at, offset + BigInt(put));
    hostCall('read', pipe.fd, new Uint8Array(put), put);
    return put;
  } finally {
    for (const fd of own) hostCall('close', fd);
  }
}

export const splice: Handler = (call) => {
  const [from, to] = [call.file(0), call.file(2)];
  if (!from && !to) return 'host';
  return (async (): Promise<Answer> => {
    const task = await call.task();
    if (from && to) return within(call, task, from, to);
    // A pipe has no offset.
    if (call.size(from ? 3 : 1) !== 0) return ESPIPE;
    const pipe = Pipe.of(call, call.int(from ? 2 : 0), from ? 'write' : 'read');
    if (typeof pipe === 'number') return pipe;
    try {
      return from ? await intoPipe(call, task, from, pipe) : await outOfPipe(call, task, pipe, to as OpenFile);
    } finally {
      pipe.close();
    }
  })();
};

/** Both are pipes: of our kernel, or of the machine's. */
export const tee: Handler = (call) => {
  const [from, to] = [call.file(0), call.file(1)];
  if (!from && !to) return 'host';
  if (!from || !to) return EINVAL;
  return (async () => {
    const task = await call.task();
    const ret = await call.waiting(task, 'tee', from.fd, to.fd, Math.min(call.size(2), MOST), call.uint(3));
    return call.written(to, ret);
  })();
};

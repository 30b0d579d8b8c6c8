/** read(2), write(2) and their kin, on files of our kernel. */

import type { OpenFile } from '../../files/open-files.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';
import { after, lengthOf, type Span } from '../../program/memory.ts';
import { rests } from '../time/rests.ts';

/** Beyond it Linux cuts a transfer: MAX_RW_COUNT. */
const MAX_RW = 0x7fff_f000;
const RWF_NOWAIT = 8;
const EINTR = negative('EINTR');

interface Transfer {
  readonly spans: readonly Span[];
  /** Absent: at the file's own position. */
  readonly offset?: bigint | undefined;
  /** RWF_* */
  readonly flags: number;
}

type Kind = (call: Call) => Transfer;

const plain: Kind = (call) => ({ spans: [{ at: call.size(1), bytes: call.size(2) }], flags: 0 });
const placed: Kind = (call) => ({ ...plain(call), offset: call.long(3) });
const vector: Kind = (call) => ({ spans: call.memory.spans(call.size(1), call.size(2)), flags: 0 });
const placedVector: Kind = (call) => ({ ...vector(call), offset: call.long(3) });
/** Offset -1 is the file's own position. */
const flagged: Kind = (call) => ({
  ...vector(call),
  ...(call.long(3) === -1n ? {} : { offset: call.long(3) }),
  flags: call.int(5),
});

const onFile =
  (kind: Kind, move: (call: Call, task: KernelTask, file: OpenFile, transfer: Transfer) => Promise<number>): Handler =>
  (call) => {
    const file = call.file(0);
    if (!file) return 'host';
    const transfer = kind(call);
    const task = call.task();
    return task instanceof Promise ? task.then((t) => move(call, t, file, transfer)) : move(call, task, file, transfer);
  };

/** One piece: with flags by preadv2, with an offset by pread64, else by read. */
function piece(
  call: Call,
  task: KernelTask,
  way: 'read' | 'write',
  file: OpenFile,
  bytes: number,
  { offset, flags }: Transfer,
) {
  if (flags === 0 && offset === undefined) return call.waiting(task, way, file.fd, task.data, bytes);
  if (flags === 0)
    return call.waiting(task, way === 'read' ? 'pread64' : 'pwrite64', file.fd, task.data, bytes, offset ?? 0n);
  task.memory.setU32(task.structs, task.data);
  task.memory.setU32((task.structs + 4) as typeof task.structs, bytes);
  const at = offset ?? -1n;
  const [low, high] = [Number(BigInt.asUintN(32, at)), Number(BigInt.asIntN(32, at >> 32n))];
  return call.waiting(task, way === 'read' ? 'preadv2' : 'pwritev2', file.fd, task.structs, 1, low, high, flags);
}

const moved = (transfer: Transfer, done: number): Transfer =>
  transfer.offset === undefined ? transfer : { ...transfer, offset: transfer.offset + BigInt(done) };

/** As much as there is, once there is something: a stream's rest is read by the next call. */
async function read(call: Call, task: KernelTask, file: OpenFile, transfer: Transfer): Promise<number> {
  if (!(await rests.take(call, task, file))) return EINTR;
  const total = Math.min(lengthOf(transfer.spans), MAX_RW);
  for (let done = 0; ; ) {
    const want = Math.min(total - done, DATA_BYTES);
    const got = await piece(call, task, 'read', file, want, moved(transfer, done));
    if (got <= 0) return done > 0 ? done : got;
    call.memory.fromKernel(task.memory, task.data, after(transfer.spans, done), got);
    done += got;
    // A file gives all that was asked for; of anything else what is there, and never waits for more.
    if (done >= total || got < want || file.family !== undefined || file.isFile !== true) return done;
  }
}

async function write(call: Call, task: KernelTask, file: OpenFile, transfer: Transfer): Promise<number> {
  const total = Math.min(lengthOf(transfer.spans), MAX_RW);
  if (total > DATA_BYTES && !splits(file)) return writeWhole(call, task, file, transfer, total);
  for (let done = 0; ; ) {
    const want = Math.min(total - done, DATA_BYTES);
    try {
      call.memory.intoKernel(task.memory, task.data, after(transfer.spans, done), want);
    } catch (cause) {
      if (done > 0) return done;
      throw cause;
    }
    const put = await piece(call, task, 'write', file, want, moved(transfer, done));
    if (put < 0) return done > 0 ? done : call.written(file, put);
    done += put;
    if (done >= total || put < want || (transfer.flags & RWF_NOWAIT) !== 0) return done;
  }
}

/** What is written to it in pieces is the same: files and streams. A message is one. */
export const splits = (file: OpenFile): boolean => file.family === undefined || file.type === SOCK_STREAM;
const SOCK_STREAM = 1;
/** A message is no longer. */
const MESSAGE_BYTES = 4 << 20;

function writeWhole(call: Call, task: KernelTask, file: OpenFile, { spans }: Transfer, total: number): Promise<number> {
  if (total > MESSAGE_BYTES) return Promise.resolve(negative('EMSGSIZE'));
  return task.withRoom(total, async (at) => {
    call.memory.intoKernel(task.memory, at, spans, total);
    return call.waiting(task, 'write', file.fd, at, total);
  });
}

export const ioCalls = {
  read: onFile(plain, read),
  pread64: onFile(placed, read),
  readv: onFile(vector, read),
  preadv: onFile(placedVector, read),
  preadv2: onFile(flagged, read),
  write: onFile(plain, write),
  pwrite64: onFile(placed, write),
  writev: onFile(vector, write),
  pwritev: onFile(placedVector, write),
  pwritev2: onFile(flagged, write),
} as const;

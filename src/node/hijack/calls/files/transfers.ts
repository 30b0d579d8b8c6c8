/** sendfile(2) and what else moves data between two descriptors. */

import { fstatSync } from 'node:fs';
import { hostCall } from '../../../native/calls.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';
import { splice, tee } from './splice.ts';

const EINVAL = negative('EINVAL');
const [SEEK_SET, SEEK_CUR] = [0, 1] as const;
const MOST = 0x7fff_f000;

const sendfile: Handler = (call) => {
  const [out, from] = [call.file(0), call.file(1)];
  if (!out && !from) return 'host';
  // A read and a write do the same: programs know what this answer means.
  if (!out) return EINVAL;
  return (async () => {
    const task = await call.task();
    return from ? within(call, task, out, from) : fromHost(call, task, out);
  })();
};

async function within(call: Call, task: KernelTask, out: OpenFile, from: OpenFile): Promise<number> {
  const at = call.size(2);
  if (at !== 0) task.memory.write(task.structs, call.memory.read(at, 8));
  const count = Math.min(call.size(3), MOST);
  const ret = await call.waiting(task, 'sendfile64', out.fd, from.fd, at === 0 ? 0 : task.structs, count);
  if (ret >= 0 && at !== 0) call.memory.write(at, task.memory.copy(task.structs, 8));
  return call.written(out, ret);
}

/** A file of the machine's into a socket of ours. */
async function fromHost(call: Call, task: KernelTask, out: OpenFile): Promise<number> {
  const copy = call.around.copyDescriptor(call.thread, call.int(1));
  if (copy < 0) return copy;
  try {
    if (!fstatSync(copy).isFile()) return EINVAL;
    const at = call.size(2);
    const start = at === 0 ? BigInt(hostCall('lseek', copy, 0, SEEK_CUR)) : call.memory.i64(at);
    if (start < 0n) return EINVAL;
    const total = Math.min(call.size(3), MOST);
    const sent = await sendAll(call, task, out, { copy, start, total });
    if (sent <= 0) return sent;
    const end = start + BigInt(sent);
    if (at === 0) hostCall('lseek', copy, end, SEEK_SET);
    else call.memory.setI64(at, end);
    return sent;
  } finally {
    hostCall('close', copy);
  }
}

interface Source {
  readonly copy: number;
  readonly start: bigint;
  readonly total: number;
}

async function sendAll(call: Call, task: KernelTask, out: OpenFile, { copy, start, total }: Source): Promise<number> {
  for (let done = 0; done < total; ) {
    const want = Math.min(total - done, DATA_BYTES);
    const got = hostCall('pread64', copy, task.memory.view(task.data, want), want, start + BigInt(done));
    if (got <= 0) return done > 0 ? done : got;
    const put = await call.waiting(task, 'write', out.fd, task.data, got);
    if (put < 0) return done > 0 ? done : call.written(out, put);
    done += put;
    if (put < got) return done;
  }
  return total;
}

/** Between other files of ours and of the machine's there is no short way: programs then read and write. */
const refused =
  (first: number, second: number, errnoOf: (file: OpenFile) => number): Handler =>
  (call) => {
    const file = call.file(first) ?? call.file(second);
    return file ? errnoOf(file) : 'host';
  };
const always = (errno: number) => () => errno;

export const transferCalls = {
  sendfile,
  splice,
  tee,
  // It is no pipe.
  vmsplice: refused(0, 0, always(negative('EBADF'))),
  copy_file_range: refused(0, 2, ({ isFile }) => (isFile ? negative('EXDEV') : EINVAL)),
} as const;

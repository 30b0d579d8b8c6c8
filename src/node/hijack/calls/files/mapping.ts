/** mmap(2) of a file of our kernel: its bytes as they are now, in memory of the machine's. Memory that is to be written back is none. */

import { plus } from '../../../../kernel/memory.ts';
import { hostCall } from '../../../native/calls.ts';
import { newMemory } from '../../files/lending.ts';
import type { OpenFile } from '../../files/open-files.ts';
import type { Answer } from '../../program/answer.ts';
import type { Call, Handler } from '../../program/call.ts';
import { failedBy, negative } from '../../program/failed.ts';
import { DATA_BYTES, type KernelTask } from '../../program/kernel-task.ts';

const PROT_WRITE = 2;
const [MAP_SHARED, MAP_SHARED_VALIDATE, MAP_TYPE] = [1, 3, 0xf] as const;
const [STATX_BASIC_STATS, AT_EMPTY_PATH] = [0x7ff, 0x1000] as const;
const [S_IFMT, S_IFREG] = [0o170000, 0o100000] as const;
/** File systems whose files are made as they are read. */
const [PROC, SYSFS] = [0x9fa0, 0x6265_6572] as const;
const STATFS_BYTES = 88;
const ENODEV = negative('ENODEV');

/** How long a file is; undefined: it is none that has bytes of its own. */
async function lengthOf(task: KernelTask, file: OpenFile): Promise<number | undefined> {
  const ret = await task.call(
    'statx',
    file.fd,
    task.path(new Uint8Array(0)),
    AT_EMPTY_PATH,
    STATX_BASIC_STATS,
    task.structs,
  );
  if (ret < 0 || (task.memory.u16(plus(task.structs, 28)) & S_IFMT) !== S_IFREG) return undefined;
  const length = Number(task.memory.u64(plus(task.structs, 40)));
  if ((await task.call('fstatfs64', file.fd, STATFS_BYTES, task.structs)) < 0) return undefined;
  const type = task.memory.u32(task.structs);
  return type === PROC || type === SYSFS ? undefined : length;
}

async function copied(task: KernelTask, file: OpenFile, to: number, from: number, end: number): Promise<void> {
  for (let at = from; at < end; ) {
    const got = await task.call('pread64', file.fd, task.data, Math.min(end - at, DATA_BYTES), BigInt(at));
    if (got < 0) throw failedBy(got);
    if (got === 0) return;
    const put = hostCall('pwrite64', to, task.memory.view(task.data, got), got, BigInt(at));
    if (put < 0) throw failedBy(put);
    at += put;
  }
}

async function mapped(call: Call, file: OpenFile): Promise<Answer> {
  const { lending, rings } = call.around;
  const lend = (memory: { readonly fd: number; readonly name: string }): Answer => {
    const ret = lending.lend(call.thread, call.note.id, { number: call.int(4), file, memory });
    return ret < 0 ? ret : 'host';
  };
  const ring = rings.memoryOf(file);
  if (ring) return lend(ring);
  const type = call.int(3) & MAP_TYPE;
  const isShared = type === MAP_SHARED || type === MAP_SHARED_VALIDATE;
  if (file.isFile !== true || (isShared && (call.int(2) & PROT_WRITE) !== 0)) return ENODEV;
  const task = await call.task();
  const length = await lengthOf(task, file);
  if (length === undefined) return ENODEV;
  const memory = newMemory(length);
  if (typeof memory === 'number') return memory;
  try {
    const from = Number(call.long(5));
    await copied(task, file, memory.fd, from, Math.min(length, from + call.size(1)));
    return lend(memory);
  } finally {
    hostCall('close', memory.fd);
  }
}

export const mmap: Handler = (call) => {
  const file = call.file(4);
  return file ? mapped(call, file) : 'host';
};

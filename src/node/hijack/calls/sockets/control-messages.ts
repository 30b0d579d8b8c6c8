/** Control messages (cmsg(3)): a length of 64 bits and data at multiples of 8 here, of 32 and 4 in our kernel. */

import { plus } from '../../../../kernel/memory.ts';
import type { Call } from '../../program/call.ts';
import { CallFailed } from '../../program/failed.ts';
import { CONTROL_BYTES, type KernelTask } from '../../program/kernel-task.ts';

const HEADER = { ours: 12, theirs: 16 } as const;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const align = (bytes: number, to: 4 | 8): number => (bytes + to - 1) & -to;

/** asm-generic/socket.h: times with 64 bits of seconds have numbers of their own where a long has 32. */
const times: ReadonlyMap<number, number> = new Map([
  [63, 29],
  [64, 35],
  [65, 37],
]);

/** The program's, where the task has them. Answers how many bytes they are there. */
export function controlIn(call: Call, task: KernelTask, at: number, length: number): number {
  if (at === 0 || length === 0) return 0;
  if (length > CONTROL_BYTES) throw new CallFailed('ENOBUFS');
  const theirs = new DataView(call.memory.read(at, length).buffer);
  const { data } = task.memory;
  let to = 0;
  for (let from = 0; from + HEADER.theirs <= length; ) {
    const bytes = Number(theirs.getBigUint64(from, true)) - HEADER.theirs;
    if (bytes < 0 || from + HEADER.theirs + bytes > length) throw new CallFailed('EINVAL');
    const [level, type] = [theirs.getInt32(from + 8, true), theirs.getInt32(from + 12, true)];
    // Descriptors are the machine's to pass on: sockets that do so are its own.
    if (level === SOL_SOCKET && type === SCM_RIGHTS) throw new CallFailed('EINVAL');
    data.setUint32(task.control + to, HEADER.ours + bytes, true);
    data.setInt32(task.control + to + 4, level, true);
    data.setInt32(task.control + to + 8, type, true);
    task.memory.write(plus(task.control, to + HEADER.ours), new Uint8Array(theirs.buffer, from + HEADER.theirs, bytes));
    to += align(HEADER.ours + bytes, 4);
    from += align(HEADER.theirs + bytes, 8);
  }
  return to;
}

/** What our kernel gave, as the program wants it: whole messages, as many as there is room for. */
export function controlOut(
  task: KernelTask,
  length: number,
  room: number,
): { readonly bytes: Uint8Array; readonly isCut: boolean } {
  const { data } = task.memory;
  const out = new DataView(new ArrayBuffer(3 * CONTROL_BYTES));
  let to = 0;
  for (let from = 0; from + HEADER.ours <= length; ) {
    const bytes = data.getUint32(task.control + from, true) - HEADER.ours;
    if (bytes < 0 || from + HEADER.ours + bytes > length) break;
    if (to + HEADER.theirs + bytes > room) return { bytes: new Uint8Array(out.buffer, 0, to), isCut: true };
    const [level, type] = [data.getInt32(task.control + from + 4, true), data.getInt32(task.control + from + 8, true)];
    out.setBigUint64(to, BigInt(HEADER.theirs + bytes), true);
    out.setInt32(to + 8, level, true);
    out.setInt32(to + 12, level === SOL_SOCKET ? (times.get(type) ?? type) : type, true);
    new Uint8Array(out.buffer).set(task.memory.copy(plus(task.control, from + HEADER.ours), bytes), to + HEADER.theirs);
    from += align(HEADER.ours + bytes, 4);
    to += align(HEADER.theirs + bytes, 8);
  }
  return { bytes: new Uint8Array(out.buffer, 0, Math.min(to, room)), isCut: false };
}

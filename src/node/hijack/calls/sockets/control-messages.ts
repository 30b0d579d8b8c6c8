/** Control messages (cmsg(3)): a length of 64 bits and data at multiples of 8 here, of 32 and 4 in our kernel. */

import { plus } from '../../../../kernel/memory.ts';
import { receive, type Sending, sending } from '../../local/rights.ts';
import type { Call } from '../../program/call.ts';
import { CallFailed } from '../../program/failed.ts';
import { CONTROL_BYTES, type KernelTask } from '../../program/kernel-task.ts';

const HEADER = { ours: 12, theirs: 16 } as const;
const SOL_SOCKET = 1;
const [SCM_RIGHTS, SCM_CREDENTIALS] = [1, 2] as const;
/** struct ucred: a process, a user, a group. */
const CREDENTIALS = 12;
const align = (bytes: number, to: 4 | 8): number => (bytes + to - 1) & -to;

/** asm-generic/socket.h: times with 64 bits of seconds have numbers of their own where a long has 32. */
const times: ReadonlyMap<number, number> = new Map([
  [63, 29],
  [64, 35],
  [65, 37],
]);

export interface ControlIn {
  readonly bytes: number;
  /** What the message takes along. */
  readonly sending?: readonly Sending[];
}

/** The program's, where the task has them. */
export async function controlIn(
  call: Call,
  task: KernelTask,
  isLocal: boolean,
  { at, length }: { readonly at: number; readonly length: number },
): Promise<ControlIn> {
  if (at === 0 || length === 0) return { bytes: 0 };
  if (length > CONTROL_BYTES) throw new CallFailed('ENOBUFS');
  const sent: Sending[] = [];
  try {
    return { bytes: await put(call, task, isLocal, call.memory.read(at, length), sent), sending: sent };
  } catch (cause) {
    for (const one of sent) await one.done(false);
    throw cause;
  }
}

/** Answers how long all is. What is made for descriptors on the way is in `sent`. */
async function put(
  call: Call,
  task: KernelTask,
  isLocal: boolean,
  control: Uint8Array,
  sent: Sending[],
): Promise<number> {
  const { length } = control;
  const theirs = new DataView(control.buffer);
  let to = 0;
  for (let from = 0; from + HEADER.theirs <= length; ) {
    const bytes = Number(theirs.getBigUint64(from, true)) - HEADER.theirs;
    if (bytes < 0 || from + HEADER.theirs + bytes > length) throw new CallFailed('EINVAL');
    const [level, type] = [theirs.getInt32(from + 8, true), theirs.getInt32(from + 12, true)];
    let content = new Uint8Array(theirs.buffer, from + HEADER.theirs, bytes);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      // Others than these pass no descriptors on.
      if (!isLocal) throw new CallFailed('EINVAL');
      const one = await sending(call, task, numbersOf(content));
      sent.push(one);
      content = new Uint8Array(Int32Array.from(one.fds).buffer);
    } else if (level === SOL_SOCKET && type === SCM_CREDENTIALS && bytes === CREDENTIALS) {
      // Its user and group as it says; the process is known to our kernel by its task.
      content = content.slice();
      new DataView(content.buffer).setInt32(0, task.task.pid, true);
    }
    const { data } = task.memory;
    data.setUint32(task.control + to, HEADER.ours + bytes, true);
    data.setInt32(task.control + to + 4, level, true);
    data.setInt32(task.control + to + 8, type, true);
    task.memory.write(plus(task.control, to + HEADER.ours), content);
    to += align(HEADER.ours + bytes, 4);
    from += align(HEADER.theirs + bytes, 8);
  }
  return to;
}

const numbersOf = (content: Uint8Array): readonly number[] => {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  return Array.from({ length: content.length >> 2 }, (_, i) => view.getInt32(4 * i, true));
};

export interface ControlOut {
  readonly bytes: Uint8Array;
  readonly isCut: boolean;
}

/** What our kernel gave, as the program wants it: whole messages, as many as there is room for. */
export async function controlOut(
  call: Call,
  task: KernelTask,
  length: number,
  { room, ...how }: { readonly room: number; readonly cloexec: boolean; readonly isPeek: boolean },
): Promise<ControlOut> {
  // Receiving what came along makes calls, which use the same memory.
  const control = task.memory.copy(task.control, Math.min(length, CONTROL_BYTES));
  const data = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const out = new DataView(new ArrayBuffer(3 * CONTROL_BYTES));
  let to = 0;
  let isCut = false;
  let isFull = false;
  for (let from = 0; from + HEADER.ours <= control.length; ) {
    const bytes = data.getUint32(from, true) - HEADER.ours;
    if (bytes < 0 || from + HEADER.ours + bytes > control.length) break;
    const [level, type] = [data.getInt32(from + 4, true), data.getInt32(from + 8, true)];
    const content = control.subarray(from + HEADER.ours, from + HEADER.ours + bytes);
    from += align(HEADER.ours + bytes, 4);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      const fits = isFull ? 0 : Math.max(0, Math.floor((room - to - HEADER.theirs) / 4));
      const numbers = await received(call, task, numbersOf(content), { ...how, fits });
      isCut ||= numbers.length < bytes / 4;
      if (numbers.length === 0) continue;
      header(out, to, 4 * numbers.length, type);
      for (const [i, number] of numbers.entries()) out.setInt32(to + HEADER.theirs + 4 * i, number, true);
      to += align(HEADER.theirs + 4 * numbers.length, 8);
      continue;
    }
    if (isFull || to + HEADER.theirs + bytes > room) {
      // Descriptors that come behind it are to be closed.
      isFull = true;
      continue;
    }
    if (level === SOL_SOCKET && type === SCM_CREDENTIALS) asTheirs(call, content);
    out.setBigUint64(to, BigInt(HEADER.theirs + bytes), true);
    out.setInt32(to + 8, level, true);
    out.setInt32(to + 12, level === SOL_SOCKET ? (times.get(type) ?? type) : type, true);
    new Uint8Array(out.buffer).set(content, to + HEADER.theirs);
    to += align(HEADER.theirs + bytes, 8);
  }
  return { bytes: new Uint8Array(out.buffer, 0, Math.min(to, room)), isCut: isCut || isFull };
}

function header(out: DataView, at: number, bytes: number, type: number): void {
  out.setBigUint64(at, BigInt(HEADER.theirs + bytes), true);
  out.setInt32(at + 8, SOL_SOCKET, true);
  out.setInt32(at + 12, type, true);
}

/** As many as there is room for become the program's; the rest is closed. */
async function received(
  call: Call,
  task: KernelTask,
  fds: readonly number[],
  { fits, ...how }: { readonly fits: number; readonly cloexec: boolean; readonly isPeek: boolean },
): Promise<readonly number[]> {
  const numbers: number[] = [];
  let isFull = false;
  for (const fd of fds) {
    if (isFull || numbers.length >= fits) {
      await task.call('close', fd);
      continue;
    }
    const number = await receive(call, task, fd, how);
    if (number < 0) isFull = true;
    else numbers.push(number);
  }
  return numbers;
}

/** struct ucred: our kernel's tasks are all root's; what they play for is somebody else. */
export function asTheirs(call: Call, content: Uint8Array): void {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const who = call.around.local.whoIs(view.getInt32(0, true));
  view.setInt32(0, who?.pid ?? 0, true);
  if (!who || view.getUint32(4, true) !== 0) return;
  view.setUint32(4, who.uid, true);
  view.setUint32(8, who.gid, true);
}

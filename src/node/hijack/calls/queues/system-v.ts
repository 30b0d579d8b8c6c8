/** Message queues of System V (sysvipc(7)) in our kernel: by numbers, which all programs here share. */

import { layoutOf } from '../../../../abi/layout.ts';
import { type Ptr, plus } from '../../../../kernel/memory.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';

/** A message begins with its type: a long. */
const [LONG_THERE, LONG_HERE] = [8, 4] as const;
/** Longer messages are refused here; msgmax is 8192 unless somebody says more. */
const MOST_BYTES = 16 << 20;
const [IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, MSG_STAT, MSG_INFO, MSG_STAT_ANY] = [0, 1, 2, 3, 11, 12, 13] as const;
const MSGINFO_BYTES = 32;

const EINVAL = negative('EINVAL');
const fitsLong = (value: bigint): boolean => BigInt.asIntN(32, value) === value;

const get: Handler = async (call) => (await call.task()).call('msgget', call.int(0), call.int(1));

/** Without IPC_NOWAIT it waits for room. */
const send: Handler = async (call) => {
  const [at, bytes] = [call.size(1), call.size(2)];
  if (bytes > MOST_BYTES) return EINVAL;
  const type = call.memory.i64(at);
  // Our kernel's types have 32 bits.
  if (type < 1n || !fitsLong(type)) return EINVAL;
  const task = await call.task();
  const ret = await task.withRoom(LONG_HERE + bytes, (room) => {
    task.memory.setU32(room, Number(type));
    if (bytes > 0) call.memory.intoKernel(task.memory, room + LONG_HERE, [{ at: at + LONG_THERE, bytes }], bytes);
    return call.waiting(task, 'msgsnd', call.int(0), room, bytes, call.int(3));
  });
  if (ret === 0) call.around.correspondents.sent(call.int(0), call.thread.tgid);
  return ret;
};

const receive: Handler = async (call) => {
  const [at, type] = [call.size(1), call.long(3)];
  // As many as there can be.
  const bytes = Math.min(call.size(2), MOST_BYTES);
  if (!fitsLong(type) || call.long(2) < 0n) return EINVAL;
  const task = await call.task();
  return task.withRoom(LONG_HERE + bytes, async (room) => {
    const got = await call.waiting(task, 'msgrcv', call.int(0), room, bytes, Number(type), call.int(4));
    if (got < 0) return got;
    call.around.correspondents.received(call.int(0), call.thread.tgid);
    call.memory.setI64(at, BigInt(task.memory.i32(room)));
    if (got > 0) call.memory.fromKernel(task.memory, room + LONG_HERE, [{ at: at + LONG_THERE, bytes: got }], got);
    return got;
  });
};

/** struct msqid_ds of a 64-bit program: the owner's part has 48 bytes, then three times, three longs, two processes, two longs of nothing. */
const THERE = { bytes: 120, times: 48, longs: 72, processes: 96, mode: 20, seq: 24 } as const;
const here = layoutOf('msqid64_ds');
const [STIME, CBYTES, SENDER] = (['msg_stime', 'msg_cbytes', 'msg_lspid'] as const).map(
  (name) => here.fields.find((field) => field.name === name)?.offset ?? 0,
) as [number, number, number];
const OWNER_BYTES = 24;

function takeState(call: Call, task: KernelTask, from: Ptr, id: number, to: number): void {
  const found = new DataView(task.memory.copy(from, here.size).buffer);
  const bytes = new Uint8Array(THERE.bytes);
  const view = new DataView(bytes.buffer);
  bytes.set(new Uint8Array(found.buffer, 0, OWNER_BYTES));
  view.setUint16(THERE.seq, found.getUint16(THERE.seq, true), true);
  for (let i = 0; i < 3; i++) {
    view.setBigInt64(THERE.times + 8 * i, found.getBigInt64(STIME + 8 * i, true), true);
    view.setBigUint64(THERE.longs + 8 * i, BigInt(found.getUint32(CBYTES + 4 * i, true)), true);
  }
  const { sender, receiver } = call.around.correspondents.of(id);
  const hasSent = found.getInt32(SENDER, true) !== 0;
  const hasReceived = found.getInt32(SENDER + 4, true) !== 0;
  view.setInt32(THERE.processes, hasSent ? sender : 0, true);
  view.setInt32(THERE.processes + 4, hasReceived ? receiver : 0, true);
  call.memory.write(to, bytes);
}

/** What may be changed: owner, mode, most bytes. */
function giveState(call: Call, task: KernelTask, at: number): void {
  const given = call.memory.view(at, THERE.bytes);
  task.memory.view(task.structs, here.size).fill(0);
  for (let i = 0; i < OWNER_BYTES; i += 4) task.memory.setU32(plus(task.structs, i), given.getUint32(i, true));
  task.memory.setU32(plus(task.structs, CBYTES + 8), given.getUint32(THERE.longs + 16, true));
}

const control: Handler = async (call) => {
  const [id, command, at] = [call.int(0), call.int(1), call.size(2)];
  const task = await call.task();
  const { structs } = task;
  if (command === IPC_SET) giveState(call, task, at);
  const ret = await task.call('msgctl', id, command, command === IPC_RMID ? 0 : structs);
  if (ret < 0) return ret;
  if (command === IPC_RMID) call.around.correspondents.removed(id);
  else if (command === IPC_STAT || command === MSG_STAT || command === MSG_STAT_ANY)
    takeState(call, task, structs, command === IPC_STAT ? id : ret, at);
  else if (command === IPC_INFO || command === MSG_INFO)
    call.memory.write(at, task.memory.copy(structs, MSGINFO_BYTES));
  return ret;
};

export const systemVQueueCalls = {
  msgget: get,
  msgsnd: send,
  msgrcv: receive,
  msgctl: control,
} as const satisfies Record<string, Handler>;

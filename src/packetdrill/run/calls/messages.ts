/** sendmsg and recvmsg: a struct msghdr with its vectors and control messages. */

import { type Ptr, plus } from '../../../kernel/memory.ts';
import type { Expression, StructField } from '../../language/script.ts';
import { ScriptError } from '../../language/script-error.ts';
import { type Call, type CallContext, mustEqual } from './context.ts';

/** Of a 32-bit kernel: seven words. */
const MSGHDR_BYTES = 28;
const AT = { name: 0, namelen: 4, iov: 8, iovlen: 12, control: 16, controllen: 20, flags: 24 } as const;
const IOVEC_BYTES = 8;
const CMSG_BYTES = 12;
const CONTROL_BYTES = 1024;
const NAME_BYTES = 128;

const fieldsOf = (expression: Expression | undefined): readonly StructField[] => {
  if (expression?.kind !== 'struct') throw new ScriptError('a struct in braces was expected');
  return expression.fields;
};
const field = (fields: readonly StructField[], name: string) => fields.find((one) => one.name === name)?.value;

/** "[{..., 1000}, {..., 1}]": one buffer for all. Answers where the vectors are, and how many. */
export async function vectors(c: CallContext, list: Expression | undefined): Promise<readonly [Ptr, number]> {
  if (list?.kind !== 'list') throw new ScriptError('a list of buffers was expected');
  const sizes = list.items.map((item) => c.number(fieldsOf(item).at(-1)?.value));
  const at = await c.room(IOVEC_BYTES * sizes.length);
  let buffer = await c.room(sizes.reduce((sum, size) => sum + size, 0));
  for (const [i, size] of sizes.entries()) {
    c.memory.setU32(plus(at, IOVEC_BYTES * i), buffer);
    c.memory.setU32(plus(at, IOVEC_BYTES * i + 4), size);
    buffer = plus(buffer, size);
  }
  return [at, sizes.length];
}

interface Message {
  readonly at: Ptr;
  readonly fields: readonly StructField[];
}

async function message(c: CallContext, expression: Expression | undefined): Promise<Message> {
  const fields = fieldsOf(expression);
  const at = await c.room(MSGHDR_BYTES);
  const [iov, count] = await vectors(c, field(fields, 'msg_iov'));
  c.memory.setU32(plus(at, AT.iov), iov);
  c.memory.setU32(plus(at, AT.iovlen), count);
  return { at, fields };
}

export const sendmsg: Call = async (c, [fd, msg, flags]) => {
  const { at, fields } = await message(c, msg);
  const name = field(fields, 'msg_name');
  if (name?.kind === 'struct') {
    const address = c.values.sockaddrOf(name.fields);
    c.memory.setU32(plus(at, AT.name), await c.put(address));
    c.memory.setU32(plus(at, AT.namelen), address.length);
  }
  const control = field(fields, 'msg_control');
  if (control?.kind === 'list' && control.items.length > 0) {
    const bytes = controlBytes(c, control.items);
    c.memory.setU32(plus(at, AT.control), await c.put(bytes));
    c.memory.setU32(plus(at, AT.controllen), bytes.length);
  }
  const number = c.number(flags);
  if (number & c.values.words('MSG_FASTOPEN')) {
    c.connections.connects(c.number(fd));
    if (name?.kind !== 'struct') {
      const address = c.values.sockaddr(c.settings.remote, c.settings.connectPort);
      c.memory.setU32(plus(at, AT.name), await c.put(address));
      c.memory.setU32(plus(at, AT.namelen), address.length);
    }
  }
  return { ret: await c.make('sendmsg', c.fd(fd), at, number) };
};

export const recvmsg: Call = async (c, [fd, msg, flags]) => {
  const { at, fields } = await message(c, msg);
  const control = await c.room(CONTROL_BYTES);
  c.memory.setU32(plus(at, AT.name), await c.room(NAME_BYTES));
  c.memory.setU32(plus(at, AT.namelen), NAME_BYTES);
  c.memory.setU32(plus(at, AT.control), control);
  c.memory.setU32(plus(at, AT.controllen), CONTROL_BYTES);
  const ret = await c.make('recvmsg', c.fd(fd), at, c.number(flags));
  const check = () => {
    if (ret < 0) return;
    const expected = field(fields, 'msg_flags');
    if (expected && expected.kind !== 'ellipsis') {
      mustEqual('msg_flags', c.number(expected), c.memory.u32(plus(at, AT.flags)));
    }
    const list = field(fields, 'msg_control');
    if (list?.kind === 'list') checkControl(c, list.items, control, c.memory.u32(plus(at, AT.controllen)));
  };
  return { ret, check };
};

const align = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** Data of a control message is a number here. */
function controlBytes(c: CallContext, items: readonly Expression[]): Uint8Array {
  const bytes = new Uint8Array(items.length * (CMSG_BYTES + 4));
  const at = new DataView(bytes.buffer);
  for (const [i, item] of items.entries()) {
    const fields = fieldsOf(item);
    const base = i * (CMSG_BYTES + 4);
    at.setUint32(base, CMSG_BYTES + 4, true);
    at.setUint32(base + 4, c.number(field(fields, 'cmsg_level')), true);
    at.setUint32(base + 8, c.number(field(fields, 'cmsg_type')), true);
    at.setUint32(base + 12, c.number(field(fields, 'cmsg_data')), true);
  }
  return bytes;
}

function checkControl(c: CallContext, items: readonly Expression[], control: Ptr, length: number): void {
  let next = 0;
  for (const item of items) {
    if (next + CMSG_BYTES > length) throw new ScriptError(`Expected ${items.length} control messages, got fewer`);
    const fields = fieldsOf(item);
    const at = plus(control, next);
    mustEqual('cmsg_level', c.number(field(fields, 'cmsg_level')), c.memory.u32(plus(at, 4)));
    mustEqual('cmsg_type', c.number(field(fields, 'cmsg_type')), c.memory.u32(plus(at, 8)));
    checkData(c, field(fields, 'cmsg_data'), plus(at, CMSG_BYTES));
    next += align(c.memory.u32(at));
  }
  if (next < length) throw new ScriptError(`Expected ${items.length} control messages, got more`);
}

/** Where the fields of a struct sock_extended_err are, and how wide. */
const extendedError: Readonly<Record<string, readonly [at: number, bytes: 1 | 4]>> = {
  ee_errno: [0, 4],
  ee_origin: [4, 1],
  ee_type: [5, 1],
  ee_code: [6, 1],
  ee_info: [8, 4],
  ee_data: [12, 4],
};

function checkData(c: CallContext, data: Expression | undefined, at: Ptr): void {
  if (!data || data.kind === 'ellipsis') return;
  if (data.kind !== 'struct') {
    mustEqual('cmsg_data', c.number(data), c.memory.i32(at));
    return;
  }
  const sec = field(data.fields, 'scm_sec');
  if (sec) {
    checkTime(c, sec, field(data.fields, 'scm_nsec'), at);
    return;
  }
  for (const { name, value } of data.fields) {
    const place = extendedError[name];
    if (!place) throw new ScriptError(`control data has no ${name} that is known`);
    const [offset, bytes] = place;
    const actual = bytes === 1 ? c.memory.view(plus(at, offset), 1)[0] : c.memory.u32(plus(at, offset));
    if (value.kind !== 'ellipsis') mustEqual(name, c.number(value), actual ?? -1);
  }
}

/** A timestamp, as a script counts time. */
function checkTime(c: CallContext, sec: Expression, nsec: Expression | undefined, at: Ptr): void {
  // The old layout has two longs, the new one two 64-bit numbers: the nanoseconds tell them apart.
  const words = [0, 4, 8, 12].map((offset) => c.memory.u32(plus(at, offset)));
  const [low = 0, second = 0, third = 0] = words;
  const isNew = second === 0 && third !== 0;
  const liveNs = low * 1e9 + (isNew ? third : second) - c.realtimeNs;
  const expectedNs = c.number(sec) * 1e9 + c.values.numberOr(nsec, 0);
  const toleranceNs = c.settings.toleranceUs * 1000;
  if (Math.abs(liveNs - expectedNs) > toleranceNs) {
    throw new ScriptError(
      `Bad timestamp: expected: ${(expectedNs / 1e9).toFixed(6)} actual: ${(liveNs / 1e9).toFixed(6)}`,
    );
  }
}

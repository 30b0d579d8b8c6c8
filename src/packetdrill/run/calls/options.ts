/** setsockopt, getsockopt, ioctl and fcntl: values in and out. */

import { plus } from '../../../kernel/memory.ts';
import type { Expression } from '../../language/script.ts';
import { ScriptError } from '../../language/script-error.ts';
import { type Call, type CallContext, mustEqual } from './context.ts';

const VALUE_BYTES = 512;

/** "[1]", "cubic", "{onoff=1, linger=0}": ints one after another, or text. */
function valueBytes(c: CallContext, value: Expression | undefined): Uint8Array {
  if (value?.kind === 'string') return c.values.bytesOf(value.text);
  const ints =
    value?.kind === 'list'
      ? value.items
      : value?.kind === 'struct'
        ? value.fields.map((field) => field.value)
        : value && value.kind !== 'ellipsis'
          ? [value]
          : [];
  if (value?.kind === 'list' && value.items[0]?.kind === 'string') return valueBytes(c, value.items[0]);
  const bytes = new Uint8Array(4 * ints.length);
  const at = new DataView(bytes.buffer);
  for (const [i, one] of ints.entries()) at.setInt32(4 * i, c.number(one) | 0, true);
  return bytes;
}

/** "..." or "[...]": any. */
const isEllipsis = (value: Expression | undefined): boolean =>
  value?.kind === 'ellipsis' || (value?.kind === 'list' && value.items.some(({ kind }) => kind === 'ellipsis'));

export const setsockopt: Call = async (c, [fd, level, option, value, length]) => {
  const bytes = valueBytes(c, value);
  const whole = new Uint8Array(Math.max(bytes.length, VALUE_BYTES));
  whole.set(bytes);
  const at = await c.put(whole);
  const size = c.values.numberOr(length, bytes.length);
  const pointer = value?.kind === 'words' && c.number(value) === 0 ? 0 : at;
  return { ret: await c.make('setsockopt', c.fd(fd), c.number(level), c.number(option), pointer, size) };
};

export const getsockopt: Call = async (c, [fd, level, option, value, length]) => {
  const lengthAt = await c.room(4);
  const isAny = isEllipsis(value);
  const expected = isAny ? new Uint8Array() : valueBytes(c, value);
  const [size] = length?.kind === 'list' ? length.items : [length];
  c.memory.setU32(
    lengthAt,
    c.values.numberOr(size, value?.kind === 'string' ? VALUE_BYTES : expected.length || VALUE_BYTES),
  );
  const at = await c.room(VALUE_BYTES);
  const ret = await c.make('getsockopt', c.fd(fd), c.number(level), c.number(option), at, lengthAt);
  const check = () => {
    if (ret < 0 || isAny) return;
    if (value?.kind === 'string') {
      const bytes = c.memory.copy(at, expected.length + 1);
      const text = new TextDecoder().decode(bytes).replace(/\0.*$/s, '');
      if (text !== value.text)
        throw new ScriptError(`Bad getsockopt optval: expected: "${value.text}" actual: "${text}"`);
      return;
    }
    for (let i = 0; i + 4 <= expected.length; i += 4) {
      mustEqual('getsockopt optval', new DataView(expected.buffer).getInt32(i, true), c.memory.i32(plus(at, i)));
    }
  };
  return { ret, check };
};

export const ioctl: Call = async (c, [fd, request, value]) => {
  if (value?.kind !== 'list') {
    const arg = value ? c.number(value) : 0;
    return { ret: await c.make('ioctl', c.fd(fd), c.number(request), arg) };
  }
  const at = await c.room(VALUE_BYTES);
  const [expected] = value.items;
  if (expected && expected.kind !== 'ellipsis') c.memory.setU32(at, c.number(expected) >>> 0);
  const name = request?.kind === 'words' ? request.text : '';
  const ret = await c.make('ioctl', c.fd(fd), c.number(request), at);
  const check = () => {
    if (ret < 0 || !expected || expected.kind === 'ellipsis') return;
    mustEqual(`ioctl ${name}`, c.number(expected), c.memory.i32(at));
  };
  return { ret, check };
};

export const fcntl: Call = async (c, [fd, command, arg]) => ({
  ret: await c.make('fcntl64', c.fd(fd), c.number(command), arg ? c.number(arg) : 0),
});

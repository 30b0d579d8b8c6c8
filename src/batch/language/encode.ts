/** One call as JSON → registers and memory, and what to decode afterwards. Pure: the arena has no address yet. */

import { isGroup } from '../../abi/constants.ts';
import { type Amount, type Kind, measure, type Parameter, parametersOf } from '../../abi/kinds.ts';
import { isNumber, sizeOf } from '../../abi/layout.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import type { Arena } from './layout/arena.ts';
import type { Buffer, Pointers } from './layout/buffer.ts';
import { netlinkBytes } from './layout/netlink.ts';
import type { Output, Shape } from './layout/shape.ts';
import { StructWriter } from './layout/struct-writer.ts';
import { isSetter } from './layout/unions.ts';
import { argumentPath, at, Mistake } from './mistake.ts';
import type { Json, JsonObject } from './types.ts';
import { inputBytes, isObject, utf8 } from './values/bytes.ts';
import { integer } from './values/integer.ts';
import { checkType, typeName } from './values/named-types.ts';

/** One argument, ready. */
export interface Slot {
  readonly parameter: Parameter;
  /** The register's value; with a `buffer`, an offset in the arena. */
  readonly register: number | bigint;
  readonly buffer?: Buffer;
}

export interface Plan {
  readonly call: SyscallName;
  readonly slots: readonly Slot[];
  readonly outputs: readonly Output[];
  /** How many arguments the caller gave; the others are 0. */
  readonly given: number;
}

/** An ioctl, fcntl or prctl may write more than the caller expected: that much more stays inside the arena. */
const GUARD_BYTES = 4096;

/** Kinds that say nothing of the memory they point at. */
const untyped = new Set(['any', 'ptr', 'bytes', 'sockval']);
/** Types of which a buffer holds one, however large it is. */
const single = new Set(['bytes', 'cstr', 'sockaddr', 'sockaddr_storage', 'sigset', 'fd_set', 'in_addr', 'in6_addr']);
/** Structs that the kernel writes one after another, each as long as it says. */
const records = new Set(['linux_dirent64', 'inotify_event', 'cmsghdr', 'netlink', 'names']);

/** The registers and memory of `call`. `paths[i]` is where argument i stands in the request. Throws a `Mistake`. */
export function encode(arena: Arena, call: SyscallName, args: readonly Json[], paths: readonly string[]): Plan {
  const parameters = parametersOf(call) ?? [];
  if (args.length > parameters.length) {
    const extra = paths[parameters.length] ?? '/args';
    throw new Mistake('too-many-args', extra, `${call} takes ${parameters.length} arguments`);
  }
  const encoder = new Encoder(arena);
  const slots: Slot[] = [];
  const outputs: Output[] = [];
  parameters.forEach((parameter, i) => {
    const value = args[i];
    if (value === undefined) slots.push({ parameter, register: 0 });
    else slots.push({ parameter, ...encoder.argument(parameter.kind, value, paths[i] ?? argumentPath(i)) });
  });
  slots.forEach(({ parameter, buffer }, i) => {
    if (!buffer) return;
    checkRoom(arena, slots, parameter, buffer, paths[i] ?? argumentPath(i));
    if (!buffer.written || (call === 'ioctl' && buffer.given && isSetter(commandOf(slots)))) return;
    const { got, unit } = parameter.kind;
    outputs.push({ name: parameter.name, shape: buffer.shape, unit, ...(got && { got }) });
  });
  return { call, slots, outputs, given: args.length };
}

/** The command of an ioctl, by which its argument is understood. */
export const commandOf = (slots: readonly Slot[]): number =>
  Number(BigInt.asUintN(32, BigInt(slots[1]?.register ?? 0)));

/** The value of an amount's source: an argument, or what it points at. `ret` is the call's result. */
export function amountOf(slots: readonly Slot[], data: DataView, amount: Amount, ret = 0): number {
  return measure(amount, (of, pointed) => {
    if (of === 'ret') return ret;
    const slot = slots.find(({ parameter }) => parameter.name === of);
    if (!slot) return 0;
    if (!pointed) return Number(BigInt.asUintN(32, BigInt(slot.register)));
    return slot.buffer && slot.buffer.size >= 4 ? data.getUint32(slot.buffer.at, true) : 0;
  });
}

/** A call must not be told of more memory than its argument has. */
function checkRoom(arena: Arena, slots: readonly Slot[], parameter: Parameter, buffer: Buffer, path: string): void {
  const { kind } = parameter;
  const element = sizeOf(kind.type) ?? 0;
  const count = kind.length === undefined ? 1 : amountOf(slots, arena.data, kind.length);
  const sized = kind.length !== undefined || (!untyped.has(kind.type) && kind.type !== 'str');
  const needed = !sized ? 0 : kind.unit === 'bytes' ? count : count * element;
  if (needed <= buffer.room) return;
  throw new Mistake(
    'buffer-too-small',
    path,
    `the call is told of ${needed} bytes at ${parameter.name}, which has ${buffer.size}`,
  );
}

class Encoder implements Pointers {
  readonly arena: Arena;
  readonly #structs = new StructWriter(this);

  constructor(arena: Arena) {
    this.arena = arena;
  }

  argument(kind: Kind, value: Json, path: string): Omit<Slot, 'parameter'> {
    if (kind.direction !== '' || kind.type === 'ptr') return this.pointer(kind, value, path);
    if (kind.type !== 'any') return { register: integer(value, path, isGroup(kind.type) ? kind.type : undefined) };
    if (typeof value === 'object' && value !== null) return this.pointer({ ...kind, direction: '<>' }, value, path);
    return { register: value === null ? 0 : integer(value, path) };
  }

  /** An address as it is, or memory for what `value` says. */
  pointer(kind: Kind, value: Json, path: string): { register: number | bigint; buffer?: Buffer } {
    if (value === null) return { register: 0 };
    if (typeof value === 'number' || (typeof value === 'string' && !takesText(kind.type)))
      return { register: integer(value, path) };
    const buffer = this.#memory(kind, value, path);
    if (kind.type === 'any') this.arena.room(GUARD_BYTES, path);
    return { register: buffer.at, buffer };
  }

  #memory(kind: Kind, value: Json, path: string): Buffer {
    if (typeof value === 'string') return this.#string(kind, value, path);
    if (Array.isArray(value)) return this.#array(kind, value, path);
    if (!isObject(value)) throw new Mistake('wrong-type', path, `no ${kind.type}`);
    if (value.out !== undefined) return this.#output(kind, value, path);
    if (value.netlink !== undefined)
      return this.#bytes(kind, netlinkBytes(value.netlink, at(path, 'netlink'), this.content), path);
    const bytes = inputBytes(value, path);
    if (bytes) return this.#bytes(kind, bytes, path);
    return this.#structs.buffer(kind, value, path);
  }

  #string(kind: Kind, value: string, path: string): Buffer {
    if (kind.type === 'str' && value.includes('\0')) throw new Mistake('wrong-type', path, 'a C string holds no NUL');
    return this.#bytes(kind, utf8(value), path);
  }

  /** Input bytes with a NUL after them, shown again when the call may change them. */
  #bytes({ direction, type }: Kind, bytes: Uint8Array, path: string): Buffer {
    const offset = this.arena.room(bytes.length + 1, path);
    this.arena.bytes.set(bytes, offset);
    const size = bytes.length;
    const shape: Shape = { form: 'one', type: type === 'str' ? type : typeOf(type), at: offset, size };
    const written = direction.includes('>') && type !== 'any';
    return { at: offset, size, room: size + 1, shape, given: true, written };
  }

  /** {"out": bytes}, {"out": "type"}, {"out": "type[n]"}. */
  #output(kind: Kind, value: JsonObject, path: string): Buffer {
    const { out } = value;
    const wanted = value.type === undefined ? undefined : typeName(value.type, at(path, 'type'));
    if (typeof out === 'number') {
      if (!Number.isInteger(out) || out < 0)
        throw new Mistake('out-of-range', at(path, 'out'), 'a size is a whole number');
      const type = wanted ?? typeOf(kind.type);
      return this.#zeroed(type, out, wanted === undefined ? isList(kind) : !single.has(type), path);
    }
    const [, name, count] = (typeof out === 'string' ? /^(\w+)(?:\[(\d+)\])?$/.exec(out) : undefined) ?? [];
    if (name === undefined)
      throw new Mistake('wrong-type', at(path, 'out'), 'an output is a size, a type or "type[n]"');
    const type = typeName(name, at(path, 'out'));
    checkType(kind, type, at(path, 'out'));
    const size = (sizeOf(type) ?? 1) * Number(count ?? 1);
    // The family that the kernel writes says which address it is.
    if (kind.type === 'sockaddr') return this.#zeroed(wanted ?? kind.type, size, false, path);
    return this.#zeroed(wanted ?? type, size, (count !== undefined && !single.has(type)) || records.has(type), path);
  }

  #zeroed(type: string, size: number, many: boolean, path: string): Buffer {
    const offset = this.arena.room(size, path);
    const shape: Shape = { form: many ? 'many' : 'one', type, at: offset, size };
    return { at: offset, size, room: size, shape, given: false, written: true };
  }

  #array(kind: Kind, value: readonly Json[], path: string): Buffer {
    if (kind.type === 'strs' || kind.type === 'ptr') return this.#pointers(kind, value, path);
    if (kind.type === 'bytes') throw new Mistake('wrong-type', path, 'bytes are {"utf8"}, {"base64"} or {"hex"}');
    if (!isNumber(kind.type) && !untyped.has(kind.type)) return this.#structs.list(kind, value, path);
    if (value.some(isObject)) return this.#structs.list(kind, value, path);
    const type = isNumber(kind.type) ? kind.type : 's32';
    const step = sizeOf(type) ?? 4;
    const offset = this.arena.room(step * value.length, path);
    for (const [i, item] of value.entries()) this.#structs.number(type, offset + i * step, item, at(path, i));
    const size = step * value.length;
    const shape: Shape = { form: kind.length || value.length > 1 ? 'many' : 'one', type, at: offset, size };
    const written = kind.direction.includes('>') || kind.type === 'any';
    return { at: offset, size, room: size, shape, given: true, written };
  }

  /** An array of addresses: an argv with its NULL at the end, or a list of structs by address. */
  #pointers(kind: Kind, value: readonly Json[], path: string): Buffer {
    const size = 4 * value.length;
    const offset = this.arena.room(size + 4, path);
    value.forEach((item, i) => {
      const element: Kind = { direction: '<', type: kind.type === 'strs' ? 'str' : 'bytes', unit: 'elements' };
      this.store(offset + 4 * i, this.pointer(element, item, at(path, i)));
    });
    const shape: Shape = { form: 'one', type: kind.type, at: offset, size };
    return { at: offset, size, room: size + 4, shape, given: true, written: false };
  }

  /** The bytes of a value on its own, as an attribute or a control message holds it. */
  readonly content = (value: Json, path: string): Uint8Array => {
    const { buffer } = this.pointer({ direction: '<', type: 'sockval', unit: 'bytes' }, value, path);
    return buffer ? this.arena.bytes.slice(buffer.at, buffer.at + buffer.size) : new Uint8Array();
  };

  /** A pointer in memory. */
  store(offset: number, { register, buffer }: { register: number | bigint; buffer?: Buffer }): void {
    if (buffer) this.arena.point(offset, buffer.at);
    else this.arena.data.setUint32(offset, Number(BigInt.asUintN(32, BigInt(register))), true);
  }
}

/** Whether a string is the data at the pointer, and not the pointer's value in words. */
const takesText = (type: string): boolean => type === 'str' || type === 'bytes' || type === 'sockval';

/** How memory of `kind` is decoded when the caller does not say. */
const typeOf = (kind: string): string => (untyped.has(kind) || kind === 'str' ? 'bytes' : kind);

/** A list by nature: several elements, or records of their own lengths. */
const isList = ({ type, length, unit }: Kind): boolean =>
  records.has(type) || (length !== undefined && (unit === 'elements' || isNumber(type) || type === 'ifreq'));

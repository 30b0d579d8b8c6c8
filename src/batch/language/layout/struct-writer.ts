/** Structs and lists of them, from JSON into the arena, with the memory that their pointers lead to. */

import { isGroup } from '../../../abi/constants.ts';
import { isOpen, type Kind } from '../../../abi/kinds.ts';
import {
  type Field,
  fits,
  isNumber,
  type Layout,
  layoutOf,
  sizeOf,
  structName,
  writeBits,
  writeNumber,
} from '../../../abi/layout.ts';
import { parseMac } from '../../../abi/netlink/inet.ts';
import { at, Mistake } from '../mistake.ts';
import type { Json, JsonObject } from '../types.ts';
import { fromHex, inputBytes, isObject, utf8 } from '../values/bytes.ts';
import { integer } from '../values/integer.ts';
import { checkType, typeName } from '../values/named-types.ts';
import { familyOfStruct, structOfKeys } from '../values/sockaddr.ts';
import { isText, textBytes } from '../values/texts.ts';
import type { Buffer, Pointers } from './buffer.ts';
import { CMSG_HEADER_BYTES, cmsgAlign } from './control.ts';
import type { Shape } from './shape.ts';

export class StructWriter {
  readonly #encoder: Pointers;

  constructor(encoder: Pointers) {
    this.#encoder = encoder;
  }

  /** {"struct": …}, the bare fields of the struct that `kind` wants, or one of the types with a text of their own. */
  buffer(kind: Kind, given: JsonObject, path: string): Buffer {
    const value = 'sa_family' in given ? ofItsFamily(given) : given;
    if ('sa_family' in value) return this.#bytes(kind, genericAddress(value, path), path);
    const type = this.#typeOf(kind, value, path);
    checkType(kind, type, path);
    if (isNumber(type)) return this.#one(kind, type, value.value ?? null, at(path, 'value'));
    return this.#one(kind, type, value, path);
  }

  #typeOf(kind: Kind, value: JsonObject, path: string): string {
    if (value.struct !== undefined && value.struct !== 'sockaddr') return typeName(value.struct, at(path, 'struct'));
    const type =
      kind.type === 'sockaddr' || value.struct === 'sockaddr'
        ? structOfKeys(Object.keys(value))
        : structName(kind.type);
    if (type === undefined) throw new Mistake('unknown-struct', path, 'name the struct: {"struct": …}');
    return type;
  }

  #one(kind: Kind, type: string, value: Json, path: string): Buffer {
    const size = this.#sizeOf(type, value, path);
    const offset = this.#encoder.arena.room(size, path);
    const fields = this.#write(type, offset, size, value, path);
    const shape: Shape = hasParts(fields)
      ? { form: 'record', type, at: offset, size, fields }
      : { form: 'one', type: kind.type === 'sockaddr' ? 'sockaddr' : type, at: offset, size };
    const written = kind.direction.includes('>') || hasParts(fields);
    return { at: offset, size, room: size, shape, given: true, written };
  }

  /** Elements one after another; an iovec's, a control message's and a mask's in their own ways. */
  list(kind: Kind, value: readonly Json[], path: string): Buffer {
    if (kind.type === 'iovec') return this.#vector(value, path);
    if (kind.type === 'cmsghdr') return this.#control(value, path);
    if (isText(kind.type)) return this.#one(kind, kind.type, value, path);
    const types = value.map((item, i) => (isObject(item) ? this.#typeOf(kind, item, at(path, i)) : kind.type));
    const sizes = value.map((item, i) => this.#sizeOf(types[i] ?? '', item, at(path, i)));
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const offset = this.#encoder.arena.room(size, path);
    let next = offset;
    const items = value.map((item, i): Shape => {
      const type = types[i] ?? '';
      const bytes = sizes[i] ?? 0;
      checkType(kind, type, at(path, i));
      const fields = this.#write(type, next, bytes, item, at(path, i));
      next += bytes;
      return { form: 'record', type, at: next - bytes, size: bytes, fields };
    });
    const nested = items.some((item) => item.form === 'record' && hasParts(item.fields));
    const shape: Shape = nested
      ? { form: 'records', items }
      : { form: 'many', type: types[0] ?? kind.type, at: offset, size };
    const written = kind.direction.includes('>') || nested;
    return { at: offset, size, room: size, shape, given: true, written };
  }

  /** struct iovec[]: each element is a buffer, or {"iov_base", "iov_len"}. */
  #vector(value: readonly Json[], path: string): Buffer {
    const layout = layoutOf('iovec');
    const size = layout.size * value.length;
    const offset = this.#encoder.arena.room(size, path);
    const parts = value.map((item, i) => {
      const whole = isObject(item) && 'iov_base' in item ? item : { iov_base: item };
      return this.#struct(layout, offset + i * layout.size, layout.size, whole, at(path, i)).iov_base;
    });
    const shape: Shape = { form: 'vector', parts };
    const written = parts.some((part) => part !== undefined);
    return { at: offset, size, room: size, shape, given: !written, written };
  }

  /** cmsg(3): {"cmsg_level", "cmsg_type", "data"}, where data is bytes, ints (SCM_RIGHTS) or a struct. */
  #control(value: readonly Json[], path: string): Buffer {
    const { arena } = this.#encoder;
    const layout = layoutOf('cmsghdr');
    const messages = value.map((item, i) => {
      if (!isObject(item)) throw new Mistake('wrong-type', at(path, i), 'a control message is an object');
      const { data = null, ...header } = item;
      return { header, bytes: this.#encoder.content(data, at(at(path, i), 'data')) };
    });
    const size = messages.reduce((sum, { bytes }) => sum + CMSG_HEADER_BYTES + cmsgAlign(bytes.length), 0);
    const offset = arena.room(size, path);
    let next = offset;
    messages.forEach(({ header, bytes }, i) => {
      this.#struct(layout, next, layout.size, { cmsg_len: CMSG_HEADER_BYTES + bytes.length, ...header }, at(path, i));
      arena.bytes.set(bytes, next + CMSG_HEADER_BYTES);
      next += CMSG_HEADER_BYTES + cmsgAlign(bytes.length);
    });
    const shape: Shape = { form: 'many', type: 'cmsghdr', at: offset, size };
    return { at: offset, size, room: size, shape, given: true, written: false };
  }

  /** Bytes that `value` takes: its struct's, and what follows a struct that is open at its end. */
  #sizeOf(type: string, value: Json, path: string): number {
    const struct = structName(type);
    if (struct === undefined || !isObject(value)) return sizeOf(type) ?? 0;
    const layout = layoutOf(struct);
    const tail = layout.fields.at(-1);
    if (!tail || !isOpen(tail.kind) || tail.kind.direction !== '') return layout.size;
    const room = Number(integer(value[tail.kind.length?.of ?? ''] ?? 0, path));
    const given = value[tail.name];
    const content = given === undefined ? 0 : this.#tailBytes(tail, given, at(path, tail.name));
    return Math.max(layout.size, tail.offset + Math.max(content, room * (sizeOf(tail.kind.type) ?? 1)));
  }

  #tailBytes(tail: Field, value: Json, path: string): number {
    if (!Array.isArray(value)) return this.#fieldBytes(tail, value, path).length;
    return value.length * (sizeOf(tail.kind.type) ?? 1);
  }

  /** Write one value at `offset`; answers what its pointers lead to. */
  #write(type: string, offset: number, size: number, value: Json, path: string): Record<string, Shape> {
    const struct = structName(type);
    if (isNumber(type)) this.number(type, offset, value, path);
    else if (isText(type)) this.#encoder.arena.bytes.set(textBytes(type, value, path), offset);
    else if (struct !== undefined && isObject(value)) return this.#struct(layoutOf(struct), offset, size, value, path);
    else throw new Mistake('wrong-type', path, `a struct ${type} is an object`);
    return {};
  }

  #struct(layout: Layout, offset: number, size: number, value: JsonObject, path: string): Record<string, Shape> {
    const shapes: Record<string, Shape> = {};
    const family = familyOfStruct(layout.name);
    const whole = family && value[family.field] === undefined ? { [family.field]: family.family, ...value } : value;
    for (const key of Object.keys(whole)) {
      if (key === 'struct') continue;
      const field = layout.fields.find(({ name }) => name === key);
      if (!field)
        throw new Mistake(
          'unknown-field',
          at(path, key),
          `struct ${layout.name} has no ${key}; it has ${layout.fields.map(({ name }) => name).join(', ')}`,
        );
      const shape = this.#field(layout, field, offset, size, whole, path);
      if (shape) shapes[key] = shape;
    }
    return shapes;
  }

  #field(
    layout: Layout,
    field: Field,
    base: number,
    size: number,
    whole: JsonObject,
    parent: string,
  ): Shape | undefined {
    const { kind } = field;
    const value = whole[field.name] ?? null;
    const path = at(parent, field.name);
    const offset = base + field.offset;
    if (kind.direction !== '') {
      const done = this.#encoder.pointer(kind, value, path);
      this.#encoder.store(offset, done);
      this.#length(layout, kind, base, whole, done.buffer, parent);
      return done.buffer?.written ? done.buffer.shape : undefined;
    }
    if (field.bits) writeBits(this.#encoder.arena.data, offset, field.bits, BigInt(integer(value, path)));
    else if (kind.type === 'sockaddr' || kind.type === 'sockaddr_storage')
      this.#address(kind.type, offset, value, path);
    else if (kind.length) this.#run(field, offset, base + size, value, path);
    else if (isNumber(kind.type)) this.number(kind.type, offset, value, path, field.group);
    else {
      const type = kind.type;
      const size = sizeOf(type) ?? 0;
      const fields = this.#write(type, offset, size, value, path);
      if (hasParts(fields)) return { form: 'record', type, at: offset, size, fields };
    }
    return undefined;
  }

  /** The field that says how long what a pointer leads to is, when the caller left it out. */
  #length(layout: Layout, kind: Kind, base: number, whole: JsonObject, buffer: Buffer | undefined, path: string): void {
    const counter = layout.fields.find(({ name }) => name === kind.length?.of);
    if (!counter || !buffer) return;
    const element = kind.unit === 'bytes' ? 1 : (sizeOf(kind.type) ?? 1);
    const given = whole[counter.name];
    if (given === undefined) {
      writeNumber(this.#encoder.arena.data, base + counter.offset, counter.kind.type, BigInt(buffer.size / element));
    } else if (Number(integer(given, at(path, counter.name))) * element > buffer.room) {
      throw new Mistake(
        'buffer-too-small',
        at(path, counter.name),
        `${counter.name} is more than ${buffer.size} bytes hold`,
      );
    }
  }

  /** A socket address inside a struct: the head of it that fits. */
  #address(type: string, offset: number, value: Json, path: string): void {
    if (!isObject(value)) throw new Mistake('wrong-type', path, 'a socket address is an object');
    const { arena } = this.#encoder;
    const address = this.buffer({ direction: '<', type: 'sockaddr', unit: 'bytes' }, value, path);
    arena.bytes.copyWithin(offset, address.at, address.at + Math.min(sizeOf(type) ?? 0, address.size));
  }

  #bytes(kind: Kind, bytes: Uint8Array, path: string): Buffer {
    const size = bytes.length;
    const offset = this.#encoder.arena.room(size, path);
    this.#encoder.arena.bytes.set(bytes, offset);
    const shape: Shape = { form: 'one', type: 'sockaddr', at: offset, size };
    return { at: offset, size, room: size, shape, given: true, written: kind.direction.includes('>') };
  }

  /** An array, text or bytes inside a struct. */
  #run(field: Field, offset: number, end: number, value: Json, path: string): void {
    const { kind } = field;
    const { arena } = this.#encoder;
    const most = isOpen(kind) ? end - offset : (kind.length?.add ?? 0) * (sizeOf(kind.type) ?? 1);
    if (!Array.isArray(value)) {
      const bytes = this.#fieldBytes(field, value, path);
      if (bytes.length > most) throw new Mistake('out-of-range', path, `more than ${most} bytes`);
      arena.bytes.set(bytes, offset);
      return;
    }
    const step = sizeOf(kind.type) ?? 1;
    if (value.length * step > most) throw new Mistake('out-of-range', path, `more than ${most / step} elements`);
    const type = kind.type === 'bytes' || kind.type === 'str' ? 'u8' : kind.type;
    for (const [i, item] of value.entries()) this.#write(type, offset + i * step, step, item, at(path, i));
  }

  /** Text is UTF-8 for char[]; for byte arrays it is a MAC address or hexadecimal. */
  #fieldBytes({ kind }: Field, value: Json, path: string): Uint8Array {
    const bytes =
      typeof value !== 'string'
        ? inputBytes(value, path)
        : kind.type === 'str'
          ? utf8(value)
          : kind.type === 'bytes'
            ? (parseMac(value) ?? fromHex(value))
            : undefined;
    if (!bytes) throw new Mistake('wrong-type', path, kind.type === 'str' ? 'text' : 'bytes, or hexadecimal text');
    return bytes;
  }

  number(type: string, offset: number, value: Json, path: string, group?: string): void {
    const number = BigInt(integer(value, path, group !== undefined && isGroup(group) ? group : undefined));
    if (!fits(type, number)) throw new Mistake('out-of-range', path, `more than a ${type} holds`);
    writeNumber(this.#encoder.arena.data, offset, type, number);
  }
}

/** An address as strace(1) prints it, sa_family first and then the members of its family's struct. */
function ofItsFamily({ sa_family = 0, struct: _, ...rest }: JsonObject): JsonObject {
  const struct = structOfKeys(Object.keys(rest));
  const own = struct && familyOfStruct(struct);
  return own ? { struct, ...rest, [own.field]: sa_family } : { sa_family, ...rest };
}

/** {"sa_family", "sa_data"}: an address of any family, and what SIOCGIFHWADDR answers (netdevice(7)). */
function genericAddress({ sa_family = 0, sa_data = '', struct: _, ...others }: JsonObject, path: string): Uint8Array {
  const [other] = Object.keys(others);
  if (other !== undefined) throw new Mistake('unknown-field', at(path, other), 'sockaddr has sa_family and sa_data');
  const data = typeof sa_data === 'string' ? fromHex(sa_data) : inputBytes(sa_data, at(path, 'sa_data'));
  if (!data) throw new Mistake('wrong-type', at(path, 'sa_data'), 'bytes, or hexadecimal text');
  const family = Number(integer(sa_family, at(path, 'sa_family')));
  return Uint8Array.of(family & 0xff, (family >> 8) & 0xff, ...data);
}

const hasParts = (fields: Readonly<Record<string, Shape>>): boolean => Object.keys(fields).length > 0;

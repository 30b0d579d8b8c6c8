/** What a call wrote, as JSON. Reads only memory that the call was given, and of that only what it produced. */

import { formatWords } from '../../abi/constants.ts';
import { isOpen } from '../../abi/kinds.ts';
import { type Field, isNumber, layoutOf, readBits, readNumber, sizeOf, structName } from '../../abi/layout.ts';
import type { StructName } from '../../abi/uapi/structs.ts';
import { amountOf, commandOf, type Plan } from './encode.ts';
import { controlMessages } from './layout/control.ts';
import { readNetlink } from './layout/netlink.ts';
import type { Output, Shape } from './layout/shape.ts';
import { members } from './layout/unions.ts';
import type { Json } from './types.ts';
import { hex, shown, text } from './values/bytes.ts';
import { structOfFamily } from './values/sockaddr.ts';
import { isText, readText } from './values/texts.ts';

const LITTLE = true;

/** `out` of a call that answered `ret`: the one value it wrote, or several by argument name; undefined when it wrote none. */
export function decode(plan: Plan, memory: Uint8Array, ret: number): Json | undefined {
  if (ret < 0 || plan.outputs.length === 0) return undefined;
  const decoder = new Decoder(memory, plan.call === 'ioctl' ? commandOf(plan.slots) : undefined);
  const values = plan.outputs.map((output) => [output.name, decoder.output(plan, output, ret)] as const);
  const [first] = values;
  return values.length === 1 ? first?.[1] : Object.fromEntries(values);
}

class Decoder {
  readonly #memory: Uint8Array;
  readonly #data: DataView;
  readonly #command: number | undefined;

  constructor(memory: Uint8Array, command: number | undefined) {
    this.#memory = memory;
    this.#command = command;
    this.#data = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  }

  output(plan: Plan, { shape, got, unit }: Output, ret: number): Json {
    if (!got) return this.shape(shape, Number.POSITIVE_INFINITY);
    const amount = amountOf(plan.slots, this.#data, got, ret);
    if (shape.form === 'records')
      return shape.items.slice(0, amount).map((item) => this.shape(item, Number.POSITIVE_INFINITY));
    const elements = unit === 'elements' && shape.form === 'many';
    return this.shape(shape, elements ? amount * (sizeOf(shape.type) ?? 1) : amount);
  }

  /** `produced`: how many bytes of it mean something. */
  shape(shape: Shape, produced: number): Json {
    if (shape.form === 'records') return shape.items.map((item) => this.shape(item, Number.POSITIVE_INFINITY));
    if (shape.form === 'vector') return this.#vector(shape.parts, produced);
    if (shape.form === 'record') return this.#record(shape, produced);
    const { type, at, size } = shape;
    const bytes = this.#memory.subarray(at, at + Math.max(0, Math.min(size, produced)));
    return shape.form === 'one' ? this.one(type, bytes) : this.many(type, bytes);
  }

  /** The buffers of a readv(2) or recvmsg(2), in turn, until `produced` bytes are shown. */
  #vector(parts: readonly (Shape | undefined)[], produced: number): Json {
    let left = produced;
    return parts.map((part) => {
      if (part === undefined) return null;
      const shown = this.shape(part, left);
      if ('size' in part) left = Math.max(0, left - part.size);
      return shown;
    });
  }

  /** A struct with what its pointers lead to in their places. Of a message, `produced` bytes are in its buffers. */
  #record({ type, at, size, fields }: Shape & { form: 'record' }, produced: number): Json {
    const struct = structName(type);
    if (struct === undefined) return null;
    const plain = this.struct(struct, this.#memory.subarray(at, at + size));
    const nested: Record<string, Json> = {};
    for (const field of layoutOf(struct).fields) {
      const inner = fields[field.name];
      if (!inner) continue;
      // recvmmsg(2) tells each message's bytes in msg_len; recvmsg(2) is told them as its result.
      const message = struct === 'mmsghdr' ? this.#data.getUint32(at + layoutOf('msghdr').size, LITTLE) : produced;
      const inMessage = inner.form === 'record' || inner.form === 'vector';
      nested[field.name] = this.shape(inner, inMessage ? message : this.#lengthOf(struct, at, field));
    }
    return { ...plain, ...nested };
  }

  /** The bytes that a pointer field's own counter tells. */
  #lengthOf(struct: StructName, at: number, { kind }: Field): number {
    const counter = layoutOf(struct).fields.find(({ name }) => name === kind.length?.of);
    if (!counter) return Number.POSITIVE_INFINITY;
    const count = Number(readNumber(this.#data, at + counter.offset, counter.kind.type));
    return kind.unit === 'bytes' ? count : count * (sizeOf(kind.type) ?? 1);
  }

  one(type: string, bytes: Uint8Array): Json {
    const struct = structName(type);
    if (type === 'sockaddr' || type === 'sockaddr_storage') return this.#address(bytes);
    if (struct !== undefined) return this.struct(struct, bytes);
    if (type === 'cstr') return shown(bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);
    if (isNumber(type)) return bytes.length < (sizeOf(type) ?? 0) ? null : readNumber(view(bytes), 0, type);
    return isText(type) ? readText(type, bytes) : shown(bytes);
  }

  many(type: string, bytes: Uint8Array): Json[] {
    if (type === 'linux_dirent64') return this.#records(type, bytes, 'd_reclen');
    if (type === 'inotify_event') return this.#records(type, bytes);
    if (type === 'cmsghdr')
      return controlMessages(bytes).map(({ level, type, data }) => ({
        cmsg_level: level,
        cmsg_type: type,
        data: this.#controlData(type, data),
      }));
    if (type === 'netlink') return readNetlink(bytes, (struct, inner) => this.struct(struct, inner));
    if (type === 'names') return names(bytes);
    const size = sizeOf(type) ?? 1;
    return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
      this.one(type, bytes.subarray(i * size, (i + 1) * size)),
    );
  }

  /** The fields of a struct that lie wholly in `bytes`. */
  struct(name: StructName, bytes: Uint8Array): { [field: string]: Json } {
    const data = view(bytes);
    const value: { [field: string]: Json } = {};
    const chosen = members(name, bytes, this.#command);
    for (const field of layoutOf(name).fields) {
      if (chosen && !chosen.has(field.name)) continue;
      const found = this.#field(field, bytes, data, value);
      if (found !== undefined) value[field.name] = found;
    }
    return value;
  }

  #field(
    { kind, offset, bits, group }: Field,
    bytes: Uint8Array,
    data: DataView,
    before: { [field: string]: Json },
  ): Json | undefined {
    // An address means nothing to the caller; what it leads to is shown by its own shape.
    if (kind.direction !== '') return undefined;
    const element = sizeOf(kind.type) ?? 1;
    if (kind.length) {
      const wanted = kind.length.of === '' ? kind.length.add : Number(before[(kind.got ?? kind.length).of] ?? 0);
      const room = Math.max(0, Math.floor((bytes.length - offset) / element));
      if (kind.length.of === '' && Number.isFinite(wanted) && room < wanted && kind.type !== 'str') return undefined;
      const run = bytes.subarray(offset, offset + Math.min(room, wanted) * element);
      return kind.type === 'bytes' && !isOpen(kind) ? hex(run) : this.#run(kind.type, run);
    }
    if (offset + (bits ? 1 : element) > bytes.length) return undefined;
    if (bits) return readBits(data, offset, bits);
    if (!isNumber(kind.type)) return this.one(kind.type, bytes.subarray(offset, offset + element));
    const number = readNumber(data, offset, kind.type);
    return group === 'family' ? (formatWords(Number(number), group) ?? number) : number;
  }

  /** An array in a struct: text up to its NUL, bytes, or elements. */
  #run(type: string, bytes: Uint8Array): Json {
    if (type === 'bytes') return shown(bytes);
    if (type !== 'str') return this.many(type, bytes);
    const end = bytes.indexOf(0);
    // An abstract socket's name (unix(7)) begins with its NUL.
    const name = end === 0 && bytes.some((byte) => byte !== 0) ? bytes : end === -1 ? bytes : bytes.subarray(0, end);
    return text(name) ?? shown(name);
  }

  #address(bytes: Uint8Array): Json {
    if (bytes.length < 2) return null;
    const family = view(bytes).getUint16(0, LITTLE);
    const struct = structOfFamily(family);
    if (struct !== undefined) return this.struct(struct, bytes);
    return { sa_family: formatWords(family, 'family') ?? family, sa_data: hex(bytes.subarray(2)) };
  }

  /** Records that say their own length, in `length` or by the size of their open end. */
  #records(struct: StructName, bytes: Uint8Array, length?: string): Json[] {
    const found: Json[] = [];
    const { size } = layoutOf(struct);
    for (let next = 0; next < bytes.length; ) {
      const head = this.struct(struct, bytes.subarray(next));
      const step = length === undefined ? size + Number(head.len ?? 0) : Number(head[length]);
      if (!(step > 0) || next + step > bytes.length) break;
      found.push(this.struct(struct, bytes.subarray(next, next + step)));
      next += step;
    }
    return found;
  }

  /** unix(7): descriptors and credentials; anything else is bytes. */
  #controlData(type: string | number, content: Uint8Array): Json {
    if (type === 'SCM_RIGHTS') return this.many('s32', content);
    return type === 'SCM_CREDENTIALS' ? this.struct('ucred', content) : shown(content);
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Names one after another, each with its NUL: listxattr(2). */
function names(bytes: Uint8Array): Json[] {
  const found: Json[] = [];
  for (let next = 0; next < bytes.length; ) {
    const end = bytes.indexOf(0, next);
    const name = bytes.subarray(next, end === -1 ? bytes.length : end);
    found.push(text(name) ?? shown(name));
    next += name.length + 1;
  }
  return found;
}

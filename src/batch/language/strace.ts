/** A call and its result as strace(1) shows them, from the same tables that encoded it. */

import { formatWords, groupOf, isGroup } from '../../abi/constants.ts';
import { errnoName, errnos } from '../../abi/errno.ts';
import type { Kind } from '../../abi/kinds.ts';
import { type Field, isNumber, layoutOf, readBits, readNumber, sizeOf, structName } from '../../abi/layout.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import type { ConstantGroup } from '../../abi/uapi/constants.ts';
import { amountOf, commandOf, type Plan, type Slot } from './encode.ts';
import { controlMessages } from './layout/control.ts';
import type { Shape } from './layout/shape.ts';
import { members } from './layout/unions.ts';
import { structOfFamily } from './values/sockaddr.ts';
import { isText, readText } from './values/texts.ts';

const LITTLE = true;
/** strace(1) -s: as much of a string as it shows. */
const SHOWN_BYTES = 32;
/** Calls that answer an address. */
const addresses = new Set<string>(['brk', 'mmap2', 'mremap', 'shmat']);
/** Which options a level of setsockopt(2) has. */
const options: Record<number, ConstantGroup> = {
  0: 'ip',
  1: 'so',
  6: 'tcp',
  17: 'udp',
  41: 'ipv6',
  263: 'packet',
  270: 'netlink_opt',
  284: 'mptcp',
};
/** Which protocols an address family has: AF_INET, AF_INET6, AF_NETLINK. */
const protocols: Record<number, ConstantGroup> = { 2: 'ipproto', 10: 'ipproto', 16: 'netlink' };
/** Fields after which strace without -v abbreviates. */
const abbreviated: Record<string, readonly string[]> = {
  stat64: ['st_mode', 'st_size'],
  statx: ['stx_mask', 'stx_attributes', 'stx_mode', 'stx_size'],
};
/** Calls that wait for descriptors, and what strace calls their sets. */
const waiting = new Set<string>(['ppoll', 'ppoll_time64', 'pselect6', 'pselect6_time64']);
const setNames: Record<string, string> = { inp: 'in', outp: 'out', exp: 'except' };

/** The line of one call. `before` and `after` are its memory, at `base`; `ret` is undefined when it never came back. */
export function straceLine(
  plan: Plan,
  base: number,
  before: Uint8Array,
  after: Uint8Array,
  ret: number | undefined,
): string {
  const printer = new Printer(plan, base, before, after, ret);
  const args = plan.slots.slice(0, plan.given).map((slot) => printer.argument(slot));
  return `${plan.call}(${args.join(', ')}) = ${result(plan, ret)}${printer.ready()}`;
}

function result({ call, slots }: Plan, ret: number | undefined): string {
  if (ret === undefined) return '?';
  if (ret >= 0) {
    if (addresses.has(call)) return hexadecimal(ret);
    const words = call === 'fcntl64' ? fcntlWords(commandOf(slots), ret, 'F_GET') : undefined;
    return words === undefined ? String(ret) : `${hexadecimal(ret)} (flags ${words})`;
  }
  const name = errnoName(-ret);
  if (name === undefined) return `-1 (errno ${-ret})`;
  const { message } = errnos[name];
  return `-1 ${name} (${message.charAt(0).toUpperCase()}${message.slice(1)})`;
}

/** The flags that fcntl(2) F_SETFL and F_SETFD take and F_GETFL and F_GETFD answer. */
function fcntlWords(command: number, value: number, prefix: 'F_GET' | 'F_SET'): string | undefined {
  const word = formatWords(command, 'fcntl');
  if (word === `${prefix}FL`) return formatWords(value, 'open');
  return word === `${prefix}FD` && value !== 0 ? formatWords(value, 'fd_flags') : undefined;
}

class Printer {
  readonly #plan: Plan;
  readonly #base: number;
  readonly #before: Uint8Array;
  readonly #after: Uint8Array;
  readonly #ret: number | undefined;
  /** Of the bytes that the call produced, those that no buffer has shown yet. */
  #left = 0;

  constructor(plan: Plan, base: number, before: Uint8Array, after: Uint8Array, ret: number | undefined) {
    this.#plan = plan;
    this.#base = base;
    this.#before = before;
    this.#after = after;
    this.#ret = ret;
  }

  argument({ parameter: { name, kind }, register, buffer }: Slot): string {
    if (!buffer) return this.#plain(name, kind, BigInt(register));
    const text = (all: Uint8Array, size: number): string =>
      this.#shape(kind, buffer.shape, all.subarray(buffer.at, buffer.at + Math.min(buffer.size, size)), all);
    const given = buffer.given ? text(this.#before, this.#told(kind)) : '';
    if (!buffer.written || waiting.has(this.#plan.call)) return given;
    if (this.#ret === undefined || this.#ret < 0) return buffer.given ? given : hexadecimal(this.#base + buffer.at);
    this.#left = this.#ret;
    const written = text(this.#after, this.#produced(kind));
    return !buffer.given || kind.type.endsWith('msghdr') ? written : given === written ? given : merge(given, written);
  }

  /** What poll(2) and select(2) found ready, and the time that was left: strace shows it after the result. */
  ready(): string {
    const { call, slots } = this.#plan;
    if (!waiting.has(call) || this.#ret === undefined || this.#ret <= 0) return '';
    const parts = slots.flatMap(({ parameter: { name, kind }, buffer }) => {
      if (!buffer?.written) return [];
      const bytes = this.#after.subarray(buffer.at, buffer.at + buffer.size);
      if (kind.type === 'pollfd') return [this.#revents(bytes)];
      const text = this.#memory(kind.type, bytes, this.#after, false);
      return kind.type === 'fd_set' ? (text === '[]' ? [] : [`${setNames[name] ?? name} ${text}`]) : [`left ${text}`];
    });
    return ` (${parts.join(', ')})`;
  }

  #revents(bytes: Uint8Array): string {
    const data = view(bytes);
    const found: string[] = [];
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      const revents = data.getUint16(at + 6, LITTLE);
      if (revents !== 0) found.push(`{fd=${data.getInt32(at, LITTLE)}, revents=${formatWords(revents, 'poll')}}`);
    }
    return `[${found.join(', ')}]`;
  }

  #shape(kind: Kind, shape: Shape, bytes: Uint8Array, all: Uint8Array): string {
    // What read(2) and write(2) carry is data to strace, whatever the caller takes it for.
    if (kind.type === 'bytes') return quoted(bytes, true);
    if (shape.form === 'vector') return this.#memory('iovec', bytes, all, true);
    if (shape.form !== 'records') {
      const type = kind.type === 'wait_status' ? kind.type : shape.type;
      return this.#memory(type, bytes, all, shape.form === 'many');
    }
    const [first] = shape.items;
    return this.#memory(first && 'type' in first ? first.type : 'bytes', bytes, all, true);
  }

  /** As much of an input as the call was told of. */
  #told({ length, unit }: Kind): number {
    if (!length || unit === 'elements') return Number.POSITIVE_INFINITY;
    return amountOf(this.#plan.slots, view(this.#before), length);
  }

  #produced(kind: Kind): number {
    if (!kind.got) return Number.POSITIVE_INFINITY;
    const data = new DataView(this.#after.buffer, this.#after.byteOffset, this.#after.byteLength);
    const amount = amountOf(this.#plan.slots, data, kind.got, this.#ret ?? 0);
    if (kind.type === 'iovec' || kind.type === 'msghdr') return Number.POSITIVE_INFINITY;
    return kind.unit === 'bytes' ? amount : amount * (sizeOf(kind.type) ?? 1);
  }

  /** A register. */
  #plain(name: string, { type, direction }: Kind, value: bigint): string {
    if (direction !== '' || type === 'ptr')
      return value === 0n ? 'NULL' : hexadecimal(Number(BigInt.asUintN(32, value)));
    if (type === 'off' || type === 's64') return String(BigInt.asIntN(64, value));
    if (type === 'u64') return String(BigInt.asUintN(64, value));
    if (type === 'size' || type === 'ulong' || type === 'uint') return String(BigInt.asUintN(32, value));
    const signed = Number(BigInt.asIntN(32, value));
    if (type === 'mode') return fileMode(signed);
    if (type === 'level') return formatWords(signed, 'sol') ?? String(signed);
    if (type === 'sockopt') return this.#option(signed);
    if (type === 'protocol') return this.#protocol(signed);
    if (type === 'dev') return device(signed);
    if (type === 'any') return this.#untyped(signed);
    return isGroup(type) ? wordsFor(value, type, name) : String(signed);
  }

  #untyped(value: number): string {
    const { call, slots } = this.#plan;
    const words = call === 'fcntl64' ? fcntlWords(commandOf(slots), value, 'F_SET') : undefined;
    return words ?? (Math.abs(value) < 4096 ? String(value) : hexadecimal(value >>> 0));
  }

  #option(value: number): string {
    const level = this.#plan.slots.find(({ parameter }) => parameter.name === 'level');
    const group = level && options[Number(level.register)];
    return (group && formatWords(value, group)) ?? String(value);
  }

  #protocol(value: number): string {
    const group = protocols[Number(this.#plan.slots[0]?.register)];
    return (group && formatWords(value, group)) ?? String(value);
  }

  /** What lies at a pointer. `all` is the memory that further pointers lead into. */
  #memory(type: string, bytes: Uint8Array, all: Uint8Array, many: boolean): string {
    if (type === 'linux_dirent64')
      return `${hexadecimal(this.#base + bytes.byteOffset - all.byteOffset)} /* ${entries(bytes)} entries */`;
    if (type === 'cmsghdr') return this.#control(bytes);
    if (type === 'strs')
      return `[${this.#pointers(bytes, all)
        .map((at) => quoted(cString(all, at), false))
        .join(', ')}]`;
    if (type === 'str' || type === 'cstr') return quoted(type === 'cstr' ? trimmed(bytes) : bytes, type === 'cstr');
    const size = sizeOf(type);
    if (isNumber(type) || (many && size !== undefined && type !== 'bytes')) {
      const step = size ?? 1;
      const items = Array.from({ length: Math.floor(bytes.length / step) }, (_, i) =>
        this.#one(type, bytes.subarray(i * step, (i + 1) * step), all),
      );
      return `[${items.join(', ')}]`;
    }
    return this.#one(type, bytes, all);
  }

  /** The offsets in the call's memory that an array of pointers leads to. */
  #pointers(bytes: Uint8Array, all: Uint8Array): number[] {
    const data = view(bytes);
    const found: number[] = [];
    for (let i = 0; i + 4 <= bytes.length; i += 4) found.push(data.getUint32(i, LITTLE) - this.#base);
    return found.filter((at) => at > 0 && at < all.length);
  }

  #one(type: string, bytes: Uint8Array, all: Uint8Array): string {
    const struct = structName(type);
    if (type === 'sockaddr' || type === 'sockaddr_storage') return this.#address(bytes, all);
    if (type === 'wait_status') return waitStatus(Number(readNumber(view(bytes), 0, 's32')));
    if (struct !== undefined) return this.#struct(struct, bytes, all);
    if (isNumber(type)) return bytes.length < (sizeOf(type) ?? 0) ? '' : String(readNumber(view(bytes), 0, type));
    if (type === 'sigset')
      return `[${list(readText(type, bytes))
        .map((name) => String(name).replace(/^SIG/, ''))
        .join(' ')}]`;
    if (type === 'fd_set') return `[${list(readText(type, bytes)).join(' ')}]`;
    if (isText(type)) return formatIp(bytes);
    return quoted(bytes, true);
  }

  #struct(name: string, bytes: Uint8Array, all: Uint8Array): string {
    const struct = structName(name);
    if (struct === undefined) return '{}';
    const first = abbreviated[struct];
    // Each message of recvmmsg(2) fills buffers of its own.
    if (struct === 'mmsghdr') this.#left = view(bytes).getUint32(layoutOf('msghdr').size, LITTLE);
    const command = this.#plan.call === 'ioctl' ? commandOf(this.#plan.slots) : undefined;
    const chosen = members(struct, bytes, command) ?? (first && new Set(first));
    const fields = layoutOf(struct).fields.filter(({ name }) => chosen?.has(name) ?? true);
    const parts = fields.flatMap((field) => {
      const text = this.#field(field, bytes, all);
      if (text === undefined || (struct === 'pollfd' && field.name === 'revents')) return [];
      return [
        field.kind.type === 'in6_addr' ? `inet_pton(AF_INET6, "${text}", &${field.name})` : `${field.name}=${text}`,
      ];
    });
    return `{${[...parts, ...(first ? ['...'] : [])].join(', ')}}`;
  }

  #field({ name, kind, group, offset, bits }: Field, bytes: Uint8Array, all: Uint8Array): string | undefined {
    const data = view(bytes);
    const element = sizeOf(kind.type) ?? 1;
    if (kind.direction !== '') return this.#pointed(kind, data.getUint32(offset, LITTLE), bytes, all);
    if (kind.length) {
      const count = Math.min(
        kind.length.of === '' ? kind.length.add : Number.POSITIVE_INFINITY,
        (bytes.length - offset) / element,
      );
      if (!(count > 0)) return undefined;
      const part = bytes.subarray(offset, offset + Math.floor(count) * element);
      if (name === 'sun_path') return socketPath(part);
      return kind.type === 'str'
        ? quoted(untilNul(part), false)
        : this.#memory(kind.type, part, all, kind.type !== 'bytes');
    }
    if (offset + (bits ? 1 : element) > bytes.length) return undefined;
    if (bits) return String(readBits(data, offset, bits));
    if (!isNumber(kind.type)) {
      const inner = this.#one(kind.type, bytes.subarray(offset, offset + element), all);
      return kind.type === 'in_addr' ? `inet_addr("${inner}")` : inner;
    }
    const value = readNumber(data, offset, kind.type);
    if (group === 'mode') return fileMode(Number(value));
    if (group !== undefined && isGroup(group)) return wordsFor(BigInt(value), group, name);
    if (name === 'data' && kind.type === 'u64') return `{u32=${data.getUint32(offset, LITTLE)}, u64=${value}}`;
    if (kind.type === 'be16') return `htons(${value})`;
    return kind.type === 'be32' ? `htonl(${value})` : String(value);
  }

  /** What a pointer in a struct leads to, when it leads into the call's memory; the struct's own counter says how far. */
  #pointed(kind: Kind, address: number, holder: Uint8Array, all: Uint8Array): string {
    const at = address - this.#base;
    if (address === 0) return 'NULL';
    const counter = lengthFields[kind.type];
    if (at <= 0 || at >= all.length || counter === undefined) return hexadecimal(address);
    const count = view(holder).getUint32(counter, LITTLE);
    const size = kind.unit === 'bytes' ? count : count * (sizeOf(kind.type) ?? 1);
    return this.#memory(
      kind.type,
      all.subarray(at, at + Math.min(size, this.#take(kind.type, all, size))),
      all,
      kind.unit === 'elements',
    );
  }

  /** How much of a buffer of `size` bytes the call filled, when buffers are filled in turn. */
  #take(type: string, all: Uint8Array, size: number): number {
    if (type !== 'bytes' || all !== this.#after) return size;
    const taken = Math.min(size, this.#left);
    this.#left -= taken;
    return taken;
  }

  /** cmsg(3). */
  #control(bytes: Uint8Array): string {
    const messages = controlMessages(bytes).map(({ length, level, type, data }) => {
      const ints = new Int32Array(data.slice(0, data.length & ~3).buffer);
      const shown = type === 'SCM_RIGHTS' ? `[${[...ints].join(', ')}]` : quoted(data, true);
      return `{cmsg_len=${length}, cmsg_level=${level}, cmsg_type=${type}, cmsg_data=${shown}}`;
    });
    return `[${messages.join(', ')}]`;
  }

  #address(bytes: Uint8Array, all: Uint8Array): string {
    if (bytes.length < 2) return '{}';
    const family = view(bytes).getUint16(0, LITTLE);
    const struct = structOfFamily(family);
    const text =
      struct === undefined
        ? `{sa_family=${wordsFor(BigInt(family), 'family', 'sa_family')}}`
        : this.#struct(struct, bytes, all);
    return text.replace(/^\{\w+_family/, '{sa_family');
  }
}

/** Where the struct that has a pointer of some type keeps its length. */
const lengthFields: Record<string, number> = { bytes: 4, sockaddr: 4, iovec: 12, cmsghdr: 20 };

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const hexadecimal = (value: number): string => `0x${value.toString(16)}`;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Words, or a number with the group's prefix in a comment, as strace marks what it does not know. */
function wordsFor(value: bigint, group: ConstantGroup, name: string): string {
  const signed = Number(BigInt.asIntN(64, value));
  const unsigned = Number(BigInt.asUintN(32, value));
  if (group === 'ipc' || group === 'shmget') return permissions(unsigned, group);
  const found = formatWords(signed, group) ?? formatWords(unsigned, group) ?? formatWords(unsigned | 0, group);
  if (found !== undefined) return found;
  if (group === 'dirfd' || name === 'fd' || group === 'clockid' || group === 'ipc_key') return String(unsigned | 0);
  const prefix = [...groupOf(group).values.keys()][0]?.replace(/[^_]*$/, '') ?? '';
  return `${hexadecimal(unsigned)} /* ${prefix}??? */`;
}

/** IPC_CREAT|0600: svipc(7) keeps the mode in the flags. */
function permissions(flags: number, group: ConstantGroup): string {
  const words = (flags & ~0o777) === 0 ? [] : [formatWords(flags & ~0o777, group) ?? hexadecimal(flags & ~0o777)];
  return [...words, fileMode(flags & 0o777)].join('|');
}

/** S_IFREG|0644. */
function fileMode(mode: number): string {
  const type = mode & 0o170000;
  const word = type === 0 ? undefined : formatWords(type, 'mode');
  const bits = mode & 0o7777;
  // C's %#03o.
  const octal = (bits === 0 ? '0' : `0${bits.toString(8)}`).padStart(3, '0');
  return word === undefined ? octal : `${word}|${octal}`;
}

/** new_encode_dev() of include/linux/kdev_t.h. */
const device = (dev: number): string =>
  `makedev(${hexadecimal((dev & 0xfff00) >>> 8)}, ${hexadecimal((dev & 0xff) | ((dev >>> 12) & 0xfff00))})`;

/** wait(2). */
function waitStatus(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`;
  if (signal === 0x7f)
    return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${formatWords((status >> 8) & 0xff, 'signal') ?? status >> 8}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${formatWords(signal, 'signal') ?? signal}${status & 0x80 ? ' && WCOREDUMP(s)' : ''}}`;
}

/** Before and after: a scalar in one pair of brackets, anything else side by side. */
const merge = (given: string, written: string): string =>
  /^\[[^[\]{}]*\]$/.test(given) ? `[${given.slice(1, -1)} => ${written.slice(1, -1)}]` : `${given} => ${written}`;

const escapes: Record<number, string> = {
  0: '\\0',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** A C string; data is cut short, names are not. */
function quoted(bytes: Uint8Array, cut: boolean): string {
  const part = cut ? bytes.subarray(0, SHOWN_BYTES) : bytes;
  let out = '';
  part.forEach((byte, i) => {
    const next = part[i + 1] ?? 0;
    const digitNext = next >= 48 && next <= 57;
    if (escapes[byte] !== undefined && !(byte === 0 && digitNext)) out += escapes[byte];
    else if (byte < 32 || byte > 126) out += `\\${byte.toString(8).padStart(digitNext ? 3 : 1, '0')}`;
    else out += String.fromCharCode(byte);
  });
  return `"${out}"${part.length < bytes.length ? '...' : ''}`;
}

/** unix(7): an abstract name begins with a NUL, which strace shows as "@". */
const socketPath = (bytes: Uint8Array): string =>
  bytes[0] === 0 && bytes.length > 1 ? `@${quoted(bytes.subarray(1), false)}` : quoted(untilNul(bytes), false);

function cString(all: Uint8Array, at: number): Uint8Array {
  return untilNul(all.subarray(at));
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

const trimmed = (bytes: Uint8Array): Uint8Array => (bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);

/** How many directory entries a getdents64 answered. */
function entries(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at + 18 <= bytes.length; count++) {
    const length = view(bytes).getUint16(at + 16, LITTLE);
    if (length === 0) break;
    at += length;
  }
  return count;
}

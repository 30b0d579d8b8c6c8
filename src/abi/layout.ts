/** Where the fields of a struct lie, from the generated table, and how single values of C lie in memory. */

import { type Kind, parseKind } from './kinds.ts';
import { type StructName, structs } from './uapi/structs.ts';

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** The group whose words the field takes. */
  readonly group?: string;
  readonly offset: number;
  /** Lowest and highest bit, for a bit-field. */
  readonly bits?: readonly [low: number, high: number];
}

export interface Layout {
  readonly name: StructName;
  readonly size: number;
  readonly fields: readonly Field[];
}

/** What user space calls structs of which our kernel has the 64-bit or the new form only. */
const aliases: Record<string, StructName> = {
  stat: 'stat64',
  statfs: 'statfs64',
  flock: 'flock64',
  dirent64: 'linux_dirent64',
  dirent: 'linux_dirent64',
  msqid_ds: 'msqid64_ds',
  shmid_ds: 'shmid64_ds',
  semid_ds: 'semid64_ds',
  stack_t: 'sigaltstack',
  siginfo_t: 'siginfo',
};

/** The name under which the tables have a struct. */
export function structName(name: string): StructName | undefined {
  if (Object.hasOwn(structs, name)) return name as StructName;
  return Object.hasOwn(aliases, name) ? aliases[name] : undefined;
}

const parsed = new Map<StructName, Layout>();

export function layoutOf(name: StructName): Layout {
  const known = parsed.get(name);
  if (known) return known;
  const [size, text] = structs[name];
  const layout = { name, size, fields: text.split(' ').map(parseField) };
  parsed.set(name, layout);
  return layout;
}

function parseField(word: string): Field {
  const [, name = '', kind = '', group, offset, low, high] =
    /^(\w+):(.*?)(?:\/(\w+))?@(\d+)(?:\.(\d+)-(\d+))?$/.exec(word) ?? [];
  return {
    name,
    kind: parseKind(kind),
    offset: Number(offset),
    ...(group && { group }),
    ...(low && { bits: [Number(low), Number(high)] as const }),
  };
}

/** C's numbers: bytes, signed, big-endian. */
const numbers: Record<string, readonly [size: number, signed?: boolean, big?: boolean]> = {
  u8: [1],
  s8: [1, true],
  u16: [2],
  s16: [2, true],
  u32: [4],
  s32: [4, true],
  u64: [8],
  s64: [8, true],
  be16: [2, false, true],
  be32: [4, false, true],
  be64: [8, false, true],
  ptr: [4],
  // C's words on a 32-bit kernel.
  char: [1, true],
  short: [2, true],
  int: [4, true],
  uint: [4],
  long: [4, true],
  ulong: [4],
  size: [4],
  size_t: [4],
  off: [8, true],
  fd: [4, true],
  pid: [4, true],
  pid_t: [4, true],
  uid_t: [4],
  gid_t: [4],
  wait_status: [4, true],
};

/** Types with a text form of their own, and the bytes each takes. */
const texts: Record<string, number> = {
  in_addr: 4,
  in6_addr: 16,
  sockaddr: 16,
  sockaddr_storage: 128,
  sigset: 8,
  fd_set: 128,
};

export const isNumber = (type: string): boolean => Object.hasOwn(numbers, type);

/** The bytes of one element of `type`; undefined for one that has no size of its own (bytes, str). */
export function sizeOf(type: string): number | undefined {
  if (Object.hasOwn(numbers, type)) return numbers[type]?.[0];
  if (Object.hasOwn(texts, type)) return texts[type];
  const struct = structName(type);
  if (struct !== undefined) return structs[struct][0];
  return type === 'bytes' || type === 'str' ? 1 : undefined;
}

/** A number of C; one beyond 2^53 is decimal text, so that JSON keeps it whole. */
export function readNumber(data: DataView, at: number, type: string): number | string {
  const [size, signed, big] = numbers[type] ?? [4];
  const little = !big;
  if (size === 1) return signed ? data.getInt8(at) : data.getUint8(at);
  if (size === 2) return signed ? data.getInt16(at, little) : data.getUint16(at, little);
  if (size === 4) return signed ? data.getInt32(at, little) : data.getUint32(at, little);
  return safe(signed ? data.getBigInt64(at, little) : data.getBigUint64(at, little));
}

/** Write `value` as C would convert it: the low bits. */
export function writeNumber(data: DataView, at: number, type: string, value: bigint): void {
  const [size, , big] = numbers[type] ?? [4];
  const little = !big;
  if (size === 8) data.setBigUint64(at, BigInt.asUintN(64, value), little);
  else if (size === 4) data.setUint32(at, Number(BigInt.asUintN(32, value)), little);
  else if (size === 2) data.setUint16(at, Number(BigInt.asUintN(16, value)), little);
  else data.setUint8(at, Number(BigInt.asUintN(8, value)));
}

/** Whether `value` fits `type`, signed or unsigned, as C's initialisers accept it. */
export function fits(type: string, value: bigint): boolean {
  const bits = 8 * (numbers[type]?.[0] ?? 4);
  return BigInt.asUintN(bits, value) === value || BigInt.asIntN(bits, value) === value;
}

const LITTLE = true;

/** A bit-field: bits `low` to `high` counted from the byte at `at`. */
export function readBits(data: DataView, at: number, [low, high]: readonly [number, number]): number {
  return (window(data, at) >>> low) & mask(low, high);
}

export function writeBits(data: DataView, at: number, [low, high]: readonly [number, number], value: bigint): void {
  const bits = mask(low, high);
  const next = (window(data, at) & ~(bits << low)) | ((Number(value) & bits) << low);
  data.setUint8(at, next & 0xff);
  if (high > 7) data.setUint8(at + 1, (next >> 8) & 0xff);
}

const mask = (low: number, high: number): number => 2 ** (high - low + 1) - 1;

/** Two bytes: no bit-field of the ABI reaches further from its own. */
function window(data: DataView, at: number): number {
  return at + 2 <= data.byteLength ? data.getUint16(at, LITTLE) : data.getUint8(at);
}

/** A whole number of JSON: a number when it is exact, otherwise decimal text. */
export function safe(value: bigint): number | string {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
}

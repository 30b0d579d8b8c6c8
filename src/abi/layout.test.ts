import { describe, expect, it } from 'vitest';
import { isGroup } from './constants.ts';
import { parametersOf } from './kinds.ts';
import { isNumber, layoutOf, readBits, sizeOf, structName, writeBits } from './layout.ts';
import { type SyscallName, syscalls } from './syscalls.ts';
import { type StructName, structs } from './uapi/structs.ts';

const names = Object.keys(structs) as StructName[];
/** Types that have a text of their own; the batch language reads and writes them. */
const texts = new Set([
  'sockaddr',
  'sockaddr_storage',
  'in_addr',
  'in6_addr',
  'sigset',
  'fd_set',
  'bytes',
  'str',
  'strs',
  'cstr',
  'names',
  'sockval',
  'wait_status',
]);
const known = (type: string) => isNumber(type) || texts.has(type) || structName(type) !== undefined;

describe('struct layouts', () => {
  it('are those of a 32-bit kernel with 64-bit file sizes and times', () => {
    // asm-generic/stat.h, linux/time_types.h, linux/socket.h: what other 32-bit arches on the generic ABI have.
    const sizes = {
      stat64: 104,
      statx: 256,
      statfs64: 88,
      timespec: 16,
      timespec32: 8,
      msghdr: 28,
      epoll_event: 16,
      ifreq: 32,
      siginfo: 128,
      utsname: 390,
      flock64: 32,
      sockaddr_un: 110,
    };
    expect(
      Object.fromEntries((Object.keys(sizes) as (keyof typeof sizes)[]).map((name) => [name, layoutOf(name).size])),
    ).toEqual(sizes);
    expect(layoutOf('stat64').fields.find(({ name }) => name === 'st_size')?.offset).toBe(48);
  });

  it.each(names)('%s: fields lie inside it and have types that are known', (name) => {
    const { size, fields } = layoutOf(name);
    expect(fields.length).toBeGreaterThan(0);
    for (const { name: field, kind, offset, group, bits } of fields) {
      expect(known(kind.type), `${field}: ${kind.type}`).toBe(true);
      const element = kind.direction === '' ? (sizeOf(kind.type) ?? 0) : 4;
      const count =
        kind.length === undefined || kind.direction !== ''
          ? 1
          : kind.length.of === '' && Number.isFinite(kind.length.add)
            ? kind.length.add
            : 0;
      expect(offset + (bits ? 1 : element * count), field).toBeLessThanOrEqual(size);
      if (group !== undefined) expect(isGroup(group), `${field}: ${group}`).toBe(true);
      const counter = kind.length?.of;
      if (counter)
        expect(
          fields.some((other) => other.name === counter),
          `${field} counts ${counter}`,
        ).toBe(true);
    }
  });

  it('goes by the names that user space uses', () => {
    expect(structName('stat')).toBe('stat64');
    expect(structName('timespec')).toBe('timespec');
    expect(structName('toString')).toBeUndefined();
  });

  it('reads and writes bit-fields without touching their neighbours', () => {
    const data = new DataView(new Uint8Array([0xff, 0xff, 0]).buffer);
    writeBits(data, 0, [4, 7], 5n);
    expect([data.getUint8(0), data.getUint8(1)]).toEqual([0x5f, 0xff]);
    writeBits(data, 0, [7, 8], 0n);
    expect([data.getUint8(0), data.getUint8(1)]).toEqual([0x5f & 0x7f, 0xfe]);
    expect(readBits(data, 0, [4, 7])).toBe(5);
  });
});

describe('the syscall table', () => {
  const calls = Object.keys(syscalls) as SyscallName[];
  const plain = new Set([
    'int',
    'uint',
    'ulong',
    'size',
    'off',
    'u64',
    'fd',
    'pid',
    'uid',
    'gid',
    'dev',
    'ptr',
    'any',
    'level',
    'sockopt',
    'protocol',
  ]);

  it('has the numbers of the generic ABI', () => {
    expect([
      syscalls.openat[0],
      syscalls.read[0],
      syscalls.mmap2[0],
      syscalls.clock_gettime64[0],
      syscalls.mseal[0],
    ]).toEqual([56, 63, 222, 403, 462]);
    expect(new Set(calls.map((name) => syscalls[name][0])).size).toBe(calls.length);
    expect(calls.length).toBeGreaterThan(320);
  });

  it.each(calls)('%s: every argument has a kind that the language knows', (name) => {
    const parameters = parametersOf(name) ?? [];
    expect(parameters.length).toBeLessThanOrEqual(6);
    for (const { name: parameter, kind } of parameters) {
      const fits =
        kind.direction === '' ? plain.has(kind.type) || isGroup(kind.type) : known(kind.type) || kind.type === 'ptr';
      expect(fits, `${parameter}: ${kind.direction}${kind.type}`).toBe(true);
      for (const amount of [kind.length, kind.got])
        if (amount && amount.of !== '' && amount.of !== 'ret')
          expect(parameters.map(({ name }) => name)).toContain(amount.of);
    }
  });
});

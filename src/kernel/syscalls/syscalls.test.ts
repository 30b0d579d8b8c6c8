import { describe, expect, it } from 'vitest';
import type { SyscallName } from '../../abi/syscalls.ts';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_LARGEFILE, PATH_MAX } from '../../abi/uapi/fs.ts';
import { structs } from '../../abi/uapi/structs.ts';
import { KernelMemory, type Ptr, plus, ptr } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { getdents64, mknodat, readdir, renameat2 } from './dir.ts';
import { inNs, lseek, openat, openat2, read, statx, utimensat } from './file.ts';
import { mapBuffer } from './memory.ts';
import { mount, statfs64 } from './mount.ts';
import { getxattr, listxattr, setxattr } from './xattr.ts';

type Answer = (call: SyscallName, args: readonly number[], memory: KernelMemory) => number;

/** A task whose calls `answer` sees, its memory full of left-overs. */
function taskWith(answer: Answer): UserTask {
  const memory = new KernelMemory(new WebAssembly.Memory({ initial: 2 }));
  memory.bytes.fill(0xa5);
  return {
    pid: 1,
    memory,
    scratch: ptr(4096),
    scratchBytes: 16_384,
    syscall: async (call, ...args) => answer(call, args.map(Number), memory),
  };
}

const buffer = { at: ptr(65_536), bytes: 32_768 };
const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const string = (memory: KernelMemory, at = 0) =>
  String.fromCharCode(...memory.bytes.subarray(at, memory.bytes.indexOf(0, at)));

/** Where the compiler puts the fields of a struct. */
function layoutOf(name: 'statx' | 'statx_timestamp' | 'statfs64' | 'open_how' | 'timespec') {
  const [size, fields] = structs[name];
  const offsets = fields.split(' ').map((field) => {
    const [, key = '', kind = '', offset] = /^(?:stx_|f_|tv_)?(\w+):([\w:[\]]+)(?:\/\w+)?@(\d+)$/.exec(field) ?? [];
    return { key, kind, offset: Number(offset) };
  });
  return { size, offsets };
}

/** Give each scalar field a number of its own, as the kernel would. */
function fillStruct(name: Parameters<typeof layoutOf>[0], memory: KernelMemory, at: Ptr): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { key, kind, offset } of layoutOf(name).offsets) {
    const value = 1000 + offset;
    if (/^[us]64$/.test(kind)) memory.setI64FromNumber(plus(at, offset), value);
    else if (/^[us]32$/.test(kind)) memory.setU32(plus(at, offset), value);
    else if (kind === 'u16') memory.setU16(plus(at, offset), value);
    else continue;
    values[key.replaceAll(/_(.)/g, (_, char: string) => char.toUpperCase())] = value;
  }
  return values;
}

describe('file', () => {
  it('openat asks for large files, and takes names as bytes', async () => {
    const seen: unknown[] = [];
    const task = taskWith((call, [dirfd, path, flags, mode], memory) => {
      seen.push(call, dirfd, string(memory, path), flags, mode);
      return -2;
    });
    expect(await openat(task, AT_FDCWD, latin1('a\xff'), 1, 0o600)).toBe(-2);
    expect(seen).toEqual(['openat', -100, 'a\xff', O_LARGEFILE | 1, 0o600]);
    expect(await openat(task, 3, 'é', 0)).toBe(-2);
    expect(seen.slice(5)).toEqual(['openat', 3, '\xc3\xa9', O_LARGEFILE, 0]);
  });

  it('openat2 passes struct open_how', async () => {
    const { size, offsets } = layoutOf('open_how');
    const task = taskWith((_call, [dirfd, path, how = 0, bytes], memory) => {
      expect([dirfd, string(memory, path), bytes]).toEqual([5, 'x', size]);
      expect(offsets.map(({ key, offset }) => [key, memory.u64(ptr(how + offset))])).toEqual([
        ['flags', 1n],
        ['mode', 0n],
        ['resolve', 16n],
      ]);
      return 7;
    });
    expect(await openat2(task, 5, 'x', { flags: 1, resolve: 16 })).toBe(7);
  });

  it('a path of PATH_MAX bytes reaches the kernel as one it refuses, and one with a NUL does not reach it', async () => {
    const task = taskWith((_call, [, path], memory) => (string(memory, path).length < PATH_MAX ? 3 : -36));
    expect(await openat(task, AT_FDCWD, 'x'.repeat(PATH_MAX - 1), 0)).toBe(3);
    expect(await openat(task, AT_FDCWD, 'x'.repeat(1_000_000), 0)).toBe(-36);
    expect(() => openat(task, AT_FDCWD, 'etc\0x', 0)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
  });

  it.each([
    [0, 0, 0],
    [5_000_000_000, 1, 705_032_704],
    [-1, 2 ** 32 - 1, 2 ** 32 - 1],
  ])('lseek halves the offset %d', async (offset, high, low) => {
    const task = taskWith((call, [fd, h = 0, l, result = 0, whence], memory) => {
      expect([call, fd, h >>> 0, l, whence]).toEqual(['llseek', 3, high, low, 4]);
      memory.setU64(ptr(result), 6_000_000_000n);
      return 0;
    });
    expect(await lseek(task, 3, offset, 4)).toBe(6_000_000_000);
  });

  it('lseek answers the errno, not what is in memory', async () => {
    expect(
      await lseek(
        taskWith(() => -6),
        3,
        0,
        3,
      ),
    ).toBe(-6);
  });

  it('read fills the buffer it is given', async () => {
    const task = taskWith((call, args) => {
      expect([call, ...args]).toEqual(['read', 3, 65_536, 32_768]);
      return 9;
    });
    expect(await read(task, 3, buffer)).toBe(9);
  });

  it('statx has every field from where the compiler puts it', async () => {
    let filled: Record<string, number> = {};
    const times = layoutOf('statx').offsets.filter(({ kind }) => kind === 'statx_timestamp');
    const task = taskWith((_call, [dirfd, path, flags, mask, at = 0], memory) => {
      expect([dirfd, string(memory, path), flags, mask]).toEqual([AT_FDCWD, 'f', AT_SYMLINK_NOFOLLOW, 0x1fff]);
      filled = fillStruct('statx', memory, ptr(at));
      times.forEach(({ offset }, n) => {
        memory.setU64(ptr(at + offset), BigInt.asUintN(64, BigInt(-n)));
        memory.setU32(ptr(at + offset + 8), n);
      });
      return 0;
    });
    const stat = await statx(task, AT_FDCWD, 'f', AT_SYMLINK_NOFOLLOW);
    for (const [key, value] of Object.entries(stat)) {
      if (typeof value !== 'object') expect([key, Number(value)]).toEqual([key, filled[key]]);
    }
    expect(times.map(({ key }) => key)).toEqual(['atime', 'btime', 'ctime', 'mtime']);
    expect([stat.atime, stat.btime, stat.ctime, stat.mtime].map(inNs)).toEqual([
      0n,
      -999_999_999n,
      -1_999_999_998n,
      -2_999_999_997n,
    ]);
  });

  it('statx throws what Linux refuses, with the path', async () => {
    await expect(
      statx(
        taskWith(() => -2),
        AT_FDCWD,
        'gone',
        0,
      ),
    ).rejects.toThrow('statx gone: no such file or directory');
  });

  it('utimensat keeps a time left out, and splits one before 1970', async () => {
    const task = taskWith((call, [, , at = 0], memory) => {
      expect(call).toBe('utimensat_time64');
      expect([0, 8, 16, 24].map((offset) => memory.i64(ptr(at + offset)))).toEqual([
        0n,
        0x3fff_fffen,
        -2n,
        999_999_999n,
      ]);
      return 0;
    });
    expect(layoutOf('timespec')).toMatchObject({ size: 16 });
    expect(await utimensat(task, AT_FDCWD, 'f', { mtimeNs: -1_000_000_001n })).toBe(0);
  });
});

describe('directories', () => {
  it('getdents64 gives names as bytes, until there are none', async () => {
    let left = ['.', '..', 'plain', '\xff\xfe', 'x'.repeat(255)];
    const task = taskWith((_call, [fd, at = 0, bytes], memory) => {
      expect([fd, bytes]).toEqual([3, buffer.bytes]);
      let end = ptr(at);
      for (const [n, name] of left.entries()) {
        const reclen = Math.ceil((19 + name.length + 1) / 8) * 8;
        memory.setU64(end, BigInt(n + 10));
        memory.setU16(plus(end, 16), reclen);
        memory.write(plus(end, 18), Uint8Array.of(n, ...latin1(name), 0));
        end = plus(end, reclen);
      }
      left = [];
      return end - at;
    });
    const dirents = await getdents64(task, 3, buffer);
    expect(dirents.map(({ name }) => String.fromCharCode(...name))).toEqual([
      '.',
      '..',
      'plain',
      '\xff\xfe',
      'x'.repeat(255),
    ]);
    expect(dirents[3]).toMatchObject({ ino: 13n, type: 3 });
    expect(await getdents64(task, 3, buffer)).toEqual([]);
  });

  it.each<[string, readonly string[][], readonly string[]]>([
    ['an entry without a name', [['.', '..', 'a', '', 'b'], ['c']], ['.', '..', 'a', 'b']],
    ['a second "."', [['.', '..', 'a'], ['.', 'b'], ['c']], ['.', '..', 'a', 'b']],
    ['a second ".."', [['.', '..', '..']], ['.', '..']],
    ['the same again and again', [['a'], ['a']], ['a']],
  ])('readdir gives what is sound of a damaged directory, then EUCLEAN: %s', async (_, pages, sound) => {
    const left = [...pages];
    const task = taskWith((_call, [, at = 0], memory) => {
      let end = ptr(at);
      for (const name of left.shift() ?? []) {
        const reclen = Math.ceil((19 + name.length + 1) / 8) * 8;
        memory.setU64(end, 1n);
        memory.setU16(plus(end, 16), reclen);
        memory.write(plus(end, 18), Uint8Array.of(0, ...latin1(name), 0));
        end = plus(end, reclen);
      }
      return end - at;
    });
    const names: string[] = [];
    const listing = async () => {
      for await (const dirents of readdir(task, 3, buffer))
        names.push(...dirents.map(({ name }) => String.fromCharCode(...name)));
    };
    await expect(listing()).rejects.toMatchObject({ errno: 'EUCLEAN', call: 'getdents64' });
    expect(names).toEqual(sound);
  });

  it('two paths of one call do not overlap', async () => {
    const task = taskWith((_call, [from, a, to, b, flags], memory) => {
      expect([from, string(memory, a), to, string(memory, b), flags]).toEqual([3, 'old name', 4, 'new', 1]);
      return 0;
    });
    expect(await renameat2(task, 3, 'old name', 4, 'new', 1)).toBe(0);
  });

  it('mknodat encodes the device', async () => {
    const task = taskWith((_call, args) => {
      expect(args.slice(2)).toEqual([0o20600, 0x103]);
      return 0;
    });
    expect(await mknodat(task, AT_FDCWD, 'null', 0o20600, { major: 1, minor: 3 })).toBe(0);
  });
});

describe('mounts', () => {
  it('mount passes all its strings', async () => {
    const task = taskWith((_call, [source, target, type, flags, options], memory) => {
      expect([source, target, type, options].map((at) => string(memory, at))).toEqual([
        '/dev/vda',
        '/mnt',
        'ext4',
        'ro,x=1',
      ]);
      return flags === 1 ? -22 : 0;
    });
    expect(await mount(task, '/dev/vda', '/mnt', 'ext4', 1, 'ro,x=1')).toBe(-22);
  });

  it('statfs64 has every field from where the compiler puts it', async () => {
    let filled: Record<string, number> = {};
    const task = taskWith((_call, [path, size, at = 0], memory) => {
      expect([string(memory, path), size]).toEqual(['/mnt', layoutOf('statfs64').size]);
      filled = fillStruct('statfs64', memory, ptr(at));
      return 0;
    });
    const { fsid: _fsid, ...statfs } = await statfs64(task, '/mnt');
    for (const [key, value] of Object.entries(statfs)) {
      if (typeof value === 'number') expect([key, value]).toEqual([key, filled[key]]);
    }
    expect(statfs.blocks).toBe(filled.blocks);
  });
});

describe('extended attributes', () => {
  it('listxattr splits the list, of a path or an open file', async () => {
    const task = taskWith((call, [target, at = 0], memory) => {
      memory.write(ptr(at), latin1('user.a\0user.\xff\0'));
      return call === 'flistxattr' && target === 3 ? 14 : string(memory, target) === 'f' ? 7 : 0;
    });
    expect(await listxattr(task, { fd: 3 }, buffer)).toEqual([latin1('user.a'), latin1('user.\xff')]);
    expect(await listxattr(task, { path: 'f' }, buffer)).toEqual([latin1('user.a')]);
    expect(await listxattr(task, { path: 'g' }, buffer)).toEqual([]);
  });

  it('listxattr ends with the list, whether or not that ends in a NUL', async () => {
    const task = taskWith((_call, [_path, at = 0], memory) => {
      memory.write(ptr(at), latin1('user.a\0security.sel\0'));
      return 17;
    });
    expect(await listxattr(task, { path: 'f' }, buffer)).toEqual([latin1('user.a'), latin1('security.s')]);
  });

  it('getxattr copies the value out', async () => {
    const task = taskWith((call, [path, name, at = 0, bytes], memory) => {
      expect([call, string(memory, path), string(memory, name), bytes]).toEqual(['lgetxattr', 'f', 'user.a', 1024]);
      memory.write(ptr(at), latin1('\0\xff'));
      return 2;
    });
    const value = await getxattr(task, { path: 'f' }, 'user.a', buffer);
    task.memory.bytes.fill(0);
    expect(value).toEqual(latin1('\0\xff'));
  });

  it.each(['lgetxattr', 'llistxattr'] as const)(
    '%s asks for the size of a long answer, and no more than that',
    async (name) => {
      const sizes: number[] = [];
      const answer = latin1(`${'x'.repeat(4999)}\0`);
      const task = taskWith((call, args, memory) => {
        expect(call).toBe(name);
        const [at = 0, bytes = 0] = args.slice(-2);
        sizes.push(bytes);
        if (bytes === 0) return answer.length;
        if (bytes < answer.length) return -34;
        memory.write(ptr(at), answer);
        return answer.length;
      });
      const found =
        name === 'lgetxattr'
          ? await getxattr(task, { path: 'f' }, 'user.a', buffer)
          : (await listxattr(task, { path: 'f' }, buffer))[0];
      expect(found).toEqual(name === 'lgetxattr' ? answer : answer.subarray(0, -1));
      expect(sizes).toEqual([1024, 0, 5000]);
    },
  );

  it('setxattr passes the value and its length', async () => {
    const task = taskWith((call, [fd, name, at = 0, bytes = 0, flags], memory) => {
      expect([call, fd, string(memory, name), flags]).toEqual(['fsetxattr', 3, 'user.a', 1]);
      expect(memory.copy(ptr(at), bytes)).toEqual(latin1('v\0'));
      return -17;
    });
    expect(await setxattr(task, { fd: 3 }, 'user.a', latin1('v\0'), buffer, 1)).toBe(-17);
  });
});

it('mapBuffer asks for private memory, readable and writable', async () => {
  const task = taskWith((call, args) => {
    expect([call, ...args]).toEqual(['mmap2', 0, 8192, 3, 0x22, -1, 0]);
    return 0x9000;
  });
  expect(await mapBuffer(task, 8192)).toEqual({ at: 0x9000, bytes: 8192 });
  await expect(
    mapBuffer(
      taskWith(() => -12),
      8192,
    ),
  ).rejects.toThrow('ENOMEM');
});

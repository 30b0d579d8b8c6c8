/** A task over a tree held in JavaScript: the system calls that read file systems, and files that fail on demand. */

import { errnos } from '../../src/abi/errno.ts';
import type { SyscallName } from '../../src/abi/syscalls.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, SEEK_DATA } from '../../src/abi/uapi/fs.ts';
import { KernelMemory, type Ptr, plus, ptr } from '../../src/kernel/memory.ts';
import type { UserTask } from '../../src/kernel/user-task.ts';

const fileTypes = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  char: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
} as const;

/** One inode. Names, targets and attributes are strings of one char a byte. */
export interface Inode {
  readonly type: keyof typeof fileTypes;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs?: bigint;
  readonly ino?: number;
  readonly devMinor?: number;
  readonly mntId?: number;
  readonly nlink?: number;
  readonly rdev?: readonly [major: number, minor: number];
  readonly data?: Uint8Array;
  /** Reads beyond this many bytes fail, with EIO or, for 'end', as the file's end. */
  readonly readableBytes?: readonly [bytes: number, then: 'EIO' | 'end'];
  /** Runs of data as [from, to); the rest is holes. */
  readonly extents?: readonly (readonly [number, number])[];
  readonly target?: string;
  readonly names?: Record<string, Inode>;
  readonly xattrs?: Record<string, string>;
  /** Where ".." leads, if not to the parent. */
  readonly dotDot?: Inode;
  /** A directory whose listing starts over at its end. */
  readonly endless?: boolean;
  /** System calls that fail on this inode. */
  readonly errors?: Partial<Record<SyscallName, keyof typeof errnos>>;
}

/** A place in the tree: the inodes from its root to here. */
type Place = readonly [Inode, ...Inode[]];

class Refusal extends Error {
  readonly errno: keyof typeof errnos;
  constructor(errno: keyof typeof errnos) {
    super(errno);
    this.errno = errno;
  }
}

const SCRATCH_BYTES = 16_384;
const BUFFER = ptr(65_536);

/** The task, with what a test may ask about it afterwards. */
export class TreeTask implements UserTask {
  readonly pid = 1;
  readonly memory = new KernelMemory(new WebAssembly.Memory({ initial: 64 }));
  readonly scratch = ptr(4096);
  readonly scratchBytes = SCRATCH_BYTES;
  /** Most files that were open at once. */
  mostOpen = 0;
  readonly calls: SyscallName[] = [];
  /** What /dev/kmsg has to read. */
  readonly log: string[] = [];
  readonly #mount: Inode;
  readonly #log: Inode = { type: 'char' };
  readonly #fds = new Map<number, { readonly place: Place; listed: boolean }>();
  readonly #inos = new Map<Inode, number>();
  #cwd: Place;

  /** `mount` is what "/mnt" shows. */
  constructor(mount: Inode) {
    this.#mount = mount;
    this.#cwd = [mount];
  }

  get open(): number {
    return this.#fds.size;
  }

  async syscall(call: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    this.calls.push(call);
    const numbers = args.map(Number);
    try {
      return this.#run(call, numbers);
    } catch (error) {
      if (error instanceof Refusal) return -errnos[error.errno].number;
      throw error;
    }
  }

  #run(call: SyscallName, args: readonly number[]): number {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = args;
    switch (call) {
      case 'mmap2':
        return BUFFER;
      case 'munmap':
        return 0;
      case 'openat':
      case 'openat2':
        return this.#open(this.#walk(call, a, this.#string(b)));
      case 'close':
        return this.#fds.delete(a) ? 0 : -errnos.EBADF.number;
      case 'chdir':
        this.#cwd = this.#walk(call, -100, this.#string(a));
        return 0;
      case 'fchdir':
        this.#cwd = this.#walk(call, a, '.');
        return 0;
      case 'statx':
        return this.#statx(this.#inode(call, a, b), ptr(e));
      case 'getdents64':
        return this.#getdents(a, ptr(b));
      case 'llistxattr': {
        const names = Object.keys(this.#inode(call, -100, a).xattrs ?? {});
        return this.#answer(ptr(b), c, names.map((name) => `${name}\0`).join(''));
      }
      case 'lgetxattr': {
        const value = this.#inode(call, -100, a).xattrs?.[this.#string(b)];
        if (value === undefined) throw new Refusal('ENODATA');
        return this.#answer(ptr(c), d, value);
      }
      case 'readlinkat':
        return this.#answer(ptr(c), d, this.#inode(call, a, b).target ?? '');
      case 'read': {
        const record = this.log.shift();
        if (record === undefined) throw new Refusal('EAGAIN');
        return record === '' ? -errnos.EPIPE.number : this.#answer(ptr(b), c, record);
      }
      case 'pread64':
        return this.#pread(this.#walk(call, a, '.'), ptr(b), c, d);
      case 'llseek':
        return this.#seek(this.#walk(call, a, '.'), b * 2 ** 32 + c, ptr(d), e);
      default:
        throw new Error(`the tree task has no ${call}`);
    }
  }

  #string(at: number): string {
    const bytes = this.memory.bytes;
    return String.fromCharCode(...bytes.subarray(at, bytes.indexOf(0, at)));
  }

  #answer(at: Ptr, room: number, value: string): number {
    if (room === 0) return value.length;
    if (value.length > room) throw new Refusal('ERANGE');
    this.memory.write(
      at,
      Uint8Array.from(value, (char) => char.charCodeAt(0)),
    );
    return value.length;
  }

  #inode(call: SyscallName, dirfd: number, path: number): Inode {
    return last(this.#walk(call, dirfd, this.#string(path)));
  }

  #walk(call: SyscallName, dirfd: number, path: string): Place {
    if (path === '/dev/kmsg') return [this.#log];
    let place: Place = this.#fds.get(dirfd)?.place ?? this.#cwd;
    if (path.startsWith('/')) place = [this.#mount];
    for (const name of path.replace(/^\/(mnt)?/, '').split('/')) {
      if (name === '' || name === '.') continue;
      const here = last(place);
      const [root, ...below] = place;
      const parent: Place = here.dotDot ? [here.dotDot] : [root, ...below.slice(0, -1)];
      const child = here.names?.[name];
      if (name !== '..' && !child) throw new Refusal('ENOENT');
      place = child ? [...place, child] : parent;
    }
    const refused = last(place).errors?.[call];
    if (refused) throw new Refusal(refused);
    return place;
  }

  #open(place: Place): number {
    let fd = 3;
    while (this.#fds.has(fd)) fd++;
    this.#fds.set(fd, { place, listed: false });
    this.mostOpen = Math.max(this.mostOpen, this.#fds.size);
    return fd;
  }

  #statx(inode: Inode, at: Ptr): number {
    if (!this.#inos.has(inode)) this.#inos.set(inode, this.#inos.size + 2);
    const size = inode.data?.length ?? inode.target?.length ?? 4096;
    const stored = inode.extents?.reduce((sum, [from, to]) => sum + to - from, 0) ?? size;
    const ns = inode.mtimeNs ?? 0n;
    const memory = this.memory;
    memory.bytes.fill(0, at, at + 256);
    memory.setU32(plus(at, 0x10), inode.nlink ?? 1);
    memory.setU32(plus(at, 0x14), inode.uid ?? 0);
    memory.setU32(plus(at, 0x18), inode.gid ?? 0);
    memory.setU16(plus(at, 0x1c), fileTypes[inode.type] | (inode.mode ?? 0o644));
    memory.setI64FromNumber(plus(at, 0x20), inode.ino ?? this.#inos.get(inode) ?? 0);
    memory.setI64FromNumber(plus(at, 0x28), size);
    memory.setI64FromNumber(plus(at, 0x30), Math.ceil(stored / 512));
    memory.setU64(plus(at, 0x70), BigInt.asUintN(64, ns / 1_000_000_000n));
    memory.setU32(plus(at, 0x78), Number(ns % 1_000_000_000n));
    memory.setU32(plus(at, 0x80), inode.rdev?.[0] ?? 0);
    memory.setU32(plus(at, 0x84), inode.rdev?.[1] ?? 0);
    memory.setU32(plus(at, 0x8c), inode.devMinor ?? 0);
    memory.setI64FromNumber(plus(at, 0x90), inode.mntId ?? 1);
    return 0;
  }

  /** All names at once, last one first. */
  #getdents(fd: number, at: Ptr): number {
    const file = this.#fds.get(fd);
    if (!file) throw new Refusal('EBADF');
    const inode = last(file.place);
    if (file.listed) {
      if (inode.errors?.getdents64) throw new Refusal(inode.errors.getdents64);
      return 0;
    }
    file.listed = !inode.endless;
    let end = at;
    for (const name of ['.', '..', ...Object.keys(inode.names ?? {}).reverse()]) {
      const length = Math.ceil((19 + name.length + 1) / 8) * 8;
      this.memory.bytes.fill(0, end, end + length);
      this.memory.setU16(plus(end, 16), length);
      this.#answer(plus(end, 19), 255, name);
      end = plus(end, length);
    }
    return end - at;
  }

  #pread(place: Place, at: Ptr, bytes: number, offset: number): number {
    const { data = new Uint8Array(), readableBytes: [readable, then] = [data.length, 'end'] } = last(place);
    if (offset >= readable && then === 'EIO') throw new Refusal('EIO');
    const found = data.subarray(offset, Math.min(offset + bytes, readable));
    this.memory.write(at, found);
    return found.length;
  }

  #seek(place: Place, offset: number, result: Ptr, whence: number): number {
    const { data = new Uint8Array(), extents = [[0, data.length]] } = last(place);
    const next = extents.find(([, to]) => to > offset);
    if (!next && whence === SEEK_DATA) throw new Refusal('ENXIO');
    const inData = next !== undefined && next[0] <= offset;
    const data0 = inData ? offset : (next?.[0] ?? data.length);
    const hole = inData ? next[1] : offset;
    this.memory.setI64FromNumber(result, whence === SEEK_DATA ? data0 : hole);
    return 0;
  }
}

const last = (place: Place): Inode => place.at(-1) ?? place[0];

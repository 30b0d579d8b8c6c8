/** One path of a tree, of an image or of a live kernel: a file to read by range, or a directory to list page by page. */

import { errnos } from '../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_LARGEFILE,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../abi/uapi/fs.ts';
import type { Sink } from '../archive/chunk-writer.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { readdir } from '../kernel/syscalls/dir.ts';
import { close, inNs, openat, openat2, pread64, readlinkat, type Statx, statx } from '../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import type { UserTask } from '../kernel/user-task.ts';

const types = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
] as const);

export type FileType = typeof types extends Map<number, infer Type> ? Type : never;

/** One entry of a directory. Names are bytes. */
export interface Entry {
  readonly name: Uint8Array;
  readonly type: FileType;
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly links: number;
  readonly mtimeNs: bigint;
  /** Of a symlink. */
  readonly target: Uint8Array | undefined;
}

export interface OpenedFile {
  readonly type: 'file';
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  /** Exactly `length` bytes from `offset` on, or it rejects. */
  read(offset: number, length: number, sink: Sink): Promise<void>;
  /** Whether a read at its end agrees with its size. What the kernel makes as it is read (proc, sysfs) has none that does. */
  isSized(): Promise<boolean>;
  /** All there is now, however much. */
  readAll(sink: Sink): Promise<void>;
  close(): Promise<void>;
}

export interface Page {
  readonly entries: readonly Entry[];
  readonly more: boolean;
}

export interface OpenedDirectory {
  readonly type: 'directory';
  /** At most `limit` entries in byte order of their names, those after `after`. */
  list(limit: number, after?: Uint8Array): Promise<Page>;
  close(): Promise<void>;
}

export type OpenedPath = OpenedFile | OpenedDirectory;

const BUFFER_BYTES = 256 * 1024;

export interface OpenOptions {
  /** Nobody changes the tree: a name that a directory lists and that leads nowhere is damage, EUCLEAN. */
  readonly still?: boolean;
}

/** Open `path` below `root`: symlinks and ".." on the way do not leave it. */
export async function openPath(
  task: UserTask,
  root: string,
  path: Uint8Array,
  { still = false }: OpenOptions = {},
): Promise<OpenedPath> {
  const fds: number[] = [];
  const closeAll = async () => {
    for (const fd of fds.splice(0)) await close(task, fd);
  };
  const keep = (call: 'openat' | 'openat2', fd: number, what: string | Uint8Array) => {
    fds.push(must(call, fd, what));
    return fd;
  };
  try {
    const rootFd = keep('openat', await openat(task, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC), root);
    const open = async (flags: number) => {
      const how = { flags: flags | O_CLOEXEC, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
      return keep('openat2', await openat2(task, rootFd, path.length > 0 ? path : '.', how), path);
    };
    const stat = await statx(task, await open(O_PATH), '', AT_EMPTY_PATH); // opening a fifo for reading would block
    const type = typeOf(stat);
    if (type !== 'file' && type !== 'directory') {
      throw new HostError('not-a-file', `a ${type}, neither a regular file nor a directory`);
    }
    const fd = await open(O_RDONLY | O_LARGEFILE | O_NONBLOCK);
    const buffer = await mapBuffer(task, BUFFER_BYTES);
    const closing = {
      async close() {
        await unmapBuffer(task, buffer);
        await closeAll();
      },
    };
    if (type === 'directory') {
      return { type, list: (limit, after) => list(task, { fd, buffer, still }, limit, after), ...closing };
    }
    const sizeBytes = stat.size;
    return {
      type,
      sizeBytes,
      mtimeNs: inNs(stat.mtime),
      read: (offset, length, sink) => readRange(task, fd, buffer, { offset, length, sink }),
      async isSized() {
        const last = Math.max(sizeBytes - 1, 0);
        return (await pread64(task, fd, buffer, 2, last)) === Math.min(sizeBytes, 1);
      },
      async readAll(sink) {
        for (let at = 0; ; ) {
          const bytes = await pread64(task, fd, buffer, buffer.bytes, at);
          if (bytes === 0 || bytes === -errnos.EAGAIN.number) return; // /proc/kmsg would wait for more
          must('pread64', bytes);
          await sink(task.memory.copy(buffer.at, bytes));
          at += bytes;
        }
      },
      ...closing,
    };
  } catch (cause) {
    await closeAll();
    const missing = still && cause instanceof KernelError && cause.errno === 'ENOENT';
    if (missing && (await isListed(task, root, path))) throw new KernelError('openat2', errnos.EUCLEAN.number, path);
    throw cause;
  }
}

/** Whether the directory that `path` is in lists it. Not below a symlink: whether that leads anywhere is another question. */
async function isListed(task: UserTask, root: string, path: Uint8Array): Promise<boolean> {
  const text = toChars(path).replace(/\/+$/, '');
  const parent = toBytes(text.slice(0, text.lastIndexOf('/') + 1) || '.');
  const name = text.slice(text.lastIndexOf('/') + 1);
  const rootFd = await openat(task, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  const how = { flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  const fd = await openat2(task, rootFd, parent, how);
  const buffer = await mapBuffer(task, BUFFER_BYTES);
  try {
    if (fd < 0) return false;
    for await (const dirents of readdir(task, fd, buffer)) {
      const dirent = dirents.find((one) => toChars(one.name) === name);
      if (dirent) return dirent.type !== DT_LNK && !(await isSymlink(task, fd, dirent.name));
    }
    return false;
  } finally {
    await unmapBuffer(task, buffer);
    for (const opened of [fd, rootFd]) if (opened >= 0) await close(task, opened);
  }
}

/** dirent.h */
const DT_LNK = 10;

/** File systems that do not tell types in their listings (DT_UNKNOWN) tell it here. */
async function isSymlink(task: UserTask, directory: number, name: Uint8Array): Promise<boolean> {
  try {
    return ((await statx(task, directory, name, AT_SYMLINK_NOFOLLOW)).mode & S_IFMT) === S_IFLNK;
  } catch (cause) {
    if (cause instanceof KernelError) return false;
    throw cause;
  }
}

async function readRange(
  task: UserTask,
  fd: number,
  buffer: UserBuffer,
  { offset, length, sink }: { readonly offset: number; readonly length: number; readonly sink: Sink },
): Promise<void> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const bytes = must('pread64', await pread64(task, fd, buffer, end - at, at));
    if (bytes === 0) throw new KernelError('pread64', errnos.EIO.number); // it ends before its size
    await sink(task.memory.copy(buffer.at, bytes));
    at += bytes;
  }
}

/** One char a byte: JavaScript compares such strings by their bytes. */
const toChars = (name: Uint8Array): string => Array.from(name, (byte) => String.fromCharCode(byte)).join('');
const toBytes = (chars: string): Uint8Array => Uint8Array.from(chars, (char) => char.charCodeAt(0));

async function list(
  task: UserTask,
  { fd, buffer, still }: { readonly fd: number; readonly buffer: UserBuffer; readonly still: boolean },
  limit: number,
  after: Uint8Array | undefined,
): Promise<Page> {
  const from = after === undefined ? '' : toChars(after);
  const names: string[] = [];
  for await (const dirents of readdir(task, fd, buffer)) {
    for (const dirent of dirents) {
      const name = toChars(dirent.name);
      if (name !== '.' && name !== '..' && name > from) names.push(name);
    }
  }
  names.sort();
  const entries: Entry[] = [];
  for (const name of names.slice(0, limit)) {
    try {
      entries.push(await entry(task, fd, toBytes(name)));
    } catch (cause) {
      if (!(cause instanceof KernelError && cause.errno === 'ENOENT')) throw cause;
      if (still) throw new KernelError(cause.call, errnos.EUCLEAN.number, toBytes(name));
      // else it has gone since it was listed
    }
  }
  return { entries, more: names.length > limit };
}

async function entry(task: UserTask, directory: number, name: Uint8Array): Promise<Entry> {
  const stat = await statx(task, directory, name, AT_SYMLINK_NOFOLLOW);
  const type = typeOf(stat);
  return {
    name,
    type,
    mode: stat.mode & ~S_IFMT,
    uid: stat.uid,
    gid: stat.gid,
    sizeBytes: stat.size,
    links: stat.nlink,
    mtimeNs: inNs(stat.mtime),
    target: type === 'symlink' ? await readlinkat(task, directory, name) : undefined,
  };
}

/** A file system may hold a mode that Linux has no type for; it is damage. */
function typeOf(stat: Statx): FileType {
  for (const [bits, type] of types) if ((stat.mode & S_IFMT) === bits) return type;
  throw new KernelError('statx', errnos.EUCLEAN.number);
}

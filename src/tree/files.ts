/** One path of a tree, of an image or of a live kernel: a file to read by range, or a directory to list page by page. */

import { errnos } from '../abi/errno.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../abi/uapi/fs.ts';
import type { Sink } from '../archive/chunk-writer.ts';
import { withoutEnd } from '../bytes/ends.ts';
import { fromLatin1, latin1 } from '../bytes/latin1.ts';
import { joinPath } from '../bytes/paths.ts';
import { HostError } from '../errors/host-error.ts';
import type { Problem } from '../errors/problem.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import type { KernelLog } from '../kernel/log/kernel-log.ts';
import { inNs, type Statx } from '../kernel/syscalls/file.ts';
import type { UserTask } from '../kernel/user-task.ts';
import type { ByteRange } from './byte-range.ts';
import { DamageError, isDamage } from './damage-error.ts';
import { damageWatch } from './damage-watch.ts';
import type { OpenDirectory } from './open/open-directory.ts';
import type { OpenFile } from './open/open-file.ts';
import { SmallestNames } from './smallest-names.ts';
import { taskPool } from './task-pool.ts';
import { openTree, type Tree } from './tree.ts';

const types = new Map([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
] as const);

/** include/linux/fs_types.h: DT_* are the bits of a mode, shifted; 0 says that a file system does not tell. */
export const typesOfDirents: ReadonlyMap<number, FileType> = new Map(
  [...types].map(([bits, type]) => [bits >> 12, type]),
);

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

/** What a page lacks, and why: plain data. */
export interface Lacking {
  /** Of a file that cannot be told of; absent: the listing itself ended early, names may be missing. */
  readonly name: Uint8Array | undefined;
  /** What the directory says of that file, if it says anything. */
  readonly type: FileType | undefined;
  readonly problem: Problem;
}

export interface Page {
  readonly entries: readonly Entry[];
  readonly lacking: readonly Lacking[];
  /** The last name that it deals with; undefined: it has none. */
  readonly last: Uint8Array | undefined;
  readonly more: boolean;
}

/** At what cannot be read: reject, or tell of it in the page and go on. */
export type OnError = 'stop' | 'continue';

export interface OpenedDirectory {
  readonly type: 'directory';
  /** At most `limit` entries in byte order of their names, those after `after`. What cannot be read rejects, unless `onError` says otherwise. */
  list(limit: number, after?: Uint8Array, onError?: OnError): Promise<Page>;
  close(): Promise<void>;
}

export type OpenedPath = OpenedFile | OpenedDirectory;

/** Of a file, at a time. */
const PIECE_BYTES = 256 * 1024;

export interface OpenOptions {
  /** Nobody changes the tree: a name that a directory lists and that leads nowhere is damage, EUCLEAN. */
  readonly still?: boolean;
  /** The kernel's log: a listing during which it tells of damage is EUCLEAN. */
  readonly log?: KernelLog;
}

/** Open `path` below `root`: symlinks and ".." on the way do not leave it. The task is the caller's again once that is closed. */
export async function openPath(
  task: UserTask,
  root: string,
  path: Uint8Array,
  { still = false, log }: OpenOptions = {},
): Promise<OpenedPath> {
  const tasks = await taskPool(task);
  const tree = await openTree(tasks, root, log && damageWatch(tasks, log));
  const done = async () => {
    await tree.close();
    await tasks.close();
  };
  try {
    return await openIn(tree, path.length > 0 ? path : DOT, { still, done });
  } catch (cause) {
    const missing = still && cause instanceof KernelError && cause.errno === 'ENOENT';
    const isDamage = missing && (await isListed(tree, path));
    await done();
    throw isDamage ? new KernelError('openat2', errnos.EUCLEAN.number, path) : cause;
  }
}

/** Whether the directory that `path` is in lists it. Not below a symlink: whether that leads anywhere is another question. */
async function isListed(tree: Tree, path: Uint8Array): Promise<boolean> {
  const text = withoutEnd(latin1(path), '/');
  const parent = fromLatin1(text.slice(0, text.lastIndexOf('/') + 1) || '.');
  const name = text.slice(text.lastIndexOf('/') + 1);
  const directory = await tree.openDirectory(parent).catch(unlessRefused);
  if (directory === undefined) return false;
  try {
    for (let dirents = await directory.next(); dirents.length > 0; dirents = await directory.next()) {
      const dirent = dirents.find((one) => latin1(one.name) === name);
      if (dirent) return dirent.type !== DT_LNK && !(await isSymlink(directory, dirent.name));
    }
    return false;
  } finally {
    await directory.close();
  }
}

/** dirent.h */
const DT_LNK = 10;

/** File systems that do not tell types in their listings (DT_UNKNOWN) tell it here. */
async function isSymlink(directory: OpenDirectory, name: Uint8Array): Promise<boolean> {
  const stat = await directory.stat(name).catch(unlessRefused);
  return stat !== undefined && isLink(stat);
}

function unlessRefused(cause: unknown): undefined {
  if (!(cause instanceof KernelError)) throw cause;
}

const DOT = Uint8Array.of(0x2e);

interface InTree {
  readonly still: boolean;
  readonly done: () => Promise<void>;
}

async function openIn(tree: Tree, path: Uint8Array, { still, done }: InTree): Promise<OpenedPath> {
  const { size: sizeBytes, ...stat } = await tree.stat(path);
  const type = typeOf(stat);
  if (type === 'directory') {
    const directory = await tree.openDirectory(path);
    const close = () => directory.close().then(done);
    const at = (name?: Uint8Array) => (name ? joinPath(path, name) : path);
    return {
      type,
      list: (limit, after, onError = 'stop') => list(directory, { limit, after, still, onError, at }),
      close,
    };
  }
  if (type !== 'file') throw new HostError('not-a-file', `a ${type}, neither a regular file nor a directory`);
  const file = await tree.openFile(path);
  return {
    type,
    sizeBytes,
    mtimeNs: inNs(stat.mtime),
    read: (offset, length, sink) => told(path, () => readRange(file, { offset, length }, sink)),
    async isSized() {
      return (await file.read(Math.max(sizeBytes - 1, 0), new Uint8Array(2))) === Math.min(sizeBytes, 1);
    },
    readAll: (sink) => readAll(file, sink),
    close: () => file.close().then(done),
  };
}

/** Handles know no names: what fails is told of by its path. */
async function told<T>(path: Uint8Array, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof KernelError) || cause.path !== undefined) throw cause;
    const error = new KernelError(cause.call, cause.number, path, cause.said);
    throw isDamage(error) ? new DamageError(error) : error;
  }
}

async function readRange(file: OpenFile, { offset, length }: ByteRange, sink: Sink): Promise<void> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, end - at));
    const bytes = await file.read(at, piece);
    if (bytes < piece.length) throw new KernelError('pread64', errnos.EIO.number); // it ends before its size
    await sink(piece);
    at += bytes;
  }
}

async function readAll(file: OpenFile, sink: Sink): Promise<void> {
  for (let at = 0; ; ) {
    const piece = new Uint8Array(PIECE_BYTES);
    const bytes = await file.read(at, piece);
    if (bytes === 0) return;
    await sink(piece.subarray(0, bytes));
    at += bytes;
  }
}

interface Listing {
  readonly limit: number;
  readonly after: Uint8Array | undefined;
  readonly still: boolean;
  readonly onError: OnError;
  /** The path of the directory, or of a file in it. */
  at(name?: Uint8Array): Uint8Array;
}

async function list(directory: OpenDirectory, { limit, after, still, onError, at }: Listing): Promise<Page> {
  // Types behind the names, as no name has a NUL in it: a directory may be large.
  const page = new SmallestNames(limit, after === undefined ? '' : `${latin1(after)}\0\uffff`);
  const lacking: Lacking[] = [];
  const tell = (cause: unknown, name?: Uint8Array, type?: FileType): void => {
    if (onError === 'stop' || !(cause instanceof KernelError)) throw cause;
    const { problem } = new DamageError(new KernelError(cause.call, cause.number, at(name), cause.said));
    lacking.push({ name, type, problem });
  };
  try {
    for (let dirents = await directory.next(); dirents.length > 0; dirents = await directory.next()) {
      for (const { name, type } of dirents) page.add(`${latin1(name)}\0${String.fromCharCode(type)}`);
    }
  } catch (cause) {
    tell(cause);
  }
  const entries: Entry[] = [];
  const names = page.names.map((key) => ({ name: fromLatin1(key.slice(0, -2)), type: key.charCodeAt(key.length - 1) }));
  for (const { name, type } of names) {
    try {
      entries.push(await entry(directory, name));
    } catch (cause) {
      const isMissing = cause instanceof KernelError && cause.errno === 'ENOENT';
      const known = typesOfDirents.get(type);
      if (!isMissing) tell(cause, name, known);
      else if (still) tell(new KernelError(cause.call, errnos.EUCLEAN.number, name), name, known);
      // else it has gone since it was listed
    }
  }
  return { entries, lacking, last: names.at(-1)?.name, more: page.more };
}

async function entry(directory: OpenDirectory, name: Uint8Array): Promise<Entry> {
  const stat = await directory.stat(name);
  return { name, ...described(stat), target: isLink(stat) ? await directory.readlink(name) : undefined };
}

export const isLink = (stat: Pick<Statx, 'mode'>): boolean => (stat.mode & S_IFMT) === S_IFLNK;

/** What an entry says of a file beside its name and where it leads. */
export function described(stat: Statx): Omit<Entry, 'name' | 'target'> {
  return {
    type: typeOf(stat),
    mode: stat.mode & ~S_IFMT,
    uid: stat.uid,
    gid: stat.gid,
    sizeBytes: stat.size,
    links: stat.nlink,
    mtimeNs: inNs(stat.mtime),
  };
}

/** A file system may hold a mode that Linux has no type for; it is damage. */
export function typeOf(stat: Pick<Statx, 'mode'>): FileType {
  for (const [bits, type] of types) if ((stat.mode & S_IFMT) === bits) return type;
  throw new KernelError('statx', errnos.EUCLEAN.number);
}

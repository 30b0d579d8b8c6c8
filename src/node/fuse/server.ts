/** Answers Linux's requests to a file system in user space (linux/fuse.h) by calls on a tree that is mounted in our kernel. */

import { errnos } from '../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from '../../abi/uapi/fs.ts';
import { type FuseOperation, fuse, fuseOperations } from '../../abi/uapi/fuse.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { openat } from '../../kernel/syscalls/file.ts';
import type { PlayedTask } from '../../kernel/user-task.ts';
import { hidesContent } from '../../tree/unreadable.ts';
import type { Channel } from './channel.ts';
import { fields, getU64, setU64 } from './layouts.ts';
import { Nodes } from './nodes.ts';
import * as attributes from './operations/attributes.ts';
import { ioctl } from './operations/control.ts';
import * as directories from './operations/directories.ts';
import * as files from './operations/files.ts';
import * as names from './operations/names.ts';
import { MAX_DATA_BYTES, RequestTask } from './request.ts';
import { keyOf, stat, type View } from './view.ts';

export interface ServedTree {
  /** Attached; it plays requests from now on. */
  readonly task: PlayedTask;
  /** One more, with the memory and the open files of the first. Attached, too. */
  newTask(): Promise<PlayedTask>;
  /** Where the tree is in the sight of the tasks. */
  readonly mountPoint: string;
  /** As the kernel calls its file system. */
  readonly type: string;
}

export interface ServeOptions {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Linux checks permissions itself, ACLs included. */
  readonly checksPermissions: boolean;
  /** Pages that are written stay with Linux until it flushes them. Default: true. */
  readonly writeback?: boolean | undefined;
  /** Files that Linux may know at once: each takes about a KiB of the kernel's memory. Default: 65,536. */
  readonly nodes?: number | undefined;
  /** Requests that are under way at once. */
  readonly tasks?: number | undefined;
  /** Told once Linux and we have agreed on a protocol: from then on the tree is there. */
  readonly onReady?: () => void;
  /** Told of what is no failed call: a fault of ours, or the end of the kernel. */
  readonly onFault: (cause: unknown) => void;
}

/** `how much follows the reply's header`, a negative errno, or nothing where no answer is wanted. */
type Operation = (request: RequestTask, view: View) => Promise<number> | number;

const ENOSYS = -errnos.ENOSYS.number;
const NO_REPLY = Number.NaN;

const TASKS = 6;
const NODES = 65_536;
const FORGET_AT_ONCE = 1024;
/** One descriptor for each file that Linux knows. */
const DESCRIPTORS = 1 << 20;
const RLIMIT_NOFILE = 7;

const initIn = fields('fuse_init_in');
const initOut = fields('fuse_init_out');
const forgetIn = fields('fuse_forget_in');
const batchForgetIn = fields('fuse_batch_forget_in');
const forgetOne = fields('fuse_forget_one');

const operations: Partial<Record<FuseOperation, Operation>> = {
  LOOKUP: names.lookup,
  MKNOD: names.mknod,
  MKDIR: names.mkdir,
  SYMLINK: names.symlink,
  READLINK: names.readlink,
  UNLINK: names.unlink,
  RMDIR: names.rmdir,
  RENAME: names.rename,
  RENAME2: names.rename2,
  LINK: names.link,
  GETATTR: attributes.getattr,
  SETATTR: attributes.setattr,
  STATX: attributes.statxOf,
  STATFS: attributes.statfs,
  SETXATTR: attributes.setxattr,
  GETXATTR: attributes.getxattr,
  LISTXATTR: attributes.listxattr,
  REMOVEXATTR: attributes.removexattr,
  OPEN: files.open,
  CREATE: files.create,
  TMPFILE: files.tmpfile,
  READ: files.read,
  WRITE: files.write,
  RELEASE: files.release,
  FSYNC: files.fsync,
  FALLOCATE: files.fallocate,
  LSEEK: files.lseek,
  COPY_FILE_RANGE: files.copyFileRange,
  OPENDIR: directories.opendir,
  READDIR: directories.readdir,
  READDIRPLUS: directories.readdirplus,
  RELEASEDIR: directories.releasedir,
  FSYNCDIR: files.fsync,
  IOCTL: ioctl,
  FORGET: forget,
  BATCH_FORGET: batchForget,
  /** What Linux interrupts ends soon. */
  INTERRUPT: () => NO_REPLY,
  DESTROY: () => 0,
};

/** By their numbers. Those that are not there are ENOSYS: Linux does locks, flushes and permissions without us then. */
const byNumber: readonly (Operation | undefined)[] = Object.entries(operations).reduce<(Operation | undefined)[]>(
  (table, [name, operation]) => {
    table[fuseOperations[name as FuseOperation]] = operation;
    return table;
  },
  [],
);

/** What we want of Linux where it can. */
const WANTED =
  fuse.ASYNC_READ |
  fuse.ASYNC_DIO |
  fuse.ATOMIC_O_TRUNC |
  fuse.BIG_WRITES |
  fuse.CACHE_SYMLINKS |
  fuse.DO_READDIRPLUS |
  fuse.DONT_MASK |
  fuse.EXPLICIT_INVAL_DATA |
  fuse.HANDLE_KILLPRIV_V2 |
  fuse.HAS_IOCTL_DIR |
  fuse.MAX_PAGES |
  fuse.PARALLEL_DIROPS |
  fuse.READDIRPLUS_AUTO |
  fuse.SETXATTR_EXT;

/** Linux 5.14: from then on it asks us to end set-id bits (HANDLE_KILLPRIV_V2), and knows all that we want of it. */
const OLDEST_MINOR = 31;
const PAGE_BYTES = 4096;
/** Without MAX_PAGES a request has 32 of them. */
const OLD_DATA_BYTES = 32 * PAGE_BYTES;
/** Of those who come from nobody's call: read-ahead and write-back. */
const MAX_BACKGROUND = 64;

/** Settles when the mount is gone. The tasks are detached then; what they have open is left to whoever ends them. */
export async function serve(channel: Channel, tree: ServedTree, options: ServeOptions): Promise<void> {
  const { task } = tree;
  const first = await RequestTask.make(task);
  const limit = new BigUint64Array([BigInt(DESCRIPTORS), BigInt(DESCRIPTORS)]);
  task.memory.write(first.struct, new Uint8Array(limit.buffer));
  must('prlimit64', await first.call('prlimit64', 0, RLIMIT_NOFILE, first.struct, 0));
  const root = must('openat', await openat(task, AT_FDCWD, tree.mountPoint, O_PATH | O_DIRECTORY | O_CLOEXEC));
  must('statx', await stat(first, root));
  const key = keyOf(first);
  const view: View = {
    nodes: new Nodes(root, key),
    owner: { uid: options.uid, gid: options.gid },
    directories: new Map(),
    devices: new Map([[key.slice(0, key.lastIndexOf(':')), 0]]),
    hidesContent: hidesContent(tree.type),
  };
  const idle = [first];
  while (idle.length < (options.tasks ?? TASKS)) idle.push(await RequestTask.make(await tree.newTask()));
  for (const { task } of idle) task.detach();
  await new Server(channel, view, idle, options).ended;
}

class Server {
  readonly ended: Promise<void>;
  readonly #channel: Channel;
  readonly #view: View;
  readonly #idle: RequestTask[];
  readonly #tasks: number;
  readonly #options: ServeOptions;
  readonly #end: () => void;
  #isGone = false;
  #isForgetting = false;

  constructor(channel: Channel, view: View, idle: RequestTask[], options: ServeOptions) {
    this.#channel = channel;
    this.#view = view;
    this.#idle = idle;
    this.#tasks = idle.length;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    channel.onReadable(() => this.#take());
  }

  /** Requests as long as there are some, and tasks for them. */
  #take(): void {
    for (let next = this.#idle.pop(); next; next = this.#idle.pop()) {
      if (!this.#read(next)) {
        this.#idle.push(next);
        break;
      }
    }
    this.#rest();
  }

  /** Whether there was one; it is played from now on, and those after it as long as there are some. */
  #read(by: RequestTask): boolean {
    if (this.#isGone) return false;
    const got = this.#channel.read(by.whole);
    if (got === 'gone') this.#isGone = true;
    if (got !== 'request') return false;
    by.task.attach();
    this.#play(by)
      .catch((cause: unknown) => this.#options.onFault(cause))
      // While it has more to do the task stays attached: the kernel stays in it, and needs no switch.
      .then(() => this.#read(by) || this.#idles(by));
    return true;
  }

  #idles(by: RequestTask): void {
    by.task.detach();
    this.#idle.push(by);
    this.#rest();
  }

  /** Where all tasks are busy, requests wait with Linux. */
  #rest(): void {
    this.#channel.listen(this.#idle.length > 0 && !this.#isGone);
    if (this.#isGone && this.#idle.length === this.#tasks) this.#end();
  }

  async #play(by: RequestTask): Promise<void> {
    const { unique, operation: number } = by;
    const operation = number === fuseOperations.INIT ? () => this.#init(by) : byNumber[number];
    let result: number;
    try {
      result = operation ? await operation(by, this.#view) : ENOSYS;
    } catch (cause) {
      if (!(cause instanceof KernelError)) this.#options.onFault(cause);
      result = cause instanceof KernelError ? -cause.number : -errnos.EIO.number;
    }
    if (Number.isNaN(result)) return;
    this.#channel.write(by.answer(unique, result));
    if (this.#view.nodes.size > (this.#options.nodes ?? NODES) && !this.#isForgetting) void this.#forgetSome();
    if (number === fuseOperations.INIT && result > 0) this.#options.onReady?.();
  }

  /** Linux keeps names as long as it has memory, which is more than our kernel has: it is asked to forget the oldest. */
  async #forgetSome(): Promise<void> {
    this.#isForgetting = true;
    try {
      for (const { parent, name } of this.#view.nodes.oldest(FORGET_AT_ONCE)) {
        if (this.#isGone) return;
        await this.#channel.notify(invalEntry(parent, name));
      }
    } finally {
      this.#isForgetting = false;
    }
  }

  #init(request: RequestTask): number {
    const { data, in: at, out } = request;
    const [major, minor] = [data.getUint32(at + initIn.major, true), data.getUint32(at + initIn.minor, true)];
    if (major !== fuse.KERNEL_VERSION || minor < OLDEST_MINOR) return -errnos.EPROTO.number;
    const { checksPermissions, writeback = true } = this.#options;
    const wanted = WANTED | (checksPermissions ? fuse.POSIX_ACL : 0) | (writeback ? fuse.WRITEBACK_CACHE : 0);
    const flags = data.getUint32(at + initIn.flags, true) & wanted;
    const readAhead = data.getUint32(at + initIn.max_readahead, true);
    request.view(out, initOut.bytes).fill(0);
    data.setUint32(out + initOut.major, fuse.KERNEL_VERSION, true);
    data.setUint32(out + initOut.minor, Math.min(minor, fuse.KERNEL_MINOR_VERSION), true);
    data.setUint32(out + initOut.max_readahead, readAhead, true);
    data.setUint32(out + initOut.flags, flags, true);
    data.setUint16(out + initOut.max_background, MAX_BACKGROUND, true);
    data.setUint16(out + initOut.congestion_threshold, (MAX_BACKGROUND * 3) / 4, true);
    data.setUint32(out + initOut.max_write, flags & fuse.MAX_PAGES ? MAX_DATA_BYTES : OLD_DATA_BYTES, true);
    data.setUint32(out + initOut.time_gran, 1, true);
    data.setUint16(out + initOut.max_pages, MAX_DATA_BYTES / PAGE_BYTES, true);
    return initOut.bytes;
  }
}

const outHeader = fields('fuse_out_header');
const invalOut = fields('fuse_notify_inval_entry_out');

/** That a name is not to be relied on any more. What is in use stays. */
function invalEntry(parent: number, name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(outHeader.bytes + invalOut.bytes + name.length + 1);
  const data = new DataView(bytes.buffer);
  data.setUint32(outHeader.len, bytes.length, true);
  data.setInt32(outHeader.error, fuse.NOTIFY_INVAL_ENTRY, true);
  setU64(data, outHeader.bytes + invalOut.parent, parent);
  data.setUint32(outHeader.bytes + invalOut.namelen, name.length, true);
  bytes.set(name, outHeader.bytes + invalOut.bytes);
  return bytes;
}

async function forget(request: RequestTask, view: View): Promise<number> {
  const fd = view.nodes.forget(request.node, getU64(request.data, request.in + forgetIn.nlookup));
  if (fd !== undefined) await request.call('close', fd);
  return NO_REPLY;
}

async function batchForget(request: RequestTask, view: View): Promise<number> {
  const count = request.data.getUint32(request.in + batchForgetIn.count, true);
  for (let i = 0; i < count; i++) {
    const at = request.in + batchForgetIn.bytes + i * forgetOne.bytes;
    const [id, lookups] = [getU64(request.data, at + forgetOne.nodeid), getU64(request.data, at + forgetOne.nlookup)];
    const fd = view.nodes.forget(id, lookups);
    if (fd !== undefined) await request.call('close', fd);
  }
  return NO_REPLY;
}

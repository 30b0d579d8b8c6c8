/** The one interface that changes a mounted tree by paths: as node:fs, a WebDAV server and verbs want it; errors are Linux's. */

import { errnos } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_TMPFILE,
  O_WRONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../abi/uapi/fs.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { linkat, mkdirat, mknodat, renameat2, symlinkat, unlinkat } from '../../kernel/syscalls/dir.ts';
import {
  close,
  fchmodat,
  fchownat,
  ftruncate,
  openat,
  openat2,
  type Statx,
  statx,
  utimensat,
} from '../../kernel/syscalls/file.ts';
import { removexattr, setxattr } from '../../kernel/syscalls/xattr.ts';
import { openBelow } from '../open/open-below.ts';
import type { BusyTask, TaskPool } from '../task-pool.ts';
import type { Following } from '../tree.ts';
import { type Owner, type Times, type WritableFile, writableFile } from './writable-file.ts';

/**
 * Paths are bytes from the tree's root, and lead nowhere outside of it. Every method rejects with a KernelError that has Linux's
 * errno. Everything is done as root. Any number of calls may be under way at once.
 */
export interface TreeChanges {
  mkdir(path: Uint8Array, mode: number): Promise<void>;
  /** `mode` has the type too: S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK. */
  mknod(path: Uint8Array, mode: number, device?: { readonly major: number; readonly minor: number }): Promise<void>;
  symlink(target: Uint8Array, path: Uint8Array): Promise<void>;
  /** Another name of the file at `existing`, a symlink itself. */
  link(existing: Uint8Array, path: Uint8Array): Promise<void>;
  /** `flags`: RENAME_*. */
  rename(from: Uint8Array, to: Uint8Array, flags?: number): Promise<void>;
  unlink(path: Uint8Array): Promise<void>;
  rmdir(path: Uint8Array): Promise<void>;
  chmod(path: Uint8Array, mode: number, following?: Following): Promise<void>;
  chown(path: Uint8Array, owner: Owner, following?: Following): Promise<void>;
  utimes(path: Uint8Array, times: Times, following?: Following): Promise<void>;
  truncate(path: Uint8Array, bytes: number): Promise<void>;
  /** `flags`: XATTR_CREATE, XATTR_REPLACE. */
  setXattr(path: Uint8Array, name: string, value: Uint8Array, options?: Following & { flags?: number }): Promise<void>;
  removeXattr(path: Uint8Array, name: string, following?: Following): Promise<void>;
  /**
   * `flags` of open(2), as our kernel has them, O_CREAT with `mode`. EISDIR of a directory that is to be written, ENXIO of what is neither
   * file nor directory.
   */
  open(path: Uint8Array, flags: number, mode?: number): Promise<WritableFile>;
  /**
   * A file without a name in a directory, to write and then to link: closed without that it is gone, and after a crash too. EOPNOTSUPP
   * of file systems that have no such files.
   */
  openUnnamed(directory: Uint8Array, mode: number): Promise<UnnamedFile>;
  /** All that was written is on the device once it settles. */
  sync(): Promise<void>;
}

export interface UnnamedFile extends WritableFile {
  setXattr(name: string, value: Uint8Array): Promise<void>;
  /** Its name from now on; EEXIST where something has it. */
  link(path: Uint8Array): Promise<void>;
}

const SLASH = 0x2f;
const RESOLVE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

/** The changes of the tree at `root`, an existing directory in the sight of the tasks. */
export async function treeChanges(tasks: TaskPool, root: string): Promise<TreeChanges> {
  const rootFd = await tasks.use(async ({ task }) =>
    must('openat', await openat(task, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC), root),
  );

  /** Runs `work` with a descriptor that is closed afterwards. */
  const opened = async <T>(
    { task }: BusyTask,
    path: Uint8Array,
    flags: number,
    work: (fd: number) => Promise<T>,
    about = path,
  ): Promise<T> => {
    const fd = await openBelow(task, rootFd, path, flags | O_CLOEXEC).catch((cause: unknown) => {
      throw cause instanceof KernelError ? new KernelError(cause.call, cause.number, about) : cause;
    });
    try {
      return await work(fd);
    } finally {
      await close(task, fd);
    }
  };
  /** A call on a name in its directory. The name may have slashes behind it: what they mean Linux says. */
  const inParent = (
    busy: BusyTask,
    call: SyscallName,
    path: Uint8Array,
    work: (dirfd: number, name: Uint8Array) => Promise<number>,
  ): Promise<void> => {
    const { parent, name } = split(path);
    return opened(
      busy,
      parent,
      O_PATH | O_DIRECTORY,
      async (dirfd) => void must(call, await work(dirfd, name), path),
      path,
    );
  };
  const named = (
    call: SyscallName,
    path: Uint8Array,
    work: (busy: BusyTask, dirfd: number, name: Uint8Array) => Promise<number>,
  ) => tasks.use((busy) => inParent(busy, call, path, (dirfd, name) => work(busy, dirfd, name)));
  /** A call on the file that a path leads to. */
  const onFile = (
    call: SyscallName,
    path: Uint8Array,
    { follow = true }: Following,
    work: (busy: BusyTask, fd: number) => Promise<number>,
  ): Promise<void> =>
    tasks.use((busy) =>
      opened(
        busy,
        path,
        follow ? O_PATH : O_PATH | O_NOFOLLOW,
        async (fd) => void must(call, await work(busy, fd), path),
      ),
    );

  return {
    mkdir: (path, mode) =>
      named('mkdirat', path, ({ task }, dirfd, name) => exactly(task, () => mkdirat(task, dirfd, name, mode))),
    mknod: (path, mode, device) =>
      named('mknodat', path, ({ task }, dirfd, name) => exactly(task, () => mknodat(task, dirfd, name, mode, device))),
    symlink: (target, path) =>
      named('symlinkat', path, ({ task }, dirfd, name) => symlinkat(task, target, dirfd, name)),
    unlink: (path) => named('unlinkat', path, ({ task }, dirfd, name) => unlinkat(task, dirfd, name)),
    rmdir: (path) => named('unlinkat', path, ({ task }, dirfd, name) => unlinkat(task, dirfd, name, AT_REMOVEDIR)),
    link: (existing, path) =>
      tasks.use((busy) =>
        opened(busy, existing, O_PATH | O_NOFOLLOW, (fd) =>
          inParent(busy, 'linkat', path, (dirfd, name) => linkat(busy.task, fd, '', dirfd, name, AT_EMPTY_PATH)),
        ),
      ),
    rename: (from, to, flags = 0) =>
      tasks.use((busy) => {
        const old = split(from);
        return opened(busy, old.parent, O_PATH | O_DIRECTORY, (dirfd) =>
          inParent(busy, 'renameat2', to, (toDirfd, name) =>
            renameat2(busy.task, dirfd, old.name, toDirfd, name, flags),
          ),
        );
      }),
    chmod: (path, mode, following = {}) =>
      onFile('fchmodat2', path, following, ({ task }, fd) => fchmodat(task, fd, '', mode, AT_EMPTY_PATH)),
    chown: (path, { uid, gid }, following = {}) =>
      onFile('fchownat', path, following, ({ task }, fd) => fchownat(task, fd, '', uid, gid, AT_EMPTY_PATH)),
    utimes: (path, times, following = {}) =>
      onFile('utimensat_time64', path, following, ({ task }, fd) => utimensat(task, fd, '', times, AT_EMPTY_PATH)),
    truncate: (path, bytes) =>
      tasks.use((busy) =>
        opened(
          busy,
          path,
          O_WRONLY_NOW,
          async (fd) => void must('ftruncate64', await ftruncate(busy.task, fd, bytes), path),
        ),
      ),
    setXattr: (path, name, value, { flags = 0, ...following } = {}) =>
      onFile('setxattr', path, following, ({ task, buffer }, fd) =>
        value.length > buffer.bytes
          ? Promise.resolve(-errnos.E2BIG.number)
          : setxattr(task, { through: fd }, name, value, buffer, flags),
      ),
    removeXattr: (path, name, following = {}) =>
      onFile('removexattr', path, following, ({ task }, fd) => removexattr(task, { through: fd }, name)),
    open: (path, flags, mode = 0o666) =>
      tasks.use(async (busy) => {
        const { task } = busy;
        const how = {
          flags: flags | O_LARGEFILE | O_NONBLOCK | O_CLOEXEC,
          mode: flags & O_CREAT ? mode : 0,
          resolve: RESOLVE,
        };
        const fd = must('openat2', await exactly(task, () => openat2(task, rootFd, path, how)), path);
        try {
          mustBeFile(await statx(task, fd, '', AT_EMPTY_PATH), path);
        } catch (cause) {
          await close(task, fd);
          throw cause;
        }
        return writableFile(tasks, fd, flags);
      }),
    openUnnamed: (directory, mode) =>
      tasks.use(async ({ task }) => {
        const flags = O_TMPFILE | O_WRONLY | O_LARGEFILE | O_CLOEXEC;
        const how = { flags, mode, resolve: RESOLVE };
        const path = directory.length === 0 ? Uint8Array.of(SLASH) : directory;
        const fd = must('openat2', await exactly(task, () => openat2(task, rootFd, path, how)), path);
        return {
          ...writableFile(tasks, fd, flags),
          setXattr: (name, value) =>
            tasks.use(async (busy) => {
              if (value.length > busy.buffer.bytes) throw new KernelError('setxattr', errnos.E2BIG.number);
              must('setxattr', await setxattr(busy.task, { through: fd }, name, value, busy.buffer, 0));
            }),
          link: (path) =>
            named('linkat', path, (busy, dirfd, name) => linkat(busy.task, fd, '', dirfd, name, AT_EMPTY_PATH)),
        };
      }),
    sync: () =>
      tasks.use((busy) =>
        opened(
          busy,
          Uint8Array.of(SLASH),
          O_DIRECTORY,
          async (fd) => void must('syncfs', await busy.task.syscall('syncfs', fd)),
        ),
      ),
  };
}

const O_WRONLY_NOW = 1 | O_LARGEFILE | O_NONBLOCK;

/** Modes are meant as they are said: nobody's umask takes part. */
async function exactly(task: BusyTask['task'], make: () => Promise<number>): Promise<number> {
  const before = await task.syscall('umask', 0);
  try {
    return await make();
  } finally {
    await task.syscall('umask', before);
  }
}

/** Device nodes would lead to devices of our kernel. */
function mustBeFile({ mode }: Statx, path: Uint8Array): void {
  const type = mode & S_IFMT;
  if (type !== S_IFREG && type !== S_IFDIR) throw new KernelError('openat2', errnos.ENXIO.number, path);
}

/** Slashes at the end belong to the name. */
function split(path: Uint8Array): { readonly parent: Uint8Array; readonly name: Uint8Array } {
  let end = path.length;
  while (end > 0 && path[end - 1] === SLASH) end--;
  const slash = path.lastIndexOf(SLASH, end - 1);
  return slash < 0 || end === 0
    ? { parent: Uint8Array.of(SLASH), name: end === 0 && path.length > 0 ? Uint8Array.of(0x2e) : path }
    : { parent: path.subarray(0, slash + 1), name: path.subarray(slash + 1) };
}

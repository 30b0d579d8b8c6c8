/** The one interface over a mounted tree: paths lead to handles, names are bytes, errors are Linux's. */

import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../abi/uapi/fs.ts';
import type { Xattr } from '../archive/tar/tar-writer.ts';
import { must } from '../kernel/kernel-error.ts';
import { close, openat, type Statx, statx } from '../kernel/syscalls/file.ts';
import { type Statfs, statfs64 } from '../kernel/syscalls/mount.ts';
import type { Name } from '../kernel/syscalls/scratch.ts';
import type { DamageWatch } from './damage-watch.ts';
import { openBelow } from './open/open-below.ts';
import { type OpenDirectory, openDirectory } from './open/open-directory.ts';
import { type OpenFile, openFile } from './open/open-file.ts';
import { type NodeNeeds, realpathOf, type TreeNode, targetOf, treeNode } from './open/tree-node.ts';
import type { BusyTask, TaskPool } from './task-pool.ts';
import { xattrsOf } from './xattrs.ts';

export interface Following {
  /** Whether a symlink at the end of the path is followed. Those on the way always are, inside the tree. Default: true. */
  readonly follow?: boolean;
}

/**
 * A tree to be read. Paths start at its root, with or without a slash, and are of any length; symlinks and ".." on the way do not leave it. Every
 * method rejects with a KernelError that has Linux's errno, or with the error of the storage below when that is to blame.
 * Any number of calls may be under way at once.
 */
export interface Tree {
  lookup(path: Name, following?: Following): Promise<TreeNode>;
  stat(path: Name, following?: Following): Promise<Statx>;
  readlink(path: Name): Promise<Uint8Array>;
  xattrs(path: Name, following?: Following): Promise<Xattr[]>;
  /** From the root, with a slash in front, without symlinks. ENAMETOOLONG when it has more than 4,095 bytes. */
  realpath(path: Name): Promise<Uint8Array>;
  /** A regular file; EISDIR of a directory, ENXIO of what is neither. */
  openFile(path: Name): Promise<OpenFile>;
  openDirectory(path: Name): Promise<OpenDirectory>;
  statfs(): Promise<Statfs>;
  /** Gives back what the tree holds open. The kernel goes on. */
  close(): Promise<void>;
}

const PATH_FLAGS = O_PATH | O_CLOEXEC;

/** The tree at `root`, an existing directory in the sight of the tasks. With `damage` no listing is taken for whole that may not be. */
export async function openTree(tasks: TaskPool, root: string, damage?: DamageWatch): Promise<Tree> {
  const rootFd = await tasks.use(async ({ task }) =>
    must('openat', await openat(task, AT_FDCWD, root, PATH_FLAGS | O_DIRECTORY), root),
  );

  /** Runs `work` with a descriptor of the file at `path`, which is closed afterwards. */
  const at = <T>(
    path: Name,
    follow: boolean,
    work: (fd: number, busy: BusyTask) => Promise<T>,
    flags = PATH_FLAGS,
  ): Promise<T> =>
    tasks.use(async (busy) => {
      const fd = await openBelow(busy.task, rootFd, path, follow ? flags : flags | O_NOFOLLOW);
      try {
        return await work(fd, busy);
      } finally {
        await close(busy.task, fd);
      }
    });
  const shared: NodeNeeds = { tasks, rootPath: root === '/' ? '' : root, damage };

  return {
    lookup: (path, { follow = true } = {}) =>
      tasks.use(async (busy) =>
        treeNode(await openBelow(busy.task, rootFd, path, follow ? PATH_FLAGS : PATH_FLAGS | O_NOFOLLOW), shared),
      ),
    stat: (path, { follow = true } = {}) => at(path, follow, (fd, { task }) => statx(task, fd, '', AT_EMPTY_PATH)),
    readlink: (path) => at(path, false, (fd, busy) => targetOf(busy, fd)),
    xattrs: (path, { follow = true } = {}) => at(path, follow, (fd, busy) => xattrsOf(busy, fd)),
    realpath: (path) => at(path, true, (fd, busy) => realpathOf(busy, fd, shared)),
    openFile: (path) =>
      at(path, true, (fd, busy) => openFile(tasks, busy, fd, (flags) => openBelow(busy.task, rootFd, path, flags))),
    openDirectory: (path) =>
      at(path, true, (fd, busy) => openDirectory(tasks, busy, fd, damage), PATH_FLAGS | O_DIRECTORY),
    statfs: () => tasks.use(({ task }) => statfs64(task, root)),
    close: () => tasks.use(async ({ task }) => void (await close(task, rootFd))),
  };
}

/** One file of a tree, of any type, held by its inode. */

import { errnos } from '../../abi/errno.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../../abi/uapi/fs.ts';
import type { Xattr } from '../../archive/tar/tar-writer.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { close, openat, readlinkat, type Statx, statx } from '../../kernel/syscalls/file.ts';
import { throughFd } from '../../kernel/syscalls/xattr.ts';
import type { DamageWatch } from '../damage-watch.ts';
import type { BusyTask, TaskPool } from '../task-pool.ts';
import { xattrsOf } from '../xattrs.ts';
import { type OpenDirectory, openDirectory } from './open-directory.ts';
import { type OpenFile, openFile } from './open-file.ts';

/** It stays the same file whatever becomes of its name. Close it. */
export interface TreeNode {
  stat(): Promise<Statx>;
  /** The file of this name in this directory, a symlink itself. EINVAL of a name with a slash, "." and "..". */
  child(name: Uint8Array): Promise<TreeNode>;
  readlink(): Promise<Uint8Array>;
  xattrs(): Promise<Xattr[]>;
  realpath(): Promise<Uint8Array>;
  openFile(): Promise<OpenFile>;
  openDirectory(): Promise<OpenDirectory>;
  close(): Promise<void>;
}

export interface NodeNeeds {
  readonly tasks: TaskPool;
  /** What the tree's root is called by the kernel, without a slash at its end. */
  readonly rootPath: string;
  /** Absent: listings are what getdents64(2) answers. */
  readonly damage: DamageWatch | undefined;
}

const SLASH = 0x2f;

/** `fd` is open with O_PATH, and the node's own. */
export function treeNode(fd: number, needs: NodeNeeds): TreeNode {
  const { tasks } = needs;
  return {
    stat: () => tasks.use(({ task }) => statx(task, fd, '', AT_EMPTY_PATH)),
    child: (name) =>
      tasks.use(async ({ task }) => {
        if (name.includes(SLASH) || isDots(name)) throw new KernelError('openat', errnos.EINVAL.number, name);
        return treeNode(must('openat', await openat(task, fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), name), needs);
      }),
    readlink: () => tasks.use((busy) => targetOf(busy, fd)),
    xattrs: () => tasks.use((busy) => xattrsOf(busy, fd)),
    realpath: () => tasks.use((busy) => realpathOf(busy, fd, needs)),
    openFile: () =>
      tasks.use((busy) =>
        openFile(tasks, busy, fd, async (flags) =>
          must('openat', await openat(busy.task, AT_FDCWD, throughFd(fd), flags)),
        ),
      ),
    openDirectory: () => tasks.use((busy) => openDirectory(tasks, busy, fd, needs.damage)),
    close: () => tasks.use(async ({ task }) => void must('close', await close(task, fd))),
  };
}

const isDots = (name: Uint8Array): boolean => name.length <= 2 && name.every((byte) => byte === 0x2e);

/** The target of the symlink itself, open with O_PATH. Of what is none Linux says ENOENT, for lack of a path: EINVAL is meant. */
export async function targetOf({ task }: BusyTask, fd: number): Promise<Uint8Array> {
  try {
    return await readlinkat(task, fd, '');
  } catch (error) {
    throw error instanceof KernelError && error.errno === 'ENOENT'
      ? new KernelError('readlinkat', errnos.EINVAL.number)
      : error;
  }
}

/** As the kernel knows it (d_path), without what is before the tree's root. */
export async function realpathOf({ task }: BusyTask, fd: number, { rootPath }: NodeNeeds): Promise<Uint8Array> {
  const path = await readlinkat(task, AT_FDCWD, throughFd(fd));
  const below = path.subarray(new TextEncoder().encode(rootPath).length);
  return below.length === 0 ? Uint8Array.of(SLASH) : below;
}

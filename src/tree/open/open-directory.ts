/** A directory of a tree, open to be listed. */

import { errnos } from '../../abi/errno.ts';
import { AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../abi/uapi/fs.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { type Dirent, readdir } from '../../kernel/syscalls/dir.ts';
import { close, openat, readlinkat, type Statx, statx } from '../../kernel/syscalls/file.ts';
import type { DamageWatch } from '../damage-watch.ts';
import type { BusyTask, TaskPool } from '../task-pool.ts';

export interface OpenDirectory {
  /**
   * The next entries in the file system's order, without "." and "..", some dozens to thousands at a time; none at the end.
   * EUCLEAN where a damaged directory begins anew, or the kernel has told of damage meanwhile: names may be missing.
   */
  next(): Promise<readonly Dirent[]>;
  /** Of an entry of this directory, a symlink itself. */
  stat(name: Uint8Array): Promise<Statx>;
  readlink(name: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** `fd` is a directory, open for anything; what is answered has a descriptor of its own. */
export async function openDirectory(
  tasks: TaskPool,
  { task }: BusyTask,
  fd: number,
  damage?: DamageWatch,
): Promise<OpenDirectory> {
  const listed = must('openat', await openat(task, fd, '.', O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const lastNames = new Set<string>();
  let errorsBefore: number | undefined;
  let closed = false;
  const use = <T>(work: (busy: BusyTask) => Promise<T>): Promise<T> =>
    tasks.use(async (busy) => {
      // The number may be another file's by now.
      if (closed) throw new KernelError('getdents64', errnos.EBADF.number);
      return work(busy);
    });
  const read = (): Promise<readonly Dirent[]> =>
    use(async ({ task, buffer }) => {
      for (;;) {
        const { value, done } = await readdir(task, listed, buffer, lastNames).next();
        if (done) return [];
        const entries = value.filter(({ name }) => !isDots(name));
        if (entries.length > 0) return entries;
      }
    });
  return {
    async next() {
      errorsBefore ??= await damage?.count();
      const entries = await read();
      if (entries.length > 0 || (await damage?.count()) === errorsBefore) return entries;
      throw new KernelError('getdents64', errnos.EUCLEAN.number);
    },
    stat: (name) => use(({ task }) => statx(task, listed, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)),
    readlink: (name) => use(({ task }) => readlinkat(task, listed, name)),
    close: () =>
      use(async ({ task }) => {
        closed = true;
        must('close', await close(task, listed));
      }),
  };
}

const isDots = (name: Uint8Array): boolean => name.length <= 2 && name.every((byte) => byte === 0x2e);

/** Walks the tree under the working directory: parents first, names in byte order, one open fd whatever the depth. */

import { errnos } from '../abi/errno.ts';
import {
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
} from '../abi/uapi/fs.ts';
import { fromLatin1, latin1 } from '../bytes/latin1.ts';
import { joinPath } from '../bytes/paths.ts';
import { KernelError, must } from '../kernel/kernel-error.ts';
import { chdir, fchdir, readdir } from '../kernel/syscalls/dir.ts';
import { close, openat, type Statx, statx } from '../kernel/syscalls/file.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { inodeKey } from './fs2tar/hard-links.ts';
import { NAMES_AT_ONCE, SmallestNames } from './smallest-names.ts';

/** One file of the tree. While it is visited the task's working directory is its parent. */
export interface Visit {
  /** "." for the root, "./a/b" below it. */
  readonly path: Uint8Array;
  /** Its name in the working directory. */
  readonly name: Uint8Array;
  readonly stat: Statx;
}

/** Called with what cannot be read; may throw to end the walk, or return to go on without it. */
export type OnError = (path: Uint8Array, error: KernelError) => void;

/** A directory being walked. */
interface Frame {
  readonly path: Uint8Array;
  readonly key: string;
  /** Sorted: the first of those that are left. */
  names: readonly string[];
  /** There are others behind those. */
  more: boolean;
  next: number;
}

const DOT = Uint8Array.of(0x2e);

const isDots = (name: Uint8Array): boolean => name.length <= 2 && name.every((byte) => byte === 0x2e);

function unlessRefused(cause: unknown): void {
  if (!(cause instanceof KernelError)) throw cause;
}

const isDirectory = (stat: Statx): boolean => (stat.mode & S_IFMT) === S_IFDIR;

/**
 * Each file under the working directory, the directory itself first. Stays on its mount; directories of other
 * devices in the same mount are btrfs subvolumes and are walked. Two corruptions would lead the walk astray and are
 * errors: a directory that is its own ancestor (ELOOP) and one whose ".." is not where it was found (EUCLEAN).
 */
export async function* walk(
  task: UserTask,
  buffer: UserBuffer,
  onError: OnError,
  namesAtOnce = NAMES_AT_ONCE,
): AsyncGenerator<Visit, void, void> {
  const root = await statx(task, AT_FDCWD, DOT, AT_SYMLINK_NOFOLLOW);
  const frames: Frame[] = [];
  const ancestors = new Set<string>();

  async function attempt<T>(path: Uint8Array, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      onError(path, error);
      return undefined;
    }
  }

  async function look(frame: Frame, name: Uint8Array): Promise<Visit | undefined> {
    const path = joinPath(frame.path, name);
    return attempt(path, async () => {
      const stat = await statx(task, AT_FDCWD, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
      if (isDirectory(stat) && ancestors.has(inodeKey(stat))) throw new KernelError('statx', errnos.ELOOP.number);
      return { path, name, stat };
    });
  }

  /** The names in directory `fd` behind `after`, sorted; after an error, those before it. */
  async function list(fd: number, path: Uint8Array, after?: string): Promise<Pick<Frame, 'names' | 'more'>> {
    const page = new SmallestNames(namesAtOnce, after);
    const listing = async () => {
      for await (const dirents of readdir(task, fd, buffer)) {
        for (const { name } of dirents) if (!isDots(name)) page.add(latin1(name));
      }
    };
    // What could not be listed the first time has been told.
    if (after === undefined) await attempt(path, listing);
    else await listing().catch(unlessRefused);
    const { names } = page;
    return { names, more: page.more };
  }

  /** The next names of a directory that has more than are held; it is the working directory. */
  async function listOn(frame: Frame): Promise<void> {
    const fd = must('openat', await openat(task, AT_FDCWD, DOT, O_RDONLY | O_DIRECTORY));
    try {
      Object.assign(frame, await list(fd, frame.path, frame.names.at(-1)), { next: 0 });
    } finally {
      await close(task, fd);
    }
  }

  /** List the directory and make it the working directory. */
  async function enter({ path, name, stat }: Visit): Promise<void> {
    const parent = frames.at(-1);
    const fd = must('openat', await openat(task, AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    try {
      if (parent && inodeKey(await statx(task, fd, '..', 0)) !== parent.key) {
        throw new KernelError('statx', errnos.EUCLEAN.number);
      }
      const listed = await list(fd, path);
      must('fchdir', await fchdir(task, fd));
      frames.push({ path, key: inodeKey(stat), ...listed, next: 0 });
      ancestors.add(inodeKey(stat));
    } finally {
      await close(task, fd);
    }
  }

  async function leave(frame: Frame): Promise<void> {
    frames.pop();
    ancestors.delete(frame.key);
    if (frames.length > 0) must('chdir', await chdir(task, '..'), frame.path);
  }

  let visit: Visit | undefined = { path: DOT, name: DOT, stat: root };
  for (;;) {
    if (visit) {
      const found = visit;
      yield found;
      if (isDirectory(found.stat) && found.stat.mntId === root.mntId) await attempt(found.path, () => enter(found));
    }
    const frame = frames.at(-1);
    if (!frame) return;
    if (frame.next === frame.names.length && frame.more) await listOn(frame);
    const name = frame.names[frame.next++];
    if (name === undefined) await leave(frame);
    visit = name === undefined ? undefined : await look(frame, fromLatin1(name));
  }
}

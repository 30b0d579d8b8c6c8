/** Names that a file system takes for one (of any case, with dots at the end): what was copied by one of them is not replaced by what comes by another. */

import { AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../abi/uapi/fs.ts';
import { must } from '../../kernel/kernel-error.ts';
import { readdir } from '../../kernel/syscalls/dir.ts';
import { close, openat, statx } from '../../kernel/syscalls/file.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { Name, UserBuffer } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { Place } from './parents.ts';

/** <linux/magic.h>, fs/exfat/exfat_raw.h, fs/hfs/hfs.h, fs/hfsplus/hfsplus_raw.h: FAT, exFAT, HFS, HFS+. */
const folding: ReadonlySet<number> = new Set([0x4d44, 0x2011_bab0, 0x4244, 0x482b]);

/** Of one directory. */
interface Known {
  /** Made by this copy. */
  readonly made: Map<string, Uint8Array>;
  /** As the directory lists them, those that were there before too. */
  listed: Set<string> | undefined;
}

const latin1 = (name: Uint8Array): string => String.fromCharCode(...name);
const parentOf = (path: Uint8Array): string => latin1(path.subarray(0, Math.max(0, path.lastIndexOf(0x2f))));

export class Aliases {
  readonly #task: UserTask;
  readonly #buffer: UserBuffer;
  readonly #known = new Map<string, Known>();

  private constructor(task: UserTask, buffer: UserBuffer) {
    this.#task = task;
    this.#buffer = buffer;
  }

  /** Undefined: in the file system at `root` each name is itself. The buffer is used between two calls of the caller's. */
  static async of(task: UserTask, root: Name, buffer: UserBuffer): Promise<Aliases | undefined> {
    const { type } = await statfs64(task, root);
    return folding.has(type >>> 0) ? new Aliases(task, buffer) : undefined;
  }

  #in(path: Uint8Array): Known {
    const key = parentOf(path);
    const known = this.#known.get(key) ?? { made: new Map(), listed: undefined };
    this.#known.set(key, known);
    return known;
  }

  made(path: Uint8Array, name: Uint8Array): void {
    const { made, listed } = this.#in(path);
    made.set(latin1(name), name);
    listed?.add(latin1(name));
  }

  /** Whether what is there is what this copy made by another name. */
  async isOther({ dirfd, name }: Place, path: Uint8Array): Promise<boolean> {
    const known = this.#in(path);
    const { made } = known;
    if (made.size === 0 || made.has(latin1(name))) return false;
    known.listed ??= await this.#list(dirfd);
    if (known.listed.has(latin1(name))) return false;
    const there = await statx(this.#task, dirfd, name, AT_SYMLINK_NOFOLLOW).catch(() => undefined);
    for (const one of made.values()) {
      // FAT has short names beside the long ones: what takes the name may not be found by it.
      if (there === undefined) return true;
      if ((await statx(this.#task, dirfd, one, AT_SYMLINK_NOFOLLOW)).ino === there.ino) return true;
    }
    return false;
  }

  async #list(dirfd: number): Promise<Set<string>> {
    const fd = must('openat', await openat(this.#task, dirfd, '.', O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const names = new Set<string>();
    try {
      for await (const some of readdir(this.#task, fd, this.#buffer))
        for (const { name } of some) names.add(latin1(name));
    } finally {
      await close(this.#task, fd);
    }
    return names;
  }
}

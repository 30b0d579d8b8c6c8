/** Finds the directory that a path's last name stands in, without ever leaving the tree's root. */

import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from '../../abi/uapi/fs.ts';
import { latin1 } from '../../bytes/latin1.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { close, openat } from '../../kernel/syscalls/file.ts';
import type { Name } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { openBelow } from '../open/open-below.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

const FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC;

/** A name in an open directory. */
export interface Place {
  readonly dirfd: number;
  readonly name: Uint8Array;
}

/** Symlinks and ".." on the way stay inside the root (openat2(2), RESOLVE_IN_ROOT). The last directory is kept open for the next path in it. */
export class Parents {
  readonly #task: UserTask;
  readonly #root: number;
  #last: { readonly path: string; readonly fd: number } | undefined;

  private constructor(task: UserTask, root: number) {
    this.#task = task;
    this.#root = root;
  }

  /** `directory` lies below `root` and is found without leaving that; from then on it is the root. */
  static async open(task: UserTask, root: Name, directory: Name = '.'): Promise<Parents> {
    const mount = must('openat', await openat(task, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC), root);
    try {
      return new Parents(task, await openBelow(task, mount, directory, FLAGS));
    } finally {
      await close(task, mount);
    }
  }

  /** Of the root itself the name is ".". The directory stays open until the next call. */
  async of(path: Uint8Array): Promise<Place> {
    const { parent, name } = split(path);
    if (parent === undefined) return { dirfd: this.#root, name };
    const key = latin1(parent);
    if (this.#last?.path !== key) {
      const fd = await this.#open(parent);
      await this.forget();
      this.#last = { path: key, fd };
    }
    return { dirfd: this.#last.fd, name };
  }

  /** The same, of which the caller closes the directory. */
  async ownOf(path: Uint8Array): Promise<Place> {
    const { parent, name } = split(path);
    return { dirfd: await this.#open(parent ?? Uint8Array.of(DOT)), name };
  }

  /** Whether the path leads to a directory, symlinks followed. */
  async isDirectory(path: Uint8Array): Promise<boolean> {
    try {
      await close(this.#task, await this.#open(path));
      return true;
    } catch (cause) {
      if (!(cause instanceof KernelError)) throw cause;
      return false;
    }
  }

  async #open(directory: Uint8Array): Promise<number> {
    return openBelow(this.#task, this.#root, directory, FLAGS);
  }

  /** What was found is looked up anew: for after a rename or an unlink. */
  async forget(): Promise<void> {
    const last = this.#last;
    this.#last = undefined;
    if (last) await close(this.#task, last.fd);
  }

  async close(): Promise<void> {
    await this.forget();
    await close(this.#task, this.#root);
  }
}

function split(path: Uint8Array): { readonly parent: Uint8Array | undefined; readonly name: Uint8Array } {
  const slash = path.lastIndexOf(SLASH);
  const name = path.subarray(slash + 1);
  return { parent: slash < 0 ? undefined : path.subarray(0, slash), name: name.length > 0 ? name : Uint8Array.of(DOT) };
}

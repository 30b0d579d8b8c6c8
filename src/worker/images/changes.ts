/** Plays changes of a tree one after another, as the calls that Linux has for them. */

import { O_CREAT, O_EXCL, O_TRUNC, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../../abi/uapi/fs.ts';
import { type Problem, ProblemError } from '../../errors/problem.ts';
import { makeParents, remove } from '../../tree/write/whole.ts';
import type { Times } from '../../tree/write/writable-file.ts';
import type { WritableTree } from './writing.ts';

interface Owned {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

interface Following {
  readonly follow: boolean;
}

/** Paths are bytes from the root of the file system; what is absent stays as it is. */
export type TreeChange =
  | ({
      readonly op: 'write';
      readonly path: Uint8Array;
      readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
      readonly mode?: number | undefined;
      readonly mtimeNs?: bigint | undefined;
      readonly parents: boolean;
      /** It must not be there yet. */
      readonly isNew?: boolean;
    } & Owned)
  | { readonly op: 'mkdir'; readonly path: Uint8Array; readonly mode?: number | undefined; readonly parents: boolean }
  | { readonly op: 'remove'; readonly path: Uint8Array; readonly recursive: boolean }
  | { readonly op: 'rename'; readonly from: Uint8Array; readonly to: Uint8Array }
  | { readonly op: 'link' | 'symlink'; readonly path: Uint8Array; readonly target: Uint8Array }
  | ({ readonly op: 'chmod'; readonly path: Uint8Array; readonly mode: number } & Following)
  | ({ readonly op: 'chown'; readonly path: Uint8Array } & Owned & Following)
  | ({ readonly op: 'utimes'; readonly path: Uint8Array } & Times & Following)
  | { readonly op: 'truncate'; readonly path: Uint8Array; readonly size: number }
  | ({
      readonly op: 'setxattr';
      readonly path: Uint8Array;
      readonly name: string;
      readonly value: Uint8Array;
    } & Following)
  | ({ readonly op: 'removexattr'; readonly path: Uint8Array; readonly name: string } & Following)
  | {
      readonly op: 'mknod';
      readonly path: Uint8Array;
      readonly type: 'char' | 'block' | 'fifo' | 'socket';
      readonly major: number;
      readonly minor: number;
      readonly mode?: number | undefined;
    };

const types = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO, socket: S_IFSOCK } as const;

/** In their order, up to the first that fails: it rejects then with what Linux says of it, and which of several it was. */
export async function playChanges(tree: WritableTree, all: readonly TreeChange[]): Promise<void> {
  for (const [index, change] of all.entries()) {
    try {
      await playChange(tree, change);
    } catch (cause) {
      throw all.length > 1 && cause instanceof ProblemError ? new ChangeError(index, cause) : cause;
    }
  }
}

class ChangeError extends ProblemError {
  override readonly name = 'ChangeError';
  readonly #problem: Problem;

  constructor(index: number, cause: ProblemError) {
    super(`change ${index}: ${cause.message}`, { cause });
    const { problem } = cause;
    this.#problem = { ...problem, detail: this.message, members: { ...problem.members, change: index } };
  }

  override get problem(): Problem {
    return this.#problem;
  }
}

async function playChange({ tree, changes }: WritableTree, change: TreeChange): Promise<void> {
  switch (change.op) {
    case 'write': {
      const { path, content, mode, uid, gid, mtimeNs, parents, isNew = false } = change;
      if (parents) await makeParents(changes, path);
      const file = await changes.open(path, O_WRONLY | O_CREAT | O_TRUNC | (isNew ? O_EXCL : 0), mode ?? 0o644);
      try {
        let offset = 0;
        for await (const piece of content) {
          await file.write(offset, piece);
          offset += piece.length;
        }
        if (uid !== undefined || gid !== undefined) await file.chown({ uid: uid ?? -1, gid: gid ?? -1 });
        if (mode !== undefined) await file.chmod(mode);
        if (mtimeNs !== undefined) await file.utimes({ mtimeNs });
      } finally {
        await file.close();
      }
      return;
    }
    case 'mkdir':
      if (change.parents) await makeParents(changes, change.path);
      return changes.mkdir(change.path, change.mode ?? 0o755);
    case 'remove':
      return remove(tree, changes, change.path, change);
    case 'rename':
      return changes.rename(change.from, change.to);
    case 'link':
      return changes.link(change.target, change.path);
    case 'symlink':
      return changes.symlink(change.target, change.path);
    case 'chmod':
      return changes.chmod(change.path, change.mode, change);
    case 'chown':
      return changes.chown(change.path, { uid: change.uid ?? -1, gid: change.gid ?? -1 }, change);
    case 'utimes':
      return changes.utimes(change.path, change, change);
    case 'truncate':
      return changes.truncate(change.path, change.size);
    case 'setxattr':
      return changes.setXattr(change.path, change.name, change.value, change);
    case 'removexattr':
      return changes.removeXattr(change.path, change.name, change);
    case 'mknod':
      return changes.mknod(change.path, types[change.type] | (change.mode ?? 0o644), change);
  }
}

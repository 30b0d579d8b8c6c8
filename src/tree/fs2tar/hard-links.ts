/** Finds the hard links of a tree: which files with several names were archived before, and under which one. */

import type { Statx } from '../../kernel/syscalls/file.ts';

type Inode = Pick<Statx, 'devMajor' | 'devMinor' | 'ino'>;
type Linked = Inode & Pick<Statx, 'nlink'>;

/** Names one inode of one file system. */
export const inodeKey = (stat: Inode): string => `${stat.devMajor}:${stat.devMinor}:${stat.ino}`;

/**
 * Files with links still to come, by inode. One is dropped when its last link was seen. Beyond `limit` files the
 * oldest is dropped early, so that memory stays bounded: its further links are archived as files of their own.
 */
export class HardLinks {
  readonly #limit: number;
  readonly #pending = new Map<string, { readonly path: Uint8Array; left: number }>();
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Links whose first name was dropped before they came. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The path under which the file behind this further link was archived. */
  find(stat: Linked): Uint8Array | undefined {
    if (stat.nlink < 2) return undefined;
    const key = inodeKey(stat);
    const file = this.#pending.get(key);
    if (file && --file.left === 0) this.#pending.delete(key);
    return file?.path;
  }

  /** `path` was archived with its data and is the first of its links. */
  add(stat: Linked, path: Uint8Array): void {
    if (stat.nlink < 2) return;
    if (this.#pending.size >= this.#limit) {
      for (const [key, oldest] of this.#pending) {
        this.#pending.delete(key);
        this.#dropped += oldest.left;
        break;
      }
    }
    this.#pending.set(inodeKey(stat), { path, left: stat.nlink - 1 });
  }
}

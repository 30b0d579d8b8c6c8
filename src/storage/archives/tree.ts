/** The tree that an archive's entries make, one after another, as unpacking them would. */

import { FormatError } from '../errors.ts';
import { IMPLIED, Node, type Raw, S_IFDIR, S_IFLNK, shown } from './node.ts';

/** As many symlinks as Linux follows in one path. */
const MAX_FOLLOWED = 40;
/** Longer names no directory of Linux can hold, and no path leads through more (include/linux/limits.h). */
const NAME_MAX = 255;
const PATH_MAX = 4096;

export interface TreeLimits {
  /** For errors: what the archive is. */
  readonly name: string;
  readonly maxEntries: number;
}

/** Names between slashes; what leads above the archive's root, or up again, is left out as GNU tar does. */
export function partsOf(path: Raw): Raw[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.slice(parts.lastIndexOf('..') + 1);
}

/** Why an entry is left out, which is no fault of the bytes: whoever unpacks entry by entry tells of it too. */
export const IN_NO_DIRECTORY = 'it is in what is no directory';

export class ArchiveTree {
  readonly root = new Node(IMPLIED);
  readonly #limits: TreeLimits;
  #entries = 0;

  constructor(limits: TreeLimits) {
    this.#limits = limits;
  }

  /** Counts entries as they are met, so that an archive of too many ends before memory does. */
  count(): void {
    this.#entries += 1;
    const { name, maxEntries } = this.#limits;
    if (this.#entries <= maxEntries) return;
    throw new FormatError(
      name,
      `it has more than ${maxEntries.toLocaleString('en')} entries, which is what this host has memory for: a file system made of it (lkl mkfs --from) is read with any number`,
      { code: 'EOPNOTSUPP' },
    );
  }

  /**
   * Puts `node` at `path`, in place of what was there; a directory takes over what is in the one that was. Answers why it was left
   * out, as half a sentence, where there is no place for it. With `replaces` a file that is in the way of a directory goes.
   */
  put(path: Raw, node: Node, { replaces = false }: { readonly replaces?: boolean } = {}): string | undefined {
    this.count();
    const parts = partsOf(path);
    if (parts.some((part) => part.length > NAME_MAX)) return `a name of more than ${NAME_MAX} bytes`;
    if (path.length > 16 * PATH_MAX) return 'its path is too long';
    const name = parts.pop();
    if (name === undefined) {
      if (node.children) become(this.root, node);
      return undefined;
    }
    const folder = this.#folder(parts, replaces ? 'replace' : 'make');
    if (folder?.children === undefined) return IN_NO_DIRECTORY;
    const old = folder.children.get(name);
    if (old?.children && node.children) become(old, node);
    else folder.children.set(name, node);
    return undefined;
  }

  /** What is at `path`; symlinks on the way to it are followed, itself it is not. */
  find(path: Raw): Node | undefined {
    const parts = partsOf(path);
    const name = parts.pop();
    return name === undefined ? this.root : this.#folder(parts)?.children?.get(name);
  }

  /** What is at `path`, symlinks followed to the end. */
  follow(path: Raw): Node | undefined {
    let node = this.find(path);
    let folder = partsOf(path).slice(0, -1).join('/');
    for (let followed = 0; node?.type === S_IFLNK && followed < MAX_FOLLOWED; followed += 1) {
      const target = node.target ?? '';
      const next = target.startsWith('/') ? target : `${folder}/${target}`;
      const parts: Raw[] = [];
      for (const part of next.split('/')) {
        if (part === '..') parts.pop();
        else if (part !== '' && part !== '.') parts.push(part);
      }
      node = this.find(parts.join('/'));
      folder = parts.slice(0, -1).join('/');
    }
    return node;
  }

  /** One more name for what is at `target`. Answers as `put` does. */
  link(path: Raw, target: Raw, how: { readonly replaces?: boolean } = {}): string | undefined {
    const node = this.find(target);
    if (node === undefined || node.children) return `it is a link to ${shown(target)}, which is no file of the archive`;
    return this.find(path) === node ? undefined : this.put(path, node, how);
  }

  remove(path: Raw): void {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name !== undefined) this.#folder(parts)?.children?.delete(name);
  }

  /** Everything in the directory at `path` goes. */
  empty(path: Raw): void {
    this.#folder(partsOf(path))?.children?.clear();
  }

  /** The directory that `parts` lead to; where it is not it is made, or takes the place of what is there and is none. */
  #folder(parts: readonly Raw[], how?: 'make' | 'replace'): Node | undefined {
    let path = [this.root];
    const todo = parts.toReversed();
    for (let followed = 0; ; ) {
      const name = todo.pop();
      const here = path.at(-1);
      if (name === undefined || here === undefined) return here;
      if (name === '..') {
        if (path.length > 1) path.pop();
        continue;
      }
      const child = here.children?.get(name);
      if (child?.children) path.push(child);
      else if (child?.type === S_IFLNK && followed < MAX_FOLLOWED) {
        followed += 1;
        const target = child.target ?? '';
        if (target.startsWith('/')) path = [this.root];
        todo.push(
          ...target
            .split('/')
            .filter((part) => part !== '' && part !== '.')
            .reverse(),
        );
      } else if (how === undefined || (child && how === 'make')) return undefined;
      else {
        const made = new Node(IMPLIED);
        here.children?.set(name, made);
        path.push(made);
      }
    }
  }
}

/** What a directory is told to be once more is what it is, with what is in it already. */
function become(directory: Node, { mode, uid, gid, mtimeS, mtimeNs, xattrs }: Node): void {
  directory.mode = S_IFDIR | (mode & 0o7777);
  Object.assign(directory, { uid, gid, mtimeS, mtimeNs, xattrs });
}

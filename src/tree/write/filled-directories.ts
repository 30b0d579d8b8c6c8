/** Directories of a copy: filling one changes its times, so they are set once all is in it, and once more where something comes later. */

import { fromLatin1, latin1 } from '../../bytes/latin1.ts';
import type { Attributes, Entry } from './entry.ts';
import type { TreeWriter } from './tree-writer.ts';

interface Filled {
  /** Its path. */
  readonly key: string;
  /** What leads to it: by its own name a symlink to it would be meant. */
  readonly finishBy: Uint8Array;
  readonly attributes: Attributes;
}

/** Memory is held for those on the way to what comes next, and a number or two for each that was left. */
export class FilledDirectories {
  readonly #writer: TreeWriter;
  /** Each below the one before. */
  readonly #open: Filled[] = [];
  /** By path and by inode, hashed: one that is taken for another keeps the times that it had. */
  readonly #left = new Set<number>();
  /** One that is not to be looked at again. */
  #other: string | undefined;

  constructor(writer: TreeWriter) {
    this.#writer = writer;
  }

  /** Before what is at `path` is made. */
  async before(path: Uint8Array): Promise<void> {
    const key = latin1(path);
    await this.#leave(({ key: directory }) => !isAt(key, directory));
    const parent = parentOf(key);
    if (parent === undefined || parent === this.#other || this.#open.some((one) => one.key === parent)) return;
    this.#other = parent;
    if (this.#left.size === 0) return;
    // Whatever way it is found by now, a symlink on it too.
    const finishBy = fromLatin1(parent === '' ? '' : `${parent}/.`);
    const inode = await this.#writer.inodeOf(finishBy);
    if (inode === undefined || !(this.#left.has(hash(parent)) || this.#left.has(hash(inode)))) return;
    this.#open.push({ key: parent, finishBy, attributes: await this.#writer.reopen(finishBy) });
  }

  /** Once it is made. */
  after(entry: Entry): void {
    const key = latin1(entry.path);
    // The same once more, or what replaced it.
    if (this.#open.at(-1)?.key === key && !isImplied(entry)) this.#open.pop();
    if (entry.type === 'directory' && !isImplied(entry))
      this.#open.push({ key, finishBy: entry.path, attributes: entry.attributes });
  }

  async end(): Promise<void> {
    await this.#leave(() => true);
  }

  /** The deepest first. */
  async #leave(isLeft: (directory: Filled) => boolean): Promise<void> {
    for (let last = this.#open.at(-1); last && isLeft(last); last = this.#open.at(-1)) {
      this.#open.pop();
      await this.#writer.finish(last.finishBy, last.attributes);
      this.#left.add(hash(last.key));
      const inode = await this.#writer.inodeOf(last.finishBy);
      if (inode !== undefined) this.#left.add(hash(inode));
      this.#other = undefined;
    }
  }
}

const isImplied = (entry: Entry): boolean => entry.type === 'directory' && entry.implied === true;

const isAt = (key: string, directory: string): boolean =>
  directory === '' || key === directory || (key.startsWith(directory) && key[directory.length] === '/');

/** Undefined: of the top itself, which is in no directory of the copy. */
function parentOf(key: string): string | undefined {
  return key === '' ? undefined : key.slice(0, Math.max(0, key.lastIndexOf('/')));
}

/** FNV-1a; numbers below 2^30 are no objects of their own. */
function hash(text: string): number {
  let all = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) all = Math.imul(all ^ text.charCodeAt(i), 0x01000193);
  return (all ^ (all >>> 30)) & 0x3fffffff;
}

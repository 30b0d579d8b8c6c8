/** Names that a file system takes for one (of any case, with dots at the end): what was copied by one of them is not replaced by what comes by another. */

import { AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../abi/uapi/fs.ts';
import { fromLatin1, latin1 } from '../../bytes/latin1.ts';
import { must } from '../../kernel/kernel-error.ts';
import { readdir } from '../../kernel/syscalls/dir.ts';
import { close, openat, statx } from '../../kernel/syscalls/file.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { Name, UserBuffer } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { Place } from './parents.ts';

/** <linux/magic.h>, fs/exfat/exfat_raw.h, fs/hfs/hfs.h, fs/hfsplus/hfsplus_raw.h: FAT, exFAT, HFS, HFS+. */
const folding: ReadonlySet<number> = new Set([0x4d44, 0x2011_bab0, 0x4244, 0x482b]);
/** FAT and exFAT drop dots at the end of names, and say nothing. */
const dropping: ReadonlySet<number> = new Set([0x4d44, 0x2011_bab0]);
const DOT = 0x2e;

/** Of one directory. */
interface Known {
  /** Made by this copy; undefined: too many to know. */
  made: Set<string> | undefined;
  /** What the directory has, once a name was another's. */
  there: There | undefined;
}

/** Folded: as names that are taken for one are one, mostly. */
interface There {
  /** As the directory lists them, those that were there before too. */
  readonly listed: Set<string>;
  readonly foldedMade: Set<string>;
  readonly foldedBefore: ReadonlySet<string>;
}

/** Names that are known, of all directories: then those of the first directories are forgotten. */
const MOST_NAMES = 200_000;
/** How often all names of a directory are looked up: each time is as long as the directory. */
const MOST_SEARCHES = 1000;

const parentOf = (path: Uint8Array): string => latin1(path.subarray(0, Math.max(0, path.lastIndexOf(0x2f))));

/** What file systems take for one is nearly always one here, too; they have tables of their own, and FAT short names. */
const folded = (name: string): string =>
  new TextDecoder()
    .decode(fromLatin1(name))
    .normalize('NFD')
    .toLowerCase()
    .replace(/[. ]+$/, '');

function thereOf(listed: Set<string>, made: ReadonlySet<string>): There {
  const before = [...listed].filter((name) => !made.has(name));
  return { listed, foldedMade: new Set([...made].map(folded)), foldedBefore: new Set(before.map(folded)) };
}

/** Where it is not known whether a name is another's, it is taken for that: what is told is not lost unsaid. */
export class Aliases {
  readonly #task: UserTask;
  readonly #buffer: UserBuffer;
  readonly #known = new Map<string, Known>();
  readonly #mostNames: number;
  readonly #dropsDots: boolean;
  #names = 0;
  #searches = 0;

  private constructor(task: UserTask, buffer: UserBuffer, mostNames: number, dropsDots: boolean) {
    this.#dropsDots = dropsDots;
    this.#task = task;
    this.#buffer = buffer;
    this.#mostNames = mostNames;
  }

  /** Undefined: in the file system at `root` each name is itself. The buffer is used between two calls of the caller's. */
  static async of(
    task: UserTask,
    root: Name,
    buffer: UserBuffer,
    mostNames = MOST_NAMES,
  ): Promise<Aliases | undefined> {
    const { type } = await statfs64(task, root);
    return folding.has(type >>> 0) ? new Aliases(task, buffer, mostNames, dropping.has(type >>> 0)) : undefined;
  }

  #in(path: Uint8Array): Known {
    const key = parentOf(path);
    const known = this.#known.get(key) ?? { made: new Set(), there: undefined };
    this.#known.set(key, known);
    return known;
  }

  /** Whether what is made by this name has another one. */
  drops(name: Uint8Array): boolean {
    return this.#dropsDots && name.at(-1) === DOT;
  }

  made(path: Uint8Array, name: Uint8Array): void {
    const { made, there } = this.#in(path);
    const text = latin1(name);
    if (!made || made.has(text)) return;
    made.add(text);
    there?.foldedMade.add(folded(text));
    there?.listed.add(text);
    this.#count(1);
  }

  #count(names: number): void {
    this.#names += names;
    if (this.#names <= this.#mostNames) return;
    for (const known of this.#known.values()) {
      this.#names -= (known.made?.size ?? 0) + (known.there?.foldedBefore.size ?? 0);
      known.made = known.there = undefined;
      if (this.#names <= this.#mostNames / 2) return;
    }
  }

  /** Whether what is there is what this copy made by another name. */
  async isOther({ dirfd, name }: Place, path: Uint8Array): Promise<boolean> {
    const known = this.#in(path);
    const text = latin1(name);
    const { made } = known;
    if (!made) return !(await this.#list(dirfd)).has(text);
    if (made.size === 0 || made.has(text)) return false;
    if (!known.there) {
      known.there = thereOf(await this.#list(dirfd), made);
      this.#count(known.there.foldedBefore.size);
    }
    const { listed, foldedMade, foldedBefore } = known.there ?? thereOf(await this.#list(dirfd), made);
    if (listed.has(text)) return false;
    const same = folded(text);
    if (foldedMade.has(same)) return true;
    return !foldedBefore.has(same) && this.#isOneOf(made, dirfd, name);
  }

  /** FAT has short names beside the long ones, and other letters may be one to a file system than to us. */
  async #isOneOf(made: ReadonlySet<string>, dirfd: number, name: Uint8Array): Promise<boolean> {
    if (++this.#searches > MOST_SEARCHES) return true;
    const inodeOf = async (one: Uint8Array) =>
      (await statx(this.#task, dirfd, one, AT_SYMLINK_NOFOLLOW).catch(() => undefined))?.ino;
    const there = await inodeOf(name);
    // What takes the name may not be found by it.
    if (there === undefined) return true;
    for (const one of made) if ((await inodeOf(fromLatin1(one))) === there) return true;
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

/** Makes files of every type in a mounted tree, with all that the file system can hold of them. */

import { type ErrnoName, errnoName, errnos } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import {
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFSOCK,
} from '../../abi/uapi/fs.ts';
import { latin1 } from '../../bytes/latin1.ts';
import { fromLossless } from '../../bytes/lossless.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { linkat, mkdirat, mknodat, symlinkat, unlinkat } from '../../kernel/syscalls/dir.ts';
import {
  close,
  fchmodat,
  fchownat,
  ftruncate,
  inNs,
  openat,
  pwrite64,
  read,
  statx,
  utimensat,
} from '../../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { Name, UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { getxattr, removexattr, setxattr, throughFd } from '../../kernel/syscalls/xattr.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { inodeKey } from '../fs2tar/hard-links.ts';
import { orNone, secondNames } from '../xattrs.ts';
import { Aliases } from './aliases.ts';
import type { Attributes, Content, Entry } from './entry.ts';
import { explainLimit } from './limits.ts';
import { Losses, type LossKind } from './losses.ts';
import { Parents, type Place } from './parents.ts';
import { ShortNames } from './short-names.ts';
import type { Times } from './writable-file.ts';

/** A link to what did not come before it: the entry is at fault, not the path that it names. */
const noSuchTarget = (path: Uint8Array, target: Uint8Array): KernelError => {
  const said = `it is a hard link to ${new TextDecoder().decode(target)}, which is not there`;
  return new KernelError('linkat', errnos.ENOENT.number, path, said);
};

const BUFFER_BYTES = 256 * 1024;
/** Where so often what an attribute needs is free, it is not for want of room that it is refused. */
const ROOM_FOR_ATTRIBUTES = 16;

const specials = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO, socket: S_IFSOCK } as const;

const modeOnly = 0o7777;
/** What new files in a directory inherit; XFS tells it by a second name. */
const DEFAULT_ACL = 'system.posix_acl_default';
const inherited: ReadonlySet<string> = new Set([DEFAULT_ACL, 'trusted.SGI_ACL_DEFAULT']);

const S = 1_000_000_000n;
/** FAT counts pairs of seconds. */
const COARSE_NS = 2n * S;
const [DAY, YEAR_1980, YEAR_2038] = [86_400n * S, 315_532_800n * S, 2n ** 31n * S];
/** What every file system has; the first day of 1970 stands for no time where files come out of a store or a build. */
const isEverywhere = (ns: bigint): boolean => (ns >= YEAR_1980 && ns < YEAR_2038) || (ns >= 0n && ns < DAY);

/** The calls on attributes take no directory: its own name under /proc, and the file's below it. */
const throughDirectory = ({ dirfd }: Place): Uint8Array => new TextEncoder().encode(`${throughFd(dirfd)}/`);
const attributesAt = (place: Place) => ({ path: Uint8Array.of(...throughDirectory(place), ...place.name) });

/** What is there came by another name, which the file system takes for this one. */
class OtherName extends Error {}

/**
 * One call after another. An entry replaces what is at its path, but a directory is kept and gets the attributes; a
 * directory that is not empty is never replaced by something else (ENOTEMPTY). A file of which not all came is taken away again.
 */
export class TreeWriter {
  readonly #task: UserTask;
  readonly #parents: Parents;
  readonly #buffer: UserBuffer;
  readonly #aliases: Aliases | undefined;
  readonly #shortNames: ShortNames | undefined;
  readonly losses = new Losses();
  /** What could not be made, and why not: nothing can be in it, and nothing a link to it. */
  readonly #lost = new Map<string, LossKind>();

  readonly #isTooLong: (path: Uint8Array) => boolean;

  readonly #root: Name;

  private constructor(
    task: UserTask,
    root: Name,
    parents: Parents,
    buffer: UserBuffer,
    folding: { readonly aliases: Aliases | undefined; readonly shortNames: ShortNames | undefined },
    isTooLong: (path: Uint8Array) => boolean,
  ) {
    this.#task = task;
    this.#root = root;
    this.#parents = parents;
    this.#buffer = buffer;
    this.#aliases = folding.aliases;
    this.#shortNames = folding.shortNames;
    this.#isTooLong = isTooLong;
  }

  /**
   * Below `directory` of the tree mounted at `root`: it must be there, and is not left by any path. A path that is too long
   * for what the tree is made for is lost.
   */
  static async open(
    task: UserTask,
    root: Name,
    directory: Name = '.',
    isTooLong: (path: Uint8Array) => boolean = () => false,
  ): Promise<TreeWriter> {
    const parents = await Parents.open(task, root, directory.length > 0 ? directory : '.');
    const buffer = await mapBuffer(task, BUFFER_BYTES);
    const aliases = await Aliases.of(task, root, buffer);
    const shortNames = await ShortNames.of(task, root);
    return new TreeWriter(task, root, parents, buffer, { aliases, shortNames }, isTooLong);
  }

  async close(): Promise<void> {
    await this.#parents.close();
    await unmapBuffer(this.#task, this.#buffer);
  }

  /**
   * Times of a directory are set once it is full, and the ACL that new files in it inherit: what comes has ACLs of its own, or none.
   * `finish` does that.
   */
  async add(entry: Entry): Promise<void> {
    try {
      await this.#add(entry);
    } catch (cause) {
      throw await explainLimit(this.#task, this.#root, cause);
    }
  }

  async #add(entry: Entry): Promise<void> {
    const { path } = entry;
    for (const change of entry.changes ?? []) this.losses.changed(change.kind, change.path);
    const lost = this.#lostAbove(path);
    if (lost !== undefined) return this.losses.lost(path, undefined, lost === 'parent' ? 'parent' : 'name');
    // What was lost may come again, by the same path.
    if (this.#lost.size > 0) this.#lost.delete(latin1(path));
    if (this.#isTooLong(path)) {
      this.#lost.set(latin1(path), 'name');
      return this.losses.lost(path, 'ENAMETOOLONG');
    }
    await this.#shortNames?.next();
    const place = await this.#parents.of(path);
    try {
      await this.#put(entry, place);
    } catch (cause) {
      if (!(cause instanceof OtherName)) throw cause;
      this.#lost.set(latin1(path), 'alias');
      return this.losses.lost(path, undefined, 'alias');
    }
    if (path.length === 0 || this.#lost.has(latin1(path))) return;
    this.#aliases?.made(path, place.name);
    if (this.#aliases?.drops(place.name)) this.losses.lost(path, undefined, 'dots');
  }

  async #put(entry: Entry, place: Place): Promise<void> {
    const { path, attributes } = entry;
    switch (entry.type) {
      case 'directory':
        return entry.implied ? this.#implied(place, path) : this.#directory(place, path, attributes);
      case 'file':
        return this.#file(place, path, attributes, entry.content());
      case 'symlink': {
        const link = () => symlinkat(this.#task, entry.target, place.dirfd, place.name);
        const made = this.losses.note('symlink', 'symlinkat', await this.#remade(place, link, path), path);
        return made ? this.#describe(place, path, attributes, true) : void this.#lost.set(latin1(path), 'symlink');
      }
      case 'hardlink':
        return this.#hardlink(place, entry);
      default: {
        const device = 'device' in entry ? entry.device : undefined;
        const mode = specials[entry.type] | ((attributes.mode ?? 0o600) & 0o777);
        const make = () => mknodat(this.#task, place.dirfd, place.name, mode, device);
        const made = this.losses.note('special', 'mknodat', await this.#remade(place, make, path), path);
        return made ? this.#describe(place, path, attributes, false) : void this.#lost.set(latin1(path), 'special');
      }
    }
  }

  /** The default ACL and the times of a directory, after all in it. */
  async finish(path: Uint8Array, { atimeNs, mtimeNs, xattrs }: Attributes): Promise<void> {
    if (this.#isLost(path)) return;
    const place = await this.#parents.of(path);
    await this.#setXattrs(place, path, new Map([...(xattrs ?? [])].filter(([key]) => inherited.has(key))));
    await this.#setTimes(place, path, { atimeNs, mtimeNs });
  }

  /** Linux says nothing where the file system has no such time, and takes its first or last one. */
  async #setTimes({ dirfd, name }: Place, path: Uint8Array, times: Times): Promise<void> {
    const ret = await utimensat(this.#task, dirfd, name, times, AT_SYMLINK_NOFOLLOW);
    // A directory may have been lost with what was above it.
    if (ret === -errnos.ENOENT.number || !this.losses.note('times', 'utimensat_time64', ret, path)) return;
    const { mtimeNs } = times;
    if (mtimeNs === undefined || isEverywhere(mtimeNs)) return;
    const { mtime } = await statx(this.#task, dirfd, name, AT_SYMLINK_NOFOLLOW);
    const difference = inNs(mtime) - mtimeNs;
    if (difference > COARSE_NS || difference < -COARSE_NS) this.losses.lost(path, 'EOVERFLOW', 'times');
  }

  /** Of a directory that was finished, what `finish` is to set again: something more comes into it, which inherits nothing either. */
  async reopen(path: Uint8Array): Promise<Attributes> {
    const place = await this.#parents.of(path);
    const { atime, mtime } = await statx(this.#task, place.dirfd, place.name, AT_SYMLINK_NOFOLLOW);
    const target = attributesAt(place);
    const xattrs = new Map<string, Uint8Array>();
    const acl = await orNone(getxattr(this.#task, target, DEFAULT_ACL, this.#buffer), undefined);
    if (acl) {
      xattrs.set(DEFAULT_ACL, acl);
      must('lremovexattr', await removexattr(this.#task, target, DEFAULT_ACL), path);
    }
    return { atimeNs: inNs(atime), mtimeNs: inNs(mtime), xattrs };
  }

  /** What tells a file from others, whatever path leads to it; undefined: there is none. */
  async inodeOf(path: Uint8Array): Promise<string | undefined> {
    if (this.#isLost(path)) return undefined;
    try {
      const { dirfd, name } = await this.#parents.of(path);
      return inodeKey(await statx(this.#task, dirfd, name, AT_SYMLINK_NOFOLLOW));
    } catch (cause) {
      if (cause instanceof KernelError) return undefined;
      throw cause;
    }
  }

  /** False: its name is none that the file system can have. */
  #isMade(call: SyscallName, ret: number, path: Uint8Array): boolean {
    if (this.losses.noteName(call, ret, path)) return true;
    this.#lost.set(latin1(path), 'name');
    return false;
  }

  #isLost(path: Uint8Array): boolean {
    return this.#lost.size > 0 && (this.#lost.has(latin1(path)) || this.#lostAbove(path) !== undefined);
  }

  /** Why one of the directories on the way is not there. */
  #lostAbove(path: Uint8Array): LossKind | undefined {
    if (this.#lost.size === 0) return undefined;
    const text = latin1(path);
    for (let end = text.lastIndexOf('/'); end > 0; end = text.lastIndexOf('/', end - 1)) {
      const kind = this.#lost.get(text.slice(0, end));
      if (kind !== undefined) return kind;
    }
    return undefined;
  }

  async #directory(place: Place, path: Uint8Array, attributes: Attributes): Promise<void> {
    const mode = attributes.mode ?? 0o755;
    if (path.length > 0) {
      const made = await mkdirat(this.#task, place.dirfd, place.name, mode & 0o777);
      if (made !== -errnos.EEXIST.number) {
        if (!this.#isMade('mkdirat', made, path)) return;
      } else if (await this.#aliases?.isOther(place, path)) throw new OtherName();
      else if (!(await this.#isDirectory(place))) {
        await this.#remove(place, path);
        must('mkdirat', await mkdirat(this.#task, place.dirfd, place.name, mode & 0o777), path);
      }
    }
    const { atimeNs: _, mtimeNs: __, xattrs, ...now } = attributes;
    const own = new Map([...(xattrs ?? [])].filter(([key]) => !inherited.has(key)));
    await this.#describe(place, path, { ...now, xattrs: own }, false);
  }

  /**
   * A symlink to a directory is one: /lib of most systems leads to /usr/lib, and stays. Whatever else is there stays, too: of a file
   * nobody said that it is to go.
   */
  async #implied(place: Place, path: Uint8Array): Promise<void> {
    const made = await mkdirat(this.#task, place.dirfd, place.name, 0o755);
    if (made !== -errnos.EEXIST.number) this.#isMade('mkdirat', made, path);
    else if (!(await this.#parents.isDirectory(path))) this.#lost.set(latin1(path), 'parent');
  }

  async #isDirectory({ dirfd, name }: Place): Promise<boolean> {
    const { mode } = await statx(this.#task, dirfd, name, AT_SYMLINK_NOFOLLOW);
    return (mode & S_IFMT) === S_IFDIR;
  }

  /** What is no directory goes; an empty directory too. */
  async #remove({ dirfd, name }: Place, path: Uint8Array): Promise<void> {
    const ret = await unlinkat(this.#task, dirfd, name);
    if (ret !== -errnos.EISDIR.number) must('unlinkat', ret, path);
    else must('unlinkat', await unlinkat(this.#task, dirfd, name, AT_REMOVEDIR), path);
  }

  /** Makes it; where something is there already, that goes first. Answers what Linux did. */
  async #remade(place: Place, make: () => Promise<number>, path: Uint8Array): Promise<number> {
    const made = await make();
    if (made !== -errnos.EEXIST.number) return made;
    if (await this.#aliases?.isOther(place, path)) throw new OtherName();
    await this.#remove(place, path);
    return make();
  }

  /** A file system without hard links gets a file of its own for each name. */
  async #hardlink(place: Place, entry: Entry & { readonly type: 'hardlink' }): Promise<void> {
    const { path, target, attributes, content } = entry;
    if (this.#isLost(target)) {
      if (content) return this.#file(place, path, attributes, content());
      const kind = this.#lost.get(latin1(target)) ?? 'name';
      this.#lost.set(latin1(path), kind);
      return this.losses.lost(path, undefined, kind);
    }
    const from = await this.#linked(path, target);
    try {
      const link = () => linkat(this.#task, from.dirfd, from.name, place.dirfd, place.name);
      const made = await this.#remade(place, link, path);
      if (made === -errnos.ENOENT.number) throw noSuchTarget(path, target);
      if (this.losses.note('hardlink', 'linkat', made, path)) return;
      await this.#file(place, path, attributes, content ? content() : this.#copied(from, target));
    } finally {
      await close(this.#task, from.dirfd);
    }
  }

  async #linked(path: Uint8Array, target: Uint8Array): Promise<Place> {
    try {
      return await this.#parents.ownOf(target);
    } catch (cause) {
      throw cause instanceof KernelError ? noSuchTarget(path, target) : cause;
    }
  }

  /** What was written under the other name. */
  async *#copied({ dirfd, name }: Place, path: Uint8Array): AsyncGenerator<Uint8Array> {
    const fd = must('openat', await openat(this.#task, dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), path);
    const into = await mapBuffer(this.#task, BUFFER_BYTES);
    try {
      for (;;) {
        const got = must('read', await read(this.#task, fd, into), path);
        if (got === 0) return;
        yield this.#task.memory.copy(into.at, got);
      }
    } finally {
      await unmapBuffer(this.#task, into);
      await close(this.#task, fd);
    }
  }

  async #file(place: Place, path: Uint8Array, attributes: Attributes, content: Content): Promise<void> {
    const { dirfd, name } = place;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const opened = await this.#remade(place, () => openat(this.#task, dirfd, name, flags, 0o600), path);
    if (!this.#isMade('openat', opened, path)) return;
    const fd = opened;
    try {
      await this.#fill(fd, path, content);
    } catch (cause) {
      await close(this.#task, fd);
      await unlinkat(this.#task, dirfd, name);
      throw cause;
    }
    // Delayed allocation tells of ENOSPC here at the latest on some file systems.
    must('close', await close(this.#task, fd), path);
    await this.#describe(place, path, attributes, false);
  }

  async #fill(fd: number, path: Uint8Array, content: Content): Promise<void> {
    const { at, bytes: room } = this.#buffer;
    let offset = 0;
    let held = 0;
    const writeHeld = async () => {
      for (let done = 0; done < held; ) {
        const from = { at: plus(at, done), bytes: room - done };
        const wrote = must('pwrite64', await pwrite64(this.#task, fd, from, held - done, offset + done), path);
        if (wrote === 0) throw new KernelError('pwrite64', errnos.EIO.number, path);
        done += wrote;
      }
      offset += held;
      held = 0;
    };
    let hole = false;
    for await (const piece of content) {
      if (typeof piece === 'number') {
        await writeHeld();
        offset += piece;
        hole = true;
        continue;
      }
      for (let from = 0; from < piece.length; ) {
        const part = piece.subarray(from, from + room - held);
        this.#task.memory.write(plus(at, held), part);
        from += part.length;
        held += part.length;
        if (held === room) await writeHeld();
      }
      hole &&= piece.length === 0;
    }
    await writeHeld();
    if (hole) must('ftruncate64', await ftruncate(this.#task, fd, offset), path);
  }

  /** Owner before mode, as a change of owner takes set-id bits; times last, as everything else changes them. */
  async #describe(place: Place, path: Uint8Array, attributes: Attributes, isSymlink: boolean): Promise<void> {
    const { dirfd, name } = place;
    const { uid, gid, mode, atimeNs, mtimeNs, xattrs } = attributes;
    const task = this.#task;
    if (uid !== undefined || gid !== undefined) {
      const ret = await fchownat(task, dirfd, name, uid ?? -1, gid ?? -1, AT_SYMLINK_NOFOLLOW);
      this.losses.note('owner', 'fchownat', ret, path);
    }
    if (mode !== undefined && !isSymlink) {
      this.losses.note('mode', 'fchmodat2', await fchmodat(task, dirfd, name, mode & modeOnly), path);
    }
    if (xattrs) await this.#setXattrs(place, path, xattrs);
    if (atimeNs !== undefined || mtimeNs !== undefined) await this.#setTimes(place, path, { atimeNs, mtimeNs });
  }

  /** ext4 says ENOSPC of an attribute that is longer than a block, however much room there is: it has no place for such ones. */
  async #isTooLarge(errno: ErrnoName | undefined, directory: Uint8Array, value: Uint8Array): Promise<boolean> {
    if (errno === 'E2BIG' || errno === 'ERANGE' || errno === 'EFBIG') return true;
    if (errno !== 'ENOSPC') return false;
    const { bavail, bsize } = await statfs64(this.#task, directory);
    return bavail * bsize > ROOM_FOR_ATTRIBUTES * (value.length + bsize);
  }

  async #setXattrs(place: Place, path: Uint8Array, xattrs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (xattrs.size === 0) return;
    const prefix = throughDirectory(place);
    const target = attributesAt(place);
    for (const [key, value] of xattrs) {
      if (xattrs.has(secondNames.get(key) ?? '')) continue;
      const ret = await setxattr(this.#task, target, fromLossless(key), value, this.#buffer);
      if (ret < 0 && (await this.#isTooLarge(errnoName(-ret), prefix, value)))
        this.losses.lost(path, errnoName(-ret), 'xattr');
      else this.losses.note('xattr', 'lsetxattr', ret, path);
    }
  }
}

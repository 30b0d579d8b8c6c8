/** `lkl cp`: files, directories and symlinks of an image as files of this machine, and the other way round. */

import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { hasCode } from '../../src/errors/has-code.ts';
import { reaching } from '../../src/node/files/far-path.ts';
import { leaves } from '../../src/node/left-behind.ts';
import { makeHostNode, setHostTimes, setHostXattrs } from '../../src/node/native/host-files.ts';
import { Failure, reasonOf } from '../failure.ts';
import { below, type FileEntry, type ImageTree } from '../look/image-tree.ts';
import { withTree } from '../look/open.ts';
import type { Troubles } from '../look/troubles.ts';
import { expandAll } from '../look/walk.ts';
import { shown } from '../look/words.ts';
import { partialName, removeLeft } from '../output/partial-name.ts';
import type { CpOptions } from '../write/copy-in.ts';

/** IMAGE:/PATH names a place in an image that is there. */
function placed(argument: string): { readonly image: string; readonly path: string } | undefined {
  if (lstatSync(argument, { throwIfNoEntry: false })) return undefined;
  const [, image, path] = /^(.+?):(\/.*)$/s.exec(argument) ?? [];
  return image && path && lstatSync(image, { throwIfNoEntry: false }) ? { image, path } : undefined;
}

/** The image that is named in IMAGE:/PATH where neither it nor a folder called `IMAGE:` is there. */
const misplaced = (all: readonly string[]): string | undefined =>
  all
    .map((one) => /^(.+?):\//s.exec(one)?.[1])
    .find((image) => image !== undefined && !existsSync(image) && !existsSync(`${image}:`));

/** Arguments as of cp(1), some of them IMAGE:/PATH, or the image and then paths. Whether everything was copied. */
export async function cp(first: string, others: readonly string[], options: CpOptions): Promise<boolean> {
  const all = [first, ...others];
  const places = options.url === undefined ? all.map(placed) : [];
  const target = places.at(-1);
  if (target) {
    if (places.slice(0, -1).some(Boolean)) throw new Failure('usage', 'from image to image it goes by way of a folder');
    return (await import('../write/copy-in.ts')).copyIn(all.slice(0, -1), target.image, target.path, options);
  }
  const [source] = places;
  const unknown = options.url === undefined && !source ? misplaced(all) : undefined;
  if (unknown !== undefined) throw new Failure('failed', `${unknown}: no such file`);
  if (!source) return copyOut(first, others, options);
  const paths = places.slice(0, -1).map((place) => {
    if (place?.image === source.image) return place.path;
    throw new Failure('usage', 'what is copied out is of one image: IMAGE:/PATH …, and last where to');
  });
  return copyOut(source.image, [...paths, ...others.slice(-1)], options);
}

/** Whether everything was copied: with owners, devices, fifos and attributes are, and sockets never. */
export const copyOut = (image: string, paths: readonly string[], options: CpOptions): Promise<boolean> => {
  const patterns = paths.slice(0, -1);
  const destination = paths.at(-1) ?? '';
  if (patterns.length === 0) throw new Failure('usage', 'cp takes paths in the image and then one here to copy to');
  return withTree(image, options, async (tree, troubles) => {
    const sources: Buffer[] = [];
    for await (const path of expandAll(tree, patterns, troubles)) sources.push(path);
    const copier = new Copier(tree, troubles, options);
    const into = isDirectory(destination);
    if (!into && (sources.length > 1 || destination.endsWith('/'))) {
      throw new Failure('usage', `${destination} is not a directory`);
    }
    const gone = leaves(() => copier.removePartial());
    try {
      for (const source of sources) {
        const entry = await troubles.attempt(() => tree.entry(source));
        if (!entry) continue;
        const name = lastName(source);
        const target = Buffer.from(destination);
        // The root has no name of its own: what is in it is copied.
        if (into && name.length === 0) await copier.fill(source, target);
        else await copier.copy(source, entry, into ? below(target, name) : target);
      }
    } finally {
      gone();
    }
    if (copier.skipped > 0 && !options.quiet) {
      const files =
        copier.skipped === 1 ? 'a device, fifo or socket was' : `${copier.skipped} devices, fifos and sockets were`;
      console.error(`lkl: ${files} not copied`);
    }
    for (const [count, one, several] of [
      [copier.refusedOwners, 'an owner', 'owners'],
      [copier.refusedXattrs, 'an attribute', 'attributes'],
    ] as const) {
      if (count === 0 || options.quiet) continue;
      const were = count === 1 ? `${one} was` : `${count} ${several} were`;
      console.error(`lkl: ${were} not kept: this machine, or who you are here, does not let it`);
    }
    return copier.skipped + copier.refusedOwners + copier.refusedXattrs === 0;
  });
};

function isDirectory(path: string): boolean {
  try {
    return lstatSync(`${path}/.`).isDirectory();
  } catch {
    return false;
  }
}

/** Without what leads there; empty for the root, "." and "..". */
function lastName(path: Buffer): Buffer {
  const name =
    path
      .toString('latin1')
      .split('/')
      .filter((part) => part !== '')
      .at(-1) ?? '';
  return Buffer.from(name === '.' || name === '..' ? '' : name, 'latin1');
}

type Xattrs = ReadonlyMap<string, Buffer> | undefined;

/** Pieces of zeros become holes, so that sparse files stay sparse. */
const HOLE_BYTES = 4096;
const zeros = Buffer.alloc(HOLE_BYTES);
const S_ISUID_S_ISGID = 0o6000;

class Copier {
  skipped = 0;
  refusedOwners = 0;
  refusedXattrs = 0;
  readonly #tree: ImageTree;
  readonly #troubles: Troubles;
  readonly #options: CpOptions;
  /** Copies of files that have other names too. */
  readonly #linked = new Map<string, Buffer>();
  /** Removes the file that has not its name yet. */
  #partial: () => void = () => {};

  constructor(tree: ImageTree, troubles: Troubles, options: CpOptions) {
    this.#tree = tree;
    this.#troubles = troubles;
    this.#options = options;
  }

  removePartial(): void {
    this.#partial();
    this.#partial = () => {};
  }

  async copy(source: Buffer, entry: FileEntry, target: Buffer): Promise<void> {
    if (entry.type === 'directory') return this.#copyDirectory(source, entry, target);
    const inode = entry.links > 1 ? entry.more?.inode : undefined;
    const first = inode === undefined ? undefined : this.#linked.get(inode);
    if (first) {
      return written(target, (at) => {
        this.#makeRoom(at);
        reaching(first, (other) => linkSync(other, at));
      });
    }
    const isThere = await this.#troubles.attempt(() => this.#copyOne(source, entry, target));
    if (isThere && inode !== undefined) this.#linked.set(inode, target);
  }

  /** Whether it is there, under no other name. */
  async #copyOne(source: Buffer, entry: FileEntry, target: Buffer): Promise<boolean> {
    if (entry.type === 'file') {
      await this.#copyFile(source, entry, target);
      return true;
    }
    const xattrs = await this.#xattrs(source);
    const isMade = written(target, (at) => {
      if (!this.#make(entry, at)) return false;
      const isOwned = this.#own(entry, at);
      if (entry.type !== 'symlink') chmodSync(at, modeOf(entry, isOwned));
      this.#attribute(at, xattrs);
      setHostTimes(at, entry.mtimeNs);
      return true;
    });
    if (!isMade) this.skipped += 1;
    return isMade;
  }

  /** Devices and fifos are as little without their owner as set-id bits are. */
  #make({ type, target, more }: FileEntry, at: Buffer): boolean {
    if (type === 'symlink') {
      this.#makeRoom(at);
      symlinkSync(target ?? Buffer.alloc(0), at);
      return true;
    }
    if (this.#options.owner !== true || more === undefined || (type !== 'fifo' && type !== 'char' && type !== 'block'))
      return false;
    this.#makeRoom(at);
    return makeHostNode(at, { type, mode: 0o600, device: more.device });
  }

  async #xattrs(source: Buffer): Promise<Xattrs> {
    return this.#options.owner === true ? this.#tree.xattrs(source) : undefined;
  }

  #attribute(at: Buffer, xattrs: Xattrs): void {
    if (xattrs) this.refusedXattrs += setHostXattrs(at, xattrs);
  }

  /** What is in the directory `source`, into one that is there. */
  async fill(source: Buffer, target: Buffer): Promise<void> {
    for (const entry of await this.#tree.list(source, ({ cause }) => this.#troubles.tell(cause))) {
      await this.copy(below(source, entry.name), entry, below(target, entry.name));
    }
  }

  async #copyDirectory(source: Buffer, entry: FileEntry, target: Buffer): Promise<void> {
    const isOurs = written(target, (at) => {
      const there = lstatSync(at, { throwIfNoEntry: false });
      if (there?.isDirectory()) return false;
      if (there) this.#makeRoom(at);
      mkdirSync(at, 0o700);
      return true;
    });
    try {
      await this.fill(source, target);
    } catch (cause) {
      if (isOurs) removeEmpty(target);
      throw cause;
    }
    const xattrs = await this.#xattrs(source);
    written(target, (at) => {
      chmodSync(at, modeOf(entry, this.#own(entry, at)));
      this.#attribute(at, xattrs);
      setHostTimes(at, entry.mtimeNs);
    });
  }

  async #copyFile(source: Buffer, entry: FileEntry, target: Buffer): Promise<void> {
    written(target, (at) => this.#mustBeFree(at));
    const xattrs = await this.#xattrs(source);
    const name = Buffer.from(partialName());
    const partialOf = (path: Buffer): Buffer => below(folderOf(path), name);
    removeLeft(folderOf(target).toString());
    const fd = written(target, (at) => openSync(partialOf(at), 'wx', 0o600));
    this.#partial = () => reaching(target, (at) => rmSync(partialOf(at), { force: true }));
    try {
      let length = 0;
      for await (const piece of this.#tree.data?.(source) ?? this.#tree.read(source)) {
        // A hole is left out, and is one again.
        if (typeof piece !== 'number') written(target, () => writeSparse(fd, piece, length));
        length += typeof piece === 'number' ? piece : piece.length;
      }
      written(target, (at) => {
        const partial = partialOf(at);
        ftruncateSync(fd, length);
        chmodSync(partial, modeOf(entry, this.#own(entry, partial)));
        this.#attribute(partial, xattrs);
        setHostTimes(partial, entry.mtimeNs);
        this.#makeRoom(at);
        renameSync(partial, at);
      });
    } finally {
      closeSync(fd);
      this.removePartial();
    }
  }

  /** Whether it has the owner that was asked for. Those of the image are kept as far as whoever runs this may give files away. */
  #own({ uid, gid }: FileEntry, target: Buffer): boolean {
    const { owner } = this.#options;
    if (!owner) return false;
    if (owner !== true) {
      lchownSync(target, owner.uid ?? process.getuid?.() ?? 0, owner.gid ?? process.getgid?.() ?? 0);
      return true;
    }
    try {
      lchownSync(target, uid, gid);
      return true;
    } catch (cause) {
      // EINVAL: an id that this user namespace has not.
      if (!(hasCode(cause, 'EPERM') || hasCode(cause, 'EINVAL'))) throw cause;
      this.refusedOwners += 1;
      return false;
    }
  }

  #mustBeFree(target: Buffer): void {
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new Failure('failed', `${shown(target)} is a directory`);
    if (there && !there.isFile() && !there.isSymbolicLink()) {
      throw new Failure(
        'failed',
        `${shown(target)} is a device, a FIFO or a socket, which nothing replaces: 'lkl cat' writes to one`,
      );
    }
    if (there && !this.#options.force) throw new Failure('failed', `${shown(target)} is there already: -f replaces it`);
  }

  #makeRoom(target: Buffer): void {
    this.#mustBeFree(target);
    rmSync(target, { force: true });
  }
}

/** A set-id bit says something of an owner. */
const modeOf = ({ mode }: FileEntry, isOwned: boolean): number => (isOwned ? mode : mode & ~S_ISUID_S_ISGID);

/** A folder that we made, and that nothing came into. */
function removeEmpty(folder: Buffer): void {
  try {
    reaching(folder, (at) => rmdirSync(at));
  } catch {
    // What is in it was copied whole, and stays.
  }
}

/** Where the name of a file begins: what is before it. */
const folderOf = (path: Buffer): Buffer => {
  const slash = path.lastIndexOf(0x2f);
  return slash < 0 ? Buffer.from('.') : path.subarray(0, slash + 1);
};

function writeSparse(fd: number, piece: Uint8Array, position: number): void {
  const isHole = (at: number): boolean => {
    const part = piece.subarray(at, at + HOLE_BYTES);
    return Buffer.compare(part, zeros.subarray(0, part.length)) === 0;
  };
  for (let at = 0; at < piece.length; ) {
    let end = at;
    while (end < piece.length && !isHole(end)) end += HOLE_BYTES;
    for (const data = piece.subarray(at, end); at < end && at < piece.length; ) {
      at += writeSync(fd, data, data.length - (Math.min(end, piece.length) - at), undefined, position + at);
    }
    at = end + HOLE_BYTES;
  }
}

/** `work` gets a path that leads to `target` and is short enough for a call. */
function written<T>(target: Buffer, work: (at: Buffer) => T): T {
  try {
    return reaching(target, work);
  } catch (cause) {
    throw cause instanceof Failure
      ? cause
      : new Failure('failed', `${shown(target)} cannot be written: ${reasonOf(cause)}`);
  }
}

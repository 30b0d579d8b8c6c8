/** Directories as node:fs shows them: entries with their types, one after another or all at once. */

import { S_IFMT } from '../../abi/uapi/fs.ts';
import type { Dirent as KernelDirent } from '../../kernel/syscalls/dir.ts';
import type { OpenDirectory } from '../../tree/open/open-directory.ts';
import { asFs } from '../errors.ts';
import { encoded, type NameEncoding } from './paths.ts';

/** DT_* of dirent.h; each is the type's bits of a mode, shifted (IFTODT). */
const DT = { unknown: 0, fifo: 1, char: 2, directory: 4, block: 6, file: 8, link: 10, socket: 12 } as const;
const MODE_TO_DT = 12;

/** As fs.Dirent. */
export class Dirent<Name extends string | Buffer = string> {
  readonly name: Name;
  /** The path that the directory was asked for by, and below it where it was listed with `recursive`. */
  readonly parentPath: Name;
  readonly #type: number;

  /** @internal */
  constructor(name: Name, parentPath: Name, type: number) {
    this.name = name;
    this.parentPath = parentPath;
    this.#type = type;
  }

  isFile(): boolean {
    return this.#type === DT.file;
  }
  isDirectory(): boolean {
    return this.#type === DT.directory;
  }
  isBlockDevice(): boolean {
    return this.#type === DT.block;
  }
  isCharacterDevice(): boolean {
    return this.#type === DT.char;
  }
  isSymbolicLink(): boolean {
    return this.#type === DT.link;
  }
  isFIFO(): boolean {
    return this.#type === DT.fifo;
  }
  isSocket(): boolean {
    return this.#type === DT.socket;
  }
}

/**
 * One name and its type, still as bytes.
 *
 * @internal
 */
export interface Found {
  readonly parent: Uint8Array;
  readonly name: Uint8Array;
  readonly type: number;
}

/** @internal */
export const isDirectory = ({ type }: Found): boolean => type === DT.directory;

/**
 * What a directory says of an entry, if it tells types.
 *
 * @internal
 */
export const knownIn = (parent: Uint8Array, { name, type }: KernelDirent): Found | undefined =>
  type === DT.unknown ? undefined : { parent, name, type };

/**
 * The type of an entry; a file system that does not tell is asked for the file itself.
 *
 * @internal
 */
export async function found(directory: OpenDirectory, parent: Uint8Array, entry: KernelDirent): Promise<Found> {
  const known = knownIn(parent, entry);
  if (known) return known;
  const { name } = entry;
  return { parent, name, type: ((await directory.stat(name)).mode & S_IFMT) >> MODE_TO_DT };
}

/** @internal */
export function direntOf({ name, parent, type }: Found, encoding: NameEncoding): Dirent<string | Buffer> {
  return new Dirent(encoded(name, encoding), encoded(parent, encoding), type);
}

/** As fs.Dir: an open directory, to be read in the file system's order. `for await` closes it. */
export class Dir<Name extends string | Buffer = string> implements AsyncIterable<Dirent<Name>>, AsyncDisposable {
  /** As it was asked for. */
  readonly path: string;
  readonly #open: OpenDirectory;
  readonly #encoding: NameEncoding;
  readonly #bytes: Uint8Array;
  #batch: readonly KernelDirent[] = [];
  #next = 0;
  #closed = false;

  /** @internal */
  constructor(open: OpenDirectory, bytes: Uint8Array, path: string, encoding: NameEncoding) {
    this.#open = open;
    this.#bytes = bytes;
    this.path = path;
    this.#encoding = encoding;
  }

  /** The next entry; null at the end. */
  async read(): Promise<Dirent<Name> | null> {
    if (this.#closed) throw dirClosed();
    return asFs('read', this.path, async () => {
      if (this.#next === this.#batch.length) {
        this.#batch = await this.#open.next();
        this.#next = 0;
      }
      const entry = this.#batch[this.#next];
      if (entry === undefined) return null;
      this.#next += 1;
      return direntOf(await found(this.#open, this.#bytes, entry), this.#encoding) as Dirent<Name>;
    });
  }

  async close(): Promise<void> {
    if (this.#closed) throw dirClosed();
    this.#closed = true;
    await this.#open.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent<Name>, void, void> {
    try {
      for (let entry = await this.read(); entry; entry = await this.read()) yield entry;
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.close();
  }
}

const dirClosed = () => Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' });

/** An image that is written where it lies, with node:fs/promises. */

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { Writable } from 'node:stream';
import {
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  S_IFDIR,
  S_IFMT,
  XATTR_CREATE,
  XATTR_REPLACE,
} from '../../abi/uapi/fs.ts';
import { LinuxException } from '../../errors/exception.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { MountedWritableTree } from '../../linux.ts';
import type { TreeChanges } from '../../tree/write/changes.ts';
import { fsError } from '../errors.ts';
import { givenPath, type ImagePath, joined } from '../files/paths.ts';
import { Image } from '../image.ts';
import type { OpenedImage } from '../open/opened-image.ts';
import { type FileContent, type TimeLike, WritableFileHandle, type WriteFileOptions } from './file-handle.ts';
import { modeOf, openFlags, timeOf } from './flags.ts';

export interface MkdirOptions {
  /** Make what is missing on the way, too; what is there is no error. */
  readonly recursive?: boolean | undefined;
  readonly mode?: string | number | undefined;
}

export interface RmOptions {
  /** A directory and everything in it. */
  readonly recursive?: boolean | undefined;
  /** What is not there is no error. */
  readonly force?: boolean | undefined;
}

export interface XattrOptions {
  /** `create`: it is not there yet, else EEXIST. `replace`: it is, else ENODATA. Default: either. */
  readonly only?: 'create' | 'replace' | undefined;
}

/** What nobody said a mode of has that of a shell's umask. */
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;
const PIECE_BYTES = 512 * 1024;

/** @internal */
export interface OpenedWritableImage extends OpenedImage {
  readonly mounted: MountedWritableTree;
}

/**
 * As `Image`, and changed by the methods of node:fs/promises that write, with the same arguments and errors. All is done as root, modes
 * are what they are said to be, without an umask. What was written is on the device once `sync`, `close` or a handle's `sync` has
 * settled; `close` rejects when not all of it is.
 */
export class WritableImage extends Image {
  readonly #changes: TreeChanges;

  /**
   * Made by `openImage`.
   *
   * @internal
   */
  constructor(opened: OpenedWritableImage) {
    super(opened);
    this.#changes = opened.mounted.changes;
  }

  /** As root may everything but execute what nobody may. */
  override access(path: ImagePath, mode: number = constants.F_OK): Promise<void> {
    return super.access(path, mode & ~constants.W_OK);
  }

  /** As fs.open; the numbers of flags are Linux's. */
  override async open(
    path: ImagePath,
    flags: string | number | null = 'r',
    mode?: string | number | null,
  ): Promise<WritableFileHandle> {
    const { bytes, text } = givenPath(path);
    const wanted = openFlags(flags ?? 'r');
    return this.call('open', text, async () => {
      const file = await this.#changes.open(bytes, wanted, wanted & O_CREAT ? modeOf(mode, FILE_MODE) : 0);
      return new WritableFileHandle(file, text);
    });
  }

  /** Makes the file, or replaces what is in it. */
  async writeFile(
    path: ImagePath,
    content: FileContent,
    options?: BufferEncoding | WriteFileOptions | null,
  ): Promise<void> {
    const { flag = 'w', mode } = typeof options === 'object' ? (options ?? {}) : {};
    await using handle = await this.open(path, flag, mode);
    await handle.writeFile(content, options);
  }

  async appendFile(
    path: ImagePath,
    content: FileContent,
    options?: BufferEncoding | WriteFileOptions | null,
  ): Promise<void> {
    const given = typeof options === 'object' ? options : { encoding: options };
    await this.writeFile(path, content, { ...given, flag: given?.flag ?? 'a' });
  }

  /** As fs.createWriteStream: the file is opened when it is first written. */
  createWriteStream(
    path: ImagePath,
    options: BufferEncoding | { readonly flags?: string; readonly mode?: number; readonly start?: number } = {},
  ): Writable {
    const { flags = 'w', mode, start } = typeof options === 'string' ? {} : options;
    let handle: WritableFileHandle | undefined;
    let at = start;
    return new Writable({
      ...(typeof options === 'string' && { defaultEncoding: options }),
      construct: (done) => {
        const opened = this.open(path, flags, mode).then((one) => {
          handle = one;
        });
        opened.then(() => done(), done);
      },
      write: (chunk: Buffer, _, done) => {
        const written = handle?.write(chunk, { position: at }) ?? Promise.reject(fsError('EBADF', 'write'));
        if (at !== undefined) at += chunk.length;
        written.then(() => done(), done);
      },
      destroy: (error, done) => {
        (handle?.close() ?? Promise.resolve()).then(
          () => done(error),
          (cause) => done(error ?? cause),
        );
      },
    });
  }

  /** With `recursive` answers the first directory that was made, if one was. */
  async mkdir(path: ImagePath, options?: string | number | MkdirOptions | null): Promise<string | undefined> {
    const { recursive = false, mode } = typeof options === 'object' ? (options ?? {}) : { mode: options };
    const given = givenPath(path);
    const wanted = modeOf(mode, DIRECTORY_MODE);
    if (recursive) return this.call('mkdir', given.text, () => this.#makeWay(given.bytes, wanted));
    await this.call('mkdir', given.text, () => this.#changes.mkdir(given.bytes, wanted));
    return undefined;
  }

  async #makeWay(path: Uint8Array, mode: number): Promise<string | undefined> {
    const made = await this.#changes.mkdir(path, mode).then(() => true as const, errnoOf);
    if (made === true) return Buffer.from(path).toString();
    const parent = parentOf(path);
    if (made.errno === 'ENOENT' && parent) {
      const first = await this.#makeWay(parent, mode);
      await this.#changes.mkdir(path, mode);
      return first ?? Buffer.from(path).toString();
    }
    if (made.errno === 'EEXIST' && ((await this.tree.stat(path)).mode & S_IFMT) === S_IFDIR) return undefined;
    throw made.cause;
  }

  /** A directory with a name of its own, of which `prefix` is the beginning. */
  async mkdtemp(prefix: ImagePath): Promise<string> {
    const { text } = givenPath(prefix, 'prefix');
    for (;;) {
      const path = `${text}${randomBytes(5).toString('base64url').slice(0, 6)}`;
      const taken = await this.call('mkdtemp', `${text}XXXXXX`, () =>
        this.#changes.mkdir(Buffer.from(path), 0o700).then(
          () => false,
          (cause) => errnoOf(cause).errno === 'EEXIST' || Promise.reject(cause),
        ),
      );
      if (!taken) return path;
    }
  }

  rmdir(path: ImagePath): Promise<void> {
    return this.#one('rmdir', path, (bytes) => this.#changes.rmdir(bytes));
  }
  unlink(path: ImagePath): Promise<void> {
    return this.#one('unlink', path, (bytes) => this.#changes.unlink(bytes));
  }

  async rm(path: ImagePath, { recursive = false, force = false }: RmOptions = {}): Promise<void> {
    const given = givenPath(path);
    const stat = await this.call('lstat', given.text, () => this.tree.stat(given.bytes, { follow: false })).catch(
      (cause: unknown) => {
        if (force && cause instanceof LinuxException && cause.code === 'ENOENT') return undefined;
        throw cause;
      },
    );
    if (!stat) return;
    const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
    if (isDirectory && !recursive) {
      const message = `Path is a directory: rm returned EISDIR (is a directory) ${given.text}`;
      throw Object.assign(new Error(message), { code: 'ERR_FS_EISDIR', syscall: 'rm', path: given.text, errno: 21 });
    }
    await this.call('rm', given.text, () =>
      isDirectory ? this.#removeTree(given.bytes) : this.#changes.unlink(given.bytes),
    );
  }

  async #removeTree(path: Uint8Array): Promise<void> {
    const directory = await this.tree.openDirectory(path);
    const names: Uint8Array[] = [];
    try {
      for (let batch = await directory.next(); batch.length > 0; batch = await directory.next()) {
        for (const { name } of batch) names.push(name);
      }
    } finally {
      await directory.close();
    }
    for (const name of names) {
      const below = joined(path, name);
      const { mode } = await this.tree.stat(below, { follow: false });
      await ((mode & S_IFMT) === S_IFDIR ? this.#removeTree(below) : this.#changes.unlink(below));
    }
    await this.#changes.rmdir(path);
  }

  rename(from: ImagePath, to: ImagePath): Promise<void> {
    return this.#two('rename', from, to, (old, path) => this.#changes.rename(old, path));
  }
  /** Each gets the other's name, at once. */
  exchange(one: ImagePath, other: ImagePath): Promise<void> {
    return this.#two('rename', one, other, (old, path) => this.#changes.rename(old, path, RENAME_EXCHANGE));
  }
  /** Another name of a file. */
  link(existing: ImagePath, path: ImagePath): Promise<void> {
    return this.#two('link', existing, path, (old, name) => this.#changes.link(old, name));
  }
  symlink(target: ImagePath, path: ImagePath): Promise<void> {
    return this.#two('symlink', target, path, (text, name) => this.#changes.symlink(text, name));
  }

  async chmod(path: ImagePath, mode: string | number): Promise<void> {
    const wanted = modeOf(mode, 0);
    return this.#one('chmod', path, (bytes) => this.#changes.chmod(bytes, wanted));
  }
  /** An id of -1 stays. */
  chown(path: ImagePath, uid: number, gid: number): Promise<void> {
    return this.#one('chown', path, (bytes) => this.#changes.chown(bytes, { uid, gid }));
  }
  /** Of a symlink itself. */
  lchown(path: ImagePath, uid: number, gid: number): Promise<void> {
    return this.#one('lchown', path, (bytes) => this.#changes.chown(bytes, { uid, gid }, { follow: false }));
  }
  /** Seconds since the epoch, a Date, or nanoseconds as a bigint. */
  async utimes(path: ImagePath, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const times = { atimeNs: timeOf(atime), mtimeNs: timeOf(mtime) };
    return this.#one('utime', path, (bytes) => this.#changes.utimes(bytes, times));
  }
  async lutimes(path: ImagePath, atime: TimeLike, mtime: TimeLike): Promise<void> {
    const times = { atimeNs: timeOf(atime), mtimeNs: timeOf(mtime) };
    return this.#one('lutime', path, (bytes) => this.#changes.utimes(bytes, times, { follow: false }));
  }
  truncate(path: ImagePath, bytes = 0): Promise<void> {
    return this.#one('open', path, (file) => this.#changes.truncate(file, Math.max(0, bytes)));
  }

  /** A file's bytes and mode, inside the image. `mode`: COPYFILE_EXCL of node:fs. */
  async copyFile(from: ImagePath, to: ImagePath, mode = 0): Promise<void> {
    const [source, target] = [givenPath(from, 'src'), givenPath(to, 'dest')];
    await this.call('copyfile', [source.text, target.text], async () => {
      const input = await this.#changes.open(source.bytes, O_RDONLY);
      try {
        const stat = await input.stat();
        if ((stat.mode & S_IFMT) === S_IFDIR) throw fsError('EISDIR', 'copyfile', [source.text, target.text]);
        const flags = O_WRONLY | O_CREAT | (mode & constants.COPYFILE_EXCL ? O_EXCL : O_TRUNC);
        const output = await this.#changes.open(target.bytes, flags, stat.mode & 0o7777);
        try {
          const piece = new Uint8Array(PIECE_BYTES);
          for (let at = 0; ; ) {
            const bytes = await input.read(at, piece);
            if (bytes === 0) break;
            await output.write(at, piece.subarray(0, bytes));
            at += bytes;
          }
          await output.chmod(stat.mode & 0o7777);
        } finally {
          await output.close();
        }
      } finally {
        await input.close();
      }
    });
  }

  /** An extended attribute by its full name, of what a symlink leads to. */
  setxattr(path: ImagePath, name: string, value: string | Uint8Array, options: XattrOptions = {}): Promise<void> {
    return this.#setxattr('setxattr', path, name, value, { ...options, follow: true });
  }
  /** The same of a symlink itself. */
  lsetxattr(path: ImagePath, name: string, value: string | Uint8Array, options: XattrOptions = {}): Promise<void> {
    return this.#setxattr('lsetxattr', path, name, value, { ...options, follow: false });
  }
  removexattr(path: ImagePath, name: string): Promise<void> {
    return this.#one('removexattr', path, (bytes) => this.#changes.removeXattr(bytes, name));
  }
  lremovexattr(path: ImagePath, name: string): Promise<void> {
    return this.#one('lremovexattr', path, (bytes) => this.#changes.removeXattr(bytes, name, { follow: false }));
  }

  #setxattr(
    syscall: string,
    path: ImagePath,
    name: string,
    value: string | Uint8Array,
    { only, follow }: XattrOptions & { readonly follow: boolean },
  ): Promise<void> {
    const flags = only === undefined ? 0 : only === 'create' ? XATTR_CREATE : XATTR_REPLACE;
    return this.#one(syscall, path, (bytes) =>
      this.#changes.setXattr(bytes, name, Buffer.from(value as Uint8Array), { flags, follow }),
    );
  }

  /** Once it settles, all that was written so far is on the device. */
  sync(): Promise<void> {
    return this.call('sync', undefined, () => this.#changes.sync());
  }

  async #one(syscall: string, path: ImagePath, work: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const { bytes, text } = givenPath(path);
    return this.call(syscall, text, () => work(bytes));
  }

  async #two(
    syscall: string,
    from: ImagePath,
    to: ImagePath,
    work: (from: Uint8Array, to: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const [one, other] = [givenPath(from), givenPath(to)];
    return this.call(syscall, [one.text, other.text], () => work(one.bytes, other.bytes));
  }
}

/** What Linux said, where it said something. */
const errnoOf = (cause: unknown) => ({ errno: cause instanceof KernelError ? cause.errno : undefined, cause });

/** Undefined: there is none above. */
function parentOf(path: Uint8Array): Uint8Array | undefined {
  const plain = Buffer.from(path).toString('latin1').replace(/\/+$/, '');
  const slash = plain.lastIndexOf('/');
  return slash <= 0 ? undefined : Buffer.from(plain.slice(0, slash), 'latin1');
}

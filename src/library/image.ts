/** An image's tree, with the reading half of node:fs/promises. */

import { constants } from 'node:fs';
import { addAbortSignal, Readable } from 'node:stream';
import { S_IFDIR, S_IFMT } from '../abi/uapi/fs.ts';
import { exceptionOf, LinuxException } from '../errors/exception.ts';
import { HostError } from '../errors/host-error.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { gate } from '../storage/gate.ts';
import type { Fs2tarOptions } from '../tree/fs2tar/fs2tar.ts';
import type { OpenDirectory } from '../tree/open/open-directory.ts';
import type { Tree } from '../tree/tree.ts';
import { asFs, fsError, type Named } from './errors.ts';
import { Dir, type Dirent, direntOf, type Found, found, isDirectory, knownIn } from './files/dirent.ts';
import { FileHandle } from './files/file-handle.ts';
import {
  type EncodingOptions,
  type EncodingOrOptions,
  encoded,
  encodingOf,
  type GivenPath,
  givenPath,
  type ImagePath,
  joined,
  type NameEncoding,
} from './files/paths.ts';
import { type ReadFileOptions, type ReadStreamOptions, writes } from './files/read-options.ts';
import { type StatOptions, type StatsFor, statsOf } from './files/stats.ts';
import type { ImageInfo, OpenedImage } from './open/opened-image.ts';
import { PendingCalls } from './open/pending-calls.ts';
import { type TarStream, tarStream } from './tar-stream.ts';

export interface ReaddirOptions extends EncodingOptions {
  /** Entries as Dirent instead of names. */
  readonly withFileTypes?: boolean | undefined;
  /** Everything below, too; symlinks are not followed. Names are then paths from the directory on. */
  readonly recursive?: boolean | undefined;
  /**
   * Told of each directory that cannot be read whole, and of what it lacks: an error as this method would reject with, its `path`
   * that of the directory or file. The names that could be read are listed. Default: the first rejects.
   */
  readonly onError?: ((error: LinuxException) => void) | undefined;
}

/** As StatFs of node:fs, and three facts more. */
export interface StatFs<N extends number | bigint = number> {
  /** The magic number of statfs(2). */
  readonly type: N;
  readonly bsize: N;
  readonly blocks: N;
  readonly bfree: N;
  readonly bavail: N;
  readonly files: N;
  readonly ffree: N;
  readonly frsize: N;
  readonly namelen: N;
  /** ST_* of statvfs(3). */
  readonly flags: N;
}

export interface TarOptions {
  /** The directory or file to archive. Default: everything. */
  readonly path?: ImagePath;
  /**
   * At a file that cannot be read. `stop` (the default): the stream errors. `continue`: it is left out, and listed in the report
   * and in a last entry `.fs2tar-errors` (of a zip `.fs2zip-errors`).
   */
  readonly onError?: Fs2tarOptions['onError'];
}

/** Files that `readFile` has open; a kernel's task may have 1,024. */
const FILES_AT_ONCE = 64;
const CHUNK_BYTES = 64 * 1024;

type Listing<Options> = Options extends { readonly withFileTypes: true }
  ? Dirent<NameFor<Options>>[]
  : NameFor<Options>[];
type NameFor<Options> = Options extends 'buffer' | { readonly encoding: 'buffer' } ? Buffer : string;
type ContentFor<Options> = Options extends BufferEncoding | { readonly encoding: BufferEncoding } ? string : Buffer;

/**
 * A mounted image. Methods have the names, arguments and errors of node:fs/promises; paths begin at the image's root, and nothing
 * leads out of it. Any number of calls may be under way at once. Nothing is written: opening for writing is EROFS. `WritableImage` writes.
 *
 * Close it, or declare it with `await using`: until then it holds a kernel with some MiB of memory.
 */
export class Image implements AsyncDisposable {
  readonly #opened: OpenedImage;
  /** @internal */
  protected readonly tree: Tree;
  /** Whoever reads a whole directory's files at once is not to meet EMFILE. */
  readonly #reading = gate(FILES_AT_ONCE);
  readonly #calls = new PendingCalls();
  #closing: Promise<void> | undefined;

  /**
   * Made by `openImage`.
   *
   * @internal
   */
  constructor(opened: OpenedImage) {
    this.#opened = opened;
    this.tree = opened.mounted.tree;
  }

  /** The file system, as in /proc/filesystems. */
  get type(): string {
    return this.#opened.mounted.type;
  }
  /** The number of the partition it is on; undefined: it fills the image. */
  get partition(): number | undefined {
    return this.#opened.mounted.partition;
  }

  /** A file's bytes, or its text in an encoding. */
  async readFile<const Options extends EncodingOrOptions<ReadFileOptions> = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<ContentFor<Options>> {
    const wanted: EncodingOrOptions<ReadFileOptions> = options;
    const flag = typeof wanted === 'object' ? wanted?.flag : undefined;
    const at = givenPath(path);
    const read = async () => {
      await using handle = await this.open(at.bytes, flag);
      return (await handle.readFile(wanted as BufferEncoding)) as unknown as ContentFor<Options>;
    };
    return this.#calls.track(this.#reading(read));
  }

  /**
   * The names in a directory, sorted by their bytes, without "." and "..". With `withFileTypes` as Dirent; with `recursive`
   * everything below.
   */
  readdir(path: ImagePath): Promise<string[]>;
  readdir<const Options extends EncodingOrOptions<ReaddirOptions>>(
    path: ImagePath,
    options: Options | undefined,
  ): Promise<Listing<Options>>;
  async readdir<const Options extends EncodingOrOptions<ReaddirOptions>>(
    path: ImagePath,
    options?: Options,
  ): Promise<Listing<Options>> {
    const wanted: EncodingOrOptions<ReaddirOptions> = options;
    const encoding = encodingOf(wanted);
    const { withFileTypes = false, recursive = false, onError } = typeof wanted === 'object' ? (wanted ?? {}) : {};
    const at = givenPath(path);
    const entries = await this.call('scandir', at.text, () => this.#entries(at, recursive, onError));
    const name = (entry: Found) => encoded(relative(at.bytes, entry), encoding);
    return entries.map((entry) => (withFileTypes ? direntOf(entry, encoding) : name(entry))) as Listing<Options>;
  }

  async #entries(
    { bytes: path, text }: GivenPath,
    recursive: boolean,
    onError: ReaddirOptions['onError'],
  ): Promise<Found[]> {
    const entries: Found[] = [];
    const seen = new Set<string>();
    const directories = [path];
    for (let directory = directories.pop(); directory; directory = directories.pop()) {
      const listed: Found[] = [];
      const named = directory === path ? text : `${Buffer.from(directory)}`;
      /** What `work` does is done, or told of. */
      const told = async (at: string, work: () => Promise<void>): Promise<void> => {
        try {
          await asFs('scandir', at, work);
        } catch (cause) {
          const isOfFile = cause instanceof LinuxException && cause.syscall !== undefined;
          if (!onError || !isOfFile) throw cause;
          onError(cause);
        }
      };
      await told(named, async () => {
        const open = await this.tree.openDirectory(directory);
        try {
          if (recursive) await mustBeNew(open, seen, directory);
          for (let batch = await open.next(); batch.length > 0; batch = await open.next()) {
            for (const entry of batch) {
              const known = knownIn(directory, entry);
              if (known) listed.push(known);
              else {
                const at = onError ? `${Buffer.from(joined(directory, entry.name))}` : named;
                await told(at, async () => void listed.push(await found(open, directory, entry)));
              }
            }
          }
        } finally {
          await open.close();
        }
      });
      listed.sort((a, b) => Buffer.compare(a.name, b.name));
      for (const entry of listed) entries.push(entry);
      const below = recursive ? listed.filter(isDirectory) : [];
      for (const { name } of below.reverse()) directories.push(joined(directory, name));
    }
    return entries;
  }

  /** stat(2): of what a symlink leads to. */
  async stat<const Options extends StatOptions | undefined = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<StatsFor<Options>> {
    const { bytes, text } = givenPath(path);
    return this.call('stat', text, async () => statsOf(await this.tree.stat(bytes), options) as StatsFor<Options>);
  }

  /** lstat(2): of a symlink itself. */
  async lstat<const Options extends StatOptions | undefined = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<StatsFor<Options>> {
    const { bytes, text } = givenPath(path);
    return this.call(
      'lstat',
      text,
      async () => statsOf(await this.tree.stat(bytes, { follow: false }), options) as StatsFor<Options>,
    );
  }

  /** Of the file system. */
  statfs(path: ImagePath, options: { readonly bigint: true }): Promise<StatFs<bigint>>;
  statfs(path?: ImagePath, options?: StatOptions): Promise<StatFs>;
  async statfs(path: ImagePath = '/', { bigint = false }: StatOptions = {}): Promise<StatFs<number | bigint>> {
    const { bytes, text } = givenPath(path);
    return this.call('statfs', text, async () => {
      await this.tree.stat(bytes);
      const { type, bsize, blocks, bfree, bavail, files, ffree, frsize, namelen, flags } = await this.tree.statfs();
      const facts = { type, bsize, blocks, bfree, bavail, files, ffree, frsize, namelen, flags };
      return bigint ? asBigInts(facts) : facts;
    });
  }

  /** Where a symlink leads, as it is written. */
  async readlink<const Options extends EncodingOrOptions = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<NameFor<Options>> {
    return this.#named<Options>('readlink', path, options);
  }

  /** The path of the same file from the root, without symlinks, "." and "..". */
  async realpath<const Options extends EncodingOrOptions = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<NameFor<Options>> {
    return this.#named<Options>('realpath', path, options);
  }

  #named<const Options extends EncodingOrOptions>(
    call: 'readlink' | 'realpath',
    path: ImagePath,
    options: Options | undefined,
  ): Promise<NameFor<Options>> {
    const { bytes, text } = givenPath(path);
    const encoding = encodingOf(options);
    return this.call(call, text, async () => encoded(await this.tree[call](bytes), encoding) as NameFor<Options>);
  }

  /** As root: what is there can be read; W_OK is EROFS; X_OK wants a directory, or a file that somebody may execute. */
  async access(path: ImagePath, mode: number = constants.F_OK): Promise<void> {
    const { bytes, text } = givenPath(path);
    const stat = await this.call('access', text, () => this.tree.stat(bytes));
    if (mode & constants.W_OK) throw fsError('EROFS', 'access', text);
    const mayExecute = (stat.mode & S_IFMT) === S_IFDIR || (stat.mode & 0o111) !== 0;
    if (mode & constants.X_OK && !mayExecute) throw fsError('EACCES', 'access', text);
  }

  /** A handle for reading. Device nodes, fifos and sockets cannot be opened: ENXIO. */
  async open(path: ImagePath, flags: string | number = 'r'): Promise<FileHandle> {
    const { bytes, text } = givenPath(path);
    if (writes(flags)) throw fsError('EROFS', 'open', text);
    return this.call('open', text, async () => {
      const file = await this.tree.openFile(bytes).catch(unlessDirectory);
      if (file) return new FileHandle(file, text);
      const directory = await this.tree.lookup(bytes);
      return new FileHandle({ ...directory, read: undefined }, text);
    });
  }

  /** A directory to be read entry by entry, however many it has. */
  async opendir<const Options extends EncodingOrOptions = undefined>(
    path: ImagePath,
    options?: Options,
  ): Promise<Dir<NameFor<Options>>> {
    const { bytes, text } = givenPath(path);
    const encoding = encodingOf(options);
    return this.call('opendir', text, async () => new Dir(await this.tree.openDirectory(bytes), bytes, text, encoding));
  }

  /** As fs.createReadStream: the file is opened when it is first read; an error of that is the stream's. */
  createReadStream(path: ImagePath, options: NameEncoding | ReadStreamOptions = {}): Readable {
    const wanted = typeof options === 'string' ? { encoding: options } : options;
    const { encoding } = wanted;
    const open = async function* (this: Image) {
      const handle = await this.open(path, wanted.flags);
      yield* handle.createReadStream({ ...wanted, encoding: undefined });
    };
    const stream = Readable.from(open.call(this), {
      objectMode: false,
      highWaterMark: wanted.highWaterMark ?? CHUNK_BYTES,
    });
    if (encoding && encoding !== 'buffer') stream.setEncoding(encoding);
    return wanted.signal ? addAbortSignal(wanted.signal, stream) : stream;
  }

  /** Extended attributes by name, of what a symlink leads to; the empty map where the file system has none. */
  xattrs(path: ImagePath): Promise<Map<string, Buffer>> {
    return this.#xattrs('listxattr', path, true);
  }

  /** The same of a symlink itself. */
  lxattrs(path: ImagePath): Promise<Map<string, Buffer>> {
    return this.#xattrs('llistxattr', path, false);
  }

  async #xattrs(syscall: string, path: ImagePath, follow: boolean): Promise<Map<string, Buffer>> {
    const { bytes, text } = givenPath(path);
    return this.call(syscall, text, async () => {
      const xattrs = await this.tree.xattrs(bytes, { follow });
      return new Map(xattrs.map(({ name, value }) => [Buffer.from(name).toString(), Buffer.from(value)]));
    });
  }

  /** The tree, or a part of it, as a tar with everything that Linux tells of it. The same tree gives the same bytes. */
  tar({ path = '/', onError = 'stop' }: TarOptions = {}): TarStream {
    const { bytes } = givenPath(path);
    return tarStream((sink) => this.#opened.mounted.tar({ path: bytes, onError }, sink));
  }

  /**
   * The same as a zip, with symlinks, modes, owners and times as Info-ZIP has them. It has no hard links (each name has the data), no
   * extended attributes, and no devices, FIFOs or sockets: the report counts them.
   */
  zip({ path = '/', onError = 'stop' }: TarOptions = {}): TarStream {
    const { bytes } = givenPath(path);
    return tarStream((sink) => this.#opened.mounted.tar({ path: bytes, onError, form: 'zip' }, sink));
  }

  /** What the image is, and what is on each of its partitions. Each file system is mounted for it: some tens of milliseconds. */
  info(): Promise<ImageInfo> {
    return this.call('info', undefined, () => this.#opened.info());
  }

  /**
   * Lets the kernel and the image go, once the calls that are under way have settled: `return image.readFile(…)` in the scope
   * of `await using` is no mistake. Later ones, and tars and handles that are left, reject. Twice is once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#calls.settled().then(() => this.#opened.close());
    return this.#closing;
  }

  /**
   * A call by its name in node:fs, waited for by `close`.
   *
   * @internal
   */
  protected call<T>(syscall: string, path: Named, work: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(exceptionOf(new HostError('kernel-halt', 'the image is closed')));
    return this.#calls.track(asFs(syscall, path, work));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Opening a directory is no error, as in Node: reading it is. */
function unlessDirectory(cause: unknown): undefined {
  if (!(cause instanceof KernelError && cause.errno === 'EISDIR')) throw cause;
}

/** A directory that contains itself is damage: listing it would not end. */
async function mustBeNew(open: OpenDirectory, seen: Set<string>, path: Uint8Array): Promise<void> {
  const { devMajor, devMinor, ino } = await open.stat(Buffer.from('.'));
  const key = `${devMajor}:${devMinor}:${ino}`;
  if (seen.has(key)) throw fsError('ELOOP', 'scandir', Buffer.from(path).toString());
  seen.add(key);
}

/** An entry's path from the directory `from` on. */
function relative(from: Uint8Array, { parent, name }: Found): Uint8Array {
  const path = joined(parent, name);
  return path.subarray(joined(from, new Uint8Array(0)).length);
}

const asBigInts = <K extends string>(facts: Readonly<Record<K, number>>): Record<K, bigint> =>
  Object.fromEntries(Object.entries<number>(facts).map(([key, value]) => [key, BigInt(value)])) as Record<K, bigint>;

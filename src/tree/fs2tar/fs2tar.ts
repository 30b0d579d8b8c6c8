/** Reads a mounted tree and writes it as a tar (every file type, all attributes, hard links, holes) or as a zip. */

import { errnos } from '../../abi/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  XATTR_SIZE_MAX,
} from '../../abi/uapi/fs.ts';
import { ChunkWriter, type Sink } from '../../archive/chunk-writer.ts';
import { dataBytes, type Segment, type TarEntry, type TarType, type Xattr } from '../../archive/tar/tar-writer.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { KERN_WARNING, KernelLog, type LogRecord } from '../../kernel/log/kernel-log.ts';
import { reasonIn } from '../../kernel/log/log-reason.ts';
import { plus } from '../../kernel/memory.ts';
import { chdir, fchdir } from '../../kernel/syscalls/dir.ts';
import { close, inNs, openat, openat2, pread64, readlinkat, statx } from '../../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../../kernel/syscalls/memory.ts';
import type { Name, UserBuffer } from '../../kernel/syscalls/scratch.ts';
import { getxattr, listxattr } from '../../kernel/syscalls/xattr.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { DamageError, isDamage } from '../damage-error.ts';
import { isNtfs, readErrorOf, unreadable } from '../unreadable.ts';
import { type Visit, walk } from '../walk.ts';
import { orNone } from '../xattrs.ts';
import { dataSegments } from './data-segments.ts';
import { ErrorList, type Fs2tarError } from './error-list.ts';
import type { ArchiveForm } from './form.ts';
import { HardLinks } from './hard-links.ts';
import { errorsIn } from './logged-errors.ts';
import { tarForm } from './tar-form.ts';
import { zipForm } from './zip-form.ts';

export interface Fs2tarOptions {
  /** The directory or the one file to archive, inside the mount: symlinks and ".." on the way do not leave it. Default: all of it. */
  readonly path?: Name;
  /**
   * 'stop': the first file that cannot be read whole rejects, and what the sink got is no whole tar.
   * 'continue': it is left out and listed in a last entry `.fs2tar-errors`. So that no header is out before its data
   * is known to be readable, files larger than the buffer are then read twice.
   */
  readonly onError: 'stop' | 'continue';
  /** The kernel's log from before the mount: what that could not read is missing from the tree. Default: from now on. */
  readonly log?: KernelLog;
  /** What is known to be missing before anything is read. With 'stop' that is for whoever mounts to refuse. */
  readonly missing?: readonly string[];
  /** As the kernel calls the file system: what damage is told with. */
  readonly fileSystemType?: string;
  /** Memory of the task to read through, XATTR_SIZE_MAX bytes. Default: mapped for this tar. */
  readonly buffer?: UserBuffer;
  /** Bytes of each piece that the sink gets, but the last. Default: 64 KiB. */
  readonly chunkBytes?: number;
  /** The sink keeps no chunk beyond what it answers: their memory is used again. */
  readonly reused?: boolean;
  /** Names of one directory in memory at a time; of one that has more the rest is listed anew. Default: 131,072. */
  readonly namesAtOnce?: number;
  /**
   * Default: a tar. A zip has no hard links (each name has the data), no holes, no extended attributes, devices, FIFOs or sockets; the last
   * are counted.
   */
  readonly form?: 'tar' | 'zip';
  /** Of a zip: memory for its directory, of some 100 bytes and a name for each file. Default: 1 GiB. */
  readonly directoryBytes?: number;
  /** For what is not a call of the task: others need not wait for it. Default: they do. */
  readonly waitFor?: <T>(work: T | Promise<T>) => T | Promise<T>;
  /** Called with the SELinux label of each file that has one, which the tar has too. */
  readonly label?: (path: Uint8Array, label: Uint8Array) => void;
  /** Called after each entry with the bytes written and the entries so far. */
  readonly progress?: (bytes: number, entries: number) => void;
}

export interface Fs2tarReport {
  readonly entries: number;
  readonly bytes: number;
  /** Tar has no type for sockets. */
  readonly socketsSkipped: number;
  /** Devices and FIFOs, of which a zip has none. */
  readonly specialFilesSkipped: number;
  /** Further names of a file that a zip has as files of their own. */
  readonly linksCopied: number;
  /** Reparse points of NTFS that are empty files to Linux. */
  readonly reparsePointsSkipped: number;
  /** Hard links archived as files of their own, because more files had links to come than memory was set aside for. */
  readonly linksSplit: number;
  /** The first ones, up to `MAX_ERRORS`. */
  readonly errors: readonly Fs2tarError[];
  readonly errorCount: number;
  /** As it was given. */
  readonly fileSystemType: string | undefined;
}

/** Holds any attribute. Not more: without an MMU it is one piece of the kernel's memory, and small reads cost little. */
const BUFFER_BYTES = XATTR_SIZE_MAX;
const CHUNK_BYTES = 64 * 1024;
const DIRECTORY_BYTES = 2 ** 30;
const MAX_ERRORS = 10_000;
/** Of a hole, at a time. */
const ZEROS = new Uint8Array(64 * 1024);
/** Files between two looks at the kernel's log. */
const LOG_EVERY = 256;
const MAX_PENDING_LINKS = 100_000;

const SELINUX = 'security.selinux';
const SLASH = 0x2f;
const DOT = 0x2e;

const tarTypes = new Map<number, TarType>([
  [S_IFREG, 'file'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'char'],
  [S_IFBLK, 'block'],
  [S_IFDIR, 'directory'],
  [S_IFIFO, 'fifo'],
]);

/**
 * Makes the directory to archive the working directory. Of another file it is the one that the file lies in: answers the
 * name there, a symlink's own.
 */
async function enterTree(task: UserTask, root: Name, path: Name): Promise<Uint8Array | undefined> {
  const whole = typeof path === 'string' ? new TextEncoder().encode(path) : path;
  const slash = whole.lastIndexOf(SLASH);
  const name = whole.subarray(slash + 1);
  const rootFd = must('openat', await openat(task, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC), root);
  const how = { flags: O_PATH | O_DIRECTORY | O_CLOEXEC, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  const fd = await openat2(task, rootFd, whole, how);
  const isFile = fd === -errnos.ENOTDIR.number && name.length > 0;
  const folder = isFile ? await openat2(task, rootFd, slash < 0 ? '.' : whole.subarray(0, slash + 1), how) : fd;
  await close(task, rootFd);
  must('fchdir', await fchdir(task, must('openat2', folder, path)), path);
  await close(task, folder);
  return isFile ? name : undefined;
}

/** One file of the working directory, as a walk would find it. */
async function* only(task: UserTask, name: Uint8Array): AsyncGenerator<Visit, void, void> {
  yield {
    path: Uint8Array.of(DOT, SLASH, ...name),
    name,
    stat: await statx(task, AT_FDCWD, name, AT_SYMLINK_NOFOLLOW),
  };
}

/** One archive in the making. */
class Archive {
  readonly #task: UserTask;
  readonly #buffer: UserBuffer;
  readonly #out: ChunkWriter;
  readonly #form: ArchiveForm;
  readonly #options: Fs2tarOptions;
  readonly #links = new HardLinks(MAX_PENDING_LINKS);
  readonly #errors = new ErrorList(MAX_ERRORS);
  #entries = 0;
  #socketsSkipped = 0;
  #specialFilesSkipped = 0;
  #linksCopied = 0;
  #reparsePointsSkipped = 0;
  #isNtfs = false;

  constructor(task: UserTask, buffer: UserBuffer, sink: Sink, options: Fs2tarOptions) {
    this.#task = task;
    this.#buffer = buffer;
    this.#out = new ChunkWriter(sink, {
      chunkBytes: options.chunkBytes ?? CHUNK_BYTES,
      reused: options.reused ?? false,
    });
    this.#form =
      options.form === 'zip' ? zipForm(this.#out, options.directoryBytes ?? DIRECTORY_BYTES) : tarForm(this.#out);
    this.#options = options;
  }

  /** Archive the working directory, or only the file `name` in it. What file systems put in `log` meanwhile are errors too. */
  async run(log: KernelLog, name: Uint8Array | undefined): Promise<Fs2tarReport> {
    const records: LogRecord[] = [];
    try {
      return await this.#run(log, name, records);
    } catch (cause) {
      if (!(cause instanceof KernelError && isDamage(cause))) throw cause;
      const said = [...records, ...(await log.records())].filter(({ level }) => level <= KERN_WARNING);
      throw new DamageError(cause, { fileSystemType: this.#options.fileSystemType, reason: reasonIn(said) });
    }
  }

  /** `records` is what was read of the log last. */
  async #run(log: KernelLog, name: Uint8Array | undefined, records: LogRecord[]): Promise<Fs2tarReport> {
    const look = async () => {
      records.splice(0, records.length, ...(await log.records()));
      for (const message of errorsIn(records)) logged.add(message);
    };
    const onError = (path: Uint8Array, error: KernelError) => this.#fail(path, error);
    const logged = new Set<string>();
    const visits = name ? only(this.#task, name) : walk(this.#task, this.#buffer, onError, this.#options.namesAtOnce);
    let visited = 0;
    this.#isNtfs = await isNtfs(this.#task, this.#buffer);
    for await (const visit of visits) {
      // Now and then: the kernel's log is a ring.
      if (++visited % LOG_EVERY === 0) await look();
      const before = this.#out.pushed;
      try {
        await this.#add(visit);
      } catch (error) {
        this.#form.leave?.();
        if (!(error instanceof KernelError)) throw error;
        this.#fail(visit.path, error, this.#out.pushed > before);
      }
    }
    await look();
    for (const message of [...(this.#options.missing ?? []), ...logged]) {
      this.#fail(new TextEncoder().encode(message), new KernelError('syslog', errnos.EUCLEAN.number));
    }
    if (this.#errors.count > 0) await this.#addErrorList();
    await this.#form.finish();
    await this.#out.end();
    return {
      entries: this.#entries,
      bytes: this.#out.pushed,
      socketsSkipped: this.#socketsSkipped,
      specialFilesSkipped: this.#specialFilesSkipped,
      linksCopied: this.#linksCopied,
      reparsePointsSkipped: this.#reparsePointsSkipped,
      linksSplit: this.#links.dropped,
      errors: this.#errors.kept,
      errorCount: this.#errors.count,
      fileSystemType: this.#options.fileSystemType,
    };
  }

  /** What is partly in the tar already cannot be left out any more. */
  #fail(path: Uint8Array, error: KernelError, partlyOut = false): void {
    const { call } = error;
    // Nobody removes what a directory has listed: a name that leads nowhere is damage, and no file that was not there.
    const number = error.errno === 'ENOENT' ? errnos.EUCLEAN.number : error.number;
    const said = new KernelError(call, number, path);
    if (this.#options.onError === 'stop' || partlyOut) throw said;
    this.#errors.add(path, said);
  }

  async #add(visit: Visit): Promise<void> {
    const { path, stat } = visit;
    if ((stat.mode & S_IFMT) === S_IFSOCK) {
      this.#socketsSkipped++;
      return;
    }
    const type = tarTypes.get(stat.mode & S_IFMT);
    if (type === undefined) throw new KernelError('statx', errnos.EUCLEAN.number);
    if ((type === 'char' || type === 'block' || type === 'fifo') && !this.#form.hasSpecialFiles) {
      this.#specialFilesSkipped++;
      return;
    }
    if (type === 'file' && (this.#isNtfs || stat.size === 0)) {
      const why = await unreadable(this.#task, { path: visit.name }, stat.size, this.#buffer);
      const failure = readErrorOf(why);
      if (failure) throw failure;
      if (why === 'reparse') {
        this.#reparsePointsSkipped++;
        return;
      }
    }
    const entry: TarEntry = {
      type,
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeNs: inNs(stat.mtime),
    };
    if (this.#options.label) await this.#tellLabel(visit);
    const linked = type === 'directory' ? undefined : this.#links.find(stat);
    if (linked && !this.#form.hasHardLinks) this.#linksCopied++;
    else if (linked) {
      await this.#write({ ...entry, type: 'hardlink', linkPath: linked });
      return;
    }
    await this.#addFirst(visit, { ...entry, xattrs: await this.#xattrs(visit.name) });
    if (type !== 'directory' && !linked) this.#links.add(stat, path);
  }

  async #tellLabel({ path, name }: Visit): Promise<void> {
    const { label } = this.#options;
    if (!label) return;
    const found = await orNone(getxattr(this.#task, { path: name }, SELINUX, this.#buffer), undefined);
    if (found) label(path, found);
  }

  /** Archive a file under its first name. */
  async #addFirst({ name, stat }: Visit, entry: TarEntry): Promise<void> {
    switch (entry.type) {
      case 'file':
        return stat.size > 0 ? this.#addData(name, stat.size, entry) : this.#write(entry);
      case 'symlink':
        return this.#write({ ...entry, linkPath: await readlinkat(this.#task, AT_FDCWD, name) });
      default:
        return this.#write({ ...entry, device: { major: stat.rdevMajor, minor: stat.rdevMinor } });
    }
  }

  /** Archive an entry that has no data. */
  async #write(entry: TarEntry): Promise<void> {
    await this.#formed(this.#form.entry(entry));
    await this.#advance(1);
  }

  /** A form may have to wait for what packs. */
  #formed(work: void | Promise<void>): void | Promise<void> {
    if (work === undefined) return;
    return this.#options.waitFor ? this.#options.waitFor(work) : work;
  }

  async #advance(entries: number): Promise<void> {
    this.#entries += entries;
    const drained = this.#out.drain();
    if (drained) await drained;
    this.#options.progress?.(this.#out.pushed, this.#entries);
  }

  /** Archive a file that is not empty. Its header goes out with its first data, when that is known to be readable. */
  async #addData(name: Uint8Array, size: number, entry: TarEntry): Promise<void> {
    const fd = must('openat', await openat(this.#task, AT_FDCWD, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    try {
      // Not only where st_blocks is small: preallocated and clustered blocks count in it and hold no data.
      const segments = await dataSegments(this.#task, fd, size);
      const runs = segments ?? [{ offset: 0, length: size }];
      const file: TarEntry = { ...entry, size, ...(segments && { segments }) };
      const bytes = dataBytes(file);
      if (this.#options.onError === 'continue' && (runs.length > 1 || bytes > this.#buffer.bytes)) {
        for await (const _ of this.#read(fd, runs));
      }
      let begun = false;
      let at = 0;
      const begin = async () => {
        if (!begun) await this.#formed(this.#form.begin(file));
        begun = true;
      };
      for await (const { offset, length } of this.#read(fd, runs)) {
        await begin();
        if (!this.#form.hasHoles) await this.#hole(at, offset);
        await this.#formed(this.#form.data(this.#task.memory.view(this.#buffer.at, length)));
        at = offset + length;
        await this.#advance(0);
      }
      await begin(); // nothing but holes
      if (!this.#form.hasHoles) await this.#hole(at, size);
      await this.#formed(this.#form.end(file));
      await this.#advance(1);
    } finally {
      await close(this.#task, fd);
    }
  }

  async #hole(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += ZEROS.length) {
      await this.#formed(this.#form.data(ZEROS.subarray(0, to - at)));
      await this.#advance(0);
    }
  }

  /** Read `runs` piece by piece, each as large as the buffer allows; it lies at the buffer's start, its place in the file is yielded. */
  async *#read(fd: number, runs: readonly Segment[]): AsyncGenerator<Segment, void, void> {
    for (const run of runs) {
      const end = run.offset + run.length;
      for (let at = run.offset; at < end; at += this.#buffer.bytes) {
        const length = Math.min(end - at, this.#buffer.bytes);
        await this.#fill(fd, at, length);
        yield { offset: at, length };
      }
    }
  }

  async #fill(fd: number, offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const rest = { at: plus(this.#buffer.at, done), bytes: length - done };
      const bytes = must('pread64', await pread64(this.#task, fd, rest, rest.bytes, offset + done));
      if (bytes === 0) throw new KernelError('pread64', errnos.EIO.number); // the file ends before its size
      done += bytes;
    }
  }

  async #xattrs(path: Uint8Array): Promise<Xattr[]> {
    const xattrs: Xattr[] = [];
    if (!this.#form.hasXattrs) return xattrs;
    for (const name of await orNone(listxattr(this.#task, { path }, this.#buffer), [])) {
      const value = await orNone(getxattr(this.#task, { path }, name, this.#buffer), undefined);
      if (value !== undefined) xattrs.push({ name, value });
    }
    return xattrs;
  }

  /** The last entry of a tar that is not whole. Extracting it replaces a file of that name. */
  async #addErrorList(): Promise<void> {
    const text = new TextEncoder().encode(this.#errors.text());
    const path = new TextEncoder().encode(`./${this.#form.errorsName}`);
    const file: TarEntry = { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: text.length };
    await this.#formed(this.#form.begin(file));
    await this.#formed(this.#form.data(text));
    await this.#formed(this.#form.end(file));
    await this.#advance(1);
  }
}

/**
 * Write the tree mounted at `root` to `sink` as a tar or a zip, in the working directory of `task`, which is "/" afterwards.
 * Deterministic: the same tree gives the same bytes. A file that cannot be read whole is never archived as if it were.
 */
export async function fs2tar(task: UserTask, root: Name, sink: Sink, options: Fs2tarOptions): Promise<Fs2tarReport> {
  const buffer = options.buffer ?? (await mapBuffer(task, BUFFER_BYTES));
  try {
    const log = options.log ?? (await KernelLog.open(task));
    try {
      const name = await enterTree(task, root, options.path ?? '.');
      return await new Archive(task, buffer, sink, options).run(log, name);
    } finally {
      if (log !== options.log) await log.close();
      await chdir(task, '/');
    }
  } finally {
    if (buffer !== options.buffer) await unmapBuffer(task, buffer);
  }
}

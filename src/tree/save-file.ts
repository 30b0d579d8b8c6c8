/** Bytes into a file of a live kernel, as a shell's `> file` has it. */

import { errnos } from '../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from '../abi/uapi/fs.ts';
import { HostError } from '../errors/host-error.ts';
import { must } from '../kernel/kernel-error.ts';
import { plus } from '../kernel/memory.ts';
import { linkat, unlinkat } from '../kernel/syscalls/dir.ts';
import { close, ftruncate, openat, statx, write } from '../kernel/syscalls/file.ts';
import { mapBuffer, unmapBuffer } from '../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import { readText } from '../kernel/sysfs.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { makeDirectories } from './make-directories.ts';

const BUFFER_BYTES = 256 * 1024;
/** What a kernel keeps to go on with. */
const LEFT_BYTES = 2 ** 20;
const SLASH = 0x2f;
const READ_WRITE_ALL = 0o666;

export interface FileToSave {
  /** From the task's root; bytes, without a NUL. */
  readonly path: Uint8Array;
  /** Permissions; absent: what the umask leaves of 0666, or what the file has. */
  readonly mode: number | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What the kernel's memory may still grow by. */
  readonly growableBytes: () => number;
}

/**
 * Creates the file, and directories on the way, or replaces its content: the inode stays, and who has it open. A new file has its
 * name once all of it is there, whatever ends the task before; one that was there has lost its content when not all came, or when there is no
 * memory. Files of proc and sysfs get what fits a buffer in one write.
 */
export async function saveFile(task: UserTask, file: FileToSave): Promise<{ readonly created: boolean }> {
  const { path, mode } = file;
  const absolute = Uint8Array.of(SLASH, ...path);
  const { fd, created, isNameless } = await openForWriting(task, absolute, mode ?? READ_WRITE_ALL);
  try {
    const stat = await statx(task, fd, '', AT_EMPTY_PATH);
    if ((stat.mode & S_IFMT) !== S_IFREG) throw new HostError('not-a-file', 'not a regular file');
    if (mode !== undefined) must('fchmod', await task.syscall('fchmod', fd, mode), absolute);
    await writeAll(task, fd, file, absolute);
    if (isNameless) await giveName(task, fd, absolute);
  } catch (cause) {
    if (isNameless) throw cause; // it goes when it is closed
    if (created) await unlinkat(task, AT_FDCWD, absolute);
    else await ftruncate(task, fd, 0);
    throw cause;
  } finally {
    await close(task, fd);
  }
  return { created };
}

interface Opened {
  readonly fd: number;
  readonly created: boolean;
  /** It gets its name at the end. */
  readonly isNameless: boolean;
}

async function openForWriting(task: UserTask, path: Uint8Array, mode: number): Promise<Opened> {
  const there = await openat(task, AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (there >= 0) await close(task, there);
  if (there === -errnos.ENOENT.number && path.at(-1) !== SLASH) {
    const fd = await openNameless(task, path.subarray(0, Math.max(1, path.lastIndexOf(SLASH))), mode);
    if (fd >= 0) return { fd, created: true, isNameless: true };
  }
  const flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK; // a fifo without a reader is an error, and no wait
  const fd = await openat(task, AT_FDCWD, path, flags | O_EXCL, mode);
  if (fd !== -errnos.EEXIST.number) return { fd: must('openat', fd, path), created: true, isNameless: false };
  const old = must('openat', await openat(task, AT_FDCWD, path, flags | O_TRUNC, mode), path);
  return { fd: old, created: false, isNameless: false };
}

/** A file that ends with its descriptor, in a directory that is made where there is none; negative: not every file system has such. */
async function openNameless(task: UserTask, directory: Uint8Array, mode: number): Promise<number> {
  const open = () => openat(task, AT_FDCWD, directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
  const fd = await open();
  if (fd !== -errnos.ENOENT.number) return fd;
  await makeDirectories(task, directory);
  return open();
}

/** Its name in the directory; who has taken that meanwhile loses it, as to a rename. */
async function giveName(task: UserTask, fd: number, path: Uint8Array): Promise<void> {
  const link = () => linkat(task, fd, '', AT_FDCWD, path, AT_EMPTY_PATH);
  let linked = await link();
  if (linked === -errnos.EEXIST.number) {
    must('unlinkat', await unlinkat(task, AT_FDCWD, path), path);
    linked = await link();
  }
  must('linkat', linked, path);
}

async function writeAll(task: UserTask, fd: number, file: FileToSave, path: Uint8Array) {
  const buffer = await mapBuffer(task, BUFFER_BYTES);
  try {
    let held = 0;
    for await (const chunk of file.bytes) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + buffer.bytes - held);
        task.memory.write(plus(buffer.at, held), part);
        at += part.length;
        held += part.length;
        if (held === buffer.bytes) {
          await mustHaveRoom(task, file.growableBytes());
          await writeHeld(task, fd, buffer, held, path);
          held = 0;
        }
      }
    }
    await writeHeld(task, fd, buffer, held, path);
  } finally {
    await unmapBuffer(task, buffer);
  }
}

/** A file that lives in memory alone could take the last of it, which ends Linux. What goes to a disk can be reclaimed. */
async function mustHaveRoom(task: UserTask, growableBytes: number): Promise<void> {
  if (growableBytes > LEFT_BYTES) return;
  const [, availableKib] = /^MemAvailable: *(\d+) kB$/m.exec(await readText(task, '/proc/meminfo')) ?? [];
  if (growableBytes + 1024 * Number(availableKib) < LEFT_BYTES) throw new HostError('no-room');
}

async function writeHeld(task: UserTask, fd: number, { at, bytes }: UserBuffer, held: number, path: Uint8Array) {
  for (let done = 0; done < held; ) {
    done += must('write', await write(task, fd, { at: plus(at, done), bytes: bytes - done }, held - done), path);
  }
}

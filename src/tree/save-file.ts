/** Bytes into a file of a live kernel, as a shell's `> file` has it. */

import { errnos } from '../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_TRUNC,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from '../abi/uapi/fs.ts';
import { HostError } from '../errors/host-error.ts';
import { must } from '../kernel/kernel-error.ts';
import { plus } from '../kernel/memory.ts';
import { unlinkat } from '../kernel/syscalls/dir.ts';
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
 * Creates the file, and directories on the way, or replaces its content: the inode stays, and who has it open. A new file of
 * which not all came, or for which there is no memory, goes again; one that was there has lost its content. Files of proc and sysfs get what fits a buffer in
 * one write.
 */
export async function saveFile(task: UserTask, file: FileToSave): Promise<{ readonly created: boolean }> {
  const { path, mode } = file;
  const absolute = Uint8Array.of(SLASH, ...path);
  const { fd, created } = await openForWriting(task, absolute, mode ?? READ_WRITE_ALL);
  try {
    const stat = await statx(task, fd, '', AT_EMPTY_PATH);
    if ((stat.mode & S_IFMT) !== S_IFREG) throw new HostError('not-a-file', 'not a regular file');
    if (mode !== undefined) must('fchmod', await task.syscall('fchmod', fd, mode), absolute);
    await writeAll(task, fd, file, absolute);
  } catch (cause) {
    if (created) await unlinkat(task, AT_FDCWD, absolute);
    else await ftruncate(task, fd, 0);
    throw cause;
  } finally {
    await close(task, fd);
  }
  return { created };
}

async function openForWriting(task: UserTask, path: Uint8Array, mode: number) {
  const flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK; // a fifo without a reader is an error, and no wait
  let fd = await openat(task, AT_FDCWD, path, flags | O_EXCL, mode);
  const parent = path.subarray(0, path.lastIndexOf(SLASH));
  if (fd === -errnos.ENOENT.number && parent.length > 0) {
    await makeDirectories(task, parent);
    fd = await openat(task, AT_FDCWD, path, flags | O_EXCL, mode);
  }
  if (fd !== -errnos.EEXIST.number) return { fd: must('openat', fd, path), created: true };
  return { fd: must('openat', await openat(task, AT_FDCWD, path, flags | O_TRUNC, mode), path), created: false };
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

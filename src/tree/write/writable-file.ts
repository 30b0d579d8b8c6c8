/** A file of a tree, open for writing: what is written lies in the page cache until it is synced or the tree is unmounted. */

import { errnos } from '../../abi/errno.ts';
import { AT_EMPTY_PATH, O_APPEND } from '../../abi/uapi/fs.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { close, fchmodat, fchownat, fsync, ftruncate, pwrite64, statx, utimensat } from '../../kernel/syscalls/file.ts';
import { dataSegments } from '../fs2tar/data-segments.ts';
import { type OpenFile, readAt } from '../open/open-file.ts';
import type { BusyTask, TaskPool } from '../task-pool.ts';

/** Nanoseconds since the epoch; what is absent stays. */
export interface Times {
  readonly atimeNs?: bigint | undefined;
  readonly mtimeNs?: bigint | undefined;
}

/** Ids; -1 stays. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface WritableFile extends OpenFile {
  /** Writes all of `from` at `offset`, or at the end of a file that is open to append. */
  write(offset: number, from: Uint8Array): Promise<void>;
  truncate(bytes: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  chown(owner: Owner): Promise<void>;
  utimes(times: Times): Promise<void>;
  /** Once it settles the file is on the device. `onlyData`: what is needed to read it. */
  sync(onlyData?: boolean): Promise<void>;
}

/** `fd` is the file's own from now on. */
export function writableFile(tasks: TaskPool, fd: number, flags: number): WritableFile {
  let closed = false;
  const use = <T>(work: (busy: BusyTask) => Promise<T>): Promise<T> =>
    tasks.use(async (busy) => {
      // The number may be another file's by now.
      if (closed) throw new KernelError('fstat64', errnos.EBADF.number);
      return work(busy);
    });
  const appends = (flags & O_APPEND) !== 0;
  return {
    stat: () => use(({ task }) => statx(task, fd, '', AT_EMPTY_PATH)),
    read: (offset, into) => use((busy) => readAt(busy, fd, offset, into)),
    dataSegments: () =>
      use(async ({ task }) => dataSegments(task, fd, (await statx(task, fd, '', AT_EMPTY_PATH)).size)),
    write: (offset, from) =>
      use(async ({ task, buffer }) => {
        for (let done = 0; done < from.length; ) {
          const part = from.subarray(done, done + buffer.bytes);
          task.memory.write(buffer.at, part);
          const at = appends ? 0 : offset + done;
          const bytes = must('pwrite64', await pwrite64(task, fd, buffer, part.length, at));
          if (bytes === 0) throw new KernelError('pwrite64', errnos.EIO.number);
          done += bytes;
        }
      }),
    truncate: (bytes) => use(async ({ task }) => void must('ftruncate64', await ftruncate(task, fd, bytes))),
    chmod: (mode) => use(async ({ task }) => void must('fchmodat2', await fchmodat(task, fd, '', mode, AT_EMPTY_PATH))),
    chown: ({ uid, gid }) =>
      use(async ({ task }) => void must('fchownat', await fchownat(task, fd, '', uid, gid, AT_EMPTY_PATH))),
    utimes: (times) =>
      use(async ({ task }) => void must('utimensat_time64', await utimensat(task, fd, '', times, AT_EMPTY_PATH))),
    sync: (onlyData = false) =>
      use(async ({ task }) =>
        onlyData
          ? void must('fdatasync', await task.syscall('fdatasync', fd))
          : void must('fsync', await fsync(task, fd)),
      ),
    close: () =>
      use(async ({ task }) => {
        closed = true;
        must('close', await close(task, fd));
      }),
  };
}

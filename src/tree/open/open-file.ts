/** A regular file of a tree, open for reading. */

import { errnos } from '../../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_LARGEFILE,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../abi/uapi/fs.ts';
import type { Segment } from '../../archive/tar/tar-writer.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { close, pread64, type Statx, statx } from '../../kernel/syscalls/file.ts';
import { dataSegments } from '../fs2tar/data-segments.ts';
import type { BusyTask, TaskPool } from '../task-pool.ts';
import { readErrorOf, unreadable } from '../unreadable.ts';

/** Reads at any place; any number of them may be under way. EBADF once it is closed. */
export interface OpenFile {
  stat(): Promise<Statx>;
  /** Fills `into` from `offset` on; answers how many bytes, fewer than it holds only where the file ends. */
  read(offset: number, into: Uint8Array): Promise<number>;
  /** Where its data is, the rest being holes; undefined when it has none, or its file system does not tell. */
  dataSegments(): Promise<readonly Segment[] | undefined>;
  close(): Promise<void>;
}

/** So that a fifo that takes a file's place meanwhile does not hold the task up. */
const FLAGS = O_RDONLY | O_LARGEFILE | O_NONBLOCK | O_CLOEXEC;

/**
 * `pathFd` is the file, open with O_PATH; `open` opens it with other flags. Only regular files: a device node would lead to a
 * device of our kernel, and reading a fifo would wait for ever.
 */
export async function openFile(
  tasks: TaskPool,
  { task, buffer }: BusyTask,
  pathFd: number,
  open: (flags: number) => Promise<number>,
): Promise<OpenFile> {
  const { mode, size } = await statx(task, pathFd, '', AT_EMPTY_PATH);
  const type = mode & S_IFMT;
  if (type === S_IFDIR) throw new KernelError('openat2', errnos.EISDIR.number);
  if (type !== S_IFREG) throw new KernelError('openat2', errnos.ENXIO.number);
  const fd = await open(FLAGS);
  const failure = readErrorOf(await unreadable(task, { fd }, size, buffer));
  if (failure) {
    await close(task, fd);
    throw failure;
  }
  let closed = false;
  const use = <T>(work: (busy: BusyTask) => Promise<T>): Promise<T> =>
    tasks.use(async (busy) => {
      // The number may be another file's by now.
      if (closed) throw new KernelError('pread64', errnos.EBADF.number);
      return work(busy);
    });
  return {
    stat: () => use(({ task }) => statx(task, fd, '', AT_EMPTY_PATH)),
    read: (offset, into) => use((busy) => readAt(busy, fd, offset, into)),
    dataSegments: () =>
      use(async ({ task }) => dataSegments(task, fd, (await statx(task, fd, '', AT_EMPTY_PATH)).size)),
    close: () =>
      use(async ({ task }) => {
        closed = true;
        must('close', await close(task, fd));
      }),
  };
}

/** As many bytes as there are for all of `into`. */
export async function readAt(
  { task, buffer }: BusyTask,
  fd: number,
  offset: number,
  into: Uint8Array,
): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const bytes = await pread64(task, fd, buffer, into.length - done, offset + done);
    if (bytes === 0 || bytes === -errnos.EAGAIN.number) break; // /proc/kmsg would wait for more
    must('pread64', bytes);
    into.set(task.memory.view(buffer.at, bytes), done);
    done += bytes;
  }
  return done;
}

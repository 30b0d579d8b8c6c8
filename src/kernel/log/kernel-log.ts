/** The kernel's log as records, from some moment on (Documentation/ABI/testing/dev-kmsg). */

import { errnos } from '../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, SEEK_END } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { plus } from '../memory.ts';
import { close, lseek, openat, read } from '../syscalls/file.ts';
import type { UserTask } from '../user-task.ts';

/** Levels: the worse, the lower (linux/kern_levels.h). */
export const KERN_ERR = 3;
export const KERN_WARNING = 4;

export interface LogRecord {
  readonly level: number;
  readonly message: string;
}

export class KernelLog {
  readonly #task: UserTask;
  readonly #fd: number;

  private constructor(task: UserTask, fd: number) {
    this.#task = task;
    this.#fd = fd;
  }

  /** The log from now on. */
  static async open(task: UserTask): Promise<KernelLog> {
    const path = '/dev/kmsg';
    const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), path);
    must('llseek', await lseek(task, fd, 0, SEEK_END), path);
    return new KernelLog(task, fd);
  }

  /** All since the last call, read by the task that opened it or by one that shares its files. What the kernel's ring no longer had is an error of its own: it may have told of one. */
  async records(task = this.#task): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    const { scratch, scratchBytes, memory } = task;
    // The upper half: calls on paths use the lower one.
    const buffer = { at: plus(scratch, scratchBytes / 2), bytes: scratchBytes / 2 };
    for (;;) {
      const length = await read(task, this.#fd, buffer);
      if (length === -errnos.EAGAIN.number) return records;
      if (length === -errnos.EPIPE.number) {
        records.push({ level: KERN_ERR, message: 'the kernel logged more than its log holds' });
        continue; // the next read has the oldest that is left
      }
      const record = new TextDecoder().decode(memory.copy(buffer.at, must('read', length)));
      // "facility and level,sequence,time,flags;message" and lines that describe the device
      const message = record.slice(record.indexOf(';') + 1).split('\n', 1)[0] ?? '';
      records.push({ level: Number.parseInt(record, 10) & 7, message });
    }
  }

  async close(): Promise<void> {
    await close(this.#task, this.#fd);
  }
}

/** What the kernel logged as an error while files were read. */

import { errnos } from '../../abi/errno.ts';
import { AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY, SEEK_END } from '../../abi/uapi/fs.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close, lseek, openat, read } from '../../kernel/syscalls/file.ts';
import type { UserBuffer } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** KERN_ERR; the worse, the lower (linux/kern_levels.h). */
const KERN_ERR = 3;

/** What these say reaches a reader as an errno, or was mended from a copy. */
const harmless = /^(I\/O error, dev |Buffer I\/O error on dev |BTRFS )/;

/**
 * A listing may lack names without any call failing: ext4 passes over a directory block with a wrong checksum, vfat over
 * one that cannot be read, and both say so in the kernel's log alone (Documentation/ABI/testing/dev-kmsg).
 */
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

  /** Messages of file systems at KERN_ERR and above since the last call, without repetitions. */
  async errors(buffer: UserBuffer): Promise<Set<string>> {
    const errors = new Set<string>();
    for (;;) {
      const length = await read(this.#task, this.#fd, buffer);
      if (length === -errnos.EAGAIN.number) return errors;
      if (length === -errnos.EPIPE.number) continue; // the ring went round: the next read has the oldest that is left
      const record = new TextDecoder().decode(this.#task.memory.copy(buffer.at, must('read', length)));
      // "facility and level,sequence,time,flags;message" and lines that describe the device
      const message = record.slice(record.indexOf(';') + 1).split('\n', 1)[0] ?? '';
      if ((Number.parseInt(record, 10) & 7) <= KERN_ERR && !harmless.test(message)) errors.add(message);
    }
  }

  async close(): Promise<void> {
    await close(this.#task, this.#fd);
  }
}

/** Lays out the strings and structs of one system call in the task's scratch memory. */

import { errnos } from '../../abi/errno.ts';
import type { SyscallName } from '../../abi/syscalls.ts';
import { PATH_MAX } from '../../abi/uapi/fs.ts';
import { KernelError } from '../kernel-error.ts';
import { type Ptr, plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';

/** A name for the kernel: bytes as they are, or text that goes in as UTF-8. */
export type Name = string | Uint8Array;

/** Memory of the task to read into or write from, as from `mapBuffer`. */
export interface UserBuffer {
  readonly at: Ptr;
  readonly bytes: number;
}

const encoder = new TextEncoder();
const ALIGN = 8;

/**
 * The arguments in memory of one call. It starts at the same place each time, so a call must have settled
 * before the next one is laid out: wrappers are awaited one after another, as a task makes its calls.
 */
export class Scratch {
  readonly #task: UserTask;
  readonly #call: SyscallName;
  #used = 0;

  constructor(task: UserTask, call: SyscallName) {
    this.#task = task;
    this.#call = call;
  }

  /** Room for `bytes` bytes, aligned for any struct; what it holds is left over from earlier calls. */
  room(bytes: number): Ptr {
    const at = this.#used;
    this.#used = Math.ceil((at + bytes) / ALIGN) * ALIGN;
    if (this.#used > this.#task.scratchBytes)
      throw new RangeError(`${this.#call} needs ${this.#used} bytes of scratch`);
    return plus(this.#task.scratch, at);
  }

  /** `name` as a C string. Cut at PATH_MAX, without its NUL: the kernel refuses that with ENAMETOOLONG, as it should. */
  string(name: Name): Ptr {
    const bytes = typeof name === 'string' ? encoder.encode(name) : name;
    if (bytes.includes(0)) throw new KernelError(this.#call, errnos.EINVAL.number, name);
    const cut = bytes.subarray(0, PATH_MAX);
    const at = this.room(cut.length + 1);
    this.#task.memory.writeCstring(at, cut);
    return at;
  }
}

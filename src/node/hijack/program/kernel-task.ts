/** Tasks of our kernel that make the calls of hijacked threads, one for each: all with the same descriptors and the same memory. */

import type { SyscallName } from '../../../abi/syscalls.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { type KernelMemory, type Ptr, plus } from '../../../kernel/memory.ts';
import { mapBuffer, unmapBuffer } from '../../../kernel/syscalls/memory.ts';
import { CallFailed } from './failed.ts';
import type { HijackedKernel, KernelsTask } from './kernel.ts';

/** Where in a task's memory what lies: structs, control messages, two paths, and data up to the end. */
const CONTROL = 4096;
export const CONTROL_BYTES = 8192;
const PATHS = CONTROL + CONTROL_BYTES;
const PATH_BYTES = 4352;
const DATA = PATHS + 2 * PATH_BYTES + 4096 - ((2 * PATH_BYTES) % 4096);
/** Data that goes through in one call; a stream of more goes in several. */
export const DATA_BYTES = 64 * 1024;
const SCRATCH_BYTES = DATA + DATA_BYTES;

/** The same of a task whose memory begins at `scratch`. */
export const taskPlaces = (scratch: number) => ({ structs: scratch, control: scratch + CONTROL, data: scratch + DATA });

const [CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_NEWNET] = [0x100, 0x200, 0x400, 0x4000_0000] as const;
const AT_FDCWD = -100;
const [SIG_IGN, SIGPIPE, SIGXFSZ, SIGIO] = [1, 13, 25, 29] as const;
/** The task of pid 1 is in the first namespaces. */
const FIRST = 1;
const SCHED_FIFO = 1;

export class KernelTask {
  readonly task: KernelsTask;
  /** It has a network namespace of its own. */
  apart = false;
  /** Others may ask, for as long as their sockets live, who it was: it plays for nobody else then. */
  isKnown = false;
  readonly #returned: (() => void) | undefined;
  #goOn: (() => void) | undefined;

  /** `returned`, with virtual time, is told of each call that has returned: time stands still for this task only until then. */
  constructor(task: KernelsTask, returned: (() => void) | undefined) {
    this.task = task;
    this.#returned = returned;
    if (returned) this.#goOn = task.pause();
  }

  get memory(): KernelMemory {
    return this.task.memory;
  }
  /** 4 KiB. */
  get structs(): Ptr {
    return this.task.scratch;
  }
  get control(): Ptr {
    return plus(this.task.scratch, CONTROL);
  }
  get data(): Ptr {
    return plus(this.task.scratch, DATA);
  }

  /** What Linux answers, a negative errno included. */
  call(name: SyscallName, ...args: readonly (number | bigint)[]): Promise<number> {
    return this.#returned ? this.#timed(name, args, this.#returned) : this.task.syscall(name, ...args);
  }

  async #timed(name: SyscallName, args: readonly (number | bigint)[], returned: () => void): Promise<number> {
    this.#goOn?.();
    this.#goOn = undefined;
    try {
      return await this.task.syscall(name, ...args);
    } finally {
      returned();
      this.#goOn ??= this.task.pause();
    }
  }

  /** A path as a C string; `second` has a place of its own. */
  path(path: Uint8Array, second = false): Ptr {
    const at = plus(this.task.scratch, PATHS + (second ? PATH_BYTES : 0));
    this.memory.writeCstring(at, path);
    return at;
  }

  /** `work` with so many bytes of memory: those for data where they suffice. */
  async withRoom<T>(bytes: number, work: (at: Ptr) => Promise<T>): Promise<T> {
    if (bytes <= DATA_BYTES) return work(this.data);
    const buffer = await mapBuffer(this.task, bytes);
    try {
      return await work(buffer.at);
    } finally {
      if (!this.task.gone) await unmapBuffer(this.task, buffer);
    }
  }
}

/** Timers of other tasks may be late, by a thousandth of their time; with virtual time nothing is gained by that. */
async function mustBeExact(task: KernelsTask): Promise<void> {
  task.memory.setU32(task.scratch, FIRST);
  must('sched_setscheduler', await task.syscall('sched_setscheduler', 0, SCHED_FIFO, task.scratch));
}

/** What a task costs, its memory and the kernel's own; and how much of a kernel's memory tasks may have, in hundredths: without memory it kills them. */
const TASK_BYTES = SCRATCH_BYTES + 24 * 1024;
const SHARE = 60;

export class KernelTasks {
  readonly #kernel: HijackedKernel;
  readonly #idle: KernelTask[] = [];
  readonly #most: number;
  readonly #returned: (() => void) | undefined;
  #count = 0;
  #isDeaf = false;

  constructor(kernel: HijackedKernel, returned: (() => void) | undefined) {
    this.#kernel = kernel;
    this.#returned = returned;
    this.#most = Math.floor((kernel.engine.memoryLimit * SHARE) / 100 / TASK_BYTES);
  }

  /** One for a new thread; `parent` is that of the thread or process which made it. */
  async take(parent: KernelTask | undefined): Promise<KernelTask> {
    const task = this.#idle.pop() ?? (await this.#make());
    if (parent?.apart && !parent.task.gone) await this.#join(task, parent.task.pid);
    return task;
  }

  async #make(): Promise<KernelTask> {
    if (this.#count >= this.#most) throw new CallFailed('ENOMEM');
    this.#count++;
    await this.#deafen();
    const task = await this.#kernel.spawn(undefined, CLONE_VM | CLONE_FS | CLONE_FILES, SCRATCH_BYTES);
    if (this.#returned) await mustBeExact(task);
    return new KernelTask(task, this.#returned);
  }

  /** Signals that sockets send are the programs': one of ours would die of them. Tasks have what the first one has. */
  async #deafen(): Promise<void> {
    if (this.#isDeaf) return;
    const { init } = this.#kernel;
    // struct sigaction of the kernel: handler, flags, restorer, mask.
    init.memory.view(init.scratch, 32).fill(0);
    init.memory.setU32(init.scratch, SIG_IGN);
    for (const signal of [SIGPIPE, SIGXFSZ, SIGIO])
      must('rt_sigaction', await init.syscall('rt_sigaction', signal, init.scratch, 0, 8));
    this.#isDeaf = true;
  }

  /** Into the network namespace of another, or of the kernel's first. */
  async #join(task: KernelTask, pid: number): Promise<void> {
    const path = task.path(new TextEncoder().encode(`/proc/${pid}/ns/net`));
    const fd = must('openat', await task.call('openat', AT_FDCWD, path, 0, 0));
    const joined = await task.call('setns', fd, CLONE_NEWNET);
    await task.call('close', fd);
    must('setns', joined);
    task.apart = pid !== FIRST;
  }

  /** Its thread is gone: another may have it. */
  async give(task: KernelTask): Promise<void> {
    if (task.isKnown) {
      await this.#end(task);
      return;
    }
    try {
      if (task.apart) await this.#join(task, FIRST);
      if (task.task.gone) this.#count--;
      else this.#idle.push(task);
    } catch {
      await this.#end(task);
    }
  }

  /** Its memory is the others' too: it would stay. */
  async #end(task: KernelTask): Promise<void> {
    this.#count--;
    if (task.task.gone) return;
    await task.call('munmap', task.task.scratch, task.task.scratchBytes).catch(() => {});
    task.call('exit', 0).catch(() => {});
  }
}

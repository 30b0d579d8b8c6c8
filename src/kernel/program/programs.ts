/** The programs of one kernel: what they are called, which run, and the kernel's imports that are about them. */

import { errnos } from '../../abi/errno.ts';
import { SIGNAL_FRAME } from '../../abi/shared.ts';
import type { HostedTask } from '../hosted-task.ts';
import type { ImportHandlers } from '../machine.ts';
import { type KernelMemory, ptr } from '../memory.ts';
import { Budget } from './budget.ts';
import { Process } from './process.ts';
import type { Thread } from './thread.ts';

/** What all programs of a kernel may have together, unless someone says otherwise. */
const DEFAULT_MEMORY_BYTES = 64 << 20;

const ENOENT = -errnos.ENOENT.number;
const ENOMEM = -errnos.ENOMEM.number;
const ENOSYS = -errnos.ENOSYS.number;
const ENOEXEC = -errnos.ENOEXEC.number;

/** Which module a name stands for; undefined: none. A file "#lkl NAME" is executed as it. */
export type ProgramSource = (name: string) => WebAssembly.Module | undefined;

interface Playing {
  readonly process: Process;
  readonly thread: Thread<Process>;
}

export class Programs {
  readonly #kernel: KernelMemory;
  readonly #log: (text: string) => void;
  readonly #budget = new Budget(DEFAULT_MEMORY_BYTES);
  #source: ProgramSource = () => undefined;
  /** By the number of their memory. */
  readonly #processes = new Map<number, Process>();
  #number = 0;
  /** Threads by the addresses of their tasks. */
  readonly #playing = new Map<number, Playing>();
  /** What is to be done when a task, by its address, is in user mode next: it was made by a program, or became one. */
  readonly #expected = new Map<number, (task: HostedTask) => void>();

  constructor(kernel: KernelMemory, log: (text: string) => void) {
    this.#kernel = kernel;
    this.#log = (text) => log(`programs: ${text}\n`);
  }

  /** Where modules come from, from now on. */
  provide(source: ProgramSource): void {
    this.#source = source;
  }

  /** Bytes that all programs may have together. */
  get memoryLimit(): number {
    return this.#budget.limit;
  }
  set memoryLimit(bytes: number) {
    this.#budget.limit = bytes;
  }
  /** Bytes that they have now. */
  get memoryBytes(): number {
    return this.#budget.used;
  }

  /**
   * How many there were. A kernel that is resumed goes on from there: something of one that has ended may still know its
   * number, an open /proc/PID/mem for instance.
   */
  get made(): number {
    return this.#number;
  }
  goOnFrom(made: number): void {
    this.#number = made;
  }

  /** Those that run: by name, with their tasks' pids. */
  get running(): readonly { readonly name: string; readonly pid: number }[] {
    return [...this.#playing.values()].map(({ process, thread }) => ({ name: process.name, pid: thread.task.pid }));
  }

  /** Some were begun, and have not run yet. */
  get someToCome(): boolean {
    return this.#expected.size > 0;
  }

  /** What the task with this address runs; undefined: no program. */
  nameOf(address: number): string | undefined {
    return this.#playing.get(address)?.process.name;
  }

  /** The task is in user mode, and its last call has its result. */
  arrived(task: HostedTask): void {
    if (this.#expected.size === 0) return;
    const begin = this.#expected.get(task.address);
    this.#expected.delete(task.address);
    begin?.(task);
  }

  /** The task has ended. */
  exited(address: number): void {
    this.#expected.delete(address);
    this.#playing.delete(address);
  }

  readonly imports: Pick<
    ImportHandlers,
    | 'foreign_copy'
    | 'foreign_string'
    | 'foreign_fork'
    | 'foreign_end'
    | 'exec_load'
    | 'exec_start'
    | 'user_clone'
    | 'user_signal'
  > = {
    foreign_copy: (number, ours, theirs, bytes, what) => {
      const memory = this.#processes.get(number)?.memory;
      return memory ? memory.exchange(this.#kernel, ptr(ours), ptr(theirs), bytes >>> 0, what) : bytes;
    },
    foreign_string: (number, ours, theirs, max) => {
      const memory = this.#processes.get(number)?.memory;
      return memory ? memory.string(this.#kernel, ptr(ours), ptr(theirs), max) : -errnos.EFAULT.number;
    },
    foreign_fork: (number) => this.#make('fork', () => this.#processes.get(number)?.fork() ?? ENOSYS),
    foreign_end: (number) => {
      this.#processes.get(number)?.end();
      this.#processes.delete(number);
    },
    exec_load: (name, length, bytes, at) =>
      this.#load(new TextDecoder().decode(this.#kernel.copy(ptr(name), length)), bytes, ptr(at)),
    exec_start: (address, pid, number, sp) => {
      const old = this.#playing.get(address);
      // The stack that makes this call ends with it. A program that the host itself executed has none.
      if (old && old.thread.task.address === address) old.thread.replaced = true;
      this.#playing.delete(address);
      const process = this.#processes.get(number);
      this.#expected.set(address, (task) => {
        task.pid = pid;
        process?.start(task, ptr(sp));
      });
    },
    user_clone: (parent, child, _flags, number) => {
      const begin = this.#playing.get(parent)?.thread.onChild;
      this.#expected.set(child, (task) => {
        if (begin) begin(task, this.#processes.get(number));
        // Nobody waits for it: a program that makes two calls at once as one thread.
        else task.syscall('exit', 0).catch(() => {});
      });
    },
    user_signal: (address, frame) => {
      const playing = this.#playing.get(address);
      playing?.process.signal(playing.thread, this.#kernel.copy(ptr(frame), SIGNAL_FRAME.bytes));
    },
  };

  /** The import `exec_load`. */
  #load(name: string, bytes: number, at: number): number {
    const module: unknown = this.#source(name);
    // A name that some object has by itself, such as `constructor`, is no program of a source that is one.
    if (!(module instanceof WebAssembly.Module)) return ENOENT;
    return this.#make(name, () => {
      const process = new Process(this.#needs, name, module);
      const sp = process.reserve(bytes);
      this.#kernel.setU32(ptr(at), sp);
      if (sp > 0) return process;
      process.end();
      return sp;
    });
  }

  /** The number of a new one, or why there is none. */
  #make(name: string, make: () => Process | number): number {
    try {
      const process = make();
      if (typeof process === 'number') return process;
      this.#processes.set(++this.#number, process);
      return this.#number;
    } catch (cause) {
      this.#log(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
      return cause instanceof RangeError ? ENOMEM : ENOEXEC;
    }
  }

  get #needs() {
    return {
      budget: this.#budget,
      plays: (task: HostedTask, process: Process, thread: Thread<Process>) =>
        void this.#playing.set(task.address, { process, thread }),
      log: this.#log,
    };
  }
}

/** What a program on the host sees of one Linux task in user mode: its system calls and its memory. */

import type { SyscallName } from '../abi/syscalls.ts';
import type { KernelMemory, Ptr } from './memory.ts';

/**
 * A Linux task whose user mode is played by the host. Calls of one task run one after another, in order.
 * Raw stays Linux: `syscall` answers what Linux returns, a negative errno included; it rejects only when the kernel itself died.
 */
export interface UserTask {
  readonly pid: number;
  readonly memory: KernelMemory;
  /** User memory of this task for paths, structs and small buffers. Wrappers overwrite it freely. */
  readonly scratch: Ptr;
  readonly scratchBytes: number;
  /** One system call by its Linux name. Whole numbers up to 2^53 or bigint; each argument is one 64-bit register. */
  syscall(call: SyscallName, ...args: readonly (number | bigint)[]): Promise<number>;
}

/** A task whose program comes and goes: while it is attached and makes no call, the others' time stands still. */
export interface PlayedTask extends UserTask {
  attach(): void;
  detach(): void;
  /** While `promise` is awaited time may pass for the others. */
  waitFor<T>(promise: Promise<T>): Promise<T>;
  /** The same of what a process or a client of its own does, which may take its time. */
  waitForOutside<T>(promise: Promise<T>): Promise<T>;
}

/** A task whose kernel is a function: it sees the call, its registers and the task's memory, and answers as Linux would. */

import type { SyscallName } from '../../src/abi/syscalls.ts';
import { KernelMemory, ptr } from '../../src/kernel/memory.ts';
import type { UserTask } from '../../src/kernel/user-task.ts';

/** One call as the kernel sees it: `bytes` is a window on the memory at a register's address. */
export interface SeenCall {
  readonly call: SyscallName;
  readonly args: readonly (number | bigint)[];
  bytes(address: number | bigint | undefined, length: number): Uint8Array;
  /** The C string at an address. */
  string(address: number | bigint | undefined): string;
}

export interface ScriptedTask extends UserTask {
  /** Every call so far. */
  readonly seen: { readonly call: SyscallName; readonly args: readonly (number | bigint)[] }[];
}

const PAGE_BYTES = 65_536;

/** `kernel` answers each call; undefined is 0. Its scratch memory holds `scratchBytes`, above it lie 3 pages for mmap2. */
export function scriptedTask(kernel: (call: SeenCall) => number | undefined, scratchBytes = PAGE_BYTES): ScriptedTask {
  const memory = new KernelMemory(new WebAssembly.Memory({ initial: 5 }));
  const seen: ScriptedTask['seen'] = [];
  return {
    pid: 1,
    memory,
    scratch: ptr(PAGE_BYTES),
    scratchBytes,
    seen,
    async syscall(call, ...args) {
      seen.push({ call, args });
      const bytes = (address: number | bigint | undefined, length: number) => memory.view(ptr(Number(address)), length);
      const string = (address: number | bigint | undefined) => {
        const from = memory.bytes.subarray(Number(address));
        return new TextDecoder().decode(from.subarray(0, from.indexOf(0)));
      };
      if (call === 'mmap2') return 2 * PAGE_BYTES;
      return kernel({ call, args, bytes, string }) ?? 0;
    },
  };
}

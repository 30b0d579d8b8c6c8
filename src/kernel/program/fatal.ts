/** How a program ends that cannot go on: by the signal that a processor's fault would be. */

import { TaskExited } from '../errors.ts';
import type { HostedTask } from '../hosted-task.ts';
import { type Ptr, plus } from '../memory.ts';
import type { ProgramMemory } from './program-memory.ts';

const SIGILL = 4;
const SIGABRT = 6;
const SIGSEGV = 11;

const SIG_UNBLOCK = 1;
const SIGSET_BYTES = 8;
/** struct sigaction of the kernel's: handler, flags, mask. All zero is SIG_DFL. */
const SIGACTION_BYTES = 16;
/** Memory that is nobody's any more: the low end of the stack. */
const SCRATCH = 8192 as Ptr;

/** Which one, by what came out of its stack. */
export function fatalSignal(cause: unknown): number {
  if (cause instanceof WebAssembly.RuntimeError) return /unreachable/.test(cause.message) ? SIGILL : SIGSEGV;
  // The engine's own stack is full.
  if (cause instanceof RangeError) return SIGSEGV;
  return SIGABRT;
}

/** Its own handler or mask cannot keep it from that: they are the ones of a program that is no more. */
export async function endBySignal(task: HostedTask, memory: ProgramMemory, signal: number): Promise<void> {
  try {
    memory.bytes.fill(0, SCRATCH, SCRATCH + SIGACTION_BYTES + SIGSET_BYTES);
    await task.syscall('rt_sigaction', signal, SCRATCH, 0, SIGSET_BYTES);
    const mask = plus(SCRATCH, SIGACTION_BYTES);
    memory.setU64(mask, 1n << BigInt(signal - 1));
    await task.syscall('rt_sigprocmask', SIG_UNBLOCK, mask, 0, SIGSET_BYTES);
    // To this very thread: another one might leave it for later.
    await task.syscall('tgkill', await task.syscall('getpid'), await task.syscall('gettid'), signal);
    // The first process of a namespace does not die of a signal of its own.
    await task.syscall('exit_group', 128 + signal);
  } catch (cause) {
    if (!(cause instanceof TaskExited)) throw cause;
  }
}

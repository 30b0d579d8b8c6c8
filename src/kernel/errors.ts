/** How a kernel can end: each way is one named error, and that kernel is thrown away. */

import { type Problem, ProblemError } from '../errors/problem.ts';

/**
 * `panic`, `oom` and `bug` as the kernel said; `trap` is a wasm trap; `deadlock` and `deadline` are the host's findings, and so
 * is `lost`: whoever had it showed no sign of life for so long that it was taken back.
 */
export type KernelEnd = 'panic' | 'bug' | 'oom' | 'trap' | 'deadlock' | 'deadline' | 'halt' | 'lost';

/** The kernel is dead. `console` is the tail of its log. */
export class KernelDead extends ProblemError {
  override readonly name = 'KernelDead';
  readonly end: KernelEnd;
  readonly console: string;

  constructor(end: KernelEnd, message: string, console: string, options?: ErrorOptions) {
    super(message, options);
    this.end = end;
    this.console = console;
  }

  override get problem(): Problem {
    return { name: `kernel-${this.end}`, detail: this.message, members: { console: this.console } };
  }
}

/** The task ended instead of returning from a system call. */
export class TaskExited extends Error {
  override readonly name = 'TaskExited';
  readonly pid: number;
  /** As wait(2) encodes it: `status & 0x7f` the signal, `status >> 8 & 0xff` the exit code. */
  readonly status: number;

  constructor(pid: number, status: number) {
    super(`task ${pid} ended with ${status & 0x7f ? `signal ${status & 0x7f}` : `exit code ${(status >> 8) & 0xff}`}`);
    this.pid = pid;
    this.status = status;
  }
}

/** What a panic message tells about its cause. */
export function classifyPanic(message: string, console: string): KernelEnd {
  if (/out of memory|deadlocked on memory/i.test(message)) return 'oom';
  if (/^(restart|halt|power off)$/.test(message)) return 'halt';
  if (/BUG!/.test(message) || /kernel BUG|BUG: failure at/.test(console.slice(-2000))) return 'bug';
  return 'panic';
}

/** V8 keeps the innermost ten frames of a stack: too few to see past panic() into what led to it. */
const DEEP_STACK = 60;

/** What `make` makes, an error, remembers the whole stack where it was made. Other engines than V8 do so anyway. */
export function withDeepStack<T>(make: () => T): T {
  const settings = Error as { stackTraceLimit?: number };
  const limit = settings.stackTraceLimit;
  settings.stackTraceLimit = DEEP_STACK;
  try {
    return make();
  } finally {
    if (limit === undefined) delete settings.stackTraceLimit;
    else settings.stackTraceLimit = limit;
  }
}

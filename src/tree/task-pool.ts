/** Tasks that take turns at a tree: each makes one system call at a time, so what may happen at once needs several. */

import { XATTR_SIZE_MAX } from '../abi/uapi/fs.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { mapBuffer, unmapBuffer } from '../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import type { PlayedTask, UserTask } from '../kernel/user-task.ts';

/** A task that is one caller's alone for a while, its scratch memory and its buffer included. */
export interface BusyTask {
  readonly task: UserTask;
  /** Holds any list of attributes and any value of one. */
  readonly buffer: UserBuffer;
  /** For what is not a call of the task: the others need not wait for it. */
  waitFor<T>(work: T | Promise<T>): T | Promise<T>;
}

/** Lets callers have a task each, first come first served. Tasks of one pool share memory and open files (CLONE_VM, CLONE_FILES). */
export interface TaskPool {
  use<T>(work: (busy: BusyTask) => Promise<T>): Promise<T>;
  /** Gives buffers back, for tasks that go on without the pool. Nobody may be using one. */
  close(): Promise<void>;
}

/** A task that its pool attaches while it is used, or one that its owner plays. */
export type PoolableTask = UserTask & Partial<PlayedTask>;

interface PooledTask extends BusyTask {
  readonly task: PoolableTask;
}

export interface PoolOptions {
  /** Makes one more task. Absent: there is only the first. */
  readonly spawn?: () => Promise<PoolableTask>;
  readonly most?: number;
}

/** Without an MMU a buffer is one piece of the kernel's memory: not larger than it must be. */
const BUFFER_BYTES = XATTR_SIZE_MAX;

async function pooledTask(task: PoolableTask): Promise<PooledTask> {
  return {
    task,
    buffer: await mapBuffer(task, BUFFER_BYTES),
    waitFor: (work) => (work instanceof Promise && task.waitFor ? task.waitFor(work) : work),
  };
}

/**
 * `first` (attached, if it can be) and others that `spawn` makes, `most` together, or as many as there is memory for. All are
 * made at once: later the kernel's memory may be full of what it read, and have no piece left that is large enough for a buffer.
 */
export async function taskPool(first: PoolableTask, { spawn, most = 4 }: PoolOptions = {}): Promise<TaskPool> {
  const idle = [await pooledTask(first)];
  // One after the other: a task makes one call at a time, clone(2) too.
  while (spawn && idle.length < most) {
    const more = await spawn().then(pooledTask).catch(unlessRefused);
    if (more === undefined) break;
    idle.push(more);
  }
  // Idle and attached, one would hold the others up.
  for (const { task } of idle) task.detach?.();
  let busyTasks = 0;
  const waiting: ((busy: PooledTask) => void)[] = [];

  /** The last one stays attached, and is taken next: the kernel stays in it, and its next call needs no switch. */
  function release(busy: PooledTask): void {
    const next = waiting.shift();
    if (next) {
      next(busy);
      return;
    }
    busyTasks -= 1;
    if (busyTasks > 0) busy.task.detach?.();
    idle.push(busy);
  }

  function acquire(): PooledTask | Promise<PooledTask> {
    const busy = idle.pop();
    if (busy === undefined) return new Promise((resolve) => waiting.push(resolve));
    busyTasks += 1;
    busy.task.attach?.();
    return busy;
  }

  return {
    async use(work) {
      const busy = await acquire();
      try {
        return await work(busy);
      } finally {
        release(busy);
      }
    },
    async close() {
      for (const { task, buffer } of idle.splice(0)) await unmapBuffer(task, buffer);
    },
  };
}

/** No memory for one more: the others will do. */
function unlessRefused(cause: unknown): undefined {
  if (!(cause instanceof KernelError)) throw cause;
}

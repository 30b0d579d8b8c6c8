/** Tasks that take turns at a tree: each makes one system call at a time, so what may happen at once needs several. */

import { XATTR_SIZE_MAX } from '../abi/uapi/fs.ts';
import { mapBuffer, unmapBuffer } from '../kernel/syscalls/memory.ts';
import type { UserBuffer } from '../kernel/syscalls/scratch.ts';
import type { PlayedTask, UserTask } from '../kernel/user-task.ts';

/** A task that is one caller's alone for a while, its scratch memory and its buffer included. */
export interface BusyTask {
  readonly task: UserTask;
  /** Holds any list of attributes and any value of one. */
  buffer(): Promise<UserBuffer>;
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
  close(): Promise<void>;
}

/** Without an MMU a buffer is one piece of the kernel's memory: not larger than it must be. */
const BUFFER_BYTES = XATTR_SIZE_MAX;

function pooledTask(task: PoolableTask): PooledTask {
  let buffer: Promise<UserBuffer> | undefined;
  return {
    task,
    buffer() {
      buffer ??= mapBuffer(task, BUFFER_BYTES);
      buffer.catch(() => {
        buffer = undefined; // there may be memory for the next one
      });
      return buffer;
    },
    waitFor: (work) => (work instanceof Promise && task.waitFor ? task.waitFor(work) : work),
    async close() {
      const mapped = buffer;
      buffer = undefined;
      if (mapped) await unmapBuffer(task, await mapped);
    },
  };
}

/** `first` alone (attached, if it can be), and up to `most` with those that `spawn` makes: only when a caller would have to wait. */
export function taskPool(first: PoolableTask, spawn?: () => Promise<PoolableTask>, most = 4): TaskPool {
  first.detach?.(); // idle, it would hold the others up
  const idle = [pooledTask(first)];
  const waiting: ((busy: PooledTask) => void)[] = [];
  let tasks = 1;
  /** One is made after the other: a task makes one call at a time, clone(2) too. */
  let making: Promise<unknown> = Promise.resolve();

  async function spawned(make: () => Promise<UserTask>): Promise<PooledTask | undefined> {
    tasks += 1;
    const made = making.then(make);
    making = made.catch(() => {});
    try {
      return pooledTask(await made);
    } catch {
      tasks -= 1; // no memory for one more: there are others to wait for
      return undefined;
    }
  }

  function release(busy: PooledTask): void {
    const next = waiting.shift();
    if (next) next(busy);
    else {
      busy.task.detach?.();
      idle.push(busy);
    }
  }

  const takeIdle = (): PooledTask | undefined => {
    const busy = idle.pop();
    busy?.task.attach?.();
    return busy;
  };

  const nextIdle = (): Promise<PooledTask> => {
    const busy = takeIdle();
    return busy ? Promise.resolve(busy) : new Promise((resolve) => waiting.push(resolve));
  };

  return {
    async use(work) {
      const busy = takeIdle() ?? (spawn && tasks < most ? await spawned(spawn) : undefined) ?? (await nextIdle());
      try {
        return await work(busy);
      } finally {
        release(busy);
      }
    },
    async close() {
      for (const busy of idle) await busy.close();
    },
  };
}

/** The user tasks of a kernel: by address, by pid once they are there, and those that are to be woken. */

import { WAKE_INTERRUPT } from '../../abi/shared.ts';
import type { HostedTask, TaskCounts } from '../hosted-task.ts';

/**
 * A task has its address from its first turn in the user loop until it ends; then another may get it. So what names a task by
 * address, the queue of those to wake included, goes with it.
 */
export class TaskTable {
  /** Of all of them: each brings it up to date. */
  readonly counts: TaskCounts = { thinking: 0, inCall: 0, waitOutside: 0 };
  readonly #tasks = new Map<number, HostedTask>();
  readonly #wake: number[] = [];
  readonly #awaited = new Map<number, (task: HostedTask) => void>();

  get(address: number): HostedTask | undefined {
    return this.#tasks.get(address);
  }

  get all(): IterableIterator<HostedTask> {
    return this.#tasks.values();
  }

  some(which: (task: HostedTask) => boolean): boolean {
    for (const task of this.#tasks.values()) if (which(task)) return true;
    return false;
  }

  add(task: HostedTask): void {
    this.#tasks.set(task.address, task);
    this.#awaited.get(task.pid)?.(task);
    this.#awaited.delete(task.pid);
  }

  /** It is no more; answers it. */
  remove(address: number): HostedTask | undefined {
    const task = this.#tasks.get(address);
    this.#tasks.delete(address);
    const left = this.#wake.filter((word) => (word & ~WAKE_INTERRUPT) !== address);
    this.#wake.splice(0, Infinity, ...left);
    return task;
  }

  /** The one with this pid; else `there` is told, once, when there is one. */
  find(pid: number, there: (task: HostedTask) => void): void {
    const known = [...this.all].find((task) => task.pid === pid);
    if (known) there(known);
    else this.#awaited.set(pid, there);
  }

  /** Its call waits for the kernel to take it. */
  wake(task: HostedTask): void {
    this.#wake.push(task.address);
  }

  /** The call that it is in is to end. */
  interrupt(task: HostedTask): void {
    this.#wake.push(task.address | WAKE_INTERRUPT);
  }

  /** The import `user_wake`: the next to wake or to interrupt, or 0. */
  nextToWake(): number {
    return this.#wake.shift() ?? 0;
  }

  get someToWake(): boolean {
    return this.#wake.length > 0;
  }
}

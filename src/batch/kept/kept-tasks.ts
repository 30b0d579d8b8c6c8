/** The named tasks of a kernel that stays. */

import { WALL, WNOHANG } from '../../abi/uapi/wait.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KeptTask, type TimedResult } from './kept-task.ts';

/** A task as a stored kernel has it: at rest. */
export interface SavedTask {
  readonly name: string;
  readonly pid: number;
  /** That nobody took. */
  readonly results: readonly TimedResult[];
}

/** Takes a result that no batch waits for; answers whether it did. */
export type TaskListener = (name: string, result: TimedResult) => boolean;

export class KeptTasks {
  readonly #kernel: Kernel;
  readonly #tasks = new Map<string, KeptTask>();
  readonly #listeners = new Set<TaskListener>();

  /** `saved` are those of the stored kernel that `kernel` goes on from. */
  constructor(kernel: Kernel, saved: readonly SavedTask[] = []) {
    this.#kernel = kernel;
    for (const { name, pid, results } of saved) {
      const task = kernel.engine.tasks.find((one) => one.pid === pid);
      if (task) this.add(name, task, results);
    }
  }

  get(name: string): KeptTask | undefined {
    return this.#tasks.get(name);
  }

  get all(): readonly KeptTask[] {
    return [...this.#tasks.values()];
  }

  /** From now on `task` is known by this name. */
  add(name: string, task: HostedTask, results: readonly TimedResult[] = []): KeptTask {
    const told = (result: TimedResult) => {
      let taken = false;
      for (const listen of this.#listeners) taken = listen(name, result) || taken;
      return taken;
    };
    const kept = new KeptTask(name, task, this.#kernel, { told, results });
    this.#tasks.set(name, kept);
    return kept;
  }

  /** Each result that no batch waits for from now on goes to `listener`. Answers how to end that. */
  listen(listener: TaskListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Those that have ended and whose results are taken are forgotten, and are no zombies any more. */
  async reap(): Promise<void> {
    for (const { name, exited, untaken, task } of this.all) {
      if (!exited || untaken.length > 0) continue;
      this.#tasks.delete(name);
      await this.#kernel.init.syscall('wait4', task.pid, 0, WNOHANG | WALL, 0);
    }
  }

  get saved(): readonly SavedTask[] {
    return this.all
      .filter(({ exited }) => !exited)
      .map(({ name, task, untaken: results }) => ({ name, pid: task.pid, results }));
  }
}

/** The engine stacks of a kernel's tasks: exactly one runs, the others are parked in `task_switch`, `idle` or user mode. */

import { SWITCH_DEAD, SWITCH_FRESH } from '../abi/imports.ts';

const never = new Promise<never>(() => {});

/**
 * Parks and resumes stacks as the kernel's own scheduler says. It decides nothing.
 * The C stack pointer is not its business: the trampolines in entry.S keep it.
 */
export class Scheduler {
  readonly #enter: (task: number, sp: number) => Promise<unknown>;
  readonly #die: (cause: unknown) => void;
  readonly #parked = new Map<number, () => void>();
  /** After a restore: tasks of the snapshot have no stack yet and get one when they are first switched to. */
  readonly #restored: boolean;
  switches = 0;

  constructor(enter: (task: number, sp: number) => Promise<unknown>, die: (cause: unknown) => void, restored: boolean) {
    this.#enter = enter;
    this.#die = die;
    this.#restored = restored;
  }

  /** The kernel is dead: none of its stacks is ever resumed. */
  forget(): void {
    this.#parked.clear();
  }

  /** The import `task_switch`: settles when `prev` is to go on. */
  switch(prev: number, next: number, flags: number, sp: number): Promise<void> {
    this.switches++;
    const resume = this.#parked.get(next);
    let parked: Promise<void> = never;
    // A dead task's address will be used again: nothing of it may stay.
    if (!(flags & SWITCH_DEAD)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#parked.set(prev, resolve);
      parked = promise;
    }
    if (resume) {
      this.#parked.delete(next);
      resume();
    } else if (flags & SWITCH_FRESH || this.#restored) {
      // An import never calls an export: the new stack starts once this one is suspended.
      queueMicrotask(() => this.#enter(next, sp).catch(this.#die));
    } else {
      this.#die(new Error(`no stack for task 0x${next.toString(16)}`));
    }
    return parked;
  }
}

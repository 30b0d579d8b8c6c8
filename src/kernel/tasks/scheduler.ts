/** The engine stacks of a kernel's tasks: exactly one runs, the others are parked in `task_switch`, `idle` or user mode. */

import { SWITCH_DEAD, SWITCH_FRESH } from '../../abi/imports.ts';
import { unwinding } from './unwinding.ts';

interface Parked {
  readonly resume: () => void;
  readonly unwind: (cause: unknown) => void;
}

/**
 * Parks and resumes stacks as the kernel's own scheduler says. It decides nothing.
 * The C stack pointer is not its business: the trampolines in entry.S keep it.
 */
export class Scheduler {
  readonly #enter: (task: number, sp: number) => void;
  readonly #die: (cause: unknown) => void;
  readonly #parked = new Map<number, Parked>();
  /** After a restore: tasks of the snapshot have no stack yet and get one when they are first switched to. */
  readonly #restored: boolean;
  #over = false;
  switches = 0;

  constructor(enter: (task: number, sp: number) => void, die: (cause: unknown) => void, restored: boolean) {
    this.#enter = enter;
    this.#die = die;
    this.#restored = restored;
  }

  /** The kernel is dead: no stack runs again or begins, and the parked ones unwind. */
  end(): void {
    this.#over = true;
    for (const { unwind } of this.#parked.values()) unwind(unwinding);
    this.#parked.clear();
  }

  /** The import `task_switch`: settles when `prev` is to go on. Throws, which unwinds its stack, when `prev` is dead. */
  switch(prev: number, next: number, flags: number, sp: number): Promise<void> {
    this.switches++;
    const there = this.#parked.get(next);
    if (there) {
      this.#parked.delete(next);
      there.resume();
    } else if (flags & SWITCH_FRESH || this.#restored) {
      // An import never calls an export: the new stack starts once this one is suspended or gone.
      queueMicrotask(() => {
        if (!this.#over) this.#enter(next, sp);
      });
    } else {
      const cause = new Error(`no stack for task 0x${next.toString(16)}`);
      this.#die(cause);
      throw cause;
    }
    // A dead task's address will be used again: nothing of it may stay.
    if (flags & SWITCH_DEAD) throw unwinding;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#parked.set(prev, { resume: resolve, unwind: reject });
    return promise;
  }
}

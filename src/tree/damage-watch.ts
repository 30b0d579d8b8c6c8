/** Whether the kernel has told of damage meanwhile: a listing may lack names without any call failing. */

import type { KernelLog } from '../kernel/log/kernel-log.ts';
import { gate } from '../storage/gate.ts';
import { loggedErrors } from './fs2tar/logged-errors.ts';
import type { TaskPool } from './task-pool.ts';

export interface DamageWatch {
  /** Errors in the kernel's log so far. It needs a task: nobody who has one may wait for it. */
  count(): Promise<number>;
}

/** From now on. The log is read by one look at a time; which of two listings it was of that an error tells is not known. */
export function damageWatch(tasks: TaskPool, log: KernelLog): DamageWatch {
  const inTurn = gate(1);
  let errors = 0;
  return {
    count: () =>
      inTurn(async () => {
        errors += (await tasks.use(({ task }) => loggedErrors(log, task))).size;
        return errors;
      }),
  };
}

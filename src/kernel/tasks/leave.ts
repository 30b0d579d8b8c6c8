/** The end of a task that the host plays: as of a program that exits. */

import { TaskExited } from '../errors.ts';
import type { UserTask } from '../user-task.ts';

/** Whoever is its parent has it to reap. It may have been ended meanwhile: that is the same. */
export async function leave(task: UserTask, status = 0): Promise<void> {
  await task.syscall('exit_group', status).catch((cause: unknown) => {
    if (!(cause instanceof TaskExited)) throw cause;
  });
}

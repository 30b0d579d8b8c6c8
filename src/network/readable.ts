/** Waits for one descriptor, for so long of the kernel's time. */

import { POLL } from '../abi/uapi/socket.ts';
import { must } from '../kernel/kernel-error.ts';
import { plus } from '../kernel/memory.ts';
import type { UserTask } from '../kernel/user-task.ts';

/** Whether it can be read; false: not in this time. Uses scratch memory. */
export async function awaitReadable(task: UserTask, fd: number, timeoutMs: number): Promise<boolean> {
  const { memory, scratch } = task;
  const timeout = plus(scratch, 16);
  memory.setU32(scratch, fd);
  memory.setU32(plus(scratch, 4), POLL.IN);
  memory.setI64FromNumber(timeout, Math.floor(timeoutMs / 1000));
  memory.setI64FromNumber(plus(timeout, 8), Math.round((timeoutMs % 1000) * 1e6));
  return must('ppoll_time64', await task.syscall('ppoll_time64', scratch, 1, timeout, 0, 0)) > 0;
}

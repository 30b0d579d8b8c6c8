/** The kernel's own list of its tasks, as the export `task_list` writes it into memory. */

import { TASK_INFO } from '../../abi/shared.ts';
import { type KernelMemory, type Ptr, plus } from '../memory.ts';

/** One row of it. */
export interface TaskInfo {
  readonly pid: number;
  readonly state: number;
  readonly flags: number;
  readonly inUserLoop: boolean;
  readonly stack: number;
  readonly sp: number;
  readonly comm: string;
}

export function readTaskList(memory: KernelMemory, at: Ptr, count: number): TaskInfo[] {
  return Array.from({ length: count }, (_, i) => {
    const row = plus(at, i * TASK_INFO.bytes);
    const comm = memory.copy(plus(row, TASK_INFO.comm), TASK_INFO.commBytes);
    return {
      pid: memory.i32(plus(row, TASK_INFO.pid)),
      state: memory.u32(plus(row, TASK_INFO.state)),
      flags: memory.u32(plus(row, TASK_INFO.flags)),
      inUserLoop: memory.u32(plus(row, TASK_INFO.inUserLoop)) !== 0,
      stack: memory.u32(plus(row, TASK_INFO.stack)),
      sp: memory.u32(plus(row, TASK_INFO.sp)),
      comm: new TextDecoder().decode(comm.subarray(0, comm.indexOf(0))),
    };
  });
}

/** Memory of a task: buffers that calls read into and write from. */

import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { ptr } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import type { UserBuffer } from './scratch.ts';

/** Fresh memory of the task, for data that scratch memory is too small for. */
export async function mapBuffer(task: UserTask, bytes: number): Promise<UserBuffer> {
  const at = await task.syscall('mmap2', 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return { at: ptr(must('mmap2', at)), bytes };
}

/** Give a buffer back. */
export async function unmapBuffer(task: UserTask, buffer: UserBuffer): Promise<void> {
  must('munmap', await task.syscall('munmap', buffer.at, buffer.bytes));
}

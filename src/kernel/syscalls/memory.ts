/** Memory of a task: buffers that calls read into and write from. */

import { errnos } from '../../abi/errno.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { ptr } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import type { UserBuffer } from './scratch.ts';

const ENOMEM = -errnos.ENOMEM.number;

const map = (task: UserTask, bytes: number): Promise<number> =>
  task.syscall('mmap2', 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

/**
 * Fresh memory of the task, for data that scratch memory is too small for. Asked twice: where many tasks are short of memory
 * at once, it grows for those that ask first, and the last one is refused although there is plenty by then, as an allocation
 * that reclaimed nothing itself does not look again (`__alloc_pages_direct_reclaim()`).
 */
export async function mapBuffer(task: UserTask, bytes: number): Promise<UserBuffer> {
  const first = await map(task, bytes);
  const at = first === ENOMEM ? await map(task, bytes) : first;
  return { at: ptr(must('mmap2', at)), bytes };
}

/** Give a buffer back. */
export async function unmapBuffer(task: UserTask, buffer: UserBuffer): Promise<void> {
  must('munmap', await task.syscall('munmap', buffer.at, buffer.bytes));
}

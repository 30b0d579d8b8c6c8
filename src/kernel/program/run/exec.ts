/** execve(2) by a hosted task: from then on the program plays it. */

import { errnos } from '../../../abi/errno.ts';
import { KernelError, must } from '../../kernel-error.ts';
import { type Ptr, plus } from '../../memory.ts';
import type { UserTask } from '../../user-task.ts';

const encoder = new TextEncoder();

/** What Linux has room for, path included: 32 pages. */
export const MOST_ARGUMENT_BYTES = 128 * 1024;
const POINTER = 4;

/** Bytes of scratch that `exec` needs for these. */
export function scratchFor(strings: readonly string[]): number {
  return strings.reduce((sum, text) => sum + 3 * text.length + 1 + POINTER, 64);
}

/** Throws KernelError when it fails; else the task is the program's, and nobody else may make calls in it. */
export async function exec(
  task: UserTask,
  path: string,
  argv: readonly string[],
  env: readonly string[],
): Promise<void> {
  if ([path, ...argv, ...env].some((text) => text.includes('\0')))
    throw new KernelError('execve', errnos.EINVAL.number, path);
  const { memory } = task;
  // Pointers first, so that they are aligned.
  const tables = task.scratch;
  let table = tables;
  let text = plus(tables, (argv.length + env.length + 2) * POINTER);
  const put = (value: string): Ptr => {
    const at = text;
    text = plus(text, memory.writeCstring(text, encoder.encode(value)));
    return at;
  };
  const list = (strings: readonly string[]): Ptr => {
    const at = table;
    for (const value of [...strings.map(put), 0]) {
      memory.setU32(table, value);
      table = plus(table, POINTER);
    }
    return at;
  };
  const [args, vars] = [list(argv), list(env)];
  must('execve', await task.syscall('execve', put(path), args, vars), path);
}

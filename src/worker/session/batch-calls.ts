/** Which call of a batch a result is of, and what it means for the session. */

import type { CallResult } from '../../batch/language/types.ts';
import type { WholeBatch } from './rpc.ts';

/** Results come in the order of the calls of each list: answers the name of the call of the next one, by task. */
export function callNames({ calls, tasks }: Pick<WholeBatch, 'calls' | 'tasks'>) {
  const done = new Map<string | undefined, number>();
  return (task: string | undefined): string => {
    const index = done.get(task) ?? 0;
    done.set(task, index + 1);
    const list = task === undefined ? calls : tasks[task]?.calls;
    return list?.[index]?.call ?? '';
  };
}

/** The calls with which a program asks that what it wrote lasts. */
const flushing: ReadonlySet<string> = new Set([
  'fsync',
  'fdatasync',
  'sync',
  'syncfs',
  'msync',
  'sync_file_range',
  'sync_file_range2',
]);

export const isFlush = (call: string, { ret }: Pick<CallResult, 'ret'>): boolean => ret === 0 && flushing.has(call);

/** The line of a call from which the kernel did not come back, as strace(1) has those. */
export const unfinished = (call: string): string => `${call}( <unfinished ...>) = ?`;

/** CLOCK_MONOTONIC without a system call. */

import { CLOCK } from '../../abi/uapi/socket.ts';
import { clockGettime } from '../../kernel/syscalls/time.ts';
import type { Clock } from '../../kernel/time/clock.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** A reading takes a nanosecond: before it, the clock shows one less than what is read. */
const READING_NS = 1;

/**
 * The kernel's clock runs some readings before Linux begins to count by it, and stays so much ahead of CLOCK_MONOTONIC
 * and of the times of packets. Other tasks may move it between a look and the reading: the most of several is exact.
 */
export async function monotonicNow(task: UserTask, clock: Pick<Clock, 'nowNs'>): Promise<() => number> {
  let aheadNs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < 8; i++) {
    const shownNs = clock.nowNs;
    const { seconds, ns } = await clockGettime(task, CLOCK.MONOTONIC);
    aheadNs = Math.max(aheadNs, shownNs + READING_NS - (seconds * 1e9 + ns));
  }
  return () => clock.nowNs - aheadNs;
}

/** System calls on clocks and sleeping, in the kernel's own time. Absolute times are whole nanoseconds as numbers: exact for 104 days. */

import { CLOCK, TIMER_ABSTIME } from '../../abi/uapi/socket.ts';
import { must } from '../kernel-error.ts';
import { plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { Scratch } from './scratch.ts';

/** struct __kernel_timespec: two 64-bit numbers. */
const TIMESPEC_BYTES = 16;
const NS_PER_S = 1_000_000_000n;

async function nanosleep(task: UserTask, flags: number, ns: bigint): Promise<void> {
  const at = new Scratch(task, 'clock_nanosleep_time64').room(TIMESPEC_BYTES);
  task.memory.setU64(at, ns / NS_PER_S);
  task.memory.setU64(plus(at, 8), ns % NS_PER_S);
  must('clock_nanosleep_time64', await task.syscall('clock_nanosleep_time64', CLOCK.MONOTONIC, flags, at, 0));
}

/** clock_nanosleep(2) on CLOCK_MONOTONIC, relative. */
export const sleepNs = (task: UserTask, ns: bigint): Promise<void> => nanosleep(task, 0, ns);

/** Sleep until CLOCK_MONOTONIC says so; at once when it does already. */
export const sleepUntil = (task: UserTask, ns: number): Promise<void> =>
  nanosleep(task, TIMER_ABSTIME, BigInt(Math.round(ns)));

/** clock_gettime(2) in its two parts: nanoseconds since 1970 are more than a number holds. */
export async function clockGettime(
  task: UserTask,
  clock: number,
): Promise<{ readonly seconds: number; readonly ns: number }> {
  const at = new Scratch(task, 'clock_gettime64').room(TIMESPEC_BYTES);
  must('clock_gettime64', await task.syscall('clock_gettime64', clock, at));
  return { seconds: task.memory.u64AsNumber(at), ns: task.memory.u64AsNumber(plus(at, 8)) };
}

/** System calls on clocks. Times are whole nanoseconds as numbers: exact for 104 days since boot. */

import { CLOCK, TIMER_ABSTIME } from '../../abi/uapi/socket.ts';
import { must } from '../kernel-error.ts';
import { plus } from '../memory.ts';
import type { UserTask } from '../user-task.ts';
import { Scratch } from './scratch.ts';

const NS_PER_S = 1e9;
/** struct __kernel_timespec: two 64-bit numbers. */
export const TIMESPEC_BYTES = 16;

/** CLOCK_MONOTONIC. */
export async function monotonicNs(task: UserTask): Promise<number> {
  const { seconds, ns } = await clockGettime(task, CLOCK.MONOTONIC);
  return seconds * NS_PER_S + ns;
}

/** clock_gettime(2) in its two parts: nanoseconds since 1970 are more than a number holds. */
export async function clockGettime(task: UserTask, clock: number): Promise<{ seconds: number; ns: number }> {
  const at = new Scratch(task, 'clock_gettime64').room(TIMESPEC_BYTES);
  must('clock_gettime64', await task.syscall('clock_gettime64', clock, at));
  return { seconds: task.memory.u64AsNumber(at), ns: task.memory.u64AsNumber(plus(at, 8)) };
}

/** Sleep until CLOCK_MONOTONIC says so; at once when it does already. */
export async function sleepUntil(task: UserTask, ns: number): Promise<void> {
  const at = new Scratch(task, 'clock_nanosleep_time64').room(TIMESPEC_BYTES);
  task.memory.setI64FromNumber(at, Math.floor(ns / NS_PER_S));
  task.memory.setI64FromNumber(plus(at, 8), ns % NS_PER_S);
  must('clock_nanosleep_time64', await task.syscall('clock_nanosleep_time64', CLOCK.MONOTONIC, TIMER_ABSTIME, at, 0));
}

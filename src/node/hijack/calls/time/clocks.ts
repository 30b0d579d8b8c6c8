/** The clocks of a program whose time is our kernel's, and its sleeps. */

import { plus } from '../../../../kernel/memory.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { SLACK_NS } from '../../time/often.ts';

/** struct timespec of the program's, which is struct __kernel_timespec of ours: both have 64 bits. */
export const TIMESPEC = 16;
const [REALTIME, MONOTONIC, PROCESS_CPUTIME, THREAD_CPUTIME] = [0, 1, 2, 3] as const;
const [NS_PER_US, NS_PER_S] = [1000n, 1_000_000_000n] as const;
const NS_PER_MS = 1e6;
const SLACK = BigInt(SLACK_NS);

/** What a clock of our kernel says. */
export async function timeOf(task: KernelTask, clock: number): Promise<{ readonly seconds: bigint; ns: bigint }> {
  const ret = await task.call('clock_gettime64', clock, task.structs);
  if (ret < 0) throw new CallFailed('EINVAL');
  return { seconds: task.memory.i64(task.structs), ns: task.memory.i64(plus(task.structs, 8)) };
}

const words = (...values: readonly bigint[]): Uint8Array => new Uint8Array(BigInt64Array.from(values).buffer);

/** Time that a processor worked is the machine's: our kernel's tasks do not work. */
const isOfProcessor = (clock: number): boolean => clock < 0 || clock === PROCESS_CPUTIME || clock === THREAD_CPUTIME;

const clockGettime: Handler = (call) => {
  const clock = call.int(0);
  if (isOfProcessor(clock)) return 'host';
  return (async () => {
    const { seconds, ns } = await timeOf(await call.task(), clock);
    call.memory.write(call.size(1), words(seconds, ns));
    return 0;
  })();
};

const gettimeofday: Handler = async (call) => {
  const { seconds, ns } = await timeOf(await call.task(), REALTIME);
  const [at, zone] = [call.size(0), call.size(1)];
  if (at !== 0) call.memory.write(at, words(seconds, ns / NS_PER_US));
  if (zone !== 0) call.memory.write(zone, words(0n));
  return 0;
};

const time: Handler = async (call) => {
  const { seconds } = await timeOf(await call.task(), REALTIME);
  const at = call.size(0);
  if (at !== 0) call.memory.write(at, words(seconds));
  return seconds;
};

/** A sleep of our kernel's, until a signal. */
export function sleepNs(call: Call, task: KernelTask, ns: number): Promise<number> {
  task.memory.write(task.structs, words(0n, BigInt(Math.ceil(ns))));
  return call.waiting(task, 'clock_nanosleep_time64', MONOTONIC, 0, task.structs, 0);
}

/** What is left of a sleep that a signal ended nobody is told: its thread has gone on. */
async function sleep(call: Call, clock: number, flags: number, at: number): Promise<number> {
  const task = await call.task();
  const asked = call.memory.view(at, TIMESPEC);
  const [seconds, ns] = [asked.getBigInt64(0, true), asked.getBigInt64(8, true)];
  const nowNs =
    flags === 0 ? 0n : clock === MONOTONIC ? BigInt(Math.floor(call.around.nowMs() * NS_PER_MS)) : undefined;
  const until = seconds * NS_PER_S + ns;
  // A deadline that has only just passed is one that was in the future when the program made it.
  const isShort = nowNs !== undefined && until > nowNs - (flags === 0 ? 1n : SLACK) && until < nowNs + SLACK;
  const wanted = isShort ? nowNs + SLACK : until;
  const isTime = seconds >= 0n && ns >= 0n && ns < NS_PER_S;
  task.memory.write(task.structs, isTime ? words(wanted / NS_PER_S, wanted % NS_PER_S) : words(seconds, ns));
  return call.waiting(task, 'clock_nanosleep_time64', clock, flags, task.structs, 0);
}

export const clockCalls = {
  clock_gettime: clockGettime,
  gettimeofday,
  time,
  nanosleep: (call: Call) => sleep(call, MONOTONIC, 0, call.size(0)),
  clock_nanosleep: (call: Call) =>
    isOfProcessor(call.int(0)) ? 'host' : sleep(call, call.int(0), call.int(1), call.size(2)),
} as const satisfies Record<string, Handler>;

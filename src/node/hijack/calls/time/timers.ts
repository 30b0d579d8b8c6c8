/** Timers of a program whose time is our kernel's: those that are files, and those that end in SIGALRM. */

import { plus } from '../../../../kernel/memory.ts';
import { hostCall } from '../../../native/calls.ts';
import type { Call, Handler } from '../../program/call.ts';
import { CallFailed, negative } from '../../program/failed.ts';
import { ThreadProc } from '../../program/proc.ts';
import type { AlarmTime } from '../../time/alarms.ts';
import { onFile } from '../on-file.ts';
import { rests } from './rests.ts';

/** struct itimerspec, as both have it. */
const ITIMERSPEC = 32;
const TFD_CLOEXEC = 0o2000000;
const ITIMER_REAL = 0;
const EINVAL = negative('EINVAL');

const timerfdCreate: Handler = async (call) => {
  const task = await call.task();
  const fd = await task.call('timerfd_create', call.int(0), call.int(1));
  return fd < 0 ? fd : { opened: { fd }, cloexec: (call.int(1) & TFD_CLOEXEC) !== 0 };
};

const timerfdSettime: Handler = onFile(async (call, task, file) => {
  const [flags, given, before] = [call.int(1), call.size(2), call.size(3)];
  const old = plus(task.structs, ITIMERSPEC);
  task.memory.write(task.structs, call.memory.read(given, ITIMERSPEC));
  const ret = await task.call('timerfd_settime64', file.fd, flags, task.structs, old);
  if (ret < 0) return ret;
  const every = task.memory.i64(task.structs) * NS_PER_S + task.memory.i64(plus(task.structs, 8));
  rests.set(file, Number(every), call.around.nowMs());
  if (before !== 0) call.memory.write(before, task.memory.copy(old, ITIMERSPEC));
  return ret;
});

const timerfdGettime: Handler = onFile(async (call, task, file) => {
  const ret = await task.call('timerfd_gettime64', file.fd, task.structs);
  if (ret >= 0) call.memory.write(call.size(1), task.memory.copy(task.structs, ITIMERSPEC));
  return ret;
});

/** struct itimerval: the interval, then what is left, each in seconds and microseconds. */
const ITIMERVAL = 32;
const US = 1_000_000n;
const [NS_PER_US, NS_PER_S] = [1000n, 1_000_000_000n] as const;
/** By which a process's alarm is known among its timers, whose numbers are not below zero. */
const ALARM = -1;
const SIGALRM = 14;

function setAlarm(call: Call, time: AlarmTime): Promise<AlarmTime> {
  const { tgid } = call.thread;
  return call.around.alarms.set(tgid, ALARM, time, {
    isUnheard() {
      const proc = new ThreadProc(tgid);
      return proc.isPending(SIGALRM) || proc.ignores(SIGALRM);
    },
    ring: () => void hostCall('kill', tgid, SIGALRM),
    missed() {}, // nobody asks for them
  });
}

/** What is left is never told as nothing. */
function itimerval({ leftNs, everyNs }: AlarmTime): Uint8Array {
  const [leftUs, everyUs] = [(leftNs + NS_PER_US - 1n) / NS_PER_US, everyNs / NS_PER_US];
  return new Uint8Array(BigInt64Array.of(everyUs / US, everyUs % US, leftUs / US, leftUs % US).buffer);
}

const setitimer: Handler = (call) => {
  if (call.int(0) !== ITIMER_REAL) return 'host';
  return (async () => {
    const [given, before] = [call.size(1), call.size(2)];
    const view = given === 0 ? new DataView(new ArrayBuffer(ITIMERVAL)) : call.memory.view(given, ITIMERVAL);
    const [everyS, everyUs, leftS, leftUs] = [0, 8, 16, 24].map((at) => view.getBigInt64(at, true)) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    for (const us of [everyUs, leftUs]) if (us < 0n || us >= US) return EINVAL;
    for (const seconds of [everyS, leftS]) if (seconds < 0n) return EINVAL;
    const old = await setAlarm(call, {
      leftNs: (leftS * US + leftUs) * NS_PER_US,
      everyNs: (everyS * US + everyUs) * NS_PER_US,
    });
    if (before !== 0) call.memory.write(before, itimerval(old));
    return 0;
  })();
};

const getitimer: Handler = (call) => {
  if (call.int(0) !== ITIMER_REAL) return 'host';
  const at = call.size(1);
  if (at === 0) throw new CallFailed('EFAULT');
  call.memory.write(at, itimerval(call.around.alarms.get(call.thread.tgid, ALARM)));
  return 0;
};

/** Seconds; what was left of the one before, rounded up. */
const alarm: Handler = async (call) => {
  const { leftNs } = await setAlarm(call, { leftNs: BigInt(call.uint(0)) * NS_PER_S, everyNs: 0n });
  return (leftNs + NS_PER_S - 1n) / NS_PER_S;
};

export const timerCalls = {
  timerfd_create: timerfdCreate,
  timerfd_settime: timerfdSettime,
  timerfd_gettime: timerfdGettime,
  setitimer,
  getitimer,
  alarm,
} as const satisfies Record<string, Handler>;

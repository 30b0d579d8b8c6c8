/** Timers of processes (timer_create(2)) by our kernel's time. Those of processors' clocks are the machine's, whose numbers are small. */

import { readFileSync } from 'node:fs';
import { hostCall } from '../../../native/calls.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { ThreadProc } from '../../program/proc.ts';
import type { Thread } from '../../program/thread.ts';
import type { Bell } from '../../time/alarms.ts';
import { timeOf } from './clocks.ts';

const [REALTIME, MONOTONIC, BOOTTIME, TAI] = [0, 1, 7, 11] as const;
const clocks: readonly number[] = [REALTIME, MONOTONIC, BOOTTIME, TAI];
const [SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID] = [0, 1, 2, 4] as const;
const TIMER_ABSTIME = 1;
const SIGALRM = 14;
const MOST_SIGNAL = 64;
const [SIGINFO_BYTES, SI_TIMER] = [128, -2] as const;
const ITIMERSPEC = 32;
const NS = 1_000_000_000n;
/** The first number of ours. */
const FIRST = 0x4000_0000;
/** DELAYTIMER_MAX */
const MOST_OVERRUNS = 0x7fff_ffff;
const EINVAL = negative('EINVAL');

interface Timer {
  readonly clock: number;
  readonly notify: number;
  readonly signal: number;
  readonly value: bigint;
  /** The thread that is told; absent: any of the process. */
  readonly tid?: number;
  readonly program: string;
  /** Expirations beside those that were told. */
  missed: number;
  /** When it was to be told last, the program ignored its signal. */
  isIgnored: boolean;
}

/** By threads' processes. */
const timers = new Map<number, Map<number, Timer>>();
let next = FIRST;

/** The process has ended. */
export const timersGone = (tgid: number): boolean => timers.delete(tgid);

/** What an execve changes: where its code and its stack begin. A process has another's timers no more. */
function programOf(tgid: number): string {
  try {
    const fields = readFileSync(`/proc/${tgid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return `${fields[23]} ${fields[25]}`;
  } catch {
    return '';
  }
}

function timerOf(call: Call): Timer | undefined {
  const { tgid } = call.thread;
  const found = timers.get(tgid)?.get(call.int(0));
  return found?.program === programOf(tgid) ? found : undefined;
}

const create: Handler = (call) => {
  if (!clocks.includes(call.int(0))) return 'host';
  const [event, to] = [call.size(1), call.size(2)];
  const id = next++;
  const timer = event === 0 ? byDefault(call, id) : described(call, event);
  if (typeof timer === 'number') return timer;
  call.memory.setU32(to, id);
  const { tgid } = call.thread;
  const all = timers.get(tgid) ?? new Map<number, Timer>();
  timers.set(tgid, all.set(id, timer));
  return 0;
};

const common = (call: Call) => ({
  clock: call.int(0),
  program: programOf(call.thread.tgid),
  missed: 0,
  isIgnored: false,
});

const byDefault = (call: Call, id: number): Timer => ({
  ...common(call),
  notify: SIGEV_SIGNAL,
  signal: SIGALRM,
  value: BigInt(id),
});

/** struct sigevent: a value, a signal, how, and a thread. */
function described(call: Call, at: number): Timer | number {
  const view = call.memory.view(at, 20);
  const [value, signal, notify] = [view.getBigUint64(0, true), view.getInt32(8, true), view.getInt32(12, true)];
  const tid = view.getInt32(16, true);
  const known = [SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID] as readonly number[];
  if (!known.includes(notify) || (notify !== SIGEV_NONE && (signal < 1 || signal > MOST_SIGNAL))) return EINVAL;
  if (notify !== SIGEV_THREAD_ID) return { ...common(call), notify, signal, value };
  return isThreadOf(call.thread, tid) ? { ...common(call), notify, signal, value, tid } : EINVAL;
}

function isThreadOf({ tgid }: Thread, tid: number): boolean {
  try {
    readFileSync(`/proc/${tgid}/task/${tid}/stat`);
    return true;
  } catch {
    return false;
  }
}

const isOurs = (call: Call): boolean => call.int(0) >= FIRST;

/** A call on a timer of ours. */
const onTimer =
  (work: (call: Call, timer: Timer, id: number) => number | Promise<number>): Handler =>
  (call) => {
    if (!isOurs(call)) return 'host';
    const timer = timerOf(call);
    return timer ? work(call, timer, call.int(0)) : EINVAL;
  };

const settime = onTimer(async (call, timer, id) => {
  const [given, before] = [call.size(2), call.size(3)];
  const view = call.memory.view(given, ITIMERSPEC);
  const [everyS, everyNs, leftS, leftNs] = [0, 8, 16, 24].map((at) => view.getBigInt64(at, true)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if ([everyNs, leftNs].some((ns) => ns < 0n || ns >= NS) || everyS < 0n || leftS < 0n) return EINVAL;
  const value = leftS * NS + leftNs;
  const left = (call.int(1) & TIMER_ABSTIME) !== 0 && value !== 0n ? await until(call, timer.clock, value) : value;
  const { tgid } = call.thread;
  timer.missed = 0;
  const time = { leftNs: left, everyNs: everyS * NS + everyNs };
  const old = await call.around.alarms.set(tgid, id, time, bellOf(call.thread, id, timer));
  if (before !== 0) call.memory.write(before, itimerspec(old));
  return 0;
});

/** What is past is due at once. */
async function until(call: Call, clock: number, value: bigint): Promise<bigint> {
  const { seconds, ns } = await timeOf(await call.task(), clock);
  const left = value - (seconds * NS + ns);
  return left > 0n ? left : 1n;
}

const itimerspec = ({ leftNs, everyNs }: { readonly leftNs: bigint; readonly everyNs: bigint }): Uint8Array =>
  new Uint8Array(BigInt64Array.of(everyNs / NS, everyNs % NS, leftNs / NS, leftNs % NS).buffer);

/** One signal waits for each timer; how many more there were is told by timer_getoverrun(2). */
function bellOf({ tgid }: Thread, id: number, timer: Timer): Bell {
  const isNobodys = () => timer.notify === SIGEV_NONE || timer.program !== programOf(tgid);
  return {
    isUnheard() {
      if (isNobodys()) return false;
      const proc = new ThreadProc(timer.tid ?? tgid);
      const ignored = proc.ignores(timer.signal);
      if (!ignored && !proc.isPending(timer.signal)) return false;
      // None waits of a signal that is ignored: those are told with the next one that is not.
      if (ignored && !timer.isIgnored) timer.missed = 0;
      timer.isIgnored = ignored;
      return true;
    },
    ring(expirations) {
      timer.missed = expirations - 1 + (timer.isIgnored ? timer.missed : 0);
      timer.isIgnored = false;
      if (!isNobodys()) signal(tgid, id, timer);
    },
    missed(expirations) {
      timer.missed += expirations;
    },
  };
}

function signal(tgid: number, id: number, timer: Timer): void {
  const info = new DataView(new ArrayBuffer(SIGINFO_BYTES));
  info.setInt32(0, timer.signal, true);
  info.setInt32(8, SI_TIMER, true);
  info.setInt32(16, id, true);
  info.setInt32(20, Math.min(timer.missed, MOST_OVERRUNS), true); // as many as there are by now
  info.setBigUint64(24, timer.value, true);
  const bytes = new Uint8Array(info.buffer);
  if (timer.tid === undefined) hostCall('rt_sigqueueinfo', tgid, timer.signal, bytes);
  else hostCall('rt_tgsigqueueinfo', tgid, timer.tid, timer.signal, bytes);
}

export const processTimerCalls = {
  timer_create: create,
  timer_settime: settime,
  timer_gettime: onTimer((call, _, id) => {
    call.memory.write(call.size(1), itimerspec(call.around.alarms.get(call.thread.tgid, id)));
    return 0;
  }),
  timer_getoverrun: onTimer((_, timer) => Math.min(timer.missed, MOST_OVERRUNS)),
  timer_delete: onTimer((call, _, id) => {
    call.around.alarms.cancel(call.thread.tgid, id);
    timers.get(call.thread.tgid)?.delete(id);
    return 0;
  }),
} as const satisfies Record<string, Handler>;

/** Waits for files of our kernel and for descriptors of the machine at once, until a time, or a signal that the call lets in. */

import type { Call } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import type { KernelTask } from '../../program/kernel-task.ts';
import { keepLooking } from '../../time/looks.ts';
import { SLACK_NS } from '../../time/often.ts';

const EINTR = negative('EINTR');
/** Signals that a call lets in are looked for so often: nobody tells of them. */
const LOOK_MS = 10;
const NS_PER_MS = 1e6;

export interface Wait {
  /** Waits in our kernel for so many milliseconds, or for ever; 0: only looks. Answers how many are ready, or an errno. */
  readonly kernel: ((task: KernelTask, timeoutMs: number | undefined) => Promise<number>) | undefined;
  /** Calls `then` when something of the machine's may be ready; answers how to stop that. Absent: there is nothing of the machine's. */
  readonly host: ((then: () => void) => () => void) | undefined;
  /** Looks what of the machine's is ready: how many. */
  readonly hostNow: () => number;
  readonly timeoutMs: number | undefined;
  /** Signals that may not come during the call; absent: those of the thread, whose others the machine lets in itself. */
  readonly blocked: bigint | undefined;
}

/** Something is ready, in our kernel or on the machine; nothing in time; an errno; or the machine is to make the call, as a signal came. */
export type Woken = { readonly kernel: number; readonly host: number } | 'host' | number;

export async function waitFor(call: Call, task: KernelTask, wait: Wait): Promise<Woken> {
  const { kernel, host, hostNow, blocked } = wait;
  const timeoutMs = withSlack(call, wait.timeoutMs);
  const isPlain = host === undefined && blocked === undefined;
  if (isPlain && kernel) return counted(await abandonable(call, task, () => kernel(task, timeoutMs)), 0);
  const now = await look(task, wait);
  if (typeof now === 'number' || now.kernel > 0 || now.host > 0 || timeoutMs === 0) return now;
  const woken = new Set<'host' | 'signal'>();
  const wake = (why: 'host' | 'signal') => {
    woken.add(why);
    call.around.interrupt(task);
    ended?.();
  };
  let ended: (() => void) | undefined;
  const stops = [
    ...(host === undefined ? [] : [host(() => wake('host'))]),
    ...(blocked === undefined
      ? []
      : [
          whenPending(
            call,
            () => ~blocked,
            () => wake('signal'),
          ),
        ]),
  ];
  try {
    if (kernel) {
      const ret = await abandonable(call, task, () => kernel(task, timeoutMs));
      // What an epoll instance has told by edges it does not tell again.
      if (ret > 0 || woken.size === 0) return counted(ret, hostNow());
    } else if (hostNow() === 0) {
      await new Promise<void>((resolve) => {
        ended = resolve;
        call.onAbandon = resolve;
        if (woken.size > 0 || call.abandoned) resolve();
        const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
        call.ended.then(() => clearTimeout(timer));
      });
    }
  } finally {
    for (const stop of stops) stop();
  }
  if (call.abandoned) return EINTR;
  const found = await look(task, wait);
  return typeof found === 'object' && found.kernel === 0 && found.host === 0 && woken.has('signal') ? 'host' : found;
}

/** Of a program whose time is our kernel's: it waits no shorter than it would sleep. */
const withSlack = ({ around }: Call, ms: number | undefined): number | undefined =>
  ms && around.policy.keepsTime ? Math.max(ms, SLACK_NS / NS_PER_MS) : ms;

const counted = (kernel: number, host: number): Woken =>
  kernel < 0 && host === 0 ? kernel : { kernel: Math.max(0, kernel), host };

async function look(
  task: KernelTask,
  { kernel, hostNow }: Wait,
): Promise<{ readonly kernel: number; readonly host: number } | number> {
  const ret = kernel ? await kernel(task, 0) : 0;
  const host = hostNow();
  return ret < 0 && host === 0 ? ret : { kernel: Math.max(0, ret), host };
}

async function abandonable(call: Call, task: KernelTask, work: () => Promise<number>): Promise<number> {
  if (call.abandoned) return EINTR;
  call.onAbandon = () => call.around.interrupt(task);
  const ret = await work();
  call.onAbandon = undefined;
  return ret;
}

/** Calls `found` while one of these signals waits for the thread. Answers how to stop that. Which they are is asked each time that one waits. */
export function whenPending(call: Call, signals: () => bigint, found: () => void): () => void {
  return keepLooking(() => {
    const pending = call.thread.proc.pendingSignals;
    const isLetIn = pending !== 0n && (pending & signals()) !== 0n;
    if (isLetIn) found();
    return isLetIn;
  }, LOOK_MS);
}

/** A struct timespec of the program's as milliseconds; undefined: none, for ever. */
export function timespecMs(call: Call, at: number): number | undefined {
  if (at === 0) return undefined;
  const view = call.memory.view(at, 16);
  const [seconds, ns] = [Number(view.getBigInt64(0, true)), Number(view.getBigInt64(8, true))];
  return seconds < 0 || ns < 0 || ns >= 1e9 ? -1 : seconds * 1e3 + ns / NS_PER_MS;
}

/** Where the task has a struct timespec for so long; 0: for ever. */
export function putTimespec(task: KernelTask, at: number, timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return 0;
  const { data } = task.memory;
  const seconds = Math.floor(timeoutMs / 1e3);
  data.setBigInt64(at, BigInt(Math.min(seconds, Number.MAX_SAFE_INTEGER)), true);
  data.setBigInt64(at + 8, BigInt(Math.floor((timeoutMs - seconds * 1e3) * NS_PER_MS)), true);
  return at;
}

/** A signal set of the program's; undefined: none. */
export const signalSet = (call: Call, at: number): bigint | undefined =>
  at === 0 ? undefined : BigInt.asUintN(64, call.memory.i64(at));

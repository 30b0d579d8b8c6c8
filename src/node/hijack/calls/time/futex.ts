/**
 * Waits for a futex until a time, of a program whose time is our kernel's: the time is waited for there, the word is looked at meanwhile. Who wakes
 * the thread tells nobody but the machine's kernel, yet locks, conditions and semaphores all change the word before they do.
 */

import { plus } from '../../../../kernel/memory.ts';
import type { Call, Handler } from '../../program/call.ts';
import { negative } from '../../program/failed.ts';
import { keepLooking } from '../../time/looks.ts';
import { TIMESPEC } from './clocks.ts';

const [FUTEX_WAIT, CLOCK_REALTIME_BIT] = [0, 0x100] as const;
const COMMAND = 0x7f;
const [REALTIME, MONOTONIC] = [0, 1] as const;
const TIMER_ABSTIME = 1;
const EAGAIN = negative('EAGAIN');
const ETIMEDOUT = negative('ETIMEDOUT');
/** The word is looked at so often. */
const LOOK_MS = 1;

async function wait(call: Call): Promise<number> {
  const [at, value] = [call.size(0), call.uint(2)];
  const op = call.int(1);
  const limit = call.memory.read(call.size(3), TIMESPEC);
  if (call.memory.u32(at) !== value) return EAGAIN;
  const task = await call.task();
  const isRelative = (op & COMMAND) === FUTEX_WAIT;
  const clock = (op & CLOCK_REALTIME_BIT) !== 0 ? REALTIME : MONOTONIC;
  let changed = false;
  const look = () => {
    try {
      changed = call.memory.u32(at) !== value;
    } catch {
      changed = true; // the memory has gone: the thread finds that out
    }
    if (changed) call.abandonCall(task);
    return changed;
  };
  const stop = keepLooking(look, LOOK_MS);
  try {
    look();
    if (changed) return EAGAIN;
    const time = plus(task.structs, 0);
    task.memory.write(time, limit);
    const ret = await call.waiting(task, 'clock_nanosleep_time64', clock, isRelative ? 0 : TIMER_ABSTIME, time, 0);
    if (changed) return 0;
    return ret === 0 ? ETIMEDOUT : ret;
  } finally {
    stop();
  }
}

const futex: Handler = (call) => (call.size(3) === 0 ? 'host' : wait(call));

export const futexCalls = { futex } as const satisfies Record<string, Handler>;

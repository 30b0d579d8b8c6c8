/** How long a call may let virtual time pass: jumping through more takes the host's time for nothing. */

import { HostError } from '../errors/host-error.ts';
import type { BatchCall } from './language/types.ts';

/** As long as the kernel lets a task with a timeout wait before it takes it for a deadlock. */
const MAX_S = 400 * 86_400;

/** Calls whose timespec is so long from now, by the index of it. */
const sleeps: Readonly<Record<string, number>> = {
  nanosleep: 0,
  clock_nanosleep: 2,
  ppoll: 2,
  pselect6: 4,
  rt_sigtimedwait: 2,
  epoll_pwait2: 3,
  recvmmsg: 4,
};
const TIMER_ABSTIME = 1;

/** Throws `program-too-long` for a call that sleeps past any budget; `path` is where it stands. */
export function mustWakeUp({ call, args = [] }: BatchCall, path: string): void {
  const name = call.replace(/_time(32|64)$/, '');
  const at = Object.hasOwn(sleeps, name) ? sleeps[name] : undefined;
  if (at === undefined) return;
  if (name === 'clock_nanosleep' && (args[1] === 'TIMER_ABSTIME' || Number(args[1]) === TIMER_ABSTIME)) return;
  const time = args[at];
  const seconds = typeof time === 'object' && time !== null && 'tv_sec' in time ? Number(time.tv_sec) : 0;
  if (seconds <= MAX_S) return;
  throw new HostError(
    'program-too-long',
    `${path}: ${call} of ${seconds} s: virtual time passes for ${MAX_S} s at most`,
    {
      members: { path },
    },
  );
}

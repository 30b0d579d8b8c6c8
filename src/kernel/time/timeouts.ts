/** System calls that end by themselves: those with a timeout of the caller's, and those that set a timer. */

import { parametersOf } from '../../abi/kinds.ts';
import { type SyscallName, syscalls } from '../../abi/syscalls.ts';
import { type KernelMemory, plus, ptr } from '../memory.ts';

type Args = readonly (number | bigint)[];

/** Whether a call that waits was given a timeout: a time that is not NULL, or milliseconds that are not negative. */
export function hasTimeout(call: SyscallName, args: Args): boolean {
  return (parametersOf(call) ?? []).some(({ name, kind }, i) => {
    const value = Number(args[i] ?? 0);
    if (kind.direction !== '>' && /^timespec/.test(kind.type)) return value !== 0;
    if (name === 'timeout' && kind.direction === '') return (value | 0) >= 0;
    // The timeout of io_uring_enter(2) may be in there.
    return call === 'io_uring_enter' && name === 'argp' && value !== 0;
  });
}

/** Where a call that sets a timer has its new time: the argument that points to it, the offset there, and seconds of how many bits. */
const timers: Partial<Record<SyscallName, readonly [argument: number, value: number, bits: 32 | 64]>> = {
  setitimer: [1, 8, 32],
  timer_settime: [2, 8, 32],
  timer_settime64: [2, 16, 64],
  timerfd_settime: [2, 8, 32],
  timerfd_settime64: [2, 16, 64],
};
const numbers = new Map(Object.entries(timers).map(([call, at]) => [syscalls[call as SyscallName][0] as number, at]));

/** Whether this call, by its number, is one that `timerNs` is to be asked about. */
export const setsTimer = (call: number): boolean => numbers.has(call);

/** Nanoseconds until a timer is due that this call sets; undefined: it sets none. A time of day counts as it stands: too late, if anything. */
export function timerNs(call: number, args: Args, memory: KernelMemory): number | undefined {
  const timer = numbers.get(call);
  if (!timer) return undefined;
  const [argument, value, bits] = timer;
  const at = plus(ptr(Number(args[argument] ?? 0)), value);
  if (at + 8 > memory.size) return undefined;
  const seconds = bits === 32 ? memory.u32(at) : memory.u64AsNumber(at);
  return (seconds + 1) * 1e9;
}

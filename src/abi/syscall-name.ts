/** Names of system calls by their numbers. */

import { type SyscallName, syscalls } from './syscalls.ts';

const names = new Map(
  (Object.keys(syscalls) as SyscallName[]).map((name) => [syscalls[name][0] as number, name] as const),
);

/** undefined: Linux has no such call. */
export const syscallName = (number: number): SyscallName | undefined => names.get(number);

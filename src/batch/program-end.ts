/** Whose the end of a kernel is that ran a program: the program's, which may do with its kernel what it likes, or ours. */

import type { HostErrorName } from '../errors/table.ts';
import type { KernelDead } from '../kernel/errors.ts';

/** Panics that only come of being asked for: by a call, by a sysctl or a mount option that wants them, by ending pid 1. */
const ASKED_FOR =
  /sysrq triggered crash|panic_on_\w+ set|panic forced after error|panic from previous error|Attempted to kill init!|hung_task: blocked tasks|softlockup: hung tasks/i;
/** Out of memory with nobody to kill: what a tmpfs holds is no task's. The kernel then looks for room for ever, until its watchdog ends it. */
const STUCK = /soft lockup/;
const OUT_OF_MEMORY = /invoked oom-killer/;
/** As reboot(2) calls panic() here. */
const REBOOT = /^Kernel panic: (restart|halt|power off)$/;

export function programEnd({
  end,
  message,
  console = '',
}: Pick<KernelDead, 'end' | 'message'> & Partial<Pick<KernelDead, 'console'>>): HostErrorName {
  switch (end) {
    case 'deadlock':
      return 'program-deadlock';
    case 'oom':
      return 'program-oom';
    case 'deadline':
      return 'program-too-long';
    case 'halt':
      return REBOOT.test(message) ? 'program-halt' : 'kernel-halt';
    case 'panic':
      if (STUCK.test(message) && OUT_OF_MEMORY.test(console)) return 'program-oom';
      return ASKED_FOR.test(message) ? 'program-panic' : 'kernel-panic';
    default:
      return `kernel-${end}`;
  }
}

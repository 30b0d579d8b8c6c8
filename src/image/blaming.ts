/** Whose fault a failed call is: Linux's answer, or the disk's that could not be read. */

import { errnos } from '../abi/errno.ts';
import type { HostedTask } from '../kernel/hosted-task.ts';
import type { Disk } from '../kernel/kernel.ts';
import type { PlayedTask } from '../kernel/user-task.ts';
import { DamagedInsideError } from '../storage/errors.ts';

/** What Linux answers of a file that is not there, or is another: no disk is to blame for that, even if it failed before. */
const plainAnswers: readonly number[] = (
  [
    'ENOENT',
    'ENOTDIR',
    'EISDIR',
    'ELOOP',
    'ENAMETOOLONG',
    'ENODATA',
    'EOPNOTSUPP',
    'EINVAL',
    'ENXIO',
    'ERANGE',
  ] as const
).map((name) => -errnos[name].number);

/**
 * A task whose failed calls are blamed on the disks once one has failed: Linux only knows EIO, or gives up. While `isForgiving`,
 * a place that the format around a disk has lost is no more than a bad sector: others may well be read.
 */
export function blaming(disks: readonly Disk[], task: HostedTask, isForgiving = () => false): PlayedTask {
  const blame = () => {
    const cause = disks.find(({ lastError }) => lastError !== undefined)?.lastError;
    return cause instanceof DamagedInsideError && isForgiving() ? undefined : cause;
  };
  return {
    pid: task.pid,
    memory: task.memory,
    scratch: task.scratch,
    scratchBytes: task.scratchBytes,
    attach: () => task.attach(),
    detach: () => task.detach(),
    waitFor: (promise) => task.waitFor(promise),
    waitForOutside: (promise) => task.waitForOutside(promise),
    syscall: (call, ...args) => {
      const before = blame();
      return task.syscall(call, ...args).then(
        (ret) => {
          const cause = ret < 0 ? blame() : undefined;
          if (cause === undefined || (cause === before && plainAnswers.includes(ret))) return ret;
          throw cause;
        },
        (cause) => {
          throw blame() ?? cause;
        },
      );
    },
  };
}

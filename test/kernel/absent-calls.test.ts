/** Which syscalls the kernel was built without: the list of src/abi/absent-calls.ts is true of the kernel that is here. */

import { afterAll, expect, test } from 'vitest';
import { absentCalls } from '../../src/abi/absent-calls.ts';
import { errnos } from '../../src/abi/errno.ts';
import { type SyscallName, syscalls } from '../../src/abi/syscalls.ts';
import { seededHost } from '../../src/kernel/snapshot/seed.ts';
import { nodeHost } from '../../src/node/host.ts';
import { restoredKernel } from './restored.ts';

const kernel = restoredKernel(40, seededHost(nodeHost, '1'));
afterAll(() => kernel.kill());

/** They end the task, or wait for what never comes; and to futex an operation that it does not know is ENOSYS too. */
const notAsked = new Set<string>([
  'exit',
  'exit_group',
  'pause',
  'rt_sigsuspend',
  'rt_sigreturn',
  'ppoll',
  'ppoll_time32',
  'futex',
  'futex_time64',
]);

test('calls that answer ENOSYS are those of the list, and only those', async () => {
  const found: string[] = [];
  for (const [name, [, args]] of Object.entries(syscalls) as [SyscallName, readonly [number, string?]][]) {
    if (args === undefined || notAsked.has(name)) continue;
    const task = await kernel.spawn();
    if ((await task.syscall(name, -1, -1, -1, -1, -1, -1)) === -errnos.ENOSYS.number) found.push(name);
  }
  expect(found.toSorted()).toEqual(absentCalls.toSorted());
});

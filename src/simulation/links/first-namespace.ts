/** Sysctls that Linux has in its first network namespace alone: no node has one of its own. */

import { errnos } from '../../abi/errno.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { mayBeSet } from '../../kernel/syscalls/sysctl.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { Place } from '../plan/issue.ts';
import { Refused } from '../run/refused.ts';

export interface AskedSysctl {
  readonly key: string;
  readonly place: Place;
}

/** What people set there, and where hosts have it. */
const instead: Readonly<Record<string, string>> = {
  'net.core.default_qdisc': '; "qdisc" of an interface is a host\'s',
  'net.core.netdev_max_backlog': '; here it holds what is on its way between all of them',
  'net.ipv4.tcp_mem': '; here it is what is left of the memory',
};

async function canBeSet(task: UserTask, key: string): Promise<boolean> {
  try {
    await mayBeSet(task, key);
    return true;
  } catch (cause) {
    if (cause instanceof KernelError) return false;
    throw cause;
  }
}

/** In the first namespace: answers what is to be called in another one, which throws `Refused` for what can be set in the first alone. */
export async function lookInFirst(task: UserTask, asked: readonly AskedSysctl[]): Promise<() => Promise<void>> {
  const here = new Set<string>();
  for (const key of new Set(asked.map(({ key }) => key))) if (await canBeSet(task, key)) here.add(key);
  return async () => {
    for (const { key, place } of asked) {
      if (!here.has(key) || (await canBeSet(task, key))) continue;
      const said = `all nodes share it, as network namespaces do${instead[key] ?? ''}`;
      throw new Refused(place, new KernelError('openat', errnos.EACCES.number, key, said));
    }
  };
}

/** Gives Linux the rules of a host: the task must be in the host's namespace. */

import { NETLINK_NETFILTER } from '../../abi/netlink/nftables/constants.ts';
import { batchBegin, batchEnd } from '../../abi/netlink/nftables/messages.ts';
import { close } from '../../kernel/syscalls/file.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { Refused } from '../run/refused.ts';
import type { Transaction } from './ruleset.ts';

/** One after another; what Linux refuses is told at its place. */
export async function installRules(task: UserTask, transactions: readonly Transaction[]): Promise<void> {
  const socket = await NetlinkSocket.open(task, NETLINK_NETFILTER);
  for (const { place, messages } of transactions) {
    const [refusal] = await socket.sendTransaction(batchBegin, messages, batchEnd);
    if (refusal) throw new Refused(place, refusal.error);
  }
  await close(task, socket.fd);
}

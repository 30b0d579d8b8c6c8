/** What the rules of a host have counted, and the connections it tracks: the task must be in the host's namespace. */

import { NETLINK_NETFILTER } from '../../abi/netlink/nftables/constants.ts';
import { dumpObjects, dumpRules, parseObject, parseRule } from '../../abi/netlink/nftables/messages.ts';
import { close } from '../../kernel/syscalls/file.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';

/** A counter, of a rule or with a name, or a quota. */
export interface CounterState {
  /** "inet filter" */
  readonly table: string;
  readonly chain?: string;
  /** Of a rule: which element of the request's list it is, and its comment. */
  readonly rule?: number;
  readonly comment?: string;
  /** Of a counter or quota that has one. */
  readonly name?: string;
  readonly packets?: number;
  readonly bytes: number;
}

export async function readCounters(task: UserTask): Promise<CounterState[]> {
  const socket = await NetlinkSocket.open(task, NETLINK_NETFILTER);
  const rules = (await socket.ask(dumpRules())).map(({ payload }) => parseRule(payload));
  const objects = (await socket.ask(dumpObjects())).map(({ payload }) => parseObject(payload));
  await close(task, socket.fd);
  return [
    ...rules.flatMap(({ family, table, chain, userdata, counter }): CounterState[] => {
      if (!counter) return [];
      const [rule, comment] = labelOf(userdata);
      return [
        {
          table: `${family} ${table}`,
          chain,
          ...(rule !== undefined && { rule }),
          ...(comment !== undefined && { comment }),
          ...counter,
        },
      ];
    }),
    ...objects.flatMap(({ family, table, name, counter, used }): CounterState[] => {
      const at = { table: `${family} ${table}`, name };
      if (counter) return [{ ...at, ...counter }];
      return used === undefined ? [] : [{ ...at, bytes: used }];
    }),
  ];
}

function labelOf(userdata: Uint8Array | undefined): readonly [number?, string?] {
  return userdata ? JSON.parse(new TextDecoder().decode(userdata)) : [];
}

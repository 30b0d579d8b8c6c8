/** Lets MPTCP use every link of its hosts: their path managers are told of all addresses, as by ip-mptcp(8), and each has a way of its own. */

import { newRoute, newSourceRule } from '../../../abi/netlink/address.ts';
import { NETLINK } from '../../../abi/netlink/constants.ts';
import type { NetlinkRequest } from '../../../abi/netlink/message.ts';
import { addMptcpEndpoint, ENDPOINT, getMptcpFamily, parseFamily, setMptcpLimits } from '../../../abi/netlink/mptcp.ts';
import { CLONE } from '../../../abi/uapi/socket.ts';
import { must } from '../../../kernel/kernel-error.ts';
import { setns } from '../../../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import type { Network } from '../../links/network.ts';
import type { Plan } from '../../plan/plan.ts';
import { type Family, type InterfaceAddress, toBytes } from '../../plan/routes/prefix.ts';
import { forwards, meets } from '../../plan/routes/routing.ts';
import type { Interface, Node } from '../../plan/topology.ts';
import { familyNumber } from './sockets.ts';

/** The most the kernel takes of each (MPTCP_PM_ADDR_MAX). */
const MOST = 8;
/** Tables of single interfaces, by ifindex. */
const FIRST_TABLE = 100;

/** Who connects opens subflows from its other addresses, who listens tells of its own. */
interface Talker {
  flags: number;
  readonly families: Set<Family>;
}

function talkersOf(plan: Plan): Map<Node, Talker> {
  const talkers = new Map<Node, Talker>();
  for (const workload of plan.workloads) {
    if (!('options' in workload) || !workload.options.mptcp) continue;
    for (const [node, flag] of [
      [workload.from, ENDPOINT.SUBFLOW],
      [workload.to, ENDPOINT.SIGNAL],
    ] as const) {
      const talker = talkers.get(node) ?? { flags: 0, families: new Set() };
      talker.flags |= flag;
      talker.families.add(workload.address.family);
      talkers.set(node, talker);
    }
  }
  return talkers;
}

/** Leaves the task in the namespace of the last such host. */
export async function setUpMptcp(task: UserTask, plan: Plan, { nodes, devices }: Network): Promise<void> {
  for (const [node, { flags, families }] of talkersOf(plan)) {
    const netns = nodes.get(node);
    if (!netns) continue;
    const places = node.ports
      .flatMap((port) => port.interfaces)
      .flatMap((i) => (plan.addressing.get(i) ?? []).map((address) => ({ i, address })))
      .filter(({ address }) => families.has(address.family));
    // A host with a hijack object has no addresses yet, and chooses its ways itself.
    if (!plan.hijacks.has(node))
      await netns.rtnl.send(
        places.flatMap(({ i, address }) => ownWay(i, address, plan, devices.ofInterface.get(i) ?? 0)),
      );
    must('setns', await setns(task, netns.fd, CLONE.NEWNET));
    const genl = await NetlinkSocket.open(task, NETLINK.GENERIC);
    const [answer] = await genl.ask(getMptcpFamily());
    const family = (answer && parseFamily(answer)) ?? 0;
    await genl.send([
      setMptcpLimits(family, { subflows: MOST, addresses: MOST }),
      ...places.slice(0, MOST).map(({ address }) => addMptcpEndpoint(family, { address: toBytes(address), flags })),
    ]);
    await task.syscall('close', genl.fd);
  }
}

/** By the router behind the interface, for what comes from this address; the default route is one already. */
function ownWay(i: Interface, address: InterfaceAddress, plan: Plan, device: number): NetlinkRequest[] {
  const { family } = address;
  const routes = plan.routes.get(i.port.node) ?? [];
  const byDefault = routes.find((route) => route.family === family && !route.destination)?.through;
  const neighbours = plan.topology.segments.find(({ interfaces }) => interfaces.includes(i))?.interfaces ?? [];
  const router = neighbours.find((other) => other.port.node !== i.port.node && forwards(other.port.node, family));
  const gateway = router && meets(i, router, family, plan.addressing);
  if (!byDefault || i === byDefault || !gateway) return [];
  const table = FIRST_TABLE + device;
  return [
    newRoute({ family: familyNumber(family), gateway: toBytes(gateway), device, table }),
    newSourceRule(toBytes(address), table),
  ];
}

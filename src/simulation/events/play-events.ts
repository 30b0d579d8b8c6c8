/** Tells Linux of events when their time has come: each namespace by a task of its own. */

import { deleteAddress, deleteRoute, newAddress, newRoute } from '../../abi/netlink/address.ts';
import { TC_H } from '../../abi/netlink/constants.ts';
import { setLink } from '../../abi/netlink/links/link.ts';
import type { NetlinkRequest } from '../../abi/netlink/message.ts';
import { changeClass, changeQdisc, deleteFilters, replaceQdisc } from '../../abi/netlink/tc/tc.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { deviceOf, mayBeSet, setSysctl } from '../../kernel/syscalls/sysctl.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import { type Devices, ingressFilter, passOn, routeFor } from '../links/network.ts';
import { toBytes } from '../plan/routes/prefix.ts';
import type { Node } from '../plan/topology.ts';
import type { ProgramTask, Stage } from '../run/programs/program.ts';
import { asked } from '../run/refused.ts';
import type { Action, EventMark, PlannedEvent, TcChange } from './event.ts';
import type { LinkRates } from './rates.ts';

/** The node whose namespace it is done in; undefined: that of wires. */
const nodeOf = (action: Action | undefined): Node | undefined => (action && 'node' in action ? action.node : undefined);

/** Who hears of events as they come. */
export interface Told {
  readonly marks: EventMark[];
  readonly rates: LinkRates;
}

/**
 * Starts the tasks; `run` runs a program in a namespace. They end when the last event has come. Marks are added
 * as events come; what Linux refuses is told there, and the rest goes on.
 */
export function playEvents(
  events: readonly PlannedEvent[],
  stage: Stage,
  { marks, rates }: Told,
  run: (node: Node | undefined, program: (task: ProgramTask) => Promise<void>) => Promise<void>,
): Promise<unknown> {
  const byNode = Map.groupBy(events, ({ actions }) => nodeOf(actions[0]));
  return Promise.all([...byNode].map(([node, own]) => run(node, (task) => play(task, own, stage, { marks, rates }))));
}

async function play(
  task: ProgramTask,
  events: readonly PlannedEvent[],
  stage: Stage,
  { marks, rates }: Told,
): Promise<void> {
  await lookForSysctls(task, events);
  const rtnl = await NetlinkSocket.open(task);
  for (const { index, atNs, says, actions } of events) {
    await sleepUntil(task, stage.beganNs + atNs);
    const errors: string[] = [];
    for (const action of actions) {
      try {
        if (action.do === 'sysctl') await setSysctl(task, action.key, action.value);
        else await rtnl.send(messagesFor(action, stage.network.devices));
        if (action.do === 'shape') rates.set(action.link, action.way, action.rateBps);
      } catch (cause) {
        errors.push(cause instanceof Error ? cause.message : String(cause));
      }
    }
    marks.push({ time_s: atNs / 1e9, event: index, says, ...(errors.length > 0 && { error: errors.join('; ') }) });
  }
}

/** Before anything begins: a name that is mistaken is no event that Linux refuses later. Devices may be made by programs. */
async function lookForSysctls(task: ProgramTask, events: readonly PlannedEvent[]): Promise<void> {
  for (const { place, actions } of events)
    for (const action of actions)
      if (action.do === 'sysctl' && deviceOf(action.key) === undefined)
        await asked(place.at('set').at(action.key), mayBeSet(task, action.key));
}

function messagesFor(action: Exclude<Action, { do: 'sysctl' }>, devices: Devices): NetlinkRequest[] {
  switch (action.do) {
    case 'shape': {
      const [first = 0, second = 0] = devices.ofLink.get(action.link) ?? [];
      return action.changes.map((change) => changeMessage(action.way === 0 ? second : first, change));
    }
    case 'cable':
      return (devices.ofLink.get(action.link) ?? []).map((index) => setLink(index, { up: action.up }));
    case 'pass': {
      const [first = 0, second = 0] = devices.ofLink.get(action.link) ?? [];
      const [from, to] = action.way === 0 ? [first, second] : [second, first];
      return [action.passes ? passOn(from, to) : deleteFilters({ index: from, ...ingressFilter })];
    }
    case 'address': {
      const { address, device } = action;
      const tell = action.add ? newAddress : deleteAddress;
      return [tell(device, toBytes(address), address.prefixLength)];
    }
    case 'route': {
      const route = routeFor(action.route);
      return [action.add ? newRoute(route) : deleteRoute(route)];
    }
  }
}

function changeMessage(index: number, { how, step }: TcChange): NetlinkRequest {
  if (step.step === 'class') return changeClass({ index, parent: step.parent, handle: step.handle }, step.options);
  if (step.step !== 'qdisc') throw new Error('filters do not change');
  const place = { index, parent: step.parent, handle: step.handle };
  // At its root a device's qdisc is told by its handle alone.
  const at = step.parent === TC_H.ROOT ? { ...place, parent: TC_H.ROOT } : place;
  return how === 'replace' ? replaceQdisc(at, step.options) : changeQdisc(at, step.options);
}

/** What stands in front of a direction with a trace: a bell by which its device is told to look at what waits there. */

import { TC_H } from '../../../abi/netlink/constants.ts';
import type { QdiscOptions } from '../../../abi/netlink/tc/qdisc-options.ts';
import { handle, type QdiscPlace } from '../../../abi/netlink/tc/tc.ts';
import type { Direction } from '../direction.ts';
import type { TcStep } from '../tc/step.ts';

const gateHandle = handle(0xfffe);
const bellHandle = handle(0xfffd);
const passing = (gateHandle | 1) >>> 0;
const aside = (gateHandle | 2) >>> 0;

/** By its first band all packets go. */
const gate: QdiscOptions = { kind: 'prio', bands: 2, priomap: Array.from({ length: 16 }, () => 0) };

/**
 * A bucket that is filled does not look at its queue by itself, only when a packet comes. A plug that is opened has the
 * kernel ask all qdiscs of its device, and so this one, which never has a packet, is in the second band.
 */
export const bell: QdiscOptions = { kind: 'plug', action: 'release-indefinite' };

export const bellOf = (device: number): QdiscPlace => ({
  index: device,
  parent: aside,
  handle: bellHandle,
});

/** Of the gate itself, which is no part of the link. */
export const isOfGate = (handle: number): boolean => handle === gateHandle || handle === bellHandle;
/** What is first in the link, whether it has a gate or not. */
export const isFirst = (parent: number): boolean => parent === TC_H.ROOT || parent === passing;

/** The steps of a direction where it has a gate, which is made before them. */
export const behindGate = ({ steps, trace }: Pick<Direction, 'steps' | 'trace'>): readonly TcStep[] =>
  trace
    ? steps.map((step) => ('parent' in step && step.parent === TC_H.ROOT ? { ...step, parent: passing } : step))
    : steps;

/** All that a device is told for a direction. */
export function stepsOf(direction: Pick<Direction, 'steps' | 'trace'>): readonly TcStep[] {
  const [first] = direction.steps;
  if (!direction.trace || !first) return direction.steps;
  const { place } = first;
  return [
    { place, step: 'qdisc', parent: TC_H.ROOT, handle: gateHandle, options: gate },
    { place, step: 'qdisc', parent: aside, handle: bellHandle, options: bell },
    ...behindGate(direction),
  ];
}

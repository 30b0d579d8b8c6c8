/** The ifindexes of a node's devices, chosen beforehand: the loopback is 1, then come ports, interfaces of VLANs, and a switch's bridge. */

import type { Interface, Node, Port } from '../plan/topology.ts';

export interface DeviceNumbers {
  readonly ofPort: ReadonlyMap<Port, number>;
  readonly ofInterface: ReadonlyMap<Interface, number>;
  /** Of a switch. */
  readonly bridge: number;
}

export function numberDevicesOf(node: Node): DeviceNumbers {
  let next = 2;
  const ofPort = new Map<Port, number>();
  const ofInterface = new Map<Interface, number>();
  for (const port of node.ports) ofPort.set(port, next++);
  for (const port of node.ports)
    for (const i of port.interfaces) ofInterface.set(i, i.vlan === undefined ? (ofPort.get(port) ?? 0) : next++);
  return { ofPort, ofInterface, bridge: next };
}

/** By name, the loopback too. */
export function deviceIndex(node: Node, name: string): number | undefined {
  if (name === 'lo') return 1;
  const { ofPort, ofInterface } = numberDevicesOf(node);
  const found = [...ofPort, ...ofInterface].find(([device]) => device.name === name);
  return found?.[1];
}

/** The ifindexes of a node's devices, chosen beforehand: the loopback is 1, then come ports, interfaces of VLANs, a switch's bridge, and what a host makes itself. */

import type { Interface, Node, Port } from '../plan/topology.ts';

export interface DeviceNumbers {
  readonly ofPort: ReadonlyMap<Port, number>;
  readonly ofInterface: ReadonlyMap<Interface, number>;
  /** Of a switch. */
  readonly bridge: number;
  /** Those that a host makes itself, by name. */
  readonly ofDevice: ReadonlyMap<string, number>;
  readonly names: readonly string[];
  /** The loopback too. */
  byName(name: string): number | undefined;
  /** A link ends there, or a VLAN of one. */
  isLinkEnd(name: string): boolean;
}

export function numberDevicesOf(node: Node): DeviceNumbers {
  let next = 2;
  const ofPort = new Map<Port, number>();
  const ofInterface = new Map<Interface, number>();
  for (const port of node.ports) ofPort.set(port, next++);
  for (const port of node.ports)
    for (const i of port.interfaces) ofInterface.set(i, i.vlan === undefined ? (ofPort.get(port) ?? 0) : next++);
  const bridge = next++;
  const ofDevice = new Map(Object.keys(node.spec.devices ?? {}).map((name) => [name, next++]));
  const ends = new Map([...ofPort, ...ofInterface].map(([{ name }, index]) => [name, index]));
  return {
    ofPort,
    ofInterface,
    bridge,
    ofDevice,
    names: [...ends.keys(), ...ofDevice.keys()],
    byName: (name) => (name === 'lo' ? 1 : (ends.get(name) ?? ofDevice.get(name))),
    isLinkEnd: (name) => ends.has(name),
  };
}

/** Kernels with a network card and an address, for tests. */

import { newAddress } from '../../src/abi/netlink/address.ts';
import { parseIpv4, parseIpv6 } from '../../src/abi/netlink/inet.ts';
import { setLink } from '../../src/abi/netlink/links/link.ts';
import type { NetlinkRequest } from '../../src/abi/netlink/message.ts';
import type { ClockPolicy } from '../../src/kernel/host.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { NetlinkSocket } from '../../src/kernel/syscalls/netlink.ts';
import { type EchoResult, echo } from '../../src/network/echo.ts';
import { nodeHost } from '../../src/node/host.ts';
import { kernelModule, snapshot } from '../kernel/restored.ts';

export const kernelWith = (clock: ClockPolicy, memoryMib = 32): Kernel =>
  restore(freshMachine(kernelModule, snapshot, memoryMib), snapshot, { host: nodeHost, memoryMib, clock });

export const address = (text: string): Uint8Array => {
  const bytes = parseIpv4(text) ?? parseIpv6(text);
  if (!bytes) throw new Error(`${text} is no address`);
  return bytes;
};

export async function rtnl(kernel: Kernel, ...requests: readonly NetlinkRequest[]): Promise<NetlinkSocket> {
  const socket = await NetlinkSocket.open(kernel.init);
  await socket.send(requests);
  return socket;
}

/** The loopback and the card of this index up, with these addresses. */
export const configure = (kernel: Kernel, index: number, ...addresses: readonly string[]): Promise<NetlinkSocket> =>
  rtnl(
    kernel,
    setLink(1, { up: true }),
    setLink(index, { up: true }),
    ...addresses.map((one) => newAddress(index, address(one), one.includes(':') ? 64 : 24)),
  );

export const ping = (kernel: Kernel, to: string, timeoutMs = 2000): Promise<EchoResult> =>
  echo(kernel.init, address(to), { timeoutMs, nowNs: () => now(kernel) });

const now = ({ engine: { clock } }: Kernel): number => (clock.policy === 'wall' ? clock.wallNs() : clock.nowNs);

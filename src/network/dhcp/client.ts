/** Asks a network for an address (RFC 2131), and gives it to a device: what `ip=dhcp` does at boot, for a card that came later. */

import { errnos } from '../../abi/errno.ts';
import { newAddress, newRoute } from '../../abi/netlink/address.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import { setLink } from '../../abi/netlink/links/link.ts';
import { MSG, SO, SOCK, SOL } from '../../abi/uapi/socket.ts';
import { HostError } from '../../errors/host-error.ts';
import { KernelError, must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { close } from '../../kernel/syscalls/file.ts';
import { bind, recv, sendto, setsockopt, socket } from '../../kernel/syscalls/net.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { awaitReadable } from '../readable.ts';
import { DHCP, DHCP_PORTS, type DhcpMessage, encodeDhcp, OPTION, parseDhcp } from './message.ts';

export interface DhcpDevice {
  readonly name: string;
  readonly index: number;
  /** Six bytes. */
  readonly mac: Uint8Array;
}

export interface Lease {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway?: string;
  readonly nameservers: readonly string[];
  readonly server: string;
  /** Of the kernel's time. It is not renewed: ask again before it is over. */
  readonly seconds: number;
}

const EVERYONE = new Uint8Array(4).fill(0xff);
const ANYONE = new Uint8Array(4);
/** Of the kernel's time: twice as long each time. */
const FIRST_WAIT_MS = 1000;
const TRIES = 5;
/** No call lasts longer: whoever looks at the task sees that it gets on. */
const LOOK_MS = 2000;
/** What else comes to the port while an answer is waited for: who sends without an end holds nobody up. */
const MOST_OTHERS = 1000;
const EAGAIN = -errnos.EAGAIN.number;

/**
 * The device is up and has what it was given when this settles. Rejects when nobody answers, or with a KernelError. `id` names the
 * exchange; `again` is awaited each time that something is asked.
 */
export async function dhcp(
  task: UserTask,
  device: DhcpDevice,
  id: number,
  again: () => Promise<void> = async () => {},
): Promise<Lease> {
  const rtnl = await NetlinkSocket.open(task);
  const fd = must('socket', await socket(task, AF.INET, SOCK.DGRAM | SOCK.CLOEXEC, 0));
  try {
    await rtnl.send([setLink(device.index, { up: true })]);
    const name = new TextEncoder().encode(device.name);
    must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.REUSEADDR, 1));
    must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.BROADCAST, 1));
    must('setsockopt', await setsockopt(task, fd, SOL.SOCKET, SO.BINDTODEVICE, name));
    must('bind', await bind(task, fd, { address: ANYONE, port: DHCP_PORTS.client }));
    const ask = (type: number, options: Parameters<typeof asked>[5]) =>
      asked(task, fd, device, id, type, options, again);
    const offer = await ask(DHCP.discover, []);
    const server = offer.options.get(OPTION.server);
    const { yourAddress } = offer;
    if (!server || !yourAddress) throw failed(device, 'the offer has no address, or no server');
    const ack = await ask(DHCP.request, [
      [OPTION.requested, yourAddress],
      [OPTION.server, server],
    ]);
    const lease = leaseOf(ack, server);
    const address = ack.yourAddress ?? yourAddress;
    await rtnl.send([
      newAddress(device.index, address, lease.prefixLength),
      ...gatewayOf(ack).map((gateway) => newRoute({ family: AF.INET, gateway, device: device.index })),
    ]);
    return lease;
  } finally {
    await close(task, fd);
    await close(task, rtnl.fd);
  }
}

async function asked(
  task: UserTask,
  fd: number,
  { name, mac }: DhcpDevice,
  id: number,
  type: number,
  options: readonly (readonly [number, Uint8Array])[],
  again: () => Promise<void>,
): Promise<DhcpMessage> {
  const wanted = Uint8Array.of(OPTION.mask, OPTION.router, OPTION.dns, OPTION.lease, OPTION.mtu, OPTION.domain);
  const bytes = encodeDhcp({
    isReply: false,
    id,
    type,
    mac,
    broadcast: true,
    options: new Map([...options, [OPTION.clientId, Uint8Array.of(1, ...mac)], [OPTION.parameters, wanted]]),
  });
  const buffer = { at: plus(task.scratch, task.scratchBytes / 2), bytes: task.scratchBytes / 2 };
  for (let tries = 0, waitMs = FIRST_WAIT_MS; tries < TRIES; tries++, waitMs *= 2) {
    await again();
    task.memory.write(buffer.at, bytes);
    const sent = await sendto(task, fd, buffer, bytes.length, 0, { address: EVERYONE, port: DHCP_PORTS.server });
    if (sent < 0 && sent !== -errnos.ENETDOWN.number && sent !== -errnos.ENOBUFS.number)
      throw new KernelError('sendto', -sent, name);
    for (let leftMs = waitMs, others = 0; leftMs > 0 && others < MOST_OTHERS; ) {
      const ms = Math.min(leftMs, LOOK_MS);
      if (!(await awaitReadable(task, fd, ms))) {
        leftMs -= ms;
        continue;
      }
      others++;
      const length = await recv(task, fd, buffer, MSG.DONTWAIT);
      if (length === EAGAIN) continue;
      const answer = parseDhcp(task.memory.copy(buffer.at, must('recvfrom', length, name)));
      if (!answer?.isReply || answer.id !== id) continue;
      if (answer.type === DHCP.nak) throw failed({ name }, `the server refused (${textOf(answer)})`);
      if (answer.type === (type === DHCP.discover ? DHCP.offer : DHCP.ack)) return answer;
    }
  }
  throw failed({ name }, 'nobody answered');
}

const failed = ({ name }: Pick<DhcpDevice, 'name'>, why: string): HostError =>
  new HostError('no-address', `DHCP on ${name}: ${why}`);

const textOf = ({ options }: DhcpMessage): string =>
  new TextDecoder().decode(options.get(OPTION.message) ?? new Uint8Array(0)) || 'without a reason';

const addressesIn = (bytes: Uint8Array | undefined): Uint8Array[] =>
  Array.from({ length: Math.floor((bytes?.length ?? 0) / 4) }, (_, i) => (bytes ?? ANYONE).slice(4 * i, 4 * i + 4));

const gatewayOf = ({ options }: DhcpMessage): Uint8Array[] => addressesIn(options.get(OPTION.router)).slice(0, 1);

function leaseOf(ack: DhcpMessage, server: Uint8Array): Lease {
  const mask = ack.options.get(OPTION.mask) ?? Uint8Array.of(255, 255, 255, 0);
  const seconds = ack.options.get(OPTION.lease) ?? new Uint8Array(4);
  const [gateway] = gatewayOf(ack);
  return {
    address: formatIp(ack.yourAddress ?? ANYONE),
    prefixLength: mask.reduce((bits, byte) => bits + (byte.toString(2).match(/1/g)?.length ?? 0), 0),
    ...(gateway && { gateway: formatIp(gateway) }),
    nameservers: addressesIn(ack.options.get(OPTION.dns)).map(formatIp),
    server: formatIp(server),
    seconds: seconds.length === 4 ? new DataView(seconds.buffer, seconds.byteOffset).getUint32(0) : 0,
  };
}

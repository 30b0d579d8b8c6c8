/** A network of its own for one client, with a kernel of ours as the router and sockets of the host at its outer side: slirp's job. */

import { newAddress, newRoute, newRule } from '../../abi/netlink/address.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { formatIp } from '../../abi/netlink/inet.ts';
import { setLink } from '../../abi/netlink/links/link.ts';
import type { Host } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { setSysctl } from '../../kernel/syscalls/sysctl.ts';
import { ALL_OFFLOADS, type NetBackend, type NetPort } from '../../kernel/virtio/net-backend.ts';
import { DHCP_PORTS } from '../dhcp/message.ts';
import { type IpFrame, PROTOCOL, parseIpFrame, portsOf } from '../frame.ts';
import type { ByteStream } from '../sockets/byte-stream.ts';
import { connectIn } from '../sockets/kernel-stream.ts';
import { Reactor } from '../sockets/reactor.ts';
import { isDns, isLoopback, isRouter, staysInside, user } from './addresses.ts';
import { type Outside, OutsideError } from './outside.ts';
import { dhcpReply, echoReply, ROUTER_SOLICITATION, resetOf, routerAdvertisement, unreachableOf } from './replies.ts';
import { type Endpoint, TcpGateway } from './tcp.ts';
import { UdpGateway } from './udp.ts';

export interface UserOptions {
  readonly outside: Outside;
  readonly host: Pick<Host, 'timer'>;
  /** The client may connect to this machine's own loopback, which it knows as 10.0.2.2. Default: no. */
  readonly loopback?: boolean;
  /** What the client's card can do with frames that are not whole. Default: all. */
  readonly offloads?: bigint;
}

export interface UserNetwork extends NetBackend {
  /** To a server of the client's, from outside. */
  connect(port: number, address?: Uint8Array): Promise<ByteStream>;
}

/** What comes from the client is this router's, whatever address it has. */
const TABLE = 100;
const SYN = 0x02;
const ACK = 0x10;
const NAMES_PORT = 53;

/** `router` is its own from now on: with the wall clock, and killed when it is closed. */
export async function userNetwork(
  router: Kernel,
  { outside, host, loopback = false, offloads = ALL_OFFLOADS }: UserOptions,
): Promise<UserNetwork> {
  const inner: { port?: NetPort | undefined } = {};
  const client: { port?: NetPort | undefined } = {};
  const toClient = (frame: Uint8Array, header?: Uint8Array): void => void client.port?.deliver(frame, header);
  const card = await router.nets.attach(
    {
      offloads,
      isOutside: true,
      open: (port) => {
        inner.port = port;
      },
      send(frame, header) {
        const room = client.port?.room;
        if (!room) return toClient(frame, header);
        return room.then(() => toClient(frame, header));
      },
      close: () => {},
    },
    { mac: user.mac },
  );
  await setUp(router, card.index);
  const reactor = await Reactor.open(router);
  // Its program comes and goes; nobody plays pid 1.
  router.init.detach();

  const outsideOf = (to: Endpoint): string => {
    if (isDns(to.address)) {
      if (outside.nameserver === undefined) throw new OutsideError('refused', 'the host has no name server');
      return outside.nameserver;
    }
    if (isRouter(to.address)) {
      if (!loopback) throw new OutsideError('forbidden', "this machine's own loopback is not allowed");
      return to.address.length === 4 ? '127.0.0.1' : '::1';
    }
    if (isLoopback(to.address) || staysInside(to.address))
      throw new OutsideError('unreachable', `${formatIp(to.address)} is not outside`);
    return formatIp(to.address);
  };
  const tcp = new TcpGateway(reactor, host, async (to) => outside.tcp(outsideOf(to), to.port));
  const udp = new UdpGateway({
    reactor,
    host,
    open: (family, received) => outside.udp?.(family, received) ?? { send: () => {}, close: () => {} },
    send(outer, bytes, to, reply) {
      if (outside.resolve && isDns(to.address) && to.port === NAMES_PORT) {
        outside.resolve(bytes).then(
          (answer) => answer && reply(answer),
          () => {},
        );
        return;
      }
      try {
        outer.send(bytes, outsideOf(to), to.port);
      } catch {
        // A datagram that goes nowhere is lost.
      }
    },
    seen: (address) => {
      if (address === outside.nameserver) return formatIp(user.dns);
      return loopback && address === '127.0.0.1' ? formatIp(user.router) : address;
    },
  });

  const pass = (frame: Uint8Array, header: Uint8Array): void => void inner.port?.deliver(frame, header);

  /** Answers what is answered here; true: the router is not to see it. */
  const answered = (frame: Uint8Array, ip: IpFrame): boolean => {
    const { protocol, to, payload } = ip;
    const ports = portsOf(payload);
    if (protocol === PROTOCOL.udp && ports?.[1] === DHCP_PORTS.server && to.length === 4) {
      const reply = dhcpReply(ip);
      if (reply) toClient(reply);
      return true;
    }
    if (protocol === PROTOCOL.icmpv6 && payload[0] === ROUTER_SOLICITATION) {
      toClient(routerAdvertisement());
      return true;
    }
    const isPing = protocol === (to.length === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6);
    if (!isPing || staysInside(to)) return false;
    const reply = echoReply(frame, ip);
    if (reply) toClient(reply);
    return true;
  };

  const handled = async (
    frame: Uint8Array,
    header: Uint8Array,
    ip: IpFrame,
    ports: readonly [number, number],
  ): Promise<void> => {
    const from = { address: ip.from.slice(), port: ports[0] };
    const to = { address: ip.to.slice(), port: ports[1] };
    if (ip.protocol === PROTOCOL.udp) {
      // Names are asked for by other ways, too.
      if (!outside.udp && !(outside.resolve && isDns(to.address))) return toClient(unreachableOf(frame, ip, true));
      await udp.expect(to);
      return pass(frame, header);
    }
    switch (await tcp.syn(from, to)) {
      case 'pass':
        return pass(frame, header);
      case 'refuse':
        return toClient(resetOf(ip));
      case 'unreachable':
        return toClient(unreachableOf(frame, ip));
      case 'drop':
    }
  };

  return {
    offloads,
    isOutside: true,
    open(port) {
      client.port = port;
    },
    send(frame, header) {
      const ip = parseIpFrame(frame);
      if (ip && answered(frame, ip)) return undefined;
      const ports = ip && !ip.isLaterFragment ? portsOf(ip.payload) : undefined;
      if (ip && ports && goesOutside(ip)) {
        handled(frame, header, ip, ports).catch(() => {}); // as lost as a frame may be
        return undefined;
      }
      const room = inner.port?.room;
      if (!room) return pass(frame, header);
      return room.then(() => pass(frame, header));
    },
    connect: (port, address = user.client) => connectIn(reactor, { address, port }),
    async close() {
      client.port = undefined;
      udp.end();
      await tcp.end();
      router.kill();
    },
  };
}

/** A datagram, or the first segment of a connection, for which somebody has to be there. */
function goesOutside({ protocol, to, payload }: IpFrame): boolean {
  if (staysInside(to) && !isRouter(to) && !isDns(to)) return false;
  if (protocol === PROTOCOL.udp) return true;
  const flags = payload[13] ?? 0;
  return protocol === PROTOCOL.tcp && payload.length >= 20 && (flags & (SYN | ACK)) === SYN;
}

async function setUp(router: Kernel, index: number): Promise<void> {
  const { init } = router;
  // A router of one host: nobody else has its addresses.
  await setSysctl(init, 'net.ipv6.conf.eth0.accept_dad', '0');
  await setSysctl(init, 'net.ipv6.conf.eth0.accept_ra', '0');
  await setSysctl(init, 'net.ipv4.conf.all.rp_filter', '0');
  const rtnl = await NetlinkSocket.open(init);
  await rtnl.send([
    setLink(1, { up: true }),
    setLink(index, { up: true }),
    newAddress(index, user.router, user.prefixLength),
    newAddress(index, user.dns, user.prefixLength),
    newAddress(index, user.router6, user.prefix6Length),
    newAddress(index, user.dns6, user.prefix6Length),
    ...[AF.INET, AF.INET6].flatMap((family) => [
      newRule({ family, iif: 'eth0', table: TABLE, priority: TABLE }),
      newRoute({ family, type: 'local', device: 1, table: TABLE }),
    ]),
  ]);
  await init.syscall('close', rtnl.fd);
}

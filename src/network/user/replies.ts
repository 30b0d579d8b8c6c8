/** What a user network answers without asking anybody: DHCP, pings of the world outside, who the router is, refusals. */

import { checksum } from '../../abi/checksum.ts';
import { DHCP, DHCP_PORTS, encodeDhcp, OPTION, parseDhcp } from '../dhcp/message.ts';
import { type IpFrame, ipFrame, PROTOCOL, udpPayload } from '../frame.ts';
import { user } from './addresses.ts';

const BROADCAST_MAC = new Uint8Array(6).fill(0xff);
const BROADCAST = new Uint8Array(4).fill(0xff);
const LEASE_S = 86_400;
const u32 = (value: number) => Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);

/** The answer to a client's DISCOVER or REQUEST: always the one address. */
export function dhcpReply({ fromMac, payload }: IpFrame): Uint8Array | undefined {
  const asked = parseDhcp(payload.subarray(8));
  if (!asked || asked.isReply) return undefined;
  const types: Partial<Record<number, number>> = {
    [DHCP.discover]: DHCP.offer,
    [DHCP.request]: DHCP.ack,
    [DHCP.inform]: DHCP.ack,
  };
  const type = types[asked.type];
  if (type === undefined) return undefined;
  const wanted = asked.options.get(OPTION.requested) ?? asked.clientAddress;
  const isOther = asked.type === DHCP.request && wanted !== undefined && String(wanted) !== String(user.client);
  const server = asked.options.get(OPTION.server);
  if (server && String(server) !== String(user.router)) return undefined; // it took another's offer
  const bytes = encodeDhcp({
    isReply: true,
    id: asked.id,
    type: isOther ? DHCP.nak : type,
    mac: asked.mac,
    ...(!isOther && asked.type !== DHCP.inform && { yourAddress: user.client }),
    options: new Map([
      [OPTION.server, user.router],
      ...(isOther
        ? []
        : [
            [OPTION.mask, user.mask] as const,
            [OPTION.broadcast, user.broadcast] as const,
            [OPTION.router, user.router] as const,
            [OPTION.dns, user.dns] as const,
            [OPTION.lease, u32(LEASE_S)] as const,
          ]),
    ]),
  });
  const datagram = udpPayload(DHCP_PORTS.server, DHCP_PORTS.client, bytes);
  const toMac = asked.broadcast ? BROADCAST_MAC : fromMac;
  const frame = {
    toMac,
    fromMac: user.mac,
    from: user.router,
    to: BROADCAST,
    protocol: PROTOCOL.udp,
    payload: datagram,
  };
  return ipFrame(frame, { checksumAt: 6 });
}

const ECHO = { 4: [8, 0], 16: [128, 129] } as const;

/** The frame of a ping sent back; pieces of a larger one likewise. Undefined: it is none. */
export function echoReply(frame: Uint8Array, ip: IpFrame): Uint8Array | undefined {
  const [request, reply] = ip.to.length === 4 ? ECHO[4] : ECHO[16];
  const back = frame.slice();
  const at = ip.payload.byteOffset - frame.byteOffset;
  if (!ip.isLaterFragment) {
    if (ip.payload[0] !== request || ip.payload.length < 8) return undefined;
    back[at] = reply;
    // RFC 1624: the checksum without the one type and with the other; swapped addresses do not change it.
    const view = new DataView(back.buffer);
    const sum = (~view.getUint16(at + 2) & 0xffff) + (~(request << 8) & 0xffff) + (reply << 8);
    const folded = (sum & 0xffff) + (sum >>> 16);
    view.setUint16(at + 2, ~((folded & 0xffff) + (folded >>> 16)) & 0xffff);
  }
  back.set(frame.subarray(6, 12), 0);
  back.set(user.mac, 6);
  const addresses = ip.to.byteOffset - frame.byteOffset;
  const length = ip.to.length;
  back.set(ip.to, addresses - length);
  back.set(ip.from, addresses);
  return back;
}

const RST_ACK = 0x14;

/** TCP's refusal of a SYN. */
export function resetOf({ fromMac, from, to, payload }: IpFrame): Uint8Array {
  const asked = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const segment = new Uint8Array(20);
  const view = new DataView(segment.buffer);
  view.setUint16(0, asked.getUint16(2));
  view.setUint16(2, asked.getUint16(0));
  view.setUint32(8, (asked.getUint32(4) + 1) >>> 0);
  view.setUint16(12, (5 << 12) | RST_ACK);
  const frame = { toMac: fromMac, fromMac: user.mac, from: to, to: from, protocol: PROTOCOL.tcp, payload: segment };
  return ipFrame(frame, { checksumAt: 16 });
}

/**
 * ICMP's word that a host is not reached, or that it may not be: a program hears of the second also where it sent a datagram. With the beginning of the
 * packet that it is about.
 */
export function unreachableOf(frame: Uint8Array, { fromMac, from }: IpFrame, isProhibited = false): Uint8Array {
  const packet = frame.subarray(14);
  const isV4 = from.length === 4;
  const quoted = packet.subarray(0, isV4 ? 28 : 1200);
  const payload = new Uint8Array(8 + quoted.length);
  payload[0] = isV4 ? 3 : 1; // destination unreachable
  // The host, the address; or: by decree.
  if (isProhibited) payload[1] = isV4 ? 13 : 1;
  else payload[1] = isV4 ? 1 : 3;
  payload.set(quoted, 8);
  const fixed = { toMac: fromMac, fromMac: user.mac, to: from, payload };
  if (!isV4) return ipFrame({ ...fixed, from: user.linkLocal, protocol: PROTOCOL.icmpv6 }, { checksumAt: 2 });
  new DataView(payload.buffer).setUint16(2, checksum(payload));
  return ipFrame({ ...fixed, from: user.router, protocol: PROTOCOL.icmp });
}

const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
export const ROUTER_SOLICITATION = 133;

/** The router tells its prefix, itself and where names are asked for (RFC 4861, RFC 8106). */
export function routerAdvertisement(): Uint8Array {
  const payload = Uint8Array.of(
    ...[134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[1, 1, ...user.mac],
    ...[3, 4, user.prefix6Length, 0xc0, ...u32(LEASE_S), ...u32(LEASE_S / 2), 0, 0, 0, 0, ...user.prefix6],
    ...[25, 3, 0, 0, ...u32(LEASE_S), ...user.dns6],
  );
  const frame = {
    toMac: ALL_NODES_MAC,
    fromMac: user.mac,
    from: user.linkLocal,
    to: ALL_NODES,
    protocol: PROTOCOL.icmpv6,
    payload,
  };
  return ipFrame(frame, { checksumAt: 2, hopLimit: 255 });
}

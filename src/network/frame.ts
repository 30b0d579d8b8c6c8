/** Ethernet frames with IP in them, as far as back ends that play a part in the network look into them. */

import { checksum } from '../abi/checksum.ts';

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;

export interface IpFrame {
  readonly toMac: Uint8Array;
  readonly fromMac: Uint8Array;
  /** 4 or 16 bytes. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly protocol: number;
  /** It is a later piece of a packet: there are no ports in it. */
  readonly isLaterFragment: boolean;
  readonly payload: Uint8Array;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Undefined for what has no whole header of IP. Headers that IPv6 puts in between are not looked behind. */
export function parseIpFrame(frame: Uint8Array): IpFrame | undefined {
  if (frame.length < ETHERNET_BYTES + IPV4_BYTES) return undefined;
  const view = viewOf(frame);
  const type = view.getUint16(12);
  const macs = { toMac: frame.subarray(0, 6), fromMac: frame.subarray(6, 12) };
  const packet = frame.subarray(ETHERNET_BYTES);
  const at = viewOf(packet);
  if (type === ETHERTYPE.ipv4 && (packet[0] ?? 0) >>> 4 === 4) {
    const header = 4 * ((packet[0] ?? 0) & 15);
    // A frame of several segments may be longer than its header can say.
    const length = at.getUint16(2) || packet.length;
    if (header < IPV4_BYTES || length < header || packet.length < header) return undefined;
    return {
      ...macs,
      from: packet.subarray(12, 16),
      to: packet.subarray(16, 20),
      protocol: packet[9] ?? 0,
      isLaterFragment: (at.getUint16(6) & 0x1fff) !== 0,
      payload: packet.subarray(header, length),
    };
  }
  if (type !== ETHERTYPE.ipv6 || packet.length < IPV6_BYTES) return undefined;
  const length = at.getUint16(4) || packet.length - IPV6_BYTES;
  return {
    ...macs,
    from: packet.subarray(8, 24),
    to: packet.subarray(24, 40),
    protocol: packet[6] ?? 0,
    isLaterFragment: false,
    payload: packet.subarray(IPV6_BYTES, IPV6_BYTES + length),
  };
}

/** The whole frame; `checksumAt` is where in the payload the checksum over it and the pseudo header belongs. */
export function ipFrame(
  { toMac, fromMac, from, to, protocol, payload }: Omit<IpFrame, 'isLaterFragment'>,
  { checksumAt, hopLimit = 64 }: { readonly checksumAt?: number; readonly hopLimit?: number } = {},
): Uint8Array {
  const isV4 = from.length === 4;
  if (checksumAt !== undefined) {
    const view = viewOf(payload);
    view.setUint16(checksumAt, 0);
    const sum = checksum(pseudoHeader(from, to, protocol, payload.length), payload);
    view.setUint16(checksumAt, sum === 0 && protocol === PROTOCOL.udp ? 0xffff : sum);
  }
  const header = isV4 ? IPV4_BYTES : IPV6_BYTES;
  const frame = new Uint8Array(ETHERNET_BYTES + header + payload.length);
  frame.set(toMac);
  frame.set(fromMac, 6);
  viewOf(frame).setUint16(12, isV4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6);
  const packet = frame.subarray(ETHERNET_BYTES);
  const at = viewOf(packet);
  if (isV4) {
    packet[0] = 0x45;
    at.setUint16(2, packet.length);
    packet[8] = hopLimit;
    packet[9] = protocol;
    packet.set(from, 12);
    packet.set(to, 16);
    at.setUint16(10, checksum(packet.subarray(0, IPV4_BYTES)));
  } else {
    packet[0] = 0x60;
    at.setUint16(4, payload.length);
    packet[6] = protocol;
    packet[7] = hopLimit;
    packet.set(from, 8);
    packet.set(to, 24);
  }
  packet.set(payload, header);
  return frame;
}

function pseudoHeader(from: Uint8Array, to: Uint8Array, protocol: number, length: number): Uint8Array {
  if (from.length === 4) return Uint8Array.of(...from, ...to, 0, protocol, length >>> 8, length & 0xff);
  return Uint8Array.of(...from, ...to, 0, length >>> 16, (length >>> 8) & 0xff, length & 0xff, 0, 0, 0, protocol);
}

/** A datagram as a payload, its checksum still to be made (at 6). */
export function udpPayload(fromPort: number, toPort: number, bytes: Uint8Array): Uint8Array {
  const payload = new Uint8Array(UDP_BYTES + bytes.length);
  const view = viewOf(payload);
  view.setUint16(0, fromPort);
  view.setUint16(2, toPort);
  view.setUint16(4, payload.length);
  payload.set(bytes, UDP_BYTES);
  return payload;
}

/** The ports at the beginning of TCP and UDP. */
export function portsOf(payload: Uint8Array): readonly [from: number, to: number] | undefined {
  if (payload.length < UDP_BYTES) return undefined;
  const view = viewOf(payload);
  return [view.getUint16(0), view.getUint16(2)];
}

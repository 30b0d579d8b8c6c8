/** Packets of IPv4 and IPv6 as bytes and back: TCP, UDP and ICMP, with their checksums. */

import { checksum } from '../../abi/checksum.ts';
import { ScriptError } from '../language/script-error.ts';

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export interface IpHeader {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly protocol: number;
  /** The whole octet, with ECN in its lowest two bits. */
  readonly tos: number;
  readonly ttl: number;
  readonly flowLabel: number;
}

export interface LivePacket extends IpHeader {
  readonly payload: Uint8Array;
  /** What the header says of the length of all. */
  readonly totalLength: number;
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What 16 bits of length can say. */
const MOST_BYTES = 65_535;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;

export const ipBytes = (version: 4 | 6): number => (version === 4 ? IPV4_BYTES : IPV6_BYTES);

/** An IP packet; `checksumAt` is where in the payload the checksum belongs over it and the pseudo header. */
export function encodeIp(header: IpHeader, payload: Uint8Array, checksumAt?: number): Uint8Array {
  if (checksumAt !== undefined) {
    const sum = checksum(pseudoHeader(header, payload.length), payload);
    view(payload).setUint16(checksumAt, sum === 0 && header.protocol === PROTOCOL.udp ? 0xffff : sum);
  }
  const bytes = new Uint8Array(ipBytes(header.from.length === 4 ? 4 : 6) + payload.length);
  if (bytes.length > MOST_BYTES) throw new ScriptError(`a packet has ${MOST_BYTES} bytes at most, not ${bytes.length}`);
  bytes.set(payload, bytes.length - payload.length);
  const at = view(bytes);
  if (header.from.length === 4) {
    at.setUint8(0, 0x45);
    at.setUint8(1, header.tos);
    at.setUint16(2, bytes.length);
    at.setUint8(8, header.ttl);
    at.setUint8(9, header.protocol);
    bytes.set(header.from, 12);
    bytes.set(header.to, 16);
    at.setUint16(10, checksum(bytes.subarray(0, IPV4_BYTES)));
  } else {
    at.setUint32(0, ((6 << 28) | (header.tos << 20) | header.flowLabel) >>> 0);
    at.setUint16(4, payload.length);
    at.setUint8(6, header.protocol);
    at.setUint8(7, header.ttl);
    bytes.set(header.from, 8);
    bytes.set(header.to, 24);
  }
  return bytes;
}

function pseudoHeader({ from, to, protocol }: IpHeader, length: number): Uint8Array {
  if (from.length === 4) return Uint8Array.of(...from, ...to, 0, protocol, length >>> 8, length & 0xff);
  return Uint8Array.of(...from, ...to, 0, length >>> 16, (length >>> 8) & 0xff, length & 0xff, 0, 0, 0, protocol);
}

/** Undefined for what is no packet of IP. */
export function decodeIp(bytes: Uint8Array): LivePacket | undefined {
  const at = view(bytes);
  const version = (bytes[0] ?? 0) >>> 4;
  if (version === 4 && bytes.length >= IPV4_BYTES) {
    const header = 4 * ((bytes[0] ?? 0) & 15);
    // A packet for several segments may be longer than its header can say.
    const totalLength = at.getUint16(2) || bytes.length;
    return {
      from: bytes.subarray(12, 16),
      to: bytes.subarray(16, 20),
      protocol: at.getUint8(9),
      tos: at.getUint8(1),
      ttl: at.getUint8(8),
      flowLabel: 0,
      totalLength,
      payload: bytes.subarray(header, totalLength),
    };
  }
  if (version !== 6 || bytes.length < IPV6_BYTES) return undefined;
  const word = at.getUint32(0);
  const length = at.getUint16(4) || bytes.length - IPV6_BYTES;
  return {
    from: bytes.subarray(8, 24),
    to: bytes.subarray(24, 40),
    protocol: at.getUint8(6),
    tos: (word >>> 20) & 0xff,
    ttl: at.getUint8(7),
    flowLabel: word & 0xf_ffff,
    totalLength: IPV6_BYTES + length,
    payload: bytes.subarray(IPV6_BYTES, IPV6_BYTES + length),
  };
}

/** Bits of the flags of TCP, by the letters of a script; "A" is AE of RFC 9768. */
export const tcpFlags: readonly (readonly [letter: string, bit: number, name: string])[] = [
  ['F', 0x01, 'fin'],
  ['S', 0x02, 'syn'],
  ['R', 0x04, 'rst'],
  ['P', 0x08, 'psh'],
  ['.', 0x10, 'ack'],
  ['U', 0x20, 'urg'],
  ['E', 0x40, 'ece'],
  ['W', 0x80, 'cwr'],
  ['A', 0x100, 'ae'],
];

export interface TcpSegment {
  readonly fromPort: number;
  readonly toPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: Uint8Array;
  readonly length: number;
}

export const TCP_BYTES = 20;
export const TCP_CHECKSUM_AT = 16;
export const UDP_BYTES = 8;
export const UDP_CHECKSUM_AT = 6;

/** The payload is zeros. */
export function encodeTcp(segment: TcpSegment): Uint8Array {
  const header = TCP_BYTES + segment.options.length;
  const bytes = new Uint8Array(header + segment.length);
  const at = view(bytes);
  at.setUint16(0, segment.fromPort);
  at.setUint16(2, segment.toPort);
  at.setUint32(4, segment.seq >>> 0);
  at.setUint32(8, segment.ack >>> 0);
  at.setUint16(12, ((header / 4) << 12) | segment.flags);
  at.setUint16(14, segment.window);
  at.setUint16(18, segment.urgent);
  bytes.set(segment.options, TCP_BYTES);
  return bytes;
}

export function decodeTcp(bytes: Uint8Array): TcpSegment | undefined {
  if (bytes.length < TCP_BYTES) return undefined;
  const at = view(bytes);
  const word = at.getUint16(12);
  const header = 4 * (word >>> 12);
  if (header < TCP_BYTES || header > bytes.length) return undefined;
  return {
    fromPort: at.getUint16(0),
    toPort: at.getUint16(2),
    seq: at.getUint32(4),
    ack: at.getUint32(8),
    flags: word & 0x1ff,
    window: at.getUint16(14),
    urgent: at.getUint16(18),
    options: bytes.slice(TCP_BYTES, header),
    length: bytes.length - header,
  };
}

export function encodeUdp(fromPort: number, toPort: number, length: number): Uint8Array {
  const bytes = new Uint8Array(UDP_BYTES + length);
  const at = view(bytes);
  at.setUint16(0, fromPort);
  at.setUint16(2, toPort);
  at.setUint16(4, bytes.length);
  return bytes;
}

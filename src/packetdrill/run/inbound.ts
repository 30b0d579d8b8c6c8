/** A packet of the script's remote side as bytes. */

import { checksum } from '../../abi/checksum.ts';
import type { IcmpSpec, PacketSpec, TcpOption, TcpSpec } from '../language/script.ts';
import { ScriptError } from '../language/script-error.ts';
import { icmpNumbers } from '../packet/icmp.ts';
import { encodeOptions } from '../packet/tcp-options.ts';
import {
  encodeIp,
  encodeTcp,
  encodeUdp,
  type IpHeader,
  PROTOCOL,
  TCP_CHECKSUM_AT,
  tcpFlags,
  UDP_CHECKSUM_AT,
} from '../packet/wire.ts';
import type { Connection, Connections } from './connections.ts';
import type { Settings } from './settings.ts';

const TTL = 255;
/** What a router sends back of a packet: its header and 8 bytes, or for IPv6 as much as fits. */
const ECHOED_BYTES = 8;

export function inboundBytes(spec: PacketSpec, connections: Connections, settings: Settings): Uint8Array {
  if (spec.protocol === 'icmp') return icmp(spec, connections.current, settings);
  const protocol = PROTOCOL[spec.protocol];
  const isSyn = spec.protocol === 'tcp' && spec.flags.includes('S') && !spec.flags.includes('.');
  const connection = connections.forInbound(protocol, isSyn, spec.ports);
  const header = headerOf(spec, protocol, settings);
  if (spec.protocol === 'udp') {
    return encodeIp(header, encodeUdp(connection.remotePort, connection.localPort, spec.length), UDP_CHECKSUM_AT);
  }
  return encodeIp(header, encodeTcp(segmentOf(spec, connection)), TCP_CHECKSUM_AT);
}

function headerOf({ ip }: PacketSpec, protocol: number, { local, remote }: Settings): IpHeader {
  const { tos = ip.ecn ?? 0, ttl = TTL, flowLabel = 0 } = ip;
  return { from: remote, to: local, protocol, tos: ip.ecn === undefined ? tos : (tos & ~3) | ip.ecn, ttl, flowLabel };
}

const u32 = (value: number): number => value >>> 0;

function segmentOf(spec: TcpSpec, connection: Connection) {
  const flags = tcpFlags.reduce((sum, [letter, bit]) => (spec.flags.includes(letter) ? sum | bit : sum), 0);
  const isSyn = spec.flags.includes('S');
  if (!isSyn) connection.hasBegun = true;
  else if (!connection.hasBegun) connection.remoteOffset = spec.seq;
  return {
    fromPort: connection.remotePort,
    toPort: connection.localPort,
    seq: isSyn ? spec.seq : u32(spec.seq + connection.remoteOffset),
    ack: spec.ack === undefined ? 0 : u32(spec.ack + connection.seqOffset),
    flags,
    window: spec.window ?? 0,
    urgent: spec.urgent ?? 0,
    options: encodeOptions((spec.options ?? []).map((option) => live(option, connection))),
    length: spec.length,
  };
}

/** The remote side echoes our timestamps and acknowledges our bytes as they are on the wire. */
function live(option: TcpOption, connection: Connection): TcpOption {
  if (option.kind === 'TS') return { ...option, ecr: connection.liveTimestamp(option.ecr) };
  if (option.kind !== 'sack') return option;
  const { seqOffset } = connection;
  return {
    kind: 'sack',
    blocks: option.blocks.map(([left, right]) => [u32(left + seqOffset), u32(right + seqOffset)]),
  };
}

function icmp(spec: IcmpSpec, connection: Connection | undefined, settings: Settings): Uint8Array {
  const { version } = settings;
  const tooBig = version === 6 && spec.type === 'unreachable' && spec.code === 'packet_too_big';
  const numbers = tooBig ? icmpNumbers(6, 'packet_too_big', undefined) : icmpNumbers(version, spec.type, spec.code);
  if (!numbers) throw new ScriptError(`ICMP of IPv${version} has no ${spec.type} ${spec.code ?? ''}`);
  const echoed = spec.about && connection ? echoOf(spec.about, connection, settings) : new Uint8Array();
  const body = new Uint8Array(8 + echoed.length);
  body[0] = numbers[0];
  body[1] = numbers[1];
  const at = new DataView(body.buffer);
  if (spec.mtu !== undefined) {
    if (version === 4) at.setUint16(6, spec.mtu);
    else at.setUint32(4, spec.mtu);
  }
  body.set(echoed, 8);
  if (version === 6) return encodeIp(headerOf(spec, PROTOCOL.icmpv6, settings), body, 2);
  at.setUint16(2, checksum(body));
  return encodeIp(headerOf(spec, PROTOCOL.icmp, settings), body);
}

/** The beginning of the packet of ours that it is about. */
function echoOf(
  about: NonNullable<IcmpSpec['about']>,
  connection: Connection,
  { local, remote }: Settings,
): Uint8Array {
  const { localPort: fromPort, remotePort: toPort, protocol, seqOffset } = connection;
  const header = { from: local, to: remote, protocol, tos: 0, ttl: TTL, flowLabel: 0 };
  if ('udp' in about) return encodeIp(header, encodeUdp(fromPort, toPort, about.udp), UDP_CHECKSUM_AT);
  const segment = encodeTcp({
    fromPort,
    toPort,
    seq: u32(about.seq + seqOffset),
    ack: 0,
    flags: 0x10,
    window: 0,
    urgent: 0,
    options: new Uint8Array(),
    length: about.length,
  });
  const whole = encodeIp(header, segment, TCP_CHECKSUM_AT);
  return whole.slice(0, whole.length - segment.length + Math.max(ECHOED_BYTES, 20));
}

/** A packet that left, held against the script. */

import type { PacketSpec, TcpOption, TcpSpec } from '../language/script.ts';
import { icmpNumbers } from '../packet/icmp.ts';
import { decodeOptions, formatOption } from '../packet/tcp-options.ts';
import {
  decodeTcp,
  ipBytes,
  type LivePacket,
  PROTOCOL,
  TCP_BYTES,
  type TcpSegment,
  tcpFlags,
  UDP_BYTES,
} from '../packet/wire.ts';
import type { Connection } from './connections.ts';
import type { Settings } from './settings.ts';

/** Ticks by which a timestamp may be off. */
const TS_SLACK_US = 4000;

const u32 = (value: number): number => value >>> 0;

/** What is wrong with it, in packetdrill's words; undefined: nothing. */
export function mismatch(
  spec: PacketSpec,
  packet: LivePacket,
  connection: Connection | undefined,
  settings: Settings,
): string | undefined {
  try {
    const { version } = settings;
    const ip = `ipv${version}`;
    if (spec.protocol === 'icmp') return icmpMismatch(spec, packet, version);
    equal(`${ip}_protocol`, PROTOCOL[spec.protocol], packet.protocol);
    if (spec.protocol === 'udp') equal('udp_len', spec.length + UDP_BYTES, packet.payload.length);
    else tcp(spec, packet, connection, settings);
    if (spec.ip.tos !== undefined) equal(`${ip}_tos`, spec.ip.tos, packet.tos);
    if (spec.ip.ecn !== undefined) equal('ip_ecn', spec.ip.ecn, packet.tos & 3);
    if (spec.ip.ttl !== undefined) equal(`${ip}_ttl`, spec.ip.ttl, packet.ttl);
    if (spec.ip.flowLabel !== undefined) equal('ipv6_flowlabel', spec.ip.flowLabel, packet.flowLabel);
    return undefined;
  } catch (cause) {
    if (cause instanceof Wrong) return cause.message;
    throw cause;
  }
}

class Wrong extends Error {}

function equal(field: string, expected: number, actual: number): void {
  if (expected === actual) return;
  const both = (value: number) => `${value} (0x${value.toString(16)})`;
  throw new Wrong(`live packet field ${field}: expected: ${both(expected)} vs actual: ${both(actual)}`);
}

function tcp(spec: TcpSpec, packet: LivePacket, connection: Connection | undefined, settings: Settings): void {
  const segment = decodeTcp(packet.payload);
  if (!segment) throw new Wrong('live packet has no header of TCP');
  const has = (letter: string) => Number(spec.flags.includes(letter));
  const isSyn = has('S') === 1;
  if (isSyn && segment.flags & 2 && connection) connection.seqOffset = segment.seq;
  // A SYN has the numbers that the script has; what follows counts from them.
  const from = isSyn ? { local: u32((connection?.seqOffset ?? 0) - spec.seq), remote: 0 } : offsetsOf(connection);
  if (spec.options) {
    const header = TCP_BYTES + optionBytes(spec.options);
    equal(`ipv${settings.version}_total_length`, ipBytes(settings.version) + header + spec.length, packet.totalLength);
    equal('tcp_data_offset', header / 4, (packet.payload.length - segment.length) / 4);
  } else equal('tcp_payload_length', spec.length, segment.length);
  for (const [letter, bit, name] of tcpFlags) {
    equal(`tcp_${name}`, has(letter), Number((segment.flags & bit) !== 0));
  }
  equal('tcp_seq', spec.seq, u32(segment.seq - from.local));
  if (spec.ack !== undefined) equal('tcp_ack', spec.ack, u32(segment.ack - from.remote));
  if (spec.window !== undefined) equal('tcp_window', spec.window, segment.window);
  if (spec.urgent !== undefined) equal('tcp_urg_ptr', spec.urgent, segment.urgent);
  if (spec.options) options(spec.options, segment, connection, settings);
}

function options(
  expected: readonly TcpOption[],
  segment: TcpSegment,
  connection: Connection | undefined,
  { tsTickUs }: Settings,
): void {
  const actual = decodeOptions(segment.options).map((option) => relative(option, connection));
  const wrong = () => {
    const list = (all: readonly TcpOption[]) => `<${all.map(formatOption).join(',')}>`;
    return new Wrong(`bad outbound TCP options: expected ${list(expected)} vs actual ${list(actual)}`);
  };
  // What fills the last word up is not written in a script.
  while (actual.length > expected.length && actual.at(-1)?.kind === 'eol') actual.pop();
  if (expected.length !== actual.length) throw wrong();
  for (const [i, want] of expected.entries()) {
    const got = actual[i];
    if (got?.kind !== want.kind) throw wrong();
    if (want.kind === 'TS' && got.kind === 'TS') {
      if (want.ecr !== got.ecr) throw wrong();
      const off = connection?.sawTimestamp(want.val, got.val) ?? 0;
      if (tsTickUs > 0 && Math.abs(off) * tsTickUs > TS_SLACK_US + tsTickUs) throw wrong();
    } else if (formatOption(want) !== formatOption(got)) throw wrong();
  }
}

const offsetsOf = (connection: Connection | undefined) => ({
  local: connection?.seqOffset ?? 0,
  remote: connection?.remoteOffset ?? 0,
});

/** What of the remote side's was got, as the script counts. */
function relative(option: TcpOption, connection: Connection | undefined): TcpOption {
  if (option.kind !== 'sack') return option;
  const from = connection?.remoteOffset ?? 0;
  return { kind: 'sack', blocks: option.blocks.map(([left, right]) => [u32(left - from), u32(right - from)]) };
}

function optionBytes(list: readonly TcpOption[]): number {
  let bytes = 0;
  for (const option of list) bytes += optionLength(option);
  return Math.ceil(bytes / 4) * 4;
}

function optionLength(option: TcpOption): number {
  switch (option.kind) {
    case 'nop':
    case 'eol':
      return 1;
    case 'sackOK':
      return 2;
    case 'mss':
      return 4;
    case 'wscale':
      return 3;
    case 'TS':
      return 10;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'FOEXP':
      return 4 + option.bytes.length;
    default:
      return 2 + option.bytes.length;
  }
}

function icmpMismatch(
  { type, code }: { readonly type: string; readonly code?: string },
  packet: LivePacket,
  version: 4 | 6,
): string | undefined {
  equal(`ipv${version}_protocol`, version === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, packet.protocol);
  const numbers = icmpNumbers(version, type, code);
  if (!numbers) throw new Wrong(`ICMP of IPv${version} has no ${type} ${code ?? ''}`);
  equal('icmp_type', numbers[0], packet.payload[0] ?? -1);
  equal('icmp_code', numbers[1], packet.payload[1] ?? -1);
  return undefined;
}

/** A packet as a script would have it. */
export function formatLive(packet: LivePacket, connection: Connection | undefined): string {
  const segment = packet.protocol === PROTOCOL.tcp ? decodeTcp(packet.payload) : undefined;
  if (!segment) {
    return packet.protocol === PROTOCOL.udp
      ? `udp (${packet.payload.length - UDP_BYTES})`
      : `icmp ${packet.payload[0]} ${packet.payload[1]}`;
  }
  const letters = tcpFlags.filter(([letter, bit]) => letter !== '.' && segment.flags & bit).map(([letter]) => letter);
  const flags = `${letters.join('')}${segment.flags & 0x10 ? '.' : ''}` || '-';
  const seq = u32(segment.seq - (connection?.seqOffset ?? 0));
  const list = decodeOptions(segment.options).map((option) => relative(option, connection));
  return [
    `${flags} ${seq}:${u32(seq + segment.length)}(${segment.length})`,
    ...(segment.flags & 0x10
      ? [`ack ${u32(segment.ack - (segment.flags & 2 ? 0 : (connection?.remoteOffset ?? 0)))}`]
      : []),
    `win ${segment.window}`,
    ...(list.length > 0 ? [`<${list.map(formatOption).join(',')}>`] : []),
  ].join(' ');
}

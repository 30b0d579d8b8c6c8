/** Data that Linux cut into packets otherwise than a script does. */

import { encodeTcp, ipBytes, type LivePacket, type TcpSegment, tcpFlags } from '../packet/wire.ts';

const FIN = 0x01;
const PUSH = 0x08;

/** The flags of a script with PSH as a live packet has it: where data is cut it says nothing. */
export function likePush(flags: string, live: number): string {
  const others = flags.replace('P', '');
  const [letter] = tcpFlags.find(([, bit]) => bit === PUSH) ?? ['P'];
  return live & PUSH ? `${letter}${others}` : others;
}

/** A packet as two, the first with so many bytes. What ends it, PSH and FIN, is the second's. */
export function split(packet: LivePacket, segment: TcpSegment, length: number): readonly [LivePacket, LivePacket] {
  const head = { ...segment, length, flags: segment.flags & ~(PUSH | FIN) };
  const tail = { ...segment, seq: (segment.seq + length) >>> 0, length: segment.length - length };
  return [withSegment(packet, head), withSegment(packet, tail)];
}

function withSegment(packet: LivePacket, segment: TcpSegment): LivePacket {
  const payload = encodeTcp(segment);
  const version = packet.from.length === 4 ? 4 : 6;
  return { ...packet, payload, totalLength: ipBytes(version) + payload.length };
}

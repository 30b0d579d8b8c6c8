/** A capture as two lists of datagrams: what the one host sends, and what the other one answers, each with its time. */

import { BadCapture, readCapture } from './capture-file.ts';
import { type IpPacket, ipPacketOf } from './ip-packets.ts';

/** One datagram, as long as the packet was that it stands for. */
export interface Replayed {
  /** After the first packet of the capture. */
  readonly atNs: number;
  /** Of the IP packet. */
  readonly length: number;
  readonly dscp: number;
}

export interface Replay {
  readonly there: readonly Replayed[];
  readonly back: readonly Replayed[];
  /** Packets of others, and frames without IP. */
  readonly skipped: number;
}

const MOST_PACKETS = 1_000_000;

/**
 * `client`: the address whose packets the first host sends; that of the first packet if left out. What is sent to it, the
 * second host sends. Packets longer than `mtu`, which a device was to cut up, come in several. Throws `BadCapture` with why it is none.
 */
export function planReplay(file: Uint8Array, client: string | undefined, speed: number, mtu = 65_535): Replay {
  const packets: IpPacket[] = [];
  let skipped = 0;
  for (const frame of readCapture(file)) {
    const packet = ipPacketOf(frame);
    if (packet) packets.push(packet);
    else skipped++;
    if (packets.length > MOST_PACKETS) throw new BadCapture(`it has more than ${MOST_PACKETS} packets`);
  }
  const [first] = packets;
  if (!first) throw new BadCapture('there is no packet of IP in it');
  const own = client ?? first.source;
  let beganNs = first.timeNs;
  for (const { timeNs } of packets) if (timeNs < beganNs) beganNs = timeNs;
  const listOf = (mine: (packet: IpPacket) => boolean): Replayed[] =>
    packets
      .filter(mine)
      .flatMap(({ timeNs, length, dscp }) => {
        const atNs = Math.round(Number(timeNs - beganNs) / speed);
        return Array.from({ length: Math.ceil(length / mtu) }, (_, i) => ({
          atNs,
          length: Math.min(mtu, length - i * mtu),
          dscp,
        }));
      })
      // Captures of several queues or interfaces are not quite in order.
      .sort((a, b) => a.atNs - b.atNs);
  const there = listOf(({ source }) => source === own);
  const back = listOf(({ source, destination }) => destination === own && source !== own);
  if (there.length + back.length === 0) {
    const some = [...new Set(packets.flatMap(({ source, destination }) => [source, destination]))].slice(0, 8);
    throw new BadCapture(`nothing in it is from or to ${own}: there are ${some.join(', ')}`);
  }
  const used = packets.filter(({ source, destination }) => source === own || destination === own).length;
  return { there, back, skipped: skipped + packets.length - used };
}

/** What a captured frame is to the network layer: who sent how much to whom. */

import { formatIp } from '../../abi/netlink/inet.ts';
import type { CapturedFrame } from './capture-file.ts';

export interface IpPacket {
  readonly timeNs: bigint;
  readonly source: string;
  readonly destination: string;
  /** Of the whole packet, header included, as the header says: a capture may have kept less. */
  readonly length: number;
  readonly dscp: number;
}

/** https://www.tcpdump.org/linktypes.html */
const LINKTYPE = { null: 0, ethernet: 1, raw: 101, loop: 108, sll: 113, ipv4: 228, ipv6: 229, sll2: 276 } as const;
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
/** Tags of VLANs, of providers too. */
const tags = [0x8100, 0x88a8, 0x9100];

/** Undefined: no IP, or too little of it was kept. */
export function ipPacketOf({ timeNs, linkType, bytes }: CapturedFrame): IpPacket | undefined {
  const at = networkLayerAt(linkType, bytes);
  if (at === undefined || at >= bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const version = view.getUint8(0) >> 4;
  if (version === 4 && view.byteLength >= 20)
    return {
      timeNs,
      source: formatIp(bytes.slice(at + 12, at + 16)),
      destination: formatIp(bytes.slice(at + 16, at + 20)),
      // A sender that leaves segmentation to its device has 0 there where the packet is longer than the field can say.
      length: view.getUint16(2) || view.byteLength,
      dscp: view.getUint8(1) >> 2,
    };
  if (version === 6 && view.byteLength >= 40)
    return {
      timeNs,
      source: formatIp(bytes.slice(at + 8, at + 24)),
      destination: formatIp(bytes.slice(at + 24, at + 40)),
      length: view.getUint16(4) === 0 ? view.byteLength : 40 + view.getUint16(4),
      dscp: (view.getUint16(0) >> 6) & 0x3f,
    };
  return undefined;
}

/** The frame check sequence, padding and whatever else is behind do not matter: IP says its own length. */
function networkLayerAt(linkType: number, bytes: Uint8Array): number | undefined {
  const u16 = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const isIp = (type: number): boolean => type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6;
  switch (linkType) {
    case LINKTYPE.ethernet: {
      let at = 12;
      while (tags.includes(u16(at))) at += 4;
      return isIp(u16(at)) ? at + 2 : undefined;
    }
    case LINKTYPE.sll:
      return isIp(u16(14)) ? 16 : undefined;
    case LINKTYPE.sll2:
      return isIp(u16(0)) ? 20 : undefined;
    case LINKTYPE.null:
    case LINKTYPE.loop:
      return 4;
    case LINKTYPE.raw:
    case LINKTYPE.ipv4:
    case LINKTYPE.ipv6:
      return 0;
    default:
      return undefined;
  }
}

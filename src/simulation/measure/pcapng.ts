/** Writes pcapng, draft-ietf-opsawg-pcapng: sections of little-endian blocks, times in nanoseconds. */

import { concat } from '../../abi/netlink/message.ts';

export interface PcapInterface {
  readonly name: string;
  readonly description?: string;
  readonly snaplen: number;
}

export interface PcapPacket {
  /** Which interface, in the order they were announced. */
  readonly interface: number;
  /** Since the simulation began. */
  readonly timeNs: number;
  /** What was kept of the packet. */
  readonly bytes: Uint8Array;
  /** Its length on the wire. */
  readonly length: number;
  /** The interface received or sent it. */
  readonly outgoing: boolean;
}

export interface PcapStatistics {
  readonly interface: number;
  readonly timeNs: number;
  readonly received: number;
  /** Lost for want of buffer space. */
  readonly dropped: number;
}

const blocks = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const options = {
  end: 0,
  hardware: 2,
  application: 4,
  name: 2,
  description: 3,
  resolution: 9,
  packetFlags: 2,
  received: 4,
  dropped: 5,
} as const;
const byteOrderMagic = 0x1a2b3c4d;
const ethernet = 1;
const nanoseconds = 9;
const inbound = 1;
const outbound = 2;
/** Type, length, interface, time, kept and whole length. */
const packetHeader = 28;
/** The direction as an option, the end of options, and the length again. */
const packetTrailer = 16;

/** Section header: who wrote the file. */
export function pcapHeader(application: string): Uint8Array {
  return block(blocks.section, [
    u32(byteOrderMagic),
    u16(1),
    u16(0),
    u32(0xffff_ffff),
    u32(0xffff_ffff),
    textOption(options.application, application),
    endOption,
  ]);
}

/** Announces an Ethernet interface; packets refer to it by its number. */
export function pcapInterface({ name, description, snaplen }: PcapInterface): Uint8Array {
  return block(blocks.interface, [
    u16(ethernet),
    u16(0),
    u32(snaplen),
    textOption(options.name, name),
    ...(description === undefined ? [] : [textOption(options.description, description)]),
    option(options.resolution, Uint8Array.of(nanoseconds)),
    endOption,
  ]);
}

/** Written in one piece: there are many. */
export function pcapPacket({ interface: index, timeNs, bytes, length, outgoing }: PcapPacket): Uint8Array {
  const dataEnd = packetHeader + bytes.length + (-bytes.length & 3);
  const total = dataEnd + packetTrailer;
  const whole = new Uint8Array(total);
  const view = new DataView(whole.buffer);
  const words = [blocks.packet, total, index, Math.floor(timeNs / 2 ** 32), timeNs % 2 ** 32, bytes.length, length];
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true);
  whole.set(bytes, packetHeader);
  view.setUint16(dataEnd, options.packetFlags, true);
  view.setUint16(dataEnd + 2, 4, true);
  view.setUint32(dataEnd + 4, outgoing ? outbound : inbound, true);
  view.setUint32(dataEnd + 12, total, true);
  return whole;
}

/** The last word on an interface. */
export function pcapStatistics({ interface: index, timeNs, received, dropped }: PcapStatistics): Uint8Array {
  return block(blocks.statistics, [
    u32(index),
    timestamp(timeNs),
    option(options.received, u64(received)),
    option(options.dropped, u64(dropped)),
    endOption,
  ]);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts);
  const length = u32(body.length + 12);
  return concat([u32(type), length, body, length]);
}

/** High word first, whatever the byte order. */
function timestamp(ns: number): Uint8Array {
  return concat([u32(Math.floor(ns / 2 ** 32)), u32(ns % 2 ** 32)]);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}
function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}
function u64(value: number): Uint8Array {
  return concat([u32(value % 2 ** 32), u32(Math.floor(value / 2 ** 32))]);
}
function padded(bytes: Uint8Array): Uint8Array {
  return concat([bytes, new Uint8Array(-bytes.length & 3)]);
}
const option = (code: number, value: Uint8Array): Uint8Array => concat([u16(code), u16(value.length), padded(value)]);
const textOption = (code: number, text: string): Uint8Array => option(code, new TextEncoder().encode(text));
const endOption = option(options.end, new Uint8Array());

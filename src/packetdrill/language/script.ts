/** A packetdrill script as data: its options, and its events in order. */

import type { Statement } from '../code/statements.ts';

/** In microseconds; relative to the event before, or to the first. */
export type EventTime =
  | { readonly kind: 'any' }
  | { readonly kind: 'absolute' | 'relative'; readonly us: number; readonly endUs?: number };

export type Expression =
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'number'; readonly value: number }
  /** "100...200": of results, both ends included. */
  | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression }
  /** A constant, or several joined by "|". */
  | { readonly kind: 'words'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] }
  /** htons(8080), inet_addr("192.0.2.1") */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

/** `name(size)=value`; a value alone has no name. */
export interface StructField {
  readonly name: string;
  readonly size?: Expression;
  readonly value: Expression;
}

export interface CallSpec {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Expression[];
  readonly result: Expression;
  readonly errno?: string;
  /** It blocks, until then: microseconds, on the scale of its event's time. */
  readonly endUs?: number;
}

/** What is said of the IP header; what is not is not looked at. */
export interface IpSpec {
  readonly ecn?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly flowLabel?: number;
}

export type TcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'TS'; readonly val: number; readonly ecr: number }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }
  | { readonly kind: 'FO' | 'FOEXP' | 'md5'; readonly bytes: Uint8Array }
  | { readonly kind: 'other'; readonly number: number; readonly bytes: Uint8Array };

interface PacketBase {
  readonly kind: 'packet';
  readonly direction: 'in' | 'out';
  readonly ip: IpSpec;
}

export interface TcpSpec extends PacketBase {
  readonly protocol: 'tcp';
  /** Letters of F S R P . U E W A. */
  readonly flags: string;
  readonly seq: number;
  readonly length: number;
  readonly ack?: number;
  readonly window?: number;
  readonly urgent?: number;
  /** Absent: any. */
  readonly options?: readonly TcpOption[];
  readonly ports?: readonly [from: number, to: number];
}

export interface UdpSpec extends PacketBase {
  readonly protocol: 'udp';
  readonly length: number;
  readonly ports?: readonly [from: number, to: number];
}

export interface IcmpSpec extends PacketBase {
  readonly protocol: 'icmp';
  readonly type: string;
  readonly code?: string;
  readonly mtu?: number;
  /** Of the packet it is about: sequence numbers of TCP, or the bytes of a UDP datagram. */
  readonly about?: { readonly seq: number; readonly length: number } | { readonly udp: number };
}

export type PacketSpec = TcpSpec | UdpSpec | IcmpSpec;

export type Action =
  | PacketSpec
  | CallSpec
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'code'; readonly piece: Statement };

export interface ScriptEvent {
  readonly line: number;
  readonly time: EventTime;
  readonly action: Action;
  /** As the script has it, on one line. */
  readonly text: string;
}

export interface Script {
  readonly options: ReadonlyMap<string, string>;
  /** Of its `--define`. */
  readonly defines: ReadonlyMap<string, string>;
  readonly events: readonly ScriptEvent[];
}

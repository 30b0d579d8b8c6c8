/** Options of the RED qdisc, tc-red(8), with the fixed-point parameters of Floyd and Jacobson that user space must compute. */

import { Struct, u8, u32 } from '../../struct.ts';
import { encode } from '../codecs.ts';
import { TCA_RED } from '../constants.ts';
import { attrU32, concat, raw } from '../message.ts';
import { transmitTicks } from './psched.ts';

/** Sizes in bytes, rates in bytes a second; thresholds are of the average queue. */
export interface RedOptions {
  readonly kind: 'red';
  readonly limit: number;
  readonly min: number;
  readonly max: number;
  /** Average packet. */
  readonly avpkt: number;
  /** Packets that may come in a burst before the average follows. */
  readonly burst: number;
  /** Chance of a drop at `max`. */
  readonly probability: number;
  /** Rate used while the queue is empty. */
  readonly bandwidth: number;
  readonly ecn?: boolean;
  readonly harddrop?: boolean;
  readonly adaptive?: boolean;
}

/** CHOKe, tc-choke(8): RED in packets. */
export interface ChokeOptions extends Omit<RedOptions, 'kind' | 'harddrop' | 'adaptive'> {
  readonly kind: 'choke';
}

/** struct nla_bitfield32: the flags that `selector` names get the value given. */
const bitfield32 = Struct({ value: u32, selector: u32 });
const allFlags = 0xf;

const qopt = Struct({ limit: u32, min: u32, max: u32, wlog: u8, plog: u8, scellLog: u8, flags: u8 });

export function encodeRed(o: RedOptions): Uint8Array {
  const wlog = weightLog(o);
  const plog = dropLog(o);
  const { cellLog, table } = idleDamping(wlog, o);
  const flags = (o.ecn ? 1 : 0) | (o.harddrop ? 2 : 0) | (o.adaptive ? 4 : 0);
  return concat([
    raw(TCA_RED.PARMS, encode(qopt, { limit: o.limit, min: o.min, max: o.max, wlog, plog, scellLog: cellLog })),
    raw(TCA_RED.STAB, table),
    raw(TCA_RED.FLAGS, encode(bitfield32, { value: flags, selector: allFlags })),
    attrU32(TCA_RED.MAX_P, maxP(o)),
  ]);
}

const TCA_CHOKE = { PARMS: 1, STAB: 2, MAX_P: 3 } as const;

/** Thresholds count packets; how averages follow is reckoned in bytes, as for RED. */
export function encodeChoke(o: ChokeOptions): Uint8Array {
  const inBytes: RedOptions = {
    ...o,
    kind: 'red',
    min: o.min * o.avpkt,
    max: o.max * o.avpkt,
    limit: o.limit * o.avpkt,
  };
  const wlog = weightLog(inBytes);
  const { cellLog, table } = idleDamping(wlog, inBytes);
  const { limit, min, max } = o;
  const parms = { limit, min, max, wlog, plog: dropLog(inBytes), scellLog: cellLog, flags: o.ecn ? 1 : 0 };
  return concat([
    raw(TCA_CHOKE.PARMS, encode(qopt, parms)),
    raw(TCA_CHOKE.STAB, table),
    attrU32(TCA_CHOKE.MAX_P, maxP(o)),
  ]);
}

const maxP = ({ probability }: { readonly probability: number }): number =>
  Math.min(0xffff_ffff, Math.floor(probability * 2 ** 32));

/** W = 2^-wlog, the largest weight that lets `burst` packets in before the average reaches `min`. */
function weightLog({ min, avpkt, burst }: RedOptions): number {
  const room = burst + 1 - min / avpkt;
  if (room < 1) throw new RangeError(`red: burst ${burst} is too small for min ${min} and avpkt ${avpkt}`);
  for (let log = 1; log < 32; log++) {
    const weight = 2 ** -log;
    if (room <= (1 - (1 - weight) ** burst) / weight) return log;
  }
  throw new RangeError(`red: burst ${burst} is too large`);
}

/** How far probability / (max - min) is below one, in powers of two. */
function dropLog({ min, max, probability }: RedOptions): number {
  if (max < min) throw new RangeError('red: max is below min');
  if (max === min) return 0;
  const log = Math.floor(Math.log2((max - min) / probability)) + 1;
  if (log >= 32) throw new RangeError(`red: probability ${probability} is too small`);
  return Math.max(0, log);
}

/** How much the average decays while nothing is sent: 256 steps of 2^cellLog ticks, in units of wlog shifts. */
function idleDamping(wlog: number, { avpkt, bandwidth }: RedOptions): { cellLog: number; table: Uint8Array } {
  const decay = -Math.log(1 - 2 ** -wlog) / transmitTicks(bandwidth, avpkt);
  const cellLog = Math.max(0, Math.floor(Math.log2(31 / decay / 512)) + 1);
  const table = Uint8Array.from({ length: 256 }, (_, i) => Math.min(31, Math.floor(i * 2 ** cellLog * decay)));
  table[255] = 31;
  return { cellLog, table };
}

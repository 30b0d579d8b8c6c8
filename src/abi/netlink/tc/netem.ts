/** Options of the netem qdisc, tc-netem(8): delay, loss and the rest of what a wire does to packets. */

import { Struct, u32 } from '../../struct.ts';
import { encode, s32, s64AsNumber } from '../codecs.ts';
import { NETEM_LOSS, NLA_F, TCA_NETEM } from '../constants.ts';
import { type Attribute, attrU32, attrU64, concat, maybe, nested, present, raw } from '../message.ts';
import { ticks } from './psched.ts';

/** Chances are 0 to 1, sizes bytes, rates bytes a second. Each correlation is with the packet before. */
export interface NetemOptions {
  readonly kind: 'netem';
  /** Packets held at once. */
  readonly limit: number;
  readonly latencyNs?: number;
  /** Plus or minus; uniform without a distribution. */
  readonly jitterNs?: number;
  readonly delayCorrelation?: number;
  /** Samples of the delay in units of jitter / 8192. */
  readonly distribution?: Int16Array;
  readonly loss?: number;
  readonly lossCorrelation?: number;
  readonly lossModel?: GilbertElliott | FourStates;
  /** Mark lost packets that carry ECN instead of dropping them. */
  readonly ecn?: boolean;
  readonly duplicate?: number;
  readonly duplicateCorrelation?: number;
  /** Chance that a packet is sent at once, ahead of those that wait. */
  readonly reorder?: number;
  readonly reorderCorrelation?: number;
  /** Only every gap-th packet may be reordered. */
  readonly gap?: number;
  readonly corrupt?: number;
  readonly corruptCorrelation?: number;
  readonly rate?: number;
  readonly packetOverhead?: number;
  readonly cellSize?: number;
  readonly cellOverhead?: number;
  readonly slot?: Slot;
  /** Seed of the qdisc's own generator. */
  readonly seed?: number | bigint;
}

/** Two states: p leaves the good one, r leaves the bad one; `lossBad` is 1-h, `lossGood` is 1-k. */
export interface GilbertElliott {
  readonly model: 'gemodel';
  readonly p: number;
  readonly r: number;
  readonly lossBad: number;
  readonly lossGood: number;
}

/** The general and intuitive model: transition chances between four states. */
export interface FourStates {
  readonly model: 'state';
  readonly p13: number;
  readonly p31: number;
  readonly p32: number;
  readonly p23: number;
  readonly p14: number;
}

/** Delivery in bursts, as from a shared medium. */
export interface Slot {
  /** Time between two: uniform from one to the other, or of a distribution with this mean and deviation. */
  readonly minDelayNs?: number;
  readonly maxDelayNs?: number;
  readonly delayNs?: number;
  readonly jitterNs?: number;
  readonly distribution?: Int16Array;
  /** What one lets pass at most. */
  readonly packets?: number;
  readonly bytes?: number;
}

const qopt = Struct({ latency: u32, limit: u32, loss: u32, gap: u32, duplicate: u32, jitter: u32 });
const corr = Struct({ delay: u32, loss: u32, duplicate: u32 });
const chanceCorr = Struct({ probability: u32, correlation: u32 });
const rateSpec = Struct({ rate: u32, packetOverhead: s32, cellSize: u32, cellOverhead: s32 });
const slotSpec = Struct({
  minDelay: s64AsNumber,
  maxDelay: s64AsNumber,
  maxPackets: s32,
  maxBytes: s32,
  distributionDelay: s64AsNumber,
  distributionJitter: s64AsNumber,
});
const fourStates = Struct({ p13: u32, p31: u32, p32: u32, p14: u32, p23: u32 });
const gilbertElliott = Struct({ p: u32, r: u32, h: u32, k1: u32 });

const u32Max = 0xffff_ffff;
/** A chance as the kernel compares it with 32 random bits. */
const chance = (probability = 0): number => roundHalfEven(probability * u32Max);

/** rint(3), as tc rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/** A time that whole ticks cannot tell needs its attribute of 64 bits. */
const needs64 = (ns: number | undefined): boolean => ns !== undefined && (ns % 64 !== 0 || ns / 64 > u32Max);

/** The same with a zero for whatever it does not have: a change leaves alone what is not named (netem_change()). */
export const everyNetemOption = (o: NetemOptions): NetemOptions => ({
  ...o,
  delayCorrelation: o.delayCorrelation ?? 0,
  reorder: o.reorder ?? 0,
  corrupt: o.corrupt ?? 0,
  ecn: o.ecn ?? false,
});

/** What goes into TCA_OPTIONS: struct tc_netem_qopt, then attributes. */
export function encodeNetem(o: NetemOptions): Uint8Array {
  const gap = o.gap ?? (o.reorder ? 1 : 0);
  const head = encode(qopt, {
    latency: ticks(o.latencyNs ?? 0),
    jitter: ticks(o.jitterNs ?? 0),
    limit: o.limit,
    gap,
    loss: chance(o.loss),
    duplicate: chance(o.duplicate),
  });
  return concat([
    head,
    ...present(
      correlations(o),
      o.reorder !== undefined
        ? raw(
            TCA_NETEM.REORDER,
            encode(chanceCorr, { probability: chance(o.reorder), correlation: chance(o.reorderCorrelation) }),
          )
        : undefined,
      o.corrupt !== undefined
        ? raw(
            TCA_NETEM.CORRUPT,
            encode(chanceCorr, { probability: chance(o.corrupt), correlation: chance(o.corruptCorrelation) }),
          )
        : undefined,
      o.lossModel && nested(TCA_NETEM.LOSS | NLA_F.NESTED, [encodeLossModel(o.lossModel)]),
      o.ecn !== undefined ? attrU32(TCA_NETEM.ECN, Number(o.ecn)) : undefined,
      ...encodeRate(o),
      maybe(attrU64, TCA_NETEM.LATENCY64, needs64(o.latencyNs) ? o.latencyNs : undefined),
      maybe(attrU64, TCA_NETEM.JITTER64, needs64(o.jitterNs) ? o.jitterNs : undefined),
      o.slot && raw(TCA_NETEM.SLOT, encodeSlot(o.slot)),
      o.distribution && table(TCA_NETEM.DELAY_DIST, o.distribution),
      o.slot?.distribution && table(TCA_NETEM.SLOT_DIST, o.slot.distribution),
      maybe(attrU64, TCA_NETEM.PRNG_SEED, o.seed),
    ),
  ]);
}

const table = (type: number, samples: Int16Array): Attribute =>
  raw(type, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));

function correlations(o: NetemOptions): Attribute | undefined {
  const given = [o.delayCorrelation, o.lossCorrelation, o.duplicateCorrelation];
  if (given.every((value) => value === undefined)) return undefined;
  const value = {
    delay: chance(o.delayCorrelation),
    loss: chance(o.lossCorrelation),
    duplicate: chance(o.duplicateCorrelation),
  };
  return raw(TCA_NETEM.CORR, encode(corr, value));
}

function encodeLossModel(m: GilbertElliott | FourStates): Attribute {
  if (m.model === 'gemodel') {
    const value = { p: chance(m.p), r: chance(m.r), h: u32Max - chance(m.lossBad), k1: chance(m.lossGood) };
    return raw(NETEM_LOSS.GE, encode(gilbertElliott, value));
  }
  return raw(
    NETEM_LOSS.GI,
    encode(fourStates, {
      p13: chance(m.p13),
      p31: chance(m.p31),
      p32: chance(m.p32),
      p14: chance(m.p14),
      p23: chance(m.p23),
    }),
  );
}

function encodeRate(o: NetemOptions): Attribute[] {
  if (!o.rate) return [];
  const value = {
    rate: Math.min(o.rate, u32Max),
    packetOverhead: o.packetOverhead ?? 0,
    cellSize: o.cellSize ?? 0,
    cellOverhead: o.cellOverhead ?? 0,
  };
  return present(
    o.rate > u32Max ? attrU64(TCA_NETEM.RATE64, o.rate) : undefined,
    raw(TCA_NETEM.RATE, encode(rateSpec, value)),
  );
}

function encodeSlot({ minDelayNs, maxDelayNs, delayNs, jitterNs, packets = 0, bytes = 0 }: Slot): Uint8Array {
  return encode(slotSpec, {
    minDelay: minDelayNs ?? 0,
    maxDelay: maxDelayNs ?? 0,
    maxPackets: packets,
    maxBytes: bytes,
    distributionDelay: delayNs ?? 0,
    distributionJitter: jitterNs ?? 0,
  });
}

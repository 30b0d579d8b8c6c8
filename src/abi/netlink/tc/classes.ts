/** Classes of the classful qdiscs, in the kernel's own units, and their TCA_OPTIONS bytes: htb, hfsc, drr, qfq. */

import { Struct, u32 } from '../../struct.ts';
import { encode } from '../codecs.ts';
import { TCA_HTB } from '../constants.ts';
import { attrU32, attrU64, concat, maybe, present, raw } from '../message.ts';
import { needs64, rateOf, ratespec, transmitTicks } from './psched.ts';

/** One class of an htb. Rates in bytes a second, bursts in bytes. */
export interface HtbClass {
  readonly kind: 'htb';
  readonly rate: number;
  readonly ceil: number;
  readonly burst: number;
  readonly cburst: number;
  readonly prio?: number;
  readonly quantum?: number;
}
/** Bytes a second for the first microseconds of a backlog, and from then on: tc-hfsc(7). */
export interface ServiceCurve {
  readonly m1: number;
  readonly dUs: number;
  readonly m2: number;
}
export interface HfscClass {
  readonly kind: 'hfsc';
  /** What it is sure of, its share of what is left, and its ceiling. */
  readonly rt?: ServiceCurve;
  readonly ls?: ServiceCurve;
  readonly ul?: ServiceCurve;
}
/** Bytes in each round. */
export interface DrrClass {
  readonly kind: 'drr';
  readonly quantum: number;
}
export interface QfqClass {
  readonly kind: 'qfq';
  readonly weight: number;
  readonly maxPacket: number;
}
export type ClassOptions = HtbClass | HfscClass | DrrClass | QfqClass;

const htbOpt = Struct({
  rate: ratespec,
  ceil: ratespec,
  buffer: u32,
  cbuffer: u32,
  quantum: u32,
  level: u32,
  prio: u32,
});
const serviceCurve = Struct({ m1: u32, d: u32, m2: u32 });
const HFSC = { RSC: 1, FSC: 2, USC: 3 } as const;
const DRR_QUANTUM = 1;
const QFQ = { WEIGHT: 1, LMAX: 2 } as const;

export function encodeClass(o: ClassOptions): Uint8Array {
  switch (o.kind) {
    case 'htb':
      return encodeHtb(o);
    case 'hfsc': {
      const curve = (type: number, { m1, dUs, m2 }: ServiceCurve) =>
        raw(type, encode(serviceCurve, { m1, d: dUs, m2 }));
      return concat(present(maybe(curve, HFSC.RSC, o.rt), maybe(curve, HFSC.FSC, o.ls), maybe(curve, HFSC.USC, o.ul)));
    }
    case 'drr':
      return attrU32(DRR_QUANTUM, o.quantum);
    case 'qfq':
      return concat([attrU32(QFQ.WEIGHT, o.weight), attrU32(QFQ.LMAX, o.maxPacket)]);
  }
}

function encodeHtb(c: HtbClass): Uint8Array {
  const parms = encode(htbOpt, {
    rate: rateOf(c.rate),
    ceil: rateOf(c.ceil),
    buffer: transmitTicks(c.rate, c.burst),
    cbuffer: transmitTicks(c.ceil, c.cburst),
    quantum: c.quantum ?? 0,
    prio: c.prio ?? 0,
  });
  return concat(
    present(
      needs64(c.rate) ? attrU64(TCA_HTB.RATE64, c.rate) : undefined,
      needs64(c.ceil) ? attrU64(TCA_HTB.CEIL64, c.ceil) : undefined,
      raw(TCA_HTB.PARMS, parms),
    ),
  );
}

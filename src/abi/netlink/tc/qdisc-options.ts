/** Options of every qdisc kind we set, in the kernel's own units, and their TCA_OPTIONS bytes. */

import { Struct, u8, u32 } from '../../struct.ts';
import { array, encode, s32 } from '../codecs.ts';
import {
  TCA_CAKE,
  TCA_CODEL,
  TCA_FQ,
  TCA_FQ_CODEL,
  TCA_FQ_PIE,
  TCA_HHF,
  TCA_HTB,
  TCA_PIE,
  TCA_TBF,
} from '../constants.ts';
import { type Attribute, attrU32, attrU64, concat, present, raw } from '../message.ts';
import { encodeNetem, type NetemOptions } from './netem.ts';
import { needs64, noRate, rateOf, ratespec, transmitTicks } from './psched.ts';
import { encodeStruct, type StructOptions } from './qdisc-structs.ts';
import { type ChokeOptions, encodeChoke, encodeRed, type RedOptions } from './red.ts';

/** Sizes in bytes, rates in bytes a second; `limit` in packets unless said. */
export interface TbfOptions {
  readonly kind: 'tbf';
  readonly rate: number;
  readonly burst: number;
  /** Bytes. */
  readonly limit: number;
  readonly peakRate?: number;
  /** Bytes that may go at once at the peak rate. */
  readonly peakBurst?: number;
  /** Bytes that a packet counts for at least. */
  readonly mpu?: number;
}
export interface HtbOptions {
  readonly kind: 'htb';
  /** Minor number of the class of unclassified packets. */
  readonly defaultClass: number;
  readonly rateToQuantum?: number;
}
export interface FifoOptions {
  /** bfifo counts its limit in bytes, the others in packets. */
  readonly kind: 'pfifo' | 'bfifo' | 'pfifo_head_drop';
  readonly limit?: number;
}
export interface PrioOptions {
  readonly kind: 'prio';
  readonly bands?: number;
  readonly priomap?: readonly number[];
}
export interface SfqOptions {
  readonly kind: 'sfq';
  readonly quantum?: number;
  readonly perturbSeconds?: number;
  readonly limit?: number;
  readonly divisor?: number;
  readonly flows?: number;
  readonly depth?: number;
}
export interface IngressOptions {
  readonly kind: 'ingress' | 'clsact';
}

/** Options that are one attribute each: name, attribute, width. */
const flatOptions = {
  codel: {
    limit: [TCA_CODEL.LIMIT, attrU32],
    targetUs: [TCA_CODEL.TARGET, attrU32],
    intervalUs: [TCA_CODEL.INTERVAL, attrU32],
    ceThresholdUs: [TCA_CODEL.CE_THRESHOLD, attrU32],
    ecn: [TCA_CODEL.ECN, attrU32],
  },
  fq_codel: {
    limit: [TCA_FQ_CODEL.LIMIT, attrU32],
    flows: [TCA_FQ_CODEL.FLOWS, attrU32],
    quantum: [TCA_FQ_CODEL.QUANTUM, attrU32],
    intervalUs: [TCA_FQ_CODEL.INTERVAL, attrU32],
    targetUs: [TCA_FQ_CODEL.TARGET, attrU32],
    ecn: [TCA_FQ_CODEL.ECN, attrU32],
    ceThresholdUs: [TCA_FQ_CODEL.CE_THRESHOLD, attrU32],
    memoryLimit: [TCA_FQ_CODEL.MEMORY_LIMIT, attrU32],
    dropBatch: [TCA_FQ_CODEL.DROP_BATCH_SIZE, attrU32],
  },
  fq: {
    limit: [TCA_FQ.PLIMIT, attrU32],
    flowLimit: [TCA_FQ.FLOW_PLIMIT, attrU32],
    quantum: [TCA_FQ.QUANTUM, attrU32],
    initialQuantum: [TCA_FQ.INITIAL_QUANTUM, attrU32],
    pacing: [TCA_FQ.RATE_ENABLE, attrU32],
    maxRate: [TCA_FQ.FLOW_MAX_RATE, attrU32],
    refillDelayUs: [TCA_FQ.FLOW_REFILL_DELAY, attrU32],
    ceThresholdUs: [TCA_FQ.CE_THRESHOLD, attrU32],
  },
  pie: {
    limit: [TCA_PIE.LIMIT, attrU32],
    targetUs: [TCA_PIE.TARGET, attrU32],
    updateUs: [TCA_PIE.TUPDATE, attrU32],
    alpha: [TCA_PIE.ALPHA, attrU32],
    beta: [TCA_PIE.BETA, attrU32],
    ecn: [TCA_PIE.ECN, attrU32],
    bytemode: [TCA_PIE.BYTEMODE, attrU32],
  },
  fq_pie: {
    limit: [TCA_FQ_PIE.LIMIT, attrU32],
    flows: [TCA_FQ_PIE.FLOWS, attrU32],
    targetUs: [TCA_FQ_PIE.TARGET, attrU32],
    updateUs: [TCA_FQ_PIE.TUPDATE, attrU32],
    alpha: [TCA_FQ_PIE.ALPHA, attrU32],
    beta: [TCA_FQ_PIE.BETA, attrU32],
    quantum: [TCA_FQ_PIE.QUANTUM, attrU32],
    memoryLimit: [TCA_FQ_PIE.MEMORY_LIMIT, attrU32],
    ecn: [TCA_FQ_PIE.ECN, attrU32],
  },
  hhf: {
    limit: [TCA_HHF.BACKLOG_LIMIT, attrU32],
    quantum: [TCA_HHF.QUANTUM, attrU32],
    heavyFlows: [TCA_HHF.HH_FLOWS_LIMIT, attrU32],
    resetUs: [TCA_HHF.RESET_TIMEOUT, attrU32],
    admitBytes: [TCA_HHF.ADMIT_BYTES, attrU32],
    evictUs: [TCA_HHF.EVICT_TIMEOUT, attrU32],
    lightWeight: [TCA_HHF.NON_HH_WEIGHT, attrU32],
  },
  cake: {
    /** Bytes a second; 0 is unlimited. */
    bandwidth: [TCA_CAKE.BASE_RATE64, attrU64],
    diffserv: [TCA_CAKE.DIFFSERV_MODE, attrU32],
    flowMode: [TCA_CAKE.FLOW_MODE, attrU32],
    overhead: [TCA_CAKE.OVERHEAD, attrU32],
    mpu: [TCA_CAKE.MPU, attrU32],
    /** 0: frames as they are, 1: ATM cells, 2: PTM's coding. */
    atm: [TCA_CAKE.ATM, attrU32],
    fwmark: [TCA_CAKE.FWMARK, attrU32],
    rttUs: [TCA_CAKE.RTT, attrU32],
    targetUs: [TCA_CAKE.TARGET, attrU32],
    autorate: [TCA_CAKE.AUTORATE, attrU32],
    nat: [TCA_CAKE.NAT, attrU32],
    wash: [TCA_CAKE.WASH, attrU32],
    splitGso: [TCA_CAKE.SPLIT_GSO, attrU32],
    ingress: [TCA_CAKE.INGRESS, attrU32],
    ackFilter: [TCA_CAKE.ACK_FILTER, attrU32],
    memoryLimit: [TCA_CAKE.MEMORY, attrU32],
  },
} as const;

type FlatKind = keyof typeof flatOptions;
type FlatOptions = {
  [K in FlatKind]: { readonly kind: K } & { readonly [N in keyof (typeof flatOptions)[K]]?: number };
}[FlatKind];

/** Any qdisc with its options. */
export type QdiscOptions =
  | NetemOptions
  | TbfOptions
  | HtbOptions
  | RedOptions
  | ChokeOptions
  | StructOptions
  | FifoOptions
  | PrioOptions
  | SfqOptions
  | IngressOptions
  | FlatOptions;

/** sch_cake's own words for its modes, in the order of the kernel's enums. */
export const cakeDiffserv = ['diffserv3', 'diffserv4', 'diffserv8', 'besteffort', 'precedence'] as const;
export const cakeFlowModes = [
  'flowblind',
  'srchost',
  'dsthost',
  'hosts',
  'flows',
  'dual-srchost',
  'dual-dsthost',
  'triple-isolate',
] as const;
export const cakeAckFilters = ['no-ack-filter', 'ack-filter', 'ack-filter-aggressive'] as const;

const tbfQopt = Struct({ rate: ratespec, peakrate: ratespec, limit: u32, buffer: u32, mtu: u32 });
const htbGlob = Struct({ version: u32, rate2quantum: u32, defcls: u32, debug: u32, directPackets: u32 });
const fifoQopt = Struct({ limit: u32 });
const prioQopt = Struct({ bands: s32, priomap: array(u8, 16) });
const sfqQopt = Struct({
  quantum: u32,
  perturbSeconds: s32,
  limit: u32,
  divisor: u32,
  flows: u32,
  depth: u32,
  headdrop: u32,
  redLimit: u32,
  redMin: u32,
  redMax: u32,
  wlog: u8,
  plog: u8,
  scellLog: u8,
  flags: u8,
  maxP: u32,
  stats: array(u32, 6),
});

/** The payload of TCA_OPTIONS; empty when the kind has none or all are left to the kernel. */
export function encodeQdiscOptions(o: QdiscOptions): Uint8Array {
  switch (o.kind) {
    case 'netem':
      return encodeNetem(o);
    case 'tbf':
      return encodeTbf(o);
    case 'htb':
      return raw(
        TCA_HTB.INIT,
        encode(htbGlob, { version: 3, rate2quantum: o.rateToQuantum ?? 10, defcls: o.defaultClass }),
      );
    case 'red':
      return encodeRed(o);
    case 'choke':
      return encodeChoke(o);
    case 'sfb':
    case 'ets':
    case 'hfsc':
    case 'multiq':
    case 'mqprio':
    case 'skbprio':
    case 'cbs':
    case 'plug':
    case 'drr':
    case 'qfq':
    case 'pfifo_fast':
      return encodeStruct(o);
    case 'pfifo':
    case 'bfifo':
    case 'pfifo_head_drop':
      return o.limit === undefined ? new Uint8Array() : encode(fifoQopt, { limit: o.limit });
    case 'prio':
      return encodePrio(o);
    case 'sfq':
      return encode(sfqQopt, o);
    case 'ingress':
    case 'clsact':
      return new Uint8Array();
    default:
      return encodeFlat(o);
  }
}

/** tc's map of priorities, as far as there are bands: the kernel refuses one that names others. */
function encodePrio({ bands = 3, priomap }: PrioOptions): Uint8Array {
  const usual = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];
  return encode(prioQopt, { bands, priomap: priomap ?? usual.map((band) => Math.min(band, bands - 1)) });
}

function encodeFlat(o: FlatOptions): Uint8Array {
  const values = o as Readonly<Record<string, number | string | undefined>>;
  return concat(
    Object.entries(flatOptions[o.kind]).flatMap(([name, [type, make]]): Attribute[] => {
      const value = values[name];
      return typeof value === 'number' ? [make(type, value)] : [];
    }),
  );
}

function encodeTbf(o: TbfOptions): Uint8Array {
  const buffer = transmitTicks(o.rate, o.burst);
  const peakBurst = o.peakBurst ?? 0;
  const parms = encode(tbfQopt, {
    rate: { ...rateOf(o.rate), mpu: o.mpu ?? 0 },
    peakrate: o.peakRate ? rateOf(o.peakRate) : noRate,
    limit: o.limit,
    buffer,
    mtu: o.peakRate ? transmitTicks(o.peakRate, peakBurst) : 0,
  });
  return concat(
    present(
      raw(TCA_TBF.PARMS, parms),
      attrU32(TCA_TBF.BURST, o.burst),
      needs64(o.rate) ? attrU64(TCA_TBF.RATE64, o.rate) : undefined,
      o.peakRate && needs64(o.peakRate) ? attrU64(TCA_TBF.PRATE64, o.peakRate) : undefined,
      o.peakRate ? attrU32(TCA_TBF.PBURST, peakBurst) : undefined,
    ),
  );
}

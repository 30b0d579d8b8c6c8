/** What RTM_GETQDISC and RTM_GETTCLASS tell: counters of every qdisc, and those only its kind keeps. */

import { type Codec, Struct, u32, u64AsNumber } from '../../struct.ts';
import { array, decode, s32, s64AsNumber } from '../codecs.ts';
import { TCA, TCA_CAKE_STATS, TCA_CAKE_TIN_STATS, TCA_STATS } from '../constants.ts';
import { asString, asU32, asU64, listAttributes, parseAttributes } from '../message.ts';
import { parseTcHeader } from './tc.ts';

/** Counters every qdisc keeps. `drops` counts what it did not deliver, for whatever reason. */
export interface QueueStats {
  readonly bytes: number;
  readonly packets: number;
  readonly drops: number;
  readonly overlimits: number;
  readonly requeues: number;
  /** Packets now in the queue. */
  readonly qlen: number;
  /** Bytes now in the queue. */
  readonly backlog: number;
}

/** Counters of one kind, by the kernel's names. */
export type ExtraStats = Readonly<
  Record<string, number | readonly number[] | readonly Readonly<Record<string, number>>[]>
>;

export interface QdiscState {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  readonly kind: string;
  readonly stats: QueueStats;
  readonly extra?: ExtraStats;
}

const basic = Struct({ bytes: u64AsNumber, packets: u32 });
const queue = Struct({ qlen: u32, backlog: u32, drops: u32, requeues: u32, overlimits: u32 });

const extraStats: Readonly<Record<string, Codec<ExtraStats>>> = {
  codel: Struct({
    maxpacket: u32,
    count: u32,
    lastcount: u32,
    ldelay: u32,
    drop_next: s32,
    drop_overlimit: u32,
    ecn_mark: u32,
    dropping: u32,
    ce_mark: u32,
  }),
  fq_codel: Struct({
    type: u32,
    maxpacket: u32,
    drop_overlimit: u32,
    ecn_mark: u32,
    new_flow_count: u32,
    new_flows_len: u32,
    old_flows_len: u32,
    ce_mark: u32,
    memory_usage: u32,
    drop_overmemory: u32,
  }),
  fq: Struct({
    gc_flows: u64AsNumber,
    highprio_packets: u64AsNumber,
    tcp_retrans: u64AsNumber,
    throttled: u64AsNumber,
    flows_plimit: u64AsNumber,
    pkts_too_long: u64AsNumber,
    allocation_errors: u64AsNumber,
    time_next_delayed_flow: s64AsNumber,
    flows: u32,
    inactive_flows: u32,
    throttled_flows: u32,
    unthrottle_latency_ns: u32,
    ce_mark: u64AsNumber,
    horizon_drops: u64AsNumber,
    horizon_caps: u64AsNumber,
    fastpath_packets: u64AsNumber,
    band_drops: array(u64AsNumber, 3),
    band_pkt_count: array(u32, 3),
  }),
  pie: Struct({
    prob: u64AsNumber,
    delay: u32,
    avg_dq_rate: u32,
    dq_rate_estimating: u32,
    packets_in: u32,
    dropped: u32,
    overlimit: u32,
    maxq: u32,
    ecn_mark: u32,
  }),
  fq_pie: Struct({
    packets_in: u32,
    dropped: u32,
    overlimit: u32,
    overmemory: u32,
    ecn_mark: u32,
    new_flow_count: u32,
    new_flows_len: u32,
    old_flows_len: u32,
    memory_usage: u32,
  }),
  choke: Struct({ early: u32, pdrop: u32, other: u32, marked: u32, matched: u32 }),
  sfb: Struct({
    earlydrop: u32,
    penaltydrop: u32,
    bucketdrop: u32,
    queuedrop: u32,
    childdrop: u32,
    marked: u32,
    maxqlen: u32,
    maxprob: u32,
    avgprob: u32,
  }),
  hhf: Struct({ drop_overlimit: u32, hh_overlimit: u32, hh_tot_count: u32, hh_cur_count: u32 }),
  red: Struct({ early: u32, pdrop: u32, other: u32, marked: u32 }),
  htb: Struct({ lends: u32, borrows: u32, giants: u32, tokens: s32, ctokens: s32 }),
};

/** One qdisc of a dump, or one class. */
export function parseQdisc(payload: Uint8Array): QdiscState {
  const { index, handle, parent, attributes } = parseTcHeader(payload);
  const top = parseAttributes(attributes);
  const kind = asString(top.get(TCA.KIND) ?? new Uint8Array());
  const stats = parseAttributes(top.get(TCA.STATS2) ?? new Uint8Array());
  const { bytes, packets } = decode(basic, stats.get(TCA_STATS.BASIC) ?? new Uint8Array());
  const packets64 = stats.get(TCA_STATS.PKT64);
  const extra = parseExtra(kind, stats.get(TCA_STATS.APP));
  return {
    index,
    handle,
    parent,
    kind,
    stats: {
      bytes,
      packets: packets64 ? asU64(packets64) : packets,
      ...decode(queue, stats.get(TCA_STATS.QUEUE) ?? new Uint8Array()),
    },
    ...(extra && { extra }),
  };
}

function parseExtra(kind: string, payload: Uint8Array | undefined): ExtraStats | undefined {
  if (!payload) return undefined;
  if (kind === 'cake') return parseCake(payload);
  const codec = extraStats[kind];
  return codec && decode(codec, payload);
}

const cakeStats = {
  capacity_estimate: TCA_CAKE_STATS.CAPACITY_ESTIMATE64,
  memory_limit: TCA_CAKE_STATS.MEMORY_LIMIT,
  memory_used: TCA_CAKE_STATS.MEMORY_USED,
};
const cakeTinStats = {
  sent_packets: TCA_CAKE_TIN_STATS.SENT_PACKETS,
  sent_bytes: TCA_CAKE_TIN_STATS.SENT_BYTES64,
  drops: TCA_CAKE_TIN_STATS.DROPPED_PACKETS,
  dropped_bytes: TCA_CAKE_TIN_STATS.DROPPED_BYTES64,
  ack_drops: TCA_CAKE_TIN_STATS.ACKS_DROPPED_PACKETS,
  ecn_mark: TCA_CAKE_TIN_STATS.ECN_MARKED_PACKETS,
  backlog_packets: TCA_CAKE_TIN_STATS.BACKLOG_PACKETS,
  backlog_bytes: TCA_CAKE_TIN_STATS.BACKLOG_BYTES,
  threshold_rate: TCA_CAKE_TIN_STATS.THRESHOLD_RATE64,
  target_us: TCA_CAKE_TIN_STATS.TARGET_US,
  interval_us: TCA_CAKE_TIN_STATS.INTERVAL_US,
  peak_delay_us: TCA_CAKE_TIN_STATS.PEAK_DELAY_US,
  avg_delay_us: TCA_CAKE_TIN_STATS.AVG_DELAY_US,
  base_delay_us: TCA_CAKE_TIN_STATS.BASE_DELAY_US,
  sparse_flows: TCA_CAKE_TIN_STATS.SPARSE_FLOWS,
  bulk_flows: TCA_CAKE_TIN_STATS.BULK_FLOWS,
};

/** sch_cake sends attributes where the others send a struct; its tins are numbered from 1. */
function parseCake(payload: Uint8Array): ExtraStats {
  const top = parseAttributes(payload);
  const tins = listAttributes(top.get(TCA_CAKE_STATS.TIN_STATS) ?? new Uint8Array());
  return { ...pick(cakeStats, top), tins: tins.map(([, tin]) => pick(cakeTinStats, parseAttributes(tin))) };
}

function pick(names: Readonly<Record<string, number>>, from: ReadonlyMap<number, Uint8Array>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, type]) => {
      const value = from.get(type);
      return value ? [[name, value.length === 8 ? asU64(value) : asU32(value)]] : [];
    }),
  );
}

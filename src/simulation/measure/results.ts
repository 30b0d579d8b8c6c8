/** What a simulation answers: numbers in the units their names end with. */

import type { TcpInfo } from '../../abi/netlink/inet-diag.ts';
import type { ExtraStats } from '../../abi/netlink/tc/tc-stats.ts';
import type { Summary } from './stats.ts';

interface FlowResult {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly port: number;
  readonly start_s: number;
  /** From the start to the end, or to the end of the simulation. */
  readonly duration_s: number;
  /** It ended by itself. */
  readonly completed: boolean;
  /** The end of the simulation cut it off. */
  readonly truncated?: true;
  /** What Linux said when it could not go on. */
  readonly error?: string;
  /** One of its hosts met a shortage of the memory that all hosts share, which machines of their own would not have. */
  readonly memory_bound?: true;
}

/** One connection as both its ends saw it. */
export interface StreamResult {
  /** Bytes the receiver got in order. */
  readonly bytes: number;
  readonly goodput_bps: number;
}

export interface TcpResult extends FlowResult {
  readonly type: 'tcp';
  /** What its socket has; absent if it never had one. */
  readonly congestion?: string;
  readonly bytes: number;
  readonly goodput_bps: number;
  readonly retransmits: number;
  /** Both ends agreed on ECN. */
  readonly ecn?: true;
  /** Of the smoothed round-trip times sampled while it ran. */
  readonly rtt_ms?: Summary;
  readonly min_rtt_ms?: number;
  readonly streams: readonly StreamResult[];
  /** Of MPTCP: those that were open at the end, of all streams. */
  readonly subflows?: readonly SubflowResult[];
  /** Jain's index over the streams. */
  readonly fairness?: number;
  readonly tcp_info?: TcpInfo;
}

/** One path of an MPTCP connection, as its sender sees it. */
export interface SubflowResult {
  readonly local: string;
  readonly remote: string;
  readonly bytes_acked: number;
  /** Of what it carried, over the time of the whole flow. */
  readonly goodput_bps: number;
  readonly rtt_ms: number;
  readonly min_rtt_ms: number;
  readonly retransmits: number;
  /** Segments. */
  readonly cwnd: number;
}

export interface UdpResult extends FlowResult {
  readonly type: 'udp';
  readonly sent: number;
  readonly received: number;
  /** Sent so late that one as slow as the slowest (without one: as the links are) would not have come: neither received nor lost. */
  readonly in_flight: number;
  readonly lost: number;
  /** `lost` as a fraction of what was sent and is not under way. */
  readonly loss: number;
  readonly duplicates: number;
  readonly reordered: number;
  /** Received with ECN's mark (CE), where they were sent as able to have it. */
  readonly marked?: number;
  /** Of a group: what each of them got; the other figures are of all together, a datagram for each of them. */
  readonly receivers?: readonly {
    readonly node: string;
    readonly received: number;
    readonly lost: number;
    readonly in_flight: number;
  }[];
  /** Payload after the first datagram, over the time from its arrival to the last one's: none with fewer than two. */
  readonly goodput_bps?: number;
  readonly one_way_ms?: Summary;
  /** The running estimate of RFC 3550, 6.4.1, in the order of arrival: its mean over all datagrams. */
  readonly jitter_ms: number;
  /** Its largest value, and its last one, which iperf(1) shows: at the very end only the slowest still arrive. */
  readonly jitter_max_ms: number;
  readonly jitter_last_ms: number;
  /** How transit times differ from one arrival to the next (RFC 3393), without their signs. */
  readonly delay_variation_ms?: Summary;
}

export interface PingResult extends FlowResult {
  readonly type: 'ping';
  readonly sent: number;
  readonly received: number;
  /** Sent so late that an answer as slow as the slowest (without one: as the links are) would not have come: neither received nor lost. */
  readonly in_flight: number;
  readonly duplicates: number;
  readonly loss: number;
  readonly rtt_ms?: Summary;
}

export interface RequestResponseResult extends FlowResult {
  readonly type: 'rr';
  readonly transactions: number;
  readonly per_second: number;
  readonly latency_ms?: Summary;
}

export interface OnOffResult extends FlowResult {
  readonly type: 'on-off';
  readonly periods: number;
  readonly bytes: number;
  /** Over bursts and silences alike. */
  readonly goodput_bps: number;
  /** UDP only. */
  readonly lost?: number;
  readonly in_flight?: number;
  /** Of UDP with `ecn`: received with ECN's mark (CE). */
  readonly marked?: number;
}

export interface FlowsResult extends FlowResult {
  readonly type: 'flows';
  readonly started: number;
  readonly finished: number;
  readonly bytes: number;
  readonly goodput_bps: number;
  readonly completion_ms?: Summary;
  /** Completion time over what the size alone would take on an empty path: by size, small to large. */
  readonly by_size: readonly { readonly bytes: number; readonly count: number; readonly completion_ms: Summary }[];
}

export interface ReplayResult extends FlowResult {
  readonly type: 'replay';
  /** Packets of others, and frames without IP. */
  readonly skipped: number;
  readonly there: ReplayedWay;
  readonly back: ReplayedWay;
}

/** What one of the two hosts sent. */
export interface ReplayedWay {
  /** Of the capture; of one longer than the MTU, which a device was to cut, each part. */
  readonly packets: number;
  /** Until the end of the simulation. */
  readonly sent: number;
  readonly received: number;
  readonly in_flight: number;
  readonly lost: number;
  /** `lost` as a fraction of what was sent and is not under way. */
  readonly loss: number;
  readonly reordered: number;
  /** Of payload, that came. */
  readonly bytes: number;
  readonly one_way_ms?: Summary;
}

export interface SyscallsResult {
  readonly type: 'syscalls';
  readonly name: string;
  readonly on: string;
  readonly start_s: number;
  readonly completed: boolean;
  readonly result?: unknown;
  /** A call that failed, and was not to, ended it; or it could not be made at all. */
  readonly error?: string;
}

export interface ExecResult {
  readonly type: 'exec';
  readonly name: string;
  readonly on: string;
  readonly start_s: number;
  /** It ended by itself. */
  readonly completed: boolean;
  /** The end of the simulation cut it off, and it is none of the background. */
  readonly truncated?: true;
  /** When it ended. */
  readonly end_s?: number;
  readonly exit_code?: number;
  readonly signal?: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes of output beyond those that are kept. */
  readonly omitted?: number;
  /** It could not be run, or did not end as the request wants it. */
  readonly error?: string;
}

export type WorkloadResult =
  | TcpResult
  | UdpResult
  | PingResult
  | RequestResponseResult
  | OnOffResult
  | FlowsResult
  | ReplayResult
  | SyscallsResult
  | ExecResult;

/** One qdisc of one direction of a link. */
export interface QdiscResult {
  readonly kind: string;
  readonly handle: string;
  readonly parent: string;
  readonly sent_bytes: number;
  readonly sent_packets: number;
  /** Packets it did not deliver, those of qdiscs below it included. */
  readonly drops: number;
  /** Packets it marked instead of dropping them (ECN). */
  readonly marks: number;
  readonly overlimits: number;
  readonly backlog_bytes: number;
  readonly backlog_packets: number;
  readonly extra?: ExtraStats;
}

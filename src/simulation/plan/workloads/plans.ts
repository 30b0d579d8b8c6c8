/** Workloads with their hosts found, their addresses chosen and their numbers read. */

import type { Replay } from '../../replay/plan-replay.ts';
import type { PlacedStep } from '../../run/calls/steps.ts';
import type { ExitPlan } from '../command-plan.ts';
import type { SimulationStep } from '../request.ts';
import type { InterfaceAddress } from '../routes/prefix.ts';
import type { Interface, Node } from '../topology.ts';

/** Who talks to whom, from when on. */
export interface FlowPlan {
  readonly index: number;
  readonly name: string;
  readonly from: Node;
  readonly to: Node;
  readonly target: Interface;
  readonly address: InterfaceAddress;
  /** The address is of a device that the host makes itself, or comes by an event: the target is where its packets come in. */
  readonly isOverlay?: true;
  readonly port: number;
  readonly startNs: number;
  /** DSCP and ECN in one byte, as IP has them. */
  readonly tos?: number;
}

export interface TcpOptionsPlan {
  readonly congestion?: string;
  readonly mptcp: boolean;
  readonly nodelay: boolean;
  readonly sndbuf?: number;
  readonly rcvbuf?: number;
  /** Bytes a second. */
  readonly maxPacingRate?: number;
  readonly mss?: number;
  readonly notsentLowat?: number;
  readonly fastopen: boolean;
  /** What its connections say of ECN; "host": as the host has it, beside flows that say otherwise. */
  readonly ecn?: 'asks' | 'never' | 'host';
}

export interface TcpPlan extends FlowPlan {
  readonly type: 'tcp';
  readonly bytes?: number;
  readonly durationNs?: number;
  readonly parallel: number;
  readonly options: TcpOptionsPlan;
}

export interface UdpPlan extends FlowPlan {
  readonly type: 'udp';
  /** Time between datagrams. */
  readonly intervalNs: number;
  readonly size: number;
  readonly durationNs?: number;
  readonly count?: number;
  /** Of a group. */
  readonly group?: GroupPlan;
}

export interface GroupPlan {
  readonly ttl: number;
  /** Where the sender sends, and where each receiver joins. */
  readonly out: Interface;
  readonly receivers: readonly { readonly node: Node; readonly through: Interface }[];
}

export interface PingPlan extends FlowPlan {
  readonly type: 'ping';
  readonly count: number;
  readonly intervalNs: number;
  readonly size: number;
  readonly timeoutNs: number;
}

export interface RequestResponsePlan extends FlowPlan {
  readonly type: 'rr';
  readonly request: number;
  readonly response: number;
  readonly count?: number;
  readonly durationNs?: number;
  readonly thinkNs: number;
  readonly reconnect: boolean;
  readonly options: TcpOptionsPlan;
}

export interface OnOffPlan extends FlowPlan {
  readonly type: 'on-off';
  readonly onNs: number;
  readonly offNs: number;
  readonly exponential: boolean;
  readonly durationNs?: number;
  /** UDP when there is an interval. */
  readonly intervalNs?: number;
  readonly size: number;
  readonly options: TcpOptionsPlan;
}

export interface FlowsPlan extends FlowPlan {
  readonly type: 'flows';
  /** A size each, or how many to draw from rows of [bytes, cumulative fraction]. */
  readonly sizes: readonly number[] | { readonly rows: readonly (readonly [number, number])[]; readonly count: number };
  readonly perSecond?: number;
  readonly options: TcpOptionsPlan;
}

export interface ReplayPlan extends FlowPlan {
  readonly type: 'replay';
  readonly replay: Replay;
  /** Where what the second host sends goes. */
  readonly backTo: InterfaceAddress;
}

export interface SyscallsPlan {
  readonly type: 'syscalls';
  readonly index: number;
  readonly name: string;
  readonly on: Node;
  readonly startNs: number;
  readonly batch: readonly SimulationStep[];
  /** Where each call, and each loop, stands in the request. */
  readonly places: ReadonlyMap<PlacedStep, string>;
  readonly onError: 'stop' | 'continue';
}

export interface ExecPlan {
  readonly type: 'exec';
  readonly index: number;
  readonly name: string;
  readonly on: Node;
  readonly startNs: number;
  readonly argv: readonly string[];
  readonly stdin?: string;
  readonly background: boolean;
  readonly exit: ExitPlan;
}

/** What runs on one host, whoever it talks to. */
export type HostWorkload = SyscallsPlan | ExecPlan;

export const isOnHost = (workload: WorkloadPlan): workload is HostWorkload =>
  workload.type === 'syscalls' || workload.type === 'exec';

export type WorkloadPlan =
  | TcpPlan
  | UdpPlan
  | PingPlan
  | RequestResponsePlan
  | OnOffPlan
  | FlowsPlan
  | ReplayPlan
  | HostWorkload;

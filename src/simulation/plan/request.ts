/** What a simulation is asked to be. Words and units are those of ip(8), tc(8) and ss(8); names left out are chosen and reported. */

import type { DeviceSpec } from './device-spec.ts';

/** "20ms": a time in tc's words. */
export type Time = string;
/** "10mbit" */
export type Rate = string;
/** "150kb" */
export type Size = string;
/** "1%" */
export type Percent = string;

export interface SimulationRequest {
  /** Same request and seed: same bytes. */
  readonly seed?: number;
  /** Virtual time after which it ends at the latest; it ends sooner once every workload has. */
  readonly duration?: Time;
  readonly hosts: Readonly<Record<string, HostSpec>>;
  /** Nodes and links of a common form, beside those that are named. */
  readonly topology?: TopologySpec;
  /** Hosts that forward. */
  readonly routers?: Readonly<Record<string, HostSpec>>;
  readonly switches?: Readonly<Record<string, SwitchSpec>>;
  readonly links: readonly LinkSpec[];
  readonly workloads?: readonly WorkloadSpec[];
  /** What changes while it runs. */
  readonly events?: readonly EventSpec[];
  /** Nodes, or "node:interface". */
  readonly capture?: readonly (string | CaptureSpec)[];
  readonly samples?: SampleSpec;
  /** Which addresses are chosen and routed: both when left out. */
  readonly families?: readonly ('ipv4' | 'ipv6')[];
  /** Up to so much more delay for each packet that comes to a queue of a link, at random, in order: breaks phase effects. */
  readonly perturb?: Time;
  /** `static` (when left out): hosts on a workload's path know each other's Ethernet addresses; `dynamic`: ARP and neighbour discovery. */
  readonly neighbours?: 'static' | 'dynamic';
}

/** What links of a generated topology are. */
export interface GeneratedLinkSpec extends DirectionSpec {
  readonly mtu?: number;
}
/** Hosts are h1, h2 …, routers r1, r2 …; `edge` are the links of hosts, `core` those between routers. */
export interface TopologySpec {
  /**
   * `linear`, `ring`, `mesh`: `size` routers, each with a host; `star`: `size` hosts at one router; `dumbbell`: `left` and
   * `right` hosts at two routers; `tree`: `fanout` below each router, hosts at `depth`; `fat-tree`: of `size` pods.
   */
  readonly kind: 'linear' | 'ring' | 'mesh' | 'star' | 'dumbbell' | 'tree' | 'fat-tree';
  readonly size?: number;
  readonly left?: number;
  readonly right?: number;
  readonly depth?: number;
  readonly fanout?: number;
  readonly edge?: GeneratedLinkSpec;
  readonly core?: GeneratedLinkSpec;
}

export interface HostSpec {
  /** LKL's hijack object, as it is. */
  readonly hijack?: unknown;
  /** "net.ipv4.tcp_sack": "0", set before any link is up. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** By name: eth0, eth1 … in the order of the links, or eth0.10 of a trunk. */
  readonly interfaces?: Readonly<Record<string, InterfaceSpec>>;
  /** Of a router: the groups it passes on. */
  readonly multicast?: readonly MulticastRouteSpec[];
  /** Tunnels, bonds and other devices that the host makes itself, by name. */
  readonly devices?: Readonly<Record<string, DeviceSpec>>;
  /** Beside those the graph gives; `"none"` leaves those out. */
  readonly routes?: readonly RouteSpec[] | 'none';
  readonly neighbours?: readonly NeighbourSpec[];
  /** The list of nft's own JSON, libnftables-json(5): what stands in its {"nftables": […]}. */
  readonly nftables?: readonly Readonly<Record<string, unknown>>[];
  /** Programs that run on it, one after another, before anything begins. */
  readonly setup?: readonly SetupSpec[];
}

/** A line for a shell, or the words of one program. */
export type Command = string | readonly string[];

/** How a program is to end: with this status, or one of these. A signal's is 128 and its number, as a shell has it. */
export type ExitSpec = number | readonly number[] | 'any';

export type SetupSpec = Command | { readonly command: Command; readonly exit?: ExitSpec };

export interface InterfaceSpec {
  /** "10.0.0.1/24"; an empty list: none. */
  readonly addresses?: readonly string[];
  readonly mac?: string;
  readonly mtu?: number;
  /** The host's own queueing, in front of the link. */
  readonly qdisc?: string | QueueSpec;
  readonly offload?: Readonly<Partial<Record<Offload, boolean>>>;
}

/** ethtool(8) -K */
export type Offload = 'rx' | 'tx' | 'sg' | 'tso' | 'gso' | 'gro';

export interface RouteSpec {
  /** "default" or "10.1.0.0/16". */
  readonly to: string;
  /** Address, or the name of a neighbouring node. */
  readonly via?: string;
  readonly dev?: string;
  /** Several ways at once, instead of `via` and `dev`. */
  readonly nexthops?: readonly NexthopSpec[];
  /** For packets of which this is so: the route is in a table of its own, which a rule of ip-rule(8) sends them to. */
  readonly from?: string;
  readonly fwmark?: number;
  readonly iif?: string;
  /** Number of the table, where it has one. */
  readonly table?: number;
  readonly metric?: number;
  readonly type?: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly mtu?: number;
  readonly initcwnd?: number;
}

export interface NexthopSpec {
  readonly via?: string;
  readonly dev?: string;
  /** Its share of flows. */
  readonly weight?: number;
}

export interface NeighbourSpec {
  readonly address: string;
  readonly mac: string;
  readonly dev?: string;
}

/** ip-mroute(8): datagrams to a group that come in there go out here too. */
export interface MulticastRouteSpec {
  /** Who sends: an address, or a node. */
  readonly from: string;
  readonly group: string;
  readonly in: string;
  readonly out: readonly string[];
}

export interface SwitchSpec {
  readonly stp?: boolean;
  /** It looks at IGMP and MLD, and sends groups only where someone has joined. */
  readonly snooping?: boolean;
  /** It asks who has joined. */
  readonly querier?: boolean;
  readonly ageing?: Time;
  readonly sysctls?: Readonly<Record<string, string | number>>;
}

/** What one direction of a link does to packets. */
export interface DirectionSpec {
  readonly rate?: Rate;
  readonly delay?: Time;
  readonly jitter?: Time;
  readonly delayCorrelation?: Percent;
  readonly distribution?: 'uniform' | 'normal' | 'pareto' | 'paretonormal';
  readonly loss?: Percent | LossSpec;
  readonly duplicate?: Percent;
  readonly corrupt?: Percent;
  /** Of packets that wait: this many go at once, ahead of the others. Needs a delay. */
  readonly reorder?: Percent;
  readonly gap?: number;
  /** Packets keep their order whatever the jitter: one that is later holds up those behind it. */
  readonly keepOrder?: boolean;
  /** What came is let go at intervals, all at once: Wi-Fi, cable, LTE. */
  readonly slot?: SlotSpec;
  /** What waits at the bottleneck. A number of packets or a size limits a fifo. */
  readonly queue?: string | QueueSpec;
  /** Bytes that may pass at once; about a millisecond's worth when left out. */
  readonly burst?: Size;
  /** mahimahi's: one line a delivery opportunity of 1500 bytes, in milliseconds; repeats. Instead of `rate`. */
  readonly trace?: string | readonly number[];
}

/** tc-netem(8): between `min` and `max`, or of a distribution. */
export interface SlotSpec {
  readonly min?: Time;
  readonly max?: Time;
  readonly distribution?: 'normal' | 'pareto' | 'paretonormal';
  readonly delay?: Time;
  readonly jitter?: Time;
  /** The most that goes at once. */
  readonly packets?: number;
  readonly bytes?: Size;
}

export interface LossSpec {
  /** Independent losses. */
  readonly random?: Percent;
  readonly correlation?: Percent;
  /** Gilbert-Elliott. */
  readonly gemodel?: {
    readonly p: Percent;
    readonly r?: Percent;
    readonly lossBad?: Percent;
    readonly lossGood?: Percent;
  };
  /** The general and intuitive four-state model. */
  readonly state?: {
    readonly p13: Percent;
    readonly p31?: Percent;
    readonly p32?: Percent;
    readonly p23?: Percent;
    readonly p14?: Percent;
  };
  /** Mark ECN-capable packets instead of losing them. */
  readonly ecn?: boolean;
}

export interface LinkSpec extends DirectionSpec {
  /** "a", or "a:eth1" to say which interface. */
  readonly endpoints: readonly [string, string];
  readonly name?: string;
  /** Overrides for packets from the first endpoint to the second, and back. */
  readonly forward?: DirectionSpec;
  readonly reverse?: DirectionSpec;
  readonly mtu?: number;
  /** Subnets to take addresses from. */
  readonly subnet?: string;
  readonly subnet6?: string;
  /** On a switch: the port belongs to this VLAN, untagged. */
  readonly vlan?: number;
  /** On a switch: the port carries these VLANs, tagged; a host gets an interface each. */
  readonly vlans?: readonly number[];
}

/** A qdisc in tc's words: kind and options. */
export interface QueueSpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

interface FlowSpec {
  readonly name?: string;
  readonly from: string;
  readonly to: string;
  readonly start?: Time;
  readonly family?: 'ipv4' | 'ipv6';
  /** Of its packets, both ways of a connection: a number from 0 to 63, or a name: "ef", "cs1", "af41". */
  readonly dscp?: string | number;
  /** A connection asks for it or does not, whatever its host does; datagrams and pings are marked as able to have it. */
  readonly ecn?: boolean | 'ect0' | 'ect1';
}

export interface TcpOptions {
  readonly congestion?: string;
  readonly mptcp?: boolean;
  /** Nagle's algorithm off. */
  readonly nodelay?: boolean;
  readonly sndbuf?: Size;
  readonly rcvbuf?: Size;
  readonly maxPacingRate?: Rate;
  readonly mss?: number;
  readonly notsentLowat?: Size;
  /** TCP Fast Open: the first bytes go with the SYN once there is a cookie. */
  readonly fastopen?: boolean;
}

export interface TcpWorkload extends FlowSpec, TcpOptions {
  readonly type: 'tcp';
  /** One of the two; without either it runs to the end of the simulation. */
  readonly bytes?: Size;
  readonly duration?: Time;
  readonly parallel?: number;
}
export interface UdpWorkload extends FlowSpec {
  readonly type: 'udp';
  /** Where `to` is a group, "239.1.1.1": the nodes that join it. */
  readonly receivers?: readonly string[];
  /** Routers that datagrams to a group may pass, plus one. */
  readonly ttl?: number;
  readonly rate: Rate;
  /** Payload of each datagram; 1448 when left out. */
  readonly size?: Size;
  readonly duration?: Time;
  readonly count?: number;
}
export interface PingWorkload extends FlowSpec {
  readonly type: 'ping';
  readonly count?: number;
  readonly interval?: Time;
  /** Payload; 56 when left out. */
  readonly size?: Size;
  readonly timeout?: Time;
}
export interface RequestResponseWorkload extends FlowSpec, TcpOptions {
  readonly type: 'rr';
  readonly request?: Size;
  readonly response?: Size;
  readonly count?: number;
  readonly duration?: Time;
  /** Between a response and the next request. */
  readonly think?: Time;
  /** A new connection for each request. */
  readonly reconnect?: boolean;
}
export interface OnOffWorkload extends FlowSpec, TcpOptions {
  readonly type: 'on-off';
  readonly protocol?: 'tcp' | 'udp';
  readonly on: Time;
  readonly off: Time;
  /** Lengths of the periods: exactly as given, or with that mean. */
  readonly distribution?: 'constant' | 'exponential';
  /** UDP only. */
  readonly rate?: Rate;
  readonly size?: Size;
  readonly duration?: Time;
}
export interface FlowsWorkload extends FlowSpec, TcpOptions {
  readonly type: 'flows';
  /** A size each, or [bytes, cumulative percent] rows of an empirical distribution. */
  readonly sizes: readonly Size[] | readonly (readonly [number, number])[];
  /** Flows begin at random (Poisson), this many a second; without it, one after another. */
  readonly perSecond?: number;
  /** How many of an empirical distribution. */
  readonly count?: number;
}
export interface ReplayWorkload extends FlowSpec {
  readonly type: 'replay';
  /** A pcap or pcapng file, as base64. */
  readonly pcap: string;
  /** The address in it whose packets `from` sends; `to` sends those to it. The source of the first packet when left out. */
  readonly client?: string;
  /** So many times as fast. */
  readonly speed?: number;
}
/** A call as the batch language has it: what its arguments may be, that language says. */
export interface SimulationCall {
  readonly call: string;
  readonly args?: readonly unknown[];
  readonly as?: string;
  readonly after?: string;
  readonly expect?: number | string;
}
/** What an earlier result is, for loops and choices: all that is said must be so. */
export interface SimulationCondition {
  /** "got", "got.errno", "stat.st_size": as `{"ref": …}` has it. */
  readonly ref: string;
  readonly is?: string | number | null;
  readonly isNot?: string | number | null;
  readonly below?: number;
  readonly above?: number;
}
interface Steps<T> {
  readonly do: readonly T[];
}
/** One of them: so often, until something is so (looked at after each time), once for each value, or if something is so. */
export interface SimulationLoop<T> extends Steps<T> {
  readonly repeat?: number;
  readonly until?: SimulationCondition;
  readonly each?: readonly (string | number)[];
  /** The name by which calls see the value: `{"ref": "port"}`; of a `repeat` its number, from 0. */
  readonly as?: string;
  readonly if?: SimulationCondition;
  readonly else?: readonly T[];
}
export type SimulationStep = SimulationCall | SimulationLoop<SimulationCall | SimulationLoop<SimulationCall>>;

export interface SyscallsWorkload {
  readonly type: 'syscalls';
  readonly name?: string;
  readonly on: string;
  readonly start?: Time;
  /** Calls of the batch language, one after another, in loops and choices. */
  readonly batch: readonly SimulationStep[];
  /** Whether a call that fails, and does not `expect` that, ends them. */
  readonly onError?: 'stop' | 'continue';
}

/** A program of Linux's own on a host. */
export interface ExecWorkload {
  readonly type: 'exec';
  readonly name?: string;
  readonly on: string;
  readonly start?: Time;
  readonly command: Command;
  /** What it reads. */
  readonly stdin?: string;
  /** Nobody waits for its end: a server. */
  readonly background?: boolean;
  /** One that ends otherwise has failed. */
  readonly exit?: ExitSpec;
}

export type WorkloadSpec =
  | TcpWorkload
  | UdpWorkload
  | PingWorkload
  | RequestResponseWorkload
  | OnOffWorkload
  | FlowsWorkload
  | ReplayWorkload
  | SyscallsWorkload
  | ExecWorkload;

/** When something happens, in virtual time. */
interface EventTiming {
  readonly at: Time;
  /** Again, each so much later. */
  readonly every?: Time;
  /** How often; with `every` alone: to the end. */
  readonly times?: number;
}
/** Undone after so long. */
interface PassingEvent extends EventTiming {
  readonly for?: Time;
}
/** A link's rate, delay, losses or queue: what is named becomes other, both ways or one. */
export interface LinkEvent extends PassingEvent, Omit<DirectionSpec, 'trace' | 'burst' | 'gap' | 'slot' | 'keepOrder'> {
  readonly type: 'link';
  readonly link: string;
  readonly way?: 'forward' | 'reverse';
}
/** Cables pulled: of one link, or of all of a node. Both ends lose their carrier, and what was on the way is lost. */
export interface DownEvent extends PassingEvent {
  readonly type: 'down';
  readonly link?: string;
  readonly node?: string;
}
/** And plugged in again, whatever took them down. */
export interface UpEvent extends EventTiming {
  readonly type: 'up';
  readonly link?: string;
  readonly node?: string;
}
/** Packets vanish in silence: the carrier stays. */
export interface BlackholeEvent extends PassingEvent {
  readonly type: 'blackhole';
  readonly link: string;
  readonly way?: 'forward' | 'reverse';
}
/** Black holes on every link between nodes of different groups. */
export interface PartitionEvent extends PassingEvent {
  readonly type: 'partition';
  readonly groups: readonly (readonly string[])[];
}
/** No black hole is left: of one link, or of any. */
export interface HealEvent extends EventTiming {
  readonly type: 'heal';
  readonly link?: string;
}
/** One of the two. */
export interface AddressEvent extends EventTiming {
  readonly type: 'address';
  readonly node: string;
  readonly dev: string;
  readonly add?: string;
  readonly remove?: string;
}
/** One of the two. */
export interface RouteEvent extends EventTiming {
  readonly type: 'route';
  readonly node: string;
  readonly add?: RouteSpec;
  readonly remove?: RouteSpec;
}
export interface SysctlEvent extends EventTiming {
  readonly type: 'sysctl';
  readonly node: string;
  readonly set: Readonly<Record<string, string | number>>;
}
/** A workload that has no start of its own begins. */
export interface StartEvent {
  readonly type: 'start';
  readonly at: Time;
  readonly workload: string;
}
export type EventSpec =
  | LinkEvent
  | DownEvent
  | UpEvent
  | BlackholeEvent
  | PartitionEvent
  | HealEvent
  | AddressEvent
  | RouteEvent
  | SysctlEvent
  | StartEvent;

export interface CaptureSpec {
  readonly node: string;
  readonly interface?: string;
  /** Bytes kept of each packet. */
  readonly snaplen?: number;
}

export interface SampleSpec {
  readonly interval: Time;
}

/** Looks at connections and queues at an interval, in virtual time. */

import { TC_H } from '../../abi/netlink/constants.ts';
import { dumpQdiscs, formatHandle } from '../../abi/netlink/tc/tc.ts';
import { parseQdisc } from '../../abi/netlink/tc/tc-stats.ts';
import { stealFd } from '../../kernel/syscalls/namespace.ts';
import { NetlinkSocket } from '../../kernel/syscalls/netlink.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import type { EventMark } from '../events/event.ts';
import type { LinkRates } from '../events/rates.ts';
import type { Direction } from '../links/direction.ts';
import { markedBy, withoutMarks } from '../links/marks.ts';
import { isFirst, isOfGate } from '../links/traces/gate.ts';
import type { Plan } from '../plan/plan.ts';
import type { Link } from '../plan/topology.ts';
import type { ProgramTask, Stage, TcpSample, WatchedFlow } from '../run/programs/program.ts';
import { readTcpInfo } from '../run/sockets/sockets.ts';
import type { Progress, Workload } from '../run/workloads/workload.ts';
import type { QdiscResult } from './results.ts';

/** The qdiscs of both directions of a link, by its two devices among the wires. */
export interface LinkQueues {
  readonly forward: readonly QdiscResult[];
  readonly reverse: readonly QdiscResult[];
}

/** What one look saw. */
export interface Sample {
  readonly time_s: number;
  readonly tcp: readonly TcpSampleResult[];
  /** With the rates they have then, in bits a second. */
  readonly links: readonly ({
    readonly link: string;
    readonly forward_bps?: number;
    readonly reverse_bps?: number;
  } & LinkQueues)[];
  /** What flows without tcp_info did since the sample before: datagrams, pings, requests, transfers. */
  readonly flows: readonly FlowSample[];
  /** That came since the sample before, if any did. */
  readonly events?: readonly EventMark[];
}

export interface FlowSample {
  /** Index of the workload. */
  readonly workload: number;
  /** Datagrams, answers, transactions or transfers that came. */
  readonly received: number;
  /** Bytes of their payload. */
  readonly bytes: number;
  /** How long they took: one way for datagrams, else there and back, or to their end. */
  readonly time_ms?: { readonly mean: number; readonly max: number };
}

export interface TcpSampleResult {
  /** Index of the workload, and of the connection in it. */
  readonly workload: number;
  readonly stream: number;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly srtt_ms: number;
  readonly rttvar_ms: number;
  readonly min_rtt_ms: number;
  readonly delivery_rate_bps: number;
  readonly pacing_rate_bps: number;
  readonly unacked: number;
  readonly retransmits: number;
  readonly bytes_acked: number;
}

/** Without an interval of the request, round-trip times are still wanted. */
const DEFAULT_INTERVAL_NS = 100e6;

/** How often progress is told of, where samples do not tell. */
const PROGRESS_STEPS = 100;

/** What an event answers: a promise, if it is not taken yet. */
export type Taken = void | Promise<void>;

export interface SamplerEvents {
  sample?(sample: Sample): Taken;
  /** The virtual time, about a hundred times, if there are no samples. */
  progress?(timeS: number): Taken;
}

/** What is looked at beside connections and queues. */
export interface SampledState {
  /** Events as they come. */
  readonly marks: readonly EventMark[];
  readonly rates: LinkRates;
  readonly workloads: readonly Pick<Workload, 'progress'>[];
}

export class Sampler {
  readonly #stage: Stage;
  readonly #directions: Plan['directions'];
  readonly #intervalNs: number;
  /** Absent: only connections are looked at. */
  readonly #emit: ((sample: Sample) => void) | undefined;
  readonly #progress: ((timeS: number) => void) | undefined;
  readonly #fds = new Map<WatchedFlow, number>();
  readonly #marks: readonly EventMark[];
  readonly #rates: LinkRates;
  readonly #workloads: readonly Pick<Workload, 'progress'>[];
  readonly #before = new Map<number, Progress & { readonly times: number }>();
  #told = 0;
  readonly samples: TcpSample[] = [];

  constructor(
    stage: Stage,
    directions: Plan['directions'],
    intervalNs: number | undefined,
    { sample, progress }: SamplerEvents,
    { marks, rates, workloads }: SampledState,
  ) {
    this.#rates = rates;
    this.#marks = marks;
    this.#workloads = workloads;
    this.#stage = stage;
    this.#directions = directions;
    this.#intervalNs = intervalNs ?? DEFAULT_INTERVAL_NS;
    this.#emit = intervalNs === undefined ? undefined : sample;
    this.#progress = intervalNs === undefined ? progress : undefined;
  }

  /** A program for a task in the namespace of wires; it never ends. */
  async run(task: ProgramTask): Promise<void> {
    const rtnl = await NetlinkSocket.open(task);
    const { beganNs, endsNs } = this.#stage;
    const looksAStep = Math.ceil((endsNs - beganNs) / this.#intervalNs / PROGRESS_STEPS);
    for (let n = 1; ; n++) {
      const due = beganNs + n * this.#intervalNs;
      await sleepUntil(task, due);
      const timeNs = due - beganNs;
      const taken = await this.#lookAtFlows(task, timeNs);
      if (this.#emit) {
        const links = await this.#lookAtLinks(rtnl);
        const events = this.#marks.slice(this.#told);
        this.#told = this.#marks.length;
        const flows = this.#lookAtProgress();
        this.#emit({
          time_s: timeNs / 1e9,
          tcp: taken.map(tcpSample),
          links,
          flows,
          ...(events.length > 0 && { events }),
        });
      } else if (n % looksAStep === 0) this.#progress?.(timeNs / 1e9);
    }
  }

  async #lookAtFlows(task: UserTask, timeNs: number): Promise<TcpSample[]> {
    const taken: TcpSample[] = [];
    for (const flow of this.#stage.watched) {
      const { workload, stream } = flow;
      const fd = this.#fds.get(flow) ?? (await stealFd(task, flow.task, flow.fd));
      this.#fds.set(flow, fd);
      const info = await readTcpInfo(task, fd);
      if (info.state !== CLOSED) taken.push({ workload, stream, timeNs, info });
    }
    this.samples.push(...taken);
    return taken;
  }

  #lookAtProgress(): FlowSample[] {
    return this.#workloads.flatMap(({ progress }, workload): FlowSample[] => {
      const now = progress?.();
      if (!now) return [];
      const before = this.#before.get(workload);
      const times = now.timesMs.slice(before?.times ?? 0);
      this.#before.set(workload, { ...now, times: now.timesMs.length });
      const sum = times.reduce((total, ms) => total + ms, 0);
      return [
        {
          workload,
          received: now.received - (before?.received ?? 0),
          bytes: now.bytes - (before?.bytes ?? 0),
          ...(times.length > 0 && {
            time_ms: { mean: sum / times.length, max: times.reduce((most, ms) => Math.max(most, ms), 0) },
          }),
        },
      ];
    });
  }

  async #lookAtLinks(rtnl: NetlinkSocket): Promise<Sample['links']> {
    const queues = await readQueues(rtnl, this.#stage, this.#directions);
    return [...queues].map(([link, both]) => ({ link: link.name, ...this.#rates.of(link), ...both }));
  }
}

/** TCP_CLOSE: it says no more. */
const CLOSED = 7;

function tcpSample({ workload, stream, info }: TcpSample): TcpSampleResult {
  return {
    workload,
    stream,
    cwnd: info.snd_cwnd,
    ssthresh: info.snd_ssthresh,
    srtt_ms: info.rtt / 1000,
    rttvar_ms: info.rttvar / 1000,
    min_rtt_ms: info.min_rtt / 1000,
    delivery_rate_bps: info.delivery_rate * 8,
    pacing_rate_bps: info.pacing_rate * 8,
    unacked: info.unacked,
    retransmits: info.total_retrans,
    bytes_acked: info.bytes_acked,
  };
}

/** The qdiscs of every link now; `rtnl` is of the namespace of wires. */
export async function readQueues(
  rtnl: NetlinkSocket,
  { network }: Pick<Stage, 'network'>,
  directions: Plan['directions'],
): Promise<Map<Link, LinkQueues>> {
  const cameIn = new Map<number, number>();
  const byDevice = new Map<number, QdiscResult[]>();
  for (const { payload } of await rtnl.ask(dumpQdiscs())) {
    const { index, kind, handle, parent, stats, extra } = parseQdisc(payload);
    if (kind === 'ingress') cameIn.set(index, stats.packets);
    if (kind === 'ingress' || kind === 'noqueue' || isOfGate(handle)) continue;
    const result: QdiscResult = {
      kind,
      handle: formatHandle(handle),
      parent: isFirst(parent) ? formatHandle(TC_H.ROOT) : formatHandle(parent),
      sent_bytes: stats.bytes,
      sent_packets: stats.packets,
      drops: stats.drops,
      marks: markedBy(extra),
      overlimits: stats.overlimits,
      backlog_bytes: stats.backlog,
      backlog_packets: stats.qlen,
      ...(extra && { extra }),
    };
    const known = byDevice.get(index) ?? [];
    byDevice.set(index, isFirst(parent) ? [result, ...known] : [...known, result]);
  }
  return new Map(
    [...directions].map(([link, [forward, reverse]]) => {
      const [first, second] = network.devices.ofLink.get(link) ?? [0, 0];
      const between = (from: number, to: number, direction: Direction) =>
        withoutMarks(byDevice.get(to) ?? [], direction, cameIn.get(from) ?? 0);
      return [link, { forward: between(first, second, forward), reverse: between(second, first, reverse) }] as const;
    }),
  );
}

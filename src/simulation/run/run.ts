/** Runs a plan in a kernel with a virtual clock: builds the network, plays the workloads, and answers what happened. */

import { formatMac } from '../../abi/netlink/inet.ts';
import { CLONE } from '../../abi/uapi/socket.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { plus } from '../../kernel/memory.ts';
import { setns, unshare } from '../../kernel/syscalls/namespace.ts';
import { sleepUntil } from '../../kernel/syscalls/time.ts';
import type { EventMark } from '../events/event.ts';
import { playEvents } from '../events/play-events.ts';
import { LinkRates } from '../events/rates.ts';
import type { HijackNote } from '../hijack/hijack.ts';
import { applyHijack, dumpFiles } from '../hijack/hijack-run.ts';
import type { Direction } from '../links/direction.ts';
import { buildNetwork } from '../links/network.ts';
import { driveTrace } from '../links/traces/trace-driver.ts';
import { Capture, type CaptureResult } from '../measure/capture.ts';
import { type Fairness, fairnessOf } from '../measure/fairness.ts';
import { findShortage, marked, type Pressure, type Shortage } from '../measure/pressure.ts';
import type { QdiscResult, WorkloadResult } from '../measure/results.ts';
import { type LinkQueues, readQueues, Sampler, type SamplerEvents, type Taken } from '../measure/sampler.ts';
import type { Warning } from '../plan/issue.ts';
import { boundTcpMemory } from '../plan/memory/tcp-memory.ts';
import type { Plan } from '../plan/plan.ts';
import { formatPrefix } from '../plan/routes/prefix.ts';
import type { Link, Node } from '../plan/topology.ts';
import { monotonicNow } from './monotonic.ts';
import { type ProgramTask, type Stage, TaskPool, wakeExactly } from './programs/program.ts';
import { runSetups } from './programs/programs.ts';
import { seededRandom } from './random.ts';
import { setUpMptcp } from './sockets/mptcp.ts';
import { realtimeOffset } from './sockets/receive.ts';
import { type HostState, readHosts } from './state.ts';
import { type HostRunners, makeWorkload } from './workloads/index.ts';

/** What comes while it runs. While a promise of one that took it is open, virtual time stands still. */
export interface SimulationEvents extends SamplerEvents, HostRunners {
  /** The next bytes of the pcapng file of the capture with this index. */
  capture?(index: number, bytes: Uint8Array): Taken;
  /** The network is built; `sinceNs` tells the virtual time that has passed since. */
  began?(sinceNs: () => number): void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly virtual_s: number;
  /** The kernel ran out of memory: what is here is not to be relied on. */
  readonly error?: string;
  /** What looks like a slip in the request, and what bounds the meaning of numbers here. */
  readonly warnings: readonly Warning[];
  readonly flows: readonly WorkloadResult[];
  /** Those that came, in order of time. */
  readonly events?: readonly EventMark[];
  /** Jain's index over the TCP workloads that did not fail, where all pass one link the same way. */
  readonly fairness?: number;
  readonly captures: readonly CaptureResult[];
  readonly hosts: Readonly<Record<string, HostResult>>;
  readonly links: readonly LinkResult[];
}

export interface HostResult {
  readonly interfaces: Readonly<Record<string, InterfaceResult>>;
  readonly state: Omit<HostState, 'pressure'>;
  /** Counters that tell of a shortage of the memory that all hosts share: what flows of this host got is bound by it. */
  readonly pressure?: Pressure;
  readonly hijack?: { readonly notes: readonly HijackNote[]; readonly dump: Readonly<Record<string, string>> };
}

export interface InterfaceResult {
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
}

export interface LinkResult {
  readonly name: string;
  /** "a:eth0" */
  readonly endpoints: readonly [string, string];
  readonly forward: DirectionResult;
  readonly reverse: DirectionResult;
}

export interface DirectionResult {
  readonly rate_bps?: number;
  readonly delay_ms: number;
  readonly queue?: string;
  readonly limit_bytes?: number;
  readonly gso: boolean;
  /** Packets that did not arrive: lost on the wire, and dropped by the queue. */
  readonly drops: { readonly loss: number; readonly queue: number };
  /** Packets that arrived, marked (ECN) by the wire or by the queue. */
  readonly marks: { readonly loss: number; readonly queue: number };
  /** Jain's index over the TCP workloads that pass here, where they are two or more. */
  readonly fairness?: number;
  readonly qdiscs: readonly QdiscResult[];
}

export async function runSimulation(kernel: Kernel, plan: Plan, asked: SimulationEvents): Promise<SimulationResult> {
  const events = awaited(asked, (taken) => kernel.engine.holdTime(taken));
  const printed = kernel.engine.console.written;
  const director = await kernel.spawn();
  // Nobody plays the kernel's first task: it is not to hold the clock.
  kernel.init.detach();
  await wakeExactly(director);
  await raiseFileLimit(director, plan.topology.nodes.size);
  const network = await buildNetwork(director, plan);
  await setUpMptcp(director, plan, network);
  must('setns', await setns(director, network.wires.fd, CLONE.NEWNET));
  const pool = new TaskPool(director, kernel, network);
  const hijacked = await hijackHosts(plan, pool);
  // Time passes while they run: without any it stands still until all is built.
  if (plan.setups.size > 0)
    await director.waitFor(runSetups(plan, (node, program) => pool.run(node, program), asked.exec));
  const nowNs = await monotonicNow(director, kernel.engine.clock);
  const realtime = await realtimeOffset(director);
  const beganNs = nowNs() + PRELUDE_NS + plan.topology.links.length * PRELUDE_PER_LINK_NS;
  events.began?.(() => nowNs() - beganNs);
  const stage: Stage = {
    beganNs,
    endsNs: beganNs + plan.durationNs,
    allDelaysNs: [...plan.directions.values()].flat().reduce((sum, { report }) => sum + report.delayNs, 0),
    network,
    nowNs,
    realtime,
    random: (name) => seededRandom(plan.seed, name),
    run: (node, program, scratchBytes) => pool.run(node, program, scratchBytes),
    watched: [],
  };
  const broken = Promise.withResolvers<never>();
  const captures = await openCaptures(stage, plan, director, events, broken.reject);
  const marks: EventMark[] = [];
  const rates = new LinkRates(plan.directions);
  const workloads = plan.workloads.map((workload) => makeWorkload(stage, workload, events));
  const sampler = new Sampler(stage, plan.directions, plan.sampleIntervalNs, events, { marks, rates, workloads });
  pool.run(undefined, (task) => sampler.run(task)).catch(broken.reject);
  startTraces(plan, stage, pool, broken.reject);
  playEvents(plan.events, stage, { marks, rates }, (node, program) => pool.run(node, program)).catch(broken.reject);
  const running = workloads.map((workload) => ({ workload, ended: workload.run() }));
  const awaitedOnes = running.filter(({ workload }) => !workload.inBackground).map(({ ended }) => ended);
  const finished = Promise.all(awaitedOnes);
  const alarm = pool.run(undefined, (task) => sleepUntil(task, stage.endsNs));
  kernel.init
    .play(async (task) => {
      // By then programs have the memory they need for themselves.
      await sleepUntil(task, beganNs - BOUND_BEFORE_NS);
      await boundTcpMemory(kernel);
    })
    .catch(broken.reject);
  // Without workloads it lasts as long as it was told to.
  await director.waitFor(Promise.race([broken.promise, alarm, ...(awaitedOnes.length > 0 ? [finished] : [])]));
  // From here on the director is busy, and the clock stands still.
  // All workloads may have failed while they got ready: then it never began.
  const virtualNs = Math.max(0, nowNs() - beganNs);
  const flows = await inOrder(workloads, (workload) => workload.result(director, sampler.samples));
  const captured = await inOrder(captures, (capture) => capture.close(director));
  const queues = await readQueues(network.wires.rtnl, stage, plan.directions);
  const fairness = fairnessOf(plan, flows);
  const states = await readHosts(plan, network);
  const shortage = findShortage(plan, states, kernel.engine.console.since(printed));
  return {
    seed: plan.seed,
    virtual_s: virtualNs / 1e9,
    ...(shortage.error !== undefined && { error: shortage.error }),
    warnings: [...plan.warnings, ...notDone(marks), ...shortage.warnings],
    flows: flows.map((flow) => marked(flow, shortage)),
    ...(plan.events.length > 0 && { events: marks.toSorted((a, b) => a.time_s - b.time_s || a.event - b.event) }),
    ...(fairness.overall !== undefined && { fairness: fairness.overall }),
    captures: captured,
    links: plan.topology.links.map((link) => linkResult(link, plan, queues.get(link), fairness)),
    hosts: await hostResults(plan, states, hijacked, shortage),
  };
}

/** Of events that Linux did not do, the first time of each: who reads figures alone would take the change for made. */
function notDone(marks: readonly EventMark[]): Warning[] {
  const first = new Map<number, Warning>();
  for (const { event, time_s, says, error } of marks)
    if (error !== undefined && !first.has(event))
      first.set(event, { path: `events[${event}]`, message: `"${says}" at ${time_s} s was not done: ${error}` });
  return [...first.values()];
}

/** The same events, with `wait` told of every promise. */
function awaited(events: SimulationEvents, wait: (taken: Promise<void>) => void): SimulationEvents {
  const { sample, progress, capture } = events;
  const told = <A extends unknown[]>(event: (...args: A) => Taken) => {
    return (...args: A): void => {
      const taken = event(...args);
      if (taken) wait(taken);
    };
  };
  return {
    ...events,
    ...(sample && { sample: told(sample) }),
    ...(progress && { progress: told(progress) }),
    ...(capture && { capture: told(capture) }),
  };
}

/** One after another: they share the director. */
async function inOrder<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
}

/** Until it begins, programs get ready, spanning trees are found, and hosts say what they have to say to new links. */
const PRELUDE_NS = 60e9;
const BOUND_BEFORE_NS = 1e9;
/** Linux brings devices into use a hundred a second (net/core/link_watch.c), and a link has four. */
const PRELUDE_PER_LINK_NS = 100e6;

const RLIMIT_NOFILE = 7;
const OTHER_FILES = 1024;

/** Every node takes two descriptors of the director. */
async function raiseFileLimit(director: ProgramTask, nodes: number): Promise<void> {
  const { memory, scratch } = director;
  for (const at of [0, 8]) memory.setI64FromNumber(plus(scratch, at), 3 * nodes + OTHER_FILES);
  must('prlimit64', await director.syscall('prlimit64', 0, RLIMIT_NOFILE, scratch, 0));
}

async function openCaptures(
  stage: Stage,
  plan: Plan,
  director: ProgramTask,
  events: SimulationEvents,
  fail: (cause: unknown) => void,
): Promise<Capture[]> {
  const captures: Capture[] = [];
  for (const [i, capture] of plan.captures.entries()) {
    const opened = new Capture(stage, capture, (bytes) => events.capture?.(i, bytes));
    await director.waitFor(opened.open(stage.network.devices.ofPort.get(capture.port) ?? 0, fail));
    captures.push(opened);
  }
  return captures;
}

function startTraces(plan: Plan, stage: Stage, pool: TaskPool, fail: (cause: unknown) => void): void {
  for (const [link, directions] of plan.directions) {
    const [first = 0, second = 0] = stage.network.devices.ofLink.get(link) ?? [];
    const traced = directions.flatMap(({ trace }, i) =>
      trace ? [{ device: i === 0 ? second : first, bucket: trace }] : [],
    );
    // Both ways often have the same: one task wakes for both.
    for (const [, alike] of Map.groupBy(traced, ({ bucket }) => bucket.deliveries.periodMs))
      pool.run(undefined, (task) => driveTrace(task, stage, alike, plan.events.length === 0)).catch(fail);
  }
}

interface HijackedHost {
  readonly task: ProgramTask;
  readonly notes: readonly HijackNote[];
}

async function hijackHosts(plan: Plan, pool: TaskPool): Promise<Map<Node, HijackedHost>> {
  const hosts = new Map<Node, HijackedHost>();
  for (const [node, hijack] of plan.hijacks) {
    const { task, result } = await pool.lead(node, async (leader) => {
      must('unshare', await unshare(leader, CLONE.NEWNS));
      return applyHijack(leader, node.ports.length, hijack);
    });
    hosts.set(node, { task, notes: [...hijack.notes, ...result] });
  }
  return hosts;
}

function linkResult(link: Link, plan: Plan, queues: LinkQueues | undefined, fairness: Fairness): LinkResult {
  const [forward, reverse] = plan.directions.get(link) ?? [];
  const [a, b] = link.ports.map((port) => `${port.node.name}:${port.name}`);
  return {
    name: link.name,
    endpoints: [a ?? '', b ?? ''],
    forward: directionResult(forward, queues?.forward ?? [], fairness),
    reverse: directionResult(reverse, queues?.reverse ?? [], fairness),
  };
}

function directionResult(
  direction: Direction | undefined,
  qdiscs: readonly QdiscResult[],
  { byDirection }: Fairness,
): DirectionResult {
  const report = direction?.report;
  const fairness = direction && byDirection.get(direction);
  const dropsOf = (qdisc: QdiscResult | undefined): number => qdisc?.drops ?? 0;
  const netem = qdiscs.find(({ kind }) => kind === 'netem');
  const below = qdiscs.filter((qdisc) => qdisc !== netem);
  const shaper = below[0];
  // Each counts the drops of those below it too.
  const queue = dropsOf(shaper?.kind === 'tbf' ? below[1] : shaper);
  return {
    ...(report?.rateBps !== undefined && { rate_bps: report.rateBps }),
    delay_ms: (report?.delayNs ?? 0) / 1e6,
    ...(report?.queue !== undefined && { queue: report.queue }),
    ...(report?.limitBytes !== undefined && { limit_bytes: report.limitBytes }),
    gso: report?.gso ?? true,
    drops: { loss: netem ? dropsOf(netem) - dropsOf(shaper) : 0, queue },
    marks: { loss: netem?.marks ?? 0, queue: below.reduce((sum, { marks }) => sum + marks, 0) },
    ...(fairness !== undefined && { fairness }),
    qdiscs,
  };
}

async function hostResults(
  plan: Plan,
  states: Readonly<Record<string, HostState>>,
  hijacked: ReadonlyMap<Node, HijackedHost>,
  shortage: Shortage,
): Promise<Record<string, HostResult>> {
  const results: Record<string, HostResult> = {};
  for (const node of plan.topology.nodes.values()) {
    const found = states[node.name];
    const host = hijacked.get(node);
    const hijack = plan.hijacks.get(node);
    if (!found) continue;
    const { pressure: _, ...state } = found;
    const pressure = shortage.hosts.get(node.name);
    const { dump, notes } = host && hijack ? await dumpFiles(host.task, hijack) : { dump: {}, notes: [] };
    const interfaces = node.ports
      .flatMap((port) => port.interfaces)
      .map((i): [string, InterfaceResult] => {
        const addresses = (plan.addressing.get(i) ?? []).map(formatPrefix);
        return [i.name, { mac: formatMac(i.port.mac), mtu: i.port.mtu, addresses }];
      });
    results[node.name] = {
      interfaces: Object.fromEntries(interfaces),
      state,
      ...(pressure && { pressure }),
      ...(host && hijack && { hijack: { notes: [...host.notes, ...notes], dump } }),
    };
  }
  return results;
}

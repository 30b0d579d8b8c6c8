/** A request made into a plan: everything named, addressed, routed and checked before a kernel is touched. */

import { formatIp, formatMac } from '../../abi/netlink/inet.ts';
import { checkDeviceAddresses, type DevicePlan, planDevices } from '../devices/plan-devices.ts';
import type { PlannedEvent, Way } from '../events/event.ts';
import type { Override, PlanWay } from '../events/link-states.ts';
import { changedLinks, planEvents } from '../events/plan-events.ts';
import { type Hijack, planHijack } from '../hijack/hijack.ts';
import { type Direction, planDirection, reseeded, type Widest } from '../links/direction.ts';
import { type Forwarding, planForwarding } from '../links/forwarding.ts';
import { type Random, seededRandom } from '../run/random.ts';
import { planSetups, type SetupPlan } from './command-plan.ts';
import { withTopology } from './generate.ts';
import { type HostPlan, planHost } from './host-plan.ts';
import { type Findings, type Issue, Place, type Warning } from './issue.ts';
import { findLeastExcess } from './memory/least.ts';
import type { DirectionSpec, HostSpec, InterfaceSpec, SimulationRequest } from './request.ts';
import { type Addressing, planAddresses } from './routes/addressing.ts';
import { isBridged } from './routes/bridged.ts';
import { findNeighbours, type PlannedNeighbour, takesRoutes } from './routes/neighbours.ts';
import { type Family, parsePrefix } from './routes/prefix.ts';
import {
  findWays,
  type Network,
  nearestAddress,
  type PlannedRoute,
  pathTo,
  routesOf,
  sourceFor,
  wayBack,
} from './routes/routing.ts';
import { warnOfTiming } from './timing.ts';
import { type Link, type Node, type Port, planTopology, type Topology } from './topology.ts';
import { readTime } from './words.ts';
import { planWorkloads } from './workloads/plan-workloads.ts';
import { isOnHost, type WorkloadPlan } from './workloads/plans.ts';

export interface CapturePlan {
  readonly port: Port;
  readonly snaplen: number;
}

export interface Plan {
  readonly seed: number;
  readonly durationNs: number;
  readonly families: readonly Family[];
  readonly topology: Topology;
  readonly addressing: Addressing;
  readonly routes: ReadonlyMap<Node, readonly PlannedRoute[]>;
  readonly neighbours: readonly PlannedNeighbour[];
  /** What switches know of those neighbours. */
  readonly forwarding: Forwarding;
  /** What the request sets on hosts beside. */
  readonly hosts: ReadonlyMap<Node, HostPlan>;
  /** Devices that hosts make themselves. */
  readonly devices: ReadonlyMap<Node, readonly DevicePlan[]>;
  /** Programs that hosts run before anything begins. */
  readonly setups: ReadonlyMap<Node, readonly SetupPlan[]>;
  /** Both ways of each link: from its first end, and back. */
  readonly directions: ReadonlyMap<Link, readonly [Direction, Direction]>;
  readonly hijacks: ReadonlyMap<Node, Hijack>;
  readonly workloads: readonly WorkloadPlan[];
  readonly captures: readonly CapturePlan[];
  readonly sampleIntervalNs?: number;
  /** What changes while it runs, in order of time. */
  readonly events: readonly PlannedEvent[];
  /** What looks like a slip in the request. */
  readonly warnings: readonly Warning[];
}

/** A plan, or everything that is wrong with the request. */
export type Planned = { readonly plan: Plan } | { readonly issues: readonly Issue[] };

export interface Budget {
  /** Network devices, loopbacks left out: each link has four, two hosts' and two of its own. */
  readonly devices: number;
  readonly nodes: number;
  /** MiB that its kernel may have at most: what cannot fit is not planned. */
  readonly mib?: number;
  /** What the request may list, all together: hosts, links, workloads, events, routes. Planning is one go, in which nobody else has a turn. */
  readonly parts?: number;
}

/** Addresses that events give to nodes. What is wrong with one is told where events are planned. */
const laterAddresses = ({ events = [] }: SimulationRequest, { nodes }: Topology): NonNullable<Network['later']> =>
  events.flatMap((event) => {
    if (event.type !== 'address' || event.add === undefined) return [];
    const node = nodes.get(event.node);
    const address = parsePrefix(event.add);
    return node && address ? [{ node, address }] : [];
  });

/** The request has routes of its own: packets take other ways than the graph has. */
const choosesWays = ({ events = [] }: SimulationRequest, { nodes }: Topology): boolean =>
  events.some(({ type }) => type === 'route') ||
  [...nodes.values()].some(({ spec: { routes } }) => Array.isArray(routes) && routes.length > 0);

const defaultDurationNs = 60e9;
const longestNs = 86_400e9;
const wholePacket = 262_144;

export function planSimulation(given: SimulationRequest, budget: Budget): Planned {
  const found: Findings = { issues: [], warnings: [] };
  const { issues } = found;
  const place = new Place(found);
  const { request, linkPlace } = withTopology(place, given);
  const before = issues.length;
  checkBudget(place, request, budget);
  // Far too much of anything would be planned for minutes.
  if (issues.length > before) return { issues };
  const hijacks = planHijacks(place, request);
  const topology = planTopology(place, withHijacks(request, hijacks), linkPlace);
  const families = request.families ?? ['ipv4', 'ipv6'];
  if (families.length === 0) place.at('families').fail('bad-option', 'one at least: ipv4, ipv6, or both if left out');
  const addressing = planAddresses(place, topology.segments, families);
  const ways = findWays(topology, addressing);
  const segmentOf = new Map(
    topology.segments.flatMap((segment) => segment.interfaces.map((i) => [i, segment] as const)),
  );
  const later = laterAddresses(request, topology);
  const network: Network = { topology, addressing, ways, segmentOf, later };
  const devices = new Map(
    [...topology.nodes.values()]
      .filter(({ role }) => role !== 'switch')
      .map((node) => [
        node,
        planDevices({
          node,
          topology,
          addressing,
          reach: (to, family) => nearestAddress(node, to, network, family),
          source: (to) => sourceFor(node, to, network),
        }),
      ]),
  );
  checkDeviceAddresses(devices, addressing);
  const workloads = planWorkloads(place, withStarts(place, request), network);
  checkPaths(place, workloads, network);
  const seed = request.seed ?? 0;
  if (!Number.isSafeInteger(seed) || seed < 0)
    place.at('seed').fail('bad-option', `${seed} is no seed: a whole number from 0 to 2^53 - 1`);
  const perturbNs = readPerturb(place, request);
  const events = request.events ?? [];
  const changed = changedLinks(events);
  const planWay: PlanWay = (link, way, overrides, n) =>
    planWayOf(link, way, overrides, { seed, perturbNs, changes: changed.has(link.name), n });
  const untouched = new Map(
    topology.links.map((link) => [link, [planWay(link, 0, [], -1), planWay(link, 1, [], -1)] as const]),
  );
  const durationNs = readDuration(place, request);
  // What comes again and again is read once.
  const known = new Map<string, Direction>();
  const limited: PlanWay = (link, way, overrides, n) => {
    const key = `${link.index} ${way} ${overrides.map(({ index }) => index)}`;
    const planned = known.get(key);
    if (planned) return reseeded(planned, randomOf(link, way, { seed, n }));
    const limitBytes = untouched.get(link)?.[way].limitBytes ?? 0;
    const direction = planWayOf(link, way, overrides, { seed, perturbNs, changes: true, n, limitBytes });
    known.set(key, direction);
    return direction;
  };
  const planned = planEvents(place.at('events'), events, {
    topology,
    addressing,
    directions: untouched,
    durationNs,
    workloads: workloads.map(({ name }) => name),
    planWay: limited,
  });
  const directions = new Map(
    [...untouched].map(([link, [forward, reverse]]) => {
      const [first, second] = planned.widest.get(link) ?? [];
      return [link, [allowing(forward, first), allowing(reverse, second)] as const];
    }),
  );
  const setups = planSetups(topology);
  const sampleIntervalNs = readInterval(place, request);
  const neighbours =
    request.neighbours === 'dynamic' ? [] : findNeighbours(workloads, network, choosesWays(request, topology));
  const plan: Plan = {
    seed,
    durationNs,
    families,
    topology,
    addressing,
    routes: new Map(
      [...topology.nodes.values()].filter(takesRoutes).map((node) => [node, routesOf(node, ways, addressing)]),
    ),
    neighbours,
    // An issue may be a loop of switches, and a walk through it has no end.
    forwarding: issues.length ? new Map() : planForwarding(topology, new Set(neighbours.map(({ to }) => to.port))),
    hosts: new Map(
      [...topology.nodes.values()]
        .filter(({ role }) => role !== 'switch')
        .map((node) => [node, planHost(node, topology, addressing)]),
    ),
    setups,
    directions,
    devices,
    hijacks: new Map([...topology.nodes.values()].flatMap((node) => pairWith(node, hijacks.get(node.name)))),
    workloads: workloads.map((workload) => delayed(workload, hijacks)),
    captures: planCaptures(place, request, topology),
    ...(sampleIntervalNs !== undefined && { sampleIntervalNs }),
    warnings: found.warnings,
    events: planned.events,
  };
  if (issues.length) return { issues: distinct(issues) };
  warnOfTiming(place, plan);
  return { plan: { ...plan, warnings: distinct(found.warnings) } };
}

/** With samples: some hundreds, at a round interval of a millisecond or more, unless the request says how many. */
export function sampled(plan: Plan): Plan {
  const intervalNs = Math.max(1e6, plan.durationNs / 500);
  const decade = 10 ** Math.floor(Math.log10(intervalNs));
  const step = [5, 2, 1].find((step) => step * decade <= intervalNs) ?? 1;
  return { sampleIntervalNs: step * decade, ...plan };
}

function checkBudget(place: Place, request: SimulationRequest, budget: Budget): void {
  const nodes = [request.hosts, request.routers, request.switches].reduce(
    (n, group) => n + Object.keys(group ?? {}).length,
    0,
  );
  if (nodes > budget.nodes) place.at('hosts').fail('over-budget', `${nodes} nodes: ${budget.nodes} fit`);
  const devices = request.links.length * 4;
  if (devices > budget.devices)
    place.at('links').fail('over-budget', `${request.links.length} links: ${Math.floor(budget.devices / 4)} fit`);
  const excess = budget.mib === undefined ? undefined : findLeastExcess(request, budget.mib);
  if (excess) place.at(excess.path).fail(excess.code, excess.message);
  const parts = partsOf(request);
  if (budget.parts !== undefined && parts > budget.parts)
    place.fail(
      'over-budget',
      `it lists ${parts} hosts, links, workloads, events and the like: ${budget.parts} are the most here`,
    );
}

/** Objects in lists and records, however deep. */
function partsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let parts = 0;
  for (const one of Object.values(value)) if (typeof one === 'object' && one !== null) parts += 1 + partsOf(one);
  return parts;
}

function readDuration(place: Place, { duration }: SimulationRequest): number {
  const at = place.at('duration');
  const ns = readTime(at, duration) ?? defaultDurationNs;
  if (ns <= 0 || ns > longestNs) at.fail('bad-option', 'a simulation lasts a nanosecond at least and a day at most');
  return ns;
}

function readPerturb(place: Place, { perturb }: SimulationRequest): number {
  const at = place.at('perturb');
  const ns = readTime(at, perturb) ?? 0;
  if (ns > 1e9) at.fail('bad-option', 'a second at most');
  return ns;
}

function readInterval(place: Place, { samples }: SimulationRequest): number | undefined {
  if (!samples) return undefined;
  const at = place.at('samples').at('interval');
  const ns = readTime(at, samples.interval);
  if (ns !== undefined && ns < 1e5) at.fail('bad-option', 'an interval is 100us at least');
  return ns;
}

// --- hijack objects ---

function planHijacks(place: Place, request: SimulationRequest): Map<string, Hijack> {
  const found = new Map<string, Hijack>();
  for (const key of ['hosts', 'routers'] as const) {
    for (const [name, spec] of Object.entries(request[key] ?? {})) {
      if (spec.hijack === undefined) continue;
      const at = place.at(key).at(name);
      const { hijack: _, ...others } = spec;
      for (const other of Object.keys(others)) at.at(other).fail('hijack', 'a host is told by its hijack object alone');
      const hijack = planHijack(at.at('hijack'), spec.hijack);
      if (hijack) found.set(name, hijack);
    }
  }
  return found;
}

/** The request with what the hijack objects say of interfaces in our own words: it takes part in addressing. */
function withHijacks(request: SimulationRequest, hijacks: ReadonlyMap<string, Hijack>): SimulationRequest {
  const translate = (hosts: Readonly<Record<string, HostSpec>> | undefined) =>
    Object.fromEntries(
      Object.entries(hosts ?? {}).map(([name, spec]) => [
        name,
        hijacks.has(name) ? hijackedHost(request, name, hijacks.get(name)) : spec,
      ]),
    );
  return { ...request, hosts: translate(request.hosts), routers: translate(request.routers) };
}

function hijackedHost(request: SimulationRequest, name: string, hijack: Hijack | undefined): HostSpec {
  const links = request.links.filter(({ endpoints }) => endpoints.some((end) => end === name)).length;
  const interfaces = (hijack?.interfaces ?? []).slice(0, links).map(({ mac }, i): [string, InterfaceSpec] => {
    const mine = (hijack?.actions ?? []).filter((action) => 'interface' in action && action.interface === i);
    const mtu = mine.find((action) => action.action === 'mtu')?.mtu;
    return [
      `eth${i}`,
      {
        ...(mac && { mac: formatMac(mac) }),
        ...(mtu !== undefined && { mtu }),
        addresses: mine.flatMap((action) =>
          action.action === 'address' ? [`${formatIp(action.address)}/${action.prefixLength}`] : [],
        ),
      },
    ];
  });
  return { interfaces: Object.fromEntries(interfaces), routes: 'none', hijack };
}

const pairWith = <K, V>(key: K, value: V | undefined): [K, V][] => (value === undefined ? [] : [[key, value]]);

/** LKL sleeps so long before it lets the program begin. */
function delayed(workload: WorkloadPlan, hijacks: ReadonlyMap<string, Hijack>): WorkloadPlan {
  const { name } = isOnHost(workload) ? workload.on : workload.from;
  const delay = hijacks.get(name)?.actions.find(({ action }) => action === 'delay');
  return delay?.action === 'delay' ? { ...workload, startNs: workload.startNs + delay.us * 1000 } : workload;
}

// --- links ---

interface WayContext {
  readonly seed: number;
  readonly perturbNs: number;
  readonly changes: boolean;
  /** Number of the change; -1: as it is at first. */
  readonly n: number;
  readonly limitBytes?: number;
}

const nameOf = (way: Way) => (way === 0 ? 'forward' : 'reverse');

const randomOf = (link: Link, way: Way, { seed, n }: Pick<WayContext, 'seed' | 'n'>): Random =>
  seededRandom(seed, `link ${link.index} ${nameOf(way)}${n < 0 ? '' : ` change ${n}`}`);

function planWayOf(link: Link, way: Way, overrides: readonly Override[], context: WayContext): Direction {
  const { n, seed, ...surroundings } = context;
  const mtu = Math.max(...link.ports.map((port) => port.mtu));
  const name = nameOf(way);
  const own: DirectionSpec = link.spec[name] ?? {};
  const spec: DirectionSpec = Object.assign({}, link.spec, own, ...overrides.map((override) => override.spec));
  const at = (key: keyof DirectionSpec) =>
    (
      overrides.findLast((override) => override.spec[key] !== undefined)?.place ??
      (own[key] === undefined ? link.place : link.place.at(name))
    ).at(key);
  const place = overrides.at(-1)?.place ?? (Object.keys(own).length ? link.place.at(name) : link.place);
  return planDirection(place, at, spec, {
    mtu,
    random: randomOf(link, way, { seed, n }),
    isTrunk: link.spec.vlans !== undefined,
    ...surroundings,
  });
}

/** With what every state of it needs. */
function allowing(direction: Direction, widest: Widest | undefined): Direction {
  const gsoMaxSegs = widest ? widest.gsoMaxSegs : direction.gsoMaxSegs;
  return {
    ...direction,
    ...(gsoMaxSegs !== undefined && { gsoMaxSegs }),
    ...(widest?.goesByPriority && { goesByPriority: true }),
    ...(widest && { widest }),
    report: { ...direction.report, gso: gsoMaxSegs === undefined || gsoMaxSegs > 1 },
  };
}

/** The request with the starts that events give its workloads. */
function withStarts(place: Place, request: SimulationRequest): SimulationRequest {
  const starts = (request.events ?? []).flatMap((event, i) => (event.type === 'start' ? [{ event, i }] : []));
  if (starts.length === 0) return request;
  const workloads = request.workloads?.map((spec, index) => {
    const mine = starts.filter(({ event }) => event.workload === (spec.name ?? `${spec.type}-${index}`));
    const [first, second] = mine;
    if (!first) return spec;
    const at = place
      .at('events')
      .at((second ?? first).i)
      .at('workload');
    if (second) at.fail('duplicate', 'another event starts it');
    if (spec.start !== undefined) at.fail('bad-option', 'it has a start of its own');
    return { ...spec, start: first.event.at };
  });
  return { ...request, ...(workloads && { workloads }) };
}

// --- paths ---

const isOrdinary = (node: Node): boolean => node.spec.routes === undefined && node.spec.setup === undefined;

function checkPaths(place: Place, workloads: readonly WorkloadPlan[], network: Network): void {
  for (const workload of workloads) {
    if (isOnHost(workload) || !isOrdinary(workload.from) || !isOrdinary(workload.to)) continue;
    const { index, from, to } = workload;
    if (
      from === to ||
      workload.isOverlay ||
      isBridged(from, { port: workload.target.port, address: workload.address }, network) ||
      wayBack(
        workload.target,
        pathTo(from, workload.target, workload.address.family, network),
        workload.address.family,
        network,
      )
    )
      continue;
    const family = familyNames[workload.address.family];
    place
      .at('workloads')
      .at(index)
      .at('to')
      .fail('unreachable', `there is no way of ${family} from ${from.name} to ${to.name} and back`);
  }
}

const familyNames = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;

// --- captures ---

function planCaptures(place: Place, request: SimulationRequest, { nodes }: Topology): CapturePlan[] {
  const found = new Map<Port, CapturePlan>();
  for (const [i, entry] of (request.capture ?? []).entries()) {
    const at = place.at('capture').at(i);
    const [name = '', device] = typeof entry === 'string' ? entry.split(':') : [entry.node, entry.interface];
    const snaplen = typeof entry === 'string' ? wholePacket : (entry.snaplen ?? wholePacket);
    const node = nodes.get(name);
    const ports = node?.ports.filter((port) => device === undefined || port.name === device) ?? [];
    if (!node) at.fail('unknown-node', `there is no node ${JSON.stringify(name)}`);
    else if (ports.length === 0) at.fail('unknown-interface', `${name} has no link at ${device ?? 'any interface'}`);
    if (!Number.isInteger(snaplen) || snaplen < 14 || snaplen > wholePacket)
      at.fail('bad-option', `a snaplen is 14 to ${wholePacket}`);
    for (const port of ports) found.set(port, { port, snaplen });
  }
  return [...found.values()];
}

/** Both directions of a link read the same words: what is to be said of those is said once. */
function distinct<T extends Warning>(found: readonly T[]): T[] {
  return [...new Map(found.map((one) => [`${one.path} ${one.message}`, one])).values()];
}

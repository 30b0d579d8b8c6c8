/** Events of a request made into what Linux is told, instant by instant: checked before the simulation starts. */

import { isOfNetns, notOfNetns } from '../../kernel/syscalls/sysctl.ts';
import { isCommon } from '../links/common-sysctls.ts';
import { numberDevicesOf } from '../links/device-numbers.ts';
import type { Direction, Widest } from '../links/direction.ts';
import { planRoute } from '../plan/host-plan.ts';
import type { Place } from '../plan/issue.ts';
import type { AddressEvent, EventSpec, LinkEvent, RouteEvent, SysctlEvent } from '../plan/request.ts';
import type { Addressing } from '../plan/routes/addressing.ts';
import { formatPrefix, parsePrefix } from '../plan/routes/prefix.ts';
import type { Link, Node, Topology } from '../plan/topology.ts';
import type { Action, PlannedEvent, Way } from './event.ts';
import { CableState, type PlanWay, WayState } from './link-states.ts';
import { type Occurrence, planOccurrences } from './occurrences.ts';

export interface EventContext {
  readonly topology: Topology;
  readonly addressing: Addressing;
  readonly directions: ReadonlyMap<Link, readonly [Direction, Direction]>;
  readonly durationNs: number;
  /** Names of the workloads, in their order. */
  readonly workloads: readonly string[];
  readonly planWay: PlanWay;
}

export interface PlannedEvents {
  readonly events: readonly PlannedEvent[];
  /** Of both directions of links that change. */
  readonly widest: ReadonlyMap<Link, readonly [Widest, Widest]>;
}

/** Links that some event changes: both their directions need a delay line from the start. */
export const changedLinks = (events: readonly EventSpec[]): ReadonlySet<string> =>
  new Set(events.flatMap((event) => (event.type === 'link' ? [event.link] : [])));

export function planEvents(place: Place, events: readonly EventSpec[], context: EventContext): PlannedEvents {
  const states = new States(context);
  const planned = planOccurrences(place, events, context.durationNs).flatMap((occurrence, n): PlannedEvent[] => {
    const { index, atNs } = occurrence;
    const found = planOne(occurrence, n, states, context);
    return found && atNs < context.durationNs ? [{ index, place: occurrence.place, atNs, ...found }] : [];
  });
  return { events: planned, widest: states.widest };
}

type Told = Pick<PlannedEvent, 'says' | 'actions'>;

/** The states of all links, made when first asked for. */
class States {
  readonly #context: EventContext;
  readonly #ways = new Map<Link, readonly [WayState, WayState]>();
  readonly #cables = new Map<Link, CableState>();

  constructor(context: EventContext) {
    this.#context = context;
  }

  ways(link: Link): readonly [WayState, WayState] {
    const known = this.#ways.get(link);
    const [forward, reverse] = this.#context.directions.get(link) ?? [];
    if (known || !forward || !reverse) return known ?? ([] as never);
    const { planWay } = this.#context;
    const made = [new WayState(link, 0, forward, planWay), new WayState(link, 1, reverse, planWay)] as const;
    this.#ways.set(link, made);
    return made;
  }

  cable(link: Link): CableState {
    const cable = this.#cables.get(link) ?? new CableState(link);
    this.#cables.set(link, cable);
    return cable;
  }

  /** Directions that a black hole may be open at. */
  get known(): readonly WayState[] {
    return [...this.#ways.values()].flat();
  }

  get widest(): PlannedEvents['widest'] {
    return new Map([...this.#ways].map(([link, [a, b]]) => [link, [a.widest, b.widest]]));
  }
}

function planOne(occurrence: Occurrence, n: number, states: States, context: EventContext): Told | undefined {
  const { place, spec, begins, index } = occurrence;
  const linkOf = (name: string) => findLink(place.at('link'), name, context);
  switch (spec.type) {
    case 'link': {
      const link = linkOf(spec.link);
      return link && planLinkChange(occurrence, spec, link, n, states);
    }
    case 'down':
    case 'up': {
      const links = cablesOf(place, spec, context);
      const isDown = spec.type === 'down' && begins;
      const actions = links.flatMap((link) =>
        isDown ? states.cable(link).pull(index) : states.cable(link).plug(spec.type === 'up' ? undefined : index),
      );
      if (spec.type === 'up' && links.length > 0 && actions.length === 0) place.warn('nothing of it is down then');
      return { says: `${spec.node ?? spec.link} ${isDown ? 'down' : 'up'}`, actions };
    }
    case 'blackhole': {
      const link = linkOf(spec.link);
      if (!link) return undefined;
      const actions = waysFor(spec.way).flatMap((way) => states.ways(link)[way].hole(index, begins));
      return { says: `${link.name}${wayWords(link, spec.way)}: ${begins ? 'black hole' : 'passes again'}`, actions };
    }
    case 'partition': {
      const links = cutBy(place.at('groups'), spec.groups, context);
      const actions = links.flatMap((link) => states.ways(link).flatMap((way) => way.hole(index, begins)));
      const groups = spec.groups.map((group) => group.join(', ')).join(' | ');
      return { says: begins ? `partition: ${groups}` : `no partition: ${groups}`, actions };
    }
    case 'heal': {
      const link = spec.link === undefined ? undefined : linkOf(spec.link);
      const actions = (link ? states.ways(link) : states.known).flatMap((way) => way.heal());
      if (actions.length === 0) place.warn('there is no black hole and no partition then');
      return { says: `${link?.name ?? 'all'} healed`, actions };
    }
    case 'address':
      return planAddressEvent(place, spec, context);
    case 'route':
      return planRouteEvent(place, spec, context);
    case 'sysctl':
      return planSysctlEvent(place, spec, context);
    case 'start':
      if (!context.workloads.includes(spec.workload))
        return place.at('workload').fail('bad-option', `no workload is called ${JSON.stringify(spec.workload)}`);
      return { says: `${spec.workload} starts`, actions: [] };
  }
}

// --- links ---

function findLink(place: Place, name: string, { topology }: EventContext): Link | undefined {
  const found = topology.links.filter((link) => link.name === name);
  const [link] = found;
  if (link && found.length === 1) return link;
  const names = topology.links.map((one) => one.name).join(', ') || 'none';
  return place.fail(
    'bad-option',
    link
      ? `${found.length} links are called ${name}: give each a name`
      : `there is no link ${JSON.stringify(name)}; there are ${names}`,
  );
}

const waysFor = (way: 'forward' | 'reverse' | undefined): readonly Way[] =>
  way === undefined ? [0, 1] : [way === 'forward' ? 0 : 1];

const wayWords = ({ ports: [a, b] }: Link, way: 'forward' | 'reverse' | undefined): string =>
  way === undefined ? '' : way === 'forward' ? ` to ${b.node.name}` : ` to ${a.node.name}`;

function planLinkChange(
  { place, index, begins }: Occurrence,
  { type: _, at: __, every: ___, times: ____, for: lasts, link: _____, way, ...spec }: LinkEvent,
  link: Link,
  n: number,
  states: States,
): Told | undefined {
  if (Object.keys(spec).length === 0)
    return place.fail('bad-option', 'it changes nothing: name a rate, a delay, losses or a queue');
  if (spec.rate !== undefined && hasTrace(link)) return place.at('rate').fail('bad-option', `${link.name} has a trace`);
  const actions = waysFor(way).flatMap((one) => {
    const state = states.ways(link)[one];
    return begins
      ? state.override({ index, place, spec, isForGood: lasts === undefined }, n)
      : state.undo(index, place, n);
  });
  const words = Object.entries(spec).map(
    ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return {
    says: `${link.name}${wayWords(link, way)}: ${begins ? words.join(', ') : `${Object.keys(spec).join(', ')} as before`}`,
    actions,
  };
}

const hasTrace = ({ spec }: Link): boolean =>
  [spec, spec.forward, spec.reverse].some((one) => one?.trace !== undefined);

function cablesOf(
  place: Place,
  { link, node }: { readonly link?: string; readonly node?: string },
  context: EventContext,
): readonly Link[] {
  if ((link === undefined) === (node === undefined)) {
    place.fail('bad-option', 'it is of a link or of a node');
    return [];
  }
  if (link !== undefined) {
    const found = findLink(place.at('link'), link, context);
    return found ? [found] : [];
  }
  const found = findNode(place.at('node'), node ?? '', context);
  return context.topology.links.filter(({ ports }) => ports.some((port) => port.node === found));
}

/** Links between nodes of different groups. A node in no group keeps all of its own. */
function cutBy(place: Place, groups: readonly (readonly string[])[], context: EventContext): Link[] {
  const groupOf = new Map<Node, number>();
  if (groups.length < 2) place.fail('bad-option', 'two groups at least');
  for (const [g, names] of groups.entries())
    for (const [i, name] of names.entries()) {
      const node = findNode(place.at(g).at(i), name, context);
      if (node && groupOf.has(node)) place.at(g).at(i).fail('duplicate', `${name} is in a group already`);
      if (node) groupOf.set(node, g);
    }
  const { links } = context.topology;
  const cut = links.filter(({ ports: [a, b] }) => {
    const [one, other] = [groupOf.get(a.node), groupOf.get(b.node)];
    return one !== undefined && other !== undefined && one !== other;
  });
  const isCut = new Set(cut);
  const leak = leakOf(
    links.filter((link) => !isCut.has(link)),
    groupOf,
  );
  if (leak && cut.length === 0)
    place.fail('bad-option', `it cuts no link: ${leak}. What is between groups belongs to one of them`);
  else if (leak) place.warn(`it does not part them: ${leak}`);
  return cut;
}

/** A way that is left from one group to another, in words: by nodes that are in none. */
function leakOf(links: readonly Link[], groupOf: ReadonlyMap<Node, number>): string | undefined {
  const nextTo = new Map<Node, Node[]>();
  for (const { ports } of links)
    for (const [i, { node }] of ports.entries()) {
      const far = ports[1 - i]?.node;
      const known = nextTo.get(node) ?? [];
      if (far) known.push(far);
      nextTo.set(node, known);
    }
  /** From each of these only nodes of its own group are reached, and so from those. */
  const parted = new Set<Node>();
  for (const [from, group] of groupOf) {
    if (parted.has(from)) continue;
    const cameBy = new Map<Node, Node | undefined>([[from, undefined]]);
    // A Map's iteration goes on to what is added meanwhile.
    for (const node of cameBy.keys()) {
      const other = groupOf.get(node);
      if (other !== undefined && other !== group) {
        const by = cameBy.get(node);
        return `${from.name} still reaches ${node.name}${by && by !== from ? ` by ${by.name}, which is in no group` : ''}`;
      }
      for (const far of nextTo.get(node) ?? []) if (!cameBy.has(far)) cameBy.set(far, node);
    }
    for (const node of cameBy.keys()) parted.add(node);
  }
  return undefined;
}

// --- nodes ---

function findNode(place: Place, name: string, { topology }: EventContext): Node | undefined {
  return topology.nodes.get(name) ?? place.fail('unknown-node', `there is no node ${JSON.stringify(name)}`);
}

function findHost(place: Place, name: string, context: EventContext): Node | undefined {
  const node = findNode(place, name, context);
  return node?.role === 'switch' ? place.fail('bad-option', `${name} is a switch`) : node;
}

function planAddressEvent(place: Place, spec: AddressEvent, context: EventContext): Told | undefined {
  const node = findHost(place.at('node'), spec.node, context);
  if (!node) return undefined;
  const device = numberDevicesOf(node).byName(spec.dev);
  if (device === undefined)
    return place.at('dev').fail('unknown-interface', `${node.name} has no interface ${spec.dev}`);
  if ((spec.add === undefined) === (spec.remove === undefined)) return place.fail('bad-option', 'add or remove');
  const key = spec.add === undefined ? 'remove' : 'add';
  const address = parsePrefix(spec[key] ?? '');
  if (!address || !spec[key]?.includes('/'))
    return place.at(key).fail('bad-address', `${JSON.stringify(spec[key])} is no address with a prefix length`);
  return {
    says: `${node.name} ${spec.dev}: ${key} ${formatPrefix(address)}`,
    actions: [{ do: 'address', node, device, address, add: key === 'add' }],
  };
}

function planRouteEvent(place: Place, spec: RouteEvent, { topology, addressing }: EventContext): Told | undefined {
  const node = topology.nodes.get(spec.node);
  if (!node || node.role === 'switch')
    return place.at('node').fail('unknown-node', `there is no host ${JSON.stringify(spec.node)}`);
  if ((spec.add === undefined) === (spec.remove === undefined)) return place.fail('bad-option', 'add or remove');
  const key = spec.add === undefined ? 'remove' : 'add';
  const given = spec[key];
  for (const selector of ['from', 'fwmark', 'iif'] as const)
    if (given?.[selector] !== undefined)
      place
        .at(key)
        .at(selector)
        .fail('bad-option', 'rules stay as they are: a route of the host has them, and this one can name its table');
  const interfaces = node.ports.flatMap((port) => port.interfaces);
  // One that is to go is told by what it leads to: nothing else need be said.
  const lenient = key === 'remove' && given?.via === undefined && given?.dev === undefined;
  const whole =
    given && lenient && given.type === undefined && interfaces[0] ? { ...given, dev: interfaces[0].name } : given;
  const route = whole && planRoute(place.at(key), whole, { node, topology, addressing });
  if (!route || !given) return undefined;
  const { device, ...rest } = route;
  const action: Action = {
    do: 'route',
    node,
    route: lenient ? rest : { ...rest, ...(device !== undefined && { device }) },
    add: key === 'add',
  };
  return {
    says: `${node.name}: ${key} route ${given.to}${given.via === undefined ? '' : ` via ${given.via}`}`,
    actions: [action],
  };
}

function planSysctlEvent(place: Place, spec: SysctlEvent, context: EventContext): Told | undefined {
  const node = findNode(place.at('node'), spec.node, context);
  const settings = Object.entries(spec.set);
  if (settings.length === 0) place.at('set').fail('bad-option', 'it sets nothing');
  for (const [key] of settings) {
    if (!isOfNetns(key)) place.at('set').at(key).fail('bad-option', notOfNetns(key));
    else if (isCommon(key)) place.at('set').at(key).fail('bad-option', 'it is set from the start: say it in sysctls');
  }
  if (!node) return undefined;
  return {
    says: `${node.name}: ${settings.map(([key, value]) => `${key}=${value}`).join(', ')}`,
    actions: settings.map(([key, value]) => ({ do: 'sysctl', node, key, value: String(value) })),
  };
}

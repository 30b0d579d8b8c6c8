/** The links from a node to a port of another, the fewest there are, as their planned directions. */

import type { Direction } from '../../links/direction.ts';
import type { Link, Node, Port, Topology } from '../topology.ts';

/** One link of a path: what is sent meets `there`, what answers meets `back`. */
export interface PathStep {
  readonly link: Link;
  /** The end it is entered by. */
  readonly end: 0 | 1;
  readonly there: Direction;
  readonly back: Direction;
}

/** What paths are looked for in. */
export interface Wiring {
  readonly topology: Pick<Topology, 'links'>;
  readonly directions: ReadonlyMap<Link, readonly [Direction, Direction]>;
}

export type Path = readonly PathStep[];

/** Empty where there is no way, or none is needed. */
export function pathTowards(from: Node, port: Port, { topology, directions }: Wiring): Path {
  return linksBetween(from, port, topology.links).flatMap(({ link, end }): PathStep[] => {
    const [forward, reverse] = directions.get(link) ?? [];
    if (!forward || !reverse) return [];
    const [there, back] = end === 0 ? [forward, reverse] : [reverse, forward];
    return [{ link, end, there, back }];
  });
}

export const fewestLinks = (from: Node, port: Port, links: readonly Link[]): readonly Link[] =>
  linksBetween(from, port, links).map(({ link }) => link);

type Step = Pick<PathStep, 'link' | 'end'>;

/** Of one list of links: which leave a node, and the ways that were looked for. A plan asks for the same ones again and again. */
interface Known {
  readonly stepsFrom: ReadonlyMap<Node, readonly Step[]>;
  readonly ways: Map<Node, Map<Port, readonly Step[]>>;
}
const known = new WeakMap<readonly Link[], Known>();

function knownOf(links: readonly Link[]): Known {
  const before = known.get(links);
  if (before) return before;
  const stepsFrom = new Map<Node, Step[]>();
  for (const link of links)
    for (const end of [0, 1] as const) {
      const steps = stepsFrom.get(link.ports[end].node);
      if (steps) steps.push({ link, end });
      else stepsFrom.set(link.ports[end].node, [{ link, end }]);
    }
  const made: Known = { stepsFrom, ways: new Map() };
  known.set(links, made);
  return made;
}

function linksBetween(from: Node, port: Port, links: readonly Link[]): readonly Step[] {
  const { stepsFrom, ways } = knownOf(links);
  const found = ways.get(from)?.get(port);
  if (found) return found;
  const way = search(from, port, stepsFrom);
  ways.set(from, (ways.get(from) ?? new Map()).set(port, way));
  return way;
}

/** The last link is the port's own: of several to a node, packets take the one that their address is of. */
function search(from: Node, port: Port, stepsFrom: Known['stepsFrom']): readonly Step[] {
  const to = port.node;
  if (from === to) return [];
  const last = stepsFrom.get(to)?.find(({ link, end }) => link.ports[end] === port);
  if (last) {
    const far = last.end === 0 ? 1 : 0;
    const before = fewest(from, last.link.ports[far].node, stepsFrom, to);
    if (before) return [...before, { link: last.link, end: far }];
  }
  return fewest(from, to, stepsFrom) ?? [];
}

/** The fewest links from one node to another that do not pass through a third. */
function fewest(from: Node, to: Node, stepsFrom: Known['stepsFrom'], not?: Node): readonly Step[] | undefined {
  const cameBy = new Map<Node, Step | undefined>([[from, undefined]]);
  // A Map's iteration goes on to what is added meanwhile: breadth first.
  for (const node of cameBy.keys()) {
    if (cameBy.has(to)) break;
    for (const step of stepsFrom.get(node) ?? []) {
      const next = step.link.ports[step.end === 0 ? 1 : 0].node;
      if (next !== not && !cameBy.has(next)) cameBy.set(next, step);
    }
  }
  if (!cameBy.has(to)) return undefined;
  const way: Step[] = [];
  for (let step = cameBy.get(to); step; step = cameBy.get(step.link.ports[step.end].node)) way.unshift(step);
  return way;
}

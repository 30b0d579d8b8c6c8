/** Topologies by their names: the nodes and links that make a line, a ring, a tree, a dumbbell, a fat tree. Pure. */

import type { Place } from './issue.ts';
import type { SimulationRequest, TopologySpec } from './request.ts';

/** A link of two nodes, at the edge (of a host) or in the core. */
type Joint = readonly [a: string, b: string, where: 'edge' | 'core'];

interface Generated {
  readonly hosts: number;
  readonly routers: number;
  readonly joints: readonly Joint[];
}

/** More nodes, and more links, than any kernel holds. */
const MOST = 1000;

export interface Expanded {
  readonly request: SimulationRequest;
  /** Where a link of this number stands in the request: in its list, or in what makes it. */
  linkPlace(index: number): Place;
}

/** The request with what its topology stands for. Nodes that it names itself keep what it says of them. */
export function withTopology(place: Place, request: SimulationRequest): Expanded {
  const { topology, links } = request;
  const own = (index: number) => place.at('links').at(index);
  if (!topology) return { request, linkPlace: own };
  const at = place.at('topology');
  const generated = generate(at, topology);
  const named = (prefix: string, count: number, given: SimulationRequest['hosts'] = {}) => ({
    ...Object.fromEntries(range(count).map((n) => [`${prefix}${n}`, {}])),
    ...given,
  });
  return {
    request: {
      ...request,
      hosts: named('h', generated.hosts, request.hosts),
      routers: named('r', generated.routers, request.routers),
      // Behind those of the request, whose places are their numbers.
      links: [
        ...links,
        ...generated.joints.map(([a, b, where]) => ({ ...topology[where], endpoints: [a, b] as const })),
      ],
    },
    linkPlace: (index) =>
      index < links.length ? own(index) : at.at(generated.joints[index - links.length]?.[2] ?? 'core'),
  };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** Parameters of each kind, and what they are at least. */
const parameters = {
  linear: { size: 1 },
  ring: { size: 3 },
  mesh: { size: 2 },
  star: { size: 1 },
  dumbbell: { left: 1, right: 1 },
  tree: { depth: 1, fanout: 1 },
  'fat-tree': { size: 2 },
} as const satisfies Record<
  TopologySpec['kind'],
  Partial<Record<'size' | 'left' | 'right' | 'depth' | 'fanout', number>>
>;

const nothing: Generated = { hosts: 0, routers: 0, joints: [] };

function generate(place: Place, spec: TopologySpec): Generated {
  const wanted: Partial<Record<string, number>> = parameters[spec.kind];
  let isWrong = false;
  for (const key of ['size', 'left', 'right', 'depth', 'fanout'] as const) {
    const least = wanted[key];
    const value = spec[key];
    if (least === undefined && value === undefined) continue;
    const isFine =
      least !== undefined && value !== undefined && Number.isInteger(value) && value >= least && value <= MOST;
    if (isFine) continue;
    isWrong = true;
    place
      .at(key)
      .fail(
        'bad-option',
        least === undefined
          ? `a ${spec.kind} has no ${key}: it has ${Object.keys(wanted).join(', ')}`
          : `a ${spec.kind} needs a ${key} of ${least} to ${MOST}`,
      );
  }
  if (spec.kind === 'fat-tree' && (spec.size ?? 0) % 2)
    isWrong = place.at('size').fail('bad-option', 'an even number of pods') ?? true;
  if (isWrong) return nothing;
  // Counted before they are made: a fat tree of 1,000 pods has a quarter of a thousand million hosts.
  const { nodes, links } = topologySize(spec);
  if (nodes <= MOST && links <= MOST) return makers[spec.kind](spec);
  place.fail('over-budget', `${MOST} nodes and ${MOST} links are the most`);
  return nothing;
}

/** Of one whose parameters are whole numbers. */
export const topologySize = (spec: TopologySpec): Size => sizes[spec.kind](numbers(spec));

interface Size {
  readonly nodes: number;
  readonly links: number;
}

const sizes: { readonly [K in TopologySpec['kind']]: (numbers: Numbers) => Size } = {
  linear: ({ size }) => ({ nodes: 2 * size, links: 2 * size - 1 }),
  ring: ({ size }) => ({ nodes: 2 * size, links: 2 * size }),
  mesh: ({ size }) => ({ nodes: 2 * size, links: size + (size * (size - 1)) / 2 }),
  star: ({ size }) => ({ nodes: size + 1, links: size }),
  dumbbell: ({ left, right }) => ({ nodes: left + right + 2, links: left + right + 1 }),
  tree({ depth, fanout }) {
    const nodes = fanout === 1 ? depth + 1 : (fanout ** (depth + 1) - 1) / (fanout - 1);
    return { nodes, links: nodes - 1 };
  },
  'fat-tree': ({ size }) => ({ nodes: (5 * size ** 2) / 4 + size ** 3 / 4, links: (3 * size ** 3) / 4 }),
};

type Numbers = Required<Pick<TopologySpec, 'size' | 'left' | 'right' | 'depth' | 'fanout'>>;
const numbers = ({ size = 0, left = 0, right = 0, depth = 0, fanout = 0 }: TopologySpec): Numbers => ({
  size,
  left,
  right,
  depth,
  fanout,
});

/** A host at each of so many routers. */
const hostEach = (count: number): Joint[] => range(count).map((n) => [`h${n}`, `r${n}`, 'edge']);
const line = (count: number): Joint[] => range(count - 1).map((n) => [`r${n}`, `r${n + 1}`, 'core']);

const makers: { readonly [K in TopologySpec['kind']]: (spec: TopologySpec) => Generated } = {
  linear: ({ size = 0 }) => ({ hosts: size, routers: size, joints: [...hostEach(size), ...line(size)] }),
  ring: ({ size = 0 }) => ({
    hosts: size,
    routers: size,
    joints: [...hostEach(size), ...line(size), [`r${size}`, 'r1', 'core']],
  }),
  mesh: ({ size = 0 }) => ({
    hosts: size,
    routers: size,
    joints: [
      ...hostEach(size),
      ...range(size).flatMap((a) => range(size).flatMap((b): Joint[] => (a < b ? [[`r${a}`, `r${b}`, 'core']] : []))),
    ],
  }),
  star: ({ size = 0 }) => ({ hosts: size, routers: 1, joints: range(size).map((n) => [`h${n}`, 'r1', 'edge']) }),
  dumbbell: (spec) => {
    const { left, right } = numbers(spec);
    const hosts = range(left + right).map((n): Joint => [`h${n}`, n <= left ? 'r1' : 'r2', 'edge']);
    return { hosts: left + right, routers: 2, joints: [...hosts, ['r1', 'r2', 'core']] };
  },
  tree: (spec) => tree(numbers(spec)),
  'fat-tree': ({ size = 0 }) => fatTree(size),
};

/** Level by level; whatever is below the last routers are hosts. */
function tree({ depth, fanout }: Numbers): Generated {
  const joints: Joint[] = [];
  let above = ['r1'];
  let routers = 1;
  let hosts = 0;
  for (let level = 1; level <= depth; level++) {
    const isLast = level === depth;
    above = above.flatMap((parent) =>
      range(fanout).map(() => {
        const child = isLast ? `h${++hosts}` : `r${++routers}`;
        joints.push([child, parent, isLast ? 'edge' : 'core']);
        return child;
      }),
    );
  }
  return { hosts, routers, joints };
}

/** Al-Fares, Loukissas and Vahdat (2008): k pods of k/2 edge and k/2 aggregation routers, (k/2)^2 core routers, k^3/4 hosts. */
function fatTree(pods: number): Generated {
  const half = pods / 2;
  const cores = half * half;
  const aggregation = (pod: number, n: number) => `r${cores + pod * pods + n + 1}`;
  const edge = (pod: number, n: number) => `r${cores + pod * pods + half + n + 1}`;
  const joints: Joint[] = [];
  let hosts = 0;
  for (let pod = 0; pod < pods; pod++) {
    for (let a = 0; a < half; a++) {
      for (let n = 0; n < half; n++) joints.push([`r${a * half + n + 1}`, aggregation(pod, a), 'core']);
      for (let e = 0; e < half; e++) joints.push([aggregation(pod, a), edge(pod, e), 'core']);
    }
    for (let e = 0; e < half; e++) for (let n = 0; n < half; n++) joints.push([`h${++hosts}`, edge(pod, e), 'edge']);
  }
  return { hosts, routers: cores + pods * pods, joints };
}

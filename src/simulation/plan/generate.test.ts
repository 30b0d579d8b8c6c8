/** Generated topologies have the nodes and links of their definitions, and reach every host. */

import { describe, expect, test } from 'vitest';
import { topologySize } from './generate.ts';
import { planSimulation } from './plan.ts';
import type { SimulationRequest, TopologySpec } from './request.ts';

const planned = (topology: TopologySpec, more: Partial<SimulationRequest> = {}) =>
  planSimulation({ hosts: {}, links: [], topology, ...more }, { nodes: 500, devices: 4000 });

test.each<[TopologySpec, number, number, number]>([
  [{ kind: 'linear', size: 4 }, 4, 4, 7],
  [{ kind: 'ring', size: 4 }, 4, 4, 8],
  [{ kind: 'mesh', size: 4 }, 4, 4, 10],
  [{ kind: 'star', size: 5 }, 5, 1, 5],
  [{ kind: 'dumbbell', left: 3, right: 2 }, 5, 2, 6],
  [{ kind: 'tree', depth: 2, fanout: 3 }, 9, 4, 12],
  [{ kind: 'tree', depth: 3, fanout: 1 }, 1, 3, 3],
  [{ kind: 'fat-tree', size: 2 }, 2, 5, 6],
  [{ kind: 'fat-tree', size: 4 }, 16, 20, 48],
])('%j: %i hosts, %i routers, %i links, and every host reaches the last', (topology, hosts, routers, links) => {
  const workloads = Array.from({ length: hosts - 1 }, (_, i) => ({
    type: 'ping' as const,
    from: `h${i + 1}`,
    to: `h${hosts}`,
  }));
  const found = planned(topology, { workloads });
  if ('issues' in found) expect.fail(JSON.stringify(found.issues));
  const nodes = [...found.plan.topology.nodes.values()];
  expect(nodes.filter(({ role }) => role === 'host')).toHaveLength(hosts);
  expect(nodes.filter(({ role }) => role === 'router')).toHaveLength(routers);
  expect(found.plan.topology.links).toHaveLength(links);
  expect(topologySize(topology)).toEqual({ nodes: hosts + routers, links });
});

test('links are what edge and core say, nodes what the request says of them, and others stand beside', () => {
  const found = planned(
    { kind: 'dumbbell', left: 1, right: 1, edge: { rate: '100mbit' }, core: { rate: '10mbit', delay: '20ms' } },
    {
      hosts: { h1: { sysctls: { 'net.ipv4.tcp_ecn': 1 } }, x: {} },
      links: [{ endpoints: ['x', 'r1'], rate: '1mbit' }],
    },
  );
  if ('issues' in found) expect.fail(JSON.stringify(found.issues));
  const { topology, directions } = found.plan;
  expect(topology.nodes.get('h1')?.spec.sysctls).toEqual({ 'net.ipv4.tcp_ecn': 1 });
  expect(topology.links.map((link) => [link.name, (directions.get(link)?.[0].report.rateBps ?? 0) / 1e6])).toEqual([
    ['x-r1', 1],
    ['h1-r1', 100],
    ['h2-r2', 100],
    ['r1-r2', 10],
  ]);
});

describe('what is wrong is said at its place, once', () => {
  test.each<[TopologySpec, string[]]>([
    [{ kind: 'linear' }, ['topology.size']],
    [{ kind: 'ring', size: 2 }, ['topology.size']],
    [{ kind: 'star', size: 2, depth: 1 }, ['topology.depth']],
    [{ kind: 'fat-tree', size: 3 }, ['topology.size']],
    [{ kind: 'mesh', size: 1000 }, ['topology']],
    [{ kind: 'tree', depth: 20, fanout: 20 }, ['topology']],
    [{ kind: 'tree', depth: 1000, fanout: 1000 }, ['topology']],
    [{ kind: 'tree', depth: 1000, fanout: 1 }, ['topology']],
    [{ kind: 'fat-tree', size: 1000 }, ['topology']],
    [{ kind: 'star', size: 5, edge: { rate: 'fast' } }, ['topology.edge.rate']],
    [{ kind: 'linear', size: 5, core: { delay: 'long' } }, ['topology.core.delay']],
  ])('%j', (topology, paths) => {
    const found = planned(topology);
    expect('issues' in found && found.issues.map(({ path }) => path)).toEqual(paths);
  });
});

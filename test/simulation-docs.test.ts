/** docs/simulations.md says what the schema says, and its examples are taken or refused as it says. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import document from '../openapi/v1.json' with { type: 'json' };
import { simulationTables, withTables } from '../scripts/simulation-docs.ts';
import { simulation } from '../src/api/simulations/schema.ts';
import { planSimulation } from '../src/simulation/plan/plan.ts';
import type { SimulationRequest } from '../src/simulation/simulate.ts';

const page = readFileSync(join(import.meta.dirname, '../docs/simulations.md'), 'utf8');
const blocks = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text));
const network = (workload: unknown) => ({
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'] }],
  workloads: [workload],
});

it('its tables are those of the schema', () => {
  expect(withTables(page, simulationTables(document as never))).toBe(page);
});

it('every member has a meaning, and an example or a list of words', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)];
  expect(rows.length).toBeGreaterThan(100);
  const bare = rows.filter(([, , cells = '']) => cells.split(' | ').every((cell, i) => i === 0 || cell.trim() === ''));
  expect(bare.map(([, name]) => name)).toEqual([]);
});

it('its example is a simulation', () => {
  const { deadline_ms: _, ...request } = simulation.parse(blocks[0]);
  expect(planSimulation(request as SimulationRequest, { nodes: 10, devices: 100 })).toHaveProperty('plan');
});

it('mistakes are refused where it says, and what was meant is taken', () => {
  const paths = (workload: unknown) =>
    simulation.safeParse(network(workload)).error?.issues.map(({ path }) => path.join('.')) ?? [];
  const [, size, meantSize, flows, meantFlows] = blocks;
  expect(paths(size)).toEqual(['workloads.0.size', 'workloads.0.count']);
  expect(paths(meantSize)).toEqual([]);
  expect(paths(flows)).toEqual(['workloads.0.sizes']);
  expect(paths(meantFlows)).toEqual([]);
});

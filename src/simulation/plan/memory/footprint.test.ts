/** What the memory of a kernel of 96 MiB is expected to hold, and what is named when it does not. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../plan.ts';
import type { LinkSpec, SimulationRequest, WorkloadSpec } from '../request.ts';
import { findExcess } from './footprint.ts';

const BUDGET_MIB = 96;

function excess(
  workloads: readonly WorkloadSpec[],
  link: Partial<LinkSpec> = {},
  more: Partial<SimulationRequest> = {},
) {
  const links = [{ endpoints: ['a', 'b'] as const, rate: '10mbit', delay: '20ms', ...link }];
  const planned = planSimulation({ hosts: { a: {}, b: {} }, links, workloads, ...more }, { nodes: 500, devices: 4000 });
  return 'plan' in planned ? findExcess(planned.plan, BUDGET_MIB)?.path : expect.fail(JSON.stringify(planned.issues));
}

const ends = { from: 'a', to: 'b' } as const;
const tcp = (parallel: number): WorkloadSpec => ({ type: 'tcp', ...ends, parallel });
const many = (n: number, workload: WorkloadSpec) => Array.from({ length: n }, () => workload);

describe('what fits', () => {
  test.each<[string, readonly WorkloadSpec[]]>([
    [
      'a hundred flows of up to 100 kB',
      [
        {
          type: 'flows',
          ...ends,
          sizes: [
            [1000, 50],
            [10_000, 90],
            [100_000, 100],
          ],
          perSecond: 20,
          count: 100,
        },
      ],
    ],
    ['128 streams that share a slow link', [tcp(128)]],
    ['a thousand pings', many(1000, { type: 'ping', ...ends, count: 1 })],
    ['three hundred datagrams', many(300, { type: 'udp', ...ends, rate: '1mbit', count: 1 })],
  ])('%s', (_, workloads) => expect(excess(workloads)).toBeUndefined());
});

test('flows that begin before the first of them can have ended are there all at once', () => {
  const sizes = Array.from({ length: 5000 }, () => '1000');
  const flows = (perSecond: number): WorkloadSpec => ({ type: 'flows', ...ends, sizes, perSecond });
  expect(excess([flows(100)])).toBeUndefined();
  expect(excess([flows(1_000_000)])).toBe('workloads[0]');
});

/** Hosts around a router, of which the first `pinging` ping the next. */
function star(hosts: number, pinging: number): SimulationRequest {
  const names = Array.from({ length: hosts }, (_, i) => `h${i}`);
  return {
    hosts: Object.fromEntries(names.map((name) => [name, {}])),
    routers: { r: {} },
    links: names.map((name) => ({ endpoints: [name, 'r'], rate: '10mbit', delay: '5ms' })),
    workloads: names.slice(0, pinging).map((from, i) => ({ type: 'ping', from, to: names[(i + 1) % hosts] ?? '' })),
  };
}

test('as many hosts as the README says', () => {
  const fits = ({ workloads = [], ...network }: SimulationRequest) => excess(workloads, {}, network) === undefined;
  expect([star(400, 20), star(290, 290), star(440, 20)].map(fits)).toEqual([true, true, false]);
});

test('flows that share a bottleneck fit, where each alone might have all of it', () => {
  const workloads = Array.from(
    { length: 40 },
    (_, i): WorkloadSpec => ({ type: 'tcp', from: `h${i + 1}`, to: `h${i + 41}` }),
  );
  const topology = {
    kind: 'dumbbell',
    left: 40,
    right: 40,
    edge: { rate: '1gbit', delay: '1ms', queue: { kind: 'bfifo', limit: '64kb' } },
    core: { rate: '100mbit', delay: '10ms' },
  } as const;
  expect(excess(workloads, {}, { hosts: {}, links: [], topology })).toBeUndefined();
  // Bottlenecks of their own are another matter.
  expect(
    excess(workloads, {}, { hosts: {}, links: [], topology: { ...topology, core: { delay: '10ms' } } }),
  ).toBeDefined();
});

describe('what does not fit is named', () => {
  test('the largest workload first', () =>
    expect(excess([tcp(1), tcp(128), tcp(2)], { rate: '1gbit', delay: '100ms' })).toBe('workloads[1]'));
  test('the last of many', () =>
    expect(excess(many(1500, { type: 'ping', ...ends, count: 1 }))).toMatch(/^workloads\[1\d{3}]$/));
  test('links, when they are too many by themselves', () => {
    const names = Array.from({ length: 450 }, (_, i) => `h${i}`);
    const hosts = Object.fromEntries(['a', ...names].map((name) => [name, {}]));
    expect(excess([], {}, { hosts, links: names.map((name) => ({ endpoints: ['a', name] as const })) })).toBe('links');
  });
});

test('hosts without a link take memory too', () => {
  const hosts = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`h${i}`, {}]));
  const planned = planSimulation({ hosts, links: [] }, { nodes: 1000, devices: 4000 });
  expect('plan' in planned && findExcess(planned.plan, BUDGET_MIB)?.path).toBe('links');
});

test('of links that are as slow as each other the shared one counts', () => {
  const workloads = Array.from(
    { length: 50 },
    (_, i): WorkloadSpec => ({ type: 'tcp', from: `h${i + 1}`, to: `h${i + 51}` }),
  );
  const edge = { rate: '100mbit', delay: '1ms' } as const;
  const topology = { kind: 'dumbbell', left: 50, right: 50, edge, core: { ...edge, delay: '10ms' } } as const;
  expect(excess(workloads, {}, { hosts: {}, links: [], topology })).toBeUndefined();
});

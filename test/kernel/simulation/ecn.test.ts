/** ECN of one flow: asked for or not whatever its host has, and datagrams that are marked. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { SimulationRequest, WorkloadSpec } from '../../../src/simulation/plan/request.ts';
import { flow, simulate, tcpOf } from '../simulate.ts';

const ends = { from: 'a', to: 'b' } as const;
const tcp = { type: 'tcp', ...ends } as const;
const network = (workloads: readonly WorkloadSpec[], more: Partial<SimulationRequest> = {}): SimulationRequest => ({
  seed: 1,
  duration: '3s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '10ms', queue: { kind: 'fq_codel', ecn: true } }],
  workloads,
  ...more,
});

test('of flows that begin at one instant on one host each has its own', async () => {
  const answer = await simulate(
    network([
      { ...tcp, ecn: true },
      tcp,
      { ...tcp, ecn: false },
      { ...tcp, ecn: true, family: 'ipv6' },
      { type: 'rr', ...ends, ecn: true, reconnect: true, count: 5 },
    ]),
  );
  expect([0, 1, 2, 3].map((i) => tcpOf(answer, i).ecn)).toEqual([true, undefined, undefined, true]);
  expect(flow(answer, 4, 'rr').transactions).toBe(5);
  expect(tcpOf(answer, 0).tcp_info?.delivered_ce).toBeGreaterThan(0);
  expect(tcpOf(answer, 0).retransmits).toBe(0);
  expect(tcpOf(answer, 2).retransmits).toBeGreaterThan(0);
});

test('a flow without ECN on a host with it; the host keeps its setting', async () => {
  const answer = await simulate(
    network(
      [
        { ...tcp, ecn: false, duration: '1s' },
        { ...tcp, start: '1s' },
      ],
      {
        hosts: { a: { sysctls: { 'net.ipv4.tcp_ecn': 1 } }, b: {} },
      },
    ),
  );
  expect([0, 1].map((i) => tcpOf(answer, i).ecn)).toEqual([undefined, true]);
});

test('who cannot be reached is told as ever', async () => {
  const answer = await simulate(
    network([{ ...tcp, ecn: true, bytes: '1kb' }], {
      hosts: { a: { sysctls: { 'net.ipv4.tcp_syn_retries': 1 } }, b: {} },
      events: [{ type: 'blackhole', at: '0s', link: 'a-b' }],
      duration: '10s',
    }),
  );
  expect(tcpOf(answer).error).toMatch(/connect: .*ETIMEDOUT/);
});

describe('datagrams', () => {
  test.each([
    ['ipv4', true],
    ['ipv6', 'ect1'],
  ] as const)('over %s are marked where others would be dropped', async (family, ecn) => {
    const udp = { type: 'udp', ...ends, rate: '12mbit', family } as const;
    const answer = await simulate(network([{ ...udp, ecn }], { duration: '5s' }));
    const { marked, lost, received } = flow(answer, 0, 'udp');
    expect(marked).toBeGreaterThan(10);
    expect(marked).toBeLessThan(received);
    const link = answer.links[0]?.forward;
    // Those that wait at the end are marked too.
    expect(link?.marks.queue).toBeGreaterThanOrEqual(marked ?? 0);
    expect(lost).toBeLessThan(marked ?? 0);
    expect(flow(await simulate(network([udp])), 0, 'udp').marked).toBeUndefined();
  });
});

test('bursts of datagrams say it themselves', async () => {
  const answer = await simulate(
    network([{ type: 'on-off', protocol: 'udp', ...ends, on: '1s', off: '100ms', rate: '13mbit', ecn: 'ect1' }], {
      duration: '4s',
    }),
  );
  expect(flow(answer, 0, 'on-off').marked).toBeGreaterThan(0);
});

test.each([
  [{ ...tcp, ecn: 'ect1' }, 'workloads[0].ecn'],
  [{ ...tcp, ecn: true, mptcp: true }, 'workloads[0].ecn'],
] as const)('%j is refused', (workload, path) => {
  const planned = planSimulation(network([workload]), { nodes: 500, devices: 4000 });
  expect('issues' in planned && planned.issues.map((issue) => issue.path)).toEqual([path]);
});

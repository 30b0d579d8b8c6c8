/** Groups: who joins gets what is sent, switches that snoop spare the others, routers pass on what they are told. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { SimulationRequest, SwitchSpec, UdpWorkload } from '../../../src/simulation/plan/request.ts';
import { flow, simulate } from '../simulate.ts';

const stream = (more: Partial<UdpWorkload> = {}): UdpWorkload => ({
  type: 'udp',
  from: 'a',
  to: '239.1.1.1',
  receivers: ['b', 'c'],
  rate: '1mbit',
  size: '1000',
  count: 100,
  ...more,
});
const lan = (s: SwitchSpec, workload: UdpWorkload, more: Partial<SimulationRequest> = {}): SimulationRequest => ({
  seed: 1,
  duration: '10s',
  hosts: { a: {}, b: {}, c: {}, d: {} },
  switches: { s },
  links: ['a', 'b', 'c', 'd'].map((name) => ({ endpoints: [name, 's'] as const, delay: '1ms', rate: '10mbit' })),
  workloads: [workload],
  capture: ['d'],
  ...more,
});
/** Packets of this size that host d saw: it has joined nothing. */
const strayed = ({ files }: Awaited<ReturnType<typeof simulate>>): number => {
  const [file = new Uint8Array()] = files;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let found = 0;
  for (let at = 0; at + 12 <= file.length; at += view.getUint32(at + 4, true))
    if (view.getUint32(at, true) === 6 && view.getUint32(at + 20, true) >= 1042) found++;
  return found;
};

describe('a group on a switch', () => {
  test('everyone in it gets each datagram, and each counts', async () => {
    const answer = await simulate(lan({}, stream()));
    expect(flow(answer, 0, 'udp')).toMatchObject({
      sent: 200,
      received: 200,
      lost: 0,
      receivers: [
        { node: 'b', received: 100, lost: 0, in_flight: 0 },
        { node: 'c', received: 100, lost: 0, in_flight: 0 },
      ],
    });
    expect(flow(answer, 0, 'udp').one_way_ms?.min).toBeCloseTo(2, 0);
    // A switch that does not look floods.
    expect(strayed(answer)).toBe(100);
  });

  test('a switch that snoops, with a querier, spares who has not joined; IPv6 too', async () => {
    for (const to of ['239.1.1.1', 'ff0e::101']) {
      const answer = await simulate(lan({ snooping: true, querier: true }, stream({ to })));
      expect(flow(answer, 0, 'udp')).toMatchObject({ sent: 200, received: 200 });
      expect(strayed(answer)).toBe(0);
    }
    const only6 = lan({ snooping: true, querier: true }, stream({ to: 'ff15::1' }), { families: ['ipv6'] });
    expect(strayed(await simulate(only6))).toBe(0);
  });

  test('losses are told by receiver', async () => {
    const answer = await simulate(
      lan({}, stream({ count: 1000 }), {
        links: ['a', 'b', 'c', 'd'].map((name) => ({
          endpoints: [name, 's'] as const,
          delay: '1ms',
          ...(name === 'c' && { loss: '10%' }),
        })),
      }),
    );
    const [b, c] = flow(answer, 0, 'udp').receivers ?? [];
    expect(b?.lost).toBe(0);
    expect(c?.lost).toBeGreaterThan(60);
    expect(c?.lost).toBeLessThan(140);
    expect(flow(answer, 0, 'udp').lost).toBe(c?.lost);
  });
});

describe('routers', () => {
  const routed = (
    multicast: NonNullable<NonNullable<SimulationRequest['routers']>['r']>['multicast'],
  ): SimulationRequest => ({
    seed: 1,
    duration: '10s',
    families: ['ipv4'],
    hosts: { a: {}, b: {}, c: {} },
    routers: { r: { ...(multicast && { multicast }) } },
    links: ['a', 'b', 'c'].map((name) => ({ endpoints: [name, 'r'] as const, delay: '1ms' })),
    workloads: [stream()],
  });

  test('pass a group on where they are told to', async () => {
    const none = await simulate(routed(undefined));
    expect(flow(none, 0, 'udp').received).toBe(0);
    const one = await simulate(routed([{ from: 'a', group: '239.1.1.1', in: 'eth0', out: ['eth1'] }]));
    expect(flow(one, 0, 'udp').receivers?.map(({ received }) => received)).toEqual([100, 0]);
    const both = await simulate(routed([{ from: 'a', group: '239.1.1.1', in: 'eth0', out: ['eth1', 'eth2'] }]));
    expect(flow(both, 0, 'udp').receivers?.map(({ received }) => received)).toEqual([100, 100]);
  });

  test('but not beyond the ttl', async () => {
    const request = routed([{ from: 'a', group: '239.1.1.1', in: 'eth0', out: ['eth1', 'eth2'] }]);
    const answer = await simulate({ ...request, workloads: [stream({ ttl: 1 })] });
    expect(flow(answer, 0, 'udp').received).toBe(0);
  });
});

test.each([
  [stream({ receivers: [] }), 'workloads[0].receivers'],
  [stream({ receivers: ['nobody'] }), 'workloads[0].receivers[0]'],
  [stream({ receivers: ['a'] }), 'workloads[0].receivers[0]'],
  [stream({ to: 'b' }), 'workloads[0].to'],
  [stream({ ttl: 0 }), 'workloads[0].ttl'],
] as const)('%j is refused at its place', (workload, path) => {
  const planned = planSimulation(lan({}, workload), { nodes: 500, devices: 4000 });
  expect('issues' in planned ? planned.issues.map((issue) => issue.path) : []).toContain(path);
});

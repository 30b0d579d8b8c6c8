/** A capture that a simulation made is replayed in another one: as many, as long, when they were, in both directions. */

import { expect, test } from 'vitest';
import { toBase64 } from '../../../src/bytes/base64.ts';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { ReplayWorkload } from '../../../src/simulation/plan/request.ts';
import { flow, simulate } from '../simulate.ts';

async function captured(): Promise<string> {
  const answer = await simulate({
    families: ['ipv4'],
    links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '5ms' }],
    workloads: [
      { type: 'rr', from: 'a', to: 'b', request: '200', response: '1000', count: 20, think: '10ms', dscp: 'ef' },
    ],
    capture: ['a'],
  });
  const [file] = answer.files;
  if (!file) expect.fail('nothing was captured');
  return toBase64(file);
}

const replay = (pcap: string, more: Partial<ReplayWorkload> = {}, rate = '10mbit') =>
  simulate({
    duration: '20s',
    links: [{ endpoints: ['a', 'b'], rate, delay: '5ms' }],
    workloads: [{ type: 'replay', from: 'a', to: 'b', pcap, ...more }],
    capture: ['b'],
  });

test('both ways at their times; slower; lost where the link is too slow', async () => {
  const pcap = await captured();
  const answer = await replay(pcap);
  const { there, back, skipped, completed, duration_s } = flow(answer, 0, 'replay');
  expect(completed).toBe(true);
  expect(skipped).toBe(0);
  expect(there.packets).toBeGreaterThan(20);
  expect(there).toMatchObject({ sent: there.packets, received: there.packets, lost: 0, in_flight: 0 });
  expect(back).toMatchObject({ sent: back.packets, received: back.packets, lost: 0 });
  // 20 responses of 1000 bytes, and what TCP says beside them.
  expect(back.bytes).toBeGreaterThan(20_000);
  expect(there.one_way_ms?.min).toBeCloseTo(5, 1);
  expect(duration_s).toBeGreaterThan(0.4);
  expect(duration_s).toBeLessThan(0.5);

  const slow = flow(await replay(pcap, { speed: 0.1, family: 'ipv6' }), 0, 'replay');
  expect(slow.duration_s / duration_s).toBeCloseTo(10, 0);
  expect(slow.there.received).toBe(there.packets);

  const short = await replay(pcap, { speed: 0.001 });
  expect(flow(short, 0, 'replay')).toMatchObject({ completed: false, truncated: true });
  expect(flow(short, 0, 'replay').there.sent).toBeLessThan(there.packets);
  expect(short.virtual_s).toBeCloseTo(20, 3);

  const narrow = flow(await replay(pcap, { speed: 1000 }, '64kbit'), 0, 'replay');
  expect(narrow.back.lost).toBeGreaterThan(0);
  expect(narrow.back.received + narrow.back.lost + narrow.back.in_flight).toBe(narrow.back.sent);
});

test('what is no capture, or between one node, is refused at its place', async () => {
  const pcap = await captured();
  const issues = (workload: Partial<ReplayWorkload>) => {
    const planned = planSimulation(
      {
        hosts: { a: {}, b: {} },
        links: [{ endpoints: ['a', 'b'] }],
        workloads: [{ type: 'replay', from: 'a', to: 'b', pcap, ...workload }],
      },
      { nodes: 500, devices: 4000 },
    );
    return 'issues' in planned ? planned.issues.map(({ path }) => path) : [];
  };
  expect(issues({ pcap: '!' })).toEqual(['workloads[0].pcap']);
  expect(issues({ pcap: 'AAAA' })).toEqual(['workloads[0].pcap']);
  expect(issues({ client: 'me' })).toEqual(['workloads[0].client']);
  expect(issues({ client: '10.7.7.7' })).toEqual(['workloads[0].pcap']);
  expect(issues({ speed: 0 })).toEqual(['workloads[0].speed']);
  expect(issues({ to: 'a' })).toEqual(['workloads[0].to']);
});

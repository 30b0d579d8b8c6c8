/** Simulations against theory: delays to the microsecond, rates, losses, fairness, and the same bytes for the same seed. */

import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readmeExample } from '../../../src/simulation/hijack/hijack-example.ts';
import type { LinkSpec, SimulationRequest } from '../../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from '../simulate.ts';

const link = (spec: Omit<LinkSpec, 'endpoints'>): readonly LinkSpec[] => [{ endpoints: ['a', 'b'], ...spec }];

/** The request of the documentation. */
const example: Partial<SimulationRequest> = {
  seed: 1,
  duration: '10s',
  hosts: { a: {}, b: {} },
  links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
  workloads: [
    { type: 'tcp', from: 'a', to: 'b', duration: '10s', congestion: 'cubic' },
    { type: 'ping', from: 'a', to: 'b', count: 5 },
  ],
  capture: ['b'],
};

test('one who takes captures slowly gets the same, while time stands still', async () => {
  const brief = { ...example, duration: '1s', capture: ['a', 'b'] };
  const quick = await simulate(brief);
  let late = 0;
  const slow = await simulate(brief, undefined, async () => {
    await setTimeout(5);
    late++;
  });
  expect(late).toBeGreaterThan(1000);
  expect({ ...slow, memoryMib: 0 }).toEqual({ ...quick, memoryMib: 0 });
});

test('a send buffer that nothing else bounds is bound by the memory of the kernel', async () => {
  const answer = await simulate(
    {
      hosts: { a: { sysctls: { 'net.ipv4.tcp_wmem': '4096 87380 2147483647' } }, b: {} },
      links: link({ delay: '7ms' }),
      workloads: [{ type: 'tcp', from: 'a', to: 'b', duration: '1s' }],
    },
    22,
  );
  expect(tcpOf(answer)).toMatchObject({ completed: true });
  // It met the memory that all hosts share, and the answer says so.
  expect(answer.hosts.a?.pressure?.['TcpExt.TCPMemoryPressures']).toBeGreaterThan(0);
  expect(tcpOf(answer).memory_bound).toBe(true);
  expect(answer.warnings).toMatchObject([{ path: 'workloads[0]' }]);
});

test('the request of the documentation: 94 percent of the rate, round trips of twice the delay', async () => {
  const answer = await simulate(example);
  expect(tcpOf(answer)).toMatchObject({ completed: true, congestion: 'cubic', address: '10.0.0.2' });
  expect(tcpOf(answer).goodput_bps).toBeGreaterThan(0.94 * 10e6);
  expect(tcpOf(answer).goodput_bps).toBeLessThan(10e6);
  expect(pingOf(answer, 1).received).toBe(5);
  expect(pingOf(answer, 1).rtt_ms?.min).toBeCloseTo(40, 3);
  expect(answer.virtual_s).toBeCloseTo(10, 3);
  expect(answer.captures).toMatchObject([{ node: 'b', interface: 'eth0', dropped: 0 }]);
  expect(answer.hosts.a?.interfaces.eth0).toEqual({
    mac: '02:00:00:00:00:01',
    mtu: 1500,
    addresses: ['10.0.0.1/24', 'fd00::1/64'],
  });
});

describe('round trips are the configured delay to the microsecond', () => {
  test.each([
    ['1ms', 2],
    ['12345us', 24.69],
    ['300ms', 600],
  ])('%s each way', async (delay, rtt) => {
    const ping = { type: 'ping', from: 'a', to: 'b', count: 3 } as const;
    const answer = await simulate({
      links: link({ delay }),
      workloads: [ping, { ...ping, family: 'ipv6', start: '333ms' }],
    });
    // The first packet of a kernel finds its caches cold, and takes some two microseconds of calls more.
    for (const index of [0, 1]) {
      expect(pingOf(answer, index).rtt_ms?.min).toBeGreaterThanOrEqual(rtt);
      expect(pingOf(answer, index).rtt_ms?.min).toBeLessThan(rtt + 0.001);
      expect(pingOf(answer, index).rtt_ms?.max).toBeCloseTo(rtt, 2);
    }
  });

  test('on a link without delay, and to oneself, nothing arrives before it was sent', async () => {
    const answer = await simulate({
      links: link({}),
      workloads: [
        { type: 'ping', from: 'a', to: 'b', count: 1 },
        { type: 'ping', from: 'a', to: 'a', count: 1, start: '1s' },
        { type: 'udp', from: 'a', to: 'b', rate: '1mbit', count: 3, start: '2s' },
      ],
    });
    for (const time of [pingOf(answer, 0).rtt_ms, pingOf(answer, 1).rtt_ms, flow(answer, 2, 'udp').one_way_ms]) {
      expect(time?.min).toBeGreaterThanOrEqual(0);
      expect(time?.min).toBeLessThan(0.0005);
    }
  });

  test('through two routers and a switch', async () => {
    const answer = await simulate({
      routers: { r1: {}, r2: {} },
      switches: { s: {} },
      links: [
        { endpoints: ['a', 'r1'], delay: '1ms' },
        { endpoints: ['r1', 's'], delay: '2ms' },
        { endpoints: ['s', 'r2'], delay: '3ms' },
        { endpoints: ['r2', 'b'], delay: '4ms' },
      ],
      workloads: [{ type: 'ping', from: 'a', to: 'b', count: 3 }],
    });
    expect(pingOf(answer).rtt_ms?.min).toBeCloseTo(20, 3);
  });

  test('between VLANs, by a router on a trunk', async () => {
    const answer = await simulate({
      routers: { r: {} },
      switches: { s: {}, t: {} },
      links: [
        { endpoints: ['a', 's'], vlan: 10 },
        { endpoints: ['b', 't'], vlan: 20 },
        { endpoints: ['r', 's'], vlans: [10, 20], delay: '1ms' },
        { endpoints: ['s', 't'], vlans: [10, 20], delay: '3ms' },
      ],
      workloads: [
        { type: 'ping', from: 'a', to: 'b', count: 3, interval: '100ms' },
        { type: 'ping', from: 'a', to: 'b', count: 3, interval: '100ms', start: '50ms', family: 'ipv6' },
      ],
      capture: ['r'],
    });
    expect(pingOf(answer, 0).rtt_ms?.min).toBeCloseTo(10, 3);
    expect(pingOf(answer, 1).rtt_ms?.min).toBeCloseTo(10, 3);
    // Each of six requests and replies comes to the router and leaves it again, plus what neighbours say of themselves.
    expect(answer.captures[0]?.packets).toBeGreaterThanOrEqual(24);
  });

  test('through a loop of switches that speak the spanning tree protocol', async () => {
    const answer = await simulate({
      switches: { s: { stp: true }, t: { stp: true }, u: { stp: true } },
      links: [
        { endpoints: ['a', 's'] },
        { endpoints: ['b', 't'] },
        { endpoints: ['s', 't'], delay: '1ms' },
        { endpoints: ['t', 'u'], delay: '5ms' },
        { endpoints: ['u', 's'], delay: '5ms' },
      ],
      workloads: [{ type: 'ping', from: 'a', to: 'b', count: 3 }],
    });
    expect([2, 20]).toContain(Math.round(pingOf(answer).rtt_ms?.min ?? 0));
  });
});

test('a host with an IPv4 address alone beside a router, which has both', async () => {
  const answer = await simulate({
    hosts: { a: { interfaces: { eth0: { addresses: ['10.0.0.9/24'] } } }, b: {} },
    routers: { r: {} },
    links: [{ endpoints: ['a', 'r'] }, { endpoints: ['r', 'b'] }],
    workloads: [{ type: 'ping', from: 'a', to: 'b', count: 1 }],
  });
  expect(pingOf(answer).received).toBe(1);
});

describe('rates', () => {
  test.each([
    ['1mbit', '10ms'],
    ['100mbit', '5ms'],
    ['1gbit', '1ms'],
  ])('one cubic flow on %s gets 94 percent of it', async (rate, delay) => {
    const answer = await simulate({
      duration: '10s',
      links: link({ rate, delay }),
      workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
    });
    const bits = Number.parseInt(rate, 10) * { m: 1e6, g: 1e9 }[rate.replace(/\d+/, '').charAt(0) as 'm' | 'g'];
    expect(tcpOf(answer).goodput_bps / bits).toBeGreaterThan(0.94);
    expect(tcpOf(answer).goodput_bps / bits).toBeLessThan(1);
  });

  test('each way has its own', async () => {
    const answer = await simulate({
      duration: '10s',
      links: link({ delay: '5ms', forward: { rate: '2mbit' }, reverse: { rate: '8mbit' } }),
      workloads: [
        { type: 'udp', from: 'a', to: 'b', rate: '20mbit', duration: '5s' },
        { type: 'udp', from: 'b', to: 'a', rate: '20mbit', duration: '5s' },
      ],
    });
    const delivered = [0, 1].map((index) => flow(answer, index, 'udp').received * (1448 + 42) * 8);
    // Five seconds, and what the queue held at their end.
    expect(delivered[0]).toBeGreaterThan(5 * 2e6);
    expect(delivered[0]).toBeLessThan(5.7 * 2e6);
    expect(delivered[1]).toBeGreaterThan(5 * 8e6);
    expect(delivered[1]).toBeLessThan(5.2 * 8e6);
  });

  test('two cubic flows share within 10 percent over a minute, whenever the second begins, on average', async () => {
    const cubic = { type: 'tcp', from: 'a', to: 'b', congestion: 'cubic', duration: '60s' } as const;
    const starts = ['1ms', '3ms', '7ms', '13ms'];
    let difference = 0;
    for (const start of starts) {
      const answer = await simulate({
        duration: '61s',
        links: link({ rate: '10mbit', delay: '20ms' }),
        workloads: [cubic, { ...cubic, start }],
      });
      const [first, second] = [tcpOf(answer, 0).goodput_bps, tcpOf(answer, 1).goodput_bps];
      difference += Math.abs(first - second) / (first + second) / starts.length;
      expect(answer.fairness).toBeGreaterThan(0.97);
    }
    expect(difference).toBeLessThan(0.1);
  });

  test('a mahimahi trace delivers a packet an opportunity, and none between', async () => {
    const answer = await simulate({
      duration: '10s',
      links: link({ delay: '10ms', forward: { trace: '0\n5\n5\n10\n13\n17\n18\n19\n20\n' } }),
      workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '20mbit', size: '1472', duration: '9s' }],
    });
    // Nine packets in 20 ms.
    const perSecond = flow(answer, 0, 'udp').received / 9;
    expect(perSecond).toBeGreaterThan(440);
    expect(perSecond).toBeLessThan(475);
  });

  test.each([1472, 1252, 200])(
    'an opportunity delivers 1500 bytes and an Ethernet header: datagrams of %i',
    async (size) => {
      const answer = await simulate({
        duration: '3s',
        families: ['ipv4'],
        links: link({ forward: { trace: [1] } }),
        workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '20mbit', size: `${size}`, duration: '2s' }],
      });
      // What a packet has no room in goes with it at the next one.
      const { goodput_bps = 0 } = flow(answer, 0, 'udp');
      expect(goodput_bps / ((1514e3 * 8 * size) / (size + 42))).toBeCloseTo(1, 3);
      expect(answer.links[0]?.forward.rate_bps).toBe(12e6);
    },
  );

  test('a link with a trace drops and marks as one with a rate, and its gate is no part of it', async () => {
    const run = (spec: { readonly trace: readonly number[] } | { readonly rate: string }) =>
      simulate({
        duration: '5s',
        hosts: { a: { sysctls: { 'net.ipv4.tcp_ecn': 1 } }, b: {} },
        links: link({ ...spec, delay: '10ms', queue: { kind: 'fq_codel', target: '2ms', ecn: true } }),
        workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
        events: [
          { type: 'link', at: '2s', link: 'a-b', delay: '30ms' },
          { type: 'down', at: '3s', link: 'a-b', for: '100ms' },
        ],
      });
    const answer = await run({ trace: [1] });
    expect(answer.events?.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    const { forward, reverse } = answer.links[0] ?? {};
    expect(forward?.qdiscs.map(({ kind, parent }) => `${parent} ${kind}`)).toEqual([
      'root netem',
      '1:1 tbf',
      '2:1 fq_codel',
    ]);
    expect(forward?.marks.queue).toBeGreaterThan(3);
    expect(reverse?.drops).toEqual({ loss: 0, queue: 0 });
    expect(tcpOf(answer).rtt_ms?.p90).toBeGreaterThan(60);
    const alike = tcpOf(await run({ rate: '12mbit' }));
    expect(tcpOf(answer).goodput_bps / alike.goodput_bps).toBeGreaterThan(0.9);
    expect(tcpOf(answer).goodput_bps / alike.goodput_bps).toBeLessThan(1.15);
  });

  test('classes of an htb get their shares', async () => {
    const queue = {
      kind: 'htb',
      classes: [{ rate: '7mbit', match: { protocol: 'tcp', dport: 5001 } }, { rate: '3mbit' }],
    };
    const tcp = { type: 'tcp', from: 'a', to: 'b' } as const;
    const answer = await simulate({
      duration: '20s',
      links: link({ rate: '10mbit', delay: '5ms', queue }),
      workloads: [tcp, tcp],
    });
    expect(tcpOf(answer, 0).goodput_bps / tcpOf(answer, 1).goodput_bps).toBeCloseTo(7 / 3, 0);
  });
});

describe('what wires do to packets', () => {
  const udp = { type: 'udp', from: 'a', to: 'b', rate: '10mbit', count: 10_000 } as const;

  test('independent losses come as often as configured', async () => {
    const answer = await simulate({ links: link({ delay: '5ms', loss: '3%' }), workloads: [udp] });
    expect(flow(answer, 0, 'udp').lost / 10_000).toBeCloseTo(0.03, 2);
    expect(answer.links[0]?.forward.drops.loss).toBe(flow(answer, 0, 'udp').lost);
  });

  test('Gilbert-Elliott losses are as frequent as its chain says', async () => {
    const gemodel = { p: '1%', r: '10%', lossBad: '50%', lossGood: '0%' };
    const answer = await simulate({ links: link({ delay: '5ms', loss: { gemodel } }), workloads: [udp] });
    // p / (p + r) of the time bad, and half of that lost; some 90 bad spells of ten packets let that vary by a seventh.
    const expected = (0.01 / 0.11) * 0.5;
    expect(Math.abs(flow(answer, 0, 'udp').lost / 10_000 - expected)).toBeLessThan(0.3 * expected);
  });

  test('marks of ECN are no losses, and packets that cannot be marked are', async () => {
    const host = { sysctls: { 'net.ipv4.tcp_ecn': 1 } };
    const run = (hosts: SimulationRequest['hosts']) =>
      simulate({
        hosts,
        duration: '5s',
        links: link({ delay: '5ms', rate: '10mbit', loss: { random: '1%', ecn: true } }),
        workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
      });
    const [marked, lost] = [await run({ a: host, b: host }), await run({ a: {}, b: {} })];
    const { drops, marks } = marked.links[0]?.forward ?? {};
    expect(drops).toEqual({ loss: 0, queue: 0 });
    expect(marks?.loss).toBeGreaterThan(10);
    expect(tcpOf(marked).retransmits).toBe(0);
    expect(lost.links[0]?.forward.marks).toEqual({ loss: 0, queue: 0 });
    expect(lost.links[0]?.forward.drops.loss).toBeGreaterThan(10);
  });

  test('jitter has the deviation it is given, in the shape of its distribution', async () => {
    const answer = await simulate({
      links: link({ delay: '20ms', jitter: '2ms', distribution: 'normal' }),
      workloads: [udp],
    });
    expect(flow(answer, 0, 'udp').one_way_ms?.mean).toBeCloseTo(20, 1);
    expect(flow(answer, 0, 'udp').one_way_ms?.deviation).toBeCloseTo(2, 1);
  });

  test('duplicates and early packets', async () => {
    const answer = await simulate({ links: link({ delay: '20ms', duplicate: '2%', reorder: '5%' }), workloads: [udp] });
    expect(flow(answer, 0, 'udp').duplicates / 10_000).toBeCloseTo(0.02, 2);
    expect(flow(answer, 0, 'udp').one_way_ms?.min).toBeLessThan(0.001);
    expect(flow(answer, 0, 'udp').lost).toBe(0);
  });

  test('corrupt packets are thrown away by the checksum of whoever gets them', async () => {
    const ping = { type: 'ping', from: 'a', to: 'b', count: 200, interval: '10ms' } as const;
    const answer = await simulate({
      links: link({ delay: '5ms', corrupt: '5%' }),
      workloads: [udp, ping, { ...ping, family: 'ipv6' }],
    });
    expect(flow(answer, 0, 'udp').lost / 10_000).toBeGreaterThan(0.03);
    for (const counter of ['IpExt.InCsumErrors', 'Icmp.InCsumErrors', 'Icmp6.InCsumErrors', 'Udp.InCsumErrors'])
      expect(answer.hosts.b?.state.drops[counter]).toBeGreaterThan(0);
  });

  test('Reno under losses follows Mathis within a factor of two, and BBR does not care', async () => {
    const answer = await simulate({
      duration: '60s',
      links: link({ delay: '50ms', rate: '50mbit', loss: '1%' }),
      workloads: [
        { type: 'tcp', from: 'a', to: 'b', congestion: 'reno' },
        { type: 'tcp', from: 'a', to: 'b', congestion: 'bbr' },
      ],
    });
    const mathis = ((1448 * 8) / 0.1) * Math.sqrt(1.5 / 0.01);
    expect(tcpOf(answer, 0).goodput_bps).toBeGreaterThan(mathis / 2);
    expect(tcpOf(answer, 0).goodput_bps).toBeLessThan(mathis * 2);
    expect(tcpOf(answer, 1).goodput_bps).toBeGreaterThan(10 * tcpOf(answer, 0).goodput_bps);
  });
});

describe('queues', () => {
  const deep = { kind: 'bfifo', limit: '2mb' };
  const run = (congestion: string, queue: LinkSpec['queue'] = deep) =>
    simulate({
      duration: '20s',
      links: link({ rate: '20mbit', delay: '20ms', ...(queue !== undefined && { queue }) }),
      workloads: [
        { type: 'tcp', from: 'a', to: 'b', congestion },
        { type: 'ping', from: 'a', to: 'b', count: 19 },
      ],
    });

  test('BBR leaves a deep buffer empty that cubic fills', async () => {
    const [bbr, cubic] = [await run('bbr'), await run('cubic')];
    expect(pingOf(bbr, 1).rtt_ms?.p50).toBeLessThan(60);
    expect(pingOf(cubic, 1).rtt_ms?.p50).toBeGreaterThan(200);
    expect(tcpOf(bbr).goodput_bps).toBeGreaterThan(0.9 * 20e6);
  });

  test.each(['codel', 'fq_codel', 'cake', 'pie', 'fq_pie', 'red', 'sfq', 'fq'])(
    '%s keeps the queue of one cubic flow short, and the link busy',
    async (queue) => {
      const answer = await run('cubic', queue);
      expect(pingOf(answer, 1).rtt_ms?.p50).toBeLessThan(queue === 'fq' ? 120 : 70);
      expect(tcpOf(answer).goodput_bps).toBeGreaterThan(0.85 * 20e6);
      expect(answer.links[0]?.forward.queue).toBe(queue);
    },
  );
});

describe('queues that mark', () => {
  test.each(['codel', 'fq_codel', 'cake', 'pie', 'fq_pie', 'red', 'fq'])('%s', async (kind) => {
    const options = kind === 'fq' ? { ce_threshold: '1ms' } : kind === 'cake' ? {} : { ecn: true };
    const host = { sysctls: { 'net.ipv4.tcp_ecn': 1 } };
    const answer = await simulate({
      hosts: { a: host, b: host },
      duration: '5s',
      links: link({ rate: '10mbit', delay: '5ms', queue: { kind, ...options } }),
      workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
    });
    expect(answer.links[0]?.forward.marks.loss).toBe(0);
    expect(answer.links[0]?.forward.marks.queue).toBeGreaterThan(0);
  });
});

describe('workloads', () => {
  test('a ping that is due at the end is not sent, and one that cannot be answered by then is no loss', async () => {
    const ping = { type: 'ping', from: 'a', to: 'b', count: 5 } as const;
    const answer = await simulate({
      duration: '1s',
      links: link({ delay: '20ms' }),
      workloads: [ping, { ...ping, interval: '490ms', family: 'ipv6' }],
    });
    expect(pingOf(answer, 0)).toMatchObject({ sent: 1, received: 1, in_flight: 0, loss: 0 });
    expect(pingOf(answer, 1)).toMatchObject({ sent: 3, received: 2, in_flight: 1, loss: 0 });
    const satellite = await simulate({ duration: '1s', links: link({ delay: '600ms' }), workloads: [ping] });
    expect(pingOf(satellite)).toMatchObject({ sent: 1, received: 0, in_flight: 1, loss: 0 });
  });

  test("a transfer has its host's congestion control, unless it names one", async () => {
    const tcp = { type: 'tcp', from: 'a', to: 'b', bytes: '10kb' } as const;
    const answer = await simulate({
      hosts: { a: { sysctls: { 'net.ipv4.tcp_congestion_control': 'reno' } }, b: {} },
      links: link({}),
      workloads: [tcp, { ...tcp, congestion: 'bbr' }, { ...tcp, mptcp: true }, { ...tcp, from: 'b', to: 'a' }],
    });
    expect([0, 1, 2, 3].map((index) => tcpOf(answer, index).congestion)).toEqual(['reno', 'bbr', 'reno', 'cubic']);
  });

  test.each([
    ['what is offered', { rate: '1mbit', count: 3 }, 1e6],
    ['what passes of more', { rate: '20mbit', duration: '5s' }, 10e6],
  ])('the goodput of UDP is the payload of %s', async (_, spec, frameBits) => {
    const answer = await simulate({
      links: link({ rate: '10mbit', delay: '20ms' }),
      workloads: [{ type: 'udp', from: 'a', to: 'b', ...spec }],
    });
    const goodput = flow(answer, 0, 'udp').goodput_bps ?? 0;
    expect(goodput / (frameBits * (1448 / 1490))).toBeCloseTo(1, 4);
  });

  test('one datagram has no goodput', async () => {
    const answer = await simulate({
      links: link({ rate: '8kbit' }),
      workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '1mbit', count: 1 }],
    });
    expect(flow(answer, 0, 'udp')).toMatchObject({ sent: 1, received: 1 });
    expect(flow(answer, 0, 'udp')).not.toHaveProperty('goodput_bps');
  });

  test('a count and a duration: whichever is first', async () => {
    const both = { from: 'a', to: 'b', count: 30, duration: '1050ms' } as const;
    const answer = await simulate({
      links: link({ delay: '50ms' }),
      workloads: [
        { type: 'udp', ...both, rate: '100kbit' },
        { type: 'udp', ...both, rate: '1mbit' },
        { type: 'rr', ...both },
      ],
    });
    expect([0, 1].map((index) => flow(answer, index, 'udp').sent)).toEqual([9, 30]);
    expect(flow(answer, 2, 'rr')).toMatchObject({ transactions: 9, completed: true });
  });

  test('a transfer of so many bytes ends when they are there', async () => {
    const answer = await simulate({
      links: link({ rate: '10mbit', delay: '10ms' }),
      workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '1mb', parallel: 4, start: '2s' }],
    });
    expect(tcpOf(answer)).toMatchObject({ bytes: 2 ** 20, completed: true, start_s: 2 });
    expect(tcpOf(answer).streams).toHaveLength(4);
    expect(answer.virtual_s).toBeCloseTo(2 + tcpOf(answer).duration_s, 6);
    expect(tcpOf(answer).duration_s).toBeGreaterThan(0.84);
  });

  test('MPTCP transfers too', async () => {
    const answer = await simulate({
      links: link({ rate: '10mbit', delay: '5ms' }),
      workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '500kb', mptcp: true }],
    });
    expect(tcpOf(answer)).toMatchObject({ bytes: 500 * 1024, completed: true });
  });

  describe('MPTCP uses every way between its hosts', () => {
    const slow = { rate: '10mbit', delay: '5ms' };
    const mptcp = { type: 'tcp', from: 'a', to: 'b', duration: '5s', mptcp: true } as const;
    const throughRouters = (...names: string[]) => ({
      routers: Object.fromEntries([...names, 'r'].map((name) => [name, {}])),
      links: [
        ...names.flatMap((name) => [
          { endpoints: ['a', name] as const, ...slow },
          { endpoints: [name, 'r'] as const, ...slow },
        ]),
        { endpoints: ['r', 'b'] as const, delay: '1ms' },
      ],
    });
    test.each<[string, Partial<SimulationRequest>, Partial<SimulationRequest>]>([
      ['two links', { links: link(slow) }, { links: [...link(slow), ...link(slow)] }],
      ['two routers to a host with one link', throughRouters('r1'), throughRouters('r1', 'r2')],
    ])('%s carry more than 1.6 times as much as one', async (_, one, two) => {
      const [single, double] = [
        await simulate({ ...one, workloads: [mptcp] }),
        await simulate({ ...two, workloads: [mptcp] }),
      ];
      expect(tcpOf(single).goodput_bps).toBeGreaterThan(9e6);
      expect(tcpOf(double).goodput_bps).toBeGreaterThan(1.6 * tcpOf(single).goodput_bps);
    });
  });

  test('a request and its response take a round trip, a new connection one more', async () => {
    const rr = { type: 'rr', from: 'a', to: 'b', count: 10 } as const;
    const answer = await simulate({ links: link({ delay: '10ms' }), workloads: [rr, { ...rr, reconnect: true }] });
    expect(flow(answer, 0, 'rr').latency_ms?.p50).toBeCloseTo(20, 2);
    expect(flow(answer, 0, 'rr').transactions).toBe(10);
    expect(flow(answer, 1, 'rr').latency_ms?.p50).toBeCloseTo(40, 2);
  });

  test('traffic that is on for half of the time', async () => {
    const answer = await simulate({
      duration: '30s',
      links: link({ rate: '10mbit', delay: '5ms' }),
      workloads: [
        { type: 'on-off', from: 'a', to: 'b', on: '1s', off: '1s', duration: '10s' },
        {
          type: 'on-off',
          from: 'a',
          to: 'b',
          protocol: 'udp',
          rate: '1mbit',
          on: '500ms',
          off: '500ms',
          distribution: 'exponential',
          duration: '10s',
          start: '10s',
        },
      ],
    });
    expect(flow(answer, 0, 'on-off')).toMatchObject({ periods: 5, completed: true });
    expect(answer.virtual_s).toBeCloseTo(20, 1);
    const tcp = flow(answer, 0, 'on-off');
    // What a burst leaves in the send buffer is sent in the silence after it.
    expect(tcp.bytes).toBeGreaterThan((5 * 0.95 * 10e6) / 8);
    expect(tcp.duration_s).toBeCloseTo(10, 4);
    expect(tcp.goodput_bps).toBeCloseTo((tcp.bytes * 8) / 10, -3);
    expect(flow(answer, 1, 'on-off').duration_s).toBeCloseTo(10, 4);
    expect(flow(answer, 1, 'on-off')).toMatchObject({ lost: 0 });
    expect(flow(answer, 1, 'on-off').goodput_bps).toBeLessThan(1e6);
  });

  test('flows of drawn sizes come and go, small ones fast', async () => {
    const answer = await simulate({
      duration: '60s',
      links: link({ rate: '20mbit', delay: '5ms', queue: 'fq_codel' }),
      workloads: [
        {
          type: 'flows',
          from: 'a',
          to: 'b',
          sizes: [
            [1000, 0],
            [10_000, 70],
            [1_000_000, 100],
          ],
          count: 100,
          perSecond: 5,
        },
      ],
    });
    const flows = flow(answer, 0, 'flows');
    expect(flows).toMatchObject({ started: 100, finished: 100, completed: true });
    expect(flows.by_size[0]?.completion_ms.p50).toBeLessThan(60);
    expect(flows.by_size.at(-1)?.completion_ms.p50).toBeGreaterThan(100);
  });

  test('system calls on a host, at their time', async () => {
    const answer = await simulate({
      links: link({}),
      workloads: [{ type: 'syscalls', on: 'a', start: '3s', batch: [{ call: 'getpid' }] }],
    });
    expect(flow(answer, 0, 'syscalls')).toMatchObject({ completed: true, start_s: 3 });
    expect(flow(answer, 0, 'syscalls').result).toMatchObject({
      results: [{ ret: expect.toSatisfy((pid) => pid > 1) }],
    });
    expect(answer.virtual_s).toBeCloseTo(3, 3);
  });

  test('one that never ends is cut off at the end of the simulation', async () => {
    const answer = await simulate({
      duration: '2500ms',
      hosts: { a: {}, b: { sysctls: { 'net.ipv4.icmp_echo_ignore_all': 1 } } },
      links: link({ delay: '1ms' }),
      workloads: [
        { type: 'ping', from: 'a', to: 'b', count: 100 },
        { type: 'tcp', from: 'a', to: 'b' },
      ],
    });
    expect(pingOf(answer)).toMatchObject({ completed: false, received: 0, sent: 3 });
    expect(tcpOf(answer, 1).completed).toBe(true);
    expect(answer.virtual_s).toBeCloseTo(2.5, 3);
  });

  test('one that was to begin after the end is not completed', async () => {
    const answer = await simulate({
      duration: '1s',
      links: link({}),
      workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '1mbit', start: '2s' }],
    });
    expect(flow(answer, 0, 'udp')).toMatchObject({ completed: false, sent: 0 });
  });

  test('an unknown congestion control is an error of its workload', async () => {
    const answer = await simulate({
      duration: '1s',
      links: link({}),
      workloads: [{ type: 'tcp', from: 'a', to: 'b', congestion: 'swift' }],
    });
    expect(tcpOf(answer)).toMatchObject({
      completed: false,
      error: expect.stringContaining('no congestion control "swift"; there are reno, bbr,'),
    });
    expect(answer.virtual_s).toBe(0);
  });
});

describe('what is set on hosts', () => {
  test('sysctls, routes, neighbours, qdiscs, offloads, addresses, MTU and MAC', async () => {
    const answer = await simulate({
      hosts: {
        a: {
          sysctls: { 'net.ipv4.tcp_sack': 0 },
          interfaces: {
            eth0: {
              addresses: ['192.0.2.1/24'],
              mac: '02:aa:bb:cc:dd:ee',
              mtu: 1280,
              qdisc: 'fq',
              offload: { tso: false },
            },
          },
          routes: [
            { to: '198.51.100.0/24', via: 'b', metric: 5 },
            { to: '203.0.113.0/24', type: 'blackhole' },
            { to: '233.252.0.0/24', via: 'b', mtu: 1200, initcwnd: 20 },
          ],
          neighbours: [{ address: '192.0.2.77', mac: '02:00:00:00:00:77' }],
        },
        b: {},
      },
      links: link({ delay: '1ms' }),
      families: ['ipv4'],
      workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '10kb' }],
    });
    const state = answer.hosts.a?.state;
    expect(state?.links.find(({ name }) => name === 'eth0')).toMatchObject({
      mtu: 1280,
      address: '02:aa:bb:cc:dd:ee',
      qdisc: 'fq',
      up: true,
    });
    expect(state?.addresses).toContain('192.0.2.1/24 dev eth0');
    for (const route of [
      '198.51.100.0/24 via 192.0.2.2 dev eth0 metric 5',
      'blackhole 203.0.113.0/24',
      '233.252.0.0/24 via 192.0.2.2 dev eth0 mtu 1200 initcwnd 20',
    ])
      expect(state?.routes).toContain(route);
    expect(state?.neighbours).toContainEqual({
      address: '192.0.2.77',
      mac: '02:00:00:00:00:77',
      dev: 'eth0',
      state: 'PERMANENT',
    });
    expect(tcpOf(answer)).toMatchObject({ completed: true, tcp_info: { snd_mss: 1228 } });
  });

  test("LKL's README example: two interfaces, a table for each, and its files at the end", async () => {
    const hijack = {
      ...readmeExample,
      mount: 'proc,sysfs',
      dump: '/sysfs/class/net/lo/mtu,/sysfs/class/net/lo/dev_id',
      delay_main: '500000',
    };
    const ping = { type: 'ping', count: 2 } as const;
    const answer = await simulate({
      hosts: { a: { hijack }, b: {}, c: {} },
      links: [
        { endpoints: ['a', 'b'], delay: '5ms' },
        { endpoints: ['a', 'c'], delay: '7ms' },
      ],
      workloads: [
        { ...ping, from: 'a', to: 'b' },
        { ...ping, from: 'c', to: 'a:eth1' },
        { ...ping, from: 'a', to: 'b', family: 'ipv6' },
      ],
    });
    expect(pingOf(answer, 0)).toMatchObject({ address: '192.168.0.1', received: 2, start_s: 0.5 });
    expect(pingOf(answer, 1)).toMatchObject({ address: '192.168.1.2', received: 2, start_s: 0 });
    expect(pingOf(answer, 2)).toMatchObject({ address: '2001:db8:0:f101::1', received: 2 });
    const a = answer.hosts.a;
    expect(a?.state.routes).toEqual(
      expect.arrayContaining([
        'default via 192.168.0.1 dev eth0 table 4',
        'default via 192.168.1.1 dev eth1 table 6',
        'default via 192.168.0.1 dev eth0',
        'default via 2001:db8:0:f101::1 dev eth0 table 5 metric 1024',
      ]),
    );
    expect(a?.hijack?.dump).toEqual({ '/sysfs/class/net/lo/mtu': '65536\n', '/sysfs/class/net/lo/dev_id': '0x0\n' });
    expect(a?.state.links.find(({ name }) => name === 'eth1')).toMatchObject({ address: '12:34:56:78:9a:bd' });
  });

  test('a prio of fewer bands than tc has priorities for', async () => {
    const answer = await simulate({ links: link({ rate: '10mbit', queue: { kind: 'prio', bands: 2 } }) });
    expect(answer.links[0]?.forward.queue).toBe('prio');
  });

  test("what Linux refuses of LKL's object is a note", async () => {
    const hijack = { interfaces: [{ qdisc: 'root|nosuch;root|mq' }], dump: '/no/such' };
    const answer = await simulate({ hosts: { a: { hijack }, b: {} }, links: link({}) });
    expect(answer.hosts.a?.hijack?.notes.filter(({ kind }) => kind === 'warning')).toEqual([
      { key: 'interfaces[0].qdisc', kind: 'warning', message: expect.stringContaining('(ENOENT)') },
      { key: 'interfaces[0].qdisc', kind: 'warning', message: expect.stringContaining('(EOPNOTSUPP)') },
      { key: 'dump', kind: 'warning', message: 'openat /no/such: no such file or directory (ENOENT)' },
    ]);
  });

  test('neighbours that are found by asking cost a round trip', async () => {
    const answer = await simulate({
      neighbours: 'dynamic',
      links: link({ delay: '10ms' }),
      workloads: [{ type: 'ping', from: 'a', to: 'b', count: 2, family: 'ipv4' }],
    });
    expect(pingOf(answer).rtt_ms?.max).toBeCloseTo(40, 2);
    expect(pingOf(answer).rtt_ms?.min).toBeCloseTo(20, 2);
  });
});

/** Packets of a pcapng file: time, length, whether sent, and the Ethernet frame. */
function packets(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset);
  const found: { ns: number; length: number; outgoing: boolean; frame: Uint8Array }[] = [];
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== 6) continue;
    const kept = view.getUint32(at + 20, true);
    found.push({
      ns: view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 16, true),
      length: view.getUint32(at + 24, true),
      outgoing: view.getUint32(at + 28 + ((kept + 3) & ~3) + 4, true) === 2,
      frame: file.subarray(at + 28, at + 28 + kept),
    });
  }
  return found;
}

describe('captures', () => {
  test('show datagrams whose payload begins with zeros: dissectors know no such protocol', async () => {
    const answer = await simulate({
      links: link({}),
      workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '1mbit', count: 3, size: '32' }],
      capture: ['b'],
    });
    const sent = packets(answer.files[0] ?? new Uint8Array()).filter(({ frame }) => frame[23] === 17);
    expect(sent.map(({ frame }) => [...frame.subarray(42, 50)])).toEqual(
      [0, 1, 2].map((n) => [0, 0, 0, 0, 0, 0, 0, n]),
    );
  });

  const icmp = ({ frame }: { frame: Uint8Array }) => frame[12] === 0x08 && frame[13] === 0 && frame[23] === 1;

  test('see packets where they are: sent at one end, and a delay later at the other', async () => {
    const answer = await simulate({
      links: link({ delay: '20ms' }),
      workloads: [{ type: 'ping', from: 'a', to: 'b', count: 1, start: '1s', size: '100' }],
      capture: ['a', { node: 'b', snaplen: 60 }],
    });
    const [a = [], b = []] = answer.files.map((file) => packets(file).filter(icmp));
    expect(a.map(({ outgoing }) => outgoing)).toEqual([true, false]);
    expect(b.map(({ outgoing }) => outgoing)).toEqual([false, true]);
    expect([...a, ...b].map(({ length }) => length)).toEqual([142, 142, 142, 142]);
    expect(b.map(({ frame }) => frame.length)).toEqual([60, 60]);
    for (const [packet, ms] of [
      [a[0], 1000],
      [b[0], 1020],
      [b[1], 1020],
      [a[1], 1040],
    ] as const)
      expect((packet?.ns ?? 0) / 1e6).toBeCloseTo(ms, 2);
  });

  test('put VLAN tags back where the kernel took them out', async () => {
    const answer = await simulate({
      routers: { r: {} },
      switches: { s: {} },
      links: [
        { endpoints: ['a', 's'], vlan: 10 },
        { endpoints: ['b', 's'], vlan: 20 },
        { endpoints: ['r', 's'], vlans: [10, 20] },
      ],
      families: ['ipv4'],
      workloads: [{ type: 'ping', from: 'a', to: 'b', count: 1 }],
      capture: ['r:eth0'],
    });
    const tags = packets(answer.files[0] ?? new Uint8Array()).map(({ frame }) => [...frame.subarray(12, 18)]);
    const tagged = (vlan: number) => [0x81, 0, 0, vlan, 0x08, 0];
    expect(tags).toEqual([tagged(10), tagged(20), tagged(20), tagged(10)]);
  });
});

describe('samples', () => {
  test('of connections and queues, at the interval', async () => {
    const answer = await simulate({ ...example, capture: [], samples: { interval: '500ms' } });
    expect(answer.samples.map(({ time_s }) => time_s)).toEqual(
      Array.from({ length: 20 }, (_, i) => (i + 1) / 2).slice(0, answer.samples.length),
    );
    expect(answer.samples.length).toBeGreaterThanOrEqual(19);
    const [tcp] = answer.samples[10]?.tcp ?? [];
    expect(tcp?.cwnd).toBeGreaterThan(10);
    expect(tcp?.srtt_ms).toBeGreaterThan(40);
    expect(answer.samples[10]?.links[0]?.forward.map(({ kind }) => kind)).toEqual(['netem', 'tbf', 'bfifo']);
    expect(answer.samples[10]?.links[0]?.forward[2]?.backlog_bytes).toBeGreaterThan(0);
  });
});

describe('the same request and seed', () => {
  const random: Partial<SimulationRequest> = {
    ...example,
    duration: '2s',
    links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms', jitter: '1ms', loss: '1%' }],
    capture: ['a', 'b'],
    samples: { interval: '100ms' },
  };
  const bytes = async (seed: number) => {
    const { files, ...answer } = await simulate({ ...random, seed });
    return [JSON.stringify(answer), ...files.map((file) => file.join())];
  };

  test('answer the same bytes, another seed others', async () => {
    const first = await bytes(7);
    expect(await bytes(7)).toEqual(first);
    const other = await bytes(8);
    for (const [i, text] of first.entries()) expect(other[i]).not.toBe(text);
  });
});

describe('memory', () => {
  test('two hundred hosts on a switch fit into 100 MiB, as was expected', async () => {
    const hosts = Array.from({ length: 200 }, (_, i) => `h${i}`);
    const answer = await simulate({
      hosts: Object.fromEntries(hosts.map((name) => [name, {}])),
      switches: { s: {} },
      links: hosts.map((name) => ({ endpoints: [name, 's'], rate: '100mbit', delay: '1ms' })),
      workloads: hosts.map((from, i) => ({
        type: 'ping',
        from,
        to: hosts[(i + 7) % 200] ?? '',
        count: 2,
        interval: '100ms',
      })),
    });
    expect(answer.flows.filter((result) => result.type === 'ping' && result.received === 2)).toHaveLength(200);
    expect(answer.memoryMib).toBeLessThanOrEqual(100);
    expect(answer.memoryMib).toBeLessThanOrEqual(1.1 * answer.expectedMib);
  });

  test.each<[string, Partial<SimulationRequest>]>([
    ['the request of the documentation', example],
    [
      'ten streams at a gigabit',
      {
        duration: '2s',
        links: link({ rate: '1gbit', delay: '5ms' }),
        workloads: [{ type: 'tcp', from: 'a', to: 'b', parallel: 10 }],
      },
    ],
    [
      'a mix of small flows',
      {
        links: link({ rate: '10mbit', delay: '20ms' }),
        workloads: [
          {
            type: 'flows',
            from: 'a',
            to: 'b',
            sizes: [
              [1000, 50],
              [10_000, 90],
              [100_000, 100],
            ],
            perSecond: 20,
            count: 100,
          },
        ],
      },
    ],
    [
      'sixty-four streams that share ten megabits',
      {
        duration: '5s',
        links: link({ rate: '10mbit', delay: '20ms' }),
        workloads: [{ type: 'tcp', from: 'a', to: 'b', parallel: 64 }],
      },
    ],
  ])('%s needs no more than was expected', async (_, request) => {
    // A kernel that may have more takes more at times.
    const { expectedMib } = await simulate({ ...request, duration: '1ms' });
    const answer = await simulate(request, expectedMib);
    expect(answer.error).toBeUndefined();
    expect(Object.values(answer.hosts).every(({ pressure }) => pressure === undefined)).toBe(true);
    expect(answer.memoryMib).toBeLessThanOrEqual(expectedMib);
  });
});

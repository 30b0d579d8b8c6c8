/** Networks that once were answered wrongly or in silence, each with the value that theory or tc(8) gives, or a refusal that says why. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { LinkSpec, SimulationRequest, WorkloadSpec } from '../../../src/simulation/plan/request.ts';
import { flow, simulate, tcpOf } from '../simulate.ts';

const ends = { from: 'a', to: 'b' } as const;
const link = (spec: Omit<LinkSpec, 'endpoints'>): readonly LinkSpec[] => [{ endpoints: ['a', 'b'], ...spec }];
const network = (
  spec: Omit<LinkSpec, 'endpoints'>,
  workloads: readonly WorkloadSpec[],
  more: Partial<SimulationRequest> = {},
): SimulationRequest => ({ seed: 1, hosts: { a: {}, b: {} }, links: link(spec), workloads, ...more });

/** What is wrong with it, by path. */
function issues(request: SimulationRequest): Record<string, string> {
  const planned = planSimulation(request, { nodes: 500, devices: 4000 });
  return 'issues' in planned ? Object.fromEntries(planned.issues.map(({ path, message }) => [path, message])) : {};
}
function warnings(request: SimulationRequest): Record<string, string> {
  const planned = planSimulation(request, { nodes: 500, devices: 4000 });
  if ('issues' in planned) expect.fail(JSON.stringify(planned.issues));
  return Object.fromEntries(planned.plan.warnings.map(({ path, message }) => [path, message]));
}

describe('hosts do not feel that they share the memory of one kernel', () => {
  test('eight BBR flows over 12.5 MB of path retransmit what the link dropped', async () => {
    const answer = await simulate(
      network({ rate: '1gbit', delay: '50ms' }, [{ type: 'tcp', ...ends, parallel: 8, congestion: 'bbr' }], {
        duration: '6s',
      }),
    );
    const { goodput_bps, retransmits, memory_bound } = tcpOf(answer);
    expect(goodput_bps).toBeGreaterThan(0.75e9);
    // A packet of many segments is one drop.
    expect(retransmits).toBeLessThan(45 * (answer.links[0]?.forward.drops.queue ?? 0));
    expect(memory_bound).toBeUndefined();
    for (const host of Object.values(answer.hosts)) {
      expect(host.state.drops).toEqual({});
      expect(host.pressure).toBeUndefined();
    }
    expect(answer.memoryMib).toBeLessThan(answer.expectedMib);
  });

  test('32 MiB of buffers fill 100 ms at 1 Gbit/s', async () => {
    const sysctls = {
      'net.ipv4.tcp_rmem': '4096 131072 33554432',
      'net.ipv4.tcp_wmem': '4096 16384 33554432',
    };
    const answer = await simulate(
      network({ rate: '1gbit', delay: '50ms' }, [{ type: 'tcp', ...ends, congestion: 'cubic' }], {
        duration: '10s',
        hosts: { a: { sysctls }, b: { sysctls } },
      }),
    );
    expect(tcpOf(answer).goodput_bps).toBeGreaterThan(0.782e9);
    expect(answer.warnings).toEqual([]);
  });

  test.each([
    ['long lines', { rate: '1gbit', delay: '300ms' }, { rate: '900mbit' }, '2s', 0.95],
    ['small ones', { rate: '100mbit', delay: '300ms' }, { rate: '90mbit', size: '64' }, '2s', 0.6],
    [
      'a queue of a million',
      { rate: '10mbit', delay: '5ms', queue: { kind: 'pfifo', limit: 1e6 } },
      { rate: '100mbit' },
      '3s',
      0,
    ],
  ] as const)('datagrams on %s arrive', async (_, line, stream, duration, share) => {
    const answer = await simulate(network(line, [{ type: 'udp', ...ends, ...stream }], { duration }));
    const { goodput_bps = 0, error, sent, received, in_flight, lost } = flow(answer, 0, 'udp');
    expect(error).toBeUndefined();
    expect(answer.error).toBeUndefined();
    expect(goodput_bps).toBeGreaterThan(share * Number.parseFloat(stream.rate) * 1e6);
    expect(received + in_flight + lost).toBe(sent);
    expect(answer.memoryMib).toBeLessThan(answer.expectedMib);
  });

  test('what 100 MiB do not hold is known beforehand', async () => {
    const answer = simulate(
      network({ rate: '10gbit', delay: '300ms' }, [{ type: 'udp', ...ends, rate: '9gbit' }], { duration: '1s' }),
    );
    expect((await answer.catch(() => undefined))?.expectedMib ?? 1000).toBeGreaterThan(100);
  });

  test('28232 connections are in TIME-WAIT before a port is missing', async () => {
    const answer = await simulate(
      network({ delay: '10us' }, [{ type: 'rr', ...ends, reconnect: true, count: 30_000 }], {
        duration: '50s',
        families: ['ipv4'],
      }),
    );
    expect(flow(answer, 0, 'rr')).toMatchObject({
      transactions: 28_232,
      error: 'connect: cannot assign requested address (EADDRNOTAVAIL)',
    });
    const waiting = answer.hosts.a?.state.sockets.filter(({ state }) => state === 'TIME-WAIT').length;
    expect(waiting).toBeGreaterThan(28_000);
  }, 240_000);
});

describe('classes of an htb are as tc(8) has them', () => {
  const htb = (queue: object, workloads: readonly WorkloadSpec[] = [], more: Partial<SimulationRequest> = {}) =>
    network({ rate: '10mbit', delay: '5ms', queue: { kind: 'htb', ...queue } }, workloads, more);
  const two = [{ rate: '6mbit' }, { rate: '4mbit' }];

  test.each([2, -1, 0.5, '0', null])('%j is no default of two classes', (value) =>
    expect(Object.keys(issues(htb({ classes: two, default: value })))).toEqual(['links[0].queue.default']),
  );
  test.each([
    [{ dport: 9 }, '.dport'],
    [{ sport: 9, protocol: 'icmp' }, '.sport'],
    [{ dport: 70_000, protocol: 'tcp' }, '.dport'],
    [{ dport: '9', protocol: 'tcp' }, '.dport'],
    [{ tos: 184, protocol: 'tcp' }, '.tos'],
    [{ protocol: 'sctp' }, '.protocol'],
    [{ src: '10.0.0.1', dst: 'fd00::1' }, ''],
    [{ protocol: 'icmp', dst: 'fd00::1' }, ''],
    [{}, ''],
    ['udp', ''],
  ])('a match is not %j', (match, place) =>
    expect(Object.keys(issues(htb({ classes: [{ rate: '6mbit', match }, ...two] })))).toEqual([
      `links[0].queue.classes[0].match${place}`,
    ]),
  );
  test('members that a class has not are refused, each at its place', () =>
    expect(
      Object.keys(issues(htb({ classes: [{ rate: '2mbit', ceil: '2mbit', color: 'red' }, 'x', { prio: 8 }], r2q: 1 }))),
    ).toEqual([
      'links[0].queue.r2q',
      'links[0].queue.classes[0].color',
      'links[0].queue.classes[1]',
      'links[0].queue.classes[2].prio',
    ]));
  test('htb without classes is refused, by its name alone too', () => {
    expect(Object.keys(issues(htb({})))).toEqual(['links[0].queue.classes']);
    expect(Object.keys(issues(network({ rate: '10mbit', queue: 'htb' }, [])))).toEqual(['links[0].queue.classes']);
  });
  test('a trunk is not matched', () =>
    expect(
      Object.keys(
        issues({
          hosts: { a: {} },
          switches: { s: {} },
          links: [
            {
              endpoints: ['a', 's'],
              vlans: [1],
              rate: '1mbit',
              queue: { kind: 'htb', classes: [{ match: { protocol: 'tcp' } }] },
            },
          ],
        }),
      ),
    ).toEqual(['links[0].queue.classes[0].match']));

  test.each(['ipv4', 'ipv6'] as const)('a protocol is matched in %s', async (family) => {
    const classes = [
      { rate: '6mbit', ceil: '6mbit', match: { protocol: 'udp' } },
      { rate: '3mbit', ceil: '3mbit' },
    ];
    const answer = await simulate(
      htb({ classes }, [{ type: 'udp', ...ends, rate: '20mbit', family }], { duration: '3s' }),
    );
    expect(flow(answer, 0, 'udp').goodput_bps).toBeGreaterThan(5.6e6);
    expect(flow(answer, 0, 'udp').goodput_bps).toBeLessThan(6e6);
  });
  test.each([
    ['10.0.0.0/31', 3e6],
    ['10.0.0.0/29', 6e6],
  ])('a network is matched as far as it goes: %s', async (dst, rate) => {
    const classes = [
      { rate: '6mbit', ceil: '6mbit', match: { dst } },
      { rate: '3mbit', ceil: '3mbit' },
    ];
    const answer = await simulate(htb({ classes }, [{ type: 'udp', ...ends, rate: '20mbit' }], { duration: '3s' }));
    const goodput = flow(answer, 0, 'udp').goodput_bps ?? 0;
    expect(goodput / rate).toBeGreaterThan(0.93);
    expect(goodput / rate).toBeLessThan(1);
  });
  test('cake keeps a bandwidth of its own, in front of the link', async () => {
    const tcp = { type: 'tcp', ...ends } as const;
    const queue = { kind: 'cake', bandwidth: '5mbit' };
    const answer = await simulate(network({ rate: '10mbit', delay: '5ms', queue }, [tcp], { duration: '5s' }));
    expect(tcpOf(answer).goodput_bps).toBeGreaterThan(4.4e6);
    expect(tcpOf(answer).goodput_bps).toBeLessThan(5e6);
  });
});

describe('figures say what they mean', () => {
  test('datagrams that are under way at the end are not lost', async () => {
    const answer = await simulate(
      network({ rate: '10mbit', delay: '200ms' }, [{ type: 'udp', ...ends, rate: '1mbit' }], { duration: '3s' }),
    );
    const udp = flow(answer, 0, 'udp');
    expect(udp.lost).toBe(0);
    expect(udp.loss).toBe(0);
    expect(udp.in_flight).toBe(udp.sent - udp.received);
    expect(udp.in_flight).toBeCloseTo(0.2 / ((1448 + 42) * 8e-6), -1);
  });
  test('bursts of datagrams too', async () => {
    const answer = await simulate(
      network({ delay: '200ms' }, [{ type: 'on-off', ...ends, protocol: 'udp', rate: '1mbit', on: '5s', off: '1s' }], {
        duration: '1s',
      }),
    );
    expect(flow(answer, 0, 'on-off')).toMatchObject({ lost: 0, completed: true });
    expect(flow(answer, 0, 'on-off').in_flight).toBeGreaterThan(10);
  });
  test('datagrams that take longer than six seconds arrive', async () => {
    const answer = await simulate(
      network({ delay: '12s' }, [{ type: 'udp', ...ends, rate: '1mbit', count: 10 }], { duration: '60s' }),
    );
    expect(flow(answer, 0, 'udp')).toMatchObject({ received: 10, lost: 0, completed: true });
  });
  test.each([
    ['normal', (2 * 10) / Math.sqrt(Math.PI)],
    ['uniform', (2 * 10) / 3],
  ] as const)("jitter is the mean of RFC 3550's estimate: %s", async (distribution, expected) => {
    const answer = await simulate(
      network(
        { rate: '1gbit', delay: '50ms', jitter: '10ms', distribution },
        [{ type: 'udp', ...ends, rate: '100mbit', size: '100', count: 20_000 }],
        { duration: '20s' },
      ),
    );
    const udp = flow(answer, 0, 'udp');
    expect(udp.jitter_ms / expected).toBeGreaterThan(0.9);
    expect(udp.jitter_ms / expected).toBeLessThan(1.1);
    expect(udp.jitter_max_ms).toBeGreaterThan(udp.jitter_ms);
    expect(udp.jitter_last_ms).toBeLessThan(udp.jitter_ms);
    expect((udp.delay_variation_ms?.mean ?? 0) / expected).toBeCloseTo(1, 0);
  });
  test('fairness is among flows that ran', async () => {
    const tcp = { type: 'tcp', ...ends } as const;
    const answer = await simulate(
      network({ rate: '10mbit' }, [tcp, { ...tcp, congestion: 'prague' }, tcp], { duration: '2s' }),
    );
    expect(answer.fairness).toBeGreaterThan(0.6);
    expect(answer.flows[1]?.error).toMatch(
      /^no congestion control "prague": Linux 6\.12 does not have it, dctcp, .* comes nearest; there are reno, bbr, /,
    );
    const alone = await simulate(
      network({ rate: '10mbit' }, [tcp, { ...tcp, congestion: 'prague' }], { duration: '1s' }),
    );
    expect(alone.fairness).toBeUndefined();
  });
  test('of two links between the same nodes each flow has its own', async () => {
    const request: SimulationRequest = {
      seed: 1,
      duration: '2s',
      hosts: { a: {}, b: {} },
      links: [
        { endpoints: ['a', 'b'], rate: '10mbit', delay: '1ms' },
        { endpoints: ['a', 'b'], name: 'slow', rate: '1mbit', delay: '20ms' },
      ],
      workloads: [
        { type: 'tcp', ...ends },
        { type: 'tcp', from: 'a', to: 'b:eth1' },
        { type: 'ping', from: 'a', to: 'b:eth1', timeout: '30ms', count: 1 },
      ],
    };
    expect(Object.keys(warnings(request))).toEqual(['workloads[2].timeout']);
    const answer = await simulate(request);
    expect(answer.fairness).toBeUndefined();
    expect(answer.links.map(({ forward }) => forward.fairness)).toEqual([undefined, undefined]);
  });
  test('what goes one way needs no answer', () => {
    const udp = { type: 'udp', ...ends, rate: '1mbit', duration: '1s' } as const;
    expect(warnings(network({ delay: '3s' }, [udp], { duration: '5s' }))).toEqual({});
    expect(warnings(network({ delay: '6s' }, [udp], { duration: '5s' }))['workloads[0]']).toMatch(
      /anything there \(6 s\)/,
    );
  });
  test('fairness is among flows that share a link', async () => {
    const answer = await simulate({
      duration: '2s',
      hosts: { a: {}, b: {}, c: {}, d: {}, e: {} },
      links: [
        { endpoints: ['a', 'b'], rate: '10mbit' },
        { endpoints: ['c', 'd'], rate: '1mbit' },
        { endpoints: ['c', 'e'], rate: '1mbit' },
      ],
      workloads: [
        { type: 'tcp', from: 'a', to: 'b' },
        { type: 'tcp', from: 'c', to: 'd' },
        { type: 'tcp', from: 'c', to: 'd' },
      ],
    });
    expect(answer.fairness).toBeUndefined();
    expect(answer.links[0]?.forward.fairness).toBeUndefined();
    expect(answer.links[1]?.forward.fairness).toBeGreaterThan(0.5);
  });
  test('requests go on to the end, and a number of them is cut off there', async () => {
    const answer = await simulate(
      network(
        { delay: '30ms' },
        [
          { type: 'rr', ...ends },
          { type: 'rr', ...ends, count: 100 },
        ],
        { duration: '1s' },
      ),
    );
    expect(flow(answer, 0, 'rr')).toMatchObject({ completed: true });
    expect(flow(answer, 0, 'rr').truncated).toBeUndefined();
    expect(flow(answer, 1, 'rr')).toMatchObject({ completed: false, truncated: true });
  });
});

describe('neighbours are known beforehand', () => {
  test('to system calls as well', async () => {
    const batch = [
      { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0] },
      { call: 'sendto', args: ['$0', 'hello', 5, 0, { sin_addr: '10.0.0.2', sin_port: 9 }, 16] },
    ];
    const answer = await simulate(network({ delay: '5ms' }, [{ type: 'syscalls', on: 'a', batch }], {}));
    const known = answer.hosts.a?.state.neighbours.filter(({ state }) => state !== 'NOARP');
    expect(known?.map(({ address, state }) => [address, state])).toEqual([
      ['10.0.0.2', 'PERMANENT'],
      ['fd00::2', 'PERMANENT'],
    ]);
  });
});

describe('what looks like a slip is said', () => {
  const udp = { type: 'udp', ...ends, rate: '1mbit' } as const;
  test.each<[string, SimulationRequest, string, RegExp]>([
    ['bytes a second', network({ rate: '100Mbps' }, []), 'links[0].rate', /800 Mbit\/s.*"100mbit"/],
    ['a time without a unit', network({ delay: '5' }, []), 'links[0].delay', /5 µs.*"5ms"/],
    [
      'a time of a qdisc',
      network({ rate: '1mbit', queue: { kind: 'codel', target: '5' } }, []),
      'links[0].queue.target',
      /5 µs/,
    ],
    ['bits of a size', network({}, [{ ...udp, size: '8kbit' }]), 'workloads[0].size', /1024 bytes/],
    ['a fraction', network({ loss: '0.01' }, []), 'links[0].loss', /0\.01 %.*"1%"/],
    [
      'correlated losses',
      network({ loss: { random: '1%', correlation: '25%' } }, []),
      'links[0].loss.correlation',
      /gemodel/,
    ],
    [
      'a ping that waits too short',
      network({ delay: '6s' }, [{ type: 'ping', ...ends }]),
      'workloads[0].timeout',
      /12 s/,
    ],
    ['a queue without a rate', network({ queue: 'codel' }, []), 'links[0].queue', /without a rate/],
    ['a jitter above the delay', network({ delay: '1ms', jitter: '2ms' }, []), 'links[0].jitter', /longer on average/],
    [
      'MTUs that differ on one network',
      network({}, [], { families: ['ipv4'], hosts: { a: { interfaces: { eth0: { mtu: 9000 } } }, b: {} } }),
      'links[0].mtu',
      /up to 9000 bytes/,
    ],
    [
      'a member of a bond with an address',
      network({}, [], { hosts: { a: { devices: { bond0: { kind: 'bond', members: ['eth0'] } } }, b: {} } }),
      'hosts.a.devices.bond0.members',
      /eth0 keeps an address/,
    ],
    [
      'up of what is up, each second',
      network({}, [], { duration: '5s', events: [{ type: 'up', at: '1s', every: '1s', link: 'a-b' }] }),
      'events[0]',
      /nothing of it is down/,
    ],
    [
      "a setting that is every node's",
      network({}, [], { hosts: { a: { sysctls: { 'net.netfilter.nf_conntrack_max': 9 } }, b: {} } }),
      'hosts.a.sysctls["net.netfilter.nf_conntrack_max"]',
      /for every node/,
    ],
    ['nothing to heal', network({}, [], { events: [{ type: 'heal', at: '1s' }] }), 'events[0]', /no black hole/],
    [
      'flows in step',
      network({ rate: '1mbit' }, [
        { type: 'tcp', ...ends },
        { type: 'tcp', ...ends },
      ]),
      'workloads[1].start',
      /perturb/,
    ],
  ])('%s', (_, request, path, message) =>
    expect(warnings(request)).toEqual({ [path]: expect.stringMatching(message) }),
  );

  test.each<[string, SimulationRequest, string, RegExp]>([
    ['a gap without reordering', network({ delay: '1ms', gap: 5 }, []), 'links[0].gap', /give reorder/],
    ['TCP to a group', network({}, [{ type: 'tcp', from: 'a', to: '239.1.1.1' }]), 'workloads[0].to', /udp alone/],
    [
      'a tunnel to oneself',
      network({}, [], { hosts: { a: { devices: { g: { kind: 'gre', remote: 'a' } } }, b: {} } }),
      'hosts.a.devices.g.remote',
      /another node/,
    ],
    [
      'an address alone',
      network({}, [], { hosts: { a: { interfaces: { eth0: { addresses: ['10.0.0.1'] } } }, b: {} } }),
      'hosts.a.interfaces.eth0.addresses[0]',
      /prefix length/,
    ],
    [
      'slashes of sysctl(8)',
      network({}, [], { hosts: { a: { sysctls: { 'net/ipv4/tcp_sack': 0 } }, b: {} } }),
      'hosts.a.sysctls["net/ipv4/tcp_sack"]',
      /"net\.ipv4\.tcp_sack"/,
    ],
    [
      'a second value of what Linux has once',
      network({}, [], {
        hosts: { a: { sysctls: { 'net.core.rmem_max': 4e6 } }, b: { sysctls: { 'net.core.rmem_max': '5000000' } } },
      }),
      'hosts.b.sysctls["net.core.rmem_max"]',
      /and a has 4000000/,
    ],
  ])('%s is refused', (_, request, path, message) =>
    expect(issues(request)).toEqual({ [path]: expect.stringMatching(message) }),
  );

  test('what is meant is not', () => {
    expect(warnings(network({ rate: '10mbit', delay: '5ms', loss: '0.01%' }, [udp]))).toEqual({});
    expect(
      warnings(
        network({ rate: '1mbit', queue: 'fq_codel' }, [
          { type: 'tcp', ...ends },
          { type: 'tcp', ...ends },
        ]),
      ),
    ).toEqual({});
  });
});

test('perturb delays packets at random and keeps their order', async () => {
  const answer = await simulate(
    network({ rate: '10mbit', delay: '5ms' }, [{ type: 'udp', ...ends, rate: '5mbit', count: 2000 }], {
      duration: '20s',
      perturb: '3ms',
    }),
  );
  const udp = flow(answer, 0, 'udp');
  expect(udp).toMatchObject({ received: 2000, reordered: 0 });
  expect(udp.one_way_ms?.min).toBeGreaterThan(5);
  expect(udp.one_way_ms?.max).toBeLessThan(9);
  expect(udp.one_way_ms?.deviation).toBeGreaterThan(0.5);
});

describe('packets carry the DSCP of their workload', () => {
  /** Whether these bytes are somewhere in the file, of the last one the upper half: below it is the flow label of IPv6. */
  const has = (file: Uint8Array | undefined, pattern: readonly number[]) =>
    file?.some((_, i) =>
      pattern.every((byte, n) => ((file[i + n] ?? 0) & (n === pattern.length - 1 ? 0xf0 : 0xff)) === byte),
    );
  test.each<[WorkloadSpec, number]>([
    [{ type: 'udp', ...ends, rate: '1mbit', count: 3, dscp: 'ef' }, 46],
    [{ type: 'ping', ...ends, count: 1, dscp: 'cs1' }, 8],
    [{ type: 'tcp', ...ends, bytes: '10kb', dscp: 'af41' }, 34],
    [{ type: 'tcp', ...ends, bytes: '10kb', dscp: 3 }, 3],
  ])('%j', async (workload, dscp) => {
    const request = network({}, [workload], { families: ['ipv4'], capture: ['b'], duration: '2s' });
    // Ethernet's type of IPv4, version and length of the header, the byte that has the DSCP.
    const four = (await simulate(request)).files[0];
    expect(has(four, [0x08, 0x00, 0x45, dscp << 2, 0])).toBe(true);
    const six = { ...request, families: ['ipv6'] as const };
    expect(has((await simulate(six)).files[0], [0x86, 0xdd, 0x60 | (dscp >> 2), (dscp & 3) << 6])).toBe(true);
  });
  test('one that is none is refused', () => {
    expect(Object.keys(issues(network({}, [{ type: 'ping', ...ends, dscp: 'af44' }])))).toEqual(['workloads[0].dscp']);
  });
});

describe('a trace delivers when it says', () => {
  test('what comes between two opportunities waits for the next, whatever the last one left', async () => {
    const ping = { type: 'ping', ...ends, interval: '65ms' } as const;
    // The bucket has a frame at first.
    const workloads = [
      { ...ping, count: 1 },
      { ...ping, count: 15, start: '107ms' },
    ];
    const answer = await simulate(network({ delay: '10ms', trace: [50] }, workloads, { duration: '3s' }));
    const { received, rtt_ms } = flow(answer, 1, 'ping');
    expect(received).toBe(15);
    // There at a multiple of 50 ms, and back at one.
    expect(rtt_ms?.min).toBeGreaterThan(50);
    expect(rtt_ms?.max).toBeLessThan(121);
  });
  test('many opportunities of one millisecond deliver as much as they are', async () => {
    const trace = Array.from({ length: 60 }, () => 1);
    const answer = await simulate(
      network({ trace, delay: '80ms' }, [{ type: 'udp', ...ends, rate: '900mbit', duration: '1s' }], {
        duration: '3s',
      }),
    );
    expect(flow(answer, 0, 'udp').error).toBeUndefined();
    expect((flow(answer, 0, 'udp').goodput_bps ?? 0) / 720e6).toBeGreaterThan(0.93);
    expect((flow(answer, 0, 'udp').goodput_bps ?? 0) / 720e6).toBeLessThan(1.02);
  });
});

test('forty flows that share a bottleneck run in a hundred MiB, and nobody is short of memory', async () => {
  const answer = await simulate({
    duration: '3s',
    families: ['ipv4'],
    hosts: {},
    topology: {
      kind: 'dumbbell',
      left: 40,
      right: 40,
      edge: { rate: '1gbit', delay: '1ms', queue: { kind: 'bfifo', limit: '64kb' } },
      core: { rate: '100mbit', delay: '10ms' },
    },
    workloads: Array.from(
      { length: 40 },
      (_, i) => ({ type: 'tcp', from: `h${i + 1}`, to: `h${i + 41}`, start: `${i}ms` }) as const,
    ),
  });
  expect(answer.error).toBeUndefined();
  expect(Object.values(answer.hosts).every(({ pressure }) => pressure === undefined)).toBe(true);
  const sum = answer.flows.reduce((all, one) => all + (one.type === 'tcp' ? one.goodput_bps : 0), 0);
  expect(sum / 1e6).toBeGreaterThan(90);
});

test('a transfer that breaks while others are still to come is an error of its workload alone', async () => {
  const answer = await simulate(
    network(
      { rate: '10mbit', delay: '5ms' },
      [{ type: 'flows', ...ends, sizes: [[100_000, 100]], perSecond: 5, count: 50 }],
      {
        hosts: { a: { sysctls: { 'net.ipv4.tcp_retries2': 1, 'net.ipv4.tcp_syn_retries': 1 } }, b: {} },
        events: [{ type: 'blackhole', at: '1s', link: 'a-b', for: '6s' }],
        duration: '20s',
      },
    ),
  );
  expect(flow(answer, 0, 'flows').error).toMatch(/ETIMEDOUT|broke/);
});

test('what a strict reverse path filter throws away is among the drops of its host', async () => {
  // Of the interface alone, and that of a device which the host makes.
  const strict = { 'net.ipv4.conf.eth0.rp_filter': 1, 'net.ipv4.conf.d0.rp_filter': 1 };
  const answer = await simulate({
    duration: '5s',
    families: ['ipv4'],
    hosts: {
      a: {},
      b: { sysctls: strict, devices: { d0: { kind: 'dummy' } }, routes: [{ to: 'default', via: 'r2' }] },
    },
    routers: { r1: {}, r2: {} },
    links: [
      { endpoints: ['a', 'r1'] },
      { endpoints: ['a', 'r2'] },
      { endpoints: ['r1', 'b'] },
      { endpoints: ['r2', 'b'] },
    ],
    workloads: [{ type: 'ping', ...ends, count: 3, timeout: '1s' }],
  });
  expect(flow(answer, 0, 'ping').loss).toBe(1);
  expect(answer.hosts.b?.state.drops).toEqual({ 'TcpExt.IPReversePathFilter': 3 });
});

test('what a growing queue still holds at the end is not lost', async () => {
  const answer = await simulate({
    duration: '10s',
    links: [{ endpoints: ['a', 'b'], rate: '2mbit', delay: '10ms', queue: { kind: 'pfifo', limit: 1000 } }],
    workloads: [
      { type: 'tcp', ...ends },
      { type: 'ping', ...ends, interval: '100ms', count: 90 },
    ],
  });
  expect(answer.links[0]?.forward.drops).toEqual({ loss: 0, queue: 0 });
  expect(flow(answer, 1, 'ping')).toMatchObject({ loss: 0 });
});

test('TCP Fast Open takes a round trip off each connection but the first', async () => {
  const run = async (more: object) => {
    const rr = { type: 'rr', ...ends, reconnect: true, count: 5, ...more } as const;
    const { latency_ms } = flow(await simulate(network({ delay: '50ms' }, [rr], { duration: '5s' })), 0, 'rr');
    return [latency_ms?.min, latency_ms?.p50, latency_ms?.max].map((ms) => Math.round(ms ?? 0));
  };
  expect(await run({})).toEqual([200, 200, 200]);
  expect(await run({ fastopen: true })).toEqual([100, 100, 200]);
});

test('queues of who listens are as on a machine of 8 GiB: backlog + 1 that nobody took, three quarters of tcp_max_syn_backlog half open', async () => {
  const at = (address: string) => ({ sa_family: 'AF_INET', sin_port: 7000, sin_addr: address });
  const waits = { call: 'nanosleep', args: [{ tv_sec: 100, tv_nsec: 0 }, null] };
  const listens = (on: string, backlog: number): WorkloadSpec => ({
    type: 'syscalls',
    on,
    batch: [
      { call: 'socket', args: ['AF_INET', 'SOCK_STREAM', 0], as: 'fd' },
      { call: 'bind', args: [{ ref: 'fd' }, at('0.0.0.0'), 16] },
      { call: 'listen', args: [{ ref: 'fd' }, backlog] },
      waits,
    ],
  });
  const connects = (to: string, times: number): WorkloadSpec => ({
    type: 'syscalls',
    on: 'a',
    start: '100ms',
    batch: [
      {
        repeat: times,
        do: [
          { call: 'socket', args: ['AF_INET', 'SOCK_STREAM|SOCK_NONBLOCK', 0], as: 'fd' },
          { call: 'connect', args: [{ ref: 'fd' }, at(to), 16], expect: 'EINPROGRESS' },
        ],
      },
      waits,
    ],
  });
  const answer = await simulate({
    seed: 1,
    duration: '900ms',
    families: ['ipv4'],
    hosts: { a: {}, taken: {}, open: { sysctls: { 'net.ipv4.tcp_syncookies': 0 } } },
    links: [
      { endpoints: ['a', 'taken'], delay: '5ms' },
      { endpoints: ['a', 'open'], delay: '5ms' },
    ],
    workloads: [listens('taken', 5), listens('open', 4096), connects('10.0.0.2', 20), connects('10.0.1.2', 500)],
    events: [{ type: 'blackhole', at: '50ms', link: 'a-open', way: 'reverse' }],
  });
  const { taken, open } = answer.hosts;
  const count = (host: typeof taken, wanted: string) =>
    host?.state.sockets.filter(({ state }) => state === wanted).length;
  expect(count(taken, 'ESTAB')).toBe(6);
  expect(taken?.state.drops).toMatchObject({ 'TcpExt.ListenOverflows': 14 });
  expect(count(open, 'SYN-RECV')).toBe((512 * 3) / 4 + 1);
  expect(open?.state.drops).toMatchObject({ 'TcpExt.ListenDrops': 500 - 385 });
});

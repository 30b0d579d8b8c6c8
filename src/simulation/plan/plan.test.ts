/** Requests become plans, and impossible ones a list of what is wrong with them. */

import { describe, expect, test } from 'vitest';
import { formatMac } from '../../abi/netlink/inet.ts';
import { formatHandle } from '../../abi/netlink/tc/tc.ts';
import { readmeExample } from '../hijack/hijack-example.ts';
import type { Direction } from '../links/direction.ts';
import { type Plan, planSimulation } from './plan.ts';
import type { DirectionSpec, HostSpec, PingWorkload, SimulationRequest } from './request.ts';
import { formatAddress, formatPrefix } from './routes/prefix.ts';
import { isOnHost } from './workloads/plans.ts';

const budget = { nodes: 250, devices: 1000 };

/** The request of the documentation. */
const example: SimulationRequest = {
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

function plan(request: Partial<SimulationRequest>): Plan {
  const planned = planSimulation({ hosts: {}, links: [], ...request }, budget);
  return 'plan' in planned ? planned.plan : expect.fail(JSON.stringify(planned.issues));
}

function issues(request: Partial<SimulationRequest>): string[] {
  const planned = planSimulation({ hosts: {}, links: [], ...request }, budget);
  return 'issues' in planned ? planned.issues.map(({ code, path }) => `${code} ${path}`) : [];
}

const addresses = (p: Plan) =>
  Object.fromEntries([...p.addressing].map(([i, list]) => [`${i.port.node.name} ${i.name}`, list.map(formatPrefix)]));

function routes(p: Plan): string[] {
  return [...p.routes].flatMap(([node, list]) =>
    list
      .filter(({ family }) => family === 'ipv4')
      .map(
        ({ destination, gateway, through }) =>
          `${node.name}: ${destination ? formatPrefix(destination) : 'default'} via ${formatAddress(gateway)} dev ${through.name}`,
      ),
  );
}

test('the request of the documentation', () => {
  const p = plan(example);
  expect(p.durationNs).toBe(10e9);
  expect(addresses(p)).toEqual({ 'a eth0': ['10.0.0.1/24', 'fd00::1/64'], 'b eth0': ['10.0.0.2/24', 'fd00::2/64'] });
  expect(p.workloads.map((w) => !isOnHost(w) && [w.name, formatAddress(w.address), w.port])).toEqual([
    ['tcp-0', '10.0.0.2', 5001],
    ['ping-1', '10.0.0.2', 5002],
  ]);
  expect(p.captures.map(({ port }) => `${port.node.name} ${port.name}`)).toEqual(['b eth0']);
  expect(
    p.neighbours.map(
      ({ through, address, to }) => `${through.port.node.name} ${formatAddress(address)} ${formatMac(to.port.mac)}`,
    ),
  ).toEqual(['a 10.0.0.2 02:00:00:00:00:02', 'b 10.0.0.1 02:00:00:00:00:01']);
});

describe('a line of routers', () => {
  const line: Partial<SimulationRequest> = {
    hosts: { a: {}, b: {} },
    routers: { r1: {}, r2: {} },
    links: [{ endpoints: ['a', 'r1'] }, { endpoints: ['r1', 'r2'] }, { endpoints: ['r2', 'b'] }],
    families: ['ipv4'],
    workloads: [{ type: 'ping', from: 'a', to: 'b' }],
  };

  test('gets a network a link', () => {
    expect(addresses(plan(line))).toEqual({
      'a eth0': ['10.0.0.1/24'],
      'r1 eth0': ['10.0.0.2/24'],
      'r1 eth1': ['10.0.1.1/24'],
      'r2 eth0': ['10.0.1.2/24'],
      'r2 eth1': ['10.0.2.1/24'],
      'b eth0': ['10.0.2.2/24'],
    });
  });

  test('routes by the fewest hops, hosts by a default route', () => {
    expect(routes(plan(line))).toEqual([
      'a: default via 10.0.0.2 dev eth0',
      'b: default via 10.0.2.1 dev eth0',
      'r1: default via 10.0.1.2 dev eth1',
      'r2: default via 10.0.1.1 dev eth0',
    ]);
  });

  test('tells neighbours at every hop, there and back', () => {
    expect(
      plan(line).neighbours.map(({ through, address }) => `${through.port.node.name} ${formatAddress(address)}`),
    ).toEqual(['a 10.0.0.2', 'r1 10.0.1.2', 'r2 10.0.2.2', 'b 10.0.2.1', 'r2 10.0.1.1', 'r1 10.0.0.1']);
  });

  test('does not route through hosts', () => {
    const request = { ...line, hosts: { a: {}, b: {}, r1: {} }, routers: { r2: {} } };
    expect(issues(request)).toEqual(['unreachable workloads[0].to']);
  });
});

test('where the request has routes of its own, those on each cable know each other: packets may take any way', () => {
  const two: Partial<SimulationRequest> = {
    routers: { r1: {}, r2: {} },
    links: ['r1', 'r2'].flatMap((r) => [{ endpoints: ['a', r] as const }, { endpoints: [r, 'b'] as const }]),
    families: ['ipv4'],
    workloads: [{ type: 'ping', from: 'a', to: 'b' }],
  };
  const knowing = (request: Partial<SimulationRequest>) =>
    [
      ...new Set(plan(request).neighbours.map(({ through, to }) => `${through.port.node.name}-${to.port.node.name}`)),
    ].toSorted();
  const marked = { routes: [{ to: 'default', via: 'r2', fwmark: 1 }] };
  expect(knowing({ ...two, hosts: { a: {}, b: {} } })).toEqual(['a-r1', 'b-r1', 'r1-a', 'r1-b']);
  const all = ['a-r1', 'a-r2', 'b-r1', 'b-r2', 'r1-a', 'r1-b', 'r2-a', 'r2-b'];
  expect(knowing({ ...two, hosts: { a: marked, b: {} } })).toEqual(all);
  const events = [{ type: 'route', at: '1s', node: 'a', add: { to: 'default', via: 'r2' } }] as const;
  expect(knowing({ ...two, hosts: { a: {}, b: {} }, events })).toEqual(all);
});

test('thirty partitions of 400 hosts are planned: work that grows with the square of a group would take minutes', () => {
  const hosts = (side: string) => Array.from({ length: 200 }, (_, i) => `${side}${i}`);
  const [left, right] = [hosts('l'), hosts('r')];
  const cables = (names: readonly string[], to: string) => names.map((name) => ({ endpoints: [name, to] as const }));
  const groups = [
    [...left, 's'],
    [...right, 't'],
  ];
  const request: SimulationRequest = {
    hosts: Object.fromEntries([...left, ...right].map((name) => [name, {}])),
    switches: { s: {}, t: {} },
    links: [...cables(left, 's'), ...cables(right, 't'), ...cables(['s'], 't')],
    events: Array.from({ length: 30 }, (_, i) => ({ type: 'partition', at: `${i}s`, for: '500ms', groups }) as const),
  };
  const planned = planSimulation(request, { nodes: 500, devices: 10_000 });
  expect('plan' in planned ? planned.plan.warnings : planned.issues).toEqual([]);
});

test('a shorter way wins over a longer one', () => {
  const p = plan({
    hosts: { a: {}, b: {} },
    routers: { r1: {}, r2: {}, r3: {} },
    links: [
      { endpoints: ['a', 'r1'] },
      { endpoints: ['r1', 'r2'] },
      { endpoints: ['r2', 'r3'] },
      { endpoints: ['r1', 'r3'] },
      { endpoints: ['r3', 'b'] },
    ],
    families: ['ipv4'],
    workloads: [{ type: 'ping', from: 'a', to: 'b' }],
  });
  expect(p.neighbours.map(({ through }) => through.port.node.name)).toEqual(['a', 'r1', 'r3', 'b', 'r3', 'r1']);
});

describe('switches', () => {
  const star = (n: number): Partial<SimulationRequest> => ({
    hosts: Object.fromEntries(Array.from({ length: n }, (_, i) => [`h${i}`, {}])),
    switches: { s: {} },
    links: Array.from({ length: n }, (_, i) => ({ endpoints: [`h${i}`, 's'] as const })),
    families: ['ipv4'],
  });

  test('join their hosts in one network', () => {
    expect(Object.values(addresses(plan(star(3)))).flat()).toEqual(['10.0.0.1/24', '10.0.0.2/24', '10.0.0.3/24']);
  });

  test('of 249 hosts are still one /24', () => {
    expect(
      Object.values(addresses(plan(star(249))))
        .flat()
        .at(-1),
    ).toBe('10.0.0.249/24');
  });

  test('keep VLANs apart, and routers join them', () => {
    const p = plan({
      hosts: { a: {}, b: {}, c: {} },
      routers: { r: {} },
      switches: { s: {} },
      links: [
        { endpoints: ['a', 's'], vlan: 10 },
        { endpoints: ['b', 's'], vlan: 20 },
        { endpoints: ['c', 's'], vlan: 10 },
        { endpoints: ['r', 's'], vlans: [10, 20] },
      ],
      families: ['ipv4'],
      workloads: [{ type: 'ping', from: 'a', to: 'b' }],
    });
    expect(addresses(p)).toEqual({
      'a eth0': ['10.0.0.1/24'],
      'c eth0': ['10.0.0.2/24'],
      'r eth0.10': ['10.0.0.3/24'],
      'b eth0': ['10.0.1.1/24'],
      'r eth0.20': ['10.0.1.2/24'],
    });
    expect(routes(p)).toContain('a: default via 10.0.0.3 dev eth0');
  });

  test('in a loop need the spanning tree protocol', () => {
    const loop = (stp: boolean): Partial<SimulationRequest> => ({
      switches: { s: { stp }, t: { stp } },
      links: [{ endpoints: ['s', 't'] }, { endpoints: ['s', 't'] }],
    });
    expect(issues(loop(false))).toEqual(['switch-loop links[1]']);
    expect(issues(loop(true))).toEqual([]);
  });

  test.each([
    [
      'joined twice',
      [
        ['s', 't'],
        ['s', 't'],
      ],
    ],
    [
      'in a triangle',
      [
        ['s', 't'],
        ['t', 'u'],
        ['u', 's'],
      ],
    ],
  ] as const)('%s are refused also where packets would go through them', (_, loop) => {
    const links = [['a', 's'], ...loop, ['b', 't']] as const;
    const request: Partial<SimulationRequest> = {
      hosts: { a: {}, b: {} },
      switches: { s: {}, t: {}, u: {} },
      links: links.map((endpoints) => ({ endpoints })),
      workloads: [{ type: 'ping', from: 'a', to: 'b' }],
    };
    expect(issues(request)).toEqual([`switch-loop links[${loop.length}]`]);
  });
});

describe('a family', () => {
  const line = (a: HostSpec, r: HostSpec, workload: Partial<PingWorkload> = {}): Partial<SimulationRequest> => ({
    hosts: { a, b: {} },
    routers: { r },
    links: [{ endpoints: ['a', 'r'] }, { endpoints: ['r', 'b'] }],
    workloads: [{ type: 'ping', from: 'a', to: 'b', ...workload }],
  });
  const onEth0 = (...addresses: string[]): HostSpec => ({ interfaces: { eth0: { addresses } } });
  const unreachable = ['unreachable workloads[0].to'];

  test('has no routes where a host has no address of it', () => {
    const p = plan(line(onEth0('10.0.0.9/24'), {}));
    const a = p.topology.nodes.get('a') ?? expect.fail('no a');
    expect(p.routes.get(a)?.map(({ family }) => family)).toEqual(['ipv4']);
    expect(issues(line(onEth0('10.0.0.9/24'), {}, { family: 'ipv6' }))).toEqual(unreachable);
  });

  test('is chosen by what both ends have', () => {
    const [ping] = plan(line(onEth0('fd00::9/64'), {})).workloads;
    expect(ping).toMatchObject({ address: { family: 'ipv6' } });
  });

  test('is forwarded by itself', () => {
    const host = (sysctls: HostSpec['sysctls'], family: 'ipv4' | 'ipv6') => {
      const { routers: _, hosts, ...rest } = line({}, {}, { family });
      return issues({ ...rest, hosts: { ...hosts, r: { sysctls: sysctls ?? {} } } });
    };
    expect(host({ 'net.ipv4.ip_forward': 1 }, 'ipv4')).toEqual([]);
    expect(host({ 'net.ipv4.ip_forward': 1 }, 'ipv6')).toEqual(unreachable);
    expect(host({ 'net.ipv4.conf.all.forwarding': 1 }, 'ipv4')).toEqual([]);
    expect(host({ 'net.ipv6.conf.all.forwarding': '1' }, 'ipv6')).toEqual([]);
    expect(issues(line({}, { sysctls: { 'net.ipv4.ip_forward': 0 } }, { family: 'ipv4' }))).toEqual(unreachable);
  });

  test.each<[string, HostSpec, HostSpec]>([
    ['hosts on different networks', onEth0('10.0.0.1/24'), onEth0('10.1.0.1/24')],
    ['a host whose peer knows no way back', onEth0('10.0.0.1/8'), onEth0('10.1.0.1/24')],
    ['a host without an address', onEth0(), {}],
  ])('does not join %s', (_, a, b) =>
    expect(
      issues({
        hosts: { a, b },
        links: [{ endpoints: ['a', 'b'] }],
        workloads: [{ type: 'ping', from: 'a', to: 'b' }],
      }),
    ).toEqual(unreachable),
  );

  test('finds the one of several interfaces that is on the network', () => {
    const p = plan({
      hosts: {
        a: { interfaces: { eth0: { addresses: ['10.0.0.1/24'] }, eth1: { addresses: ['10.1.0.1/24'] } } },
        b: {},
      },
      switches: { s: {} },
      links: [{ endpoints: ['a', 's'] }, { endpoints: ['a', 's'] }, { endpoints: ['b', 's'], subnet: '10.1.0.0/24' }],
      families: ['ipv4'],
      workloads: [{ type: 'ping', from: 'a', to: 'b' }],
    });
    expect(p.neighbours[0]).toMatchObject({ through: { name: 'eth1' } });
  });
});

describe('addresses of the request', () => {
  test('are kept, and the rest is chosen around them', () => {
    const p = plan({
      hosts: {
        a: { interfaces: { eth0: { addresses: ['192.0.2.7/28'], mac: '02:aa:00:00:00:01', mtu: 9000 } } },
        b: {},
        c: { interfaces: { eth0: { addresses: ['10.0.0.1/24'] } } },
        d: {},
        e: {},
        f: {},
      },
      links: [{ endpoints: ['a', 'b'] }, { endpoints: ['c', 'd'] }, { endpoints: ['e', 'f'], subnet: '172.16.0.0/30' }],
      families: ['ipv4'],
    });
    expect(addresses(p)).toEqual({
      'a eth0': ['192.0.2.7/28'],
      'b eth0': ['192.0.2.1/28'],
      'c eth0': ['10.0.0.1/24'],
      'd eth0': ['10.0.0.2/24'],
      'e eth0': ['172.16.0.1/30'],
      'f eth0': ['172.16.0.2/30'],
    });
  });

  test("are nobody else's, on whatever link they are", () => {
    const onEth0 = (address: string) => ({ interfaces: { eth0: { addresses: [address] } } });
    const p = plan({
      hosts: { a: onEth0('10.0.0.1/24'), b: onEth0('10.0.0.2/24'), c: {}, d: {} },
      switches: { s: {} },
      links: [
        { endpoints: ['a', 's'], vlan: 10 },
        { endpoints: ['b', 's'], vlan: 20 },
        { endpoints: ['c', 's'], vlan: 10 },
        { endpoints: ['d', 's'], vlan: 20 },
      ],
      families: ['ipv4'],
    });
    expect(addresses(p)).toMatchObject({ 'c eth0': ['10.0.0.3/24'], 'd eth0': ['10.0.0.4/24'] });
  });

  test.each(['127.0.0.1/8', '224.0.0.1/24', '0.0.0.1/8', '::1/64', 'ff02::1/64'])('cannot be %s', (address) =>
    expect(
      issues({
        hosts: { a: { interfaces: { eth0: { addresses: [address] } } }, b: {} },
        links: [{ endpoints: ['a', 'b'] }],
      }),
    ).toEqual(['bad-address hosts.a.interfaces.eth0.addresses[0]']),
  );

  test('chosen networks keep clear of given ones', () => {
    const p = plan({
      hosts: { a: {}, b: {}, c: { interfaces: { eth0: { addresses: ['10.0.0.9/16'] } } }, d: {} },
      links: [{ endpoints: ['a', 'b'] }, { endpoints: ['c', 'd'] }],
      families: ['ipv4'],
    });
    expect(addresses(p)['a eth0']).toEqual(['10.1.0.1/24']);
  });
});

describe('links as qdiscs', () => {
  const direction = (spec: DirectionSpec, mtu = 1500): Direction => {
    const p = plan({ hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'], mtu, ...spec }] });
    return [...p.directions.values()][0]?.[0] ?? expect.fail('no link');
  };
  const steps = (spec: DirectionSpec) =>
    direction(spec).steps.map(
      (step) =>
        `${formatHandle(step.parent)} ${'handle' in step ? formatHandle(step.handle) : 'filter'} ${step.step === 'qdisc' ? step.options.kind : step.step}`,
    );

  test('a perfect wire needs none', () =>
    expect(direction({})).toMatchObject({ steps: [], report: { delayNs: 0, gso: true } }));
  test('a delay is netem', () => expect(steps({ delay: '20ms' })).toEqual(['root 1: netem']));
  test('a rate is a token bucket with a fifo, after the least of delays', () =>
    expect(steps({ rate: '10mbit' })).toEqual(['root 1: netem', '1:1 2: tbf', '2:1 3: bfifo']));
  test('both: packets are delayed first, so that the queue is the last thing they meet', () =>
    expect(steps({ rate: '10mbit', delay: '20ms', queue: 'fq_codel' })).toEqual([
      'root 1: netem',
      '1:1 2: tbf',
      '2:1 3: fq_codel',
    ]));
  test('cake shapes by itself', () =>
    expect(steps({ rate: '10mbit', queue: 'cake' })).toEqual(['root 1: netem', '1:1 2: cake']));
  test('htb shares the rate among classes', () =>
    expect(
      steps({
        rate: '10mbit',
        queue: {
          kind: 'htb',
          classes: [{ rate: '7mbit', match: { protocol: 'udp', dport: 53 } }, { queue: 'fq_codel' }],
        },
      }),
    ).toEqual([
      'root 1: netem',
      '1:1 2: htb',
      '2: 2:1 class',
      '2:1 2:10 class',
      '2:10 10: bfifo',
      // One for each family.
      '2: filter filter',
      '2: filter filter',
      '2:1 2:11 class',
      '2:11 11: fq_codel',
    ]));

  test('one burst is a millisecond, a frame at least, the longest packet at most', () => {
    const burst = (rate: string) =>
      direction({ rate }).steps.flatMap((s) =>
        s.step === 'qdisc' && s.options.kind === 'tbf' ? [s.options.burst] : [],
      )[0];
    expect([burst('1mbit'), burst('100mbit'), burst('10gbit')]).toEqual([1518, 12_500, 70_000]);
  });

  test('a fifo holds the bandwidth-delay product, 100 frames at least, 4 MiB at most', () => {
    const limit = (rate: string, delay: string) => direction({ rate, delay }).report.limitBytes;
    expect([limit('10mbit', '20ms'), limit('100mbit', '50ms'), limit('10gbit', '100ms')]).toEqual([
      151_800,
      1_250_000,
      4 << 20,
    ]);
  });

  test('packets are built long only where no segment has a fate of its own', () => {
    const segs = (spec: DirectionSpec) => direction(spec).gsoMaxSegs;
    expect(segs({ rate: '1gbit', delay: '5ms' })).toBeUndefined();
    expect(segs({ rate: '100mbit' })).toBe(8);
    expect(segs({ rate: '10mbit' })).toBe(1);
    expect(segs({ rate: '1gbit', loss: '1%' })).toBe(1);
    expect(segs({ rate: '1gbit', queue: { kind: 'pfifo', limit: 100 } })).toBe(1);
  });

  test('two ways of a link may differ', () => {
    const p = plan({
      hosts: { a: {}, b: {} },
      links: [
        { endpoints: ['a', 'b'], delay: '10ms', forward: { rate: '1mbit' }, reverse: { rate: '8mbit', delay: '30ms' } },
      ],
    });
    expect([...p.directions.values()][0]?.map(({ report }) => [report.rateBps, report.delayNs])).toEqual([
      [1e6, 10e6],
      [8e6, 30e6],
    ]);
  });

  test('each direction has a seed of its own, and another with another seed of the request', () => {
    const seeds = (seed: number) =>
      [...plan({ seed, hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'], loss: '1%' }] }).directions.values()]
        .flat()
        .flatMap(({ steps }) =>
          steps.map((s) => (s.step === 'qdisc' && s.options.kind === 'netem' ? s.options.seed : undefined)),
        );
    expect(new Set([...seeds(1), ...seeds(2)]).size).toBe(4);
    expect(seeds(1)).toEqual(seeds(1));
  });

  test('a mahimahi trace is a bucket that opens when it is told', () => {
    const d = direction({ trace: '0\n5\n5\n10\n' });
    expect(d.trace?.deliveries).toEqual({ opportunitiesMs: [0, 5, 5, 10], periodMs: 10 });
    expect(d.trace?.options.burst).toBe(1518);
    expect(d.report.rateBps).toBe((4 * 1500 * 8) / 0.01);
  });
});

describe("LKL's object", () => {
  test('gives a host its addresses and leaves routes to it', () => {
    const p = plan({
      hosts: { a: { hijack: readmeExample }, b: {}, c: {} },
      links: [{ endpoints: ['a', 'b'] }, { endpoints: ['a', 'c'] }],
      families: ['ipv4'],
    });
    expect(addresses(p)).toEqual({
      'a eth0': ['192.168.0.2/24', '2001:db8:0:f101::2/64'],
      'b eth0': ['192.168.0.1/24'],
      'a eth1': ['192.168.1.2/24', '2001:db8:0:f102::2/64'],
      'c eth0': ['192.168.1.1/24'],
    });
    expect([...p.hijacks.keys()].map(({ name }) => name)).toEqual(['a']);
    expect([...p.routes.keys()].map(({ name }) => name)).toEqual(['b', 'c']);
    expect(formatMac(p.topology.nodes.get('a')?.ports[0]?.mac ?? new Uint8Array())).toBe('12:34:56:78:9a:bc');
  });
  test('stands alone', () =>
    expect(issues({ hosts: { a: { hijack: {}, sysctls: {} } } })).toEqual(['hijack hosts.a.sysctls']));
});

describe('what is wrong', () => {
  const pair = { hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'] as const }] };
  const ping = { type: 'ping', from: 'a', to: 'b' } as const;
  test.each<[string, Partial<SimulationRequest>]>([
    ['unknown-node links[0].endpoints[1]', { hosts: { a: {} }, links: [{ endpoints: ['a', 'z'] }] }],
    ['unknown-node workloads[0].to', { ...pair, workloads: [{ type: 'ping', from: 'a', to: 'z' }] }],
    ['unknown-node capture[0]', { ...pair, capture: ['z'] }],
    ['unknown-interface capture[0]', { ...pair, capture: ['a:eth7'] }],
    [
      'unknown-interface hosts.a.interfaces.eth1',
      { hosts: { a: { interfaces: { eth1: {} } }, b: {} }, links: pair.links },
    ],
    ['duplicate switches.a', { hosts: { a: {} }, switches: { a: {} } }],
    ['bad-name hosts["a b"]', { hosts: { 'a b': {} } }],
    ['bad-unit links[0].rate', { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], rate: 'fast' }] }],
    [
      'bad-unit links[0].reverse.delay',
      { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], reverse: { delay: 'soon' } }] },
    ],
    ['impossible-rate links[0].rate', { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], rate: '0mbit' }] }],
    ['impossible-rate links[0].rate', { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], rate: '5tbit' }] }],
    ['bad-option links[0].reorder', { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], reorder: '25%' }] }],
    [
      'bad-option hosts.a.sysctls["kernel.hostname"]',
      { ...pair, hosts: { a: { sysctls: { 'kernel.hostname': 'a' } }, b: {} } },
    ],
    ['bad-option links[0].trace', { ...pair, links: [{ endpoints: ['a', 'b'], trace: [1], mtu: 9000 }] }],
    ['bad-option links[0].burst', { ...pair, links: [{ endpoints: ['a', 'b'], trace: [1], burst: '15kb' }] }],
    ['bad-option links[0].vlans', { ...pair, links: [{ endpoints: ['a', 'b'], vlans: [] }] }],
    ['duplicate links[0].vlans[1]', { ...pair, links: [{ endpoints: ['a', 'b'], vlans: [10, 10] }] }],
    [
      'bad-option links[0].distribution',
      { ...pair, links: [{ endpoints: ['a', 'b'], delay: '1ms', distribution: 'normal' }] },
    ],
    [
      'bad-option links[0].delayCorrelation',
      { ...pair, links: [{ endpoints: ['a', 'b'], delay: '1ms', delayCorrelation: '20%' }] },
    ],
    [
      'bad-option workloads[0].on',
      { ...pair, workloads: [{ type: 'on-off', from: 'a', to: 'b', on: '0s', off: '0s' }] },
    ],
    [
      'bad-option workloads[0].count',
      { ...pair, workloads: [{ type: 'flows', from: 'a', to: 'b', sizes: ['1kb'], count: 2 }] },
    ],
    ['bad-option workloads[0].sndbuf', { ...pair, workloads: [{ type: 'tcp', from: 'a', to: 'b', sndbuf: '3gb' }] }],
    ['bad-option links[0].mtu', { ...pair, links: [{ endpoints: ['a', 'b'], mtu: 1279 }] }],
    ['bad-option hosts.b.interfaces.eth0.mtu', { ...pair, hosts: { a: {}, b: { interfaces: { eth0: { mtu: 10 } } } } }],
    [
      'bad-option hosts.a.hijack.interfaces[0].mtu',
      { ...pair, hosts: { a: { hijack: { interfaces: [{ mtu: '10' }] } }, b: {} } },
    ],
    ['bad-option links[0].queue', { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], queue: 'lifo' }] }],
    [
      'bad-option links[0].queue.tarjet',
      { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], queue: { kind: 'codel', tarjet: '5ms' } }] },
    ],
    [
      'bad-unit links[0].queue.target',
      { hosts: pair.hosts, links: [{ endpoints: ['a', 'b'], queue: { kind: 'codel', target: '5mb' } }] },
    ],
    [
      'address-clash hosts.b.interfaces.eth0.addresses[0]',
      {
        ...pair,
        hosts: {
          a: { interfaces: { eth0: { addresses: ['10.0.0.1/24'] } } },
          b: { interfaces: { eth0: { addresses: ['10.0.0.1/24'] } } },
        },
      },
    ],
    ['address-clash links[0]', { ...pair, links: [{ endpoints: ['a', 'b'], subnet: '10.0.0.0/32' }] }],
    [
      'bad-address hosts.a.interfaces.eth0.addresses[0]',
      { ...pair, hosts: { a: { interfaces: { eth0: { addresses: ['10.0.0.300/24'] } } }, b: {} } },
    ],
    [
      'bad-address hosts.a.interfaces.eth0.addresses[0]',
      { ...pair, hosts: { a: { interfaces: { eth0: { addresses: ['10.0.0.255/24'] } } }, b: {} } },
    ],
    [
      'unreachable workloads[0].to',
      {
        hosts: { a: {}, b: {}, c: {}, d: {} },
        links: [{ endpoints: ['a', 'b'] }, { endpoints: ['c', 'd'] }],
        workloads: [{ type: 'ping', from: 'a', to: 'd' }],
      },
    ],
    [
      'bad-option workloads[0]',
      { ...pair, workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '1kb', duration: '1s' }] },
    ],
    [
      'duplicate workloads[1].name',
      {
        ...pair,
        workloads: [
          { ...ping, name: 'x' },
          { ...ping, name: 'x' },
        ],
      },
    ],
    ['duplicate workloads[1].name', { ...pair, workloads: [{ ...ping, name: 'ping-1' }, ping] }],
    ['bad-option workloads[0].mss', { ...pair, workloads: [{ type: 'tcp', from: 'a', to: 'b', mss: 87 }] }],
    [
      'bad-option workloads[0].batch[1].do[0].call',
      {
        ...pair,
        workloads: [{ type: 'syscalls', on: 'a', batch: [{ call: 'open' }, { repeat: 2, do: [{ call: 'opne' }] }] }],
      },
    ],
    ['over-budget hosts', { hosts: Object.fromEntries(Array.from({ length: 251 }, (_, i) => [`h${i}`, {}])) }],
    [
      'over-budget events',
      {
        ...pair,
        duration: '86400s',
        events: Array.from({ length: 10_000 }, () => ({
          type: 'down' as const,
          at: '0s',
          every: '100us',
          link: 'a-b',
        })),
      },
    ],
    [
      'over-budget events[100]',
      {
        ...pair,
        events: Array.from({ length: 101 }, (_, i) => ({
          type: 'link' as const,
          at: `${i}us`,
          for: '1s',
          link: 'a-b',
          way: 'forward' as const,
          delay: '1ms',
        })),
      },
    ],
  ])('%s', (expected, request) => expect(issues(request)).toEqual([expected]));
});

test('what is far too much is refused by counting, before minutes go into planning it', () => {
  const many = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
  const hosts = Object.fromEntries(many(6000, (i) => [`h${i}`, {}]));
  const links = many(13_000, () => ({ endpoints: ['h0', 'h1'] as const }));
  const pair = { hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'] as const }] };
  const ping = { type: 'ping', from: 'a', to: 'b' } as const;
  const events = many(30, (i) => ({ type: 'down', at: `${i}ms`, link: 'a-b' }) as const);
  const told = (request: SimulationRequest, more: object) => {
    const planned = planSimulation(request, { nodes: 5000, devices: 50_000, ...more });
    return 'issues' in planned ? planned.issues.map(({ path, message }) => `${path}: ${message}`) : [];
  };
  expect(told({ hosts, links }, {})).toEqual(['hosts: 6000 nodes: 5000 fit', 'links: 13000 links: 12500 fit']);
  const workloads = many(5000, () => ping);
  expect(told({ ...pair, workloads }, { mib: 96 })).toEqual([
    expect.stringMatching(/^workloads: this network needs about 367 MiB .* there are 96/),
  ]);
  expect(told({ hosts: { a: {}, b: {} }, links: many(500, () => pair.links[0] as never) }, { mib: 96 })).toEqual([
    expect.stringMatching(/^links: this network needs about 113 MiB/),
  ]);
  expect(told({ ...pair, events }, { parts: 40 })).toEqual([]);
  expect(told({ ...pair, events }, { parts: 30 })).toEqual([expect.stringMatching(/lists 37 hosts.* 30 are the most/)]);
});

test('changes that later ones hide cost nothing: as many as there may be are planned', () => {
  const delays = Array.from({ length: 20_000 }, (_, i) => ({
    type: 'link' as const,
    at: `${i}us`,
    link: 'a-b',
    delay: `${1 + (i % 2)}ms`,
  }));
  const links = [{ endpoints: ['a', 'b'] as const, rate: '10mbit', delay: '1ms' }];
  expect(issues({ hosts: { a: {}, b: {} }, links, events: delays })).toEqual([]);
});

describe('what is possible and hardly meant is said', () => {
  const slow = { hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'] as const, rate: '10mbit' }], duration: '2s' };
  test.each<[string, Partial<SimulationRequest>]>([
    [
      'workloads[0].duration',
      { ...slow, workloads: [{ type: 'udp', from: 'a', to: 'b', duration: '3s', rate: '1mbit' }] },
    ],
    ['workloads[0].start', { ...slow, workloads: [{ type: 'ping', from: 'a', to: 'b', start: '2s' }] }],
    ['workloads[0]', { ...slow, workloads: [{ type: 'tcp', from: 'a', to: 'a' }] }],
    ['workloads[0]', { ...slow, links: [{ endpoints: ['a', 'b'] }], workloads: [{ type: 'rr', from: 'a', to: 'b' }] }],
    ['workloads[0].rate', { ...slow, workloads: [{ type: 'udp', from: 'a', to: 'b', rate: '1gbit', size: '16' }] }],
  ])('%s %j', (path, request) => expect(plan(request).warnings.map((warning) => warning.path)).toEqual([path]));

  test('as long as the whole, it is what was meant', () => {
    const workloads = [{ type: 'udp', from: 'a', to: 'b', duration: '2s', rate: '1mbit' }] as const;
    expect(plan({ ...slow, workloads }).warnings).toEqual([]);
  });
});

test.each([
  ['links[0].delay', { delay: '1e308s' }],
  ['links[0].delay', { delay: '1e9s' }],
  ['links[0].rate', { rate: '1e400bit' }],
  ['links[0].queue.limit', { queue: { kind: 'bfifo', limit: '4gb' } }],
  ['links[0].queue.target', { queue: { kind: 'codel', target: '5000s' } }],
  ['links[0].queue.interval', { queue: { kind: 'fq_codel', interval: '1e308s' } }],
  ['links[0].queue.maxrate', { rate: '1gbit', queue: { kind: 'fq', maxrate: '40gbit' } }],
])('bad-unit %s: more than Linux counts', (path, link) =>
  expect(issues({ hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'], ...link }] })).toEqual([
    `bad-unit ${path}`,
  ]),
);

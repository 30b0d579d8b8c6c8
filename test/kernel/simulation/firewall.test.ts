/** Rules of nftables in simulated networks: what they drop, translate, mark, limit and count is what nft(8) says they do. */

import { describe, expect, test } from 'vitest';
import { commands, preamble } from '../../../src/simulation/firewall/nft-rules.ts';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { HostSpec, SimulationRequest } from '../../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from '../simulate.ts';

const rule = (family: string, chain: string, ...expr: unknown[]) => ({
  add: { rule: { family, table: 't', chain, expr } },
});
const table = (family: string) => ({ add: { table: { family, name: 't' } } });
const chain = (family: string, name: string, hook: string, prio: number | string, more: object = {}) => ({
  add: { chain: { family, table: 't', name, type: 'filter', hook, prio, ...more } },
});
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const filter = (hook: string, ...rules: unknown[][]) => [
  table('inet'),
  chain('inet', 'c', hook, 0),
  ...rules.map((expr) => rule('inet', 'c', ...expr)),
];

/** a - r - b, with rules at r. */
const routed = (nftables: HostSpec['nftables'], more: Partial<SimulationRequest> = {}): SimulationRequest => ({
  seed: 1,
  duration: '10s',
  families: ['ipv4'],
  hosts: { a: {}, b: {} },
  routers: { r: { ...(nftables && { nftables }) } },
  links: [
    { endpoints: ['a', 'r'], rate: '10mbit', delay: '5ms', subnet: '10.1.0.0/24' },
    { endpoints: ['r', 'b'], rate: '10mbit', delay: '5ms', subnet: '10.2.0.0/24' },
  ],
  ...more,
});
const ping = (count = 5) => ({ type: 'ping', from: 'a', to: 'b', count, interval: '100ms', timeout: '1s' }) as const;

test('every rule that nft can send is taken by Linux', async () => {
  const answer = await simulate(routed([...preamble, ...commands]));
  const { nftables } = answer.hosts.r?.state ?? {};
  expect(nftables?.counters.length).toBeGreaterThan(3);
});

const counters = (answer: Awaited<ReturnType<typeof simulate>>) => answer.hosts.r?.state.nftables?.counters ?? [];
const connections = (answer: Awaited<ReturnType<typeof simulate>>) => answer.hosts.r?.state.nftables?.connections ?? [];

describe('filters', () => {
  test('drop what matches, let the rest pass, and count both', async () => {
    const answer = await simulate(
      routed(
        filter(
          'forward',
          [match(payload('udp', 'dport'), 5002), { counter: null }, { drop: null }],
          [match(payload('icmp', 'type'), 'echo-request'), { counter: { packets: 10, bytes: 0 } }, { accept: null }],
        ),
        { workloads: [ping(), { type: 'udp', from: 'a', to: 'b', rate: '100kbit', size: '100', count: 20 }] },
      ),
    );
    expect(pingOf(answer)).toMatchObject({ sent: 5, received: 5 });
    expect(flow(answer, 1, 'udp')).toMatchObject({ sent: 20, received: 0, lost: 20 });
    expect(counters(answer)).toEqual([
      { table: 'inet t', chain: 'c', rule: 2, packets: 20, bytes: 20 * 128 },
      { table: 'inet t', chain: 'c', rule: 3, packets: 15, bytes: 5 * 84 },
    ]);
  });

  test('both families, by one rule of inet', async () => {
    const drop = filter('forward', [
      match(payload('tcp', 'dport'), { set: [5001, 5002] }),
      { reject: { type: 'tcp reset' } },
    ]);
    const answer = await simulate(
      routed(drop, {
        families: ['ipv4', 'ipv6'],
        workloads: [
          { type: 'tcp', from: 'a', to: 'b', bytes: '1kb', family: 'ipv4' },
          { type: 'tcp', from: 'a', to: 'b', bytes: '1kb', family: 'ipv6' },
          { type: 'tcp', from: 'a', to: 'b', bytes: '1kb', family: 'ipv6' },
        ],
      }),
    );
    expect(tcpOf(answer, 0).error).toMatch(/ECONNREFUSED/);
    expect(tcpOf(answer, 1).error).toMatch(/ECONNREFUSED/);
    expect(tcpOf(answer, 2)).toMatchObject({ completed: true, bytes: 1024 });
  });

  test('a limit lets so many packets through a second, after its burst', async () => {
    const limited = filter(
      'forward',
      [
        match(payload('icmp', 'type'), 'echo-request'),
        { limit: { rate: 2, per: 'second', burst: 3 } },
        { accept: null },
      ],
      [match(payload('icmp', 'type'), 'echo-request'), { counter: null }, { drop: null }],
    );
    const answer = await simulate(routed(limited, { workloads: [ping(50)] }));
    // 5 s of two a second, and the burst.
    expect(pingOf(answer).received).toBeGreaterThanOrEqual(12);
    expect(pingOf(answer).received).toBeLessThanOrEqual(13);
    expect(counters(answer)[0]?.packets).toBe(50 - pingOf(answer).received);
  });

  test('a stateful firewall lets answers in, and no one else', async () => {
    const stateful = filter(
      'forward',
      [match({ ct: { key: 'state' } }, ['established', 'related'], 'in'), { accept: null }],
      [match({ meta: { key: 'iifname' } }, 'eth0'), { accept: null }],
      [{ counter: null }, { drop: null }],
    );
    const answer = await simulate(
      routed(stateful, {
        workloads: [
          { type: 'tcp', from: 'a', to: 'b', bytes: '100kb' },
          { type: 'ping', from: 'b', to: 'a', count: 3, interval: '100ms', timeout: '1s' },
        ],
      }),
    );
    expect(tcpOf(answer)).toMatchObject({ completed: true });
    expect(flow(answer, 1, 'ping')).toMatchObject({ sent: 3, received: 0 });
    expect(counters(answer)).toEqual([{ table: 'inet t', chain: 'c', rule: 4, packets: 3, bytes: 3 * 84 }]);
    expect(connections(answer).some((line) => line.includes('tcp') && line.includes('src=10.1.0.1'))).toBe(true);
  });

  test('sets that packets fill: a host that opens too many connections is shut out', async () => {
    const guard = [
      table('inet'),
      { add: { set: { family: 'inet', table: 't', name: 'bad', type: 'ipv4_addr', flags: ['timeout'], timeout: 60 } } },
      chain('inet', 'c', 'forward', 0),
      rule('inet', 'c', match(payload('ip', 'saddr'), '@bad'), { counter: null }, { drop: null }),
      rule(
        'inet',
        'c',
        match({ ct: { key: 'state' } }, 'new', 'in'),
        match(payload('tcp', 'dport'), 5001),
        { limit: { rate: 1, per: 'second', burst: 5, inv: true } },
        { set: { op: 'add', elem: payload('ip', 'saddr'), set: '@bad' } },
        { drop: null },
      ),
    ];
    const request = { type: 'rr', from: 'a', to: 'b', count: 20, reconnect: true, think: '10ms' } as const;
    const answer = await simulate(routed(guard, { workloads: [request] }));
    const rr = flow(answer, 0, 'rr');
    expect(rr.transactions).toBeLessThan(10);
    expect(rr.transactions).toBeGreaterThanOrEqual(4);
    expect(counters(answer)[0]?.packets).toBeGreaterThan(0);
  });
});

describe('translation of addresses', () => {
  const masquerade = [
    table('ip'),
    chain('ip', 'post', 'postrouting', 'srcnat', { type: 'nat' }),
    rule('ip', 'post', match({ meta: { key: 'oifname' } }, 'eth1'), { counter: null }, { masquerade: null }),
  ];

  test('masquerade: the far host needs no route back, and sees the address of the router', async () => {
    const answer = await simulate(
      routed(masquerade, {
        hosts: { a: {}, b: { routes: 'none' } },
        workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '1mb' }],
      }),
    );
    expect(tcpOf(answer)).toMatchObject({ completed: true, bytes: 2 ** 20 });
    expect(counters(answer)).toEqual([{ table: 'ip t', chain: 'post', rule: 2, packets: 1, bytes: 60 }]);
    expect(connections(answer)).toHaveLength(1);
    expect(connections(answer)[0]).toMatch(/src=10\.1\.0\.1 dst=10\.2\.0\.2 .*src=10\.2\.0\.2 dst=10\.2\.0\.1 /);
  });

  test('two homes have the same addresses behind their NATs', async () => {
    const home = (n: number): SimulationRequest => ({
      hosts: { [`h${n}`]: { interfaces: { eth0: { addresses: ['192.168.1.2/24'] } } } },
      routers: {
        [`nat${n}`]: { nftables: masquerade, interfaces: { eth0: { addresses: ['192.168.1.1/24'] } } },
      },
      links: [
        { endpoints: [`h${n}`, `nat${n}`], rate: '10mbit', delay: '1ms' },
        { endpoints: [`nat${n}`, 's'], rate: '10mbit', delay: '1ms' },
      ],
    });
    const [one, two] = [home(1), home(2)];
    const request: SimulationRequest = {
      seed: 1,
      duration: '10s',
      families: ['ipv4'],
      hosts: { ...one.hosts, ...two.hosts, s: {} },
      routers: { ...one.routers, ...two.routers },
      links: [...(one.links ?? []), ...(two.links ?? [])],
      workloads: [
        { type: 'tcp', from: 'h1', to: 's', bytes: '100kb' },
        { type: 'tcp', from: 'h2', to: 's', bytes: '200kb' },
      ],
    };
    const answer = await simulate(request);
    expect([0, 1].map((n) => tcpOf(answer, n).bytes)).toEqual([100 * 1024, 200 * 1024]);
    const asked = simulate({ ...request, workloads: [{ type: 'ping', from: 's', to: '192.168.1.2' }] });
    await expect(asked).rejects.toThrow('several nodes have the address 192.168.1.2');
  });

  test('masquerade to other ports: each connection is still known for itself', async () => {
    const others = { masquerade: { port: { range: [2000, 2999] } } };
    const tcpAlone = match({ meta: { key: 'l4proto' } }, 'tcp');
    const answer = await simulate(
      routed(
        [...masquerade.slice(0, 2), rule('ip', 'post', match({ meta: { key: 'oifname' } }, 'eth1'), tcpAlone, others)],
        {
          workloads: [
            { type: 'tcp', from: 'a', to: 'b', bytes: '200kb', parallel: 3 },
            { type: 'flows', from: 'a', to: 'b', sizes: ['20kb', '30kb', '3'], perSecond: 100 },
            // More at once than a byte tells apart.
            { type: 'flows', from: 'a', to: 'b', sizes: Array.from({ length: 258 }, () => '1'), perSecond: 100_000 },
          ],
        },
      ),
    );
    expect(tcpOf(answer).streams.map(({ bytes }) => bytes)).toEqual([68_267, 68_267, 68_267]);
    expect(flow(answer, 1, 'flows')).toMatchObject({ started: 3, finished: 3 });
    expect(flow(answer, 2, 'flows')).toMatchObject({ started: 258, finished: 258 });
  });

  test('dnat: a port of the router is one of a host behind it', async () => {
    const forwarded = [
      table('inet'),
      chain('inet', 'pre', 'prerouting', 'dstnat', { type: 'nat' }),
      rule('inet', 'pre', match(payload('tcp', 'dport'), 5001), {
        dnat: { family: 'ip', addr: '10.2.0.2', port: 5002 },
      }),
    ];
    const answer = await simulate(
      routed(forwarded, {
        workloads: [
          // To the router's own address, where nobody listens at 5001.
          { type: 'tcp', from: 'a', to: '10.1.0.2', bytes: '10kb' },
          { type: 'tcp', from: 'a', to: 'b', bytes: '20kb' },
        ],
      }),
    );
    expect(
      connections(answer).some((line) => /dst=10\.1\.0\.2 .*dport=5001 .*src=10\.2\.0\.2 .*sport=5002/.test(line)),
    ).toBe(true);
  });

  test('a mapping that nobody uses is forgotten after its timeout', async () => {
    const quiet = { type: 'udp', from: 'a', to: 'b', rate: '1kbit', size: '58', count: 3 } as const;
    const short = { 'net.netfilter.nf_conntrack_udp_timeout': '2' };
    const later = { type: 'ping', from: 'a', to: 'b', start: '8s', count: 1 } as const;
    const mappings = async (sysctls: Record<string, string>, protocol = 'udp') => {
      const answer = await simulate({
        ...routed(masquerade, { workloads: [quiet, later] }),
        routers: { r: { nftables: masquerade, sysctls } },
      });
      return connections(answer).filter((line) => line.includes(protocol));
    };
    // A datagram each 0.8 s keeps it; then 5 s of silence do not.
    expect(await mappings(short)).toHaveLength(0);
    expect(await mappings({})).toHaveLength(1);
    // The first namespace alone may set it: there is no room for the ping.
    expect(await mappings({ 'net.netfilter.nf_conntrack_max': '1' }, 'icmp')).toHaveLength(0);
    expect(await mappings({ 'net.netfilter.nf_conntrack_max': '2' }, 'icmp')).toHaveLength(1);
  });
});

describe('a path MTU black hole', () => {
  const deaf = filter('output', [
    match(payload('icmp', 'type'), 'destination-unreachable'),
    { counter: null },
    { drop: null },
  ]);
  const narrow = (probing: number, more: HostSpec['nftables'] = []): SimulationRequest => ({
    ...routed([...deaf, ...(more ?? [])]),
    duration: '60s',
    hosts: { a: { sysctls: { 'net.ipv4.tcp_mtu_probing': probing } }, b: {} },
    links: [
      { endpoints: ['a', 'r'], rate: '10mbit', delay: '5ms' },
      { endpoints: ['r', 'b'], rate: '10mbit', delay: '5ms', mtu: 1200 },
    ],
    workloads: [{ type: 'tcp', from: 'a', to: 'b', bytes: '100kb' }],
  });
  // The receiver's own MTU would tell: it is that of its first link, so put the narrow one in the middle.
  const hidden = (probing: number, more: HostSpec['nftables'] = []): SimulationRequest => ({
    ...narrow(probing, more),
    routers: { r: { nftables: [...deaf, ...(more ?? [])] }, q: {} },
    links: [
      { endpoints: ['a', 'r'], rate: '10mbit', delay: '5ms' },
      { endpoints: ['r', 'q'], rate: '10mbit', delay: '5ms', mtu: 1200 },
      { endpoints: ['q', 'b'], rate: '10mbit', delay: '5ms' },
    ],
  });

  test('swallows a transfer whole', async () => {
    const answer = await simulate(hidden(0));
    expect(tcpOf(answer)).toMatchObject({ completed: false, bytes: 0 });
    expect(counters(answer)[0]?.packets).toBeGreaterThan(0);
  });

  test('is found out by tcp_mtu_probing, after some timeouts', async () => {
    const answer = await simulate(hidden(1));
    expect(tcpOf(answer)).toMatchObject({ completed: true, bytes: 102_400 });
    expect(tcpOf(answer).duration_s).toBeGreaterThan(1);
  });

  test('is no matter where the router clamps the size of segments to its MTU', async () => {
    const clamp = [
      chain('inet', 'fwd', 'forward', 'mangle'),
      rule('inet', 'fwd', match({ '&': [payload('tcp', 'flags'), 'syn'] }, 'syn'), {
        mangle: { key: { 'tcp option': { name: 'maxseg', field: 'size' } }, value: { rt: { key: 'mtu' } } },
      }),
    ];
    const answer = await simulate(hidden(0, clamp));
    expect(tcpOf(answer)).toMatchObject({ completed: true });
    expect(tcpOf(answer).duration_s).toBeLessThan(1);
    expect(tcpOf(answer).tcp_info?.snd_mss).toBe(1200 - 40 - 12);
  });
});

describe('what is no rule is refused at its place', () => {
  const issues = (nftables: HostSpec['nftables']): string[] => {
    const planned = planSimulation(routed(nftables), { nodes: 500, devices: 4000 });
    return 'issues' in planned ? planned.issues.map(({ path }) => path.replace('routers.r.nftables', '')) : [];
  };
  test.each([
    [[{ add: { table: { family: 'inet4', name: 't' } } }], '[0].add.table.family'],
    [[{ add: { tabel: { family: 'inet', name: 't' } } }], '[0].add.tabel'],
    [[table('inet'), chain('inet', 'c', 'forwards', 0)], '[1].add.chain.hook'],
    [[table('inet'), chain('inet', 'c', 'forward', 'later')], '[1].add.chain.prio'],
    [
      filter('forward', [match(payload('tcp', 'port'), 1), { drop: null }]),
      '[2].add.rule.expr[0].match.left.payload.field',
    ],
    [filter('forward', [match(payload('tcp', 'dport'), 70_000)]), '[2].add.rule.expr[0].match.right'],
    [filter('forward', [match(payload('ip', 'saddr'), '10.0.0.256')]), '[2].add.rule.expr[0].match.right'],
    [filter('forward', [match(payload('ip', 'saddr'), '@nobody')]), '[2].add.rule.expr[0].match.right'],
    [
      filter('forward', [match(payload('ip', 'saddr'), '10.0.0.1'), match(payload('ip6', 'saddr'), 'fd00::1')]),
      '[2].add.rule.expr[1].match.left.payload',
    ],
    [filter('forward', [match(payload('ip', 'saddr'), { set: [] })]), '[2].add.rule.expr[0].match.right'],
    [filter('forward', [match({ ct: { key: 'stat' } }, 'new')]), '[2].add.rule.expr[0].match.left.ct.key'],
    [filter('forward', [{ dorp: null }]), '[2].add.rule.expr[0].dorp'],
    [filter('forward', [{ queue: { num: 1 } }]), '[2].add.rule.expr[0].queue'],
    [filter('forward', [{ limit: { rate: 5, pr: 'second' } }]), '[2].add.rule.expr[0].limit.pr'],
    [filter('forward', [{ counter: null, drop: null }]), '[2].add.rule.expr[0]'],
    [filter('forward', [{ masquerade: { port: 80 } }]), '[2].add.rule.expr[0].masquerade.port'],
    [filter('forward', [match({ meta: { key: 'iif' } }, 'eth9')]), '[2].add.rule.expr[0].match.right'],
    [
      filter('forward', [{ vmap: { key: payload('tcp', 'dport'), data: { set: [[22, { accpt: null }]] } } }]),
      '[2].add.rule.expr[0].vmap.data.set[0][1]',
    ],
  ] as const)('%j', (nftables, path) => {
    expect(issues(nftables)).toContain(path);
  });

  test('what Linux itself refuses: a chain that is not there, a loop of jumps', async () => {
    const jump = (target: string) => ({ jump: { target } });
    await expect(simulate(routed(filter('forward', [jump('nowhere')])))).rejects.toThrow(/routers\.r\.nftables\[2\]/);
    const loop = [
      ...filter('forward'),
      { add: { chain: { family: 'inet', table: 't', name: 'x' } } },
      rule('inet', 'c', jump('x')),
      rule('inet', 'x', jump('x')),
    ];
    await expect(simulate(routed(loop))).rejects.toThrow(/routers\.r\.nftables\[4\]/);
  });
});

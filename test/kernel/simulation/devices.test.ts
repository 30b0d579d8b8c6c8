/** Tunnels, bonds, VRFs and policy routing in simulated networks: packets go the way ip(8) says, in the headers that they should have. */

import { describe, expect, test } from 'vitest';
import { planSimulation } from '../../../src/simulation/plan/plan.ts';
import type { HostSpec, LinkSpec, SimulationRequest, WorkloadSpec } from '../../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from '../simulate.ts';

type Devices = NonNullable<HostSpec['devices']>;
/** a - r - b: nothing but the tunnel knows the inner networks. */
const tunnelled = (a: Devices, b: Devices, more: Partial<SimulationRequest> = {}): SimulationRequest => ({
  seed: 1,
  duration: '10s',
  hosts: { a: { devices: a }, b: { devices: b } },
  routers: { r: {} },
  links: [
    { endpoints: ['a', 'r'], rate: '10mbit', delay: '5ms' },
    { endpoints: ['r', 'b'], rate: '10mbit', delay: '5ms' },
  ],
  capture: ['r:eth0'],
  ...more,
});
const both = (device: (n: 1 | 2, other: 'a' | 'b') => Devices[string]): [Devices, Devices] => [
  { t0: device(1, 'b') },
  { t0: device(2, 'a') },
];
const inner4 = (n: number) => [`192.168.9.${n}/24`];
const inner6 = (n: number) => [`fdaa::${n}/64`];
const ping = (to: string): WorkloadSpec => ({
  type: 'ping',
  from: 'a',
  to,
  count: 5,
  interval: '100ms',
  timeout: '1s',
});

/** Bytes of the captured packets behind their Ethernet headers. */
function packetsOf(file: Uint8Array | undefined): Uint8Array[] {
  if (!file) return expect.fail('no capture');
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 12 <= file.length; at += view.getUint32(at + 4, true))
    if (view.getUint32(at, true) === 6)
      found.push(file.subarray(at + 28 + 14, at + 28 + view.getUint32(at + 20, true)));
  return found;
}
const protocolOf = (packet: Uint8Array): number => ((packet[0] ?? 0) >> 4 === 6 ? (packet[6] ?? 0) : (packet[9] ?? 0));
const portOf = (packet: Uint8Array): number => (packet[22] ?? 0) * 256 + (packet[23] ?? 0);

describe('tunnels', () => {
  test.each([
    ['gre', (n: number, other: string) => ({ kind: 'gre', remote: other, key: 7, addresses: inner4(n) }), 47],
    ['gretap', (n: number, other: string) => ({ kind: 'gretap', remote: other, addresses: inner4(n) }), 47],
    ['ipip', (n: number, other: string) => ({ kind: 'ipip', remote: other, addresses: inner4(n) }), 4],
    ['sit', (n: number, other: string) => ({ kind: 'sit', remote: other, addresses: inner6(n) }), 41],
  ] as const)('%s: packets have a header of its protocol around them', async (_, device, protocol) => {
    const [a, b] = both(device as never);
    const answer = await simulate(tunnelled(a, b, { workloads: [ping('b:t0')] }));
    expect(pingOf(answer)).toMatchObject({ sent: 5, received: 5 });
    expect(pingOf(answer).rtt_ms?.min).toBeGreaterThan(20);
    expect(
      packetsOf(answer.files[0]).filter((packet) => protocolOf(packet) === protocol).length,
    ).toBeGreaterThanOrEqual(10);
  });

  test.each([
    ['vxlan', (n: number, other: string) => ({ kind: 'vxlan', id: 42, remote: other, addresses: inner4(n) }), 4789],
    ['geneve', (n: number, other: string) => ({ kind: 'geneve', id: 42, remote: other, addresses: inner4(n) }), 6081],
    [
      'wireguard',
      (n: number, other: string) => ({
        kind: 'wireguard',
        peers: [{ node: other, allowed: [`192.168.9.${3 - n}/32`] }],
        addresses: inner4(n),
      }),
      51_820,
    ],
  ] as const)('%s: packets are in UDP to its port', async (_, device, port) => {
    const [a, b] = both(device as never);
    const answer = await simulate(
      tunnelled(a, b, { workloads: [ping('192.168.9.2'), { type: 'tcp', from: 'a', to: 'b:t0', bytes: '500kb' }] }),
    );
    expect(pingOf(answer)).toMatchObject({ sent: 5, received: 5 });
    expect(tcpOf(answer, 1)).toMatchObject({ completed: true, bytes: 512_000 });
    const packets = packetsOf(answer.files[0]);
    expect(packets.every((packet) => protocolOf(packet) !== 1)).toBe(true);
    expect(packets.filter((packet) => protocolOf(packet) === 17 && portOf(packet) === port).length).toBeGreaterThan(
      100,
    );
  });

  test('over IPv6 as over IPv4', async () => {
    const families = ['ipv6'] as const;
    const [a, b] = both((n, other) => ({ kind: 'ip6tnl', remote: other, addresses: [...inner4(n), ...inner6(n)] }));
    const tnl = await simulate(
      tunnelled(a, b, { families: [...families], workloads: [ping('192.168.9.2'), ping('fdaa::2')] }),
    );
    expect(pingOf(tnl)).toMatchObject({ received: 5 });
    expect(pingOf(tnl, 1)).toMatchObject({ received: 5 });
    const [c, d] = both((n, other) => ({ kind: 'gre', remote: other, addresses: inner4(n) }));
    const gre = await simulate(tunnelled(c, d, { families: [...families], workloads: [ping('b:t0')] }));
    expect(pingOf(gre)).toMatchObject({ received: 5 });
  });

  test('the same request and seed: the same bytes, WireGuard too', async () => {
    const [a, b] = both((n, other) => ({
      kind: 'wireguard',
      peers: [{ node: other, allowed: ['192.168.9.0/24'] }],
      addresses: inner4(n),
    }));
    const run = () => simulate(tunnelled(a, b, { workloads: [ping('b:t0')] }));
    expect((await run()).files[0]).toEqual((await run()).files[0]);
  });

  test('MACsec: frames are encrypted between two hosts, and pass', async () => {
    const device = (n: number, other: string): Devices => ({
      m0: {
        kind: 'macsec',
        dev: 'eth0',
        peers: [other],
        key: '000102030405060708090a0b0c0d0e0f',
        addresses: inner4(n),
      },
    });
    const answer = await simulate({
      hosts: { a: { devices: device(1, 'b') }, b: { devices: device(2, 'a') } },
      links: [{ endpoints: ['a', 'b'], delay: '1ms' }],
      duration: '10s',
      capture: ['b'],
      workloads: [ping('b:m0')],
    });
    expect(pingOf(answer)).toMatchObject({ sent: 5, received: 5 });
    const file = answer.files[0] ?? expect.fail('no capture');
    // 0x88e5 in place of IPv4's 0x0800.
    const count = (type: number) =>
      [...file].filter((byte, i) => i > 12 && byte === type >> 8 && file[i + 1] === (type & 0xff)).length;
    expect(count(0x88e5)).toBeGreaterThanOrEqual(10);
  });
});

describe('devices that are made of others', () => {
  const pairOfLinks = (device: Devices[string], extra: Partial<SimulationRequest> = {}): SimulationRequest => {
    const bare = { eth0: { addresses: [] }, eth1: { addresses: [] } };
    return {
      seed: 1,
      duration: '10s',
      families: ['ipv4'],
      hosts: {
        a: { interfaces: bare, devices: { bond0: { ...device, addresses: ['192.168.9.1/24'] } as never } },
        b: { interfaces: bare, devices: { bond0: { ...device, addresses: ['192.168.9.2/24'] } as never } },
      },
      links: [
        { endpoints: ['a', 'b'], name: 'first', rate: '10mbit', delay: '5ms' },
        { endpoints: ['a', 'b'], name: 'second', rate: '10mbit', delay: '5ms' },
      ],
      ...extra,
    };
  };

  test('a bond goes on over the other link when one is down', async () => {
    const answer = await simulate(
      pairOfLinks(
        { kind: 'bond', mode: 'active-backup', members: ['eth0', 'eth1'] },
        {
          events: [{ type: 'down', at: '3s', link: 'first' }],
          workloads: [{ type: 'ping', from: 'a', to: 'b:bond0', count: 80, interval: '100ms', timeout: '1s' }],
        },
      ),
    );
    // It looks at its links ten times a second.
    expect(pingOf(answer).received).toBeGreaterThanOrEqual(77);
    expect(pingOf(answer).received).toBeLessThan(80);
  });

  test('a bond in turns carries more than one link does', async () => {
    const answer = await simulate(
      pairOfLinks(
        { kind: 'bond', mode: 'balance-rr', members: ['eth0', 'eth1'] },
        { workloads: [{ type: 'udp', from: 'a', to: 'b:bond0', rate: '19mbit', duration: '2s' }] },
      ),
    );
    expect(flow(answer, 0, 'udp').loss).toBeLessThan(0.001);
    expect(flow(answer, 0, 'udp').goodput_bps).toBeGreaterThan(17e6);
  });

  test('two VRFs of a router know nothing of each other', async () => {
    const link = (host: string): LinkSpec => ({ endpoints: [host, 'r'], delay: '1ms' });
    const answer = await simulate({
      seed: 1,
      duration: '10s',
      families: ['ipv4'],
      hosts: { a: {}, b: {}, c: {}, d: {} },
      routers: {
        r: {
          devices: {
            red: { kind: 'vrf', table: 10, members: ['eth0', 'eth1'] },
            blue: { kind: 'vrf', table: 20, members: ['eth2', 'eth3'] },
          },
        },
      },
      links: [link('a'), link('b'), link('c'), link('d')],
      workloads: [
        { type: 'ping', from: 'a', to: 'b', count: 3, interval: '100ms', timeout: '1s' },
        { type: 'ping', from: 'c', to: 'd', count: 3, interval: '100ms', timeout: '1s' },
        { type: 'ping', from: 'a', to: 'c', count: 3, interval: '100ms', timeout: '1s' },
      ],
    });
    expect([0, 1, 2].map((i) => pingOf(answer, i).received)).toEqual([3, 3, 0]);
  });

  test('VLANs, macvlan, ipvlan and bridges on a host', async () => {
    const answer = await simulate({
      seed: 1,
      duration: '10s',
      families: ['ipv4'],
      hosts: {
        a: {
          interfaces: { eth0: { addresses: [] } },
          devices: {
            br0: { kind: 'bridge', members: ['eth0'], addresses: ['192.168.1.1/24'] },
            v10: { kind: 'vlan', dev: 'br0', id: 10, addresses: ['192.168.2.1/24'] },
          },
        },
        b: {
          devices: {
            mv: { kind: 'macvlan', dev: 'eth0', addresses: ['192.168.1.2/24'] },
            v10: { kind: 'vlan', dev: 'eth0', id: 10, addresses: ['192.168.2.2/24'] },
            iv: { kind: 'ipvlan', dev: 'v10', addresses: ['192.168.3.2/24'] },
            lo1: { kind: 'dummy', addresses: ['192.168.4.2/32'] },
          },
        },
      },
      links: [{ endpoints: ['a', 'b'], delay: '1ms' }],
      workloads: [ping('b:mv'), ping('b:v10')],
    });
    // A device that stands on one that has a macvlan is refused by Linux: so is none here.
    expect([0, 1].map((i) => pingOf(answer, i).received)).toEqual([5, 5]);
  });
});

test('two hosts of one network, each behind another that bridges its cable with a VXLAN', async () => {
  const end = (n: number): HostSpec => ({ interfaces: { eth0: { addresses: [`10.9.0.${n}/24`], mtu: 1450 } } });
  const bridging = (n: number): HostSpec => ({
    interfaces: { eth0: { addresses: [] }, eth1: { addresses: [`172.16.0.${n}/24`] } },
    devices: {
      vx: { kind: 'vxlan', id: 9, remote: `172.16.0.${3 - n}` },
      br0: { kind: 'bridge', members: ['eth0', 'vx'] },
    },
  });
  const request: SimulationRequest = {
    families: ['ipv4'],
    hosts: { a: end(1), b: end(2), v1: bridging(1), v2: bridging(2) },
    links: [
      { endpoints: ['a', 'v1'], delay: '1ms' },
      { endpoints: ['b', 'v2'], delay: '1ms' },
      { endpoints: ['v1', 'v2'], delay: '5ms' },
    ],
    workloads: [ping('b')],
  };
  const { received, rtt_ms } = pingOf(await simulate(request));
  // The first has to find out where the other one is, and v1 where v2 is.
  expect([received, rtt_ms?.min, rtt_ms?.max].map((x) => Math.round(x ?? 0))).toEqual([5, 14, 38]);
  const apart = simulate({ ...request, hosts: { ...request.hosts, b: {} } });
  await expect(apart).rejects.toThrow('there is no way of IPv4 from a to b and back');
});

describe('policy routing', () => {
  /** a has two ways to b, by r fast, by s slow. */
  const twoWays = (a: HostSpec, workloads: readonly WorkloadSpec[], b: HostSpec = {}): SimulationRequest => ({
    seed: 1,
    duration: '10s',
    families: ['ipv4'],
    hosts: { a, b },
    routers: { r: {}, s: {}, q: {} },
    links: [
      { endpoints: ['a', 'r'], delay: '1ms', rate: '10mbit', subnet: '10.1.0.0/24' },
      { endpoints: ['a', 's'], delay: '20ms', rate: '10mbit', subnet: '10.2.0.0/24' },
      { endpoints: ['r', 'q'], delay: '1ms', rate: '10mbit' },
      { endpoints: ['s', 'q'], delay: '20ms', rate: '10mbit' },
      { endpoints: ['q', 'b'], rate: '10mbit', subnet: '10.3.0.0/24' },
    ],
    workloads,
  });
  const to = '10.3.0.2';

  test('packets with a mark take another table', async () => {
    const mark = [
      { add: { table: { family: 'ip', name: 't' } } },
      { add: { chain: { family: 'ip', table: 't', name: 'c', type: 'route', hook: 'output', prio: -150 } } },
      {
        add: {
          rule: {
            family: 'ip',
            table: 't',
            chain: 'c',
            expr: [
              { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'icmp' } },
              { mangle: { key: { meta: { key: 'mark' } }, value: 7 } },
            ],
          },
        },
      },
    ];
    const routes = [{ to: '10.3.0.0/24', via: 's', fwmark: 7 }];
    const plain = await simulate(twoWays({}, [ping(to)]));
    const marked = await simulate(twoWays({ nftables: mark, routes }, [ping(to)]));
    expect(pingOf(plain).rtt_ms?.min).toBeCloseTo(4, 0);
    // There by s, back by r.
    expect(pingOf(marked).rtt_ms?.min).toBeCloseTo(42, 0);
    expect(marked.hosts.a?.state.rules).toEqual(['1000: from all fwmark 7 lookup 1000']);
  });

  test('packets from an address, or that came in somewhere, take another table', async () => {
    const answer = await simulate(
      twoWays({ routes: [{ to: '10.3.0.0/24', via: 's', from: '10.1.0.0/24', table: 77 }] }, [ping(to)]),
    );
    expect(pingOf(answer).rtt_ms?.min).toBeCloseTo(42, 0);
    expect(answer.hosts.a?.state.rules).toEqual(['1000: from 10.1.0.0/24 lookup 77']);
    expect(answer.hosts.a?.state.routes).toContain('10.3.0.0/24 via 10.2.0.2 dev eth1 table 77');
  });

  test('nexthops share flows by their weights', async () => {
    const hosts = {
      routes: [{ to: '10.3.0.0/24', nexthops: [{ via: 'r' }, { via: 's', weight: 3 }] }],
      sysctls: { 'net.ipv4.fib_multipath_hash_policy': 1 },
    };
    const flows = Array.from({ length: 40 }, (): WorkloadSpec => ({ type: 'tcp', from: 'a', to, bytes: '10kb' }));
    const answer = await simulate(twoWays(hosts, flows));
    expect(answer.flows.every(({ completed }) => completed)).toBe(true);
    // Not told from round trips: answers go by what the source address is, and that is chosen before a flow has its port.
    const [byR = 0, byS = 0] = answer.links.map(({ forward }) => forward.qdiscs[0]?.sent_packets ?? 0);
    expect(byS / (byR + byS)).toBeGreaterThan(0.55);
    expect(byS / (byR + byS)).toBeLessThan(0.92);
  });
});

describe('what cannot be is refused at its place', () => {
  const issues = (a: HostSpec): string[] => {
    const planned = planSimulation(
      { hosts: { a, b: { devices: { wg0: { kind: 'wireguard', peers: [] } } } }, links: [{ endpoints: ['a', 'b'] }] },
      { nodes: 500, devices: 4000 },
    );
    return 'issues' in planned ? planned.issues.map(({ path }) => path.replace('hosts.a.', '')) : [];
  };
  test.each([
    [{ devices: { eth0: { kind: 'dummy' } } }, 'devices.eth0'],
    [{ devices: { t: { kind: 'gre', remote: 'c' } } }, 'devices.t.remote'],
    [{ devices: { t: { kind: 'gre', remote: '10.0.0.0/24' } } }, 'devices.t.remote'],
    [{ devices: { t: { kind: 'gre', remote: 'b', local: 'fd00::1' } } }, 'devices.t.local'],
    [{ devices: { t: { kind: 'sit', remote: 'fd00::2' } } }, 'devices.t.remote'],
    [{ devices: { t: { kind: 'vxlan', id: 2 ** 24, remote: 'b' } } }, 'devices.t.id'],
    [{ devices: { t: { kind: 'vlan', dev: 'eth7', id: 1 } } }, 'devices.t.dev'],
    [{ devices: { t: { kind: 'bond', members: ['eth1'] } } }, 'devices.t.members[0]'],
    [{ devices: { t: { kind: 'dummy', addresses: ['10.0.0.1'] } } }, 'devices.t.addresses[0]'],
    [{ devices: { t: { kind: 'dummy', addresses: ['10.0.0.2/24'] } } }, 'devices.t.addresses[0]'],
    [{ devices: { t: { kind: 'wireguard', peers: [{ allowed: ['0.0.0.0/0'] }] } } }, 'devices.t.peers[0]'],
    [{ devices: { t: { kind: 'wireguard', privateKey: 'x', peers: [] } } }, 'devices.t.privateKey'],
    [
      { devices: { t: { kind: 'wireguard', peers: [{ node: 'b', dev: 'wg1', allowed: ['0.0.0.0/0'] }] } } },
      'devices.t.peers[0].dev',
    ],
    [{ devices: { t: { kind: 'macsec', dev: 'eth0', peers: ['b'] } } }, 'devices.t.peers[0]'],
    [{ devices: { t: { kind: 'vrf', table: 254, members: ['eth0'] } } }, 'devices.t.table'],
    [{ routes: [{ to: 'default', nexthops: [] }] }, 'routes[0].nexthops'],
    [{ routes: [{ to: 'default', nexthops: [{ via: 'b', weight: 0 }] }] }, 'routes[0].nexthops[0].weight'],
    [{ routes: [{ to: 'default', via: 'b', nexthops: [{ via: 'b' }] }] }, 'routes[0].nexthops'],
    [{ routes: [{ to: 'default', via: 'b', from: 'nobody' }] }, 'routes[0].from'],
    [{ routes: [{ to: 'default', via: 'b', fwmark: 0 }] }, 'routes[0].fwmark'],
  ] as const)('%j', (a, path) => {
    expect(issues(a as HostSpec)).toContain(path);
  });
});

/**
 * The network half of LKL's hijack-test.sh, by its own names: each host is given the object that the script writes.
 *
 * What has no meaning here: that a program is hijacked (there are none: `ip` is the state at the end, `ping` and `netperf` are
 * workloads), `mem=` of one host (all share a kernel), and what a vde_switch or a tap of the machine is set up with and cleaned
 * up: a link is their cable, whatever the interface's `type` says.
 */

import { describe, expect, test } from 'vitest';
import type { LinkSpec, SimulationRequest } from '../../src/simulation/plan/request.ts';
import { flow, pingOf, simulate, tcpOf } from './simulate.ts';

const tap = {
  type: 'tap',
  param: 'lkl_ptt0',
  ip: '192.168.13.2',
  masklen: '24',
  ipv6: 'fc03::2',
  masklen6: '64',
  mac: 'aa:bb:cc:dd:ee:00',
};
const second = {
  type: 'tap',
  param: 'lkl_ptt1',
  ip: '192.168.14.2',
  masklen: '24',
  ipv6: 'fc04::2',
  masklen6: '64',
  mac: 'aa:bb:cc:dd:ee:10',
};
const ofHost: Partial<LinkSpec> = { delay: '1ms' };

/** The machine below is the host at the other end of each tap. */
const run = (hijack: object, more: Partial<SimulationRequest> = {}) =>
  simulate({
    hosts: { lkl: { hijack }, host: {}, host1: {} },
    links: [
      { endpoints: ['lkl', 'host'], ...ofHost },
      { endpoints: ['lkl', 'host1'], ...ofHost },
    ],
    duration: '5s',
    ...more,
  });

const stateOf = async (hijack: object) =>
  (await run(hijack, { duration: '1ms' })).hosts.lkl?.state ?? expect.fail('no such host');

describe('hijack-test.sh', () => {
  test('run_hijack ip addr, ip route', async () => {
    const state = await stateOf({});
    expect(state.addresses).toEqual(['127.0.0.1/8 dev lo', '::1/128 dev lo']);
    expect(state.routes).toEqual([]);
  });

  test.each([
    ['run_hijack ping', '127.0.0.1', 'ipv4'],
    ['run_hijack ping6', '::1', 'ipv6'],
  ] as const)('%s of its own loopback', async (_, address, family) => {
    const itself = { interfaces: [tap] };
    // A host's way to any of its addresses is its loopback.
    const answer = await run(itself, {
      workloads: [{ type: 'ping', from: 'lkl', to: 'lkl', family, count: 1 }],
    });
    expect(pingOf(answer)).toMatchObject({ received: 1 });
    const lo = answer.hosts.lkl?.state.links.find(({ name }) => name === 'lo');
    expect(lo?.stats.rx_packets).toBeGreaterThanOrEqual(2);
    expect(answer.hosts.lkl?.state.addresses.some((one) => one.startsWith(`${address}/`))).toBe(true);
  });

  test('the loopback is up, with nothing else', async () => {
    const lo = (await run({}, { workloads: [{ type: 'syscalls', on: 'lkl', batch: [] }] })).hosts.lkl?.state.links[0];
    expect(lo).toMatchObject({ name: 'lo', mtu: 65_536, up: true });
  });

  test('test_mount_and_dump', async () => {
    const answer = await run(
      { mount: 'proc,sysfs', dump: '/sysfs/class/net/lo/mtu,/sysfs/class/net/lo/dev_id', debug: '1' },
      { duration: '1ms' },
    );
    expect(answer.hosts.lkl?.hijack?.dump).toEqual({
      '/sysfs/class/net/lo/mtu': '65536\n',
      '/sysfs/class/net/lo/dev_id': '0x0\n',
    });
  });

  test('test_boot_cmdline: a host cannot be given memory of its own', async () => {
    const answer = await run({ boot_cmdline: 'mem=100M' }, { duration: '1ms' });
    expect(answer.hosts.lkl?.hijack?.notes).toContainEqual(
      expect.objectContaining({ key: 'boot_cmdline', kind: 'no-meaning' }),
    );
  });

  test('test_tap_ping_host, test_tap_ping_lkl and their IPv6', async () => {
    const ping = { type: 'ping', count: 1 } as const;
    const answer = await run(
      { interfaces: [tap] },
      {
        workloads: [
          { ...ping, from: 'lkl', to: 'host', family: 'ipv4' },
          { ...ping, from: 'host', to: 'lkl', family: 'ipv4' },
          { ...ping, from: 'lkl', to: 'host', family: 'ipv6' },
          { ...ping, from: 'host', to: 'lkl', family: 'ipv6' },
        ],
      },
    );
    expect([0, 1, 2, 3].map((index) => pingOf(answer, index).received)).toEqual([1, 1, 1, 1]);
    expect(pingOf(answer, 0).address).toBe('192.168.13.1');
    expect(pingOf(answer, 3).address).toBe('fc03::2');
  });

  test('test_tap_neigh', async () => {
    const neigh = '192.168.13.100|12:34:56:78:9a:bc;fc03::100|12:34:56:78:9a:be';
    const state = await stateOf({ interfaces: [{ ...tap, neigh }] });
    expect(state.neighbours).toContainEqual({
      address: '192.168.13.100',
      mac: '12:34:56:78:9a:bc',
      dev: 'eth0',
      state: 'PERMANENT',
    });
    expect(state.neighbours).toContainEqual({
      address: 'fc03::100',
      mac: '12:34:56:78:9a:be',
      dev: 'eth0',
      state: 'PERMANENT',
    });
  });

  test('test_tap_gateway, test_tap_gateway_v6', async () => {
    const state = await stateOf({ gateway: '192.168.13.1', gateway6: 'fc03::1', interfaces: [tap] });
    expect(state.routes).toContain('default via 192.168.13.1 dev eth0');
    expect(state.routes).toContain('default via fc03::1 dev eth0 metric 1024');
  });

  test.each(['0x0', '0x8801', '0xc803'])('test_tap_netperf_stream, _maerts with offload %s', async (offload) => {
    const transfer = { type: 'tcp', bytes: '1mb' } as const;
    const answer = await run(
      { interfaces: [{ ...tap, offload }] },
      {
        workloads: [
          { ...transfer, from: 'lkl', to: 'host' },
          { ...transfer, from: 'host', to: 'lkl' },
        ],
      },
    );
    for (const index of [0, 1]) expect(tcpOf(answer, index)).toMatchObject({ completed: true, bytes: 2 ** 20 });
  });

  test('test_tap_netperf_tcp_rr', async () => {
    const answer = await run(
      { interfaces: [tap] },
      { workloads: [{ type: 'rr', from: 'lkl', to: 'host', count: 100 }] },
    );
    expect(flow(answer, 0, 'rr')).toMatchObject({ completed: true, transactions: 100 });
  });

  test('test_vde_ping_host, test_vde_ping_lkl', async () => {
    const ping = { type: 'ping', count: 65, interval: '10ms' } as const;
    const answer = await run(
      { interfaces: [{ ...tap, type: 'vde', param: 'vde_switch' }] },
      {
        workloads: [
          { ...ping, from: 'lkl', to: 'host', family: 'ipv4' },
          { ...ping, from: 'host', to: 'lkl', family: 'ipv4' },
        ],
      },
    );
    expect([0, 1].map((index) => pingOf(answer, index).received)).toEqual([65, 65]);
    expect(answer.hosts.lkl?.state.addresses).toContain('192.168.13.2/24 dev eth0');
    expect(answer.hosts.lkl?.state.links[1]).toMatchObject({ name: 'eth0', address: 'aa:bb:cc:dd:ee:00' });
  });

  test('test_tap_qdisc', async () => {
    const state = await stateOf({ interfaces: [{ ...tap, qdisc: 'root|fq' }] });
    expect(state.qdiscs).toContainEqual(expect.objectContaining({ dev: 'eth0', kind: 'fq' }));
  });

  test('test_tap_multi_if: two interfaces, each with its neighbours, mtu and way', async () => {
    const ping = { type: 'ping', count: 1 } as const;
    const answer = await run(
      { interfaces: [tap, { ...second, mtu: '1400' }] },
      {
        workloads: [
          { ...ping, from: 'lkl', to: 'host', family: 'ipv4' },
          { ...ping, from: 'lkl', to: 'host1', family: 'ipv4' },
          { ...ping, from: 'host1', to: 'lkl:eth1', family: 'ipv6' },
        ],
      },
    );
    expect([0, 1, 2].map((index) => pingOf(answer, index).received)).toEqual([1, 1, 1]);
    expect(answer.hosts.lkl?.state.links.map(({ name, mtu }) => [name, mtu])).toEqual([
      ['lo', 65_536],
      ['eth0', 1500],
      ['eth1', 1400],
    ]);
  });

  test('test_tap_multitable: rules and tables of each interface', async () => {
    const state = await stateOf({
      gateway: '192.168.13.1',
      gateway6: 'fc03::1',
      interfaces: [
        { ...tap, ifgateway: '192.168.13.1', ifgateway6: 'fc03::1' },
        { ...second, ifgateway: '192.168.14.1', ifgateway6: 'fc04::1' },
      ],
    });
    expect(state.routes).toEqual(
      expect.arrayContaining([
        'default via 192.168.13.1 dev eth0 table 4',
        'default via fc03::1 dev eth0 table 5 metric 1024',
        'default via 192.168.14.1 dev eth1 table 6',
        'default via fc04::1 dev eth1 table 7 metric 1024',
      ]),
    );
  });

  test('an interface without a link is there, with nobody at its other end', async () => {
    const answer = await simulate({
      hosts: { lkl: { hijack: { interfaces: [tap, second] } }, host: {} },
      links: [{ endpoints: ['lkl', 'host'] }],
      duration: '1ms',
    });
    expect(answer.hosts.lkl?.state.addresses).toContain('192.168.14.2/24 dev eth1');
    expect(answer.hosts.lkl?.hijack?.notes.filter(({ kind }) => kind === 'warning')).toEqual([]);
  });
});

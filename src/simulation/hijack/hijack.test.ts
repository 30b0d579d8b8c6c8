/** The README's example of LKL's hijack library, its order of effects and its mistakes. */

import { describe, expect, test } from 'vitest';
import { formatIp, formatMac } from '../../abi/netlink/inet.ts';
import { type Issue, Place } from '../plan/issue.ts';
import { type HijackAction, planHijack } from './hijack.ts';
import { readmeExample } from './hijack-example.ts';

function plan(value: unknown) {
  const issues: Issue[] = [];
  const place = new Place({ issues, warnings: [] }, 'hosts.a.hijack');
  return { hijack: planHijack(place, value), issues };
}

const words = (action: HijackAction): string =>
  Object.values(action)
    .map((value) =>
      value instanceof Uint8Array ? (value.length === 6 ? formatMac(value) : formatIp(value)) : String(value),
    )
    .join(' ');

describe("LKL's README example", () => {
  const { hijack, issues } = plan(readmeExample);

  test('is taken as it is', () => expect(issues).toEqual([]));

  test('has its effects in the order of LKL', () => {
    expect(hijack?.actions.map(words)).toEqual([
      'up 0',
      'address 0 192.168.0.2 24',
      'source-route 0 192.168.0.2 24 192.168.0.1',
      'address 0 2001:db8:0:f101::2 64',
      'source-route 0 2001:db8:0:f101::2 64 2001:db8:0:f101::1',
      'up 1',
      'address 1 192.168.1.2 24',
      'source-route 1 192.168.1.2 24 192.168.1.1',
      'address 1 2001:db8:0:f102::2 64',
      'source-route 1 2001:db8:0:f102::2 64 2001:db8:0:f102::1',
      'gateway 192.168.0.1',
      'gateway 2001:db8:0:f101::1',
      'sysctl net.ipv4.tcp_wmem 4096 87380 2147483647',
    ]);
  });

  test('names its devices', () => {
    expect(hijack?.interfaces).toEqual([
      { type: 'tap', param: 'tap7', mac: Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc), offload: 0xc803 },
      { type: 'tap', param: 'tap77', mac: Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a, 0xbd), offload: 0xc803 },
    ]);
  });

  test('says of every key what becomes of it', () => {
    const keys = new Set(hijack?.notes.map(({ key }) => key.replace(/\[\d+\].*/, '')));
    expect([...keys].sort()).toEqual(Object.keys(readmeExample).sort());
  });
});

test('every key has its effect in order', () => {
  const { hijack, issues } = plan({
    dump: '/sysfs/class/net/lo/mtu,/sysfs/class/net/lo/dev_id',
    nameserver: '2001:4860:4860::8888',
    delay_main: '500000',
    sysctl: 'net.ipv4.tcp_sack=0;net.ipv4.tcp_wmem=1 2 3',
    mount: 'proc,sysfs',
    interfaces: [
      {
        qdisc: 'root|fq',
        neigh: '10.0.0.1|12:34:56:78:9a:be;fc03::1|12:34:56:78:9a:bf',
        mtu: '1400',
        type: 'tap',
        param: 'tap0',
      },
    ],
  });
  expect(issues).toEqual([]);
  expect(hijack?.actions.map(words)).toEqual([
    'mount proc /proc 255',
    'mount sysfs /sysfs 255',
    'up 0',
    'mtu 0 1400',
    'neighbour 0 10.0.0.1 12:34:56:78:9a:be',
    'neighbour 0 fc03::1 12:34:56:78:9a:bf',
    'qdisc 0 fq',
    'sysctl net.ipv4.tcp_sack 0',
    'sysctl net.ipv4.tcp_wmem 1 2 3',
    'delay 500000',
    'nameserver 2001:4860:4860::8888',
    'dump /sysfs/class/net/lo/mtu',
    'dump /sysfs/class/net/lo/dev_id',
  ]);
});

describe('what LKL refuses', () => {
  test.each([
    [{ gatway: '10.0.0.1' }, 'hosts.a.hijack.gatway', 'unexpected key in json gatway'],
    [{ interfaces: [{ speed: '1' }] }, 'hosts.a.hijack.interfaces[0].speed', 'unexpected key in json speed'],
    [{ interfaces: {} }, 'hosts.a.hijack.interfaces', 'unexpected json type, json array expected'],
    [{ gateway: [] }, 'hosts.a.hijack.gateway', 'string json type expected'],
    [[], 'hosts.a.hijack', 'object json type expected'],
    [{ interfaces: Array(16).fill({}) }, 'hosts.a.hijack.interfaces', 'exceeded max number of interface (16)'],
    [
      { interfaces: [{ mac: '12:34:56:78:9a' }] },
      'hosts.a.hijack.interfaces[0].mac',
      '12:34:56:78:9a is no Ethernet address: LKL makes no interface then',
    ],
  ])('%j', (value, path, message) => {
    expect(plan(value).issues).toEqual([{ code: 'hijack', path, message }]);
  });
});

describe('what LKL gets wrong', () => {
  const warnings = (value: unknown) => plan(value).hijack?.notes.filter(({ kind }) => kind === 'warning') ?? [];
  const actions = (value: unknown) => plan(value).hijack?.actions.map(words) ?? [];

  test('an address without a prefix length has no effect', () => {
    const value = { interfaces: [{ ip: '10.0.0.1', ifgateway: '10.0.0.2' }] };
    expect(actions(value)).toEqual(['up 0']);
    expect(warnings(value).map(({ key }) => key)).toEqual(['interfaces[0].ip', 'interfaces[0].ifgateway']);
  });

  test('prefix lengths of 31 and more give no IPv4 address, but still its route', () => {
    const value = { interfaces: [{ ip: '10.0.0.1', masklen: '31', ifgateway: '10.0.0.2' }] };
    expect(actions(value)).toEqual(['up 0', 'source-route 0 10.0.0.1 31 10.0.0.2']);
    expect(warnings(value).map(({ key }) => key)).toContain('interfaces[0].masklen');
  });

  test('a list of neighbours ends at the first bad one', () => {
    expect(
      actions({ interfaces: [{ neigh: '10.0.0.2|12:34:56:78:9a:be;nobody;10.0.0.3|12:34:56:78:9a:bf' }] }),
    ).toEqual(['up 0', 'neighbour 0 10.0.0.2 12:34:56:78:9a:be']);
  });

  test('a sysctl list ends after 255 bytes, a value at its second "="', () => {
    const long = `net.${'a'.repeat(246)}=12345678;net.ipv4.tcp_sack=0`;
    expect(actions({ sysctl: long })).toEqual([`sysctl net.${'a'.repeat(246)} 1234`]);
    expect(actions({ sysctl: 'net.x=a=b' })).toEqual(['sysctl net.x a']);
    expect(warnings({ sysctl: 'net.x=a=b' }).map(({ message }) => message)).toContain(
      'LKL ends a value at the second "=": net.x is "a"',
    );
  });

  test('a time to wait that is none', () => {
    expect(actions({ delay_main: '-5' })).toEqual(['delay 0']);
    expect(warnings({ delay_main: '-5' }).map(({ key }) => key)).toEqual(['delay_main']);
  });

  test('a sysctl of the whole kernel is refused to a host, and not to a session', () => {
    const value = { sysctl: 'kernel.hostname=a' };
    expect(actions(value)).toEqual([]);
    expect(warnings(value).map(({ message }) => message)).toContain(
      'kernel.hostname is refused: all hosts share one kernel, and only what is in net is their own',
    );
    const session = planHijack(new Place({ issues: [], warnings: [] }, 'hijack'), value, 'session');
    expect(session?.actions.map(words)).toEqual(['sysctl kernel.hostname a']);
  });

  test('offload of vde and raw is 0; the number may be hexadecimal or octal', () => {
    expect(plan({ interfaces: [{ type: 'raw', offload: '0xc803' }] }).hijack?.interfaces[0]?.offload).toBe(0);
    expect(plan({ interfaces: [{ type: 'tap', offload: '010' }] }).hijack?.interfaces[0]?.offload).toBe(8);
  });

  test('numbers are taken as their text', () => {
    expect(actions({ delay_main: 500 })).toEqual(['delay 500']);
    expect(warnings({ delay_main: 500 })).toHaveLength(1);
  });
});

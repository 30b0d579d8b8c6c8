/** Our messages are taken, and its answers understood, by a real kernel: golden bytes of scripts/record/record-netlink-kernel.ts. */

import { describe, expect, test } from 'vitest';
import { parseAddress, parseNeighbour, parseRoute } from './address.ts';
import { NUD, RTM, SOCK_DIAG_BY_FAMILY } from './constants.ts';
import { parseSocket } from './inet-diag.ts';
import golden from './kernel.golden.json';
import { parseLink } from './links/link.ts';
import { parseMessages, parseResult } from './message.ts';
import { formatHandle } from './tc/tc.ts';
import { parseQdisc } from './tc/tc-stats.ts';

type Name = keyof typeof golden;
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const messages = (name: Name) => golden[name].flatMap((datagram) => parseMessages(unhex(datagram)));
const parsed = <T>(name: Name, type: number, parse: (payload: Uint8Array) => T): T[] =>
  messages(name).flatMap((message) => (message.type === type ? [parse(message.payload)] : []));
const outcome = (name: Name) => parseResult(messages(name).at(-1) ?? expect.fail('no answer'));

describe('what the kernel takes', () => {
  const taken: Name[] = [
    'lo up',
    'veth',
    'bridge',
    'v1 up without ARP',
    'v2 up',
    'address',
    'address of IPv6',
    'route by a gateway',
    'rule',
    'neighbour',
    'htb',
    'htb class',
    'tbf below the class',
    'tbf changed',
    'bfifo below tbf',
    'ingress',
  ];
  for (const name of taken) test(name, () => expect(outcome(name)).toEqual({ error: 0 }));
});

describe('what the kernel refuses', () => {
  test('with an errno', () => {
    expect(outcome('veth again')).toEqual({ error: -17 });
    expect(outcome('no such link')).toEqual({ error: -19 });
  });
  test('with words of its own', () => {
    expect(outcome('route by an unknown gateway')).toEqual({ error: -101, message: 'Nexthop has invalid gateway' });
    expect(outcome('qdisc of an unknown kind')).toEqual({ error: -2, message: 'Specified qdisc kind is unknown' });
  });
});

describe('what the kernel tells', () => {
  test('a link', () => {
    const [link] = parsed('link by name', RTM.NEWLINK, parseLink);
    expect(link).toMatchObject({
      index: 3,
      name: 'v1',
      mtu: 1400,
      kind: 'veth',
      qdisc: 'htb',
      address: '02:00:00:00:00:01',
      parent: 2,
      gsoMaxSegs: 1,
    });
    expect(link?.stats).toMatchObject({ tx_packets: 1, tx_bytes: 70, rx_packets: 0 });
  });
  test('every link of a dump', () => {
    expect(parsed('links', RTM.NEWLINK, parseLink).map(({ name }) => name)).toEqual(['lo', 'v2', 'v1', 'br0']);
  });
  test('addresses', () => {
    const told = parsed('addresses', RTM.NEWADDR, parseAddress).map((a) => `${a.index} ${a.address}/${a.prefixLength}`);
    expect(told).toContain('3 10.0.0.1/24');
    expect(told).toContain('3 fd00::1/64');
    expect(told).toContain('1 ::1/128');
  });
  test('routes', () => {
    const told = parsed('routes', RTM.NEWROUTE, parseRoute);
    expect(told).toContainEqual({
      family: 2,
      destination: 'default',
      gateway: '10.0.0.2',
      device: 3,
      metric: 7,
      table: 254,
      protocol: 3,
      scope: 0,
      type: 1,
    });
  });
  test('neighbours', () => {
    expect(parsed('neighbours', RTM.NEWNEIGH, parseNeighbour)).toContainEqual({
      index: 3,
      address: '10.0.0.2',
      mac: '02:00:00:00:00:02',
      state: NUD.PERMANENT,
    });
  });
  test('a tree of qdiscs', () => {
    const told = parsed('qdiscs', RTM.NEWQDISC, parseQdisc).filter(({ index }) => index === 3);
    expect(told.map((q) => [q.kind, formatHandle(q.handle), formatHandle(q.parent)])).toEqual([
      ['htb', '1:', 'root'],
      ['tbf', '2:', '1:10'],
      ['bfifo', '3:', '2:1'],
    ]);
    expect(told[0]?.stats).toEqual({ bytes: 0, packets: 0, qlen: 0, backlog: 0, drops: 0, requeues: 0, overlimits: 0 });
  });
  test('the tokens of an htb class: 3000 bytes at 5 Mbit/s are 75000 ticks', () => {
    const [htb] = parsed('classes', RTM.NEWTCLASS, parseQdisc);
    expect(htb?.extra).toEqual({ lends: 0, borrows: 0, giants: 0, tokens: 75_000, ctokens: 50_000 });
  });
  test('sockets with their tcp_info', () => {
    const told = parsed('sockets', SOCK_DIAG_BY_FAMILY, parseSocket);
    expect(told.map(({ state }) => state).sort()).toEqual(['ESTAB', 'ESTAB', 'LISTEN']);
    const client = told.find(({ peerPort }) => peerPort === 5001);
    expect(client).toMatchObject({
      local: '127.0.0.1',
      peer: '127.0.0.1',
      tcpInfo: { bytes_sent: 5, bytes_acked: 6, snd_mss: 32768 },
    });
    const server = told.find(({ localPort, state }) => localPort === 5001 && state === 'ESTAB');
    expect(server).toMatchObject({ receiveQueue: 5, tcpInfo: { bytes_received: 5 } });
  });
});

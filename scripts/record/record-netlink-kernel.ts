/** Record what a real kernel answers to our own netlink messages, as golden bytes for src/abi/netlink; needs root and python3. */

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import {
  dumpAddresses,
  dumpNeighbours,
  dumpRoutes,
  newAddress,
  newNeighbour,
  newRoute,
  newSourceRule,
} from '../../src/abi/netlink/address.ts';
import { AF, IPPROTO, NETLINK, TC_H } from '../../src/abi/netlink/constants.ts';
import { parseIp, parseMac } from '../../src/abi/netlink/inet.ts';
import { dumpSockets } from '../../src/abi/netlink/inet-diag.ts';
import { dumpLinks, getLink, newLink, setLink } from '../../src/abi/netlink/links/link.ts';
import { frame, type NetlinkRequest } from '../../src/abi/netlink/message.ts';
import { changeQdisc, dumpClasses, dumpQdiscs, handle, newClass, newQdisc } from '../../src/abi/netlink/tc/tc.ts';

const out = new URL('../../src/abi/netlink/kernel.golden.json', import.meta.url);
const exchange = new URL('netlink-exchange.py', import.meta.url).pathname;
const netns = 'record-netlink-kernel';
const ip = (text: string) => parseIp(text) ?? fail(text);
const mac = (text: string) => parseMac(text) ?? fail(text);
const fail = (text: string): never => {
  throw new Error(`${text} is no address`);
};
const mbit = 125_000;
const v2 = 2;
const v1 = 3;

/** In order in a fresh namespace with a listening TCP socket on port 5001. The kinds are those any kernel has. */
const requests: Record<string, NetlinkRequest | [number, NetlinkRequest]> = {
  'lo up': setLink(1, { up: true }),
  veth: newLink(
    { kind: 'veth', peer: { name: 'v2' } },
    { name: 'v1', mtu: 1400, address: mac('02:00:00:00:00:01'), gsoMaxSegs: 1 },
  ),
  'veth again': newLink({ kind: 'veth', peer: { name: 'v2' } }, { name: 'v1' }),
  bridge: newLink({ kind: 'bridge', stp: false, ageingSeconds: 300, snooping: false }, { name: 'br0' }),
  'v1 up without ARP': setLink(v1, { up: true, arp: false }),
  'v2 up': setLink(v2, { up: true }),
  address: newAddress(v1, ip('10.0.0.1'), 24),
  'address of IPv6': newAddress(v1, ip('fd00::1'), 64),
  'route by a gateway': newRoute({ family: AF.INET, gateway: ip('10.0.0.2'), metric: 7 }),
  'route by an unknown gateway': newRoute({ family: AF.INET, gateway: ip('192.0.2.1') }),
  rule: newSourceRule(ip('10.0.0.1'), 4),
  neighbour: newNeighbour(v1, ip('10.0.0.2'), mac('02:00:00:00:00:02')),
  htb: newQdisc({ index: v1, parent: TC_H.ROOT, handle: handle(1) }, { kind: 'htb', defaultClass: 0x10 }),
  'htb class': newClass(
    { index: v1, parent: handle(1), handle: handle(1, 0x10) },
    { kind: 'htb', rate: 5 * mbit, ceil: 10 * mbit, burst: 3000, cburst: 4000 },
  ),
  'tbf below the class': newQdisc(
    { index: v1, parent: handle(1, 0x10), handle: handle(2) },
    { kind: 'tbf', rate: 10 * mbit, burst: 1514, limit: 150_000 },
  ),
  'tbf changed': changeQdisc(
    { index: v1, parent: handle(1, 0x10), handle: handle(2) },
    { kind: 'tbf', rate: 20 * mbit, burst: 3028, limit: 100_000 },
  ),
  'bfifo below tbf': newQdisc({ index: v1, parent: handle(2, 1), handle: handle(3) }, { kind: 'bfifo', limit: 30_000 }),
  ingress: newQdisc({ index: v2, parent: TC_H.INGRESS, handle: handle(0xffff) }, { kind: 'ingress' }),
  'qdisc of an unknown kind': newQdisc({ index: v2, parent: TC_H.ROOT }, { kind: 'netem', limit: 10 }),
  'link by name': getLink({ name: 'v1' }),
  'no such link': getLink({ name: 'nowhere' }),
  links: dumpLinks(),
  addresses: dumpAddresses(),
  routes: dumpRoutes(AF.INET),
  neighbours: dumpNeighbours(AF.INET),
  qdiscs: dumpQdiscs(),
  classes: dumpClasses(v1),
  sockets: [NETLINK.SOCK_DIAG, dumpSockets(AF.INET, IPPROTO.TCP)],
};

/** Ours and the kernel's bytes change with every run in ways no test looks at; a stored run is one run. */
function record(): Record<string, string[]> {
  const input = Object.values(requests).map((request, i) => {
    const [family, message] = Array.isArray(request) ? request : [NETLINK.ROUTE, request];
    return JSON.stringify({ family, hex: Buffer.from(frame(message, i + 1)).toString('hex') });
  });
  const listen =
    'import socket; s = socket.create_server(("127.0.0.1", 5001)); c = socket.create_connection(s.getsockname()); c.send(b"hello"); a, _ = s.accept()';
  const program = `${listen}; exec(open(${JSON.stringify(exchange)}).read())`;
  execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
  const run = spawnSync('ip', ['netns', 'exec', netns, 'python3', '-c', program], {
    input: input.join('\n'),
    encoding: 'utf8',
  });
  const answers = run.stdout.trim().split('\n');
  if (answers.length !== input.length) throw new Error(run.stderr);
  return Object.fromEntries(Object.keys(requests).map((name, i) => [name, JSON.parse(answers[i] ?? '[]') as string[]]));
}

execFileSync('ip', ['netns', 'add', netns]);
try {
  writeFileSync(out, `${JSON.stringify(record(), null, 2)}\n`);
} finally {
  execFileSync('ip', ['netns', 'delete', netns]);
}

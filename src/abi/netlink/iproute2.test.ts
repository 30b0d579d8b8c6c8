/** Our messages are the ones ip(8), tc(8) and bridge(8) send: golden bytes of scripts/record/record-netlink.ts. */

import { describe, expect, test } from 'vitest';
import { newAddress, newNeighbour, newRoute, newSourceRule } from './address.ts';
import { AF, IPPROTO, TC_H } from './constants.ts';
import { parseIp, parseMac } from './inet.ts';
import golden from './iproute2.golden.json';
import { addBridgeVlan, newLink, setLink } from './links/link.ts';
import { frame, listAttributes, type NetlinkRequest } from './message.ts';
import { cakeAckFilters, cakeDiffserv, cakeFlowModes, type QdiscOptions } from './tc/qdisc-options.ts';
import { handle, newClass, newFlower, newMatchall, newQdisc } from './tc/tc.ts';

const ip = (text: string) => parseIp(text) ?? expect.fail(`${text} is an address`);
const mac = (text: string) => parseMac(text) ?? expect.fail(`${text} is an address`);
const lo = 1;
const root = { index: lo, parent: TC_H.ROOT };
const qdisc = (options: QdiscOptions, place: Parameters<typeof newQdisc>[0] = root) => newQdisc(place, options);
const netem = (options: object) => qdisc({ kind: 'netem', limit: 1000, ...options });
const mbit = 125_000;

const oneTen = { index: lo, parent: handle(1), handle: handle(1, 0x10) };
const ours: Record<keyof typeof golden, NetlinkRequest> = {
  'tc qdisc add dev lo root sfb': qdisc({ kind: 'sfb' }),
  'tc qdisc add dev lo root choke limit 1000 min 83 max 250 burst 200 ecn bandwidth 10mbit probability 0.02': qdisc({
    kind: 'choke',
    limit: 1000,
    min: 83,
    max: 250,
    avpkt: 1000,
    burst: 200,
    ecn: true,
    bandwidth: 10 * mbit,
    probability: 0.02,
  }),
  'tc qdisc add dev lo root hhf limit 1000 quantum 1500 hh_limit 100 reset_timeout 50ms admit_bytes 131072 evict_timeout 2s non_hh_weight 3':
    qdisc({
      kind: 'hhf',
      limit: 1000,
      quantum: 1500,
      heavyFlows: 100,
      resetUs: 50_000,
      admitBytes: 131_072,
      evictUs: 2_000_000,
      lightWeight: 3,
    }),
  'tc qdisc add dev lo root ets bands 4 strict 2 quanta 3000 1500 priomap 0 1 2 3': qdisc({
    kind: 'ets',
    bands: 4,
    strict: 2,
    quanta: [3000, 1500],
    priomap: [0, 1, 2, 3],
  }),
  'tc qdisc add dev lo root multiq': qdisc({ kind: 'multiq' }),
  'tc qdisc add dev lo root skbprio limit 64': qdisc({ kind: 'skbprio', limit: 64 }),
  'tc qdisc add dev lo root cbs hicredit 153 locredit -1389 idleslope 20000 sendslope -980000 offload 0': qdisc({
    kind: 'cbs',
    hicredit: 153,
    locredit: -1389,
    idleslope: 20_000,
    sendslope: -980_000,
  }),
  'tc qdisc add dev lo root pfifo_head_drop limit 10': qdisc({ kind: 'pfifo_head_drop', limit: 10 }),
  'tc qdisc add dev lo root handle 1: drr': qdisc({ kind: 'drr' }, { ...root, handle: handle(1) }),
  'tc class add dev lo parent 1: classid 1:10 drr quantum 1514': newClass(oneTen, { kind: 'drr', quantum: 1514 }),
  'tc qdisc add dev lo root handle 1: qfq': qdisc({ kind: 'qfq' }, { ...root, handle: handle(1) }),
  'tc class add dev lo parent 1: classid 1:10 qfq weight 10 maxpkt 2000': newClass(oneTen, {
    kind: 'qfq',
    weight: 10,
    maxPacket: 2000,
  }),
  'tc qdisc add dev lo root handle 1: hfsc default 10': qdisc(
    { kind: 'hfsc', defaultClass: 0x10 },
    { ...root, handle: handle(1) },
  ),
  'tc class add dev lo parent 1: classid 1:10 hfsc rt m1 2mbit d 10ms m2 1mbit ls rate 3mbit ul rate 5mbit': newClass(
    oneTen,
    {
      kind: 'hfsc',
      rt: { m1: 2 * mbit, dUs: 10_000, m2: mbit },
      ls: { m1: 0, dUs: 0, m2: 3 * mbit },
      ul: { m1: 0, dUs: 0, m2: 5 * mbit },
    },
  ),
  'tc filter add dev lo parent 1: protocol all prio 9 matchall classid 1:10': newMatchall(
    { index: lo, parent: handle(1), priority: 9 },
    { classId: handle(1, 0x10) },
  ),
  'tc qdisc add dev lo root cake pppoe-ptm ether-vlan fwmark 0xf': qdisc({
    kind: 'cake',
    atm: 2,
    overhead: 34,
    fwmark: 15,
  }),
  'tc qdisc add dev lo root cake docsis': qdisc({ kind: 'cake', atm: 0, overhead: 18, mpu: 64 }),
  'ip link add v1 mtu 1400 address 02:00:00:00:00:01 type veth peer name v2 address 02:00:00:00:00:02': newLink(
    { kind: 'veth', peer: { name: 'v2', address: mac('02:00:00:00:00:02') } },
    { name: 'v1', mtu: 1400, address: mac('02:00:00:00:00:01') },
  ),
  'ip link add br0 type bridge vlan_filtering 1 stp_state 0 ageing_time 30000': newLink(
    { kind: 'bridge', vlanFiltering: true, stp: false, ageingSeconds: 300 },
    { name: 'br0' },
  ),
  'ip link add br1 type bridge': newLink({ kind: 'bridge' }, { name: 'br1' }),
  'ip link set dev v1 up': setLink(3, { up: true }),
  'ip link set dev v1 down arp off': setLink(3, { up: false, arp: false }),
  'ip link set dev v1 master br1': setLink(3, { master: 5 }),
  'ip link set dev v1 nomaster': setLink(3, { master: 0 }),
  'ip link set dev v1 gso_max_segs 1': setLink(3, { gsoMaxSegs: 1 }),
  'ip link add link v1 name v1.5 type vlan id 5': newLink({ kind: 'vlan', link: 3, id: 5 }, { name: 'v1.5' }),
  'bridge vlan add dev v1 vid 10 pvid untagged': addBridgeVlan(3, 10, { pvid: true, untagged: true }),
  'ip address replace 10.0.0.1/24 broadcast 10.0.0.255 dev v1': newAddress(3, ip('10.0.0.1'), 24),
  'ip address replace fd00::1/64 dev v1 nodad': newAddress(3, ip('fd00::1'), 64),
  'ip link set dev v1 up arp on': setLink(3, { up: true, arp: true }),
  'ip link set dev v2 up': setLink(2, { up: true }),
  'ip route replace default via 10.0.0.2': newRoute({ family: AF.INET, gateway: ip('10.0.0.2') }),
  'ip route replace 10.1.0.0/16 via 10.0.0.2 dev v1 metric 5': newRoute({
    family: AF.INET,
    destination: { address: ip('10.1.0.0'), prefixLength: 16 },
    gateway: ip('10.0.0.2'),
    device: 3,
    metric: 5,
  }),
  'ip route replace 10.2.0.0/16 dev v1': newRoute({
    family: AF.INET,
    destination: { address: ip('10.2.0.0'), prefixLength: 16 },
    device: 3,
  }),
  'ip -6 route replace default via fd00::2': newRoute({
    family: AF.INET6,
    destination: { address: ip('::'), prefixLength: 0 },
    gateway: ip('fd00::2'),
  }),
  'ip route replace unreachable 10.3.0.0/16': newRoute({
    family: AF.INET,
    destination: { address: ip('10.3.0.0'), prefixLength: 16 },
    type: 'unreachable',
  }),
  'ip rule add from 10.0.0.1 lookup 4': newSourceRule(ip('10.0.0.1'), 4),
  'ip neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev v1 nud permanent': newNeighbour(
    3,
    ip('10.0.0.2'),
    mac('02:00:00:00:00:02'),
  ),
  'ip neighbour replace fd00::2 lladdr 02:00:00:00:00:02 dev v1 nud permanent': newNeighbour(
    3,
    ip('fd00::2'),
    mac('02:00:00:00:00:02'),
  ),
  'tc qdisc add dev lo root handle 1: netem limit 1000 delay 10ms': qdisc(
    { kind: 'netem', limit: 1000, latencyNs: 10e6 },
    { ...root, handle: handle(1) },
  ),
  'tc qdisc add dev lo root netem limit 50 delay 20ms 5ms 25%': netem({
    limit: 50,
    latencyNs: 20e6,
    jitterNs: 5e6,
    delayCorrelation: 0.25,
  }),
  'tc qdisc add dev lo root netem limit 1000 delay 20ms 0ms 10% reorder 25% 50%': netem({
    latencyNs: 20e6,
    delayCorrelation: 0.1,
    reorder: 0.25,
    reorderCorrelation: 0.5,
  }),
  'tc qdisc add dev lo root netem limit 1000 loss 1% 30%': netem({ loss: 0.01, lossCorrelation: 0.3 }),
  'tc qdisc add dev lo root netem limit 1000 loss gemodel 1% 10% 70% 0.1%': netem({
    lossModel: { model: 'gemodel', p: 0.01, r: 0.1, lossBad: 0.7, lossGood: 0.001 },
  }),
  'tc qdisc add dev lo root netem limit 1000 loss gemodel 1%': netem({
    lossModel: { model: 'gemodel', p: 0.01, r: 0.99, lossBad: 1, lossGood: 0 },
  }),
  'tc qdisc add dev lo root netem limit 1000 loss state 1% 90% 5% 80% 2%': netem({
    lossModel: { model: 'state', p13: 0.01, p31: 0.9, p32: 0.05, p23: 0.8, p14: 0.02 },
  }),
  'tc qdisc add dev lo root netem limit 1000 loss 1% ecn': netem({ loss: 0.01, ecn: true }),
  'tc qdisc add dev lo root netem limit 1000 duplicate 3% corrupt 0.1%': netem({ duplicate: 0.03, corrupt: 0.001 }),
  'tc qdisc add dev lo root netem limit 1000 rate 10mbit 4 48 5': netem({
    rate: 10 * mbit,
    packetOverhead: 4,
    cellSize: 48,
    cellOverhead: 5,
  }),
  'tc qdisc add dev lo root netem limit 1000 rate 40gbit': netem({ rate: 40_000 * mbit }),
  'tc qdisc add dev lo root netem limit 1000 slot 20ms 30ms packets 4 bytes 6000': netem({
    slot: { minDelayNs: 20e6, maxDelayNs: 30e6, packets: 4, bytes: 6000 },
  }),
  'tc qdisc add dev lo root netem limit 1000 delay 5s 1s': netem({ latencyNs: 5e9, jitterNs: 1e9 }),
  'tc qdisc add dev lo parent 1:1 handle 2: tbf rate 10mbit burst 1514 limit 150000': qdisc(
    { kind: 'tbf', rate: 10 * mbit, burst: 1514, limit: 150_000 },
    { index: lo, parent: handle(1, 1), handle: handle(2) },
  ),
  'tc qdisc add dev lo root tbf rate 10mbit burst 10000 limit 150000 peakrate 20mbit mtu 1600': qdisc({
    kind: 'tbf',
    rate: 10 * mbit,
    burst: 10_000,
    limit: 150_000,
    peakRate: 20 * mbit,
    peakBurst: 1600,
  }),
  'tc qdisc add dev lo root tbf rate 40gbit burst 70000 limit 150000': qdisc({
    kind: 'tbf',
    rate: 40_000 * mbit,
    burst: 70_000,
    limit: 150_000,
  }),
  'tc qdisc add dev lo root handle 1: htb default 10 r2q 20': qdisc(
    { kind: 'htb', defaultClass: 0x10, rateToQuantum: 20 },
    { ...root, handle: handle(1) },
  ),
  'tc class add dev lo parent 1: classid 1:10 htb rate 5mbit ceil 10mbit burst 3000 cburst 4000 prio 2 quantum 1514':
    newClass(
      { index: lo, parent: handle(1), handle: handle(1, 0x10) },
      { kind: 'htb', rate: 5 * mbit, ceil: 10 * mbit, burst: 3000, cburst: 4000, prio: 2, quantum: 1514 },
    ),
  'tc qdisc add dev lo parent 1:10 pfifo limit 100': qdisc(
    { kind: 'pfifo', limit: 100 },
    { index: lo, parent: handle(1, 0x10) },
  ),
  'tc qdisc add dev lo root bfifo limit 150000': qdisc({ kind: 'bfifo', limit: 150_000 }),
  'tc qdisc add dev lo root fq limit 100 flow_limit 50 maxrate 5mbit': qdisc({
    kind: 'fq',
    limit: 100,
    flowLimit: 50,
    maxRate: 5 * mbit,
  }),
  'tc qdisc add dev lo root fq_codel limit 1000 target 5ms interval 100ms quantum 300 flows 512 ecn': qdisc({
    kind: 'fq_codel',
    limit: 1000,
    targetUs: 5000,
    intervalUs: 100_000,
    quantum: 300,
    flows: 512,
    ecn: 1,
  }),
  'tc qdisc add dev lo root codel limit 1000 target 4ms interval 80ms ecn': qdisc({
    kind: 'codel',
    limit: 1000,
    targetUs: 4000,
    intervalUs: 80_000,
    ecn: 1,
  }),
  'tc qdisc add dev lo root cake bandwidth 10mbit rtt 50ms besteffort triple-isolate overhead 18 mpu 64 ack-filter':
    qdisc({
      kind: 'cake',
      bandwidth: 10 * mbit,
      autorate: 0,
      rttUs: 50_000,
      targetUs: 2500,
      diffserv: cakeDiffserv.indexOf('besteffort'),
      flowMode: cakeFlowModes.indexOf('triple-isolate'),
      ackFilter: cakeAckFilters.indexOf('ack-filter'),
      overhead: 18,
      mpu: 64,
    }),
  'tc qdisc add dev lo root pie limit 100 target 20ms tupdate 30ms alpha 2 beta 20 ecn': qdisc({
    kind: 'pie',
    limit: 100,
    targetUs: 20_000,
    updateUs: 30_000,
    alpha: 2,
    beta: 20,
    ecn: 1,
  }),
  'tc qdisc add dev lo root red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 probability 0.02 bandwidth 10mbit ecn':
    qdisc({
      kind: 'red',
      limit: 400_000,
      min: 30_000,
      max: 90_000,
      avpkt: 1000,
      burst: 55,
      probability: 0.02,
      bandwidth: 10 * mbit,
      ecn: true,
    }),
  'tc qdisc add dev lo root red limit 60000 min 5000 max 15000 avpkt 1000 burst 8 probability 0.1 bandwidth 1mbit adaptive':
    qdisc({
      kind: 'red',
      limit: 60_000,
      min: 5000,
      max: 15_000,
      avpkt: 1000,
      burst: 8,
      probability: 0.1,
      bandwidth: mbit,
      adaptive: true,
    }),
  'tc qdisc add dev lo root prio': qdisc({ kind: 'prio' }),
  'tc qdisc add dev lo root prio bands 2 priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0': qdisc({
    kind: 'prio',
    bands: 2,
    priomap: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
  }),
  'tc qdisc add dev lo root sfq perturb 10': qdisc({ kind: 'sfq', perturbSeconds: 10 }),
  'tc qdisc add dev v1 ingress': qdisc({ kind: 'ingress' }, { index: 3, parent: TC_H.INGRESS, handle: 0xffff0000 }),
  'tc filter add dev v1 parent ffff: protocol all prio 1 matchall action mirred egress redirect dev v2': newMatchall(
    { index: 3, parent: 0xffff0000, priority: 1 },
    { redirect: 2 },
  ),
  'tc filter add dev v1 parent ffff: protocol all prio 2 matchall action mirred egress mirror dev v2': newMatchall(
    { index: 3, parent: 0xffff0000, priority: 2 },
    { mirror: 2 },
  ),
  'tc filter add dev v2 parent 1: protocol ip prio 1 flower ip_proto udp dst_ip 10.0.0.2 dst_port 53 classid 1:10':
    newFlower(
      { index: 2, parent: handle(1), priority: 1 },
      {
        family: 'ipv4',
        protocol: IPPROTO.UDP,
        destination: { address: ip('10.0.0.2'), prefixLength: 32 },
        destinationPort: 53,
      },
      { classId: handle(1, 0x10) },
    ),
};

type Tree = string | readonly (readonly [number, Tree])[];

/** Attributes as a tree in order of type: their order is no part of the protocol. */
function tree(bytes: Uint8Array): Tree {
  try {
    const list = listAttributes(bytes);
    if (list.length === 0 || list.some(([type]) => type > 64)) return leaf(bytes);
    return list.map(([type, payload]) => [type, tree(payload)] as const).sort((a, b) => a[0] - b[0]);
  } catch {
    return leaf(bytes);
  }
}

/** iproute2 ends some strings with a NUL and some not. */
function leaf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes).replace(/\0$/, '');
  return /^[a-z][\w.]+$/.test(text) ? text : hex(bytes);
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** What tc sends without a need: an empty nest after the options of prio, flower flags of zero. */
const withoutSurplus = (message: string) =>
  message
    .replace(/1c000200(.{40})04000200$/, '18000200$1')
    .replace(/3c000200(.*)0800160000000000(0600080008000000)$/, '34000200$1$2');

const fixedHeader = (type: number) => (type < 20 ? 16 : type < 24 ? 8 : type < 36 ? 12 : 20);

/** The message type, flags and family header as they are, attributes as a tree. */
function comparable(message: Uint8Array) {
  const type = message[4] ?? 0;
  const start = 16 + fixedHeader(type);
  return {
    header: hex(message.subarray(4, 8)) + hex(message.subarray(16, start)),
    attributes: tree(message.subarray(start)),
  };
}

describe('messages equal to those of iproute2', () => {
  for (const [command, request] of Object.entries(ours)) {
    if (/ (tbf|htb) rate/.test(command)) continue;
    test(command, () => {
      expect(comparable(frame(request, 0))).toEqual(
        comparable(unhex(withoutSurplus(golden[command as keyof typeof golden]))),
      );
    });
  }
});

/** Kernels since 3.8 compute rates themselves, so we leave out tc's tables, their cell fields, and bursts in ticks of whole microseconds. */
describe('shapers equal to those of iproute2 but for the rate tables', () => {
  const tables: Record<string, readonly number[]> = { tbf: [2, 3], htb: [3, 4] };
  const inExactTime: Record<string, readonly number[]> = { tbf: [28, 32], htb: [24, 28] };
  for (const [command, request] of Object.entries(ours)) {
    const kind = / (tbf|htb) rate/.exec(command)?.[1];
    if (kind === undefined) continue;
    const options = (message: Uint8Array) => {
      const top = new Map(listAttributes(message.subarray(36)));
      const list = new Map(listAttributes(top.get(2) ?? new Uint8Array()));
      for (const table of tables[kind] ?? []) list.delete(table);
      const parms = (list.get(1) ?? new Uint8Array()).slice();
      const view = new DataView(parms.buffer);
      for (const rate of [0, 12])
        for (const [at, width] of [
          [0, 2],
          [4, 2],
        ] as const)
          parms.fill(0, rate + at, rate + at + width);
      const times = (inExactTime[kind] ?? []).map((at) => view.getUint32(at, true));
      for (const at of inExactTime[kind] ?? []) view.setUint32(at, 0, true);
      list.delete(1);
      return { parms: hex(parms), times, others: [...list].map(([type, value]) => [type, hex(value)]).sort() };
    };
    test(command, () => {
      const theirs = options(unhex(golden[command as keyof typeof golden]));
      const mine = options(frame(request, 0));
      expect(mine.parms).toBe(theirs.parms);
      expect(mine.others).toEqual(theirs.others);
      for (const [i, time] of theirs.times.entries())
        expect(Math.abs((mine.times[i] ?? 0) - time)).toBeLessThanOrEqual(31);
    });
  }
});

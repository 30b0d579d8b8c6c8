/** Record what ip(8), tc(8) and bridge(8) send to the kernel, as golden bytes for src/abi/netlink; needs root, iproute2 and strace. */

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const out = new URL('../../src/abi/netlink/iproute2.golden.json', import.meta.url);
const outLinks = new URL('../../src/abi/netlink/iproute2-links.golden.json', import.meta.url);
const netns = 'record-netlink';

/** Run in order in a fresh namespace: lo is device 1, v2 2, v1 3, br1 4. What the recording kernel refuses is recorded all the same. */
const commands = [
  'ip link add v1 mtu 1400 address 02:00:00:00:00:01 type veth peer name v2 address 02:00:00:00:00:02',
  'ip link add br0 type bridge vlan_filtering 1 stp_state 0 ageing_time 30000',
  'ip link add br1 type bridge',
  'ip link set dev v1 up',
  'ip link set dev v1 down arp off',
  'ip link set dev v1 master br1',
  'ip link set dev v1 nomaster',
  'ip link set dev v1 gso_max_segs 1',
  'ip link add link v1 name v1.5 type vlan id 5',
  'bridge vlan add dev v1 vid 10 pvid untagged',
  'ip address replace 10.0.0.1/24 broadcast 10.0.0.255 dev v1',
  'ip address replace fd00::1/64 dev v1 nodad',
  'ip link set dev v1 up arp on',
  'ip link set dev v2 up',
  'ip route replace default via 10.0.0.2',
  'ip route replace 10.1.0.0/16 via 10.0.0.2 dev v1 metric 5',
  'ip route replace 10.2.0.0/16 dev v1',
  'ip -6 route replace default via fd00::2',
  'ip route replace unreachable 10.3.0.0/16',
  'ip rule add from 10.0.0.1 lookup 4',
  'ip neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev v1 nud permanent',
  'ip neighbour replace fd00::2 lladdr 02:00:00:00:00:02 dev v1 nud permanent',
  'tc qdisc add dev lo root handle 1: netem limit 1000 delay 10ms',
  'tc qdisc add dev lo root netem limit 50 delay 20ms 5ms 25%',
  'tc qdisc add dev lo root netem limit 1000 delay 20ms 0ms 10% reorder 25% 50%',
  'tc qdisc add dev lo root netem limit 1000 loss 1% 30%',
  'tc qdisc add dev lo root netem limit 1000 loss gemodel 1% 10% 70% 0.1%',
  'tc qdisc add dev lo root netem limit 1000 loss gemodel 1%',
  'tc qdisc add dev lo root netem limit 1000 loss state 1% 90% 5% 80% 2%',
  'tc qdisc add dev lo root netem limit 1000 loss 1% ecn',
  'tc qdisc add dev lo root netem limit 1000 duplicate 3% corrupt 0.1%',
  'tc qdisc add dev lo root netem limit 1000 rate 10mbit 4 48 5',
  'tc qdisc add dev lo root netem limit 1000 rate 40gbit',
  'tc qdisc add dev lo root netem limit 1000 slot 20ms 30ms packets 4 bytes 6000',
  'tc qdisc add dev lo root netem limit 1000 delay 5s 1s',
  'tc qdisc add dev lo parent 1:1 handle 2: tbf rate 10mbit burst 1514 limit 150000',
  'tc qdisc add dev lo root tbf rate 10mbit burst 10000 limit 150000 peakrate 20mbit mtu 1600',
  'tc qdisc add dev lo root tbf rate 40gbit burst 70000 limit 150000',
  'tc qdisc add dev lo root handle 1: htb default 10 r2q 20',
  'tc class add dev lo parent 1: classid 1:10 htb rate 5mbit ceil 10mbit burst 3000 cburst 4000 prio 2 quantum 1514',
  'tc qdisc add dev lo parent 1:10 pfifo limit 100',
  'tc qdisc add dev lo root bfifo limit 150000',
  'tc qdisc add dev lo root fq limit 100 flow_limit 50 maxrate 5mbit',
  'tc qdisc add dev lo root fq_codel limit 1000 target 5ms interval 100ms quantum 300 flows 512 ecn',
  'tc qdisc add dev lo root codel limit 1000 target 4ms interval 80ms ecn',
  'tc qdisc add dev lo root cake bandwidth 10mbit rtt 50ms besteffort triple-isolate overhead 18 mpu 64 ack-filter',
  'tc qdisc add dev lo root pie limit 100 target 20ms tupdate 30ms alpha 2 beta 20 ecn',
  'tc qdisc add dev lo root red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 probability 0.02 bandwidth 10mbit ecn',
  'tc qdisc add dev lo root red limit 60000 min 5000 max 15000 avpkt 1000 burst 8 probability 0.1 bandwidth 1mbit adaptive',
  'tc qdisc add dev lo root prio',
  'tc qdisc add dev lo root prio bands 2 priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0',
  'tc qdisc add dev lo root sfq perturb 10',
  'tc qdisc add dev lo root sfb',
  'tc qdisc add dev lo root choke limit 1000 min 83 max 250 burst 200 ecn bandwidth 10mbit probability 0.02',
  'tc qdisc add dev lo root hhf limit 1000 quantum 1500 hh_limit 100 reset_timeout 50ms admit_bytes 131072 evict_timeout 2s non_hh_weight 3',
  'tc qdisc add dev lo root ets bands 4 strict 2 quanta 3000 1500 priomap 0 1 2 3',
  'tc qdisc add dev lo root multiq',
  'tc qdisc add dev lo root skbprio limit 64',
  'tc qdisc add dev lo root cbs hicredit 153 locredit -1389 idleslope 20000 sendslope -980000 offload 0',
  'tc qdisc add dev lo root pfifo_head_drop limit 10',
  'tc qdisc add dev lo root handle 1: drr',
  'tc class add dev lo parent 1: classid 1:10 drr quantum 1514',
  'tc qdisc add dev lo root handle 1: qfq',
  'tc class add dev lo parent 1: classid 1:10 qfq weight 10 maxpkt 2000',
  'tc qdisc add dev lo root handle 1: hfsc default 10',
  'tc class add dev lo parent 1: classid 1:10 hfsc rt m1 2mbit d 10ms m2 1mbit ls rate 3mbit ul rate 5mbit',
  'tc filter add dev lo parent 1: protocol all prio 9 matchall classid 1:10',
  'tc qdisc add dev lo root cake pppoe-ptm ether-vlan fwmark 0xf',
  'tc qdisc add dev lo root cake docsis',
  'tc qdisc add dev v1 ingress',
  'tc filter add dev v1 parent ffff: protocol all prio 1 matchall action mirred egress redirect dev v2',
  'tc filter add dev v1 parent ffff: protocol all prio 2 matchall action mirred egress mirror dev v2',
  'tc filter add dev v2 parent 1: protocol ip prio 1 flower ip_proto udp dst_ip 10.0.0.2 dst_port 53 classid 1:10',
];

/** Kinds of devices: ip names options that nobody asked for too, as zeros. */
const linkCommands = [
  'ip link add vx0 type vxlan id 42 local 10.0.0.1 remote 10.0.0.2 dev lo dstport 4789 ttl 5',
  'ip link add vx6 type vxlan id 42 remote fd00::2 dstport 8472 nolearning',
  'ip link add gv0 type geneve id 42 remote 10.0.0.2 dstport 6081',
  'ip link add gre1 type gre local 10.0.0.1 remote 10.0.0.2 ttl 64 key 7 dev lo',
  'ip link add gre2 type gretap remote 10.0.0.2',
  'ip link add gre6 type ip6gre local fd00::1 remote fd00::2',
  'ip link add ipip1 type ipip local 10.0.0.1 remote 10.0.0.2',
  'ip link add sit1 type sit local 10.0.0.1 remote 10.0.0.2 ttl 9',
  'ip link add tnl1 type ip6tnl mode any local fd00::1 remote fd00::2',
  'ip link add b0 type bond mode active-backup miimon 100 xmit_hash_policy layer3+4',
  'ip link add vrf0 type vrf table 10',
  'ip link add link lo m0 type macsec port 1 encrypt on',
  'ip link add link lo mv0 type macvlan mode bridge',
  'ip link add link lo iv0 type ipvlan mode l3',
  'ip link add wg0 type wireguard',
  'ip route replace 10.9.0.0/16 nexthop via 10.0.0.2 dev lo weight 2 nexthop via 10.0.0.3 dev lo weight 1',
  'ip rule add fwmark 7 from 10.0.0.0/8 iif lo lookup 1000 priority 100',
];

/** The messages that change something, of those a command sent: their bytes, sequence number zeroed. */
function changesOf(trace: string): string[] {
  const messages: string[] = [];
  for (const line of trace.split('\n')) {
    if (line.startsWith(' * ')) messages.push('');
    const dump = /^ \| [0-9a-f]{5} {2}(.{49})/.exec(line);
    if (dump && messages.length) messages[messages.length - 1] += dump[1]?.replaceAll(' ', '') ?? '';
  }
  return messages
    .filter((hex) => isChange(Buffer.from(hex, 'hex')))
    .map((hex) => `${hex.slice(0, 16)}00000000${hex.slice(24)}`);
}

/** Of each family of four rtnetlink types, the third asks and the others change. */
const isChange = (message: Buffer): boolean =>
  message.length >= 16 && message.readUInt16LE(4) >= 16 && message.readUInt16LE(4) % 4 !== 2;

execFileSync('ip', ['netns', 'add', netns]);
function record(list: readonly string[]): Record<string, string> {
  const golden: Record<string, string> = {};
  for (const command of list) {
    const run = spawnSync(
      'ip',
      ['netns', 'exec', netns, 'strace', '-e', 'trace=sendmsg', '-e', 'write=3,4', ...command.split(' ')],
      { encoding: 'utf8' },
    );
    const [hex, ...more] = changesOf(run.stderr);
    if (hex === undefined || more.length)
      throw new Error(`${command}: ${more.length + (hex ? 1 : 0)} messages\n${run.stderr}`);
    golden[command] = hex;
  }
  return golden;
}
try {
  const golden = record(commands);
  const links = record(linkCommands);
  writeFileSync(out, `${JSON.stringify(golden, null, 2)}\n`);
  writeFileSync(outLinks, `${JSON.stringify(links, null, 2)}\n`);
} finally {
  execFileSync('ip', ['netns', 'delete', netns]);
}

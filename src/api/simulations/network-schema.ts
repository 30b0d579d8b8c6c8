/** Hosts, switches and links as JSON, in the words of ip(8) and tc(8). */

import { z } from '@hono/zod-openapi';
import { device } from './device-schema.ts';
import { byName, count, flag, MAX_WORDS, name, named, percent, rate, size, sysctls, time } from './words.ts';
import { setupCommand } from './workload-schema.ts';

export const queue = z
  .union([z.string().max(MAX_WORDS), z.looseObject({ kind: z.string().max(MAX_WORDS) })])
  .optional();

const networkInterface = z
  .strictObject({
    addresses: z
      .array(name)
      .optional()
      .openapi({
        description: 'With their prefix lengths; an empty list: none. Default: chosen, and reported.',
        example: ['10.0.0.1/24'],
      }),
    mac: named('Ethernet address. Default: 02:00:00 and a number.', '02:00:00:00:00:07').optional(),
    mtu: count("Bytes. Default: the link's, or 1500.", 9000),
    qdisc: queue.openapi({
      description:
        "The host's own queueing, in front of the link: a kind, or kind and options in the words of tc(8). Default: none.",
      example: 'fq',
    }),
    offload: z
      .strictObject({
        rx: flag('Checksums of what comes in.'),
        tx: flag('Checksums of what goes out: off, they are filled in captures.'),
        sg: flag('Packets of several pieces of memory.'),
        tso: flag('Packets of several TCP segments are cut by the device.'),
        gso: flag('Or in front of it.'),
        gro: flag('And put together again where they arrive.'),
      })
      .optional()
      .openapi({ description: 'As ethtool(8) -K sets them. Default: all on.' }),
  })
  .openapi('SimulationInterface');

export const route = z.strictObject({
  to: named('"default" or a network.', '10.1.0.0/16'),
  via: named('An address, or the name of a neighbouring node.', 'r1').optional(),
  dev: named('The interface it leaves by.', 'eth1').optional(),
  nexthops: z
    .array(
      z.strictObject({
        via: named('An address, or the name of a neighbouring node.', 'r1').optional(),
        dev: named('The interface it leaves by.', 'eth1').optional(),
        weight: count('Its share of flows, to that of the others. Default: 1.', 2),
      }),
    )
    .optional()
    .openapi({
      description:
        'Several ways at once, instead of `via` and `dev`: flows are spread by their addresses, with net.ipv4.fib_multipath_hash_policy 1 by their ports too.',
      example: [{ via: 'r1' }, { via: 'r2', weight: 2 }],
    }),
  from: named('For packets from this address or network alone: a rule of ip-rule(8).', '10.0.0.1').optional(),
  fwmark: count('For packets with this mark alone, which nftables sets.', 1),
  iif: named('For packets that came in there alone.', 'eth0').optional(),
  table: count('The table it is in. Default: the main one; with `from`, `fwmark` or `iif` one of its own.', 100),
  metric: count('The least one wins. Default: 0, of IPv6 1024.', 100),
  type: z
    .enum(['unicast', 'blackhole', 'unreachable', 'prohibit'])
    .optional()
    .openapi({ description: 'Default: unicast.', example: 'blackhole' }),
  mtu: count('Bytes, for packets on this route.', 1400),
  initcwnd: count('Segments of the first congestion window. Default: 10.', 32),
});

export const host = z
  .strictObject({
    hijack: z
      .unknown()
      .optional()
      .openapi({
        description: "LKL's hijack object, as it is; nothing else may stand beside it.",
        example: { gateway: '10.0.0.1' },
      }),
    sysctls: sysctls.optional(),
    interfaces: byName(networkInterface)
      .optional()
      .openapi({
        description: 'By name: eth0, eth1 … in the order of the links, or eth0.10 of a trunk.',
        example: { eth0: { mtu: 9000 } },
      }),
    multicast: z
      .array(
        z.strictObject({
          from: named('Who sends: an address, or a node.', 'a'),
          group: named('An IPv4 group.', '239.1.1.1'),
          in: named('The interface it comes in by.', 'eth0'),
          out: z.array(name).openapi({ description: 'Those it goes out by.', example: ['eth1', 'eth2'] }),
        }),
      )
      .optional()
      .openapi({
        description: 'Groups that a router passes on, as ip-mroute(8) shows them. Default: none.',
        example: [{ from: 'a', group: '239.1.1.1', in: 'eth0', out: ['eth1'] }],
      }),
    devices: byName(device)
      .optional()
      .openapi({
        description:
          'Tunnels, bonds, VRFs and other devices that the host makes itself, by name. Workloads reach their addresses as any other: "b:wg0". Default: none.',
        example: { gre1: { kind: 'gre', remote: 'b', addresses: ['192.168.9.1/24'] } },
      }),
    routes: z
      .union([z.array(route), z.literal('none')])
      .optional()
      .openapi({
        description: 'Beside those that the links give; "none" leaves those out.',
        example: [{ to: 'default', via: 'r1' }],
      }),
    neighbours: z
      .array(
        z.strictObject({
          address: named('Its address.', '10.0.0.2'),
          mac: named('Its Ethernet address.', '02:00:00:00:00:02'),
          dev: named('Default: the interface on its network.', 'eth0').optional(),
        }),
      )
      .optional()
      .openapi({ description: 'Permanent entries. Default: those that workloads meet.' }),
    setup: z
      .array(setupCommand)
      .max(1000)
      .optional()
      .openapi({
        description:
          'Programs that run on it one after another once the network is there, before anything begins: each a line for a shell, or the words of one program. One that fails ends the simulation, unless it is to: `{"command": "tc qdisc del dev eth0 root", "exit": 2}`, with `exit` as `exec` has it. Default: none.',
        example: ['tc qdisc replace dev eth0 root cake bandwidth 10mbit'],
      }),
    nftables: z
      .array(z.record(z.string().max(MAX_WORDS), z.unknown()))
      .optional()
      .openapi({
        description:
          "Filters and translation of addresses, as the list that stands in nft's own JSON, libnftables-json(5): `nft -j list ruleset` prints it. What rules counted, and the connections that are tracked, are in the host's `state.nftables`. Default: none.",
        example: [
          { add: { table: { family: 'inet', name: 'filter' } } },
          {
            add: {
              chain: {
                family: 'inet',
                table: 'filter',
                name: 'forward',
                type: 'filter',
                hook: 'forward',
                prio: 0,
                policy: 'accept',
              },
            },
          },
          {
            add: {
              rule: {
                family: 'inet',
                table: 'filter',
                chain: 'forward',
                expr: [
                  { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: 80 } },
                  { counter: null },
                  { drop: null },
                ],
              },
            },
          },
        ],
      }),
  })
  .openapi('SimulationHost');

export const networkSwitch = z.strictObject({
  stp: flag('It speaks the spanning tree protocol; loops need it. Default: false.'),
  snooping: flag(
    'It looks at IGMP and MLD, and sends what is for a group only where someone has joined. Default: false: it floods.',
  ),
  querier: flag('It asks who has joined, as a router would. Default: false.'),
  ageing: time('How long it remembers an address. Default: 300s.', '300s'),
  sysctls: sysctls.optional(),
});

const chance = (description: string) => z.string().max(MAX_WORDS).openapi({ description, example: '1%' });

const loss = z
  .union(
    [
      z.string().max(MAX_WORDS),
      z.strictObject({
        random: percent('Independent losses.'),
        correlation: percent(
          'Of each with the one before. netem(8) calls it deprecated: far less is lost. Use gemodel.',
          '25%',
        ),
        gemodel: z
          .strictObject({
            p: chance('From the good state to the bad one, a packet.'),
            r: percent('And back. Default: 1 - p.', '10%'),
            lossBad: percent('Lost in the bad state. Default: 100%.', '100%'),
            lossGood: percent('Lost in the good state. Default: 0%.', '0%'),
          })
          .optional()
          .openapi({ description: 'Bursts of losses (Gilbert-Elliott).', example: { p: '1%', r: '10%' } }),
        state: z
          .strictObject({
            p13: chance('From no loss to a burst.'),
            p31: percent('From a burst to none. Default: 1 - p13.', '90%'),
            p32: percent('Within a burst, to a received packet. Default: 0%.', '0%'),
            p23: percent('And back into the burst. Default: 100%.', '100%'),
            p14: percent('A single loss. Default: 0%.', '0%'),
          })
          .optional()
          .openapi({ description: 'The four-state model of tc-netem(8).' }),
        ecn: flag('Mark ECN-capable packets instead of losing them. Default: false.'),
      }),
    ],
    { error: 'a percentage, such as "1%", or an object of random, correlation, gemodel, state, ecn' },
  )
  .optional();

/** What events can change of a link, too. */
export const changeable = {
  rate: rate(
    'Of Ethernet frames, in bits a second ("10mbit"; "bps" is bytes a second). Over a short time as much as `burst` more. Default: no limit: hosts are infinitely fast, so TCP sends terabits a second there, each second of which takes minutes to compute.',
  ),
  delay: time('One way. A number without a unit is microseconds. Default: 0s.'),
  jitter: time('How far delays spread: to both sides if uniform, else the standard deviation. Default: 0s.', '2ms'),
  delayCorrelation: percent('Of each delay with the one before. Default: 0%.', '25%'),
  distribution: z
    .enum(['uniform', 'normal', 'pareto', 'paretonormal'])
    .optional()
    .openapi({ description: 'Of the delay. Default: uniform.', example: 'normal' }),
  loss: loss.openapi({
    description: 'Packets that the wire loses: a percentage ("1%"; "0.01" is 0.01 %), or a model. Default: 0%.',
    example: '1%',
  }),
  duplicate: percent('Packets that come twice. Default: 0%.'),
  corrupt: percent('Packets with a wrong bit. Default: 0%.'),
  reorder: percent('Packets that do not wait for the delay, ahead of those that do. Default: 0%.'),
  queue: queue.openapi({
    description:
      'What waits at the bottleneck: the kind of a qdisc, or an object of kind and options in the words of tc(8). Default: a fifo of the bandwidth-delay product, 100 frames at least.',
    example: { kind: 'bfifo', limit: '64kb' },
  }),
};

export const direction = {
  ...changeable,
  keepOrder: flag(
    'Packets keep their order whatever the jitter: one that is later holds up those behind it. Default: false.',
  ),
  slot: z
    .strictObject({
      min: time('From one to the next, at least.', '5ms'),
      max: time('And at most. Default: as min.', '15ms'),
      distribution: z.enum(['normal', 'pareto', 'paretonormal']).optional().openapi({
        description: 'Instead of min and max. Default: none.',
        example: 'normal',
      }),
      delay: time('Its mean.', '10ms'),
      jitter: time('Its deviation.', '2ms'),
      packets: count('The most that goes at once. Default: any number.', 8),
      bytes: size('The most that goes at once. Default: any number.', '15kb'),
    })
    .optional()
    .openapi({
      description:
        'What came is let go at intervals, all at once, as Wi-Fi, cable and LTE do (`slot` of tc-netem(8)). Default: none.',
      example: { min: '5ms', max: '15ms', packets: 8 },
    }),
  gap: count('Only every so manieth packet may overtake. Default: 1.', 5),
  burst: size(
    "The token bucket, full at first: bytes that may pass at once. Default: a millisecond's worth, but one frame at least.",
    '15kb',
  ),
  trace: z
    .union([z.string(), z.array(z.number())])
    .optional()
    .openapi({
      description:
        "mahimahi's, instead of a rate: a line for each opportunity to deliver 1500 bytes, in milliseconds; repeats.",
      example: [0, 5, 10, 15],
    }),
};

export const link = z
  .strictObject({
    endpoints: z
      .tuple([name, name])
      .openapi({ description: 'Two nodes: "a", or "a:eth1" to say which interface.', example: ['a', 'b'] }),
    name: named('Default: "a-b".', 'uplink').optional(),
    ...direction,
    forward: z
      .strictObject(direction)
      .optional()
      .openapi({
        description: 'What is other from the first end to the second.',
        example: { rate: '5mbit' },
      }),
    reverse: z
      .strictObject(direction)
      .optional()
      .openapi({ description: 'And back.', example: { rate: '1mbit' } }),
    mtu: count('Bytes. Default: 1500.', 1400),
    subnet: named(
      'The IPv4 network that its ends get addresses of. Default: chosen of 10.0.0.0/8.',
      '10.7.0.0/24',
    ).optional(),
    subnet6: named('The IPv6 one. Default: chosen of fd00::/16.', 'fd07::/64').optional(),
    vlan: count('The port of a switch belongs to this VLAN, untagged.', 10),
    vlans: z
      .array(z.int())
      .optional()
      .openapi({ description: 'The port carries these VLANs, tagged.', example: [10, 20] }),
  })
  .openapi('SimulationLink');

const generatedLink = z.strictObject({ ...direction, mtu: count('Bytes. Default: 1500.', 1400) });

/** Hosts are h1, h2 …, routers r1, r2 …. */
export const topology = z.strictObject({
  kind: z.enum(['linear', 'ring', 'mesh', 'star', 'dumbbell', 'tree', 'fat-tree']).openapi({
    description:
      'Hosts are h1, h2 …, routers r1, r2 …; what the request says of nodes of these names counts. linear, ring, mesh: `size` routers, each with a host; star: `size` hosts at one router; dumbbell: `left` and `right` hosts at two routers; tree: `fanout` below each router, hosts at `depth`; fat-tree: of `size` pods, an even number.',
    example: 'dumbbell',
  }),
  size: count('Of a linear, ring, mesh, star or fat-tree.', 4),
  left: count('Hosts of a dumbbell at r1.', 2),
  right: count('And at r2.', 2),
  depth: count('Of a tree: levels below its root, r1.', 2),
  fanout: count('Of a tree.', 3),
  edge: generatedLink
    .optional()
    .openapi({ description: 'What links of hosts are, as a link has it.', example: { rate: '100mbit' } }),
  core: generatedLink.optional().openapi({
    description: 'And those between routers.',
    example: { rate: '10mbit', delay: '20ms' },
  }),
});

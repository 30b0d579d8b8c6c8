/** Networks as JSON: what a simulation is asked to be, and what it answers. Units and words are tc's and ip's. */

import { z } from '@hono/zod-openapi';
import type { TimedResult } from '../../../simulation/simulate.ts';
import { call, DEADLINE_MS } from '../syscalls/schema.ts';

const MAX_WORDS = 64;

const words = (description: string, example: string) =>
  z.string().max(MAX_WORDS).openapi({ description, example }).optional();
const time = (description: string, example = '20ms') => words(description, example);
const percent = (description: string) => words(description, '1%');
const rate = (description: string) => words(description, '10mbit');
const size = (description: string) => words(description, '150kb');
const name = z.string().min(1).max(MAX_WORDS);

/** Members by name. zod leaves `__proto__` out, which JSON has like any other. */
const byName = <T extends z.ZodType>(schema: T) =>
  z.preprocess(
    (value, c) => {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
        c.addIssue({ code: 'custom', path: ['__proto__'], message: 'no name' });
      return value;
    },
    z.record(name, schema),
  );

const sysctls = z
  .record(z.string().max(128), z.union([z.string().max(1024), z.number()]))
  .openapi({ description: 'Set before any link is up.', example: { 'net.ipv4.tcp_sack': '0' } })
  .optional();

const queue = z
  .union([z.string().max(MAX_WORDS), z.looseObject({ kind: z.string().max(MAX_WORDS) })])
  .openapi({ description: 'A qdisc: its kind, or kind and options in the words of tc(8).', example: 'fq_codel' })
  .optional();

const networkInterface = z
  .strictObject({
    addresses: z
      .array(name)
      .optional()
      .openapi({ description: 'Default: chosen, and reported.', example: ['10.0.0.1/24'] }),
    mac: name.optional(),
    mtu: z.int().optional(),
    qdisc: queue.openapi({ description: "The host's own queueing, in front of the link." }),
    offload: z
      .strictObject({
        rx: z.boolean().optional(),
        tx: z.boolean().optional(),
        sg: z.boolean().optional(),
        tso: z.boolean().optional(),
        gso: z.boolean().optional(),
        gro: z.boolean().optional(),
      })
      .optional()
      .openapi({ description: 'ethtool(8) -K' }),
  })
  .openapi('SimulationInterface');

const route = z.strictObject({
  to: name,
  via: name.optional().openapi({ description: 'An address, or the name of a neighbouring node.' }),
  dev: name.optional(),
  metric: z.int().optional(),
  type: z.enum(['unicast', 'blackhole', 'unreachable', 'prohibit']).optional(),
  mtu: z.int().optional(),
  initcwnd: z.int().optional(),
});

const host = z
  .strictObject({
    hijack: z.unknown().optional().openapi({ description: "LKL's hijack object, as it is." }),
    sysctls,
    interfaces: byName(networkInterface).optional().openapi({
      description: 'By name: eth0, eth1 … in the order of the links, or eth0.10 of a trunk.',
    }),
    routes: z
      .union([z.array(route), z.literal('none')])
      .optional()
      .openapi({ description: 'Beside those that the links give; "none" leaves those out.' }),
    neighbours: z.array(z.strictObject({ address: name, mac: name, dev: name.optional() })).optional(),
  })
  .openapi('SimulationHost');

const loss = z
  .union([
    z.string().max(MAX_WORDS),
    z.strictObject({
      random: percent('Independent losses.'),
      correlation: percent('Of each with the one before.'),
      gemodel: z
        .strictObject({
          p: z.string().max(MAX_WORDS),
          r: percent('From bad to good.'),
          lossBad: percent('In the bad state.'),
          lossGood: percent('In the good state.'),
        })
        .optional()
        .openapi({ description: 'Gilbert-Elliott.' }),
      state: z
        .strictObject({
          p13: z.string().max(MAX_WORDS),
          p31: percent(''),
          p32: percent(''),
          p23: percent(''),
          p14: percent(''),
        })
        .optional()
        .openapi({ description: 'The four-state model of tc-netem(8).' }),
      ecn: z.boolean().optional().openapi({ description: 'Mark ECN-capable packets instead of losing them.' }),
    }),
  ])
  .optional()
  .openapi({ example: '1%' });

const direction = {
  rate: rate(
    'Of Ethernet frames; over a short time as much as `burst` more. Default: no limit: hosts are infinitely fast, so TCP sends terabits a second there, each second of which takes minutes to compute.',
  ),
  delay: time('One way.'),
  jitter: time('Of the delay.', '2ms'),
  delayCorrelation: percent('Of each delay with the one before.'),
  distribution: z.enum(['uniform', 'normal', 'pareto', 'paretonormal']).optional(),
  loss,
  duplicate: percent('Packets that come twice.'),
  corrupt: percent('Packets with a wrong bit.'),
  reorder: percent('Packets that do not wait for the delay.'),
  gap: z.int().optional(),
  queue: queue.openapi({ description: 'What waits at the bottleneck. Default: a fifo of bytes.' }),
  burst: size(
    "The token bucket, full at first: bytes that may pass at once. Default: a millisecond's worth, but one frame at least.",
  ),
  trace: z
    .union([z.string(), z.array(z.number())])
    .optional()
    .openapi({
      description: "mahimahi's, instead of a rate: a line for each packet that may pass, in milliseconds; repeats.",
    }),
};

const link = z
  .strictObject({
    endpoints: z.tuple([name, name]).openapi({ description: '"a", or "a:eth1" to say which interface.' }),
    name: name.optional(),
    ...direction,
    forward: z
      .strictObject(direction)
      .optional()
      .openapi({ description: 'What is other from the first end to the second.' }),
    reverse: z.strictObject(direction).optional().openapi({ description: 'And back.' }),
    mtu: z.int().optional(),
    subnet: name.optional(),
    subnet6: name.optional(),
    vlan: z.int().optional().openapi({ description: 'The port of a switch belongs to this VLAN, untagged.' }),
    vlans: z.array(z.int()).optional().openapi({ description: 'The port carries these VLANs, tagged.' }),
  })
  .openapi('SimulationLink');

const family = z.enum(['ipv4', 'ipv6']);
const flow = {
  name: name.optional(),
  from: name,
  to: name.openapi({ description: 'A node, or "node:interface".' }),
  start: time('In virtual time.', '1s'),
  family: family.optional(),
};
const tcpOptions = {
  congestion: z.string().max(15).optional().openapi({ example: 'cubic' }),
  mptcp: z.boolean().optional(),
  nodelay: z.boolean().optional().openapi({ description: "Nagle's algorithm off." }),
  sndbuf: size('SO_SNDBUF'),
  rcvbuf: size('SO_RCVBUF'),
  maxPacingRate: rate('SO_MAX_PACING_RATE'),
  mss: z.int().optional(),
  notsentLowat: size('TCP_NOTSENT_LOWAT'),
};
const duration = time('In virtual time; with a count, whichever is first.', '10s');

const workload = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('tcp'),
      ...flow,
      ...tcpOptions,
      bytes: size('How much; or `duration`; or neither, to the end.'),
      duration,
      parallel: z.int().optional(),
    }),
    z.strictObject({
      type: z.literal('udp'),
      ...flow,
      rate: z.string().max(MAX_WORDS).openapi({ example: '1mbit' }),
      size: size('Payload of each datagram.'),
      duration,
      count: z.int().optional(),
    }),
    z.strictObject({
      type: z.literal('ping'),
      ...flow,
      count: z.int().optional(),
      interval: time('Between two.', '1s'),
      size: size('Payload; default: 56.'),
      timeout: time('For the last.', '1s'),
    }),
    z.strictObject({
      type: z.literal('rr'),
      ...flow,
      ...tcpOptions,
      request: size('Bytes of a request.'),
      response: size('Bytes of a response.'),
      count: z.int().optional(),
      duration,
      think: time('Between a response and the next request.', '10ms'),
      reconnect: z.boolean().optional().openapi({ description: 'A new connection for each request.' }),
    }),
    z.strictObject({
      type: z.literal('on-off'),
      ...flow,
      ...tcpOptions,
      protocol: z.enum(['tcp', 'udp']).optional(),
      on: z.string().max(MAX_WORDS).openapi({
        description: 'How long the program sends. TCP goes on with what is in its send buffer when that has passed.',
      }),
      off: z.string().max(MAX_WORDS).openapi({ description: 'How long it does not.' }),
      distribution: z.enum(['constant', 'exponential']).optional(),
      rate: rate('UDP only.'),
      size: size('UDP only.'),
      duration,
    }),
    z.strictObject({
      type: z.literal('flows'),
      ...flow,
      ...tcpOptions,
      sizes: z.union([z.array(z.string().max(MAX_WORDS)), z.array(z.tuple([z.number(), z.number()]))]).openapi({
        description: 'A size each, or [bytes, cumulative percent] rows of an empirical distribution.',
      }),
      perSecond: z.number().optional().openapi({ description: 'Poisson arrivals; default: one after another.' }),
      count: z.int().optional(),
    }),
    z.strictObject({
      type: z.literal('syscalls'),
      name: name.optional(),
      on: name,
      start: time('In virtual time.', '1s'),
      batch: z.array(call).openapi({ description: 'Calls as for `POST /v1/syscalls`; the first error ends them.' }),
    }),
  ])
  .openapi('SimulationWorkload');

export const simulation = z
  .strictObject({
    seed: z.int().min(0).optional().openapi({ description: 'Same request and seed: same bytes. Default: 0.' }),
    duration: time('Virtual time after which it ends at the latest; it ends sooner once every workload has.', '10s'),
    hosts: byName(host),
    routers: byName(host).optional().openapi({ description: 'Hosts that forward.' }),
    switches: byName(
      z.strictObject({ stp: z.boolean().optional(), ageing: time('Of addresses.', '300s'), sysctls }),
    ).optional(),
    links: z.array(link),
    workloads: z.array(workload).optional(),
    capture: z
      .array(z.union([name, z.strictObject({ node: name, interface: name.optional(), snaplen: z.int().optional() })]))
      .optional()
      .openapi({ description: 'Nodes, or "node:interface", whose packets are recorded.' }),
    samples: z
      .strictObject({ interval: z.string().max(MAX_WORDS).openapi({ example: '100ms' }) })
      .optional()
      .openapi({ description: 'Of tcp_info and of the queues.' }),
    families: z.array(family).optional(),
    perturb: time(
      "Up to so much more delay, at random, for each packet that comes to a queue of a link; packets keep their order. A frame's time at the bottleneck ends phase effects.",
      '1ms',
    ),
    neighbours: z.enum(['static', 'dynamic']).optional().openapi({
      description:
        "static (default): hosts know each other's Ethernet addresses; dynamic: ARP and neighbour discovery.",
    }),
    deadline_ms: z.int().min(1).max(DEADLINE_MS.max).default(DEADLINE_MS.default).openapi({
      description: 'How long it may take by the clock on the wall.',
    }),
  })
  .openapi('Simulation', {
    example: {
      seed: 1,
      duration: '10s',
      hosts: { a: {}, b: {} },
      links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
      workloads: [
        { type: 'tcp', from: 'a', to: 'b', duration: '10s', congestion: 'cubic' },
        { type: 'ping', from: 'a', to: 'b', count: 5 },
      ],
      capture: ['b'],
    },
  });

export const query = z.object({
  timing: z.enum(['0', '1']).default('1').openapi({
    description: '0 leaves out `wall_s`, the only member that the request and its seed do not decide.',
  }),
  pcap: z.enum(['none', 'inline']).default('none').openapi({
    description:
      'inline: what was captured comes with the answer, as base64, up to 16 MiB in one JSON document and as much as there is in lines. `Accept: application/x-pcapng` has one as it is.',
  }),
  samples: z.enum(['asked', 'always']).default('asked').openapi({
    description: 'always: where the network names no interval of samples, one is chosen that gives some hundreds.',
  }),
  capture: name.optional().openapi({
    description: 'Which capture is answered as application/x-pcapng: "b" or "b:eth0". Default: the only one.',
  }),
});

const flowResult = z
  .looseObject({
    type: z.enum(['tcp', 'udp', 'ping', 'rr', 'on-off', 'flows', 'syscalls']),
    name: z.string(),
    start_s: z.number(),
    completed: z.boolean().openapi({ description: 'It ended by itself.' }),
    duration_s: z.number().optional(),
    error: z.string().optional().openapi({ description: 'What Linux said when it could not go on.' }),
    goodput_bps: z.number().optional().openapi({
      description:
        'Payload received, over `duration_s` (of on-off: silences included). Of udp: all after the first datagram, over the time from the first arrival to the last; none with fewer than two.',
    }),
    retransmits: z.number().optional(),
    in_flight: z.number().optional().openapi({
      description:
        'Pings sent so late that an answer as slow as the slowest (without one: as the links are) would not have come: neither received nor lost.',
    }),
    rtt_ms: z.looseObject({ min: z.number(), max: z.number(), mean: z.number(), p50: z.number() }).optional(),
  })
  .openapi('SimulationFlow');

export const hijackNotes = z.array(
  z.object({ key: z.string(), kind: z.enum(['works', 'no-meaning', 'warning']), message: z.string() }),
);

const directionResult = z.looseObject({
  rate_bps: z.number().optional(),
  delay_ms: z.number(),
  queue: z.string().optional(),
  drops: z.object({ loss: z.number(), queue: z.number() }).openapi({
    description:
      'Packets lost on the wire and dropped by the queue, as they came to them: one of many segments (GSO, see `gso`) is one.',
  }),
  marks: z
    .object({ loss: z.number(), queue: z.number() })
    .openapi({ description: 'ECN-capable packets that arrived, but marked instead of lost or dropped.' }),
  qdiscs: z.array(z.looseObject({ kind: z.string() })),
});

export const sample = z
  .looseObject({
    time_s: z.number(),
    tcp: z.array(z.looseObject({ workload: z.int(), stream: z.int(), cwnd: z.number(), srtt_ms: z.number() })),
    links: z.array(z.looseObject({ link: z.string() })),
  })
  .openapi('SimulationSample');

export const simulationAnswer = z
  .object({
    seed: z.int(),
    virtual_s: z.number(),
    wall_s: z.number().optional().openapi({ description: 'Unless timing=0.' }),
    flows: z.array(flowResult).openapi({ description: 'Of each workload, in their order.' }),
    error: z.string().optional().openapi({
      description: 'The kernel that all hosts share ran out of memory: what is here is not to be relied on.',
    }),
    warnings: z.array(z.object({ path: z.string(), message: z.string() })).openapi({
      description: 'What looks like a slip in the request, and what bounds the meaning of numbers here, by JSON path.',
    }),
    fairness: z.number().optional().openapi({
      description: "Jain's index over the TCP workloads that did not fail, if all of them pass one link the same way.",
    }),
    captures: z.array(
      z.object({
        node: z.string(),
        interface: z.string(),
        packets: z.int(),
        dropped: z.int(),
        bytes: z.int().openapi({ description: 'Of the pcapng file.' }),
        pcapng: z.string().optional().openapi({ description: 'base64, with pcap=inline.' }),
      }),
    ),
    links: z.array(
      z.object({
        name: z.string(),
        endpoints: z.array(z.string()),
        forward: directionResult,
        reverse: directionResult,
      }),
    ),
    hosts: z.record(
      z.string(),
      z.looseObject({
        interfaces: z.record(z.string(), z.object({ mac: z.string(), mtu: z.int(), addresses: z.array(z.string()) })),
        state: z.looseObject({}).openapi({ description: 'As ip, ss and tc would show it at the end.' }),
        hijack: z
          .object({
            notes: hijackNotes,
            dump: z.record(z.string(), z.string()),
          })
          .optional(),
      }),
    ),
    samples: z.array(sample).optional().openapi({ description: 'When asked for.' }),
  })
  .openapi('SimulationAnswer');

export const simulationForm = z
  .object({
    answer: simulationAnswer,
    capture: z.array(z.string().openapi({ format: 'binary', description: 'application/x-pcapng' })),
  })
  .openapi({
    description: 'The answer, and each capture as a file in the order of its `captures`; these have 16 MiB in all.',
  });

/** The result as JSON has it, `wall_s` last of what every answer has first. */
export const answerOf = ({ result, wallMs }: TimedResult, timing: '0' | '1') => {
  const { seed, virtual_s, ...rest } = result;
  return { seed, virtual_s, ...(timing === '1' && { wall_s: wallMs / 1000 }), ...rest };
};

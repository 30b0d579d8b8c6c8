/** Workloads as JSON: who sends what to whom, and when. */

import { z } from '@hono/zod-openapi';
import { suchAs } from '../invalid/expected.ts';
import { call } from '../syscalls/schema.ts';
import { count, flag, MAX_WORDS, name, named, rate, size, time, word } from './words.ts';

export const family = z.enum(['ipv4', 'ipv6']);
const flow = {
  name: named('Default: its type and number, "tcp-0".', 'upload').optional(),
  from: named('The host that sends.', 'a'),
  to: named('A node, "node:interface", or an address.', 'b'),
  start: time('In virtual time. Default: 0s.', '1s'),
  family: family.optional().openapi({ description: 'Default: ipv4 where both have it.', example: 'ipv6' }),
  dscp: z
    .union([z.int(), z.string().max(8)])
    .optional()
    .openapi({
      description: 'Of its packets: 0 to 63, cs0 to cs7, af11 to af43, ef, va, le. Default: 0.',
      example: 'ef',
    }),
  ecn: z
    .union([z.boolean(), z.enum(['ect0', 'ect1'])])
    .optional()
    .openapi({
      description:
        'A connection asks for ECN, or does not, whatever its host does; datagrams and pings are sent as ECT(0) (true, "ect0") or ECT(1), and `marked` counts those that came as CE. Default: as the host has it; datagrams without.',
      example: true,
    }),
};
const tcpOptions = {
  congestion: z.string().max(15).optional().openapi({
    description:
      'reno, cubic, bbr, bic, cdg, dctcp, westwood, highspeed, hybla, htcp, vegas, nv, veno, scalable, lp, yeah or illinois. Default: as the host has it, cubic.',
    example: 'bbr',
  }),
  mptcp: flag('Over every link that both hosts have. Default: false.'),
  nodelay: flag("Nagle's algorithm off. Default: false."),
  sndbuf: size('SO_SNDBUF; Linux doubles it. Default: grows by itself.', '1mb'),
  rcvbuf: size('SO_RCVBUF; Linux doubles it. Default: grows by itself.', '1mb'),
  maxPacingRate: rate('SO_MAX_PACING_RATE. Default: none.', '5mbit'),
  mss: count('Bytes of payload in a segment. Default: what the MTU leaves.', 1200),
  notsentLowat: size('TCP_NOTSENT_LOWAT. Default: none.', '128kb'),
  fastopen: flag(
    'TCP Fast Open at both ends: from the second connection on the first bytes go with the SYN. The receiving host then has net.ipv4.tcp_fastopen 3, unless its sysctls say otherwise. Default: false.',
  ),
};
const duration = time('In virtual time; with a count, whichever is first. Default: to the end.', '10s');

const value = z.union([z.string().max(MAX_WORDS), z.number(), z.null()]);
const condition = z.strictObject({
  ref: named('An earlier result: "got", "got.errno", "got.sin_port".', 'got'),
  is: value.optional().openapi({ description: 'It is this.', example: 0 }),
  isNot: value.optional().openapi({ description: 'It is not this.', example: 0 }),
  below: z.number().optional().openapi({ description: 'It is less.', example: 0 }),
  above: z.number().optional().openapi({ description: 'It is more.', example: 0 }),
});
/** One of `repeat`, `until`, `each`, `if`. */
const loopOf = <T extends z.ZodType>(step: T) =>
  z.strictObject({
    do: z.array(step).openapi({ description: 'Calls, or loops of calls.', example: [{ call: 'getpid' }] }),
    repeat: count('So often; with `until` at most.', 10),
    until: condition.optional().openapi({
      description: 'Until this is so: looked at after each time.',
      example: { ref: 'got', is: 0 },
    }),
    each: z
      .array(z.union([z.string().max(MAX_WORDS), z.number()]))
      .optional()
      .openapi({ description: 'Once for each value.', example: [80, 443] }),
    as: named(
      'How calls name the value: {"ref": "port"}, of a text {"ref": "port.out"}; of `repeat` its number, from 0.',
      'port',
    ).optional(),
    if: condition.optional().openapi({ description: 'If this is so.', example: { ref: 'got', above: 0 } }),
    else: z
      .array(step)
      .optional()
      .openapi({ description: 'If it is not.', example: [{ call: 'getpid' }] }),
  });
const step = z.union([call, loopOf(z.union([call, loopOf(call)]))]);

const line = z.string().min(1).max(131_071);
/** A line for a shell, or the words of one program. */
const words = z.array(z.string().max(131_071)).min(1).max(1024);
export const command = z.union([line, words]);
/** How a program is to end. */
export const exit = z.union([z.int(), z.array(z.int()).max(256), z.literal('any')]).optional();
/** A command of a set-up. All forms are in one union, so that what is wrong with the one that was meant is told. */
export const setupCommand = z.union([line, words, z.strictObject({ command, exit })]);

export const workload = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('tcp').openapi({ description: 'One bulk transfer, or several side by side.' }),
      ...flow,
      ...tcpOptions,
      bytes: size('How much in all; or `duration`; or neither, to the end.', '10mb'),
      duration,
      parallel: count('Connections at once. Default: 1.', 4),
    }),
    z.strictObject({
      type: z.literal('udp').openapi({ description: 'Datagrams at a steady rate.' }),
      ...flow,
      receivers: z
        .array(name)
        .optional()
        .openapi({
          description:
            'Where `to` is a group ("239.1.1.1"): the nodes that join it. Each datagram then counts once for each of them.',
          example: ['b', 'c'],
        }),
      ttl: count('Routers that datagrams to a group may pass, and one. Default: 16.', 16),
      rate: word('Of frames as a link counts them: with UDP, IP and Ethernet headers.', '1mbit'),
      size: size('Payload of each datagram: a size, so a string. Default: "1448".', '200'),
      duration,
      count: count('How many datagrams: a number. Default: to the end.', 1000),
    }),
    z.strictObject({
      type: z.literal('ping').openapi({ description: 'Echo requests at an interval.' }),
      ...flow,
      count: count('How many. Default: 5.', 100),
      interval: time('From one to the next. Default: 1s.', '100ms'),
      size: size('Payload: a size, so a string. Default: "56".', '1000'),
      timeout: time('How long the last answer is waited for. Default: 10s.', '1s'),
    }),
    z.strictObject({
      type: z.literal('rr').openapi({ description: 'Requests and responses over TCP, one at a time.' }),
      ...flow,
      ...tcpOptions,
      request: size('Bytes of a request. Default: "1".', '100'),
      response: size('Bytes of a response. Default: "1".', '10kb'),
      count: count('How many. Default: to the end.', 1000),
      duration,
      think: time('Between a response and the next request. Default: 0s.', '10ms'),
      reconnect: flag('A new connection for each request. Default: false.'),
    }),
    z.strictObject({
      type: z.literal('on-off').openapi({ description: 'Bursts with silence between.' }),
      ...flow,
      ...tcpOptions,
      protocol: z.enum(['tcp', 'udp']).optional().openapi({ description: 'Default: tcp.', example: 'udp' }),
      on: word('How long the program sends. TCP goes on with what is in its send buffer when that has passed.', '1s'),
      off: word('How long it does not.', '1s'),
      distribution: z.enum(['constant', 'exponential']).optional().openapi({
        description: 'Of both lengths; their means are as given. Default: constant.',
        example: 'exponential',
      }),
      rate: rate('Of UDP, which needs one.', '1mbit'),
      size: size('Payload of a datagram. Default: "1448".', '200'),
      duration,
    }),
    z.strictObject({
      type: z.literal('flows').openapi({ description: 'Many transfers, each on a connection of its own.' }),
      ...flow,
      ...tcpOptions,
      sizes: z
        .union([
          z.array(z.string({ error: suchAs('10kb') }).max(MAX_WORDS)),
          z.array(z.tuple([z.number(), z.number()])),
        ])
        .openapi({
          description:
            'A size for each flow (["10kb", "1mb"]), or rows of [bytes, cumulative percent] of a distribution, the last at 100.',
          example: [
            [1000, 50],
            [100000, 100],
          ],
        }),
      perSecond: z.number().optional().openapi({
        description: 'Poisson arrivals. Default: one after another.',
        example: 20,
      }),
      count: count('How many of a distribution; a list of sizes has a flow each. Default: 100.', 1000),
    }),
    z.strictObject({
      type: z.literal('replay').openapi({
        description:
          'Packets of a capture at their times, in both directions: each a datagram of the same length and DSCP, between these two nodes.',
      }),
      ...flow,
      pcap: z.string().openapi({
        description: 'A pcap or pcapng file, as base64; of the command also the name of one, "trace.pcap".',
        example: '1MOyoQIABAAAAAAAAAAAAP//AAABAAAA',
      }),
      client: named(
        'The address in it whose packets `from` sends; `to` sends those to it, and others are left out. Default: the source of the first packet.',
        '192.168.1.5',
      ).optional(),
      speed: z.number().optional().openapi({ description: 'So many times as fast. Default: 1.', example: 2 }),
    }),
    z.strictObject({
      type: z.literal('syscalls').openapi({ description: 'System calls on a host.' }),
      name: named('Default: its type and number.', 'probe').optional(),
      on: named('The host.', 'a'),
      start: time('In virtual time. Default: 0s.', '1s'),
      batch: z.array(step).openapi({
        description:
          'Calls as for `POST /v1/syscalls`, and loops of them, two deep: `{"repeat": 10, "do": […]}`, `{"until": {"ref": "got", "is": 0}, "do": […]}`, `{"each": [80, 443], "as": "port", "do": […]}`, `{"if": {…}, "do": […], "else": […]}`. The answer has the results of a thousand calls. Time passes while a call waits (`ppoll`, `nanosleep`, a read that blocks); a call that does not takes 100 ns, so `until` without `repeat` ends with an `error` after 100,000 turns in a row in which no call waited, loops with `repeat` after a million.',
        example: [{ call: 'getpid' }],
      }),
      onError: z.enum(['stop', 'continue']).optional().openapi({
        description: 'What a call that fails, and does not `expect` that, means for those after it. Default: stop.',
        example: 'continue',
      }),
    }),
    z.strictObject({
      type: z
        .literal('exec')
        .openapi({ description: "One of Linux's own programs on a host. It knows nodes by their names (/etc/hosts)." }),
      name: named('Default: its type and number.', 'server').optional(),
      on: named('The host.', 'a'),
      start: time('In virtual time. Default: 0s.', '1s'),
      command: command.openapi({
        description:
          'A line for a shell, or the words of one program: of iproute2, iperf, nuttcp, socat, ethtool, busybox and what else `GET /v1/run` lists.',
        example: 'iperf -c 10.0.0.2 -t 10',
      }),
      stdin: z.string().optional().openapi({ description: 'What it reads. Default: nothing.', example: 'hello' }),
      background: flag('Nobody waits for its end: a server. Default: false.'),
      exit: exit.openapi({
        description:
          'How it is to end: its exit code (of a signal 128 and its number), several, or "any". One that ends otherwise has an `error`. Default: 0.',
        example: 1,
      }),
    }),
  ])
  .openapi('SimulationWorkload');

export const capture = z.union([
  name,
  z.strictObject({
    node: named('The node.', 'b'),
    interface: named('Default: all that links end in.', 'eth0').optional(),
    snaplen: count('Bytes kept of each packet. Default: all.', 96),
  }),
]);

/** What a simulation answers, as JSON: the engine's own types, with what each number means. */

import { z } from '@hono/zod-openapi';
import type { EventMark } from '../../simulation/events/event.ts';
import type { QdiscResult, WorkloadResult } from '../../simulation/measure/results.ts';
import type { Sample } from '../../simulation/measure/sampler.ts';
import type { DirectionResult, SimulationResult } from '../../simulation/run/run.ts';
import type { TimedResult } from '../../simulation/simulate.ts';
import { type Same, same } from './same.ts';

const summary = z
  .object({
    count: z.int(),
    min: z.number(),
    mean: z.number(),
    max: z.number(),
    deviation: z.number().openapi({ description: 'Standard deviation of the values themselves.' }),
    p50: z.number(),
    p90: z.number(),
    p95: z.number(),
    p99: z.number(),
    quantiles: z.array(z.number()).openapi({ description: 'At 0 %, 5 % … 100 %.' }),
  })
  .openapi('SimulationSummary');

const common = {
  name: z.string(),
  from: z.string(),
  to: z.string(),
  address: z.string(),
  port: z.int(),
  start_s: z.number(),
  duration_s: z.number().openapi({ description: 'From the start to the end, or to the end of the simulation.' }),
  completed: z.boolean().openapi({ description: 'It ended by itself.' }),
  truncated: z.literal(true).optional().openapi({ description: 'The end of the simulation cut it off.' }),
  error: z.string().optional().openapi({ description: 'What Linux said when it could not go on.' }),
  memory_bound: z.literal(true).optional().openapi({
    description:
      'One of its hosts met a shortage of the memory that all hosts share (`pressure`): hosts of their own would get something else.',
  }),
};
const goodput = z.number().openapi({ description: 'Payload received, in bits a second, over `duration_s`.' });
const marked = z.int().openapi({ description: "With `ecn`: received with ECN's mark, CE." });
const underWay = z.int().openapi({
  description:
    'Sent so late that one as slow as the slowest (without one: as the links are) would not have come: neither received nor lost.',
});

const replayedWay = z.object({
  packets: z
    .int()
    .openapi({ description: 'Of the capture; of one longer than the MTU, which a device was to cut, each part.' }),
  sent: z.int().openapi({ description: 'Until the end of the simulation.' }),
  received: z.int(),
  in_flight: underWay,
  lost: z.int(),
  loss: z.number().openapi({ description: 'A fraction of what was sent and is not under way.' }),
  reordered: z.int(),
  bytes: z.int().openapi({ description: 'Of payload, that came.' }),
  one_way_ms: summary.optional(),
});
const flow = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('tcp'),
      ...common,
      congestion: z.string().optional(),
      bytes: z.number().openapi({ description: 'That the receiver got in order.' }),
      goodput_bps: goodput,
      retransmits: z.int(),
      ecn: z.literal(true).optional().openapi({ description: 'Both ends agreed on ECN.' }),
      rtt_ms: summary.optional().openapi({ description: 'Of the smoothed round-trip times sampled while it ran.' }),
      min_rtt_ms: z.number().optional(),
      streams: z.array(z.object({ bytes: z.number(), goodput_bps: z.number() })),
      subflows: z
        .array(
          z.object({
            local: z.string(),
            remote: z.string(),
            bytes_acked: z.number(),
            goodput_bps: z.number(),
            rtt_ms: z.number(),
            min_rtt_ms: z.number(),
            retransmits: z.int(),
            cwnd: z.number().openapi({ description: 'Segments.' }),
          }),
        )
        .optional()
        .openapi({ description: 'Of MPTCP: the paths that were open at the end, as the sender sees them.' }),
      fairness: z.number().optional().openapi({ description: "Jain's index over the streams." }),
      tcp_info: z
        .record(z.string(), z.number())
        .optional()
        .openapi({ description: 'Of the first stream, at the end.' }),
    }),
    z.object({
      type: z.literal('udp'),
      ...common,
      sent: z.int(),
      received: z.int(),
      in_flight: underWay,
      lost: z.int(),
      loss: z.number().openapi({ description: 'A fraction of what was sent and is not under way.' }),
      duplicates: z.int(),
      reordered: z.int(),
      marked: marked.optional(),
      receivers: z
        .array(z.object({ node: z.string(), received: z.int(), lost: z.int(), in_flight: z.int() }))
        .optional()
        .openapi({ description: 'Of a group: what each of them got.' }),
      goodput_bps: z.number().optional().openapi({
        description:
          'All payload after the first datagram, over the time from the first arrival to the last; none with fewer than two.',
      }),
      one_way_ms: summary.optional(),
      jitter_ms: z
        .number()
        .openapi({ description: 'The running estimate of RFC 3550 in the order of arrival: its mean.' }),
      jitter_max_ms: z.number().openapi({ description: 'Its largest value.' }),
      jitter_last_ms: z.number().openapi({ description: 'Its last one, which iperf(1) shows.' }),
      delay_variation_ms: summary.optional().openapi({
        description: 'How transit times differ from one arrival to the next (RFC 3393), without their signs.',
      }),
    }),
    z.object({
      type: z.literal('ping'),
      ...common,
      sent: z.int(),
      received: z.int(),
      in_flight: underWay,
      duplicates: z.int(),
      loss: z.number().openapi({ description: 'A fraction of what was sent and is not under way.' }),
      rtt_ms: summary.optional(),
    }),
    z.object({
      type: z.literal('rr'),
      ...common,
      transactions: z.int(),
      per_second: z.number(),
      latency_ms: summary.optional(),
    }),
    z.object({
      type: z.literal('on-off'),
      ...common,
      periods: z.int(),
      bytes: z.number(),
      goodput_bps: z.number().openapi({ description: 'Over bursts and silences alike.' }),
      lost: z.int().optional().openapi({ description: 'UDP only.' }),
      in_flight: underWay.optional(),
      marked: marked.optional(),
    }),
    z.object({
      type: z.literal('flows'),
      ...common,
      started: z.int(),
      finished: z.int(),
      bytes: z.number(),
      goodput_bps: goodput,
      completion_ms: summary.optional(),
      by_size: z
        .array(z.object({ bytes: z.number(), count: z.int(), completion_ms: summary }))
        .openapi({ description: 'By size up to a power of ten, small to large.' }),
    }),
    z.object({
      type: z.literal('replay'),
      ...common,
      skipped: z.int().openapi({ description: 'Packets of others, and frames without IP.' }),
      there: replayedWay.openapi({ description: 'What `from` sent.' }),
      back: replayedWay.openapi({ description: 'What `to` sent.' }),
    }),
    z.object({
      type: z.literal('syscalls'),
      name: z.string(),
      on: z.string(),
      start_s: z.number(),
      completed: z.boolean(),
      result: z.unknown().optional(),
      error: z.string().optional().openapi({ description: 'A call that was not to fail ended it, or meant nothing.' }),
    }),
    z.object({
      type: z.literal('exec'),
      name: z.string(),
      on: z.string(),
      start_s: z.number(),
      completed: z.boolean().openapi({ description: 'It ended by itself.' }),
      truncated: z
        .literal(true)
        .optional()
        .openapi({ description: 'The end of the simulation cut it off; not of one in the background.' }),
      end_s: z.number().optional(),
      exit_code: z.int().optional(),
      signal: z.int().optional().openapi({ description: 'That ended it.' }),
      stdout: z.string().openapi({ description: 'What is no UTF-8 is U+FFFD.' }),
      stderr: z.string(),
      omitted: z.int().optional().openapi({ description: 'Bytes beyond the first MiB of each.' }),
      error: z
        .string()
        .optional()
        .openapi({ description: 'It could not be run, or did not end as `exit` of the request has it.' }),
    }),
  ])
  .openapi('SimulationFlow');

export const hijackNotes = z.array(
  z.object({ key: z.string(), kind: z.enum(['works', 'no-meaning', 'warning']), message: z.string() }),
);

const qdisc = z
  .object({
    kind: z.string(),
    handle: z.string(),
    parent: z.string(),
    sent_bytes: z.number(),
    sent_packets: z.number(),
    drops: z.number().openapi({ description: 'Packets it did not deliver, those of qdiscs below it included.' }),
    marks: z.number().openapi({ description: 'Packets it marked instead (ECN).' }),
    overlimits: z.number(),
    backlog_bytes: z.number(),
    backlog_packets: z.number(),
    extra: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: "Counters of its kind, by the kernel's names." }),
  })
  .openapi('SimulationQdisc');

const direction = z.object({
  rate_bps: z.number().optional().openapi({ description: 'At the start.' }),
  delay_ms: z.number().openapi({ description: 'At the start.' }),
  queue: z.string().optional(),
  limit_bytes: z.number().optional(),
  gso: z.boolean().openapi({ description: 'Packets of many segments pass whole.' }),
  drops: z.object({ loss: z.number(), queue: z.number() }).openapi({
    description:
      'Packets lost on the wire and dropped by the queue, as they came to them: one of many segments (GSO, see `gso`) is one.',
  }),
  marks: z
    .object({ loss: z.number(), queue: z.number() })
    .openapi({ description: 'ECN-capable packets that arrived, but marked instead of lost or dropped.' }),
  fairness: z.number().optional().openapi({
    description: "Jain's index over the TCP workloads that pass here, where they are two or more.",
  }),
  qdiscs: z.array(qdisc),
});

const event = z
  .object({
    time_s: z.number(),
    event: z.int().openapi({ description: 'Its index in the request.' }),
    says: z.string(),
    error: z.string().optional().openapi({ description: 'What Linux said when it refused a part of it.' }),
  })
  .openapi('SimulationEventMark');

export const sample = z
  .object({
    time_s: z.number(),
    tcp: z
      .array(
        z.object({
          workload: z.int(),
          stream: z.int(),
          cwnd: z.number().openapi({ description: 'Segments.' }),
          ssthresh: z.number(),
          srtt_ms: z.number(),
          rttvar_ms: z.number(),
          min_rtt_ms: z.number(),
          delivery_rate_bps: z.number(),
          pacing_rate_bps: z.number(),
          unacked: z.number().openapi({ description: 'Segments.' }),
          retransmits: z.number(),
          bytes_acked: z.number(),
        }),
      )
      .openapi({ description: 'Of each connection that is open.' }),
    links: z.array(
      z.object({
        link: z.string(),
        forward_bps: z.number().optional().openapi({ description: 'The rate it has then.' }),
        reverse_bps: z.number().optional(),
        forward: z.array(qdisc),
        reverse: z.array(qdisc),
      }),
    ),
    flows: z
      .array(
        z.object({
          workload: z.int(),
          received: z.int(),
          bytes: z.number(),
          time_ms: z.object({ mean: z.number(), max: z.number() }).optional(),
        }),
      )
      .openapi({
        description:
          'What flows without tcp_info did since the sample before: datagrams, pings, requests, transfers. `time_ms`: one way for datagrams, else there and back, or to their end.',
      }),
    events: z.array(event).optional().openapi({ description: 'That came since the sample before.' }),
  })
  .openapi('SimulationSample');

export const simulationAnswer = z
  .object({
    seed: z.int(),
    virtual_s: z.number(),
    wall_s: z.number().optional().openapi({ description: 'Unless timing=0.' }),
    error: z.string().optional().openapi({
      description: 'The kernel that all hosts share ran out of memory: what is here is not to be relied on.',
    }),
    warnings: z.array(z.object({ path: z.string(), message: z.string() })).openapi({
      description: 'What looks like a slip in the request, and what bounds the meaning of numbers here, by JSON path.',
    }),
    flows: z.array(flow).openapi({ description: 'Of each workload, in their order.' }),
    events: z.array(event).optional().openapi({ description: 'Those that came, in order of time.' }),
    fairness: z.number().optional().openapi({
      description: "Jain's index over the TCP workloads that did not fail, if all of them pass one link the same way.",
    }),
    captures: z.array(
      z.object({
        node: z.string(),
        interface: z.string(),
        packets: z.int(),
        dropped: z.int().openapi({ description: 'Not recorded, for want of buffer space.' }),
        bytes: z.int().openapi({ description: 'Of the pcapng file.' }),
        pcapng: z.string().optional().openapi({ description: 'base64, with pcap=inline.' }),
      }),
    ),
    links: z.array(
      z.object({
        name: z.string(),
        endpoints: z.tuple([z.string(), z.string()]),
        forward: direction,
        reverse: direction,
      }),
    ),
    hosts: z.record(
      z.string(),
      z.looseObject({
        interfaces: z.record(z.string(), z.object({ mac: z.string(), mtu: z.int(), addresses: z.array(z.string()) })),
        state: z.looseObject({}).openapi({
          description:
            'As ip, ss and tc would show it at the end. Of a host with rules, `nftables`: their counters, and the connections that are tracked (a thousand at most).',
        }),
        pressure: z.record(z.string(), z.number()).optional().openapi({
          description:
            'Counters, by the names of nstat(8), that tell of a shortage of the memory that all hosts share.',
        }),
        hijack: z.object({ notes: hijackNotes, dump: z.record(z.string(), z.string()) }).optional(),
      }),
    ),
    samples: z.array(sample).optional().openapi({ description: 'When asked for.' }),
  })
  .openapi('SimulationAnswer');

type Answer = z.infer<typeof simulationAnswer>;
/** Kernel structures of their own: tcp_info, counters by kind of qdisc, the state of hosts. */
type Bare<T> = T extends unknown ? Omit<T, 'tcp_info' | 'result'> : never;
same<Same<Bare<z.infer<typeof flow>>, Bare<WorkloadResult>>>(true);
same<Same<Omit<z.infer<typeof qdisc>, 'extra'>, Omit<QdiscResult, 'extra'>>>(true);
same<Same<Omit<z.infer<typeof direction>, 'qdiscs'>, Omit<DirectionResult, 'qdiscs'>>>(true);
same<Same<z.infer<typeof event>, EventMark>>(true);
same<Same<Omit<z.infer<typeof sample>, 'links'>, Omit<Sample, 'links'>>>(true);
same<Same<keyof Answer, keyof SimulationResult | 'wall_s' | 'samples'>>(true);

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

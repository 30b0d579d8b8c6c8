/** Networks as JSON: what a simulation is asked to be. Units and words are tc's and ip's; the types are the engine's own. */

import { z } from '@hono/zod-openapi';
import type { SimulationRequest } from '../../simulation/simulate.ts';
import { DEADLINE_MS } from '../syscalls/schema.ts';
import { event } from './event-schema.ts';
import { host, link, networkSwitch, topology } from './network-schema.ts';
import { type Same, same } from './same.ts';
import { byName, MAX_WORDS, name, time } from './words.ts';
import { capture, family, workload } from './workload-schema.ts';

export { answerOf, hijackNotes, sample, simulationAnswer, simulationForm } from './answer-schema.ts';

export const simulation = z
  .strictObject({
    seed: z
      .int()
      .min(0)
      .optional()
      .openapi({ description: 'Same request and seed: same bytes. Default: 0.', example: 1 }),
    duration: time(
      'Virtual time after which it ends at the latest; it ends sooner once every workload has. Default: 60s.',
      '10s',
    ),
    hosts: byName(host).openapi({ description: 'By name.', example: { a: {}, b: {} } }),
    topology: topology.optional().openapi({
      description: 'Nodes and links of a common form, beside those that are named.',
      example: {
        kind: 'dumbbell',
        left: 2,
        right: 2,
        edge: { rate: '100mbit' },
        core: { rate: '10mbit', delay: '20ms' },
      },
    }),
    routers: byName(host)
      .optional()
      .openapi({ description: 'Hosts that forward.', example: { r: {} } }),
    switches: byName(networkSwitch)
      .optional()
      .openapi({ description: 'Bridges.', example: { s: {} } }),
    links: z.array(link).openapi({ description: 'Each joins two nodes.' }),
    workloads: z.array(workload).optional().openapi({ description: 'What hosts do. Default: nothing, to the end.' }),
    events: z
      .array(event)
      .optional()
      .openapi({
        description: 'What changes while it runs. All are checked before it starts; those that came are in the answer.',
        example: [{ type: 'link', at: '5s', link: 'a-b', rate: '1mbit' }],
      }),
    capture: z
      .array(capture)
      .optional()
      .openapi({ description: 'Nodes, or "node:interface", whose packets are recorded.', example: ['b'] }),
    samples: z
      .strictObject({
        interval: z.string().max(MAX_WORDS).openapi({ description: 'Virtual time between two.', example: '100ms' }),
      })
      .optional()
      .openapi({ description: 'Of tcp_info and of the queues. Default: none.', example: { interval: '100ms' } }),
    families: z
      .array(family)
      .optional()
      .openapi({ description: 'Which addresses are chosen and routed. Default: both.', example: ['ipv4'] }),
    perturb: time(
      "Up to so much more delay, at random, for each packet that comes to a queue of a link; packets keep their order. A frame's time at the bottleneck ends phase effects. Default: 0s.",
      '1ms',
    ),
    neighbours: z.enum(['static', 'dynamic']).optional().openapi({
      description:
        "static: hosts know each other's Ethernet addresses; dynamic: ARP and neighbour discovery find them. Default: static.",
      example: 'dynamic',
    }),
    deadline_ms: z.int().min(1).max(DEADLINE_MS.max).default(DEADLINE_MS.default).openapi({
      description: 'Milliseconds that it may take by the clock on the wall. Default: 30000.',
      example: 60000,
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

same<Same<Omit<z.infer<typeof simulation>, 'deadline_ms'>, SimulationRequest>>(true);

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

/** Sweeps as JSON: a network, values for some of its members, and a table of what came of each combination. */

import { z } from '@hono/zod-openapi';
import { HostError } from '../../errors/host-error.ts';
import { type SweepFlow, sweepFlow } from '../../simulation/sweep/row.ts';
import type { SweptRun } from '../../simulation/sweep/run-sweep.ts';
import { simulationAnswer } from './answer-schema.ts';
import { type Same, same } from './same.ts';
import { answerOf, simulation } from './schema.ts';

export const sweepRequest = simulation
  .extend({
    sweep: z.record(z.string().min(1).max(256), z.array(z.unknown())).openapi({
      description:
        'By the paths of members, as problems and warnings have them: the values each is to have. A run for each combination, the last path changing fastest, a thousand at most. A member that is not there yet is made; the object it is in must be there.',
      example: { 'links[0].delay': ['10ms', '20ms'], 'workloads[0].congestion': ['cubic', 'bbr'] },
    }),
    deadline_ms: simulation.shape.deadline_ms.openapi({
      description:
        'Milliseconds that all runs together may take by the clock on the wall: those that come too late have an `error`. Default: 30000.',
      example: 60000,
    }),
  })
  .openapi('SimulationSweep', {
    example: {
      seed: 1,
      duration: '5s',
      hosts: { a: {}, b: {} },
      links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
      workloads: [{ type: 'tcp', from: 'a', to: 'b' }],
      sweep: { 'links[0].delay': ['10ms', '20ms'], 'workloads[0].congestion': ['cubic', 'bbr'] },
    },
  });

const flow = z.object({
  name: z.string(),
  type: z.enum(['tcp', 'udp', 'ping', 'rr', 'on-off', 'flows', 'replay', 'syscalls', 'exec']),
  error: z.string().optional(),
  goodput_bps: z.number().optional(),
  latency_p50_ms: z.number().optional().openapi({
    description: 'There and back; one way for datagrams; to the end of a request or a transfer.',
  }),
  latency_p99_ms: z.number().optional(),
  loss: z.number().optional().openapi({ description: 'A fraction of what was sent.' }),
  retransmits: z.number().optional(),
});
same<Same<z.infer<typeof flow>, SweepFlow>>(true);

const sweptRun = z
  .object({
    values: z.record(z.string(), z.unknown()).openapi({ description: 'By path.' }),
    virtual_s: z.number().optional(),
    error: z.string().optional().openapi({
      description:
        'Why nothing came of it, or why what came is not to be relied on. The other runs are run all the same.',
    }),
    warnings: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    flows: z.array(flow).openapi({ description: 'Of each workload, in their order; none if it did not run.' }),
    answer: simulationAnswer.optional().openapi({ description: 'All that came of it, with answers=whole.' }),
  })
  .openapi('SimulationSweepRun');

export const sweepAnswer = z
  .object({ runs: z.array(sweptRun).openapi({ description: 'In the order of the combinations.' }) })
  .openapi('SimulationSweepAnswer');

export const sweepQuery = z.object({
  answers: z.enum(['table', 'whole']).default('table').openapi({
    description: 'whole: each run with all of its answer, its final state included, as POST /v1/simulations has it.',
  }),
  timing: z.enum(['0', '1']).default('1').openapi({ description: '0 leaves out `wall_s` of whole answers.' }),
});

/** A row of the table. */
export function sweptRunOf({ values, ran, problem }: SweptRun, whole: boolean, timing: '0' | '1') {
  if (!ran) {
    const known = problem instanceof HostError ? problem.message : 'an internal error';
    return { values, error: known, flows: [] };
  }
  const { virtual_s, error, warnings, flows } = ran.result;
  return {
    values,
    virtual_s,
    ...(error !== undefined && { error }),
    ...(warnings.length > 0 && { warnings }),
    flows: flows.map(sweepFlow),
    ...(whole && { answer: answerOf(ran, timing) }),
  };
}

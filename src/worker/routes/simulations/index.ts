/** Handlers of /v1/simulations and its sweeps. */

import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { readSimulation } from '../../../api/simulations/read-simulation.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { SimulationRequest } from '../../../simulation/simulate.ts';
import { planSweep } from '../../../simulation/sweep/run-sweep.ts';
import { NDJSON } from '../answers/ndjson.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import type { Env } from '../env.ts';
import { router } from '../router.ts';
import { answerHtml, answerJson, answerLines, answerParts, answerPcap, HTML, PARTS, PCAPNG } from './answers.ts';
import { postSimulations, postSweeps } from './route.ts';
import { answerSweepCsv, answerSweepHtml, answerSweepJson, answerSweepLines, CSV } from './sweeps.ts';

export const simulations = router();

/** A trace of an hour is some megabytes. */
simulations.use(postSimulations.getRoutingPath(), wholeBody);
simulations.use(postSweeps.getRoutingPath(), wholeBody);

const answers = {
  'application/json': answerJson,
  [PARTS]: answerParts,
  [NDJSON]: answerLines,
  [PCAPNG]: answerPcap,
  [HTML]: answerHtml,
};

simulations.openapi(postSimulations, async (c) => {
  const { deadline_ms, ...request } = c.req.valid('json');
  const options = c.req.valid('query');
  const supports = Object.keys(answers);
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' }) as keyof typeof answers;
  // What JSON leaves out is absent: there is no `undefined` in it.
  const planned = c.var.jobs.simulations.plan(request as SimulationRequest, {
    sampled: type === HTML || options.samples === 'always',
  });
  const response = await answers[type](c, planned, { ...options, deadlineMs: deadline_ms, request });
  return response as never; // the router's types have no response of several media types
});

/** Looking at a thousand networks may take so long, and no longer than all of the sweep. */
const PLANNING_MS = 30_000;

/** Others have their turns between two networks, and whoever asked may be gone by then. */
function planningTurn({ var: { gone, nowMs } }: Context<Env>, deadlineMs: number): () => Promise<void> {
  const mostMs = Math.min(PLANNING_MS, deadlineMs);
  const endMs = nowMs() + mostMs;
  return async () => {
    await scheduler.wait(0);
    gone.throwIfAborted();
    if (nowMs() > endMs)
      throw new HostError('kernel-deadline', `its networks were not all looked at after ${mostMs} ms: sweep fewer`);
  };
}

const sweepAnswers = {
  'application/json': answerSweepJson,
  [NDJSON]: answerSweepLines,
  [CSV]: answerSweepCsv,
  [HTML]: answerSweepHtml,
};

simulations.openapi(postSweeps, async (c) => {
  const { deadline_ms, sweep, ...network } = c.req.valid('json');
  const { answers: detail, timing } = c.req.valid('query');
  const supports = Object.keys(sweepAnswers);
  const type = accepts(c, { header: 'Accept', supports, default: 'application/json' }) as keyof typeof sweepAnswers;
  const plan = (one: unknown) => c.var.jobs.simulations.plan(readSimulation(one));
  const runs = await planSweep(network, sweep, plan, planningTurn(c, deadline_ms));
  const response = await sweepAnswers[type](c, runs, {
    deadlineMs: deadline_ms,
    whole: detail === 'whole',
    timing,
    paths: Object.keys(sweep),
    request: { ...network, sweep },
  });
  return response as never; // the router's types have no response of several media types
});

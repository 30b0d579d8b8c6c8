/** Handlers of /v1/simulations. */

import { accepts } from 'hono/accepts';
import type { SimulationRequest } from '../../../simulation/simulate.ts';
import { NDJSON } from '../ndjson.ts';
import { router } from '../router.ts';
import { wholeBody } from '../whole-body.ts';
import { answerHtml, answerJson, answerLines, answerParts, answerPcap, HTML, PARTS, PCAPNG } from './answers.ts';
import { postSimulations } from './route.ts';

export const simulations = router();

/** A trace of an hour is some megabytes. */
simulations.use(postSimulations.getRoutingPath(), wholeBody);

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

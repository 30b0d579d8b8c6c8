/** Handlers of /v1/simulations. */

import { accepts } from 'hono/accepts';
import { bodyLimit } from 'hono/body-limit';
import { HostError } from '../../../errors/host-error.ts';
import type { SimulationRequest } from '../../../simulation/simulate.ts';
import { NDJSON } from '../ndjson.ts';
import { router } from '../router.ts';
import { answerHtml, answerJson, answerLines, answerParts, answerPcap, HTML, PARTS, PCAPNG } from './answers.ts';
import { postSimulations } from './route.ts';

export const simulations = router();

/** A trace of an hour is some megabytes. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

simulations.use(
  postSimulations.getRoutingPath(),
  bodyLimit({
    maxSize: MAX_JSON_BYTES,
    onError: () => {
      throw new HostError('body-too-large', `a network has at most ${MAX_JSON_BYTES} bytes`);
    },
  }),
);

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
  const response = await answers[type](c, planned, { ...options, deadlineMs: deadline_ms });
  return response as never; // the router's types have no response of several media types
});

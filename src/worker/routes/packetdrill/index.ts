/** Handler of /v1/packetdrill. */

import { packetdrillAnswerOf, packetdrillOf } from '../../../api/packetdrill/schema.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { router } from '../router.ts';
import { postPacketdrill } from './route.ts';

export const packetdrill = router();

packetdrill.use(postPacketdrill.getRoutingPath(), wholeBody);

packetdrill.openapi(postPacketdrill, async (c) => {
  const results = await c.var.jobs.packetdrill.run(packetdrillOf(c.req.valid('json')));
  return c.json(packetdrillAnswerOf(results), 200);
});

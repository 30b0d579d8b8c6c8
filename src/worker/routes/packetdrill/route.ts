/** POST /v1/packetdrill: a script in, whether Linux did as it says out. */

import { createRoute } from '@hono/zod-openapi';
import { packetdrillAnswer, packetdrillRequest } from '../../../api/packetdrill/schema.ts';
import { problemResponses } from '../problem.ts';

export const postPacketdrill = createRoute({
  method: 'post',
  path: '/v1/packetdrill',
  operationId: 'postPacketdrill',
  summary: 'Play a packetdrill script on a fresh kernel',
  description:
    "In virtual time, once for each version of IP: no result depends on the host's speed. What a script says that is not understood is its error, with the line.",
  tags: ['packetdrill'],
  request: { body: { required: true, content: { 'application/json': { schema: packetdrillRequest } } } },
  responses: {
    200: {
      description: 'It was played. That Linux did otherwise is an answer, not a problem.',
      content: { 'application/json': { schema: packetdrillAnswer } },
    },
    ...problemResponses(400, 413, 415, 422),
  },
});

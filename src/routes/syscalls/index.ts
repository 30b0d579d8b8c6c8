/** Handlers of /v1/syscalls. */

import type { z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HostError } from '../../abi/host-error.ts';
import { describe } from '../../jobs/batch/describe.ts';
import type { PlayedCall } from '../../jobs/batch-player.ts';
import { isNdjson } from '../ndjson.ts';
import { router } from '../router.ts';
import { answerLines } from './lines.ts';
import { getSyscalls, postSyscalls } from './route.ts';
import { batchOf, collector, syscallTable } from './schema.ts';

export const syscalls = router();

/** The router's types have no response of two media types. */
const untyped = (response: Response): never => response as never;

/** Of a body that is held in memory whole. */
const MAX_JSON_BYTES = 16 * 2 ** 20;

const wholeBody = bodyLimit({
  maxSize: MAX_JSON_BYTES,
  onError: () => {
    throw new HostError(
      'body-too-large',
      `JSON has at most ${MAX_JSON_BYTES} bytes: send lines (application/x-ndjson)`,
    );
  },
});

syscalls.use(postSyscalls.getRoutingPath(), (c, next) => (isNdjson(c) ? next() : wholeBody(c, next)));

syscalls.openapi(postSyscalls, async (c) => {
  if (isNdjson(c)) return untyped(await answerLines(c, c.var.jobs.syscalls));
  const { calls, ...head } = c.req.valid('json');
  const { sink, answer } = collector();
  const report = await c.var.jobs.syscalls.run(batchOf(head, calls as readonly PlayedCall[]), sink);
  return untyped(c.json(answer(report, head.console), 200));
});

let table: z.infer<typeof syscallTable> | undefined;

syscalls.openapi(getSyscalls, (c) => {
  table ??= syscallTable.parse(describe());
  return c.json(table, 200, { 'cache-control': 'public, max-age=3600' });
});

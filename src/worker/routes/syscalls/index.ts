/** Handlers of /v1/syscalls. */

import type { z } from '@hono/zod-openapi';
import { answerOf, batchOf, syscallTable } from '../../../api/syscalls/schema.ts';
import { ResultKeeper } from '../../../batch/kept/result-keeper.ts';
import { describe } from '../../../batch/language/describe.ts';
import type { PlayedCall } from '../../../batch/player.ts';
import { isNdjson } from '../answers/ndjson.ts';
import { wholeBody } from '../bodies/whole-body.ts';
import { unlockOf } from '../image-content/stack.ts';
import { router, untyped } from '../router.ts';
import { answerLines } from './lines.ts';
import { getSyscalls, postSyscalls } from './route.ts';

export const syscalls = router();

syscalls.use(postSyscalls.getRoutingPath(), wholeBody);

syscalls.openapi(postSyscalls, async (c) => {
  const unlock = unlockOf(c);
  if (isNdjson(c)) return untyped(await answerLines(c, c.var.jobs.syscalls, unlock));
  const { calls, ...head } = c.req.valid('json');
  const keeper = new ResultKeeper();
  const batch = { ...batchOf(head, calls as readonly PlayedCall[]), unlock };
  const playing = c.var.jobs.syscalls.run(batch, (result, task) => keeper.keep(result, task));
  const report = await playing.catch((cause: unknown) => {
    throw keeper.explain(cause);
  });
  return untyped(c.json(answerOf(report, keeper, head.console), 200));
});

let table: z.infer<typeof syscallTable> | undefined;

syscalls.openapi(getSyscalls, (c) => {
  table ??= syscallTable.parse(describe());
  return c.json(table, 200, { 'cache-control': 'public, max-age=3600' });
});

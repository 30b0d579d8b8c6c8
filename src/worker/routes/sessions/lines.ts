/** A batch of a session as lines. Unlike on a kernel of its own it is held whole: others wait until it was played. */

import type { z } from '@hono/zod-openapi';
import { parseLines } from '../ndjson.ts';
import { headAndCalls } from '../syscalls/lines.ts';
import type { sessionAnswer } from './schema.ts';
import { type sessionBatch, sessionBatchHead } from './schema.ts';

export async function batchOfLines(body: ReadableStream<Uint8Array> | null): Promise<z.infer<typeof sessionBatch>> {
  const { head, calls } = await headAndCalls(
    parseLines(body, async () => {}),
    sessionBatchHead,
  );
  const all: unknown[] = [];
  for await (const call of calls) all.push(call);
  return { ...head, calls: all as z.infer<typeof sessionBatch>['calls'] };
}

export function linesOf({ results, tasks = {}, ...end }: z.infer<typeof sessionAnswer>): string {
  const lists = Object.entries(tasks);
  const ofTasks = lists.flatMap(([task, { results }]) => results.map((result) => ({ task, ...result })));
  const ends = Object.fromEntries(lists.map(([name, { results: _, ...end }]) => [name, end]));
  const lines = [...results, ...ofTasks, { end: { ...end, ...(lists.length > 0 && { tasks: ends }) } }];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** A batch of a session as lines. Unlike on a kernel of its own it is held whole: others wait until it was played. */

import type { z } from '@hono/zod-openapi';
import type { Hold } from '../../bodies/budget.ts';
import { MAX_JSON_BYTES } from '../../bodies/json.ts';
import { parseLines } from '../answers/ndjson.ts';
import { headAndCalls } from '../syscalls/lines.ts';
import { type sessionAnswer, type sessionBatch, sessionBatchHead } from './schema.ts';

export async function batchOfLines(
  body: ReadableStream<Uint8Array> | null,
  memory: Hold,
): Promise<z.infer<typeof sessionBatch>> {
  const lines = parseLines(body, memory, async () => {}, MAX_JSON_BYTES);
  const { head, calls } = await headAndCalls(lines, sessionBatchHead);
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

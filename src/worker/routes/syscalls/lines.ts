/** A batch as lines: calls in, results out, as they come. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { batchHead, batchOf, call, endOf } from '../../../api/syscalls/schema.ts';
import type { PlayedCall } from '../../../batch/player.ts';
import type { SyscallBatchJobs } from '../../../batch/syscall-batch.ts';
import type { Unlock } from '../../../image/stack/keyring.ts';
import type { Hold } from '../../bodies/budget.ts';
import { type LineWriter, lineWriter, NDJSON, type NumberedLine, parseLines, validated } from '../answers/ndjson.ts';
import { streamed } from '../answers/stream.ts';
import type { Env } from '../env.ts';
import { documentOfThrown } from '../problem.ts';

export async function answerLines(c: Context<Env>, jobs: SyscallBatchJobs, unlock: Unlock): Promise<Response> {
  const body = c.req.raw.body;
  const stream = await streamed(async (sink) => {
    let begun = false;
    const out = lineWriter((chunk) => {
      begun = true;
      return sink(chunk);
    });
    try {
      await play(body, c.var.memory, jobs, out, unlock);
    } catch (cause) {
      // Before anything was sent, it can still be the answer.
      if (!begun) throw cause;
      await out.line({ problem: documentOfThrown(cause) });
      await out.flush();
      throw cause;
    }
  }, c.var);
  return c.body(stream, 200, { 'content-type': NDJSON });
}

async function play(
  body: ReadableStream<Uint8Array> | null,
  memory: Hold,
  jobs: SyscallBatchJobs,
  out: LineWriter,
  unlock: Unlock,
): Promise<void> {
  const lines = parseLines(body, memory, () => out.flush());
  const { head, calls } = await headAndCalls(lines, batchHead);
  const report = await jobs.run({ ...batchOf(head, calls), unlock }, (result, task) =>
    out.line(task === undefined ? result : { task, ...result }),
  );
  const tasks = Object.keys(report.tasks).length > 0 ? { tasks: report.tasks } : {};
  await out.line({ end: { ...endOf(report, head.console), ...tasks } });
  await out.flush();
}

/** The first line is the head unless it is a call; calls are checked as they are taken. */
export async function headAndCalls<Head extends z.ZodType>(lines: AsyncGenerator<NumberedLine>, schema: Head) {
  const first = await lines.next();
  const hasHead = !first.done && !isCall(first.value.value);
  const head = validated(schema, 'line 1', hasHead ? first.value.value : {});
  return { head, calls: callsOf(hasHead || first.done ? undefined : first.value, lines) };
}

const isCall = (value: unknown): boolean => typeof value === 'object' && value !== null && 'call' in value;

async function* callsOf(
  first: NumberedLine | undefined,
  lines: AsyncIterable<NumberedLine>,
): AsyncGenerator<PlayedCall> {
  if (first) yield validated(call, `line ${first.number}`, first.value) as PlayedCall;
  for await (const line of lines) yield validated(call, `line ${line.number}`, line.value) as PlayedCall;
}

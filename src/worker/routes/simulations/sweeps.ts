/** A sweep's answer as one document, as lines while it runs, as a table of comma-separated values, or as a page. */

import type { Context } from 'hono';
import { sweptRunOf } from '../../../api/simulations/sweep-schema.ts';
import type { Sink } from '../../../archive/chunk-writer.ts';
import { HostError } from '../../../errors/host-error.ts';
import { sweepPage } from '../../../simulation/report/sweep-page.ts';
import { csvHead, csvRows } from '../../../simulation/sweep/csv.ts';
import { type PlannedRun, runSweep } from '../../../simulation/sweep/run-sweep.ts';
import { NDJSON } from '../answers/ndjson.ts';
import { streamed } from '../answers/stream.ts';
import type { Env } from '../env.ts';
import { documentOfThrown } from '../problem.ts';
import { reportAssets } from './report-assets.ts';

export const CSV = 'text/csv';

const encoder = new TextEncoder();

interface Options {
  /** Of all runs together. */
  readonly deadlineMs: number;
  readonly whole: boolean;
  readonly timing: '0' | '1';
  /** Of the sweep's members. */
  readonly paths: readonly string[];
  /** As it was sent. */
  readonly request: unknown;
}

type Row = ReturnType<typeof sweptRunOf>;

/** Each run has what the ones before it have left of the time. */
async function* rowsOf(
  c: Context<Env>,
  runs: readonly PlannedRun[],
  { deadlineMs, whole, timing }: Options,
): AsyncGenerator<Row, void, void> {
  let leftMs = deadlineMs;
  let beganMs = c.var.nowMs();
  const options = () => {
    const nowMs = c.var.nowMs();
    leftMs -= nowMs - beganMs;
    beganMs = nowMs;
    return { deadlineMs: Math.max(1, leftMs), signal: c.req.raw.signal };
  };
  for await (const run of runSweep(runs, options)) {
    if (run.problem !== undefined && !(run.problem instanceof HostError)) c.var.log(run.problem);
    yield sweptRunOf(run, whole, timing);
  }
}

async function allRows(...of: Parameters<typeof rowsOf>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of rowsOf(...of)) rows.push(row);
  return rows;
}

export async function answerSweepJson(
  c: Context<Env>,
  runs: readonly PlannedRun[],
  options: Options,
): Promise<Response> {
  const rows = await allRows(c, runs, options);
  return c.json({ runs: rows }, 200);
}

export async function answerSweepLines(
  c: Context<Env>,
  runs: readonly PlannedRun[],
  options: Options,
): Promise<Response> {
  return answerAs(c, NDJSON, async (sink) => {
    const line = (value: unknown) => sink(encoder.encode(`${JSON.stringify(value)}\n`));
    try {
      for await (const run of rowsOf(c, runs, options)) await line({ run });
      await line({ end: { runs: runs.length } });
    } catch (cause) {
      c.var.gone.throwIfAborted();
      await line({ problem: documentOfThrown(cause) });
      c.var.log(cause);
    }
  });
}

export async function answerSweepCsv(
  c: Context<Env>,
  runs: readonly PlannedRun[],
  options: Options,
): Promise<Response> {
  return answerAs(c, CSV, async (sink) => {
    await sink(encoder.encode(csvHead(options.paths)));
    for await (const row of rowsOf(c, runs, options)) await sink(encoder.encode(csvRows(options.paths, row)));
  });
}

export async function answerSweepHtml(
  c: Context<Env>,
  runs: readonly PlannedRun[],
  options: Options,
): Promise<Response> {
  const rows = await allRows(c, runs, options);
  return c.html(await sweepPage(rows, await reportAssets(), options.request));
}

async function answerAs(c: Context<Env>, type: string, produce: (sink: Sink) => Promise<void>): Promise<Response> {
  return c.body(await streamed(produce, c.var), 200, { 'content-type': type });
}

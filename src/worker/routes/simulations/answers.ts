/** A simulation's answer as one JSON document, with captures as files, as lines while it runs, as one capture, or as a page. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { answerOf, type query } from '../../../api/simulations/schema.ts';
import type { Sink } from '../../../archive/chunk-writer.ts';
import { toBase64 } from '../../../bytes/base64.ts';
import { concat } from '../../../bytes/concat.ts';
import { HostError } from '../../../errors/host-error.ts';
import { reportPage } from '../../../simulation/report/page.ts';
import { ChartRecorder } from '../../../simulation/report/series.ts';
import { badSimulation, type PlannedSimulation, type RunOptions, type Taken } from '../../../simulation/simulate.ts';
import { NDJSON } from '../answers/ndjson.ts';
import { streamed } from '../answers/stream.ts';
import type { Env } from '../env.ts';
import { documentOfThrown } from '../problem.ts';
import { reportAssets } from './report-assets.ts';

export const PCAPNG = 'application/x-pcapng';
export const HTML = 'text/html';
export const PARTS = 'multipart/form-data';

const encoder = new TextEncoder();

type Options = z.infer<typeof query> & { readonly deadlineMs: number; readonly request: unknown };

/** Of captures that are to be part of one document. */
const MAX_INLINE_BYTES = 16 * 2 ** 20;
/** What may wait for its reader while the simulation goes on. */
const MAX_WAITING_BYTES = 2 ** 20;

const tooMuch = () => {
  const message = `more than ${MAX_INLINE_BYTES} bytes of packets do not fit one document: take them as ${NDJSON}, one as ${PCAPNG}, or less of each with a snaplen`;
  return badSimulation([{ code: 'over-budget', path: 'capture', message }]);
};

/** Runs it, and holds what comes of it until its end. */
async function runHolding(planned: PlannedSimulation, { deadlineMs, timing }: Options, withCaptures: boolean) {
  const samples: unknown[] = [];
  const files = planned.captures.map((): Uint8Array[] => []);
  const stop = new AbortController();
  let held = 0;
  const ran = await planned.run({
    deadlineMs,
    signal: stop.signal,
    sample(sample) {
      samples.push(sample);
    },
    ...(withCaptures && {
      capture(index, bytes) {
        held += bytes.length;
        if (held > MAX_INLINE_BYTES) stop.abort(tooMuch());
        else files[index]?.push(bytes);
      },
    }),
  });
  const answer = { ...answerOf(ran, timing), ...(samples.length > 0 && { samples }) };
  return { answer, files, headers: { 'server-timing': `simulation;dur=${ran.wallMs.toFixed(1)}` } };
}

export async function answerJson(c: Context<Env>, planned: PlannedSimulation, options: Options): Promise<Response> {
  const inline = options.pcap === 'inline';
  const { answer, files, headers } = await runHolding(planned, options, inline);
  const captures = answer.captures.map((capture, i) => ({
    ...capture,
    ...(inline && { pcapng: toBase64(concat(files[i] ?? [])) }),
  }));
  return c.json({ ...answer, captures }, 200, headers);
}

/** The document, and each capture as a file. */
export async function answerParts(_: Context<Env>, planned: PlannedSimulation, options: Options): Promise<Response> {
  const { answer, files, headers } = await runHolding(planned, options, true);
  const form = new FormData();
  form.append('answer', new File([JSON.stringify(answer)], 'answer.json', { type: 'application/json' }));
  for (const [i, { node, interface: name }] of planned.captures.entries()) {
    form.append('capture', new File([concat(files[i] ?? [])], `${node}-${name}.pcapng`, { type: PCAPNG }));
  }
  return new Response(form, { headers });
}

export async function answerLines(c: Context<Env>, planned: PlannedSimulation, options: Options): Promise<Response> {
  const stream = await streamed(async (sink) => {
    let begun = false;
    const line = (value: unknown) => encoder.encode(`${JSON.stringify(value)}\n`);
    try {
      const ran = await runSending(planned, options, sink, (send) => {
        const tell = (value: unknown) => {
          begun = true;
          return send(line(value));
        };
        return {
          sample: (sample) => tell({ sample }),
          progress: (time_s) => tell({ progress: { time_s } }),
          ...(options.pcap === 'inline' && {
            capture: (capture, bytes) => tell({ capture, pcapng: toBase64(bytes) }),
          }),
        };
      });
      await sink(line({ end: answerOf(ran, options.timing) }));
    } catch (cause) {
      // Before anything was sent, it can still be the answer.
      if (!begun) throw cause;
      // A stream that breaks off could lose the line that says why; without an `end` nobody takes it for the whole.
      await sink(line({ problem: documentOfThrown(cause) }));
      c.var.log(cause);
    }
  }, c.var);
  return c.body(stream, 200, { 'content-type': NDJSON });
}

export async function answerPcap(c: Context<Env>, planned: PlannedSimulation, options: Options): Promise<Response> {
  const wanted = chosen(planned, options.capture);
  const stream = await streamed(async (sink) => {
    await runSending(planned, options, sink, (send) => ({
      capture: (index, bytes) => (index === wanted ? send(bytes) : undefined),
    }));
  }, c.var);
  return c.body(stream, 200, { 'content-type': PCAPNG });
}

export async function answerHtml(c: Context<Env>, planned: PlannedSimulation, options: Options): Promise<Response> {
  const recorder = new ChartRecorder();
  const ran = await planned.run({ deadlineMs: options.deadlineMs, sample: (sample) => recorder.add(sample) });
  return c.html(await reportPage(answerOf(ran, options.timing), recorder, await reportAssets(), options.request));
}

function chosen({ captures }: PlannedSimulation, name: string | undefined): number {
  const fits = captures.flatMap((capture, i) =>
    name === undefined || name === capture.node || name === `${capture.node}:${capture.interface}` ? [i] : [],
  );
  const [only] = fits;
  if (only !== undefined && fits.length === 1) return only;
  const names = captures.map((capture) => `${capture.node}:${capture.interface}`).join(', ') || 'none';
  throw new HostError('invalid-request', `query capture: name one of those captured: ${names}`);
}

/** Answers a promise when so much waits that the simulation is to wait too. */
type Send = (chunk: Uint8Array) => Taken;

/** Runs it while what comes of it is sent; stops it when that fails. Settles when all is sent. */
async function runSending(
  planned: PlannedSimulation,
  { deadlineMs }: Options,
  sink: Sink,
  events: (send: Send) => Pick<RunOptions, 'sample' | 'progress' | 'capture'>,
) {
  const stop = new AbortController();
  let waiting = 0;
  let sent: Promise<void> = Promise.resolve();
  const send: Send = (chunk) => {
    waiting += chunk.length;
    sent = sent.then(async () => {
      stop.signal.throwIfAborted();
      await sink(chunk);
      waiting -= chunk.length;
    });
    sent.catch((cause) => stop.abort(cause));
    return waiting > MAX_WAITING_BYTES ? sent : undefined;
  };
  try {
    return await planned.run({ deadlineMs, signal: stop.signal, ...events(send) });
  } finally {
    await sent;
  }
}

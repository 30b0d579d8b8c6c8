/** Simulations by a Worker: POST /v1/simulations, whose answer comes in lines. */

import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { DrawnSample } from '../../src/simulation/report/series.ts';
import { Failure, reasonOf } from '../failure.ts';
import { failureOf, send } from '../remote/client.ts';
import { type RunSimulation, type SimulationEnd, tooLate } from './answer.ts';

/** A line of the answer: one of these. */
interface Line {
  readonly sample?: DrawnSample;
  readonly progress?: { readonly time_s: number };
  readonly capture?: number;
  readonly pcapng?: string;
  readonly end?: SimulationEnd;
  readonly problem?: {
    readonly virtual_s?: number;
    readonly type: string;
    readonly title: string;
    readonly detail?: string;
    readonly console?: string;
  };
}

export const runAt =
  (base: URL): RunSimulation =>
  async ({ network, deadlineS, sampled, progress, capture }) => {
    const query = new URLSearchParams({
      ...(capture && { pcap: 'inline' }),
      ...(sampled && { samples: 'always' }),
    });
    const deadline = deadlineS === undefined ? {} : { deadline_ms: Math.ceil(deadlineS * 1000) };
    const body = Buffer.from(JSON.stringify({ ...network, ...deadline }));
    const stream = Object.assign(Readable.from([body]), { bytesRead: body.length });
    const headers = { 'content-type': 'application/json', accept: 'application/x-ndjson' };
    const answer = await send(
      'POST',
      new URL(`v1/simulations?${query}`, base),
      { stream, lengthBytes: body.length },
      headers,
    );
    if (answer.statusCode !== 200) throw await failureOf(answer);
    const samples: DrawnSample[] = [];
    for await (const text of linesOf(answer)) {
      const { sample, progress: at = sample, capture: index, pcapng, end, problem }: Line = JSON.parse(text);
      if (problem) {
        const late = deadlineS !== undefined && problem.type.endsWith('/kernel-deadline');
        throw new Failure(
          'failed',
          late ? tooLate(deadlineS, problem.virtual_s) : (problem.detail ?? problem.title),
          problem.console,
        );
      }
      if (end) return { end, samples };
      if (sample) samples.push(sample);
      if (at) progress(at.time_s);
      if (index !== undefined) capture?.(index, Buffer.from(pcapng ?? '', 'base64'));
    }
    throw new Failure('failed', 'the answer broke off');
  };

async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: answer });
  } catch (cause) {
    throw new Failure('failed', `the answer broke off: ${reasonOf(cause)}`);
  }
}

/** Simulations in this process. */

import { inWords, readAs } from '../../src/api/invalid/invalid.ts';
import { answerOf, simulation } from '../../src/api/simulations/schema.ts';
import { HostError } from '../../src/errors/host-error.ts';
import type { DrawnSample } from '../../src/simulation/report/series.ts';
import type { SimulationRequest } from '../../src/simulation/simulate.ts';
import { openEngine } from '../engine.ts';
import { exitCodes, Failure } from '../failure.ts';
import { endIf } from '../thread/bounds.ts';
import { type RunRequest, type RunSimulation, type SimulationEnd, tooLate } from './answer.ts';

/** Only what the network needs is taken. */
export const MEMORY_MIB = 1024;

export const runHere: RunSimulation = async ({
  network,
  deadlineS,
  memoryMib = MEMORY_MIB,
  sampled,
  progress,
  capture,
}) => {
  const engine = await openEngine(undefined, memoryMib, memoryMib);
  const request = validated(network);
  const planned = engine.simulations.plan(request, { sampled });
  const deadline = deadlineOf(network, deadlineS);
  endWithPrograms(request, deadline);
  const samples: DrawnSample[] = [];
  try {
    const ran = planned.run({
      ...deadline,
      sample: (sample) => void samples.push(sample),
      progress,
      ...(capture && { capture }),
    });
    return { end: answerOf(await ran, '1') as SimulationEnd, samples };
  } catch (cause) {
    if (deadlineS !== undefined && cause instanceof HostError && cause.kind === 'kernel-deadline')
      throw new Failure('failed', tooLate(deadlineS, cause.members.virtual_s));
    throw cause;
  } finally {
    endIf({}); // who takes the answer may take his time
  }
};

/** That of the command line, else that of the file; the schema has one for Workers, which is nobody's wish here. */
function deadlineOf(network: RunRequest['network'], deadlineS: number | undefined): { readonly deadlineMs?: number } {
  if (deadlineS !== undefined) return { deadlineMs: deadlineS * 1000 };
  return typeof network.deadline_ms === 'number' ? { deadlineMs: network.deadline_ms } : {};
}

/** How long a program may compute without a call of any kind. Those that come with this compute for milliseconds. */
const SILENCE_MS = 60_000;

/**
 * Hosts are infinitely fast: while a program computes no time passes, and one that never calls again would hold everything
 * up, the deadline and what has come so far included. So who is outside ends it all.
 */
function endWithPrograms(
  { hosts, routers, workloads }: SimulationRequest,
  { deadlineMs }: { readonly deadlineMs?: number },
): void {
  const commands = [
    ...Object.values({ ...hosts, ...routers }).flatMap(({ setup }) => setup ?? []),
    ...(workloads ?? []).filter(({ type }) => type === 'exec'),
  ];
  if (commands.length === 0) return;
  const why = 'a program on one of its hosts computes without end, and while one computes no virtual time passes';
  const exitCode = exitCodes.failed;
  if (deadlineMs === undefined)
    endIf({ silence: { ms: SILENCE_MS, exitCode, words: `ended after ${SILENCE_MS / 1000} s: ${why}` } });
  else endIf({ deadline: { ms: deadlineMs, exitCode, words: `not done after ${deadlineMs / 1000} s: ${why}` } });
}

function validated(network: unknown): SimulationRequest {
  const read = readAs(simulation, network);
  if ('data' in read) {
    const { deadline_ms: _, ...request } = read.data;
    return request as SimulationRequest; // what JSON leaves out is absent: there is no `undefined` in it
  }
  throw new Failure('usage', inWords(read.invalid, 'the network').join('; '));
}

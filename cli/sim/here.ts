/** Simulations in this process. */

import { inWords, readAs } from '../../src/api/invalid/invalid.ts';
import { answerOf, simulation } from '../../src/api/simulations/schema.ts';
import { problemOf } from '../../src/errors/problem.ts';
import { planApart } from '../../src/node/simulation/plan-apart.ts';
import type { DrawnSample } from '../../src/simulation/report/series.ts';
import type { SimulationRequest } from '../../src/simulation/simulate.ts';
import { openEngine } from '../engine.ts';
import { Failure } from '../failure.ts';
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
  const planned = planApart(engine, request, { sampled });
  const samples: DrawnSample[] = [];
  try {
    const ran = planned.run({
      ...deadlineOf(network, deadlineS),
      sample: (sample) => void samples.push(sample),
      progress,
      ...(capture && { capture }),
    });
    return { end: answerOf(await ran, '1') as SimulationEnd, samples };
  } catch (cause) {
    const { name, members } = problemOf(cause);
    if (deadlineS !== undefined && name === 'kernel-deadline' && members.computes !== true)
      throw new Failure('failed', tooLate(deadlineS, members.virtual_s));
    throw cause;
  }
};

/** That of the command line, else that of the file; the schema has one for Workers, which is nobody's wish here. */
function deadlineOf(network: RunRequest['network'], deadlineS: number | undefined): { readonly deadlineMs?: number } {
  if (deadlineS !== undefined) return { deadlineMs: deadlineS * 1000 };
  return typeof network.deadline_ms === 'number' ? { deadlineMs: network.deadline_ms } : {};
}

function validated(network: unknown): SimulationRequest {
  const read = readAs(simulation, network);
  if ('data' in read) {
    const { deadline_ms: _, ...request } = read.data;
    return request as SimulationRequest; // what JSON leaves out is absent: there is no `undefined` in it
  }
  throw new Failure('usage', inWords(read.invalid, 'the network').join('; '));
}

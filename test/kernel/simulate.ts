/** Whole simulations for tests: a request in, its answer and captures out, in a kernel of their own. */

import { expect } from 'vitest';
import { concat } from '../../src/bytes/concat.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { seededHost } from '../../src/kernel/snapshot/seed.ts';
import { nodeHost } from '../../src/node/host.ts';
import { nodeToolbox } from '../../src/node/toolbox.ts';
import type { PingResult, TcpResult, WorkloadResult } from '../../src/simulation/measure/results.ts';
import type { Sample } from '../../src/simulation/measure/sampler.ts';
import { estimateMemoryMib, programsMib } from '../../src/simulation/plan/memory/footprint.ts';
import { type Plan, planSimulation } from '../../src/simulation/plan/plan.ts';
import type { SimulationRequest } from '../../src/simulation/plan/request.ts';
import { playCalls } from '../../src/simulation/run/calls/play-calls.ts';
import { hostsFile } from '../../src/simulation/run/programs/hosts-file.ts';
import { execRunner } from '../../src/simulation/run/programs/programs.ts';
import { runSimulation, type SimulationResult } from '../../src/simulation/run/run.ts';
import { ENVIRONMENT, installTools } from '../../src/tools/install-tools.ts';
import { restoredKernel } from './restored.ts';

export interface Simulated extends SimulationResult {
  readonly samples: readonly Sample[];
  /** Whole pcapng files. */
  readonly files: readonly Uint8Array[];
  /** What the kernel has grown to, and what was expected beforehand. */
  readonly memoryMib: number;
  readonly expectedMib: number;
}

const budget = { nodes: 5000, devices: 50000 };

/** A kernel may grow to a hundred MiB: a Worker has 128 for everything. */
const MEMORY_MIB = 100;

async function equip(kernel: Kernel, plan: Plan): Promise<void> {
  kernel.programs.memoryLimit = programsMib(plan) * 2 ** 20;
  await installTools(kernel, nodeToolbox(), hostsFile(plan));
}

export async function simulate(
  request: Partial<SimulationRequest>,
  memoryMib = MEMORY_MIB,
  taken?: () => Promise<void>,
  host = nodeHost,
): Promise<Simulated> {
  const planned = planSimulation({ hosts: { a: {}, b: {} }, links: [], ...request }, budget);
  if ('issues' in planned) expect.fail(JSON.stringify(planned.issues));
  const kernel = restoredKernel(memoryMib, seededHost(host, String(planned.plan.seed)));
  if (programsMib(planned.plan) > 0) await equip(kernel, planned.plan);
  const samples: Sample[] = [];
  const parts: Uint8Array[][] = planned.plan.captures.map(() => []);
  try {
    const result = await runSimulation(kernel, planned.plan, {
      sample(sample) {
        samples.push(sample);
      },
      capture(index, bytes) {
        parts[index]?.push(bytes);
        return taken?.();
      },
      runBatch: (task, played, sofar) => playCalls(kernel, task, played, sofar),
      exec: execRunner(kernel, { environment: ENVIRONMENT }),
    });
    const files = parts.map(concat);
    return {
      ...result,
      samples,
      files,
      memoryMib: kernel.memoryBytes / 2 ** 20,
      expectedMib: estimateMemoryMib(planned.plan),
    };
  } finally {
    kernel.kill();
  }
}

/** The result of the workload at this place, of the type it must have. */
export function flow<T extends WorkloadResult['type']>(
  simulated: SimulationResult,
  index: number,
  type: T,
): Extract<WorkloadResult, { type: T }> {
  const result = simulated.flows[index];
  if (result?.type !== type) expect.fail(`workload ${index} is ${result?.type}`);
  return result as Extract<WorkloadResult, { type: T }>;
}

export const tcpOf = (simulated: SimulationResult, index = 0): TcpResult => flow(simulated, index, 'tcp');
export const pingOf = (simulated: SimulationResult, index = 0): PingResult => flow(simulated, index, 'ping');

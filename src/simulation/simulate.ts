/** One request, one network of kernel stacks in virtual time: planned, run on a kernel of its own, thrown away. */

import type { SetupNeeds } from '../batch/kernel-setup.ts';
import { HostError } from '../errors/host-error.ts';
import { mistakes } from '../errors/mistakes.ts';
import { KernelDead, TaskExited } from '../kernel/errors.ts';
import type { Host } from '../kernel/host.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { seededHost } from '../kernel/snapshot/seed.ts';
import type { Taken } from './measure/sampler.ts';
import type { Issue } from './plan/issue.ts';
import { estimateMemoryMib, findExcess, programsMib } from './plan/memory/footprint.ts';
import { type Plan, planSimulation, sampled } from './plan/plan.ts';
import type { SimulationRequest } from './plan/request.ts';
import { playCalls } from './run/calls/play-calls.ts';
import { hostsFile } from './run/programs/hosts-file.ts';
import { execRunner, SetupFailed, type SimulationPrograms } from './run/programs/programs.ts';
import { watchStandstill } from './run/programs/standstill.ts';
import { Refused } from './run/refused.ts';
import { runSimulation, type SimulationEvents, type SimulationResult } from './run/run.ts';

export type { SimulationRequest, Taken };

export interface SimulationNeeds {
  readonly newKernel: SetupNeeds['newKernel'];
  readonly host: Host;
  /** Memory of the largest kernel there can be. */
  readonly budgetMib: number;
  /** What a request may list, all together. Default: as much as memory has room for. */
  readonly mostParts?: number | undefined;
  /** Of Linux's own. */
  readonly programs: SimulationPrograms;
}

/** An interface whose packets will be recorded, in the order of the answer's `captures`. */
export interface PlannedCapture {
  readonly node: string;
  readonly interface: string;
}

export interface PlannedSimulation {
  readonly captures: readonly PlannedCapture[];
  /** MiB: what its kernel may have, what programs on its hosts may have beside that (0: it has none), and the most that a plan may come to. */
  readonly memory: { readonly kernelMib: number; readonly programsMib: number; readonly mostMib: number };
  /**
   * To be called once. `signal` stops it; it then rejects with the signal's reason. Rejects with `kernel-deadline` when it
   * takes longer than `deadlineMs` by the host's clock, and with `bad-simulation` when Linux refuses a part of the network.
   */
  run(options: RunOptions): Promise<TimedResult>;
}

export interface RunOptions extends Omit<SimulationEvents, 'runBatch' | 'exec' | 'began'> {
  /** By the host's clock. Absent: it takes as long as it takes. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface TimedResult {
  /** The same for the same request and seed. */
  readonly result: SimulationResult;
  /** How long it took by the host's clock. */
  readonly wallMs: number;
}

export interface PlanOptions {
  /** There are samples, also where the request names no interval. */
  readonly sampled?: boolean;
}

export interface SimulationJobs {
  /** Throws `bad-simulation` with everything that can be told to be wrong with the request before a kernel is touched. */
  plan(request: SimulationRequest, options?: PlanOptions): PlannedSimulation;
}

/** More than anyone has memory for, which is checked by what the plan needs. */
const LIMITS = { nodes: 5000, devices: 50_000 } as const;

export const simulationJobs = (needs: SimulationNeeds): SimulationJobs => ({
  plan(request, options) {
    const planned = planSimulation(request, {
      ...LIMITS,
      mib: needs.budgetMib,
      ...(needs.mostParts && { parts: needs.mostParts }),
    });
    if ('issues' in planned) throw badSimulation(planned.issues);
    const plan = options?.sampled ? sampled(planned.plan) : planned.plan;
    const programMib = programsMib(plan);
    const budgetMib = needs.budgetMib - programMib;
    const excess = findExcess(plan, budgetMib);
    if (excess) throw badSimulation([excess]);
    const memoryMib = Math.min(estimateMemoryMib(plan), budgetMib);
    return {
      captures: plan.captures.map(({ port }) => ({ node: port.node.name, interface: port.name })),
      memory: { kernelMib: memoryMib, programsMib: programMib, mostMib: needs.budgetMib },
      run: (options) => runTimed(plan, memoryMib, options, needs),
    };
  },
});

/** Everything that is wrong with a request, by JSON path. */
export const badSimulation = (issues: readonly Issue[]): HostError =>
  mistakes(
    'bad-simulation',
    issues.map((issue) => ({ in: 'json', ...issue })),
  );

/** `reachedNs`: virtual time since the simulation began; undefined while the network is built. */
function tooLate(deadlineMs: number, reachedNs: number | undefined, { durationNs, topology }: Plan): HostError {
  const seconds = (ns: number) => `${Number((ns / 1e9).toPrecision(3))} s`;
  const reached =
    reachedNs === undefined || reachedNs <= 0
      ? `its network of ${topology.nodes.size} nodes and ${topology.links.length} links was not ready`
      : `it had come to ${seconds(reachedNs)} of virtual time, of ${seconds(durationNs)} at most`;
  const message = `not done after ${deadlineMs} ms: ${reached}`;
  return new HostError('kernel-deadline', message, {
    members: {
      ...(reachedNs !== undefined && reachedNs > 0 && { virtual_s: reachedNs / 1e9 }),
      errors: [{ in: 'json', code: 'deadline', path: 'deadline_ms', message }],
    },
  });
}

/** Time passes while programs wait, and these do not. */
function standsStill(reachedNs = 0): HostError {
  const message = `programs on its hosts have started others for a minute and not waited, and virtual time has come to ${Number((reachedNs / 1e9).toPrecision(3))} s: hosts are infinitely fast, so a loop needs a sleep; what is to be done before time 0 is a host's setup; with a deadline it goes on until then`;
  return new HostError('kernel-deadline', message, {
    members: {
      virtual_s: reachedNs / 1e9,
      errors: [{ in: 'json', code: 'deadline', path: 'workloads', message }],
    },
  });
}

/** It needs more than was expected of it. */
function tooLarge(memoryMib: number, cause: Error): HostError {
  const message = `the kernel ran out of memory: ${memoryMib} MiB do not hold what this network has under way (${cause.message})`;
  return badSimulation([{ code: 'over-budget', path: 'links', message }]);
}

/** Linux bounds how many tasks there are by memory, and all of a simulation's together. */
function tooMany(plan: Plan, cause: KernelError): HostError {
  const message = `${plan.workloads.length} workloads have more programs than this kernel takes tasks (${cause.message})`;
  return badSimulation([{ code: 'over-budget', path: 'workloads', message }]);
}

async function runTimed(
  plan: Plan,
  memoryMib: number,
  { deadlineMs, signal, ...events }: RunOptions,
  { newKernel, host, programs }: SimulationNeeds,
): Promise<TimedResult> {
  const programMib = programsMib(plan);
  const kernel = await newKernel({
    host: seededHost(host, String(plan.seed)),
    clock: 'virtual',
    memoryMib,
    ...(programMib > 0 && { programMib }),
  });
  const startNs = host.monotonicNs();
  const ended = Promise.withResolvers<never>();
  let reachedNs = (): number | undefined => undefined;
  const cancel =
    deadlineMs === undefined
      ? () => {}
      : host.timer(deadlineMs, () => {
          ended.reject(tooLate(deadlineMs, reachedNs(), plan));
          kernel.kill();
        });
  const made = () => kernel.programs.made;
  const unwatch =
    deadlineMs !== undefined || programMib === 0
      ? () => {}
      : watchStandstill(host, { reachedNs: () => reachedNs(), made }, () => {
          ended.reject(standsStill(reachedNs()));
          kernel.kill();
        });
  kernel.engine.onDeath(ended.reject);
  const stop = () => {
    ended.reject(signal?.reason);
    kernel.kill();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    if (programMib > 0) await Promise.race([programs.install(kernel, hostsFile(plan)), ended.promise]);
    const running = runSimulation(kernel, plan, {
      ...events,
      began: (sinceNs) => {
        reachedNs = sinceNs;
      },
      exec: execRunner(kernel, programs),
      runBatch: (task, played, sofar) => playCalls(kernel, task, played, sofar),
    });
    const result = await Promise.race([running, ended.promise]);
    return { result, wallMs: (host.monotonicNs() - startNs) / 1e6 };
  } catch (cause) {
    if (cause instanceof Refused || cause instanceof SetupFailed) throw badSimulation([cause.issue]);
    const wasKilled =
      cause instanceof TaskExited && programMib > 0 && !/out of memory/i.test(kernel.engine.console.since(0));
    if (wasKilled) throw new HostError('program-killed', undefined, { cause });
    if (cause instanceof KernelError && cause.call === 'clone') throw tooMany(plan, cause);
    const isShort = cause instanceof TaskExited || (cause instanceof KernelDead && cause.end === 'oom');
    throw isShort ? tooLarge(memoryMib, cause) : cause;
  } finally {
    cancel();
    unwatch();
    signal?.removeEventListener('abort', stop);
    ended.promise.catch(() => {}); // from here on its end is nobody's loss
    kernel.kill();
  }
}

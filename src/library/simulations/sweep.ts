/** Simulations of one network with several values of its members. */

import { readSimulation } from '../../api/simulations/read-simulation.ts';
import { exceptionOf } from '../../errors/exception.ts';
import { planApart } from '../../node/simulation/plan-apart.ts';
import type { SimulationResult } from '../../simulation/run/run.ts';
import type { SimulationRequest } from '../../simulation/simulate.ts';
import { planSweep, runSweep } from '../../simulation/sweep/run-sweep.ts';
import { type Engine, linuxOf } from '../engine.ts';

/** By the paths of members, "links[0].delay": the values each is to have. */
export type SweepAxes = Readonly<Record<string, readonly unknown[]>>;

export interface SweepOptions {
  /** Stops it: iteration rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long each run may take on the wall. Default: as long as it takes. */
  readonly deadlineMs?: number | undefined;
  /** The engine to run on. Default: one that the whole process shares. */
  readonly engine?: Engine | undefined;
}

/** What came of one combination: a result, or why there is none. */
export interface SweepResult {
  /** By path. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly result?: SimulationResult;
  readonly error?: Error;
}

/**
 * A run for each combination of values, one after another as they are iterated over, the last path changing fastest. All are looked at
 * before the first one starts: rejects with `ERR_BAD_SIMULATION` and everything that is wrong. A run that fails is an `error` of its own.
 *
 * @example
 * ```ts
 * for await (const { values, result } of sweep(request, { 'links[0].delay': ['10ms', '20ms'] }))
 *   console.log(values, result?.flows[0]);
 * ```
 */
export async function* sweep(
  request: SimulationRequest,
  axes: SweepAxes,
  { signal, deadlineMs, engine }: SweepOptions = {},
): AsyncGenerator<SweepResult, void, void> {
  try {
    const linux = await linuxOf(engine);
    const network: unknown = request;
    if (typeof network !== 'object' || network === null) readSimulation(network);
    const runs = await planSweep(network as Readonly<Record<string, unknown>>, axes, (one) =>
      planApart(linux, readSimulation(one)),
    );
    signal?.throwIfAborted();
    const options = { ...(deadlineMs !== undefined && { deadlineMs }), ...(signal && { signal }) };
    for await (const { values, ran, problem } of runSweep(runs, () => options))
      yield ran ? { values, result: ran.result } : { values, error: exceptionOf(problem) as Error };
  } catch (cause) {
    throw exceptionOf(cause);
  }
}

/** Simulated networks of Linux's own stacks, in virtual time. */

import { readSimulation } from '../../api/simulations/read-simulation.ts';
import { exceptionOf } from '../../errors/exception.ts';
import type { Linux } from '../../linux.ts';
import { planApart } from '../../node/simulation/plan-apart.ts';
import type { Sample } from '../../simulation/measure/sampler.ts';
import type { SimulationResult } from '../../simulation/run/run.ts';
import type { PlannedCapture, PlannedSimulation, SimulationRequest, TimedResult } from '../../simulation/simulate.ts';
import { type Engine, linuxOf } from '../engine.ts';

export type { PlannedCapture, Sample, SimulationRequest, SimulationResult };

export interface SimulateOptions {
  /** Takes the next bytes of a pcapng file, one for each interface that the request captures; it waits for what this answers. */
  readonly capture?: ((interface_: PlannedCapture, bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Stops it: iteration and `result` reject with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take on the wall. Default: as long as it takes. */
  readonly deadlineMs?: number | undefined;
  /** The engine to run on. Default: one that the whole process shares. */
  readonly engine?: Engine | undefined;
}

/**
 * A simulation that begins when its samples or its result are first asked for. Iterating gives a sample at each interval of the
 * request (100 ms where it names none: then looking changes the result a little) and paces it: while a sample is looked at, virtual time stands still. Leaving the loop
 * early stops it.
 */
export class Simulation implements AsyncIterable<Sample> {
  readonly #request: SimulationRequest;
  readonly #options: SimulateOptions;
  #running: Promise<TimedResult> | undefined;

  /**
   * Made by `simulate`.
   *
   * @internal
   */
  constructor(request: SimulationRequest, options: SimulateOptions) {
    this.#request = request;
    this.#options = options;
  }

  /** What came of it: the same for the same request and seed. Rejects with `ERR_BAD_SIMULATION` and everything that is wrong. */
  async result(): Promise<SimulationResult> {
    // A look at queues takes virtual time: it is taken whether somebody sees the samples or not.
    const { samples } = Object(this.#request) as Partial<SimulationRequest>;
    this.#running ??= this.#run(samples === undefined ? {} : { sample: async () => {} });
    return (await this.#running).result;
  }

  async #run(events: {
    readonly sample?: (sample: Sample) => Promise<void>;
    readonly signal?: AbortSignal;
  }): Promise<TimedResult> {
    const linux = await linuxOf(this.#options.engine);
    const { capture, signal = events.signal, deadlineMs } = this.#options;
    try {
      const planned = this.#planned(linux, events.sample !== undefined);
      const both = signal && events.signal ? AbortSignal.any([signal, events.signal]) : signal;
      return await planned.run({
        ...(deadlineMs !== undefined && { deadlineMs }),
        ...(both && { signal: both }),
        ...(events.sample && { sample: events.sample }),
        ...(capture && { capture: (index, bytes) => captured(planned.captures[index], bytes, capture) }),
      });
    } catch (cause) {
      throw exceptionOf(cause);
    }
  }

  /** JavaScript may pass anything: what has not the form of a request is told member by member. */
  #planned(linux: Linux, sampled: boolean): PlannedSimulation {
    return planApart(linux, readSimulation(this.#request), { sampled });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Sample, void, void> {
    if (this.#running) throw new Error('a simulation runs once: its samples are asked for before its result');
    const left = new AbortController();
    /** One sample at a time: who made it waits until it has been looked at. */
    let next = Promise.withResolvers<Sample | undefined>();
    let looked = Promise.withResolvers<void>();
    const running = this.#run({
      signal: left.signal,
      sample(sample) {
        looked = Promise.withResolvers();
        next.resolve(sample);
        return looked.promise;
      },
    });
    this.#running = running;
    running.then(
      () => next.resolve(undefined),
      (cause) => next.reject(cause),
    );
    next.promise.catch(() => {}); // it is awaited below, perhaps later
    try {
      for (let sample = await next.promise; sample; sample = await next.promise) {
        yield sample;
        next = Promise.withResolvers();
        next.promise.catch(() => {});
        looked.resolve();
      }
    } finally {
      left.abort(new Error('nobody looks at the samples any more'));
      looked.resolve();
      running.catch(() => {}); // whoever wants to know asks for the result
    }
  }
}

function captured(
  planned: PlannedCapture | undefined,
  bytes: Uint8Array,
  take: NonNullable<SimulateOptions['capture']>,
): void | Promise<void> {
  if (planned === undefined) throw new Error('a capture that was not planned');
  return take(planned, bytes);
}

/**
 * Hosts, routers, switches and links as asked for, with workloads between them; the request is that of POST /v1/simulations.
 *
 * @example
 * ```ts
 * const simulation = simulate(request);
 * for await (const { time_s, tcp } of simulation) console.log(time_s, tcp[0]?.cwnd);
 * console.log((await simulation.result()).flows);
 * ```
 */
export const simulate = (request: SimulationRequest, options: SimulateOptions = {}): Simulation =>
  new Simulation(request, options);

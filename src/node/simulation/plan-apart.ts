/** Plans of networks that run in a thread beside this one where programs on their hosts may compute for ever, and hear nothing. */

import { Worker } from 'node:worker_threads';
import { HostError } from '../../errors/host-error.ts';
import { ToldError } from '../../errors/problem.ts';
import type { Linux } from '../../linux.ts';
import type {
  PlannedSimulation,
  PlanOptions,
  RunOptions,
  SimulationRequest,
  TimedResult,
} from '../../simulation/simulate.ts';
import { kernelModule } from '../kernel-module.ts';
import { packageFile } from '../package-files.ts';
import type { Asked, Given, Told } from './messages.ts';
import { Patience } from './patience.ts';

/** How long a program may compute without a call of any kind, where there is no deadline. Those that come with this compute for milliseconds. */
const SILENCE_MS = 60_000;

/** As `linux.simulations.plan`, with the same results; one with programs rejects with `kernel-deadline` where they compute without end, too. */
export function planApart(linux: Linux, request: SimulationRequest, options: PlanOptions = {}): PlannedSimulation {
  const planned = linux.simulations.plan(request, options);
  const { kernelMib, programsMib, mostMib } = planned.memory;
  if (programsMib === 0) return planned;
  return {
    ...planned,
    async run(run) {
      const { signal, deadlineMs } = run;
      signal?.throwIfAborted();
      // One of this thread's kernels in all but its place.
      const release = await linux.kernels.hold({
        memoryMib: kernelMib,
        programMib: programsMib,
        ...(signal && { signal }),
      });
      try {
        return await inThread({ module: await kernelModule(), request, options, mostMib, deadlineMs }, run);
      } finally {
        release();
      }
    },
  };
}

async function inThread(
  given: Omit<Given, 'hears'>,
  { deadlineMs, signal, sample, progress, capture }: RunOptions,
): Promise<TimedResult> {
  const hears = { sample: sample !== undefined, progress: progress !== undefined, capture: capture !== undefined };
  const worker = new Worker(threadFile(), { workerData: { ...given, hears } satisfies Given });
  const ask = (asked: Asked) => worker.postMessage(asked);
  const { promise, resolve, reject } = Promise.withResolvers<TimedResult>();
  const patience = new Patience(
    () => ask({ kind: 'alive?' }),
    () => reject(computes(deadlineMs)),
  );
  const take = async (told: Extract<Told, { id: number }>) => {
    if (told.kind === 'sample') await sample?.(told.sample);
    else if (told.kind === 'progress') await progress?.(told.timeS);
    else await capture?.(told.index, told.bytes);
    ask({ kind: 'taken', id: told.id });
  };
  worker.on('message', (told: Told) => {
    switch (told.kind) {
      case 'begins':
        return patience.bound(deadlineMs === undefined ? { silenceMs: SILENCE_MS } : { deadlineMs });
      case 'alive':
        return patience.heard();
      case 'ran':
        return resolve(told.ran);
      case 'failed':
        return reject(told.problem ? new ToldError(told.problem, { cause: told.cause }) : told.cause);
      default:
        take(told).catch(reject);
    }
  });
  worker.on('error', reject);
  worker.on('exit', () => reject(new Error('the thread of a simulation has ended before its result')));
  const stop = () => reject(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', stop);
    patience.bound({});
    // Wherever it is.
    await worker.terminate();
  }
}

/** In a checkout beside this file, in the package an entry of its own. */
const threadFile = (): URL | string =>
  import.meta.url.endsWith('.ts') ? new URL('inside.ts', import.meta.url) : packageFile('dist/simulation-thread.js');

function computes(deadlineMs: number | undefined): HostError {
  const seconds = (ms: number) => `${ms / 1000} s`;
  const after =
    deadlineMs === undefined ? `ended after ${seconds(SILENCE_MS)}` : `not done after ${seconds(deadlineMs)}`;
  const message = `${after}: a program on one of its hosts computes without end, and while one computes no virtual time passes`;
  return new HostError('kernel-deadline', message, {
    members: { computes: true, errors: [{ in: 'json', code: 'deadline', path: 'workloads', message }] },
  });
}

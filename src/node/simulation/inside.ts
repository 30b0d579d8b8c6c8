/** The thread of a simulation: plans the network once more, runs it, and tells what comes of it. */

import { parentPort, workerData } from 'node:worker_threads';
import { ProblemError } from '../../errors/problem.ts';
import { nodeLinux } from '../engine.ts';
import { awaitKernelModule } from '../kernel-module.ts';
import type { Asked, Event, Events, Given, Told } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('this is no thread');
const tell = (told: Told, moved: readonly ArrayBuffer[] = []) => port.postMessage(told, moved);

const taken = new Map<number, () => void>();
let events = 0;
function told(event: Event, moved?: readonly ArrayBuffer[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = events++;
  taken.set(id, resolve);
  tell({ ...event, id }, moved);
  return promise;
}
port.on('message', (asked: Asked) => {
  if (asked.kind === 'alive?') return tell({ kind: 'alive' });
  taken.get(asked.id)?.();
  taken.delete(asked.id);
});

const { module, request, options, mostMib, deadlineMs, hears } = workerData as Given;
const heard: Events = {
  ...(hears.sample && { sample: (sample) => told({ kind: 'sample', sample }) }),
  ...(hears.progress && { progress: (timeS) => told({ kind: 'progress', timeS }) }),
  ...(hears.capture && {
    capture(index, bytes) {
      const own = bytes.slice(); // what crosses is a whole buffer, and this may be the kernel's
      return told({ kind: 'capture', index, bytes: own }, [own.buffer]);
    },
  }),
};
try {
  awaitKernelModule(Promise.resolve(module));
  const { simulations } = await nodeLinux({ limits: { kernelsMib: mostMib, ready: 0 } });
  const planned = simulations.plan(request, options);
  tell({ kind: 'begins' });
  const ran = await planned.run({ ...heard, ...(deadlineMs !== undefined && { deadlineMs }) });
  tell({ kind: 'ran', ran });
} catch (cause) {
  tell({ kind: 'failed', ...(cause instanceof ProblemError && { problem: cause.problem }), cause });
}

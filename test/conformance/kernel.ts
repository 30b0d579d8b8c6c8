/** Batches on real kernels, with fixtures as images. */

import type { CallResult } from '../../src/batch/language/types.ts';
import type { PlayedCall } from '../../src/batch/player.ts';
import { type BatchRequest, syscallBatchJobs } from '../../src/batch/syscall-batch.ts';
import { freshMachine, restore } from '../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../src/node/host.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import { fixtureDevice } from '../fixtures/load.ts';

const jobs = syscallBatchJobs({
  newKernel: async (options) => restore(freshMachine(kernelModule, snapshot), snapshot, options),
  openImages: () => ({ image: async (name) => ({ device: await fixtureDevice(name), etag: name }) }),
  host: nodeHost,
});

const plain: BatchRequest = {
  disks: [],
  loopback: true,
  sysctl: {},
  commandLine: '',
  memoryMib: 24,
  clock: 'virtual',
  seed: '1',
  calls: [],
  tasks: {},
  onError: 'continue',
  strace: false,
  deadlineMs: 30_000,
};

/** The results of `calls`, and those of tasks by name. */
export async function play(request: Partial<BatchRequest>) {
  const results: CallResult[] = [];
  const tasks: Record<string, CallResult[]> = {};
  const report = await jobs.run({ ...plain, ...request }, (result, task) => {
    if (task === undefined) results.push(result);
    else tasks[task] = [...(tasks[task] ?? []), result];
  });
  return { results, tasks, report };
}

export const call = (name: string, ...args: NonNullable<PlayedCall['args']>): PlayedCall => ({ call: name, args });

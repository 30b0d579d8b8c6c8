/** A restored kernel answers as one that was just booted: byte for byte, the tars of all fixtures and all calls of the conformance table. */

import { describe, expect, it } from 'vitest';
import type { SetupNeeds } from '../../../src/batch/kernel-setup.ts';
import type { BatchCall } from '../../../src/batch/language/types.ts';
import { syscallBatchJobs } from '../../../src/batch/syscall-batch.ts';
import { imageMounter } from '../../../src/image/mounting/mounter.ts';
import { boot } from '../../../src/kernel/boot.ts';
import type { Kernel, KernelOptions } from '../../../src/kernel/kernel.ts';
import { plus } from '../../../src/kernel/memory.ts';
import { settle } from '../../../src/kernel/snapshot/settle.ts';
import { freshMachine, restore } from '../../../src/kernel/snapshot/snapshot.ts';
import { nodeHost } from '../../../src/node/host.ts';
import vmlinux from '../../../wasm/dist/vmlinux.wasm';
import calls from '../../conformance/calls.json';
import { call } from '../../conformance/kernel.ts';
import { fixtureDevice, fixtures } from '../../fixtures/load.ts';
import { archive } from '../archive.ts';
import { host, MEMORY_MIB } from '../kernel.ts';
import { kernelModule, snapshot } from '../restored.ts';

async function booted(options: KernelOptions): Promise<Kernel> {
  const kernel = await boot(vmlinux, { ...options, host: { ...options.host, realtimeNs: () => 0 } });
  const { init } = kernel;
  await settle(kernel);
  // A restore sets the day. Linux was never up before 1970.
  const seconds = BigInt(Math.floor(options.host.realtimeNs() / 1e9));
  init.memory.setU64(init.scratch, seconds);
  init.memory.setU64(plus(init.scratch, 8), 0n);
  if (seconds > 0n) expect(await init.syscall('clock_settime64', 0, init.scratch)).toBe(0);
  return kernel;
}

const restored = async (options: KernelOptions) => restore(freshMachine(kernelModule, snapshot), snapshot, options);

/** 100,000 files say no more of how a kernel came to be than ten. */
const volumes = Object.entries(fixtures).flatMap(([name, { volumes }]) =>
  (name === 'erofs-100k' ? [] : volumes).flatMap(({ type, partition }) =>
    type === null ? [] : [{ name, partition: partition ?? undefined }],
  ),
);

describe('the tar', () => {
  const mounter = imageMounter([() => booted({ host, memoryMib: MEMORY_MIB })]);

  it.each(volumes)('of $name $partition', async ({ name, partition }) => {
    const device = await fixtureDevice(name);
    const how = [device, { partition }, { onError: 'continue' }] as const;
    const [one, other] = [await archive(...how), await archive(...how, mounter)];
    expect(other.report).toEqual(one.report);
    expect(other.tar.length).toBe(one.tar.length);
    expect(Buffer.compare(other.tar, one.tar)).toBe(0);
  });
});

/** All that a seeded batch on kernels of this origin answers. */
async function play(calls: readonly BatchCall[], newKernel: SetupNeeds['newKernel']): Promise<unknown> {
  const image = () => Promise.reject(new Error('no image is asked for'));
  const jobs = syscallBatchJobs({ newKernel, openImages: () => ({ image }), host: nodeHost });
  const results: unknown[] = [];
  const kernel = {
    disks: [],
    loopback: true,
    sysctl: {},
    commandLine: '',
    memoryMib: 24,
    clock: 'virtual',
    seed: '1',
  } as const;
  const list = { calls, tasks: {}, onError: 'continue', strace: true, deadlineMs: 30_000 } as const;
  const report = await jobs.run({ ...kernel, ...list }, (result) => void results.push(result));
  return coarse({ results, report });
}

/**
 * To the microsecond, and lines of the log without their times, which end on one: each look at the clock costs a
 * nanosecond, and the two have looked at it unequally often before.
 */
function coarse(answers: unknown): unknown {
  const text = JSON.stringify(answers)
    .replaceAll(/("(?:ns|clockNs|tv_nsec)":|tv_nsec=)(\d+)/g, (_, name, ns) => name + Math.floor(ns / 1000))
    .replaceAll(/\[ *\d+\.\d{6}\]/g, '[]');
  return JSON.parse(text);
}

const cases = calls as unknown as Readonly<Record<string, readonly (BatchCall & { readonly undefined?: unknown })[]>>;
const prelude = [call('mkdir', '/t', 0o755), call('mount', 'ramfs', '/t', 'ramfs', 0, null), call('chdir', '/t')];

it.each(Object.keys(cases))('answers to %s', async (name) => {
  const list = (cases[name] ?? []).map(({ undefined: _, ...call }) => call);
  const batch = [...prelude, ...list];
  expect(await play(batch, booted)).toEqual(await play(batch, restored));
});

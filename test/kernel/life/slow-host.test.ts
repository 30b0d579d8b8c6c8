/** A host so slow that much time passes while a kernel does little: what waits for time and what waits for others both get on. */

import { expect, it } from 'vitest';
import { type KernelRequest, prepareKernel, type SetupNeeds } from '../../../src/batch/kernel-setup.ts';
import type { Host } from '../../../src/kernel/host.ts';
import { KernelPool } from '../../../src/kernel/pool/pool.ts';
import { suspend } from '../../../src/kernel/snapshot/suspend.ts';
import { nodeHost } from '../../../src/node/host.ts';
import { fixtureDevice } from '../../fixtures/load.ts';
import { kernelModule, snapshot } from '../restored.ts';
import { saveText } from '../save-text.ts';

const pool = new KernelPool(kernelModule, snapshot, { budgetMib: 64, ready: 1, patienceMs: 20, host: nodeHost });

/** Each look at its clock finds it so much later. */
function slowHost(stepNs: number): Host {
  let now = 0;
  return {
    ...nodeHost,
    monotonicNs: () => {
      now += stepNs;
      return now;
    },
    timer: (_, then) => nodeHost.timer(0, then),
  };
}

/** Writeback fell to a rescuer that waited for a worker, and kept the thread that makes workers from running. */
it.each([1, 3, 11, 20])(
  'a session with files just written is suspended where each look at the clock is %i ms on',
  async (ms) => {
    const host = slowHost(ms * 1e6);
    const request: KernelRequest = {
      disks: [{ image: 'ext4', at: '/mnt', readOnly: false }],
      loopback: true,
      sysctl: {},
      commandLine: '',
      memoryMib: 24,
      clock: 'wall',
    };
    const needs: SetupNeeds = {
      newKernel: (options) => pool.acquire(options),
      openImages: () => ({ image: async (name) => ({ device: await fixtureDevice(name), etag: name }) }),
      host,
    };
    const { kernel } = await prepareKernel(request, needs);
    for (let file = 0; file < 12; file++) {
      await saveText(kernel, `mnt/${file}`, `${file}`.repeat(1000));
    }
    const suspended = await suspend(kernel, { clean: () => pool.cleanMemory, turn: host.turn });
    expect(suspended.pages.length).toBeGreaterThan(0);
    kernel.kill();
  },
);

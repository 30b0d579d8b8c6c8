/** Kernels with tools that work on stored images, one for each job. */

import type { Host } from '../../../kernel/host.ts';
import { seededHost } from '../../../kernel/snapshot/seed.ts';
import type { Linux } from '../../../linux.ts';
import { endOf } from '../../../tools/program-order.ts';
import { Workshop } from '../../../tools/workshop.ts';
import { workerToolbox } from '../toolbox.ts';

export interface WorkshopOptions {
  /** Of all its programs together. */
  readonly programMib: number;
  readonly seed?: string | undefined;
  /** Of a kernel that is needed beside it: two that each held one and waited for another would wait for each other. */
  readonly besideMib?: number;
}

/** Runs `work` on a kernel of its own, which goes then. */
export type Workshops = <T>(options: WorkshopOptions, work: (shop: Workshop) => Promise<T>) => Promise<T>;

const MIB = 2 ** 20;
/** The kernel, and its programs together. With them there is room for one more kernel, which reads what is copied. */
const KERNEL_MIB = 20;
export const MAKING_MIB = 24;
/** A check keeps bitmaps of the whole file system. */
export const CHECKING_MIB = 36;
/** As for a program that is run. */
const DEADLINE_MS = 300_000;
/** mksquashfs takes a quarter of the memory there is for its queues, and does not begin with less than this. */
const SQUASHFS_MEMORY = ['-mem', '16M'];

/** For programs that are to do with that. */
export const wordsFor = (type: string): readonly string[] => (type === 'squashfs' ? SQUASHFS_MEMORY : []);

export function workshops(engine: Pick<Linux, 'newKernel'>, host: Host): Workshops {
  return async ({ programMib, seed, besideMib = 0 }, work) => {
    const kernel = await engine.newKernel({
      host: seed === undefined ? host : seededHost(host, seed),
      memoryMib: KERNEL_MIB,
      programMib,
      besideMib,
      clock: 'virtual',
    });
    const cancel = host.timer(DEADLINE_MS, () => kernel.kill('deadline', `not done after ${DEADLINE_MS} ms`));
    try {
      return await work(await Workshop.open(kernel, await workerToolbox(), programMib * MIB));
    } catch (cause) {
      throw endOf(cause);
    } finally {
      cancel();
      kernel.kill();
    }
  };
}

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
/** mksquashfs has queues of 16 MiB at least when it is told of its memory (-mem); told of each in MiB they are smaller. */
const SQUASHFS_QUEUES = ['-read-queue', '2', '-write-queue', '3', '-fragment-queue', '2'];
/** With these: 25 to 30 MiB by the compressor, of 62 MiB in 4,500 files. */
const SQUASHFS_MIB = 32;

/** For programs that are to do with little. */
export const wordsFor = (type: string): readonly string[] => (type === 'squashfs' ? SQUASHFS_QUEUES : []);
export const makingMib = (type: string): number => (type === 'squashfs' ? SQUASHFS_MIB : MAKING_MIB);

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

/** An image that is mounted to be written, for as long as that takes: a signal or a failure ends the work, and it is unmounted all the same. */

import type { BlockDevice, MaybePromise } from '../../src/storage/block-device.ts';
import { type Interruption, interruptible } from './interruption.ts';

/** How an image is whose changes were cut off, in words. */
const UNCHANGED = 'nothing of it was changed';
const AS_FAR = 'what was done until then is in it, and it is unmounted cleanly';
const AS_POWER_FAILED = 'it could not be unmounted, and is as after a loss of power (lkl fsck)';

/** Runs `work` on what `open` makes of the disk; `close` unmounts it, whatever became of the work. `atomic`: changes are kept beside the image until then. */
export async function whileMounted<Mounted, T>(
  image: string,
  disk: BlockDevice,
  { open, close }: { open(device: BlockDevice): Promise<Mounted>; close(mounted: Mounted): Promise<unknown> },
  work: (mounted: Mounted, interruption: Interruption) => Promise<T>,
  atomic = false,
): Promise<T> {
  const { device, failure } = watched(disk);
  const mounted = await open(device);
  const interruption = interruptible(image, atomic);
  let result: T;
  try {
    result = await work(mounted, interruption);
  } catch (cause) {
    // What was done stays, with a clean journal; the reason is the first error, not what follows from it.
    const state = await close(mounted).then(
      () => (atomic ? UNCHANGED : AS_FAR),
      () => AS_POWER_FAILED,
    );
    // Of a disk that fails a file system knows that it is an I/O error, and no more.
    throw failure() ?? interruption.told(cause, state);
  }
  await close(mounted).catch((cause: unknown) => {
    throw failure() ?? cause;
  });
  return result;
}

/** The same device; `failure`: what went wrong with the first write to it that did. */
function watched(device: BlockDevice): {
  readonly device: BlockDevice;
  readonly failure: () => unknown;
} {
  let first: unknown;
  const noted = (cause: unknown): never => {
    first ??= cause;
    throw cause;
  };
  const heard = (work: () => MaybePromise<void>): MaybePromise<void> => {
    try {
      const done = work();
      return done instanceof Promise ? done.catch(noted) : done;
    } catch (cause) {
      return noted(cause);
    }
  };
  const { write, flush } = device;
  const one: BlockDevice = {
    ...device,
    ...(write && { write: (sector: number, from: Uint8Array) => heard(() => write(sector, from)) }),
    ...(flush && { flush: () => heard(() => flush()) }),
  };
  return { device: one, failure: () => first };
}

/** Mounts images: each in a kernel of its own, read-only, journals replayed in memory and never on the image. */

import { HostError } from '../errors/host-error.ts';
import { KernelDead } from '../kernel/errors.ts';
import type { Disk, Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { type BlockDevice, bytesOf, type MaybePromise } from '../storage/block-device.ts';
import { type Changes, changes, type Spill } from '../storage/changes.ts';
import { DeviceFullError } from '../storage/errors.ts';
import { Image, MOUNT_POINT, type Mounted, type MountPlan, partOf } from './image.ts';
import { NOLOAD } from './mount-failed.ts';
import type { ImageMounter } from './mounted-image.ts';
import { presented } from './presented.ts';
import { volumeBytes } from './probe/volume-bytes.ts';
import { reportOf } from './report.ts';

/** Blocks that replaying journals may change, in memory. */
const REPLAY_MIB = 32;

/** Where changed blocks go beyond that, and how many there may be. */
export interface ReplaySpill {
  open(): MaybePromise<Spill>;
  readonly limitMib: number;
}

export interface ReplayOptions {
  /** Default: 32. */
  readonly replayMib?: number;
  /** Default: a journal that changes more is refused. */
  readonly spill?: ReplaySpill | undefined;
}

/** Mount a disk that `kernel` has, of which `device` is the content; answers as what. */
export async function mountDisk(
  kernel: Kernel,
  device: BlockDevice,
  disk: Disk,
  plan: MountPlan,
): Promise<Pick<Mounted, 'type' | 'partition'>> {
  const { gpt } = await presented(device);
  const shown = { device, bytes: volumeBytes(device), gpt, claimedBytes: undefined };
  const { log, ...mounted } = await new Image({ kernel, device, shown, disk, last: true }).mountAs(plan);
  await log.close();
  return mounted;
}

/** `kernels` from small to large: in which the drivers find too little memory, the next one takes the image. */
export function imageMounter(
  kernels: readonly [() => Promise<Kernel>, ...(() => Promise<Kernel>)[]],
  { replayMib = REPLAY_MIB, spill }: ReplayOptions = {},
): ImageMounter {
  /** Runs `action` with a kernel that has the image as a disk; when that fails, the kernel goes. */
  async function withImage<T>(
    device: BlockDevice,
    action: (image: Image, end: () => Promise<void>) => Promise<T>,
    [newKernel, ...larger] = kernels,
  ): Promise<T> {
    const shown = await presented(device);
    const kernel = await newKernel();
    const [next, ...others] = larger;
    const written: Changes[] = [];
    const end = async () => {
      kernel.kill();
      for (const one of written.splice(0)) await one.close();
    };
    try {
      const attach = (seen: BlockDevice) => {
        const one = changes(seen, { memoryMib: replayMib, spill: spill?.open, limitMib: spill?.limitMib });
        written.push(one);
        return kernel.attachDisk(one);
      };
      const disk = await attach(shown.device);
      return await action(new Image({ kernel, device, shown, disk, attach, last: next === undefined }), end);
    } catch (cause) {
      await end();
      if (next && isOutOfMemory(cause)) return withImage(device, action, [next, ...others]);
      throw cause instanceof DeviceFullError ? journalTooLarge(spill?.limitMib ?? replayMib, cause) : cause;
    }
  }

  return {
    async mount(device, request) {
      return withImage(partOf(device, request), async (image, end) => ({
        task: image.task,
        newTask: () => image.newTask(),
        mountPoint: MOUNT_POINT,
        ...(await image.mountAs({ ...request, at: MOUNT_POINT, readOnly: true })),
        close: end,
      }));
    },
    inspect(device) {
      return withImage(device, async (image, end) => {
        try {
          return await reportOf(image, bytesOf(device));
        } finally {
          await end();
        }
      });
    },
  };
}

const journalTooLarge = (limitMib: number, cause: DeviceFullError): HostError => {
  const instead = `the mount option noload (ext3, ext4) or norecovery (xfs) leaves it alone; ${NOLOAD}`;
  const how = '--options of the command line, options= in a URL';
  return new HostError(
    'journal-too-large',
    `replaying the journal changes more than ${limitMib} MiB: ${instead} (${how})`,
    { cause },
  );
};

const isOutOfMemory = (cause: unknown): boolean =>
  (cause instanceof KernelDead && cause.end === 'oom') || (cause instanceof KernelError && cause.errno === 'ENOMEM');

/** Mounts images: each in a kernel of its own, read-only, journals replayed in memory and never on the image. */

import { errnos } from '../../abi/errno.ts';
import { HostError } from '../../errors/host-error.ts';
import { KernelDead } from '../../kernel/errors.ts';
import type { Disk, Kernel } from '../../kernel/kernel.ts';
import { KernelError } from '../../kernel/kernel-error.ts';
import { statfs64 } from '../../kernel/syscalls/mount.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type BlockDevice, bytesOf, type MaybePromise } from '../../storage/block-device.ts';
import { DeviceFullError } from '../../storage/errors.ts';
import { type Changes, changes, type Spill } from '../../storage/layers/changes.ts';
import { type Staged, staged } from '../../storage/layers/staged.ts';
import type { Room } from '../../storage/room.ts';
import {
  type DiskView,
  Image,
  type LocatedVolume,
  MOUNT_POINT,
  type Mounted,
  type MountPlan,
  partOf,
} from '../image.ts';
import type { ImageMounter, MountRequest, PartitionSelector, StackRequest } from '../mounted-image.ts';
import { type Presented, presented, presentedAsItIs } from '../presented.ts';
import { reportOf } from '../report.ts';
import type { DeriveMeans } from '../stack/derive.ts';
import { Keyring } from '../stack/keyring.ts';
import { NOLOAD } from './mount-failed.ts';

/** Blocks that replaying journals may change, in memory. */
const REPLAY_MIB = 32;

/** Where changed blocks go beyond that, and how many there may be. */
export interface ReplaySpill {
  open(): MaybePromise<Spill>;
  readonly limitMib: number;
  /** What is kept in memory before, and where that counts. Default: 32 MiB, nowhere. */
  readonly memoryMib?: number;
  readonly room?: Room | undefined;
}

export interface ReplayOptions {
  /** Default: 32. */
  readonly replayMib?: number;
  /** Default: a journal that changes more is refused. */
  readonly spill?: ReplaySpill | undefined;
  /** What deriving keys of passphrases may cost, and what is fast at it. */
  readonly derive?: DeriveMeans | undefined;
  /** A file system with more files goes to a larger kernel, if there is one to be had. Default: 200,000. */
  readonly manyFiles?: number;
}

/** Mount a disk that `kernel` has, of which `device` is the content; answers as what. */
export async function mountDisk(
  kernel: Kernel,
  device: BlockDevice,
  disk: Disk,
  plan: MountPlan,
): Promise<Pick<Mounted, 'type' | 'partition' | 'volume'>> {
  const shown = await presentedAsItIs(device);
  const keyring = new Keyring({}, {});
  const image = new Image({ kernel, disks: [{ device, shown, disk }], keyring, last: true });
  const { log, ...mounted } = await image.mountAs(plan);
  await log.close();
  return mounted;
}

/** Disks of one kernel, and what is stacked on them. */
export interface KernelDisks {
  /** Mounts what `request` says, writable where the disks are. Rejects as `mount` does; the disks are as they were then. */
  mount(request: MountRequest, at: string): Promise<Mounted>;
  /** What `mount` would mount: whatever it lies on is opened. */
  locate(partition: PartitionSelector | undefined): Promise<LocatedVolume>;
  /** What mounting wrote reaches the disks, and from now on everything does. */
  settle(): Promise<void>;
  /** Once nothing is mounted and nothing open: lets go of what is stacked on the disks. All is on them then, and flushed. */
  close(): Promise<void>;
  /** Forgets what has not settled. The kernel is gone. */
  discard(): Promise<void>;
}

export interface DisksOptions extends ReplayOptions {
  /** Nothing reaches them. Default: what is mounted is written. */
  readonly readOnly?: boolean;
}

/** Rejects with `read-only-device` when one of them is to be written and cannot be. A detached header is only read. */
export async function disksOf(
  kernel: Kernel,
  device: BlockDevice,
  { also = [], header, unlock = {} }: StackRequest,
  { replayMib = REPLAY_MIB, spill, derive = {}, readOnly = false }: DisksOptions = {},
): Promise<KernelDisks> {
  const stages: Pick<Staged, 'settle' | 'close'>[] = [];
  const replayed = (seen: BlockDevice): Promise<Disk> => {
    const one = changes(seen, { memoryMib: replayMib, spill: spill?.open, limitMib: spill?.limitMib });
    stages.push({ settle: async () => {}, close: () => one.close() });
    return kernel.attachDisk(one);
  };
  const viewToRead = async (of: BlockDevice): Promise<DiskView> => {
    const shown = await presented(of);
    return { device: of, shown, disk: await replayed(shown.device) };
  };
  const viewToWrite = async (of: BlockDevice): Promise<DiskView> => {
    if (!of.write) throw new HostError('read-only-device');
    const stage = staged(of, { memoryMib: replayMib, spill: spill?.open, limitMib: spill?.limitMib });
    stages.push(stage);
    const shown = await presented(stage);
    return { device: stage, shown, disk: await kernel.attachDisk(shown.writable) };
  };
  const view = readOnly ? viewToRead : viewToWrite;
  const disks: [DiskView, ...DiskView[]] = [await view(device)];
  for (const other of also) disks.push(await view(other));
  const image = new Image({
    kernel,
    disks,
    header: header && (await viewToRead(header)),
    keyring: new Keyring(unlock, derive),
    attach: (seen) => (readOnly ? replayed(seen) : kernel.attachDisk(seen)),
    writable: !readOnly,
    last: true,
  });
  return {
    mount: (request, at) =>
      image.mountAs({ ...request, at, readOnly }).catch((cause: unknown) => {
        throw cause instanceof DeviceFullError ? journalTooLarge(spill?.limitMib ?? replayMib, cause) : cause;
      }),
    locate: (partition) => image.locate(partition),
    async settle() {
      for (const stage of stages) await stage.settle();
    },
    async close() {
      await image.closeStack();
      if (image.lastError !== undefined) throw image.lastError;
      for (const { device: disk } of readOnly ? [] : disks) await disk.flush?.();
    },
    async discard() {
      for (const stage of stages) await stage.close();
    },
  };
}

/** One beside another that the caller has, if he says so. */
type NewKernel = (beside?: Kernel) => Promise<Kernel>;

/** `kernels` from small to large: in which the drivers find too little memory, the next one takes the image. */
export function imageMounter(
  kernels: readonly [NewKernel, ...NewKernel[]],
  { replayMib = REPLAY_MIB, spill, derive = {}, manyFiles = MANY_FILES }: ReplayOptions = {},
): ImageMounter {
  /** Runs `action` with a kernel that has the image as a disk; when that fails, the kernel goes. */
  async function withImage<T>(
    device: BlockDevice,
    { also = [], header, unlock = {}, beside }: StackRequest & Pick<MountRequest, 'beside'>,
    action: (image: Image, end: () => Promise<void>) => Promise<T>,
    [newKernel, ...larger] = kernels,
    keyring = new Keyring(unlock, derive),
  ): Promise<T> {
    const shown = await presented(device);
    const kernel = await newKernel(beside);
    const [next, ...others] = larger;
    const written: Changes[] = [];
    const end = async () => {
      kernel.kill();
      for (const one of written.splice(0)) await one.close();
    };
    try {
      const attach = (seen: BlockDevice) => {
        const one = changes(seen, {
          memoryMib: spill?.memoryMib ?? replayMib,
          spill: spill?.open,
          limitMib: spill?.limitMib,
          room: spill?.room,
        });
        written.push(one);
        return kernel.attachDisk(one);
      };
      const view = async (of: BlockDevice, seen: Presented): Promise<DiskView> => ({
        device: of,
        shown: seen,
        disk: await attach(seen.device),
      });
      const disks: [DiskView, ...DiskView[]] = [await view(device, shown)];
      for (const other of also) disks.push(await view(other, await presented(other)));
      const own = header && (await view(header, await presented(header)));
      return await action(new Image({ kernel, disks, header: own, keyring, attach, last: next === undefined }), end);
    } catch (cause) {
      await end();
      if (next && isOutOfMemory(cause))
        return withImage(device, { also, header, unlock, beside }, action, [next, ...others], keyring);
      throw cause instanceof DeviceFullError ? journalTooLarge(spill?.limitMib ?? replayMib, cause) : cause;
    }
  }

  return {
    async mount(device, request) {
      let hasMany = false;
      const mountIn = (mayBeCramped: boolean) =>
        withImage(partOf(device, request), request, async (image, end) => {
          const mounted = await image.mountAs({ ...request, at: MOUNT_POINT, readOnly: true });
          // Once: of the kernels after the next one each is larger than that needs.
          if (!hasMany && !image.isLast && !mayBeCramped && (await filesOf(image.task)) > manyFiles) {
            hasMany = true;
            throw new KernelError('statfs64', errnos.ENOMEM.number);
          }
          return { task: image.task, newTask: () => image.newTask(), mountPoint: MOUNT_POINT, ...mounted, close: end };
        });
      try {
        return await mountIn(request.beside !== undefined);
      } catch (cause) {
        // It can be read in little memory, too.
        if (!(hasMany && cause instanceof HostError && cause.kind === 'kernel-busy')) throw cause;
        return mountIn(true);
      }
    },
    inspect(device, request = {}) {
      return withImage(device, request, async (image, end) => {
        try {
          return await reportOf(image, bytesOf(device));
        } finally {
          await end();
        }
      });
    },
  };
}

/**
 * Beyond so many a directory may be larger than a small kernel's page cache: looked up in the order of their names, which is not
 * that of the directory, each would be read from the disk once more. So the image goes to a larger kernel.
 */
const MANY_FILES = 200_000;

/** Where a file system counts its files; 0 where it does not, or cannot: FAT reads all of its table for it, which may be damaged. */
async function filesOf(task: UserTask): Promise<number> {
  try {
    const { files, ffree } = await statfs64(task, MOUNT_POINT);
    return Number(files - ffree);
  } catch (cause) {
    if (cause instanceof KernelError && cause.errno !== 'ENOMEM') return 0;
    throw cause;
  }
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

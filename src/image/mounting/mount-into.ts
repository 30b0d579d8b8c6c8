/** Mounts on a kernel that somebody else plays with: its disks are there already, what is stacked on them is opened there. */

import { TaskExited } from '../../kernel/errors.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import type { Disk, Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { type DiskView, Image, type Mounted, type MountPlan, StackNeeded } from '../image.ts';
import { presentedAsItIs } from '../presented.ts';
import type { DeriveMeans } from '../stack/derive.ts';
import { Keyring, type Unlock } from '../stack/keyring.ts';

/** A disk of the kernel, of which `device` is the content. */
export interface AttachedImage {
  readonly device: BlockDevice;
  readonly disk: Disk;
}

/** What else belongs to the disk, and what opens it. */
export interface Companions {
  readonly also?: readonly AttachedImage[];
  readonly header?: AttachedImage | undefined;
  readonly unlock?: Unlock | undefined;
  readonly derive?: DeriveMeans | undefined;
}

export interface MountedInto extends Pick<Mounted, 'type' | 'partition' | 'volume'> {
  /** Secrets were tried or used: the kernel's memory has keys, or may have. */
  readonly holdsKeys: boolean;
  /** What is stacked on the disks, by the names that people know ("/dev/vg/root") and those of the kernel ("dm-0"). */
  readonly stacked: readonly { readonly title: string; readonly name: string }[];
}

/**
 * Mounts what `plan` says. What is stacked on the disks is opened only when it is meant, and then all of it. Whoever
 * opens it is a task of its own, gone afterwards: pid 1 keeps nothing open.
 */
export async function mountInto(
  kernel: Kernel,
  own: AttachedImage,
  plan: MountPlan,
  { also = [], header, unlock = {}, derive = {} }: Companions,
): Promise<MountedInto> {
  const disks: [DiskView, ...DiskView[]] = [await viewOf(own)];
  for (const one of also) disks.push(await viewOf(one));
  const parts = {
    kernel,
    disks,
    header: header && (await viewOf(header)),
    keyring: new Keyring(unlock, derive),
    last: true,
  };
  try {
    return { ...(await mounted(new Image(parts), plan)), holdsKeys: false, stacked: [] };
  } catch (cause) {
    if (!(cause instanceof StackNeeded)) throw cause;
  }
  const task = await kernel.spawn(kernel.init);
  try {
    const image = new Image({ ...parts, task, stacks: true });
    const done = await mounted(image, plan);
    return { ...done, holdsKeys: !parts.keyring.isEmpty, stacked: await image.openedVolumes() };
  } finally {
    if (!kernel.dead) await leave(kernel, task);
  }
}

const viewOf = async ({ device, disk }: AttachedImage): Promise<DiskView> => ({
  device,
  disk,
  shown: await presentedAsItIs(device),
});

async function mounted(image: Image, plan: MountPlan): Promise<Pick<Mounted, 'type' | 'partition' | 'volume'>> {
  const { log, type, partition, volume } = await image.mountAs(plan);
  await log.close();
  return { type, partition, volume };
}

/** The task ends, and with it all that it has open; nobody else waits for it. */
async function leave({ init }: Kernel, task: HostedTask): Promise<void> {
  try {
    await task.syscall('exit', 0);
  } catch (cause) {
    if (!(cause instanceof TaskExited)) throw cause;
  }
  must('wait4', await init.syscall('wait4', task.pid, 0, 0, 0));
}

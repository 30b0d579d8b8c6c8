/** An image mounted for writing: what Linux writes goes to its device, with Linux's own guarantees. */

import { CLONE_FILES, CLONE_VM } from '../../abi/uapi/sched.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { chdir } from '../../kernel/syscalls/dir.ts';
import { umount2 } from '../../kernel/syscalls/mount.ts';
import type { PlayedTask } from '../../kernel/user-task.ts';
import type { BlockDevice } from '../../storage/block-device.ts';
import { partOf } from '../image.ts';
import type { MountRequest } from '../mounted-image.ts';
import { disksOf, type KernelDisks, type ReplayOptions } from './mounter.ts';

export interface WritableImage {
  /** Attached. */
  readonly task: PlayedTask;
  /** One more, with the memory and the open files of the first. Attached, too. */
  newTask(): Promise<PlayedTask>;
  readonly mountPoint: string;
  readonly type: string;
  readonly partition: number | undefined;
  readonly volume: string;
  /** Until it is called nothing of the mount is on the device, where `settles` was false: whoever cannot use it leaves no trace. */
  settle(): Promise<void>;
  /**
   * Unmounts: all that was written is on the device and flushed, the journal is empty, and the kernel is gone. Rejects
   * when any of it failed; the device then is as a crash would leave it.
   */
  commit(): Promise<void>;
  /** The end of the kernel's log. */
  log(): string;
  /** Lets go of the kernel at once, as when power fails: what was not flushed may be lost, a journal may have to be replayed. */
  abandon(): void;
}

export interface OpenWritableOptions {
  /** False: the device changes only once `settle` is called. Default: as soon as the mount stands. */
  readonly settles?: boolean;
}

const MOUNT_POINT = '/mnt';

/** Rejects with `read-only-device` when a device cannot be written, and as `mount` does; then nothing has changed on any. */
export async function openWritable(
  newKernel: () => Promise<Kernel>,
  device: BlockDevice,
  { offsetBytes, sizeBytes, ...request }: MountRequest,
  options: ReplayOptions & Pick<OpenWritableOptions, 'settles'> = {},
): Promise<WritableImage> {
  const part = partOf(device, { offsetBytes, sizeBytes });
  if (!part.write) throw new HostError('read-only-device');
  const kernel = await newKernel();
  let disks: KernelDisks | undefined;
  try {
    disks = await disksOf(kernel, part, request, options);
    const all = disks;
    const { log, ...mounted } = await disks.mount(request, MOUNT_POINT);
    await log.close();
    if (options.settles !== false) await disks.settle();
    const tasks = [kernel.init];
    return {
      task: kernel.init,
      async newTask() {
        const task = await kernel.spawn(kernel.init, CLONE_VM | CLONE_FILES);
        tasks.push(task);
        return task;
      },
      mountPoint: MOUNT_POINT,
      type: mounted.type,
      partition: mounted.partition,
      volume: mounted.volume,
      settle: () => all.settle(),
      async commit() {
        try {
          await all.settle();
          // Nothing may be open on it, and nobody may be in it. All tasks have the same open files.
          for (const task of tasks) await task.play(async () => must('chdir', await chdir(task, '/'), '/'));
          kernel.init.attach();
          await kernel.init.syscall('close_range', 0, 0xffff_ffff, 0);
          must('umount2', await umount2(kernel.init, MOUNT_POINT), MOUNT_POINT);
          await all.close();
        } finally {
          kernel.kill();
        }
      },
      log: () => kernel.console,
      abandon() {
        kernel.kill();
        void all.discard();
      },
    };
  } catch (cause) {
    kernel.kill();
    await disks?.discard();
    throw cause;
  }
}

/** Asks Linux's virtio-mmio driver to take a slot, or to let go of it (Documentation/ABI/testing/sysfs-bus-platform). */

import { AT_FDCWD, O_WRONLY } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { close, openat, write } from '../syscalls/file.ts';
import type { UserTask } from '../user-task.ts';

const DRIVER = '/sys/bus/platform/drivers/virtio-mmio';

/** The device in the slot is there for Linux when this settles. */
export const bindSlot = (task: UserTask, slot: number): Promise<void> => tell(task, 'bind', slot);

/** Linux has forgotten the device when this settles. */
export const unbindSlot = (task: UserTask, slot: number): Promise<void> => tell(task, 'unbind', slot);

/** Where sysfs has the device of a slot. */
export const slotPath = (slot: number): string => `/sys/bus/platform/devices/virtio-mmio.${slot}`;

async function tell(task: UserTask, what: 'bind' | 'unbind', slot: number): Promise<void> {
  const path = `${DRIVER}/${what}`;
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_WRONLY), path);
  try {
    const name = new TextEncoder().encode(`virtio-mmio.${slot}`);
    task.memory.write(task.scratch, name);
    const ret = await write(task, fd, { at: task.scratch, bytes: name.length }, name.length);
    must('write', ret, `${path} virtio-mmio.${slot}`);
  } finally {
    await close(task, fd);
  }
}

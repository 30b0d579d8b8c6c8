/** Partitions of devices that Linux looks for none on, those of the device mapper: its parsers see them through a loop device. */

import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from '../../abi/uapi/fs.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { must } from '../../kernel/kernel-error.ts';
import { close, openat } from '../../kernel/syscalls/file.ts';
import { Scratch } from '../../kernel/syscalls/scratch.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { partitionsOf, type Volume } from '../volumes/volumes.ts';

// linux/loop.h
const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CLR_FD = 0x4c01;
/** struct loop_config: fd, block_size, struct loop_info64 (whose lo_flags is at 52), reserved. */
const LOOP_CONFIG_BYTES = 304;
const LO_FLAGS_AT = 8 + 52;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_PARTSCAN = 8;

/** What Linux's parsers find on /dev/`name`; names are of devices that are gone again. */
export async function partitionsIn(
  kernel: Kernel,
  task: UserTask,
  name: string,
  whole: Volume,
): Promise<readonly Volume[]> {
  const open = async (path: string) => must('openat', await openat(task, AT_FDCWD, path, O_RDONLY | O_CLOEXEC), path);
  const control = await open('/dev/loop-control');
  const number = must('ioctl', await task.syscall('ioctl', control, LOOP_CTL_GET_FREE));
  await close(task, control);
  const loop = `loop${number}`;
  await kernel.makeBlockNodes(loop);
  const [back, fd] = [await open(`/dev/${name}`), await open(`/dev/${loop}`)];
  try {
    const at = new Scratch(task, 'ioctl').room(LOOP_CONFIG_BYTES);
    const view = task.memory.view(at, LOOP_CONFIG_BYTES).fill(0);
    const data = new DataView(view.buffer, view.byteOffset, LOOP_CONFIG_BYTES);
    data.setUint32(0, back, true);
    data.setUint32(LO_FLAGS_AT, LO_FLAGS_READ_ONLY | LO_FLAGS_PARTSCAN, true);
    must('ioctl', await task.syscall('ioctl', fd, LOOP_CONFIGURE, at), `/dev/${loop}`);
    const found = await partitionsOf(task, loop, whole);
    await task.syscall('ioctl', fd, LOOP_CLR_FD);
    return found;
  } finally {
    await close(task, fd);
    await close(task, back);
  }
}

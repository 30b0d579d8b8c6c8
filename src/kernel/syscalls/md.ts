/** Arrays of md, assembled as mdadm(8) does it: by ioctls on /dev/md* (linux/raid/md_u.h). */

import { AT_FDCWD, O_CLOEXEC, O_RDWR } from '../../abi/uapi/fs.ts';
import { must } from '../kernel-error.ts';
import { writeText } from '../sysfs.ts';
import type { UserTask } from '../user-task.ts';
import { close, openat } from './file.ts';
import { Scratch } from './scratch.ts';

/** _IOW(MD_MAJOR, …) with mdu_array_info_t (18 ints), mdu_disk_info_t (5), mdu_param_t (3). */
const SET_ARRAY_INFO = 0x4048_0923;
const ADD_NEW_DISK = 0x4014_0921;
const RUN_ARRAY = 0x400c_0930;
/** _IO(MD_MAJOR, 0x32) */
const STOP_ARRAY = 0x0932;
const ARRAY_INFO_BYTES = 72;
const DISK_INFO_BYTES = 20;

export interface Member {
  readonly major: number;
  readonly minor: number;
}

/** The array's own version of metadata: 0.90, 1.0, 1.1, 1.2. */
export interface MdVersion {
  readonly major: number;
  readonly minor: number;
}

/** Settings of the module: an array that is started is not written to until somebody writes. */
export async function startReadOnly(task: UserTask): Promise<void> {
  await writeText(task, '/sys/module/md_mod/parameters/start_ro', '1');
}

/** An array that lacks what it needs to know that its parity is right is started all the same. */
export const startDirtyDegraded = (task: UserTask): Promise<void> =>
  writeText(task, '/sys/module/md_mod/parameters/start_dirty_degraded', '1');

/** The array `name` (md127), with nothing in it. */
export const newArray = (task: UserTask, name: string): Promise<void> =>
  writeText(task, '/sys/module/md_mod/parameters/new_array', name);

/**
 * Starts the array behind `path` of these members, which Linux reads the rest of: the most recent one first. Members that
 * Linux does not take are left out; it does not start with too few.
 */
export async function runArray(
  task: UserTask,
  path: string,
  version: MdVersion,
  members: readonly Member[],
): Promise<{ readonly refused: readonly Member[] }> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDWR | O_CLOEXEC), path);
  const ask = async (call: number, bytes: number, numbers: readonly number[]) => {
    const at = new Scratch(task, 'ioctl').room(bytes);
    const view = task.memory.view(at, bytes).fill(0);
    const data = new DataView(view.buffer, view.byteOffset, bytes);
    for (const [i, number] of numbers.entries()) data.setInt32(4 * i, number, true);
    return task.syscall('ioctl', fd, call, at);
  };
  try {
    must('ioctl', await ask(SET_ARRAY_INFO, ARRAY_INFO_BYTES, [version.major, version.minor]), path);
    const refused: Member[] = [];
    for (const member of members) {
      const ret = await ask(ADD_NEW_DISK, DISK_INFO_BYTES, [0, member.major, member.minor]);
      if (ret < 0) refused.push(member);
    }
    must('ioctl', await ask(RUN_ARRAY, 12, []), path);
    return { refused };
  } finally {
    await close(task, fd);
  }
}

/** Stops the array behind `path`, which nobody may have open: its members say then that all of it is in order. */
export async function stopArray(task: UserTask, path: string): Promise<void> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDWR | O_CLOEXEC), path);
  try {
    must('ioctl', await task.syscall('ioctl', fd, STOP_ARRAY, 0), path);
  } finally {
    await close(task, fd);
  }
}

/** As `mkdir -p`. */

import { errnos } from '../abi/errno.ts';
import { AT_FDCWD } from '../abi/uapi/fs.ts';
import { must } from '../kernel/kernel-error.ts';
import { mkdirat } from '../kernel/syscalls/dir.ts';
import type { UserTask } from '../kernel/user-task.ts';

const SLASH = 0x2f;

/** Make what is not there of the absolute `path`, with what the umask leaves of 0777. */
export async function makeDirectories(task: UserTask, path: Uint8Array): Promise<void> {
  for (let end = path.indexOf(SLASH, 1); ; end = path.indexOf(SLASH, end + 1)) {
    const parent = end < 0 ? path : path.subarray(0, end);
    const made = await mkdirat(task, AT_FDCWD, parent, 0o777);
    if (made !== -errnos.EEXIST.number) must('mkdirat', made, parent);
    if (end < 0) return;
  }
}

/** System calls on mounts: mount(2), umount2(2), statfs(2). */

import { Struct, u32, u64AsNumber } from '../../abi/struct.ts';
import { must } from '../kernel-error.ts';
import type { UserTask } from '../user-task.ts';
import { type Name, Scratch } from './scratch.ts';

/** mount(2); `options` is the comma-separated list a file system parses itself. */
export function mount(
  task: UserTask,
  source: Name,
  target: Name,
  type: Name,
  flags: number,
  options: Name = '',
): Promise<number> {
  const scratch = new Scratch(task, 'mount');
  return task.syscall(
    'mount',
    scratch.string(source),
    scratch.string(target),
    scratch.string(type),
    flags,
    scratch.string(options),
  );
}

export const umount2 = (task: UserTask, target: Name, flags = 0): Promise<number> =>
  task.syscall('umount2', new Scratch(task, 'umount2').string(target), flags);

/** struct statfs64 (asm-generic/statfs.h) of a 32-bit kernel; wasm32 aligns its __u64 to 8 bytes, so it has 88 bytes. */
const statfs64Struct = Struct({
  type: u32,
  bsize: u32,
  blocks: u64AsNumber,
  bfree: u64AsNumber,
  bavail: u64AsNumber,
  files: u64AsNumber,
  ffree: u64AsNumber,
  fsid: Struct({ val0: u32, val1: u32 }),
  namelen: u32,
  frsize: u32,
  flags: u32,
  spare: Struct({ spare0: u32, spare1: u32, spare2: u32, spare3: u32 }),
});

/** What statfs(2) says of a mounted file system, under the names of its struct without "f_". */
export type Statfs = Omit<ReturnType<typeof statfs64Struct.read>, 'spare'>;

/** statfs(2) of the file system that `path` is on. */
export async function statfs64(task: UserTask, path: Name): Promise<Statfs> {
  const scratch = new Scratch(task, 'statfs64');
  const at = scratch.room(statfs64Struct.size);
  must('statfs64', await task.syscall('statfs64', scratch.string(path), statfs64Struct.size, at), path);
  return statfs64Struct.read(task.memory.data, at);
}

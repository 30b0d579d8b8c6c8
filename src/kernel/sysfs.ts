/** Reads the small files and directories of /proc and /sys. */

import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../abi/uapi/fs.ts';
import { must } from './kernel-error.ts';
import { readdir } from './syscalls/dir.ts';
import { close, openat, read } from './syscalls/file.ts';
import type { UserBuffer } from './syscalls/scratch.ts';
import type { UserTask } from './user-task.ts';

/** The upper half of scratch memory, which calls that only take a path leave alone. */
const window = (task: UserTask): UserBuffer => ({
  at: (task.scratch + task.scratchBytes / 2) as UserBuffer['at'],
  bytes: task.scratchBytes / 2,
});

/** A whole text file, without its last newline. */
export async function readText(task: UserTask, path: string): Promise<string> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDONLY), path);
  try {
    const buffer = window(task);
    let text = '';
    for (;;) {
      const bytes = must('read', await read(task, fd, buffer), path);
      if (bytes === 0) return text.trimEnd();
      text += new TextDecoder().decode(task.memory.copy(buffer.at, bytes));
    }
  } finally {
    await close(task, fd);
  }
}

/** The names in a directory, sorted, without `.` and `..`. */
export async function readNames(task: UserTask, path: string): Promise<string[]> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_RDONLY | O_DIRECTORY), path);
  try {
    const names: string[] = [];
    for await (const entries of readdir(task, fd, window(task))) {
      names.push(...entries.map(({ name }) => new TextDecoder().decode(name)));
    }
    return names.filter((name) => name !== '.' && name !== '..').sort();
  } finally {
    await close(task, fd);
  }
}

/** The small files and directories of /proc and /sys. */

import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, O_WRONLY } from '../abi/uapi/fs.ts';
import { must } from './kernel-error.ts';
import { readdir } from './syscalls/dir.ts';
import { close, openat, read, write } from './syscalls/file.ts';
import { Scratch, type UserBuffer } from './syscalls/scratch.ts';
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

/** What the kernel is to take from a file of its settings. */
export async function writeText(task: UserTask, path: string, text: string): Promise<void> {
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_WRONLY | O_CLOEXEC), path);
  try {
    const at = new Scratch(task, 'write').string(text);
    must('write', await write(task, fd, { at, bytes: text.length }, text.length), path);
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

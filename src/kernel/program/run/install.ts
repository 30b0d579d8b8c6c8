/** Files by which programs of the host are executed. */

import { errnos } from '../../../abi/errno.ts';
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY } from '../../../abi/uapi/fs.ts';
import { must } from '../../kernel-error.ts';
import { mkdirat } from '../../syscalls/dir.ts';
import { close, openat, write } from '../../syscalls/file.ts';
import type { UserTask } from '../../user-task.ts';

const EEXIST = -errnos.EEXIST.number;

/** Make `directory`, and in it a file for each name; those that exist are written anew. */
export async function installPrograms(task: UserTask, directory: string, names: Iterable<string>): Promise<void> {
  await makeDirectories(task, directory);
  for (const name of names) await installProgram(task, `${directory}/${name}`, name);
}

/** A file at `path` that is executed as the program which the host calls `name`. */
export async function installProgram(task: UserTask, path: string, name: string): Promise<void> {
  if (name === '' || /[\n\0]/.test(name)) throw new RangeError('a program has a name of one line');
  const text = new TextEncoder().encode(`#lkl ${name}\n`);
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o755), path);
  try {
    task.memory.write(task.scratch, text);
    must('write', await write(task, fd, { at: task.scratch, bytes: text.length }, text.length), path);
  } finally {
    await close(task, fd);
  }
}

async function makeDirectories(task: UserTask, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '');
  for (let i = 1; i <= parts.length; i++) {
    const directory = `/${parts.slice(0, i).join('/')}`;
    const made = await mkdirat(task, AT_FDCWD, directory, 0o755);
    if (made !== EEXIST) must('mkdirat', made, directory);
  }
}

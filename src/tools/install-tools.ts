/** Puts the tools into a kernel: programs in /bin, and the files that they look for. */

import { errnos } from '../abi/errno.ts';
import { AT_FDCWD, O_CREAT, O_PATH, O_TRUNC, O_WRONLY } from '../abi/uapi/fs.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { must } from '../kernel/kernel-error.ts';
import { installProgram } from '../kernel/program/run/install.ts';
import { symlinkat } from '../kernel/syscalls/dir.ts';
import { close, openat, write } from '../kernel/syscalls/file.ts';
import { mount } from '../kernel/syscalls/mount.ts';
import type { UserTask } from '../kernel/user-task.ts';
import { makeDirectories } from '../tree/make-directories.ts';
import type { Toolbox } from './toolbox.ts';

/** Where a program is looked for, and who runs it: root, in a plain terminal, in English. */
export const ENVIRONMENT: readonly string[] = [
  'PATH=/bin',
  'HOME=/root',
  'USER=root',
  'TERM=dumb',
  'LC_ALL=C',
  'SHELL=/bin/sh',
];

/** Who the numbers of owners are. */
const FILES = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  '/etc/group': 'root:x:0:\n',
} as const;

const LOOPBACK = '127.0.0.1\tlocalhost\n::1\tlocalhost\n';

const DIRECTORIES = ['/bin', '/etc', '/root', '/run'];

/** Pseudo terminals, for programs that make some. */
async function mountTerminals(task: UserTask): Promise<void> {
  const there = await openat(task, AT_FDCWD, '/dev/pts/ptmx', O_PATH);
  if (there >= 0) await close(task, there);
  else {
    await makeDirectories(task, new TextEncoder().encode('/dev/pts'));
    must('mount', await mount(task, 'devpts', '/dev/pts', 'devpts', 0, 'mode=620,ptmxmode=666'), '/dev/pts');
  }
  const made = await symlinkat(task, 'pts/ptmx', AT_FDCWD, '/dev/ptmx');
  if (made !== -errnos.EEXIST.number) must('symlinkat', made, '/dev/ptmx');
}

/** Afterwards programs can be executed. `hosts`: lines of /etc/hosts, behind those of the loopback. */
export async function installTools(
  { init, programs }: Pick<Kernel, 'programs'> & { readonly init: UserTask },
  toolbox: Toolbox,
  hosts = '',
): Promise<void> {
  programs.provide((name) => toolbox.module(name));
  for (const path of DIRECTORIES) await makeDirectories(init, new TextEncoder().encode(path));
  await mountTerminals(init);
  for (const [path, text] of Object.entries(FILES)) await writeText(init, path, text);
  await writeText(init, '/etc/hosts', LOOPBACK + hosts);
  for (const { name, links } of toolbox.tools) {
    for (const called of [name, ...links]) await installProgram(init, `/bin/${called}`, name);
  }
}

async function writeText(task: UserTask, path: string, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  const fd = must('openat', await openat(task, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0o644), path);
  try {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + task.scratchBytes);
      task.memory.write(task.scratch, piece);
      at += must('write', await write(task, fd, { at: task.scratch, bytes: piece.length }, piece.length), path);
    }
  } finally {
    await close(task, fd);
  }
}
